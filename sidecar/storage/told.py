"""When each user was told, inside Immich, that something waits for them, and what of it they were told of."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import dataclass

from sqlalchemy import delete, func, insert, select, update
from sqlalchemy.ext.asyncio import AsyncConnection

from sidecar.duplicates.classes import DuplicateClass
from sidecar.model import OwnerId
from sidecar.storage.database import insert_for, write_rows
from sidecar.storage.findings import FOR_A_PERSON
from sidecar.storage.tables import duplicate_sets, findings, told, told_findings


@dataclass(frozen=True, slots=True)
class Told:
    """When the user was told last, and until when what was found is no news to them; 0 for never."""

    told_at_ms: int = 0
    known_at_ms: int = 0


@dataclass(frozen=True, slots=True)
class Waiting:
    """What waits for the user that they were not told of, and the names of all findings that wait."""

    suggestions: int
    duplicate_sets: int
    finding_ids: Sequence[str]

    @property
    def is_news(self) -> bool:
        """Whether there is anything to tell."""
        return bool(self.suggestions or self.duplicate_sets)


async def due_among(connection: AsyncConnection, owner_ids: Collection[OwnerId], *, now_ms: int) -> set[OwnerId]:
    """Those of whom it is time to think; whoever was never thought of is due at once."""
    later = set(await connection.scalars(select(told.c.owner_id).where(told.c.due_at_ms > now_ms)))
    return set(owner_ids) - later


async def claim(connection: AsyncConnection, owner_id: OwnerId, *, now_ms: int, due_at_ms: int) -> Told | None:
    """When the owner was told last, for the one who thinks of them now; None if somebody else does, or it is too early.

    Shape:  due_at_ms is when it is time the next time.
    """
    new = insert_for(connection, told).values(owner_id=owner_id, due_at_ms=due_at_ms, told_at_ms=0, known_at_ms=0)
    claiming = new.on_conflict_do_update(
        index_elements=["owner_id"], set_={"due_at_ms": due_at_ms}, where=told.c.due_at_ms <= now_ms
    )
    row = (await connection.execute(claiming.returning(told.c.told_at_ms, told.c.known_at_ms))).one_or_none()
    return Told(*row) if row is not None else None


async def waiting(connection: AsyncConnection, owner_id: OwnerId, *, known_at_ms: int) -> Waiting:
    """What is new to the owner; pictures without content, which wait for nobody, are none."""
    ids = list(
        await connection.scalars(
            select(findings.c.finding_id)
            .distinct()
            .where(findings.c.owner_id == owner_id, findings.c.kind.in_([kind.value for kind in FOR_A_PERSON]))
        )
    )
    told_of = select(told_findings.c.finding_id).where(told_findings.c.owner_id == owner_id)
    known = set(await connection.scalars(told_of))
    new_sets = await connection.scalar(
        select(func.count())
        .select_from(duplicate_sets)
        .where(
            duplicate_sets.c.owner_id == owner_id,
            duplicate_sets.c.found_at_ms > known_at_ms,
            duplicate_sets.c.kind != DuplicateClass.FEATURELESS.value,
        )
    )
    return Waiting(len(set(ids) - known), new_sets or 0, ids)


async def begin(connection: AsyncConnection, owner_id: OwnerId, *, now_ms: int) -> None:
    """The owner is being told: whatever comes of it, they are not told again today."""
    await connection.execute(update(told).where(told.c.owner_id == owner_id).values(told_at_ms=now_ms))


async def end(connection: AsyncConnection, owner_id: OwnerId, finding_ids: Sequence[str], *, known_at_ms: int) -> None:
    """The owner was told of these findings, and of every set that was found until known_at_ms."""
    await connection.execute(update(told).where(told.c.owner_id == owner_id).values(known_at_ms=known_at_ms))
    await connection.execute(delete(told_findings).where(told_findings.c.owner_id == owner_id))
    rows = [(owner_id, finding_id) for finding_id in finding_ids]
    await write_rows(connection, "told_findings", lambda _: insert(told_findings), rows)
