"""Checks requests and replies against one of pins(): for tests, the emulated Immich and contract-tests."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from datetime import datetime
from functools import cache
from typing import Any
from uuid import UUID

from jsonschema import Draft202012Validator, FormatChecker

from openapi.pin import Pin, read_pins
from sidecar.immich_client.contract.description import Body, Operation, Schema


def _is_moment(value: object) -> bool:
    # JSON schema asks for an offset; Immich gives one in every field that it calls a date-time.
    return not isinstance(value, str) or datetime.fromisoformat(value).tzinfo is not None


def _is_uuid(value: object) -> bool:
    return not isinstance(value, str) or str(UUID(value)) == value.lower()


_formats = FormatChecker(formats=())
_formats.checks("date-time", raises=ValueError)(_is_moment)
_formats.checks("uuid", raises=ValueError)(_is_uuid)


@cache
def pins() -> tuple[Pin, ...]:
    """All pins, oldest version first."""
    return read_pins()


def pin_of(version: str) -> Pin:
    """The pin of this version.

    Errors: KeyError if the version is not pinned.
    """
    return {pin.immich: pin for pin in pins()}[version]


def operation_at(pin: Pin, method: str, path: str) -> str | None:
    """The operation behind a method and a path below the API's root, None if it is none of those pinned.

    Shape:  a path without parameters wins over one with them: /assets/statistics is not /assets/{id}.
    """
    fitting = [
        (template.count("{"), name)
        for name, operation in pin.operations.items()
        if operation.method == method.upper()
        and re.fullmatch(re.sub(r"\\\{\w+\\\}", "[^/]+", re.escape(template := operation.path)), path)
    ]
    return min(fitting)[1] if fitting else None


def request_faults(
    pin: Pin,
    operation: str,
    *,
    path: Mapping[str, str] | None = None,
    query: Mapping[str, str] | None = None,
    body: object = None,
) -> list[str]:
    """What the pin does not allow in this request, a sentence each; empty if nothing.

    Shape:  path and query are as they stand in the URL, unquoted. Fields that the description does not know are faults,
            although Immich drops them silently: we would believe that they did something.
    """
    return request_faults_of(pin, pin.operations[operation], path=path, query=query, body=body)


def request_faults_of(
    pin: Pin,
    wanted: Operation,
    *,
    path: Mapping[str, str] | None = None,
    query: Mapping[str, str] | None = None,
    body: object = None,
) -> list[str]:
    """The same for an operation of a pin, whatever it is called there."""
    given = {"path": path or {}, "query": query or {}}
    faults = []
    for parameter in wanted.parameters:
        text = given.get(parameter.place, {}).get(parameter.name)
        if text is not None:
            value = _value(pin, parameter.schema, text)
            faults += [f"{parameter.name}: {fault}" for fault in _faults(pin, parameter.schema, value)]
        elif parameter.required:
            faults.append(f"{parameter.name}: is required")
    for place, values in given.items():
        known = {parameter.name for parameter in wanted.parameters if parameter.place == place}
        faults += [f"{name}: is no {place} parameter" for name in sorted(values.keys() - known)]
    return faults + _body_faults(pin, wanted.body, body)


def answer_faults(pin: Pin, operation: str, status: int, body: object = None) -> list[str]:
    """What the pin does not promise in this successful answer, a sentence each; empty if nothing.

    Shape:  body is decoded JSON, None for a file or nothing, whose content is not looked at; fields that the
            description does not know are no faults: real servers answer more than they describe.
    """
    answers = pin.operations[operation].answers
    if str(status) not in answers:
        return [f"status {status} is not one of {', '.join(sorted(answers))}"]
    expected = answers[str(status)]
    if expected is None:
        return [] if body is None else ["a body was sent where none is described"]
    if expected.content != "application/json" or expected.schema is None:
        return []
    return _faults(pin, expected.schema, body)


def _body_faults(pin: Pin, expected: Body | None, body: object) -> list[str]:
    if body is None:
        return ["the body is missing"] if expected is not None and expected.required else []
    if expected is None or expected.schema is None:
        return ["a body was sent where none is described"]
    known = pin.resolve(expected.schema).get("properties", {})
    unknown = sorted(set(body) - known.keys()) if isinstance(body, dict) else []
    return _faults(pin, expected.schema, body) + [f"{name}: is no field of the body" for name in unknown]


def _value(pin: Pin, schema: Schema, text: str) -> object:
    """The value that a query parameter's text stands for."""
    kind = pin.resolve(schema).get("type")
    if kind == "boolean":
        return {"true": True, "false": False}.get(text, text)
    if kind in {"integer", "number"} and re.fullmatch(r"-?[0-9]+", text):
        return int(text)
    return text


def _faults(pin: Pin, schema: Schema, value: object) -> list[str]:
    document = {**_converted(schema), "schemas": _schemas(pin)}
    return [
        f"{'.'.join(map(str, leaf.absolute_path)) or 'body'}: {leaf.message}"
        for error in Draft202012Validator(document, format_checker=_formats).iter_errors(value)
        for leaf in _leaves(error)
    ]


def _leaves(error: Any) -> Iterator[Any]:
    """What is wrong, instead of "not valid under any": of what may be null, the other way is meant."""
    if error.validator != "anyOf":
        yield error
        return
    for inner in error.context:
        if inner.relative_schema_path[0] == 0:
            yield from _leaves(inner)


_MOST_KEPT = 16
_CONVERTED: dict[str, dict[str, Any]] = {}
"""Hash of what a pin was cut from -> its schemas as JSON schema words them."""


def _schemas(pin: Pin) -> dict[str, Any]:
    if pin.sha256 not in _CONVERTED:
        if len(_CONVERTED) >= _MOST_KEPT:
            _CONVERTED.clear()
        _CONVERTED[pin.sha256] = {name: _converted(schema) for name, schema in pin.schemas.items()}
    return _CONVERTED[pin.sha256]


def _converted(schema: Schema) -> dict[str, Any]:
    """The schema in JSON schema's dialect, which has no `nullable`."""
    plain = dict(_parts(schema))
    return {"anyOf": [plain, {"type": "null"}]} if schema.get("nullable") else plain


def _parts(schema: Schema) -> Iterator[tuple[str, Any]]:
    for key, value in schema.items():
        if key == "properties":
            yield key, {name: _converted(inner) for name, inner in value.items()}
        elif key in {"allOf", "anyOf", "oneOf"}:
            yield key, [_converted(part) for part in value]
        elif key in {"items", "additionalProperties"} and isinstance(value, dict):
            yield key, _converted(value)
        elif key not in {"nullable", "since"}:
            yield key, value
