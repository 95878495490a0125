from __future__ import annotations

from sidecar.model import AssetId, OwnerId, Stack, StackId
from sidecar.storage import stacks
from sidecar.storage.database import Database
from tests.builders import OWNER, asset_id

A, B, C, D = (asset_id(number) for number in range(1, 5))
BOB = OwnerId("00000000-0000-4000-8000-00000000000b")


def stack(name: str, primary: AssetId, *others: AssetId) -> Stack:
    return Stack(StackId(name), primary, tuple(sorted({primary, *others})))


async def put(database: Database, *present: Stack, now_ms: int = 10) -> None:
    async with database.write() as connection:
        await stacks.put(connection, OWNER, present, now_ms=now_ms)


async def everything(database: Database) -> list[Stack]:
    async with database.read() as connection:
        return sorted((await stacks.everything(connection, OWNER)).values(), key=lambda each: each.id)


async def reconcile(database: Database, *present: Stack, asked_at_ms: int = 100) -> set[AssetId]:
    async with database.write() as connection:
        return await stacks.reconcile(connection, OWNER, present, asked_at_ms=asked_at_ms)


async def test_stacks_come_back_whole(database: Database) -> None:
    await put(database, stack("s", B, A), stack("t", C, D))
    async with database.read() as connection:
        assert await stacks.touching(connection, OWNER, [A]) == [stack("s", B, A)]
        assert await stacks.touching(connection, BOB, [A]) == []
        assert await stacks.count(connection, OWNER) == 2
        assert await stacks.count(connection, BOB) == 0


async def test_a_primary_that_immich_hides_still_belongs_to_its_stack(database: Database) -> None:
    await put(database, Stack(StackId("s"), A, (B, C)))
    assert await everything(database) == [stack("s", A, B, C)]


async def test_a_member_taken_over_leaves_its_old_stack(database: Database) -> None:
    await put(database, stack("s", A, B, C))
    await put(database, stack("t", D, B))
    assert await everything(database) == [stack("s", A, C), stack("t", D, B)]


async def test_a_stack_whose_primary_was_taken_over_keeps_a_first_member(database: Database) -> None:
    await put(database, stack("s", A, B, C))
    await put(database, stack("t", A, D))
    assert await everything(database) == [stack("s", B, C), stack("t", A, D)]


async def test_an_extended_stack_replaces_its_former_self(database: Database) -> None:
    await put(database, stack("s", A, B))
    await put(database, stack("t", A, B, C))
    assert await everything(database) == [stack("t", A, B, C)]


async def test_putting_nothing_changes_nothing(database: Database) -> None:
    await put(database)
    assert await everything(database) == []


async def test_reconciling_names_whose_stack_changed(database: Database) -> None:
    await put(database, stack("same", A, B), stack("gone", C, D))
    assert await reconcile(database, stack("same", A, B)) == {C, D}
    assert await reconcile(database, stack("same", B, A), stack("new", C, D)) == {A, B, C, D}
    assert await everything(database) == [stack("new", C, D), stack("same", B, A)]
    assert await reconcile(database, stack("same", B, A), stack("new", C, D)) == set()


async def test_a_member_that_left_is_named_too(database: Database) -> None:
    await put(database, stack("s", A, B, C))
    assert await reconcile(database, stack("s", A, B)) == {A, B, C}


async def test_a_list_asked_for_before_our_own_write_says_nothing_against_it(database: Database) -> None:
    await put(database, stack("old", A, B), now_ms=10)
    await put(database, stack("extended", A, B, C), now_ms=150)
    assert await reconcile(database, stack("old", A, B), asked_at_ms=100) == set()
    assert await everything(database) == [stack("extended", A, B, C)]


async def test_assets_can_leave_whatever_stack_they_were_in(database: Database) -> None:
    await put(database, stack("s", A, B, C))
    async with database.write() as connection:
        await stacks.leave(connection, BOB, [B])
        await stacks.leave(connection, OWNER, [C])
    assert await everything(database) == [stack("s", A, B)]
