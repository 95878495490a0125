from __future__ import annotations

import json
import re
from collections.abc import AsyncIterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from aiohttp import web
from aiohttp.test_utils import TestClient, TestServer
from pydantic import SecretStr

from sidecar.app import build_app
from sidecar.demo.immich import EmulatedImmich
from sidecar.jobs.apply import apply
from sidecar.jobs.pair import pair
from sidecar.jobs.sync import sync
from sidecar.model import OwnerId
from sidecar.settings import Settings
from sidecar.storage import scans, work
from sidecar.wiring import Services, open_services
from tests.jobs.household import NOON, Clock

Client = TestClient[web.Request, web.Application]
PATH = "/side/api/scan/status"


@pytest.fixture
async def immich() -> AsyncIterator[EmulatedImmich]:
    async with EmulatedImmich() as running:
        yield running


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
async def services(immich: EmulatedImmich, clock: Clock, tmp_path: Path, valkey_url: str) -> AsyncIterator[Services]:
    """Of Ann, who has a RAW and its picture, and of Bob, who has one more."""
    keys = []
    for name, files in (("Ann", ("SECRET.CR3", "SECRET.JPG")), ("Bob", ("SECRET.CR3", "SECRET.JPG", "OTHER.JPG"))):
        user = immich.add_user(name)
        keys.append(SecretStr(immich.add_key(user)))
        for file in files:
            immich.add_asset(user, file, taken_at=NOON)
    settings = Settings(
        immich_url=immich.url,
        api_keys=tuple(keys),
        data_dir=tmp_path / "data",
        redis_url=SecretStr(valkey_url),
        port=0,
        base_path="/side",
    )
    async with open_services(settings) as opened:
        yield replace(opened, jobs=replace(opened.jobs, now_ms=clock))


@pytest.fixture
async def client(services: Services) -> AsyncIterator[Client]:
    async with TestClient(TestServer(build_app(services))) as opened:
        yield opened


async def status(client: Client) -> dict[str, Any]:
    answer = await client.get(PATH)
    assert (answer.status, answer.content_type) == (200, "application/json")
    assert "no-store" in answer.headers["Cache-Control"]
    found: dict[str, Any] = await answer.json()
    return found


async def scan(services: Services, owner_id: OwnerId) -> None:
    async with services.database.write() as connection:
        await scans.request(connection, owner_id, now_ms=services.jobs.now_ms())
    await sync(services.jobs, owner_id)


async def test_it_tells_how_far_everything_has_come(client: Client, services: Services, clock: Clock) -> None:
    ann, bob = services.accounts.connected
    nothing = {"rate_per_s": None, "remaining_s": 0}
    assert await status(client) == {
        "first_scan_done": False,
        "scan": {"state": "none", "found": 0, "expected": 0, "failed": 0, "rate_per_s": None, "remaining_s": None},
        "pairing": {"waiting": 0, "failed": 0, **nothing},
        "stacks": {"waiting": 0, "done": 0, "failed": 0, **nothing},
        "duplicates": {"state": "none", "phase": None, "looked": 0, "total": 0, "sets": 0, **nothing},
        "decisions": {"waiting": 0, "failed": 0},
        "events": {"waiting": 0, "failed": 0},
        "errors": 0,
    }
    await scan(services, ann)
    clock.advance(seconds=2)
    found = await status(client)
    assert (found["first_scan_done"], found["scan"]["found"], found["pairing"]["waiting"]) == (False, 2, 1)
    await scan(services, bob)
    clock.advance(seconds=2)
    found = await status(client)
    assert (found["first_scan_done"], found["scan"]["state"], found["scan"]["found"]) == (True, "done", 5)
    assert found["pairing"]["waiting"] == 3
    for owner_id in (ann, bob):
        await pair(services.jobs, owner_id)
    clock.advance(seconds=2)
    found = await status(client)
    assert (found["pairing"]["waiting"], found["stacks"]["waiting"]) == (0, 2)
    for owner_id in (ann, bob):
        await apply(services.jobs, owner_id)
    clock.advance(seconds=2)
    assert (await status(client))["stacks"] == {"waiting": 0, "done": 2, "failed": 0, **nothing}


async def test_it_tells_nobody_about_anyone(
    client: Client, services: Services, immich: EmulatedImmich, clock: Clock
) -> None:
    for owner_id in services.accounts.connected:
        await scan(services, owner_id)
        await pair(services.jobs, owner_id)
    body = '{"message": "There is no SECRET.JPG of Ann (ann@example.org) in /data/Ann/SECRET.JPG"}'
    immich.fail("POST", "/stacks", status=503, body=body, times=9)
    for owner_id in services.accounts.connected:
        await apply(services.jobs, owner_id)
    clock.advance(seconds=2)
    text = await (await client.get(PATH)).text()
    assert json.loads(text)["errors"] == 1
    ids = [*immich.state.assets, *services.accounts.connected]
    for secret in ("SECRET.JPG", "SECRET.CR3", "ann@example.org", "/data", immich.url, *ids):
        assert secret.casefold() not in text.casefold()
    assert not re.search(r"[0-9a-f]{8}-[0-9a-f]{4}", text)


async def test_rates_come_from_one_answer_to_the_next(client: Client, services: Services, clock: Clock) -> None:
    (owner_id, _) = services.accounts.connected
    async with services.database.write() as connection:
        await work.mark(connection, owner_id, [str(number) for number in range(10)])
    assert (await status(client))["pairing"]["rate_per_s"] is None
    async with services.database.write() as connection:
        claimed = await work.claim(connection, owner_id, lease="x", now_ms=services.jobs.now_ms(), lease_ms=9, limit=4)
        await work.finish(connection, claimed)
    clock.now_ms += 10_000
    found = (await status(client))["pairing"]
    assert (found["waiting"], round(found["rate_per_s"], 1), found["remaining_s"]) == (6, 0.4, 16)


async def test_an_answer_is_good_for_a_second_and_no_longer(client: Client, services: Services, clock: Clock) -> None:
    (owner_id, _) = services.accounts.connected
    await status(client)
    async with services.database.write() as connection:
        await work.mark(connection, owner_id, ["img_1"])
    clock.now_ms += 900
    assert (await status(client))["pairing"]["waiting"] == 0
    clock.now_ms += 100
    assert (await status(client))["pairing"]["waiting"] == 1
    async with services.database.write() as connection:
        await work.mark(connection, owner_id, ["img_2"])
    clock.now_ms -= 3_600_000
    assert (await status(client))["pairing"]["waiting"] == 2


async def test_without_its_database_it_says_to_try_later(client: Client, services: Services) -> None:
    folder = services.settings.data_dir
    await services.database.close()
    (folder / "sidecar.db").rename(folder / "elsewhere")
    (folder / "sidecar.db").mkdir()
    answer = await client.get(PATH)
    assert (answer.status, answer.content_type) == (503, "application/problem+json")
    assert (await answer.json())["code"] == "storage_unavailable"
