from __future__ import annotations

from uuid import UUID

from sqlalchemy import insert, update

from sidecar.model import AssetId, GroupId, OwnerId
from sidecar.storage import ages, changes, fingerprints, journal, work
from sidecar.storage.ages import Waits
from sidecar.storage.changes import Change, Source
from sidecar.storage.database import Database
from sidecar.storage.fingerprints import Failure
from sidecar.storage.journal import Action, ActionKind
from sidecar.storage.tables import actions, resolutions
from sidecar.storage.tables import changes as changes_table
from sidecar.storage.tables import work as work_table
from sidecar.storage.work import Debounce
from tests.builders import OWNER, asset_id

BOB, CAROL = OwnerId("00000000-0000-4000-8000-00000000000b"), OwnerId("00000000-0000-4000-8000-00000000000c")


async def oldest(database: Database, *owner_ids: OwnerId) -> dict[Waits, int]:
    async with database.read() as connection:
        return await ages.oldest_ms(connection, owner_ids)


async def fill(database: Database, owner_id: OwnerId, at_ms: int) -> None:
    """One of each kind that waits since then."""
    action = Action(
        str(UUID(int=at_ms)), owner_id, GroupId("g"), f"stem {at_ms}", ActionKind.CREATE_STACK,
        (asset_id(1), asset_id(2)), (), known_at_ms=0, members_at_ms=0,
    )  # fmt: skip
    decision = {
        "owner_id": owner_id, "resolution_id": str(UUID(int=at_ms)), "set_id": "x", "state": "decided",
        "keep_ids": "[]", "trash_ids": "[]", "origin": "user", "lease_until_ms": 0, "attempts": 0,
        "not_before_ms": 0, "decided_at_ms": at_ms + 3,
    }  # fmt: skip
    async with database.write() as connection:
        await work.mark(connection, owner_id, [f"stem {at_ms}"], debounce=Debounce(at_ms, at_ms))
        await changes.add(connection, [Change(owner_id, Source.POLL, AssetId(f"{at_ms}"))], now_ms=at_ms + 1)
        await journal.intend(connection, [action], now_ms=at_ms + 2)
        await connection.execute(insert(resolutions).values(**decision))


async def test_the_oldest_of_each_kind_of_all_who_are_asked_for(database: Database) -> None:
    assert await oldest(database, OWNER, BOB) == {}
    for owner_id, at_ms in ((OWNER, 2000), (OWNER, 3000), (BOB, 1000), (CAROL, 10)):
        await fill(database, owner_id, at_ms)
    expected = {Waits.NAMES: 1000, Waits.EVENTS: 1001, Waits.WRITES: 1002, Waits.DECISIONS: 1003}
    assert await oldest(database, OWNER, BOB) == expected
    assert await oldest(database) == {}


async def test_what_was_given_up_has_ended_or_has_no_time_of_its_own_does_not_wait(database: Database) -> None:
    await fill(database, OWNER, 1000)
    async with database.write() as connection:
        await connection.execute(update(work_table).values(attempts=work.MAX_ATTEMPTS))
        await connection.execute(update(changes_table).values(attempts=changes.MAX_ATTEMPTS))
        await connection.execute(update(actions).values(state="done"))
        await connection.execute(update(resolutions).values(ended_at_ms=1))
        await work.mark(connection, OWNER, ["at once"])
    assert await oldest(database, OWNER) == {}


async def test_pictures_are_counted_by_why_they_cannot_be_looked_at(database: Database) -> None:
    async with database.write() as connection:
        seen = (OWNER, "broken"), (OWNER, "broken"), (BOB, "too_large"), (CAROL, "x")
        for number, (owner_id, flaw) in enumerate(seen):
            failure = Failure(asset_id(number), "basis", flaw, "a sentence", 0)
            await fingerprints.fail(connection, owner_id, [failure], version=1)
    async with database.read() as connection:
        assert await ages.flaws(connection, [OWNER, BOB]) == {"broken": 2, "too_large": 1}
        assert await ages.flaws(connection, []) == {}
