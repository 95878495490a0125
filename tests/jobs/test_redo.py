from __future__ import annotations

import io
from collections.abc import AsyncIterator
from dataclasses import replace
from pathlib import Path

import pytest
from PIL import Image

from sidecar.accounts.connected import Account
from sidecar.demo.immich.background import JobKind
from sidecar.demo.immich.rows import AssetRow
from sidecar.errors import ImmichUnavailable
from sidecar.immich_client.client import open_immich, required_permissions
from sidecar.jobs.redo import ASK_EVERY_MS, RESTS_MS, RESTS_UNSEEN_MS, redo
from sidecar.model import OwnerId
from sidecar.storage import tables
from tests.builders import count_rows
from tests.jobs.household import NOON, Library, open_library

_jpeg = io.BytesIO()
Image.new("RGB", (32, 24), "teal").save(_jpeg, "JPEG")
JPEG = _jpeg.getvalue()


@pytest.fixture
async def library(tmp_path: Path) -> AsyncIterator[Library]:
    async with open_library(tmp_path) as opened:
        yield opened


async def unfinished(library: Library, kind: JobKind | None, name: str = "IMG_1.JPG") -> AssetRow:
    """An upload of which Immich could not do one thing, which rested since."""
    row = library.immich.upload(library.user, name, JPEG + name.encode(), at=NOON)
    if kind is not None:
        library.immich.jobs.fail(row, kind)
    await library.immich.settle()
    await rest(library, row, 2 * RESTS_UNSEEN_MS)
    return row


async def rest(library: Library, row: AssetRow, rested_ms: int) -> None:
    """It has not changed for so long, and we know."""
    row.updated_us = library.immich.state.now_us() - rested_ms * 1000
    row.json = None
    await library.sync()


def asked(library: Library) -> int:
    return sum(call.path == "/assets/jobs" for call in library.immich.calls)


async def ask(library: Library) -> None:
    await redo(library.context, library.owner_id)
    library.clock.advance(seconds=ASK_EVERY_MS / 1000)


async def test_metadata_that_immich_never_read_are_read_again(library: Library) -> None:
    row = await unfinished(library, JobKind.EXTRACT)
    assert not is_read(row)
    await ask(library)
    await library.immich.settle()
    assert is_read(row)
    assert asked(library) == 1


def is_read(row: AssetRow) -> bool:
    return row.exif is not None and row.exif.modify_us is not None


async def test_a_thumbnail_that_immich_never_made_is_made_again(library: Library) -> None:
    row = await unfinished(library, JobKind.THUMBNAIL)
    assert (is_read(row), row.thumbhash) == (True, None)
    await ask(library)
    await library.immich.settle()
    assert row.thumbhash is not None
    assert asked(library) == 1


async def test_what_immich_cannot_do_it_is_asked_once(library: Library) -> None:
    row = await unfinished(library, JobKind.EXTRACT)
    library.immich.jobs.fail(row, JobKind.EXTRACT, times=None)
    for _ in range(3):
        await ask(library)
        await library.immich.settle()
        await library.sync()
    assert asked(library) == 1
    async with library.context.database.read() as connection:
        assert await count_rows(connection, tables.redos, library.owner_id) == 1


async def test_what_is_there_is_not_asked_for(library: Library) -> None:
    await unfinished(library, None)
    await ask(library)
    assert asked(library) == 0


async def test_it_is_looked_for_now_and_then_only(library: Library) -> None:
    await unfinished(library, JobKind.EXTRACT)
    await redo(library.context, library.owner_id)
    await unfinished(library, JobKind.EXTRACT, "IMG_2.JPG")
    await redo(library.context, library.owner_id)
    assert asked(library) == 1
    library.clock.advance(seconds=ASK_EVERY_MS / 1000)
    await redo(library.context, library.owner_id)
    assert asked(library) == 2


async def test_what_was_not_sent_is_asked_for_the_next_time(library: Library) -> None:
    await unfinished(library, JobKind.EXTRACT)
    library.immich.fail("POST", "/assets/jobs", status=503)
    with pytest.raises(ImmichUnavailable):
        await redo(library.context, library.owner_id)
    library.clock.advance(seconds=ASK_EVERY_MS / 1000)
    await ask(library)
    assert asked(library) == 2


async def test_a_key_that_may_not_ask_does_not(library: Library) -> None:
    await unfinished(library, JobKind.EXTRACT)
    key = library.immich.add_key(library.user, sorted(required_permissions()))
    async with open_immich(library.immich.url, key) as immich:
        account = Account(library.context.accounts[library.owner_id].user, immich)
        library.context = replace(library.context, accounts={library.owner_id: account})
        await ask(library)
    assert asked(library) == 0


class TestWithAnAdministrator:
    @pytest.fixture
    async def library(self, tmp_path: Path) -> AsyncIterator[Library]:
        async with open_library(tmp_path) as opened:
            admin = opened.immich.add_user("Root", is_admin=True)
            async with open_immich(opened.immich.url, opened.immich.add_key(admin)) as immich:
                account = Account(await immich.me(), immich)
                accounts = {**opened.context.accounts, OwnerId(admin.id): account}
                opened.context = replace(opened.context, accounts=accounts)
                yield opened

    async def test_while_immich_is_busy_it_is_left_to_it(self, library: Library) -> None:
        await unfinished(library, JobKind.EXTRACT)
        library.immich.jobs.pause(JobKind.EXTRACT)
        library.immich.upload(library.user, "OTHER.JPG", b"another", at=NOON)
        await ask(library)
        assert asked(library) == 0
        library.immich.jobs.resume(JobKind.EXTRACT)
        await library.immich.settle()
        await ask(library)
        assert asked(library) == 1

    @pytest.mark.parametrize(("rested_ms", "is_asked"), [(RESTS_MS + 60_000, True), (RESTS_MS - 60_000, False)])
    async def test_whoever_sees_the_queues_needs_not_wait_for_long(
        self, library: Library, rested_ms: int, *, is_asked: bool
    ) -> None:
        row = await unfinished(library, JobKind.EXTRACT)
        await rest(library, row, rested_ms)
        await ask(library)
        assert asked(library) == is_asked


@pytest.mark.parametrize(("rested_ms", "is_asked"), [(RESTS_UNSEEN_MS + 60_000, True), (RESTS_MS + 60_000, False)])
async def test_whoever_does_not_see_the_queues_waits_longer(
    library: Library, rested_ms: int, *, is_asked: bool
) -> None:
    row = await unfinished(library, JobKind.EXTRACT)
    await rest(library, row, rested_ms)
    await ask(library)
    assert asked(library) == is_asked
