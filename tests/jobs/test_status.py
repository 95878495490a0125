from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import Any
from uuid import UUID

import pytest
from sqlalchemy import insert, update

from sidecar.duplicates.classes import DuplicateClass
from sidecar.jobs import status as status_module
from sidecar.jobs.status import (
    Activity,
    Paces,
    Pairing,
    Scanning,
    Searching,
    Status,
    Waiting,
    Writing,
    pairing,
    scanning,
    status,
)
from sidecar.model import AssetId, GroupId, OwnerId
from sidecar.storage import changes, detections, duplicate_sets, journal, polls, resolutions, scans, work
from sidecar.storage.changes import Change, Source
from sidecar.storage.database import Database
from sidecar.storage.detections import DetectionPhase, DetectionState
from sidecar.storage.duplicate_sets import SetMember, StoredSet
from sidecar.storage.journal import Action, ActionKind, ActionState, Ended
from sidecar.storage.resolutions import Resolution, ResolutionState
from sidecar.storage.scans import ScanState, Watermark
from sidecar.storage.tables import actions
from sidecar.storage.tables import changes as changes_table
from sidecar.storage.tables import detections as detections_table
from sidecar.storage.tables import resolutions as resolutions_table
from sidecar.storage.tables import scans as scans_table
from sidecar.storage.tables import work as work_table
from tests.builders import OWNER, asset_id

ANN, BOB = OWNER, OwnerId("00000000-0000-4000-8000-00000000000b")
NOW_MS = 1_000_000
NOTHING = Status(
    first_scan_done=False,
    scan=Scanning(Activity.NONE, 0, 0, 0, None, None),
    pairing=Pairing(0, 0, None, 0),
    stacks=Writing(0, 0, 0, None, 0),
    duplicates=Searching(Activity.NONE, None, 0, 0, 0, None, 0),
    decisions=Waiting(0, 0),
    events=Waiting(0, 0),
    errors=(),
)


async def look(database: Database, *owner_ids: OwnerId, now_ms: int = NOW_MS, paces: Paces | None = None) -> Status:
    async with database.read() as connection:
        return await status(connection, owner_ids or (ANN,), now_ms=now_ms, paces=paces)


async def put_scan(database: Database, owner_id: OwnerId = ANN, scan_id: int = 1, **facts: Any) -> None:
    """A scan as it stands in the table; the rest of it does not matter."""
    row = {
        "owner_id": owner_id, "scan_id": scan_id, "state": ScanState.RUNNING.value, "expected": 0, "found": 0,
        "missing": 0, "broken": 0, "gone": 0, "stacks": 0, "lease_until_ms": 0, "attempts": 1, "not_before_ms": 0,
        "requested_at_ms": 0,
    }  # fmt: skip
    async with database.write() as connection:
        await connection.execute(insert(scans_table).values(**row | facts))


async def put_search(database: Database, owner_id: OwnerId = ANN, **facts: Any) -> None:
    async with database.write() as connection:
        found = await detections.request(connection, owner_id, now_ms=0)
        await connection.execute(
            update(detections_table)
            .where(detections_table.c.owner_id == owner_id, detections_table.c.detection_id == found.id)
            .values(**facts)
        )


async def mark(database: Database, *stems: str, owner_id: OwnerId = ANN, **facts: Any) -> None:
    async with database.write() as connection:
        await work.mark(connection, owner_id, stems)
        if facts:
            await connection.execute(update(work_table).where(work_table.c.stem.in_(stems)).values(**facts))


async def compare(database: Database, count: int, owner_id: OwnerId = ANN) -> None:
    async with database.write() as connection:
        claimed = await work.claim(connection, owner_id, lease="x", now_ms=NOW_MS, lease_ms=9, limit=count)
        await work.finish(connection, claimed)


def write(number: int, owner_id: OwnerId = ANN) -> Action:
    members = (asset_id(1), asset_id(2))
    return Action(
        str(UUID(int=number)), owner_id, GroupId("g"), f"stem {number}", ActionKind.CREATE_STACK, members, (),
        known_at_ms=0, members_at_ms=0,
    )  # fmt: skip


async def intend(database: Database, numbers: Sequence[int], owner_id: OwnerId = ANN) -> None:
    async with database.write() as connection:
        await journal.intend(connection, [write(number, owner_id) for number in numbers], now_ms=0)


async def end(
    database: Database, numbers: Sequence[int], state: ActionState, *, at_ms: int, owner_id: OwnerId = ANN
) -> None:
    async with database.write() as connection:
        await connection.execute(update(actions).values(lease="me"))
        ended = [Ended(write(number, owner_id), state, error="why") for number in numbers]
        await journal.end(connection, ended, lease="me", now_ms=at_ms)


async def test_where_nothing_was_begun_nothing_is_told_that_nobody_knows(database: Database) -> None:
    assert await look(database) == NOTHING
    async with database.read() as connection:
        nobody = await status(connection, [], now_ms=NOW_MS)
    assert nobody == replace(NOTHING, scan=Scanning(Activity.NONE, 0, 0, 0, None, 0))


async def test_the_first_scan_is_done_when_everybodys_is(database: Database) -> None:
    for owner_id, is_done in ((ANN, False), (BOB, True)):
        async with database.write() as connection:
            await scans.set_watermark(connection, owner_id, Watermark(1, 1, ""))
        assert (await look(database, ANN, BOB)).first_scan_done is is_done
    assert not (await look(database, ANN, OwnerId("c"))).first_scan_done


@pytest.mark.parametrize(
    ("states", "together"),
    [
        pytest.param([], Activity.NONE, id="nobody"),
        pytest.param([None, "done"], Activity.DONE, id="one was never scanned"),
        pytest.param(["done", "failed"], Activity.FAILED, id="one failed"),
        pytest.param(["failed", "requested"], Activity.REQUESTED, id="one waits"),
        pytest.param(["requested", "running", "failed", "done"], Activity.RUNNING, id="one is running"),
    ],
)
async def test_several_users_scans_are_in_one_state(
    database: Database, states: list[str | None], together: Activity
) -> None:
    owner_ids = [OwnerId(str(number)) for number in range(len(states))]
    for owner_id, state in zip(owner_ids, states, strict=True):
        if state is not None:
            await put_scan(database, owner_id, state=state)
    async with database.read() as connection:
        found = await scanning(connection, owner_ids, now_ms=NOW_MS)
    assert found.state is together
    assert found.state.is_under_way is (together in {Activity.REQUESTED, Activity.RUNNING})


BEGUN_MS = NOW_MS - 10_000


@pytest.mark.parametrize(
    ("facts", "rate_per_s", "remaining_s"),
    [
        pytest.param({"found": 50, "expected": 175, "began_at_ms": BEGUN_MS}, 5.0, 25, id="half way"),
        pytest.param({"found": 50, "expected": 176, "began_at_ms": BEGUN_MS}, 5.0, 26, id="a part of a second counts"),
        pytest.param({"found": 2, "expected": 8, "began_at_ms": NOW_MS}, 2.0, 3, id="begun a moment ago"),
        pytest.param({"found": 0, "expected": 8, "began_at_ms": BEGUN_MS}, None, None, id="nothing found yet"),
        pytest.param({"found": 9, "expected": 9, "began_at_ms": BEGUN_MS}, 0.9, None, id="asking for the unseen"),
        pytest.param({"found": 1, "expected": 3, "began_at_ms": NOW_MS - 3000}, 0.333, 6, id="slowly"),
        pytest.param({"found": 5, "expected": 9, "attempts": 2, "began_at_ms": BEGUN_MS}, None, None, id="begun again"),
        pytest.param({"found": 5, "expected": 9, "began_at_ms": None}, None, None, id="begun by an earlier version"),
        pytest.param({"state": "requested", "found": 5, "expected": 9}, None, None, id="waiting"),
        pytest.param({"state": "done", "found": 9, "expected": 9, "began_at_ms": BEGUN_MS}, None, 0, id="done"),
        pytest.param({"state": "failed", "found": 5, "expected": 9, "began_at_ms": BEGUN_MS}, None, 0, id="failed"),
    ],
)
async def test_a_scan_tells_what_is_left_where_that_can_be_told(
    database: Database, facts: dict[str, Any], rate_per_s: float | None, remaining_s: int | None
) -> None:
    await put_scan(database, **facts)
    found = (await look(database)).scan
    assert (found.found, found.rate_per_s, found.remaining_s) == (facts["found"], rate_per_s, remaining_s)


async def test_what_the_last_scan_did_not_find_either_is_not_expected(database: Database) -> None:
    await put_scan(database, state="done", found=80, expected=100)
    assert (await look(database)).scan == Scanning(Activity.DONE, 80, 80, 0, None, 0)
    await put_scan(database, scan_id=2, found=41, expected=101, broken=3, began_at_ms=NOW_MS - 1000)
    assert (await look(database)).scan == Scanning(Activity.RUNNING, 41, 81, 3, 41.0, 1)
    await put_scan(database, BOB, state="done", found=5, expected=4)
    assert (await look(database, ANN, BOB)).scan == Scanning(Activity.RUNNING, 46, 86, 3, 41.0, 1)
    await put_scan(database, OwnerId("c"), found=10, expected=1010, began_at_ms=NOW_MS - 1000)
    assert (await look(database, ANN, BOB, OwnerId("c"))).scan == Scanning(Activity.RUNNING, 56, 1096, 3, 51.0, 100)
    await put_scan(database, OwnerId("d"), state="requested")
    assert (await look(database, ANN, OwnerId("d"))).scan.remaining_s is None


async def test_what_was_seen_lately_says_more_about_a_scan_than_its_begin(database: Database) -> None:
    paces = Paces()
    await put_scan(database, found=100, expected=300, attempts=2, began_at_ms=0)
    assert (await look(database, paces=paces)).scan.rate_per_s is None
    await put_scan(database, BOB, state="done")
    async with database.write() as connection:
        await connection.execute(update(scans_table).where(scans_table.c.owner_id == ANN).values(found=200))
    found = (await look(database, ANN, BOB, now_ms=NOW_MS + 4_000, paces=paces)).scan
    assert (found.rate_per_s, found.remaining_s) == (25.0, 4)


async def test_names_are_counted_and_a_second_look_tells_how_fast_they_go(database: Database) -> None:
    paces = Paces()
    await mark(database, *(f"a{number}" for number in range(10)))
    await mark(database, "given up", attempts=work.MAX_ATTEMPTS)
    await mark(database, "b1", "b2", owner_id=BOB)
    assert (await look(database, ANN, BOB, paces=paces)).pairing == Pairing(12, 1, None, None)
    await compare(database, 4)
    later = await look(database, ANN, BOB, now_ms=NOW_MS + 2_000, paces=paces)
    assert later.pairing == Pairing(8, 1, 2.0, None)
    await compare(database, 1, BOB)
    later = await look(database, ANN, BOB, now_ms=NOW_MS + 4_000, paces=paces)
    assert later.pairing == Pairing(7, 1, 1.25, 6)
    assert (await look(database, ANN, BOB)).pairing == Pairing(7, 1, None, None)
    await compare(database, 9)
    await compare(database, 9, BOB)
    done = await look(database, ANN, BOB, now_ms=NOW_MS + 6_000, paces=paces)
    assert done.pairing == Pairing(0, 1, None, 0)
    await mark(database, "a new one")
    again = await look(database, ANN, BOB, now_ms=NOW_MS + 8_000, paces=paces)
    assert again.pairing == Pairing(1, 1, None, None)
    async with database.read() as connection:
        assert await pairing(connection, [ANN, BOB], now_ms=NOW_MS) == Pairing(1, 1, None, None)


async def test_writes_are_counted_and_the_last_minute_tells_how_fast_they_go(database: Database) -> None:
    await intend(database, range(20))
    await end(database, [0], ActionState.DONE, at_ms=NOW_MS - 60_001)
    await end(database, [1, 2, 3], ActionState.DONE, at_ms=NOW_MS - 10_000)
    assert (await look(database)).stacks == Writing(16, 4, 0, None, None)
    await end(database, [4, 5, 6], ActionState.DONE, at_ms=NOW_MS - 8_000)
    await end(database, [7], ActionState.WITHDRAWN, at_ms=NOW_MS - 2_000)
    await end(database, [8], ActionState.FAILED, at_ms=NOW_MS - 2_000)
    assert (await look(database)).stacks == Writing(11, 7, 1, 0.5, 22)
    await intend(database, [100], BOB)
    assert (await look(database, ANN, BOB)).stacks == Writing(12, 7, 1, 0.5, None)
    await end(database, range(9, 20), ActionState.DONE, at_ms=NOW_MS)
    assert (await look(database)).stacks == Writing(0, 18, 1, None, 0)


async def test_a_write_that_another_process_ended_a_moment_later_is_counted(database: Database) -> None:
    await intend(database, range(6))
    await end(database, [0], ActionState.DONE, at_ms=NOW_MS - 1_000)
    await end(database, [1, 2], ActionState.DONE, at_ms=NOW_MS + 1_000)
    assert (await look(database)).stacks == Writing(3, 3, 0, 1.0, 3)


async def test_a_failed_write_counts_as_long_as_it_is_the_last_word(database: Database) -> None:
    await intend(database, [1])
    await end(database, [1], ActionState.FAILED, at_ms=NOW_MS)
    async with database.write() as connection:
        await journal.intend(connection, [replace(write(2), stem="stem 1")], now_ms=NOW_MS)
    assert (await look(database)).stacks.failed == 0


SETS = [
    StoredSet(f"set {number}", DuplicateClass.EDITED, AssetId("a"), 1, 1.0, (
        SetMember(AssetId("a"), "a", DuplicateClass.EDITED, None, "", True, None, ""),
        SetMember(AssetId("b"), "b", DuplicateClass.EDITED, 1.0, "", False, None, ""),
    ))
    for number in range(3)
]  # fmt: skip


async def test_a_search_tells_its_phase_and_what_is_left_to_look_at(database: Database) -> None:
    paces = Paces()
    facts: dict[str, Any] = {"phase": DetectionPhase.LOOK.value, "looked": 10, "total": 100, "sets": 7}
    await put_search(database, state=DetectionState.RUNNING.value, attempts=1, **facts)
    async with database.write() as connection:
        await duplicate_sets.replace(connection, ANN, SETS, now_ms=1)
    found = (await look(database, paces=paces)).duplicates
    assert found == Searching(Activity.RUNNING, DetectionPhase.LOOK, 10, 100, 3, None, None)
    await set_search(database, looked=40)
    found = (await look(database, now_ms=NOW_MS + 10_000, paces=paces)).duplicates
    assert found == Searching(Activity.RUNNING, DetectionPhase.LOOK, 40, 100, 3, 3.0, 20)
    await set_search(database, phase=DetectionPhase.JUDGE.value)
    found = (await look(database, now_ms=NOW_MS + 20_000, paces=paces)).duplicates
    assert (found.phase, found.rate_per_s, found.remaining_s) == (DetectionPhase.JUDGE, None, None)
    await set_search(database, phase=DetectionPhase.REST.value, looked=101)
    found = (await look(database, now_ms=NOW_MS + 30_000, paces=paces)).duplicates
    assert (found.looked, found.total, found.remaining_s) == (101, 101, None)
    await set_search(database, state=DetectionState.DONE.value)
    found = (await look(database, now_ms=NOW_MS + 40_000, paces=paces)).duplicates
    assert found == Searching(Activity.DONE, None, 101, 101, 3, None, 0)


async def set_search(database: Database, owner_id: OwnerId = ANN, **facts: Any) -> None:
    async with database.write() as connection:
        await connection.execute(
            update(detections_table).where(detections_table.c.owner_id == owner_id).values(**facts)
        )


async def test_of_several_searches_the_one_furthest_from_its_end_is_told(database: Database) -> None:
    running: dict[str, Any] = {"state": DetectionState.RUNNING.value, "looked": 1, "total": 2}
    await put_search(database, ANN, **running, phase=DetectionPhase.REST.value)
    await put_search(database, BOB, **running, phase=DetectionPhase.QUICK.value)
    await put_search(database, OwnerId("c"), state=DetectionState.DONE.value, phase=DetectionPhase.FILES.value)
    found = (await look(database, ANN, BOB, OwnerId("c"))).duplicates
    assert found == Searching(Activity.RUNNING, DetectionPhase.QUICK, 2, 4, 0, None, None)
    # One that was asked for meanwhile waits for the end of the one that is running.
    await put_search(database, ANN, looked=0)
    found = (await look(database)).duplicates
    assert (found.state, found.phase, found.looked) == (Activity.RUNNING, DetectionPhase.REST, 1)
    await put_search(database, OwnerId("d"), looked=0)
    found = (await look(database, OwnerId("d"))).duplicates
    assert found == Searching(Activity.REQUESTED, None, 0, 0, 0, None, None)


async def test_decisions_count_until_they_are_carried_out(database: Database) -> None:
    keep, trash = (AssetId("a"),), (AssetId("b"),)
    states = {
        "0": ResolutionState.INTENDED, "1": ResolutionState.MERGING, "2": ResolutionState.UNDOING,
        "3": ResolutionState.DONE, "4": ResolutionState.FAILED, "5": ResolutionState.WITHDRAWN,
    }  # fmt: skip
    async with database.write() as connection:
        new = [Resolution(each, owner, "set", keep, trash) for owner in (ANN, BOB) for each in states]
        await resolutions.intend(connection, new, now_ms=1)
        for each, state in states.items():
            await connection.execute(
                update(resolutions_table).where(resolutions_table.c.resolution_id == each).values(state=state.value)
            )
    assert (await look(database, ANN, BOB)).decisions == Waiting(6, 0)
    async with database.write() as connection:
        await duplicate_sets.replace(connection, ANN, SETS[:1], now_ms=1)
    assert (await look(database, ANN, BOB)).decisions == Waiting(6, 1)


async def test_events_count_until_they_were_looked_at(database: Database) -> None:
    async with database.write() as connection:
        told = [Change(ANN, Source.WEBHOOK, AssetId(each)) for each in "abc"]
        await changes.add(connection, [*told, Change(BOB, Source.WEBSOCKET, None)], now_ms=1)
        await connection.execute(
            update(changes_table)
            .where(changes_table.c.asset_id == "a")
            .values(attempts=changes.MAX_ATTEMPTS, error="unknown words")
        )
    assert (await look(database, ANN, BOB)).events == Waiting(3, 1)


async def test_why_something_waits_is_told_once(database: Database) -> None:
    away = "Immich at http://immich:2283 cannot be reached, asked for searchAssets."
    for owner_id in (ANN, BOB):
        await put_scan(database, owner_id, state="requested", error=away)
        await mark(database, "img_1", owner_id=owner_id, error="Immich gives no answer about some of them")
    await intend(database, [1])
    await put_search(database, error="the search broke")
    async with database.write() as connection:
        await connection.execute(update(actions).values(error="Immich rejects it: 'IMG_1.JPG'."))
        await polls.change(connection, ANN, error=away)
        await resolutions.intend(connection, [Resolution("r", ANN, "set", (AssetId("a"),), (AssetId("b"),))], now_ms=1)
        await connection.execute(update(resolutions_table).values(error="The trash is off."))
    assert (await look(database, ANN, BOB)).errors == (
        "Immich at … cannot be reached, asked for searchAssets.",
        "Immich gives no answer about some of them",
        "Immich rejects it: ….",
        "The trash is off.",
        "the search broke",
    )


class TestPaces:
    def test_a_rate_is_over_the_last_minute(self) -> None:
        paces = Paces()
        seen = [
            paces.per_s("x", count, now_ms=at_s * 1000) for at_s, count in ((0, 0), (30, 300), (60, 360), (90, 390))
        ]
        # At 90 s, the looks at 30 s and later are what counts.
        assert seen == [None, 10.0, 6.0, 1.5]

    def test_looks_that_are_close_together_cost_nothing_and_spoil_nothing(self) -> None:
        paces = Paces()
        assert [paces.per_s("x", count, now_ms=count) for count in range(5)] == [None, 1000, 1000, 1000, 1000]
        assert sum(map(len, paces._seen.values())) == 1

    def test_without_news_there_is_no_rate(self) -> None:
        paces = Paces()
        assert paces.per_s("x", 5, now_ms=0) is None
        assert paces.per_s("x", 5, now_ms=5_000) is None

    def test_a_count_that_falls_and_one_that_is_forgotten_begin_anew(self) -> None:
        paces = Paces()
        assert [paces.per_s("x", count, now_ms=at_ms) for at_ms, count in ((0, 5), (1_000, 7), (2_000, 1))] == [
            None, 2.0, None,
        ]  # fmt: skip
        assert paces.per_s("x", 2, now_ms=3_000) == 1.0
        paces.forget("x")
        paces.forget("never seen")
        assert paces.per_s("x", 9, now_ms=4_000) is None

    def test_subjects_do_not_mix(self) -> None:
        paces = Paces()
        assert paces.per_s("x", 0, now_ms=0) is None
        assert paces.per_s("y", 100, now_ms=1_000) is None
        assert paces.per_s("x", 1, now_ms=1_000) == 1.0


def test_a_minute_is_measured() -> None:
    assert status_module.MEASURED_WITHIN_MS == 60_000
