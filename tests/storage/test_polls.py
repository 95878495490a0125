from __future__ import annotations

from dataclasses import fields
from typing import Any

from sidecar.storage import polls
from sidecar.storage.database import Database
from sidecar.storage.polls import Poll
from tests.builders import OWNER


async def test_a_clock_that_nobody_set_is_due_at_once(database: Database) -> None:
    async with database.read() as connection:
        assert await polls.get(connection, OWNER) == Poll(OWNER)
    assert Poll(OWNER).due_at_ms == 0


async def test_a_clock_is_as_it_was_set_last(database: Database) -> None:
    for number in (1, 10):
        values: dict[str, Any] = {each.name: number for each in fields(Poll)} | {"error": f"no luck {number}"}
        del values["owner_id"]
        async with database.write() as connection:
            await polls.change(connection, OWNER, **values)
        async with database.read() as connection:
            assert await polls.get(connection, OWNER) == Poll(OWNER, **values)


async def test_whoever_changes_some_of_it_takes_nothing_else_back(database: Database) -> None:
    for changed in ({"failures": 2}, {"error": "no luck", "news_at_ms": 5}):
        async with database.write() as connection:
            await polls.change(connection, OWNER, **changed)
    async with database.read() as connection:
        assert await polls.get(connection, OWNER) == Poll(OWNER, failures=2, news_at_ms=5, error="no luck")


async def test_it_is_put_off_unless_somebody_wants_it_earlier_meanwhile(database: Database) -> None:
    for due_ms, seen_ms, expected_ms in ((3, 3, 9), (4, 3, 4)):
        async with database.write() as connection:
            await polls.change(connection, OWNER, due_at_ms=due_ms)
            await polls.put_off(connection, OWNER, seen_ms=seen_ms, due_at_ms=9)
        async with database.read() as connection:
            assert (await polls.get(connection, OWNER)).due_at_ms == expected_ms
