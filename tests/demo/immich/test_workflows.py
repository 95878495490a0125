from __future__ import annotations

from typing import Any

import pytest

from tests.demo.immich.scene import Scene

WEBHOOK = "immich-plugin-core#webhook"
FILTER = "immich-plugin-core#assetTypeFilter"
STEP = {"method": WEBHOOK, "config": {"url": "http://127.0.0.1:9/hook"}, "enabled": True}
UNKNOWN = "ffffffff-0000-4000-8000-00000000000f"

in_2x = pytest.mark.parametrize("version", ["2.5.6", "2.7.5"])


def body(**changes: Any) -> dict[str, Any]:
    return {"name": "mine", "trigger": "AssetCreate", "steps": [STEP]} | changes


async def test_a_workflow_is_kept_with_its_steps_though_its_creation_shows_none(scene: Scene) -> None:
    answer = await scene.api("POST", "/workflows", body(description="what for"))
    made = answer.json()
    assert (answer.status_code, made["steps"], made["enabled"]) == (201, [], True)
    kept = (await scene.api("GET", f"/workflows/{made['id']}")).json()
    assert kept == made | {"steps": [STEP]}
    assert (kept["name"], kept["description"], kept["trigger"]) == ("mine", "what for", "AssetCreate")
    assert (await scene.api("GET", "/workflows")).json() == [kept]


async def test_a_workflow_needs_nothing_but_its_trigger(scene: Scene) -> None:
    made = (await scene.api("POST", "/workflows", {"trigger": "AssetMetadataExtraction"})).json()
    assert (made["name"], made["description"], made["enabled"], made["steps"]) == (None, None, True, [])


async def test_a_step_is_enabled_unless_it_says_otherwise_and_may_have_no_config(scene: Scene) -> None:
    steps: list[dict[str, Any]] = [
        {"method": WEBHOOK, "config": None},
        {"method": FILTER, "config": {}, "enabled": False},
    ]
    made = (await scene.api("POST", "/workflows", body(steps=steps, enabled=False))).json()
    kept = (await scene.api("GET", f"/workflows/{made['id']}")).json()
    assert kept["enabled"] is False
    assert kept["steps"] == [steps[0] | {"enabled": True}, steps[1]]


@pytest.mark.parametrize(
    ("changes", "path"),
    [
        pytest.param({"trigger": "PersonRecognized"}, ["trigger"], id="an old trigger"),
        pytest.param({"trigger": None}, ["trigger"], id="no trigger"),
        pytest.param({"name": 1}, ["name"], id="a name that is none"),
        pytest.param({"enabled": "yes"}, ["enabled"], id="enabled by a word"),
        pytest.param({"steps": {}}, ["steps"], id="steps that are no list"),
        pytest.param({"steps": [{"config": {}}]}, ["steps", 0, "method"], id="a step without a method"),
        pytest.param({"steps": [{"method": WEBHOOK}]}, ["steps", 0, "config"], id="a step without a config"),
    ],
)
async def test_what_is_no_workflow_is_refused(scene: Scene, changes: dict[str, Any], path: list[str]) -> None:
    answer = await scene.api("POST", "/workflows", body(**changes))
    assert (answer.status_code, answer.json()["errors"][0]["path"]) == (400, path)
    assert scene.immich.state.workflows == {}


async def test_a_method_that_no_plugin_has_is_refused(scene: Scene) -> None:
    steps = [STEP, {"method": "immich-plugin-core#nope", "config": None}]
    answer = await scene.api("POST", "/workflows", body(steps=steps))
    assert (answer.status_code, answer.json()["message"]) == (400, "Unknown method immich-plugin-core#nope")
    assert scene.immich.state.workflows == {}


@pytest.mark.parametrize(
    "changes",
    [
        pytest.param({"enabled": False}, id="switched off"),
        pytest.param({"name": None, "description": "new"}, id="texts, one of them taken away"),
        pytest.param({"trigger": "AssetMetadataExtraction"}, id="another trigger"),
        pytest.param({"steps": [{"method": FILTER, "config": {"a": 1}, "enabled": True}]}, id="other steps"),
        pytest.param({"steps": []}, id="no steps"),
        pytest.param({}, id="nothing"),
    ],
)
async def test_an_update_changes_what_it_names(scene: Scene, changes: dict[str, Any]) -> None:
    made = (await scene.api("POST", "/workflows", body(description="old"))).json()
    bystander = (await scene.api("POST", "/workflows", body(name="a bystander"))).json()
    answer = await scene.api("PUT", f"/workflows/{made['id']}", changes)
    after = answer.json()
    assert answer.status_code == 200
    assert after == made | {"steps": [STEP]} | changes | {"updatedAt": after["updatedAt"]}
    assert (await scene.api("GET", f"/workflows/{made['id']}")).json() == after
    assert (await scene.api("GET", f"/workflows/{bystander['id']}")).json() == bystander | {"steps": [STEP]}


async def test_only_an_update_of_more_than_the_steps_moves_the_time(scene: Scene) -> None:
    made = (await scene.api("POST", "/workflows", body())).json()
    row = scene.immich.state.workflows[made["id"]]
    made_us = row.updated_us
    await scene.api("PUT", f"/workflows/{made['id']}", {"steps": []})
    assert row.updated_us == made_us
    await scene.api("PUT", f"/workflows/{made['id']}", {"enabled": True})
    assert row.updated_us > made_us


@pytest.mark.parametrize(
    "changes",
    [
        pytest.param({"trigger": "nope"}, id="no trigger"),
        pytest.param({"steps": [{"method": "nope", "config": None}], "name": "new"}, id="no method"),
        pytest.param({"steps": None}, id="no steps"),
    ],
)
async def test_a_bad_update_changes_nothing(scene: Scene, changes: dict[str, Any]) -> None:
    made = (await scene.api("POST", "/workflows", body())).json()
    assert (await scene.api("PUT", f"/workflows/{made['id']}", changes)).status_code == 400
    assert (await scene.api("GET", f"/workflows/{made['id']}")).json() == made | {"steps": [STEP]}


async def test_the_list_is_ones_own_newest_first_and_may_be_narrowed(scene: Scene) -> None:
    bob = scene.client_of(scene.immich.add_user("Bob"))
    await bob("POST", "/workflows", body(name="Bob's"))
    first = (await scene.api("POST", "/workflows", body(name="first"))).json()
    await scene.api("POST", "/workflows", body(name="second", trigger="AssetMetadataExtraction", enabled=False))

    async def names(**query: str) -> list[str]:
        return [each["name"] for each in (await scene.api("GET", "/workflows", params=query)).json()]

    assert await names() == ["second", "first"]
    assert await names(trigger="AssetCreate") == ["first"]
    assert await names(enabled="false") == ["second"]
    assert await names(id=first["id"]) == ["first"]
    assert await names(name="nobody's") == ["second", "first"]
    assert (await scene.api("GET", "/workflows", params={"trigger": "nope"})).status_code == 400


async def test_a_deleted_workflow_is_gone(scene: Scene) -> None:
    made = (await scene.api("POST", "/workflows", body())).json()
    assert (await scene.api("DELETE", f"/workflows/{made['id']}")).status_code == 204
    assert (await scene.api("GET", "/workflows")).json() == []


@pytest.mark.parametrize(
    ("method", "permission"),
    [
        pytest.param("GET", "workflow.read", id="reading"),
        pytest.param("PUT", "workflow.update", id="changing"),
        pytest.param("DELETE", "workflow.delete", id="deleting"),
    ],
)
async def test_foreign_and_unknown_workflows_are_refused_alike(scene: Scene, method: str, permission: str) -> None:
    bob = scene.client_of(scene.immich.add_user("Bob"))
    made = (await scene.api("POST", "/workflows", body())).json()
    for workflow_id in (made["id"], UNKNOWN):
        answer = await bob(method, f"/workflows/{workflow_id}", {})
        assert (answer.status_code, answer.json()["message"]) == (400, f"Not found or no {permission} access")
    assert (await bob(method, "/workflows/nope", {})).json()["message"] == "Validation failed"
    assert len(scene.immich.state.workflows) == 1


@pytest.mark.parametrize(
    ("method", "path", "permission"),
    [
        pytest.param("GET", "/workflows", "workflow.read", id="listing"),
        pytest.param("POST", "/workflows", "workflow.create", id="creating"),
        pytest.param("GET", f"/workflows/{UNKNOWN}", "workflow.read", id="reading"),
        pytest.param("PUT", f"/workflows/{UNKNOWN}", "workflow.update", id="changing"),
        pytest.param("DELETE", f"/workflows/{UNKNOWN}", "workflow.delete", id="deleting"),
        pytest.param("GET", "/plugins/methods", "plugin.read", id="methods"),
    ],
)
async def test_each_needs_its_permission(scene: Scene, method: str, path: str, permission: str) -> None:
    narrow = scene.client_of(scene.ann, "asset.read")
    answer = await narrow(method, path, {} if method in {"POST", "PUT"} else None)
    assert (answer.status_code, answer.json()) == (403, {"message": f"Missing required permission: {permission}"})
    assert (await scene.client_of(scene.ann, permission)(method, path, {})).status_code != 403


async def test_everyone_may_ask_for_triggers(scene: Scene) -> None:
    narrow = scene.client_of(scene.ann, "asset.read")
    triggers = (await narrow("GET", "/workflows/triggers")).json()
    assert [each["trigger"] for each in triggers] == ["AssetCreate", "AssetMetadataExtraction"]
    assert (await scene.client()("GET", "/workflows/triggers")).status_code == 401


async def test_methods_are_found_by_their_name(scene: Scene) -> None:
    [webhook] = (await scene.api("GET", "/plugins/methods", params={"name": "webhook"})).json()
    assert (webhook["key"], webhook["schema"]["required"]) == (WEBHOOK, ["url"])
    assert (await scene.api("GET", "/plugins/methods", params={"name": "nope"})).json() == []
    assert {each["key"] for each in (await scene.api("GET", "/plugins/methods")).json()} == {WEBHOOK, FILTER}


@in_2x
async def test_2x_knows_no_workflows_of_steps(scene: Scene) -> None:
    answer = await scene.api("POST", "/workflows", body())
    assert (answer.status_code, answer.json()["message"]) == (
        400,
        [
            "triggerType should not be empty",
            "triggerType must be one of the following values: AssetCreate, PersonRecognized",
        ],
    )
    assert (await scene.api("GET", "/workflows")).json() == []
    for path in ("/workflows/triggers", "/plugins/methods"):
        answer = await scene.api("GET", path)
        assert (answer.status_code, answer.json()["message"]) == (400, ["id must be a UUID"])
    for path in (f"/workflows/{UNKNOWN}", f"/plugins/{UNKNOWN}"):
        assert (await scene.api("GET", path)).status_code == 400


@in_2x
async def test_workflows_in_the_shape_of_2x_are_not_emulated(scene: Scene) -> None:
    legacy = {"name": "x", "triggerType": "AssetCreate", "filters": [], "actions": []}
    assert (await scene.api("POST", "/workflows", legacy)).status_code == 501
    assert scene.immich.state.workflows == {}
