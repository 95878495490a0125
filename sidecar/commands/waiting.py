"""Somebody to do the work that a person asked for, and waiting until it has ended."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable, Collection, Mapping, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import Generic, TextIO, TypeVar

from sidecar.model import OwnerId
from sidecar.storage import decisions, work
from sidecar.wiring import Services
from sidecar.worker import running_worker

FIRST_LOOK_S, LAST_LOOK_S = 0.05, 1.0
"""One write ends at once; looking at thousands should not slow them down."""

GIVE_UP_AFTER_ATTEMPTS = 4
PATIENCE_S = 30.0
"""So long without any news, and whoever waits may go: Immich refuses for now, or the running sidecar is busy."""

SETTLE_WITHIN_S = 10.0
E = TypeVar("E")


@dataclass(frozen=True, slots=True)
class Wait(Generic[E]):
    """What is waited for: how to look at it, whether one has ended, and how often it was tried.

    Shape:  look takes ids and gives what it finds of them by id; done is what has become of one that ended.
    """

    look: Callable[[Sequence[str]], Awaitable[Mapping[str, E]]]
    is_over: Callable[[E], bool]
    attempts: Callable[[E], int]
    done: str

    async def for_all(self, ids: Sequence[str], err: TextIO) -> list[E]:
        """How these stand, in their order, when they have ended or when it makes no sense to wait longer."""
        loop = asyncio.get_running_loop()
        begun_s = news_s = loop.time()
        waiting = ids
        found: dict[str, E] = {}
        while True:
            looked_s = loop.time()
            present = await self.look(waiting)
            left = {each: entry for each, entry in present.items() if not self.is_over(entry)}
            if any(found.get(each) != entry for each, entry in present.items()):
                news_s = looked_s
            found |= present
            self._count(err, len(ids) - len(left), len(ids))
            is_hopeless = all(self.attempts(entry) >= GIVE_UP_AFTER_ATTEMPTS for entry in left.values())
            if is_hopeless or looked_s - news_s > PATIENCE_S:
                self._count(err, len(ids) - len(left), len(ids), end="\n")
                return [found[each] for each in ids]
            waiting = list(left)
            pause_s = min(LAST_LOOK_S, FIRST_LOOK_S + (looked_s - begun_s) / 20)
            await asyncio.sleep(max(pause_s, 4 * (loop.time() - looked_s)))

    def _count(self, err: TextIO, ended: int, of: int, *, end: str = "") -> None:
        if of > 1 and err.isatty():
            print(f"\r{ended} of {of} {self.done}", end=end, file=err, flush=True)


@asynccontextmanager
async def at_work(services: Services, owner_ids: Collection[OwnerId]) -> AsyncIterator[None]:
    """Somebody does the work of the block: a worker of its own, unless another process has one.

    Shape:  the block ends when what it changed shows in the lists and Immich was told of it, or after some seconds; the
            rest is done by the running sidecar or the next scan.
    """
    if services.is_guest:
        yield
        await _settled(services, owner_ids)
        return
    async with running_worker(services.jobs):
        yield
        await _settled(services, owner_ids)


async def _settled(services: Services, owner_ids: Collection[OwnerId]) -> None:
    loop = asyncio.get_running_loop()
    until_s = loop.time() + SETTLE_WITHIN_S
    # Only the database knows, and other processes write it too: nobody would set an event.
    while loop.time() < until_s and await _is_unsettled(services, owner_ids):  # noqa: ASYNC110
        await asyncio.sleep(FIRST_LOOK_S)


async def _is_unsettled(services: Services, owner_ids: Collection[OwnerId]) -> bool:
    now_ms = services.jobs.now_ms()
    async with services.database.read() as connection:
        for owner_id in owner_ids:
            if (await work.backlog(connection, owner_id)).pending:
                return True
            if await decisions.has_untold(connection, owner_id, now_ms=now_ms):
                return True
    return False
