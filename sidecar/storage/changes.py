"""What events told: what of each owner's is to be looked at again. An event is believed in that and nothing else."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Sequence
from dataclasses import dataclass, replace
from enum import StrEnum
from secrets import randbelow
from typing import Any

from sqlalchemy import bindparam, case, delete, func, literal_column, null, or_, select, update
from sqlalchemy.ext.asyncio import AsyncConnection

from sidecar.model import AssetId, OwnerId
from sidecar.storage.database import FIRST_GENERATIONS, chunks, insert_for, write_rows
from sidecar.storage.tables import changes

MAX_ATTEMPTS = 5
"""After so many failures an asset waits for a person or for another event about it."""

_STACKS = ""


class Source(StrEnum):
    """How we came to know of a change."""

    WEBHOOK = "webhook"
    WEBSOCKET = "websocket"
    POLL = "poll"


@dataclass(frozen=True, slots=True)
class Change:
    """Something of this owner's is to be looked at again.

    Shape:  asset_id is None where the owner's stacks are meant, which Immich does not tell apart. auto_stack_id is the
            camera's own burst id where a webhook brought one.
    Units:  updated_at_ms is the server's, as the event told it; None if it told none.
    """

    owner_id: OwnerId
    source: Source
    asset_id: AssetId | None
    updated_at_ms: int | None = None
    auto_stack_id: str | None = None


@dataclass(frozen=True, slots=True)
class Heard:
    """A change that waits to be looked at; generation tells whether it was told again meanwhile."""

    change: Change
    generation: int
    attempts: int


@dataclass(frozen=True, slots=True)
class GivenUp:
    """A change that could not be looked at; asset_id as in Change."""

    asset_id: AssetId | None
    error: str
    heard_at_ms: int


def merged(told: Iterable[Change]) -> list[Change]:
    """The same changes, each asset of an owner once, with the newest of what was told about it."""
    found: dict[tuple[OwnerId, AssetId | None], Change] = {}
    for change in told:
        key = (change.owner_id, change.asset_id)
        before = found.get(key)
        found[key] = change if before is None else _newer(before, change)
    return list(found.values())


async def add(connection: AsyncConnection, told: Iterable[Change], *, now_ms: int, not_before_ms: int = 0) -> None:
    """These changes wait to be looked at; one that waits already gets a new generation and another chance."""
    rows = [
        (
            change.owner_id,
            change.asset_id or _STACKS,
            change.source.value,
            # A row that is finished and told anew must not be taken for the former one.
            randbelow(FIRST_GENERATIONS),
            change.updated_at_ms,
            change.auto_stack_id,
            now_ms,
            0,
            not_before_ms,
            None,
        )
        # In one order, so that no two who add at once wait for each other.
        for change in sorted(merged(told), key=lambda each: (each.owner_id, each.asset_id or _STACKS))
    ]
    await write_rows(connection, "changes", _adding, rows)


async def due(connection: AsyncConnection, owner_id: OwnerId, *, now_ms: int, limit: int) -> list[Heard]:
    """Up to `limit` changes to look at now, those that wait longest first."""
    rows = await connection.execute(
        select(changes)
        .where(changes.c.owner_id == owner_id, *_due(now_ms))
        .order_by(changes.c.not_before_ms, changes.c.heard_at_ms, changes.c.asset_id)
        .limit(limit)
    )
    return [
        Heard(
            Change(owner_id, Source(row.source), _asset_id(row.asset_id), row.updated_at_ms, row.auto_stack_id),
            row.generation,
            row.attempts,
        )
        for row in rows
    ]


async def finish(connection: AsyncConnection, owner_id: OwnerId, looked_at: Sequence[Heard]) -> None:
    """These were looked at; one that was told again meanwhile stays."""
    if looked_at:
        await connection.execute(
            delete(changes).where(
                changes.c.owner_id == owner_id,
                changes.c.asset_id == bindparam("of_asset"),
                changes.c.generation == bindparam("of_generation"),
            ),
            # In the order in which they are added, so that no two wait for each other.
            sorted(
                ({"of_asset": each.change.asset_id or _STACKS, "of_generation": each.generation} for each in looked_at),
                key=lambda row: str(row["of_asset"]),
            ),
        )


async def postpone(
    connection: AsyncConnection,
    owner_id: OwnerId,
    asset_ids: Collection[AssetId | None],
    *,
    not_before_ms: int,
    error: str | None = None,
) -> None:
    """These are looked at later; with an error it was an attempt."""
    for chunk in chunks(sorted(each or _STACKS for each in asset_ids)):
        await connection.execute(
            update(changes)
            .where(changes.c.owner_id == owner_id, changes.c.asset_id.in_(chunk))
            .values(
                not_before_ms=not_before_ms, error=error, attempts=changes.c.attempts + (1 if error is not None else 0)
            )
        )


async def owners_with_due_changes(connection: AsyncConnection, *, now_ms: int) -> list[OwnerId]:
    """Owners of whom something is to be looked at now."""
    rows = await connection.scalars(select(changes.c.owner_id).where(*_due(now_ms)).distinct())
    return [OwnerId(owner_id) for owner_id in rows]


async def counts(connection: AsyncConnection, owner_id: OwnerId) -> tuple[int, int]:
    """How many changes wait, and how many were given up."""
    spent = changes.c.attempts >= MAX_ATTEMPTS
    row = (
        await connection.execute(select(func.count(), func.count().filter(spent)).where(changes.c.owner_id == owner_id))
    ).one()
    return row[0] - row[1], row[1]


async def given_up(connection: AsyncConnection, owner_id: OwnerId) -> list[GivenUp]:
    """The changes that were tried too often, by asset."""
    rows = await connection.execute(
        select(changes.c.asset_id, changes.c.error, changes.c.heard_at_ms)
        .where(changes.c.owner_id == owner_id, changes.c.attempts >= MAX_ATTEMPTS)
        .order_by(changes.c.asset_id)
    )
    return [GivenUp(_asset_id(row.asset_id), row.error or "", row.heard_at_ms) for row in rows]


async def retry(connection: AsyncConnection, owner_id: OwnerId, asset_ids: Collection[AssetId | None]) -> None:
    """Those of these that were given up are to be looked at now."""
    for chunk in chunks(sorted(each or _STACKS for each in asset_ids)):
        await connection.execute(
            update(changes)
            .where(changes.c.owner_id == owner_id, changes.c.asset_id.in_(chunk), changes.c.attempts >= MAX_ATTEMPTS)
            .values(attempts=0, not_before_ms=0, error=null())
        )


def _newer(before: Change, change: Change) -> Change:
    told = [each for each in (before.updated_at_ms, change.updated_at_ms) if each is not None]
    # Whoever did not tell the server's time may know of something newer.
    updated_at_ms = max(told) if len(told) > 1 else None
    return replace(change, updated_at_ms=updated_at_ms, auto_stack_id=change.auto_stack_id or before.auto_stack_id)


def _due(now_ms: int) -> tuple[Any, ...]:
    return (changes.c.not_before_ms <= now_ms, changes.c.attempts < MAX_ATTEMPTS)


def _asset_id(stored: str) -> AssetId | None:
    return AssetId(stored) if stored != _STACKS else None


def _adding(connection: AsyncConnection) -> Any:
    statement = insert_for(connection, changes)
    told = statement.excluded
    return statement.on_conflict_do_update(
        index_elements=["owner_id", "asset_id"],
        set_={
            "source": told.source,
            "generation": changes.c.generation + literal_column("1"),
            "updated_at_ms": case(
                (or_(told.updated_at_ms.is_(None), changes.c.updated_at_ms.is_(None)), null()),
                (told.updated_at_ms > changes.c.updated_at_ms, told.updated_at_ms),
                else_=changes.c.updated_at_ms,
            ),
            "auto_stack_id": func.coalesce(told.auto_stack_id, changes.c.auto_stack_id),
            "attempts": literal_column("0"),
            # What waits for its time is neither hurried nor put off by hearing it again, unless it waits as it failed.
            "not_before_ms": case(
                (changes.c.attempts == literal_column("0"), changes.c.not_before_ms), else_=told.not_before_ms
            ),
            "error": null(),
        },
    )
