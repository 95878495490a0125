"""One owner's search for duplicates, from the first file to the last set, on an emulated Immich with real pictures."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Iterable, Sequence
from dataclasses import replace
from functools import lru_cache
from io import BytesIO
from pathlib import Path
from typing import Any

import pytest
from PIL import Image, ImageEnhance, ImageOps

from sidecar.demo.immich.rows import AssetRow
from sidecar.demo.immich.thumbhash import thumbhash_of
from sidecar.demo.library.scenes import paint
from sidecar.duplicates.classes import DuplicateClass
from sidecar.duplicates.detector import Detector, Specimen
from sidecar.duplicates.match import Match
from sidecar.duplicates.search import matches as matches_among
from sidecar.errors import ContractBroken, ImmichMissing, ImmichUnavailable
from sidecar.grouping.memo import memo_of
from sidecar.grouping.memory import Decision, DecisionKind, DecisionSource
from sidecar.jobs.duplicates.detect import detect
from sidecar.jobs.duplicates.record import record
from sidecar.media.pool import DecodingPool, open_decoding_pool
from sidecar.model import AssetId
from sidecar.preferences import Detection
from sidecar.storage import detections, duplicate_sets, fingerprints, matches
from sidecar.storage.detections import DetectionPhase, DetectionState
from sidecar.storage.duplicate_sets import StoredSet
from tests.jobs.household import NOON, Library, open_library

NAME = "12345678-1234-4234-8234-123456789012"
IDENTICAL, RE_ENCODED, EDITED, FEATURELESS = list(DuplicateClass)[:4]


@pytest.fixture
async def pool() -> AsyncIterator[DecodingPool]:
    async with open_decoding_pool(workers=1) as opened:
        yield opened


@pytest.fixture
async def library(tmp_path: Path, pool: DecodingPool) -> AsyncIterator[Library]:
    async with open_library(tmp_path, pool=pool) as opened:
        yield opened


@lru_cache
def photo(number: int, *, size: tuple[int, int] = (480, 360)) -> Image.Image:
    return paint(7, number, size=size)


def encoded(picture: Image.Image, kind: str = "JPEG", **options: Any) -> bytes:
    buffer = BytesIO()
    picture.save(buffer, kind, **options)
    return buffer.getvalue()


def add(library: Library, name: str, picture: Image.Image, **options: Any) -> AssetRow:
    return library.immich.upload(library.user, name, encoded(picture, **options), at=NOON)


async def request(library: Library) -> int:
    async with library.context.database.write() as connection:
        return (await detections.request(connection, library.owner_id, now_ms=library.clock())).id


async def state(library: Library, detection_id: int) -> detections.Detection:
    async with library.context.database.read() as connection:
        return await detections.get(connection, library.owner_id, detection_id)


async def run(library: Library) -> detections.Detection:
    """One search, asked for and done."""
    await library.immich.settle()
    await library.sync()
    detection_id = await request(library)
    await detect(library.context, library.owner_id)
    return await state(library, detection_id)


async def sets(library: Library) -> list[StoredSet]:
    async with library.context.database.read() as connection:
        return await duplicate_sets.everything(connection, library.owner_id)


async def shown(library: Library) -> list[tuple[DuplicateClass, list[tuple[str, DuplicateClass]]]]:
    """Each set with the names of its members, the best first, and what each is to the best."""
    names = {each: row.name for each, row in library.immich.state.assets.items()}
    return sorted(
        (each.kind, [(names[member.asset_id], member.kind) for member in each.members]) for each in await sets(library)
    )


def thumbnails_fetched(library: Library) -> int:
    return sum(call.path.endswith("/thumbnail") for call in library.immich.calls)


def originals_read(library: Library) -> int:
    return sum(call.path.endswith("/original") for call in library.immich.calls)


async def test_copies_are_found_and_called_what_they_are(library: Library) -> None:
    data = encoded(photo(0), quality=92)
    library.immich.upload(library.user, "holiday.jpg", data, at=NOON)
    library.immich.import_file(library.user, "/mnt/photos/2024/holiday.jpg", data, at=NOON)
    add(library, "messenger.jpg", photo(0).resize((240, 180)), quality=70)
    add(library, "brighter.jpg", ImageEnhance.Brightness(photo(0)).enhance(1.35), quality=90)
    add(library, "other.jpg", photo(1), quality=90)
    add(library, "black-1.jpg", Image.new("RGB", (480, 360), (2, 2, 2)), quality=90)
    add(library, "black-2.jpg", Image.new("RGB", (400, 300), (3, 2, 2)), quality=80)
    done = await run(library)
    assert (done.state, done.error) == (DetectionState.DONE, None)
    found = dict(await shown(library))
    assert found.keys() == {EDITED, FEATURELESS}
    assert {name for name, _ in found[FEATURELESS]} == {"black-1.jpg", "black-2.jpg"}
    best, *others = found[EDITED]
    assert best[0] == "holiday.jpg"
    assert sorted(others) == [("brighter.jpg", EDITED), ("holiday.jpg", IDENTICAL), ("messenger.jpg", RE_ENCODED)]
    assert done.sets == 2
    assert done.bytes_read > 0
    assert done.first_results_at_ms is not None


async def test_a_second_search_reads_nothing_twice(library: Library) -> None:
    data = encoded(photo(0), quality=92)
    library.immich.upload(library.user, "a.jpg", data, at=NOON)
    library.immich.import_file(library.user, "/mnt/a.jpg", data, at=NOON)
    add(library, "b.jpg", photo(1))
    await run(library)
    before = await sets(library)
    library.immich.calls.clear()
    await run(library)
    assert (thumbnails_fetched(library), originals_read(library)) == (0, 0)
    assert await sets(library) == before != []


async def test_what_is_new_is_searched_for_among_all(library: Library) -> None:
    for number in range(4):
        add(library, f"{number}.jpg", photo(number))
    await run(library)
    assert await sets(library) == []
    add(library, "2-small.jpg", photo(2).resize((240, 180)), quality=80)
    library.immich.calls.clear()
    await run(library)
    assert [members for _, members in await shown(library)] == [[("2.jpg", RE_ENCODED), ("2-small.jpg", RE_ENCODED)]]
    assert thumbnails_fetched(library) == 1


async def test_one_that_is_edited_in_place_is_looked_at_anew(library: Library) -> None:
    add(library, "a.jpg", photo(0))
    copy = add(library, "b.jpg", photo(0), quality=60)
    await run(library)
    assert len(await sets(library)) == 1
    library.immich.set_thumbnail(copy, encoded(photo(1), kind="WEBP"))
    library.immich.state.write(copy, thumbhash=thumbhash_of(photo(1)))
    await run(library)
    assert await sets(library) == []


async def test_a_replaced_file_is_in_no_set_until_it_was_looked_at(
    library: Library, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def away(*_arguments: object) -> None:
        raise ImmichUnavailable("thumbnails are out of reach")

    add(library, "a.jpg", photo(0))
    copy = add(library, "b.jpg", photo(0), quality=60)
    await run(library)
    # Another picture of the same thumbhash, as two pages of text may have.
    library.immich.set_thumbnail(copy, encoded(photo(1), kind="WEBP"))
    library.immich.state.write(copy, file_modified_us=copy.file_modified_us + 10**12)
    with monkeypatch.context() as patch:
        patch.setattr("sidecar.jobs.duplicates.detect.look", away)
        assert (await run(library)).error is not None
    assert await sets(library) == []
    library.clock.advance(seconds=600)
    await run(library)
    assert await sets(library) == []


@pytest.mark.parametrize("is_replaced", [False, True])
async def test_of_many_equal_ones_any_may_go_and_the_others_stay_a_set(library: Library, *, is_replaced: bool) -> None:
    black = Image.new("RGB", (480, 360), (2, 2, 2))
    for number in range(4):
        row = library.immich.add_asset(
            library.user, f"{number}.png", taken_at=NOON, thumbhash=thumbhash_of(black), size_bytes=1000 + number
        )
        library.immich.set_thumbnail(row, encoded(black, kind="WEBP"))
    await run(library)
    assert [len(each.members) for each in await sets(library)] == [4]
    async with library.context.database.read() as connection:
        pairs = [{match.a, match.b} for match in await matches.everything(connection, library.owner_id)]
    (hub,) = set.intersection(*pairs)
    row = library.immich.state.assets[hub]
    if is_replaced:
        library.immich.set_thumbnail(row, encoded(photo(1), kind="WEBP"))
        library.immich.state.write(row, thumbhash=thumbhash_of(photo(1)))
    else:
        library.immich.trash(row)
    await run(library)
    assert [len(each.members) for each in await sets(library)] == [3]
    library.immich.restore(row)
    await run(library)
    assert [len(each.members) for each in await sets(library)] == [3 if is_replaced else 4]


async def test_who_lost_the_search_does_not_end_it_for_another(
    library: Library, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def asleep(*_arguments: object, **_named: object) -> None:
        library.clock.advance(seconds=100_000)
        async with library.context.database.write() as connection:
            assert await detections.claim(
                connection, library.owner_id, lease="other", now_ms=library.clock(), lease_ms=600_000
            )
        raise ContractBroken("Immich speaks in tongues.")

    detection_id = await request(library)
    monkeypatch.setattr("sidecar.jobs.duplicates.detect.compare_files", asleep)
    await detect(library.context, library.owner_id)
    assert (await state(library, detection_id)).state is DetectionState.RUNNING


async def test_members_of_a_stack_are_no_duplicates_of_each_other_but_of_others(library: Library) -> None:
    raw = add(library, "a.png", photo(0), kind="PNG")
    jpeg = add(library, "a.jpg", photo(0), quality=90)
    library.immich.stack(library.user, jpeg, raw)
    await run(library)
    assert await sets(library) == []
    add(library, "sent.jpg", photo(0), quality=60)
    await run(library)
    assert [members for _, members in await shown(library)] == [[("a.jpg", RE_ENCODED), ("sent.jpg", RE_ENCODED)]]


@pytest.mark.parametrize(
    ("chosen", "left"),
    [
        pytest.param(Detection(enable_exact_match=False), {RE_ENCODED}, id="no exact search"),
        pytest.param(Detection(enable_perceptual_match=False), {IDENTICAL}, id="no search by look"),
        pytest.param(Detection(enable_exact_match=False, enable_perceptual_match=False), set(), id="off means off"),
    ],
)
async def test_each_search_has_its_own_switch(library: Library, chosen: Detection, left: set[DuplicateClass]) -> None:
    data = encoded(photo(0), quality=92)
    library.immich.upload(library.user, "a.jpg", data, at=NOON)
    library.immich.import_file(library.user, "/mnt/a.jpg", data, at=NOON)
    add(library, "b.jpg", photo(1))
    add(library, "b-small.jpg", photo(1).resize((240, 180)))
    await run(library)
    assert {each.kind for each in await sets(library)} == {IDENTICAL, RE_ENCODED}
    library.context = replace(library.context, detection=chosen)
    library.immich.calls.clear()
    await run(library)
    # What looks the same is found by looks, too, where nobody compares bytes.
    assert {each.kind for each in await sets(library)} == left
    assert (thumbnails_fetched(library), originals_read(library)) == (0, 0)


async def test_another_threshold_searches_everything_anew_without_a_look(library: Library) -> None:
    add(library, "a.jpg", photo(0))
    add(library, "b.jpg", ImageEnhance.Contrast(photo(0)).enhance(0.6), quality=90)
    await run(library)
    assert len(await sets(library)) == 1
    library.immich.calls.clear()
    library.context = replace(library.context, detection=Detection(phash_threshold=1.0))
    await run(library)
    assert await sets(library) == []
    assert thumbnails_fetched(library) == 0


async def test_turned_copies_are_found_where_that_is_wanted(library: Library) -> None:
    add(library, "a.jpg", photo(0))
    add(library, "mirrored.jpg", ImageOps.mirror(photo(0)))
    await run(library)
    assert await sets(library) == []
    library.context = replace(library.context, detection=Detection(turned_copies=True))
    await run(library)
    (found,) = await sets(library)
    assert (found.kind, {member.reason for member in found.members if not member.is_suggested}) == (
        EDITED,
        {member.reason for member in found.members if not member.is_suggested},
    )
    assert any("mirrored" in member.reason for member in found.members)


async def test_detectors_of_other_packages_are_asked_about_what_is_new(library: Library) -> None:
    asked: list[tuple[int, int]] = []

    def everybody(new: Sequence[Specimen], known: Sequence[Specimen]) -> Iterable[Match]:
        asked.append((len(new), len(known)))
        for one in new:
            for other in (*new, *known):
                if other is not one:
                    yield Match(one.asset.id, other.asset.id, EDITED, 0.5, "all", "I say so")

    library.context = replace(library.context, detectors=[Detector("all", everybody)], detectors_name="all 1.0")
    add(library, "a.jpg", photo(0))
    add(library, "b.jpg", photo(1))
    await run(library)
    (found,) = await sets(library)
    assert {member.reason for member in found.members} == {"the best copy", "I say so"}
    await run(library)
    add(library, "c.jpg", photo(2))
    await run(library)
    assert asked == [(2, 0), (1, 2)]
    library.context = replace(library.context, detectors=[], detectors_name="")
    await run(library)
    assert await sets(library) == []


async def test_pictures_that_cannot_be_seen_cost_no_other(library: Library) -> None:
    add(library, "a.jpg", photo(0))
    broken = add(library, "b.jpg", photo(0), quality=60)
    add(library, "c.jpg", photo(0), quality=50)
    await library.immich.settle()
    library.immich.set_thumbnail(broken, b"RIFF....WEBP not really")
    done = await run(library)
    assert done.state is DetectionState.DONE
    (found,) = await sets(library)
    assert AssetId(broken.id) not in {member.asset_id for member in found.members}
    async with library.context.database.read() as connection:
        (failed,) = await fingerprints.failures(connection, library.owner_id, limit=10)
    assert failed.asset_id == broken.id


async def test_an_outage_postpones_and_nothing_is_read_twice(library: Library) -> None:
    for number in range(6):
        add(library, f"{number}.jpg", photo(number))
    add(library, "copy.jpg", photo(0), quality=60)
    await library.immich.settle()
    await library.sync()
    detection_id = await request(library)
    library.immich.fail("GET", "/albums", status=503, times=1)
    await detect(library.context, library.owner_id)
    waiting = await state(library, detection_id)
    assert not waiting.state.is_over
    assert waiting.error is not None
    await detect(library.context, library.owner_id)  # not due yet
    assert not (await state(library, detection_id)).state.is_over
    library.clock.advance(seconds=600)
    await detect(library.context, library.owner_id)
    assert (await state(library, detection_id)).state is DetectionState.DONE
    assert thumbnails_fetched(library) == 7
    assert len(await sets(library)) == 1


async def test_a_refusal_ends_the_search_with_its_reason(library: Library) -> None:
    add(library, "a.jpg", photo(0))
    add(library, "b.jpg", photo(0), quality=50)
    await library.immich.settle()
    await library.sync()
    detection_id = await request(library)
    refusal = '{"message": "Missing required permission: album.read", "error": "Forbidden", "statusCode": 403}'
    library.immich.fail("GET", "/albums", status=403, body=refusal, times=9)
    await detect(library.context, library.owner_id)
    failed = await state(library, detection_id)
    assert failed.state is DetectionState.FAILED
    assert "album.read" in (failed.error or "")


async def test_a_defect_is_told_and_tried_again(library: Library, monkeypatch: pytest.MonkeyPatch) -> None:
    async def broken(*_arguments: object) -> None:
        raise ZeroDivisionError("a defect")

    add(library, "a.jpg", photo(0))
    await library.immich.settle()
    await library.sync()
    detection_id = await request(library)
    with monkeypatch.context() as patch:
        patch.setattr("sidecar.jobs.duplicates.detect.judge", broken)
        with pytest.raises(ZeroDivisionError):
            await detect(library.context, library.owner_id)
    assert (await state(library, detection_id)).error == "ZeroDivisionError in the sidecar; its log says more"
    library.clock.advance(seconds=600)
    await detect(library.context, library.owner_id)
    assert (await state(library, detection_id)).state is DetectionState.DONE


async def test_interrupted_anywhere_it_ends_as_if_it_had_not_been(library: Library) -> None:
    for number in range(4):
        add(library, f"{number}.jpg", photo(number))
    add(library, "0-small.jpg", photo(0).resize((240, 180)))
    library.context = replace(library.context, detection=Detection(batch_size=10))
    await library.immich.settle()
    await library.sync()
    detection_id = await request(library)
    phases: set[DetectionPhase] = set()
    for patience in range(60):
        now = await state(library, detection_id)
        if now.state.is_over:
            break
        phases.add(now.phase)
        running = asyncio.create_task(detect(library.context, library.owner_id))
        last_call = len(library.immich.calls) + patience
        while not running.done() and len(library.immich.calls) < last_call:
            await asyncio.sleep(0)
        library.context.stopping.set()
        await running
        library.context.stopping.clear()
    assert len(phases) > 1
    assert [len(each.members) for each in await sets(library)] == [2]
    assert thumbnails_fetched(library) == 5


async def test_two_workers_do_not_search_for_one_owner_at_once(library: Library) -> None:
    add(library, "a.jpg", photo(0))
    await library.immich.settle()
    await library.sync()
    detection_id = await request(library)
    await asyncio.gather(*(detect(library.context, library.owner_id) for _ in range(3)))
    assert (await state(library, detection_id)).state is DetectionState.DONE
    assert thumbnails_fetched(library) == 1


async def test_sets_reach_immichs_page(library: Library) -> None:
    add(library, "a.jpg", photo(0))
    add(library, "b.jpg", photo(0), quality=50)
    await run(library)
    await record(library.context, library.owner_id)
    assert len({row.duplicate_id for row in library.immich.state.assets.values()} - {None}) == 1


async def test_nobody_sees_anybody_elses(library: Library) -> None:
    bob = library.immich.add_user("Bob")
    library.immich.share_timeline(bob, library.user)
    add(library, "a.jpg", photo(0))
    library.immich.upload(bob, "a.jpg", encoded(photo(0), quality=50), at=NOON)
    await run(library)
    assert await sets(library) == []
    async with library.context.database.read() as connection:
        assert await matches.everything(connection, library.owner_id) == []


async def test_many_equal_screenshots_are_one_set_and_cost_no_square_of_pairs(library: Library) -> None:
    screen = photo(3)
    data = encoded(screen, kind="WEBP")
    for number in range(90):
        row = library.immich.add_asset(
            library.user, f"{number}.png", taken_at=NOON, thumbhash=thumbhash_of(screen), size_bytes=1000 + number
        )
        library.immich.set_thumbnail(row, data)
    await run(library)
    (found,) = await sets(library)
    assert (found.kind, len(found.members)) == (RE_ENCODED, 90)
    async with library.context.database.read() as connection:
        assert await matches.count(connection, library.owner_id) == 89


async def test_while_everything_is_looked_at_results_come_in_between(
    library: Library, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("sidecar.jobs.duplicates.detect.BATCHES_BETWEEN_RESULTS", 1)
    library.context = replace(library.context, detection=Detection(batch_size=10))
    for number in range(12):
        add(library, f"{number}.jpg", photo(number, size=(96, 72)))
    asked = 0

    def counting(_new: Sequence[Specimen], _known: Sequence[Specimen]) -> Iterable[Match]:
        nonlocal asked
        asked += 1
        return ()

    library.context = replace(library.context, detectors=[Detector("counting", counting)], detectors_name="c 1")
    assert (await run(library)).state is DetectionState.DONE
    assert asked >= 2


async def test_whoever_is_alive_keeps_the_search(library: Library, monkeypatch: pytest.MonkeyPatch) -> None:
    async def long(*_arguments: object, **_named: object) -> None:
        for _ in range(3):
            library.clock.advance(seconds=600)
            await asyncio.sleep(0.2)

    monkeypatch.setattr("sidecar.jobs.duplicates.detect.KEEP_LEASE_EVERY_S", 0.02)
    monkeypatch.setattr("sidecar.jobs.duplicates.detect.compare_files", long)
    detection_id = await request(library)
    running = asyncio.create_task(detect(library.context, library.owner_id))
    await asyncio.sleep(0.5)
    async with library.context.database.write() as connection:
        other = await detections.claim(
            connection, library.owner_id, lease="other", now_ms=library.clock(), lease_ms=600_000
        )
    await running
    assert other is None
    assert (await state(library, detection_id)).state is DetectionState.DONE


async def test_what_immich_still_holds_of_a_dismissal_counts_although_our_database_is_new(library: Library) -> None:
    rows = [add(library, "a.jpg", photo(0)), add(library, "b.jpg", photo(0), quality=50)]
    ids = frozenset(AssetId(row.id) for row in rows)
    told = Decision(ids, DecisionKind.DISTINCT, source=DecisionSource.DISMISSED, name=NAME)
    for row in rows:
        library.immich.write_memo(row, memo_of(AssetId(row.id), [told], {}) or {})
    await run(library)
    assert await sets(library) == []


async def test_an_album_that_is_gone_while_albums_are_counted_stops_nothing(library: Library) -> None:
    one = add(library, "a.jpg", photo(0))
    add(library, "b.jpg", photo(0), quality=50)
    await library.immich.settle()
    album = library.immich.album(library.user, "Trip", one)
    immich = library.context.immich(library.owner_id)
    asked = immich.album_asset_ids

    async def gone(album_id: str) -> frozenset[AssetId]:
        assert album_id == album.id
        raise ImmichMissing("no such album")

    immich.album_asset_ids = gone  # type: ignore[method-assign]
    try:
        await run(library)
    finally:
        immich.album_asset_ids = asked  # type: ignore[method-assign]
    assert len(await sets(library)) == 1


@pytest.mark.parametrize("picture", [photo(0), Image.new("RGB", (480, 360), (2, 2, 2))], ids=["a scene", "black"])
async def test_told_to_stop_while_it_judges_it_goes_on_the_next_time(
    library: Library, picture: Image.Image, monkeypatch: pytest.MonkeyPatch
) -> None:
    add(library, "a.jpg", picture)
    add(library, "b.jpg", picture, quality=50)
    await library.immich.settle()
    await library.sync()
    detection_id = await request(library)

    def stopping(*arguments: Any, **named: Any) -> list[Match]:
        library.context.stopping.set()
        return matches_among(*arguments, **named)

    with monkeypatch.context() as patch:
        patch.setattr("sidecar.jobs.duplicates.judge.matches_among", stopping)
        await detect(library.context, library.owner_id)
    assert not (await state(library, detection_id)).state.is_over
    library.context.stopping.clear()
    await detect(library.context, library.owner_id)
    assert (await state(library, detection_id)).state is DetectionState.DONE
    assert len(await sets(library)) == 1
