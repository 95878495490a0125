from __future__ import annotations

from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from sidecar.demo.immich.rows import AssetRow
from sidecar.jobs.duplicates.restore import PATIENCE, preview_undo, undo
from sidecar.model import AssetId
from sidecar.storage.resolutions import Resolution, ResolutionState
from tests.jobs.duplicates.album import Shelf, ids
from tests.jobs.duplicates.test_resolve import details, watch
from tests.jobs.household import open_library


@pytest.fixture
async def shelf(tmp_path: Path) -> AsyncIterator[Shelf]:
    async with open_library(tmp_path) as library:
        yield Shelf(library)


async def kept(shelf: Shelf) -> tuple[AssetRow, AssetRow, AssetRow, Resolution]:
    """One was kept of three; the first of the others was a favourite with words and in an album."""
    best, copy = shelf.photo("best.jpg", b"large"), shelf.photo("copy.jpg", b"smal", is_favorite=True, width=9)
    third = shelf.photo("third.jpg", b"thi", description="Holiday")
    shelf.library.immich.album(shelf.library.user, "Trip", copy)
    await shelf.library.sync()
    await shelf.alike(best, copy)
    await shelf.alike(best, third)
    await shelf.alike(copy, third)
    made = await shelf.keep(best)
    await shelf.resolve()
    return best, copy, third, await shelf.now(made)


async def previewed(shelf: Shelf, resolution: Resolution) -> tuple[set[AssetId], set[AssetId], str | None]:
    (shown,) = await preview_undo(shelf.library.context, shelf.library.owner_id, [resolution.id, "unknown"])
    return set(shown.restored), set(shown.gone), shown.why_not


async def test_a_preview_tells_who_comes_back_and_who_is_gone(shelf: Shelf) -> None:
    _, copy, third, resolution = await kept(shelf)
    shelf.library.immich.delete_for_good(third)
    await shelf.library.immich.settle()
    assert await previewed(shelf, resolution) == (set(ids(copy)), set(ids(third)), None)


async def test_what_was_purged_is_said_and_the_others_come_back(shelf: Shelf) -> None:
    best, _, third, resolution = await kept(shelf)
    shelf.library.immich.delete_for_good(third)
    await shelf.library.immich.settle()
    undone = await shelf.undo(resolution)
    assert (undone.state, undone.error) == (
        ResolutionState.UNDONE,
        "1 file was deleted for good meanwhile. Its description stays: nobody else knows it any more.",
    )
    assert shelf.trashed() == []
    assert details(shelf, best)[0] is False


async def test_what_the_user_changed_since_stays(shelf: Shelf) -> None:
    best, _, _, resolution = await kept(shelf)
    await shelf.library.immich.settle()
    shelf.library.immich.state.write_exif(best, description="Mine")
    undone = await shelf.undo(resolution)
    assert undone.error == "Its description was changed since and stays."
    assert details(shelf, best)[2] == "Mine"


async def test_what_was_kept_may_be_gone(shelf: Shelf) -> None:
    best, _, _, resolution = await kept(shelf)
    shelf.library.immich.delete_for_good(best)
    await shelf.library.immich.settle()
    undone = await shelf.undo(resolution)
    assert undone.error == "What was kept is gone, so that nothing was taken back from it."
    assert shelf.trashed() == []


async def test_what_was_kept_may_go_while_it_is_taken_back(shelf: Shelf) -> None:
    best, _, _, resolution = await kept(shelf)

    async def purge(call: str) -> None:
        if call == f"PUT /assets/{best.id}" and best.id in shelf.library.immich.state.assets:
            shelf.library.immich.delete_for_good(best)
            await shelf.library.immich.settle()

    watch(shelf, after=purge)
    assert (await shelf.undo(resolution)).state is ResolutionState.UNDONE


async def test_an_album_that_is_gone_stops_nothing(shelf: Shelf) -> None:
    best, _, _, resolution = await kept(shelf)
    (album,) = shelf.library.immich.albums_of(best)

    async def delete(call: str) -> None:
        if call == f"DELETE /albums/{album.id}/assets":
            shelf.library.immich.state.albums.pop(album.id, None)

    watch(shelf, before=delete)
    assert (await shelf.undo(resolution)).state is ResolutionState.UNDONE


async def test_immich_gets_time_to_restore_and_then_it_is_said(shelf: Shelf) -> None:
    _, copy, _, resolution = await kept(shelf)

    async def trash(call: str) -> None:
        if call == "POST /trash/restore/assets":
            shelf.library.immich.trash(copy)

    watch(shelf, after=trash)
    waiting = await shelf.undo(resolution)
    assert (waiting.state, waiting.error) == (
        ResolutionState.UNDOING, "Immich has not restored everything from the trash yet",
    )  # fmt: skip
    await shelf.resolve(times=PATIENCE)
    assert (await shelf.now(resolution)).error == (
        "1 file stays in Immich's trash. Its favorite stays: nobody else knows it any more. "
        "Its album stays: nobody else knows it any more."
    )


async def test_immich_gets_time_to_take_back_and_then_it_is_said(shelf: Shelf) -> None:
    best, _, _, resolution = await kept(shelf)

    async def again(call: str) -> None:
        if call == f"PUT /assets/{best.id}":
            shelf.library.immich.state.write(best, is_favorite=True)

    watch(shelf, after=again)
    waiting = await shelf.undo(resolution)
    assert (waiting.state, waiting.error) == (
        ResolutionState.UNDOING, "Immich does not show yet that everything was taken back",
    )  # fmt: skip
    await shelf.resolve(times=PATIENCE)
    assert (await shelf.now(resolution)).error == "Immich still shows it: favorite."


async def test_what_was_taken_back_or_never_done_is_not_taken_back_again(shelf: Shelf) -> None:
    best, copy = shelf.photo("best.jpg", b"large"), shelf.photo("copy.jpg", b"smal")
    await shelf.library.sync()
    await shelf.alike(best, copy)
    waiting = await shelf.keep(best)
    context, owner_id = shelf.library.context, shelf.library.owner_id
    assert await previewed(shelf, waiting) == (set(), set(), "it is still being carried out")
    assert await undo(context, owner_id, [waiting.id]) == []
    shelf.library.immich.trash(copy)
    await shelf.resolve()
    assert await previewed(shelf, waiting) == (set(), set(), "nothing was done")
    shelf.library.immich.restore(copy)
    await shelf.library.sync()
    await shelf.alike(best, copy)
    done = await shelf.keep(best)
    await shelf.resolve()
    assert await undo(context, owner_id, [done.id]) == [done.id]
    assert await previewed(shelf, done) == (set(), set(), "it is being taken back")
    await shelf.resolve()
    assert await previewed(shelf, done) == (set(), set(), "taken back already")
    assert await undo(context, owner_id, [done.id]) == []
    assert shelf.trashed() == []
