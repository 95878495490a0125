"""Immich's stacks as last seen: who is in which, and who is the primary."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from sqlalchemy import delete, func, select
from sqlalchemy.ext.asyncio import AsyncConnection

from sidecar.model import AssetId, OwnerId, Stack, StackId
from sidecar.storage import shown_changes
from sidecar.storage.database import chunks, unique, upsert
from sidecar.storage.tables import stack_members

_KEYS = frozenset({"owner_id", "asset_id"})


async def touching(connection: AsyncConnection, owner_id: OwnerId, ids: Sequence[AssetId]) -> list[Stack]:
    """Every stack that holds one of these assets, whole; sorted by id."""
    stack_ids: set[str] = set()
    for chunk in chunks(ids):
        stack_ids.update(
            await connection.scalars(
                select(stack_members.c.stack_id).where(
                    stack_members.c.owner_id == owner_id, stack_members.c.asset_id.in_(chunk)
                )
            )
        )
    return await _load(connection, owner_id, sorted(stack_ids))


async def everything(connection: AsyncConnection, owner_id: OwnerId) -> dict[StackId, Stack]:
    """All the owner's stacks by id."""
    rows = await connection.execute(
        select(stack_members.c.stack_id, stack_members.c.asset_id, stack_members.c.is_primary).where(
            stack_members.c.owner_id == owner_id
        )
    )
    return {stack.id: stack for stack in _assemble((row.stack_id, row.asset_id, row.is_primary) for row in rows)}


async def reconcile(
    connection: AsyncConnection, owner_id: OwnerId, present: Iterable[Stack], *, asked_at_ms: int
) -> set[AssetId]:
    """The assets whose stack is another than recorded, after the record was brought in line with Immich's whole list.

    Shape:  present is all that Immich listed when asked at asked_at_ms. What was recorded since (our own writes go on
            meanwhile) is newer than the list and stays.
    """
    recorded = await everything(connection, owner_id)
    newer = set(
        await connection.scalars(
            select(stack_members.c.asset_id).where(
                stack_members.c.owner_id == owner_id, stack_members.c.seen_at_ms >= asked_at_ms
            )
        )
    )
    listed = {stack.id: stack for stack in present if newer.isdisjoint(stack.member_ids)}
    changed = [stack for stack_id, stack in listed.items() if not _same(stack, recorded.get(stack_id))]
    gone = [
        stack for stack_id, stack in recorded.items() if stack_id not in listed and newer.isdisjoint(stack.member_ids)
    ]
    touched = {
        asset_id
        for stack in (*changed, *gone, *(recorded[stack.id] for stack in changed if stack.id in recorded))
        for asset_id in (stack.primary_id, *stack.member_ids)
    }
    await forget(connection, owner_id, [stack.id for stack in gone])
    await put(connection, owner_id, changed, now_ms=asked_at_ms)
    return touched


async def put(connection: AsyncConnection, owner_id: OwnerId, present: Iterable[Stack], *, now_ms: int) -> None:
    """Records these stacks as they are; their members leave whatever stack they were recorded in before."""
    rows = [
        {
            "owner_id": owner_id,
            "asset_id": asset_id,
            "stack_id": stack.id,
            "is_primary": asset_id == stack.primary_id,
            "seen_at_ms": now_ms,
        }
        for stack in present
        # A primary that Immich hides (trashed, archived apart) still is the primary and still belongs to the stack.
        for asset_id in unique((stack.primary_id, *stack.member_ids))
    ]
    if rows:
        await forget(connection, owner_id, unique(str(row["stack_id"]) for row in rows))
        await connection.execute(upsert(connection, stack_members, _KEYS), rows)
        shown_changes.note(connection, owner_id)


async def leave(connection: AsyncConnection, owner_id: OwnerId, ids: Sequence[AssetId]) -> None:
    """These assets are in no stack any more."""
    for chunk in chunks(ids):
        shown_changes.note(connection, owner_id)
        await connection.execute(
            delete(stack_members).where(stack_members.c.owner_id == owner_id, stack_members.c.asset_id.in_(chunk))
        )


async def forget(connection: AsyncConnection, owner_id: OwnerId, stack_ids: Sequence[str]) -> None:
    """These stacks exist no more; their assets stay."""
    for chunk in chunks(stack_ids):
        shown_changes.note(connection, owner_id)
        await connection.execute(
            delete(stack_members).where(stack_members.c.owner_id == owner_id, stack_members.c.stack_id.in_(chunk))
        )


async def count(connection: AsyncConnection, owner_id: OwnerId) -> int:
    """How many stacks the owner has."""
    counted = await connection.scalar(
        select(func.count(stack_members.c.stack_id.distinct())).where(stack_members.c.owner_id == owner_id)
    )
    return counted or 0


async def _load(connection: AsyncConnection, owner_id: OwnerId, stack_ids: Sequence[str]) -> list[Stack]:
    found: list[tuple[str, str, bool]] = []
    for chunk in chunks(stack_ids):
        rows = await connection.execute(
            select(stack_members.c.stack_id, stack_members.c.asset_id, stack_members.c.is_primary).where(
                stack_members.c.owner_id == owner_id, stack_members.c.stack_id.in_(chunk)
            )
        )
        found += [(row.stack_id, row.asset_id, row.is_primary) for row in rows]
    return _assemble(found)


def _same(stack: Stack, recorded: Stack | None) -> bool:
    return (
        recorded is not None
        and stack.primary_id == recorded.primary_id
        and {stack.primary_id, *stack.member_ids} == set(recorded.member_ids)
    )


def _assemble(rows: Iterable[tuple[str, str, bool]]) -> list[Stack]:
    members: dict[str, list[AssetId]] = {}
    primaries: dict[str, AssetId] = {}
    for stack_id, asset_id, is_primary in rows:
        members.setdefault(stack_id, []).append(AssetId(asset_id))
        if is_primary:
            primaries[stack_id] = AssetId(asset_id)
    return [
        # A primary taken over by another stack leaves a stack without one; its first member stands in.
        Stack(StackId(stack_id), primaries.get(stack_id, min(ids)), tuple(sorted(ids)))
        for stack_id, ids in sorted(members.items())
    ]
