"""What a server changes of its API is reported where it would hurt, and nowhere else: hundreds of changed descriptions.

Whether a change hurts is found out without the code under test: by checking our requests against the changed
description with a JSON schema validator, and by decoding examples of every reply that it allows.
"""

from __future__ import annotations

import copy
import json
import random
from collections import Counter
from collections.abc import Callable, Iterator
from functools import partial
from typing import Any

import msgspec
import pytest
from behaviour.examples import everything, nulls, only_required, sparse
from behaviour.samples import CALLS, FOR_ADMINISTRATORS, OTHER_V4, V4, later_calls

from openapi.pin import Pin, published_text
from openapi.selection import load_selection
from openapi.trim import trim
from openapi.validation import pins, request_faults_of
from sidecar.immich_client._generated import calls, facts
from sidecar.immich_client.call import Call
from sidecar.immich_client.contract.comparison import HURTS, Change, compare
from sidecar.immich_client.contract.description import Description, Operation, place_of, version_numbers
from sidecar.immich_client.contract.terms import load_contract

Json = dict[str, Any]
SEED = 20_261_123
A_KIND = 6
"""How many variants of each kind are looked at of each pin."""

NEWEST = pins()[-1]
UNKNOWN_TYPE = {"string": "integer", "integer": "string", "number": "string", "boolean": "string", "object": "string"}


def parsed(pin: Pin) -> Json:
    document: Json = json.loads(published_text(pin))
    return document


def operations(document: Json) -> Iterator[tuple[str, str, Json]]:
    for path, item in document["paths"].items():
        for method, operation in item.items():
            if operation["operationId"] in facts.PERMISSIONS:
                yield path, method, operation


def objects(document: Json) -> Iterator[tuple[str, Json]]:
    for name, schema in document["components"]["schemas"].items():
        if schema.get("properties"):
            yield name, schema


# Each kind of change lists everything in a description that it can be done to, as something to be done.
Deed = Callable[[], object]


def later(deed: Callable[..., object], *arguments: object, **named: object) -> Deed:
    """The deed, to be done if it is drawn."""
    return partial(deed, *arguments, **named)


def forget(schema: Json, field: str) -> None:
    del schema["properties"][field]
    schema["required"] = [each for each in schema.get("required", ()) if each != field]


def drop_a_field(document: Json) -> Iterator[tuple[str, Deed]]:
    for name, schema in objects(document):
        for field in schema["properties"]:
            yield f"{name} without {field}", later(forget, schema, field)


def change_a_type(document: Json) -> Iterator[tuple[str, Deed]]:
    for name, schema in objects(document):
        for field, kind in schema["properties"].items():
            if kind.get("type") in UNKNOWN_TYPE and "enum" not in kind:
                other = {"type": UNKNOWN_TYPE[kind["type"]], "nullable": kind.get("nullable", False)}
                yield (
                    f"{name}.{field} is {other['type']}",
                    later(schema["properties"].update, {field: other}),
                )


def rename_an_operation(document: Json) -> Iterator[tuple[str, Deed]]:
    for path, method, operation in operations(document):
        yield (
            f"{method} {path} is called otherwise",
            later(operation.update, operationId=f"{operation['operationId']}V2"),
        )


def move(paths: Json, path: str, method: str) -> None:
    paths.setdefault(f"/v2{path}", {})[method] = paths[path].pop(method)


def move_an_operation(document: Json) -> Iterator[tuple[str, Deed]]:
    for path, method, _ in operations(document):
        yield f"{method} {path} has moved", later(move, document["paths"], path, method)


def remove_an_operation(document: Json) -> Iterator[tuple[str, Deed]]:
    for path, method, _ in operations(document):
        yield f"{method} {path} is gone", later(document["paths"][path].pop, method)


def tighten_an_enum(document: Json) -> Iterator[tuple[str, Deed]]:
    for name, schema in document["components"]["schemas"].items():
        for word in schema.get("enum", ()):
            yield f"{name} does not know {word}", later(schema["enum"].remove, word)


def widen_an_enum(document: Json) -> Iterator[tuple[str, Deed]]:
    for name, schema in document["components"]["schemas"].items():
        if "enum" in schema:
            yield f"{name} knows another word", later(schema["enum"].append, "brand-new")


def require(schema: Json, field: str) -> None:
    schema.setdefault("required", []).append(field)


def require_a_field(document: Json) -> Iterator[tuple[str, Deed]]:
    for name, schema in objects(document):
        for field in schema["properties"].keys() - set(schema.get("required", ())):
            yield f"{name}.{field} is needed", later(require, schema, field)


def add_a_field(document: Json) -> Iterator[tuple[str, Deed]]:
    for name, schema in objects(document):
        yield f"{name} has one more", later(schema["properties"].update, brandNew={"type": "string"})


def demand(schema: Json) -> None:
    schema["properties"]["brandNew"] = {"type": "string"}
    require(schema, "brandNew")


def demand_a_new_field(document: Json) -> Iterator[tuple[str, Deed]]:
    for name, schema in objects(document):
        yield f"{name} demands one more", later(demand, schema)


def make_optional(document: Json) -> Iterator[tuple[str, Deed]]:
    for name, schema in objects(document):
        for field in schema.get("required", ()):
            yield f"{name}.{field} may be missing", later(schema["required"].remove, field)


def make_nullable(document: Json) -> Iterator[tuple[str, Deed]]:
    for name, schema in objects(document):
        for field, kind in schema["properties"].items():
            if "type" in kind and not kind.get("nullable"):
                yield f"{name}.{field} may be null", later(kind.update, nullable=True)


def forbid_null(document: Json) -> Iterator[tuple[str, Deed]]:
    for name, schema in objects(document):
        for field, kind in schema["properties"].items():
            if kind.get("nullable"):
                yield f"{name}.{field} is never null", later(kind.pop, "nullable")


def shorten_a_list(document: Json) -> Iterator[tuple[str, Deed]]:
    for name, schema in objects(document):
        for field, kind in schema["properties"].items():
            if kind.get("type") == "array":
                yield f"{name}.{field} holds one at most", later(kind.update, maxItems=1)


def narrow_a_number(document: Json) -> Iterator[tuple[str, Deed]]:
    for name, schema in objects(document):
        for field, kind in schema["properties"].items():
            if "maximum" in kind:
                low = kind.get("minimum", 0)
                yield f"{name}.{field} is {low} at most", later(kind.update, maximum=low)


def ask_for_another_permission(document: Json) -> Iterator[tuple[str, Deed]]:
    for path, method, operation in operations(document):
        yield (
            f"{method} {path} asks for more",
            later(operation.update, {"x-immich-permission": "brand.new"}),
        )


def keep_it_to_administrators(document: Json) -> Iterator[tuple[str, Deed]]:
    for path, method, operation in operations(document):
        yield f"{method} {path} is for administrators", later(operation.update, {"x-immich-admin-only": True})


def answer_otherwise(document: Json) -> Iterator[tuple[str, Deed]]:
    for path, method, operation in operations(document):
        yield f"{method} {path} answers nothing", later(operation.update, responses={"204": {}})


KINDS = (
    drop_a_field,
    change_a_type,
    rename_an_operation,
    move_an_operation,
    remove_an_operation,
    tighten_an_enum,
    widen_an_enum,
    require_a_field,
    add_a_field,
    demand_a_new_field,
    make_optional,
    make_nullable,
    forbid_null,
    shorten_a_list,
    narrow_a_number,
    ask_for_another_permission,
    keep_it_to_administrators,
    answer_otherwise,
)


def variants(pin: Pin, kind: Callable[[Json], Iterator[tuple[str, Deed]]]) -> Iterator[tuple[str, Json]]:
    """Some of the descriptions that this kind of change makes of a pin's, by the same draw each time."""
    count = sum(1 for _ in kind(parsed(pin)))
    draw = random.Random(f"{SEED} {pin.immich} {kind.__name__}")  # noqa: S311  # wanted repeatable
    for number in sorted(draw.sample(range(count), min(count, A_KIND))):
        document = parsed(pin)
        says, deed = list(kind(document))[number]
        deed()
        yield says, document


@pytest.mark.timeout(300)
@pytest.mark.parametrize("kind", KINDS, ids=lambda kind: kind.__name__)
@pytest.mark.parametrize("pin", [pytest.param(pin, id=pin.immich) for pin in pins()])
def test_what_hurts_is_reported_and_nothing_else(
    pin: Pin, kind: Callable[[Json], Iterator[tuple[str, Deed]]], record_property: Any
) -> None:
    found: Counter[str] = Counter()
    for says, document in variants(pin, kind):
        text = json.dumps(document).encode()
        reported = {
            verdict.operation: verdict.reasons
            for verdict in compare(load_contract(), Description(text))
            if verdict.change in HURTS
        }
        hurting = dict(hurt(pin, text))
        assert reported.keys() == hurting.keys(), (says, reported, hurting)
        found["hurts" if hurting else "harmless"] += 1
    assert sum(found.values()) > 0
    record_property("variants", dict(found))


def hurt(pin: Pin, text: bytes) -> Iterator[tuple[str, str]]:
    """Operation -> what goes wrong with it, tried out."""
    understood = load_selection().understood
    described = Description(text)
    expected = [name for name, since in facts.SINCE.items() if version_numbers(since) <= version_numbers(pin.immich)]
    places = {name: place_of(CALLS[name][0].method, load_contract().calls[name].path) for name in expected}
    found = {name: at for name, place in places.items() if (at := described.name_at(place)) is not None}
    changed = trim(text, found.values(), origin="a test")
    for name in expected:
        if name not in found:
            yield name, "nothing is there"
        elif wrong := next(faults_of(name, found[name], pin, changed, understood), None):
            yield name, wrong


def faults_of(name: str, found: str, pin: Pin, changed: Pin, understood: Json) -> Iterator[str]:
    operation = changed.operations[found]
    if operation.permission is not None and operation.permission not in facts.PERMISSIONS[name]:
        yield "a permission that we do not ask for"
    if operation.admin_only and name not in FOR_ADMINISTRATORS:
        yield "not for us"
    for call in sent(name, pin):
        ids = [part for part in call.path.split("/") if part in {V4, OTHER_V4}]
        path = dict(zip([p.name for p in operation.parameters if p.place == "path"], ids, strict=True))
        body = None if call.body is None else msgspec.json.decode(call.body)
        yield from request_faults_of(changed, operation, path=path, query=dict(call.query), body=body)
        yield from ignored(body, operation, changed)
    yield from misread(name, operation.success, pin, changed)
    yield from unsaid(name, changed, understood)


def ignored(body: Any, operation: Operation, changed: Pin) -> Iterator[str]:
    """What is inside a list of objects and would be dropped without a word."""
    if operation.body is None or operation.body.schema is None:
        return
    known = changed.resolve(operation.body.schema).get("properties", {})
    for name, value in (body or {}).items():
        inner = known.get(name, {}).get("items")
        if inner is not None and isinstance(value, list) and value and isinstance(value[0], dict):
            yield from (
                f"{name}.{each}" for each in value[0].keys() - changed.resolve(inner).get("properties", {}).keys()
            )


def sent(name: str, pin: Pin) -> Iterator[Call[Any]]:
    """What we may send: as the product does, with nothing optional, and with every number at its ends."""
    yield from CALLS[name]
    yield from later_calls(name, version_numbers(pin.immich))
    if name == "createApiKey":
        yield calls.create_api_key(permissions=sorted(set[str]().union(*facts.PERMISSIONS.values())))
    contract = load_contract().calls[name]
    fields = {**contract.query, **contract.body}
    for call in CALLS[name]:
        body = None if call.body is None else msgspec.json.decode(call.body)
        needed = {each: value for each, value in (body or {}).items() if fields[each].required}
        query = tuple(pair for pair in call.query if fields[pair[0]].required)
        yield otherwise(call, query, None if body is None else needed)
        for each, field in contract.body.items():
            is_of_now = version_numbers(field.since) <= version_numbers(pin.immich)
            for value in (field.minimum, field.maximum):
                if value is not None and is_of_now:
                    yield otherwise(call, call.query, {**(body or {}), each: value})
            if field.shape.kinds == ("array",) and body and each in body:
                yield otherwise(call, call.query, {**body, each: (body[each] * 3)[:3]})
                for inner in (name for name, inside in field.fields.items() if inside.shape.nullable):
                    yield otherwise(call, call.query, {**body, each: [{**item, inner: None} for item in body[each]]})


def otherwise(call: Call[Any], query: tuple[tuple[str, str], ...], body: object) -> Call[Any]:
    encoded = None if body is None else msgspec.json.encode(body)
    return Call(call.operation, call.method, call.path, call.decode, query, encoded)


def misread(name: str, success: Any, pin: Pin, changed: Pin) -> Iterator[str]:
    """What our decoder cannot make of a reply that the changed description allows, or what it has lost."""
    call = CALLS[name][0]
    if not call.answers_json:
        return
    if success is None or success.schema is None:
        yield "no JSON"
        return
    for fill in (everything, nulls, only_required, sparse):
        try:
            filled(call.decode(msgspec.json.encode(fill(changed, success.schema))))
        except msgspec.DecodeError as error:
            yield str(error)
    before = pin.operations[name].success
    assert before is not None
    assert before.schema is not None
    had = filled(call.decode(msgspec.json.encode(everything(pin, before.schema))))
    try:
        has = filled(call.decode(msgspec.json.encode(everything(changed, success.schema))))
    except msgspec.DecodeError:
        return
    yield from (f"{lost} is never filled" for lost in sorted(had - has))


def filled(value: object, place: str = "") -> set[str]:
    """The places of everything in a reply that has a value."""
    if isinstance(value, msgspec.Raw):
        value = calls.get_asset_info(id=V4).decode(bytes(value))
    if isinstance(value, msgspec.Struct):
        return {at for name in value.__struct_fields__ for at in filled(getattr(value, name), f"{place}.{name}")}
    if isinstance(value, list):
        return {at for each in value for at in filled(each, f"{place}[]")}
    return set() if value is None else {place}


def unsaid(name: str, changed: Pin, understood: Json) -> Iterator[str]:
    """Words by which we go, and which the newest description did say."""
    if changed.immich != NEWEST.immich:
        return
    models = {"Asset": "AssetResponseDto", "AlbumUser": "AlbumUserResponseDto"}
    for model, fields in understood.items():
        schema = changed.schemas.get(models[model])
        for field, words in fields.items():
            published = (schema or {}).get("properties", {}).get(field)
            if published is not None and reads(name, model):
                enum = changed.resolve(published).get("enum", words)
                yield from (f"{model}.{field} never says {word}" for word in words if word not in enum)


def reads(name: str, model: str) -> bool:
    """Whether the reply to this operation is read as this model, or holds it."""
    contract = load_contract()
    seen: set[str] = set()
    waiting = {contract.calls[name].answer}
    while waiting:
        each = waiting.pop()
        if each is not None and each not in seen:
            seen.add(each)
            waiting |= {
                (field.reads or "").removeprefix("raw ").strip() for field in contract.models[each].values()
            } & (contract.models.keys())
    return model in seen


def test_what_is_described_as_pinned_is_unchanged() -> None:
    for pin in pins():
        verdicts = compare(load_contract(), Description(published_text(pin).encode()))
        assert {verdict.change for verdict in verdicts} <= {Change.UNCHANGED, Change.NOT_YET}


def test_a_description_in_another_order_is_the_same() -> None:
    document = copy.deepcopy(parsed(NEWEST))
    for _, _, operation in operations(document):
        operation["parameters"].reverse()
    for _, schema in objects(document):
        schema["properties"] = dict(reversed(schema["properties"].items()))
        schema.get("required", []).reverse()
    verdicts = compare(load_contract(), Description(json.dumps(document).encode()))
    assert {verdict.change for verdict in verdicts} == {Change.UNCHANGED}


@pytest.mark.parametrize(
    "spoil",
    [
        lambda operation: operation.pop("responses"),
        lambda operation: operation.update(parameters=[{"name": "x"}]),
        lambda operation: operation.update(parameters="none"),
        lambda operation: operation.update(responses={"200": {"content": {"application/json": {"schema": [1]}}}}),
        lambda operation: operation.update({"x-immich-permission": 5}),
        lambda operation: operation.update(
            responses={"200": {"content": {"application/json": {"schema": {"$ref": "#/components/schemas/Nowhere"}}}}}
        ),
    ],
)
def test_an_operation_that_cannot_be_read_matters_and_the_others_are_judged(spoil: Callable[[Json], object]) -> None:
    document = parsed(NEWEST)
    spoil(document["paths"]["/stacks"]["post"])
    verdicts = {each.operation: each for each in compare(load_contract(), Description(json.dumps(document).encode()))}
    assert verdicts.pop("createStack").change is Change.MATTERS
    assert {each.change for each in verdicts.values()} == {Change.UNCHANGED}
