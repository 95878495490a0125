from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack
from pathlib import Path
from typing import Any

import pytest
from aiohttp import web
from aiohttp.test_utils import TestClient, TestServer
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from pydantic import SecretStr

from sidecar.app import build_app
from sidecar.demo.immich import EmulatedImmich
from sidecar.errors import StorageUnavailable
from sidecar.events.webhook import BODY_LIMIT_BYTES
from sidecar.handlers import hooks as handler
from sidecar.model import OwnerId
from sidecar.settings import Settings
from sidecar.storage import changes, event_counts
from sidecar.storage.changes import Change
from sidecar.wiring import Services, open_services
from tests.events.test_webhook import ASSET, body

Client = TestClient[web.Request, web.Application]


@pytest.fixture
async def services(tmp_path: Path, valkey_url: str) -> AsyncIterator[Services]:
    async with EmulatedImmich() as immich:
        keys = [immich.add_key(immich.add_user(name)) for name in ("Ann", "Bob")]
        settings = Settings(
            immich_url=immich.url,
            api_keys=tuple(map(SecretStr, keys)),
            data_dir=tmp_path,
            redis_url=SecretStr(valkey_url),
            base_path="/side",
            webhook_url="http://sidecar:8080",
        )
        async with open_services(settings) as opened:
            yield opened


@pytest.fixture
async def client(services: Services) -> AsyncIterator[Client]:
    async with TestClient(TestServer(build_app(services))) as opened:
        yield opened


def owner(services: Services, name: str = "Ann") -> OwnerId:
    return services.accounts.named(name).user.id


async def post(client: Client, services: Services, data: bytes, *, name: str = "Ann", secret: str | None = None) -> int:
    assert services.hooks is not None
    hook = services.hooks.of(owner(services, name))
    headers = {"Authorization": hook.header_value if secret is None else secret, "Content-Type": "application/json"}
    answer = await client.post(f"/side{hook.marker}", data=data, headers=headers)
    text = await answer.text()
    assert hook.header_value not in text
    assert ASSET not in text
    assert answer.status == 204 or answer.content_type == "application/problem+json"
    return answer.status


def event(services: Services, name: str = "Ann", **others: Any) -> bytes:
    return json.dumps(body(ownerId=owner(services, name), **others)).encode()


async def heard(services: Services, name: str = "Ann") -> list[Change]:
    async with services.database.read() as connection:
        due = await changes.due(connection, owner(services, name), now_ms=services.jobs.now_ms(), limit=99)
    return [each.change for each in due]


async def counted(services: Services) -> dict[str, int]:
    await services.intake.close()
    async with services.database.read() as connection:
        found = await event_counts.totals(connection, [owner(services), owner(services, "Bob"), None])
    return {told.outcome: total.count for told, total in found.items()}


async def test_an_event_is_on_record_when_immich_has_its_answer(client: Client, services: Services) -> None:
    assert await post(client, services, event(services, exifInfo={"autoStackId": "burst"})) == 204
    (change,) = await heard(services)
    assert (change.asset_id, change.auto_stack_id) == (ASSET, "burst")
    assert await heard(services, "Bob") == []


async def test_a_thousand_times_the_same_is_one_change(client: Client, services: Services) -> None:
    data = event(services)
    assert set(await asyncio.gather(*(post(client, services, data) for _ in range(100)))) == {204}
    assert len(await heard(services)) == 1


async def test_nobodys_hook_is_nowhere(client: Client, services: Services) -> None:
    answer = await client.post("/side/hooks/immich/guessed", data=event(services))
    assert answer.status == 404
    assert await counted(services) == {"unknown_hook": 1}


@pytest.mark.parametrize("name", ["Ann", "Bob"])
async def test_whoever_does_not_know_the_secret_is_refused(client: Client, services: Services, name: str) -> None:
    assert services.hooks is not None
    secret = "guessed" if name == "Ann" else services.hooks.of(owner(services, "Bob")).header_value
    assert await post(client, services, event(services), secret=secret) == 401
    assert await heard(services) == []
    assert await counted(services) == {"forged": 1}


async def test_one_users_hook_takes_nothing_about_another_ones_assets(client: Client, services: Services) -> None:
    assert await post(client, services, event(services, "Bob")) == 403
    assert await heard(services) == await heard(services, "Bob") == []
    assert await counted(services) == {"wrong_owner": 1}


async def test_what_immich_would_not_send_is_refused(client: Client, services: Services) -> None:
    assert await post(client, services, b"{") == 400
    assert await counted(services) == {"malformed": 1}


async def test_what_a_newer_immich_sends_is_let_go(client: Client, services: Services) -> None:
    assert await post(client, services, b'{"type": "AssetV9", "data": {}}') == 204
    assert await heard(services) == []
    assert await counted(services) == {"ignored": 1}


@pytest.mark.parametrize("is_told", [True, False], ids=["told beforehand", "found out"])
async def test_a_body_that_is_too_large_is_not_read(client: Client, services: Services, *, is_told: bool) -> None:
    assert services.hooks is not None
    hook = services.hooks.of(owner(services))

    async def pieces() -> AsyncIterator[bytes]:
        for _ in range(BODY_LIMIT_BYTES // 65536 + 2):
            yield b" " * 65536

    data: Any = b" " * (BODY_LIMIT_BYTES + 1) if is_told else pieces()
    answer = await client.post(f"/side{hook.marker}", data=data, headers={"Authorization": hook.header_value})
    assert answer.status == 413
    assert await counted(services) == {"oversized": 1}


async def test_a_body_that_never_ends_is_not_waited_for(
    client: Client, services: Services, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(handler, "BODY_WITHIN_S", 0.05)
    assert services.hooks is not None
    hook = services.hooks.of(owner(services))

    async def pieces() -> AsyncIterator[bytes]:
        yield b"{"
        await asyncio.sleep(1)

    answer = await client.post(f"/side{hook.marker}", data=pieces(), headers={"Authorization": hook.header_value})
    assert answer.status == 408
    assert await counted(services) == {"too_slow": 1}


async def test_a_body_that_is_not_coded_as_it_says_is_refused(client: Client, services: Services) -> None:
    assert services.hooks is not None
    hook = services.hooks.of(owner(services))
    headers = {"Authorization": hook.header_value, "Content-Encoding": "gzip"}
    answer = await client.post(f"/side{hook.marker}", data=b"no gzip at all", headers=headers)
    assert answer.status == 400
    assert await counted(services) == {"malformed": 1}


async def test_what_cannot_be_written_down_is_not_said_to_be(
    client: Client, services: Services, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def gone(*_arguments: object, **_named: object) -> None:
        raise StorageUnavailable("the database does not answer")

    monkeypatch.setattr(changes, "add", gone)
    assert await post(client, services, event(services)) == 503
    monkeypatch.undo()
    assert await counted(services) == {"lost": 1}


@settings(max_examples=50, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.binary(max_size=300), st.text(max_size=20), st.sampled_from(["post", "get", "put", "delete"]))
def test_whatever_is_sent_there_is_an_orderly_answer(fuzzed: Fuzzed, data: bytes, secret: str, method: str) -> None:
    status = fuzzed.send(method, data, secret)
    assert 400 <= status < 500


class Fuzzed:
    """A running sidecar to which anything is sent, with the right secret or a wrong one."""

    def __init__(self, loop: asyncio.AbstractEventLoop, client: Client, services: Services) -> None:
        self._loop, self._client, self._services = loop, client, services

    def send(self, method: str, data: bytes, secret: str) -> int:
        return self._loop.run_until_complete(self._send(method, data, secret))

    async def _send(self, method: str, data: bytes, secret: str) -> int:
        assert self._services.hooks is not None
        hook = self._services.hooks.of(owner(self._services))
        value = hook.header_value if len(secret) % 2 else secret.encode("ascii", "ignore").decode().strip()
        safe = "".join(character for character in value if character.isprintable())
        answer = await self._client.request(method, f"/side{hook.marker}", data=data, headers={"Authorization": safe})
        return answer.status


@pytest.fixture
def fuzzed(tmp_path: Path) -> Any:
    loop = asyncio.new_event_loop()
    stack = AsyncExitStack()

    async def start() -> Fuzzed:
        immich = await stack.enter_async_context(EmulatedImmich())
        key = immich.add_key(immich.add_user("Ann"))
        services = await stack.enter_async_context(
            open_services(
                Settings(
                    immich_url=immich.url,
                    api_keys=(SecretStr(key),),
                    data_dir=tmp_path,
                    base_path="/side",
                    webhook_url="http://sidecar:8080",
                )
            )
        )
        client = await stack.enter_async_context(TestClient(TestServer(build_app(services))))
        return Fuzzed(loop, client, services)

    yield loop.run_until_complete(start())
    loop.run_until_complete(stack.aclose())
    loop.close()
