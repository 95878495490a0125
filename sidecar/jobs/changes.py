"""What changed in Immich since we last looked: the assets whose `updatedAt` is newer than the watermark."""

from __future__ import annotations

from sidecar.grouping.names import stem_of
from sidecar.jobs.context import JobContext
from sidecar.jobs.sync import CLOCK_SLACK_MS, PAGE_SIZE, VISIBILITIES
from sidecar.model import OwnerId
from sidecar.storage import assets, journal, scans, work
from sidecar.storage.scans import Watermark


async def read_changes(context: JobContext, owner_id: OwnerId) -> None:
    """Everything that Immich changed since the watermark is in the mirror, marked, and outstanding writes know of it.

    Shape:  our own writes change their members too. What an asset is stacked with is not among the answers (mapAsset,
            Immich 3.1.0), so any change at all makes an outstanding write look first.
    Source: `updatedAfter` is inclusive and any write of the asset's row raises `updatedAt` (Immich 2.7.5 and 3.1.0).
    """
    immich = context.immich(owner_id)
    async with context.database.read() as connection:
        mark = await scans.watermark(connection, owner_id)
        last = await scans.newest(connection, owner_id)
    if mark is None or last is None:
        return
    began_ms: int | None = None
    for visibility in VISIBILITIES:
        number: int | None = 1
        while number is not None:
            page = await immich.asset_page(
                visibility=visibility, page=number, size=PAGE_SIZE, updated_after_ms=mark.watermark_ms
            )
            began_ms = began_ms or immich.server_time_ms()
            mine = {asset.id: (stem_of(asset.name), asset) for asset in page.assets if asset.owner_id == owner_id}
            async with context.database.write() as connection:
                recorded = await assets.record(connection, owner_id, mine, scan_id=last.id)
                await work.mark(connection, owner_id, recorded.dirty)
                touched = {
                    stem
                    for stem, asset in mine.values()
                    # What changed while the last look went on may be known and its stack not.
                    if asset.id in recorded.changed or asset.updated_at_ms >= mark.watermark_ms + CLOCK_SLACK_MS
                }
                await journal.look_first(connection, owner_id, touched)
            number = page.next_page
    newer = Watermark((began_ms or mark.watermark_ms) - CLOCK_SLACK_MS, mark.rules)
    async with context.database.write() as connection:
        await scans.set_watermark(connection, owner_id, newer)
