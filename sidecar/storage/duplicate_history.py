"""What became of sets of duplicates that are listed no more: which were decided about, and what was dismissed when."""

from __future__ import annotations

from dataclasses import dataclass

from sqlalchemy import func, or_, select
from sqlalchemy.ext.asyncio import AsyncConnection

from sidecar.grouping.memory import DecisionKind, DecisionSource
from sidecar.model import AssetId, OwnerId
from sidecar.storage.database import chunks
from sidecar.storage.tables import decisions, resolutions

Place = tuple[int, str]
"""Where a dismissal stands in their list: when it was said, and its id."""


@dataclass(frozen=True, slots=True)
class Dismissal:
    """That no two of these assets are duplicates of each other; the ids are sorted."""

    id: str
    source: DecisionSource
    decided_at_ms: int
    asset_ids: tuple[AssetId, ...]


async def was_decided(connection: AsyncConnection, owner_id: OwnerId, set_id: str) -> bool:
    """Whether the owner ever decided what to keep of the set of this id."""
    found = select(resolutions.c.resolution_id).where(
        resolutions.c.owner_id == owner_id, resolutions.c.set_id == set_id
    )
    return await connection.scalar(found.limit(1)) is not None


async def dismissals(
    connection: AsyncConnection, owner_id: OwnerId, *, limit: int, before: Place | None = None
) -> list[Dismissal]:
    """Up to `limit` of the owner's dismissals, the latest first; before is where the former page ended."""
    said_at_ms = func.max(decisions.c.decided_at_ms)
    of_owner = (decisions.c.owner_id == owner_id, decisions.c.kind == DecisionKind.DISTINCT.value)
    latest = (
        select(decisions.c.decision_id, said_at_ms)
        .where(*of_owner)
        .group_by(decisions.c.decision_id)
        .order_by(said_at_ms.desc(), decisions.c.decision_id.desc())
        .limit(limit)
    )
    if before is not None:
        at_ms, last_id = before
        latest = latest.having(or_(said_at_ms < at_ms, (said_at_ms == at_ms) & (decisions.c.decision_id < last_id)))
    places = [(decision_id, at_ms) for decision_id, at_ms in await connection.execute(latest)]
    members: dict[str, list[AssetId]] = {}
    sources: dict[str, DecisionSource] = {}
    for chunk in chunks([decision_id for decision_id, _ in places]):
        rows = await connection.execute(
            select(decisions.c.decision_id, decisions.c.asset_id, decisions.c.source)
            .where(*of_owner, decisions.c.decision_id.in_(chunk))
            .order_by(decisions.c.decision_id, decisions.c.asset_id)
        )
        for decision_id, asset_id, source in rows:
            members.setdefault(decision_id, []).append(AssetId(asset_id))
            sources[decision_id] = DecisionSource(source)
    return [
        Dismissal(decision_id, sources[decision_id], at_ms, tuple(members[decision_id]))
        for decision_id, at_ms in places
    ]
