"""What Immich's own Duplicates page shows of our sets, and what it says back."""

from __future__ import annotations

from collections.abc import AsyncIterator, Sequence
from dataclasses import replace
from pathlib import Path

import pytest

from sidecar.demo.immich.duplicates import duplicate_groups
from sidecar.demo.immich.rows import AssetRow
from sidecar.duplicates.classes import DuplicateClass
from sidecar.duplicates.sets import set_id_of
from sidecar.errors import ImmichRefused, ImmichUnavailable
from sidecar.grouping.memory import Decision, DecisionKind, DecisionSource
from sidecar.jobs.duplicates.record import _write, record
from sidecar.jobs.queue import JobName
from sidecar.model import AssetId
from sidecar.preferences import Detection
from sidecar.storage import assets, decisions, duplicate_sets, native_records, originals
from sidecar.storage.duplicate_sets import SetMember, StoredSet
from sidecar.storage.native_records import NativeState
from tests.jobs.household import Library, open_library


@pytest.fixture
async def library(tmp_path: Path) -> AsyncIterator[Library]:
    async with open_library(tmp_path) as opened:
        yield opened


def made_of(rows: Sequence[AssetRow], kind: DuplicateClass = DuplicateClass.RE_ENCODED) -> StoredSet:
    ids = [AssetId(row.id) for row in rows]
    members = [SetMember(each, each, kind, 0.99, "alike", is_suggested=False, content=None, seen_as="") for each in ids]
    return StoredSet(set_id_of(ids), kind, ids[0], 0, 0.99, tuple(members))


REFUSED = '{"message": "Forbidden", "error": "Forbidden", "statusCode": 403, "correlationId": "x"}'


async def formed(library: Library, *sets: StoredSet) -> None:
    async with library.context.database.write() as connection:
        await duplicate_sets.replace(connection, library.owner_id, sets, now_ms=1)


async def records(library: Library) -> dict[str, NativeState]:
    async with library.context.database.read() as connection:
        found = await native_records.everything(connection, library.owner_id)
    names = {each: row.name for each, row in library.immich.state.assets.items()}
    return {names.get(each, "gone"): record.state for each, record in found.items()}


async def dismissed(library: Library) -> list[Decision]:
    async with library.context.database.read() as connection:
        every = [AssetId(each) for each in library.immich.state.assets]
        return [decision for _, decision in await decisions.touching(connection, library.owner_id, every)]


def page(library: Library) -> list[list[str]]:
    """What Immich shows: the names in each group."""
    groups = duplicate_groups(library.immich.state, library.user.id).values()
    return sorted(sorted(row.name for row in rows) for rows in groups)


def written(library: Library) -> int:
    return sum(call.method == "PUT" and call.path == "/assets" for call in library.immich.calls)


async def run(library: Library) -> None:
    await record(library.context, library.owner_id)


async def pair_on_page(library: Library) -> list[AssetRow]:
    rows = library.shoot("A.JPG", "B.JPG")
    await library.sync()
    await formed(library, made_of(rows))
    await run(library)
    return rows


async def test_sets_are_shown_on_immichs_page_and_written_once(library: Library) -> None:
    await pair_on_page(library)
    assert page(library) == [["A.JPG", "B.JPG"]]
    assert await records(library) == {"A.JPG": NativeState.RECORDED, "B.JPG": NativeState.RECORDED}
    for _ in range(3):
        await run(library)
        await library.sync()
    assert written(library) == 1


async def test_our_own_echo_pairs_nothing_anew(library: Library) -> None:
    await library.sync()
    await pair_on_page(library)
    await library.pair()
    before = len(library.immich.calls)
    await library.sync()
    await library.pair()
    assert not [call for call in library.immich.calls[before:] if call.path.startswith("/assets/")]


@pytest.mark.parametrize("kind", [DuplicateClass.FEATURELESS, DuplicateClass.SIMILAR])
async def test_what_says_little_is_not_shown_there(library: Library, kind: DuplicateClass) -> None:
    rows = library.shoot("A.JPG", "B.JPG")
    await library.sync()
    await formed(library, made_of(rows, kind))
    await run(library)
    assert (page(library), written(library)) == ([], 0)


async def test_stacked_trashed_and_gone_ones_are_not_shown(library: Library) -> None:
    one, two, three, four = library.shoot("A.JPG", "B.JPG", "C.JPG", "D.JPG")
    library.immich.stack(library.user, two, library.shoot("B.CR3")[0])
    await library.sync()
    await formed(library, made_of([one, two, three, four]))
    library.immich.trash(three)
    library.immich.delete_for_good(four)
    await library.immich.settle()
    await library.sync()
    await run(library)
    assert (page(library), await records(library)) == ([], {})


async def test_switched_off_it_takes_back_what_it_wrote(library: Library) -> None:
    await pair_on_page(library)
    library.context = replace(library.context, detection=Detection(record_in_immich=()))
    await run(library)
    assert (page(library), await records(library)) == ([], {})


async def test_a_set_that_is_no_more_leaves_the_page_and_strangers_stay(library: Library) -> None:
    rows = await pair_on_page(library)
    strangers = library.shoot("X.JPG", "Y.JPG")
    for row in strangers:
        library.immich.state.write(row, duplicate_id="12345678-1234-4234-8234-123456789012")
    await library.sync()
    await formed(library)
    await run(library)
    assert page(library) == [["X.JPG", "Y.JPG"]]
    assert [row.duplicate_id for row in rows] == [None, None]


async def test_a_group_that_is_not_ours_is_never_overwritten(library: Library) -> None:
    rows = library.shoot("A.JPG", "B.JPG", "C.JPG")
    await library.sync()
    await formed(library, made_of(rows))
    # Immich's own detection finds something between our look and our write.
    library.immich.state.write(rows[0], duplicate_id="12345678-1234-4234-8234-123456789012")
    await run(library)
    assert rows[0].duplicate_id == "12345678-1234-4234-8234-123456789012"
    assert page(library) == [["B.JPG", "C.JPG"]]


async def test_what_a_user_dismisses_on_immichs_page_is_remembered_and_never_shown_again(library: Library) -> None:
    rows = await pair_on_page(library)
    for row in rows:
        library.immich.state.write(row, duplicate_id=None)
    for row in rows[1:]:
        row.updated_us = rows[0].updated_us
    await library.sync()
    await run(library)
    (decision,) = await dismissed(library)
    assert decision == Decision(
        frozenset(AssetId(row.id) for row in rows), DecisionKind.DISTINCT, source=DecisionSource.DISMISSED
    )
    await run(library)
    assert (page(library), await records(library), len(await dismissed(library))) == ([], {}, 1)


async def test_what_immichs_own_detection_takes_away_is_written_again_but_not_for_ever(library: Library) -> None:
    rows = await pair_on_page(library)
    for _ in range(5):
        library.immich.state.write(rows[0], duplicate_id=None)
        await run(library)
    assert await dismissed(library) == []
    assert written(library) == 2
    assert rows[0].duplicate_id is None


async def test_a_refusal_and_an_outage_lose_nothing(library: Library) -> None:
    rows = library.shoot("A.JPG", "B.JPG", "C.JPG", "D.JPG")
    await library.sync()
    await formed(library, made_of(rows[:2]), made_of(rows[2:]))
    for status, error in ((503, ImmichUnavailable), (403, ImmichRefused)):
        library.immich.fail("PUT", "/assets", status=status, body=REFUSED)
        with pytest.raises(error):
            await run(library)
        library.clock.advance(seconds=1)
        assert page(library) == []
        await run(library)  # not due yet
        assert page(library) == []
        library.clock.advance(seconds=600)
    await run(library)
    assert page(library) == [["A.JPG", "B.JPG"], ["C.JPG", "D.JPG"]]


async def test_one_that_is_gone_costs_no_other_set(library: Library) -> None:
    rows = library.shoot("A.JPG", "B.JPG", "C.JPG", "D.JPG")
    await library.sync()
    await formed(library, made_of(rows[:2]), made_of(rows[2:]))
    library.immich.delete_for_good(rows[0])
    await library.immich.settle()
    await run(library)
    assert page(library) == [["C.JPG", "D.JPG"]]
    await library.sync()
    await formed(library, made_of(rows[2:]))
    library.clock.advance(seconds=600)
    await run(library)
    assert set(await records(library)) == {"C.JPG", "D.JPG"}


async def test_a_write_whose_answer_was_lost_is_found_done(library: Library) -> None:
    rows = library.shoot("A.JPG", "B.JPG")
    await library.sync()
    await formed(library, made_of(rows))
    library.immich.fail("PUT", "/assets", cut=True, after_effect=True)
    with pytest.raises(ImmichUnavailable):
        await run(library)
    library.clock.advance(seconds=600)
    await run(library)
    assert written(library) == 1
    assert await records(library) == {"A.JPG": NativeState.RECORDED, "B.JPG": NativeState.RECORDED}


async def test_told_to_stop_it_writes_nothing_and_goes_on_the_next_time(library: Library) -> None:
    rows = library.shoot("A.JPG", "B.JPG")
    await library.sync()
    await formed(library, made_of(rows))
    library.context.stopping.set()
    await run(library)
    assert (written(library), set((await records(library)).values())) == (0, {NativeState.INTENDED})
    library.context.stopping.clear()
    await run(library)
    assert page(library) == [["A.JPG", "B.JPG"]]


async def test_what_is_off_the_page_stays_off_although_the_times_say_nothing(library: Library) -> None:
    rows = await pair_on_page(library)
    for row in rows:
        library.immich.state.write(row, duplicate_id=None)
    # Immich reads each one anew, or somebody makes one a favourite.
    rows[1].updated_us = rows[0].updated_us + 1_000_000
    await library.sync()
    for _ in range(3):
        await run(library)
    assert (page(library), written(library), await dismissed(library)) == ([], 1, [])


async def test_what_we_clear_ourselves_is_nobodys_dismissal(library: Library) -> None:
    await pair_on_page(library)
    await formed(library)
    library.immich.fail("PUT", "/assets", cut=True, after_effect=True)
    with pytest.raises(ImmichUnavailable):
        await run(library)
    library.clock.advance(seconds=600)
    await run(library)
    assert (page(library), await records(library), await dismissed(library)) == ([], {}, [])


async def test_what_comes_back_from_the_trash_comes_back_to_the_page(library: Library) -> None:
    rows = await pair_on_page(library)
    library.immich.trash(rows[1])
    await formed(library)
    await run(library)
    assert (rows[0].duplicate_id, page(library)) == (None, [])
    library.immich.restore(rows[1])
    await library.sync()
    await formed(library, made_of(rows))
    await run(library)
    assert page(library) == [["A.JPG", "B.JPG"]]


async def test_what_immich_took_while_we_were_about_to_clear_it_is_left_alone(library: Library) -> None:
    rows = await pair_on_page(library)
    await formed(library)
    library.context.stopping.set()
    await run(library)  # planned, and not yet sent
    library.context.stopping.clear()
    async with library.context.database.write() as connection:
        known = await originals.of(connection, library.owner_id, [AssetId(row.id) for row in rows])
        await originals.record(
            connection,
            library.owner_id,
            [
                replace(asset, original=replace(known[asset.id], duplicate_id="foreign"))
                for asset in (await assets.by_ids(connection, library.owner_id, [AssetId(rows[0].id)])).values()
            ],
        )
    await _write(library.context, library.owner_id)
    assert rows[0].duplicate_id is not None
    assert rows[1].duplicate_id is None


def test_the_job_has_a_name_to_be_woken_by() -> None:
    assert JobName("record") is JobName.RECORD
