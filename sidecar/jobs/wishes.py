"""What follows for our memory when a write has come true that the user wanted: accepted, repaired or taken back."""

from __future__ import annotations

from collections.abc import Collection, Iterator
from itertools import combinations

from sqlalchemy.ext.asyncio import AsyncConnection

from sidecar.grouping.memory import Decided, Decision, DecisionKind, DecisionSource
from sidecar.grouping.restacking import State, shapes
from sidecar.jobs.context import JobContext
from sidecar.model import AssetId, OwnerId
from sidecar.storage import assets, decisions, groups, work
from sidecar.storage.groups import GroupState
from sidecar.storage.journal import Action, ActionKind


async def come_true(context: JobContext, connection: AsyncConnection, action: Action) -> None:
    """The memory agrees with what the user wanted, and the stem is looked at anew.

    Shape:  whom the user brings together is not kept apart any longer; whom taking back has separated is. Immich is to
            be told; the remember job is for the caller to wake, after the commit.
    """
    owner_id = action.owner_id
    if action.after is None:
        await bring_together(context, connection, owner_id, [frozenset(action.member_ids)])
    else:
        before, after = shapes(action.before), shapes(action.after)
        await _move_groups(connection, owner_id, before, after)
        await bring_together(context, connection, owner_id, [shape.member_ids for shape in after - before])
        if action.kind is ActionKind.UNDO:
            await keep_apart(
                context, connection, owner_id, list(_separated(before, after)), source=DecisionSource.UNDONE
            )
    await work.mark(connection, owner_id, {action.stem})


async def _move_groups(connection: AsyncConnection, owner_id: OwnerId, before: State, after: State) -> None:
    for shape in before - after:
        living = {GroupState.ACTIVE, GroupState.SEEN}
        ended = await groups.of_members(connection, owner_id, sorted(shape.member_ids), living)
        await groups.set_state(connection, owner_id, ended, GroupState.UNDONE)
    for shape in after - before:
        former = {GroupState.REPLACED, GroupState.UNDONE}
        again = (await groups.of_members(connection, owner_id, sorted(shape.member_ids), former))[-1:]
        await groups.set_state(connection, owner_id, again, GroupState.ACTIVE)
        for group_id in again:
            await groups.set_primary(connection, owner_id, group_id, shape.primary_id)


def _separated(before: State, after: State) -> Iterator[frozenset[AssetId]]:
    """Sets of which no two are together any more; as few as say it."""
    for shape in sorted(before - after):
        pairs = [frozenset(pair) for pair in combinations(sorted(shape.member_ids), 2)]
        parted = [pair for pair in pairs if not any(pair <= each.member_ids for each in after)]
        if parted and len(parted) == len(pairs):
            yield shape.member_ids
        else:
            yield from parted


async def keep_apart(
    context: JobContext,
    connection: AsyncConnection,
    owner_id: OwnerId,
    apart: Collection[frozenset[AssetId]],
    *,
    source: DecisionSource,
) -> None:
    """No two of any of these sets come together by our doing."""
    ids = sorted({asset_id for each in apart for asset_id in each})
    known = Decided(decision for _, decision in await decisions.touching(connection, owner_id, ids))
    new = [
        (context.new_id(), Decision(each, source=source))
        for each in apart
        if any(not known.are_apart(one, other) for one, other in combinations(sorted(each), 2))
    ]
    await decisions.add(connection, owner_id, new, now_ms=context.now_ms())


async def bring_together(
    context: JobContext, connection: AsyncConnection, owner_id: OwnerId, together: Collection[frozenset[AssetId]]
) -> None:
    """Whoever is in one of these sets is not kept apart from the rest of it any longer; all other pairs still are.

    Shape:  what was decided about a member under a former id ends too. Of a decision that falls, each of those who come
            together stays apart from all who do not: as many decisions as come together.
    """
    for members in together:
        present = await assets.by_ids(connection, owner_id, sorted(members))
        for decision_id, decision in await decisions.about(connection, owner_id, present):
            joined, others = decision.asset_ids & members, decision.asset_ids - members
            if decision.kind is not DecisionKind.KEEP_APART or len(joined) < 2:  # noqa: PLR2004
                continue
            # Others may exist no more; only the decision that falls still says what they were.
            identities = await decisions.identities(connection, owner_id, sorted(others))
            await decisions.revoke(connection, owner_id, [decision_id])
            rest = [
                (context.new_id(), Decision(others | {member}, source=decision.source))
                for member in sorted(joined)
                if others
            ]
            await decisions.add(connection, owner_id, rest, now_ms=context.now_ms(), identities=identities)
