"""Descriptions of the newest pinned Immich in which a test changes one thing."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any

from openapi.pin import published_text, read_pins

NEWEST = read_pins()[-1]
Json = dict[str, Any]


def described(change: Callable[[Json], object] = lambda _: None, *, version: str = NEWEST.immich) -> bytes:
    """What a server of this version publishes that changed something since the newest pin."""
    document: Json = json.loads(published_text(NEWEST))
    document["info"]["version"] = version
    change(document)
    return json.dumps(document).encode()


def operation(document: Json, method: str, path: str) -> Json:
    """One operation, to be changed."""
    found: Json = document["paths"][path][method]
    return found


def schema(document: Json, name: str) -> Json:
    """One schema, to be changed."""
    found: Json = document["components"]["schemas"][name]
    return found


def needs_a_kind(document: Json) -> None:
    """Stacks have a kind that has to be said."""
    stack = schema(document, "StackCreateDto")
    stack["properties"]["kind"] = {"type": "string"}
    stack["required"].append("kind")
