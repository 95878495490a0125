"""A real browser before the real gateways: signed in at Immich, connected here, told of what changes as it happens."""

from __future__ import annotations

from collections.abc import AsyncIterator
from dataclasses import dataclass
from pathlib import Path

import pytest
from playwright.async_api import Browser, expect

from sidecar.app import serving
from sidecar.demo.immich import EmulatedImmich
from sidecar.jobs.pair import pair
from sidecar.jobs.sync import sync
from sidecar.model import OwnerId
from sidecar.settings import Settings
from sidecar.wiring import Services, open_services
from tests.browser.conftest import DESKTOP
from tests.deploy.gateways import gateway, is_installed
from tests.jobs.household import NOON

BASE = "/my/stacks"


@dataclass
class Entrance:
    url: str
    immich: EmulatedImmich
    services: Services


@pytest.fixture(params=["caddy", "nginx"])
async def entrance(request: pytest.FixtureRequest, tmp_path: Path) -> AsyncIterator[Entrance]:
    name = request.param
    if not is_installed(name):
        pytest.skip(f"{name} is not installed: a browser before it is left out")
    async with EmulatedImmich() as immich:
        ann = immich.add_user("Ann")
        for file in ("IMG_1.CR3", "IMG_1.JPG"):
            immich.add_asset(ann, file, taken_at=NOON)
        settings = Settings(immich_url=immich.url, data_dir=tmp_path / "data", port=0, base_path=BASE)
        async with open_services(settings) as services, serving(services) as address:
            sidecar = address.removeprefix("http://").partition("/")[0]
            async with gateway(name, tmp_path, immich.url.removeprefix("http://"), sidecar, BASE) as url:
                yield Entrance(url, immich, services)


async def test_one_sign_in_is_enough_and_events_pass_as_they_come(entrance: Entrance, browser: Browser) -> None:
    entrance.immich.sign_in_page.leads_to = f"{BASE}/"
    context = await browser.new_context(**DESKTOP, locale="en-GB")
    page = await context.new_page()
    await page.goto(f"{entrance.url}{BASE}")
    await page.get_by_role("link", name="Sign in to Immich").click()
    await page.get_by_role("button", name="Ann").click()
    await page.get_by_role("button", name="Connect", exact=True).click()
    await expect(page.get_by_role("status")).to_contain_text("The sidecar works for you now")
    await page.get_by_role("navigation").get_by_role("link", name="Status").click()
    works = page.get_by_role("main").get_by_role("listitem")
    await expect(works.first).to_contain_text("begins")
    await page.evaluate("window.isTheSamePage = true")
    (owner_id,) = (OwnerId(user.id) for user in entrance.immich.state.users.values())
    await sync(entrance.services.jobs, owner_id)
    await pair(entrance.services.jobs, owner_id)
    await expect(works.first).to_contain_text("up to date")
    assert await page.evaluate("window.isTheSamePage")
    await page.get_by_role("navigation").get_by_role("link", name="Photos").click()
    await expect(page.locator("li.tile")).to_have_count(2)
    await context.close()
