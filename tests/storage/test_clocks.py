from __future__ import annotations

from sqlalchemy import select, update

from sidecar.storage.clocks import forget_wrong_times
from sidecar.storage.contents import NEVER
from sidecar.storage.database import Database
from sidecar.storage.tables import contents, metadata
from tests.storage.copies_of_all import fill

NOW_MS = 1_700_000_000_000
DAY_MS = 24 * 60 * 60_000

WAITS = [
    column
    for table in metadata.sorted_tables
    for column in table.c
    if column.name.endswith(("not_before_ms", "lease_until_ms", "due_at_ms"))
]


async def after(database: Database, **_: object) -> list[set[int]]:
    async with database.read() as connection:
        return [set(await connection.scalars(select(column))) for column in WAITS]


async def put(database: Database, at_ms: int) -> None:
    async with database.write() as connection:
        for column in WAITS:
            await connection.execute(update(column.table).values({column.name: at_ms}))


async def forget(database: Database) -> int:
    async with database.write() as connection:
        return await forget_wrong_times(connection, now_ms=NOW_MS)


async def test_what_only_a_wrong_clock_can_have_meant_is_due_now(database: Database) -> None:
    async with database.write() as connection:
        await fill(connection)
    assert len(WAITS) > 10
    for at_ms in (0, NOW_MS - 40 * DAY_MS, NOW_MS, NOW_MS + 15 * 60_000, NEVER):
        await put(database, at_ms)
        assert await forget(database) == 0
        assert await after(database) == [{at_ms}] * len(WAITS)
    await put(database, NOW_MS + 40 * DAY_MS)
    assert await forget(database) == 2 * len(WAITS)
    assert await after(database) == [{0}] * len(WAITS)


async def test_a_file_may_wait_for_days(database: Database) -> None:
    async with database.write() as connection:
        await fill(connection)
        await connection.execute(update(contents).values(not_before_ms=NOW_MS + 7 * DAY_MS))
    await forget(database)
    async with database.read() as connection:
        assert set(await connection.scalars(select(contents.c.not_before_ms))) == {NOW_MS + 7 * DAY_MS}
