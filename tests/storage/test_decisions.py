from __future__ import annotations

from dataclasses import replace

from sidecar.grouping.memory import Decision, DecisionKind, DecisionSource
from sidecar.model import Asset, AssetId, OwnerId, identity_of
from sidecar.storage import assets, decisions
from sidecar.storage.database import Database
from sidecar.storage.decisions import MAX_ATTEMPTS, MemoMark
from tests.builders import OWNER, asset_id, make_asset

A, B, C = (asset_id(number) for number in range(1, 4))
BOB = OwnerId("00000000-0000-4000-8000-00000000000b")
APART = Decision(frozenset({A, B}))
OTHER = Decision(frozenset({B, C}), source=DecisionSource.REJECTED)
COVER = Decision(frozenset({A, B}), DecisionKind.COVER, A, DecisionSource.COVERED)


async def due(database: Database, *, now_ms: int = 1_000, limit: int = 9) -> list[MemoMark]:
    async with database.read() as connection:
        return await decisions.due_memos(connection, OWNER, now_ms=now_ms, limit=limit)


async def add(database: Database, *new: tuple[str, Decision], now_ms: int = 5, is_told: bool = False) -> None:
    async with database.write() as connection:
        await decisions.add(connection, OWNER, new, now_ms=now_ms, is_told=is_told)


async def test_decisions_are_remembered_whole_by_owner_and_the_latest_last(database: Database) -> None:
    await add(database, ("9", APART), ("2", OTHER))
    await add(database, ("1", COVER), now_ms=6)
    await add(database)
    async with database.read() as connection:
        assert await decisions.touching(connection, OWNER, [A]) == [("9", APART), ("1", COVER)]
        assert await decisions.touching(connection, OWNER, [C]) == [("2", OTHER)]
        assert await decisions.touching(connection, BOB, [A]) == []
        assert await decisions.everything(connection, OWNER) == [("2", OTHER), ("9", APART), ("1", COVER)]
        assert await decisions.counts(connection, OWNER) == {DecisionKind.KEEP_APART: 2, DecisionKind.COVER: 1}


async def test_immich_is_to_be_told_of_every_decision_that_it_did_not_tell_us(database: Database) -> None:
    await add(database, ("1", APART))
    await add(database, ("2", OTHER), is_told=True)
    assert await due(database) == [MemoMark(A, 1, 0), MemoMark(B, 1, 0)]
    assert await due(database, limit=1) == [MemoMark(A, 1, 0)]
    async with database.read() as connection:
        assert await decisions.owners_with_due_memos(connection, now_ms=1_000) == [OWNER]


async def test_a_revoked_decision_is_forgotten_and_immich_is_to_be_told(database: Database) -> None:
    await add(database, ("1", APART), ("2", OTHER), is_told=True)
    async with database.write() as connection:
        await decisions.revoke(connection, BOB, ["1"])
        await decisions.revoke(connection, OWNER, ["1"])
        await decisions.revoke(connection, OWNER, [])
        assert await decisions.everything(connection, OWNER) == [("2", OTHER)]
    assert [mark.asset_id for mark in await due(database)] == [A, B]


async def test_a_mark_that_was_renewed_meanwhile_stays(database: Database) -> None:
    await add(database, ("1", APART))
    before = await due(database)
    await add(database, ("2", OTHER))
    async with database.write() as connection:
        await decisions.finish_memos(connection, OWNER, before)
    assert await due(database) == [MemoMark(B, 2, 0), MemoMark(C, 1, 0)]


async def test_what_could_not_be_told_waits_and_is_given_up_until_the_next_decision(database: Database) -> None:
    await add(database, ("1", APART))
    for number in range(MAX_ATTEMPTS):
        marks = await due(database, now_ms=100 * number)
        assert [mark.attempts for mark in marks] == [number, number]
        async with database.write() as connection:
            await decisions.postpone_memos(
                connection, OWNER, marks, error="Immich is away", not_before_ms=100 * (number + 1)
            )
        assert await due(database, now_ms=100 * number) == []
    assert await due(database, now_ms=10_000_000) == []
    await add(database, ("2", Decision(frozenset({AssetId(A)}), DecisionKind.LEAVE_LONELY, A)))
    assert [mark.asset_id for mark in await due(database)] == [A]


async def record(database: Database, *seen: Asset) -> None:
    async with database.write() as connection:
        await assets.record(connection, OWNER, {asset.id: ("img_1", asset) for asset in seen}, scan_id=1)


async def about(database: Database, *known: Asset) -> list[Decision]:
    async with database.read() as connection:
        return [
            decision for _, decision in await decisions.about(connection, OWNER, {asset.id: asset for asset in known})
        ]


RAW, JPEG = make_asset("IMG_1.CR3"), make_asset("IMG_1.JPG")
RAW_ANEW = replace(RAW, id=asset_id(7), make="Canon, as read by a newer Immich")
BOTH = Decision(frozenset({RAW.id, JPEG.id}), DecisionKind.COVER, RAW.id)


async def test_a_file_that_comes_back_under_another_id_is_still_meant(database: Database) -> None:
    await record(database, RAW, JPEG)
    await add(database, ("1", BOTH))
    assert await about(database, RAW, JPEG) == [BOTH]
    async with database.write() as connection:
        await assets.remove(connection, OWNER, [RAW.id])
    await record(database, RAW_ANEW)
    meant = Decision(frozenset({RAW_ANEW.id, JPEG.id}), DecisionKind.COVER, RAW_ANEW.id)
    assert await about(database, RAW_ANEW, JPEG) == [meant]
    assert await about(database, RAW_ANEW) == [meant]
    async with database.read() as connection:
        assert (await decisions.identities(connection, OWNER, [JPEG.id])).keys() == {RAW.id, JPEG.id}


async def test_a_copy_beside_the_file_is_not_meant(database: Database) -> None:
    await record(database, RAW, JPEG, RAW_ANEW)
    await add(database, ("1", BOTH))
    assert await about(database, RAW_ANEW, RAW, JPEG) == [BOTH]
    assert await about(database, RAW_ANEW, JPEG) == [BOTH]


async def test_another_file_of_that_name_is_not_meant(database: Database) -> None:
    await record(database, RAW, JPEG)
    await add(database, ("1", BOTH))
    async with database.write() as connection:
        await assets.remove(connection, OWNER, [RAW.id])
    for other in (
        replace(RAW_ANEW, size_bytes=1),
        replace(RAW_ANEW, taken_local_ms=1),
        replace(RAW_ANEW, name="B.CR3"),
    ):
        assert await about(database, other, JPEG) == [BOTH]


async def test_what_only_immich_told_is_meant_too(database: Database) -> None:
    async with database.write() as connection:
        await decisions.add(
            connection, OWNER, [("1", BOTH)], now_ms=1, identities={RAW.id: identity_of(RAW)}, is_told=True
        )
    assert [each.chosen for each in await about(database, RAW_ANEW)] == [RAW_ANEW.id]
