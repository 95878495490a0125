"""What a look at other rules needs to know of a whole library: names, stems and bursts, and how alike sets are."""

from __future__ import annotations

from typing import Any, NamedTuple

from sqlalchemy import func, or_, select
from sqlalchemy.ext.asyncio import AsyncConnection

from sidecar.duplicates.classes import DuplicateClass
from sidecar.model import AssetId, OwnerId
from sidecar.storage.tables import assets, duplicate_sets


class Named(NamedTuple):
    """One asset's id, its name, the stem under which it is kept, and the burst that its camera says it is of."""

    asset_id: AssetId
    name: str
    stem: str
    burst: str | None


async def of_shared_stems(connection: AsyncConnection, owner_id: OwnerId) -> list[Named]:
    """Every asset that has another one under its stem, or is of a burst; by stem."""
    shared = select(assets.c.stem).where(assets.c.owner_id == owner_id).group_by(assets.c.stem).having(func.count() > 1)
    return await _named(connection, owner_id, or_(assets.c.stem.in_(shared), assets.c.auto_stack_id.is_not(None)))


async def everything(connection: AsyncConnection, owner_id: OwnerId) -> list[Named]:
    """Every asset; by stem."""
    return await _named(connection, owner_id)


async def _named(connection: AsyncConnection, owner_id: OwnerId, *also: Any) -> list[Named]:
    rows = await connection.execute(
        select(assets.c.asset_id, assets.c.name, assets.c.stem, assets.c.auto_stack_id)
        .where(assets.c.owner_id == owner_id, *also)
        .order_by(assets.c.stem, assets.c.asset_id)
    )
    return [Named(*row) for row in rows]


async def sets_less_alike(connection: AsyncConnection, owner_id: OwnerId, *, than: float) -> int:
    """How many sets of pictures that look alike hold one that is less alike than this."""
    found = await connection.scalar(
        select(func.count())
        .select_from(duplicate_sets)
        .where(
            duplicate_sets.c.owner_id == owner_id,
            duplicate_sets.c.kind != DuplicateClass.IDENTICAL.value,
            duplicate_sets.c.similarity < than,
        )
    )
    return found or 0
