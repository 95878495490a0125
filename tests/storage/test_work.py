from __future__ import annotations

from sidecar.model import OwnerId
from sidecar.storage import assets, work
from sidecar.storage.database import Database
from sidecar.storage.work import MAX_ATTEMPTS, Backlog, Claim
from tests.builders import OWNER, make_asset

BOB = OwnerId("00000000-0000-4000-8000-00000000000b")
NOW_MS = 1_000_000
LEASE_MS = 1_000


async def mark(database: Database, *stems: str, owner_id: OwnerId = OWNER) -> None:
    async with database.write() as connection:
        await work.mark(connection, owner_id, stems)


async def claim(database: Database, lease: str = "one", *, now_ms: int = NOW_MS, limit: int = 10) -> Claim:
    async with database.write() as connection:
        return await work.claim(connection, OWNER, lease=lease, now_ms=now_ms, lease_ms=LEASE_MS, limit=limit)


async def finish(database: Database, claimed: Claim) -> None:
    async with database.write() as connection:
        await work.finish(connection, claimed)


async def backlog(database: Database) -> Backlog:
    async with database.read() as connection:
        return await work.backlog(connection, OWNER)


async def attempts(database: Database) -> dict[str, int]:
    async with database.read() as connection:
        rows = await connection.exec_driver_sql("SELECT stem, attempts FROM work")
        return {row.stem: row.attempts for row in rows}


async def test_a_claim_takes_what_is_due_and_nobody_else_gets_it(database: Database) -> None:
    await mark(database, "a", "b", "c")
    await mark(database, "theirs", owner_id=BOB)
    first = await claim(database, "one", limit=2)
    second = await claim(database, "two")
    assert sorted([*first.stems, *second.stems]) == ["a", "b", "c"]
    assert (await claim(database, "three")).stems == ()


async def test_finished_work_is_gone(database: Database) -> None:
    await mark(database, "a")
    await finish(database, await claim(database))
    assert await backlog(database) == Backlog(pending=0, failed=0)


async def test_a_mark_made_while_the_job_runs_is_not_lost(database: Database) -> None:
    await mark(database, "a", "b")
    claimed = await claim(database)
    await mark(database, "a")
    await finish(database, claimed)
    assert (await claim(database, "two")).stems == ("a",)


async def test_a_worker_that_lost_its_lease_finishes_nothing(database: Database) -> None:
    await mark(database, "a")
    slow = await claim(database, "slow")
    other = await claim(database, "other", now_ms=NOW_MS + LEASE_MS)
    assert other.stems == ("a",)
    await finish(database, slow)
    assert (await backlog(database)).pending == 1
    await finish(database, other)
    assert (await backlog(database)).pending == 0


async def test_failed_work_waits_and_is_given_up_after_too_many_tries(database: Database) -> None:
    await mark(database, "a")
    for _ in range(MAX_ATTEMPTS):
        claimed = await claim(database)
        async with database.write() as connection:
            await work.fail(connection, claimed, error="no luck", not_before_ms=NOW_MS + 5)
        assert (await claim(database, now_ms=NOW_MS + 4)).stems == ()
        async with database.write() as connection:
            assert await work.owners_with_due_work(connection, now_ms=NOW_MS + 4) == []
            await connection.exec_driver_sql("UPDATE work SET not_before_ms = 0")
    assert (await claim(database)).stems == ()
    assert await backlog(database) == Backlog(pending=0, failed=1)
    async with database.read() as connection:
        assert await work.failures(connection, OWNER) == [("a", "no luck")]


async def test_a_new_mark_gives_failed_work_another_chance(database: Database) -> None:
    await mark(database, "a")
    async with database.write() as connection:
        await connection.exec_driver_sql(f"UPDATE work SET attempts = {MAX_ATTEMPTS}, error = 'x'")
    await mark(database, "a")
    assert (await claim(database)).stems == ("a",)


async def test_putting_back_is_no_attempt(database: Database) -> None:
    await mark(database, "a")
    for _ in range(MAX_ATTEMPTS + 1):
        claimed = await claim(database)
        assert claimed.stems == ("a",)
        async with database.write() as connection:
            await work.put_back(connection, claimed, not_before_ms=0)
            await work.put_back(connection, claimed.only([]), not_before_ms=0)


async def test_a_lease_that_runs_out_again_and_again_loses_no_stem(database: Database) -> None:
    await mark(database, "a", "b")
    claimed = Claim(OWNER, "nobody", ())
    for number in range(MAX_ATTEMPTS + 3):
        now_ms = NOW_MS + number * LEASE_MS
        claimed = await claim(database, f"killed {number}", now_ms=now_ms, limit=1)
        async with database.write() as connection:
            claimed = await work.claim_also(connection, claimed, ["a", "b"], now_ms=now_ms, lease_ms=LEASE_MS)
        assert sorted(claimed.stems) == ["a", "b"]
    assert await attempts(database) == {"a": 1, "b": 1}
    async with database.write() as connection:
        await work.put_back(connection, claimed, not_before_ms=0)
    assert await attempts(database) == {"a": 0, "b": 0}


async def test_a_lease_that_runs_out_in_the_last_attempt_loses_no_stem(database: Database) -> None:
    await mark(database, "a")
    async with database.write() as connection:
        await connection.exec_driver_sql(f"UPDATE work SET attempts = {MAX_ATTEMPTS - 1}")
    await claim(database, "killed")
    assert (await claim(database, "early", now_ms=NOW_MS + LEASE_MS - 1)).stems == ()
    last = await claim(database, "last", now_ms=NOW_MS + LEASE_MS)
    assert last.stems == ("a",)
    async with database.write() as connection:
        await work.fail(connection, last, error="no luck", not_before_ms=0)
    assert (await claim(database, now_ms=NOW_MS + 2 * LEASE_MS)).stems == ()
    assert await backlog(database) == Backlog(pending=0, failed=1)


async def test_all_stems_of_an_owner_can_be_marked(database: Database) -> None:
    a, b = make_asset("A.JPG"), make_asset("B.JPG")
    async with database.write() as connection:
        await assets.record(connection, OWNER, {a.id: ("a", a), b.id: ("b", b)}, scan_id=1)
        await work.mark(connection, OWNER, ["a"])
        await work.mark_all(connection, OWNER)
    assert sorted((await claim(database)).stems) == ["a", "b"]


async def test_released_leases_can_be_claimed_at_once(database: Database) -> None:
    await mark(database, "a")
    await claim(database, "killed")
    async with database.write() as connection:
        assert await work.owners_with_due_work(connection, now_ms=NOW_MS) == []
        await work.release_leases(connection)
        assert await work.owners_with_due_work(connection, now_ms=NOW_MS) == [OWNER]
    assert (await claim(database, "next")).stems == ("a",)
