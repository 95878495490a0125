from __future__ import annotations

import asyncio

import pytest

from sidecar.demo.immich import EmulatedImmich, JobKind
from tests.demo.immich.scene import NOON, Picture, Scene


async def test_reading_keeps_what_the_user_wrote(scene: Scene, picture: Picture) -> None:
    row = scene.immich.upload(scene.ann, "a.jpg", picture(Make="Canon"))
    await scene.api("PUT", f"/assets/{row.id}", {"description": "sea", "rating": 5})
    await scene.immich.run_jobs()
    assert row.exif is not None
    assert (row.exif.make, row.exif.description, row.exif.rating) == ("Canon", "sea", 5)


async def test_a_file_without_date_is_dated_by_its_uploader(scene: Scene) -> None:
    row = scene.immich.upload(scene.ann, "a.cr2", b"broken", at=NOON)
    row.file_modified_us -= 1_000_000
    await scene.immich.run_jobs()
    assert row.file_created_us == row.local_us == row.file_modified_us
    assert (row.width, row.thumbhash) == (None, None)


async def test_hidden_assets_get_no_thumbnail(scene: Scene, picture: Picture) -> None:
    video = scene.immich.upload(scene.ann, "a.mov", b"video")
    scene.immich.upload(scene.ann, "a.jpg", picture(), live_photo_video_id=video.id)
    assert await scene.immich.run_jobs(JobKind.EXTRACT) == 2
    assert await scene.immich.run_jobs() == 1


async def test_jobs_of_assets_that_are_gone_do_nothing(scene: Scene) -> None:
    row = scene.immich.upload(scene.ann, "a.jpg", b"x")
    scene.immich.state.remove_asset(row)
    assert await scene.immich.run_jobs() == 1
    assert scene.immich.state.assets == {}


@pytest.mark.parametrize("kind", [JobKind.EXTRACT, JobKind.THUMBNAIL])
async def test_an_asset_may_go_while_its_job_runs(scene: Scene, picture: Picture, kind: JobKind) -> None:
    row = scene.immich.upload(scene.ann, "a.jpg", picture())
    if kind is JobKind.THUMBNAIL:
        await scene.immich.run_jobs(JobKind.EXTRACT)
    running = asyncio.create_task(scene.immich.run_jobs(kind))
    await asyncio.sleep(0)
    scene.immich.state.remove_asset(row)
    await running
    assert row.thumbhash is None


async def test_without_being_held_jobs_run_by_themselves(picture: Picture) -> None:
    async with EmulatedImmich() as immich:
        row = immich.upload(immich.add_user(), "a.jpg", picture())
        await immich.settle()
        await immich.settle()
        assert row.thumbhash is not None


async def test_stopping_forgets_waiting_jobs(picture: Picture) -> None:
    async with EmulatedImmich(job_delay_s=60) as immich:
        row = immich.upload(immich.add_user(), "a.jpg", picture())
        await asyncio.sleep(0)
    assert row.thumbhash is None
