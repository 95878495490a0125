"""A sidecar that is interrupted again and again comes to the same end as one that is left in peace."""

from __future__ import annotations

import asyncio
import random
import time
from collections.abc import Awaitable, Callable
from dataclasses import replace
from itertools import pairwise
from pathlib import Path

import pytest

from sidecar.jobs.context import SCAN_LEASE_MS
from sidecar.model import OwnerId
from sidecar.storage import scans
from sidecar.storage.database import open_database
from tests.jobs.household import Library
from tests.scenarios.life import Life, open_life

pytestmark = [pytest.mark.slow, pytest.mark.timeout(180)]

PICTURES = 30
INTERRUPTIONS = 10
JOBS: tuple[Callable[[Library], Awaitable[object]], ...] = (Library.sync, Library.pair, Library.apply)
HOW_OFTEN = (1, 1, 2)
"""Writing is where an interruption could do harm."""


async def upload_everything(life: Life) -> int:
    """How many stacks the pictures make: most are pairs, some have three versions, some belong to nobody."""
    for number in range(PICTURES):
        is_apart = number % 6 == 0
        name, at_s = f"IMG_{number}", 60 * number
        await life.app.upload(f"{name}.JPG", at_s=at_s)
        await life.app.upload(f"{name}.NEF", at_s=at_s + 30 * is_apart)
        if number % 6 == 1:
            await life.app.upload(f"{name}-Edit.tif", at_s=at_s)
    # Without a pause, what happens over the wire would be over between two glances.
    life.immich.traffic.answer_delay_s = 0.002
    return sum(1 for number in range(PICTURES) if number % 6)


async def durations_s(library: Library) -> list[float]:
    """How long each job takes when nobody interrupts it."""
    began_s = [time.perf_counter()]
    for job in JOBS:
        await job(library)
        began_s.append(time.perf_counter())
    return [later - earlier for earlier, later in pairwise(began_s)]


async def cut_short(job: Awaitable[object], *, after_s: float) -> bool:
    """Whether the job was cancelled, wherever it was after that time; it may have come to its end before."""
    task = asyncio.ensure_future(job)
    await asyncio.wait([task], timeout=after_s)
    task.cancel()
    (ended,) = await asyncio.gather(task, return_exceptions=True)
    if isinstance(ended, Exception):
        raise ended
    return isinstance(ended, asyncio.CancelledError)


async def start_anew(life: Life) -> None:
    """Another process takes over: nothing of the old one is left but the database, and its leases end at once."""
    await life.stop()
    await life.start()


async def wait_for_leases(life: Life) -> None:
    """The process lives on, as after a job's time limit: what was claimed becomes free when its lease is over."""
    life.library.context = replace(life.library.context)
    life.clock.advance(seconds=SCAN_LEASE_MS / 1000)


@pytest.mark.parametrize("go_on", [start_anew, wait_for_leases])
@pytest.mark.parametrize("seed", [3, 6])
async def test_interrupted_work_comes_to_the_same_end_as_work_in_peace(
    life: Life, tmp_path: Path, seed: int, go_on: Callable[[Life], Awaitable[None]]
) -> None:
    (tmp_path / "peace").mkdir()
    async with open_life(tmp_path / "peace", version="3.1.0") as peace:
        stacks = await upload_everything(peace)
        usual_s = await durations_s(peace.library)
        wanted = await peace.app.stacks()
    assert len(wanted) == stacks

    await upload_everything(life)
    dice = random.Random(seed)
    interrupted = 0
    for _ in range(INTERRUPTIONS):
        (place,) = dice.choices(range(len(JOBS)), HOW_OFTEN)
        for before in JOBS[:place]:
            await before(life.library)
        job = JOBS[place](life.library)
        interrupted += await cut_short(job, after_s=dice.uniform(0, usual_s[place]))
        await go_on(life)
    assert interrupted
    await life.go_on(3)
    assert await life.app.stacks() == wanted
    made = [call for call in life.immich.traffic.calls_of("POST", "/stacks") if call.status == 201]
    assert len(made) == stacks
    # Nothing that an interruption left behind was taken for something that a person did.
    assert (await life.memory())["decisions"] == 0


async def test_a_transaction_cancelled_anywhere_leaves_the_database_to_the_next_one(tmp_path: Path) -> None:
    dice = random.Random(1)
    kept: list[object] = []  # what was raised lives on in logs and tracebacks, and with it whatever its frames hold
    async with open_database(f"sqlite+aiosqlite:///{tmp_path / 'sidecar.db'}") as database:

        async def write() -> None:
            async with database.write() as connection:
                await scans.request(connection, OwnerId("ann"), now_ms=0)

        for _ in range(200):
            task = asyncio.create_task(write())
            for _ in range(dice.randrange(100)):
                await asyncio.sleep(0)
            task.cancel()
            kept += await asyncio.gather(task, return_exceptions=True)
            async with asyncio.timeout(5):
                await write()
    assert any(isinstance(each, asyncio.CancelledError) for each in kept)
