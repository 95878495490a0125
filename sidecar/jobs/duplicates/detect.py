"""The detect job: one owner's duplicates, from what costs nothing to what costs most, with results in between."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Sequence
from dataclasses import dataclass

from sidecar.duplicates.fingerprint import FINGERPRINT_VERSION
from sidecar.duplicates.thumbhash import quick_candidates
from sidecar.jobs.context import SCAN_LEASE_MS, JobContext
from sidecar.jobs.duplicates.compare_files import compare_files
from sidecar.jobs.duplicates.group import group
from sidecar.jobs.duplicates.judge import judge
from sidecar.jobs.duplicates.look import look
from sidecar.jobs.rules import detection_rules_of
from sidecar.jobs.runs import Interrupted, Run
from sidecar.model import AssetId, OwnerId
from sidecar.preferences import DetectionRules
from sidecar.storage import detections, duplicate_sets, matches, originals
from sidecar.storage.detections import Detection, DetectionPhase, DetectionState
from sidecar.storage.originals import Picture

log = logging.getLogger(__name__)

BATCHES_BETWEEN_RESULTS = 40
"""While everything is looked at, sets are formed anew after so many batches: each time costs a search."""


KEEP_LEASE_EVERY_S = SCAN_LEASE_MS / 1000 / 5


async def detect(context: JobContext, owner_id: OwnerId) -> None:
    """Runs the owner's due search for duplicates, if any; afterwards the sets are what files and thumbnails say.

    Errors: none of Immich's. A search that cannot go on is tried again later or ends as failed; its row says why.
            What was read and looked at is never read again, however often the search is interrupted.
    """
    lease = context.new_id()
    async with context.database.write() as connection:
        detection = await detections.claim(
            connection, owner_id, lease=lease, now_ms=context.now_ms(), lease_ms=SCAN_LEASE_MS
        )
    if detection is None:
        return
    run = Run(
        context, detection, lease, "a search for duplicates", detections.postpone, detections.end, DetectionState.FAILED
    )
    await run.carry_out(_Detection(context, detection, lease).run())


@dataclass(slots=True)
class _Detection:
    context: JobContext
    detection: Detection
    lease: str
    is_ours: bool = True
    looked: int = 0

    @property
    def owner_id(self) -> OwnerId:
        return self.detection.owner_id

    async def run(self) -> None:
        keeping = asyncio.create_task(self._keep_lease())
        try:
            async with self.context.database.read() as connection:
                rules = await detection_rules_of(self.context, connection, self.owner_id)
            if rules.finds_exact:
                await self._tell(phase=DetectionPhase.FILES)
                await compare_files(self.context, self.owner_id, detection=self.detection)
                await self._results(rules)
            if rules.finds_alike:
                await self._look_and_judge(rules)
            # Sets of a search that is off now are taken away by this, too.
            await self._results(rules)
            self._check()
        finally:
            keeping.cancel()
            await asyncio.gather(keeping, return_exceptions=True)
        async with self.context.database.write() as connection:
            await detections.end(
                connection, self.detection, DetectionState.DONE, lease=self.lease, now_ms=self.context.now_ms()
            )

    async def _look_and_judge(self, rules: DetectionRules) -> None:
        await self._tell(phase=DetectionPhase.QUICK)
        async with self.context.database.read() as connection:
            known = await originals.thumbhashes(connection, self.owner_id)
        pairs = await asyncio.to_thread(quick_candidates, known.ids, known.thumbhashes, known.durations_ms)
        wanted = sorted({asset_id for pair in pairs for asset_id in pair})
        await self._tell(candidates=len(wanted))
        total = await self._total()
        await self._tell(phase=DetectionPhase.LOOK, total=total)
        for start in range(0, len(wanted), rules.batch_size):
            await self._look(await self._due_among(wanted[start : start + rules.batch_size]))
        await self._judge(rules)
        await self._tell(first_results_at_ms=self.context.now_ms())
        await self._tell(phase=DetectionPhase.REST)
        batches = 0
        last: AssetId | None = None
        while batch := await self._due_after(last, limit=rules.batch_size):
            await self._look(batch)
            last = batch[-1].id
            batches += 1
            if batches % BATCHES_BETWEEN_RESULTS == 0:
                await self._judge(rules)
                await self._tell(phase=DetectionPhase.REST)
        await self._judge(rules)

    async def _total(self) -> int:
        async with self.context.database.read() as connection:
            return await originals.count_to_look_at(
                connection, self.owner_id, version=FINGERPRINT_VERSION, now_ms=self.context.now_ms()
            )

    async def _due_among(self, ids: Sequence[AssetId]) -> list[Picture]:
        async with self.context.database.read() as connection:
            return await originals.to_look_at_among(
                connection, self.owner_id, ids, version=FINGERPRINT_VERSION, now_ms=self.context.now_ms()
            )

    async def _due_after(self, last: AssetId | None, *, limit: int) -> list[Picture]:
        async with self.context.database.read() as connection:
            return await originals.to_look_at(
                connection,
                self.owner_id,
                version=FINGERPRINT_VERSION,
                now_ms=self.context.now_ms(),
                limit=limit,
                after=last,
            )

    async def _look(self, pictures: Sequence[Picture]) -> None:
        if pictures:
            await look(self.context, self.owner_id, pictures)
            self.looked += len(pictures)
            await self._tell(looked=self.looked)

    async def _judge(self, rules: DetectionRules) -> None:
        await self._tell(phase=DetectionPhase.JUDGE)
        await judge(self.context, self.owner_id, rules)
        async with self.context.database.read() as connection:
            found = await matches.count(connection, self.owner_id)
        await self._tell(matches=found)
        await self._results(rules)

    async def _results(self, rules: DetectionRules) -> None:
        self._check()
        await group(self.context, self.owner_id, rules)
        async with self.context.database.read() as connection:
            tallies = await duplicate_sets.counts(connection, self.owner_id)
        await self._tell(sets=sum(tally.sets for tally in tallies.values()))

    async def _tell(self, *, phase: DetectionPhase | None = None, **numbers: int) -> None:
        await self._renew(phase=phase, **numbers)
        self._check()

    def _check(self) -> None:
        if not self.is_ours or self.context.stopping.is_set():
            raise Interrupted("this search goes on elsewhere, or later")

    async def _keep_lease(self) -> None:
        """Comparing large files takes longer than a lease; whoever is alive keeps it."""
        while True:
            await asyncio.sleep(KEEP_LEASE_EVERY_S)
            await self._renew()

    async def _renew(self, *, phase: DetectionPhase | None = None, **numbers: int) -> None:
        until_ms = self.context.now_ms() + SCAN_LEASE_MS
        async with self.context.database.write() as connection:
            held = await detections.progress(
                connection, self.detection, lease=self.lease, lease_until_ms=until_ms, phase=phase, **numbers
            )
        self.is_ours = self.is_ours and held
