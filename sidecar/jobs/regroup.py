"""What people decide about groups that they are shown: another cover, apart, yes and no; each on what they saw."""

from __future__ import annotations

from collections.abc import AsyncIterator, Awaitable, Callable, Mapping
from contextlib import asynccontextmanager
from dataclasses import replace

from sqlalchemy.ext.asyncio import AsyncConnection

from sidecar.errors import ParameterError, StaleDecision
from sidecar.grouping.eligibility import may_pair
from sidecar.grouping.memory import Decision, DecisionKind, DecisionSource
from sidecar.grouping.names import reader_of
from sidecar.jobs import review
from sidecar.jobs.context import JobContext
from sidecar.jobs.queue import JobName
from sidecar.jobs.review import Answer
from sidecar.jobs.rules import rules_of
from sidecar.jobs.wishes import keep_apart
from sidecar.model import Asset, AssetId, GroupId, OwnerId, Stack, Visibility
from sidecar.storage import assets, decisions, groups, journal, listed_groups, shown_groups, work
from sidecar.storage.database import Database
from sidecar.storage.journal import Action, ActionKind, Origin
from sidecar.storage.shown_groups import SOMEBODYS, ShownGroup
from sidecar.storage.work import Debounce

Check = Callable[[AsyncConnection], Awaitable[None]]

LOOK_AGAIN_MS = 10_000
"""By then the write has been made, as a rule."""


class NotShown(StaleDecision):
    """Who is to be the cover is in the trash, offline or hidden: Immich would hide the whole stack with it."""

    code = "not_shown"


async def set_primary(
    context: JobContext, owner_id: OwnerId, group_id: str, asset_id: AssetId, *, revision: str
) -> Action:
    """The write that gives a native stack, whoever made it, this member as its cover; nothing is sent yet.

    Shape:  the choice is remembered, so that a stack made anew of these gets the same cover.
    Errors: StaleDecision if the group is not what it was, or something about it is on its way; NotShown;
            ParameterError if the asset is not in the group.
    """
    async with context.database.write() as connection:
        group = await _unchanged(connection, owner_id, group_id, revision)
        if all(member.asset_id != asset_id for member in group.members):
            raise ParameterError("the cover must be one of the group")
        known = await assets.by_ids(connection, owner_id, group.stack.member_ids)
        if not _is_shown_as_cover(known[asset_id], known):
            raise NotShown("the cover is not shown where the others are")
        everybody = tuple(dict.fromkeys((asset_id, *group.stack.member_ids)))
        chosen = Decision(frozenset(everybody), DecisionKind.COVER, asset_id, DecisionSource.ACCEPTED)
        await decisions.add(connection, owner_id, [(context.new_id(), chosen)], now_ms=context.now_ms())
        if group.type != SOMEBODYS:
            # Known beforehand, it is not learned from Immich as one more choice of the user's. If the write is not made
            # after all, the cover that stayed is learned, and counts as the later choice.
            await groups.set_primary(connection, owner_id, GroupId(group.id), asset_id)
        # No `after`: the stack keeps its group, and a stack that somebody else made stays theirs.
        action = await _intend(
            context, connection, owner_id, group, ActionKind.SET_COVER, member_ids=everybody, after=None
        )
    await _wake(context, owner_id)
    return action


async def unstack(context: JobContext, owner_id: OwnerId, group_id: str, *, revision: str) -> Action:
    """The write that takes a native stack apart, whoever made it; nothing is sent yet.

    Shape:  its members are kept apart from now on, as if they had been unstacked in Immich.
    Errors: StaleDecision if the group is not what it was, or something about it is on its way.
    """
    async with context.database.write() as connection:
        group = await _unchanged(connection, owner_id, group_id, revision)
        apart = frozenset(group.stack.member_ids)
        await keep_apart(context, connection, owner_id, [apart], source=DecisionSource.UNSTACKED)
        action = await _intend(
            context,
            connection,
            owner_id,
            group,
            ActionKind.DISSOLVE_STACK,
            member_ids=group.stack.member_ids,
            after=(),
        )
    await _wake(context, owner_id)
    return action


async def accept(
    context: JobContext, owner_id: OwnerId, finding_id: str, answer: Answer | None = None, *, revision: str
) -> Action:
    """As `review.accept`, if the proposal still is the one that was shown."""
    checked = _checking(context, owner_id, finding_id, revision)
    return await review.accept(checked, owner_id, finding_id, answer)


async def reject(context: JobContext, owner_id: OwnerId, finding_id: str, *, revision: str) -> None:
    """As `review.reject`, if the proposal still is the one that was shown."""
    await review.reject(_checking(context, owner_id, finding_id, revision), owner_id, finding_id)


async def _unchanged(connection: AsyncConnection, owner_id: OwnerId, group_id: str, revision: str) -> ShownGroup:
    group = await shown_groups.get_to_change(connection, owner_id, group_id)
    if group is None or group.revision != revision:
        raise StaleDecision("the group is not what it was when it was shown")
    if await shown_groups.is_being_changed(connection, owner_id, group):
        raise StaleDecision("a write about this group is on its way")
    return group


def _is_shown_as_cover(asset: Asset, known: Mapping[AssetId, Asset]) -> bool:
    """Whether Immich would go on showing the stack under it: a timeline shows of a stack its cover alone."""
    if not may_pair(asset):
        return False
    is_one_on_timeline = any(may_pair(each) and each.visibility is Visibility.TIMELINE for each in known.values())
    return asset.visibility is Visibility.TIMELINE or not is_one_on_timeline


async def _intend(
    context: JobContext,
    connection: AsyncConnection,
    owner_id: OwnerId,
    group: ShownGroup,
    kind: ActionKind,
    *,
    member_ids: tuple[AssetId, ...],
    after: tuple[Stack, ...] | None,
) -> Action:
    known = await assets.by_ids(connection, owner_id, member_ids)
    stem_of = reader_of(await rules_of(context, connection, owner_id)).stem_of
    stems = [stem_of(known[each].name) for each in member_ids if each in known]
    action = Action(
        context.new_id(),
        owner_id,
        GroupId(group.id),
        stems[0],
        kind,
        member_ids,
        (group.stack,),
        known_at_ms=0,
        members_at_ms=max(asset.updated_at_ms for asset in known.values()),
        after=after,
        origin=Origin.USER,
    )
    now_ms = context.now_ms()
    await journal.intend(connection, [action], now_ms=now_ms)
    # The write's own stem is looked at when it has ended; a stack made by hand may hold pictures of other names.
    later = Debounce(now_ms + LOOK_AGAIN_MS, now_ms + LOOK_AGAIN_MS)
    await work.mark(connection, owner_id, set(stems) - {action.stem}, debounce=later)
    return action


def _checking(context: JobContext, owner_id: OwnerId, finding_id: str, revision: str) -> JobContext:
    """The context, whose writes begin by asking whether the proposal is what it was when it was shown."""

    async def check(connection: AsyncConnection) -> None:
        found = await listed_groups.get_to_decide(connection, owner_id, finding_id)
        if found is None or found.revision != revision:
            raise StaleDecision("the proposal is not what it was when it was shown")

    return replace(context, database=_Checking(context.database, check))


class _Checking(Database):
    """A database of which every write begins with a check, which raises if nothing is to be written."""

    def __init__(self, database: Database, check: Check) -> None:
        self._database = database
        self._check = check

    @asynccontextmanager
    async def write(self) -> AsyncIterator[AsyncConnection]:
        """As the database's own, after the check."""
        async with self._database.write() as connection:
            await self._check(connection)
            yield connection


async def _wake(context: JobContext, owner_id: OwnerId) -> None:
    await context.wake(JobName.APPLY, owner_id)
    await context.wake(JobName.REMEMBER, owner_id)
