"""Everything that can go wrong around a sidecar, at random: kills, a full or locked or read-only database, an Immich
that fails in every way, clocks that jump. Whatever happens, the promises of the README hold afterwards.
"""

from __future__ import annotations

import asyncio
import random
import resource
import sqlite3
from collections import Counter
from collections.abc import AsyncIterator, Callable, Coroutine, Iterator
from contextlib import asynccontextmanager, closing, contextmanager
from dataclasses import dataclass, field
from enum import Enum
from functools import partial
from pathlib import Path
from typing import Any

from sqlalchemy import event

from sidecar.demo.immich.traffic import Failure
from sidecar.errors import SidecarError
from sidecar.storage import database as database_module
from tests.jobs.household import Library
from tests.scenarios.life import Life, open_life

PICTURES = 12
ROUNDS = 14
LONGEST_JOB_S = 20.0
ROOM_BYTES = 64 * 1024
JOBS: tuple[Callable[[Library], Coroutine[Any, Any, object]], ...] = (Library.sync, Library.pair, Library.apply)
HOW_OFTEN = (1, 1, 3)
"""Writing is where a fault could do harm."""

_HOUR_S = 3600.0
JUMPS_S = (-40 * 24 * _HOUR_S, -_HOUR_S, _HOUR_S, 40 * 24 * _HOUR_S)


class Fault(Enum):
    """What goes wrong while a job runs."""

    NOTHING = "nothing"
    KILL = "killed"
    DISK_FULL = "the disk is full"
    LOCKED = "somebody else holds the database"
    READ_ONLY = "the volume is read-only"
    IMMICH_DOWN = "Immich answers 503"
    IMMICH_HTML = "something answers in Immich's place"
    IMMICH_CUT = "connections break before anything is done"
    IMMICH_DEAF = "Immich does it, and its answer is lost"
    IMMICH_REFUSES = "Immich refuses the key"
    CLOCK = "the clock jumps"


@dataclass
class Tally:
    """What came of one trial: how often each fault was there, how often it was felt, and which promises it broke."""

    faults: Counter[Fault] = field(default_factory=Counter)
    felt: Counter[Fault] = field(default_factory=Counter)
    broken: list[str] = field(default_factory=list)


async def trial(folder: Path, seed: int) -> Tally:
    """A first import under faults, then peace until nothing is left to do."""
    dice, tally = random.Random(seed), Tally()
    with impatient_database():
        async with open_life(folder, version=dice.choice(("3.1.0", "2.7.5"))) as life:
            wanted = await _upload(life)
            known: dict[frozenset[str], str] = {}
            for _ in range(ROUNDS):
                fault = dice.choice([*Fault])
                (job,) = dice.choices(JOBS, HOW_OFTEN)
                tally.faults[fault] += 1
                tally.felt[fault] += await felt(life, partial(job, life.library), fault, dice)
                tally.broken += _broken_by_now(life, known)
            life.immich.traffic.failures.clear()
            await life.stop()
            await life.start()
            for _ in range(4):
                await life.library.scan()
                life.clock.advance(seconds=600)
            tally.broken += _broken_by_now(life, known)
            if sorted(map(sorted, await life.app.stacks())) != wanted:
                tally.broken.append(f"seed {seed}: not every pair is one stack in the end")
            if (await life.memory())["decisions"]:
                tally.broken.append(f"seed {seed}: a fault was taken for what a person wanted")
            so_far = len(life.library.writes())
            await life.library.scan()
            if life.library.writes()[so_far:]:
                tally.broken.append(f"seed {seed}: it goes on writing")
    return tally


async def _upload(life: Life) -> list[list[str]]:
    """The stacks that are wanted: most pictures are pairs, some belong to nobody."""
    wanted: list[list[str]] = []
    for number in range(PICTURES):
        is_apart = number % 4 == 0
        names = [f"IMG_{number}.JPG", f"IMG_{number}.NEF"]
        await life.app.upload(names[0], at_s=60 * number)
        await life.app.upload(names[1], at_s=60 * number + 30 * is_apart)
        if not is_apart:
            wanted.append(names)
    return sorted(wanted)


async def felt(life: Life, deed: Callable[[], Coroutine[Any, Any, object]], fault: Fault, dice: random.Random) -> bool:
    """Whether a job, or what a person does, felt the fault; what it raises is one of our own errors."""
    async with _with(life, fault, dice):
        task = asyncio.create_task(deed())
        after_s = dice.uniform(0, 0.2) if fault is Fault.KILL else LONGEST_JOB_S
        await asyncio.wait([task], timeout=after_s)
        task.cancel()
        (ended,) = await asyncio.gather(task, return_exceptions=True)
    if isinstance(ended, Exception) and not isinstance(ended, SidecarError):
        raise ended
    if fault is Fault.KILL:
        await life.stop()
        await life.start()
    return isinstance(ended, BaseException)


@asynccontextmanager
async def _with(life: Life, fault: Fault, dice: random.Random) -> AsyncIterator[None]:
    """The fault is there until the block ends."""
    if fault is Fault.CLOCK:
        life.clock.advance(seconds=dice.choice(JUMPS_S))
    elif fault in _OF_IMMICH:
        times = dice.randrange(1, 6)
        path = dice.choice(("*", "/stacks*", "/search/*"))
        life.immich.traffic.fail(Failure("*", path, times=times, **_OF_IMMICH[fault]))
    if fault is Fault.LOCKED:
        with closing(sqlite3.connect(life.folder / "sidecar.db", isolation_level=None)) as somebody:
            somebody.execute("BEGIN IMMEDIATE")
            yield
    elif fault is Fault.READ_ONLY:
        with _read_only(life):
            yield
    elif fault is Fault.DISK_FULL:
        with _no_room():
            yield
    else:
        yield
    life.immich.traffic.failures.clear()


_OF_IMMICH: dict[Fault, dict[str, Any]] = {
    Fault.IMMICH_DOWN: {"status": 503},
    Fault.IMMICH_HTML: {"status": 200, "body": "<html>", "content_type": "text/html"},
    Fault.IMMICH_CUT: {"cut": True},
    Fault.IMMICH_DEAF: {"cut": True, "after_effect": True},
    Fault.IMMICH_REFUSES: {"status": 401, "body": '{"message": "Invalid API key", "statusCode": 401}'},
}


@contextmanager
def _no_room() -> Iterator[None]:
    """No file of this process grows beyond some pages: the kernel refuses, as it does where the disk is full."""
    before = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (ROOM_BYTES, before[1]))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, before)


@contextmanager
def _read_only(life: Life) -> Iterator[None]:
    """No connection of the sidecar's may write: SQLite reports it as it does a volume that is read-only."""
    engine = life.library.context.database._engine.sync_engine
    now = ["ON"]

    def prepare(connection: Any, *_: object) -> None:
        connection.cursor().execute(f"PRAGMA query_only={now[0]}")

    event.listen(engine, "checkout", prepare)
    try:
        yield
    finally:
        now[0] = "OFF"


@contextmanager
def impatient_database() -> Iterator[None]:
    """Nobody waits for a locked database for long."""
    patience_s, database_module.BUSY_TIMEOUT_S = database_module.BUSY_TIMEOUT_S, 0.05
    try:
        yield
    finally:
        database_module.BUSY_TIMEOUT_S = patience_s


def _broken_by_now(life: Life, known: dict[frozenset[str], str]) -> list[str]:
    """The promises that were broken so far; known has Immich's id of each stack that was there before."""
    broken: list[str] = []
    if any(call.status in range(200, 300) for call in life.immich.traffic.calls_of("DELETE", "/assets*")):
        broken.append("a picture was trashed that nobody decided about")
    for stack in life.immich.stacks_of(life.user):
        members = frozenset(row.name for row in life.immich.state.assets.values() if row.stack_id == stack.id)
        if known.setdefault(members, stack.id) != stack.id:
            broken.append("a stack was made twice")
    return broken
