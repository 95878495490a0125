"""The background half of a process: an arq worker that runs the jobs until it is told to stop. The twin of app.py."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress

from redis.exceptions import RedisError

from sidecar.jobs.context import JobContext
from sidecar.jobs.registry import build_worker
from sidecar.jobs.schedule import Schedule

RESTART_DELAY_S = 2.0
STOP_WITHIN_S = 20.0
"""For what is on its way to Immich to be answered and recorded; after that it is looked for at the next start."""


@asynccontextmanager
async def running_worker(context: JobContext, *, schedule: Schedule | None = None) -> AsyncIterator[None]:
    """A worker that runs in the background until the block ends; what it was doing then is resumed by the next one."""
    context.stopping.clear()
    task = asyncio.create_task(_work_on(context, schedule), name="worker")
    try:
        yield
    finally:
        context.stopping.set()
        task.cancel()
        with suppress(asyncio.CancelledError):
            await task


async def _work_on(context: JobContext, schedule: Schedule | None) -> None:
    """Runs the worker; a queue that goes away stops arq's loop, so it is started again."""
    while True:
        worker = build_worker(context, schedule=schedule)
        try:
            await worker.async_run()
        except (RedisError, OSError):
            await asyncio.sleep(RESTART_DELAY_S)
        finally:
            await _let_end(list(worker.tasks.values()))


async def _let_end(tasks: list[asyncio.Task[None]]) -> None:
    """Jobs see that they are to stop and end between two steps; one that cannot is cancelled, once.

    A second cancellation while a database connection is being given up would leave its thread waiting for ever.
    """
    if tasks:
        _, late = await asyncio.wait(tasks, timeout=STOP_WITHIN_S)
        for task in late:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
