from __future__ import annotations

from sidecar.storage import polls
from sidecar.storage.database import Database
from sidecar.storage.polls import Poll
from tests.builders import OWNER


async def test_a_clock_that_nobody_set_is_due_at_once(database: Database) -> None:
    async with database.read() as connection:
        assert await polls.get(connection, OWNER) == Poll(OWNER)
    assert Poll(OWNER).due_at_ms == 0


async def test_a_clock_is_as_it_was_set_last(database: Database) -> None:
    first = Poll(OWNER, 1, 2, 3, 4, 5, 6, 7, "no luck")
    second = Poll(OWNER, 10)
    for each in (first, second):
        async with database.write() as connection:
            await polls.put(connection, each)
        async with database.read() as connection:
            assert await polls.get(connection, OWNER) == each
