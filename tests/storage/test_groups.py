from __future__ import annotations

from sidecar.grouping.memory import OurGroup
from sidecar.model import GroupId, OwnerId
from sidecar.storage import groups
from sidecar.storage.database import Database
from sidecar.storage.groups import GroupState
from tests.builders import OWNER, asset_id

A, B, C, D = (asset_id(number) for number in range(1, 5))
BOB = OwnerId("00000000-0000-4000-8000-00000000000b")
ONE = OurGroup(GroupId("one"), (A, B), A)
TWO = OurGroup(GroupId("two"), (C, D), D)


async def add(database: Database, *new: OurGroup, state: GroupState = GroupState.ACTIVE) -> None:
    async with database.write() as connection:
        await groups.add(connection, OWNER, [(group, "raw_jpeg", ["one name"]) for group in new], now_ms=5)
        await groups.set_state(connection, OWNER, [group.id for group in new], state)


async def test_active_groups_come_back_whole(database: Database) -> None:
    await add(database, ONE, TWO)
    async with database.read() as connection:
        assert await groups.living_touching(connection, OWNER, [B]) == [ONE]
        assert await groups.living_touching(connection, BOB, [B]) == []
        assert await groups.living(connection, OWNER) == [ONE, TWO]
        assert await groups.counts(connection, OWNER) == {GroupState.ACTIVE: 2}


async def test_only_active_groups_count_as_made(database: Database) -> None:
    await add(database, ONE, state=GroupState.INTENDED)
    await add(database, TWO, state=GroupState.WITHDRAWN)
    await add(database)
    async with database.read() as connection:
        assert await groups.living(connection, OWNER) == []


async def test_a_primary_chosen_by_the_user_is_remembered(database: Database) -> None:
    await add(database, ONE)
    async with database.write() as connection:
        await groups.set_primary(connection, BOB, ONE.id, A)
        await groups.set_primary(connection, OWNER, ONE.id, B)
        assert await groups.living(connection, OWNER) == [OurGroup(ONE.id, (A, B), B)]


async def test_a_stack_that_was_seen_comes_back_as_nobodys_but_the_users(database: Database) -> None:
    seen = OurGroup(GroupId("seen"), (A, B), B, is_ours=False)
    async with database.write() as connection:
        await groups.add(connection, OWNER, [(seen, "raw_jpeg", [])], now_ms=5)
        assert await groups.living_touching(connection, OWNER, [A]) == [seen]
        await groups.set_state(connection, OWNER, [seen.id], GroupState.UNDONE)
        assert await groups.living(connection, OWNER) == []


async def test_groups_are_found_by_exactly_their_members(database: Database) -> None:
    three = OurGroup(GroupId("three"), (A, B, C), A)
    await add(database, three)
    await add(database, ONE, state=GroupState.REPLACED)
    again = OurGroup(GroupId("again"), (A, B), B)
    async with database.write() as connection:
        await groups.add(connection, OWNER, [(again, "raw_jpeg", [])], now_ms=6)
        await groups.set_state(connection, OWNER, [again.id], GroupState.UNDONE)
        former = {GroupState.REPLACED, GroupState.UNDONE}
        assert await groups.of_members(connection, OWNER, [B, A], former) == [ONE.id, again.id]
        assert await groups.of_members(connection, OWNER, [A, B], {GroupState.REPLACED}) == [ONE.id]
        assert await groups.of_members(connection, OWNER, [A, B], {GroupState.ACTIVE}) == []
        assert await groups.of_members(connection, OWNER, [A], former) == []
        assert await groups.of_members(connection, BOB, [A, B], former) == []
