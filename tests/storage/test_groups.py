from __future__ import annotations

from sidecar.grouping.planning import Decision, OurGroup
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
        assert await groups.active_touching(connection, OWNER, [B]) == [ONE]
        assert await groups.active_touching(connection, BOB, [B]) == []
        assert await groups.active(connection, OWNER) == [ONE, TWO]
        assert await groups.counts(connection, OWNER) == {GroupState.ACTIVE: 2}


async def test_only_active_groups_count_as_made(database: Database) -> None:
    await add(database, ONE, state=GroupState.INTENDED)
    await add(database, TWO, state=GroupState.WITHDRAWN)
    await add(database)
    async with database.read() as connection:
        assert await groups.active(connection, OWNER) == []


async def test_a_primary_chosen_by_the_user_is_remembered(database: Database) -> None:
    await add(database, ONE)
    async with database.write() as connection:
        await groups.set_primary(connection, BOB, ONE.id, A)
        await groups.set_primary(connection, OWNER, ONE.id, B)
        assert await groups.active(connection, OWNER) == [OurGroup(ONE.id, (A, B), B)]


async def test_decisions_are_remembered_whole_and_by_owner(database: Database) -> None:
    apart, other = Decision(frozenset({A, B})), Decision(frozenset({B, C}))
    async with database.write() as connection:
        await groups.add_decisions(connection, OWNER, [("1", apart), ("2", other)], now_ms=5)
        await groups.add_decisions(connection, OWNER, [], now_ms=5)
        assert await groups.decisions_touching(connection, OWNER, [A]) == [apart]
        assert await groups.decisions_touching(connection, OWNER, [B]) == [apart, other]
        assert await groups.decisions_touching(connection, BOB, [A]) == []
        assert await groups.all_decisions(connection, OWNER) == [("1", apart), ("2", other)]
