from __future__ import annotations

from collections.abc import Callable
from typing import Any

import msgspec
import pytest

from sidecar.demo.immich import JobKind
from sidecar.demo.immich.client_events import events_of
from sidecar.demo.immich.occasions import Occasion
from sidecar.model import AssetKind, Visibility
from tests.demo.immich.scene import Picture, Scene

Told = list[tuple[Any, ...]]


@pytest.fixture
def told(scene: Scene) -> Told:
    """(owner, event, arguments …) of everything that clients were told, as they would decode it."""
    told: Told = []

    def hear(occasion: Occasion) -> None:
        for event in events_of(occasion, scene.immich.state):
            told.append((occasion.owner_id, *msgspec.json.decode(msgspec.json.encode(event))))

    scene.immich.state.audience.append(hear)
    return told


def names(told: Told) -> list[str]:
    return [event for _, event, *_ in told]


@pytest.mark.parametrize(
    ("version", "name"),
    [("2.7.5", "AssetUploadReadyV1"), ("3.0.3", "AssetUploadReadyV2"), ("3.1.0", "AssetUploadReadyV2")],
)
async def test_an_upload_is_ready_with_its_thumbnail(scene: Scene, told: Told, picture: Picture, name: str) -> None:
    row = scene.immich.upload(scene.ann, "a.jpg", picture(Make="Canon"))
    await scene.immich.run_jobs(JobKind.EXTRACT)
    assert told == []
    await scene.immich.run_jobs()
    assert names(told) == ["on_upload_success", name]
    (owner_id, _, asset), (_, _, ready) = told
    assert (owner_id, asset["id"], asset["thumbhash"], asset["tags"]) == (scene.ann.id, row.id, row.thumbhash, [])
    assert asset["exifInfo"]["make"] == ready["exif"]["make"] == "Canon"
    assert (ready["asset"]["id"], ready["exif"]["assetId"]) == (row.id, row.id)
    assert ("createdAt" in ready["asset"]) is (name == "AssetUploadReadyV2")
    assert ("unassignedFaces" in asset) is (name == "AssetUploadReadyV1")


@pytest.mark.parametrize(
    ("visibility", "is_told"),
    [(Visibility.TIMELINE, True), (Visibility.ARCHIVE, True), (Visibility.HIDDEN, False), (Visibility.LOCKED, False)],
)
async def test_only_what_shows_is_ready(
    scene: Scene, told: Told, picture: Picture, visibility: Visibility, *, is_told: bool
) -> None:
    scene.immich.upload(scene.ann, "a.jpg", picture(), visibility=visibility)
    await scene.immich.run_jobs()
    assert bool(told) is is_told


async def test_imports_are_ready_too(scene: Scene, told: Told, picture: Picture) -> None:
    scene.immich.import_file(scene.ann, "/mnt/a.jpg", picture())
    await scene.immich.run_jobs()
    assert names(told) == ["on_upload_success", "AssetUploadReadyV2"]


async def test_an_asset_without_exif_row_is_ready_all_the_same(scene: Scene, told: Told, picture: Picture) -> None:
    row = scene.immich.upload(scene.ann, "a.jpg", picture())
    await scene.immich.run_jobs(JobKind.EXTRACT)
    row.exif = None
    await scene.immich.run_jobs()
    assert names(told) == ["on_upload_success"]


@pytest.mark.parametrize("kind", [JobKind.EXTRACT, JobKind.THUMBNAIL])
async def test_what_fails_is_never_ready_and_jobs_asked_for_tell_nobody(
    scene: Scene, told: Told, picture: Picture, kind: JobKind
) -> None:
    row = scene.immich.upload(scene.ann, "a.jpg", picture())
    scene.immich.upload(scene.ann, "a.cr2", b"broken")
    scene.immich.jobs.fail(row, kind)
    await scene.immich.run_jobs()
    for name in ("refresh-metadata", "regenerate-thumbnail"):
        await scene.api("POST", "/assets/jobs", {"assetIds": [row.id], "name": name})
    await scene.immich.run_jobs()
    assert (row.thumbhash is not None, told) == (True, [])


@pytest.mark.parametrize(("version", "duration"), [("2.7.5", "00:00:01.500"), ("3.1.0", 1500)])
async def test_a_clip_tells_its_duration(scene: Scene, told: Told, picture: Picture, duration: object) -> None:
    row = scene.immich.upload(scene.ann, "a.jpg", picture(), duration_ms=1500)
    scene.immich.trash(row)
    await scene.immich.run_jobs()
    ready = told[-1][2]["asset"]
    assert (ready["duration"], ready["deletedAt"] is not None) == (duration, True)


async def test_a_written_sidecar_file_is_an_update(scene: Scene, told: Told) -> None:
    first, second = scene.assets(2)
    tag = scene.immich.tag(scene.ann, "sea")
    await scene.api("PUT", f"/assets/{first.id}", {"isFavorite": True})
    assert await scene.immich.run_jobs() == 0
    await scene.api("PUT", f"/assets/{first.id}", {"description": "sea"})
    await scene.api("PUT", "/assets", {"ids": [second.id], "duplicateId": None})
    await scene.api("PUT", f"/tags/{tag.id}/assets", {"ids": [first.id]})
    assert told == []
    await scene.immich.run_jobs()
    assert [(event, asset["id"]) for _, event, asset in told] == [
        ("on_asset_update", first.id),
        ("on_asset_update", second.id),
        ("on_asset_update", first.id),
    ]
    assert told[0][2]["exifInfo"]["description"] == "sea"
    assert [each["value"] for each in told[-1][2]["tags"]] == ["sea"]


async def test_trash_and_restoring_are_told_at_once_for_each_owner(scene: Scene, told: Told) -> None:
    bob = scene.immich.add_user("Bob")
    rows = [*scene.assets(2), scene.asset(owner=bob)]
    scene.immich.trash(*rows)
    assert told == [
        (scene.ann.id, "on_asset_trash", [rows[0].id, rows[1].id]),
        (bob.id, "on_asset_trash", [rows[2].id]),
    ]
    told.clear()
    body = {"ids": [row.id for row in rows[:2]]}
    await scene.api("POST", "/trash/restore/assets", body)
    await scene.api("DELETE", "/assets", body)
    await scene.api("POST", "/trash/restore")
    assert [event for _, *event in told] == [["on_asset_restore", body["ids"]], ["on_asset_trash", body["ids"]]]


async def test_deletion_for_good_is_told_when_it_is_done(scene: Scene, told: Told) -> None:
    first, second, _ = rows = scene.assets(3)
    scene.immich.stack(scene.ann, *rows)
    told.clear()
    await scene.api("DELETE", "/assets", {"ids": [first.id, second.id], "force": True})
    assert told == []
    await scene.immich.run_jobs()
    # The stack went with them, without a word.
    assert [event for _, *event in told] == [["on_asset_delete", first.id], ["on_asset_delete", second.id]]
    assert scene.immich.stacks_of(scene.ann) == []


async def test_a_motion_half_that_is_hidden_by_its_picture_is_told(scene: Scene, told: Told) -> None:
    video, hidden = (scene.asset(f"{name}.mov", kind=AssetKind.VIDEO) for name in "ab")
    scene.immich.set_visibility(hidden, Visibility.HIDDEN)
    for number, row in enumerate((video, hidden)):
        scene.immich.upload(scene.ann, f"{number}.jpg", bytes([number]), live_photo_video_id=row.id)
    assert told == [(scene.ann.id, "on_asset_hidden", video.id)]


async def test_stacks_are_told_without_saying_which(scene: Scene, told: Told) -> None:
    ids = [row.id for row in scene.assets(4)]

    async def events_of_call(method: str, path: str, body: object = None) -> list[list[Any]]:
        told.clear()
        assert (await scene.api(method, path, body)).is_success
        return [event for _, *event in told]

    once = [["on_asset_stack_update"]]
    assert await events_of_call("POST", "/stacks", {"assetIds": ids[:3]}) == once
    [stack] = scene.immich.stacks_of(scene.ann)
    assert await events_of_call("PUT", f"/stacks/{stack.id}", {"primaryAssetId": ids[1]}) == once
    assert await events_of_call("DELETE", f"/stacks/{stack.id}/assets/{ids[2]}") == once
    assert await events_of_call("DELETE", f"/stacks/{stack.id}") == once
    stacks = [scene.immich.stack(scene.ann, scene.immich.state.assets[each]) for each in ids]
    assert await events_of_call("DELETE", "/stacks", {"ids": [each.id for each in stacks[:3]]}) == once
    assert await events_of_call("GET", "/stacks") == []
    told.clear()
    scene.immich.unstack(stacks[3])
    assert names(told) == ["on_asset_stack_update"]


@pytest.mark.parametrize(
    "call",
    [
        pytest.param(lambda ids: ("POST", "/stacks", {"assetIds": ids[:1]}), id="a stack of one"),
        pytest.param(lambda ids: ("DELETE", f"/stacks/{ids[0]}", None), id="no stack"),
        pytest.param(lambda ids: ("DELETE", "/stacks", {"ids": ids}), id="no stacks"),
        pytest.param(lambda ids: ("DELETE", "/assets", {"ids": [*ids, ids[0][::-1]]}), id="no asset"),
    ],
)
async def test_what_is_refused_is_not_told(
    scene: Scene, told: Told, call: Callable[[list[str]], tuple[str, str, object]]
) -> None:
    ids = [row.id for row in scene.assets(2)]
    assert (await scene.api(*call(ids))).status_code == 400
    assert told == []
