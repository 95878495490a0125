"""One request ready to be sent, and how to read its reply. Plain values; knows no socket."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Generic, TypeVar
from urllib.parse import quote

import msgspec
from msgspec import UnsetType

from sidecar.errors import ContractBroken

AnswerT = TypeVar("AnswerT")

Sendable = str | int | float | bool | datetime | Sequence[str] | Sequence[Mapping[str, object]] | UnsetType | None
"""What a field of a request body may hold."""


@dataclass(frozen=True, slots=True)
class Call(Generic[AnswerT]):
    """A request to one of Immich's operations.

    Shape:  path is below the API's root and quoted; is_repeatable says that sending it twice changes nothing;
            answers_json is False for operations that may answer with nothing.
    """

    operation: str
    method: str
    path: str
    decode: Callable[[bytes | bytearray], AnswerT]
    query: tuple[tuple[str, str], ...] = ()
    body: bytes | None = None
    is_repeatable: bool = False
    answers_json: bool = True


def read_nothing(body: bytes | bytearray) -> None:
    """None, whatever the body: for operations whose success is all that they say."""
    del body


def path_segment(value: str) -> str:
    """The value quoted so that it is exactly one segment of a path.

    Errors: ContractBroken for values which a URL would swallow: nothing, "." and "..".
    """
    if value in {"", ".", ".."}:
        raise ContractBroken(f"{value!r} is no id that Immich could know.")
    return quote(value, safe="")


def json_body(fields: Mapping[str, Sendable]) -> bytes:
    """The fields that are set, as a JSON object."""
    return msgspec.json.encode({name: value for name, value in fields.items() if value is not msgspec.UNSET})


def query_pairs(fields: Mapping[str, str | bool | UnsetType]) -> tuple[tuple[str, str], ...]:
    """The fields that are set, as query parameters; a boolean is `true` or `false`."""
    return tuple(
        (name, str(value).lower() if isinstance(value, bool) else value)
        for name, value in fields.items()
        if not isinstance(value, UnsetType)
    )
