"""Which assets carry a duplicate id of ours in Immich, or are about to: what is not in here is not ours to touch."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from enum import StrEnum
from typing import Any

from sqlalchemy import ColumnElement, Row, Select, delete, select, update
from sqlalchemy.ext.asyncio import AsyncConnection

from sidecar.model import AssetId, OwnerId
from sidecar.storage.database import chunks, upsert, write_rows
from sidecar.storage.tables import native_records

_KEYS = frozenset({"owner_id", "asset_id"})


class NativeState(StrEnum):
    """What is known of an id of ours in Immich."""

    INTENDED = "intended"
    """To be written, or written and not seen yet."""
    RECORDED = "recorded"
    """Immich has shown it."""
    CLEARING = "clearing"
    """To be taken away again."""


_OPEN = (NativeState.INTENDED.value, NativeState.CLEARING.value)


@dataclass(frozen=True, slots=True)
class NativeRecord:
    """One asset's duplicate id that is of our making, and for which set.

    Shape:  taken_away is how often Immich had taken away such an id before this one; attempts counts the writes that
            did not succeed.
    """

    asset_id: AssetId
    set_id: str
    duplicate_id: str
    state: NativeState
    written_at_ms: int
    taken_away: int
    attempts: int
    not_before_ms: int


async def intend(
    connection: AsyncConnection, owner_id: OwnerId, new: Sequence[tuple[AssetId, str, str, int]], *, now_ms: int
) -> None:
    """These ids are to be written, as (asset, set, duplicate id, how often one was taken away)."""
    rows = [
        (owner_id, asset_id, set_id, duplicate_id, NativeState.INTENDED.value, now_ms, taken_away, 0, 0)
        for asset_id, set_id, duplicate_id, taken_away in new
    ]
    await write_rows(connection, "native_records", lambda on: upsert(on, native_records, _KEYS), rows)


async def recorded(connection: AsyncConnection, owner_id: OwnerId, ids: Sequence[AssetId], *, now_ms: int) -> None:
    """Immich shows the ids of these assets."""
    await _set(connection, owner_id, ids, state=NativeState.RECORDED.value, written_at_ms=now_ms, attempts=0)


async def clear(connection: AsyncConnection, owner_id: OwnerId, ids: Sequence[AssetId], *, now_ms: int) -> None:
    """The ids of these assets are to be taken away from Immich."""
    clearing = NativeState.CLEARING.value
    await _set(connection, owner_id, ids, state=clearing, written_at_ms=now_ms, attempts=0, not_before_ms=0)


async def forget(connection: AsyncConnection, owner_id: OwnerId, ids: Sequence[AssetId]) -> None:
    """Nothing of ours is left at these assets."""
    for chunk in chunks(ids):
        await connection.execute(delete(native_records).where(*_among(owner_id, chunk)))


async def postpone(
    connection: AsyncConnection, owner_id: OwnerId, ids: Sequence[AssetId], *, not_before_ms: int
) -> None:
    """What was to be written did not succeed; it is tried again later."""
    attempts = native_records.c.attempts + 1
    await _set(connection, owner_id, ids, attempts=attempts, not_before_ms=not_before_ms)


async def due(connection: AsyncConnection, owner_id: OwnerId, *, now_ms: int, limit: int) -> list[NativeRecord]:
    """Up to `limit` assets whose ids are to be written or taken away now, those of one set together."""
    rows = await connection.execute(
        _select(owner_id).where(*_due(now_ms)).order_by(native_records.c.set_id, native_records.c.asset_id).limit(limit)
    )
    return [_record(row) for row in rows]


async def everything(connection: AsyncConnection, owner_id: OwnerId) -> dict[AssetId, NativeRecord]:
    """All that we have written, or are about to, by asset."""
    return {each.asset_id: each for each in map(_record, await connection.execute(_select(owner_id)))}


async def of(connection: AsyncConnection, owner_id: OwnerId, ids: Sequence[AssetId]) -> dict[AssetId, NativeRecord]:
    """What we have written to these assets, or are about to."""
    found: dict[AssetId, NativeRecord] = {}
    for chunk in chunks(ids):
        rows = await connection.execute(_select(owner_id).where(native_records.c.asset_id.in_(chunk)))
        found.update({each.asset_id: each for each in map(_record, rows)})
    return found


async def owners_with_due_records(connection: AsyncConnection, *, now_ms: int) -> list[OwnerId]:
    """Owners for whom something is to be written now."""
    rows = await connection.scalars(select(native_records.c.owner_id).where(*_due(now_ms)).distinct())
    return [OwnerId(owner_id) for owner_id in rows]


async def _set(connection: AsyncConnection, owner_id: OwnerId, ids: Sequence[AssetId], **values: Any) -> None:
    for chunk in chunks(ids):
        await connection.execute(update(native_records).where(*_among(owner_id, chunk)).values(**values))


def _among(owner_id: OwnerId, ids: Sequence[AssetId]) -> tuple[ColumnElement[bool], ...]:
    return (native_records.c.owner_id == owner_id, native_records.c.asset_id.in_(ids))


def _due(now_ms: int) -> tuple[ColumnElement[bool], ...]:
    return (native_records.c.state.in_(_OPEN), native_records.c.not_before_ms <= now_ms)


def _select(owner_id: OwnerId) -> Select[Any]:
    return select(native_records).where(native_records.c.owner_id == owner_id)


def _record(row: Row[Any]) -> NativeRecord:
    return NativeRecord(
        AssetId(row.asset_id),
        row.set_id,
        row.duplicate_id,
        NativeState(row.state),
        row.written_at_ms,
        row.taken_away,
        row.attempts,
        row.not_before_ms,
    )
