"""The sweep: finds what is due in the database and wakes the job for it, whatever became of the queue."""

from __future__ import annotations

import logging

from sidecar.jobs.context import JobContext
from sidecar.jobs.queue import JobName
from sidecar.jobs.refresh import is_due, is_ready
from sidecar.jobs.schedule import Schedule
from sidecar.model import OwnerId
from sidecar.storage import (
    changes,
    clocks,
    decisions,
    detections,
    journal,
    native_records,
    polls,
    resolutions,
    scans,
    told,
    work,
)

log = logging.getLogger(__name__)

SALT_MS = 30_000
"""Within such a span one wake is enough; in the next, an id that a killed worker still blocks is left behind."""


async def sweep(context: JobContext, *, schedule: Schedule | None = None) -> None:
    """Wakes every job with something to do for an owner of ours; first asks for what the clock calls for.

    Shape:  without a schedule nothing happens by the clock, neither scans nor questions for changes.
    """
    if context.queue is None:
        return
    now_ms = context.now_ms()
    by_clock: list[tuple[JobName, list[OwnerId]]] = []
    if schedule is not None:
        await _request_due_scans(context, now_ms, schedule)
        by_clock = await _due_by_clock(context, now_ms)
    async with context.database.read() as connection:
        due: list[tuple[JobName, list[OwnerId]]] = [
            *by_clock,
            (JobName.REFRESH, await changes.owners_with_due_changes(connection, now_ms=now_ms)),
            (JobName.SYNC, await scans.owners_with_due_scans(connection, now_ms=now_ms)),
            (JobName.PAIR, await work.owners_with_due_work(connection, now_ms=now_ms)),
            (JobName.APPLY, await journal.owners_with_due_actions(connection, now_ms=now_ms)),
            (JobName.REMEMBER, await decisions.owners_with_due_memos(connection, now_ms=now_ms)),
            (JobName.DETECT, await detections.owners_with_due_detections(connection, now_ms=now_ms)),
            (JobName.RECORD, await native_records.owners_with_due_records(connection, now_ms=now_ms)),
            (JobName.RESOLVE, await resolutions.owners_with_due_resolutions(connection, now_ms=now_ms)),
        ]
    for job, owner_ids in due:
        for owner_id in owner_ids:
            if owner_id in context.accounts:
                await context.queue.wake(job, owner_id, salt=f":{now_ms // SALT_MS}")


async def _request_due_scans(context: JobContext, now_ms: int, schedule: Schedule) -> None:
    for owner_id in context.accounts:
        async with context.database.read() as connection:
            last = await scans.newest(connection, owner_id)
        if schedule.wants_scan(last, now_ms=now_ms):
            async with context.database.write() as connection:
                await scans.request(connection, owner_id, now_ms=now_ms)


async def _due_by_clock(context: JobContext, now_ms: int) -> list[tuple[JobName, list[OwnerId]]]:
    async with context.database.read() as connection:
        clocks = [await polls.get(connection, owner_id) for owner_id in context.accounts]
        to_tell = await told.due_among(connection, list(context.accounts), now_ms=now_ms)
    ready = [clock for clock in clocks if is_ready(context, clock)]
    return [
        (JobName.REFRESH, [clock.owner_id for clock in ready if is_due(context, clock)]),
        (JobName.REDO, [clock.owner_id for clock in ready if clock.redo_due_at_ms <= now_ms]),
        (JobName.NOTIFY, [clock.owner_id for clock in ready if clock.owner_id in to_tell]),
    ]


async def forget_wrong_times(context: JobContext) -> None:
    """Nothing waits for a time that only a wrong clock can have meant: at the start, and when a clock was put back."""
    async with context.database.write() as connection:
        count = await clocks.forget_wrong_times(connection, now_ms=context.now_ms())
    if count:
        log.warning("the clock was wrong before: what waited for it is due now", extra={"rows": count})


async def release_leases(context: JobContext) -> None:
    """Takes back what a former process of this data folder had claimed; nobody else can hold a claim there."""
    async with context.database.write() as connection:
        await work.release_leases(connection)
        await journal.release_leases(connection)
        await scans.release_leases(connection)
        await detections.release_leases(connection)
        await resolutions.release_leases(connection)
        await decisions.release_memos(connection)
