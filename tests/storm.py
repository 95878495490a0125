"""A storm of uploads to an emulated Immich with a real sidecar beside it, a process of its own, and what is to go wrong
meanwhile: the queue, the database and Immich stop for a while, one after the other.
"""

from __future__ import annotations

import asyncio
import io
import os
import socket
import sys
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from http import HTTPStatus
from pathlib import Path

from PIL import Image

from sidecar.demo.immich import EmulatedImmich
from sidecar.demo.immich.rows import UserRow
from sidecar.immich_client.client import required_permissions
from sidecar.immich_client.permissions import Feature, feature_permissions
from sidecar.jobs.valkey import embedded_valkey
from tests.postgres import PostgresCluster

NOON = datetime(2024, 5, 1, 12, tzinfo=UTC)


@dataclass
class Storm:
    """One run of a sidecar under many events.

    Shape:  outages are carried out one after the other, at equal distances within the storm; each ends by itself.
    """

    immich: EmulatedImmich
    user: UserRow
    sidecar: asyncio.subprocess.Process
    outages: Sequence[Callable[[], Awaitable[None]]] = ()
    memory_kib: list[int] = field(default_factory=list)
    pairs: int = 0

    async def blow(self, *, pairs: int, within_s: float) -> None:
        """So many RAW+JPEG pairs are uploaded, evenly, while the outages happen."""
        began_s = asyncio.get_running_loop().time()
        outages = [asyncio.create_task(self._break(number, within_s)) for number in range(len(self.outages))]
        for number in range(pairs):
            for name, data in ((f"IMG_{number:05}.CR3", RAW), (f"IMG_{number:05}.JPG", JPEG)):
                self.immich.upload(self.user, name, data + str(number).encode(), at=NOON + timedelta(hours=number))
            if number % 200 == 0:
                self._measure()
            late_s = began_s + within_s * number / pairs - asyncio.get_running_loop().time()
            await asyncio.sleep(max(0, late_s))
        self.pairs += pairs
        await asyncio.gather(*outages)

    async def calm_down(self, *, within_s: float) -> None:
        """Nothing, when every pair is a stack."""
        waited_s = 0.0
        while len(self.immich.state.stacks) < self.pairs:
            assert self.sidecar.returncode is None, "the sidecar has ended"
            assert waited_s < within_s, f"{len(self.immich.state.stacks)} of {self.pairs} pairs are stacks"
            await asyncio.sleep(0.2)
            waited_s += 0.2
        self._measure()

    def made(self) -> int:
        """How many stacks were ever made."""
        return sum(
            call.method == "POST" and call.path == "/stacks" and call.status == HTTPStatus.CREATED
            for call in self.immich.calls
        )

    def members(self) -> list[list[str]]:
        """The names in each stack."""
        assets = self.immich.state.assets
        return sorted(
            sorted(assets[each].name for each in stack.members) for stack in self.immich.state.stacks.values()
        )

    def _measure(self) -> None:
        status = Path(f"/proc/{self.sidecar.pid}/status").read_text()
        self.memory_kib.append(int(status.split("VmRSS:")[1].split()[0]))

    async def _break(self, number: int, within_s: float) -> None:
        await asyncio.sleep(within_s * (number + 0.5) / len(self.outages))
        await self.outages[number]()


def _jpeg() -> bytes:
    written = io.BytesIO()
    Image.new("RGB", (32, 24), "teal").save(written, "JPEG")
    return written.getvalue()


JPEG = _jpeg()
RAW = b"\0\0\0\x18ftypcrx \0\0\0\1crx isom"
"""How a CR3 begins."""


def free_port() -> int:
    """A port on which nobody listens."""
    with socket.socket() as opened:
        opened.bind(("127.0.0.1", 0))
        port: int = opened.getsockname()[1]
        return port


@asynccontextmanager
async def running_sidecar(
    immich: EmulatedImmich, keys: Sequence[str], folder: Path, **settings: str
) -> AsyncIterator[asyncio.subprocess.Process]:
    """`sidecar run` as people run it, after its first look at the library."""
    port = free_port()
    environment = {
        **os.environ,
        "IMMICH_URL": immich.url,
        "SIDECAR_API_KEYS": ",".join(keys),
        "SIDECAR_DATA_DIR": str(folder),
        "SIDECAR_PORT": str(port),
        "SIDECAR_LOG_LEVEL": "error",
        **{name: value.format(port=port) for name, value in settings.items()},
    }
    with (folder / "log").open("wb") as log:
        process = await asyncio.create_subprocess_exec(
            sys.executable, "-m", "sidecar", "run", env=environment, stdout=log, stderr=log
        )
        try:
            # Its first look asks for the stacks, and what is uploaded before its end counts as seen by it.
            while not immich.traffic.calls_of("GET", "/stacks"):
                assert process.returncode is None, (folder / "log").read_text()
                await asyncio.sleep(0.05)
            await asyncio.sleep(1)
            yield process
        finally:
            process.terminate()
            await process.wait()


@asynccontextmanager
async def storm(
    folder: Path, cluster: PostgresCluster, *, outage_s: float, poll_interval_s: int
) -> AsyncIterator[Storm]:
    """A sidecar on PostgreSQL and a Valkey of their own, driven by webhooks; each of three stops once for so long."""
    queue = _Valkey(folder / "queue")
    async with EmulatedImmich() as immich:
        user = immich.add_user("Ann")
        key = immich.add_key(user, sorted(required_permissions() | feature_permissions(Feature.WEBHOOK)))
        async with queue, running_sidecar(
            immich, [key], folder,
            SIDECAR_REDIS_URL=queue.url,
            SIDECAR_DATABASE_URL=cluster.new_database(f"storm_{os.getpid()}_{free_port()}"),
            SIDECAR_SECRET="a secret of the storm alone",
            SIDECAR_WEBHOOK_URL="http://127.0.0.1:{port}",
            SIDECAR_POLL_INTERVAL_S=str(poll_interval_s),
        ) as process:  # fmt: skip
            while not immich.state.workflows:
                await asyncio.sleep(0.05)

            async def without_queue() -> None:
                await queue.stop()
                await asyncio.sleep(outage_s)
                await queue.start()

            async def without_database() -> None:
                await asyncio.to_thread(cluster.stop)
                await asyncio.sleep(outage_s)
                await asyncio.to_thread(cluster.start)

            async def without_immich() -> None:
                failure = immich.fail(cut=True, times=10**9)
                await asyncio.sleep(outage_s)
                failure.times = 0

            yield Storm(immich, user, process, (without_queue, without_database, without_immich))


class _Valkey:
    """A queue's server that can be stopped and started again at the same address."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._running = embedded_valkey(folder)
        self.url = ""

    async def start(self) -> None:
        self._running = embedded_valkey(self._folder)
        self.url = await self._running.__aenter__()

    async def stop(self) -> None:
        await self._running.__aexit__(None, None, None)

    async def __aenter__(self) -> None:
        await self.start()

    async def __aexit__(self, *_error: object) -> None:
        await self.stop()
