"""The contract: what holds of our operations in every pinned version at once. The shape of contract.json."""

from __future__ import annotations

import json
from functools import cache
from pathlib import Path

import msgspec

_CONTRACT = Path(__file__).parents[1] / "_generated" / "contract.json"

RAW = "raw"
TEXT = "text"


def model_inside(how: str | None) -> str | None:
    """The model that a way of reading names, None if it names none: "Exif" of "Exif", "Asset" of "raw Asset"."""
    model = (how or TEXT).removeprefix(RAW).strip()
    return None if model in {"", TEXT} else model


class Shape(msgspec.Struct, frozen=True, omit_defaults=True):
    """What values may be.

    Shape:  kinds are JSON types, or "date-time" for a string that every pin calls one; values are an enum's words in
            any pin, known and not final; items is set for "array".
    """

    kinds: tuple[str, ...]
    nullable: bool = False
    values: tuple[str, ...] = ()
    items: Shape | None = None


class Field(msgspec.Struct, frozen=True, omit_defaults=True):
    """One field of a model or a request.

    Shape:  since and until are the first and last pin that has it, until only if newer pins lack it; reads is as in
            operations.toml; minimum and maximum are the narrowest of all pins; words are those of an enum that we send,
            or go by in a reply. Of what we send: fields are those inside it, or inside each of a list; at_least is how
            many a list holds; null_since is the first pin that takes null, where not all do; limits is every other
            demand that some pin makes ("pattern", "format"), as it words it.
    """

    shape: Shape
    since: str
    until: str | None = None
    required: bool = False
    reads: str | None = None
    minimum: float | None = None
    maximum: float | None = None
    words: tuple[str, ...] = ()
    fields: dict[str, Field] = {}
    at_least: int = 0
    null_since: str | None = None
    limits: dict[str, tuple[str | float | bool, ...]] = {}


class Call(msgspec.Struct, frozen=True, omit_defaults=True):
    """One operation to call.

    Shape:  path holds its parameters in braces; permissions are all that some pin asks for; answer is the model of the
            reply, None if we read none; answers_list says that the reply is a list of it. fingerprints are those of the
            operation's description in each pin (see description.py).
    """

    method: str
    path: str
    since: str
    answer: str | None = None
    until: str | None = None
    answers_list: bool = False
    repeatable: bool = False
    admin_only: bool = False
    permissions: tuple[str, ...] = ()
    query: dict[str, Field] = {}
    body: dict[str, Field] = {}
    fingerprints: tuple[str, ...] = ()


class Contract(msgspec.Struct, frozen=True):
    """All calls and models; models list their fields in the order in which Immich writes them."""

    pins: tuple[str, ...]
    calls: dict[str, Call]
    models: dict[str, dict[str, Field]]


def contract_text(contract: Contract) -> str:
    """The contract as contract.json holds it."""
    return json.dumps(msgspec.to_builtins(contract), indent=1, ensure_ascii=False) + "\n"


@cache
def load_contract() -> Contract:
    """The contract that this version of the sidecar was made for."""
    return msgspec.json.decode(_CONTRACT.read_bytes(), type=Contract)
