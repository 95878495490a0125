"""Everything that is to be done, was done and was given up, of all users together: what monitoring asks for."""

from __future__ import annotations

import asyncio
import shutil
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from sidecar.errors import QueueUnavailable, StorageUnavailable
from sidecar.jobs.context import JobContext
from sidecar.jobs.queue import Depth
from sidecar.jobs.status import Status, status
from sidecar.storage import ages
from sidecar.storage.ages import Waits

KNOWN_FOR_MS = 15_000
"""Counting goes through every row of what is counted: however many ask, it is done that seldom."""


@dataclass(frozen=True, slots=True)
class Backlog:
    """What the database knows.

    Shape:  oldest_ms has the age of the oldest of each kind that waits; flaws counts pictures that cannot be looked
            at by the short word for why.
    """

    accounts: int
    status: Status
    oldest_ms: Mapping[Waits, int]
    flaws: Mapping[str, int]
    size_bytes: int


@dataclass(frozen=True, slots=True)
class Disk:
    """The disk of the data folder."""

    total_bytes: int
    free_bytes: int


@dataclass(frozen=True, slots=True)
class Totals:
    """All of it; None stands for what does not answer."""

    backlog: Backlog | None
    queue: Depth | None
    disk: Disk | None


class Counting:
    """Counts when it is asked, and not more often than makes sense; one for each process."""

    def __init__(self, context: JobContext, data_dir: Path) -> None:
        self._context = context
        self._data_dir = data_dir
        self._counting = asyncio.Lock()
        self._known: Totals | None = None
        self._known_at_ms = 0

    async def totals(self) -> Totals:
        """As they were within the last KNOWN_FOR_MS."""
        async with self._counting:
            now_ms = self._context.now_ms()
            if self._known is None or not 0 <= now_ms - self._known_at_ms < KNOWN_FOR_MS:
                self._known = Totals(await self._backlog(now_ms), await self._queue(now_ms), self._disk())
                self._known_at_ms = now_ms
            return self._known

    async def _backlog(self, now_ms: int) -> Backlog | None:
        database, owner_ids = self._context.database, sorted(self._context.accounts)
        try:
            async with database.read() as connection:
                told = await status(connection, owner_ids, now_ms=now_ms)
                since_ms = await ages.oldest_ms(connection, owner_ids)
                flaws = await ages.flaws(connection, owner_ids)
            size_bytes = await database.size_bytes()
        except StorageUnavailable:
            return None
        oldest_ms = {kind: max(0, now_ms - at_ms) for kind, at_ms in since_ms.items()}
        return Backlog(len(owner_ids), told, oldest_ms, flaws, size_bytes)

    async def _queue(self, now_ms: int) -> Depth | None:
        try:
            return None if self._context.queue is None else await self._context.queue.depth(now_ms=now_ms)
        except QueueUnavailable:
            return None

    def _disk(self) -> Disk | None:
        try:
            usage = shutil.disk_usage(self._data_dir)
        except OSError:
            return None
        return Disk(usage.total, usage.free)
