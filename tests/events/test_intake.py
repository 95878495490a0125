from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from dataclasses import replace
from pathlib import Path
from typing import cast

import pytest

from sidecar.errors import StorageUnavailable
from sidecar.events import intake as intake_module
from sidecar.events.intake import Intake, TooManyEvents
from sidecar.jobs.context import JobContext
from sidecar.jobs.queue import JobName
from sidecar.model import AssetId, OwnerId
from sidecar.storage import changes, event_counts
from sidecar.storage.changes import Change, Source
from sidecar.storage.database import open_database
from tests.builders import OWNER

Task = asyncio.Task[None]
BOB = OwnerId("00000000-0000-4000-8000-00000000000b")


class Bell:
    """A queue that only remembers who was woken."""

    def __init__(self) -> None:
        self.rung: list[tuple[JobName, OwnerId]] = []

    async def wake(self, job: JobName, owner_id: OwnerId, *, delay_s: float = 0) -> None:
        assert not delay_s
        self.rung.append((job, owner_id))


@pytest.fixture
async def context(tmp_path: Path) -> AsyncIterator[JobContext]:
    async with open_database(f"sqlite+aiosqlite:///{tmp_path / 'sidecar.db'}") as database:
        yield JobContext(database=database, accounts={}, queue=Bell())  # type: ignore[arg-type]


@pytest.fixture
async def intake(context: JobContext) -> AsyncIterator[Intake]:
    opened = Intake(context)
    yield opened
    await opened.close()


def told(name: str = "a", owner_id: OwnerId = OWNER) -> Change:
    return Change(owner_id, Source.WEBHOOK, AssetId(name))


async def waiting(context: JobContext, owner_id: OwnerId = OWNER) -> list[str | None]:
    async with context.database.read() as connection:
        return [
            each.change.asset_id
            for each in await changes.due(connection, owner_id, now_ms=context.now_ms(), limit=10_000)
        ]


async def counted(context: JobContext) -> dict[tuple[OwnerId | None, str], int]:
    async with context.database.read() as connection:
        found = await event_counts.totals(connection, [OWNER, BOB, None])
    return {(each.owner_id, each.outcome): total.count for each, total in found.items()}


def bell(context: JobContext) -> Bell:
    return cast("Bell", context.queue)


async def test_what_was_put_in_is_on_record_and_somebody_is_woken(context: JobContext, intake: Intake) -> None:
    await intake.put([told()])
    assert await waiting(context) == ["a"]
    await asyncio.sleep(0)
    assert bell(context).rung == [(JobName.REFRESH, OWNER)]
    assert await counted(context) == {(OWNER, "heard"): 1}


async def test_nothing_is_nothing(context: JobContext, intake: Intake) -> None:
    await intake.put([])
    assert bell(context).rung == []


async def test_many_at_once_are_few_commits(context: JobContext, intake: Intake) -> None:
    await asyncio.gather(*(intake.put([told(str(number)), told("b", BOB)]) for number in range(500)))
    assert len(await waiting(context)) == 500
    assert await waiting(context, BOB) == ["b"]
    assert len(bell(context).rung) <= 20


async def two_batches(intake: Intake, failing: Gone) -> tuple[Task, Task]:
    """Two changes that are put in, the second while the first is being written."""
    first = asyncio.create_task(intake.put([told("a")]))
    await failing.was_asked.wait()
    second = asyncio.create_task(intake.put([told("b")]))
    await asyncio.sleep(0)
    return first, second


async def test_those_that_come_while_others_are_written_are_written_next(context: JobContext, intake: Intake) -> None:
    first = asyncio.create_task(intake.put([told("a")]))
    async with context.database.write():
        await asyncio.sleep(0.05)  # the first are at the door of the database
        second = asyncio.create_task(intake.put([told("b")]))
        await asyncio.sleep(0.05)
        assert not first.done()
    await asyncio.gather(first, second)
    assert await waiting(context) == ["a", "b"]


async def test_what_cannot_be_written_is_said_to_whoever_brought_it(context: JobContext) -> None:
    broken = Intake(replace(context, database=Gone()))  # type: ignore[arg-type]
    broken.count(Source.WEBHOOK, "forged")
    with pytest.raises(StorageUnavailable):
        await broken.put([told()])
    broken._context = context
    await broken.put([told("b")])
    await broken.close()
    assert await waiting(context) == ["b"]
    assert await counted(context) == {(OWNER, "heard"): 1, (None, "forged"): 1}


async def test_counts_wait_until_the_database_is_back(context: JobContext) -> None:
    broken = Intake(replace(context, database=Gone()))  # type: ignore[arg-type]
    broken.count(Source.WEBHOOK, "forged")
    await broken.close()
    broken._context = context
    broken.count(Source.WEBHOOK, "forged")
    await broken.close()
    assert await counted(context) == {(None, "forged"): 2}


async def test_those_that_come_while_a_write_fails_are_written_next(context: JobContext) -> None:
    failing = Gone(asyncio.Event())
    intake = Intake(replace(context, database=failing))  # type: ignore[arg-type]
    first, second = await two_batches(intake, failing)
    intake._context = context
    failing.may_fail.set()
    # The first is tried twice, and by then the database is back.
    await asyncio.gather(first, second)
    await intake.close()
    assert await waiting(context) == ["a", "b"]


async def test_of_two_batches_the_second_does_not_wait_for_ever_when_the_first_is_lost(context: JobContext) -> None:
    failing = Gone(asyncio.Event())
    intake = Intake(replace(context, database=failing))  # type: ignore[arg-type]
    first, second = await two_batches(intake, failing)
    failing.may_fail.set()
    results = await asyncio.wait_for(asyncio.gather(first, second, return_exceptions=True), 5)
    assert [type(each) for each in results] == [StorageUnavailable, StorageUnavailable]
    await intake.close()


class Frozen(Bell):
    """A queue that takes the first call and answers none."""

    async def wake(self, job: JobName, owner_id: OwnerId, *, delay_s: float = 0) -> None:
        await super().wake(job, owner_id, delay_s=delay_s)
        await asyncio.Event().wait()


@pytest.mark.parametrize("is_patient", [True, False])
async def test_a_queue_that_does_not_answer_keeps_nobody_waiting(
    context: JobContext, monkeypatch: pytest.MonkeyPatch, *, is_patient: bool
) -> None:
    monkeypatch.setattr(intake_module, "WAKE_WITHIN_S", 60 if is_patient else 0.01)
    frozen = Frozen()
    intake = Intake(replace(context, queue=frozen))  # type: ignore[arg-type]
    for number, name in enumerate(("a", "b", "c"), start=1):
        await asyncio.wait_for(intake.put([told(name)]), 5)
        while len(frozen.rung) < (1 if is_patient else number):
            await asyncio.sleep(0.01)
    await asyncio.wait_for(intake.close(), 5)
    assert await waiting(context) == ["a", "b", "c"]
    assert len(frozen.rung) == (1 if is_patient else 3)


class Gone:
    """A database that does not answer; it says so when it may."""

    def __init__(self, may_fail: asyncio.Event | None = None) -> None:
        self.was_asked = asyncio.Event()
        self.may_fail = may_fail or asyncio.Event()
        if may_fail is None:
            self.may_fail.set()

    def write(self) -> Gone:
        return self

    async def __aenter__(self) -> None:
        self.was_asked.set()
        await self.may_fail.wait()
        raise StorageUnavailable("the database does not answer")

    async def __aexit__(self, *_error: object) -> None:
        raise AssertionError


async def test_whoever_goes_away_takes_nothing_back(context: JobContext, intake: Intake) -> None:
    gone = asyncio.create_task(intake.put([told()]))
    await asyncio.sleep(0)
    gone.cancel()
    await asyncio.gather(gone, return_exceptions=True)
    await intake.put([told("b")])
    assert await waiting(context) == ["a", "b"]


async def test_more_than_can_be_held_is_refused(
    context: JobContext, intake: Intake, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(intake_module, "MOST_WAITING", 2)
    first = asyncio.create_task(intake.put([told("a"), told("b")]))
    await asyncio.sleep(0)
    with pytest.raises(TooManyEvents):
        await intake.put([told("c")])
    await first
    await intake.put([told("c")])
    assert await waiting(context) == ["a", "b", "c"]


async def test_what_is_only_counted_is_written_now_and_then(
    context: JobContext, intake: Intake, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(intake_module, "COUNT_WITHIN_S", 0.05)
    for _ in range(3):
        intake.count(Source.WEBHOOK, "forged")
    assert await counted(context) == {}
    while not await counted(context):
        await asyncio.sleep(0.01)
    assert await counted(context) == {(None, "forged"): 3}


async def test_what_was_counted_is_not_lost_at_the_end(context: JobContext) -> None:
    intake = Intake(context)
    intake.count(Source.WEBHOOK, "forged", BOB)
    await intake.close()
    assert await counted(context) == {(BOB, "forged"): 1}


async def test_counts_go_along_with_what_is_written_anyway(
    context: JobContext, intake: Intake, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(intake_module, "COUNT_WITHIN_S", 0.05)
    intake.count(Source.WEBHOOK, "forged")
    put = asyncio.create_task(intake.put([told()]))
    await asyncio.sleep(0)
    intake.count(Source.WEBHOOK, "ignored", OWNER)
    async with context.database.write():
        await asyncio.sleep(0.1)  # the clock of the counts strikes while everything is being written
    await put
    assert await counted(context) == {(OWNER, "heard"): 1, (None, "forged"): 1, (OWNER, "ignored"): 1}


async def test_a_defect_is_told_to_whoever_waits_and_ends_nothing(
    context: JobContext, intake: Intake, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def broken(*_arguments: object, **_named: object) -> None:
        raise ZeroDivisionError

    monkeypatch.setattr(changes, "add", broken)
    with pytest.raises(ZeroDivisionError):
        await intake.put([told()])
    monkeypatch.undo()
    await intake.put([told()])
    assert await waiting(context) == ["a"]
