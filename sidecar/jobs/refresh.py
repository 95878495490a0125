"""The refresh job: what events told, or else the clock, is looked at in Immich and comes into the mirror."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import replace

from sidecar.errors import SidecarError, TryLater
from sidecar.jobs.all_stacks import read_all_stacks
from sidecar.jobs.changes import News, debounce, follow, read_changes
from sidecar.jobs.context import LAST_RETRY_MS, JobContext
from sidecar.jobs.out_of_sight import Absence, ask_for
from sidecar.jobs.partners import read_partners
from sidecar.jobs.queue import JobName
from sidecar.model import AssetId, OwnerId
from sidecar.storage import assets, changes, journal, polls, scans, work
from sidecar.storage.changes import Heard
from sidecar.storage.polls import Poll
from sidecar.storage.scans import ScanState

log = logging.getLogger(__name__)

HEARD_AT_ONCE = 1000
GATHER_S = 0.5
"""Between two looks of one run: while many events arrive, each look is about some hundreds of them."""

BUSY_MS = 15 * 60_000
"""After the last news for so long the owner counts as busy with their library."""

IDLE_FACTOR = 5
"""While nothing happens, and an event would tell if something did, Immich is asked so many times less often."""

STACKS_EVERY_MS = 60_000
STACKS_AFTER_WRITES_MS = 10_000
"""All stacks are one long answer: they are read that seldom, and when our own writes and a scan have ended."""

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
        if not is_ready(context, poll) or not (heard or is_due(context, poll)):
            return
        try:
            is_known = await _look(context, owner_id, poll, heard)
        except Exception as error:
            await _pause(context, owner_id, error)
            raise
        if not is_known or context.stopping.is_set():
            return
        with suppress(TimeoutError):
            await asyncio.wait_for(context.stopping.wait(), GATHER_S if heard else 0)


def is_ready(context: JobContext, poll: Poll) -> bool:
    """Whether Immich may be asked again; a pause longer than any is one of a clock that was wrong."""
    return not 0 < poll.not_before_ms - context.now_ms() <= LAST_RETRY_MS


def is_due(context: JobContext, poll: Poll) -> bool:
    """Whether it is time to ask for all changes; a time later than any is one of a clock that was wrong."""
    return not 0 < poll.due_at_ms - context.now_ms() <= IDLE_FACTOR * context.poll_interval_ms


async def _look(context: JobContext, owner_id: OwnerId, poll: Poll, heard: Sequence[Heard]) -> bool:
    """Whether the library is known, and so could be looked at."""
    is_poll = is_due(context, poll)
    news = await read_changes(context, owner_id, is_poll=is_poll)
    if news is None:
        return False
    if is_poll:
        await read_partners(context, owner_id)
    about_assets = {each.change.asset_id: each for each in heard if each.change.asset_id is not None}
    absent = await _ask_for_the_rest(context, owner_id, news, about_assets)
    unreadable = {asset_id for asset_id, each in absent.items() if each is Absence.UNREADABLE}
    bursts = {
        asset_id: each.change.auto_stack_id
        for asset_id, each in about_assets.items()
        if each.change.auto_stack_id is not None
    }
    async with context.database.write() as connection:
        dirty = await assets.set_bursts(connection, owner_id, bursts)
        await work.mark(connection, owner_id, dirty, debounce=debounce(context))
        for asset_id in sorted(unreadable):
            await changes.postpone(
                connection,
                owner_id,
                [asset_id],
                not_before_ms=context.retry_at_ms(about_assets[asset_id].attempts + 1),
                error="Immich gives no answer about it that this version understands",
            )
        done = [each for asset_id, each in about_assets.items() if asset_id not in unreadable]
        await changes.finish(connection, owner_id, done)
        gone = absent.keys() - unreadable
        await follow(context, connection, owner_id, gone)
    await _set_clock(context, owner_id, poll, is_poll=is_poll, has_news=bool(news.changed or gone or dirty))
    if of_stacks := [each for each in heard if each.change.asset_id is None]:
        await _read_stacks(context, owner_id, poll, of_stacks)
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


async def _read_stacks(context: JobContext, owner_id: OwnerId, poll: Poll, heard: Sequence[Heard]) -> None:
    """All stacks are read, if this is a time for it; otherwise they are read later."""
    began_at_ms = context.now_ms()
    async with context.database.read() as connection:
        is_writing = (await journal.outstanding(connection, owner_id)).count > 0
        scan = await scans.newest(connection, owner_id)
    # A scan's list of stacks may be older than ours and be recorded later.
    is_busy = is_writing or (scan is not None and scan.state is ScanState.RUNNING)
    next_ms = max(poll.stacks_read_at_ms + STACKS_EVERY_MS, began_at_ms + STACKS_AFTER_WRITES_MS if is_busy else 0)
    if 0 < next_ms - began_at_ms <= STACKS_EVERY_MS:
        async with context.database.write() as connection:
            await changes.postpone(connection, owner_id, [None], not_before_ms=next_ms)
        return
    known_at_ms = context.immich(owner_id).server_time_ms() or 0  # a server without a clock told nothing
    await read_all_stacks(context, owner_id)
    async with context.database.write() as connection:
        await changes.finish(connection, owner_id, heard)
        await scans.set_stacks_known(connection, owner_id, known_at_ms)
        await polls.change(connection, owner_id, stacks_read_at_ms=began_at_ms)


async def _set_clock(context: JobContext, owner_id: OwnerId, poll: Poll, *, is_poll: bool, has_news: bool) -> None:
    now_ms = context.now_ms()
    news_at_ms = now_ms if has_news else poll.news_at_ms
    async with context.database.write() as connection:
        await polls.change(connection, owner_id, failures=0, not_before_ms=0, error=None, news_at_ms=news_at_ms)
        if is_poll:
            await polls.change(connection, owner_id, polled_at_ms=now_ms)
            later_ms = now_ms + interval_ms(context, replace(poll, news_at_ms=news_at_ms), now_ms)
            await polls.put_off(connection, owner_id, seen_ms=poll.due_at_ms, due_at_ms=later_ms)


def interval_ms(context: JobContext, poll: Poll, now_ms: int) -> int:
    """How long until Immich is asked for changes again.

    Shape:  longer only while nothing happens and something else would tell if it did; asking is then what finds the
            event that was lost.
    """
    is_idle = now_ms - poll.news_at_ms >= BUSY_MS
    return context.poll_interval_ms * (IDLE_FACTOR if is_idle and context.live_sources.get(poll.owner_id) else 1)


async def _pause(context: JobContext, owner_id: OwnerId, error: Exception) -> None:
    told = (
        str(error) if isinstance(error, SidecarError) else f"{type(error).__name__} in the sidecar; its log says more"
    )
    async with context.database.write() as connection:
        failures = (await polls.get(connection, owner_id)).failures + 1
        until_ms = context.retry_at_ms(failures)
        if isinstance(error, TryLater):
            until_ms = min(until_ms, context.now_ms() + LONGEST_PAUSE_MS)
        await polls.change(connection, owner_id, failures=failures, not_before_ms=until_ms, error=told)
