"""What Immich showed goes into the mirror, whichever job asked for it."""

from __future__ import annotations

from collections.abc import Iterable

from sqlalchemy.ext.asyncio import AsyncConnection

from sidecar.grouping.names import reader_of
from sidecar.jobs.context import JobContext
from sidecar.jobs.rules import rules_of
from sidecar.model import Asset, OwnerId
from sidecar.storage import assets, detections, originals, partner_assets, partner_copies
from sidecar.storage.assets import Recorded


async def record(
    context: JobContext,
    connection: AsyncConnection,
    owner_id: OwnerId,
    seen: Iterable[Asset],
    *,
    scan_id: int,
    is_scan: bool = False,
) -> Recorded:
    """What was news among those of these assets that are the owner's, which are in the mirror now, under today's stems.

    Shape:  their originals are known too; news about an original alone is none for pairing. What partners share is
            remembered as far as the timeline shows it, or it can be the same as a picture of the owner's. An answer
            that is older than what the mirror knows came too late and is passed over, but for a scan's: Immich itself
            may have been put back from a backup.
    """
    names = reader_of(await rules_of(context, connection, owner_id))
    everything = list(seen)
    mine = [asset for asset in everything if asset.owner_id == owner_id]
    if not is_scan:
        known = await assets.by_ids(connection, owner_id, [asset.id for asset in mine])
        mine = [each for each in mine if each.id not in known or each.updated_at_ms >= known[each.id].updated_at_ms]
    by_id = {asset.id: (names.stem_of(asset.name), asset) for asset in mine}
    recorded = await assets.record(connection, owner_id, by_id, scan_id=scan_id)
    await originals.record(connection, owner_id, mine)
    if len(mine) < len(everything):
        await partner_copies.record(connection, owner_id, everything, scan_id=scan_id)
        await partner_assets.record(connection, owner_id, everything, scan_id=scan_id)
    return recorded


async def request_detection(
    context: JobContext, connection: AsyncConnection, owner_id: OwnerId, *, delay_ms: int = 0
) -> None:
    """A search for the owner's duplicates is asked for, where that is done at all; one that waits already stays."""
    if context.detects:
        now_ms = context.now_ms()
        await detections.request(connection, owner_id, now_ms=now_ms, not_before_ms=now_ms + delay_ms)
