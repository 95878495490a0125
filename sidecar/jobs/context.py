"""What every job body is given, and nothing more."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from uuid import uuid4

from sidecar.accounts.connected import Account
from sidecar.duplicates.detector import Detector
from sidecar.errors import ImmichRefused, QueueUnavailable
from sidecar.grouping.registry import RULES
from sidecar.grouping.rule import PairRule
from sidecar.immich_client.client import Immich
from sidecar.jobs.queue import JobName, Queue
from sidecar.media.paths import MediaPaths
from sidecar.media.pool import DecodingPool
from sidecar.model import AssetId, OwnerId
from sidecar.preferences import Detection, Matching
from sidecar.storage.changes import Source
from sidecar.storage.database import Database

LEASE_MS = 120_000
"""For a batch of stems or of writes; what cannot be begun in time is left for the next claim."""

SCAN_LEASE_MS = 900_000
"""Longer than a page of assets may take with all its repetitions; every page renews it."""

WAIT_FOR_PERSON_MS = 60_000
"""Until a key or a permission may have been mended."""

FIRST_RETRY_MS = 2_000
LAST_RETRY_MS = 300_000


def wall_clock_ms() -> int:
    """Now, in ms since 1970."""
    return time.time_ns() // 1_000_000


def new_id() -> str:
    """A fresh random id."""
    return str(uuid4())


@dataclass(frozen=True, slots=True)
class JobContext:
    """The database, the queue, the accounts, the rules, and how much may happen at once.

    Shape:  a dry run has no queue. matching is what the server's owner chose, under what each user chooses; pipeline
            are the rules that are asked, pipeline_name tells one set of them from another. recalled are assets
            about whose earlier decisions Immich was asked since this process began: a database can be put back from a
            backup only between two processes. detects says that duplicates are looked for after each scan; detection
            is what the server's owner chose about that, detectors are those of other packages, pool is where pictures
            are decoded, media_paths where Immich's files lie here. live_sources are those by which this process hears
            of an owner's changes without asking. stopping is set when the process is to end: bodies then stop between
            two steps.
    Units:  debounce_ms is how long a stem that changed is to have rested; poll_interval_ms between two questions for
            changes.
    """

    database: Database
    accounts: Mapping[OwnerId, Account]
    queue: Queue | None = None
    matching: Matching = field(default_factory=Matching)
    pipeline: Sequence[PairRule] = RULES
    pipeline_name: str = ""
    detects: bool = False
    detection: Detection = field(default_factory=Detection)
    detectors: Sequence[Detector] = ()
    detectors_name: str = ""
    pool: DecodingPool | None = None
    media_paths: MediaPaths = field(default_factory=MediaPaths)
    concurrent_reads: int = 4
    concurrent_writes: int = 8
    debounce_ms: int = 0
    poll_interval_ms: int = 60_000
    live_sources: dict[OwnerId, set[Source]] = field(default_factory=dict)
    recalled: set[AssetId] = field(default_factory=set)
    stopping: asyncio.Event = field(default_factory=asyncio.Event)
    now_ms: Callable[[], int] = wall_clock_ms
    new_id: Callable[[], str] = new_id

    def immich(self, owner_id: OwnerId) -> Immich:
        """The client that acts as this owner.

        Errors: ImmichRefused if they have left meanwhile.
        """
        account = self.accounts.get(owner_id)
        if account is None:
            raise ImmichRefused("the user is not connected any more")
        return account.immich

    def retry_at_ms(self, attempts: int) -> int:
        """When to try again after this many attempts: doubling from seconds to minutes."""
        return self.now_ms() + min(LAST_RETRY_MS, FIRST_RETRY_MS << min(attempts, 10))

    async def wake(self, job: JobName, owner_id: OwnerId, *, delay_ms: int = 0) -> None:
        """The job runs soon; where there is no queue, whoever runs the jobs by hand goes on by itself."""
        if self.queue is not None:
            with suppress(QueueUnavailable):  # the sweep finds what is to be done, as soon as the queue is back
                await self.queue.wake(job, owner_id, delay_s=delay_ms / 1000)
