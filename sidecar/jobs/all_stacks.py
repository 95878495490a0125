"""All of an owner's stacks, read anew: what others did to them, here or there, is known afterwards."""

from __future__ import annotations

import logging
from collections.abc import Awaitable, Callable

from sidecar.errors import ContractBroken, ImmichMissing, ImmichUnavailable
from sidecar.jobs.context import JobContext
from sidecar.jobs.several import ask_several, nothing_between
from sidecar.model import OwnerId, Stack, StackId
from sidecar.storage import assets, stacks, work

log = logging.getLogger(__name__)


async def read_all_stacks(
    context: JobContext, owner_id: OwnerId, *, between: Callable[[], Awaitable[None]] = nothing_between
) -> int:
    """How many stacks there are; they are on record, and the stems of all that is stacked otherwise are marked.

    Shape:  between is awaited now and then while Immich is asked stack by stack.
    Errors: ImmichUnavailable and its kin.
    """
    asked_at_ms = context.now_ms()
    present = await _all(context, owner_id, between)
    async with context.database.write() as connection:
        touched = await stacks.reconcile(connection, owner_id, present, asked_at_ms=asked_at_ms)
        await work.mark(connection, owner_id, await assets.stems_of(connection, owner_id, sorted(touched)))
    return len(present)


async def _all(context: JobContext, owner_id: OwnerId, between: Callable[[], Awaitable[None]]) -> list[Stack]:
    immich = context.immich(owner_id)

    async def if_there(stack_id: StackId) -> Stack | None:
        try:
            return await immich.stack(stack_id)
        except ImmichMissing:
            return None

    try:
        return list(await immich.stacks())
    except (ImmichUnavailable, ContractBroken):
        # One answer with every stack is too much for a server with some 145,000 of them (immich-stack#56).
        log.warning("the list of all stacks cannot be had; asking stack by stack")
    at_once = context.concurrent_reads
    primaries = await immich.stacked_primary_ids()
    found = await ask_several(primaries, immich.stack_of_primary, at_once=at_once, between=between)
    listed = {stack.id: stack for stack in found if stack is not None}
    # A timeline shows no stack whose primary it does not show: only Immich itself can say that one is gone.
    async with context.database.read() as connection:
        recorded = await stacks.everything(connection, owner_id)
    rest = await ask_several(sorted(recorded.keys() - listed.keys()), if_there, at_once=at_once, between=between)
    return [*listed.values(), *(stack for stack in rest if stack is not None)]
