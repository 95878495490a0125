"""What an Immich says of its own API, cut down to facts: no prose, no examples. Pure.

Source: open-api/immich-openapi-specs.json of a release, or a server's /api/spec.json (Immich 2.5 to 3.1).
"""

from __future__ import annotations

import hashlib
import re
from collections.abc import Callable, Iterator, Mapping
from typing import Any

import msgspec

Schema = Mapping[str, Any]
"""A JSON schema in OpenAPI 3.0's dialect (`nullable`), with references of the form "#/schemas/Name"."""

REFERENCE = "#/schemas/"

_PUBLISHED_REFERENCE = "#/components/schemas/"

# What remains of a schema besides its nested schemas; all of it can make a request or a reply invalid.
_FACTS = frozenset(
    {
        *("type", "format", "nullable", "required", "enum", "pattern"),
        *("minimum", "maximum", "exclusiveMinimum", "exclusiveMaximum"),
        *("minLength", "maxLength", "minItems", "maxItems", "uniqueItems"),
    }
)
LIMITS = ("format", "pattern", "minLength", "maxLength", "exclusiveMinimum", "exclusiveMaximum", "uniqueItems")
"""What a description may demand of a value besides its type, its words, its bounds and how many a list holds."""

_METHODS = frozenset({"get", "put", "post", "delete", "patch", "head"})

_FURTHER_WORDS = re.compile(r"[-+][0-9A-Za-z.-]+$")
"""Of "3.2.0-rc.1", what is no number."""


class DescriptionError(Exception):
    """A description, or what is to fit to it, cannot be used; str() is one sentence saying where."""


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
        """The body of the lowest 2xx answer, None if it has none or none is described."""
        return self.answers.get(min((status for status in self.answers if status.startswith("2")), default=""))


class Description:
    """A whole description, of which operations are read when they are asked for.

    Shape:  version is as it stands there; operation names are Immich's operationIds.
    Errors: DescriptionError if the bytes are no OpenAPI description.
    """

    def __init__(self, text: bytes) -> None:
        full = _parsed(text)
        self.version = str(full["info"].get("version", ""))
        self.sha256 = hashlib.sha256(text).hexdigest()
        self._schemas: Mapping[str, Schema] = full["components"].get("schemas", {})
        self._published = {
            str(operation.get("operationId", "")): (method, path, operation)
            for path, item in full["paths"].items()
            if isinstance(item, dict)
            for method, operation in item.items()
            if method in _METHODS and isinstance(operation, dict)
        }
        self._names = {place_of(method, path): name for name, (method, path, _) in self._published.items()}

    def __contains__(self, name: str) -> bool:
        return name in self._published

    def name_at(self, place: str) -> str | None:
        """What the operation at this method and path is called, None if there is none."""
        return self._names.get(place)

    def place_of(self, name: str) -> str | None:
        """Method and path of the operation of this name, None if there is none."""
        method, path, _ = self._published.get(name, ("", "", None))
        return f"{method.upper()} {path}" if path else None

    def operation(self, name: str) -> Operation:
        """The facts of an operation that is there.

        Errors: KeyError, TypeError, AttributeError, ValueError or msgspec.ValidationError, if it is not described as
                OpenAPI wants.
        """
        return msgspec.convert(msgspec.to_builtins(_operation(*self._published[name])), Operation)

    def reached(self, start: object) -> dict[str, dict[str, Any]]:
        """Every schema that what is given refers to, whether directly or not, by name.

        Errors: as `operation`.
        """
        return reached(start, lambda name: _schema(self._schemas[name]))


def reached(start: object, schema_of: Callable[[str], dict[str, Any]]) -> dict[str, dict[str, Any]]:
    """Every schema that what is given refers to, whether directly or not, by name.

    Errors: those of schema_of, which gives a schema by its name.
    """
    kept: dict[str, dict[str, Any]] = {}
    waiting = set(_references(start))
    while waiting:
        name = waiting.pop()
        kept[name] = schema_of(name)
        waiting |= set(_references(kept[name])) - kept.keys()
    return kept


def place_of(method: str, path: str) -> str:
    """Method and path, whatever the path's parameters are called: "GET /stacks/{}"."""
    return f"{method.upper()} {re.sub(r'{[^}]*}', '{}', path)}"


def resolve(schema: Schema, schemas: Mapping[str, Schema]) -> Schema:
    """The schema itself instead of a reference to it, keeping a `nullable` that stands beside the reference.

    Errors: KeyError if what it refers to is not among the schemas; RecursionError if that leads round in a circle.
    Source: Immich 2.x writes `{"allOf": [{"$ref": …}], "nullable": true}` where 3.x writes the reference alone.
    """
    if "$ref" in schema:
        return resolve(schemas[schema["$ref"].removeprefix(REFERENCE)], schemas)
    parts = schema.get("allOf", ())
    if len(parts) != 1:
        return schema
    inner = resolve(parts[0], schemas)
    return {**inner, "nullable": True} if schema.get("nullable") else inner


def fingerprint(name: str, operation: Operation, schemas: Mapping[str, Schema]) -> str:
    """The same for two descriptions of an operation that allow and promise exactly the same, under the same name."""
    facts = {
        "name": name,
        "operation": _canonical(msgspec.to_builtins(operation)),
        "schemas": _canonical(dict(schemas)),
    }
    return hashlib.sha256(msgspec.json.encode(facts, order="sorted")).hexdigest()[:16]


def version_numbers(version: str) -> tuple[int, ...]:
    """(3, 1, 0) of "3.1.0", so that versions sort as their numbers do.

    Errors: DescriptionError if it is not numbers between dots.
    """
    parts = version.split(".")
    if not all(part.isascii() and part.isdigit() for part in parts):
        raise DescriptionError(f"{version!r} is not an Immich version such as 3.1.0.")
    return tuple(int(part) for part in parts)


def released_version(version: str) -> str:
    """The release that a version belongs to: "3.2.0" of "v3.2.0-rc.1"."""
    return _FURTHER_WORDS.sub("", version.removeprefix("v"))


def _parsed(text: bytes) -> dict[str, Any]:
    try:
        full = msgspec.json.decode(text)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as error:
        raise DescriptionError(f"The description is not JSON: {error}.") from error
    if not isinstance(full, dict) or not all(
        isinstance(full.get(key), dict) for key in ("info", "paths", "components")
    ):
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


def _canonical(value: Any) -> Any:
    """The same for what means the same: a server words its lists in another order than its release does (3.1.0), and
    when something came is no reason to take it for something else.
    """
    if isinstance(value, dict):
        return {key: _canonical(inner) for key, inner in value.items() if key != "since" or isinstance(inner, dict)}
    if isinstance(value, list):
        return sorted(map(_canonical, value), key=lambda each: msgspec.json.encode(each, order="sorted"))
    return value
