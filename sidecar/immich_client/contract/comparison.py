"""What a server's own description changes of the contract, operation by operation, and whether it matters. Pure."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from itertools import chain
from math import inf
from typing import Any

import msgspec

from sidecar.immich_client.contract.description import (
    LIMITS,
    Description,
    DescriptionError,
    Operation,
    Schema,
    fingerprint,
    place_of,
    released_version,
    resolve,
    version_numbers,
)
from sidecar.immich_client.contract.terms import TEXT, Call, Contract, Field, Shape, model_inside

MOST_IN_A_LIST = 1_000
"""How many assets one of our requests names at most."""

_JSON = "application/json"


class Change(StrEnum):
    """What became of an operation."""

    UNCHANGED = "unchanged"
    """Described exactly as in one of the pins."""
    HARMLESS = "harmless"
    """Described otherwise, in nothing that we send or read."""
    MATTERS = "matters"
    """What we send may be refused, or what is answered may be misread."""
    GONE = "gone"
    """Nothing is described where we call it."""
    NOT_YET = "not_yet"
    """The server is older than the operation; nothing of ours calls it there."""


HURTS = frozenset({Change.MATTERS, Change.GONE})


class Verdict(msgspec.Struct, frozen=True):
    """What became of one operation; reasons are sentences, for what matters or is gone."""

    operation: str
    change: Change
    reasons: tuple[str, ...] = ()


def compare(contract: Contract, description: Description) -> tuple[Verdict, ...]:
    """A verdict on every operation in use, in the contract's order.

    Errors: DescriptionError if the description's version is none of Immich's.
    """
    version = version_numbers(released_version(description.version))
    return tuple(_verdict(name, call, contract, description, version) for name, call in contract.calls.items())


def _verdict(name: str, call: Call, contract: Contract, description: Description, version: tuple[int, ...]) -> Verdict:
    if version < version_numbers(call.since):
        return Verdict(name, Change.NOT_YET)
    found = description.name_at(place_of(call.method, call.path))
    if found is None:
        moved_to = description.place_of(name)
        reason = f"it has moved to {moved_to}" if moved_to else "the server does not describe it any more"
        return Verdict(name, Change.GONE, (reason,))
    try:
        operation = description.operation(found)
        schemas = description.reached(msgspec.to_builtins(operation))
        if fingerprint(found, operation, schemas) in call.fingerprints:
            return Verdict(name, Change.UNCHANGED)
        reasons = tuple(dict.fromkeys(_Judge(call, contract, operation, schemas, version).reasons()))
    except (KeyError, TypeError, AttributeError, ValueError, RecursionError, DescriptionError):
        # Whatever stands there, it is not what OpenAPI wants; nothing of it is repeated.
        return Verdict(name, Change.MATTERS, ("it is described in a way that cannot be read",))
    return Verdict(name, Change.MATTERS if reasons else Change.HARMLESS, reasons)


@dataclass(frozen=True, slots=True)
class _Judge:
    """One operation as a server describes it, against what we send to it and read of it."""

    call: Call
    contract: Contract
    operation: Operation
    schemas: Mapping[str, Schema]
    version: tuple[int, ...]
    permissions: frozenset[str] = field(init=False)

    def __post_init__(self) -> None:
        all_of = chain.from_iterable(call.permissions for call in self.contract.calls.values())
        object.__setattr__(self, "permissions", frozenset(all_of))

    def reasons(self) -> Iterator[str]:
        """Why our request may be refused or the reply misread; none if neither can happen."""
        yield from self._rights()
        yield from self._parameters()
        yield from self._body()
        yield from self._reply()

    def _rights(self) -> Iterator[str]:
        permission = self.operation.permission
        if permission is not None and permission not in self.call.permissions:
            yield f"it asks for the permission {permission}"
        if self.operation.admin_only and not self.call.admin_only:
            yield "only administrators may call it"

    def _parameters(self) -> Iterator[str]:
        query: dict[str, Schema] = {}
        needed: list[str] = []
        for parameter in self.operation.parameters:
            if parameter.place == "path":
                # Ids come from Immich itself: however it words them, it takes them back.
                if _kind(resolve(parameter.schema, self.schemas)) != "string":
                    yield f"{parameter.name} is no string any more"
                continue
            if parameter.required:
                needed.append(parameter.name)
            if parameter.place == "query":
                query[parameter.name] = parameter.schema
        yield from self._takes_fields(self.call.query, query, needed)

    def _body(self) -> Iterator[str]:
        body = self.operation.body
        if not self.call.body:
            if body is not None and body.required:
                yield "it needs a body"
            return
        if body is None or body.schema is None or body.content != _JSON:
            yield "it takes no JSON"
            return
        schema = resolve(body.schema, self.schemas)
        if schema.get("type") != "object":
            yield "its body is no object"
            return
        yield from self._takes_fields(self.call.body, schema.get("properties", {}), schema.get("required", ()))

    def _takes_fields(self, ours: Mapping[str, Field], theirs: Mapping[str, Schema], needed: Any) -> Iterator[str]:
        for name in needed:
            if name not in ours:
                yield f"it needs {name}, which we do not send"
            elif not ours[name].required:
                yield f"it needs {name}, which we do not always send"
        for name, sent in ours.items():
            if not self._is_of_now(sent):
                continue
            if name not in theirs:
                yield f"it does not take {name} any more"
            else:
                yield from self._takes(name, sent, theirs[name])

    def _is_of_now(self, each: Field) -> bool:
        """Whether a server of this version is to have the field at all."""
        is_over = each.until is not None and self.version > version_numbers(each.until)
        return self._is_since(each.since) and not is_over

    def _is_since(self, version: str) -> bool:
        return version_numbers(version) <= self.version

    def _takes(self, where: str, sent: Field, published: Schema) -> Iterator[str]:
        """Why a value that we send may be refused."""
        schema = resolve(published, self.schemas)
        kind = _kind(schema)
        if kind is None:
            yield f"{where} is described in a way that cannot be judged"
            return
        if not all(_takes_kind(kind, ours) for ours in sent.shape.kinds):
            yield f"{where} is {kind} now"
            return
        if sent.shape.nullable and not schema.get("nullable") and self._is_since(sent.null_since or sent.since):
            yield f"{where} cannot be null any more"
        yield from self._takes_words(where, sent, schema)
        yield from _takes_bounds(where, sent, schema)
        yield from _takes_length(where, sent, schema)
        for limit in LIMITS:
            if limit in schema and schema[limit] not in sent.limits.get(limit, ()):
                yield f"{where} has a new limit: {limit}"
        if kind == "array" and sent.shape.items is not None:
            each = Field(
                sent.shape.items,
                sent.since,
                null_since=sent.null_since,
                words=sent.words,
                fields=sent.fields,
                limits=sent.limits,
            )
            yield from self._takes(f"each of {where}", each, schema.get("items", {}))
        elif kind == "object":
            yield from self._takes_object(where, sent, schema)

    def _takes_words(self, where: str, sent: Field, schema: Schema) -> Iterator[str]:
        if "enum" not in schema or sent.shape.items is not None:
            return
        ours = sent.words or (self.permissions if sent.shape.values else ())
        if not ours:
            yield f"{where} takes only certain words now"
        elif unknown := sorted(set(ours) - set(schema["enum"])):
            yield f"{where} does not know {', '.join(unknown)} any more"

    def _takes_object(self, where: str, sent: Field, schema: Schema) -> Iterator[str]:
        known = schema.get("properties", {})
        for name in schema.get("required", ()):
            if name not in sent.fields:
                yield f"{where} needs {name}, which we do not send"
        for name, inner in sent.fields.items():
            if name in known:
                yield from self._takes(f"{where}.{name}", inner, known[name])
            else:
                yield f"{where} does not take {name} any more"
        if not sent.fields and schema.get("additionalProperties", {}) not in ({}, True):
            yield f"{where} takes only certain fields now"

    @property
    def _is_newest(self) -> bool:
        return self.version >= version_numbers(self.contract.pins[-1])

    def _reply(self) -> Iterator[str]:
        if self.call.answer is None:
            return
        success = self.operation.success
        if success is None or success.schema is None or success.content != _JSON:
            yield "it does not answer with JSON any more"
            return
        schema = resolve(success.schema, self.schemas)
        is_list = schema.get("type") == "array"
        if is_list is not self.call.answers_list:
            yield "it answers a list now" if is_list else "it does not answer a list any more"
            return
        yield from self._gives_model(self.call.answer, schema["items"] if is_list else schema)

    def _gives_model(self, model: str, published: Schema) -> Iterator[str]:
        """Why an object may be misread as this model."""
        schema = resolve(published, self.schemas)
        if schema.get("type", "object") != "object":
            yield f"{model} is {_kind(schema)} now"
            return
        properties = schema.get("properties", {})
        for name, read in self.contract.models[model].items():
            where = f"{model}.{name}"
            if name not in properties:
                if self._is_of_now(read):
                    yield f"{where} is gone"
            elif read.required and name not in schema.get("required", ()):
                yield f"{where} may be missing now"
            else:
                yield from self._gives(where, read, properties[name])

    def _gives(self, where: str, read: Field, published: Schema) -> Iterator[str]:
        """Why a value of a reply may be misread."""
        # What may be missing may be null as well; a time that is read as text may be any text.
        shape = msgspec.structs.replace(read.shape, nullable=read.shape.nullable or not read.required)
        if read.reads == TEXT:
            shape = msgspec.structs.replace(shape, kinds=("string",))
        yield from self._gives_shape(where, shape, published)
        schema = resolve(published, self.schemas)
        if self._is_newest and (missing := sorted(set(read.words) - set(schema.get("enum", read.words)))):
            yield f"{where} does not say {', '.join(missing)} any more"
        inner = model_inside(read.reads)
        if inner is not None:
            yield from self._gives_model(inner, schema.get("items", schema))

    def _gives_shape(self, where: str, known: Shape, published: Schema) -> Iterator[str]:
        schema = resolve(published, self.schemas)
        kind = _kind(schema)
        if kind is None:
            yield f"{where} is described in a way that cannot be judged"
            return
        if not any(_takes_kind(ours, kind) for ours in known.kinds):
            yield f"{where} is {kind} now"
            return
        if schema.get("nullable") and not known.nullable:
            yield f"{where} may be null now"
        if kind == "array" and known.items is not None:
            yield from self._gives_shape(f"each of {where}", known.items, schema.get("items", {}))


def _kind(schema: Schema) -> str | None:
    """The JSON type, or "date-time"; None where there is no single one."""
    kind = schema.get("type")
    return "date-time" if schema.get("format") == "date-time" else kind if isinstance(kind, str) else None


def _takes_kind(taker: str, given: str) -> bool:
    """Whether one may stand for the other: a whole number for a number, a time for a string."""
    return given == taker or (given, taker) in {("integer", "number"), ("date-time", "string")}


def _takes_bounds(where: str, sent: Field, schema: Schema) -> Iterator[str]:
    low, high = schema.get("minimum", -inf), schema.get("maximum", inf)
    ours_low = -inf if sent.minimum is None else sent.minimum
    ours_high = inf if sent.maximum is None else sent.maximum
    if low > ours_low:
        yield f"{where} must be at least {low} now"
    if high < ours_high:
        yield f"{where} must be at most {high} now"


def _takes_length(where: str, sent: Field, schema: Schema) -> Iterator[str]:
    if schema.get("minItems", 0) > max(1, sent.at_least):
        yield f"{where} must hold at least {schema['minItems']} now"
    if schema.get("maxItems", MOST_IN_A_LIST) < MOST_IN_A_LIST:
        yield f"{where} must hold at most {schema['maxItems']} now"
