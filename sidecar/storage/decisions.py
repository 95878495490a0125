"""What people decided, for ever or until they decide otherwise; and which of it Immich has yet to be told."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass
from secrets import randbelow
from typing import Any

from sqlalchemy import Column, Row, bindparam, delete, func, insert, literal_column, or_, select, update
from sqlalchemy.ext.asyncio import AsyncConnection

from sidecar.grouping.memory import Decision, DecisionKind, DecisionSource
from sidecar.model import Asset, AssetId, OwnerId, identity_of
from sidecar.storage import assets
from sidecar.storage.database import FIRST_GENERATIONS, chunks, insert_for, write_rows
from sidecar.storage.tables import decisions, memos


@dataclass(frozen=True, slots=True)
class MemoMark:
    """An asset whose memo in Immich is to be written anew; the generation says how often that was found."""

    asset_id: AssetId
    generation: int
    attempts: int


async def add(
    connection: AsyncConnection,
    owner_id: OwnerId,
    new: Sequence[tuple[str, Decision]],
    *,
    now_ms: int,
    identities: Mapping[AssetId, str] | None = None,
    sha1s: Mapping[AssetId, str] | None = None,
    is_told: bool = False,
) -> None:
    """Remembers these, as (id, decision), and that Immich is to be told, unless it is_told already.

    Shape:  identities are of assets that the mirror does not hold; of the others they are known. sha1s are of their
            bytes, where decisions are about bytes. What stands in a decision of this id already stays as it is. What
            Immich told is passed over where a decision about one of its assets was revoked, and Immich has not been
            told so yet.
    """
    if is_told:
        outdated = await _holding_revoked(connection, owner_id, {each for _, told in new for each in told.asset_ids})
        new = [(decision_id, told) for decision_id, told in new if outdated.isdisjoint(told.asset_ids)]
    concerned = sorted({asset_id for _, decision in new for asset_id in decision.asset_ids})
    known = await assets.by_ids(connection, owner_id, concerned)
    identity = {**(identities or {}), **{asset_id: identity_of(asset) for asset_id, asset in known.items()}}
    rows = [
        {
            "owner_id": owner_id,
            "decision_id": decision_id,
            "asset_id": asset_id,
            "kind": decision.kind.value,
            "source": decision.source.value,
            "identity": identity.get(asset_id),
            "sha1": (sha1s or {}).get(asset_id),
            "is_chosen": asset_id == decision.chosen,
            "decided_at_ms": now_ms,
        }
        for decision_id, decision in new
        for asset_id in sorted(decision.asset_ids)
    ]
    if rows:
        await connection.execute(insert_for(connection, decisions).on_conflict_do_nothing(), rows)
    if not is_told:
        await mark_memos(connection, owner_id, set(concerned))


async def revoke(connection: AsyncConnection, owner_id: OwnerId, ids: Collection[str]) -> None:
    """Forgets these decisions, and lets Immich know; what it tells until then about their assets is not believed."""
    for chunk in chunks(sorted(ids)):
        of_these = (decisions.c.owner_id == owner_id, decisions.c.decision_id.in_(chunk))
        concerned = await connection.scalars(select(decisions.c.asset_id).where(*of_these).distinct())
        await _mark(connection, owner_id, {AssetId(asset_id) for asset_id in concerned}, holds_revoked=True)
        await connection.execute(delete(decisions).where(*of_these))


async def touching(
    connection: AsyncConnection, owner_id: OwnerId, ids: Sequence[AssetId]
) -> list[tuple[str, Decision]]:
    """The decisions about any of these assets, whole, as (id, decision); the latest last."""
    return _assemble(await _rows(connection, owner_id, decisions.c.asset_id, ids), {})


async def about(
    connection: AsyncConnection, owner_id: OwnerId, known: Mapping[AssetId, Asset]
) -> list[tuple[str, Decision]]:
    """The decisions about any of these assets, or about what they were under ids that exist no more; the latest last.

    Shape:  such a former id stands in them as the present one.
    """
    now_called = {identity_of(asset): asset.id for asset in known.values()}
    rows = [
        *await _rows(connection, owner_id, decisions.c.asset_id, list(known)),
        *await _rows(connection, owner_id, decisions.c.identity, list(now_called)),
    ]
    former = {AssetId(row.asset_id) for row in rows} - known.keys()
    gone = former - (await assets.by_ids(connection, owner_id, sorted(former))).keys()
    present = {
        AssetId(row.asset_id): now_called[row.identity]
        for row in rows
        if row.asset_id in gone and row.identity in now_called
    }
    return _assemble({(row.decision_id, row.asset_id): row for row in rows}.values(), present)


async def distinct(
    connection: AsyncConnection, owner_id: OwnerId, known: Mapping[AssetId, Asset], sha1s: Mapping[AssetId, str]
) -> list[tuple[str, Decision]]:
    """The decisions that one of these assets, or a file of the same bytes, is no duplicate of others; the latest last.

    Shape:  whoever else stands in them stands for one of these assets where it had the same bytes, or exists no more
            and was the same file.
    """
    by_bytes = {sha1: asset_id for asset_id, sha1 in sha1s.items()}
    now_called = {identity_of(asset): asset.id for asset in known.values()}
    found = {
        (row.decision_id, row.asset_id): row
        for column, values in (
            (decisions.c.asset_id, list(known)),
            (decisions.c.identity, list(now_called)),
            (decisions.c.sha1, list(by_bytes)),
        )
        for row in await _rows(connection, owner_id, column, values, kind=DecisionKind.DISTINCT)
    }
    others = {AssetId(row.asset_id) for row in found.values()} - known.keys()
    gone = others - (await assets.by_ids(connection, owner_id, sorted(others))).keys()
    present = {
        AssetId(row.asset_id): by_bytes[row.sha1] if row.sha1 in by_bytes else now_called[row.identity]
        for row in found.values()
        if row.asset_id in others and (row.sha1 in by_bytes or (row.asset_id in gone and row.identity in now_called))
    }
    return _assemble(found.values(), present)


async def identities(connection: AsyncConnection, owner_id: OwnerId, ids: Sequence[AssetId]) -> dict[AssetId, str]:
    """What everybody is, whatever their id, who stands in a decision about one of these assets."""
    rows = await _rows(connection, owner_id, decisions.c.asset_id, ids)
    return {AssetId(row.asset_id): row.identity for row in rows if row.identity is not None}


async def everything(connection: AsyncConnection, owner_id: OwnerId) -> list[tuple[str, Decision]]:
    """Every decision of the owner, as (id, decision); the latest last."""
    return _assemble(await connection.execute(select(decisions).where(decisions.c.owner_id == owner_id)), {})


async def copy(source: AsyncConnection, target: AsyncConnection, owner_id: OwnerId) -> None:
    """Every decision of the owner stands in the other database as in this one; what Immich is owed does not."""
    rows = (await source.execute(select(decisions).where(decisions.c.owner_id == owner_id))).mappings().all()
    if rows:
        await target.execute(insert(decisions), [dict(row) for row in rows])


async def _rows(
    connection: AsyncConnection,
    owner_id: OwnerId,
    column: Column[Any],
    values: Sequence[str],
    *,
    kind: DecisionKind | None = None,
) -> list[Row[Any]]:
    """All rows of the decisions in which one of the values stands, of this kind if one is given."""
    of_kind = (decisions.c.kind == kind.value,) if kind is not None else ()
    found: set[str] = set()
    for chunk in chunks(values):
        found.update(
            await connection.scalars(
                select(decisions.c.decision_id).where(decisions.c.owner_id == owner_id, column.in_(chunk), *of_kind)
            )
        )
    rows: list[Row[Any]] = []
    for decision_ids in chunks(sorted(found)):
        rows += await connection.execute(
            select(decisions).where(decisions.c.owner_id == owner_id, decisions.c.decision_id.in_(decision_ids))
        )
    return rows


async def counts(connection: AsyncConnection, owner_id: OwnerId) -> dict[DecisionKind, int]:
    """How many decisions of each kind the owner has taken."""
    rows = await connection.execute(
        select(decisions.c.kind, func.count(decisions.c.decision_id.distinct()))
        .where(decisions.c.owner_id == owner_id)
        .group_by(decisions.c.kind)
    )
    return {DecisionKind(kind): count for kind, count in rows}


def _assemble(rows: Iterable[Row[Any]], present: Mapping[AssetId, AssetId]) -> list[tuple[str, Decision]]:
    of_id: dict[str, list[Row[Any]]] = {}
    for row in sorted(rows, key=_when):
        of_id.setdefault(row.decision_id, []).append(row)

    def called(row: Row[Any]) -> AssetId:
        return present.get(row.asset_id, AssetId(row.asset_id))

    return [
        (
            decision_id,
            Decision(
                frozenset(map(called, found)),
                DecisionKind(found[0].kind),
                next((called(row) for row in found if row.is_chosen), None),
                DecisionSource(found[0].source),
                decision_id,
            ),
        )
        for decision_id, found in of_id.items()
    ]


def _when(row: Row[Any]) -> tuple[bool, int, str]:
    # What Immich kept may be older than it looks: nothing that was decided here gives way to it.
    return row.source != DecisionSource.RECALLED.value, row.decided_at_ms, row.decision_id


async def mark_memos(connection: AsyncConnection, owner_id: OwnerId, ids: Collection[AssetId]) -> None:
    """What Immich holds about these assets is to be written anew."""
    await _mark(connection, owner_id, ids, holds_revoked=False)


async def _mark(
    connection: AsyncConnection, owner_id: OwnerId, ids: Collection[AssetId], *, holds_revoked: bool
) -> None:
    rows = [(owner_id, asset_id, randbelow(FIRST_GENERATIONS), 0, 0, holds_revoked, None) for asset_id in sorted(ids)]
    await write_rows(connection, "memos", _marking, rows)


def _marking(connection: AsyncConnection) -> Any:
    statement = insert_for(connection, memos)
    return statement.on_conflict_do_update(
        index_elements=["owner_id", "asset_id"],
        set_={
            "generation": memos.c.generation + literal_column("1"),
            "attempts": literal_column("0"),
            "not_before_ms": literal_column("0"),
            "holds_revoked": or_(statement.excluded.holds_revoked, memos.c.holds_revoked),
        },
    )


async def _holding_revoked(connection: AsyncConnection, owner_id: OwnerId, ids: Collection[AssetId]) -> set[AssetId]:
    found: set[AssetId] = set()
    for chunk in chunks(sorted(ids)):
        marked = select(memos.c.asset_id).where(
            memos.c.owner_id == owner_id, memos.c.asset_id.in_(chunk), memos.c.holds_revoked.is_(True)
        )
        found.update(map(AssetId, await connection.scalars(marked)))
    return found


async def claim_memos(
    connection: AsyncConnection, owner_id: OwnerId, *, now_ms: int, lease_ms: int, limit: int
) -> list[MemoMark]:
    """Up to `limit` assets of which Immich is to be told now; nobody else is given them until the lease ends, or
    somebody decides anew.

    Source: two that took the same marks and lost them to each other wrote the same text again and again.
    """
    due = (
        select(memos.c.asset_id)
        .where(memos.c.owner_id == owner_id, memos.c.not_before_ms <= now_ms)
        .order_by(memos.c.not_before_ms, memos.c.asset_id)
        .limit(limit)
        .with_for_update(skip_locked=True)
        .cte("due")
    )
    rows = await connection.execute(
        update(memos)
        .where(memos.c.owner_id == owner_id, memos.c.asset_id.in_(select(due.c.asset_id)))
        .values(not_before_ms=now_ms + lease_ms)
        .returning(memos.c.asset_id, memos.c.generation, memos.c.attempts)
    )
    return sorted((MemoMark(AssetId(row.asset_id), row.generation, row.attempts) for row in rows), key=_asset_of)


async def release_memos(connection: AsyncConnection) -> None:
    """Ends the leases of a former process; only for the one owner of an embedded data folder.

    Shape:  what was tried in vain before goes on waiting, as it cannot be told from what was put off.
    """
    await connection.execute(update(memos).where(memos.c.attempts == 0).values(not_before_ms=0))


async def has_untold(connection: AsyncConnection, owner_id: OwnerId, *, now_ms: int) -> bool:
    """Whether Immich is still to be told of something now, or is being told."""
    untold = or_(memos.c.not_before_ms <= now_ms, memos.c.attempts == 0)
    of_owner = select(memos.c.asset_id).where(memos.c.owner_id == owner_id, untold).limit(1)
    return await connection.scalar(of_owner) is not None


async def finish_memos(connection: AsyncConnection, owner_id: OwnerId, written: Sequence[MemoMark]) -> None:
    """Immich holds what we do about these assets; a mark that was renewed meanwhile stays.

    Shape:  a mark that somebody else has finished meanwhile is made anew: which text was written last, nobody knows.
            This ends, as only one at a time holds a mark's lease.
    """
    lost: set[AssetId] = set()
    for mark in sorted(written, key=_asset_of):  # in one order, so that no two wait for each other
        of_asset = (memos.c.owner_id == owner_id, memos.c.asset_id == mark.asset_id)
        done = await connection.execute(delete(memos).where(*of_asset, memos.c.generation == mark.generation))
        if not done.rowcount and await connection.scalar(select(memos.c.asset_id).where(*of_asset)) is None:
            lost.add(mark.asset_id)
    # Immich may hold the older text now, with what was revoked since.
    await _mark(connection, owner_id, lost, holds_revoked=True)


async def postpone_memos(
    connection: AsyncConnection, owner_id: OwnerId, marks: Sequence[MemoMark], *, error: str, not_before_ms: int
) -> None:
    """Immich could not be told now; it is tried again later. A mark that was renewed meanwhile does not wait."""
    await connection.execute(
        update(memos)
        .where(
            memos.c.owner_id == owner_id,
            memos.c.asset_id == bindparam("of_asset"),
            memos.c.generation == bindparam("of_generation"),
        )
        .values(attempts=memos.c.attempts + 1, error=error, not_before_ms=not_before_ms),
        [
            {"of_asset": mark.asset_id, "of_generation": mark.generation}
            for mark in sorted(marks, key=_asset_of)  # in one order, so that no two wait for each other
        ],
    )


def _asset_of(mark: MemoMark) -> AssetId:
    return mark.asset_id


async def owners_with_due_memos(connection: AsyncConnection, *, now_ms: int) -> list[OwnerId]:
    """Owners of whose decisions Immich is to be told now."""
    rows = await connection.scalars(select(memos.c.owner_id).where(memos.c.not_before_ms <= now_ms).distinct())
    return [OwnerId(owner_id) for owner_id in rows]
