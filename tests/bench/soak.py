"""Days of a running sidecar in minutes: a clock that is put forward between polls, photos that change, nightly scans,
people who look. Memory and file handles are told every half day.

`python -m tests.bench.soak [DAYS]`. Queue, database, HTTP and the emulated Immich are real ones in this process; the
library's size stays the same, and what the emulated server logs of its calls is thrown away.
"""

from __future__ import annotations

import asyncio
import gc
import logging
import os
import random
import sys
import tempfile
from dataclasses import replace
from datetime import timedelta
from pathlib import Path

from aiohttp import web
from aiohttp.test_utils import TestClient, TestServer
from pydantic import SecretStr

from sidecar.app import build_app
from sidecar.demo.immich import EmulatedImmich
from sidecar.demo.immich.rows import UserRow
from sidecar.jobs.apply import apply
from sidecar.jobs.pair import pair
from sidecar.jobs.refresh import refresh
from sidecar.jobs.remember import remember
from sidecar.jobs.sweep import sweep
from sidecar.jobs.sync import sync
from sidecar.model import OwnerId, Visibility
from sidecar.settings import Settings
from sidecar.storage import scans
from sidecar.wiring import Services, open_services
from tests.jobs.household import NOON, Clock

DAYS = 3
PAIRS = 1000
POLL_S = 60
CHANGED_EVERY_POLLS, SEEN_EVERY_POLLS, TOLD_EVERY_POLLS = 10, 5, 12 * 60
PAGES = ("/", "/photos", "/duplicates", "/suggestions", "/activity", "/status", "/settings", "/metrics", "/ready")


def resident_mib() -> float:
    """What this process holds, in MiB."""
    pages = int(Path("/proc/self/statm").read_text().split()[1])
    return pages * os.sysconf("SC_PAGE_SIZE") / (1 << 20)


def open_files() -> int:
    """How many file handles this process has."""
    return sum(1 for _ in Path("/proc/self/fd").iterdir())


class House:
    """One user's library on an emulated Immich, and the clock of all."""

    def __init__(self, immich: EmulatedImmich) -> None:
        self.immich = immich
        self.clock = Clock()
        self.user: UserRow = immich.add_user("Ann")
        self.key, self.token = immich.add_key(self.user), immich.add_session(self.user)
        for number in range(PAIRS):
            for name in (f"IMG_{number:05}.CR3", f"IMG_{number:05}.JPG"):
                immich.add_asset(self.user, name, taken_at=NOON + timedelta(minutes=number))


async def live(services: Services, client: TestClient[web.Request, web.Application], house: House, days: int) -> None:
    """So many days, told every half day."""
    jobs, owner_id, dice = services.jobs, OwnerId(house.user.id), random.Random(1)
    rows = list(house.immich.state.assets.values())
    for poll in range(days * 24 * 3600 // POLL_S + 1):
        house.clock.advance(seconds=POLL_S)
        if poll % CHANGED_EVERY_POLLS == 0:
            for row in dice.sample(rows, 4):
                for visibility in (Visibility.ARCHIVE, Visibility.TIMELINE):
                    house.immich.set_visibility(row, visibility)
        if poll % (24 * 3600 // POLL_S) == 0:
            async with jobs.database.write() as connection:
                await scans.request(connection, owner_id, now_ms=jobs.now_ms())
            await sync(jobs, owner_id)
        await sweep(jobs)
        await services.queue.pool.flushdb()  # nobody takes what is woken: the jobs are run right here
        for job in (refresh, pair, apply, remember):
            await job(jobs, owner_id)
        if poll % SEEN_EVERY_POLLS == 0:
            path = PAGES[poll // SEEN_EVERY_POLLS % len(PAGES)]
            async with client.get(f"/sidecar{path}", headers={"Authorization": f"Bearer {house.token}"}) as answer:
                assert answer.status == 200, path
                await answer.read()
        house.immich.calls.clear()
        if poll % TOLD_EVERY_POLLS == 0:
            gc.collect()
            hours = poll * POLL_S / 3600
            print(f"  after {hours:>5.0f} h  {resident_mib():>7.1f} MiB  {open_files():>4} file handles", flush=True)


async def measure(days: int) -> None:
    print(f"\n{days} days, asked every {POLL_S} s, {2 * PAIRS} photos")
    with tempfile.TemporaryDirectory(prefix="sidecar-bench-") as folder:
        async with EmulatedImmich() as immich:
            house = House(immich)
            settings = Settings(
                immich_url=immich.url, api_keys=(SecretStr(house.key),), data_dir=Path(folder) / "data", port=0
            )
            async with open_services(settings) as opened:
                services = replace(opened, jobs=replace(opened.jobs, now_ms=house.clock))
                async with TestClient(TestServer(build_app(services))) as client:
                    await live(services, client, house, days)


def main(words: list[str] | None = None) -> None:
    logging.disable(logging.CRITICAL)
    try:
        asyncio.run(measure(int(words[0]) if words else DAYS))
    finally:
        logging.disable(logging.NOTSET)


if __name__ == "__main__":
    main(sys.argv[1:])
