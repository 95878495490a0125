from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest
from sqlalchemy import update

from sidecar.formats import Format
from sidecar.grouping.memory import OurGroup
from sidecar.grouping.reasons import Reason, ReasonCode
from sidecar.model import Asset, AssetId, GroupId, OwnerId, Stack, StackId, Visibility
from sidecar.storage import assets, findings, groups, journal, listed_groups, shown_groups, stacks, tables
from sidecar.storage.database import Database
from sidecar.storage.findings import Finding, FindingKind
from sidecar.storage.groups import GroupState
from sidecar.storage.journal import Action, ActionKind
from sidecar.storage.listed_groups import After, Page, Standing
from sidecar.storage.shown_groups import ShownGroup
from tests.builders import OWNER, asset_id, make_asset

BOB = OwnerId("00000000-0000-4000-8000-00000000000b")
JPEG, RAW, PNG = (make_asset(f"IMG_1.{each}", id=asset_id(n)) for n, each in enumerate(("JPG", "CR3", "PNG"), 1))
TWO_JPEG, TWO_RAW = (make_asset(f"IMG_2.{each}", id=asset_id(n), at_s=60) for n, each in ((11, "JPG"), (12, "CR3")))
STACK = Stack(StackId("s1"), JPEG.id, (JPEG.id, RAW.id))
OTHER = Stack(StackId("s2"), TWO_JPEG.id, (TWO_JPEG.id, TWO_RAW.id))


async def record(database: Database, *seen: Asset, owner_id: OwnerId = OWNER) -> None:
    async with database.write() as connection:
        told = {each.id: (each.name.partition(".")[0].lower(), replace(each, owner_id=owner_id)) for each in seen}
        await assets.record(connection, owner_id, told, scan_id=1)


async def stacked(database: Database, *present: Stack, owner_id: OwnerId = OWNER) -> None:
    async with database.write() as connection:
        await stacks.put(connection, owner_id, present, now_ms=1)


async def grouped(
    database: Database,
    name: str,
    *members: Asset,
    kind: str = "raw_jpeg",
    state: GroupState = GroupState.ACTIVE,
    now_ms: int = 1,
) -> None:
    group = OurGroup(GroupId(name), tuple(each.id for each in members), members[0].id)
    async with database.write() as connection:
        await groups.add(connection, OWNER, [(group, kind, ["one name"])], now_ms=now_ms)
        await groups.set_state(connection, OWNER, [group.id], state)


async def found(database: Database, **by_stem: list[Finding]) -> None:
    async with database.write() as connection:
        await findings.replace(connection, OWNER, by_stem)


async def shown(database: Database, group_id: str, owner_id: OwnerId = OWNER) -> ShownGroup | None:
    async with database.read() as connection:
        return await shown_groups.get(connection, owner_id, group_id)


async def the(database: Database, group_id: str) -> ShownGroup:
    group = await shown(database, group_id)
    assert group is not None
    return group


async def page(database: Database, owner_id: OwnerId = OWNER, **asked: Any) -> Page:
    async with database.read() as connection:
        return await listed_groups.page(connection, owner_id, **{"limit": 100} | asked)


async def told(database: Database, **asked: Any) -> list[str]:
    return [group.id for group in (await page(database, **asked)).groups]


async def test_of_each_asset_its_stack_is_told_whole_the_cover_first(database: Database) -> None:
    await record(database, RAW, JPEG, PNG)
    await stacked(database, replace(STACK, primary_id=RAW.id))
    async with database.read() as connection:
        of = await shown_groups.of_assets(connection, OWNER, [PNG.id, JPEG.id, AssetId("nobody"), RAW.id])
        assert await shown_groups.of_assets(connection, BOB, [JPEG.id]) == {}
        assert await shown_groups.of_assets(connection, OWNER, []) == {}
    assert list(of) == [JPEG.id, RAW.id]
    group = of[JPEG.id]
    assert of[RAW.id] is group
    assert (group.id, group.type, group.is_ours, group.primary_id) == ("s1", "stack", False, RAW.id)
    assert [(each.asset_id, each.is_primary, each.format) for each in group.members] == [
        (RAW.id, True, Format.RAW),
        (JPEG.id, False, Format.JPEG),
    ]
    (first, _) = group.members
    assert (first.name, first.width, first.height, first.size_bytes) == ("IMG_1.CR3", 6000, 4000, 8_000_000)
    assert (first.duration_ms, first.taken_local_ms) == (None, RAW.taken_local_ms)


@pytest.mark.parametrize(
    ("names", "expected"),
    [
        pytest.param(("b.png", "a.png", "c.jpg"), ["c.jpg", "a.png", "b.png"], id="by format, then by name"),
        pytest.param(("z.cr3", "a.mp4"), ["z.cr3", "a.mp4"], id="formats in their own order"),
    ],
)
async def test_behind_the_cover_members_stand_by_format_and_name(
    database: Database, names: tuple[str, ...], expected: list[str]
) -> None:
    cover = make_asset("cover.tif")
    members = [make_asset(name) for name in names]
    await record(database, cover, *members)
    await stacked(database, Stack(StackId("s"), cover.id, tuple(each.id for each in (*members, cover))))
    assert [each.name for each in (await the(database, "s")).members] == ["cover.tif", *expected]


@pytest.mark.parametrize(
    ("content", "expected"),
    [
        pytest.param(None, Format.RAW, id="nobody looked"),
        pytest.param(Format.TIFF, Format.TIFF, id="the bytes say otherwise"),
        pytest.param(Format.UNKNOWN, Format.RAW, id="the bytes say nothing"),
    ],
)
async def test_a_format_is_what_the_bytes_say_or_else_the_name(
    database: Database, content: Format | None, expected: Format
) -> None:
    await record(database, replace(RAW, content=content), JPEG)
    await stacked(database, STACK)
    assert (await the(database, "s1")).members[1].format is expected


async def test_who_is_unknown_or_locked_is_not_told_of_and_one_alone_is_no_group(database: Database) -> None:
    unknown = asset_id(99)
    await stacked(database, Stack(StackId("s1"), JPEG.id, (JPEG.id, RAW.id, PNG.id, unknown)))
    await record(database, JPEG, RAW, replace(PNG, visibility=Visibility.LOCKED))
    group = await the(database, "s1")
    assert [each.asset_id for each in group.members] == [JPEG.id, RAW.id]
    assert set(group.stack.member_ids) == {JPEG.id, RAW.id, PNG.id, unknown}
    await record(database, replace(RAW, visibility=Visibility.LOCKED))
    assert await shown(database, "s1") is None
    assert await told(database) == []


@pytest.mark.parametrize(
    ("state", "name", "kind", "is_ours"),
    [
        pytest.param(GroupState.ACTIVE, "g", "raw_jpeg", True, id="made by us"),
        pytest.param(GroupState.SEEN, "g", "raw_jpeg", False, id="found as we would make it"),
        pytest.param(GroupState.INTENDED, "s1", "stack", False, id="about to be made"),
        pytest.param(GroupState.REPLACED, "s1", "stack", False, id="replaced"),
        pytest.param(GroupState.UNDONE, "s1", "stack", False, id="undone"),
        pytest.param(GroupState.WITHDRAWN, "s1", "stack", False, id="never made"),
    ],
)
async def test_a_living_group_names_the_stack_and_immichs_id_does_always(
    database: Database, state: GroupState, name: str, kind: str, *, is_ours: bool
) -> None:
    await record(database, JPEG, RAW)
    await stacked(database, STACK)
    await grouped(database, "g", JPEG, RAW, state=state)
    group = await the(database, name)
    assert (group.id, group.type, group.is_ours) == (name, kind, is_ours)
    assert await the(database, "s1") == group
    assert await shown(database, name, BOB) is None
    assert (await shown(database, "g") is None) == (name == "s1")


async def test_of_several_groups_in_a_stack_ours_names_it_then_the_larger_share_then_the_newest(
    database: Database,
) -> None:
    await record(database, JPEG, RAW, PNG)
    await stacked(database, Stack(StackId("s1"), JPEG.id, (JPEG.id, RAW.id, PNG.id)))
    await grouped(database, "seen", JPEG, RAW, PNG, state=GroupState.SEEN, now_ms=9)
    assert (await the(database, "s1")).id == "seen"
    await grouped(database, "pair", JPEG, RAW)
    assert (await the(database, "s1")).id == "pair"
    await grouped(database, "newer", JPEG, PNG, now_ms=2)
    assert (await the(database, "s1")).id == "newer"
    await grouped(database, "whole", JPEG, PNG, RAW)
    assert (await the(database, "s1")).id == "whole"
    assert await shown(database, "newer") is None


async def test_a_group_lives_on_in_one_stack_only(database: Database) -> None:
    four = [make_asset(f"IMG_{number}.JPG") for number in range(5)]
    await record(database, *four)
    one, other = Stack(StackId("a"), four[0].id, (four[0].id, four[1].id)), four[2:]
    await stacked(database, one, Stack(StackId("b"), other[0].id, tuple(each.id for each in other)))
    await grouped(database, "g", *four)
    assert (await the(database, "g")).stack.id == "b"
    assert (await the(database, "a")).id == "a"
    await stacked(database, Stack(StackId("b"), other[0].id, (other[0].id, other[1].id)))
    assert (await the(database, "g")).stack.id == "a"  # of equals the first


async def test_a_group_of_which_one_is_left_in_a_stack_is_not_that_stack(database: Database) -> None:
    await record(database, JPEG, RAW, PNG)
    await stacked(database, Stack(StackId("s1"), JPEG.id, (JPEG.id, PNG.id)))
    await grouped(database, "g", JPEG, RAW)
    assert (await the(database, "s1")).id == "s1"
    assert await shown(database, "g") is None


@pytest.mark.parametrize("text", ["", "x" * 37, "\0", "s1\0", "é", "\ud800", "s1'", " ", "\n"])
async def test_any_text_may_be_asked_for(database: Database, text: str) -> None:
    await stacked(database, STACK)
    await record(database, JPEG, RAW)
    assert await shown(database, text) is None
    async with database.write() as connection:
        assert await listed_groups.get(connection, OWNER, text) is None
        assert await listed_groups.get_to_decide(connection, OWNER, text) is None
        assert await shown_groups.get_to_change(connection, OWNER, text) is None


async def test_a_revision_is_another_one_as_soon_as_what_is_decided_on_is(database: Database) -> None:
    await record(database, JPEG, RAW, PNG)
    three = (JPEG.id, RAW.id, PNG.id)
    revisions = []
    for stack in (STACK, replace(STACK, primary_id=RAW.id), replace(STACK, member_ids=three)):
        await stacked(database, stack)
        revisions.append((await the(database, "s1")).revision)
    await stacked(database, replace(STACK, id=StackId("s9"), member_ids=three))
    revisions.append((await the(database, "s9")).revision)
    assert len(set(revisions)) == 4
    await grouped(database, "g", JPEG, RAW, PNG)
    await record(database, replace(JPEG, size_bytes=1))
    assert (await the(database, "g")).revision == revisions[-1]  # a name or a size decides nothing


def write(group_id: str, stem: str, *members: Asset, before: tuple[Stack, ...] = ()) -> Action:
    ids = tuple(each.id for each in members)
    return Action(group_id, OWNER, GroupId(group_id), stem, ActionKind.EXTEND_STACK, ids, before, 0, 0)


@pytest.mark.parametrize(
    ("action", "is_changing"),
    [
        pytest.param(write("a", "img_1", RAW, PNG), True, id="one of its members"),
        pytest.param(write("a", "img_1", PNG), False, id="another picture of the name"),
        pytest.param(write("a", "img_9", PNG, before=(STACK,)), True, id="its stack, under another name"),
        pytest.param(write("a", "img_9", PNG, before=(OTHER,)), False, id="another stack"),
        pytest.param(write("a", "burst", TWO_JPEG, RAW), True, id="a burst, under the name of its cover"),
    ],
)
async def test_a_group_is_being_changed_by_what_is_about_it(
    database: Database, action: Action, *, is_changing: bool
) -> None:
    of_burst = [replace(each, auto_stack_id="b") for each in (RAW, make_asset("BURST.JPG"))]
    await record(database, JPEG, *of_burst)
    await stacked(database, STACK)
    group = await the(database, "s1")
    async with database.write() as connection:
        assert not await shown_groups.is_being_changed(connection, OWNER, group)
        await journal.intend(connection, [action], now_ms=1)
        assert await shown_groups.is_being_changed(connection, OWNER, group) is is_changing
        assert await shown_groups.is_being_changed(connection, BOB, group) is False
        await connection.execute(update(tables.actions).values(state="done"))
        assert not await shown_groups.is_being_changed(connection, OWNER, group)


async def test_of_a_stack_the_reasons_are_those_of_the_match_that_explains_most(database: Database) -> None:
    await record(database, JPEG, RAW, PNG)
    await stacked(database, Stack(StackId("s1"), JPEG.id, (JPEG.id, RAW.id, PNG.id)))
    await grouped(database, "g", JPEG, RAW, PNG)
    (group,) = (await page(database)).groups
    assert group.reasons == (Reason(ReasonCode.OTHER, "one name"),)
    pair, whole, beyond = (Reason(ReasonCode.SAME_NAME, name) for name in ("pair", "whole", "beyond"))
    await found(
        database,
        img_1=[
            Finding(FindingKind.STACK, (JPEG.id, RAW.id), (pair,)),
            Finding(FindingKind.STACK, (JPEG.id, RAW.id, PNG.id), (whole,)),
            Finding(FindingKind.STACK, (JPEG.id, RAW.id, PNG.id, asset_id(99)), (beyond,)),
            Finding(FindingKind.RESPECTED, (JPEG.id, RAW.id, PNG.id), (beyond,)),
        ],
    )
    (group,) = (await page(database)).groups
    assert group.reasons == (whole,)
    async with database.read() as connection:
        assert await listed_groups.get(connection, OWNER, "g") == group


async def test_a_strangers_stack_has_no_reasons(database: Database) -> None:
    await record(database, JPEG, RAW)
    await stacked(database, STACK)
    (group,) = (await page(database)).groups
    assert (group.standing, group.reasons) == (Standing.STACKED, ())


DOUBT = Reason(ReasonCode.ASK_FIRST)
REVIEW = Finding(FindingKind.REVIEW, (TWO_JPEG.id, TWO_RAW.id), (DOUBT,), "raw_jpeg")
LONELY = Finding(FindingKind.REPAIR, (JPEG.id,), (Reason(ReasonCode.LONELY_STACK),), "lonely_stack")


async def test_proposals_are_told_as_they_would_be(database: Database) -> None:
    await record(database, TWO_JPEG, TWO_RAW)
    await found(database, img_2=[REVIEW])
    (group,) = (await page(database)).groups
    assert (group.id, group.standing, group.type, group.is_ours) == (REVIEW.id, Standing.PROPOSED, "raw_jpeg", True)
    assert [(each.asset_id, each.is_primary) for each in group.members] == [(TWO_JPEG.id, True), (TWO_RAW.id, False)]
    assert group.reasons == (DOUBT,)
    await found(database, img_2=[replace(REVIEW, asset_ids=(TWO_RAW.id, TWO_JPEG.id))])
    (turned,) = (await page(database)).groups
    assert turned.id == group.id
    assert turned.revision != group.revision
    assert await told(database, owner_id=BOB) == []


@pytest.mark.parametrize(
    ("state", "kind", "is_ours"),
    [
        pytest.param(GroupState.ACTIVE, "raw_jpeg", True, id="of ours"),
        pytest.param(GroupState.SEEN, "raw_jpeg", False, id="of the user's, as we would make it"),
        pytest.param(None, "stack", False, id="of the user's"),
    ],
)
async def test_a_repair_is_of_the_kind_of_its_stack(
    database: Database, state: GroupState | None, kind: str, *, is_ours: bool
) -> None:
    await record(database, JPEG, replace(RAW, is_trashed=True))
    await stacked(database, replace(STACK, primary_id=RAW.id))
    if state is not None:
        await grouped(database, "g", RAW, JPEG, state=state)
    repair = Finding(FindingKind.REPAIR, (JPEG.id,), (Reason(ReasonCode.HIDDEN_COVER, "x"),), "hidden_cover")
    await found(database, img_1=[repair])
    (group,) = (await page(database, standings=[Standing.REPAIR])).groups
    assert (group.type, group.is_ours, group.primary_id) == (kind, is_ours, JPEG.id)
    assert [(each.asset_id, each.is_primary, each.is_trashed) for each in group.members] == [
        (JPEG.id, True, False),
        (RAW.id, False, True),
    ]
    assert await told(database, standings=[Standing.REPAIR], types=[kind]) == [repair.id]
    assert await told(database, standings=[Standing.REPAIR], types=["burst"]) == []


async def test_a_repair_whose_stack_is_not_known_any_more_is_told_all_the_same(database: Database) -> None:
    await record(database, JPEG)
    await found(database, img_1=[LONELY])
    (group,) = (await page(database)).groups
    assert (group.standing, group.type, [each.asset_id for each in group.members]) == (
        Standing.REPAIR,
        "stack",
        [JPEG.id],
    )


async def a_library(database: Database) -> list[str]:
    """The ids of everything in it, the newest first; several of one moment, proposals after stacks."""
    expected: list[tuple[int, bool, str, str]] = []
    for number in range(12):
        at_s = 60 * (number // 4)
        jpeg, raw = (
            make_asset(f"IMG_{number}.{each}", at_s=at_s, id=asset_id(1000 + 10 * number + place))
            for place, each in enumerate(("JPG", "CR3"))
        )
        await record(database, jpeg, raw)
        stem = f"img_{number}"
        if number % 4 == 3:
            review = Finding(FindingKind.REVIEW, (jpeg.id, raw.id), (DOUBT,), "raw_jpeg")
            await found(database, **{stem: [review]})
            expected.append((-at_s, True, review.id, review.id))
            continue
        await stacked(database, Stack(StackId(f"s{number:02}"), jpeg.id, (jpeg.id, raw.id)))
        name = f"s{number:02}"
        if number % 4:
            kind = "edited" if number % 4 == 1 else "raw_jpeg"
            await grouped(database, (name := f"g{number:02}"), jpeg, raw, kind=kind)
        # Of one moment the larger id comes first.
        expected.append((-at_s, False, f"{9999 - number}", name))
    return [name for *_, name in sorted(expected)]


MANY = pytest.mark.parametrize("few", [pytest.param(0, id="many stacks"), pytest.param(2_000, id="few stacks")])


@MANY
@pytest.mark.parametrize("limit", [1, 2, 3, 5, 100])
async def test_pages_show_everything_once_and_in_order(
    database: Database, monkeypatch: pytest.MonkeyPatch, few: int, limit: int
) -> None:
    monkeypatch.setattr(listed_groups, "FEW", few)
    expected = await a_library(database)
    seen: list[str] = []
    after: After | None = None
    for _ in range(20):
        shown_now = await page(database, after=after, limit=limit)
        assert len(shown_now.groups) <= limit
        seen += [group.id for group in shown_now.groups]
        after = shown_now.after
        if after is None:
            break
    assert after is None
    assert seen == expected


@MANY
@pytest.mark.parametrize(
    ("asked", "begins"),
    [
        pytest.param({"types": ["edited"]}, {"g01", "g05", "g09"}, id="one kind"),
        pytest.param({"types": ["stack"]}, {"s00", "s04", "s08"}, id="strangers'"),
        pytest.param({"types": ["stack", "edited"]}, {"s00", "s04", "s08", "g01", "g05", "g09"}, id="two kinds"),
        pytest.param({"types": ["burst"]}, set(), id="none"),
        pytest.param({"types": ["raw_jpeg"], "standings": [Standing.STACKED]}, {"g02", "g06", "g10"}, id="stacked"),
    ],
)
async def test_only_what_is_asked_for_is_listed_page_by_page(
    database: Database, monkeypatch: pytest.MonkeyPatch, few: int, asked: dict[str, Any], begins: set[str]
) -> None:
    monkeypatch.setattr(listed_groups, "FEW", few)
    await a_library(database)
    assert set(await told(database, **asked)) == begins
    first = await page(database, limit=1, **asked)
    rest = await page(database, after=first.after, **asked) if first.after is not None else Page((), None)
    assert {group.id for group in (*first.groups, *rest.groups)} == begins


async def test_proposals_alone_are_listed_page_by_page(database: Database) -> None:
    expected = await a_library(database)
    proposed = [name for name in expected if name[0] not in "gs" or len(name) > 3]
    assert await told(database, standings=[Standing.PROPOSED]) == proposed
    assert await told(database, standings=[Standing.PROPOSED], types=["raw_jpeg"]) == proposed
    assert await told(database, standings=[Standing.PROPOSED], types=["burst"]) == []
    first = await page(database, standings=[Standing.PROPOSED], limit=1)
    assert first.after is not None
    rest = await page(database, standings=[Standing.PROPOSED], after=first.after)
    assert [group.id for group in (*first.groups, *rest.groups)] == proposed


async def test_repairs_of_other_kinds_do_not_cut_a_page_short(database: Database) -> None:
    for number in range(4):
        alone = make_asset(f"IMG_{number}.JPG", at_s=number)
        await record(database, alone)
        await found(database, **{f"img_{number}": [replace(LONELY, asset_ids=(alone.id,))]})
    await record(database, JPEG, RAW)
    await found(database, img_9=[replace(REVIEW, asset_ids=(JPEG.id, RAW.id))])
    assert len((await page(database, types=["raw_jpeg"], limit=1)).groups) == 1
