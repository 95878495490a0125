from __future__ import annotations

from sidecar.model import OwnerId
from sidecar.storage import detections
from sidecar.storage.database import Database
from sidecar.storage.detections import Detection, DetectionPhase, DetectionState
from tests.builders import OWNER
from tests.storage.copies import BOB


async def request(database: Database, owner_id: OwnerId = OWNER) -> Detection:
    async with database.write() as connection:
        return await detections.request(connection, owner_id, now_ms=100)


async def claim(database: Database, lease: str = "me", *, now_ms: int = 200) -> Detection | None:
    async with database.write() as connection:
        return await detections.claim(connection, OWNER, lease=lease, now_ms=now_ms, lease_ms=50)


async def test_asking_twice_gives_the_search_that_waits_and_a_running_one_is_followed_by_another(
    database: Database,
) -> None:
    async with database.read() as connection:
        assert await detections.newest(connection, OWNER) is None
        assert await detections.newest_done(connection, OWNER) is None
    first = await request(database)
    assert (first.id, first.state, first.phase) == (1, DetectionState.REQUESTED, DetectionPhase.FILES)
    assert await request(database) == first
    claimed = await claim(database)
    assert claimed is not None
    assert (claimed.id, claimed.state, claimed.attempts) == (1, DetectionState.RUNNING, 1)
    second = await request(database)
    assert second.id == 2
    assert await request(database) == second
    assert (await request(database, BOB)).id == 1
    assert await claim(database) is None
    async with database.write() as connection:
        assert await detections.owners_with_due_detections(connection, now_ms=200) == [BOB]
        await detections.end(connection, claimed, DetectionState.DONE, lease="x", now_ms=209)
        await detections.end(connection, claimed, DetectionState.DONE, lease="me", now_ms=210)
        assert set(await detections.owners_with_due_detections(connection, now_ms=210)) == {OWNER, BOB}
        done = await detections.newest_done(connection, OWNER)
        newest = await detections.newest(connection, OWNER)
    assert done is not None
    assert (done.id, done.state, done.ended_at_ms) == (1, DetectionState.DONE, 210)
    assert done.state.is_over
    assert newest == second
    assert not second.state.is_over
    followed = await claim(database, now_ms=210)
    assert followed is not None
    assert followed.id == 2


async def test_progress_is_told_by_whoever_holds_the_lease(database: Database) -> None:
    await request(database)
    first = await claim(database, "one")
    assert first is not None
    async with database.write() as connection:
        assert await detections.progress(
            connection, first, lease="one", lease_until_ms=400, phase=DetectionPhase.LOOK, looked=7, total=9, matches=2
        )
        assert await detections.progress(
            connection, first, lease="one", lease_until_ms=400, candidates=3, sets=1, first_results_at_ms=300
        )
        await detections.add_read(connection, first, files=2, size_bytes=1 << 40)
        await detections.add_read(connection, first, files=1, size_bytes=5)
        now = await detections.get(connection, OWNER, 1)
    assert (now.phase, now.looked, now.total, now.matches) == (DetectionPhase.LOOK, 7, 9, 2)
    assert (now.candidates, now.sets, now.first_results_at_ms) == (3, 1, 300)
    assert (now.files_read, now.bytes_read) == (3, (1 << 40) + 5)
    assert await claim(database, "two", now_ms=399) is None
    second = await claim(database, "two", now_ms=400)
    assert second is not None
    assert (second.attempts, second.phase) == (2, DetectionPhase.LOOK)
    async with database.write() as connection:
        assert not await detections.progress(connection, first, lease="one", lease_until_ms=900)
        await detections.postpone(connection, first, lease="one", error="late", not_before_ms=9_999)
        assert (await detections.get(connection, OWNER, 1)).state is DetectionState.RUNNING


async def test_a_postponed_search_keeps_its_reason_until_it_is_tried_again(database: Database) -> None:
    await request(database)
    claimed = await claim(database)
    assert claimed is not None
    async with database.write() as connection:
        await detections.postpone(connection, claimed, lease="me", error="Immich was away.", not_before_ms=300)
        waiting = await detections.get(connection, OWNER, 1)
    assert (waiting.state, waiting.error, waiting.attempts) == (DetectionState.REQUESTED, "Immich was away.", 1)
    assert await claim(database, now_ms=299) is None
    again = await claim(database, now_ms=300)
    assert again is not None
    assert (again.error, again.attempts) == (None, 2)
    async with database.write() as connection:
        await detections.postpone(connection, again, lease="me", error=None, not_before_ms=0)
        assert (await detections.get(connection, OWNER, 1)).attempts == 1


async def test_a_new_process_takes_all_leases_back(database: Database) -> None:
    await request(database)
    await claim(database)
    assert await claim(database) is None
    async with database.write() as connection:
        await detections.release_leases(connection)
    assert await claim(database) is not None


async def test_a_failed_search_says_why(database: Database) -> None:
    await request(database)
    claimed = await claim(database)
    assert claimed is not None
    async with database.write() as connection:
        await detections.end(connection, claimed, DetectionState.FAILED, lease="me", now_ms=300, error="why")
        failed = await detections.get(connection, OWNER, 1)
    assert (failed.state, failed.error, failed.state.is_over) == (DetectionState.FAILED, "why", True)
    assert await claim(database, now_ms=999) is None


async def test_the_running_search_counts_before_the_one_that_waits_for_its_end(database: Database) -> None:
    async with database.read() as connection:
        assert await detections.current(connection, OWNER) is None
    await request(database)
    first = await claim(database)
    second = await request(database)
    await request(database, BOB)
    async with database.write() as connection:
        assert await detections.current(connection, OWNER) == first
        assert first is not None
        await detections.end(connection, first, DetectionState.DONE, lease="me", now_ms=210)
        assert await detections.current(connection, OWNER) == second


async def test_a_search_that_can_wait_is_due_earlier_when_somebody_wants_it_earlier(database: Database) -> None:
    for not_before_ms, due_ms in ((500, 500), (900, 500), (300, 300)):
        async with database.write() as connection:
            await detections.request(connection, OWNER, now_ms=100, not_before_ms=not_before_ms)
            assert await detections.owners_with_due_detections(connection, now_ms=due_ms - 1) == []
            assert await detections.owners_with_due_detections(connection, now_ms=due_ms) == [OWNER]
