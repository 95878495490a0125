"""The notify job: who wants it is told at Immich's bell, once a day at most, that something new waits for them."""

from __future__ import annotations

import logging

from sidecar.errors import ImmichRefused
from sidecar.immich_client.client import Immich
from sidecar.jobs.context import JobContext
from sidecar.model import OwnerId
from sidecar.preferences import read_chosen
from sidecar.storage import detections, preferences, scans, told
from sidecar.storage.told import Waiting

log = logging.getLogger(__name__)

THINK_EVERY_MS = 60 * 60_000
A_DAY_MS = 24 * 60 * 60_000
TITLE = "Immich sidecar"


async def notify(context: JobContext, owner_id: OwnerId) -> None:
    """Nothing; if the owner wants it, and something waits that they were not told of, it is at their bell.

    Shape:  while a scan or a search is under way nothing is told: more may be found in a moment. That they are told is
            on record before it is sent, what they were told of afterwards: a stop in between costs a day, and no news.
    Errors: those of the client.
    """
    now_ms = context.now_ms()
    async with context.database.write() as connection:
        last = await told.claim(connection, owner_id, now_ms=now_ms, due_at_ms=now_ms + THINK_EVERY_MS)
        if last is None or last.told_at_ms + A_DAY_MS > now_ms:
            return
        chosen = read_chosen(await preferences.get(connection, owner_id))
        if not chosen.over(context.matching).notify:
            return
        scan, search = await scans.newest(connection, owner_id), await detections.newest(connection, owner_id)
        if any(run is not None and run.ended_at_ms is None for run in (scan, search)):
            return
        waiting = await told.waiting(connection, owner_id, known_at_ms=last.known_at_ms)
    if not waiting.is_news:
        return
    bell = await bell_of(context)
    if bell is None:
        log.warning("nobody is told of what waits: no connected administrator's key may do everything")
        return
    async with context.database.write() as connection:
        await told.begin(connection, owner_id, now_ms=now_ms)
    await bell.ring(owner_id, title=TITLE, sentence=sentence_of(waiting))
    async with context.database.write() as connection:
        await told.end(connection, owner_id, waiting.finding_ids, known_at_ms=now_ms)
    log.info(
        "somebody was told of what waits for them",
        extra={"suggestions": waiting.suggestions, "duplicate_sets": waiting.duplicate_sets},
    )


async def bell_of(context: JobContext) -> Immich | None:
    """A client that may tell users something: a connected administrator's whose key holds everything; None if none may.

    Errors: those of the client, but for a key that is refused.
    """
    # Of who connected on the page it is not known whether they are administrators: those are asked last.
    for account in sorted(context.accounts.values(), key=lambda each: not each.user.is_admin):
        try:
            if await account.immich.may_ring():
                return account.immich
        except ImmichRefused:
            continue
    return None


def sentence_of(waiting: Waiting) -> str:
    """How much is new, without a word about any picture."""
    counts = ((waiting.suggestions, "suggestion"), (waiting.duplicate_sets, "group of duplicates"))
    parts = [_counted(count, of) for count, of in counts if count]
    return f"There is something new for you to review: {' and '.join(parts)}."


def _counted(count: int, of: str) -> str:
    if count == 1:
        return f"1 {of}"
    word, _, rest = of.partition(" ")
    return f"{count:,} {word}s{' ' + rest if rest else ''}"
