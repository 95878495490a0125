"""Cuts a full Immich description down to the facts of the selected operations: no prose, no examples. Pure."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Iterator, Mapping
from types import MappingProxyType
from typing import Any

import msgspec

from openapi.pin import REFERENCE, Body, Operation, Parameter, Pin, Schema, version_numbers
from openapi.selection import DescriptionError

_PUBLISHED_REFERENCE = "#/components/schemas/"

# What remains of a schema besides its nested schemas; all of it can make a request or a reply invalid.
_FACTS = frozenset(
    {
        *("type", "format", "nullable", "required", "enum", "pattern"),
        *("minimum", "maximum", "exclusiveMinimum", "exclusiveMaximum"),
        *("minLength", "maxLength", "minItems", "maxItems", "uniqueItems"),
    }
)
_METHODS = frozenset({"get", "put", "post", "delete", "patch", "head"})


def trim(
    description: bytes, operations: Iterable[str], *, origin: str, since: Mapping[str, str] = MappingProxyType({})
) -> Pin:
    """The pin of a full description: the named operations and every schema they reach.

    Shape:  since is operation -> the first version that is to have it; older ones are pinned without.
    Errors: DescriptionError if the bytes are no OpenAPI description or lack one of the operations.
    Source: open-api/immich-openapi-specs.json of an Immich release, or a server's /api/spec.json.
    """
    full = _parse(description)
    version = str(full["info"]["version"])
    numbers = version_numbers(version)
    published = {
        operation["operationId"]: (method, path, operation)
        for path, item in full["paths"].items()
        for method, operation in item.items()
        if method in _METHODS
    }
    wanted = sorted(name for name in operations if numbers >= version_numbers(since.get(name, version)))
    if missing := [name for name in wanted if name not in published]:
        raise DescriptionError(f"Immich {version} does not describe {', '.join(missing)}.")
    kept = {name: _operation(*published[name]) for name in wanted}
    return Pin(
        immich=version,
        origin=origin,
        sha256=hashlib.sha256(description).hexdigest(),
        operations=kept,
        schemas=_reached(msgspec.to_builtins(kept), full["components"]["schemas"]),
    )


def _parse(description: bytes) -> Any:
    try:
        full = msgspec.json.decode(description)
    except msgspec.DecodeError as error:
        raise DescriptionError(f"The description is not JSON: {error}.") from error
    if not isinstance(full, dict) or not {"info", "paths", "components"} <= full.keys():
        raise DescriptionError("The file is JSON, but not an OpenAPI description.")
    return full


def _operation(method: str, path: str, published: Mapping[str, Any]) -> Operation:
    request = published.get("requestBody")
    return Operation(
        method=method.upper(),
        path=path,
        parameters=[
            Parameter(
                name=parameter["name"],
                place=parameter["in"],
                schema=_schema(parameter["schema"]),
                required=parameter.get("required", False),
            )
            for parameter in published.get("parameters", ())
        ],
        body=_body(request) if request else None,
        answers={status: _body(answer) for status, answer in published["responses"].items()},
        permission=published.get("x-immich-permission"),
        admin_only=published.get("x-immich-admin-only", False),
        since=_since(published),
    )


def _body(published: Mapping[str, Any]) -> Body | None:
    for content, media in published.get("content", {}).items():
        schema = media.get("schema")
        return Body(
            content=content,
            schema=None if schema is None else _schema(schema),
            required=published.get("required", False),
        )
    return None


def _schema(published: Schema) -> dict[str, Any]:
    kept = {fact: value for fact, value in published.items() if fact in _FACTS}
    if "$ref" in published:
        kept["$ref"] = REFERENCE + published["$ref"].removeprefix(_PUBLISHED_REFERENCE)
    if "properties" in published:
        kept["properties"] = {name: _schema(value) for name, value in published["properties"].items()}
    if "items" in published:
        kept["items"] = _schema(published["items"])
    for several in ("allOf", "anyOf", "oneOf"):
        if several in published:
            kept[several] = [_schema(part) for part in published[several]]
    if "additionalProperties" in published:
        others = published["additionalProperties"]
        kept["additionalProperties"] = others if isinstance(others, bool) else _schema(others)
    if since := _since(published):
        kept["since"] = since
    return kept


def _since(published: Mapping[str, Any]) -> str | None:
    """The version in which Immich says it added this, where it says so."""
    added = [entry["version"] for entry in published.get("x-immich-history", ()) if entry["state"] == "Added"]
    return added[0] if added else None


def _reached(start: object, published: Mapping[str, Schema]) -> dict[str, dict[str, Any]]:
    kept: dict[str, dict[str, Any]] = {}
    waiting = set(_references(start))
    while waiting:
        name = waiting.pop()
        kept[name] = _schema(published[name])
        waiting |= set(_references(kept[name])) - kept.keys()
    return kept


def _references(value: object) -> Iterator[str]:
    if isinstance(value, dict):
        for key, inner in value.items():
            if key == "$ref":
                yield str(inner).removeprefix(REFERENCE)
            else:
                yield from _references(inner)
    elif isinstance(value, list):
        for inner in value:
            yield from _references(inner)
