"""All rows of one database into another, whichever kinds they are: what backups, restoring and moving rest on."""

from __future__ import annotations

from collections.abc import Callable

from sqlalchemy import func, select
from sqlalchemy.ext.asyncio import AsyncConnection

from sidecar.storage.tables import metadata

_AT_ONCE = 1000


async def count_rows(connection: AsyncConnection) -> dict[str, int]:
    """How many rows each table has."""
    return {
        table.name: (await connection.execute(select(func.count()).select_from(table))).scalar_one()
        for table in metadata.sorted_tables
    }


async def copy_rows(
    source: AsyncConnection, target: AsyncConnection, *, tell: Callable[[str, int], object] = lambda _name, _count: None
) -> dict[str, int]:
    """How many rows of each table were copied into the target, whose tables are empty; tell hears of each table.

    Shape:  both have the newest schema. What the source's transaction sees is one moment; the target has all of it or,
            if the block of its transaction raises, nothing.
    """
    copied: dict[str, int] = {}
    for table in metadata.sorted_tables:
        copied[table.name] = 0
        rows = await source.stream(select(table))
        async for part in rows.mappings().partitions(_AT_ONCE):
            await target.execute(table.insert(), [dict(row) for row in part])
            copied[table.name] += len(part)
        tell(table.name, copied[table.name])
    return copied
