"""Decisions about duplicates that cross what users do, and each other."""

from __future__ import annotations

from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from sidecar.jobs.duplicates.decide import keep_identical, preview_identical
from sidecar.jobs.duplicates.restore import preview_undo, undo
from sidecar.model import Visibility
from sidecar.storage.resolutions import ResolutionState
from tests.jobs.duplicates.album import Shelf
from tests.jobs.duplicates.test_resolve import details, two, watch
from tests.jobs.household import open_library


@pytest.fixture
async def shelf(tmp_path: Path) -> AsyncIterator[Shelf]:
    async with open_library(tmp_path) as library:
        yield Shelf(library)


async def test_what_only_the_kept_copy_still_knows_is_not_taken_from_it(shelf: Shelf) -> None:
    immich, ann = shelf.library.immich, shelf.library.user
    best = shelf.photo("best.jpg", b"large")
    copy = shelf.photo("copy.jpg", b"smal", is_favorite=True, rating=4, description="Holiday", width=900)
    album, tag, link = immich.album(ann, "Trip", copy), immich.tag(ann, "sea", copy), immich.link(ann, copy)
    await shelf.library.sync()
    await shelf.alike(best, copy)
    resolution = await shelf.keep(best)
    await shelf.resolve()
    immich.delete_for_good(copy)
    await shelf.undo(resolution)
    assert details(shelf, best)[:3] == (True, 4, "Holiday")
    assert all(best.id in each.assets for each in (album, tag, link))


async def test_what_failed_and_left_nothing_is_not_taken_back_over_what_the_user_gave_since(shelf: Shelf) -> None:
    immich, _ann = shelf.library.immich, shelf.library.user
    best, _copy = await two(shelf, is_favorite=True, width=900)
    resolution = await shelf.keep(best)
    immich.set_trash(is_on=False)
    await shelf.resolve()
    assert (await shelf.now(resolution)).state is ResolutionState.FAILED
    assert details(shelf, best)[0] is False  # all was taken back
    immich.state.write(best, is_favorite=True)  # the user's own heart, later
    await shelf.library.sync()
    await shelf.undo(resolution)  # `sidecar undo --all`
    assert details(shelf, best)[0] is True


async def test_what_failed_brings_nothing_back_that_the_user_trashed_since(shelf: Shelf) -> None:
    immich = shelf.library.immich
    best, copy = await two(shelf)
    resolution = await shelf.keep(best)

    async def switch_off(call: str) -> None:
        if call == "DELETE /assets":
            immich.set_trash(is_on=False)

    stop = watch(shelf, after=switch_off)
    await shelf.resolve()
    stop()
    assert (await shelf.now(resolution)).state is ResolutionState.FAILED
    assert shelf.trashed() == []
    immich.set_trash(is_on=True)
    immich.trash(copy)  # the user's own, later
    await shelf.undo(resolution)
    assert shelf.trashed() == ["copy.jpg"]


async def test_a_keeper_that_is_trashed_during_the_last_look_saves_the_others(shelf: Shelf) -> None:
    immich = shelf.library.immich
    best, _copy = await two(shelf)
    await shelf.keep(best)
    looked: list[str] = []

    async def trash_keeper(call: str) -> None:
        if call.startswith(f"GET /assets/{best.id}/original") and not looked:
            looked.append(call)
            immich.trash(best)  # right after the keeper was found well, before the look at those that go

    watch(shelf, after=trash_keeper)
    await shelf.resolve()
    assert looked
    assert shelf.trashed() != ["best.jpg", "copy.jpg"]


async def test_two_decisions_about_one_keeper_are_taken_back_in_the_other_order(shelf: Shelf) -> None:
    best = shelf.photo("best.jpg", b"large", description="Own")
    b = shelf.photo("b.jpg", b"smal", description="Bee", width=900)
    await shelf.library.sync()
    await shelf.alike(best, b)
    first = await shelf.keep(best)
    await shelf.resolve()
    c = shelf.photo("c.jpg", b"sma", description="Cee", width=900)
    await shelf.library.sync()
    await shelf.alike(best, c)
    second = await shelf.keep(best)
    await shelf.resolve()
    assert details(shelf, best)[2] == "Own\nBee\nCee"
    await undo(shelf.library.context, shelf.library.owner_id, [first.id, second.id])
    await shelf.resolve(times=2)
    assert details(shelf, best)[2] == "Own"


async def test_what_another_decision_counts_on_stays(shelf: Shelf) -> None:
    immich, ann = shelf.library.immich, shelf.library.user
    best = shelf.photo("best.jpg", b"large")
    b = shelf.photo("b.jpg", b"smal", is_favorite=True, width=900)
    c = shelf.photo("c.jpg", b"sma", is_favorite=True, width=900)
    trip = immich.album(ann, "Trip", b, c)
    await shelf.library.sync()
    await shelf.alike(best, b)
    first = await shelf.keep(best)
    await shelf.resolve()
    await shelf.alike(best, c)
    await shelf.keep(best)
    await shelf.resolve()
    await shelf.undo(first)
    immich.delete_for_good(c)
    assert details(shelf, best)[0] is True
    assert best.id in trip.assets


async def test_what_the_user_gave_before_we_could_is_the_users(shelf: Shelf) -> None:
    immich, _ann = shelf.library.immich, shelf.library.user
    best, _copy = await two(shelf, is_favorite=True, rating=4)
    resolution = await shelf.keep(best)
    seen: list[str] = []

    async def heart(call: str) -> None:
        if call.startswith("GET /assets") and not seen:
            now = await shelf.now(resolution)
            if now.state is ResolutionState.MERGING:
                seen.append(call)
                immich.state.write(best, is_favorite=True)

    watch(shelf, before=heart)
    await shelf.resolve()
    assert seen
    await shelf.undo(resolution)
    assert details(shelf, best)[0] is True


async def test_what_starts_to_move_after_the_decision_is_not_lost(shelf: Shelf) -> None:
    best, copy = await two(shelf)
    await shelf.keep(best)
    video = shelf.photo("copy.mov", b"movie")
    shelf.library.immich.set_visibility(video, Visibility.HIDDEN)
    shelf.library.immich.state.write(copy, live_photo_video_id=video.id)  # Immich links the motion part a moment later
    await shelf.library.immich.settle()
    await shelf.resolve()
    assert "copy.jpg" not in shelf.trashed()


async def test_what_stays_must_still_move_when_what_goes_does(shelf: Shelf) -> None:
    immich = shelf.library.immich
    v1, v2 = shelf.photo("a.mov", b"movie1"), shelf.photo("b.mov", b"movie2")
    for v in (v1, v2):
        immich.set_visibility(v, Visibility.HIDDEN)
    best, _copy = await two(shelf, live_photo_video_id=v2.id)
    immich.state.write(best, live_photo_video_id=v1.id)
    await shelf.library.sync()
    await shelf.keep(best)
    immich.state.write(best, live_photo_video_id=None)
    await shelf.resolve()
    assert "copy.jpg" not in shelf.trashed()


async def test_an_album_deleted_meanwhile_stops_nothing(shelf: Shelf) -> None:
    best, copy = await two(shelf)
    immich = shelf.library.immich
    album = immich.album(shelf.library.user, "Trip", copy)
    resolution = await shelf.keep(best)

    async def delete(call: str) -> None:
        if call == f"PUT /albums/{album.id}/assets":
            immich.state.albums.pop(album.id, None)

    watch(shelf, before=delete)
    await shelf.resolve()
    found = await shelf.now(resolution)
    assert (found.state, found.error) == (ResolutionState.DONE, None)
    assert shelf.trashed() == ["copy.jpg"]


async def test_what_was_purged_altogether_cannot_be_taken_back_and_says_so(shelf: Shelf) -> None:
    best, copy = await two(shelf)
    resolution = await shelf.keep(best)
    await shelf.resolve()
    shelf.library.immich.delete_for_good(copy)
    await shelf.library.immich.settle()
    (shown,) = await preview_undo(shelf.library.context, shelf.library.owner_id, [resolution.id])
    assert shown.why_not == "what went was deleted for good meanwhile"


async def test_what_failed_and_left_nothing_says_so(shelf: Shelf) -> None:
    best, _ = await two(shelf)
    resolution = await shelf.keep(best)
    shelf.library.immich.set_trash(is_on=False)
    await shelf.resolve()
    (shown,) = await preview_undo(shelf.library.context, shelf.library.owner_id, [resolution.id])
    assert shown.why_not == "it failed, and nothing of it was left"
    assert await undo(shelf.library.context, shelf.library.owner_id, [resolution.id]) == []


async def test_what_bulk_would_publish_is_left_for_a_person(shelf: Shelf) -> None:
    immich, ann = shelf.library.immich, shelf.library.user
    bob = immich.add_user("Bob")
    upload = shelf.photo("a.jpg", b"same")
    library_file = shelf.photo("b.jpg", b"same", folder="/lib", is_favorite=True)
    immich.album(ann, "Ours", upload, viewers=(bob,))
    await shelf.library.sync()
    await shelf.read(upload, library_file)
    await shelf.form()
    context, owner_id = shelf.library.context, shelf.library.owner_id
    shown = await preview_identical(context, owner_id)
    assert [len(going) for _, going in shown.decisions] == [1]
    (resolution,) = await keep_identical(context, owner_id, confirm=shown.token)
    await shelf.resolve()
    found = await shelf.now(resolution)
    assert found.state is ResolutionState.WITHDRAWN
    assert found.error == "What is kept would be seen by others: decide about this set by itself."
    assert shelf.trashed() == []


async def test_a_live_photo_may_go_where_what_stays_moves_too(shelf: Shelf) -> None:
    immich = shelf.library.immich
    videos = [shelf.photo("a.mov", b"movie1"), shelf.photo("b.mov", b"movie2")]
    for video in videos:
        immich.set_visibility(video, Visibility.HIDDEN)
    best, _ = await two(shelf, live_photo_video_id=videos[1].id)
    immich.state.write(best, live_photo_video_id=videos[0].id)
    await shelf.library.sync()
    await shelf.keep(best)
    await shelf.resolve()
    assert shelf.trashed() == ["copy.jpg"]
