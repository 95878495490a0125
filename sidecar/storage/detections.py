"""Searches for an owner's duplicates, and how far each has come.

requested ─► running ─► done | failed
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum
from typing import Any

from sqlalchemy import ColumnElement, Row, case, exists, func, select, update
from sqlalchemy.ext.asyncio import AsyncConnection

from sidecar.model import OwnerId
from sidecar.storage.database import insert_for
from sidecar.storage.tables import detections


class DetectionState(StrEnum):
    """How far a search has come."""

    REQUESTED = "requested"
    RUNNING = "running"
    DONE = "done"
    FAILED = "failed"

    @property
    def is_over(self) -> bool:
        """No more will happen."""
        return self in (DetectionState.DONE, DetectionState.FAILED)


class DetectionPhase(StrEnum):
    """What a search is at, in this order."""

    FILES = "files"
    """Which files are the same bytes."""
    QUICK = "quick"
    """What Immich's thumbhashes tell, without a download."""
    LOOK = "look"
    """Fingerprints of the candidates."""
    JUDGE = "judge"
    """What the fingerprints tell; afterwards there are first results."""
    REST = "rest"
    """Fingerprints of everything else."""


@dataclass(frozen=True, slots=True)
class Detection:
    """One search for an owner's duplicates.

    Shape:  looked counts the assets that were looked at, of total that are to be; candidates, matches and sets count
            what was found. first_results_at_ms is None until there is something for people to see.
    """

    id: int
    owner_id: OwnerId
    state: DetectionState
    phase: DetectionPhase
    looked: int
    total: int
    files_read: int
    bytes_read: int
    candidates: int
    matches: int
    sets: int
    attempts: int
    error: str | None
    requested_at_ms: int
    first_results_at_ms: int | None
    ended_at_ms: int | None


async def request(connection: AsyncConnection, owner_id: OwnerId, *, now_ms: int, not_before_ms: int = 0) -> Detection:
    """The owner's search that waits, or else a new one: one that is running may be past what has changed since.

    Shape:  one that waits for longer than whoever asks now wants to is due earlier.
    """
    waiting = await _one(
        connection,
        select(detections)
        .where(detections.c.owner_id == owner_id, detections.c.state == DetectionState.REQUESTED.value)
        .order_by(detections.c.detection_id)
        .limit(1),
    )
    if waiting is not None:
        await connection.execute(
            update(detections)
            .where(*_is(waiting), detections.c.not_before_ms > not_before_ms)
            .values(not_before_ms=not_before_ms)
        )
        return waiting
    newest_id = await connection.scalar(
        select(func.max(detections.c.detection_id)).where(detections.c.owner_id == owner_id)
    )
    detection_id = (newest_id or 0) + 1
    await connection.execute(
        insert_for(connection, detections)
        .values(
            owner_id=owner_id,
            detection_id=detection_id,
            state=DetectionState.REQUESTED.value,
            phase=DetectionPhase.FILES.value,
            looked=0,
            total=0,
            files_read=0,
            bytes_read=0,
            candidates=0,
            matches=0,
            sets=0,
            lease_until_ms=0,
            attempts=0,
            not_before_ms=not_before_ms,
            requested_at_ms=now_ms,
        )
        # Two who ask at the same moment get the same search.
        .on_conflict_do_nothing()
    )
    return await get(connection, owner_id, detection_id)


async def get(connection: AsyncConnection, owner_id: OwnerId, detection_id: int) -> Detection:
    """The search of this number, which exists."""
    row = (
        await connection.execute(
            select(detections).where(detections.c.owner_id == owner_id, detections.c.detection_id == detection_id)
        )
    ).one()
    return _detection(row)


async def newest(connection: AsyncConnection, owner_id: OwnerId) -> Detection | None:
    """The owner's latest search, None before the first."""
    return await _one(
        connection,
        select(detections).where(detections.c.owner_id == owner_id).order_by(detections.c.detection_id.desc()).limit(1),
    )


async def newest_done(connection: AsyncConnection, owner_id: OwnerId) -> Detection | None:
    """The owner's latest complete search, None before the first."""
    return await _one(
        connection,
        select(detections)
        .where(detections.c.owner_id == owner_id, detections.c.state == DetectionState.DONE.value)
        .order_by(detections.c.detection_id.desc())
        .limit(1),
    )


async def claim(
    connection: AsyncConnection, owner_id: OwnerId, *, lease: str, now_ms: int, lease_ms: int
) -> Detection | None:
    """The owner's due search, leased and counted as tried; None if none is due, or one is under way."""
    due = (
        select(detections.c.detection_id)
        .where(detections.c.owner_id == owner_id, *_due(now_ms))
        .order_by(detections.c.detection_id)
        .limit(1)
        .with_for_update(skip_locked=True)
        # Not within the condition itself, where PostgreSQL may ask again for each row and take more than the limit.
        .cte("due")
    )
    row = (
        await connection.execute(
            update(detections)
            .where(detections.c.owner_id == owner_id, detections.c.detection_id.in_(select(due.c.detection_id)))
            .values(
                state=DetectionState.RUNNING.value,
                lease=lease,
                lease_until_ms=now_ms + lease_ms,
                attempts=detections.c.attempts + 1,
                error=None,
            )
            .returning(detections)
        )
    ).one_or_none()
    return _detection(row) if row is not None else None


async def progress(
    connection: AsyncConnection,
    detection: Detection,
    *,
    lease: str,
    lease_until_ms: int,
    phase: DetectionPhase | None = None,
    **numbers: int,
) -> bool:
    """Whether the search is still ours; if so its phase and numbers are set and its lease goes on."""
    values: dict[str, Any] = {"lease_until_ms": lease_until_ms, **numbers}
    if phase is not None:
        values["phase"] = phase.value
    row = await connection.scalar(
        update(detections)
        .where(*_is(detection), detections.c.lease == lease)
        .values(**values)
        .returning(detections.c.detection_id)
    )
    return row is not None


async def add_read(connection: AsyncConnection, detection: Detection, *, files: int, size_bytes: int) -> None:
    """So many more files were read, and so many bytes of them."""
    await connection.execute(
        update(detections)
        .where(*_is(detection))
        .values(files_read=detections.c.files_read + files, bytes_read=detections.c.bytes_read + size_bytes)
    )


async def end(
    connection: AsyncConnection,
    detection: Detection,
    state: DetectionState,
    *,
    lease: str,
    now_ms: int,
    error: str | None = None,
) -> None:
    """The search, if it still is ours, is over."""
    await connection.execute(
        update(detections)
        .where(*_is(detection), detections.c.lease == lease)
        .values(state=state.value, ended_at_ms=now_ms, error=error, lease=None, lease_until_ms=0)
    )


async def postpone(
    connection: AsyncConnection, detection: Detection, *, lease: str, error: str | None, not_before_ms: int
) -> None:
    """The search, if it still is ours, did not succeed and goes on later. Without an error it just waits."""
    await connection.execute(
        update(detections)
        .where(*_is(detection), detections.c.lease == lease)
        .values(
            state=DetectionState.REQUESTED.value,
            error=error,
            not_before_ms=not_before_ms,
            lease=None,
            lease_until_ms=0,
            attempts=detections.c.attempts - (1 if error is None else 0),
        )
    )


async def release_leases(connection: AsyncConnection) -> None:
    """Ends every lease of a former process; only for the one owner of an embedded data folder."""
    await connection.execute(
        update(detections).where(detections.c.lease.is_not(None)).values(lease=None, lease_until_ms=0)
    )


async def owners_with_due_detections(connection: AsyncConnection, *, now_ms: int) -> list[OwnerId]:
    """Owners for whom a claim would find a search now."""
    rows = await connection.scalars(select(detections.c.owner_id).where(*_due(now_ms)).distinct())
    return [OwnerId(owner_id) for owner_id in rows]


_OPEN = (DetectionState.REQUESTED.value, DetectionState.RUNNING.value)
_other = detections.alias("other")


def _due(now_ms: int) -> tuple[ColumnElement[bool], ...]:
    # One that was asked for while another is running waits for its end.
    is_under_way = exists().where(_other.c.owner_id == detections.c.owner_id, _other.c.lease_until_ms > now_ms)
    return (detections.c.state.in_(_OPEN), detections.c.not_before_ms <= now_ms, ~is_under_way)


def _is(detection: Detection) -> tuple[ColumnElement[bool], ...]:
    return (detections.c.owner_id == detection.owner_id, detections.c.detection_id == detection.id)


async def _one(connection: AsyncConnection, query: Any) -> Detection | None:
    row = (await connection.execute(query)).one_or_none()
    return _detection(row) if row is not None else None


def _detection(row: Row[Any]) -> Detection:
    return Detection(
        id=row.detection_id,
        owner_id=OwnerId(row.owner_id),
        state=DetectionState(row.state),
        phase=DetectionPhase(row.phase),
        looked=row.looked,
        total=row.total,
        files_read=row.files_read,
        bytes_read=row.bytes_read,
        candidates=row.candidates,
        matches=row.matches,
        sets=row.sets,
        attempts=row.attempts,
        error=row.error,
        requested_at_ms=row.requested_at_ms,
        first_results_at_ms=row.first_results_at_ms,
        ended_at_ms=row.ended_at_ms,
    )


async def current(connection: AsyncConnection, owner_id: OwnerId) -> Detection | None:
    """The owner's search that is running, or else the latest: another one may have been asked for meanwhile."""
    is_running = case((detections.c.state == DetectionState.RUNNING.value, 0), else_=1)
    return await _one(
        connection,
        select(detections)
        .where(detections.c.owner_id == owner_id)
        .order_by(is_running, detections.c.detection_id.desc())
        .limit(1),
    )
