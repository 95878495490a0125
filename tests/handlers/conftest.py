"""Ann and Bob, each with a library in one emulated Immich, and the sidecar's web half before them."""

from __future__ import annotations

from collections.abc import AsyncIterator, Sequence
from dataclasses import dataclass, replace
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from aiohttp import ClientResponse, web
from aiohttp.test_utils import TestClient, TestServer
from pydantic import SecretStr
from yarl import URL

from sidecar.app import build_app
from sidecar.demo.immich import EmulatedImmich
from sidecar.demo.immich.rows import AssetRow, UserRow
from sidecar.jobs.apply import apply
from sidecar.jobs.pair import pair
from sidecar.jobs.remember import remember
from sidecar.jobs.sync import sync
from sidecar.model import OwnerId
from sidecar.settings import Settings
from sidecar.storage import scans
from sidecar.wiring import Services, open_services
from tests.handlers.html import Page
from tests.jobs.household import NOON, Clock

BASE = "/side"


@dataclass
class Person:
    """One user, signed in at Immich and connected to the sidecar."""

    user: UserRow
    token: str
    household: Household

    @property
    def owner_id(self) -> OwnerId:
        return OwnerId(self.user.id)

    @property
    def headers(self) -> dict[str, str]:
        return {"Authorization": f"Bearer {self.token}"}

    def shoot(self, *names: str, at_s: float = 0, **facts: Any) -> list[AssetRow]:
        """Files of one moment, as if Immich had read them."""
        taken_at = NOON + timedelta(seconds=at_s)
        return [self.household.immich.add_asset(self.user, name, taken_at=taken_at, **facts) for name in names]

    async def scan(self) -> None:
        """Everything that one scan does, until nothing is due."""
        jobs = self.household.services.jobs
        async with jobs.database.write() as connection:
            await scans.request(connection, self.owner_id, now_ms=jobs.now_ms())
        await sync(jobs, self.owner_id)
        await self.work()

    async def work(self) -> None:
        """What is due is done: pairing, writing to Immich, remembering."""
        jobs = self.household.services.jobs
        for _ in range(3):
            await pair(jobs, self.owner_id)
            await apply(jobs, self.owner_id)
            await remember(jobs, self.owner_id)
            self.household.clock.advance(seconds=2)

    async def ask(self, method: str, path: str, **request: Any) -> ClientResponse:
        """What the API answers to this user; path is below its root."""
        headers = {**self.headers, **request.pop("headers", {})}
        return await self.household.client.request(method, f"{BASE}/api{path}", headers=headers, **request)

    async def get(self, path: str, **request: Any) -> Any:
        """The JSON of a successful GET."""
        answer = await self.ask("GET", path, **request)
        assert answer.status == 200, await answer.text()
        return await answer.json()

    async def browse(self, path: str, **request: Any) -> Page:
        """What a browser shows under a path below the base path."""
        return await self._sent("GET", f"{BASE}{path}", **request)

    async def press(self, page: Page, button: str, at: int = 0, **fields: str | Sequence[str] | None) -> Page:
        """What comes of a button of a page, the first with these words unless told; fields are as `Form.sent` says."""
        form, pressed = page.button(button, at)
        method, action, sent = form.sent(pressed, fields)
        if method == "GET":
            return await self._sent("GET", action, params=sent)
        return await self._sent("POST", action, data=sent)

    async def follow(self, page: Page) -> Page:
        """Where a page leads to."""
        assert page.status == 303, (page.status, page.title)
        return await self._sent("GET", page.location)

    async def _sent(self, method: str, path: str, **request: Any) -> Page:
        headers = {
            "Cookie": f"immich_access_token={self.token}",
            "Sec-Fetch-Site": "same-origin",
            **request.pop("headers", {}),
        }
        url = URL(path, encoded=True)
        async with self.household.client.request(
            method, url, headers=headers, allow_redirects=False, **request
        ) as answer:
            return Page(answer.status, dict(answer.headers), await answer.text())

    async def refused(self, method: str, path: str, **request: Any) -> tuple[int, str | None]:
        """(status, code) of a problem."""
        answer = await self.ask(method, path, **request)
        assert answer.content_type == "application/problem+json", answer.status
        return answer.status, (await answer.json()).get("code")


@dataclass
class Household:
    immich: EmulatedImmich
    services: Services
    client: TestClient[web.Request, web.Application]
    clock: Clock
    ann: Person
    bob: Person


@pytest.fixture
async def household(tmp_path: Path, valkey_url: str) -> AsyncIterator[Household]:
    clock = Clock()
    async with EmulatedImmich() as immich:
        users = [immich.add_user(name) for name in ("Ann", "Bob")]
        keys = tuple(SecretStr(immich.add_key(user)) for user in users)
        settings = Settings(
            immich_url=immich.url,
            api_keys=keys,
            data_dir=tmp_path / "data",
            redis_url=SecretStr(valkey_url),
            port=0,
            base_path=BASE,
        )
        async with open_services(settings) as opened:
            services = replace(opened, jobs=replace(opened.jobs, now_ms=clock))
            async with TestClient(TestServer(build_app(services))) as client:
                household = Household(immich, services, client, clock, None, None)  # type: ignore[arg-type]
                household.ann, household.bob = (Person(user, immich.add_session(user), household) for user in users)
                yield household


@pytest.fixture
def ann(household: Household) -> Person:
    return household.ann


@pytest.fixture
def bob(household: Household) -> Person:
    return household.bob
