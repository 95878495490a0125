"""How often which source told what, and when last; only numbers, whatever the events said."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import dataclass
from typing import Any, NamedTuple

from sqlalchemy import select
from sqlalchemy.ext.asyncio import AsyncConnection

from sidecar.model import OwnerId
from sidecar.storage.changes import Source
from sidecar.storage.database import insert_for, write_rows
from sidecar.storage.tables import event_counts


class Told(NamedTuple):
    """What is counted: whose event, from where, and what it came to; owner_id is None for nobody whom we know."""

    owner_id: OwnerId | None
    source: Source
    outcome: str


@dataclass(frozen=True, slots=True)
class Total:
    """How often, and when last in ms since 1970."""

    count: int
    last_at_ms: int


async def add(connection: AsyncConnection, counted: Mapping[Told, int], *, now_ms: int) -> None:
    """These many more."""
    rows = [
        (told.owner_id or "", told.source.value, told.outcome, count, now_ms)
        for told, count in sorted(counted.items(), key=lambda item: (item[0].owner_id or "", *item[0][1:]))
    ]
    await write_rows(connection, "event_counts", _adding, rows)


async def totals(connection: AsyncConnection, owner_ids: Collection[OwnerId | None]) -> dict[Told, Total]:
    """All that was counted for these owners; None among them asks for what came from nobody whom we know."""
    rows = await connection.execute(
        select(event_counts).where(event_counts.c.owner_id.in_({owner_id or "" for owner_id in owner_ids}))
    )
    return {
        Told(OwnerId(row.owner_id) if row.owner_id else None, Source(row.source), row.outcome): Total(
            row[3],
            row.last_at_ms,  # `count` is a method of rows
        )
        for row in rows
    }


def _adding(connection: AsyncConnection) -> Any:
    statement = insert_for(connection, event_counts)
    return statement.on_conflict_do_update(
        index_elements=["owner_id", "source", "outcome"],
        set_={
            "count": event_counts.c.count + statement.excluded["count"],
            "last_at_ms": statement.excluded.last_at_ms,
        },
    )
