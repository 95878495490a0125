from __future__ import annotations

import asyncio
import base64
from collections.abc import AsyncIterator
from typing import Any

import pytest

from sidecar.demo.immich import EmulatedImmich, JobKind, Trigger
from sidecar.demo.immich.occasions import OccasionKind
from sidecar.demo.immich.rows import AssetRow, StepRow, WorkflowRow
from sidecar.demo.immich.workflows import WEBHOOK, create_workflow
from sidecar.model import Visibility
from tests.demo.immich.receiver import Receiver
from tests.demo.immich.scene import NOON, Picture, Scene

FILTER = "immich-plugin-core#assetTypeFilter"


@pytest.fixture
async def receiver() -> AsyncIterator[Receiver]:
    async with Receiver() as receiver:
        yield receiver


def workflow(scene: Scene, *steps: StepRow, **more: Any) -> WorkflowRow:
    return create_workflow(scene.immich.state, scene.ann.id, trigger=Trigger.CREATED, steps=steps, **more)


def step(url: str, **config: Any) -> StepRow:
    return StepRow(WEBHOOK, {"url": url, **config}, is_enabled=True)


async def test_an_upload_is_told_as_it_came_and_then_as_it_was_read(
    scene: Scene, receiver: Receiver, picture: Picture
) -> None:
    for trigger in Trigger:
        scene.immich.workflow(scene.ann, receiver.url, trigger=trigger)
    row = scene.immich.upload(scene.ann, "a.jpg", picture(Make="Canon"), at=NOON)
    await scene.immich.settle()
    assert [each.json["trigger"] for each in receiver.received] == ["AssetCreate"]
    await scene.immich.run_jobs(JobKind.EXTRACT)
    await scene.immich.settle()
    came, read = receiver.received
    assert (came.json["type"], came.asset["id"], came.asset["ownerId"]) == ("AssetV1", row.id, scene.ann.id)
    assert (came.asset["exifInfo"]["make"], came.asset["exifInfo"]["modifyDate"]) == (None, None)
    assert read.json["trigger"] == "AssetMetadataExtraction"
    assert (read.asset["exifInfo"]["make"], read.asset["exifInfo"]["bitsPerSample"]) == ("Canon", 8)
    assert read.asset["exifInfo"]["modifyDate"] == "2024-05-01T12:00:00+00:00"
    assert read.asset["checksum"] == {"type": "Buffer", "data": list(base64.b64decode(row.checksum))}
    assert row.thumbhash is None
    await scene.immich.run_jobs()
    await scene.immich.settle()
    assert len(receiver.received) == 2


async def test_the_request_is_immichs_with_one_header_more(scene: Scene, receiver: Receiver) -> None:
    config = {"method": "PUT", "headerName": "Authorization", "headerValue": "Bearer s3cret"}
    scene.immich.workflow(scene.ann, receiver.url, trigger=Trigger.CREATED, **config)
    scene.immich.upload(scene.ann, "a.jpg", b"x")
    await scene.immich.settle()
    [received] = receiver.received
    assert (received.method, received.path) == ("PUT", "/hook")
    wanted = {
        "Authorization": "Bearer s3cret",
        "Content-Type": "application/json",
        "User-Agent": "immich-server/3.1.0",
        "Sec-Fetch-Mode": "cors",
    }
    assert received.headers.items() >= wanted.items()
    [sent] = scene.immich.webhooks
    assert (sent.method, sent.url, sent.status, sent.body) == ("PUT", receiver.url, 200, received.json)


async def test_an_import_is_told_and_has_no_exif_row_yet(scene: Scene, receiver: Receiver) -> None:
    scene.immich.workflow(scene.ann, receiver.url, trigger=Trigger.CREATED)
    scene.immich.import_file(scene.ann, "/mnt/a.jpg", b"x")
    scene.immich.import_file(scene.ann, "/mnt/a.jpg", b"x")
    await scene.immich.settle()
    [received] = receiver.received
    assert received.headers.get("Authorization") is None
    assert (received.asset["exifInfo"], received.asset["isExternal"]) == (None, True)


async def test_the_motion_half_of_a_live_photo_is_told_as_well(
    scene: Scene, receiver: Receiver, picture: Picture
) -> None:
    scene.immich.workflow(scene.ann, receiver.url)
    video = scene.immich.upload(scene.ann, "a.mov", b"video")
    scene.immich.upload(scene.ann, "a.jpg", picture(), live_photo_video_id=video.id)
    await scene.immich.run_jobs(JobKind.EXTRACT)
    await scene.immich.settle()
    assert {each.asset["visibility"] for each in receiver.received} == {Visibility.HIDDEN, Visibility.TIMELINE}


async def test_what_happens_just_as_a_run_ends_is_told_as_well(
    scene: Scene, receiver: Receiver, monkeypatch: pytest.MonkeyPatch
) -> None:
    first, second = scene.asset(), scene.asset()
    scene.immich.workflow(scene.ann, receiver.url)

    class Sent(list[Any]):
        def append(self, sent: Any) -> None:
            super().append(sent)
            if len(self) == 1:
                asyncio.get_running_loop().call_soon(announce, second)

    def announce(row: AssetRow) -> None:
        scene.immich.state.announce(OccasionKind.EXTRACTED, row.owner_id, row.id)

    monkeypatch.setattr(scene.immich._webhooks, "sent", Sent())
    announce(first)
    await scene.immich.settle()
    assert [each.asset["id"] for each in receiver.received] == [first.id, second.id]


async def test_a_repeated_upload_is_not_told_but_another_reading_is(scene: Scene, receiver: Receiver) -> None:
    for trigger in Trigger:
        scene.immich.workflow(scene.ann, receiver.url, trigger=trigger)
    row = scene.immich.upload(scene.ann, "a.jpg", b"x")
    await scene.immich.run_jobs()
    await scene.immich.settle()
    receiver.received.clear()
    scene.immich.upload(scene.ann, "a.jpg", b"x")
    await scene.api("POST", "/assets/jobs", {"assetIds": [row.id], "name": "refresh-metadata"})
    await scene.immich.run_jobs()
    await scene.immich.settle()
    assert [each.json["trigger"] for each in receiver.received] == ["AssetMetadataExtraction"]


async def test_what_a_written_sidecar_file_causes_is_not_told(scene: Scene, receiver: Receiver) -> None:
    row = scene.asset()
    for trigger in Trigger:
        scene.immich.workflow(scene.ann, receiver.url, trigger=trigger)
    await scene.api("PUT", f"/assets/{row.id}", {"description": "sea"})
    assert await scene.immich.run_jobs() == 1
    scene.immich.stack(scene.ann, row)
    scene.immich.trash(row)
    await scene.immich.settle()
    assert receiver.received == []


async def test_a_burst_is_told_once_the_file_was_read(scene: Scene, receiver: Receiver, picture: Picture) -> None:
    for trigger in Trigger:
        scene.immich.workflow(scene.ann, receiver.url, trigger=trigger)
    row = scene.immich.upload(scene.ann, "a.jpg", picture())
    scene.immich.burst([row], "burst 1")
    await scene.immich.settle()
    await scene.immich.run_jobs()
    await scene.immich.settle()
    assert [each.asset["exifInfo"]["autoStackId"] for each in receiver.received] == [None, "burst 1"]
    assert "burst 1" not in (await scene.api("GET", f"/assets/{row.id}")).text


async def test_stack_tags_and_trash_are_told(scene: Scene, receiver: Receiver) -> None:
    row, other = scene.assets(2)
    stack = scene.immich.stack(scene.ann, row, other)
    scene.immich.tag(scene.ann, "holiday/sea", row)
    scene.immich.trash(row)
    scene.immich.workflow(scene.ann, receiver.url)
    await scene.api("POST", "/assets/jobs", {"assetIds": [row.id], "name": "refresh-metadata"})
    await scene.immich.run_jobs()
    await scene.immich.settle()
    [received] = receiver.received
    assert (received.asset["stackId"], received.asset["status"]) == (stack.id, "trashed")
    assert received.asset["deletedAt"] is not None
    assert received.asset["exifInfo"]["tags"] == ["holiday/sea"]


async def test_each_hears_of_their_own_by_enabled_workflows_of_the_trigger(scene: Scene, receiver: Receiver) -> None:
    bob = scene.immich.add_user("Bob")
    scene.immich.workflow(bob, receiver.url, trigger=Trigger.CREATED)
    scene.immich.workflow(scene.ann, receiver.url)
    workflow(scene, step(receiver.url), is_enabled=False)
    workflow(scene, StepRow(WEBHOOK, {"url": receiver.url}, is_enabled=False), StepRow(FILTER, None, is_enabled=True))
    scene.immich.upload(scene.ann, "a.jpg", b"x")
    await scene.immich.settle()
    assert (receiver.received, scene.immich.webhooks) == ([], [])


async def test_every_step_of_every_workflow_is_sent(scene: Scene, receiver: Receiver) -> None:
    first = workflow(scene, StepRow(FILTER, {}, is_enabled=True), step(receiver.url), step(receiver.url))
    second = workflow(scene, step(receiver.url))
    scene.immich.upload(scene.ann, "a.jpg", b"x")
    await scene.immich.settle()
    assert sorted(each.workflow_id for each in scene.immich.webhooks) == sorted([first.id, first.id, second.id])


@pytest.mark.parametrize(
    "config",
    [
        pytest.param({"url": "http://127.0.0.1:9/hook"}, id="nobody listens"),
        pytest.param({"url": "no url"}, id="no url"),
        pytest.param(None, id="no config"),
        pytest.param({"url": "http://127.0.0.1:9/", "headerName": "a\nb", "headerValue": "x"}, id="no header"),
    ],
)
async def test_a_webhook_that_nobody_takes_is_lost_and_ends_its_workflow(
    scene: Scene, receiver: Receiver, config: dict[str, Any] | None
) -> None:
    workflow(scene, StepRow(WEBHOOK, config, is_enabled=True), step(receiver.url))
    scene.immich.upload(scene.ann, "a.jpg", b"x")
    await scene.immich.settle()
    assert [each.status for each in scene.immich.webhooks] == [None]
    assert receiver.received == []


async def test_what_is_answered_does_not_matter(scene: Scene, receiver: Receiver) -> None:
    receiver.status = 500
    workflow(scene, step(receiver.url), step(receiver.url))
    scene.immich.upload(scene.ann, "a.jpg", b"x")
    await scene.immich.settle()
    assert [each.status for each in scene.immich.webhooks] == [500, 500]


async def test_webhooks_keep_nobody_waiting_and_are_few_at_once(scene: Scene, receiver: Receiver) -> None:
    receiver.gate.clear()
    scene.immich.workflow(scene.ann, receiver.url, trigger=Trigger.CREATED)
    for number in range(8):
        scene.immich.upload(scene.ann, f"{number}.jpg", bytes([number]))
    assert await scene.immich.run_jobs() == 16
    while len(receiver.received) < 5:
        await asyncio.sleep(0.01)
    receiver.gate.set()
    await scene.immich.settle()
    assert (len(receiver.received), receiver.most_at_once) == (8, 5)


async def test_a_workflow_that_is_gone_or_off_and_an_asset_that_is_gone_are_not_sent(
    scene: Scene, receiver: Receiver
) -> None:
    gone, off = (workflow(scene, step(receiver.url)) for _ in range(2))
    workflow(scene, step(receiver.url))
    row = scene.immich.upload(scene.ann, "a.jpg", b"x")
    del scene.immich.state.workflows[gone.id]
    off.is_enabled = False
    scene.immich.state.remove_asset(row)
    await scene.immich.settle()
    assert receiver.received == []


async def test_stopping_breaks_off_what_hangs(receiver: Receiver) -> None:
    receiver.gate.clear()
    async with EmulatedImmich(job_delay_s=None) as immich:
        ann = immich.add_user()
        immich.workflow(ann, receiver.url, trigger=Trigger.CREATED)
        for number in range(7):
            immich.upload(ann, f"{number}.jpg", bytes([number]))
        while len(receiver.received) < 5:
            await asyncio.sleep(0.01)
    assert immich.webhooks == []


async def test_nothing_is_done_where_nobody_has_a_workflow(scene: Scene) -> None:
    scene.immich.upload(scene.ann, "a.jpg", b"x")
    assert len(asyncio.all_tasks()) == 1
