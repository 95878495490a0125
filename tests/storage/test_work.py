from __future__ import annotations

from sidecar.model import OwnerId
from sidecar.storage import assets, work
from sidecar.storage.database import Database
from sidecar.storage.work import MAX_ATTEMPTS, Backlog, Claim, Debounce
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


async def mark_debounced(database: Database, stem: str, *, at_ms: int) -> None:
    async with database.write() as connection:
        await work.mark(connection, OWNER, [stem], debounce=Debounce(at_ms + 10, at_ms + 25))


async def next_due_ms(database: Database) -> int | None:
    async with database.read() as connection:
        return await work.next_due_ms(connection, OWNER)


async def test_each_further_mark_puts_the_look_off_but_not_for_ever(database: Database) -> None:
    assert await next_due_ms(database) is None
    due = []
    for at_ms in (NOW_MS, NOW_MS + 8, NOW_MS + 16, NOW_MS + 24):
        await mark_debounced(database, "a", at_ms=at_ms)
        due.append(await next_due_ms(database))
    assert due == [NOW_MS + 10, NOW_MS + 18, NOW_MS + 25, NOW_MS + 25]
    assert (await claim(database, now_ms=NOW_MS + 24)).stems == ()
    assert (await claim(database, now_ms=NOW_MS + 25)).stems == ("a",)


async def test_after_a_look_the_wait_begins_anew(database: Database) -> None:
    await mark_debounced(database, "a", at_ms=NOW_MS)
    claimed = await claim(database, now_ms=NOW_MS + 10)
    await mark_debounced(database, "a", at_ms=NOW_MS + 100)
    await finish(database, claimed)
    assert await next_due_ms(database) == NOW_MS + 110


async def test_who_takes_a_stem_along_ends_its_wait_too(database: Database) -> None:
    await mark_debounced(database, "a", at_ms=NOW_MS)
    async with database.write() as connection:
        claimed = await work.claim_also(connection, Claim(OWNER, "one", ()), ["a"], now_ms=NOW_MS, lease_ms=LEASE_MS)
    await mark_debounced(database, "a", at_ms=NOW_MS + 100)
    await finish(database, claimed)
    assert await next_due_ms(database) == NOW_MS + 110


async def test_a_mark_that_cannot_wait_does_not(database: Database) -> None:
    await mark_debounced(database, "a", at_ms=NOW_MS)
    await mark(database, "a")
    assert (await claim(database)).stems == ("a",)


async def test_only_what_was_given_up_is_tried_again_and_at_once(database: Database) -> None:
    await mark(database, "spent", "theirs", "tried", "held")
    await mark(database, "spent", owner_id=BOB)
    async with database.write() as connection:
        await connection.exec_driver_sql(
            f"UPDATE work SET generation = 1, attempts = {MAX_ATTEMPTS}, not_before_ms = 9, error = 'x'"
        )
        await connection.exec_driver_sql("UPDATE work SET attempts = 2 WHERE stem = 'tried'")
        await connection.exec_driver_sql("UPDATE work SET lease = 'y', lease_until_ms = 10 WHERE stem = 'held'")
        await work.retry(connection, OWNER, ["spent", "tried", "held", "unknown"])
        rows = await connection.exec_driver_sql("SELECT * FROM work ORDER BY owner_id, stem")
        found = [(row.owner_id, row.stem, row.generation, row.attempts, row.not_before_ms, row.error) for row in rows]
    assert sorted(found) == sorted(
        [
            (OWNER, "held", 1, MAX_ATTEMPTS, 9, "x"),
            (OWNER, "spent", 2, 0, 0, None),
            (OWNER, "theirs", 1, MAX_ATTEMPTS, 9, "x"),
            (OWNER, "tried", 1, 2, 9, "x"),
            (BOB, "spent", 1, MAX_ATTEMPTS, 9, "x"),
        ]
    )


async def test_the_files_of_what_was_given_up_are_told_by_name(database: Database) -> None:
    raw, jpeg, other = make_asset("A.CR3"), make_asset("A.JPG"), make_asset("B.JPG")
    async with database.write() as connection:
        known = {raw.id: ("a", raw), jpeg.id: ("a", jpeg), other.id: ("b", other)}
        await assets.record(connection, OWNER, known, scan_id=1)
        await work.mark(connection, OWNER, ["a", "b", "gone"])
        await work.mark(connection, BOB, ["b"])
        await connection.exec_driver_sql(f"UPDATE work SET attempts = {MAX_ATTEMPTS} WHERE stem <> 'b'")
        await connection.exec_driver_sql(f"UPDATE work SET attempts = {MAX_ATTEMPTS} WHERE owner_id = '{BOB}'")
        assert await work.names_of_failures(connection, OWNER) == {"a": ["A.CR3", "A.JPG"]}
        await connection.exec_driver_sql("UPDATE work SET lease = 'x', lease_until_ms = 1")
        assert await work.names_of_failures(connection, OWNER) == {}
