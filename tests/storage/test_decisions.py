from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

import pytest

from sidecar.grouping.memory import Decision, DecisionKind, DecisionSource
from sidecar.model import Asset, AssetId, OwnerId, identity_of
from sidecar.storage import assets, decisions
from sidecar.storage.database import Database, open_database
from sidecar.storage.decisions import MemoMark
from tests.builders import OWNER, asset_id, make_asset

A, B, C = (asset_id(number) for number in range(1, 4))
BOB = OwnerId("00000000-0000-4000-8000-00000000000b")
APART = Decision(frozenset({A, B}))
OTHER = Decision(frozenset({B, C}), source=DecisionSource.REJECTED)
COVER = Decision(frozenset({A, B}), DecisionKind.COVER, A, DecisionSource.COVERED)


async def due(database: Database, *, now_ms: int = 1_000, limit: int = 9) -> list[MemoMark]:
    async with database.write() as connection:
        return await decisions.claim_memos(connection, OWNER, now_ms=now_ms, lease_ms=0, limit=limit)


async def add(database: Database, *new: tuple[str, Decision], now_ms: int = 5, is_told: bool = False) -> None:
    async with database.write() as connection:
        await decisions.add(connection, OWNER, new, now_ms=now_ms, is_told=is_told)


async def finish(database: Database, written: Sequence[MemoMark]) -> None:
    async with database.write() as connection:
        await decisions.finish_memos(connection, OWNER, written)


async def everything(database: Database) -> list[tuple[str, Decision]]:
    async with database.read() as connection:
        return await decisions.everything(connection, OWNER)


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
    assert [(mark.asset_id, mark.attempts) for mark in await due(database)] == [(A, 0), (B, 0)]
    assert [mark.asset_id for mark in await due(database, limit=1)] == [A]
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
    await finish(database, before)
    left = await due(database)
    assert [mark.asset_id for mark in left] == [B, C]
    assert left[0].generation == before[1].generation + 1
    await finish(database, left)
    assert await due(database) == []


async def test_what_somebody_else_has_finished_meanwhile_is_written_once_more(database: Database) -> None:
    await add(database, ("1", APART))
    slow = await due(database)
    await add(database, ("2", OTHER))
    await finish(database, await due(database))
    assert await due(database) == []
    await finish(database, slow)  # with a text that knows nothing of the second decision
    again = await due(database)
    assert [mark.asset_id for mark in again] == [A, B]
    await finish(database, again)
    assert await due(database) == []


async def test_a_mark_that_is_finished_and_made_anew_meanwhile_is_another_mark(database: Database) -> None:
    await add(database, ("1", APART))
    slow = await due(database)
    await finish(database, slow)
    await add(database, ("2", APART))
    anew = await due(database)
    await finish(database, slow)
    assert await due(database) == anew


@pytest.mark.parametrize(
    "step", ["just revoked", "not told yet", "decided anew beside it", "an older text was written"]
)
async def test_what_was_revoked_is_not_believed_when_immich_still_tells_it(database: Database, step: str) -> None:
    await add(database, ("1", APART), is_told=True)
    await add(database, ("2", OTHER))
    slow = await due(database)
    async with database.write() as connection:
        await decisions.revoke(connection, OWNER, ["1"])
    if step == "not told yet":
        async with database.write() as connection:
            marks = await decisions.claim_memos(connection, OWNER, now_ms=1_000, lease_ms=0, limit=9)
            await decisions.postpone_memos(connection, OWNER, marks, error="Immich is away", not_before_ms=2_000)
    elif step == "decided anew beside it":
        await add(database, ("3", Decision(frozenset({A, C}))))
    elif step == "an older text was written":
        await finish(database, await due(database))
        await finish(database, [*slow, MemoMark(A, 1, 0)])
    known = await everything(database)
    await add(database, ("4", APART), is_told=True)
    assert await everything(database) == known
    await add(database, ("5", Decision(frozenset({asset_id(8), asset_id(9)}))), is_told=True)
    assert [each for each, _ in await everything(database)] == [*[each for each, _ in known], "5"]
    await finish(database, await due(database, now_ms=9_000))
    await add(database, ("6", APART), is_told=True)
    assert "6" in dict(await everything(database))


async def test_what_one_tells_nobody_else_tells_until_the_lease_ends_or_somebody_decides_anew(
    database: Database,
) -> None:
    async def claimed(now_ms: int) -> set[str]:
        async with database.write() as connection:
            marks = await decisions.claim_memos(connection, OWNER, now_ms=now_ms, lease_ms=500, limit=9)
        return {mark.asset_id for mark in marks}

    await add(database, ("1", APART))
    assert await claimed(1_000) == {A, B}
    assert await claimed(1_499) == set()
    assert await claimed(1_500) == {A, B}
    await add(database, ("2", OTHER))
    assert await claimed(1_501) == {B, C}


async def test_what_a_killed_process_was_telling_is_told_at_once_and_what_failed_goes_on_waiting(
    database: Database,
) -> None:
    await add(database, ("1", APART))
    async with database.write() as connection:
        mark, _ = await decisions.claim_memos(connection, OWNER, now_ms=1_000, lease_ms=500, limit=9)
        await decisions.postpone_memos(connection, OWNER, [mark], error="Immich is away", not_before_ms=9_000)
        assert await decisions.has_untold(connection, OWNER, now_ms=1_001)
        await decisions.release_memos(connection)
    assert [left.asset_id for left in await due(database, now_ms=1_001)] == [B]
    await finish(database, await due(database, now_ms=1_001))
    async with database.read() as connection:
        assert not await decisions.has_untold(connection, OWNER, now_ms=1_001)
        assert await decisions.has_untold(connection, OWNER, now_ms=9_000)


async def test_what_is_decided_anew_does_not_wait_for_what_could_not_be_told_before(database: Database) -> None:
    await add(database, ("1", APART))
    marks = await due(database)
    await add(database, ("2", OTHER))
    async with database.write() as connection:
        await decisions.postpone_memos(connection, OWNER, marks, error="Immich is away", not_before_ms=9_000)
    assert {(mark.asset_id, mark.attempts) for mark in await due(database)} == {(B, 0), (C, 0)}


async def test_what_could_not_be_told_waits_however_often_it_failed(database: Database) -> None:
    await add(database, ("1", APART))
    for number in range(100):
        marks = await due(database, now_ms=100 * number)
        assert [mark.attempts for mark in marks] == [number, number]
        async with database.write() as connection:
            await decisions.postpone_memos(
                connection, OWNER, marks, error="Immich is away", not_before_ms=100 * (number + 1)
            )
        assert await due(database, now_ms=100 * number) == []
    async with database.read() as connection:
        assert await decisions.owners_with_due_memos(connection, now_ms=10_000) == [OWNER]


async def test_a_copy_knows_the_same_in_the_same_order_and_owes_immich_nothing(
    database: Database, tmp_path: Path
) -> None:
    await record(database, RAW, JPEG)
    await add(database, ("9", BOTH))
    await add(database, ("1", replace(BOTH, chosen=JPEG.id)), now_ms=6)
    async with database.write() as connection:
        await decisions.add(connection, BOB, [("3", APART)], now_ms=7)
    async with open_database(f"sqlite+aiosqlite:///{tmp_path / 'copy.db'}") as other:
        for owner_id in (OWNER, OwnerId(asset_id(99))):  # the other one has decided nothing
            async with database.read() as source, other.write() as target:
                await decisions.copy(source, target, owner_id)
        assert await everything(other) == await everything(database)
        assert [each for each, _ in await everything(other)] == ["9", "1"]
        assert [each.chosen for each in await about(other, RAW_ANEW)] == [RAW_ANEW.id, JPEG.id]
        assert await due(other) == []
        async with other.read() as connection:
            assert await decisions.everything(connection, BOB) == []


async def record(database: Database, *seen: Asset) -> None:
    async with database.write() as connection:
        await assets.record(connection, OWNER, {asset.id: ("img_1", asset) for asset in seen}, scan_id=1)


async def about(database: Database, *known: Asset) -> list[Decision]:
    async with database.read() as connection:
        return [
            decision for _, decision in await decisions.about(connection, OWNER, {asset.id: asset for asset in known})
        ]


RAW, JPEG = make_asset("IMG_1.CR3"), make_asset("IMG_1.JPG")
RAW_ANEW = replace(RAW, id=asset_id(700_000), make="Canon, as read by a newer Immich")
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


def distinct(*ids: str) -> Decision:
    return Decision(frozenset(map(AssetId, ids)), DecisionKind.DISTINCT, source=DecisionSource.DISMISSED)


async def found_distinct(database: Database, known: Sequence[Asset], sha1s: dict[AssetId, str]) -> list[Decision]:
    async with database.read() as connection:
        found = await decisions.distinct(connection, OWNER, {each.id: each for each in known}, sha1s)
    return [decision for _, decision in found]


async def test_what_is_distinct_is_known_by_id_and_says_nothing_about_stacks(database: Database) -> None:
    await add(database, ("1", distinct(A, B)), ("2", APART))
    assert await found_distinct(database, [make_asset(id=A)], {}) == [distinct(A, B)]
    assert await found_distinct(database, [make_asset(id=C)], {}) == []


async def test_the_same_bytes_are_meant_whatever_they_are_called(database: Database) -> None:
    async with database.write() as connection:
        await decisions.add(connection, OWNER, [("1", distinct(A, B))], now_ms=5, sha1s={A: "sha1 of a"})
    other = make_asset("other.jpg", id=C)
    assert await found_distinct(database, [other], {C: "sha1 of b"}) == []
    assert await found_distinct(database, [other], {C: "sha1 of a"}) == [distinct(B, C)]


async def test_the_same_file_is_meant_once_the_former_is_gone(database: Database) -> None:
    former, again = make_asset("a.jpg", id=A), make_asset("a.jpg", id=C)
    async with database.write() as connection:
        await assets.record(connection, OWNER, {A: ("a", former)}, scan_id=1)
    await add(database, ("1", distinct(A, B)))
    assert await found_distinct(database, [again], {}) == [distinct(A, B)]
    async with database.write() as connection:
        await assets.remove(connection, OWNER, [A])
    assert await found_distinct(database, [again], {}) == [distinct(B, C)]


async def test_what_is_told_in_parts_under_one_name_is_one_decision(database: Database) -> None:
    await add(database, ("1", distinct(A)), ("1", distinct(A, B)), is_told=True)
    await add(database, ("1", distinct(B, C)), is_told=True)
    assert await everything(database) == [("1", distinct(A, B, C))]
