from __future__ import annotations

import json
import os
from pathlib import Path
from typing import Any

import pytest

from openapi.trim import trim
from openapi.validation import answer_faults, operation_at, pin_of, pins, request_faults
from tests.openapi.descriptions import Json, description, operation

SHARED = Path(os.environ.get("SIDECAR_SHARED", Path(__file__).parents[3] / "shared"))
V4 = "6834964f-3d21-4f9f-8c21-bc6ad75c6fb6"
NOT_V4 = "6834964f-3d21-1f9f-8c21-bc6ad75c6fb6"
NONE = {"total": 0, "count": 0, "items": [], "facets": []}
OLD, NEW = pin_of("2.7.5"), pin_of("3.1.0")


def test_pins_come_oldest_first() -> None:
    assert [pin.immich for pin in pins()] == ["2.5.6", "2.7.5", "3.0.3", "3.1.0"]


@pytest.mark.parametrize(
    ("method", "path", "expected"),
    [
        pytest.param("get", "/assets/statistics", "getAssetStatistics", id="a fixed path before a parameter"),
        pytest.param("GET", f"/assets/{V4}", "getAssetInfo", id="a parameter"),
        pytest.param("DELETE", f"/stacks/{V4}/assets/{V4}", "removeAssetFromStack", id="two parameters"),
        pytest.param("GET", f"/assets/{V4}/", None, id="a slash too many"),
        pytest.param("PATCH", "/assets", None, id="another method"),
    ],
)
def test_an_operation_is_found_by_method_and_path(method: str, path: str, expected: str | None) -> None:
    assert operation_at(NEW, method, path) == expected


@pytest.mark.parametrize(
    ("name", "request_parts", "says"),
    [
        pytest.param("searchAssets", {"body": {"size": 1001}}, "size: 1001 is greater than", id="beyond a limit"),
        pytest.param("searchAssets", {"body": {"sise": 1}}, "sise: is no field of the body", id="misspelt field"),
        pytest.param(
            "searchAssets", {"body": {"updatedAfter": "yesterday"}}, "updatedAfter: 'yesterday'", id="no time"
        ),
        pytest.param(
            "searchAssets",
            {"body": {"updatedAfter": "2024-05-01T10:00:00"}},
            "updatedAfter: ",
            id="time without offset",
        ),
        pytest.param("searchAssets", {"body": {"visibility": "secret"}}, "visibility: 'secret'", id="unknown word"),
        pytest.param("searchAssets", {"body": []}, "body: [] is not of type 'object'", id="body of another type"),
        pytest.param("searchAssets", {}, "the body is missing", id="no body"),
        pytest.param("createStack", {"body": {"assetIds": [V4]}}, "assetIds: ", id="too few"),
        pytest.param("createStack", {"body": {"assetIds": [V4, NOT_V4]}}, "assetIds.1: ", id="not a v4"),
        pytest.param("getStack", {}, "id: is required", id="no path parameter"),
        pytest.param("getStack", {"path": {"id": "nope"}}, "id: body: 'nope'", id="no uuid"),
        pytest.param("getMyUser", {"body": {}}, "a body was sent", id="body where none belongs"),
        pytest.param("getTimeBuckets", {"query": {"withStacked": "yes"}}, "withStacked: ", id="no boolean"),
        pytest.param(
            "getTimeBuckets", {"query": {"stacked": "true"}}, "stacked: is no query parameter", id="unknown key"
        ),
    ],
)
def test_a_request_that_immich_would_reject_or_ignore_is_told(
    name: str, request_parts: dict[str, Any], says: str
) -> None:
    faults = request_faults(NEW, name, **request_parts)
    assert any(fault.startswith(says) for fault in faults), faults


def test_versions_differ_in_what_they_reject() -> None:
    body = {"assetIds": [V4, NOT_V4]}
    assert request_faults(OLD, "createStack", body=body) == []
    assert request_faults(NEW, "createStack", body=body) != []


@pytest.mark.parametrize(
    ("name", "status", "body", "says"),
    [
        pytest.param("getServerVersion", 200, {"major": 3}, "body: 'minor' is a required property", id="field missing"),
        pytest.param(
            "searchAssets",
            200,
            {"albums": NONE, "assets": {**NONE, "nextPage": 2}},
            "assets.nextPage: 2 is not of type 'string'",
            id="what may be null",
        ),
        pytest.param("createStack", 200, {}, "status 200 is not one of 201", id="another status"),
        pytest.param("deleteStack", 204, {}, "a body was sent where none is described", id="body where none belongs"),
        pytest.param("searchStacks", 200, [{"id": V4}], "0: 'assets' is a required property", id="inside a list"),
    ],
)
def test_an_answer_that_immich_would_not_give_is_told(name: str, status: int, body: object, says: str) -> None:
    assert says in answer_faults(NEW, name, status, body)


@pytest.mark.parametrize(
    ("name", "status", "body"),
    [
        pytest.param(
            "getServerVersion", 200, {"major": 3, "minor": 1, "patch": 0, "prerelease": None}, id="null allowed"
        ),
        pytest.param("searchAssetStatistics", 200, {"total": 5, "surprise": True}, id="more than described"),
        pytest.param("deleteStack", 204, None, id="nothing"),
        pytest.param("viewAsset", 200, None, id="a file"),
    ],
)
def test_an_answer_as_described_has_no_faults(name: str, status: int, body: object) -> None:
    assert answer_faults(NEW, name, status, body) == []


@pytest.mark.parametrize(
    ("text", "is_allowed"),
    [
        pytest.param("5", True, id="a number"),
        pytest.param("-5", False, id="a number below the limit"),
        pytest.param("five", False, id="a word"),
    ],
)
def test_numbers_in_a_query_are_numbers(text: str, *, is_allowed: bool) -> None:
    size: Json = {"name": "size", "in": "query", "schema": {"type": "integer", "minimum": 0}}
    paths: Json = {"/things": {"get": operation("getThings", parameters=[size])}}
    pin = trim(description(paths), ["getThings"], origin="a test")
    assert (request_faults(pin, "getThings", query={"size": text}) == []) is is_allowed


# Steps whose path looks like a pinned operation's.
UNPINNED = {"copy-asset"}
# Recorded to see Immich ignore an unknown field.
UNDESCRIBED_REQUESTS = {"search-unknown"}


@pytest.mark.parametrize("version", ["2.7.5", "3.1.0"])
def test_recorded_exchanges_of_a_real_immich_fulfil_its_pin(version: str) -> None:
    recording = SHARED / "recordings" / f"immich-{version}.json"
    if not recording.is_file():
        pytest.skip("the recorded exchanges with a real Immich are not beside the project")
    pin = pin_of(version)
    seen = 0
    for step in json.loads(recording.read_bytes())["steps"]:
        sent, answer = step["request"], step["response"]
        found = operation_at(pin, sent["method"], sent["path"])
        # A piece of a file is answered with 206, which no description mentions. Where the recorder shortened an answer,
        # a sentence such as "... 2 more" stands among the objects.
        if found is None or step["step"] in UNPINNED or answer["status"] >= 206 or ' more"' in json.dumps(answer):
            continue
        seen += 1
        assert answer_faults(pin, found, answer["status"], answer.get("json")) == [], step["step"]
        if sent.get("json") is not None and step["step"] not in UNDESCRIBED_REQUESTS:
            path = dict.fromkeys(("id", "assetId"), V4)
            known = {name: path[name] for name in path if "{" + name + "}" in pin.operations[found].path}
            faults = request_faults(pin, found, path=known, query=sent.get("query"), body=sent["json"])
            assert faults == [], step["step"]
    assert seen > 30
