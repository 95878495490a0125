"""Sets of duplicates as people see them: derived, and replaced by difference each time they are formed anew."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import dataclass
from dataclasses import replace as changed
from enum import StrEnum
from typing import Any

from sqlalchemy import ColumnElement, Row, delete, func, insert, select, tuple_
from sqlalchemy.ext.asyncio import AsyncConnection

from sidecar.duplicates.classes import DuplicateClass
from sidecar.model import AssetId, OwnerId
from sidecar.storage import shown_changes
from sidecar.storage.database import chunks, write_rows
from sidecar.storage.tables import duplicate_set_members, duplicate_sets

_FEWEST = 2
_MEMBER_FIELDS = (
    duplicate_set_members.c.set_id,
    duplicate_set_members.c.asset_id,
    duplicate_set_members.c.unit_id,
    duplicate_set_members.c.kind,
    duplicate_set_members.c.similarity,
    duplicate_set_members.c.reason,
    duplicate_set_members.c.is_suggested,
    duplicate_set_members.c.content,
    duplicate_set_members.c.seen_as,
)


class SetOrder(StrEnum):
    """What comes first in a list of sets: the largest of this."""

    NEWEST = "newest"
    SAVINGS = "savings"
    SIMILARITY = "similarity"


_COLUMNS = {
    SetOrder.NEWEST: duplicate_sets.c.found_at_ms,
    SetOrder.SAVINGS: duplicate_sets.c.savings_bytes,
    SetOrder.SIMILARITY: duplicate_sets.c.similarity,
}


@dataclass(frozen=True, slots=True)
class SetMember:
    """One asset in a set, and what it is to the set's best copy.

    Shape:  unit_id is the stack it is in, or its own id. similarity is None where nothing was measured: of the best
            copy itself, and of equal bytes. content is the SHA-256 in hex where it is known. seen_as says what the
            file was when the set was formed, in at most 64 characters.
    """

    asset_id: AssetId
    unit_id: str
    kind: DuplicateClass
    similarity: float | None
    reason: str
    is_suggested: bool
    content: str | None
    seen_as: str


@dataclass(frozen=True, slots=True)
class StoredSet:
    """One set of duplicates; its id is made of its members.

    Shape:  members with the best copy first; similarity is the lowest of theirs. found_at_ms and member_count are
            filled in when a set is read: when it was first found, and how many members it has in all.
    """

    id: str
    kind: DuplicateClass
    best_id: AssetId
    savings_bytes: int
    similarity: float
    members: tuple[SetMember, ...]
    found_at_ms: int = 0
    member_count: int = 0


@dataclass(frozen=True, slots=True)
class After:
    """Where a page ended: what its last set is ordered by, and its id."""

    value: float
    set_id: str


@dataclass(frozen=True, slots=True)
class Page:
    """Some sets in order; after is where the next page begins, None if this is the last."""

    sets: tuple[StoredSet, ...]
    after: After | None


@dataclass(frozen=True, slots=True)
class Tally:
    """How many sets there are, of how many assets, and what deciding them would free."""

    sets: int
    assets: int
    savings_bytes: int


@dataclass(frozen=True, slots=True)
class Replaced:
    """The ids of sets that are new, that are told otherwise than before, and that are no more."""

    added: tuple[str, ...]
    changed: tuple[str, ...]
    removed: tuple[str, ...]


async def replace(
    connection: AsyncConnection, owner_id: OwnerId, present: Sequence[StoredSet], *, now_ms: int
) -> Replaced:
    """What became of the owner's sets, now that these are all.

    Shape:  a set that stays keeps the time when it was found, and one that is the same in everything is not written.
    """
    before = {each.id: each for each in await everything(connection, owner_id)}
    now = {
        each.id: changed(
            each,
            found_at_ms=before[each.id].found_at_ms if each.id in before else now_ms,
            member_count=len(each.members),
        )
        for each in present
    }
    removed = sorted(before.keys() - now.keys())
    added = sorted(now.keys() - before.keys())
    altered = sorted(set_id for set_id in now.keys() & before.keys() if now[set_id] != before[set_id])
    await remove(connection, owner_id, removed + altered)
    await _insert(connection, owner_id, [now[set_id] for set_id in added + altered])
    return Replaced(tuple(added), tuple(altered), tuple(removed))


async def remove(connection: AsyncConnection, owner_id: OwnerId, set_ids: Sequence[str]) -> None:
    """These sets are no more."""
    for chunk in chunks(set_ids):
        shown_changes.note(connection, owner_id)
        for table in (duplicate_set_members, duplicate_sets):
            await connection.execute(delete(table).where(table.c.owner_id == owner_id, table.c.set_id.in_(chunk)))


async def page(
    connection: AsyncConnection,
    owner_id: OwnerId,
    *,
    order: SetOrder = SetOrder.NEWEST,
    kinds: Collection[DuplicateClass] = (),
    after: After | None = None,
    limit: int,
    members_at_most: int | None = None,
) -> Page:
    """Up to `limit` of the owner's sets, the largest in the order first; of these kinds only, if any are named.

    Shape:  of each set at most members_at_most members, the first ones.
    """
    column = _COLUMNS[order]
    query = select(duplicate_sets).where(duplicate_sets.c.owner_id == owner_id)
    if kinds:
        query = query.where(duplicate_sets.c.kind.in_(sorted(kind.value for kind in kinds)))
    if after is not None:
        query = query.where(
            tuple_(column, duplicate_sets.c.set_id)
            < tuple_(after.value, after.set_id, types=[column.type, duplicate_sets.c.set_id.type])
        )
    rows = await connection.execute(query.order_by(column.desc(), duplicate_sets.c.set_id.desc()).limit(limit + 1))
    found = rows.all()
    shown = await _with_members(connection, owner_id, found[:limit], members_at_most=members_at_most)
    if len(found) <= limit or not shown:
        return Page(tuple(shown), None)
    last = found[limit - 1]
    return Page(tuple(shown), After(getattr(last, column.name), last.set_id))


async def counts(connection: AsyncConnection, owner_id: OwnerId) -> dict[DuplicateClass, Tally]:
    """What the owner has of each kind; kinds of which there is nothing are left out."""
    rows = await connection.execute(
        select(
            duplicate_sets.c.kind,
            func.count(),
            func.sum(duplicate_sets.c.member_count),
            func.sum(duplicate_sets.c.savings_bytes),
        )
        .where(duplicate_sets.c.owner_id == owner_id)
        .group_by(duplicate_sets.c.kind)
    )
    return {DuplicateClass(kind): Tally(sets, int(assets), int(savings)) for kind, sets, assets, savings in rows}


async def get(connection: AsyncConnection, owner_id: OwnerId, set_id: str) -> StoredSet | None:
    """The owner's set of this id; None if there is none."""
    return (await by_ids(connection, owner_id, [set_id])).get(set_id)


async def by_ids(connection: AsyncConnection, owner_id: OwnerId, set_ids: Sequence[str]) -> dict[str, StoredSet]:
    """Those of these sets that there are, by id."""
    found: dict[str, StoredSet] = {}
    for chunk in chunks(set_ids):
        rows = await connection.execute(
            select(duplicate_sets).where(duplicate_sets.c.owner_id == owner_id, duplicate_sets.c.set_id.in_(chunk))
        )
        found.update({each.id: each for each in await _with_members(connection, owner_id, rows.all())})
    return found


async def begun_with(connection: AsyncConnection, owner_id: OwnerId, prefix: str, *, limit: int = 3) -> list[str]:
    """The ids of sets that begin so, in hex digits of lower case; sorted, at most `limit`."""
    set_id = duplicate_sets.c.set_id
    # "g" comes after every digit that an id has.
    is_begun = (set_id >= prefix, set_id < prefix + "g")
    found = select(set_id).where(duplicate_sets.c.owner_id == owner_id, *is_begun).order_by(set_id).limit(limit)
    return list(await connection.scalars(found))


async def touching(connection: AsyncConnection, owner_id: OwnerId, ids: Sequence[AssetId]) -> list[StoredSet]:
    """The sets that hold one of these assets, whole; by id."""
    members = duplicate_set_members
    set_ids: set[str] = set()
    for chunk in chunks(ids):
        set_ids.update(
            await connection.scalars(
                select(members.c.set_id).where(members.c.owner_id == owner_id, members.c.asset_id.in_(chunk))
            )
        )
    found = await by_ids(connection, owner_id, sorted(set_ids))
    return [found[set_id] for set_id in sorted(found)]


async def with_identical(connection: AsyncConnection, owner_id: OwnerId) -> list[str]:
    """The ids of sets in which two members or more are the same bytes; sorted."""
    members = duplicate_set_members
    same = (
        select(members.c.set_id)
        .where(members.c.owner_id == owner_id, members.c.content.is_not(None))
        .group_by(members.c.set_id, members.c.content)
        .having(func.count() >= _FEWEST)
    )
    return sorted(set(await connection.scalars(same)))


async def everything(connection: AsyncConnection, owner_id: OwnerId) -> list[StoredSet]:
    """All the owner's sets, by id."""
    rows = await connection.execute(
        select(duplicate_sets).where(duplicate_sets.c.owner_id == owner_id).order_by(duplicate_sets.c.set_id)
    )
    return await _with_members(connection, owner_id, rows.all())


async def _with_members(
    connection: AsyncConnection,
    owner_id: OwnerId,
    rows: Sequence[Row[Any]],
    *,
    members_at_most: int | None = None,
) -> list[StoredSet]:
    members: dict[str, list[SetMember]] = {row.set_id: [] for row in rows}
    columns = duplicate_set_members.c
    first: tuple[ColumnElement[bool], ...] = () if members_at_most is None else (columns.position < members_at_most,)
    for chunk in chunks(list(members)):
        found = await connection.execute(
            select(*_MEMBER_FIELDS)
            .where(columns.owner_id == owner_id, columns.set_id.in_(chunk), *first)
            .order_by(columns.set_id, columns.position)
        )
        for set_id, asset_id, unit_id, kind, *rest in found:
            members[set_id].append(SetMember(asset_id, unit_id, DuplicateClass(kind), *rest))
    return [
        StoredSet(
            row.set_id,
            DuplicateClass(row.kind),
            AssetId(row.best_id),
            row.savings_bytes,
            row.similarity,
            tuple(members[row.set_id]),
            row.found_at_ms,
            row.member_count,
        )
        for row in rows
    ]


async def _insert(connection: AsyncConnection, owner_id: OwnerId, new: Sequence[StoredSet]) -> None:
    sets = [
        (
            owner_id,
            each.id,
            each.kind.value,
            each.best_id,
            each.savings_bytes,
            each.similarity,
            each.member_count,
            each.found_at_ms,
        )
        for each in new
    ]
    members = [
        (
            owner_id,
            each.id,
            position,
            member.asset_id,
            member.unit_id,
            member.kind.value,
            member.similarity,
            member.reason,
            member.is_suggested,
            member.content,
            member.seen_as,
        )
        for each in new
        for position, member in enumerate(each.members)
    ]
    if sets:
        shown_changes.note(connection, owner_id)
    await write_rows(connection, "duplicate_sets", lambda _: insert(duplicate_sets), sets)
    await write_rows(connection, "duplicate_set_members", lambda _: insert(duplicate_set_members), members)
