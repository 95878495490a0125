from __future__ import annotations

import asyncio
import json
import logging
from collections.abc import AsyncIterator
from pathlib import Path

import pytest
from aiohttp import web
from aiohttp.test_utils import TestClient, TestServer
from pydantic import SecretStr
from redis.asyncio import ConnectionPool

from sidecar.app import build_app, serving
from sidecar.demo.immich import EmulatedImmich
from sidecar.errors import ContractBroken, ImmichUnavailable, SettingsError
from sidecar.handlers import middleware
from sidecar.jobs.pair import pair
from sidecar.jobs.sync import sync
from sidecar.model import OwnerId
from sidecar.settings import Settings
from sidecar.storage import scans
from sidecar.wiring import Services, open_services
from tests.jobs.household import NOON

Client = TestClient[web.Request, web.Application]


@pytest.fixture
async def immich() -> AsyncIterator[EmulatedImmich]:
    async with EmulatedImmich() as running:
        yield running


@pytest.fixture
async def services(immich: EmulatedImmich, tmp_path: Path) -> AsyncIterator[Services]:
    ann = immich.add_user("Ann")
    immich.add_user("Bob")
    for name in ("IMG_1.CR3", "IMG_1.JPG", "SECRET NAME.JPG"):
        immich.add_asset(ann, name, taken_at=NOON)
    settings = Settings(
        immich_url=immich.url, api_keys=(SecretStr(immich.add_key(ann)),), data_dir=tmp_path, port=0, base_path="/side"
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
    assert (answer.status, await answer.json()) == (200, {"database": True, "queue": True, "immich": True})


async def test_it_says_what_does_not_answer(client: Client, services: Services, immich: EmulatedImmich) -> None:
    immich.fail("GET", "/server/version", status=400)
    await services.queue.pool.connection_pool.disconnect()
    services.queue.pool.connection_pool = ConnectionPool.from_url("unix:///nowhere/valkey.sock")
    answer = await client.get("/side/ready")
    assert (answer.status, await answer.json()) == (503, {"database": True, "queue": False, "immich": False})


async def test_the_front_page_tells_each_visitor_of_their_own(
    client: Client, services: Services, immich: EmulatedImmich
) -> None:
    ann, bob = list(immich.state.users.values())
    cookie = {"Cookie": f"immich_access_token={immich.add_session(ann)}"}

    async def page() -> str:
        return await (await client.get("/side/", headers=cookie)).text()

    assert "Everything is in order" in await page()
    async with services.database.write() as connection:
        await scans.request(connection, OwnerId(ann.id), now_ms=1)
    assert "Looking through your library" in await page()
    await sync(services.jobs, OwnerId(ann.id))
    await pair(services.jobs, OwnerId(ann.id))
    assert "<dd>3</dd>" in await page()
    assert "SECRET NAME" not in await page()
    answer = await client.get("/side/", headers={"Authorization": f"Bearer {immich.add_session(bob)}"})
    assert answer.headers["Cache-Control"] == "private, no-store"
    assert "Connect the sidecar, Bob" in await answer.text()
    assert "<dd>" not in await answer.text()


async def test_who_is_not_signed_in_is_told_what_to_do(client: Client) -> None:
    answer = await client.get("/side/")
    assert answer.status == 200
    assert "Sign in to Immich first" in await answer.text()
    assert "<dd>" not in await answer.text()


async def test_the_front_page_says_that_immich_is_away(client: Client, immich: EmulatedImmich) -> None:
    immich.fail("GET", "/users/me", status=503, times=9)
    answer = await client.get("/side/", headers={"Cookie": "immich_access_token=some"})
    assert answer.status == 503
    assert "Immich does not answer" in await answer.text()


@pytest.fixture
def bob(immich: EmulatedImmich) -> dict[str, str]:
    """What Bob's browser sends from our own page; he has connected nothing."""
    bob = list(immich.state.users.values())[1]
    return {"Cookie": f"immich_access_token={immich.add_session(bob)}", "Sec-Fetch-Site": "same-origin"}


@pytest.mark.parametrize("everything", [False, True])
async def test_a_button_connects_and_another_disconnects(
    client: Client, services: Services, immich: EmulatedImmich, bob: dict[str, str], *, everything: bool
) -> None:
    ticked = {"everything": "on"} if everything else {}
    answer = await client.post("/side/connect", headers=bob, data=ticked, allow_redirects=False)
    assert (answer.status, answer.headers["Location"]) == (303, "/side/")
    (account,) = (each for each in services.accounts.connected.values() if each.user.name == "Bob")
    assert (await account.immich.permissions() == {"all"}) is everything
    page = await (await client.get("/side/", headers=bob)).text()
    assert "Looking through your library" in page
    answer = await client.post("/side/disconnect", headers=bob, data={"forget": "on"}, allow_redirects=False)
    assert (answer.status, answer.headers["Location"]) == (303, "/side/")
    assert "Connect the sidecar, Bob" in await (await client.get("/side/", headers=bob)).text()
    assert len(immich.state.api_keys) == 1


@pytest.mark.parametrize("path", ["/side/connect", "/side/disconnect"])
async def test_another_site_presses_no_button(
    client: Client, services: Services, bob: dict[str, str], path: str
) -> None:
    answer = await client.post(path, headers=bob | {"Sec-Fetch-Site": "cross-site"})
    assert (answer.status, len(services.accounts.connected)) == (403, 1)
    assert (await client.post(path)).status == 401


async def test_what_is_refused_is_told_on_the_page(
    client: Client, services: Services, immich: EmulatedImmich, bob: dict[str, str]
) -> None:
    ann = next(iter(immich.state.users.values()))
    headless = bob | {"Cookie": f"immich_access_token={immich.add_session(ann)}"}
    for path in ("/side/connect", "/side/disconnect"):
        answer = await client.post(path, headers=headless)
        assert answer.status == 409
        assert "The owner of the server has connected you." in await answer.text()
    lacking = '{"message": "Missing required permission: apiKey.create", "error": "Forbidden", "statusCode": 403}'
    immich.fail("POST", "/api-keys", status=403, body=lacking)
    answer = await client.post("/side/connect", headers=bob)
    assert answer.status == 409
    assert "does not let this sign-in make the API key" in await answer.text()
    immich.fail("POST", "/api-keys", delay_s=0.5)
    answers = await asyncio.gather(*(client.post("/side/connect", headers=bob) for _ in range(2)))
    assert sorted(answer.status for answer in answers) == [200, 409]
    assert "in another window at the same time" in "".join([await answer.text() for answer in answers])
    assert len(services.accounts.connected) == 2


@pytest.mark.parametrize("path", ["/", "/side"])
async def test_addresses_close_by_lead_to_the_front_page(client: Client, path: str) -> None:
    answer = await client.get(path, allow_redirects=False)
    assert (answer.status, answer.headers["Location"]) == (308, "/side/")


async def test_static_files_are_served(client: Client) -> None:
    answer = await client.get("/side/static/sidecar.css")
    assert answer.status == 200
    assert answer.content_type == "text/css"


@pytest.mark.parametrize("path", ["/side/", "/side/nothing", "/side/static/sidecar.css", "/side"])
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
