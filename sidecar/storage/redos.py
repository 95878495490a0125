"""What Immich never finished about some assets, and what it was asked to do again: once for each file as it is."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from enum import StrEnum

from sqlalchemy import String, and_, bindparam, cast, delete, select
from sqlalchemy.ext.asyncio import AsyncConnection

from sidecar.model import AssetId, OwnerId
from sidecar.storage.database import upsert
from sidecar.storage.liveness import IS_ITS_ORIGINAL, IS_LIVE
from sidecar.storage.tables import assets, originals, redos


class Missing(StrEnum):
    """What Immich has not made of a file."""

    METADATA = "metadata"
    THUMBNAIL = "thumbnail"


@dataclass(frozen=True, slots=True)
class Wanting:
    """A live asset of which something is missing; basis says what its file is now."""

    asset_id: AssetId
    basis: str


_BASIS = originals.c.checksum + " " + cast(originals.c.modified_at_ms, String)
_IS_MISSING = {
    Missing.METADATA: assets.c.is_extracted.is_(False),
    Missing.THUMBNAIL: and_(assets.c.is_extracted.is_(True), originals.c.thumbhash.is_(None)),
}


async def wanting(
    connection: AsyncConnection, owner_id: OwnerId, missing: Missing, *, unchanged_since_ms: int, limit: int
) -> list[Wanting]:
    """Live assets of which this is missing and about which nobody was asked yet, those that rest longest first.

    Units:  unchanged_since_ms is by the server's clock: what changed later may still be under way.
    """
    was_asked = (
        (redos.c.owner_id == assets.c.owner_id)
        & (redos.c.asset_id == assets.c.asset_id)
        & (redos.c.job == missing.value)
        & (redos.c.basis == _BASIS)
    )
    rows = await connection.execute(
        select(assets.c.asset_id, _BASIS.label("basis"))
        .join(originals, IS_ITS_ORIGINAL)
        .outerjoin(redos, was_asked)
        .where(
            assets.c.owner_id == owner_id,
            IS_LIVE,
            _IS_MISSING[missing],
            assets.c.updated_at_ms <= unchanged_since_ms,
            redos.c.asset_id.is_(None),
        )
        .order_by(assets.c.updated_at_ms, assets.c.asset_id)
        .limit(limit)
    )
    return [Wanting(AssetId(row.asset_id), row.basis) for row in rows]


async def put(
    connection: AsyncConnection, owner_id: OwnerId, missing: Missing, asked: Sequence[Wanting], *, now_ms: int
) -> None:
    """Immich is asked about these, as their files are now."""
    if asked:
        await connection.execute(
            upsert(connection, redos, frozenset({"owner_id", "asset_id", "job"})),
            [
                {
                    "owner_id": owner_id,
                    "asset_id": each.asset_id,
                    "job": missing.value,
                    "basis": each.basis,
                    "asked_at_ms": now_ms,
                }
                for each in asked
            ],
        )


async def take_back(connection: AsyncConnection, owner_id: OwnerId, missing: Missing, asked: Sequence[Wanting]) -> None:
    """Immich was not reached about these."""
    if asked:
        await connection.execute(
            delete(redos).where(
                redos.c.owner_id == owner_id, redos.c.job == missing.value, redos.c.asset_id == bindparam("of_asset")
            ),
            [{"of_asset": each.asset_id} for each in asked],
        )
