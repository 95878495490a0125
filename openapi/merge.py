"""Merges pins into one contract: any pinned version's answer fulfils it, and no request of ours breaks it. Pure."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

import msgspec

from openapi.pin import Pin
from openapi.selection import Selected, Selection
from sidecar.immich_client.contract.description import (
    LIMITS,
    DescriptionError,
    Operation,
    Schema,
    fingerprint,
    reached,
    version_numbers,
)
from sidecar.immich_client.contract.terms import Call, Contract, Field, Shape, model_inside


@dataclass(frozen=True)
class _Sight:
    """One schema as one pin shows it."""

    pin: Pin
    schema: Schema
    required: bool = False


def merge(pins: Sequence[Pin], selection: Selection) -> Contract:
    """The contract of the selected calls over all pins.

    Shape:  pins are ordered, oldest first. An answer's field is required only if every pin that has the operation
            requires it, nullable if any allows null, and of every type that any pin gives it; a request's value has a
            type that all pins take. An operation or field knows the first pin that has it, and the last if it is gone.
    Errors: DescriptionError if no pin has an operation, field or parameter that is asked for, or if versions differ in
            a way that one client cannot serve.
    """
    seen: dict[str, list[_Sight]] = {}
    calls = {name: _call(name, wanted, pins, selection, seen) for name, wanted in sorted(selection.calls.items())}
    if unused := sorted(selection.models.keys() - seen.keys()):
        raise DescriptionError(f"operations.toml lists models that no call reads: {', '.join(unused)}.")
    models = {model: _fields(model, sights, selection) for model, sights in sorted(seen.items())}
    return Contract(pins=tuple(pin.immich for pin in pins), calls=calls, models=models)


def _call(
    name: str, wanted: Selected, pins: Sequence[Pin], selection: Selection, seen: dict[str, list[_Sight]]
) -> Call:
    found = [(pin, pin.operations[name]) for pin in pins if name in pin.operations and _is_wanted_of(pin, wanted)]
    if not found:
        raise DescriptionError(f"No pin has the operation {name}.")
    methods_and_paths = {(operation.method, operation.path) for _, operation in found}
    if len(methods_and_paths) > 1:
        raise DescriptionError(f"{name} has moved between versions; one call cannot serve all pins.")
    ((method, path),) = methods_and_paths
    answers_list = False
    if wanted.answer is not None:
        answers_list = _read_answer(name, wanted.answer, found, selection, seen)
    query, body = _sent(name, wanted, found)
    since, until = _span([pin for pin, _ in found], pins)
    return Call(
        method=method,
        path=path,
        since=since,
        until=until,
        answer=wanted.answer,
        answers_list=answers_list,
        repeatable=wanted.repeatable or method == "GET",
        admin_only=any(operation.admin_only for _, operation in found),
        permissions=tuple(sorted({operation.permission for _, operation in found if operation.permission})),
        query=query,
        body=body,
        fingerprints=tuple(dict.fromkeys(_fingerprint(name, pin, operation) for pin, operation in found)),
    )


def _fingerprint(name: str, pin: Pin, operation: Operation) -> str:
    return fingerprint(name, operation, reached(msgspec.to_builtins(operation), pin.schemas.__getitem__))


def _is_wanted_of(pin: Pin, wanted: Selected) -> bool:
    return wanted.since is None or version_numbers(pin.immich) >= version_numbers(wanted.since)


def _read_answer(
    name: str,
    model: str,
    found: Sequence[tuple[Pin, Operation]],
    selection: Selection,
    seen: dict[str, list[_Sight]],
) -> bool:
    """True if the operation answers a list; notes where the model of its answer is read."""
    answers = [_Sight(pin, _answer(name, pin, operation)) for pin, operation in found]
    lists = {sight.schema.get("type") == "array" for sight in answers}
    if len(lists) > 1:
        raise DescriptionError(f"{name} answers a list in some versions and not in others.")
    (answers_list,) = lists
    _collect(model, [_items(sight) for sight in answers] if answers_list else answers, selection, seen)
    return answers_list


def _answer(name: str, pin: Pin, operation: Operation) -> Schema:
    success = operation.success
    if success is None or success.schema is None or success.content != "application/json":
        raise DescriptionError(f"{name} answers no JSON in Immich {pin.immich}; it cannot be generated.")
    return pin.resolve(success.schema)


def _items(sight: _Sight) -> _Sight:
    return _Sight(sight.pin, sight.pin.resolve(sight.schema["items"]))


def _collect(model: str, sights: Iterable[_Sight], selection: Selection, seen: dict[str, list[_Sight]]) -> None:
    """Notes every place where a model is read, and those of the models inside it."""
    sights = list(sights)
    seen.setdefault(model, []).extend(sights)
    for field, how in selection.reads(model).items():
        if inner_model := model_inside(how):
            found = [inner for sight in sights if (inner := _property(sight, field))]
            nested = [_items(sight) if sight.schema.get("type") == "array" else sight for sight in found]
            _collect(inner_model, nested, selection, seen)


def _property(sight: _Sight, field: str) -> _Sight | None:
    schema = sight.schema.get("properties", {}).get(field)
    if schema is None:
        return None
    return _Sight(sight.pin, sight.pin.resolve(schema), required=field in sight.schema.get("required", ()))


def _fields(model: str, sights: Sequence[_Sight], selection: Selection) -> dict[str, Field]:
    understood = selection.understood.get(model, {})
    return {
        field: _read_field(f"{model}.{field}", field, how, understood.get(field, ()), sights)
        for field, how in selection.reads(model).items()
    }


def _read_field(where: str, field: str, how: str | None, words: tuple[str, ...], sights: Sequence[_Sight]) -> Field:
    found = [inner for sight in sights if (inner := _property(sight, field))]
    if not found:
        raise DescriptionError(f"No pin has the field {where}.")
    since, until = _span([sight.pin for sight in found], [sight.pin for sight in sights])
    shape = _shape(where, found, is_sent=False)
    if unknown := sorted(set(words) - set(shape.values)):
        raise DescriptionError(f"{where} says no {', '.join(unknown)} in any pin.")
    return Field(
        shape=shape,
        since=since,
        until=until,
        required=len(found) == len(sights) and all(sight.required for sight in found),
        reads=how,
        words=words,
    )


def _sent(
    name: str, wanted: Selected, found: Sequence[tuple[Pin, Operation]]
) -> tuple[dict[str, Field], dict[str, Field]]:
    query: dict[str, list[_Sight]] = {}
    body: dict[str, list[_Sight]] = {}
    for pin, operation in found:
        for parameter in operation.parameters:
            if parameter.place == "query":
                sight = _Sight(pin, pin.resolve(parameter.schema), required=parameter.required)
                query.setdefault(parameter.name, []).append(sight)
        if operation.body is not None and operation.body.schema is not None:
            whole = _Sight(pin, pin.resolve(operation.body.schema))
            for field, schema in whole.schema.get("properties", {}).items():
                is_required = field in whole.schema.get("required", ())
                body.setdefault(field, []).append(_Sight(pin, pin.resolve(schema), required=is_required))
    pins = [pin for pin, _ in found]
    if unknown := [field for field in wanted.sends if field not in query and field not in body]:
        raise DescriptionError(f"{name} takes no {', '.join(unknown)} in any pin.")
    demanded = {
        field for fields in (query, body) for field, all_of in fields.items() if any(s.required for s in all_of)
    }
    if unsent := [field for field in wanted.nulls if field not in wanted.sends]:
        raise DescriptionError(f"{name} never sends {', '.join(unsent)}, so that it cannot be null.")
    if forgotten := sorted(demanded - set(wanted.sends)):
        raise DescriptionError(f"{name} demands {', '.join(forgotten)}; operations.toml does not send it.")
    return _sent_fields(name, wanted, query, pins), _sent_fields(name, wanted, body, pins)


def _sent_fields(
    name: str, wanted: Selected, known: Mapping[str, Sequence[_Sight]], pins: Sequence[Pin]
) -> dict[str, Field]:
    return {
        field: _sent_field(f"{name}.{field}", known[field], pins, wanted, field)
        for field in wanted.sends
        if field in known
    }


def _sent_field(where: str, sights: Sequence[_Sight], pins: Sequence[Pin], wanted: Selected, field: str) -> Field:
    since, until = _span([sight.pin for sight in sights], pins)
    shape = _shape(where, sights, is_sent=True)
    null_since = None
    if field in wanted.nulls:
        takers = [sight.pin for sight in sights if sight.schema.get("nullable")]
        if not takers:
            raise DescriptionError(f"{where} may be null in no pin.")
        null_since, _ = _span(takers, pins)
        shape = msgspec.structs.replace(shape, nullable=True)
    innermost = shape.items or shape
    words = wanted.words.get(field, ())
    if unknown := sorted(set(words) - set(innermost.values)):
        raise DescriptionError(f"{where} knows no {', '.join(unknown)} in any pin.")
    if innermost.values and not words and not _takes_permissions(innermost):
        raise DescriptionError(f"operations.toml does not say which words of {where} are sent.")
    single = [_items(sight) if "items" in sight.schema else sight for sight in sights]
    return Field(
        shape=shape,
        since=since,
        until=until,
        required=any(sight.required for sight in sights),
        minimum=max((sight.schema["minimum"] for sight in sights if "minimum" in sight.schema), default=None),
        maximum=min((sight.schema["maximum"] for sight in sights if "maximum" in sight.schema), default=None),
        words=words,
        fields={name: _inner_field(f"{where}.{name}", name, single) for name in wanted.inside.get(field, ())},
        null_since=null_since,
        at_least=max(sight.schema.get("minItems", 0) for sight in sights),
        limits=_limits([*sights, *single]),
    )


def _inner_field(where: str, name: str, sights: Sequence[_Sight]) -> Field:
    found = [inner for sight in sights if (inner := _property(sight, name))]
    if not found:
        raise DescriptionError(f"No pin has the field {where}.")
    since, until = _span([sight.pin for sight in found], [sight.pin for sight in sights])
    return Field(
        shape=_shape(where, found, is_sent=True),
        since=since,
        until=until,
        required=any(sight.required for sight in found),
        limits=_limits(found),
    )


def _takes_permissions(shape: Shape) -> bool:
    """True of the one enum of which we send what the calls themselves say: the permissions that they ask for."""
    return "apiKey.create" in shape.values


def _limits(sights: Sequence[_Sight]) -> dict[str, tuple[str | float | bool, ...]]:
    seen: dict[str, dict[str | float | bool, None]] = {}
    for sight in sights:
        for fact in LIMITS:
            if fact in sight.schema:
                seen.setdefault(fact, {})[sight.schema[fact]] = None
    return {fact: tuple(values) for fact, values in seen.items()}


def _span(having: Iterable[Pin], asked: Iterable[Pin]) -> tuple[str, str | None]:
    """The first of the pins that have it, and the last if a newer one of those asked lacks it."""
    versions = sorted({pin.immich for pin in having}, key=version_numbers)
    newest = max((pin.immich for pin in asked), key=version_numbers)
    return versions[0], None if versions[-1] == newest else versions[-1]


def _shape(where: str, sights: Sequence[_Sight], *, is_sent: bool) -> Shape:
    kinds = frozenset(_kind(where, sight.schema) for sight in sights)
    inside = [_items(sight) for sight in sights if "items" in sight.schema]
    nullable = [bool(sight.schema.get("nullable")) for sight in sights]
    return Shape(
        kinds=narrowest_kind(where, kinds) if is_sent else widest_kinds(kinds),
        nullable=all(nullable) if is_sent else any(nullable),
        values=tuple(dict.fromkeys(word for sight in sights for word in sight.schema.get("enum", ()))),
        items=_shape(where, inside, is_sent=is_sent) if inside else None,
    )


def _kind(where: str, schema: Schema) -> str:
    if "type" not in schema:
        raise DescriptionError(f"{where} has no single type in some pin; the generator does not know how to read it.")
    return "date-time" if schema.get("format") == "date-time" else str(schema["type"])


def widest_kinds(kinds: frozenset[str]) -> tuple[str, ...]:
    """All kinds an answer may have: a number may be an integer, and a string not always called a time is a string."""
    wider = {"integer": "number", "date-time": "string"}
    return tuple(sorted(kind for kind in kinds if wider.get(kind) not in kinds))


def narrowest_kind(where: str, kinds: frozenset[str]) -> tuple[str, ...]:
    """The one kind that every pin takes in a request: an integer is a number, a time is a string.

    Errors: DescriptionError if no value suits all pins.
    """
    narrower = {"number": "integer", "string": "date-time"}
    left = sorted(kind for kind in kinds if narrower.get(kind) not in kinds)
    if len(left) > 1:
        raise DescriptionError(f"{where} is {' in one version and '.join(left)} in another; no value suits both.")
    return tuple(left)
