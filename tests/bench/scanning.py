"""A first scan of a large library, from an emulated Immich in a process of its own: what it costs on our side.

`python -m tests.bench.scanning [ASSETS]`. The emulated server is quicker than a real one, so wall time says little;
the processor time of this process is what a real server would have to wait for.
"""

from __future__ import annotations

import asyncio
import json
import resource
import subprocess
import sys
import tempfile
import time
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager, contextmanager
from pathlib import Path

from sidecar.accounts.connected import Account
from sidecar.immich_client.client import open_immich
from sidecar.jobs.apply import apply
from sidecar.jobs.context import JobContext
from sidecar.jobs.pair import pair
from sidecar.jobs.sync import sync
from sidecar.storage import journal, scans
from sidecar.storage.database import open_database

ASSETS = 100_000


@contextmanager
def emulated_immich(assets: int) -> Iterator[tuple[str, str]]:
    """(url, key) of a server with so many assets."""
    command = [sys.executable, "-m", "sidecar.demo.immich", "--assets", str(assets), "--announce"]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as server:
        assert server.stdout is not None
        told = json.loads(server.stdout.readline())
        try:
            yield told["url"], told["users"][0]["key"]
        finally:
            server.terminate()


@asynccontextmanager
async def measured(what: str) -> AsyncIterator[None]:
    """Prints the wall and processor seconds of the block."""
    wall_s, used = time.perf_counter(), resource.getrusage(resource.RUSAGE_SELF)
    yield
    after = resource.getrusage(resource.RUSAGE_SELF)
    cpu_s = after.ru_utime + after.ru_stime - used.ru_utime - used.ru_stime
    print(f"  {what:32} {time.perf_counter() - wall_s:7.1f} s wall {cpu_s:7.1f} s of our processor time")


async def scan(url: str, key: str, folder: Path) -> None:
    """Sync, plan, write; then the same again, which has nothing to do."""
    async with (
        open_database(f"sqlite+aiosqlite:///{folder / 'sidecar.db'}") as database,
        open_immich(url, key) as immich,
    ):
        user = await immich.me()
        context = JobContext(database=database, accounts={user.id: Account(user, immich)})

        async def read_and_plan() -> None:
            async with database.write() as connection:
                await scans.request(connection, user.id, now_ms=context.now_ms())
            await sync(context, user.id)
            await pair(context, user.id)

        async def outstanding() -> int:
            async with database.read() as connection:
                return (await journal.outstanding(connection, user.id)).count

        # A library is seldom filled in the very second in which it is scanned; what is, costs a second look at each.
        await asyncio.sleep(5)
        async with measured("first sync and plan"):
            await read_and_plan()
        planned = await outstanding()
        async with measured(f"{planned} stacks written"):
            await apply(context, user.id)
        async with measured("second scan"):
            await read_and_plan()
            await apply(context, user.id)
        async with database.read() as connection:
            total = sum((await journal.counts(connection, user.id)).values())
        print(f"  writes by the second scan: {total - planned}")
    peak_bytes = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024
    print(f"  peak memory {peak_bytes / 2**20:.0f} MiB")


def main(assets: int = ASSETS) -> None:
    """Prints the figures for so many assets."""
    print(f"Scanning {assets:,} assets")
    with emulated_immich(assets) as (url, key), tempfile.TemporaryDirectory() as folder:
        asyncio.run(scan(url, key, Path(folder)))


if __name__ == "__main__":
    main(*(int(word) for word in sys.argv[1:2]))
