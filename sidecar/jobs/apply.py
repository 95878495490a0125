"""The apply job: intents in the journal become stacks in Immich, several at once, each verified."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Sequence
from dataclasses import dataclass

from sqlalchemy.ext.asyncio import AsyncConnection

from sidecar.errors import AskPerson, ImmichMissing, SidecarError, TryLater
from sidecar.immich_client.client import Immich
from sidecar.jobs.changes import read_changes
from sidecar.jobs.context import LEASE_MS, JobContext
from sidecar.jobs.queue import JobName
from sidecar.model import AssetId, OwnerId, Stack
from sidecar.storage import assets, groups, journal, stacks, work
from sidecar.storage.groups import GroupState
from sidecar.storage.journal import Action, ActionKind, ActionState, Ended

log = logging.getLogger(__name__)

CLAIMED_AT_ONCE = 128
"""Recorded together; also what a kill can leave to be looked for in Immich."""

LOOK_EVERY_MS = 5_000
"""Between two looks at what others changed in Immich meanwhile."""

WAIT_FOR_PERSON_MS = 60_000


@dataclass(frozen=True, slots=True)
class _Ending:
    """How one write ended; still to be recorded. again_at_ms means it has not ended and is tried later."""

    action: Action
    state: ActionState | None
    stack: Stack | None = None
    error: str | None = None
    again_at_ms: int = 0
    gone: tuple[AssetId, ...] = ()


async def apply(context: JobContext, owner_id: OwnerId) -> None:
    """Writes the owner's due intents to Immich until none is due or Immich does not answer.

    Errors: ImmichUnavailable and its kin if Immich does not even say what changed; nothing is claimed then. What
            happens to a single write ends in the journal, in words.
    """
    looked_at_ms = 0
    while True:
        if context.now_ms() - looked_at_ms >= LOOK_EVERY_MS:
            looked_at_ms = context.now_ms()
            await read_changes(context, owner_id)
        async with context.database.write() as connection:
            claimed = await journal.claim(
                connection,
                owner_id,
                lease=context.new_id(),
                now_ms=context.now_ms(),
                lease_ms=LEASE_MS,
                limit=CLAIMED_AT_ONCE,
            )
        if not claimed:
            break
        endings = await _write_all(context, context.immich(owner_id), claimed)
        async with context.database.write() as connection:
            await _record(context, connection, owner_id, endings)
        if any(ending.again_at_ms for ending in endings):
            break
    await context.wake(JobName.PAIR, owner_id)


async def _write_all(context: JobContext, immich: Immich, claimed: Sequence[Action]) -> list[_Ending]:
    limit = asyncio.Semaphore(context.concurrent_writes)

    async def one(action: Action) -> _Ending:
        async with limit:
            try:
                if not action.look_first or await _still_fits(immich, action):
                    return await _write(immich, action)
                return _Ending(action, ActionState.WITHDRAWN, error="changed in Immich meanwhile")
            except ImmichMissing:
                return await _without_the_gone(context, immich, action)
            except SidecarError as error:
                return _not_now(context, action, error)

    return list(await asyncio.gather(*map(one, claimed)))


async def _write(immich: Immich, action: Action) -> _Ending:
    if action.attempts > 1:
        # The write may have arrived before we were stopped: then it is done, and doing it again would change its id.
        there = await immich.stack_of_primary(action.member_ids[0])
        if there is not None and set(there.member_ids) == set(action.member_ids):
            return _Ending(action, ActionState.DONE, stack=there)
    stack = await immich.create_stack(action.member_ids)
    if stack.primary_id == action.member_ids[0] and set(stack.member_ids) == set(action.member_ids):
        return _Ending(action, ActionState.DONE, stack=stack)
    return _Ending(
        action,
        ActionState.FAILED,
        stack=stack,
        error=f"Immich shows {len(stack.member_ids)} members in the stack instead of {len(action.member_ids)}",
    )


async def _still_fits(immich: Immich, action: Action) -> bool:
    """Whether every member still is in the stack, or in none, that the plan was made on."""
    expected = {member: stack.id for stack in action.before for member in stack.member_ids}
    for asset_id in action.member_ids:
        stack = await immich.stack_of(asset_id)
        if (stack.id if stack is not None else None) != expected.get(asset_id):
            return action.attempts > 1 and stack is not None and set(stack.member_ids) == set(action.member_ids)
    return True


async def _without_the_gone(context: JobContext, immich: Immich, action: Action) -> _Ending:
    """One id that Immich does not know refuses the whole call (stack.service.ts:20, Immich 3.1.0): find out which."""
    gone: list[AssetId] = []
    for asset_id in action.member_ids:
        try:
            await immich.asset(asset_id)
        except ImmichMissing:
            gone.append(asset_id)
        except SidecarError as error:
            return _not_now(context, action, error)
    if gone:
        return _Ending(action, ActionState.WITHDRAWN, error="deleted in Immich meanwhile", gone=tuple(gone))
    return _Ending(action, ActionState.FAILED, error="Immich refuses the stack, though it knows every member")


def _not_now(context: JobContext, action: Action, error: SidecarError) -> _Ending:
    match error:
        case TryLater():
            again_at_ms = context.retry_at_ms(action.attempts)
        case AskPerson():
            again_at_ms = context.now_ms() + WAIT_FOR_PERSON_MS
        case _:
            return _Ending(action, ActionState.FAILED, error=str(error))
    return _Ending(action, None, error=str(error), again_at_ms=again_at_ms)


async def _record(context: JobContext, connection: AsyncConnection, owner_id: OwnerId, endings: list[_Ending]) -> None:
    now_ms = context.now_ms()
    ended: list[Ended] = []
    for ending in endings:
        if ending.state is None:
            await journal.postpone(
                connection, ending.action, error=ending.error or "", not_before_ms=ending.again_at_ms
            )
        else:
            stack_id = ending.stack.id if ending.stack is not None else None
            ended.append(Ended(ending.action, ending.state, stack_id, ending.error))
    await journal.end(connection, ended, now_ms=now_ms)
    shown = [ending.stack for ending in endings if ending.stack is not None]
    await stacks.put(connection, owner_id, shown, now_ms=now_ms)
    await _record_groups(connection, owner_id, ended)
    for ending in endings:
        if ending.state in {ActionState.WITHDRAWN, ActionState.FAILED}:
            log.warning("a stack was not made: %s", ending.error)
        if ending.state is ActionState.WITHDRAWN:
            stems = await assets.remove(connection, owner_id, ending.gone)
            await work.mark(connection, owner_id, {ending.action.stem, *stems})


async def _record_groups(connection: AsyncConnection, owner_id: OwnerId, ended: list[Ended]) -> None:
    made = [each.action for each in ended if each.state is ActionState.DONE]
    extended = [member for action in made if action.kind is ActionKind.EXTEND_STACK for member in action.member_ids]
    # The former groups of what was extended; the new ones are not active yet.
    replaced = [group.id for group in await groups.active_touching(connection, owner_id, extended)]
    await groups.set_state(connection, owner_id, replaced, GroupState.REPLACED)
    await groups.set_state(connection, owner_id, [action.group_id for action in made], GroupState.ACTIVE)
    unmade = [each.action.group_id for each in ended if each.state is not ActionState.DONE]
    await groups.set_state(connection, owner_id, unmade, GroupState.WITHDRAWN)
