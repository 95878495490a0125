"""A pin: the facts of one Immich version's description that concern our operations. Reads and writes pins/*.json."""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import msgspec

from openapi.selection import DescriptionError

PINS = Path(__file__).with_name("pins")

Schema = Mapping[str, Any]
"""A JSON schema in OpenAPI 3.0's dialect (`nullable`), with references of the form "#/schemas/Name"."""

REFERENCE = "#/schemas/"


class Parameter(msgspec.Struct, frozen=True, omit_defaults=True, rename={"place": "in"}):
    """A path or query parameter."""

    name: str
    place: str
    schema: dict[str, Any]
    required: bool = False


class Body(msgspec.Struct, frozen=True, omit_defaults=True):
    """A request or reply body; schema is None where the description gives none."""

    content: str
    schema: dict[str, Any] | None = None
    required: bool = False


class Operation(msgspec.Struct, frozen=True, omit_defaults=True):
    """One operation; `since` is Immich's own word, answers are keyed by status ("204" has None)."""

    method: str
    path: str
    answers: dict[str, Body | None]
    parameters: list[Parameter] = []
    body: Body | None = None
    permission: str | None = None
    admin_only: bool = False
    since: str | None = None

    @property
    def success(self) -> Body | None:
        """The body of the lowest 2xx answer, None if it has none."""
        return self.answers[min(status for status in self.answers if status.startswith("2"))]


class Pin(msgspec.Struct, frozen=True):
    """One version's facts; sha256 is that of the full description it was cut from."""

    immich: str
    origin: str
    sha256: str
    operations: dict[str, Operation]
    schemas: dict[str, dict[str, Any]]

    def resolve(self, schema: Schema) -> Schema:
        """The schema itself instead of a reference to it, keeping a `nullable` that stands beside the reference.

        Source: Immich 2.x writes `{"allOf": [{"$ref": …}], "nullable": true}` where 3.x writes the reference alone.
        """
        if "$ref" in schema:
            return self.resolve(self.schemas[schema["$ref"].removeprefix(REFERENCE)])
        parts = schema.get("allOf", ())
        if len(parts) != 1:
            return schema
        inner = self.resolve(parts[0])
        return {**inner, "nullable": True} if schema.get("nullable") else inner


def version_numbers(version: str) -> tuple[int, ...]:
    """(3, 1, 0) of "3.1.0", so that versions sort as their numbers do.

    Errors: DescriptionError if it is not numbers between dots.
    """
    parts = version.split(".")
    if not all(part.isascii() and part.isdigit() for part in parts):
        raise DescriptionError(f"{version!r} is not an Immich version such as 3.1.0.")
    return tuple(int(part) for part in parts)


def read_pin(path: Path) -> Pin:
    """The pin in this file.

    Errors: DescriptionError if the file is not a pin.
    """
    try:
        return msgspec.json.decode(path.read_bytes(), type=Pin)
    except msgspec.DecodeError as error:
        raise DescriptionError(f"{path.name} is not a pin: {error}.") from error


def read_pins(folder: Path = PINS) -> tuple[Pin, ...]:
    """All pins of a folder, oldest version first."""
    return tuple(sorted(map(read_pin, folder.glob("*.json")), key=lambda pin: version_numbers(pin.immich)))


def pin_text(pin: Pin) -> str:
    """The pin as it is written to its file: sorted, one fact a line, so that a new version is a readable diff."""
    return json.dumps(msgspec.to_builtins(pin), indent=1, sort_keys=True, ensure_ascii=False) + "\n"
