"""The table of compatibility is what the suite says, and a live server can be started for it."""

from __future__ import annotations

import asyncio
import json
from importlib.resources import files
from pathlib import Path

import check_jsonschema
import jsonschema
import pytest
from behaviour import live
from behaviour.table import LIVE, PAGE, behaviours, page

from openapi.pin import read_pins
from sidecar.demo.immich import EmulatedImmich
from tests.deploy.compose import read

COMPOSE = Path(__file__).with_name("compose.yml")

FAKE_DOCKER = """#!/bin/sh
echo "$IMMICH_VERSION $IMMICH_PORT $*" >> "$FAKE_DOCKER_LOG"
case "$*" in *"up "*) exit ${FAKE_DOCKER_FAILS:-0} ;; esac
"""


def test_the_page_is_what_the_suite_says() -> None:
    assert PAGE.read_text("utf-8") == page()


def test_every_behaviour_says_what_it_is_about_and_none_says_it_twice() -> None:
    said = [each.says for tests in behaviours().values() for each in tests]
    assert len(said) >= 40
    assert all(said)
    assert len(set(said)) == len(said)
    assert not [each for each in said if "|" in each or each.endswith(".")]


def test_what_live_servers_did_is_about_the_suite_as_it_is() -> None:
    known = {each.id for tests in behaviours().values() for each in tests}
    for path in LIVE.glob("*.json"):
        assert json.loads(path.read_text("utf-8")).keys() <= known, path


@pytest.mark.parametrize("version", [*(pin.immich for pin in read_pins()), "4.0.0"])
def test_a_throw_away_server_of_any_version_is_reached_from_here_only(version: str) -> None:
    document = read(COMPOSE, IMMICH_VERSION=version)
    schema = json.loads((files(check_jsonschema) / "builtin_schemas/vendor/compose-spec.json").read_text())
    jsonschema.validate(document, schema)
    services = document["services"]
    assert services["immich-server"]["image"] == f"ghcr.io/immich-app/immich-server:v{version}"
    assert services["immich-server"]["environment"]["IMMICH_HOST"] == "127.0.0.1"
    assert all(port.startswith("127.0.0.1:") for name in ("redis", "database") for port in services[name]["ports"])
    assert "volumes" not in document


@pytest.fixture
def docker(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """What stands for Docker, and writes down what it is told."""
    program = tmp_path / "docker"
    program.write_text(FAKE_DOCKER)
    program.chmod(0o755)
    monkeypatch.setenv("FAKE_DOCKER_LOG", str(tmp_path / "log"))
    return program


def told(docker: Path) -> list[str]:
    return [line.replace(str(COMPOSE), "F") for line in docker.with_name("log").read_text().splitlines()]


@pytest.mark.timeout(180)
async def test_the_suite_runs_on_a_server_that_is_started_for_it_and_stopped(
    docker: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    async with EmulatedImmich("2.7.5") as immich:
        port = immich.url.rpartition(":")[2]
        monkeypatch.setenv("IMMICH_PORT", port)
        monkeypatch.setenv("IMMICH_CONTRACT_RECORD", str(tmp_path))
        words = ["2.7.5", "-k", "a_wrong_password or workflow_is_kept", "-p", "no:cacheprovider"]
        code = await asyncio.to_thread(live.main, words, docker=str(docker))
        assert code == 0
    assert told(docker) == [
        f"2.7.5 {port} compose --file F up --detach --quiet-pull",
        f"2.7.5 {port} compose --file F down --volumes",
    ]
    recorded = json.loads((tmp_path / "2.7.5.json").read_text())
    # What this version does not have is not noted.
    assert recorded == {"contract-tests/behaviour/test_people.py::test_a_wrong_password_is_refused": "passed"}


@pytest.mark.parametrize("fails", [0, 1])
def test_a_server_that_does_not_start_is_stopped_and_told(
    docker: Path,
    monkeypatch: pytest.MonkeyPatch,
    unused_tcp_port: int,
    capsys: pytest.CaptureFixture[str],
    fails: int,
) -> None:
    monkeypatch.setenv("IMMICH_PORT", str(unused_tcp_port))
    monkeypatch.setenv("FAKE_DOCKER_FAILS", str(fails))
    assert live.main(["v4.0.0"], docker=str(docker), up_within_s=0.2) == 2
    assert capsys.readouterr().err == f"Immich v4.0.0 did not start at http://127.0.0.1:{unused_tcp_port}.\n"
    assert [line.partition(" ")[0] for line in told(docker)] == ["4.0.0", "4.0.0"]
    assert told(docker)[-1].endswith("down --volumes")


def test_the_programs_are_run_as_the_makefile_runs_them() -> None:
    text = (COMPOSE.parents[1] / "Makefile").read_text()
    assert "PYTHONPATH=contract-tests $(BIN)/python -m behaviour.live $(VERSION)" in text
