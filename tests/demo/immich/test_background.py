from __future__ import annotations

import asyncio

import pytest

from sidecar.demo.immich import EmulatedImmich, JobKind
from sidecar.model import Visibility
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


@pytest.mark.parametrize(
    ("kind", "is_read", "has_thumbnail"),
    [
        pytest.param(JobKind.EXTRACT, False, False, id="what could not be read gets no thumbnail either"),
        pytest.param(JobKind.THUMBNAIL, True, False, id="a thumbnail that failed is missing"),
    ],
)
async def test_a_failing_job_leaves_everything_as_it_was(
    scene: Scene, picture: Picture, kind: JobKind, *, is_read: bool, has_thumbnail: bool
) -> None:
    row = scene.immich.upload(scene.ann, "a.jpg", picture())
    other = scene.immich.upload(scene.ann, "b.jpg", picture(2))
    failure = scene.immich.jobs.fail(row, kind)
    await scene.immich.run_jobs()
    assert row.exif is not None
    assert (row.exif.modify_us is not None, row.thumbhash is not None) == (is_read, has_thumbnail)
    assert (failure.times, other.thumbhash is not None) == (0, True)
    scene.immich.jobs.add(kind, row.id)
    await scene.immich.run_jobs()
    assert row.exif.modify_us is not None or row.thumbhash is not None


async def test_a_job_may_fail_always_and_for_names(scene: Scene, picture: Picture) -> None:
    scene.immich.jobs.fail("*.JPG", JobKind.THUMBNAIL, times=None)
    row = scene.immich.upload(scene.ann, "a.JPG", picture())
    other = scene.immich.upload(scene.ann, "a.jpeg", picture(2))
    for _ in range(3):
        await scene.immich.run_jobs()
        assert (row.thumbhash, other.thumbhash is not None) == (None, True)
        scene.immich.jobs.add(JobKind.THUMBNAIL, row.id)


async def test_reading_again_makes_no_thumbnail(scene: Scene, picture: Picture) -> None:
    row = scene.immich.upload(scene.ann, "a.jpg", picture())
    scene.immich.jobs.fail(row, JobKind.EXTRACT)
    await scene.immich.run_jobs()
    scene.immich.jobs.add(JobKind.EXTRACT, row.id)
    assert await scene.immich.run_jobs() == 1
    assert row.exif is not None
    assert (row.exif.modify_us, row.thumbhash) == (row.file_modified_us, None)
    scene.immich.jobs.add(JobKind.THUMBNAIL, row.id)
    await scene.immich.run_jobs()
    assert row.thumbhash is not None


async def test_a_file_that_the_disk_lost_can_be_neither_read_nor_drawn(scene: Scene, picture: Picture) -> None:
    row = scene.immich.upload(scene.ann, "a.jpg", picture())
    scene.immich.set_original(row, None)
    for kind in (JobKind.EXTRACT, JobKind.THUMBNAIL):
        scene.immich.jobs.add(kind, row.id)
    await scene.immich.run_jobs()
    assert row.exif is not None
    assert (row.exif.modify_us, row.thumbhash) == (None, None)


async def test_an_asset_made_without_a_file_is_read_as_what_it_is(scene: Scene) -> None:
    read, unread = scene.asset(), scene.asset("b.jpg", is_extracted=False)
    before_us, before = read.updated_us, read.exif
    for row in (read, unread):
        for kind in (JobKind.EXTRACT, JobKind.THUMBNAIL, JobKind.FACES):
            scene.immich.jobs.add(kind, row.id)
    await scene.immich.run_jobs()
    assert read.exif == before
    assert read.updated_us > before_us
    assert unread.exif is not None
    assert (unread.exif.modify_us, unread.exif.taken_us) == (unread.file_modified_us, unread.file_created_us)
    assert (read.thumbhash, unread.thumbhash) == (None, None)


async def test_a_file_imported_without_exif_row_gets_one(scene: Scene) -> None:
    row = scene.immich.import_file(scene.ann, "/mnt/a.jpg", b"x")
    scene.immich.state.files.pop(row.id)
    await scene.immich.run_jobs()
    assert row.exif is not None
    assert row.exif.modify_us == row.file_modified_us


async def test_a_hidden_asset_gets_no_thumbnail_when_one_is_asked_for(scene: Scene, picture: Picture) -> None:
    row = scene.immich.upload(scene.ann, "a.jpg", picture(), visibility=Visibility.HIDDEN)
    scene.immich.jobs.add(JobKind.THUMBNAIL, row.id)
    await scene.immich.run_jobs()
    assert row.thumbhash is None


async def test_what_was_done_meanwhile_is_not_done_again(picture: Picture) -> None:
    async with EmulatedImmich(job_delay_s=0.02) as immich:
        row = immich.upload(immich.add_user(), "a.jpg", picture())
        await asyncio.sleep(0)
        delayed = immich.jobs.delayed
        assert delayed is not None
        assert await immich.run_jobs() == 2
        await immich.settle()
        assert (delayed.kind, row.thumbhash is not None) == (JobKind.EXTRACT, True)
