"""Ann and Bob in one emulated Immich, and the whole application before it, both on sockets of their own."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import pytest
from aiohttp import ClientSession, DummyCookieJar, web
from pydantic import SecretStr
from yarl import URL

from sidecar.app import build_app
from sidecar.demo.immich import EmulatedImmich
from sidecar.jobs.apply import apply
from sidecar.jobs.pair import pair
from sidecar.jobs.sync import sync
from sidecar.model import OwnerId
from sidecar.settings import Settings
from sidecar.storage import scans
from sidecar.wiring import Services, open_services
from tests.handlers.proxy.wire import Exchange, Scripted, raw_exchange, scripted_immich
from tests.jobs.household import Clock

BASE = "/side"
PROXY = f"{BASE}/api/immich"


@dataclass(frozen=True)
class Server:
    """Where the application listens."""

    port: int
    host: str = "127.0.0.1"

    def make_url(self, path: str) -> URL:
        return URL(f"http://{self.host}:{self.port}{path}", encoded=True)


@dataclass
class House:
    """The two servers, and a client that keeps no cookies and follows no redirects."""

    immich: EmulatedImmich
    services: Services
    server: Server
    client: ClientSession
    clock: Clock
    ann: Any
    bob: Any
    ann_token: str
    bob_token: str

    @property
    def signed_in(self) -> dict[str, str]:
        return {"Authorization": f"Bearer {self.ann_token}"}

    @property
    def ann_id(self) -> OwnerId:
        return OwnerId(self.ann.id)

    def ask(self, method: str, path: str, **request: Any) -> Any:
        """The proxy's answer to Ann, or to whoever the headers say."""
        headers = request.pop("headers", self.signed_in)
        return self.client.request(
            method, self.server.make_url(f"{PROXY}/{path}"), headers=headers, allow_redirects=False, **request
        )

    async def direct(self, method: str, path: str, **request: Any) -> bytes:
        """What Immich itself answers to Ann."""
        async with self.client.request(
            method, f"{self.immich.api_url}/{path}", headers=self.signed_in, **request
        ) as answer:
            return await answer.read()

    async def json(self, method: str, path: str, **request: Any) -> Any:
        async with self.ask(method, path, **request) as answer:
            assert answer.status == 200, await answer.text()
            return await answer.json()

    async def raw(self, request: bytes) -> Exchange:
        """What comes back for these very bytes."""
        return await raw_exchange(self.server.port, request)

    async def scan(self) -> None:
        """Everything that a scan does for Ann."""
        jobs = self.services.jobs
        async with jobs.database.write() as connection:
            await scans.request(connection, self.ann_id, now_ms=jobs.now_ms())
        await sync(jobs, self.ann_id)
        for _ in range(2):
            await pair(jobs, self.ann_id)
            await apply(jobs, self.ann_id)
            self.clock.advance(seconds=2)


@asynccontextmanager
async def proxied(url: str, key: str, folder: Path, **settings: Any) -> AsyncIterator[tuple[Services, Server]]:
    """The application before the Immich at this address, with one connected user."""
    chosen = Settings(
        immich_url=url, api_keys=(SecretStr(key),), data_dir=folder / "data", port=0, base_path=BASE, **settings
    )
    async with open_services(chosen) as services:
        # Not aiohttp's own server for tests: that one cancels handlers by itself, and ours does not.
        runner = web.AppRunner(build_app(services), shutdown_timeout=1, access_log=None)
        await runner.setup()
        await web.TCPSite(runner, "127.0.0.1", 0).start()
        try:
            yield services, Server(runner.addresses[0][1])
        finally:
            await runner.cleanup()


@dataclass
class Stage:
    """The application before an Immich whose every word the test says."""

    immich: Scripted
    services: Services
    server: Server
    client: ClientSession

    def ask(self, method: str, path: str, **request: Any) -> Any:
        headers = {"x-api-key": "key", **request.pop("headers", {})}
        return self.client.request(
            method, self.server.make_url(f"{PROXY}/{path}"), headers=headers, allow_redirects=False, **request
        )

    async def raw(self, request: bytes) -> Exchange:
        return await raw_exchange(self.server.port, request)


@asynccontextmanager
async def staged(folder: Path, **settings: Any) -> AsyncIterator[Stage]:
    """Such an application under these settings."""
    async with (
        scripted_immich() as immich,
        proxied(immich.url, "key", folder, **settings) as (services, server),
        ClientSession(cookie_jar=DummyCookieJar(), auto_decompress=False) as client,
    ):
        yield Stage(immich, services, server, client)


@pytest.fixture
async def stage(tmp_path: Path, valkey_url: str) -> AsyncIterator[Stage]:
    async with staged(tmp_path, redis_url=SecretStr(valkey_url)) as made:
        yield made


@pytest.fixture
async def house(tmp_path: Path, valkey_url: str) -> AsyncIterator[House]:
    async with housed(tmp_path, redis_url=SecretStr(valkey_url)) as made:
        yield made


@asynccontextmanager
async def housed(folder: Path, **settings: Any) -> AsyncIterator[House]:
    """Ann, connected, and Bob, who is not, under these settings."""
    clock = Clock()
    async with EmulatedImmich() as immich:
        ann, bob = immich.add_user("Ann"), immich.add_user("Bob")
        async with (
            proxied(immich.url, immich.add_key(ann), folder, **settings) as (services, server),
            ClientSession(cookie_jar=DummyCookieJar(), auto_decompress=False) as client,
        ):
            yield House(
                immich,
                replace(services, jobs=replace(services.jobs, now_ms=clock)),
                server,
                client,
                clock,
                ann,
                bob,
                immich.add_session(ann),
                immich.add_session(bob),
            )
