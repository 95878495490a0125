"""Which two assets are copies of each other, as the detectors found; kept until one of the two looks otherwise."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from sqlalchemy import Select, delete, func, or_, select, union, update
from sqlalchemy.ext.asyncio import AsyncConnection

from sidecar.duplicates.classes import DuplicateClass
from sidecar.duplicates.match import Match
from sidecar.model import AssetId, OwnerId
from sidecar.storage.database import chunks, upsert, write_rows
from sidecar.storage.liveness import IS_ITS_FINGERPRINT, IS_ITS_ORIGINAL, IS_LIVE
from sidecar.storage.tables import assets, fingerprints, matches, originals, searches

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

    Shape:  basis names the versions and settings that decide what is found.
    """
    before = await connection.scalar(select(searches.c.basis).where(searches.c.owner_id == owner_id))
    if before == basis:
        return False
    await connection.execute(delete(matches).where(matches.c.owner_id == owner_id))
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


async def forget(connection: AsyncConnection, owner_id: OwnerId, ids: Sequence[AssetId]) -> None:
    """Forgets what was found about these assets; they and whoever matched one of them are to be searched for anew.

    Shape:  of many that look equal only one was compared with each other: without it, the others are strangers.
    """
    for chunk in chunks(ids):
        touched = (
            matches.c.owner_id == owner_id,
            or_(matches.c.asset_a.in_(chunk), matches.c.asset_b.in_(chunk)),
        )
        rows = await connection.execute(select(matches.c.asset_a, matches.c.asset_b).where(*touched))
        alone = sorted({each for row in rows for each in row})
        for some in chunks(alone):
            await connection.execute(
                update(fingerprints)
                .where(fingerprints.c.owner_id == owner_id, fingerprints.c.asset_id.in_(some))
                .values(is_searched=False)
            )
        await connection.execute(delete(matches).where(*touched))


async def forget_stale(connection: AsyncConnection, owner_id: OwnerId, *, version: int) -> int:
    """About how many assets something was found that holds no longer, and is forgotten by this.

    Shape:  an asset that is gone, trashed or hidden, or whose file is another one than was looked at.
    """
    mine = matches.c.owner_id == owner_id
    matched = union(select(matches.c.asset_a.label("id")).where(mine), select(matches.c.asset_b).where(mine)).subquery()
    current = (
        select(fingerprints.c.asset_id)
        .select_from(assets)
        .join(originals, IS_ITS_ORIGINAL)
        .join(fingerprints, IS_ITS_FINGERPRINT)
        .where(
            fingerprints.c.owner_id == owner_id,
            fingerprints.c.asset_id == matched.c.id,
            fingerprints.c.version == version,
            fingerprints.c.phash.is_not(None),
            IS_LIVE,
        )
        .correlate(matched)
    )
    stale = [AssetId(each) for each in await connection.scalars(select(matched.c.id).where(~current.exists()))]
    await forget(connection, owner_id, stale)
    return len(stale)


async def everything(connection: AsyncConnection, owner_id: OwnerId) -> list[Match]:
    """All the owner's matches, by the two ids."""
    rows = await connection.execute(
        _select(owner_id).order_by(matches.c.asset_a, matches.c.asset_b, matches.c.detector)
    )
    return [_match(row) for row in rows]


async def count(connection: AsyncConnection, owner_id: OwnerId) -> int:
    """How many matches the owner has."""
    counted = await connection.scalar(select(func.count()).select_from(matches).where(matches.c.owner_id == owner_id))
    return counted or 0


def _select(owner_id: OwnerId) -> Select[Any]:
    return select(*_FIELDS).where(matches.c.owner_id == owner_id)


def _match(row: Sequence[Any]) -> Match:
    a, b, kind, *rest = row
    return Match(a, b, _CLASSES[kind], *rest)
