"""Since when the oldest of what is to be done has been waiting, and why pictures could not be looked at: for whoever
watches the whole.
"""

from __future__ import annotations

from collections.abc import Collection
from enum import StrEnum
from typing import Any

from sqlalchemy import ColumnElement, Select, func, literal_column, select
from sqlalchemy.ext.asyncio import AsyncConnection

from sidecar.model import OwnerId
from sidecar.storage import changes as told
from sidecar.storage import work as marked
from sidecar.storage.tables import actions, changes, fingerprints, resolutions, work


class Waits(StrEnum):
    """What may wait."""

    NAMES = "names"
    """File names that are to be compared; they count from when they were due."""
    EVENTS = "events"
    WRITES = "writes"
    DECISIONS = "decisions"


async def oldest_ms(connection: AsyncConnection, owner_ids: Collection[OwnerId]) -> dict[Waits, int]:
    """The time of the oldest of each kind that these users have and that is still tried, where there is one."""
    found: dict[Waits, list[int]] = {kind: [] for kind in Waits}
    for owner_id in owner_ids:
        for kind, statement in _oldest(owner_id).items():
            if (at_ms := await connection.scalar(statement)) is not None:
                found[kind].append(at_ms)
    return {kind: min(times_ms) for kind, times_ms in found.items() if times_ms}


async def flaws(connection: AsyncConnection, owner_ids: Collection[OwnerId]) -> dict[str, int]:
    """How many pictures of these users could not be looked at, by the short word for why."""
    rows = await connection.execute(
        select(fingerprints.c.flaw, func.count())
        .where(fingerprints.c.owner_id.in_(owner_ids), fingerprints.c.flaw.is_not(None))
        .group_by(fingerprints.c.flaw)
    )
    return {row[0]: row[1] for row in rows}


def _oldest(owner_id: OwnerId) -> dict[Waits, Select[Any]]:
    is_intended: ColumnElement[bool] = actions.c.state == literal_column("'intended'")
    return {
        Waits.NAMES: select(func.min(work.c.not_before_ms)).where(
            work.c.owner_id == owner_id, work.c.not_before_ms > 0, work.c.attempts < marked.MAX_ATTEMPTS
        ),
        Waits.EVENTS: select(func.min(changes.c.heard_at_ms)).where(
            changes.c.owner_id == owner_id, changes.c.attempts < told.MAX_ATTEMPTS
        ),
        Waits.WRITES: select(func.min(actions.c.intended_at_ms)).where(actions.c.owner_id == owner_id, is_intended),
        Waits.DECISIONS: select(func.min(resolutions.c.decided_at_ms)).where(
            resolutions.c.owner_id == owner_id, resolutions.c.ended_at_ms.is_(None)
        ),
    }
