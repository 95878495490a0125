"""The timeline with grouped cards: what Immich's own timeline shows, one card a stack, newest first, in pages.

A card is shown by one asset: a stack by its primary, or, where people do not see that, by the newest of those that they
do see. Partners' assets stand among the owner's, each by itself.
"""

from __future__ import annotations

import heapq
import re
from collections.abc import Awaitable, Callable, Collection, Iterator, Sequence
from dataclasses import dataclass
from typing import Any
from unicodedata import normalize

from sqlalchemy import (
    ColumnElement,
    FromClause,
    Select,
    and_,
    exists,
    func,
    literal_column,
    or_,
    select,
    tuple_,
)
from sqlalchemy.ext.asyncio import AsyncConnection

from sidecar.duplicates.classes import DuplicateClass
from sidecar.formats import EXTENSIONS, Format, format_of
from sidecar.model import AssetId, AssetKind, OwnerId, Visibility
from sidecar.storage import partner_assets as of_partners
from sidecar.storage import shown_groups, stacks
from sidecar.storage.database import chunks
from sidecar.storage.shown_groups import LIVING, SOMEBODYS, ShownGroup
from sidecar.storage.tables import (
    assets,
    duplicate_set_members,
    duplicate_sets,
    group_members,
    groups,
    partner_assets,
    stack_members,
)

FEW = 1_000
"""So many assets that fit are looked at one by one; more are met soon enough on the way through time."""

DAY_MS = 86_400_000
# Wall clocks before 1970 are negative, and databases divide towards zero: no clock is before this many days.
_EPOCH_DAYS = 1_000_000


@dataclass(frozen=True, slots=True)
class Filters:
    """Which cards are wanted; without any, all.

    Shape:  group_types are GroupKinds or "stack"; a card fits if its group is of one of them. duplicates: it, or one of
            its other versions, is in a set of one of these classes. ungrouped_raw: it is a RAW file in no stack. text
            is part of the name of one of its versions, in any case; composed and decomposed letters are the same.
            Partners' assets are in no group and no set, and nobody groups them.
    Units:  taken_from_ms is the first wall clock time that fits, taken_until_ms the first that does not any more.
    """

    group_types: frozenset[str] = frozenset()
    duplicates: frozenset[DuplicateClass] = frozenset()
    ungrouped_raw: bool = False
    kind: AssetKind | None = None
    taken_from_ms: int | None = None
    taken_until_ms: int | None = None
    text: str | None = None
    archived: bool = False
    partners: bool = True

    @property
    def shows_partners(self) -> bool:
        """Whether a partner's asset can fit at all."""
        return self.partners and not (self.group_types or self.duplicates or self.ungrouped_raw)


@dataclass(frozen=True, slots=True)
class Duplicates:
    """The set in which a version of a card is, and how much alike the set is."""

    set_id: str
    kind: DuplicateClass


@dataclass(frozen=True, slots=True)
class Card:
    """One place in the timeline, and what is behind it.

    Shape:  is_stand_in says that the asset is not its stack's primary, which people do not see now. partner_name is
            None where Immich does not tell it. group is None for what is in no stack of two known members.
    Units:  as in Asset.
    """

    asset_id: AssetId
    owner_id: OwnerId
    name: str
    kind: AssetKind
    format: Format
    width: int | None
    height: int | None
    size_bytes: int | None
    duration_ms: int | None
    taken_local_ms: int
    taken_at_ms: int
    partner_name: str | None
    is_stand_in: bool
    group: ShownGroup | None
    duplicates: Duplicates | None

    @property
    def place(self) -> After:
        """Where it stands in the order of the timeline."""
        return After(self.taken_local_ms, self.asset_id)


@dataclass(frozen=True, slots=True)
class After:
    """Where a page ended: the last card's local time and asset."""

    taken_local_ms: int
    asset_id: AssetId


@dataclass(frozen=True, slots=True)
class Page:
    """Some cards in order; after is where the next page begins, None if this is the last."""

    cards: tuple[Card, ...]
    after: After | None


_Key = tuple[int, str]
_Rows = Select[*tuple[Any, ...]]
_Next = Callable[[_Key | None], Awaitable[list[_Key]]]


async def page(
    connection: AsyncConnection, owner_id: OwnerId, filters: Filters, *, after: After | None = None, limit: int
) -> Page:
    """At most `limit` of the cards that fit, those with the newest local time first, then by id downwards."""
    last = None if after is None else (after.taken_local_ms, after.asset_id)
    sources = [await _own(connection, owner_id, filters, last=last, limit=limit + 1)]
    if filters.shows_partners:
        sources.append(await _partners(connection, owner_id, filters, last=last, limit=limit + 1))
    merged = list(heapq.merge(*sources, key=_key_of, reverse=True))
    shown = merged[:limit]
    return Page(tuple(shown), shown[-1].place if len(merged) > limit else None)


async def days(connection: AsyncConnection, owner_id: OwnerId, filters: Filters) -> list[tuple[int, int]]:
    """(first moment of a local day, how many cards that fit it has), the newest day first; days without are left out.

    Units:  the moment is local, in ms since 1970.
    """
    counted: dict[int, int] = {}
    for day_ms, count in await _own_days(connection, owner_id, filters):
        counted[day_ms] = counted.get(day_ms, 0) + count
    if filters.shows_partners:
        query = _partners_where(select(_day(partner_assets), func.count()), connection, owner_id, filters)
        for day, count in await connection.execute(query.group_by(literal_column("1"))):
            counted[_start_of(day)] = counted.get(_start_of(day), 0) + count
    return sorted(counted.items(), reverse=True)


def _key_of(card: Card) -> _Key:
    return card.taken_local_ms, card.asset_id


async def _own(
    connection: AsyncConnection, owner_id: OwnerId, filters: Filters, *, last: _Key | None, limit: int
) -> list[Card]:
    following = await _walk(connection, owner_id, filters, limit)
    found: list[Card] = []
    while len(found) < limit:
        keys = await following(last)
        cards = await _cards(connection, owner_id, filters, [AssetId(asset_id) for _, asset_id in keys])
        found += [card for card in cards if _is_of_types(card, filters.group_types)]
        if len(keys) < limit:
            break
        last = keys[-1]
    return found[:limit]


def _is_of_types(card: Card, types: frozenset[str]) -> bool:
    """What the database can only say roughly: which of several groups gives a stack its name."""
    return not types or (card.group is not None and card.group.type in types)


async def _walk(connection: AsyncConnection, owner_id: OwnerId, filters: Filters, limit: int) -> _Next:
    """What gives the next cards after one, or the first; by the shorter of two ways."""
    few = await _few(connection, owner_id, filters)
    query = _own_where(select(assets.c.taken_local_ms, assets.c.asset_id), connection, owner_id, filters)
    if few is not None:
        keys: set[_Key] = set()
        for chunk in chunks(few):
            rows = await connection.execute(query.where(assets.c.asset_id.in_(chunk)))
            keys.update((row.taken_local_ms, row.asset_id) for row in rows)
        ordered = sorted(keys, reverse=True)

        async def of_these(last: _Key | None) -> list[_Key]:
            return [key for key in ordered if last is None or key < last][:limit]

        return of_these

    async def through_time(last: _Key | None) -> list[_Key]:
        beyond = _beyond(assets, last)
        ordered = query.where(*beyond).order_by(assets.c.taken_local_ms.desc(), assets.c.asset_id.desc()).limit(limit)
        return [(row.taken_local_ms, row.asset_id) for row in await connection.execute(ordered)]

    return through_time


def _beyond(table: FromClause, last: _Key | None) -> tuple[ColumnElement[bool], ...]:
    if last is None:
        return ()
    # The first of the two is what a database can look up in an index.
    return (
        table.c.taken_local_ms <= last[0],
        tuple_(table.c.taken_local_ms, table.c.asset_id) < tuple_(*last),
    )


async def _few(connection: AsyncConnection, owner_id: OwnerId, filters: Filters) -> list[AssetId] | None:
    """Every asset that may be what shows a card that fits; None if they are many."""
    for probe in _probes(connection, owner_id, filters):
        found = [AssetId(each) for each in await connection.scalars(probe.limit(FEW + 1))]
        if len(found) <= FEW:
            present = await stacks.touching(connection, owner_id, found)
            return sorted({*found, *(member for stack in present for member in stack.member_ids)})
    return None


def _probes(connection: AsyncConnection, owner_id: OwnerId, filters: Filters) -> Iterator[Select[str]]:
    """For each filter that may let little through: assets of which each card that fits has one."""
    if filters.duplicates:
        yield (
            select(duplicate_set_members.c.asset_id)
            .join(duplicate_sets, _IS_OF_SET)
            .where(duplicate_set_members.c.owner_id == owner_id, _is_of_class(filters.duplicates))
        )
    if filters.ungrouped_raw:
        yield select(assets.c.asset_id).where(assets.c.owner_id == owner_id, *_is_ungrouped_raw())
    if filters.group_types and SOMEBODYS not in filters.group_types:
        yield (
            select(group_members.c.asset_id)
            .join(groups, shown_groups.IS_OF_GROUP)
            .where(groups.c.owner_id == owner_id, _is_living(filters.group_types))
        )
    elif filters.group_types:
        yield select(stack_members.c.asset_id).where(
            stack_members.c.owner_id == owner_id, stack_members.c.is_primary.is_(True), _may_be(filters.group_types)
        )
    if filters.text is not None:
        yield select(assets.c.asset_id).where(
            assets.c.owner_id == owner_id, _holds(connection, assets.c.name, filters.text)
        )


def _own_where(query: _Rows, connection: AsyncConnection, owner_id: OwnerId, filters: Filters) -> _Rows:
    """Only assets of the owner that show a card that fits; of types of groups, as far as a database can say it."""
    wanted = [assets.c.owner_id == owner_id, *_is_seen(assets, archived=filters.archived)]
    if filters.kind is not None:
        wanted.append(assets.c.kind == filters.kind.value)
    wanted += _is_within(assets, filters)
    if filters.ungrouped_raw:
        wanted += _is_ungrouped_raw()
    else:
        wanted.append(~_is_behind_another(archived=filters.archived))
    if filters.group_types:
        wanted.append(_has_known_sibling())
        wanted.append(
            exists().where(
                stack_members.c.owner_id == assets.c.owner_id,
                stack_members.c.asset_id == assets.c.asset_id,
                _may_be(filters.group_types),
            )
        )
    if filters.duplicates:
        wanted.append(_has_version(lambda version: _is_in_set(version, filters.duplicates)))
    if filters.text is not None:
        text = filters.text
        wanted.append(_has_version(lambda version: _holds(connection, version.c.name, text)))
    return query.where(*wanted)


def _is_within(table: FromClause, filters: Filters) -> Iterator[ColumnElement[bool]]:
    if filters.taken_from_ms is not None:
        yield table.c.taken_local_ms >= filters.taken_from_ms
    if filters.taken_until_ms is not None:
        yield table.c.taken_local_ms < filters.taken_until_ms


def _is_seen(table: FromClause, *, archived: bool) -> Iterator[ColumnElement[bool]]:
    """Whether Immich's timeline shows an asset, stacks aside."""
    shown = (Visibility.TIMELINE, Visibility.ARCHIVE) if archived else (Visibility.TIMELINE,)
    yield table.c.visibility.in_([each.value for each in shown])
    yield table.c.is_trashed.is_(False)
    yield table.c.is_offline.is_(False)
    still = assets.alias("still")
    is_moving_half = exists().where(
        still.c.owner_id == table.c.owner_id, still.c.live_photo_video_id == table.c.asset_id
    )
    # Most assets are pictures, of which nobody has to ask.
    yield or_(
        table.c.kind == AssetKind.IMAGE.value,
        and_(table.c.kind == AssetKind.VIDEO.value, ~is_moving_half),
    )


def _is_behind_another(*, archived: bool) -> ColumnElement[bool]:
    """Whether another member of its stack is what people see of it."""
    mine, other, version = stack_members.alias("mine"), stack_members.alias("other"), assets.alias("version")
    newer = tuple_(version.c.taken_local_ms, version.c.asset_id) > tuple_(assets.c.taken_local_ms, assets.c.asset_id)
    is_shown = (
        exists()
        .where(
            version.c.owner_id == other.c.owner_id,
            version.c.asset_id == other.c.asset_id,
            *_is_seen(version, archived=archived),
            or_(other.c.is_primary.is_(True), newer),
        )
        .correlate(other, assets)
    )
    return _is_in_stack(assets, mine, mine.c.is_primary.is_(False), _stands_beside(mine, other, is_shown))


# Each of these conditions is within another one, and each is found by its key: in a join, a database without statistics
# may begin with all assets for every single one.
def _is_in_stack(table: FromClause, mine: FromClause, *conditions: ColumnElement[bool]) -> ColumnElement[bool]:
    return exists().where(mine.c.owner_id == table.c.owner_id, mine.c.asset_id == table.c.asset_id, *conditions)


def _stands_beside(mine: FromClause, other: FromClause, *conditions: ColumnElement[bool]) -> ColumnElement[bool]:
    return exists().where(
        other.c.owner_id == mine.c.owner_id,
        other.c.stack_id == mine.c.stack_id,
        other.c.asset_id != mine.c.asset_id,
        *conditions,
    )


def _has_known_sibling() -> ColumnElement[bool]:
    mine, other, version = stack_members.alias("mine"), stack_members.alias("other"), assets.alias("version")
    is_known = exists().where(
        version.c.owner_id == other.c.owner_id,
        version.c.asset_id == other.c.asset_id,
        version.c.visibility != Visibility.LOCKED.value,
    )
    return _is_in_stack(assets, mine, _stands_beside(mine, other, is_known))


def _has_version(fits: Callable[[FromClause], ColumnElement[bool]]) -> ColumnElement[bool]:
    """Whether the asset fits, or one with which it is in a stack, locked ones aside."""
    mine, other, version = stack_members.alias("mine"), stack_members.alias("other"), assets.alias("version")
    fitting = exists().where(
        version.c.owner_id == other.c.owner_id,
        version.c.asset_id == other.c.asset_id,
        version.c.visibility != Visibility.LOCKED.value,
        fits(version),
    )
    return or_(fits(assets), _is_in_stack(assets, mine, _stands_beside(mine, other, fitting)))


def _is_in_set(version: FromClause, kinds: Collection[DuplicateClass]) -> ColumnElement[bool]:
    of_set = exists().where(_IS_OF_SET, _is_of_class(kinds)).correlate(duplicate_set_members)
    return exists().where(
        duplicate_set_members.c.owner_id == version.c.owner_id,
        duplicate_set_members.c.asset_id == version.c.asset_id,
        of_set,
    )


_IS_OF_SET = and_(
    duplicate_sets.c.owner_id == duplicate_set_members.c.owner_id,
    duplicate_sets.c.set_id == duplicate_set_members.c.set_id,
)


def _is_of_class(kinds: Collection[DuplicateClass]) -> ColumnElement[bool]:
    return duplicate_sets.c.kind.in_(sorted(kind.value for kind in kinds))


def _is_living(types: Collection[str]) -> ColumnElement[bool]:
    return and_(groups.c.kind.in_(sorted(types)), groups.c.state.in_(LIVING))


def _may_be(types: frozenset[str]) -> ColumnElement[bool]:
    """Whether the stack of a row of stack_members may be of one of these types; true for all that are."""
    known = types - {SOMEBODYS}
    living = _holds_some_of(_is_living(known))
    if SOMEBODYS not in types:
        return living
    # A group that is here as a whole lives on in no other stack.
    others, inside = group_members.alias("others"), stack_members.alias("inside")
    is_here = (
        exists()
        .where(
            inside.c.owner_id == others.c.owner_id,
            inside.c.asset_id == others.c.asset_id,
            inside.c.stack_id == stack_members.c.stack_id,
        )
        .correlate(others, stack_members)
    )
    other_one = exists().where(
        others.c.owner_id == group_members.c.owner_id,
        others.c.group_id == group_members.c.group_id,
        others.c.asset_id != group_members.c.asset_id,
    )
    is_whole = and_(
        other_one.correlate(group_members), ~other_one.where(~is_here).correlate(group_members, stack_members)
    )
    strangers = ~_holds_some_of(groups.c.state.in_(LIVING), is_whole)
    return or_(strangers, living) if known else strangers


def _holds_some_of(is_group: ColumnElement[bool], *conditions: ColumnElement[bool]) -> ColumnElement[bool]:
    """Whether a member of the stack is one of such a group."""
    sibling = stack_members.alias("sibling")
    of_group = exists().where(shown_groups.IS_OF_GROUP, is_group).correlate(group_members)
    is_member = (
        exists()
        .where(
            group_members.c.owner_id == sibling.c.owner_id,
            group_members.c.asset_id == sibling.c.asset_id,
            of_group,
            *conditions,
        )
        .correlate(sibling, stack_members)
    )
    return exists().where(
        sibling.c.owner_id == stack_members.c.owner_id, sibling.c.stack_id == stack_members.c.stack_id, is_member
    )


def _is_ungrouped_raw() -> tuple[ColumnElement[bool], ...]:
    """RAW by its first bytes where somebody looked, else by its name; and in no stack."""
    name = assets.c.name
    claims = or_(
        *(
            func.lower(func.substr(name, func.length(name) - length)).in_(endings)
            for length, endings in _RAW_ENDINGS.items()
        )
    )
    nobody_knows = or_(assets.c.content.is_(None), assets.c.content == Format.UNKNOWN.value)
    return (
        or_(assets.c.content == Format.RAW.value, and_(nobody_knows, claims)),
        ~exists().where(stack_members.c.owner_id == assets.c.owner_id, stack_members.c.asset_id == assets.c.asset_id),
    )


def _endings(wanted: Format) -> dict[int, list[str]]:
    """Extensions of a format with their dots, by their own length."""
    found: dict[int, list[str]] = {}
    for extension, media_format in EXTENSIONS.items():
        if media_format is wanted:
            found.setdefault(len(extension), []).append(f".{extension}")
    return found


_RAW_ENDINGS = _endings(Format.RAW)


def _holds(connection: AsyncConnection, name: ColumnElement[str], text: str) -> ColumnElement[bool]:
    """Whether a name has this in it, in any case, composed or decomposed.

    Shape:  databases differ in what they know of other letters than ASCII's, so each letter is asked for in each case.
    """
    forms = sorted({normalize(form, text) for form in ("NFC", "NFD")})
    if connection.dialect.name == "sqlite":
        return or_(*(name.op("GLOB", is_comparison=True)(f"*{''.join(map(_glob, form))}*") for form in forms))
    return or_(*(name.op("~", is_comparison=True)("".join(map(_regex, form))) for form in forms))


def _glob(letter: str) -> str:
    return f"[{_cases(letter)}]" if letter in "*?[" or len(_cases(letter)) > 1 else letter


def _regex(letter: str) -> str:
    if len(_cases(letter)) > 1:
        return f"[{_cases(letter)}]"
    return re.escape(letter) if letter.isascii() else letter


def _cases(letter: str) -> str:
    """The letter in each case in which it is one letter."""
    return "".join(sorted({each for each in (letter, letter.lower(), letter.upper()) if len(each) == 1}))


async def _cards(
    connection: AsyncConnection, owner_id: OwnerId, filters: Filters, ids: Sequence[AssetId]
) -> list[Card]:
    """The cards that these assets show, in their order."""
    rows: dict[AssetId, Any] = {}
    for chunk in chunks(ids):
        found = await connection.execute(
            select(*_CARD_FIELDS).where(assets.c.owner_id == owner_id, assets.c.asset_id.in_(chunk))
        )
        rows.update({AssetId(row.asset_id): row for row in found})
    grouped = await shown_groups.of_assets(connection, owner_id, ids)
    members = [member.asset_id for group in grouped.values() for member in group.members]
    alike = await _duplicates(connection, owner_id, sorted({*ids, *members}))
    cards = []
    for asset_id in ids:
        row, group = rows[asset_id], grouped.get(asset_id)
        versions = [asset_id] if group is None else [member.asset_id for member in group.members]
        cards.append(
            Card(
                asset_id,
                owner_id,
                row.name,
                AssetKind(row.kind),
                _format(row.name, row.content),
                row.width,
                row.height,
                row.size_bytes,
                row.duration_ms,
                row.taken_local_ms,
                row.taken_at_ms,
                None,
                group is not None and group.primary_id != asset_id,
                group,
                _foremost([each for version in versions for each in alike.get(version, ())], filters.duplicates),
            )
        )
    return cards


_CARD_FIELDS = (
    assets.c.asset_id,
    assets.c.name,
    assets.c.kind,
    assets.c.content,
    assets.c.width,
    assets.c.height,
    assets.c.size_bytes,
    assets.c.duration_ms,
    assets.c.taken_local_ms,
    assets.c.taken_at_ms,
)


def _format(name: str, content: str | None) -> Format:
    return Format(content) if content not in {None, Format.UNKNOWN.value} else format_of(name)


def _foremost(found: Sequence[Duplicates], wanted: frozenset[DuplicateClass]) -> Duplicates | None:
    """The surest of the sets, one that was asked for before all others."""
    return min(found, key=lambda each: (each.kind not in wanted, each.kind.rank, each.set_id), default=None)


async def _duplicates(
    connection: AsyncConnection, owner_id: OwnerId, ids: Sequence[AssetId]
) -> dict[AssetId, list[Duplicates]]:
    found: dict[AssetId, list[Duplicates]] = {}
    for chunk in chunks(ids):
        rows = await connection.execute(
            select(duplicate_set_members.c.asset_id, duplicate_sets.c.set_id, duplicate_sets.c.kind)
            .join(duplicate_sets, _IS_OF_SET)
            .where(duplicate_set_members.c.owner_id == owner_id, duplicate_set_members.c.asset_id.in_(chunk))
        )
        for asset_id, set_id, kind in rows:
            found.setdefault(AssetId(asset_id), []).append(Duplicates(set_id, DuplicateClass(kind)))
    return found


async def _partners(
    connection: AsyncConnection, owner_id: OwnerId, filters: Filters, *, last: _Key | None, limit: int
) -> list[Card]:
    query = _partners_where(select(partner_assets), connection, owner_id, filters)
    rows = await connection.execute(
        query.where(*_beyond(partner_assets, last))
        .order_by(partner_assets.c.taken_local_ms.desc(), partner_assets.c.asset_id.desc())
        .limit(limit)
    )
    names = await of_partners.names(connection, owner_id)
    return [
        Card(
            AssetId(row.asset_id),
            OwnerId(row.partner_id),
            row.name,
            AssetKind(row.kind),
            format_of(row.name),
            row.width,
            row.height,
            row.size_bytes,
            row.duration_ms,
            row.taken_local_ms,
            row.taken_at_ms,
            names.get(OwnerId(row.partner_id)),
            is_stand_in=False,
            group=None,
            duplicates=None,
        )
        for row in rows
    ]


def _partners_where(query: _Rows, connection: AsyncConnection, owner_id: OwnerId, filters: Filters) -> _Rows:
    wanted = [partner_assets.c.owner_id == owner_id, *_is_within(partner_assets, filters)]
    if filters.kind is not None:
        wanted.append(partner_assets.c.kind == filters.kind.value)
    if filters.text is not None:
        wanted.append(_holds(connection, partner_assets.c.name, filters.text))
    return query.where(*wanted)


async def _own_days(connection: AsyncConnection, owner_id: OwnerId, filters: Filters) -> list[tuple[int, int]]:
    few = await _few(connection, owner_id, filters)
    if few is None and not filters.group_types:
        query = _own_where(select(_day(assets), func.count()), connection, owner_id, filters)
        rows = await connection.execute(query.group_by(literal_column("1")))
        return [(_start_of(day), count) for day, count in rows]
    query = _own_where(select(_day(assets), assets.c.asset_id), connection, owner_id, filters)
    found: list[tuple[int, AssetId]] = []
    for chunk in [None] if few is None else chunks(few):
        rows = await connection.execute(query if chunk is None else query.where(assets.c.asset_id.in_(chunk)))
        found += [(_start_of(day), AssetId(asset_id)) for day, asset_id in rows]
    if filters.group_types:
        types = await _types(connection, owner_id, [asset_id for _, asset_id in found])
        found = [each for each in found if types.get(each[1]) in filters.group_types]
    return [(day_ms, 1) for day_ms, _ in found]


async def _types(connection: AsyncConnection, owner_id: OwnerId, ids: Sequence[AssetId]) -> dict[AssetId, str]:
    """By asset, the type of the group that its stack is, whether or not another member is known."""
    found: dict[AssetId, str] = {}
    for chunk in chunks(ids):
        present = await stacks.touching(connection, owner_id, chunk)
        living = await shown_groups.names_of(connection, owner_id, present)
        for stack in present:
            kind = living[stack.id].kind if stack.id in living else SOMEBODYS
            found.update(dict.fromkeys(stack.member_ids, kind))
    return found


def _day(table: FromClause) -> ColumnElement[int]:
    day: ColumnElement[int] = (table.c.taken_local_ms + _EPOCH_DAYS * DAY_MS) // DAY_MS
    return day


def _start_of(day: int) -> int:
    return (day - _EPOCH_DAYS) * DAY_MS
