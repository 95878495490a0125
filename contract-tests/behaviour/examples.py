"""Examples of what a description allows: with every field, with null wherever it may be, with the required alone."""

from __future__ import annotations

from collections.abc import Callable, Iterator

import pytest

from behaviour.samples import V4
from openapi.pin import Pin
from sidecar.immich_client.contract.description import Schema

LICENSE_KEY = "IMSV" + "-0000" * 8
Fill = Callable[[Pin, Schema], object]


def everything(pin: Pin, schema: Schema) -> object:
    """An example with every field filled."""
    return _example(pin, schema, everything, _all_fields)


def only_required(pin: Pin, schema: Schema) -> object:
    """An example with the required fields alone, and lists empty."""
    plain = pin.resolve(schema)
    return [] if plain.get("type") == "array" else _example(pin, plain, only_required, _required_fields)


def sparse(pin: Pin, schema: Schema) -> object:
    """An example with the required fields alone, and one item in each list."""
    return _example(pin, schema, sparse, _required_fields)


def nulls(pin: Pin, schema: Schema) -> object:
    """An example with every field, null wherever that is allowed."""
    plain = pin.resolve(schema)
    return None if plain.get("nullable") else _example(pin, plain, nulls, _all_fields)


def _all_fields(schema: Schema) -> Iterator[str]:
    yield from schema.get("properties", {})


def _required_fields(schema: Schema) -> Iterator[str]:
    yield from schema.get("required", ())


def _example(pin: Pin, schema: Schema, fill: Fill, fields: Callable[[Schema], Iterator[str]]) -> object:
    plain = pin.resolve(schema)
    if "enum" in plain:
        return plain["enum"][0]
    match plain["type"]:
        case "array":
            return [fill(pin, plain["items"])] * max(1, plain.get("minItems", 1))
        case "object":
            anything = {} if "properties" in plain else {"any": [1, {"deep": None}]}
            return anything | {name: fill(pin, plain["properties"][name]) for name in fields(plain)}
        case "string":
            texts = {
                "date-time": "2024-05-01T10:00:00.120Z",
                "uuid": V4,
                "email": "ann@example.com",
                "date": "2024-05-01",
            }
            is_license = "IM(SV|CL)" in plain.get("pattern", "")
            return LICENSE_KEY if is_license else texts.get(plain.get("format", ""), "text")
        case "boolean":
            return True
        case "integer" | "number":
            return max(1, plain.get("minimum", 1))
        case other:
            pytest.fail(f"no example for {other}")
