"""The image: what the Dockerfile says, and the program as it runs there, not as root and on a read-only disk."""

from __future__ import annotations

import asyncio
import os
import re
import shutil
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from sidecar.demo.immich import EmulatedImmich
from tests.deploy.compose import ROOT, read

DOCKERFILE = (ROOT / "Dockerfile").read_text().replace("\\\n", " ")
INSTRUCTIONS = re.findall(r"^([A-Z]+) (.+)$", DOCKERFILE, re.MULTILINE)


def all_of(name: str) -> list[str]:
    return [rest for instruction, rest in INSTRUCTIONS if instruction == name]


def test_everything_that_is_copied_is_there_and_not_left_out() -> None:
    kept = {line[1:] for line in (ROOT / ".dockerignore").read_text().splitlines() if line.startswith("!")}
    copied = [word for rest in all_of("COPY") if "--from" not in rest for word in rest.split()[:-1]]
    assert copied
    for name in copied:
        assert (ROOT / name).exists(), name
        assert name in kept, name
    assert kept == set(copied)


def test_the_versions_are_those_that_were_tested() -> None:
    assert "PIP_CONSTRAINT=constraints.txt" in DOCKERFILE
    bases = [rest.split()[0] for rest in all_of("FROM")]
    assert len(bases) == 2
    for base in bases:
        assert re.fullmatch(r"docker\.io/library/python:\d+\.\d+\.\d+-slim-\w+", base), base
    assert len(set(bases)) == 1


def test_what_runs_is_the_sidecar_and_not_root() -> None:
    assert all_of("USER") == ["10001:10001"]
    assert INSTRUCTIONS.index(("USER", "10001:10001")) > INSTRUCTIONS.index(("VOLUME", "/data")) - 2
    assert all_of("ENTRYPOINT") == ['["/opt/sidecar/bin/sidecar"]']
    assert all_of("CMD") == ['["run"]']
    compose = read(ROOT / "compose.override.yml")["services"]["sidecar"]
    assert compose["user"] == "10001:10001"
    assert "/opt/sidecar/healthy.py" in compose["healthcheck"]["test"]


def healthy(port: int, base_path: str = "/sidecar") -> int:
    environment = {"SIDECAR_PORT": str(port), "SIDECAR_BASE_PATH": base_path}
    program = [sys.executable, str(ROOT / "deploy" / "healthy.py")]
    return subprocess.run(program, env=environment, capture_output=True, check=False).returncode


def can_unshare() -> bool:
    if os.geteuid() != 0 or shutil.which("unshare") is None or shutil.which("setpriv") is None:
        return False
    return subprocess.run(["unshare", "--mount", "true"], capture_output=True, check=False).returncode == 0  # noqa: S607


@pytest.mark.slow
@pytest.mark.timeout(180)
async def test_it_runs_as_nobody_on_a_disk_that_is_read_only(tmp_path: Path, unused_tcp_port: int) -> None:
    """As compose.override.yml starts it: another user, no capability, only /data and /tmp to be written."""
    if not can_unshare():
        pytest.skip("only root may take rights away: run this test as root, with unshare and setpriv")
    data = tmp_path / "data"
    data.mkdir()
    os.chown(data, 10001, 10001)
    scratch = tmp_path / "scratch"
    scratch.mkdir(mode=0o777)
    scratch.chmod(0o777)
    for folder in (tmp_path, *tmp_path.parents[:3]):
        folder.chmod(folder.stat().st_mode | 0o055)
    environment = {
        "PATH": "/usr/bin:/bin",
        "SIDECAR_HOST": "127.0.0.1",
        "SIDECAR_PORT": str(unused_tcp_port),
        "SIDECAR_DATA_DIR": str(data),
        "TMPDIR": str(scratch),
        "PYTHONDONTWRITEBYTECODE": "1",
        "PYTHONPATH": str(ROOT),
    }
    # The machine's Python may lie where only root may look; looking is all that the capability allows.
    look = "-all,+dac_read_search"
    script = (
        'mount --rbind / / && mount --bind "$1" "$1" && mount --bind "$2" "$2" && mount -o remount,bind,ro / '
        "&& shift 2 && exec setpriv --reuid 10001 --regid 10001 --clear-groups --no-new-privs "
        f'--bounding-set={look} --inh-caps={look} --ambient-caps={look} "$@"'
    )
    async with EmulatedImmich() as immich:
        process = await asyncio.create_subprocess_exec(
            "unshare", "--mount", "sh", "-c", script, "sh", str(data), str(scratch),
            sys.executable, "-m", "sidecar", "run",
            env=environment | {"IMMICH_URL": immich.url},
            cwd="/", stdout=asyncio.subprocess.PIPE, stderr=asyncio.subprocess.STDOUT,
        )  # fmt: skip
        assert process.stdout is not None
        said: list[str] = []
        while b"Ctrl-C stops" not in (line := await process.stdout.readline()):
            said.append(line.decode())
            assert line, "".join(said)
        assert await asyncio.to_thread(healthy, unused_tcp_port) == 0
        assert await asyncio.to_thread(healthy, unused_tcp_port, "/elsewhere") != 0
        assert (data / "sidecar.db").stat().st_uid == 10001
        assert (data / "sidecar.key").stat().st_mode & 0o777 == 0o600
        process.send_signal(signal.SIGTERM)
        rest = (await process.communicate())[0].decode()
        assert process.returncode == 0, rest
    assert await asyncio.to_thread(healthy, unused_tcp_port) != 0
