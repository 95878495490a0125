"""The redo job: asks Immich to do again what it never finished about an asset, once for each file as it is."""

from __future__ import annotations

import logging

from sidecar.errors import SidecarError
from sidecar.immich_client.permissions import Feature, missing_for
from sidecar.immich_client.redo import RedoJob
from sidecar.jobs.context import JobContext
from sidecar.model import OwnerId
from sidecar.storage import polls, redos
from sidecar.storage.redos import Missing

log = logging.getLogger(__name__)

ASK_EVERY_MS = 60 * 60_000
RESTS_MS = 10 * 60_000
"""An asset that has not changed for so long, while Immich's queues are empty, will not be finished by itself."""

RESTS_UNSEEN_MS = 2 * 60 * 60_000
"""The same where nobody may look at the queues: a large import keeps them busy for hours."""

AT_ONCE = 1000

_JOBS = {Missing.METADATA: RedoJob.METADATA, Missing.THUMBNAIL: RedoJob.THUMBNAIL}
_QUEUES = {
    Missing.METADATA: frozenset({"metadataExtraction", "sidecar", "library"}),
    Missing.THUMBNAIL: frozenset({"metadataExtraction", "thumbnailGeneration", "storageTemplateMigration"}),
}


async def redo(context: JobContext, owner_id: OwnerId) -> None:
    """Asks about what is missing and rests, if the key may; the answer shows in the mirror, or never.

    Shape:  it is on record before it is sent, and an asset is asked about again only when its file has changed: what
            Immich cannot read today it cannot read tomorrow.
    Errors: those of the client; what was not sent is asked about the next time.
    Source: thumbhash and exifInfo.modifyDate stay null after a failed job, and no job comes by itself (Immich 3.1.0).
    """
    async with context.database.write() as connection:
        poll = await polls.get(connection, owner_id)
        if poll.redo_due_at_ms > context.now_ms():
            return
        await polls.change(connection, owner_id, redo_due_at_ms=context.now_ms() + ASK_EVERY_MS)
    immich = context.immich(owner_id)
    if missing_for(Feature.REDO, await immich.permissions()):
        return
    busy = await _busy_queues(context)
    server_ms = immich.server_time_ms() or context.now_ms()
    since_ms = server_ms - (RESTS_MS if busy is not None else RESTS_UNSEEN_MS)
    for missing, job in _JOBS.items():
        if busy is None or busy.isdisjoint(_QUEUES[missing]):
            await _ask(context, owner_id, missing, job, unchanged_since_ms=since_ms)


async def _busy_queues(context: JobContext) -> frozenset[str] | None:
    """Which of Immich's queues have work, None where no connected user may know."""
    for account in context.accounts.values():
        busy = await account.immich.busy_queues()
        if busy is not None:
            return busy
    return None


async def _ask(
    context: JobContext, owner_id: OwnerId, missing: Missing, job: RedoJob, *, unchanged_since_ms: int
) -> None:
    async with context.database.write() as connection:
        asked = await redos.wanting(connection, owner_id, missing, unchanged_since_ms=unchanged_since_ms, limit=AT_ONCE)
        await redos.put(connection, owner_id, missing, asked, now_ms=context.now_ms())
    if not asked:
        return
    try:
        await context.immich(owner_id).redo([each.asset_id for each in asked], job)
    except SidecarError:
        async with context.database.write() as connection:
            await redos.take_back(connection, owner_id, missing, asked)
        raise
    log.info("Immich was asked to do again what it had not finished", extra={"missing": missing, "assets": len(asked)})
