"""Builds small OpenAPI descriptions worded as Immich's are; a test names only what matters to it."""

from __future__ import annotations

import json
from typing import Any

Json = dict[str, Any]


def ref(name: str) -> Json:
    return {"$ref": f"#/components/schemas/{name}"}


def json_of(schema: Json) -> Json:
    return {"content": {"application/json": {"schema": schema}}}


def operation(name: str, *, answer: Json | None = None, status: str = "200", **facts: Any) -> Json:
    """An operation with prose that no pin may keep; facts are its other OpenAPI keys."""
    reply = {"description": "prose", **(json_of(answer) if answer else {})}
    return {
        "operationId": name,
        "summary": "prose",
        "description": "prose",
        "tags": ["prose"],
        "parameters": [],
        "responses": {status: reply},
        **facts,
    }


def description(paths: Json, schemas: Json | None = None, *, version: str = "3.1.0") -> bytes:
    return json.dumps(
        {
            "openapi": "3.0.0",
            "info": {"version": version, "title": "prose"},
            "paths": paths,
            "components": {"schemas": schemas or {}},
        }
    ).encode()


def thing_description(version: str = "3.1.0", *, thing: Json | None = None, required: list[str] | None = None) -> bytes:
    """GET /things/{id} answering a Thing whose properties are given."""
    properties = thing or {"id": {"type": "string"}}
    schema = {
        "type": "object",
        "properties": properties,
        "required": list(properties) if required is None else required,
    }
    by_id = {"name": "id", "in": "path", "required": True, "schema": {"type": "string", "format": "uuid"}}
    get_thing = operation("getThing", answer=ref("Thing"), parameters=[by_id])
    return description({"/things/{id}": {"get": get_thing}}, {"Thing": schema}, version=version)
