"""From the second upload of a pair to its stack, by each source alone; and a minute of ten thousand webhooks.

`python -m tests.bench.events [latency|storm]`. The emulated Immich reads a file in an instant, so the seconds here are
the sidecar's own: the debounce, the questions to Immich, the write. The sidecar is a process of its own.
"""

from __future__ import annotations

import asyncio
import logging
import random
import statistics
import sys
import tempfile
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import timedelta
from pathlib import Path

from sidecar.demo.immich import EmulatedImmich
from sidecar.demo.immich.rows import UserRow
from sidecar.immich_client.client import required_permissions
from sidecar.immich_client.permissions import Feature, feature_permissions
from tests.postgres import find_postgres, running_cluster
from tests.storm import JPEG, NOON, RAW, running_sidecar, storm

PAIRS = 20
SELDOM = "3600"
POLL_INTERVAL_S = 10
"""For the figure about polling; the default is 60, and the answer is that much longer."""

STORM_PAIRS = 5000
STORM_S = 60.0
OUTAGE_S = 5.0

CORE = sorted(required_permissions())
SOURCES: dict[str, tuple[list[str], dict[str, str]]] = {
    "webhook": (
        sorted({*CORE, *feature_permissions(Feature.WEBHOOK)}),
        {"SIDECAR_WEBHOOK_URL": "http://127.0.0.1:{port}", "SIDECAR_POLL_INTERVAL_S": SELDOM},
    ),
    "websocket": (["all"], {"SIDECAR_POLL_INTERVAL_S": SELDOM}),
    f"polling every {POLL_INTERVAL_S} s": (CORE, {"SIDECAR_POLL_INTERVAL_S": str(POLL_INTERVAL_S)}),
}


@asynccontextmanager
async def driven_by(permissions: list[str], settings: dict[str, str]) -> AsyncIterator[tuple[EmulatedImmich, UserRow]]:
    """An emulated Immich with a sidecar that hears of it in one way only."""
    with tempfile.TemporaryDirectory(prefix="sidecar-bench-") as folder:
        async with EmulatedImmich() as immich:
            user = immich.add_user("Ann")
            key = immich.add_key(user, permissions)
            async with running_sidecar(immich, [key], Path(folder), **settings):
                await asyncio.sleep(3)  # its first look has ended, and it listens
                yield immich, user


async def seconds_to_stack(immich: EmulatedImmich, user: UserRow, number: int) -> float:
    """From the second upload of a new pair until Immich has its stack."""
    clock = asyncio.get_running_loop().time
    at = NOON + timedelta(hours=number)
    immich.upload(user, f"IMG_{number:04}.CR3", RAW + str(number).encode(), at=at)
    await asyncio.sleep(0.3)
    second = immich.upload(user, f"IMG_{number:04}.JPG", JPEG + str(number).encode(), at=at)
    uploaded_s = clock()
    while second.stack_id is None:
        await asyncio.sleep(0.005)
    return clock() - uploaded_s


async def latency() -> None:
    """Prints p50 and p95 for each source."""
    print(f"\nFrom the second upload to the stack, {PAIRS} pairs each, default debounce of 1.5 s")
    dice = random.Random(7)
    for source, (permissions, settings) in SOURCES.items():
        async with driven_by(permissions, settings) as (immich, user):
            took_s = []
            for number in range(PAIRS):
                took_s.append(await seconds_to_stack(immich, user, number))
                await asyncio.sleep(dice.uniform(0, 1.5))
        at = statistics.quantiles(took_s, n=20)
        print(
            f"  {source:22} p50 {statistics.median(took_s):6.2f} s   p95 {at[-1]:6.2f} s   longest {max(took_s):6.2f} s"
        )


async def soak() -> None:
    """Prints what a minute of many uploads came to, with the queue, the database and Immich stopped meanwhile."""
    programs = find_postgres()
    if programs is None:
        print("\nPostgreSQL's server is not installed: the storm is left out")
        return
    clock = asyncio.get_running_loop().time
    print(f"\n{2 * STORM_PAIRS} uploads in {STORM_S:g} s; queue, database and Immich stop for {OUTAGE_S:g} s each")
    with running_cluster(programs) as cluster, tempfile.TemporaryDirectory(prefix="sidecar-bench-") as folder:
        async with storm(Path(folder), cluster, outage_s=OUTAGE_S, poll_interval_s=60) as blowing:
            began_s = clock()
            await blowing.blow(pairs=STORM_PAIRS, within_s=STORM_S)
            uploaded_s = clock()
            await blowing.calm_down(within_s=600)
            ended_s = clock()
            whole = sum(len(members) == 2 for members in blowing.members())
            print(
                f"  uploads took {uploaded_s - began_s:.0f} s, the last stack came {ended_s - uploaded_s:.0f} s later"
            )
            sent = len(blowing.immich.webhooks)
            lost = sum(each.status is None or each.status >= 400 for each in blowing.immich.webhooks)
            print(
                f"  {sent} webhooks, {lost} of them not taken; {whole} pairs stacked, {blowing.made()} stacks ever made"
            )
            first, *_, last = (kib // 1024 for kib in blowing.memory_kib)
            print(f"  memory {first} MiB at first, {max(blowing.memory_kib) // 1024} at most, {last} at last")


def main(words: list[str] | None = None) -> None:
    """Both, or the one that is named."""
    # The emulated server tells of each connection that it cut on purpose.
    logging.getLogger("aiohttp.server").setLevel(logging.CRITICAL)
    if not words or "latency" in words:
        asyncio.run(latency())
    if not words or "storm" in words:
        asyncio.run(soak())


if __name__ == "__main__":
    main(sys.argv[1:])
