from __future__ import annotations

from collections.abc import AsyncIterator
from dataclasses import replace
from pathlib import Path

import pytest

from sidecar.jobs.queue import Depth, JobName, Queue
from sidecar.jobs.totals import KNOWN_FOR_MS, Counting
from sidecar.storage.ages import Waits
from tests.jobs.household import Library, open_library


@pytest.fixture
async def library(tmp_path: Path) -> AsyncIterator[Library]:
    async with open_library(tmp_path) as opened:
        yield opened


async def test_everything_is_counted_now_and_then(library: Library, queue: Queue, tmp_path: Path) -> None:
    counting = Counting(replace(library.context, queue=queue), tmp_path)
    empty = await counting.totals()
    assert empty.backlog is not None
    assert (empty.backlog.accounts, empty.backlog.status.scan.found, empty.queue) == (1, 0, Depth(0, 0))
    assert empty.backlog.oldest_ms == {}
    assert empty.disk is not None
    assert 0 < empty.disk.free_bytes <= empty.disk.total_bytes

    library.shoot("a.CR3", "a.JPG")
    await library.sync()
    await library.pair()
    await queue.wake(JobName.PAIR, library.owner_id)
    assert await counting.totals() is empty
    library.clock.advance(seconds=KNOWN_FOR_MS / 1000)
    full = await counting.totals()
    assert full.backlog is not None
    assert full.backlog.status.stacks.waiting == 1
    assert full.backlog.status.scan.found == 2
    assert KNOWN_FOR_MS <= full.backlog.oldest_ms[Waits.WRITES] < KNOWN_FOR_MS + 1000
    assert full.backlog.size_bytes >= empty.backlog.size_bytes > 0
    assert full.queue is not None
    assert full.queue.jobs == 1


async def test_a_clock_that_was_put_back_makes_no_old_numbers(library: Library, tmp_path: Path) -> None:
    counting = Counting(library.context, tmp_path)
    before = await counting.totals()
    library.clock.advance(seconds=-3600)
    assert await counting.totals() is not before


async def test_what_does_not_answer_is_left_out(library: Library, queue: Queue, tmp_path: Path) -> None:
    await queue.pool.connection_pool.disconnect()
    queue.pool.connection_pool = queue.pool.connection_pool.from_url("unix:///nowhere/valkey.sock")
    counting = Counting(replace(library.context, queue=queue), tmp_path / "nowhere")
    async with library.context.database.write() as connection:
        await connection.exec_driver_sql("ALTER TABLE work RENAME TO former")
    totals = await counting.totals()
    assert (totals.backlog, totals.queue, totals.disk) == (None, None, None)
    assert (await Counting(library.context, tmp_path).totals()).queue is None
