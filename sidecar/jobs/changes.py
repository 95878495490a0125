"""What changed in Immich since we last looked: the assets whose `updatedAt` is newer than the watermark."""

from __future__ import annotations

from dataclasses import dataclass, field, replace

from sidecar.jobs.context import JobContext
from sidecar.jobs.recording import record
from sidecar.jobs.sync import CLOCK_SLACK_MS, PAGE_SIZE, VISIBILITIES
from sidecar.model import AssetId, OwnerId
from sidecar.storage import scans, work
from sidecar.storage.work import Debounce

MOST_DEBOUNCES = 5
"""An asset that changes again and again is looked at after so many times the usual wait."""


@dataclass(frozen=True, slots=True)
class News:
    """What one look showed of the owner's own assets: all that it showed, and those that were news to the mirror.

    Shape:  scan_id is the scan with which the assets count as seen.
    """

    scan_id: int
    shown: set[AssetId] = field(default_factory=set)
    changed: set[AssetId] = field(default_factory=set)


async def read_changes(context: JobContext, owner_id: OwnerId, *, overlap_ms: int = 0) -> News | None:
    """What Immich changed since the watermark, which is in the mirror now; None before the first scan is complete.

    Shape:  stems that it concerns are marked, and looked at when they have rested for a moment. Our own writes change
            their members too. What an asset is stacked with is not among the answers (mapAsset, Immich 3.1.0); a newer
            `updatedAt` in the mirror is what makes a write look first.
    Units:  overlap_ms is asked for once more: a change may have been stamped a while before others could see it.
    Source: `updatedAfter` is inclusive and any write of the asset's row raises `updatedAt` (Immich 2.7.5 and 3.1.0).
    """
    immich = context.immich(owner_id)
    async with context.database.read() as connection:
        mark = await scans.watermark(connection, owner_id)
        last = await scans.newest(connection, owner_id)
    if mark is None or last is None:
        return None
    news = News(last.id)
    # Told by an answer before the first question: too early only costs reading something twice.
    began_ms = immich.server_time_ms()
    for visibility in VISIBILITIES:
        number: int | None = 1
        while number is not None:
            page = await immich.asset_page(
                visibility=visibility,
                page=number,
                size=PAGE_SIZE,
                updated_after_ms=mark.watermark_ms - overlap_ms,
                with_trashed=True,
            )
            async with context.database.write() as connection:
                recorded = await record(context, connection, owner_id, page.assets, scan_id=last.id)
                await work.mark(connection, owner_id, recorded.dirty, debounce=debounce(context))
            news.shown.update(asset.id for asset in page.assets if asset.owner_id == owner_id)
            news.changed.update(recorded.changed)
            number = page.next_page
    newer_ms = (began_ms or 0) - CLOCK_SLACK_MS
    if newer_ms > mark.watermark_ms:
        async with context.database.write() as connection:
            await scans.set_watermark(connection, owner_id, replace(mark, watermark_ms=newer_ms))
    return news


def debounce(context: JobContext) -> Debounce:
    """When a stem that is marked now is looked at."""
    now_ms = context.now_ms()
    return Debounce(now_ms + context.debounce_ms, now_ms + MOST_DEBOUNCES * context.debounce_ms)
