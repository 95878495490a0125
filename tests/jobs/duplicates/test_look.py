from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Sequence
from dataclasses import replace
from io import BytesIO
from pathlib import Path
from typing import Any

import pytest
import pytest_asyncio

from sidecar.demo.immich.rows import AssetRow
from sidecar.demo.library.scenes import paint
from sidecar.duplicates.fingerprint import FINGERPRINT_VERSION, Samples, fingerprint_of
from sidecar.errors import ImmichRefused, ImmichUnavailable
from sidecar.jobs.duplicates import look as looking
from sidecar.jobs.duplicates.look import Looked, look
from sidecar.media.errors import Flaw, UndecodableMedia
from sidecar.media.pool import DecodingPool, File, open_decoding_pool
from sidecar.media.samples import samples_of
from sidecar.model import AssetId
from sidecar.storage import fingerprints, originals
from sidecar.storage.fingerprints import Failed
from tests.jobs.household import NOON, Library, open_library

pytestmark = pytest.mark.asyncio(loop_scope="module")

NO_KEY = '{"message": "Invalid API key", "error": "Unauthorized", "statusCode": 401, "correlationId": "x"}'


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def pool() -> AsyncIterator[DecodingPool]:
    async with open_decoding_pool(workers=1) as opened:
        yield opened


@pytest_asyncio.fixture(loop_scope="module")
async def library(tmp_path: Path, pool: DecodingPool) -> AsyncIterator[Library]:
    async with open_library(tmp_path, pool=pool) as opened:
        yield opened


def picture(number: int = 1, kind: str = "JPEG") -> bytes:
    stream = BytesIO()
    paint(7, number, size=(360, 270)).save(stream, kind)
    return stream.getvalue()


def add(library: Library, name: str = "a.jpg", number: int = 1) -> AssetRow:
    return library.immich.upload(library.user, name, picture(number), at=NOON)


async def due(library: Library) -> list[originals.Picture]:
    async with library.context.database.read() as connection:
        return await originals.to_look_at(
            connection, library.owner_id, version=FINGERPRINT_VERSION, now_ms=library.clock(), limit=1000
        )


async def look_at_all(library: Library) -> Looked:
    """One look at what wants one."""
    return await look(library.context, library.owner_id, await due(library))


async def sync(library: Library) -> None:
    await library.immich.settle()
    await library.sync()
    library.immich.calls.clear()


async def seen(library: Library) -> list[AssetId]:
    async with library.context.database.read() as connection:
        return (await fingerprints.load(connection, library.owner_id, version=FINGERPRINT_VERSION)).ids


async def only_failure(library: Library) -> Failed:
    async with library.context.database.read() as connection:
        [failure] = await fingerprints.failures(connection, library.owner_id, limit=10)
    return failure


async def test_a_thumbnail_becomes_the_fingerprint_of_what_it_shows(library: Library) -> None:
    row = add(library)
    await sync(library)
    assert await look_at_all(library) == Looked(1, 0)
    thumbnail = library.immich.state.files[row.id].thumbnail
    assert thumbnail is not None
    expected = fingerprint_of(samples_of(thumbnail, "a.webp"))
    async with library.context.database.read() as connection:
        loaded = await fingerprints.load(connection, library.owner_id, version=FINGERPRINT_VERSION)
        pixels = await fingerprints.pixels_of(connection, library.owner_id, loaded.ids)
    assert (loaded.ids, int(loaded.phash[0])) == ([row.id], expected.phash)
    assert (pixels.luma[0].tobytes(), pixels.colours[0].tobytes()) == (expected.luma, expected.colours)
    assert [call.path for call in library.immich.calls] == [f"/assets/{row.id}/thumbnail"]
    assert await due(library) == []


async def test_one_bad_thumbnail_costs_nobody_else_anything(library: Library) -> None:
    rows = [add(library, f"{number}.jpg", number) for number in range(5)]
    await library.immich.settle()
    library.immich.set_thumbnail(rows[2], b"RIFF\0\0\0\0WEBP and no more")
    await sync(library)
    assert await look_at_all(library) == Looked(4, 1)
    assert await seen(library) == sorted(row.id for row in rows if row is not rows[2])
    failure = await only_failure(library)
    assert (failure.asset_id, failure.flaw, failure.attempts) == (rows[2].id, "broken", 1)
    assert failure.not_before_ms == fingerprints.NEVER
    library.clock.advance(seconds=10**8)
    assert await due(library) == []


async def test_a_failure_ends_when_the_picture_is_another(library: Library) -> None:
    row = add(library)
    await library.immich.settle()
    library.immich.set_thumbnail(row, b"nonsense")
    await sync(library)
    assert await look_at_all(library) == Looked(0, 1)
    library.immich.set_thumbnail(row, picture(kind="WEBP"))
    library.immich.state.write(row, thumbhash="3OcRJYB4d3h/iIeHeEh3eIhw+j2w")
    await sync(library)
    assert await look_at_all(library) == Looked(1, 0)


async def test_without_a_thumbnail_the_original_is_looked_at_and_nothing_of_it_stays(
    library: Library, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("tempfile.tempdir", str(tmp_path))
    before = set(tmp_path.iterdir())
    row = add(library)
    await library.immich.settle()
    library.immich.set_thumbnail(row, None)
    await sync(library)
    assert await look_at_all(library) == Looked(1, 0)
    assert [call.path.rpartition("/")[2] for call in library.immich.calls] == ["thumbnail", "original"]
    assert set(tmp_path.iterdir()) == before


@pytest.mark.parametrize(
    ("name", "data", "flaw", "is_passing"),
    [
        pytest.param("a.jpg", b"Dear Ann", "not a picture", False, id="no picture"),
        pytest.param("a.mp4", b"\0\0\0\x18ftypmp42" + bytes(12), "no picture", True, id="a video"),
    ],
)
async def test_what_has_no_thumbnail_and_cannot_be_seen_says_why(
    library: Library, name: str, data: bytes, flaw: str, *, is_passing: bool
) -> None:
    library.immich.upload(library.user, name, data, at=NOON)
    await sync(library)
    assert await look_at_all(library) == Looked(0, 1)
    failure = await only_failure(library)
    assert failure.flaw == flaw
    assert (failure.not_before_ms < fingerprints.NEVER) is is_passing


async def test_an_original_beyond_the_limit_is_not_fetched(library: Library, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(looking, "ORIGINAL_LIMIT_BYTES", 100)
    known, unknown = add(library), add(library, "b.jpg", 2)
    await library.immich.settle()
    for row in (known, unknown):
        library.immich.set_thumbnail(row, None)
    await sync(library)
    first, second = sorted(await due(library), key=lambda each: each.id != known.id)
    pictures = [first, replace(second, size_bytes=None)]
    assert await look(library.context, library.owner_id, pictures) == Looked(0, 2)
    async with library.context.database.read() as connection:
        failures = {
            each.asset_id: each.flaw for each in await fingerprints.failures(connection, library.owner_id, limit=9)
        }
    assert failures == {known.id: "too large", unknown.id: "not given"}
    assert [call.path.split("/")[2] for call in library.immich.calls if call.path.endswith("/original")] == [unknown.id]


@pytest.mark.parametrize(
    ("how", "detail"),
    [
        pytest.param({"status": 503}, "Immich answers, but does not send this one", id="not now"),
        pytest.param({"is_endless": True}, "Immich's answer to viewAsset is larger than", id="without end"),
    ],
)
async def test_a_passing_trouble_waits_longer_each_time(library: Library, how: dict[str, Any], detail: str) -> None:
    add(library)
    add(library, "b.jpg", 2)
    await sync(library)
    [first, second] = await due(library)
    waits = []
    for attempt in (1, 2):
        library.immich.fail("GET", f"/assets/{first.id}/thumbnail", **how)
        await look_at_all(library)
        failure = await only_failure(library)
        assert failure.detail.startswith(detail)
        assert failure.attempts == attempt
        waits.append(round((failure.not_before_ms - library.clock()) / 60_000))
        assert await due(library) == []
        library.clock.advance(seconds=60 * waits[-1] + 1)
    assert waits == [10, 20]
    assert await look_at_all(library) == Looked(1, 0)
    assert await seen(library) == [first.id, second.id]


@pytest.mark.parametrize("flaw", [Flaw.TOO_SLOW, Flaw.CRASHED])
async def test_what_may_be_the_fault_of_a_busy_machine_is_tried_again(library: Library, flaw: Flaw) -> None:
    class Busy(DecodingPool):
        async def samples(self, files: Sequence[File]) -> list[Samples | UndecodableMedia]:
            return [UndecodableMedia(flaw, "no time") for _ in files]

    well = library.context
    library.context = replace(well, pool=Busy(workers=1, memory_bytes=1, timeout_s=1, program=()))
    row = add(library)
    await sync(library)
    await look_at_all(library)
    assert (await only_failure(library)).flaw == flaw.value
    library.context = well
    assert await due(library) == []
    library.clock.advance(seconds=8 * 86_400)
    await look_at_all(library)
    assert await seen(library) == [AssetId(row.id)]


async def test_what_has_neither_thumbnail_nor_file_waits(library: Library) -> None:
    row = add(library)
    await library.immich.settle()
    library.immich.set_thumbnail(row, None)
    library.immich.set_original(row, None)
    await sync(library)
    assert await look_at_all(library) == Looked(0, 1)
    failure = await only_failure(library)
    assert (failure.flaw, failure.detail) == ("not given", "Immich has neither a thumbnail nor the file")


async def test_what_drips_is_left(library: Library, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(looking, "_LONGEST_FETCH_S", 0.3)
    add(library)
    await sync(library)
    library.immich.fail("GET", "/assets/*/thumbnail", drip_s=0.05)
    assert await look_at_all(library) == Looked(0, 1)
    assert (await only_failure(library)).detail == "Immich sends this one too slowly"


@pytest.mark.parametrize(
    ("how", "error"),
    [
        pytest.param({"status": 503}, ImmichUnavailable, id="down"),
        pytest.param({"status": 401, "body": NO_KEY}, ImmichRefused, id="no key"),
    ],
)
async def test_when_nobody_answers_it_is_no_pictures_fault(
    library: Library, monkeypatch: pytest.MonkeyPatch, how: dict[str, Any], error: type[Exception]
) -> None:
    monkeypatch.setattr(looking, "_FETCHED_AT_ONCE", 2)
    for number in range(5):
        add(library, f"{number}.jpg", number)
    await sync(library)
    pictures = await due(library)
    for picture_ in pictures[2:]:
        library.immich.fail("GET", f"/assets/{picture_.id}/thumbnail", **how)
    library.immich.fail("GET", "/server/*", times=10, **how)
    with pytest.raises(error):
        await look(library.context, library.owner_id, pictures)
    assert await seen(library) == [each.id for each in pictures[:2]]  # what came before is on record
    assert [each.id for each in await due(library)] == [each.id for each in pictures[2:]]


async def test_a_process_that_is_to_end_stops_between_two_parts(
    library: Library, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(looking, "_FETCHED_AT_ONCE", 2)
    for number in range(5):
        add(library, f"{number}.jpg", number)
    await sync(library)
    pictures = await due(library)
    library.immich.calls.clear()

    class OnceImmichWasAsked(asyncio.Event):
        def is_set(self) -> bool:
            return bool(library.immich.calls)

    library.context = replace(library.context, stopping=OnceImmichWasAsked())
    assert await look(library.context, library.owner_id, pictures) == Looked(2, 0)
    assert await seen(library) == [each.id for each in pictures[:2]]
    assert await look(library.context, library.owner_id, pictures) == Looked(0, 0)


async def test_without_a_pool_one_is_opened_for_the_time_of_the_look(library: Library) -> None:
    add(library)
    await sync(library)
    library.context = replace(library.context, pool=None)
    assert await look_at_all(library) == Looked(1, 0)


async def test_many_pictures_go_through_in_parts(library: Library, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(looking, "_FETCHED_AT_ONCE", 3)
    rows = [add(library, f"{number}.jpg", number) for number in range(8)]
    await sync(library)
    assert await look_at_all(library) == Looked(8, 0)
    assert await seen(library) == sorted(row.id for row in rows)
