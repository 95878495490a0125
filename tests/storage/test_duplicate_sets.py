from __future__ import annotations

from dataclasses import replace

import pytest

from sidecar.duplicates.classes import DuplicateClass
from sidecar.model import AssetId
from sidecar.storage import duplicate_sets
from sidecar.storage.database import Database
from sidecar.storage.duplicate_sets import After, Page, SetMember, SetOrder, StoredSet, Tally
from tests.builders import OWNER
from tests.storage.copies import BOB


def make_member(asset_id: str, **changes: object) -> SetMember:
    member = SetMember(
        AssetId(asset_id), asset_id, DuplicateClass.EDITED, 0.96, "The pictures agree.", False, None, "as it is"
    )
    return replace(member, **changes)  # type: ignore[arg-type]  # as in make_asset


def make_set(set_id: str, *members: str | SetMember, **changes: object) -> StoredSet:
    made = tuple(
        make_member(each) if isinstance(each, str) else each for each in members or (f"{set_id}-1", f"{set_id}-2")
    )
    each = StoredSet(set_id, DuplicateClass.EDITED, made[0].asset_id, 100, 0.96, made)
    return replace(each, **changes)  # type: ignore[arg-type]  # as in make_asset


def as_found(each: StoredSet, at_ms: int) -> StoredSet:
    return replace(each, found_at_ms=at_ms, member_count=len(each.members))


FULL = make_set(
    "a" * 12,
    make_member("z", similarity=None, is_suggested=True, content="256", unit_id="stack"),
    make_member("b", kind=DuplicateClass.IDENTICAL, similarity=1.0, content="256"),
    savings_bytes=1 << 40,
)


async def test_a_set_comes_back_whole_with_its_members_in_order(database: Database) -> None:
    async with database.write() as connection:
        await duplicate_sets.replace(connection, OWNER, [FULL], now_ms=5)
        assert await duplicate_sets.get(connection, OWNER, FULL.id) == as_found(FULL, 5)
        assert await duplicate_sets.get(connection, BOB, FULL.id) is None
        assert await duplicate_sets.get(connection, OWNER, "b" * 12) is None
        assert await duplicate_sets.by_ids(connection, OWNER, [FULL.id, "x"]) == {FULL.id: as_found(FULL, 5)}


async def test_sets_are_replaced_by_difference(database: Database) -> None:
    stays, goes, told_anew, comes = (make_set(each) for each in ("s", "g", "t", "c"))
    async with database.write() as connection:
        first = await duplicate_sets.replace(connection, OWNER, [stays, goes, told_anew], now_ms=1)
        await duplicate_sets.replace(connection, BOB, [goes], now_ms=1)
        assert (first.added, first.changed, first.removed) == (("g", "s", "t"), (), ())
        anew = replace(told_anew, members=(make_member("t-1", seen_as="otherwise"), make_member("t-2")))
        second = await duplicate_sets.replace(connection, OWNER, [comes, anew, stays], now_ms=2)
        assert (second.added, second.changed, second.removed) == (("c",), ("t",), ("g",))
        assert await duplicate_sets.everything(connection, OWNER) == [
            as_found(comes, 2),
            as_found(stays, 1),
            as_found(anew, 1),
        ]
        third = await duplicate_sets.replace(connection, OWNER, [anew, stays, comes], now_ms=3)
        assert (third.added, third.changed, third.removed) == ((), (), ())
        assert len(await duplicate_sets.everything(connection, BOB)) == 1


async def test_a_set_that_was_decided_about_is_gone_with_its_members(database: Database) -> None:
    async with database.write() as connection:
        await duplicate_sets.replace(connection, OWNER, [make_set("a"), make_set("b")], now_ms=1)
        await duplicate_sets.remove(connection, OWNER, ["a"])
        assert [each.id for each in await duplicate_sets.everything(connection, OWNER)] == ["b"]
        assert await duplicate_sets.touching(connection, OWNER, [AssetId("a-1")]) == []


@pytest.mark.parametrize(
    ("order", "expected"),
    [
        pytest.param(SetOrder.NEWEST, ["c", "b", "d", "a"], id="the newest first"),
        pytest.param(SetOrder.SAVINGS, ["a", "d", "c", "b"], id="those that free most first"),
        pytest.param(SetOrder.SIMILARITY, ["d", "b", "a", "c"], id="the surest first"),
    ],
)
@pytest.mark.parametrize("limit", [1, 2, 3, 4, 9])
async def test_pages_in_every_order_show_each_set_once(
    database: Database, order: SetOrder, expected: list[str], limit: int
) -> None:
    older = [
        make_set("a", savings_bytes=1 << 41, similarity=0.96),
        make_set("d", savings_bytes=7, similarity=1.0),
    ]
    newer = [
        make_set("b", savings_bytes=5, similarity=0.97),
        make_set("c", savings_bytes=7, similarity=0.5),
    ]
    if order is SetOrder.SAVINGS:
        expected = ["a", "d", "c", "b"]
    found: list[str] = []
    async with database.write() as connection:
        await duplicate_sets.replace(connection, OWNER, older, now_ms=1)
        await duplicate_sets.replace(connection, OWNER, [*older, *newer], now_ms=2)
        after: After | None = None
        while True:
            page = await duplicate_sets.page(connection, OWNER, order=order, after=after, limit=limit)
            assert len(page.sets) <= limit
            found += [each.id for each in page.sets]
            after = page.after
            if after is None:
                break
        assert found == expected
        assert await duplicate_sets.page(connection, OWNER, order=order, limit=0) == Page((), None)


async def test_a_page_may_be_of_some_kinds_and_show_the_first_members(database: Database) -> None:
    big = make_set("big", "one", "two", "three", kind=DuplicateClass.IDENTICAL)
    async with database.write() as connection:
        await duplicate_sets.replace(connection, OWNER, [big, make_set("other")], now_ms=1)
        kinds = {DuplicateClass.IDENTICAL, DuplicateClass.FEATURELESS}
        page = await duplicate_sets.page(connection, OWNER, kinds=kinds, limit=9, members_at_most=2)
    assert page == Page((replace(as_found(big, 1), members=big.members[:2]),), None)


async def test_kinds_are_counted(database: Database) -> None:
    sets = [
        make_set("a", kind=DuplicateClass.IDENTICAL, savings_bytes=1 << 62),
        make_set("b", "1", "2", "3"),
        make_set("c"),
    ]
    async with database.write() as connection:
        assert await duplicate_sets.counts(connection, OWNER) == {}
        await duplicate_sets.replace(connection, OWNER, sets, now_ms=1)
        assert await duplicate_sets.counts(connection, OWNER) == {
            DuplicateClass.IDENTICAL: Tally(1, 2, 1 << 62),
            DuplicateClass.EDITED: Tally(2, 5, 200),
        }


async def test_sets_are_found_by_their_assets_by_equal_bytes_and_by_the_beginning_of_their_ids(
    database: Database,
) -> None:
    different = make_set("a1", make_member("1", content="x"), make_member("2", content="y"), make_member("3"))
    unknown = make_set("a2", "4", "5")
    same = make_set("b", make_member("6", content="x"), make_member("7", content="x"))
    async with database.write() as connection:
        await duplicate_sets.replace(connection, OWNER, [same, unknown, different], now_ms=1)
        touching = await duplicate_sets.touching(connection, OWNER, [AssetId(each) for each in ("7", "2", "1", "9")])
        assert touching == [as_found(different, 1), as_found(same, 1)]
        assert await duplicate_sets.with_identical(connection, OWNER) == ["b"]
        assert await duplicate_sets.with_identical(connection, BOB) == []
        assert await duplicate_sets.begun_with(connection, OWNER, "a") == ["a1", "a2"]
        assert await duplicate_sets.begun_with(connection, OWNER, "a", limit=1) == ["a1"]
        assert await duplicate_sets.begun_with(connection, OWNER, "b") == ["b"]
        assert await duplicate_sets.begun_with(connection, OWNER, "bf") == []
        assert await duplicate_sets.begun_with(connection, BOB, "a") == []
