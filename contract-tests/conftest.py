"""Which servers the behaviour suite runs on, and what it found there."""

from __future__ import annotations

import json
import os
from collections.abc import AsyncIterator, Iterator
from pathlib import Path

import pytest
from behaviour.differences import has
from behaviour.server import LIVE, Person, Server, servers, serving

from sidecar.immich_client.contract.description import version_numbers

_FOUND: dict[str, str] = {}
_VERSIONS: set[str] = set()


def pytest_generate_tests(metafunc: pytest.Metafunc) -> None:
    """Each test of behaviour on each server that has what it is about."""
    if "server" not in metafunc.fixturenames:
        return
    marker = metafunc.definition.get_closest_marker("needs")
    subject = marker.args[0] if marker else None
    wanted = [
        pytest.param(name, marks=pytest.mark.live if name == LIVE else ())
        for name in servers()
        if subject is None or name == LIVE or has(version_numbers(name), subject)
    ]
    metafunc.parametrize("server", wanted, indirect=True)


@pytest.fixture
async def server(request: pytest.FixtureRequest) -> AsyncIterator[Server]:
    async with serving(request.param) as opened:
        marker = request.node.get_closest_marker("needs")
        if marker and not has(opened.version, marker.args[0]):
            pytest.skip(f"Immich {opened.version} has no {marker.args[0]} yet")
        if opened.is_live:
            _VERSIONS.add(".".join(map(str, opened.version)))
        yield opened


@pytest.fixture
async def ann(server: Server) -> Person:
    return await server.person("Ann")


@pytest.fixture
async def bob(server: Server) -> Person:
    return await server.person("Bob")


@pytest.hookimpl(hookwrapper=True)
def pytest_runtest_makereport(item: pytest.Item) -> Iterator[None]:
    """What the live server did is noted for the table of compatibility."""
    outcome = yield
    report = outcome.get_result()  # type: ignore[attr-defined]
    if "live" in item.keywords and (report.failed or (report.when == "call" and report.passed)):
        behaviour = item.nodeid.partition("[")[0]
        if _FOUND.get(behaviour) != "failed":
            _FOUND[behaviour] = report.outcome


def pytest_sessionfinish() -> None:
    """Notes what a live server did in the folder that IMMICH_CONTRACT_RECORD names, beside what it did before."""
    folder = os.environ.get("IMMICH_CONTRACT_RECORD")
    if folder and _FOUND:
        [version] = _VERSIONS
        path = Path(folder, f"{version}.json")
        known = json.loads(path.read_text("utf-8")) if path.is_file() else {}
        path.write_text(json.dumps(dict(sorted({**known, **_FOUND}.items())), indent=1) + "\n", encoding="utf-8")
