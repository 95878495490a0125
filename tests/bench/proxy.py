"""What the way through the sidecar costs: a small answer with its fields added, and a download of 100 MB.

`python -m tests.bench.proxy`. The emulated Immich, the sidecar and the client are processes of their own on one
machine, and both ways are measured in turn. The emulated Immich answers in a millisecond, and sends from memory.
"""

from __future__ import annotations

import asyncio
import json
import socket
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from aiohttp import ClientSession, web
from pydantic import SecretStr

from sidecar.app import build_app
from sidecar.demo.immich import EmulatedImmich
from sidecar.demo.immich.synthetic import synthetic_library
from sidecar.jobs.apply import apply
from sidecar.jobs.pair import pair
from sidecar.jobs.sync import sync
from sidecar.settings import Settings
from sidecar.storage import scans
from sidecar.wiring import open_services

ASSETS = 2000
QUESTIONS = 1000
WARM = 100
DOWNLOAD_BYTES = 100 * 1000 * 1000
DOWNLOADS = 7
_PIECE_BYTES = 1 << 20
_MIB = 1 << 20
_BASE = "/sidecar"


async def _immich() -> None:
    """An emulated Immich with a library, and one large file, which no upload through its API could be."""
    async with EmulatedImmich() as immich:
        user = immich.add_user("Ann")
        immich.add_assets(user, synthetic_library(ASSETS))
        large = immich.upload(user, "large.mp4", bytes(DOWNLOAD_BYTES))
        print(json.dumps({"url": immich.url, "key": immich.add_key(user), "large": large.id}), flush=True)
        await asyncio.Event().wait()


async def _sidecar(url: str, key: str, folder: Path) -> None:
    """A sidecar that has paired the library."""
    settings = Settings(immich_url=url, api_keys=(SecretStr(key),), data_dir=folder, port=0, base_path=_BASE)
    async with open_services(settings) as services:
        runner = web.AppRunner(build_app(services), access_log=None)
        await runner.setup()
        await web.TCPSite(runner, "127.0.0.1", 0).start()
        [owner_id] = services.accounts.connected
        async with services.database.write() as connection:
            await scans.request(connection, owner_id, now_ms=services.jobs.now_ms())
        for job in (sync, pair, apply):
            await job(services.jobs, owner_id)
        print(json.dumps({"url": f"http://127.0.0.1:{runner.addresses[0][1]}{_BASE}/api/immich"}), flush=True)
        await asyncio.Event().wait()


@contextmanager
def _program(*words: str) -> Iterator[tuple[int, dict[str, Any]]]:
    """(process id, what it told) of a half of this module in a process of its own."""
    command = [sys.executable, "-m", "tests.bench.proxy", *words]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        told = json.loads(process.stdout.readline())
        try:
            yield process.pid, told
        finally:
            process.terminate()


def _memory_mib(pid: int) -> float:
    status = Path(f"/proc/{pid}/status").read_text()
    return next(int(line.split()[1]) / 1024 for line in status.splitlines() if line.startswith("VmRSS"))


class _Caller:
    """A connection that stays open: what it costs to ask and to read, and next to nothing on this side."""

    def __init__(self, base: str, key: str) -> None:
        address = urlsplit(base)
        self._base = address.path
        self._key = key
        self._socket = socket.create_connection((address.hostname, address.port))
        self._socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self._buffer = bytearray(_PIECE_BYTES)

    def ask(self, path: str, *, body: bytes | None = None) -> tuple[float, bytes, int]:
        """(seconds, the body or the beginning of a large one, how many bytes it had)."""
        method, length = ("GET", "") if body is None else ("POST", f"Content-Length: {len(body)}\r\n")
        head = f"{method} {self._base}/{path} HTTP/1.1\r\nHost: x\r\nx-api-key: {self._key}\r\n{length}"
        head += "Content-Type: application/json\r\n\r\n"
        began = time.perf_counter()
        self._socket.sendall(head.encode() + (body or b""))
        received = b""
        while b"\r\n\r\n" not in received:
            received += self._socket.recv(65536)
        headers, _, beginning = received.partition(b"\r\n\r\n")
        assert headers.startswith(b"HTTP/1.1 200"), headers
        lengths = [line for line in headers.lower().split(b"\r\n") if line.startswith(b"content-length:")]
        expected = int(lengths[0].partition(b":")[2])
        got = len(beginning)
        while got < expected:
            read = self._socket.recv_into(self._buffer)
            if expected < _PIECE_BYTES:
                beginning += self._buffer[:read]
            got += read
        return time.perf_counter() - began, beginning, got

    def close(self) -> None:
        """Nothing more is asked."""
        self._socket.close()


def _quantiles(took: list[float]) -> tuple[float, float]:
    return statistics.median(took) * 1000, statistics.quantiles(took, n=20)[-1] * 1000


def _compare(what: str, direct: _Caller, proxied: _Caller, path: str, *, times: int, body: bytes | None = None) -> None:
    took: dict[str, list[float]] = {"direct": [], "proxied": []}
    for number in range(times + WARM):
        for way, caller in (("direct", direct), ("proxied", proxied)):
            seconds, beginning, _ = caller.ask(path, body=body)
            assert (b"isPrimaryVersion" in beginning) is (way == "proxied")
            if number >= WARM:
                took[way].append(seconds)
    (direct_p50, direct_p95), (proxied_p50, proxied_p95) = _quantiles(took["direct"]), _quantiles(took["proxied"])
    print(
        f"  {what:32} direct p50 {direct_p50:6.2f} ms p95 {direct_p95:6.2f}   proxied p50 {proxied_p50:6.2f} "
        f"p95 {proxied_p95:6.2f}   added p50 {proxied_p50 - direct_p50:5.2f} ms"
    )


async def _some_asset(url: str, key: str) -> str:
    """The id of an asset that is in a stack."""
    async with ClientSession() as session, session.get(f"{url}/api/stacks", headers={"x-api-key": key}) as answer:
        stacks: list[dict[str, Any]] = await answer.json()
    return str(stacks[0]["primaryAssetId"])


def main() -> None:
    """Prints the figures."""
    print("\nThrough the proxy, as against straight from Immich")
    with (
        _program("immich") as (_, immich),
        tempfile.TemporaryDirectory(prefix="sidecar-bench-") as folder,
        _program("sidecar", immich["url"], immich["key"], folder) as (pid, sidecar),
    ):
        url, key = immich["url"], immich["key"]
        direct, proxied = _Caller(f"{url}/api", key), _Caller(sidecar["url"], key)
        asset_id = asyncio.run(_some_asset(url, key))
        _compare("one asset, 1000 times", direct, proxied, f"assets/{asset_id}", times=QUESTIONS)
        search = json.dumps({"size": 250, "withExif": True}).encode()
        _compare("a search of 250", direct, proxied, "search/metadata", times=QUESTIONS // 5, body=search)
        large = f"assets/{immich['large']}/original"
        direct.ask(large)
        before = _memory_mib(pid)
        ratios, speeds, most = [], [], before
        for _ in range(DOWNLOADS):
            took_direct, _, got = direct.ask(large)
            took_proxied, _, got_proxied = proxied.ask(large)
            assert got == got_proxied == DOWNLOAD_BYTES
            ratios.append(took_direct / took_proxied)
            speeds.append(DOWNLOAD_BYTES / took_proxied / _MIB)
            most = max(most, _memory_mib(pid))
        print(
            f"  {'100 MB, one after the other':32} {statistics.median(speeds):6.0f} MiB/s proxied, "
            f"{statistics.median(ratios):.2f} of direct (lowest {min(ratios):.2f}, highest {max(ratios):.2f})"
        )
        print(f"  sidecar's memory {before:.0f} MiB before, {most:.0f} at most, {_memory_mib(pid):.0f} after")
        for caller in (direct, proxied):
            caller.close()


if __name__ == "__main__":
    match sys.argv[1:]:
        case ["immich"]:
            asyncio.run(_immich())
        case ["sidecar", url, key, folder]:
            asyncio.run(_sidecar(url, key, Path(folder)))
        case _:
            main()
