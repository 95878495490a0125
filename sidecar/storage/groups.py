"""What the sidecar made and what people decided: groups with their members, and decisions that stand against them."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from enum import StrEnum

import msgspec
from sqlalchemy import Select, func, insert, select, update
from sqlalchemy.ext.asyncio import AsyncConnection

from sidecar.grouping.planning import Decision, OurGroup
from sidecar.model import AssetId, GroupId, OwnerId
from sidecar.storage.database import chunks, write_rows
from sidecar.storage.tables import decisions, group_members, groups


class GroupState(StrEnum):
    """Where a group stands. Only an active one says that Immich has shown its stack."""

    INTENDED = "intended"
    ACTIVE = "active"
    WITHDRAWN = "withdrawn"
    """Never made: what it was planned on had changed before it could be written."""
    REPLACED = "replaced"
    """Extended: a newer group of ours holds its members."""


async def add(
    connection: AsyncConnection,
    owner_id: OwnerId,
    new: Sequence[tuple[OurGroup, str, Sequence[str]]],
    *,
    now_ms: int,
) -> None:
    """Records groups that are about to be made, as (group, kind, reasons)."""
    intended = GroupState.INTENDED.value
    rows = [
        (owner_id, group.id, kind, intended, group.primary_id, msgspec.json.encode(list(reasons)).decode(), now_ms)
        for group, kind, reasons in new
    ]
    members = [(owner_id, group.id, asset_id) for group, _, _ in new for asset_id in group.member_ids]
    await write_rows(connection, "groups", lambda _: insert(groups), rows)
    await write_rows(connection, "group_members", lambda _: insert(group_members), members)


async def set_state(
    connection: AsyncConnection, owner_id: OwnerId, ids: Collection[GroupId], state: GroupState
) -> None:
    """Moves these groups to the state."""
    for chunk in chunks(sorted(ids)):
        await connection.execute(
            update(groups).where(groups.c.owner_id == owner_id, groups.c.group_id.in_(chunk)).values(state=state.value)
        )


async def set_primary(connection: AsyncConnection, owner_id: OwnerId, group_id: GroupId, primary_id: AssetId) -> None:
    """Remembers the primary that the user chose in Immich."""
    await connection.execute(
        update(groups).where(groups.c.owner_id == owner_id, groups.c.group_id == group_id).values(primary_id=primary_id)
    )


async def active_touching(connection: AsyncConnection, owner_id: OwnerId, ids: Sequence[AssetId]) -> list[OurGroup]:
    """Our active groups that hold one of these assets, whole; sorted by id."""
    found: set[str] = set()
    for chunk in chunks(ids):
        found.update(await connection.scalars(_touching(owner_id).where(group_members.c.asset_id.in_(chunk))))
    return await _load(connection, owner_id, sorted(found))


async def active(connection: AsyncConnection, owner_id: OwnerId) -> list[OurGroup]:
    """All our active groups of the owner, sorted by id."""
    return await _load(connection, owner_id, sorted(set(await connection.scalars(_touching(owner_id)))))


async def counts(connection: AsyncConnection, owner_id: OwnerId) -> dict[GroupState, int]:
    """How many groups of the owner are in each state."""
    rows = await connection.execute(
        select(groups.c.state, func.count()).where(groups.c.owner_id == owner_id).group_by(groups.c.state)
    )
    return {GroupState(state): count for state, count in rows}


async def add_decisions(
    connection: AsyncConnection, owner_id: OwnerId, new: Sequence[tuple[str, Decision]], *, now_ms: int
) -> None:
    """Remembers, as (id, decision), what the user keeps apart; for ever."""
    rows = [
        {
            "owner_id": owner_id,
            "decision_id": decision_id,
            "asset_id": asset_id,
            "kind": "keep_apart",
            "decided_at_ms": now_ms,
        }
        for decision_id, decision in new
        for asset_id in decision.asset_ids
    ]
    if rows:
        await connection.execute(insert(decisions), rows)


async def decisions_touching(connection: AsyncConnection, owner_id: OwnerId, ids: Sequence[AssetId]) -> list[Decision]:
    """The decisions about any of these assets, whole; in a fixed order."""
    found: set[str] = set()
    for chunk in chunks(ids):
        found.update(
            await connection.scalars(
                select(decisions.c.decision_id).where(decisions.c.owner_id == owner_id, decisions.c.asset_id.in_(chunk))
            )
        )
    members: dict[str, set[AssetId]] = {}
    for decision_ids in chunks(sorted(found)):
        rows = await connection.execute(
            select(decisions.c.decision_id, decisions.c.asset_id).where(
                decisions.c.owner_id == owner_id, decisions.c.decision_id.in_(decision_ids)
            )
        )
        for row in rows:
            members.setdefault(row.decision_id, set()).add(AssetId(row.asset_id))
    return [Decision(frozenset(ids)) for _, ids in sorted(members.items())]


async def all_decisions(connection: AsyncConnection, owner_id: OwnerId) -> list[tuple[str, Decision]]:
    """Every decision of the owner, as (id, decision)."""
    members: dict[str, set[AssetId]] = {}
    for row in await connection.execute(
        select(decisions.c.decision_id, decisions.c.asset_id).where(decisions.c.owner_id == owner_id)
    ):
        members.setdefault(row.decision_id, set()).add(AssetId(row.asset_id))
    return [(decision_id, Decision(frozenset(ids))) for decision_id, ids in sorted(members.items())]


def _touching(owner_id: OwnerId) -> Select[tuple[str]]:
    return (
        select(group_members.c.group_id)
        .join(
            groups,
            (groups.c.owner_id == group_members.c.owner_id) & (groups.c.group_id == group_members.c.group_id),
        )
        .where(group_members.c.owner_id == owner_id, groups.c.state == GroupState.ACTIVE.value)
    )


async def _load(connection: AsyncConnection, owner_id: OwnerId, ids: Sequence[str]) -> list[OurGroup]:
    loaded: list[OurGroup] = []
    for chunk in chunks(ids):
        primaries = {
            row.group_id: AssetId(row.primary_id)
            for row in await connection.execute(
                select(groups.c.group_id, groups.c.primary_id).where(
                    groups.c.owner_id == owner_id, groups.c.group_id.in_(chunk)
                )
            )
        }
        members: dict[str, list[AssetId]] = {}
        for row in await connection.execute(
            select(group_members.c.group_id, group_members.c.asset_id)
            .where(group_members.c.owner_id == owner_id, group_members.c.group_id.in_(chunk))
            .order_by(group_members.c.asset_id)
        ):
            members.setdefault(row.group_id, []).append(AssetId(row.asset_id))
        loaded += [OurGroup(GroupId(id_), tuple(members[id_]), primaries[id_]) for id_ in chunk]
    return loaded
