"""Merges pins into one contract: any pinned version's answer fulfils it, and no request of ours breaks it. Pure."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

import msgspec

from openapi.contract import Call, Contract, Field, Shape
from openapi.pin import Operation, Pin, Schema, version_numbers
from openapi.selection import DescriptionError, Selected, Selection, model_inside


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
        permissions=tuple(sorted({operation.permission for _, operation in found if operation.permission})),
        query=query,
        body=body,
    )


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
    return {field: _read_field(f"{model}.{field}", field, how, sights) for field, how in selection.reads(model).items()}


def _read_field(where: str, field: str, how: str | None, sights: Sequence[_Sight]) -> Field:
    found = [inner for sight in sights if (inner := _property(sight, field))]
    if not found:
        raise DescriptionError(f"No pin has the field {where}.")
    since, until = _span([sight.pin for sight in found], [sight.pin for sight in sights])
    return Field(
        shape=_shape(where, found, is_sent=False),
        since=since,
        until=until,
        required=len(found) == len(sights) and all(sight.required for sight in found),
        reads=how,
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
        field: _sent_field(f"{name}.{field}", known[field], pins, may_be_null=field in wanted.nulls)
        for field in wanted.sends
        if field in known
    }


def _sent_field(where: str, sights: Sequence[_Sight], pins: Sequence[Pin], *, may_be_null: bool) -> Field:
    since, until = _span([sight.pin for sight in sights], pins)
    shape = _shape(where, sights, is_sent=True)
    if may_be_null:
        if not any(sight.schema.get("nullable") for sight in sights):
            raise DescriptionError(f"{where} may be null in no pin.")
        shape = msgspec.structs.replace(shape, nullable=True)
    return Field(
        shape=shape,
        since=since,
        until=until,
        required=any(sight.required for sight in sights),
        minimum=max((sight.schema["minimum"] for sight in sights if "minimum" in sight.schema), default=None),
        maximum=min((sight.schema["maximum"] for sight in sights if "maximum" in sight.schema), default=None),
    )


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
