"""Where all events come in: gathered for a moment, written down together, and then looked at by the refresh job."""

from __future__ import annotations

import asyncio
import logging
from collections import Counter
from collections.abc import Sequence

from sidecar.errors import StorageUnavailable, TryLater
from sidecar.jobs.context import JobContext
from sidecar.jobs.queue import JobName
from sidecar.model import OwnerId
from sidecar.storage import changes, event_counts
from sidecar.storage.changes import Change, Source, merged
from sidecar.storage.event_counts import Told

log = logging.getLogger(__name__)

GATHER_S = 0.01
"""Events that come within it share one commit: a thousand a second are a hundred commits."""

COUNT_WITHIN_S = 1.0
"""What is only counted waits for that long: whoever sends forged events makes few writes."""

MOST_WAITING = 10_000
HEARD = "heard"


class TooManyEvents(TryLater):
    """More events come in than the database takes; polling finds what they were about."""

    code = "too_many_events"


class Intake:
    """Takes events until it is closed.

    Shape:  one for each process. What it holds is bounded, and nothing is taken for heard before it is durable.
    """

    def __init__(self, context: JobContext) -> None:
        self._context = context
        self._told: list[Change] = []
        self._counted: Counter[Told] = Counter()
        self._next: asyncio.Future[None] | None = None
        self._writing: asyncio.Task[None] | None = None
        self._counting: asyncio.TimerHandle | None = None

    async def put(self, told: Sequence[Change]) -> None:
        """Nothing, as soon as the changes are on record and the refresh job knows.

        Errors: StorageUnavailable if they could not be written down, TooManyEvents if too many wait already.
        """
        if not told:
            return
        if len(self._told) + len(told) > MOST_WAITING:
            raise TooManyEvents("more events come in than can be written down")
        if self._next is None:
            self._next = asyncio.get_running_loop().create_future()
        written = self._next
        self._told += told
        if self._writing is None:
            self._writing = asyncio.create_task(self._write_all(), name="intake of events")
        await asyncio.shield(written)

    def count(self, source: Source, outcome: str, owner_id: OwnerId | None = None) -> None:
        """One more event of this outcome, of nobody's if it cannot be told whose."""
        self._counted[Told(owner_id, source, outcome)] += 1
        if self._writing is None and self._counting is None:
            self._counting = asyncio.get_running_loop().call_later(COUNT_WITHIN_S, self._write_counts)

    async def close(self) -> None:
        """Nothing; what was taken is on record, as far as the database allows."""
        if self._counting is not None:
            self._counting.cancel()
            self._write_counts()
        if self._writing is not None:
            await self._writing

    def _write_counts(self) -> None:
        self._counting = None
        if self._writing is None:
            self._writing = asyncio.create_task(self._write_all(), name="intake of events")

    async def _write_all(self) -> None:
        try:
            await asyncio.sleep(GATHER_S if self._told else 0)
            while self._told or self._counted:
                await self._write()
        except StorageUnavailable as error:
            # Whoever waits was told; the counts wait for the next event.
            log.warning("events cannot be written down now: %s", error)
        except Exception:
            log.exception("writing events down broke")  # whoever waited has the error, and polling what they told
        finally:
            self._writing = None

    async def _write(self) -> None:
        told, self._told = merged(self._told), []
        counted, self._counted = self._counted, Counter()
        written, self._next = self._next, None
        now_ms = self._context.now_ms()
        heard = Counter(Told(change.owner_id, change.source, HEARD) for change in told)
        try:
            async with self._context.database.write() as connection:
                await changes.add(connection, told, now_ms=now_ms)
                await event_counts.add(connection, counted + heard, now_ms=now_ms)
        except BaseException as error:
            self._counted += counted
            if written is not None:
                written.set_exception(error if isinstance(error, Exception) else StorageUnavailable("stopped"))
                written.exception()  # those who waited may be gone
            raise
        if written is not None:
            written.set_result(None)
        for owner_id in sorted({change.owner_id for change in told}):
            await self._context.wake(JobName.REFRESH, owner_id)
