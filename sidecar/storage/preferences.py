"""What each user chose, as plain values. What the choices mean is not known here."""

from __future__ import annotations

from collections.abc import Mapping

import msgspec
from sqlalchemy import delete, func, select
from sqlalchemy.ext.asyncio import AsyncConnection

from sidecar.model import OwnerId
from sidecar.storage.database import upsert
from sidecar.storage.tables import preferences


async def lock(connection: AsyncConnection, owner_id: OwnerId) -> None:
    """Until the transaction ends, nobody else who asks for this lock changes what this owner chose.

    Source: SQLite has one writer at a time; on PostgreSQL two transactions would not see each other's choice.
    """
    if connection.dialect.name == "postgresql":
        await connection.execute(
            select(func.pg_advisory_xact_lock(func.hashtextextended(f"preferences {owner_id}", 0)))
        )


async def get(connection: AsyncConnection, owner_id: OwnerId) -> dict[str, object]:
    """What the owner chose; empty if they chose nothing."""
    chosen = await connection.scalar(select(preferences.c.chosen).where(preferences.c.owner_id == owner_id))
    return {} if chosen is None else msgspec.json.decode(chosen, type=dict[str, object])


async def put(connection: AsyncConnection, owner_id: OwnerId, chosen: Mapping[str, object], *, now_ms: int) -> None:
    """Replaces everything that the owner chose."""
    await connection.execute(
        upsert(connection, preferences, {"owner_id"}),
        {"owner_id": owner_id, "chosen": msgspec.json.encode(dict(chosen)).decode(), "changed_at_ms": now_ms},
    )


async def clear(connection: AsyncConnection, owner_id: OwnerId) -> None:
    """Forgets what the owner chose."""
    await connection.execute(delete(preferences).where(preferences.c.owner_id == owner_id))
