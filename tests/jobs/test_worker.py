"""The jobs on a real worker and a real queue: woken, swept, taken back, and unharmed by what breaks."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import AsyncIterator
from dataclasses import replace
from datetime import time
from pathlib import Path

import pytest
from arq.worker import Worker

from sidecar import worker as worker_module
from sidecar.jobs import registry
from sidecar.jobs.changes import read_changes
from sidecar.jobs.context import JobContext, new_id, wall_clock_ms
from sidecar.jobs.queue import QUEUE_NAME, JobName, Queue
from sidecar.jobs.registry import Job, build_worker
from sidecar.jobs.schedule import Schedule
from sidecar.jobs.sweep import release_leases, sweep
from sidecar.model import AssetId, OwnerId
from sidecar.storage import changes, journal, polls, scans, work
from sidecar.storage.changes import Change, Source
from sidecar.storage.work import Debounce
from sidecar.worker import running_worker
from tests.jobs.household import Library, open_library

pytestmark = pytest.mark.timeout(30)

STRANGER = OwnerId("00000000-0000-4000-8000-00000000000e")


@pytest.fixture
async def library(tmp_path: Path, queue: Queue) -> AsyncIterator[Library]:
    async with open_library(tmp_path, queue=queue, now_ms=wall_clock_ms) as opened:
        yield opened


async def queued(queue: Queue) -> set[str]:
    return {job_id.decode().split(":")[0] for job_id in await queue.pool.zrange(QUEUE_NAME, 0, -1)}


async def test_a_worker_does_everything_by_itself(library: Library) -> None:
    library.shoot("IMG_1.CR3", "IMG_1.JPG")
    await library.request()
    async with running_worker(library.context):
        while not library.stacks():
            await asyncio.sleep(0.02)
    assert library.stacks() == [["IMG_1.JPG", "IMG_1.CR3"]]


async def test_a_worker_looks_at_libraries_by_the_clock(library: Library) -> None:
    library.shoot("IMG_1.CR3", "IMG_1.JPG")
    async with running_worker(library.context, schedule=Schedule(time(3, 30))):
        while not library.stacks():
            await asyncio.sleep(0.02)


async def test_a_pair_that_appears_later_is_found_by_the_clock_and_rests_for_a_moment(library: Library) -> None:
    context = replace(library.context, debounce_ms=300, poll_interval_ms=100)
    await library.sync()
    async with running_worker(context, schedule=Schedule()):
        library.shoot("IMG_1.CR3", "IMG_1.JPG")
        appeared_ms = wall_clock_ms()
        while not library.stacks():
            await asyncio.sleep(0.02)
    assert wall_clock_ms() - appeared_ms >= 300


async def test_events_are_looked_at_although_the_clock_is_off_and_they_wake_nobody(library: Library) -> None:
    await library.sync()
    (row,) = library.shoot("IMG_1.JPG")
    async with library.context.database.write() as connection:
        told = Change(library.owner_id, Source.WEBHOOK, AssetId(row.id))
        await changes.add(connection, [told], now_ms=wall_clock_ms())
    async with running_worker(library.context):
        while await waiting(library):
            await asyncio.sleep(0.02)


async def waiting(library: Library) -> int:
    async with library.context.database.read() as connection:
        return (await changes.counts(connection, library.owner_id))[0]


async def test_who_waits_after_a_failure_is_not_woken_by_the_clock(library: Library, queue: Queue) -> None:
    await library.sync()
    await library.pair()
    later_ms = wall_clock_ms() + 60_000
    for not_before_ms, woken in ((later_ms, set()), (0, {"refresh", "redo", "notify"})):
        async with library.context.database.write() as connection:
            await polls.change(connection, library.owner_id, not_before_ms=not_before_ms)
        await queue.pool.flushall()
        await sweep(library.context, schedule=Schedule())
        assert await queued(queue) == woken


async def test_what_rests_is_woken_when_it_has_rested(library: Library, queue: Queue) -> None:
    await library.sync()
    now_ms = wall_clock_ms()
    for stem, due_ms, woken in (("later", now_ms + 60_000, set()), ("soon", now_ms + 5_000, {"pair"})):
        async with library.context.database.write() as connection:
            await work.mark(connection, library.owner_id, [stem], debounce=Debounce(due_ms, due_ms))
        await queue.pool.flushall()
        await library.pair()
        assert await queued(queue) == woken


async def test_the_sweep_finds_what_is_due_and_only_for_our_users(library: Library, queue: Queue) -> None:
    await sweep(library.context)
    assert await queued(queue) == set()
    async with library.context.database.write() as connection:
        await scans.request(connection, STRANGER, now_ms=0)
    await sweep(library.context)
    assert await queued(queue) == set()
    library.shoot("IMG_1.CR3", "IMG_1.JPG")
    await library.sync()
    await queue.pool.flushall()
    await sweep(library.context)
    assert await queued(queue) == {"pair"}
    await library.pair()
    await queue.pool.flushall()
    await sweep(library.context)
    assert await queued(queue) == {"apply"}
    await library.apply()
    await queue.pool.flushall()
    await sweep(library.context)
    assert await queued(queue) == set()


async def test_when_the_clock_is_put_back_nothing_waits_for_the_time_that_it_showed(
    library: Library, queue: Queue
) -> None:
    context = replace(library.context, now_ms=library.clock)
    (sweeping,) = build_worker(context, schedule=None).cron_jobs

    async def swept() -> set[str]:
        await queue.pool.flushall()
        await sweeping.coroutine({"context": context, "job_id": "sweep"})
        return await queued(queue)

    library.clock.advance(seconds=40 * 86_400)
    due_ms = library.clock() + 5_000
    async with context.database.write() as connection:
        await work.mark(connection, library.owner_id, ["later"], debounce=Debounce(due_ms, due_ms))
    assert await swept() == set()
    library.clock.advance(seconds=-30)
    assert await swept() == set()
    library.clock.advance(seconds=-40 * 86_400)
    assert await swept() == {"pair"}


@pytest.mark.parametrize(("interval_ms", "is_due"), [(0, True), (3_600_000, False)])
async def test_a_scan_is_asked_for_when_its_time_has_come(library: Library, interval_ms: int, *, is_due: bool) -> None:
    await library.sync()
    await sweep(library.context, schedule=Schedule(interval_ms=interval_ms))
    async with library.context.database.read() as connection:
        newest = await scans.newest(connection, library.owner_id)
    assert newest is not None
    assert newest.state.is_over is not is_due


async def test_without_a_queue_there_is_nothing_to_sweep(library: Library) -> None:
    await sweep(replace(library.context, queue=None), schedule=Schedule(interval_ms=0))
    async with library.context.database.read() as connection:
        assert await scans.newest(connection, library.owner_id) is None


async def test_leases_of_a_former_process_are_taken_back(library: Library) -> None:
    now_ms = wall_clock_ms()
    await library.request()
    async with library.context.database.write() as connection:
        await scans.claim(connection, library.owner_id, lease="killed", now_ms=now_ms, lease_ms=10**9)
        await work.mark(connection, library.owner_id, ["a"])
        await work.claim(connection, library.owner_id, lease="killed", now_ms=now_ms, lease_ms=10**9, limit=1)
    await release_leases(library.context)
    async with library.context.database.read() as connection:
        assert await scans.owners_with_due_scans(connection, now_ms=now_ms) == [library.owner_id]
        assert await work.owners_with_due_work(connection, now_ms=now_ms) == [library.owner_id]
        assert await journal.owners_with_due_actions(connection, now_ms=now_ms) == []


async def test_a_job_that_breaks_or_has_to_wait_stops_no_other(
    library: Library, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    async def breaking(_context: JobContext, _owner_id: OwnerId) -> None:
        raise ZeroDivisionError

    broken = tuple(Job(job.name, breaking, 9) if job.name is JobName.PAIR else job for job in registry.JOBS)
    monkeypatch.setattr(registry, "JOBS", broken)
    library.shoot("IMG_1.CR3", "IMG_1.JPG")
    await library.sync()
    await library.pair()
    library.immich.fail("POST", "/search/metadata", status=503)
    with caplog.at_level(logging.WARNING):
        async with running_worker(library.context):
            while not library.stacks():
                await asyncio.sleep(0.02)
            while "job pair broke" not in caplog.text:
                await asyncio.sleep(0.02)
    assert "job apply stopped for now" in caplog.text


async def test_a_job_for_somebody_elses_user_is_left_to_them(library: Library, queue: Queue) -> None:
    library.shoot("IMG_1.CR3", "IMG_1.JPG")
    async with running_worker(library.context):
        await queue.wake(JobName.SYNC, STRANGER)
        while "sync" in await queued(queue):
            await asyncio.sleep(0.02)
    assert not library.immich.traffic.calls_of("POST", "*")


async def test_a_queue_that_goes_away_is_waited_for(library: Library, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(worker_module, "RESTART_DELAY_S", 0.05)
    library.shoot("IMG_1.CR3", "IMG_1.JPG")
    await library.request()
    working, original = asyncio.Event(), Worker.async_run
    failures = iter([True, True])

    async def cut_off(self: Worker) -> None:
        if next(failures, False):
            raise ConnectionError("the queue has gone")
        working.set()
        await original(self)

    monkeypatch.setattr(Worker, "async_run", cut_off)
    async with running_worker(library.context):
        await working.wait()
        while not library.stacks():
            await asyncio.sleep(0.02)


async def test_before_the_first_scan_there_are_no_changes_to_read(library: Library) -> None:
    await read_changes(library.context, library.owner_id)
    assert not library.immich.traffic.calls_of("POST", "/search/metadata")


def test_ids_are_fresh() -> None:
    assert new_id() != new_id()


async def test_a_job_that_cannot_stop_in_time_is_cancelled(library: Library, monkeypatch: pytest.MonkeyPatch) -> None:
    begun, ended = asyncio.Event(), asyncio.Event()

    async def endless(_context: JobContext, _owner_id: OwnerId) -> None:
        begun.set()
        try:
            await asyncio.sleep(3600)
        finally:
            ended.set()

    monkeypatch.setattr(registry, "JOBS", (Job(JobName.SYNC, endless, 9),))
    monkeypatch.setattr(worker_module, "STOP_WITHIN_S", 0.05)
    await library.request()
    async with running_worker(library.context):
        await begun.wait()
    assert ended.is_set()


async def test_one_body_runs_for_a_job_and_owner_however_often_it_is_woken(
    library: Library, queue: Queue, monkeypatch: pytest.MonkeyPatch
) -> None:
    running, most, done = 0, 0, 0

    async def counted(_context: JobContext, _owner_id: OwnerId) -> None:
        nonlocal running, most, done
        running += 1
        most = max(most, running)
        await asyncio.sleep(0.3)
        running -= 1
        done += 1

    monkeypatch.setattr(registry, "JOBS", (Job(JobName.PAIR, counted, 9),))
    async with running_worker(library.context):
        for salt in range(5):
            await queue.wake(JobName.PAIR, library.owner_id, salt=f":{salt}")
        while not done or await queued(queue):
            await asyncio.sleep(0.02)
    assert most == 1
