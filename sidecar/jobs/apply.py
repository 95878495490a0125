"""The apply job: intents in the journal become changes in Immich, several at once, each verified."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from sqlalchemy.ext.asyncio import AsyncConnection

from sidecar.errors import (
    AskPerson,
    ContractBroken,
    ImmichMissing,
    ImmichUnavailable,
    SidecarError,
    StaleDecision,
    TryLater,
)
from sidecar.grouping.memo import decisions_in, identities_in
from sidecar.grouping.memory import DecisionKind
from sidecar.immich_client.client import Immich
from sidecar.jobs.changes import read_changes
from sidecar.jobs.context import LEASE_MS, WAIT_FOR_PERSON_MS, JobContext
from sidecar.jobs.queue import JobName
from sidecar.jobs.restack import restack
from sidecar.jobs.several import all_to_the_end
from sidecar.jobs.sync import CLOCK_SLACK_MS
from sidecar.jobs.wishes import come_true
from sidecar.measures import WRITES
from sidecar.model import Asset, AssetId, OwnerId, Stack, StackId, identity_of
from sidecar.redaction import OwnWords, without_names
from sidecar.storage import assets, groups, journal, stacks, work
from sidecar.storage.groups import GroupState
from sidecar.storage.journal import Action, ActionKind, ActionState, Ended, Origin

log = logging.getLogger(__name__)

CLAIMED_AT_ONCE = 128
"""Recorded together; also what a kill can leave to be looked for in Immich."""

LOOK_EVERY_MS = 5_000
"""Between two looks at what others changed in Immich meanwhile; what they do within it is found out afterwards."""

BEGIN_WITHIN_MS = LEASE_MS // 2
WRITE_TIMEOUT_S = 50.0
"""A write begins in the first half of its lease and ends in the second: nobody else has taken it over by then."""

TRIES_OF_A_RIDDLE = 3
UNSTACKED_TOGETHER_MS = 100
"""Immich takes all members out of a stack in one statement; other changes of two assets are seldom that close."""

_IN_STEPS = frozenset({ActionKind.SET_COVER, ActionKind.DISSOLVE_STACK, ActionKind.UNDO})

Seen = Mapping[AssetId, Stack | None]


@dataclass(frozen=True, slots=True)
class _Ending:
    """How one write ended, still to be recorded.

    Shape:  without a state it has not ended and is tried again; with neither state nor error it was not begun. stack is
            what Immich shows for it, seen what its members turned out to be in, gone which of them exist no more.
            may_exist says that Immich had made the stack, whatever became of it.
    """

    action: Action
    state: ActionState | None = None
    error: str | None = None
    again_at_ms: int = 0
    stack: Stack | None = None
    seen: Seen = field(default_factory=dict)
    gone: tuple[AssetId, ...] = ()
    may_exist: bool = False


async def apply(context: JobContext, owner_id: OwnerId) -> None:
    """Writes the owner's due intents to Immich until none is due, Immich does not answer, or the process is to stop.

    Errors: ImmichUnavailable and its kin if Immich does not even say what changed; nothing is claimed then. What
            happens to a single write ends in the journal, in words.
    """
    looked_at_ms = 0
    while not context.stopping.is_set():
        if context.now_ms() - looked_at_ms >= LOOK_EVERY_MS:
            looked_at_ms = context.now_ms()
            await read_changes(context, owner_id)
        lease, now_ms = context.new_id(), context.now_ms()
        async with context.database.write() as connection:
            claimed = await journal.claim(
                connection, owner_id, lease=lease, now_ms=now_ms, lease_ms=LEASE_MS, limit=CLAIMED_AT_ONCE
            )
            members = [member for action in claimed for member in action.member_ids]
            known = await assets.by_ids(connection, owner_id, members)
        if not claimed:
            break
        batch = _Batch(context, context.immich(owner_id), known, now_ms + BEGIN_WITHIN_MS)
        endings = await batch.write_all(claimed)
        async with context.database.write() as connection:
            await _record(context, connection, owner_id, endings, lease)
        if any(ending.again_at_ms for ending in endings):
            break
    await context.wake(JobName.PAIR, owner_id)
    await context.wake(JobName.REMEMBER, owner_id)


@dataclass(frozen=True, slots=True)
class _Batch:
    """Some claimed writes on their way to Immich; known are their members as the mirror has them."""

    context: JobContext
    immich: Immich
    known: Mapping[AssetId, Asset]
    begin_until_ms: int

    async def write_all(self, claimed: Sequence[Action]) -> list[_Ending]:
        """One ending for each, in order; a failing write stops no other."""
        limit = asyncio.Semaphore(self.context.concurrent_writes)

        async def one(action: Action) -> _Ending:
            async with limit:
                if self.context.stopping.is_set() or self.context.now_ms() > self.begin_until_ms:
                    return _Ending(action)
                return await self._one(action)

        return await all_to_the_end(map(one, claimed))

    async def _one(self, action: Action) -> _Ending:
        try:
            async with asyncio.timeout(WRITE_TIMEOUT_S):
                return await self._carry_out(action)
        except TimeoutError:
            return self._later(action, ImmichUnavailable("Immich takes too long to make a stack"))
        except StaleDecision as error:
            return _Ending(action, ActionState.WITHDRAWN, str(error))
        except SidecarError as error:
            return self._later(action, error)

    async def _carry_out(self, action: Action) -> _Ending:
        try:
            if action.kind in _IN_STEPS:
                return _Ending(action, ActionState.DONE, seen=await restack(self.immich, action))
            if self._wants_a_look(action) and (other := await self._look(action)) is not None:
                return other
            return await self._write(action)
        except ImmichMissing:
            return await self._without_the_gone(action)

    def _wants_a_look(self, action: Action) -> bool:
        """Whether the write may have been sent before, or Immich changed a member since its stacks were last read."""
        news_since_ms = action.known_at_ms - CLOCK_SLACK_MS
        return action.attempts > 1 or any(
            member not in self.known or self.known[member].updated_at_ms >= news_since_ms
            for member in action.member_ids
        )

    async def _look(self, action: Action) -> _Ending | None:
        """The write's ending if it must not be sent any more, None if the present still is what it was planned on."""
        expected = {member: stack.id for stack in action.before for member in stack.member_ids}
        seen = {member: await self._stack_of(member, expected.get(member)) for member in action.member_ids}
        first = seen[action.member_ids[0]]
        if action.attempts > 1 and first is not None and set(first.member_ids) == set(action.member_ids):
            # It had arrived before we were stopped; whoever changed the cover since then meant to.
            return _Ending(action, ActionState.DONE, stack=first)
        if any((stack.id if stack else None) != expected.get(member) for member, stack in seen.items()):
            return _Ending(action, ActionState.WITHDRAWN, "changed in Immich meanwhile", seen=seen)
        if action.attempts > 1 and await self._was_undone(action):
            return _Ending(action, ActionState.WITHDRAWN, "undone in Immich meanwhile", seen=seen, may_exist=True)
        if action.origin is Origin.RULES and await self._is_kept_apart(action):
            return _Ending(action, ActionState.WITHDRAWN, "kept apart, as Immich remembers", seen=seen)
        return None

    async def _stack_of(self, member: AssetId, expected: StackId | None) -> Stack | None:
        """The stack of the asset, also where it does not name it because all others in it are in the trash."""
        found = await self.immich.stack_of(member)
        if found is not None or expected is None:
            return found
        try:
            stack = await self.immich.stack(expected)
        except ImmichMissing:
            return None
        return stack if member in {stack.primary_id, *stack.member_ids} else None

    async def _is_kept_apart(self, action: Action) -> bool:
        """Whether Immich holds a decision against it that we do not know: of a database put back from a backup."""
        together = {member for stack in action.before for member in stack.member_ids}
        now_called = {identity_of(asset): asset.id for asset in self.known.values() if asset.id in action.member_ids}
        for member in action.member_ids:
            memo = await self.immich.memo(member) or {}
            files = identities_in(memo)
            for decision in decisions_in(memo, member):
                meant = {now_called.get(files.get(each, ""), each) for each in decision.asset_ids}
                apart = meant & set(action.member_ids)
                if decision.kind is DecisionKind.KEEP_APART and len(apart) > 1 and not apart <= together:
                    return True
        return False

    async def _was_undone(self, action: Action) -> bool:
        """Whether all members changed at one moment since the plan: as when a stack is made and taken apart again."""
        times_ms = [(await self.immich.asset(member)).updated_at_ms for member in action.member_ids]
        return min(times_ms) > action.members_at_ms and max(times_ms) - min(times_ms) <= UNSTACKED_TOGETHER_MS

    async def _write(self, action: Action) -> _Ending:
        try:
            stack = await self.immich.create_stack(action.member_ids)
        except ContractBroken:
            # Refused, or made and answered in words we do not know: Immich itself can say which.
            found = await self.immich.stack_of(action.member_ids[0])
            if found is None or set(found.member_ids) != set(action.member_ids):
                raise
            stack = found
        if stack.primary_id == action.member_ids[0] and set(stack.member_ids) == set(action.member_ids):
            return _Ending(action, ActionState.DONE, stack=stack)
        shown, wanted = len(stack.member_ids), len(action.member_ids)
        error = f"Immich shows {shown} members in the stack instead of {wanted}"
        return _Ending(action, ActionState.FAILED, error, stack=stack, may_exist=True)

    async def _without_the_gone(self, action: Action) -> _Ending:
        """One id that Immich does not know refuses the whole call (stack.service.ts:20, Immich 3.1.0): which is it?"""
        gone: list[AssetId] = []
        for member in action.member_ids:
            try:
                await self.immich.asset(member)
            except ImmichMissing:
                gone.append(member)
        if gone:
            return _Ending(action, ActionState.WITHDRAWN, "deleted in Immich meanwhile", gone=tuple(gone))
        riddle = "Immich refuses the stack, though it knows every member"
        if action.attempts < TRIES_OF_A_RIDDLE:
            return _Ending(action, error=riddle, again_at_ms=self.context.retry_at_ms(action.attempts))
        return _Ending(action, ActionState.FAILED, riddle)

    def _later(self, action: Action, error: SidecarError) -> _Ending:
        match error:
            case TryLater():
                again_at_ms = self.context.retry_at_ms(action.attempts)
            case AskPerson():
                again_at_ms = self.context.now_ms() + WAIT_FOR_PERSON_MS
            case _:
                return _Ending(action, ActionState.FAILED, str(error))
        return _Ending(action, error=str(error), again_at_ms=again_at_ms)


async def _record(
    context: JobContext, connection: AsyncConnection, owner_id: OwnerId, endings: list[_Ending], lease: str
) -> None:
    now_ms = context.now_ms()
    ended: list[Ended] = []
    for ending in endings:
        if ending.state is None:
            await journal.postpone(
                connection, ending.action, lease=lease, error=ending.error, not_before_ms=ending.again_at_ms
            )
        else:
            stack_id = ending.stack.id if ending.stack is not None else None
            ended.append(Ended(ending.action, ending.state, stack_id, ending.error))
    await journal.end(connection, ended, lease=lease, now_ms=now_ms)
    seen = {member: stack for ending in endings for member, stack in ending.seen.items()}
    await stacks.leave(connection, owner_id, [member for member, stack in seen.items() if stack is None])
    shown = {stack.id: stack for stack in (*(ending.stack for ending in endings), *seen.values()) if stack is not None}
    await stacks.put(connection, owner_id, shown.values(), now_ms=now_ms)
    await _record_groups(connection, owner_id, endings)
    for ending in endings:
        if ending.state is not None:
            WRITES.labels(ending.state.value).inc()
        if ending.state in {ActionState.WITHDRAWN, ActionState.FAILED}:
            log.warning("a write was not made: %s", OwnWords(without_names(ending.error or "")))
        if ending.state is ActionState.WITHDRAWN:
            stems = await assets.remove(connection, owner_id, ending.gone)
            await work.mark(connection, owner_id, {ending.action.stem, *stems})
        elif ending.state is ActionState.DONE and ending.action.origin is Origin.USER:
            await come_true(context, connection, ending.action)


async def _record_groups(connection: AsyncConnection, owner_id: OwnerId, endings: list[_Ending]) -> None:
    ended = [ending for ending in endings if ending.state is not None and ending.action.kind not in _IN_STEPS]
    # What Immich has shown once is ours, however its write ended: only so is its undoing known for a decision.
    made = [ending.action for ending in ended if ending.state is ActionState.DONE or ending.may_exist]
    extended = [member for action in made if action.kind is ActionKind.EXTEND_STACK for member in action.member_ids]
    # The former groups of what was extended; the new ones are not active yet.
    touched = await groups.living_touching(connection, owner_id, extended)
    # What somebody else made stays theirs inside the larger stack, and when that is taken back.
    replaced = [group.id for group in touched if group.is_ours]
    await groups.set_state(connection, owner_id, replaced, GroupState.REPLACED)
    await groups.set_state(connection, owner_id, [action.group_id for action in made], GroupState.ACTIVE)
    unmade = {ending.action.group_id for ending in ended} - {action.group_id for action in made}
    await groups.set_state(connection, owner_id, unmade, GroupState.WITHDRAWN)
