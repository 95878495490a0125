"""What changed in Immich since we last looked: the assets whose `updatedAt` is newer than the watermark."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import dataclass, field

from sqlalchemy.ext.asyncio import AsyncConnection

from sidecar.jobs.context import JobContext
from sidecar.jobs.recording import record, request_detection
from sidecar.jobs.sync import CLOCK_SLACK_MS, PAGE_SIZE, VISIBILITIES
from sidecar.measures import EVENT_LAG
from sidecar.model import Asset, AssetId, OwnerId
from sidecar.storage import changes, groups, polls, scans, stacks, work
from sidecar.storage.changes import Change, Source
from sidecar.storage.work import Debounce

OVERLAP_MS = 60_000
"""A statement in Immich stamps its rows when it begins; one that takes this long is found by the next full scan."""

STACKS_AFTER_NEWS_MS = 2 * 60_000
"""All stacks are one long answer: they are read seldom."""

DETECT_AFTER_MS = 5 * 60_000
"""A search for duplicates goes through everything: it waits for the rest of an upload."""

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


async def read_changes(context: JobContext, owner_id: OwnerId, *, is_poll: bool = False) -> News | None:
    """What Immich changed lately, which is in the mirror now; None before the first scan is complete.

    Shape:  a poll reads everything since the last poll and a while before, and moves the watermark; a look in between
            reads what changed since the last one of these. Stems that it concerns are marked, and looked at when they
            have rested for a moment; what else follows from it is on record with it. Our own writes change their
            members too. What an asset is stacked with is not among the answers (mapAsset, Immich 3.1.0); a newer
            `updatedAt` in the mirror is what makes a write look first.
    Source: `updatedAfter` is inclusive and any write of the asset's row raises `updatedAt` (Immich 2.7.5 and 3.1.0).
    """
    immich = context.immich(owner_id)
    async with context.database.read() as connection:
        mark = await scans.watermark(connection, owner_id)
        # Under the number of one that is still to come, an asset would count as seen by it.
        last = await scans.newest_done(connection, owner_id)
        clock = await polls.get(connection, owner_id)
    if mark is None or last is None:
        return None
    since_ms = mark.watermark_ms - OVERLAP_MS if is_poll else max(mark.watermark_ms, clock.looked_ms)
    news = News(last.id)
    # Told by an answer before the first question: too early only costs reading something twice.
    began_ms = (immich.server_time_ms() or 0) - CLOCK_SLACK_MS
    for visibility in VISIBILITIES:
        number: int | None = 1
        while number is not None:
            page = await immich.asset_page(
                visibility=visibility, page=number, size=PAGE_SIZE, updated_after_ms=since_ms, with_trashed=True
            )
            async with context.database.write() as connection:
                recorded = await record(context, connection, owner_id, page.assets, scan_id=last.id)
                await work.mark(connection, owner_id, recorded.dirty, debounce=debounce(context))
                await follow(context, connection, owner_id, recorded.changed)
            if is_poll:
                _measure(page.assets, recorded.changed, now_ms=context.now_ms())
            news.shown.update(asset.id for asset in page.assets if asset.owner_id == owner_id)
            news.changed.update(recorded.changed)
            number = page.next_page
    async with context.database.write() as connection:
        if is_poll:
            await scans.advance_watermark(connection, owner_id, seen=mark, watermark_ms=began_ms)
        await polls.change(connection, owner_id, looked_ms=max(began_ms, clock.looked_ms))
    return news


def _measure(shown: Sequence[Asset], changed: Collection[AssetId], *, now_ms: int) -> None:
    """What no event told of is known this late."""
    for asset in shown:
        if asset.id in changed:
            EVENT_LAG.labels(Source.POLL.value).observe(max(0, now_ms - asset.updated_at_ms) / 1000)


async def follow(
    context: JobContext, connection: AsyncConnection, owner_id: OwnerId, changed: Collection[AssetId]
) -> None:
    """Nothing; what follows from these being news is asked for: a search for duplicates, and a look at all stacks if
    some are known in one, or in a group that should be one. Perhaps that is what changed.
    """
    if not changed:
        return
    await request_detection(context, connection, owner_id, delay_ms=DETECT_AFTER_MS)
    ids = sorted(changed)
    if await stacks.touching(connection, owner_id, ids) or await groups.living_touching(connection, owner_id, ids):
        now_ms = context.now_ms()
        told = [Change(owner_id, Source.POLL, None)]
        await changes.add(connection, told, now_ms=now_ms, not_before_ms=now_ms + STACKS_AFTER_NEWS_MS)


def debounce(context: JobContext) -> Debounce:
    """When a stem that is marked now is looked at."""
    now_ms = context.now_ms()
    return Debounce(now_ms + context.debounce_ms, now_ms + MOST_DEBOUNCES * context.debounce_ms)
