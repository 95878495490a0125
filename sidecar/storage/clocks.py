"""Times that a clock wrote which was wrong: what is to wait for longer than anything waits is due now."""

from __future__ import annotations

from sqlalchemy import update
from sqlalchemy.ext.asyncio import AsyncConnection

from sidecar.storage.contents import NEVER
from sidecar.storage.tables import contents, fingerprints, metadata, polls, told

_WAITS = ("not_before_ms", "lease_until_ms", "due_at_ms", "redo_due_at_ms")
_LONGEST_MS = 30 * 60_000
_LONGER_MS = {
    polls.name: 3 * 60 * 60_000,
    told.name: 3 * 60 * 60_000,
    contents.name: 10 * 24 * 60 * 60_000,
    fingerprints.name: 10 * 24 * 60 * 60_000,
}
"""What fails is tried again after minutes, and a lease lasts for a quarter of an hour. Some things are thought of every
hour or two, and a file that cannot be read is tried again after days.
"""


async def forget_wrong_times(connection: AsyncConnection, *, now_ms: int) -> int:
    """How many times lay further ahead than any may; they are 0 now, so that whatever waited for them is due.

    Shape:  what is never to be tried again stays so.
    """
    changed = 0
    for table in metadata.sorted_tables:
        latest_ms = now_ms + _LONGER_MS.get(table.name, _LONGEST_MS)
        for name in _WAITS:
            if name in table.c:
                is_wrong = (table.c[name] > latest_ms) & (table.c[name] < NEVER)
                done = await connection.execute(update(table).where(is_wrong).values({name: 0}))
                changed += done.rowcount
    return changed
