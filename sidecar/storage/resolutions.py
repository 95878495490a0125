"""The journal of decisions about duplicates: what stays and what goes, what was there before, how far it has come.

intended ─► merging ─► trashing ─► done ─► undoing ─► undone
    └──────────┴──────────┴► withdrawn   the present no longer fits what was decided
                          └► failed      given up, with the reason
"""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import dataclass
from enum import StrEnum
from typing import Any

import msgspec
from sqlalchemy import ColumnElement, Row, and_, case, func, insert, or_, select, update
from sqlalchemy.ext.asyncio import AsyncConnection

from sidecar.model import AssetId, OwnerId
from sidecar.storage.database import chunks, write_rows
from sidecar.storage.tables import resolutions


class ResolutionState(StrEnum):
    """How far a decision has been carried out."""

    INTENDED = "intended"
    MERGING = "merging"
    """What only the copies to be trashed know is given to the one that stays."""
    TRASHING = "trashing"
    DONE = "done"
    WITHDRAWN = "withdrawn"
    FAILED = "failed"
    UNDOING = "undoing"
    UNDONE = "undone"

    @property
    def is_over(self) -> bool:
        """No more will happen unless somebody wants it undone."""
        return self in _OVER


_OVER = frozenset({ResolutionState.DONE, ResolutionState.WITHDRAWN, ResolutionState.FAILED, ResolutionState.UNDONE})
_CAN_BE_UNDONE = frozenset({ResolutionState.DONE, ResolutionState.FAILED})
# As the index of what is open has it; queries must say the same for it to be used.
_WAY: ColumnElement[int] = case(
    (resolutions.c.state == ResolutionState.UNDOING.value, -resolutions.c.decided_at_ms),
    else_=resolutions.c.decided_at_ms,
)

_IS_OPEN: ColumnElement[bool] = resolutions.c.ended_at_ms.is_(None)


@dataclass(frozen=True, slots=True)
class Resolution:
    """One decision: which members of a set stay and which go to the trash.

    Shape:  agreed, before, gained and step are JSON: what the person was told and agreed to, everything known of the
            assets before the first write, what the merge added, and how far it has come within its state. attempts
            counts claims, this one included.
    """

    id: str
    owner_id: OwnerId
    set_id: str
    keep_ids: tuple[AssetId, ...]
    trash_ids: tuple[AssetId, ...]
    origin: str = "user"
    agreed: str | None = None
    state: ResolutionState = ResolutionState.INTENDED
    before: str | None = None
    gained: str | None = None
    step: str | None = None
    attempts: int = 0
    error: str | None = None
    decided_at_ms: int = 0
    ended_at_ms: int | None = None


async def intend(connection: AsyncConnection, new: Sequence[Resolution], *, now_ms: int) -> None:
    """Writes these decisions down; nothing has been done about them yet."""
    encode = msgspec.json.encode
    rows = [
        (
            each.owner_id,
            each.id,
            each.set_id,
            ResolutionState.INTENDED.value,
            encode(each.keep_ids).decode(),
            encode(each.trash_ids).decode(),
            each.origin,
            each.agreed,
            each.before,
            each.gained,
            each.step,
            *(None, 0, 0, 0, None),
            now_ms,
            None,
        )
        for each in new
    ]
    await write_rows(connection, "resolutions", lambda _: insert(resolutions), rows)


async def lock(connection: AsyncConnection, owner_id: OwnerId) -> None:
    """Until the transaction ends, nobody else decides about this owner's duplicates.

    Source: SQLite has one writer at a time; on PostgreSQL two transactions would not see each other's decision.
    """
    if connection.dialect.name == "postgresql":
        await connection.execute(
            select(func.pg_advisory_xact_lock(func.hashtextextended(f"resolutions {owner_id}", 0)))
        )


async def standing_about(connection: AsyncConnection, owner_id: OwnerId, keeper_id: AssetId) -> list[Resolution]:
    """The decisions that were carried out and not taken back and by which this one gained."""
    rows = await connection.execute(
        select(resolutions).where(
            resolutions.c.owner_id == owner_id,
            resolutions.c.state == ResolutionState.DONE.value,
            resolutions.c.keep_ids.like(f'["{keeper_id}"%'),
        )
    )
    return _in_order(rows)


async def claim(
    connection: AsyncConnection, owner_id: OwnerId, *, lease: str, now_ms: int, lease_ms: int, limit: int = 1
) -> list[Resolution]:
    """Up to `limit` due decisions, leased and counted as tried: those to be undone, newest first; then oldest first."""
    due = (
        select(resolutions.c.resolution_id)
        .where(resolutions.c.owner_id == owner_id, *_due(now_ms))
        # What is taken back goes the way back: of several about one keeper, the last first.
        .order_by(_WAY, resolutions.c.resolution_id)
        .limit(limit)
        .with_for_update(skip_locked=True)
        # Not within the condition itself, where PostgreSQL may ask again for each row and take more than the limit.
        .cte("due")
    )
    rows = await connection.execute(
        update(resolutions)
        .where(resolutions.c.owner_id == owner_id, resolutions.c.resolution_id.in_(select(due.c.resolution_id)))
        .values(lease=lease, lease_until_ms=now_ms + lease_ms, attempts=resolutions.c.attempts + 1)
        .returning(resolutions)
    )
    return sorted(map(_resolution, rows), key=_way)


async def advance(
    connection: AsyncConnection,
    resolution: Resolution,
    *,
    lease: str,
    lease_until_ms: int,
    state: ResolutionState | None = None,
    before: str | None = None,
    gained: str | None = None,
    step: str | None = None,
) -> Resolution | None:
    """The decision as it is now, with what is given set and the lease renewed; None if it is no longer ours."""
    told = {"state": state.value if state is not None else None, "before": before, "gained": gained, "step": step}
    return await _set_held(
        connection,
        resolution,
        lease,
        lease_until_ms=lease_until_ms,
        **{name: value for name, value in told.items() if value is not None},
    )


async def end(
    connection: AsyncConnection,
    resolution: Resolution,
    state: ResolutionState,
    *,
    lease: str,
    now_ms: int,
    error: str | None = None,
) -> bool:
    """Whether the decision was still ours; if so it is over now, in this state. Its row stays, for undo and people."""
    ended = await _set_held(
        connection,
        resolution,
        lease,
        state=state.value,
        error=error,
        ended_at_ms=now_ms,
        lease=None,
        lease_until_ms=0,
    )
    return ended is not None


async def postpone(
    connection: AsyncConnection, resolution: Resolution, *, lease: str, error: str | None, not_before_ms: int
) -> None:
    """The decision, if it still is ours, waits as it is. Without an error it was not tried at all."""
    await _set_held(
        connection,
        resolution,
        lease,
        lease=None,
        lease_until_ms=0,
        not_before_ms=not_before_ms,
        error=error if error is not None else resolutions.c.error,
        attempts=resolutions.c.attempts - (1 if error is None else 0),
    )


async def undo(
    connection: AsyncConnection,
    owner_id: OwnerId,
    ids: Sequence[str],
    *,
    from_states: Collection[ResolutionState] = _CAN_BE_UNDONE,
) -> list[str]:
    """Those of these decisions that are to be undone from now on; sorted. Those in other states stay as they are."""
    found: list[str] = []
    for chunk in chunks(ids):
        found += await connection.scalars(
            update(resolutions)
            .where(
                resolutions.c.owner_id == owner_id,
                resolutions.c.resolution_id.in_(chunk),
                resolutions.c.state.in_(sorted(state.value for state in from_states)),
            )
            .values(
                state=ResolutionState.UNDOING.value,
                ended_at_ms=None,
                error=None,
                attempts=0,
                not_before_ms=0,
                lease=None,
                lease_until_ms=0,
            )
            .returning(resolutions.c.resolution_id)
        )
    return sorted(found)


async def entries(connection: AsyncConnection, owner_id: OwnerId, ids: Sequence[str]) -> list[Resolution]:
    """Those of the owner's decisions that have one of these ids, oldest first."""
    rows: list[Row[Any]] = []
    for chunk in chunks(ids):
        rows += await connection.execute(
            select(resolutions).where(resolutions.c.owner_id == owner_id, resolutions.c.resolution_id.in_(chunk))
        )
    return _in_order(rows)


async def since(connection: AsyncConnection, owner_id: OwnerId, *, since_ms: int) -> list[Resolution]:
    """The decisions that were taken, or were carried out, at or after the time; oldest first."""
    rows = await connection.execute(
        select(resolutions).where(
            resolutions.c.owner_id == owner_id,
            or_(resolutions.c.decided_at_ms >= since_ms, resolutions.c.ended_at_ms >= since_ms),
        )
    )
    return _in_order(rows)


async def outstanding(connection: AsyncConnection, owner_id: OwnerId) -> list[Resolution]:
    """The owner's decisions that are not carried out yet, oldest first."""
    rows = await connection.execute(select(resolutions).where(resolutions.c.owner_id == owner_id, _IS_OPEN))
    return _in_order(rows)


async def counts(connection: AsyncConnection, owner_id: OwnerId) -> dict[ResolutionState, int]:
    """How many of the owner's decisions are in each state."""
    rows = await connection.execute(
        select(resolutions.c.state, func.count())
        .where(resolutions.c.owner_id == owner_id)
        .group_by(resolutions.c.state)
    )
    return {ResolutionState(state): count for state, count in rows}


async def owners_with_due_resolutions(connection: AsyncConnection, *, now_ms: int) -> list[OwnerId]:
    """Owners for whom a claim would find something now."""
    rows = await connection.scalars(select(resolutions.c.owner_id).where(*_due(now_ms)).distinct())
    return [OwnerId(owner_id) for owner_id in rows]


async def release_leases(connection: AsyncConnection) -> None:
    """Ends every lease of a former process; only for the one owner of an embedded data folder."""
    await connection.execute(
        update(resolutions).where(resolutions.c.lease.is_not(None)).values(lease=None, lease_until_ms=0)
    )


async def _set_held(
    connection: AsyncConnection, resolution: Resolution, held_by: str, /, **values: Any
) -> Resolution | None:
    row = (
        await connection.execute(
            update(resolutions)
            .where(
                resolutions.c.owner_id == resolution.owner_id,
                resolutions.c.resolution_id == resolution.id,
                resolutions.c.lease == held_by,
            )
            .values(**values)
            .returning(resolutions)
        )
    ).one_or_none()
    return _resolution(row) if row is not None else None


def _due(now_ms: int) -> tuple[ColumnElement[bool], ...]:
    return (
        _IS_OPEN,
        resolutions.c.not_before_ms <= now_ms,
        or_(resolutions.c.lease.is_(None), resolutions.c.lease_until_ms <= now_ms),
    )


def _way(resolution: Resolution) -> tuple[int, str]:
    is_going_back = resolution.state is ResolutionState.UNDOING
    return (-resolution.decided_at_ms if is_going_back else resolution.decided_at_ms, resolution.id)


def _in_order(rows: Any) -> list[Resolution]:
    return sorted(map(_resolution, rows), key=lambda each: (each.decided_at_ms, each.id))


def _resolution(row: Row[Any]) -> Resolution:
    return Resolution(
        id=row.resolution_id,
        owner_id=OwnerId(row.owner_id),
        set_id=row.set_id,
        keep_ids=msgspec.json.decode(row.keep_ids, type=tuple[AssetId, ...]),
        trash_ids=msgspec.json.decode(row.trash_ids, type=tuple[AssetId, ...]),
        origin=row.origin,
        agreed=row.agreed,
        state=ResolutionState(row.state),
        before=row.before,
        gained=row.gained,
        step=row.step,
        attempts=row.attempts,
        error=row.error,
        decided_at_ms=row.decided_at_ms,
        ended_at_ms=row.ended_at_ms,
    )


async def failed(connection: AsyncConnection, owner_id: OwnerId) -> list[Resolution]:
    """The owner's decisions that were given up, oldest first."""
    rows = await connection.execute(
        select(resolutions).where(
            resolutions.c.owner_id == owner_id, resolutions.c.state == ResolutionState.FAILED.value
        )
    )
    return _in_order(rows)


async def places(
    connection: AsyncConnection,
    owner_id: OwnerId,
    *,
    states: Collection[ResolutionState],
    limit: int,
    before: tuple[int, str] | None = None,
) -> list[tuple[int, str]]:
    """(when it was decided, id) of the owner's latest decisions in these states, the latest first.

    Shape:  before is where the former page ended: only what is earlier is told.
    """
    wanted = [resolutions.c.owner_id == owner_id, resolutions.c.state.in_(sorted(states))]
    if before is not None:
        at_ms, earlier_id = before
        same_moment = and_(resolutions.c.decided_at_ms == at_ms, resolutions.c.resolution_id < earlier_id)
        wanted.append(and_(resolutions.c.decided_at_ms <= at_ms, or_(resolutions.c.decided_at_ms < at_ms, same_moment)))
    rows = await connection.execute(
        select(resolutions.c.decided_at_ms, resolutions.c.resolution_id)
        .where(*wanted)
        .order_by(resolutions.c.decided_at_ms.desc(), resolutions.c.resolution_id.desc())
        .limit(limit)
    )
    return [(decided_at_ms, resolution_id) for decided_at_ms, resolution_id in rows]
