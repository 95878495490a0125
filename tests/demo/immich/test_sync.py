from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any

import pytest

from tests.demo.immich.scene import Client, Scene

every_age = pytest.mark.parametrize("version", ["2.5.6", "2.7.5", "3.1.0"])


@pytest.fixture
def types(version: str) -> list[str]:
    """The assets and stacks of this version's feed."""
    return ["AssetsV2" if version >= "3" else "AssetsV1", "StacksV1"]


@pytest.fixture
def new_app(scene: Scene) -> Callable[[], Client]:
    """Makes Ann's mobile app, with a session of its own."""
    return lambda: scene.client(headers={"authorization": f"Bearer {scene.immich.add_session(scene.ann)}"})


@pytest.fixture
def app(new_app: Callable[[], Client]) -> Client:
    return new_app()


async def told(app: Client, types: list[str], **more: Any) -> list[dict[str, Any]]:
    answer = await app("POST", "/sync/stream", {"types": types, **more})
    lines = [json.loads(line) for line in answer.text.splitlines()]
    assert lines[-1]["type"] == "SyncCompleteV1"
    return lines[:-1]


def kinds(lines: list[dict[str, Any]]) -> list[str]:
    return [line["type"] for line in lines]


@every_age
async def test_an_app_is_told_everything_until_it_says_what_it_has(
    scene: Scene, app: Client, new_app: Callable[[], Client], types: list[str], version: str
) -> None:
    stack = scene.immich.stack(scene.ann, *scene.assets(2))
    asset = "AssetV2" if version >= "3" else "AssetV1"
    lines = await told(app, types)
    assert kinds(lines) == [asset, asset, "StackV1"]
    assert lines[2]["data"]["id"] == lines[0]["data"]["stackId"] == stack.id
    assert ("createdAt" in lines[0]["data"]) is (version >= "3")
    assert await told(app, types) == lines
    acknowledged = await app("POST", "/sync/ack", {"acks": [lines[1]["ack"], lines[2]["ack"]]})
    assert acknowledged.status_code == 204
    assert await told(app, types) == []
    assert await told(app, types, reset=True) == lines
    assert await told(new_app(), types) == lines


@every_age
async def test_an_app_is_told_what_is_gone(scene: Scene, app: Client, types: list[str]) -> None:
    first, second = scene.assets(2)
    stack = scene.immich.stack(scene.ann, first, second)
    scene.immich.unstack(stack)
    scene.immich.delete_for_good(second)
    await scene.immich.run_jobs()
    lines = await told(app, types)
    assert [(line["type"], line["data"]) for line in lines if "Delete" in line["type"]] == [
        ("AssetDeleteV1", {"assetId": second.id}),
        ("StackDeleteV1", {"stackId": stack.id}),
    ]


async def test_an_app_is_told_of_its_owners_things_and_of_what_it_asks_for(
    scene: Scene, app: Client, types: list[str]
) -> None:
    bob = scene.immich.add_user("Bob")
    scene.immich.stack(bob, scene.asset(owner=bob), scene.asset(owner=bob))
    gone = scene.asset(owner=bob)
    scene.immich.delete_for_good(gone)
    await scene.immich.run_jobs()
    assert await told(app, types) == []
    scene.immich.stack(scene.ann, *scene.assets(2))
    assert kinds(await told(app, ["StacksV1"])) == ["StackV1"]
    assert await told(app, ["AlbumsV1"]) == []


@every_age
async def test_what_the_feed_refuses(scene: Scene, app: Client, version: str) -> None:
    by_key = await scene.api("POST", "/sync/stream", {"types": ["StacksV1"]})
    assert (by_key.status_code, by_key.json()["message"]) == (403, "Sync endpoints cannot be used with API keys")
    unknown = await app("POST", "/sync/stream", {"types": ["AssetsV9"]})
    assert unknown.status_code == 400
    older = await app("POST", "/sync/stream", {"types": ["AssetsV1"]})
    assert older.status_code == (400 if version >= "3" else 200)
    kind = "application/json" if version >= "3" else "application/jsonlines+json"
    assert unknown.headers["content-type"].partition(";")[0] == kind
    edits = await app("POST", "/sync/stream", {"types": ["AssetEditsV1"]})
    assert edits.status_code == (400 if version == "2.5.6" else 200)
