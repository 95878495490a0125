from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field, replace
from itertools import count
from random import Random
from unicodedata import normalize

import pytest
from sqlalchemy import insert

from sidecar.duplicates.classes import DuplicateClass
from sidecar.formats import Format, format_of
from sidecar.model import Asset, AssetId, AssetKind, OwnerId, Stack, StackId, Visibility
from sidecar.storage import assets, duplicate_sets, partner_assets, stacks, timeline
from sidecar.storage import timeline as timeline_module
from sidecar.storage.database import Database
from sidecar.storage.duplicate_sets import SetMember, StoredSet
from sidecar.storage.tables import group_members, groups
from sidecar.storage.timeline import DAY_MS, Card, Filters
from tests.builders import OWNER, make_asset
from tests.storage.copies import BOB

_OTHER = OwnerId("00000000-0000-4000-8000-00000000000d")
_FEW_ENOUGH = 2
_numbers = count(1)


@dataclass
class World:
    """What a database holds, and what anybody could tell of it by looking at everything."""

    seen: list[Asset] = field(default_factory=list)
    stacks: list[list[Asset]] = field(default_factory=list)
    """The primary first."""
    groups: list[tuple[str, list[Asset]]] = field(default_factory=list)
    sets: list[tuple[DuplicateClass, list[Asset]]] = field(default_factory=list)
    partners: list[Asset] = field(default_factory=list)

    async def fill(self, database: Database) -> None:
        async with database.write() as connection:
            by_id = {asset.id: ("stem", asset) for asset in self.seen}
            await assets.record(connection, OWNER, by_id, scan_id=1)
            present = [
                Stack(StackId(members[0].id), members[0].id, tuple(sorted(each.id for each in members)))
                for members in self.stacks
            ]
            await stacks.put(connection, OWNER, present, now_ms=1)
            for kind, members in self.groups:
                await _add_group(database, connection, kind, members)
            found = [_set(kind, members) for kind, members in self.sets]
            await duplicate_sets.replace(connection, OWNER, found, now_ms=1)
            await partner_assets.record(connection, OWNER, self.partners, scan_id=1)

    def cards(self, filters: Filters) -> list[AssetId]:
        """The cards that fit, in order."""
        cards = []
        for asset in self.seen:
            stack = next((members for members in self.stacks if asset in members), [asset])
            shown = [each for each in stack if _is_seen(each, archived=filters.archived)]
            newest = sorted(shown, key=_place, reverse=True)
            face = stack[0] if stack[0] in shown else newest[0] if newest else None
            if face is asset and self._fits(asset, stack, filters):
                cards.append(asset)
        if filters.partners and not (filters.group_types or filters.duplicates or filters.ungrouped_raw):
            cards += [each for each in self.partners if self._fits(each, [each], filters)]
        return [asset.id for asset in sorted(cards, key=_place, reverse=True)]

    def type_of(self, stack: Sequence[Asset]) -> str | None:
        known = [each for each in stack if each.visibility is not Visibility.LOCKED]
        if len(known) < _FEW_ENOUGH or stack not in self.stacks:
            return None
        living = [kind for kind, members in self.groups if sum(each in stack for each in members) >= _FEW_ENOUGH]
        return living[-1] if living else "stack"

    def _fits(self, asset: Asset, stack: Sequence[Asset], filters: Filters) -> bool:
        versions = [each for each in stack if each is asset or each.visibility is not Visibility.LOCKED]
        is_raw = (asset.content or format_of(asset.name)) is Format.RAW
        in_sets = {kind for kind, members in self.sets if any(each in members for each in versions)}
        texts = [normalize(form, filters.text).lower() for form in ("NFC", "NFD")] if filters.text is not None else [""]
        return (
            (not filters.group_types or self.type_of(stack) in filters.group_types)
            and (not filters.duplicates or bool(in_sets & filters.duplicates))
            and (not filters.ungrouped_raw or (is_raw and stack not in self.stacks))
            and filters.kind in {None, asset.kind}
            and (filters.taken_from_ms is None or asset.taken_local_ms >= filters.taken_from_ms)
            and (filters.taken_until_ms is None or asset.taken_local_ms < filters.taken_until_ms)
            and any(text in each.name.lower() for text in texts for each in versions)
        )


def _place(asset: Asset) -> tuple[int, str]:
    return asset.taken_local_ms, asset.id


def _is_seen(asset: Asset, *, archived: bool) -> bool:
    shown = {Visibility.TIMELINE, Visibility.ARCHIVE} if archived else {Visibility.TIMELINE}
    is_medium = asset.kind in {AssetKind.IMAGE, AssetKind.VIDEO}
    return asset.visibility in shown and is_medium and not asset.is_trashed and not asset.is_offline


async def _add_group(_database: Database, connection: object, kind: str, members: Sequence[Asset]) -> None:
    group_id = f"group-{next(_numbers):06}"
    row = {
        "owner_id": OWNER,
        "group_id": group_id,
        "kind": kind,
        "state": "active",
        "primary_id": members[0].id,
        "reasons": "[]",
        "created_at_ms": next(_numbers),
    }
    await connection.execute(insert(groups), [row])  # type: ignore[attr-defined]
    rows = [{"owner_id": OWNER, "group_id": group_id, "asset_id": each.id} for each in members]
    await connection.execute(insert(group_members), rows)  # type: ignore[attr-defined]


def _set(kind: DuplicateClass, members: Sequence[Asset]) -> StoredSet:
    told = tuple(
        SetMember(each.id, each.id, kind, None, "", is_suggested=not place, content=None, seen_as="")
        for place, each in enumerate(members)
    )
    return StoredSet(f"{next(_numbers):012x}", kind, members[0].id, 1, 0.9, told)


async def read_all(database: Database, filters: Filters, *, limit: int) -> list[Card]:
    """Every card, page by page."""
    found: list[Card] = []
    after = None
    async with database.read() as connection:
        while True:
            page = await timeline.page(connection, OWNER, filters, after=after, limit=limit)
            assert len(page.cards) == limit or page.after is None
            found += page.cards
            if page.after is None:
                return found
            after = page.after


def ids(cards: Iterable[Card]) -> list[AssetId]:
    return [card.asset_id for card in cards]


_NAMES = ("IMG_1.JPG", "IMG_1.CR3", "Straße 1.jpg", "ÉTÉ.png", normalize("NFD", "été.nef"), "50%_a[b]*?.heic", "x.mov")


def random_world(random: Random) -> World:
    world = World()
    for _ in range(60):
        at_ms = random.choice([-3 * DAY_MS, 0, 1, DAY_MS - 1, DAY_MS, 40 * DAY_MS])
        world.seen.append(
            make_asset(
                random.choice(_NAMES),
                taken_local_ms=at_ms,
                kind=random.choice([AssetKind.IMAGE] * 4 + [AssetKind.VIDEO, AssetKind.OTHER]),
                visibility=random.choice([Visibility.TIMELINE] * 6 + list(Visibility)),
                is_trashed=random.random() < 0.1,
                is_offline=random.random() < 0.1,
                content=random.choice([None, None, None, Format.RAW, Format.JPEG]),
            )
        )
    pool = random.sample(world.seen, len(world.seen))
    while len(pool) > 25:
        members = [pool.pop() for _ in range(random.choice([1, 2, 2, 3]))]
        world.stacks.append(members)
        if len(members) >= _FEW_ENOUGH and random.random() < 0.6:
            world.groups.append((random.choice(["raw_jpeg", "burst"]), random.sample(members, len(members))))
    # A group of which only one is in some stack does not name it.
    world.groups.append(("burst", [world.stacks[0][0], pool[0]]))
    for kind in (DuplicateClass.IDENTICAL, DuplicateClass.EDITED):
        world.sets += [(kind, random.sample(world.seen, 2)) for _ in range(4)]
    world.partners = [
        make_asset(random.choice(_NAMES), owner_id=BOB, taken_local_ms=random.choice([0, 1, DAY_MS])) for _ in range(8)
    ]
    return world


_FILTERS = [
    pytest.param(Filters(), id="everything"),
    pytest.param(Filters(archived=True), id="archived, too"),
    pytest.param(Filters(partners=False), id="without partners"),
    pytest.param(Filters(group_types=frozenset({"raw_jpeg"})), id="one type"),
    pytest.param(Filters(group_types=frozenset({"raw_jpeg", "burst"})), id="two types"),
    pytest.param(Filters(group_types=frozenset({"stack"})), id="strangers' stacks"),
    pytest.param(Filters(group_types=frozenset({"stack", "burst"})), id="strangers' and bursts"),
    pytest.param(Filters(duplicates=frozenset({DuplicateClass.EDITED})), id="one class"),
    pytest.param(Filters(ungrouped_raw=True), id="RAW files in no stack"),
    pytest.param(Filters(kind=AssetKind.VIDEO), id="videos"),
    pytest.param(Filters(taken_from_ms=0, taken_until_ms=DAY_MS), id="one day"),
    pytest.param(Filters(text="img_1.c"), id="a name in another case"),
    pytest.param(Filters(text="STRAßE"), id="a letter that has no other case"),
    pytest.param(Filters(text="éTé"), id="letters that are composed or not"),
    pytest.param(Filters(text="%_A[B]*?"), id="wildcards"),
    pytest.param(Filters(text="*"), id="a wildcard alone"),
    pytest.param(Filters(text="nothing"), id="no such name"),
    pytest.param(Filters(text="img", kind=AssetKind.IMAGE, archived=True, taken_until_ms=DAY_MS), id="several"),
]


@pytest.mark.parametrize("few", [0, 1000], ids=["through time", "one by one"])
@pytest.mark.parametrize("filters", _FILTERS)
async def test_paging_gives_each_card_once_as_a_look_at_everything_would(
    database: Database, monkeypatch: pytest.MonkeyPatch, filters: Filters, few: int
) -> None:
    monkeypatch.setattr(timeline_module, "FEW", few)
    world = random_world(Random(f"{filters} {few}"))
    await world.fill(database)
    expected = world.cards(filters)
    for limit in (1, 3, 100):
        assert ids(await read_all(database, filters, limit=limit)) == expected
    async with database.read() as connection:
        days = await timeline.days(connection, OWNER, filters)
    taken = {asset.id: asset.taken_local_ms for asset in (*world.seen, *world.partners)}
    counted: dict[int, int] = {}
    for asset_id in expected:
        day_ms = taken[asset_id] // DAY_MS * DAY_MS
        counted[day_ms] = counted.get(day_ms, 0) + 1
    assert days == sorted(counted.items(), reverse=True)
    async with database.read() as connection:
        assert (await timeline.page(connection, _OTHER, filters, limit=9)).cards == ()
        assert await timeline.days(connection, _OTHER, filters) == []


async def test_a_card_tells_its_group_and_the_surest_set_of_its_versions(database: Database) -> None:
    jpeg, raw = make_asset("A.JPG", at_s=1), make_asset("A.CR3", at_s=1)
    single = make_asset("B.JPG", content=Format.HEIC)
    world = World(
        [jpeg, raw, single],
        [[jpeg, raw]],
        [("raw_jpeg", [jpeg, raw])],
        [(DuplicateClass.EDITED, [jpeg, single]), (DuplicateClass.IDENTICAL, [raw, single])],
    )
    await world.fill(database)
    [pair, alone] = await read_all(database, Filters(), limit=10)
    assert pair.group is not None
    assert (pair.group.type, [each.name for each in pair.group.members]) == ("raw_jpeg", ["A.JPG", "A.CR3"])
    assert (alone.group, alone.format, alone.partner_name) == (None, Format.HEIC, None)
    assert [each.duplicates.kind for each in (pair, alone) if each.duplicates] == [DuplicateClass.IDENTICAL] * 2
    edited = Filters(duplicates=frozenset({DuplicateClass.EDITED}))
    assert [each.duplicates.kind for each in await read_all(database, edited, limit=1) if each.duplicates] == [
        DuplicateClass.EDITED
    ] * 2


@pytest.mark.parametrize(
    "hidden",
    [
        pytest.param({"is_trashed": True}, id="trashed"),
        pytest.param({"is_offline": True}, id="offline"),
        pytest.param({"visibility": Visibility.HIDDEN}, id="hidden"),
        pytest.param({"visibility": Visibility.ARCHIVE}, id="archived"),
        pytest.param({"visibility": Visibility.LOCKED}, id="locked"),
    ],
)
async def test_the_newest_version_that_is_seen_stands_in_for_a_primary_that_is_not(
    database: Database, hidden: dict[str, object]
) -> None:
    primary = make_asset("A.JPG", at_s=9, **hidden)
    older, newer = make_asset("A.CR3", at_s=1), make_asset("A.TIF", at_s=2)
    await World([primary, older, newer], [[primary, older, newer]]).fill(database)
    [card] = await read_all(database, Filters(), limit=10)
    assert (card.asset_id, card.is_stand_in) == (newer.id, True)
    assert card.group is not None
    is_named = hidden != {"visibility": Visibility.LOCKED}
    assert ("A.JPG" in [member.name for member in card.group.members]) is is_named
    assert ids(await read_all(database, Filters(text="a.jpg"), limit=10)) == ([newer.id] if is_named else [])


async def test_the_moving_half_of_a_live_photo_is_no_card(database: Database) -> None:
    film = make_asset("A.MOV", kind=AssetKind.VIDEO)
    still = make_asset("A.HEIC", live_photo_video_id=film.id)
    clip = make_asset("B.MOV", kind=AssetKind.VIDEO, at_s=-1)
    await World([film, still, clip]).fill(database)
    assert ids(await read_all(database, Filters(), limit=10)) == [still.id, clip.id]


async def test_a_group_that_lives_on_elsewhere_does_not_name_a_stack(database: Database) -> None:
    one, two, three, four = (make_asset(f"{number}.JPG", at_s=-number) for number in range(4))
    stranger = make_asset("5.JPG", at_s=-9)
    world = World([one, two, three, four, stranger], [[one, two], [three, four, stranger]])
    world.groups = [("raw_jpeg", [one, two, three, four])]
    await world.fill(database)
    typed = {card.asset_id: card.group.type for card in await read_all(database, Filters(), limit=9) if card.group}
    assert sorted(typed.values()) == ["raw_jpeg", "stack"]
    for kind in ("raw_jpeg", "stack"):
        found = ids(await read_all(database, Filters(group_types=frozenset({kind})), limit=1))
        assert found == [asset_id for asset_id, each in typed.items() if each == kind]


async def test_partners_are_told_by_name_until_they_share_no_more(database: Database) -> None:
    theirs = make_asset("THEIRS.CR3", owner_id=BOB)
    gone = [
        make_asset(owner_id=BOB, is_trashed=True),
        make_asset(owner_id=BOB, is_offline=True),
        make_asset(owner_id=BOB, visibility=Visibility.ARCHIVE),
        make_asset(owner_id=BOB, kind=AssetKind.OTHER),
        make_asset("MINE.JPG"),
    ]
    async with database.write() as connection:
        await partner_assets.record(connection, OWNER, [theirs, *gone], scan_id=1)
    [card] = await read_all(database, Filters(), limit=10)
    assert (card.owner_id, card.partner_name, card.format) == (BOB, None, Format.RAW)
    async with database.write() as connection:
        await partner_assets.set_partners(connection, OWNER, {BOB: "Bob"})
        await partner_assets.set_partners(connection, OWNER, {BOB: "Robert"})
    [card] = await read_all(database, Filters(), limit=10)
    assert card.partner_name == "Robert"
    async with database.write() as connection:
        await partner_assets.set_partners(connection, OWNER, {_OTHER: "Carol"})
    assert await read_all(database, Filters(), limit=10) == []
    async with database.write() as connection:
        await partner_assets.record(connection, OWNER, [theirs], scan_id=1)
        assert await partner_assets.remove_unseen(connection, OWNER, scan_id=1) == 0
        assert await partner_assets.remove_unseen(connection, OWNER, scan_id=2) == 1
        await partner_assets.record(connection, OWNER, [theirs], scan_id=2)
        await partner_assets.set_partners(connection, OWNER, {})
        assert await partner_assets.names(connection, OWNER) == {}
    assert await read_all(database, Filters(), limit=10) == []
    async with database.write() as connection:
        await partner_assets.record(connection, OWNER, [theirs], scan_id=2)
        await partner_assets.record(connection, OWNER, [replace(theirs, is_trashed=True)], scan_id=2)
    assert await read_all(database, Filters(), limit=10) == []
