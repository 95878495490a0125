from __future__ import annotations

from sidecar.model import OwnerId
from sidecar.storage import scans
from sidecar.storage.database import Database
from sidecar.storage.scans import Scan, ScanState, Watermark
from tests.builders import OWNER

BOB = OwnerId("00000000-0000-4000-8000-00000000000b")


async def request(database: Database, owner_id: OwnerId = OWNER) -> Scan:
    async with database.write() as connection:
        return await scans.request(connection, owner_id, now_ms=100)


async def claim(database: Database, lease: str = "me", *, now_ms: int = 200) -> Scan | None:
    async with database.write() as connection:
        return await scans.claim(connection, OWNER, lease=lease, now_ms=now_ms, lease_ms=50)


async def test_asking_twice_gives_the_scan_that_waits_or_runs(database: Database) -> None:
    first = await request(database)
    assert (first.id, first.state, first.requested_at_ms) == (1, ScanState.REQUESTED, 100)
    assert await request(database) == first
    claimed = await claim(database)
    assert claimed is not None
    assert (await request(database)).id == first.id
    async with database.write() as connection:
        await scans.end(connection, claimed, ScanState.DONE, lease="x", now_ms=299)
        await scans.end(connection, claimed, ScanState.DONE, lease="me", now_ms=300)
    assert (await request(database)).id == 2
    assert (await request(database, BOB)).id == 1


async def test_one_worker_runs_a_scan_until_its_lease_ends(database: Database) -> None:
    assert await claim(database) is None
    await request(database)
    async with database.read() as connection:
        assert await scans.owners_with_due_scans(connection, now_ms=200) == [OWNER]
    first = await claim(database, "one")
    assert first is not None
    assert (first.state, first.attempts) == (ScanState.RUNNING, 1)
    assert await claim(database, "two") is None
    async with database.write() as connection:
        assert await scans.owners_with_due_scans(connection, now_ms=249) == []
        assert await scans.progress(connection, first, lease="one", lease_until_ms=400, found=7, expected=9)
        assert (await scans.get(connection, OWNER, 1)).found == 7
    assert await claim(database, "two", now_ms=399) is None
    second = await claim(database, "two", now_ms=400)
    assert second is not None
    assert second.attempts == 2
    async with database.write() as connection:
        assert not await scans.progress(connection, first, lease="one", lease_until_ms=900)


async def test_a_postponed_scan_keeps_its_reason_until_it_is_tried_again(database: Database) -> None:
    await request(database)
    claimed = await claim(database)
    assert claimed is not None
    async with database.write() as connection:
        await scans.postpone(connection, claimed, lease="me", error="Immich is away", not_before_ms=500)
        waiting = await scans.get(connection, OWNER, claimed.id)
    assert (waiting.state, waiting.error) == (ScanState.REQUESTED, "Immich is away")
    assert await claim(database, now_ms=499) is None
    again = await claim(database, now_ms=500)
    assert again is not None
    assert (again.error, again.attempts) == (None, 2)


async def test_the_newest_and_the_newest_complete_scan_are_told_apart(database: Database) -> None:
    async with database.read() as connection:
        assert await scans.newest(connection, OWNER) is None
        assert await scans.newest_done(connection, OWNER) is None
    for state in (ScanState.DONE, ScanState.FAILED):
        await request(database)
        claimed = await claim(database)
        assert claimed is not None
        async with database.write() as connection:
            await scans.end(connection, claimed, state, lease="me", now_ms=300, error="broken")
    async with database.read() as connection:
        newest, done = await scans.newest(connection, OWNER), await scans.newest_done(connection, OWNER)
    assert newest is not None
    assert done is not None
    assert (newest.id, newest.state.is_over, newest.error, newest.ended_at_ms) == (2, True, "broken", 300)
    assert (done.id, done.state) == (1, ScanState.DONE)
    assert not ScanState.RUNNING.is_over


async def test_released_leases_can_be_claimed_at_once(database: Database) -> None:
    await request(database)
    await claim(database, "killed")
    async with database.write() as connection:
        await scans.release_leases(connection)
    assert await claim(database, "next") is not None


async def test_the_watermark_is_kept_by_owner(database: Database) -> None:
    async with database.write() as connection:
        assert await scans.watermark(connection, OWNER) is None
        await scans.set_watermark(connection, OWNER, Watermark(5, 4, "rules"))
        await scans.set_watermark(connection, OWNER, Watermark(7, 6, "others"))
        assert await scans.watermark(connection, OWNER) == Watermark(7, 6, "others")
        assert await scans.watermark(connection, BOB) is None


async def test_what_is_known_of_stacks_only_grows(database: Database) -> None:
    async with database.write() as connection:
        await scans.set_watermark(connection, OWNER, Watermark(1, 50, "rules"))
        await scans.set_stacks_known(connection, OWNER, 40)
        assert await scans.watermark(connection, OWNER) == Watermark(1, 50, "rules")
        await scans.set_stacks_known(connection, OWNER, 60)
        assert await scans.watermark(connection, OWNER) == Watermark(1, 60, "rules")
        await scans.set_stacks_known(connection, BOB, 60)
        assert await scans.watermark(connection, BOB) is None


async def test_a_watermark_moves_on_unless_a_scan_has_set_another(database: Database) -> None:
    seen = Watermark(10, 50, "rules")
    async with database.write() as connection:
        await scans.set_watermark(connection, OWNER, seen)
        await scans.advance_watermark(connection, OWNER, seen=seen, watermark_ms=5)
        assert await scans.watermark(connection, OWNER) == seen
        await scans.set_watermark(connection, OWNER, Watermark(10, 60, "other rules"))
        await scans.advance_watermark(connection, OWNER, seen=seen, watermark_ms=20)
        assert await scans.watermark(connection, OWNER) == Watermark(20, 60, "other rules")
        await scans.set_watermark(connection, OWNER, Watermark(8, 70, "rules"))
        await scans.advance_watermark(connection, OWNER, seen=seen, watermark_ms=30)
        assert await scans.watermark(connection, OWNER) == Watermark(8, 70, "rules")
