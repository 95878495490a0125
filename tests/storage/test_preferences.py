from __future__ import annotations

import asyncio

from sqlalchemy import select

from sidecar.model import OwnerId
from sidecar.storage import preferences
from sidecar.storage.database import Database
from sidecar.storage.tables import preferences as preferences_table
from tests.builders import OWNER

BOB = OwnerId("00000000-0000-4000-8000-00000000000b")
CHOSEN = {
    "ask_first": True,
    "stack": {"burst": False},
    "filename_patterns": ["{base} „wéb“\0.{ext}"],
    "tolerance": 2.5,
}


async def test_what_was_chosen_comes_back_for_its_owner_only(database: Database) -> None:
    async with database.write() as connection:
        await preferences.put(connection, OWNER, CHOSEN, now_ms=5)
    async with database.read() as connection:
        assert await preferences.get(connection, OWNER) == CHOSEN
        assert await preferences.get(connection, BOB) == {}


async def test_a_new_choice_replaces_the_old_one_whole(database: Database) -> None:
    async with database.write() as connection:
        await preferences.put(connection, OWNER, CHOSEN, now_ms=5)
        await preferences.put(connection, BOB, CHOSEN, now_ms=5)
        await preferences.put(connection, OWNER, {"ask_first": False}, now_ms=6)
        assert await preferences.get(connection, OWNER) == {"ask_first": False}
        assert await preferences.get(connection, BOB) == CHOSEN
        changed = select(preferences_table.c.owner_id, preferences_table.c.changed_at_ms)
        assert {row.owner_id: row.changed_at_ms for row in await connection.execute(changed)} == {OWNER: 6, BOB: 5}


async def test_a_choice_can_be_forgotten(database: Database) -> None:
    async with database.write() as connection:
        await preferences.put(connection, OWNER, CHOSEN, now_ms=5)
        await preferences.put(connection, BOB, CHOSEN, now_ms=5)
        await preferences.clear(connection, OWNER)
        await preferences.clear(connection, OWNER)
        assert await preferences.get(connection, OWNER) == {}
        assert await preferences.get(connection, BOB) == CHOSEN


async def test_who_has_the_lock_is_alone_until_the_transaction_ends(database: Database) -> None:
    async def count() -> None:
        async with database.write() as connection:
            await preferences.lock(connection, OWNER)
            before = (await preferences.get(connection, OWNER)).get("count", 0)
            assert isinstance(before, int)
            await preferences.put(connection, OWNER, {"count": before + 1}, now_ms=1)

    await asyncio.gather(*(count() for _ in range(8)))
    async with database.read() as connection:
        assert await preferences.get(connection, OWNER) == {"count": 8}
