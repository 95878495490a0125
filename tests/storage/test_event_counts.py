from __future__ import annotations

from sidecar.model import OwnerId
from sidecar.storage import event_counts
from sidecar.storage.changes import Source
from sidecar.storage.database import Database
from sidecar.storage.event_counts import Told, Total
from tests.builders import OWNER

BOB = OwnerId("00000000-0000-4000-8000-00000000000b")
HEARD = Told(OWNER, Source.WEBHOOK, "heard")
FORGED = Told(None, Source.WEBHOOK, "forged")


async def test_counts_add_up_for_each_owner_and_for_nobody(database: Database) -> None:
    for now_ms, counted in ((1, {HEARD: 2, FORGED: 1}), (5, {HEARD: 3, Told(BOB, Source.POLL, "heard"): 1}), (6, {})):
        async with database.write() as connection:
            await event_counts.add(connection, counted, now_ms=now_ms)
    async with database.read() as connection:
        assert await event_counts.totals(connection, [OWNER, None]) == {HEARD: Total(5, 5), FORGED: Total(1, 1)}
        assert await event_counts.totals(connection, [OWNER]) == {HEARD: Total(5, 5)}
