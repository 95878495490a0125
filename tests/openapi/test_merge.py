from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from openapi.merge import merge, narrowest_kind, widest_kinds
from openapi.pin import Pin
from openapi.selection import Selected, Selection
from openapi.trim import trim
from sidecar.immich_client.contract.description import DescriptionError
from sidecar.immich_client.contract.terms import Contract, Field, Shape
from tests.openapi.descriptions import Json, description, json_of, operation, ref, thing_description

TEXT: Json = {"type": "string"}
WHOLE: Json = {"type": "integer"}
MOMENT: Json = {"type": "string", "format": "date-time"}


def pin(text: bytes, *operations: str) -> Pin:
    return trim(text, operations or ["getThing"], origin="a test")


def thing_pins(*things: tuple[str, Json, list[str]]) -> list[Pin]:
    return [pin(thing_description(version, thing=thing, required=required)) for version, thing, required in things]


def reading(*fields: str | dict[str, str], **models: tuple[str | dict[str, str], ...]) -> Selection:
    return Selection(calls={"getThing": Selected(answer="Thing")}, models={"Thing": fields, **models})


def field_of(contract: Contract, name: str) -> Field:
    return contract.models["Thing"][name]


def test_a_field_is_required_only_if_every_pin_requires_it() -> None:
    both = {"a": TEXT, "b": TEXT, "c": TEXT}
    pins = thing_pins(("2.7.5", both, ["a", "b"]), ("3.1.0", {"a": TEXT, "b": TEXT}, ["a"]))
    contract = merge(pins, reading("a", "b", "c"))
    assert [field_of(contract, name).required for name in "abc"] == [True, False, False]


def test_a_field_may_be_null_if_any_pin_allows_it() -> None:
    pins = thing_pins(("2.7.5", {"a": TEXT}, ["a"]), ("3.1.0", {"a": {**TEXT, "nullable": True}}, ["a"]))
    assert field_of(merge(pins, reading("a")), "a").shape.nullable


def test_a_changed_type_is_accepted_both_ways() -> None:
    pins = thing_pins(("2.7.5", {"a": TEXT}, ["a"]), ("3.1.0", {"a": {**WHOLE, "nullable": True}}, ["a"]))
    assert field_of(merge(pins, reading("a")), "a").shape == Shape(kinds=("integer", "string"), nullable=True)


def test_fields_know_since_and_until_when_they_are_there() -> None:
    pins = thing_pins(
        ("2.5.6", {"old": TEXT, "mid": TEXT}, []),
        ("2.10.0", {"mid": TEXT, "new": TEXT}, []),
        ("3.1.0", {"new": TEXT}, []),
    )
    contract = merge(pins, reading("old", "mid", "new"))
    spans = [(field_of(contract, name).since, field_of(contract, name).until) for name in ("old", "mid", "new")]
    assert spans == [("2.5.6", "2.5.6"), ("2.5.6", "2.10.0"), ("2.10.0", None)]


def test_the_words_of_an_enum_are_gathered_over_all_pins() -> None:
    pins = thing_pins(
        ("2.7.5", {"a": {**TEXT, "enum": ["x", "y"]}}, []), ("3.1.0", {"a": {**TEXT, "enum": ["y", "z"]}}, [])
    )
    assert field_of(merge(pins, reading("a")), "a").shape.values == ("x", "y", "z")


def test_lists_merge_what_is_inside_them() -> None:
    pins = thing_pins(
        ("2.7.5", {"a": {"type": "array", "items": TEXT}}, []),
        ("3.1.0", {"a": {"type": "array", "items": {**WHOLE, "nullable": True}}}, []),
    )
    inside = field_of(merge(pins, reading("a")), "a").shape.items
    assert inside == Shape(kinds=("integer", "string"), nullable=True)


def test_a_nested_model_is_read_wherever_it_stands() -> None:
    part: Json = {"type": "object", "properties": {"id": TEXT}, "required": ["id"]}
    thing: Json = {
        "one": {"allOf": [part], "nullable": True},
        "more": {"type": "array", "items": {**part, "required": []}},
    }
    selection = reading({"one": "Part"}, {"more": "raw Part"}, Part=("id",))
    contract = merge(thing_pins(("3.1.0", thing, [])), selection)
    assert field_of(contract, "one").shape.nullable
    assert field_of(contract, "more").reads == "raw Part"
    assert not contract.models["Part"]["id"].required


def test_an_operation_knows_its_versions_its_permissions_and_whether_it_may_be_repeated() -> None:
    def version(number: str, permission: str) -> Pin:
        things: Json = {"type": "array", "items": {"type": "object", "properties": {"id": TEXT}}}
        facts: Json = {"x-immich-permission": permission}
        ask = operation("askThings", answer=things, **facts)
        return pin(description({"/things": {"post": ask}}, version=number), "askThings")

    pins = [pin(thing_description("2.5.6")), version("2.7.5", "thing.old"), version("3.1.0", "thing.read")]
    selection = Selection(calls={"askThings": Selected(answer="Thing", repeatable=True)}, models={"Thing": ("id",)})
    call = merge(pins, selection).calls["askThings"]
    assert (call.method, call.path, call.since, call.until) == ("POST", "/things", "2.7.5", None)
    assert call.permissions == ("thing.old", "thing.read")
    assert call.answers_list
    assert call.repeatable


def test_an_operation_that_is_gone_knows_its_last_version() -> None:
    pins = [pin(thing_description("2.5.6")), trim(description({}, version="3.1.0"), [], origin="a test")]
    assert merge(pins, reading("id")).calls["getThing"].until == "2.5.6"


def test_what_an_older_pin_means_by_the_same_name_is_left_alone() -> None:
    pins = thing_pins(("2.10.0", {"a": TEXT}, []), ("3.0.3", {"a": WHOLE}, ["a"]), ("3.1.0", {"a": WHOLE}, ["a"]))
    selection = Selection(calls={"getThing": Selected(answer="Thing", since="3.0.3")}, models={"Thing": ("a",)})
    contract = merge(pins, selection)
    assert contract.calls["getThing"].since == "3.0.3"
    assert field_of(contract, "a") == Field(shape=Shape(kinds=("integer",)), since="3.0.3", required=True)
    with pytest.raises(DescriptionError, match="No pin has the operation getThing"):
        merge(pins[:1], selection)


def making(properties: Json, required: list[str], *, version: str = "3.1.0", **facts: Any) -> Pin:
    wish = {"type": "object", "properties": properties, "required": required}
    make = operation("makeThing", requestBody=json_of(wish), **facts)
    return pin(description({"/things": {"post": make}}, version=version), "makeThing")


def sending(*fields: str) -> Selection:
    return Selection(calls={"makeThing": Selected(sends=fields)}, models={})


def test_a_request_takes_what_every_pin_takes() -> None:
    old = making({"size": {"type": "number", "minimum": 1, "maximum": 1000, "nullable": True}}, [], version="2.7.5")
    new = making({"size": {"type": "integer", "minimum": 0, "maximum": 500}}, ["size"])
    size = merge([old, new], sending("size")).calls["makeThing"].body["size"]
    assert size == Field(shape=Shape(kinds=("integer",)), since="2.7.5", required=True, minimum=1, maximum=500)


def sending_null(name: str, *sent: str) -> Selection:
    return Selection(calls={"makeThing": Selected(sends=sent, nulls=(name,))}, models={})


@pytest.mark.parametrize("nulls", [(True, True), (False, True), (True, False)])
def test_a_field_may_be_sent_as_null_where_that_is_asked_for_and_some_pin_takes_it(nulls: tuple[bool, bool]) -> None:
    stars = [{**WHOLE, "nullable": True} if nullable else WHOLE for nullable in nulls]
    old, new = (making({"stars": each}, [], version=v) for each, v in zip(stars, ("2.7.5", "3.1.0"), strict=True))
    assert merge([old, new], sending_null("stars", "stars")).calls["makeThing"].body["stars"].shape.nullable
    plain = merge([old, new], sending("stars")).calls["makeThing"].body["stars"].shape.nullable
    assert plain is all(nulls)


def test_a_field_of_a_query_is_told_from_one_of_the_body() -> None:
    key: Json = {"name": "key", "in": "query", "schema": TEXT}
    call = merge([making({"name": TEXT}, [], parameters=[key])], sending("key", "name")).calls["makeThing"]
    assert (list(call.query), list(call.body)) == (["key"], ["name"])


def test_an_answer_that_nobody_reads_needs_no_model() -> None:
    assert merge([making({}, [])], sending()).calls["makeThing"].answer is None


@pytest.mark.parametrize(
    ("pins", "selection", "says"),
    [
        pytest.param(
            [pin(thing_description())], sending(), "No pin has the operation makeThing", id="unknown operation"
        ),
        pytest.param(
            [pin(thing_description())], reading("name"), r"No pin has the field Thing\.name", id="unknown field"
        ),
        pytest.param([pin(thing_description())], reading({"id": "Part"}), "model Part", id="unlisted model"),
        pytest.param(
            [pin(thing_description())], reading("id", Part=("id",)), "no call reads: Part", id="model that nobody reads"
        ),
        pytest.param([making({}, [])], sending("name"), "makeThing takes no name", id="field that cannot be sent"),
        pytest.param(
            [making({"name": TEXT}, ["name"])], sending(), "demands name", id="field that must be sent and is not"
        ),
        pytest.param(
            [making({"a": TEXT}, [])], sending_null("a", "a"), r"makeThing\.a may be null in no pin", id="null"
        ),
        pytest.param(
            [making({"a": TEXT}, [])], sending_null("a"), "makeThing never sends a", id="null that is not sent"
        ),
        pytest.param(
            [making({"a": TEXT}, [], version="2.7.5"), making({"a": WHOLE}, [])],
            sending("a"),
            r"makeThing\.a is integer in one version and string",
            id="field of no common type",
        ),
        pytest.param(
            [making({}, [])],
            Selection(calls={"makeThing": Selected(answer="Thing")}, models={"Thing": ("id",)}),
            "answers no JSON",
            id="answer that is not there",
        ),
        pytest.param(
            thing_pins(("3.1.0", {"a": {"oneOf": [TEXT, WHOLE]}}, [])), reading("a"), "no single type", id="a union"
        ),
        pytest.param(
            [
                pin(thing_description("2.7.5")),
                pin(description({"/moved/{id}": {"get": operation("getThing", answer={"type": "object"})}})),
            ],
            reading("id"),
            "getThing has moved",
            id="moved operation",
        ),
        pytest.param(
            [
                pin(thing_description("2.7.5")),
                pin(
                    description(
                        {
                            "/things/{id}": {
                                "get": operation("getThing", answer={"type": "array", "items": ref("Thing")})
                            }
                        },
                        {"Thing": {"type": "object"}},
                    )
                ),
            ],
            reading("id"),
            "a list in some versions",
            id="answer that became a list",
        ),
    ],
)
def test_what_one_client_cannot_serve_is_refused_in_a_sentence(
    pins: list[Pin], selection: Selection, says: str
) -> None:
    with pytest.raises(DescriptionError, match=says):
        merge(pins, selection)


KINDS = st.frozensets(st.sampled_from(["string", "date-time", "integer", "number", "boolean", "array"]), min_size=1)


@given(KINDS)
def test_every_kind_of_an_answer_is_read_by_one_of_the_merged_kinds(kinds: frozenset[str]) -> None:
    merged = widest_kinds(kinds)
    readers = {"integer": {"integer", "number"}, "date-time": {"date-time", "string"}}
    assert all(readers.get(kind, {kind}) & set(merged) for kind in kinds)
    assert not {"integer", "number"} <= set(merged)
    assert not {"string", "date-time"} <= set(merged)


@given(KINDS)
def test_a_sent_kind_is_taken_by_every_pin_or_refused(kinds: frozenset[str]) -> None:
    takers = {"integer": {"integer", "number"}, "date-time": {"date-time", "string"}}
    try:
        (sent,) = narrowest_kind("here", kinds)
    except DescriptionError:
        assert all(not kinds <= takers.get(kind, {kind}) for kind in kinds)
    else:
        assert kinds <= takers.get(sent, {sent})


def test_a_time_is_a_time_only_if_every_pin_says_so() -> None:
    always = thing_pins(("2.7.5", {"a": MOMENT}, []), ("3.1.0", {"a": MOMENT}, []))
    sometimes = thing_pins(("2.7.5", {"a": TEXT}, []), ("3.1.0", {"a": MOMENT}, []))
    kinds = [field_of(merge(pins, reading("a")), "a").shape.kinds for pins in (always, sometimes)]
    assert kinds == [("date-time",), ("string",)]
