"""The journal: every write to Immich before it happens, what was there before, and how it ended.

intended ─► done        Immich shows the stack
         ├► withdrawn   the present no longer fits the plan; the stem is looked at again
         └► failed      given up after too many attempts, with the reason
"""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import dataclass
from enum import StrEnum
from typing import Any

import msgspec
from sqlalchemy import Row, Update, and_, bindparam, func, insert, literal_column, or_, select, update
from sqlalchemy.ext.asyncio import AsyncConnection

from sidecar.model import AssetId, GroupId, OwnerId, Stack, StackId
from sidecar.storage.database import chunks, write_rows
from sidecar.storage.tables import actions

_AT_ONCE = 50
"""So many assets are looked for in one statement: SQLite takes no deeper expression than one of 1000."""

_IS_INTENDED = actions.c.state == literal_column("'intended'")


class ActionKind(StrEnum):
    """What a write does to Immich."""

    CREATE_STACK = "create_stack"
    EXTEND_STACK = "extend_stack"
    """Makes one stack of one or more that there are, and of others."""
    SET_COVER = "set_cover"
    DISSOLVE_STACK = "dissolve_stack"
    UNDO = "undo"


class Origin(StrEnum):
    """Who wanted a write."""

    RULES = "rules"
    USER = "user"


class ActionState(StrEnum):
    """How far a write has come."""

    INTENDED = "intended"
    DONE = "done"
    WITHDRAWN = "withdrawn"
    FAILED = "failed"


@dataclass(frozen=True, slots=True)
class Action:
    """One write to Immich: member_ids with the primary first, and the stacks that it replaces.

    Shape:  attempts counts claims, this one included; above 1 the write may already have reached Immich. known_at_ms is
            the server's time from which on its stacks were not known when the write was planned, members_at_ms the
            newest `updatedAt` of its members then. after are the stacks to be, whose ids mean nothing, if not one of
            member_ids; undoes names the earlier writes that this one takes back.
    """

    id: str
    owner_id: OwnerId
    group_id: GroupId
    stem: str
    kind: ActionKind
    member_ids: tuple[AssetId, ...]
    before: tuple[Stack, ...]
    known_at_ms: int
    members_at_ms: int
    attempts: int = 0
    after: tuple[Stack, ...] | None = None
    undoes: tuple[str, ...] = ()
    origin: Origin = Origin.RULES


@dataclass(frozen=True, slots=True)
class Ended:
    """How one write ended: in which state, as which stack, and why not otherwise."""

    action: Action
    state: ActionState
    stack_id: StackId | None = None
    error: str | None = None


@dataclass(frozen=True, slots=True)
class Entry:
    """One write as the journal has it: how far it has come, and why not further; and the stack it made, where one."""

    action: Action
    state: ActionState
    error: str | None
    intended_at_ms: int
    ended_at_ms: int | None
    stack_id: StackId | None = None


@dataclass(frozen=True, slots=True)
class Undoing:
    """An undo that was not withdrawn and has not failed: which earlier writes it takes back, and whether it is done."""

    id: str
    undoes: tuple[str, ...]
    is_done: bool


@dataclass(frozen=True, slots=True)
class Outstanding:
    """How many writes have not ended; how often the unluckiest was tried, and why it has not succeeded."""

    count: int
    attempts: int
    error: str | None


async def intend(connection: AsyncConnection, new: Sequence[Action], *, now_ms: int) -> None:
    """Writes the intents down; nothing has been sent yet."""
    encode = msgspec.json.encode
    await write_rows(
        connection,
        "actions",
        lambda _: insert(actions),
        [
            (
                action.owner_id,
                action.id,
                action.group_id,
                action.stem,
                action.kind.value,
                ActionState.INTENDED.value,
                encode(action.member_ids).decode(),
                encode(action.before).decode(),
                encode(action.after).decode() if action.after is not None else None,
                encode(action.undoes).decode() if action.undoes else None,
                action.origin.value,
                None,
                action.known_at_ms,
                action.members_at_ms,
                *(None, 0, 0, 0, None),
                now_ms,
                None,
            )
            for action in new
        ],
    )


async def lock(connection: AsyncConnection, owner_id: OwnerId) -> None:
    """Until the transaction ends, nobody else who asks for this lock writes intents of this owner down.

    Source: SQLite has one writer at a time; on PostgreSQL two transactions would not see each other's intent.
    """
    if connection.dialect.name == "postgresql":
        await connection.execute(select(func.pg_advisory_xact_lock(func.hashtextextended(f"actions {owner_id}", 0))))


async def claim(
    connection: AsyncConnection, owner_id: OwnerId, *, lease: str, now_ms: int, lease_ms: int, limit: int
) -> list[Action]:
    """Up to `limit` intents that are due, leased and counted as tried; oldest first."""
    due = (
        select(actions.c.action_id)
        .where(actions.c.owner_id == owner_id, *_due(now_ms))
        .order_by(actions.c.intended_at_ms, actions.c.action_id)
        .limit(limit)
        .with_for_update(skip_locked=True)
        # Not within the condition itself, where PostgreSQL may ask again for each row and take more than the limit.
        .cte("due")
    )
    rows = await connection.execute(
        update(actions)
        .where(actions.c.owner_id == owner_id, actions.c.action_id.in_(select(due.c.action_id)))
        .values(lease=lease, lease_until_ms=now_ms + lease_ms, attempts=actions.c.attempts + 1)
        .returning(actions)
    )
    return sorted((_action(row) for row in rows), key=lambda action: action.id)


async def end(connection: AsyncConnection, ended: Sequence[Ended], *, lease: str, now_ms: int) -> None:
    """These writes have ended; their rows stay for undo and for people. A write no longer ours is left alone."""
    if ended:
        await connection.execute(
            _held(lease).values(
                state=bindparam("to_state"),
                stack_id=bindparam("made"),
                error=bindparam("why"),
                ended_at_ms=now_ms,
                lease=None,
                lease_until_ms=0,
            ),
            [
                {
                    "of_owner": each.action.owner_id,
                    "of_action": each.action.id,
                    "to_state": each.state.value,
                    "made": each.stack_id,
                    "why": each.error,
                }
                for each in ended
            ],
        )


async def postpone(
    connection: AsyncConnection, action: Action, *, lease: str, error: str | None, not_before_ms: int
) -> None:
    """The write did not succeed this time; it is due again later. Without an error it was not tried at all."""
    await connection.execute(
        _held(lease).values(
            lease=None,
            lease_until_ms=0,
            error=func.coalesce(bindparam("why"), actions.c.error),
            not_before_ms=not_before_ms,
            attempts=actions.c.attempts - (1 if error is None else 0),
        ),
        {"of_owner": action.owner_id, "of_action": action.id, "why": error},
    )


async def withdraw_unsent(connection: AsyncConnection, owner_id: OwnerId, *, error: str, now_ms: int) -> list[GroupId]:
    """The groups whose writes are withdrawn by this: what the rules wanted and nobody has begun to send."""
    rows = await connection.scalars(
        update(actions)
        .where(
            actions.c.owner_id == owner_id,
            _IS_INTENDED,
            actions.c.origin == Origin.RULES.value,
            actions.c.attempts == 0,
            actions.c.lease.is_(None),
        )
        .values(state=ActionState.WITHDRAWN.value, error=error, ended_at_ms=now_ms)
        .returning(actions.c.group_id)
    )
    return [GroupId(group_id) for group_id in rows]


def _held(lease: str) -> Update:
    return update(actions).where(
        actions.c.owner_id == bindparam("of_owner"),
        actions.c.action_id == bindparam("of_action"),
        actions.c.lease == lease,
    )


async def release_leases(connection: AsyncConnection) -> None:
    """Ends every lease of a former process; only for the one owner of an embedded data folder."""
    await connection.execute(update(actions).where(actions.c.lease.is_not(None)).values(lease=None, lease_until_ms=0))


async def owners_with_due_actions(connection: AsyncConnection, *, now_ms: int) -> list[OwnerId]:
    """Owners for whom a claim would find something now."""
    rows = await connection.scalars(select(actions.c.owner_id).where(*_due(now_ms)).distinct())
    return [OwnerId(owner_id) for owner_id in rows]


async def stems_intended(connection: AsyncConnection, owner_id: OwnerId, stems: Sequence[str]) -> set[str]:
    """Those of the stems for which a write is still outstanding."""
    found: set[str] = set()
    for chunk in chunks(stems):
        of_these = (actions.c.owner_id == owner_id, _IS_INTENDED, actions.c.stem.in_(chunk))
        found.update(await connection.scalars(select(actions.c.stem).where(*of_these).distinct()))
    return found


async def counts(connection: AsyncConnection, owner_id: OwnerId) -> dict[ActionState, int]:
    """How many of the owner's writes are in each state."""
    rows = await connection.execute(
        select(actions.c.state, func.count()).where(actions.c.owner_id == owner_id).group_by(actions.c.state)
    )
    return {ActionState(state): count for state, count in rows}


async def outstanding(connection: AsyncConnection, owner_id: OwnerId) -> Outstanding:
    """The owner's writes that have not ended."""
    waiting = (actions.c.owner_id == owner_id, _IS_INTENDED)
    count = await connection.scalar(select(func.count()).where(*waiting))
    row = (
        await connection.execute(
            select(actions.c.attempts, actions.c.error)
            .where(*waiting, actions.c.error.is_not(None))
            .order_by(actions.c.attempts.desc())
            .limit(1)
        )
    ).one_or_none()
    return Outstanding(count or 0, *((row.attempts, row.error) if row is not None else (0, None)))


async def since(connection: AsyncConnection, owner_id: OwnerId, *, since_ms: int) -> list[Entry]:
    """The writes that were intended, or have ended, at or after the time; oldest first."""
    rows = await connection.execute(
        select(actions)
        .where(
            actions.c.owner_id == owner_id,
            or_(actions.c.intended_at_ms >= since_ms, actions.c.ended_at_ms >= since_ms),
        )
        .order_by(actions.c.intended_at_ms, actions.c.action_id)
    )
    return [_entry(row) for row in rows]


async def entries(connection: AsyncConnection, owner_id: OwnerId, ids: Sequence[str]) -> list[Entry]:
    """Those of the owner's writes that have one of these ids, oldest first."""
    found: list[Entry] = []
    for chunk in chunks(ids):
        rows = await connection.execute(
            select(actions).where(actions.c.owner_id == owner_id, actions.c.action_id.in_(chunk))
        )
        found += [_entry(row) for row in rows]
    return sorted(found, key=lambda entry: (entry.intended_at_ms, entry.action.id))


def _due(now_ms: int) -> tuple[Any, ...]:
    return (
        _IS_INTENDED,
        actions.c.not_before_ms <= now_ms,
        or_(actions.c.lease.is_(None), actions.c.lease_until_ms <= now_ms),
    )


def _entry(row: Row[Any]) -> Entry:
    return Entry(_action(row), ActionState(row.state), row.error, row.intended_at_ms, row.ended_at_ms, row.stack_id)


def _action(row: Row[Any]) -> Action:
    return Action(
        id=row.action_id,
        owner_id=OwnerId(row.owner_id),
        group_id=GroupId(row.group_id),
        stem=row.stem,
        kind=ActionKind(row.kind),
        member_ids=msgspec.json.decode(row.member_ids, type=tuple[AssetId, ...]),
        before=msgspec.json.decode(row.before, type=tuple[Stack, ...]),
        known_at_ms=row.known_at_ms,
        members_at_ms=row.members_at_ms,
        attempts=row.attempts,
        after=msgspec.json.decode(row.after, type=tuple[Stack, ...]) if row.after is not None else None,
        undoes=_undoes(row.undoes),
        origin=Origin(row.origin),
    )


def _undoes(text: str | None) -> tuple[str, ...]:
    return msgspec.json.decode(text, type=tuple[str, ...]) if text is not None else ()


async def ended_since(connection: AsyncConnection, owner_id: OwnerId, *, since_ms: int) -> list[tuple[int, int]]:
    """(moment, how many of the owner's writes ended then, in whatever way) at or after the time; oldest first.

    Shape:  writes that were sent side by side are recorded together, so that moments are few.
    """
    rows = await connection.execute(
        select(actions.c.ended_at_ms, func.count())
        .where(
            actions.c.owner_id == owner_id,
            # Spelled out for an index by state.
            actions.c.state.in_([state.value for state in ActionState if state is not ActionState.INTENDED]),
            actions.c.ended_at_ms >= since_ms,
        )
        .group_by(actions.c.ended_at_ms)
        .order_by(actions.c.ended_at_ms)
    )
    return [(ended_at_ms, count) for ended_at_ms, count in rows]


async def failed(connection: AsyncConnection, owner_id: OwnerId) -> list[Entry]:
    """The writes that were given up and about whose stem nothing was intended since; oldest first.

    Shape:  a later write about the stem was decided on a later present, whatever became of it.
    """
    rows = await connection.execute(
        select(actions).where(actions.c.owner_id == owner_id, actions.c.state == ActionState.FAILED.value)
    )
    found = [_entry(row) for row in rows]
    newest_ms: dict[str, int] = {}
    for chunk in chunks(sorted({entry.action.stem for entry in found})):
        newest = await connection.execute(
            select(actions.c.stem, func.max(actions.c.intended_at_ms))
            .where(actions.c.owner_id == owner_id, actions.c.stem.in_(chunk))
            .group_by(actions.c.stem)
        )
        newest_ms.update((stem, intended_at_ms) for stem, intended_at_ms in newest)
    standing = [entry for entry in found if entry.intended_at_ms == newest_ms[entry.action.stem]]
    return sorted(standing, key=lambda entry: (entry.intended_at_ms, entry.action.id))


async def withdraw_failed(connection: AsyncConnection, owner_id: OwnerId, ids: Sequence[str]) -> set[str]:
    """The stems of those of these writes that had failed: as withdrawn ones they are history, and want a new look."""
    stems: set[str] = set()
    for chunk in chunks(ids):
        stems.update(
            await connection.scalars(
                update(actions)
                .where(
                    actions.c.owner_id == owner_id,
                    actions.c.action_id.in_(chunk),
                    actions.c.state == ActionState.FAILED.value,
                )
                .values(state=ActionState.WITHDRAWN.value)
                .returning(actions.c.stem)
            )
        )
    return stems


async def places(
    connection: AsyncConnection,
    owner_id: OwnerId,
    *,
    states: Collection[ActionState],
    kinds: Collection[ActionKind],
    origins: Collection[Origin],
    limit: int,
    before: tuple[int, str] | None = None,
    among: Sequence[str] | None = None,
) -> list[tuple[int, str]]:
    """(when it was intended, id) of the owner's latest writes of these kinds, the latest first.

    Shape:  before is where the former page ended: only what is earlier is told. among are the only ids that count,
            None where all do.
    """
    wanted = [
        actions.c.owner_id == owner_id,
        actions.c.state.in_(sorted(states)),
        actions.c.kind.in_(sorted(kinds)),
        actions.c.origin.in_(sorted(origins)),
    ]
    if before is not None:
        at_ms, earlier_id = before
        same_moment = and_(actions.c.intended_at_ms == at_ms, actions.c.action_id < earlier_id)
        wanted.append(and_(actions.c.intended_at_ms <= at_ms, or_(actions.c.intended_at_ms < at_ms, same_moment)))
    found: list[tuple[int, str]] = []
    for chunk in [None] if among is None else chunks(among):
        rows = await connection.execute(
            select(actions.c.intended_at_ms, actions.c.action_id)
            .where(*wanted, *([actions.c.action_id.in_(chunk)] if chunk is not None else []))
            .order_by(actions.c.intended_at_ms.desc(), actions.c.action_id.desc())
            .limit(limit)
        )
        found += [(intended_at_ms, action_id) for intended_at_ms, action_id in rows]
    return sorted(found, reverse=True)[:limit]


async def undoings(connection: AsyncConnection, owner_id: OwnerId) -> list[Undoing]:
    """The owner's undos that are done or still wait, in the order in which they were done, those that wait last."""
    rows = await connection.execute(
        select(actions.c.action_id, actions.c.undoes, actions.c.state)
        .where(
            actions.c.owner_id == owner_id,
            # Spelled out for an index of undos.
            actions.c.kind == literal_column("'undo'"),
            actions.c.state.in_((ActionState.DONE.value, ActionState.INTENDED.value)),
        )
        .order_by(actions.c.ended_at_ms, actions.c.intended_at_ms, actions.c.action_id)
    )
    found = [Undoing(row.action_id, _undoes(row.undoes), row.state == ActionState.DONE.value) for row in rows]
    return sorted(found, key=lambda each: not each.is_done)


async def intended_about(connection: AsyncConnection, owner_id: OwnerId, ids: Collection[AssetId]) -> list[Entry]:
    """The owner's writes about one of these assets that still wait, oldest first."""
    lists = (actions.c.member_ids, actions.c.before, actions.c.after)
    rows = await connection.execute(
        select(actions.c.action_id, *lists).where(actions.c.owner_id == owner_id, _IS_INTENDED)
    )
    # An id stands in these lists as it is; reading them all as JSON would take many times as long.
    found = [row[0] for row in rows if any(each in text for text in row[1:] if text for each in ids)]
    return await entries(connection, owner_id, found)


async def done_about(
    connection: AsyncConnection, owner_id: OwnerId, ids: Collection[AssetId], *, since_ms: int
) -> list[Entry]:
    """The owner's writes about one of these assets that were done at or after the time, oldest first.

    Shape:  every one since then is looked at for each of the assets: they should be few.
    """
    lists = (actions.c.member_ids, actions.c.before, actions.c.after)
    found: set[str] = set()
    for few in chunks(sorted(ids), _AT_ONCE):
        rows = await connection.scalars(
            select(actions.c.action_id).where(
                actions.c.owner_id == owner_id,
                actions.c.state == ActionState.DONE.value,
                actions.c.ended_at_ms >= since_ms,
                or_(*(text.contains(each, autoescape=True) for each in few for text in lists)),
            )
        )
        found.update(rows)
    return await entries(connection, owner_id, sorted(found))
