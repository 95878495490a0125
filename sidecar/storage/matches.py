"""Which two assets are copies of each other, as the detectors found; kept until one of the two looks otherwise."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from sqlalchemy import Select, delete, func, or_, select, update
from sqlalchemy.ext.asyncio import AsyncConnection

from sidecar.duplicates.classes import DuplicateClass
from sidecar.duplicates.match import Match
from sidecar.model import AssetId, OwnerId
from sidecar.storage.database import chunks, upsert, write_rows
from sidecar.storage.tables import fingerprints, matches, searches

_KEYS = frozenset({"owner_id", "asset_a", "asset_b", "detector"})

# In the order of Match's own fields, so that a row becomes a Match by position.
_FIELDS = (
    matches.c.asset_a,
    matches.c.asset_b,
    matches.c.kind,
    matches.c.similarity,
    matches.c.detector,
    matches.c.reason,
    matches.c.looks_equal,
)
_CLASSES = {each.value: each for each in DuplicateClass}


async def begin(connection: AsyncConnection, owner_id: OwnerId, *, basis: str) -> bool:
    """Whether matches were found with anything else than this basis so far; if so, all is searched for anew.

    Shape:  basis names the versions and settings that decide what is found. What Immich itself put together stays.
    """
    before = await connection.scalar(select(searches.c.basis).where(searches.c.owner_id == owner_id))
    if before == basis:
        return False
    ours = (matches.c.owner_id == owner_id, matches.c.kind != DuplicateClass.SIMILAR.value)
    await connection.execute(delete(matches).where(*ours))
    await connection.execute(
        update(fingerprints)
        .where(fingerprints.c.owner_id == owner_id, fingerprints.c.is_searched.is_(True))
        .values(is_searched=False)
    )
    await connection.execute(
        upsert(connection, searches, frozenset({"owner_id"})), {"owner_id": owner_id, "basis": basis}
    )
    return True


async def add(connection: AsyncConnection, owner_id: OwnerId, found: Sequence[Match]) -> None:
    """Remembers these; what the same detector said about the same two before gives way."""
    rows = [
        (
            owner_id,
            match.a,
            match.b,
            match.detector,
            match.kind.value,
            match.similarity,
            match.reason,
            match.looks_equal,
        )
        for match in found
    ]
    await write_rows(connection, "matches", lambda on: upsert(on, matches, _KEYS), rows)


async def replace(connection: AsyncConnection, owner_id: OwnerId, detector: str, found: Sequence[Match]) -> None:
    """These are all the matches of one detector."""
    await connection.execute(delete(matches).where(matches.c.owner_id == owner_id, matches.c.detector == detector))
    await add(connection, owner_id, found)


async def everything(connection: AsyncConnection, owner_id: OwnerId) -> list[Match]:
    """All the owner's matches, by the two ids."""
    rows = await connection.execute(
        _select(owner_id).order_by(matches.c.asset_a, matches.c.asset_b, matches.c.detector)
    )
    return [_match(row) for row in rows]


async def touching(connection: AsyncConnection, owner_id: OwnerId, ids: Sequence[AssetId]) -> list[Match]:
    """Every match of one of these assets, once; by the two ids."""
    found: set[Match] = set()
    for chunk in chunks(ids):
        rows = await connection.execute(
            _select(owner_id).where(or_(matches.c.asset_a.in_(chunk), matches.c.asset_b.in_(chunk)))
        )
        found.update(map(_match, rows))
    return sorted(found, key=lambda match: (match.a, match.b, match.detector))


async def count(connection: AsyncConnection, owner_id: OwnerId) -> int:
    """How many matches the owner has."""
    counted = await connection.scalar(select(func.count()).select_from(matches).where(matches.c.owner_id == owner_id))
    return counted or 0


def _select(owner_id: OwnerId) -> Select[Any]:
    return select(*_FIELDS).where(matches.c.owner_id == owner_id)


def _match(row: Sequence[Any]) -> Match:
    a, b, kind, *rest = row
    return Match(a, b, _CLASSES[kind], *rest)
