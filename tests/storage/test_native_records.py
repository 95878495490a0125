from __future__ import annotations

from sidecar.model import AssetId
from sidecar.storage import native_records
from sidecar.storage.database import Database
from sidecar.storage.native_records import NativeRecord, NativeState
from tests.builders import OWNER
from tests.storage.copies import BOB

A, B, C = (AssetId(each) for each in "abc")


async def states(database: Database) -> dict[AssetId, NativeState]:
    async with database.read() as connection:
        return {asset_id: each.state for asset_id, each in (await native_records.everything(connection, OWNER)).items()}


async def test_an_id_is_intended_recorded_taken_away_and_forgotten(database: Database) -> None:
    async with database.write() as connection:
        await native_records.intend(connection, OWNER, [(A, "s", "d", 0), (B, "s", "d", 2)], now_ms=10)
        assert await native_records.of(connection, OWNER, [B, C]) == {
            B: NativeRecord(B, "s", "d", NativeState.INTENDED, 10, 2, 0, 0)
        }
        assert await native_records.of(connection, BOB, [B]) == {}
        await native_records.recorded(connection, OWNER, [A], now_ms=20)
        assert (await native_records.of(connection, OWNER, [A]))[A].written_at_ms == 20
    assert await states(database) == {A: NativeState.RECORDED, B: NativeState.INTENDED}
    async with database.write() as connection:
        await native_records.clear(connection, OWNER, [A, B], now_ms=30)
        await native_records.forget(connection, OWNER, [B])
        assert await native_records.of(connection, OWNER, [A]) == {
            A: NativeRecord(A, "s", "d", NativeState.CLEARING, 30, 0, 0, 0)
        }
    assert await states(database) == {A: NativeState.CLEARING}


async def test_what_is_to_be_written_is_due_set_by_set(database: Database) -> None:
    async with database.write() as connection:
        new = [(A, "two", "d", 0), (C, "one", "e", 0), (B, "two", "d", 0)]
        await native_records.intend(connection, OWNER, new, now_ms=1)
        assert [each.asset_id for each in await native_records.due(connection, OWNER, now_ms=0, limit=9)] == [C, A, B]
        assert [each.asset_id for each in await native_records.due(connection, OWNER, now_ms=0, limit=1)] == [C]
        await native_records.recorded(connection, OWNER, [B], now_ms=2)
        await native_records.clear(connection, OWNER, [C], now_ms=2)
        assert [each.asset_id for each in await native_records.due(connection, OWNER, now_ms=0, limit=9)] == [C, A]
        await native_records.postpone(connection, OWNER, [C, A], not_before_ms=50)
        assert await native_records.owners_with_due_records(connection, now_ms=49) == []
        assert await native_records.owners_with_due_records(connection, now_ms=50) == [OWNER]
        (again, _) = await native_records.due(connection, OWNER, now_ms=50, limit=9)
        assert (again.asset_id, again.attempts, again.not_before_ms) == (C, 1, 50)
        await native_records.clear(connection, OWNER, [C], now_ms=3)
        (again,) = await native_records.due(connection, OWNER, now_ms=0, limit=9)
        assert (again.asset_id, again.attempts) == (C, 0)


async def test_a_newer_intention_takes_the_place_of_what_was_there(database: Database) -> None:
    async with database.write() as connection:
        await native_records.intend(connection, OWNER, [(A, "s", "d", 0)], now_ms=1)
        await native_records.postpone(connection, OWNER, [A], not_before_ms=50)
        await native_records.intend(connection, OWNER, [(A, "t", "e", 1)], now_ms=2)
        assert await native_records.everything(connection, OWNER) == {
            A: NativeRecord(A, "t", "e", NativeState.INTENDED, 2, 1, 0, 0)
        }
