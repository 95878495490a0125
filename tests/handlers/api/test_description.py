from __future__ import annotations

import json
import re
from collections import Counter
from collections.abc import Iterator
from enum import StrEnum
from http import HTTPStatus
from typing import Annotated, Any

import msgspec
import pytest
from jsonschema import Draft202012Validator

from sidecar import __version__
from sidecar.handlers.api.description import describe
from sidecar.handlers.api.operation import Asked, For, Nothing, Operation
from sidecar.handlers.api.routes import OPERATIONS
from tests.handlers.conftest import BASE, Household


class Colour(StrEnum):
    RED = "red"
    BLUE = "blue"


class Query(msgspec.Struct, frozen=True):
    size: int
    limit: Annotated[int, msgspec.Meta(ge=1, le=100)] = 100
    colour: Colour | None = None
    colours: tuple[Colour, ...] = ()
    favourite: Colour = Colour.RED
    kind: str = msgspec.field(default="x", name="class")
    many: list[int] = msgspec.field(default_factory=list)


class Body(msgspec.Struct, frozen=True):
    colour: Colour


class Part(msgspec.Struct, frozen=True):
    name: str


class Answer(msgspec.Struct, frozen=True):
    parts: list[Part]


async def nothing(_asked: Asked[Any, Any]) -> None:
    return None


def one(**facts: Any) -> Operation[Any, Any]:
    given: dict[str, Any] = {"id": "op", "method": "GET", "path": "/op", "summary": "It", "handler": nothing}
    return Operation(**given | facts)


def described(**facts: Any) -> dict[str, Any]:
    operation = one(**facts)
    path = re.sub(r":[^}]*", "", operation.path)
    found: dict[str, Any] = describe([operation], base_path="/side")["paths"][path][operation.method.lower()]
    return found


@pytest.mark.parametrize(
    ("facts", "statuses"),
    [
        pytest.param({"needs": For.ANYBODY}, {204, 400, 503}, id="anybody"),
        pytest.param({"needs": For.ANYBODY, "method": "POST"}, {204, 400, 503}, id="anybody changes something"),
        pytest.param({"needs": For.SIGNED_IN}, {204, 400, 401, 503}, id="who is signed in"),
        pytest.param({}, {204, 400, 401, 409, 503}, id="who has connected"),
        pytest.param({"method": "DELETE"}, {204, 400, 401, 403, 409, 503}, id="a change"),
        pytest.param({"method": "POST", "body": Body}, {204, 400, 401, 403, 409, 413, 415, 503}, id="a body"),
        pytest.param({"path": "/op/{id}"}, {204, 400, 401, 404, 409, 503}, id="an id"),
        pytest.param(
            {"answer": Answer, "status": HTTPStatus.ACCEPTED, "problems": ((HTTPStatus.GONE, "Gone."),)},
            {202, 400, 401, 409, 410, 503},
            id="its own",
        ),
    ],
)
def test_every_status_is_declared(facts: dict[str, Any], statuses: set[int]) -> None:
    assert set(map(int, described(**facts)["responses"])) == statuses


def test_a_problem_of_its_own_is_told_in_its_own_words() -> None:
    responses = described(problems=((HTTPStatus.CONFLICT, "Not like this."),))["responses"]
    assert responses["409"]["description"] == "Not like this."
    assert responses["401"]["content"] == {
        "application/problem+json": {"schema": {"$ref": "#/components/schemas/Problem"}}
    }
    assert responses["204"] == {"description": "Done."}


def test_parameters_are_told_as_they_are_read() -> None:
    found = described(path="/op/{id}", query=Query)["parameters"]
    assert {each["name"]: (each["in"], each["required"], each["schema"]) for each in found} == {
        "id": ("path", True, {"type": "string", "minLength": 1}),
        "size": ("query", True, {"type": "integer"}),
        "limit": ("query", False, {"type": "integer", "minimum": 1, "maximum": 100, "default": 100}),
        "colour": ("query", False, {"title": "Colour", "enum": ["blue", "red"]}),
        "colours": ("query", False, {"type": "array", "items": {"title": "Colour", "enum": ["blue", "red"]}}),
        "favourite": ("query", False, {"title": "Colour", "enum": ["blue", "red"], "default": "red"}),
        "class": ("query", False, {"type": "string", "default": "x"}),
        "many": ("query", False, {"type": "array", "items": {"type": "integer"}}),
    }


def test_bodies_and_answers_are_named_once() -> None:
    operations = [
        one(body=Body, answer=Answer, method="POST", tag="ops"),
        one(id="other", method="PUT", answer=Answer),
        one(id="third", path="/third/{id:[0-9]+}", needs=For.ANYBODY),
    ]
    document = describe(operations, base_path="/side")
    assert set(document["components"]["schemas"]) == {"Problem", "Body", "Colour", "Answer", "Part"}
    posted = document["paths"]["/op"]["post"]
    assert posted["tags"] == ["ops"]
    assert posted["requestBody"] == {
        "required": True,
        "content": {"application/json": {"schema": {"$ref": "#/components/schemas/Body"}}},
    }
    assert posted["responses"]["200"]["content"] == {
        "application/json": {"schema": {"$ref": "#/components/schemas/Answer"}}
    }
    assert "requestBody" not in document["paths"]["/op"]["put"]
    assert "security" not in posted
    assert document["paths"]["/third/{id}"]["get"]["security"] == []


@pytest.fixture(scope="module")
def document() -> dict[str, Any]:
    """The whole document of our own operations."""
    return describe(OPERATIONS, base_path=BASE)


def operations_of(document: dict[str, Any]) -> Iterator[tuple[str, str, dict[str, Any]]]:
    for path, methods in document["paths"].items():
        for method, operation in methods.items():
            yield path, method, operation


def objects_in(value: Any) -> Iterator[dict[str, Any]]:
    if isinstance(value, dict):
        yield value
        for each in value.values():
            yield from objects_in(each)
    elif isinstance(value, list):
        for each in value:
            yield from objects_in(each)


async def test_the_document_is_served_to_anybody(household: Household, document: dict[str, Any]) -> None:
    answer = await household.client.get(f"{BASE}/api/openapi.json")
    assert (answer.status, answer.content_type) == (200, "application/json")
    assert await answer.json() == document
    said = json.dumps(document)
    for secret in (household.services.settings.immich_url, "Ann", "Bob"):
        assert secret not in said


def test_the_document_says_what_it_is(document: dict[str, Any]) -> None:
    assert document["openapi"] == "3.1.0"
    assert document["info"]["version"] == __version__
    assert document["servers"] == [{"url": f"{BASE}/api"}]
    schemes = document["components"]["securitySchemes"]
    assert [set(each) for each in document["security"]] == [{name} for name in schemes]
    assert set(document) == {"openapi", "info", "servers", "security", "paths", "components"}


def test_every_operation_is_described_under_its_own_id(document: dict[str, Any]) -> None:
    described = list(operations_of(document))
    assert len(described) == len(OPERATIONS)
    assert [name for name, count in Counter(each["operationId"] for _, _, each in described).items() if count > 1] == []
    for _, method, operation in described:
        assert re.fullmatch("[a-z][A-Za-z]*", operation["operationId"])
        assert operation["summary"]
        assert operation["tags"]
        assert method in {"get", "post", "put", "patch", "delete"}
        assert not (method == "get" and "requestBody" in operation)


def test_every_reference_leads_somewhere(document: dict[str, Any]) -> None:
    used = {each["$ref"] for each in objects_in(document) if "$ref" in each}
    assert used == {f"#/components/schemas/{name}" for name in document["components"]["schemas"]}


def test_every_schema_is_one(document: dict[str, Any]) -> None:
    for schema in document["components"]["schemas"].values():
        Draft202012Validator.check_schema(schema)
    for _, _, operation in operations_of(document):
        for parameter in operation["parameters"]:
            Draft202012Validator.check_schema(parameter["schema"])
            if "default" in parameter["schema"]:
                Draft202012Validator(parameter["schema"]).validate(parameter["schema"]["default"])


def test_every_part_of_a_path_is_described(document: dict[str, Any]) -> None:
    for path, _, operation in operations_of(document):
        named = [each["name"] for each in operation["parameters"] if each["in"] == "path"]
        assert named == re.findall(r"\{(\w+)\}", path)
        assert len({(each["name"], each["in"]) for each in operation["parameters"]}) == len(operation["parameters"])
        assert path.startswith("/")
        assert not path.endswith("/")


def test_every_answer_is_json_of_a_known_kind(document: dict[str, Any]) -> None:
    for _, _, operation in operations_of(document):
        responses = operation["responses"]
        good = [status for status in responses if status.startswith("2")]
        assert len(good) == 1
        for status, response in responses.items():
            assert response["description"]
            kind = "application/json" if status in good else "application/problem+json"
            assert set(response.get("content", {})) == (set() if status == "204" else {kind})


def test_no_two_paths_are_mixed_up() -> None:
    """The router knows words before ids; of two paths with ids in them the first that fits is called."""
    order = [(operation.method, operation.path) for operation in OPERATIONS if "{" in operation.path]
    for number, (method, path) in enumerate(order):
        pattern = re.compile(re.sub(r"\{\w+\}", "[^/]+", path))
        assert [each for verb, each in order[number + 1 :] if verb == method and pattern.fullmatch(each)] == [], path


def test_who_may_call_it_without_signing_in_is_few(document: dict[str, Any]) -> None:
    for_anybody = {each["operationId"] for _, _, each in operations_of(document) if each.get("security") == []}
    assert for_anybody == {each.id for each in OPERATIONS if each.needs is For.ANYBODY} == {"getScanStatus"}


def test_what_changes_something_takes_exactly_what_it_knows() -> None:
    for operation in OPERATIONS:
        if operation.body is not Nothing:
            assert operation.body.__struct_config__.forbid_unknown_fields, operation.id
