"""Every job in one table: its name, its body, how long it may take. The only place that knows arq's untyped context."""

from __future__ import annotations

import logging
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from typing import Any

from arq import cron, func
from arq.cron import CronJob
from arq.worker import Function, Worker

from sidecar.errors import AskPerson, TryLater
from sidecar.jobs.apply import apply
from sidecar.jobs.context import JobContext
from sidecar.jobs.duplicates.detect import detect
from sidecar.jobs.duplicates.record import record
from sidecar.jobs.duplicates.resolve import resolve
from sidecar.jobs.notifying import notify
from sidecar.jobs.pair import pair
from sidecar.jobs.queue import QUEUE_NAME, JobName, decode, encode
from sidecar.jobs.redo import redo
from sidecar.jobs.refresh import refresh
from sidecar.jobs.remember import remember
from sidecar.jobs.schedule import Schedule
from sidecar.jobs.shown_cache import ShownCache
from sidecar.jobs.sweep import forget_wrong_times, sweep
from sidecar.jobs.sync import sync
from sidecar.log import about
from sidecar.measures import running as measured
from sidecar.model import OwnerId
from sidecar.redaction import OwnWords

log = logging.getLogger(__name__)

SWEEP_EVERY_S = 5
POLL_DELAY_S = 0.1
PUT_BACK_MS = 60_000
"""A clock that goes back by more was wrong, or is."""

MANY_TRIES = 1_000_000
"""Attempts are counted in the database, by what they are about; arq's count is by id, and our ids come back."""


@dataclass(frozen=True, slots=True)
class Job:
    """One kind of job; timeout_s bounds one run, which leaves the rest of its work in the database."""

    name: JobName
    body: Callable[[JobContext, OwnerId], Awaitable[None]]
    timeout_s: int


JOBS = (
    Job(JobName.SYNC, sync, 6 * 3600),
    Job(JobName.PAIR, pair, 3600),
    Job(JobName.APPLY, apply, 6 * 3600),
    Job(JobName.REMEMBER, remember, 3600),
    Job(JobName.DETECT, detect, 24 * 3600),
    Job(JobName.RECORD, record, 3600),
    Job(JobName.RESOLVE, resolve, 6 * 3600),
    Job(JobName.REFRESH, refresh, 3600),
    Job(JobName.REDO, redo, 3600),
    Job(JobName.NOTIFY, notify, 600),
)


def build_worker(context: JobContext, *, schedule: Schedule | None) -> Worker:
    """An arq worker that runs every job in this context; the caller starts it (`async_run`) and closes it.

    Shape:  schedule says what happens by the clock; without one, only what somebody asks for.
    """
    running: set[tuple[JobName, OwnerId]] = set()
    assert context.queue is not None  # noqa: S101  # only a dry run has no queue, and it has no worker
    context.database.tell_of_shown_changes(ShownCache(context.queue.pool).changed)
    return Worker(
        functions=[_function(job, running) for job in JOBS],
        cron_jobs=[_sweeping(schedule)],
        redis_pool=context.queue.pool,
        queue_name=QUEUE_NAME,
        ctx={"context": context},
        handle_signals=False,
        job_serializer=encode,
        job_deserializer=decode,
        poll_delay=POLL_DELAY_S,
        max_tries=MANY_TRIES,
        keep_result=0,
        log_results=False,
    )


def _function(job: Job, running: set[tuple[JobName, OwnerId]]) -> Function:
    async def run(ctx: dict[Any, Any], *arguments: Any, **_named: Any) -> None:
        context: JobContext = ctx["context"]
        owner_id = OwnerId(arguments[0])
        # On a shared queue it may be another worker's user; and a body that runs takes whatever is due by itself.
        if owner_id in context.accounts and (job.name, owner_id) not in running:
            running.add((job.name, owner_id))
            try:
                await _logged(job.name, job.body(context, owner_id), job_id=str(ctx["job_id"]), user_id=owner_id)
            finally:
                running.discard((job.name, owner_id))

    return func(run, name=job.name.value, timeout=job.timeout_s, keep_result=0)


def _sweeping(schedule: Schedule | None) -> CronJob:
    last_ms = [0]

    async def run(ctx: dict[Any, Any], *_arguments: Any, **_named: Any) -> None:
        await _logged("sweep", look(ctx["context"]), job_id=str(ctx["job_id"]))

    async def look(context: JobContext) -> None:
        before_ms, last_ms[0] = last_ms[0], context.now_ms()
        if before_ms - last_ms[0] > PUT_BACK_MS:
            await forget_wrong_times(context)
        await sweep(context, schedule=schedule)

    return cron(
        run, name="sweep", second=set(range(0, 60, SWEEP_EVERY_S)), run_at_startup=True, keep_result=0, max_tries=1
    )


async def _logged(name: str, body: Awaitable[None], **ids: str) -> None:
    """Runs a body; what it leaves undone stays in the database, and the sweep comes back to it."""
    with about(job=name, **ids), measured(name) as outcome:
        try:
            await body
            outcome.append("done")
        except TryLater as error:
            outcome.append("try_later")
            log.warning("job %s stopped for now: %s", OwnWords(name), error)
        except AskPerson as error:
            outcome.append("ask_person")
            # There is no defect to trace.
            log.error("job %s waits for somebody: %s", OwnWords(name), error)  # noqa: TRY400
        except Exception:
            log.exception("job %s broke", OwnWords(name))
