"""Groups: the stacks that the sidecar made or saw, with their members, whatever Immich calls them by now."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from enum import StrEnum

import msgspec
from sqlalchemy import Select, case, delete, func, insert, select, update
from sqlalchemy.ext.asyncio import AsyncConnection

from sidecar.grouping.memory import OurGroup
from sidecar.model import AssetId, GroupId, OwnerId
from sidecar.storage import shown_changes
from sidecar.storage.database import chunks, write_rows
from sidecar.storage.tables import group_members, groups


class GroupState(StrEnum):
    """Where a group stands. Only an active or seen one says that Immich has shown its stack."""

    INTENDED = "intended"
    ACTIVE = "active"
    SEEN = "seen"
    """Somebody else made the stack, and it says the same as we would."""
    WITHDRAWN = "withdrawn"
    """Never made: what it was planned on had changed before it could be written."""
    REPLACED = "replaced"
    """Extended: a newer group of ours holds its members."""
    UNDONE = "undone"
    """Taken back or taken apart, at the user's wish."""


_LIVING = (GroupState.ACTIVE.value, GroupState.SEEN.value)


async def add(
    connection: AsyncConnection,
    owner_id: OwnerId,
    new: Sequence[tuple[OurGroup, str, Sequence[str]]],
    *,
    now_ms: int,
) -> None:
    """Records groups, as (group, kind, reasons): ours are about to be made, others were seen."""
    states = {True: GroupState.INTENDED.value, False: GroupState.SEEN.value}
    rows = [
        (
            owner_id,
            group.id,
            kind,
            states[group.is_ours],
            group.primary_id,
            msgspec.json.encode(list(reasons)).decode(),
            now_ms,
        )
        for group, kind, reasons in new
    ]
    members = [(owner_id, group.id, asset_id) for group, _, _ in new for asset_id in group.member_ids]
    shown_changes.note(connection, owner_id)
    await write_rows(connection, "groups", lambda _: insert(groups), rows)
    await write_rows(connection, "group_members", lambda _: insert(group_members), members)


async def set_state(
    connection: AsyncConnection, owner_id: OwnerId, ids: Collection[GroupId], state: GroupState
) -> None:
    """Moves these groups to the state."""
    shown_changes.note(connection, owner_id)
    for chunk in chunks(sorted(ids)):
        await connection.execute(
            update(groups).where(groups.c.owner_id == owner_id, groups.c.group_id.in_(chunk)).values(state=state.value)
        )


async def set_primary(connection: AsyncConnection, owner_id: OwnerId, group_id: GroupId, primary_id: AssetId) -> None:
    """Remembers the primary that the user chose in Immich."""
    shown_changes.note(connection, owner_id)
    await connection.execute(
        update(groups).where(groups.c.owner_id == owner_id, groups.c.group_id == group_id).values(primary_id=primary_id)
    )


async def forget_members(
    connection: AsyncConnection, owner_id: OwnerId, gone: Sequence[tuple[GroupId, AssetId]]
) -> None:
    """These members exist no more, and their groups go on without them."""
    shown_changes.note(connection, owner_id)
    for group_id, asset_id in gone:
        await connection.execute(
            delete(group_members).where(
                group_members.c.owner_id == owner_id,
                group_members.c.group_id == group_id,
                group_members.c.asset_id == asset_id,
            )
        )


async def living_touching(connection: AsyncConnection, owner_id: OwnerId, ids: Sequence[AssetId]) -> list[OurGroup]:
    """The active and seen groups that hold one of these assets, whole; sorted by id."""
    found: set[str] = set()
    for chunk in chunks(ids):
        found.update(await connection.scalars(_touching(owner_id).where(group_members.c.asset_id.in_(chunk))))
    return await _load(connection, owner_id, sorted(found))


async def living(connection: AsyncConnection, owner_id: OwnerId) -> list[OurGroup]:
    """All active and seen groups of the owner, sorted by id."""
    return await _load(connection, owner_id, sorted(set(await connection.scalars(_touching(owner_id)))))


async def of_members(
    connection: AsyncConnection, owner_id: OwnerId, members: Sequence[AssetId], states: Collection[GroupState]
) -> list[GroupId]:
    """The groups in one of these states that hold exactly these members, oldest first."""
    held = func.count().label("held")
    rows = await connection.execute(
        select(group_members.c.group_id)
        .join(groups, _IS_OF_GROUP)
        .where(
            group_members.c.owner_id == owner_id,
            groups.c.state.in_([state.value for state in states]),
            group_members.c.group_id.in_(
                select(group_members.c.group_id).where(
                    group_members.c.owner_id == owner_id, group_members.c.asset_id == min(members)
                )
            ),
        )
        .group_by(group_members.c.group_id, groups.c.created_at_ms)
        .having(held == len(members), func.sum(case((group_members.c.asset_id.in_(members), 1), else_=0)) == held)
        .order_by(groups.c.created_at_ms)
    )
    return [GroupId(row.group_id) for row in rows]


async def counts(connection: AsyncConnection, owner_id: OwnerId) -> dict[GroupState, int]:
    """How many groups of the owner are in each state."""
    rows = await connection.execute(
        select(groups.c.state, func.count()).where(groups.c.owner_id == owner_id).group_by(groups.c.state)
    )
    return {GroupState(state): count for state, count in rows}


_IS_OF_GROUP = (groups.c.owner_id == group_members.c.owner_id) & (groups.c.group_id == group_members.c.group_id)


def _touching(owner_id: OwnerId) -> Select[tuple[str]]:
    return (
        select(group_members.c.group_id)
        .join(groups, _IS_OF_GROUP)
        .where(group_members.c.owner_id == owner_id, groups.c.state.in_(_LIVING))
    )


async def _load(connection: AsyncConnection, owner_id: OwnerId, ids: Sequence[str]) -> list[OurGroup]:
    loaded: list[OurGroup] = []
    for chunk in chunks(ids):
        heads = {
            row.group_id: (AssetId(row.primary_id), row.state != GroupState.SEEN.value)
            for row in await connection.execute(
                select(groups.c.group_id, groups.c.primary_id, groups.c.state).where(
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
        loaded += [OurGroup(GroupId(id_), tuple(members[id_]), *heads[id_]) for id_ in chunk]
    return loaded
