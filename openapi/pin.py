"""A pin: the facts of one Immich version's description that concern our operations. Reads and writes pins/*.json."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import msgspec

from sidecar.immich_client.contract.description import (
    REFERENCE,
    DescriptionError,
    Operation,
    Schema,
    resolve,
    version_numbers,
)

PINS = Path(__file__).with_name("pins")


class Pin(msgspec.Struct, frozen=True):
    """One version's facts; sha256 is that of the full description it was cut from."""

    immich: str
    origin: str
    sha256: str
    operations: dict[str, Operation]
    schemas: dict[str, dict[str, Any]]

    def resolve(self, schema: Schema) -> Schema:
        """The schema itself instead of a reference to it, keeping a `nullable` that stands beside the reference."""
        return resolve(schema, self.schemas)

    def published(self) -> dict[str, Any]:
        """What the version would publish if it had no other operations: an OpenAPI description with nothing but facts.

        Shape:  `trim` makes the same pin of it, but for origin and hash.
        """
        paths: dict[str, dict[str, Any]] = {}
        for name, operation in self.operations.items():
            paths.setdefault(operation.path, {})[operation.method.lower()] = _published(name, operation)
        return {
            "openapi": "3.0.0",
            "info": {"title": "Immich", "version": self.immich},
            "paths": paths,
            "components": {"schemas": _outward(self.schemas)},
        }


def _published(name: str, operation: Operation) -> dict[str, Any]:
    facts = msgspec.to_builtins(operation)
    published = {
        "operationId": name,
        "parameters": facts.get("parameters", []),
        "responses": {
            status: {} if answer is None else _content(answer) for status, answer in facts["answers"].items()
        },
        "x-immich-permission": operation.permission,
        "x-immich-admin-only": operation.admin_only,
    }
    if operation.body is not None:
        published["requestBody"] = {**_content(facts["body"]), "required": operation.body.required}
    if operation.since is not None:
        published["since"] = operation.since
    outward: dict[str, Any] = _outward(published)
    return outward


def _content(body: dict[str, Any]) -> dict[str, Any]:
    return {"content": {body["content"]: {"schema": body["schema"]} if "schema" in body else {}}}


def _outward(value: Any) -> Any:
    """Facts as Immich words them: where its references lead, and since when something is there."""
    if isinstance(value, list):
        return [_outward(inner) for inner in value]
    if not isinstance(value, dict):
        return value
    outward = {key: _outward(inner) for key, inner in value.items()}
    if isinstance(reference := value.get("$ref"), str):
        outward["$ref"] = f"#/components/schemas/{reference.removeprefix(REFERENCE)}"
    if isinstance(since := value.get("since"), str):
        del outward["since"]
        outward["x-immich-history"] = [{"version": since, "state": "Added"}]
    return outward


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


def published_text(pin: Pin) -> str:
    """What the version would publish if it had no other operations, as it would stand in /api/spec.json."""
    return json.dumps(pin.published(), separators=(",", ":"), sort_keys=True, ensure_ascii=False) + "\n"


def pin_text(pin: Pin) -> str:
    """The pin as it is written to its file: sorted, one fact a line, so that a new version is a readable diff."""
    return json.dumps(msgspec.to_builtins(pin), indent=1, sort_keys=True, ensure_ascii=False) + "\n"
