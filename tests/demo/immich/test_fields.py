from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from sidecar.demo.immich.fields import Fields
from sidecar.demo.immich.refusals import Invalid, bad_request
from sidecar.demo.immich.versions import behaviour_of

_ID = "00000000-0000-4000-8000-00000000000a"
Read = Callable[[Fields], object]


def _uuid(fields: Fields) -> object:
    return fields.uuid("x")


def _number(fields: Fields) -> object:
    return fields.whole("x", at_least=1, at_most=5)


_EACH = "each value in x must be"


@pytest.mark.parametrize(
    ("value", "read", "code", "legacy"),
    [
        pytest.param(_ID.replace("-4000", "-1000"), _uuid, "invalid_format", "x must be a UUID", id="uuid v1"),
        pytest.param([_ID, "no"], lambda f: f.uuids("x"), "invalid_format", f"{_EACH} a UUID", id="one bad id"),
        pytest.param([_ID, 7], lambda f: f.uuids("x"), "invalid_type", f"{_EACH} a UUID", id="one id that is no text"),
        pytest.param("no", lambda f: f.uuids("x"), "invalid_type", "x must be an array", id="no list"),
        pytest.param(
            [_ID], lambda f: f.uuids("x", at_least=2), "too_small", "x must contain at least 2 elements", id="too few"
        ),
        pytest.param("2", _number, "invalid_type", "x must be an integer number", id="number as word"),
        pytest.param(True, _number, "invalid_type", "x must be an integer number", id="number as boolean"),
        pytest.param(0, _number, "too_small", "x must not be less than 1", id="too small"),
        pytest.param(9, _number, "too_big", "x must not be greater than 5", id="too big"),
        pytest.param(
            "yes", lambda f: f.boolean("x"), "invalid_type", "x must be a boolean value", id="boolean as word"
        ),
        pytest.param(1.5, lambda f: f.text("x"), "invalid_type", "x must be a string", id="text as number"),
        pytest.param(None, lambda f: f.text("x", required=True), "invalid_type", "x must be a string", id="null text"),
        pytest.param(
            "c",
            lambda f: f.option("x", "ab"),
            "invalid_value",
            "x must be one of the following values: a, b",
            id="no option",
        ),
        pytest.param(
            ["a", "c"],
            lambda f: f.options("x", ("a",)),
            "invalid_value",
            f"{_EACH} one of the following values: a",
            id="one bad option",
        ),
        pytest.param(
            [], lambda f: f.options("x", ("a",)), "too_small", "x must contain at least 1 elements", id="no options"
        ),
    ],
)
def test_a_wrong_field_is_refused_in_the_words_of_each_generation(
    value: Any, read: Read, code: str, legacy: str
) -> None:
    fields = Fields({"x": value})
    read(fields)
    with pytest.raises(Invalid) as caught:
        fields.done()
    issue = caught.value.body(behaviour_of("3.1.0"))["errors"][0]
    assert (issue["code"], issue["path"][0]) == (code, "x")
    old = caught.value.body(behaviour_of("2.7.5"))
    assert (old["message"], old["error"], old["statusCode"]) == ([legacy], "Bad Request", 400)


_UNFILLED = "x should not be empty"
_NO_TEXT = "x must be a string"


@pytest.mark.parametrize(
    ("source", "read", "message", "legacy"),
    [
        pytest.param(
            {"x": 5},
            _uuid,
            "Invalid input: expected string, received number",
            ["x must be a UUID", _NO_TEXT],
            id="number for a uuid",
        ),
        pytest.param(
            {"x": None},
            _uuid,
            "Invalid input: expected string, received null",
            ["x must be a UUID", _NO_TEXT],
            id="null for a uuid that may be absent",
        ),
        pytest.param(
            {},
            lambda f: f.uuid("x", required=True),
            "Invalid input: expected string, received undefined",
            ["x must be a UUID", _UNFILLED, _NO_TEXT],
            id="no uuid",
        ),
        pytest.param(
            {"x": ""},
            lambda f: f.uuid("x", required=True),
            "Invalid UUID",
            ["x must be a UUID", _UNFILLED],
            id="an empty uuid",
        ),
        pytest.param(
            {"x": ""},
            lambda f: f.text("x", filled=True),
            "Too small: expected string to have >=1 characters",
            [_UNFILLED],
            id="an empty text",
        ),
        pytest.param(
            {"x": None},
            lambda f: f.text("x", required=True, filled=True),
            "Invalid input: expected string, received null",
            [_NO_TEXT, _UNFILLED],
            id="null for a text",
        ),
        pytest.param(
            {"x": 5},
            lambda f: f.text("x", required=True, filled=True),
            "Invalid input: expected string, received number",
            [_NO_TEXT],
            id="number for a text",
        ),
        pytest.param(
            {"x": [{"y": {}}, {"y": "z"}]},
            lambda f: [inner.record("y") for inner in f.objects("x")],
            "Invalid input: expected record, received string",
            ["x.1.y must be an object"],
            id="a wrong field of a nested object",
        ),
        pytest.param(
            {"x": [{"y": "z"}]},
            lambda f: [inner.instant("y") for inner in f.objects("x")],
            "Invalid input: expected ISO 8601 datetime string, received string",
            "x.0.y must be a date string",
            id="a wrong date of a nested object",
        ),
    ],
)
def test_what_is_wrong_may_take_several_sentences_in_2_x(
    source: dict[str, Any], read: Read, message: str, legacy: list[str] | str
) -> None:
    fields = Fields(source)
    read(fields)
    with pytest.raises(Invalid) as caught:
        fields.done()
    assert [error["message"] for error in caught.value.body(behaviour_of("3.1.0"))["errors"]] == [message]
    assert caught.value.body(behaviour_of("2.7.5"))["message"] == legacy


def test_a_uuid_may_be_null_where_that_is_said() -> None:
    fields = Fields({"x": None})
    assert fields.uuid("x", nullable=True) is None
    fields.done()


@pytest.mark.parametrize(
    ("source", "message"),
    [
        pytest.param({"x": "yesterday"}, "received string", id="no date"),
        pytest.param({"x": None}, "received object", id="null"),
        pytest.param({"x": 7}, "received number", id="a number"),
        pytest.param({}, "received undefined", id="missing"),
    ],
)
def test_a_wrong_date_is_refused_by_a_sentence_of_its_own_in_2_x(source: dict[str, Any], message: str) -> None:
    fields = Fields(source)
    assert fields.instant("x", required=True) is None
    with pytest.raises(Invalid) as caught:
        fields.done()
    assert caught.value.body(behaviour_of("2.7.5"))["message"] == "x must be a date string"
    assert message in caught.value.body(behaviour_of("3.1.0"))["errors"][0]["message"]


def test_absent_fields_read_as_none_and_refuse_nothing() -> None:
    fields = Fields({})
    assert [fields.text("a"), fields.boolean("b"), fields.whole("c", at_least=1), fields.instant("d")] == [None] * 4
    assert [fields.option("e", ("x",)), fields.uuid("f")] == [None, None]
    fields.done()


def test_all_wrong_fields_are_named_at_once() -> None:
    fields = Fields({"a": [], "b": {}})
    fields.text("a")
    fields.boolean("b")
    with pytest.raises(Invalid) as caught:
        fields.done()
    messages = [issue["message"] for issue in caught.value.body(behaviour_of("3.1.0"))["errors"]]
    assert messages == [
        "Invalid input: expected string, received array",
        "Invalid input: expected boolean, received object",
    ]


@pytest.mark.parametrize(("word", "expected"), [("true", True), ("false", False)])
def test_queries_spell_booleans_as_words(word: str, *, expected: bool) -> None:
    assert Fields({"x": word}, from_query=True).boolean("x") is expected


def test_queries_refuse_other_words() -> None:
    fields = Fields({"x": "yes", "y": 1}, from_query=True)
    assert fields.boolean("x") is None
    assert fields.boolean("y") is None
    with pytest.raises(Invalid) as caught:
        fields.done()
    assert [issue.details["code"] for issue in caught.value.issues] == ["invalid_value", "invalid_type"]


def test_a_plain_refusal_carries_its_sentence_in_both_generations() -> None:
    refusal = bad_request("No")
    assert refusal.body(behaviour_of("3.1.0")) == {"message": "No"}
    old = refusal.body(behaviour_of("2.7.5"))
    assert old.keys() == {"message", "error", "statusCode", "correlationId"}


def test_a_missing_option_is_refused_as_empty_and_as_none_of_them() -> None:
    fields = Fields({})
    assert fields.option("x", ("a", "b"), required=True) is None
    with pytest.raises(Invalid) as caught:
        fields.done()
    assert caught.value.body(behaviour_of("2.7.5"))["message"] == [
        "x should not be empty",
        "x must be one of the following values: a, b",
    ]
