from __future__ import annotations

from dataclasses import replace

import pytest

from sidecar.model import AssetId, OwnerId
from sidecar.storage import changes
from sidecar.storage.changes import MAX_ATTEMPTS, Change, GivenUp, Heard, Source, merged
from sidecar.storage.database import Database
from tests.builders import OWNER

BOB = OwnerId("00000000-0000-4000-8000-00000000000b")
A, B = AssetId("a"), AssetId("b")
NOW_MS = 1_000_000


def told(asset_id: AssetId | None = A, *, owner_id: OwnerId = OWNER, **others: object) -> Change:
    return replace(Change(owner_id, Source.WEBHOOK, asset_id), **others)  # type: ignore[arg-type]


async def add(database: Database, *told: Change, not_before_ms: int = 0) -> None:
    async with database.write() as connection:
        await changes.add(connection, told, now_ms=NOW_MS, not_before_ms=not_before_ms)


async def due(database: Database, *, now_ms: int = NOW_MS, limit: int = 10) -> list[Heard]:
    async with database.read() as connection:
        return await changes.due(connection, OWNER, now_ms=now_ms, limit=limit)


async def finish(database: Database, *heard: Heard) -> None:
    async with database.write() as connection:
        await changes.finish(connection, OWNER, heard)


async def counts(database: Database) -> tuple[int, int]:
    async with database.read() as connection:
        return await changes.counts(connection, OWNER)


@pytest.mark.parametrize(
    ("first", "second", "expected"),
    [
        pytest.param(1, 2, 2, id="the newer time counts"),
        pytest.param(2, 1, 2, id="in whatever order"),
        pytest.param(1, None, None, id="who tells no time may know of something newer"),
        pytest.param(None, 1, None, id="and may have been the first"),
    ],
)
async def test_of_what_is_told_twice_the_newest_time_counts(
    database: Database, first: int | None, second: int | None, expected: int | None
) -> None:
    one, other = told(updated_at_ms=first), told(updated_at_ms=second)
    assert [each.updated_at_ms for each in merged([one, other])] == [expected]
    await add(database, one)
    await add(database, other)
    assert [each.change.updated_at_ms for each in await due(database)] == [expected]


async def test_a_burst_that_was_told_once_is_not_forgotten(database: Database) -> None:
    burst, later = told(auto_stack_id="burst"), told()
    assert merged([burst, later])[0].auto_stack_id == "burst"
    assert merged([later, burst])[0].auto_stack_id == "burst"
    await add(database, burst)
    await add(database, later)
    assert [each.change.auto_stack_id for each in await due(database)] == ["burst"]


async def test_each_owner_has_their_own_and_stacks_are_no_asset(database: Database) -> None:
    await add(database, told(), told(), told(None), told(owner_id=BOB), told(B))
    assert [each.change.asset_id for each in await due(database)] == [None, A, B]
    assert [each.change.asset_id for each in await due(database, limit=2)] == [None, A]
    async with database.read() as connection:
        assert sorted(await changes.owners_with_due_changes(connection, now_ms=NOW_MS)) == sorted([OWNER, BOB])


async def test_what_was_looked_at_is_done_unless_it_was_told_again(database: Database) -> None:
    await add(database, told(A), told(B))
    looked_at = await due(database)
    await add(database, told(B))
    await finish(database, *looked_at)
    await finish(database)
    assert [each.change.asset_id for each in await due(database)] == [B]


async def test_a_slow_look_does_not_finish_what_was_told_after_another_one_finished(database: Database) -> None:
    await add(database, told())
    slow = await due(database)
    await finish(database, *slow)
    await add(database, told())
    await finish(database, *slow)
    assert len(await due(database)) == 1


async def test_what_fails_again_and_again_is_given_up_until_it_is_told_again(database: Database) -> None:
    await add(database, told(), told(None))
    for number in range(MAX_ATTEMPTS):
        assert [each.attempts for each in await due(database)] == [number, number]
        async with database.write() as connection:
            await changes.postpone(connection, OWNER, [A, None], not_before_ms=NOW_MS, error="no luck")
    assert await due(database) == []
    assert await counts(database) == (0, 2)
    async with database.read() as connection:
        assert await changes.given_up(connection, OWNER) == [
            GivenUp(None, "no luck", NOW_MS),
            GivenUp(A, "no luck", NOW_MS),
        ]
        assert await changes.owners_with_due_changes(connection, now_ms=NOW_MS) == []
    await add(database, told())
    assert await counts(database) == (1, 1)
    assert [each.attempts for each in await due(database)] == [0]


async def test_what_was_given_up_can_be_tried_again_and_only_that(database: Database) -> None:
    await add(database, told(A), told(B))
    async with database.write() as connection:
        for _ in range(MAX_ATTEMPTS):
            await changes.postpone(connection, OWNER, [A], not_before_ms=NOW_MS + 9, error="no luck")
        await changes.postpone(connection, OWNER, [B], not_before_ms=NOW_MS + 9)
        await changes.retry(connection, OWNER, [A, B])
    assert [each.change.asset_id for each in await due(database)] == [A]
    assert await counts(database) == (2, 0)


@pytest.mark.parametrize("later_ms", [0, NOW_MS + 99])
async def test_what_waits_for_its_time_is_neither_hurried_nor_put_off(database: Database, later_ms: int) -> None:
    await add(database, told(None), not_before_ms=NOW_MS + 5)
    await add(database, told(None), not_before_ms=later_ms)
    assert await due(database) == []
    assert len(await due(database, now_ms=NOW_MS + 5)) == 1


async def test_what_waits_after_a_failure_is_hurried_by_hearing_it_again(database: Database) -> None:
    await add(database, told())
    async with database.write() as connection:
        await changes.postpone(connection, OWNER, [A], not_before_ms=NOW_MS + 5, error="no luck")
    assert await due(database) == []
    await add(database, told())
    assert len(await due(database)) == 1
