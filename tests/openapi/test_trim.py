from __future__ import annotations

import hashlib

import pytest

from openapi.pin import pin_text
from openapi.trim import trim
from sidecar.immich_client.contract.description import DescriptionError
from tests.openapi.descriptions import Json, description, json_of, operation, ref, thing_description


@pytest.mark.parametrize(
    ("text", "says"),
    [
        pytest.param(b"<!doctype html>", "not JSON", id="a web page"),
        pytest.param(b"[]", "not an OpenAPI description", id="a list"),
        pytest.param(b'{"info": {}}', "not an OpenAPI description", id="an object without paths"),
        pytest.param(description({}, version="latest"), "'latest' is not an Immich version", id="a version in words"),
        pytest.param(description({}), "3.1.0 does not describe getThing", id="no such operation"),
    ],
)
def test_what_is_no_description_of_ours_is_refused_in_a_sentence(text: bytes, says: str) -> None:
    with pytest.raises(DescriptionError, match=says):
        trim(text, ["getThing"], origin="a test")


@pytest.mark.parametrize(
    ("version", "pinned"),
    [
        pytest.param("2.10.0", [], id="older"),
        pytest.param("3.0.3", ["getThing"], id="the first"),
        pytest.param("3.0.10", ["getThing"], id="newer"),
    ],
)
def test_an_operation_is_pinned_from_the_version_that_is_to_have_it(version: str, pinned: list[str]) -> None:
    pin = trim(thing_description(version), ["getThing"], origin="a test", since={"getThing": "3.0.3", "other": "1.0.0"})
    assert list(pin.operations) == pinned
    assert list(pin.schemas) == (["Thing"] if pinned else [])


def test_a_version_that_is_to_have_an_operation_and_lacks_it_is_refused() -> None:
    assert trim(description({}, version="2.7.5"), ["a"], origin="a test", since={"a": "3.0.3"}).operations == {}
    with pytest.raises(DescriptionError, match=r"3\.1\.0 does not describe a"):
        trim(description({}), ["a"], origin="a test", since={"a": "3.0.3"})


def test_a_pin_keeps_facts_and_no_prose() -> None:
    thing: Json = {
        "id": {"type": "string", "format": "uuid", "pattern": "^x$", "description": "prose", "example": "prose"},
        "size": {"type": "integer", "minimum": 0, "maximum": 9, "default": 5, "title": "prose"},
        "kind": {"type": "string", "enum": ["a", "b"], "deprecated": True},
        "edited": {"type": "boolean", "x-immich-history": [{"version": "v2.5.0", "state": "Added"}]},
    }
    pin = trim(thing_description(thing=thing), ["getThing"], origin="a test")
    assert pin.schemas["Thing"]["properties"] == {
        "id": {"type": "string", "format": "uuid", "pattern": "^x$"},
        "size": {"type": "integer", "minimum": 0, "maximum": 9},
        "kind": {"type": "string", "enum": ["a", "b"]},
        "edited": {"type": "boolean", "since": "v2.5.0"},
    }
    assert "prose" not in pin_text(pin)


def test_fields_named_like_schema_keywords_survive() -> None:
    thing: Json = {name: {"type": "string"} for name in ("type", "description", "items", "properties", "required")}
    pin = trim(thing_description(thing=thing), ["getThing"], origin="a test")
    assert pin.schemas["Thing"]["properties"] == thing


def test_schemas_are_followed_as_deep_as_they_go_and_no_others_are_kept() -> None:
    schemas: Json = {
        "Thing": {"properties": {"parts": {"type": "array", "items": ref("Part")}}},
        "Part": {
            "properties": {"whole": {"allOf": [ref("Thing")], "nullable": True}, "notes": {"$ref": ref("Note")["$ref"]}}
        },
        "Note": {"additionalProperties": ref("Word")},
        "Word": {"oneOf": [{"type": "string"}, {"type": "integer"}], "additionalProperties": False},
        "Stranger": {"type": "string"},
    }
    paths: Json = {
        "/things": {
            "get": operation("getThings", answer={"type": "array", "items": ref("Thing")}),
            "post": operation("other", answer=ref("Stranger")),
            "summary": "not a method",
        }
    }
    pin = trim(description(paths, schemas), ["getThings"], origin="a test")
    assert sorted(pin.schemas) == ["Note", "Part", "Thing", "Word"]
    assert pin.schemas["Note"] == {"additionalProperties": {"$ref": "#/schemas/Word"}}
    assert pin.schemas["Word"] == {"oneOf": [{"type": "string"}, {"type": "integer"}], "additionalProperties": False}


def test_an_operation_keeps_where_it_is_what_it_takes_and_who_may() -> None:
    facts: Json = {
        "requestBody": {"required": True, **json_of(ref("Wish"))},
        "x-immich-permission": "thing.create",
        "x-immich-admin-only": True,
        "x-immich-history": [{"version": "v1", "state": "Added"}, {"version": "v2", "state": "Stable"}],
    }
    make = operation("makeThing", status="204", **facts)
    text = description({"/things": {"post": make}}, {"Wish": {"type": "object"}})
    pin = trim(text, ["makeThing"], origin="a test")
    made = pin.operations["makeThing"]
    assert (made.method, made.path, made.permission, made.admin_only, made.since) == (
        "POST",
        "/things",
        "thing.create",
        True,
        "v1",
    )
    assert made.body is not None
    assert (made.body.content, made.body.required) == ("application/json", True)
    assert made.answers == {"204": None}
    assert made.success is None


def test_a_body_without_a_schema_keeps_its_content_type() -> None:
    reply: Json = {"200": {"content": {"application/octet-stream": {}}}}
    text = description({"/file": {"get": operation("getFile", responses=reply)}})
    body = trim(text, ["getFile"], origin="a test").operations["getFile"].success
    assert body is not None
    assert (body.content, body.schema) == ("application/octet-stream", None)


def test_a_pin_says_what_it_was_cut_from() -> None:
    text = thing_description("2.7.5")
    pin = trim(text, ["getThing"], origin="a test")
    assert (pin.immich, pin.origin, pin.sha256) == ("2.7.5", "a test", hashlib.sha256(text).hexdigest())
