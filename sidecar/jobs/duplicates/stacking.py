"""Keeping all copies of a set, as one stack: what a person says of versions that belong together."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from sqlalchemy.ext.asyncio import AsyncConnection

from sidecar.duplicates.sets import seen_as
from sidecar.duplicates.units import Copy, units_of
from sidecar.duplicates.verdict import SENTENCES, Refusal
from sidecar.errors import AskPerson, StaleDecision
from sidecar.grouping.names import reader_of
from sidecar.jobs.changes import read_changes
from sidecar.jobs.context import JobContext
from sidecar.jobs.duplicates.copies import copies_around, set_to_decide
from sidecar.jobs.duplicates.decide import being_decided
from sidecar.jobs.duplicates.dismissals import remember_distinct
from sidecar.jobs.duplicates.looking import ask_each
from sidecar.jobs.queue import JobName
from sidecar.jobs.rules import rules_of
from sidecar.model import AssetId, GroupId, OwnerId, Stack
from sidecar.storage import assets, duplicate_sets, journal, resolutions, stacks
from sidecar.storage.duplicate_sets import StoredSet
from sidecar.storage.journal import Action, ActionKind, Origin

MOST_STACKED = 100
"""Immich is asked about every member before a stack is made."""

_FEWEST = 2


class StackRefused(AskPerson):
    """The set is not stacked; the sentence says why, and names nobody."""

    code = "stack_refused"


async def stack_all(context: JobContext, owner_id: OwnerId, set_id: str) -> Action:
    """The write by which all members of the set become one stack; it is in the journal, and nothing is sent yet.

    Shape:  the copy that is suggested to be kept is the cover. Stacks in which members are become part of the new one.
            The set is dismissed: that its members are kept holds also when the stack is taken back.
    Errors: StaleDecision if the set has changed, or one of its members is about to be stacked otherwise; StackRefused.
            Those of the client.
    """
    await read_changes(context, owner_id)
    async with context.database.read() as connection:
        shown = await set_to_decide(connection, owner_id, set_id)
        await _action(context, connection, owner_id, shown)
    await _look(context, owner_id, shown)
    async with context.database.write() as connection:
        await resolutions.lock(connection, owner_id)
        await journal.lock(connection, owner_id)
        stored = await set_to_decide(connection, owner_id, set_id)
        action = await _action(context, connection, owner_id, stored)
        await journal.intend(connection, [action], now_ms=context.now_ms())
        await remember_distinct(
            context, connection, owner_id, [frozenset(member.asset_id for member in stored.members)]
        )
        await duplicate_sets.remove(connection, owner_id, [set_id])
    for job in (JobName.APPLY, JobName.REMEMBER, JobName.RECORD):
        await context.wake(job, owner_id)
    return action


async def _action(context: JobContext, connection: AsyncConnection, owner_id: OwnerId, stored: StoredSet) -> Action:
    ids = [member.asset_id for member in stored.members]
    copies = {copy.id: copy for copy in await copies_around(connection, owner_id, ids)}
    before = await stacks.touching(connection, owner_id, ids)
    _require_unchanged(stored, copies)
    members = _members(stored, copies, before)
    # Of a stack that shows only one, nobody could make the former one again.
    if any(each not in copies for each in members) or any(len(stack.member_ids) < _FEWEST for stack in before):
        raise StackRefused("One of these is in a stack with a picture that is hidden or in the trash.")
    if len(members) > MOST_STACKED:
        raise StackRefused(f"These are more than {MOST_STACKED} pictures, too many for one stack.")
    if not (await being_decided(connection, owner_id)).isdisjoint(members):
        raise StaleDecision("Another decision about one of these is being carried out.")
    stems = await assets.stems_of(connection, owner_id, members)
    stems |= await assets.stems_of_same_bursts(connection, owner_id, sorted(stems))
    if await journal.stems_intended(connection, owner_id, sorted(stems)):
        raise StaleDecision("Another change of the stacks of these pictures waits to be written.")
    names = reader_of(await rules_of(context, connection, owner_id))
    return Action(
        context.new_id(),
        owner_id,
        GroupId(""),
        names.stem_of(copies[members[0]].asset.name),
        ActionKind.EXTEND_STACK if before else ActionKind.CREATE_STACK,
        members,
        tuple(before),
        known_at_ms=0,
        members_at_ms=max(copies[each].asset.updated_at_ms for each in members),
        origin=Origin.USER,
    )


async def _look(context: JobContext, owner_id: OwnerId, stored: StoredSet) -> None:
    """Nothing, if Immich has every member in the stack, or in none, in which it was when the set was found.

    Errors: StaleDecision. Those of the client.
    """
    ids = [member.asset_id for member in stored.members]
    now = await ask_each(context, ids, context.immich(owner_id).stack_of)
    for member in stored.members:
        stack = now.get(member.asset_id)
        is_gone = member.asset_id not in now
        if is_gone or (stack.id if stack is not None else member.asset_id) != member.unit_id:
            raise StaleDecision(SENTENCES[Refusal.CHANGED])


def _require_unchanged(stored: StoredSet, copies: Mapping[AssetId, Copy]) -> None:
    for member in stored.members:
        copy = copies.get(member.asset_id)
        if copy is None or copy.unit_id != member.unit_id or seen_as(copy.asset, copy.original) != member.seen_as:
            raise StaleDecision(SENTENCES[Refusal.CHANGED])


def _members(stored: StoredSet, copies: Mapping[AssetId, Copy], before: Sequence[Stack]) -> tuple[AssetId, ...]:
    """Everybody who will be in the stack: the face of the best unit, then the set's members, then those of their
    stacks.
    """
    best = units_of(copies.values())[copies[stored.best_id].unit_id]
    everybody = [best.face.id, *(member.asset_id for member in stored.members)]
    everybody += [asset_id for stack in before for asset_id in (stack.primary_id, *stack.member_ids)]
    return tuple(dict.fromkeys(everybody))
