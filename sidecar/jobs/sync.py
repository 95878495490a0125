"""The sync job: one owner's whole library, read page by page into the mirror."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import AsyncIterator
from dataclasses import dataclass, field

from sidecar.immich_client.client import Immich
from sidecar.immich_client.mapping import AssetPage
from sidecar.jobs.all_stacks import read_all_stacks
from sidecar.jobs.context import SCAN_LEASE_MS, JobContext
from sidecar.jobs.out_of_sight import Absence, ask_for
from sidecar.jobs.partners import read_partners
from sidecar.jobs.queue import JobName
from sidecar.jobs.recording import record, request_detection
from sidecar.jobs.rules import fingerprint, rules_of
from sidecar.jobs.runs import Interrupted, Run
from sidecar.model import AssetId, OwnerId, Visibility
from sidecar.storage import assets, partner_assets, partner_copies, scans, work
from sidecar.storage.scans import Scan, ScanState, Watermark

log = logging.getLogger(__name__)

PAGE_SIZE = 1000
"""The largest page that POST /search/metadata gives (Immich 2.5 to 3.1)."""

VISIBILITIES = (Visibility.TIMELINE, Visibility.ARCHIVE)
"""What can be stacked, asked for one by one: without a visibility, 3.0 adds hidden videos and 2.7 drops the archive."""

CLOCK_SLACK_MS = 2_000
"""The server's Date header counts whole seconds."""


async def sync(context: JobContext, owner_id: OwnerId) -> None:
    """Runs the owner's due scan, if any; afterwards the mirror is what Immich showed and changed stems are marked.

    Errors: none of Immich's. A scan that cannot go on is tried again later or ends as failed; its row says why.
    """
    lease = context.new_id()
    async with context.database.write() as connection:
        scan = await scans.claim(connection, owner_id, lease=lease, now_ms=context.now_ms(), lease_ms=SCAN_LEASE_MS)
    if scan is None:
        return
    run = Run(context, scan, lease, "a scan", scans.postpone, scans.end, ScanState.FAILED)
    await run.carry_out(_Sync(context, scan, lease).run())


@dataclass(slots=True)
class _Sync:
    context: JobContext
    scan: Scan
    lease: str
    broken: int = 0
    found: int = 0
    seen: set[AssetId] = field(default_factory=set)

    @property
    def owner_id(self) -> OwnerId:
        return self.scan.owner_id

    @property
    def immich(self) -> Immich:
        return self.context.immich(self.owner_id)

    async def run(self) -> None:
        async with self.context.database.read() as connection:
            rules_at_start = fingerprint(self.context, await rules_of(self.context, connection, self.owner_id))
        totals = {each: await self.immich.count_assets(visibility=each) for each in VISIBILITIES}
        started_ms = self.immich.server_time_ms() or 0  # without a clock, everything counts as changed since
        expected = sum(totals.values())  # partners' assets among them
        await self._tell(expected=expected)
        # Stacks before assets: a stem may be paired as soon as it is marked, and must not miss the stack it is in.
        count = await read_all_stacks(self.context, self.owner_id, between=self._tell)
        await self._tell(stacks=count)
        await self._read_assets(totals, newest_first=True)
        if self._missing(expected) and self._missing(expected) != await self._missing_last_time():
            self.broken = 0
            # Offset paging skips rows that tie (before 3.1.0) or move while we read; the other way round finds them.
            await self._read_assets(totals, newest_first=False)
        await self._tell(missing=self._missing(expected))
        gone = await self._ask_for_unseen()
        await read_partners(self.context, self.owner_id)
        await self._finish(started_ms, gone, rules_at_start)

    async def _read_assets(self, totals: dict[Visibility, int], *, newest_first: bool) -> None:
        for visibility, total in totals.items():
            async for page in self._pages(visibility, total, newest_first=newest_first):
                await self._record(page)

    async def _pages(self, visibility: Visibility, total: int, *, newest_first: bool) -> AsyncIterator[AssetPage]:
        async def fetch(number: int) -> AssetPage:
            return await self.immich.asset_page(
                visibility=visibility, page=number, size=PAGE_SIZE, newest_first=newest_first
            )

        last = max(1, -(-total // PAGE_SIZE))
        reading: dict[int, asyncio.Task[AssetPage]] = {}
        number = 1
        next_page: int | None = 1
        try:
            while next_page is not None:
                while len(reading) < self.context.concurrent_reads and number <= max(last, next_page):
                    reading[number] = asyncio.create_task(fetch(number))
                    number += 1
                page = await reading.pop(next_page)
                next_page = page.next_page
                yield page
        finally:
            for task in reading.values():
                task.cancel()
            await asyncio.gather(*reading.values(), return_exceptions=True)

    async def _record(self, page: AssetPage) -> None:
        mine = {asset.id for asset in page.assets if asset.owner_id == self.owner_id}
        self.found += len(mine - self.seen)
        self.seen.update(asset.id for asset in page.assets)
        self.broken += len(page.broken)
        async with self.context.database.write() as connection:
            recorded = await record(
                self.context, connection, self.owner_id, page.assets, scan_id=self.scan.id, is_scan=True
            )
            await work.mark(connection, self.owner_id, recorded.dirty)
        await self._tell(found=self.found, broken=self.broken)

    def _missing(self, expected: int) -> int:
        return max(0, expected - len(self.seen) - self.broken)

    async def _missing_last_time(self) -> int:
        """As many are not lost rows but assets without metadata, which a search withExif leaves out every time."""
        async with self.context.database.read() as connection:
            last = await scans.newest_done(connection, self.owner_id)
        return last.missing if last is not None else 0

    async def _ask_for_unseen(self) -> int:
        async with self.context.database.read() as connection:
            unseen = await assets.unseen(connection, self.owner_id, scan_id=self.scan.id)
        gone = 0
        for start in range(0, len(unseen), PAGE_SIZE):
            part = unseen[start : start + PAGE_SIZE]
            absent = await ask_for(
                self.context, self.owner_id, part, scan_id=self.scan.id, is_scan=True, between=self._tell
            )
            gone += sum(each is Absence.GONE for each in absent.values())
            await self._tell(gone=gone)
        return gone

    async def _finish(self, started_ms: int, gone: int, rules_at_start: str) -> None:
        async with self.context.database.write() as connection:
            before = await scans.watermark(connection, self.owner_id)
            # The pair job finds out by itself whether a library was recorded under other rules than today's.
            rules = before.rules if before is not None else rules_at_start
            mark = Watermark(watermark_ms=started_ms - CLOCK_SLACK_MS, stacks_known_at_ms=started_ms, rules=rules)
            await scans.set_watermark(connection, self.owner_id, mark)
            await scans.end(connection, self.scan, ScanState.DONE, lease=self.lease, now_ms=self.context.now_ms())
            await partner_copies.remove_unseen(connection, self.owner_id, scan_id=self.scan.id)
            await partner_assets.remove_unseen(connection, self.owner_id, scan_id=self.scan.id)
            await request_detection(self.context, connection, self.owner_id)
        log.info(
            "a scan is complete",
            extra={"assets": self.found, "broken": self.broken, "gone": gone},
        )
        await self.context.wake(JobName.PAIR, self.owner_id)
        if self.context.detects:
            await self.context.wake(JobName.DETECT, self.owner_id)

    async def _tell(self, **numbers: int) -> None:
        async with self.context.database.write() as connection:
            ours = await scans.progress(
                connection,
                self.scan,
                lease=self.lease,
                lease_until_ms=self.context.now_ms() + SCAN_LEASE_MS,
                **numbers,
            )
        if not ours or self.context.stopping.is_set():
            raise Interrupted("this scan goes on elsewhere, or later")
