from __future__ import annotations

import asyncio
import json
import logging
from collections.abc import AsyncIterator
from pathlib import Path

import pytest
from aiohttp import ClientSession, web
from aiohttp.test_utils import TestClient, TestServer
from pydantic import SecretStr
from redis.asyncio import ConnectionPool
from yarl import URL

from sidecar.app import SHUTDOWN_TIMEOUT_S, build_app, serving, serving_probes
from sidecar.demo.immich import EmulatedImmich
from sidecar.demo.immich.versions import behaviour_of
from sidecar.errors import ContractBroken, ImmichUnavailable, SettingsError
from sidecar.handlers import middleware
from sidecar.immich_client.contract import watch
from sidecar.settings import Settings
from sidecar.wiring import Services, open_services
from tests.jobs.household import NOON

Client = TestClient[web.Request, web.Application]


@pytest.fixture
async def immich() -> AsyncIterator[EmulatedImmich]:
    async with EmulatedImmich() as running:
        yield running


@pytest.fixture
async def services(immich: EmulatedImmich, tmp_path: Path, valkey_url: str) -> AsyncIterator[Services]:
    ann = immich.add_user("Ann")
    immich.add_user("Bob")
    for name in ("IMG_1.CR3", "IMG_1.JPG", "SECRET NAME.JPG"):
        immich.add_asset(ann, name, taken_at=NOON)
    settings = Settings(
        immich_url=immich.url,
        api_keys=(SecretStr(immich.add_key(ann)),),
        data_dir=tmp_path,
        redis_url=SecretStr(valkey_url),
        port=0,
        base_path="/side",
    )
    async with open_services(settings) as opened:
        yield opened


@pytest.fixture
async def client(services: Services) -> AsyncIterator[Client]:
    async with TestClient(TestServer(build_app(services))) as opened:
        yield opened


async def test_the_process_lives(client: Client) -> None:
    answer = await client.get("/side/health")
    assert (answer.status, await answer.json()) == (200, {"status": "ok"})


async def test_it_is_ready_when_everything_answers(client: Client) -> None:
    answer = await client.get("/side/ready")
    assert (answer.status, await answer.json()) == (
        200,
        {"database": True, "queue": True, "immich": True, "contract": True},
    )


async def test_it_says_what_does_not_answer(client: Client, services: Services, immich: EmulatedImmich) -> None:
    immich.fail("GET", "/server/version", status=400)
    await services.queue.pool.connection_pool.disconnect()
    services.queue.pool.connection_pool = ConnectionPool.from_url("unix:///nowhere/valkey.sock")
    answer = await client.get("/side/ready")
    assert (answer.status, await answer.json()) == (
        503,
        {"database": True, "queue": False, "immich": False, "contract": True},
    )


async def test_a_newer_immich_of_which_something_is_left_alone_keeps_nobody_from_being_ready(
    client: Client, immich: EmulatedImmich, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(watch, "LOOK_EVERY_S", 0.0)
    immich.state.behaviour, immich.state.description = behaviour_of("3.2.0"), None
    answer = await client.get("/side/ready")
    assert (answer.status, (await answer.json())["contract"]) == (200, False)


async def test_a_process_without_pages_answers_monitoring_alone(services: Services) -> None:
    async with serving_probes(services, 0) as address, ClientSession() as session:
        for path, status in (("health", 200), ("ready", 200), ("metrics", 200), ("", 404), ("api/scan", 404)):
            async with session.get(f"{address}{path}") as answer:
                assert answer.status == status
        taken = URL(address).port
        assert taken is not None
        with pytest.raises(SettingsError, match=rf"SIDECAR_WORKER_PORT: cannot listen on 127.0.0.1:{taken}"):
            async with serving_probes(services, taken):
                pass  # pragma: no cover  # never gets here


@pytest.mark.parametrize("path", ["/", "/side"])
async def test_addresses_close_by_lead_to_the_front_page(client: Client, path: str) -> None:
    answer = await client.get(path, allow_redirects=False)
    assert (answer.status, answer.headers["Location"]) == (308, "/side/")


@pytest.mark.parametrize("path", ["/side/", "/side/nothing", "/side/static/base.css", "/side"])
async def test_every_answer_carries_the_security_headers(client: Client, path: str) -> None:
    answer = await client.get(path, allow_redirects=False)
    for name, value in middleware.HEADERS.items():
        assert answer.headers[name] == value


async def test_what_does_not_exist_is_a_problem_in_json(client: Client) -> None:
    answer = await client.get("/side/nothing")
    assert answer.status == 404
    assert answer.content_type == "application/problem+json"
    assert json.loads(await answer.text()) == {"status": 404, "title": "Not Found"}
    answer = await client.post("/side/health")
    assert (answer.status, answer.headers["Allow"]) == (405, "GET,HEAD")


@pytest.mark.parametrize(
    ("error", "status", "code"),
    [
        pytest.param(ImmichUnavailable("away"), 503, "immich_unavailable", id="try later"),
        pytest.param(ContractBroken("no field"), 500, "contract_broken", id="a defect with a name"),
        pytest.param(ZeroDivisionError("s3cret"), 500, None, id="a defect without one"),
    ],
)
async def test_a_failing_handler_gives_nothing_away(
    error: Exception, status: int, code: str | None, caplog: pytest.LogCaptureFixture
) -> None:
    async def failing(_request: web.Request) -> web.Response:
        raise error

    app = web.Application(middlewares=[middleware.errors])
    app.router.add_get("/", failing)
    with caplog.at_level(logging.WARNING):
        async with TestClient(TestServer(app)) as client:
            answer = await client.get("/")
            body = await answer.text()
    assert answer.status == status
    assert json.loads(body).get("code") == code
    assert str(error) not in body
    assert caplog.records


async def test_a_taken_port_is_a_setting_to_change(services: Services) -> None:
    async with serving(services) as address:
        port = int(address.split(":")[2].partition("/")[0])
        taken = services.with_settings(services.settings.model_copy(update={"port": port}))
        with pytest.raises(SettingsError, match="SIDECAR_PORT"):
            async with serving(taken):
                raise AssertionError("must not serve")


async def test_a_page_that_is_kept_up_to_date_does_not_keep_the_server_from_stopping(
    services: Services, immich: EmulatedImmich
) -> None:
    ann = next(iter(immich.state.users.values()))
    headers = {"Cookie": f"immich_access_token={immich.add_session(ann)}"}
    async with ClientSession(headers=headers) as session:
        async with serving(services) as address:
            answer = await session.get(f"{address}status/events")
            assert (await answer.content.readline()).startswith(b"data: ")
            began_s = asyncio.get_running_loop().time()
        took_s = asyncio.get_running_loop().time() - began_s
        # Whoever waited for it would have taken all of this.
        assert took_s < SHUTDOWN_TIMEOUT_S
        assert answer.content.at_eof() or not (await answer.content.read()).startswith(b"HTTP")
        answer.close()
