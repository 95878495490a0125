"""Where all events come in: gathered for a moment, written down together, and then looked at by the refresh job."""

from __future__ import annotations

import asyncio
import logging
from collections import Counter
from collections.abc import Iterable, Sequence
from contextlib import suppress

from sidecar.errors import StorageUnavailable, TryLater
from sidecar.jobs.context import JobContext
from sidecar.jobs.queue import JobName
from sidecar.measures import EVENT_LAG
from sidecar.model import OwnerId
from sidecar.storage import changes, event_counts
from sidecar.storage.changes import Change, Source, merged
from sidecar.storage.event_counts import Told

log = logging.getLogger(__name__)

GATHER_S = 0.01
"""Events that come within it share one commit: a thousand a second are a hundred commits."""

COUNT_WITHIN_S = 1.0
"""What is only counted waits for that long: whoever sends forged events makes few writes."""

WAKE_WITHIN_S = 5.0
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
        self._to_wake: set[OwnerId] = set()
        self._ringing: asyncio.Task[None] | None = None

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
        if self._ringing is not None:
            self._ringing.cancel()
            await asyncio.gather(self._ringing, return_exceptions=True)

    def _write_counts(self) -> None:
        self._counting = None
        if self._writing is None:
            self._writing = asyncio.create_task(self._write_all(), name="intake of events")

    async def _write_all(self) -> None:
        try:
            await asyncio.sleep(GATHER_S if self._told else 0)
            while self._told or self._counted:
                if not await self._write() and not self._told:
                    break  # the counts wait for the next event
        finally:
            self._writing = None

    async def _write(self) -> bool:
        """Whether what had come in so far is on record; whoever waits for it knows."""
        told, self._told = merged(self._told), []
        counted, self._counted = self._counted, Counter()
        written, self._next = self._next, None
        try:
            await self._record(told, counted)
        except Exception as error:  # whoever waits has it, and polling finds what was told
            if isinstance(error, StorageUnavailable):
                log.warning("events cannot be written down now: %s", error)
            else:
                log.exception("writing events down broke")
            self._counted += counted
            if written is not None:
                written.set_exception(error)
                written.exception()  # those who waited may be gone
            return False
        if written is not None:
            written.set_result(None)
        self._ring(change.owner_id for change in told)
        return True

    async def _record(self, told: Sequence[Change], counted: Counter[Told]) -> None:
        counted = counted + Counter(Told(change.owner_id, change.source, HEARD) for change in told)
        try:
            await self._insert(told, counted)
        except StorageUnavailable:
            await asyncio.sleep(GATHER_S)  # two that met in the database do not meet again
            await self._insert(told, counted)

    async def _insert(self, told: Sequence[Change], counted: Counter[Told]) -> None:
        now_ms = self._context.now_ms()
        async with self._context.database.write() as connection:
            await changes.add(connection, told, now_ms=now_ms)
            await event_counts.add(connection, counted, now_ms=now_ms)
        for change in told:
            if change.updated_at_ms is not None:
                EVENT_LAG.labels(change.source.value).observe(max(0, now_ms - change.updated_at_ms) / 1000)

    def _ring(self, owner_ids: Iterable[OwnerId]) -> None:
        """Those are woken; a queue that does not answer keeps nobody waiting, as the sweep finds what is to be done."""
        self._to_wake.update(owner_ids)
        if self._to_wake and (self._ringing is None or self._ringing.done()):
            self._ringing = asyncio.create_task(self._wake_all(), name="waking for events")

    async def _wake_all(self) -> None:
        while self._to_wake:
            owner_id = self._to_wake.pop()
            with suppress(TimeoutError):
                async with asyncio.timeout(WAKE_WITHIN_S):
                    await self._context.wake(JobName.REFRESH, owner_id)
