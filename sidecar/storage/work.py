"""The work table: which stems of which owner want a look. This is the truth; the queue only says that there is some."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Sequence
from dataclasses import dataclass
from typing import Any

from sqlalchemy import ColumnElement, and_, case, delete, func, literal, literal_column, null, or_, select, update
from sqlalchemy.ext.asyncio import AsyncConnection

from sidecar.model import OwnerId
from sidecar.storage.database import chunks, insert_for, write_rows
from sidecar.storage.tables import assets, work

MAX_ATTEMPTS = 5
"""After so many failures a stem waits for a person or for a change, instead of being tried for ever."""


@dataclass(frozen=True, slots=True)
class Claim:
    """Some stems of one owner, ours until the lease ends."""

    owner_id: OwnerId
    lease: str
    stems: tuple[str, ...]

    def only(self, stems: Iterable[str]) -> Claim:
        """The same claim, of these stems alone."""
        return Claim(self.owner_id, self.lease, tuple(stems))


@dataclass(frozen=True, slots=True)
class Backlog:
    """How much work one owner has: waiting or under way, and given up after too many failures.

    Shape:  error is why some of what is waiting could not be looked at, None if there is no such reason.
    """

    pending: int
    failed: int
    error: str | None = None


@dataclass(frozen=True, slots=True)
class Debounce:
    """When what was marked is looked at: no sooner than not_before_ms, which each further mark puts off, and whoever
    goes on marking it, not long after latest_ms.
    """

    not_before_ms: int
    latest_ms: int


AT_ONCE = Debounce(not_before_ms=0, latest_ms=0)


async def mark(
    connection: AsyncConnection, owner_id: OwnerId, stems: Collection[str], *, debounce: Debounce = AT_ONCE
) -> None:
    """Marks the stems dirty; a stem already marked gets a new generation and another chance."""
    rows = [
        (owner_id, stem, 1, 0, None, 0, 0, debounce.not_before_ms, None, debounce.latest_ms) for stem in sorted(stems)
    ]
    await write_rows(connection, "work", _marking, rows)


async def mark_all(connection: AsyncConnection, owner_id: OwnerId) -> None:
    """Marks every stem of the owner dirty."""
    fresh = (literal(0), literal(0), literal(0), literal(0))
    every = select(assets.c.owner_id, assets.c.stem, literal(1), *fresh).where(assets.c.owner_id == owner_id).distinct()
    columns = ["owner_id", "stem", "generation", "claimed_generation", "lease_until_ms", "attempts", "not_before_ms"]
    statement = insert_for(connection, work).from_select(columns, every)
    await connection.execute(statement.on_conflict_do_update(index_elements=["owner_id", "stem"], set_=_AGAIN))


async def claim(
    connection: AsyncConnection, owner_id: OwnerId, *, lease: str, now_ms: int, lease_ms: int, limit: int
) -> Claim:
    """Up to `limit` due stems, leased; none if nothing is due. Each claim counts as an attempt until it is finished.

    Shape:  a claim that takes over a lease that ran out goes on with the same attempt: a kill says nothing about the
            stems that happened to be claimed.
    """
    due = (
        select(work.c.stem)
        .where(work.c.owner_id == owner_id, *_due(now_ms))
        .order_by(work.c.not_before_ms)  # as the index has them; sorting further would read all that is due
        .limit(limit)
        .with_for_update(skip_locked=True)
        # Not within the condition itself, where PostgreSQL may ask again for each row and take more than the limit.
        .cte("due")
    )
    rows = await connection.execute(
        update(work)
        .where(work.c.owner_id == owner_id, work.c.stem.in_(select(due.c.stem)))
        .values(
            lease=lease,
            lease_until_ms=now_ms + lease_ms,
            attempts=_ATTEMPTS_WHEN_CLAIMED,
            claimed_generation=work.c.generation,
            latest_ms=0,
        )
        .returning(work.c.stem)
    )
    return Claim(owner_id, lease, tuple(row.stem for row in rows))


async def claim_also(
    connection: AsyncConnection, claimed: Claim, stems: Collection[str], *, now_ms: int, lease_ms: int
) -> Claim:
    """The claim with these stems too, whether they were due or not, but without those that somebody else holds."""
    wanted = sorted(set(stems) - set(claimed.stems))
    for chunk in chunks(wanted):
        rows = [
            {
                "owner_id": claimed.owner_id,
                "stem": stem,
                "generation": 1,
                "claimed_generation": 1,
                "lease": claimed.lease,
                "lease_until_ms": now_ms + lease_ms,
                "attempts": 1,
                "not_before_ms": 0,
            }
            for stem in chunk
        ]
        statement = insert_for(connection, work).on_conflict_do_update(
            index_elements=["owner_id", "stem"],
            set_={
                "claimed_generation": work.c.generation,
                "lease": claimed.lease,
                "lease_until_ms": now_ms + lease_ms,
                "attempts": _ATTEMPTS_WHEN_CLAIMED,
                "latest_ms": 0,
            },
            where=or_(work.c.lease.is_(None), work.c.lease_until_ms <= now_ms),
        )
        await connection.execute(statement, rows)
    held: set[str] = set()
    for chunk in chunks(wanted):
        held.update(await connection.scalars(select(work.c.stem).where(_held(claimed, chunk))))
    return claimed.only((*claimed.stems, *sorted(held)))


async def is_held(connection: AsyncConnection, claimed: Claim) -> bool:
    """Whether all of the claim still is ours."""
    held = 0
    for chunk in chunks(claimed.stems):
        held += await connection.scalar(select(func.count()).select_from(work).where(_held(claimed, chunk))) or 0
    return held == len(claimed.stems)


async def finish(connection: AsyncConnection, claimed: Claim) -> None:
    """The claimed generations are done. A stem marked again meanwhile stays, free for the next claim."""
    for chunk in chunks(claimed.stems):
        done = _held(claimed, chunk) & (work.c.generation == work.c.claimed_generation)
        await connection.execute(delete(work).where(done))
    await _let_go(connection, claimed, attempts=0, error=None)


async def put_back(
    connection: AsyncConnection, claimed: Claim, *, not_before_ms: int, error: str | None = None
) -> None:
    """The claimed stems were not looked at: they become due later, and this was no attempt; error says why."""
    await _let_go(connection, claimed, attempts=work.c.attempts - 1, not_before_ms=not_before_ms, error=error)


async def fail(connection: AsyncConnection, claimed: Claim, *, error: str, not_before_ms: int) -> None:
    """The claimed stems failed; they become due again later, unless they have failed too often."""
    await _let_go(connection, claimed, error=error, not_before_ms=not_before_ms)


async def _let_go(connection: AsyncConnection, claimed: Claim, **values: Any) -> None:
    for chunk in chunks(claimed.stems):
        await connection.execute(
            update(work).where(_held(claimed, chunk)).values(lease=None, lease_until_ms=0, **values)
        )


def _held(claimed: Claim, stems: Sequence[str]) -> ColumnElement[bool]:
    return and_(work.c.owner_id == claimed.owner_id, work.c.stem.in_(stems), work.c.lease == claimed.lease)


async def release_leases(connection: AsyncConnection) -> None:
    """Ends every lease of a former process; only for the one owner of an embedded data folder."""
    await connection.execute(
        update(work)
        .where(work.c.lease.is_not(None))
        # A kill says nothing about the stems that happened to be claimed.
        .values(lease=None, lease_until_ms=0, attempts=work.c.attempts - 1)
    )


async def owners_with_due_work(connection: AsyncConnection, *, now_ms: int) -> list[OwnerId]:
    """Owners for whom a claim would find something now."""
    rows = await connection.scalars(select(work.c.owner_id).where(*_due(now_ms)).distinct())
    return [OwnerId(owner_id) for owner_id in rows]


async def next_due_ms(connection: AsyncConnection, owner_id: OwnerId) -> int | None:
    """When the owner's next stem is due that nobody holds; None if none will be by itself."""
    due_ms: int | None = await connection.scalar(
        select(func.min(work.c.not_before_ms)).where(
            work.c.owner_id == owner_id, work.c.lease.is_(None), work.c.attempts < MAX_ATTEMPTS
        )
    )
    return due_ms


async def backlog(connection: AsyncConnection, owner_id: OwnerId) -> Backlog:
    """The owner's open work in numbers."""
    spent = and_(work.c.attempts >= MAX_ATTEMPTS, work.c.lease.is_(None))
    row = (
        await connection.execute(
            select(func.count(), func.count().filter(spent), func.max(work.c.error).filter(~spent)).where(
                work.c.owner_id == owner_id
            )
        )
    ).one()
    return Backlog(pending=row[0] - row[1], failed=row[1], error=row[2])


async def failures(connection: AsyncConnection, owner_id: OwnerId) -> list[tuple[str, str]]:
    """(stem, error) of the work given up, by stem."""
    rows = await connection.execute(
        select(work.c.stem, work.c.error)
        .where(work.c.owner_id == owner_id, work.c.attempts >= MAX_ATTEMPTS, work.c.lease.is_(None))
        .order_by(work.c.stem)
    )
    return [(row.stem, row.error or "") for row in rows]


def _due(now_ms: int) -> Sequence[Any]:
    return (
        work.c.not_before_ms <= now_ms,
        or_(
            and_(work.c.lease.is_(None), work.c.attempts < MAX_ATTEMPTS),
            and_(work.c.lease.is_not(None), work.c.lease_until_ms <= now_ms),
        ),
    )


_ATTEMPTS_WHEN_CLAIMED = work.c.attempts + case((work.c.lease.is_(None), 1), else_=0)


# Without parameters of its own, so that it fits write_rows.
_AGAIN: dict[str, Any] = {
    "generation": work.c.generation + literal_column("1"),
    "attempts": literal_column("0"),
    "not_before_ms": literal_column("0"),
    "error": null(),
}


def _marking(connection: AsyncConnection) -> Any:
    statement = insert_for(connection, work)
    told = statement.excluded
    # The first mark since the last look says how long further ones may put it off.
    latest_ms = case((work.c.latest_ms > literal_column("0"), work.c.latest_ms), else_=told.latest_ms)
    is_too_late = and_(latest_ms > literal_column("0"), told.not_before_ms > latest_ms)
    return statement.on_conflict_do_update(
        index_elements=["owner_id", "stem"],
        set_=_AGAIN
        | {"not_before_ms": case((is_too_late, latest_ms), else_=told.not_before_ms), "latest_ms": latest_ms},
    )


async def retry(connection: AsyncConnection, owner_id: OwnerId, stems: Sequence[str]) -> None:
    """Those of these stems that were given up are to be looked at now."""
    for chunk in chunks(stems):
        await connection.execute(
            update(work)
            .where(
                work.c.owner_id == owner_id,
                work.c.stem.in_(chunk),
                work.c.attempts >= MAX_ATTEMPTS,
                work.c.lease.is_(None),
            )
            .values(_AGAIN)
        )


async def names_of_failures(connection: AsyncConnection, owner_id: OwnerId) -> dict[str, list[str]]:
    """The file names, sorted, under each stem that was given up; a stem whose files are gone is left out."""
    given_up = await connection.scalars(
        select(work.c.stem).where(work.c.owner_id == owner_id, work.c.attempts >= MAX_ATTEMPTS, work.c.lease.is_(None))
    )
    found: dict[str, list[str]] = {}
    # Joined, SQLite would begin with all assets in the order of their names.
    for chunk in chunks(sorted(given_up)):
        rows = await connection.execute(
            select(assets.c.stem, assets.c.name)
            .where(assets.c.owner_id == owner_id, assets.c.stem.in_(chunk))
            .order_by(assets.c.stem, assets.c.name)
        )
        for stem, name in rows:
            found.setdefault(stem, []).append(name)
    return found
