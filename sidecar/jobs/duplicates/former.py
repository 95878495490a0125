"""Sets that are listed no more: whether there was such a one, and taking back that its members are no duplicates."""

from __future__ import annotations

from collections.abc import Sequence

from sqlalchemy.ext.asyncio import AsyncConnection

from sidecar.duplicates.sets import set_id_of
from sidecar.errors import StaleDecision
from sidecar.jobs.context import JobContext
from sidecar.jobs.duplicates.dismissals import dismissed, undismiss
from sidecar.jobs.queue import JobName
from sidecar.model import AssetId, OwnerId
from sidecar.storage import assets, detections
from sidecar.storage.duplicate_history import was_decided


async def was_there(
    connection: AsyncConnection, owner_id: OwnerId, set_id: str, *, member_ids: Sequence[AssetId] = ()
) -> bool:
    """Whether the owner has had a set of this id.

    Shape:  what was decided about or dismissed is known. Of a set that has changed nothing is kept; but its id is made
            of its members, so that whoever names them all has seen it. An id of somebody else's set says nothing.
    """
    if await was_decided(connection, owner_id, set_id):
        return True
    if any(set_id_of(decision.asset_ids) == set_id for _, decision in await dismissed(connection, owner_id)):
        return True
    return set_id_of(member_ids) == set_id and bool(await assets.by_ids(connection, owner_id, sorted(member_ids)))


async def take_back_dismissal(context: JobContext, owner_id: OwnerId, called: str) -> bool:
    """Whether there was something of the owner's to take back: the dismissal of this id, or those of the set of this
    id. A search is asked for, which lists the set again.

    Errors: StaleDecision if somebody else has just taken it back.
    """
    async with context.database.read() as connection:
        named = [
            decision_id
            for decision_id, decision in await dismissed(connection, owner_id)
            if called in {decision_id, set_id_of(decision.asset_ids)}
        ]
    if not named:
        return False
    if not await undismiss(context, owner_id, named):
        raise StaleDecision("That was taken back already.")
    async with context.database.write() as connection:
        await detections.request(connection, owner_id, now_ms=context.now_ms())
    await context.wake(JobName.DETECT, owner_id)
    return True
