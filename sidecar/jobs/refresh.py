"""The refresh job: what events told, or else the clock, is looked at in Immich and comes into the mirror."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import replace

from sqlalchemy.ext.asyncio import AsyncConnection

from sidecar.errors import SidecarError, TryLater
from sidecar.jobs.all_stacks import read_all_stacks
from sidecar.jobs.changes import News, debounce, read_changes
from sidecar.jobs.context import JobContext
from sidecar.jobs.out_of_sight import Absence, ask_for
from sidecar.jobs.queue import JobName
from sidecar.jobs.recording import request_detection
from sidecar.model import AssetId, OwnerId
from sidecar.storage import assets, changes, groups, journal, polls, scans, stacks, work
from sidecar.storage.changes import Change, Heard, Source
from sidecar.storage.polls import Poll

log = logging.getLogger(__name__)

HEARD_AT_ONCE = 1000
GATHER_S = 0.5
"""Between two looks of one run: while many events arrive, each look is about some hundreds of them."""

OVERLAP_MS = 60_000
"""A statement in Immich stamps its rows when it begins; one that takes this long is found by the next full scan."""

BUSY_MS = 15 * 60_000
"""After the last news for so long the owner counts as busy with their library."""

IDLE_FACTOR = 5
"""While nothing happens, and an event would tell if something did, Immich is asked so many times less often."""

STACKS_EVERY_MS = 60_000
STACKS_AFTER_WRITES_MS = 10_000
STACKS_AFTER_POLL_MS = 5 * 60_000
"""All stacks are one long answer: they are read that seldom, and when our own writes have ended."""

DETECT_AFTER_MS = 5 * 60_000
"""A search for duplicates goes through everything: it waits for the rest of an upload."""

LONGEST_PAUSE_MS = 60_000
"""Between two tries while Immich does not answer; while somebody has to mend a key, it may be longer."""


async def refresh(context: JobContext, owner_id: OwnerId) -> None:
    """Looks at what waits to be looked at until nothing does, and asks for all changes if it is time to.

    Shape:  before the first scan is complete nothing is looked at: what events tell then waits for its end.
    Errors: those of the client, after a later time was set for the next try. Nothing that waits is lost by them.
    """
    while True:
        async with context.database.read() as connection:
            poll = await polls.get(connection, owner_id)
            heard = await changes.due(connection, owner_id, now_ms=context.now_ms(), limit=HEARD_AT_ONCE)
        if poll.not_before_ms > context.now_ms() or not (heard or poll.due_at_ms <= context.now_ms()):
            return
        try:
            is_known = await _look(context, owner_id, poll, heard)
        except SidecarError as error:
            await _pause(context, owner_id, error)
            raise
        if not is_known or context.stopping.is_set():
            return
        with suppress(TimeoutError):
            await asyncio.wait_for(context.stopping.wait(), GATHER_S if heard else 0)


async def _look(context: JobContext, owner_id: OwnerId, poll: Poll, heard: Sequence[Heard]) -> bool:
    """Whether the library is known, and so could be looked at."""
    is_poll = poll.due_at_ms <= context.now_ms()
    news = await read_changes(context, owner_id, overlap_ms=OVERLAP_MS if is_poll else 0)
    if news is None:
        return False
    about_assets = {each.change.asset_id: each for each in heard if each.change.asset_id is not None}
    absent = await _ask_for_the_rest(context, owner_id, news, about_assets)
    unreadable = sorted(asset_id for asset_id, each in absent.items() if each is Absence.UNREADABLE)
    bursts = {
        asset_id: each.change.auto_stack_id
        for asset_id, each in about_assets.items()
        if each.change.auto_stack_id is not None
    }
    now_ms = context.now_ms()
    async with context.database.write() as connection:
        dirty = await assets.set_bursts(connection, owner_id, bursts)
        await work.mark(connection, owner_id, dirty, debounce=debounce(context))
        await changes.postpone(
            connection,
            owner_id,
            unreadable,
            not_before_ms=context.retry_at_ms(1),
            error="Immich describes it in words that this version does not know",
        )
        done = [each for asset_id, each in about_assets.items() if asset_id not in unreadable]
        await changes.finish(connection, owner_id, done)
        has_news = bool(news.changed or absent or dirty)
        if has_news:
            await request_detection(context, connection, owner_id, delay_ms=DETECT_AFTER_MS)
        if await _were_stacked(connection, owner_id, sorted(news.changed)):
            told = Change(owner_id, Source.POLL, None)
            await changes.add(connection, [told], now_ms=now_ms, not_before_ms=now_ms + STACKS_AFTER_POLL_MS)
    of_stacks = [each for each in heard if each.change.asset_id is None]
    stacks_read_at_ms = await _read_stacks(context, owner_id, poll, of_stacks) if of_stacks else None
    await _set_clock(context, owner_id, is_poll=is_poll, has_news=has_news, stacks_read_at_ms=stacks_read_at_ms)
    await context.wake(JobName.PAIR, owner_id, delay_ms=context.debounce_ms)
    return True


async def _ask_for_the_rest(
    context: JobContext, owner_id: OwnerId, news: News, heard: dict[AssetId, Heard]
) -> dict[AssetId, Absence]:
    """What was told of and not shown is gone, out of sight, or as old as we know it."""
    async with context.database.read() as connection:
        known = await assets.by_ids(connection, owner_id, sorted(heard.keys() - news.shown))
    asked = [
        asset_id
        for asset_id, each in sorted(heard.items())
        if asset_id not in news.shown
        and not (
            asset_id in known
            and each.change.updated_at_ms is not None
            and each.change.updated_at_ms <= known[asset_id].updated_at_ms
        )
    ]
    return await ask_for(context, owner_id, asked, scan_id=news.scan_id, debounce=debounce(context))


async def _were_stacked(connection: AsyncConnection, owner_id: OwnerId, ids: Sequence[AssetId]) -> bool:
    """Whether one of these is known in a stack, or in a group that should be one: perhaps that is what changed."""
    return bool(
        await stacks.touching(connection, owner_id, ids) or await groups.living_touching(connection, owner_id, ids)
    )


async def _read_stacks(context: JobContext, owner_id: OwnerId, poll: Poll, heard: Sequence[Heard]) -> int | None:
    """When all stacks were read, if this is a time for it; otherwise they are read later."""
    began_at_ms = context.now_ms()
    async with context.database.read() as connection:
        is_writing = (await journal.outstanding(connection, owner_id)).count > 0
    next_ms = max(poll.stacks_read_at_ms + STACKS_EVERY_MS, began_at_ms + STACKS_AFTER_WRITES_MS if is_writing else 0)
    if next_ms > began_at_ms:
        async with context.database.write() as connection:
            await changes.postpone(connection, owner_id, [None], not_before_ms=next_ms)
        return None
    known_at_ms = context.immich(owner_id).server_time_ms() or 0  # a server without a clock told nothing
    await read_all_stacks(context, owner_id)
    async with context.database.write() as connection:
        await changes.finish(connection, owner_id, heard)
        await scans.set_stacks_known(connection, owner_id, known_at_ms)
    return began_at_ms


async def _set_clock(
    context: JobContext, owner_id: OwnerId, *, is_poll: bool, has_news: bool, stacks_read_at_ms: int | None
) -> None:
    now_ms = context.now_ms()
    async with context.database.write() as connection:
        poll = replace(await polls.get(connection, owner_id), failures=0, not_before_ms=0, error=None)
        if has_news:
            poll = replace(poll, news_at_ms=now_ms)
        if stacks_read_at_ms is not None:
            poll = replace(poll, stacks_read_at_ms=stacks_read_at_ms)
        if is_poll:
            poll = replace(poll, polled_at_ms=now_ms, due_at_ms=now_ms + interval_ms(context, poll, now_ms))
        await polls.put(connection, poll)


def interval_ms(context: JobContext, poll: Poll, now_ms: int) -> int:
    """How long until Immich is asked for changes again.

    Shape:  longer only while nothing happens and something else would tell if it did; asking is then what finds the
            event that was lost.
    """
    is_idle = now_ms - poll.news_at_ms >= BUSY_MS
    return context.poll_interval_ms * (IDLE_FACTOR if is_idle and context.live_sources.get(poll.owner_id) else 1)


async def _pause(context: JobContext, owner_id: OwnerId, error: SidecarError) -> None:
    async with context.database.write() as connection:
        poll = await polls.get(connection, owner_id)
        failures = poll.failures + 1
        until_ms = context.retry_at_ms(failures)
        if isinstance(error, TryLater):
            until_ms = min(until_ms, context.now_ms() + LONGEST_PAUSE_MS)
        await polls.put(connection, replace(poll, failures=failures, not_before_ms=until_ms, error=str(error)))
