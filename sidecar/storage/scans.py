"""Scans and what they have done so far; and each owner's watermark.

requested ─► running ─► done | failed
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum
from typing import Any

from sqlalchemy import Row, func, or_, select, update
from sqlalchemy.ext.asyncio import AsyncConnection

from sidecar.model import OwnerId
from sidecar.storage.database import insert_for, upsert
from sidecar.storage.tables import owners, scans


class ScanState(StrEnum):
    """How far a scan has come."""

    REQUESTED = "requested"
    RUNNING = "running"
    DONE = "done"
    FAILED = "failed"

    @property
    def is_over(self) -> bool:
        """No more will happen."""
        return self in (ScanState.DONE, ScanState.FAILED)


@dataclass(frozen=True, slots=True)
class Scan:
    """One full look at an owner's library; its numbers count assets.

    Shape:  expected counts partners' assets too, found only the owner's own. missing were counted by the server and
            shown on no page, broken could not be read, gone were known and are no more.
            began_at_ms is when it was begun last: one that was interrupted begins anew.
    """

    id: int
    owner_id: OwnerId
    state: ScanState
    expected: int
    found: int
    missing: int
    broken: int
    gone: int
    stacks: int
    attempts: int
    error: str | None
    requested_at_ms: int
    began_at_ms: int | None
    ended_at_ms: int | None


@dataclass(frozen=True, slots=True)
class Watermark:
    """Until when an owner's changes and stacks are known, by the server's clock, and under which rules."""

    watermark_ms: int
    stacks_known_at_ms: int
    rules: str


async def request(connection: AsyncConnection, owner_id: OwnerId, *, now_ms: int) -> Scan:
    """The owner's scan that is waiting or running, or else a new one."""
    waiting = await _one(
        connection,
        select(scans).where(
            scans.c.owner_id == owner_id,
            scans.c.state.in_((ScanState.REQUESTED.value, ScanState.RUNNING.value)),
        ),
    )
    if waiting is not None:
        return waiting
    newest = await connection.scalar(select(func.max(scans.c.scan_id)).where(scans.c.owner_id == owner_id))
    scan_id = (newest or 0) + 1
    await connection.execute(
        insert_for(connection, scans)
        .values(
            owner_id=owner_id,
            scan_id=scan_id,
            state=ScanState.REQUESTED.value,
            expected=0,
            found=0,
            missing=0,
            broken=0,
            gone=0,
            stacks=0,
            lease_until_ms=0,
            attempts=0,
            not_before_ms=0,
            requested_at_ms=now_ms,
        )
        # Two who ask at the same moment get the same scan.
        .on_conflict_do_nothing()
    )
    return await get(connection, owner_id, scan_id)


async def get(connection: AsyncConnection, owner_id: OwnerId, scan_id: int) -> Scan:
    """The scan of this number, which exists."""
    row = (
        await connection.execute(select(scans).where(scans.c.owner_id == owner_id, scans.c.scan_id == scan_id))
    ).one()
    return _scan(row)


async def newest(connection: AsyncConnection, owner_id: OwnerId) -> Scan | None:
    """The owner's latest scan, None before the first."""
    return await _one(
        connection, select(scans).where(scans.c.owner_id == owner_id).order_by(scans.c.scan_id.desc()).limit(1)
    )


async def newest_done(connection: AsyncConnection, owner_id: OwnerId) -> Scan | None:
    """The owner's latest complete scan, None before the first."""
    return await _one(
        connection,
        select(scans)
        .where(scans.c.owner_id == owner_id, scans.c.state == ScanState.DONE.value)
        .order_by(scans.c.scan_id.desc())
        .limit(1),
    )


async def claim(
    connection: AsyncConnection, owner_id: OwnerId, *, lease: str, now_ms: int, lease_ms: int
) -> Scan | None:
    """The owner's due scan, leased and counted as tried; None if none is due."""
    due = (
        select(scans.c.scan_id)
        .where(scans.c.owner_id == owner_id, *_due(now_ms))
        .order_by(scans.c.scan_id)
        .limit(1)
        .with_for_update(skip_locked=True)
        # Not within the condition itself, where PostgreSQL may ask again for each row and take more than the limit.
        .cte("due")
    )
    row = (
        await connection.execute(
            update(scans)
            .where(scans.c.owner_id == owner_id, scans.c.scan_id.in_(select(due.c.scan_id)))
            .values(
                state=ScanState.RUNNING.value,
                lease=lease,
                lease_until_ms=now_ms + lease_ms,
                attempts=scans.c.attempts + 1,
                began_at_ms=now_ms,
                expected=0,
                found=0,
                missing=0,
                broken=0,
                gone=0,
                stacks=0,
                error=None,
            )
            .returning(scans)
        )
    ).one_or_none()
    return _scan(row) if row is not None else None


async def progress(connection: AsyncConnection, scan: Scan, *, lease: str, lease_until_ms: int, **numbers: int) -> bool:
    """Whether the scan is still ours; if so its numbers are set and its lease goes on."""
    row = await connection.scalar(
        update(scans)
        .where(scans.c.owner_id == scan.owner_id, scans.c.scan_id == scan.id, scans.c.lease == lease)
        .values(lease_until_ms=lease_until_ms, **numbers)
        .returning(scans.c.scan_id)
    )
    return row is not None


async def end(
    connection: AsyncConnection, scan: Scan, state: ScanState, *, lease: str, now_ms: int, error: str | None = None
) -> None:
    """The scan, if it still is ours, is over."""
    await connection.execute(
        update(scans)
        .where(scans.c.owner_id == scan.owner_id, scans.c.scan_id == scan.id, scans.c.lease == lease)
        .values(state=state.value, ended_at_ms=now_ms, error=error, lease=None, lease_until_ms=0)
    )


async def postpone(
    connection: AsyncConnection, scan: Scan, *, lease: str, error: str | None, not_before_ms: int
) -> None:
    """The scan, if it still is ours, did not succeed and starts again later. Without an error it just waits."""
    await connection.execute(
        update(scans)
        .where(scans.c.owner_id == scan.owner_id, scans.c.scan_id == scan.id, scans.c.lease == lease)
        .values(state=ScanState.REQUESTED.value, error=error, not_before_ms=not_before_ms, lease=None, lease_until_ms=0)
    )


async def release_leases(connection: AsyncConnection) -> None:
    """Ends every lease of a former process; only for the one owner of an embedded data folder."""
    await connection.execute(update(scans).where(scans.c.lease.is_not(None)).values(lease=None, lease_until_ms=0))


async def owners_with_due_scans(connection: AsyncConnection, *, now_ms: int) -> list[OwnerId]:
    """Owners for whom a claim would find a scan now."""
    rows = await connection.scalars(select(scans.c.owner_id).where(*_due(now_ms)).distinct())
    return [OwnerId(owner_id) for owner_id in rows]


async def watermark(connection: AsyncConnection, owner_id: OwnerId) -> Watermark | None:
    """Up to where the owner's changes are known; None before the first complete scan."""
    row = (
        await connection.execute(
            select(owners.c.watermark_ms, owners.c.stacks_known_at_ms, owners.c.rules).where(
                owners.c.owner_id == owner_id
            )
        )
    ).one_or_none()
    return Watermark(*row) if row is not None else None


async def set_watermark(connection: AsyncConnection, owner_id: OwnerId, mark: Watermark) -> None:
    """Changes up to here are known."""
    await connection.execute(
        upsert(connection, owners, frozenset({"owner_id"})),
        {
            "owner_id": owner_id,
            "watermark_ms": mark.watermark_ms,
            "stacks_known_at_ms": mark.stacks_known_at_ms,
            "rules": mark.rules,
        },
    )


async def advance_watermark(
    connection: AsyncConnection, owner_id: OwnerId, *, seen: Watermark, watermark_ms: int
) -> None:
    """Changes up to here are known, unless a scan has set the watermark anew since it was seen like this."""
    await connection.execute(
        update(owners)
        .where(owners.c.owner_id == owner_id, owners.c.watermark_ms == seen.watermark_ms)
        .values(watermark_ms=max(watermark_ms, seen.watermark_ms))
    )


async def set_stacks_known(connection: AsyncConnection, owner_id: OwnerId, known_at_ms: int) -> None:
    """All of the owner's stacks are known as they were then, by the server's clock, unless they are as of later."""
    await connection.execute(
        update(owners)
        .where(owners.c.owner_id == owner_id, owners.c.stacks_known_at_ms < known_at_ms)
        .values(stacks_known_at_ms=known_at_ms)
    )


def _due(now_ms: int) -> tuple[Any, ...]:
    return (
        scans.c.state.in_((ScanState.REQUESTED.value, ScanState.RUNNING.value)),
        scans.c.not_before_ms <= now_ms,
        or_(scans.c.lease.is_(None), scans.c.lease_until_ms <= now_ms),
    )


async def _one(connection: AsyncConnection, query: Any) -> Scan | None:
    row = (await connection.execute(query)).one_or_none()
    return _scan(row) if row is not None else None


def _scan(row: Row[Any]) -> Scan:
    return Scan(
        id=row.scan_id,
        owner_id=OwnerId(row.owner_id),
        state=ScanState(row.state),
        expected=row.expected,
        found=row.found,
        missing=row.missing,
        broken=row.broken,
        gone=row.gone,
        stacks=row.stacks,
        attempts=row.attempts,
        error=row.error,
        requested_at_ms=row.requested_at_ms,
        began_at_ms=row.began_at_ms,
        ended_at_ms=row.ended_at_ms,
    )
