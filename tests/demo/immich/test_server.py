from __future__ import annotations

import importlib
import json
import os
import runpy
import signal
import subprocess
import sys

import httpx
import pytest

from sidecar.demo.immich import EmulatedImmich
from tests.demo.immich.scene import NOON


async def test_two_servers_live_side_by_side_and_free_their_ports() -> None:
    async with EmulatedImmich() as first, EmulatedImmich("2.7.5") as second:
        assert first.url != second.url
        async with httpx.AsyncClient(trust_env=False) as http:
            assert (await http.get(f"{second.api_url}/server/version")).json() == {"major": 2, "minor": 7, "patch": 5}
    async with EmulatedImmich(port=int(first.url.rpartition(":")[2])) as again:
        assert again.url == first.url


async def test_stopping_what_never_started_is_harmless() -> None:
    await EmulatedImmich().stop()


def test_importing_the_command_starts_nothing() -> None:
    assert callable(importlib.import_module("sidecar.demo.immich.__main__").main)


def test_an_unknown_fact_is_a_mistake() -> None:
    immich = EmulatedImmich()
    with pytest.raises(TypeError):
        immich.add_asset(immich.add_user(), "a.jpg", taken_at=NOON, colour="red")


@pytest.mark.slow
@pytest.mark.timeout(30)
def test_a_process_of_its_own_announces_itself_and_ends_on_request() -> None:
    command = [sys.executable, "-m", "sidecar.demo.immich", "--assets", "20", "--users", "2", "--announce"]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        told = json.loads(process.stdout.readline())
        for user in told["users"]:
            headers = {"x-api-key": user["key"]}
            found = httpx.get(f"{told['url']}/api/assets/statistics", headers=headers, trust_env=False)
            assert found.json()["total"] == 20
        process.terminate()
        assert process.wait(timeout=10) == 0


@pytest.mark.parametrize("announce", [True, False])
def test_the_command_serves_until_it_is_told_to_stop(
    announce: bool,  # noqa: FBT001  # a table's column
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    start = EmulatedImmich.start

    async def start_and_stop(immich: EmulatedImmich) -> None:
        await start(immich)
        os.kill(os.getpid(), signal.SIGTERM)

    monkeypatch.setattr(EmulatedImmich, "start", start_and_stop)
    monkeypatch.setattr(sys, "argv", ["immich", *(["--announce"] if announce else [])])
    monkeypatch.delitem(sys.modules, "sidecar.demo.immich.__main__", raising=False)
    runpy.run_module("sidecar.demo.immich", run_name="__main__")
    said = capsys.readouterr().out
    assert bool(said) is announce
    if announce:
        assert json.loads(said)["admin"]["email"] == "admin@example.com"
