"""What changed in Immich since we last looked: the assets whose `updatedAt` is newer than the watermark."""

from __future__ import annotations

from dataclasses import replace

from sidecar.jobs.context import JobContext
from sidecar.jobs.sync import CLOCK_SLACK_MS, PAGE_SIZE, VISIBILITIES, record
from sidecar.model import OwnerId
from sidecar.storage import scans, work


async def read_changes(context: JobContext, owner_id: OwnerId) -> None:
    """Everything that Immich changed since the watermark is in the mirror, and stems that it concerns are marked.

    Shape:  our own writes change their members too. What an asset is stacked with is not among the answers (mapAsset,
            Immich 3.1.0); a newer `updatedAt` in the mirror is what makes a write look first.
    Source: `updatedAfter` is inclusive and any write of the asset's row raises `updatedAt` (Immich 2.7.5 and 3.1.0).
    """
    immich = context.immich(owner_id)
    async with context.database.read() as connection:
        mark = await scans.watermark(connection, owner_id)
        last = await scans.newest(connection, owner_id)
    if mark is None or last is None:
        return
    # Told by an answer before the first question: too early only costs reading something twice.
    began_ms = immich.server_time_ms()
    for visibility in VISIBILITIES:
        number: int | None = 1
        while number is not None:
            page = await immich.asset_page(
                visibility=visibility,
                page=number,
                size=PAGE_SIZE,
                updated_after_ms=mark.watermark_ms,
                with_trashed=True,
            )
            async with context.database.write() as connection:
                recorded = await record(context, connection, owner_id, page.assets, scan_id=last.id)
                await work.mark(connection, owner_id, recorded.dirty)
            number = page.next_page
    newer_ms = (began_ms or 0) - CLOCK_SLACK_MS
    if newer_ms > mark.watermark_ms:
        async with context.database.write() as connection:
            await scans.set_watermark(connection, owner_id, replace(mark, watermark_ms=newer_ms))
