"""The OpenAPI document of our own API (OpenAPI 3.1), made of the operations themselves."""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from functools import cache
from http import HTTPStatus
from typing import Any, get_type_hints

import msgspec
from aiohttp import web
from aiohttp.typedefs import Handler

from sidecar import __version__
from sidecar.handlers.api.operation import For, Nothing, Operation, without_null

_PATH_NAME = re.compile(r"\{(\w+)(?::[^}]*)?\}")
_REF = "#/components/schemas/{name}"
_ALWAYS = (
    (HTTPStatus.BAD_REQUEST, "The request does not fit this description."),
    (HTTPStatus.SERVICE_UNAVAILABLE, "Immich, the database or the queue does not answer; try again."),
)
_OF_SIGNED_IN = ((HTTPStatus.UNAUTHORIZED, "Nothing was shown that Immich knows."),)
_OF_CONNECTED = ((HTTPStatus.CONFLICT, "The sidecar is not connected, or what was decided on has changed."),)
_OF_PATHS = ((HTTPStatus.NOT_FOUND, "There is no such thing, or it is not the caller's."),)
_OF_CHANGES = ((HTTPStatus.FORBIDDEN, "A browser made the request for another site."),)
_OF_BODIES = (
    (HTTPStatus.REQUEST_ENTITY_TOO_LARGE, "The body is too large."),
    (HTTPStatus.UNSUPPORTED_MEDIA_TYPE, "The body is not JSON."),
)


class Problem(msgspec.Struct, frozen=True):
    """What went wrong (RFC 9457); code is for programs and never changes its meaning."""

    status: int
    title: str
    code: str | None = None
    detail: str | None = None


def described(operations: Sequence[Operation[Any, Any]], *, base_path: str) -> Handler:
    """What the router calls for the document; it is made when it is asked for first, not while everybody waits."""

    @cache
    def document() -> bytes:
        return msgspec.json.encode(describe(operations, base_path=base_path))

    async def handle(_request: web.Request) -> web.Response:
        return web.Response(body=document(), content_type="application/json")

    return handle


def describe(operations: Iterable[Operation[Any, Any]], *, base_path: str) -> dict[str, Any]:
    """The document; the same operations give the same one, and it says nothing about this server but where it is."""
    listed = list(operations)
    types: list[Any] = [Problem]
    for operation in listed:
        types += [each for each in (operation.body, operation.answer) if each is not Nothing]
    named = [each for each in dict.fromkeys(types) if isinstance(each, type)]
    _, components = msgspec.json.schema_components(named, ref_template=_REF)
    paths: dict[str, dict[str, Any]] = {}
    for operation in listed:
        path = _PATH_NAME.sub(r"{\1}", operation.path)
        paths.setdefault(path, {})[operation.method.lower()] = _described(operation)
    return {
        "openapi": "3.1.0",
        "info": {
            "title": "Immich sidecar",
            "version": __version__,
            "description": "What the sidecar knows about the caller's own photos, and what they decide about them.",
        },
        "servers": [{"url": f"{base_path}/api"}],
        "security": [{"session": []}, {"cookie": []}, {"key": []}],
        "paths": paths,
        "components": {
            "schemas": components,
            "securitySchemes": {
                "session": {"type": "http", "scheme": "bearer", "description": "The token of a session of Immich."},
                "cookie": {"type": "apiKey", "in": "cookie", "name": "immich_access_token"},
                "key": {"type": "apiKey", "in": "header", "name": "x-api-key", "description": "An API key of Immich."},
            },
        },
    }


def _described(operation: Operation[Any, Any]) -> dict[str, Any]:
    described: dict[str, Any] = {
        "operationId": operation.id,
        "summary": operation.summary,
        "parameters": [*_path_parameters(operation.path), *_query_parameters(operation.query)],
        "responses": _responses(operation),
    }
    if operation.tag:
        described["tags"] = [operation.tag]
    if operation.needs is For.ANYBODY:
        described["security"] = []
    if operation.body is not Nothing:
        schema = _schema(operation.body)
        described["requestBody"] = {"required": True, "content": {"application/json": {"schema": schema}}}
    return described


def _path_parameters(path: str) -> list[dict[str, Any]]:
    return [
        {"name": name, "in": "path", "required": True, "schema": {"type": "string", "minLength": 1}}
        for name in _PATH_NAME.findall(path)
    ]


def _query_parameters(query: type[msgspec.Struct]) -> list[dict[str, Any]]:
    hints = get_type_hints(query, include_extras=True)
    described = []
    for field in msgspec.structs.fields(query):
        (schema,), components = msgspec.json.schema_components([without_null(hints[field.name])], ref_template=_REF)
        schema = _inlined(schema, components)
        if not field.required and field.default not in {None, msgspec.NODEFAULT, ()}:
            schema["default"] = msgspec.to_builtins(field.default)
        described.append({"name": field.encode_name, "in": "query", "required": field.required, "schema": schema})
    return described


def _inlined(schema: dict[str, Any], components: dict[str, Any]) -> dict[str, Any]:
    """The schema without references: parameters are small, and their types stand nowhere else."""

    def resolve(value: Any) -> Any:
        if isinstance(value, dict):
            if "$ref" in value:
                return resolve(components[value["$ref"].rpartition("/")[2]])
            return {name: resolve(each) for name, each in value.items()}
        return [resolve(each) for each in value] if isinstance(value, list) else value

    resolved: dict[str, Any] = resolve(schema)
    return resolved


def _responses(operation: Operation[Any, Any]) -> dict[str, Any]:
    answers: dict[str, Any] = {}
    if operation.answer is Nothing:
        answers[str(HTTPStatus.NO_CONTENT.value)] = {"description": "Done."}
    else:
        answers[str(operation.status.value)] = {
            "description": "Done.",
            "content": {"application/json": {"schema": _schema(operation.answer)}},
        }
    for status, sentence in _problems(operation):
        answers.setdefault(
            str(status.value),
            {"description": sentence, "content": {"application/problem+json": {"schema": _schema(Problem)}}},
        )
    return answers


def _problems(operation: Operation[Any, Any]) -> Sequence[tuple[HTTPStatus, str]]:
    problems = [*operation.problems, *_ALWAYS]
    if operation.needs is not For.ANYBODY:
        problems += _OF_SIGNED_IN
    if operation.needs is For.CONNECTED:
        problems += _OF_CONNECTED
    if _PATH_NAME.search(operation.path):
        problems += _OF_PATHS
    if operation.needs is not For.ANYBODY and operation.method != "GET":
        problems += _OF_CHANGES
    if operation.body is not Nothing:
        problems += _OF_BODIES
    return problems


def _schema(kind: type[Any]) -> dict[str, Any]:
    (schema,), _ = msgspec.json.schema_components([kind], ref_template=_REF)
    return schema
