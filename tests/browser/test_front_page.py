"""From Immich's own sign-in to the sidecar, connected by a button, in a real browser."""

from __future__ import annotations

from collections.abc import AsyncIterator, Awaitable, Callable
from pathlib import Path
from typing import Any

import pytest
from playwright.async_api import Browser, Page, expect

from sidecar.demo.immich import EmulatedImmich
from sidecar.demo.immich.rows import UserRow
from tests.browser.conftest import DESKTOP, PHONE, Site, open_site
from tests.jobs.household import NOON


async def _fill(immich: EmulatedImmich, ann: UserRow) -> None:
    immich.add_user("Bob")
    for name in ("IMG_1.CR3", "IMG_1.JPG"):
        immich.add_asset(ann, name, taken_at=NOON)


@pytest.fixture
async def site(browser: Browser, tmp_path: Path) -> AsyncIterator[Site]:
    async with open_site(browser, tmp_path, _fill) as opened:
        yield opened


@pytest.mark.parametrize(
    "options",
    [
        pytest.param(DESKTOP, id="desktop"),
        pytest.param(PHONE, id="phone"),
        pytest.param({**PHONE, "java_script_enabled": False}, id="phone without scripts"),
    ],
)
async def test_who_signs_in_at_immich_connects_with_a_button(
    site: Site, assert_accessible: Callable[[Page], Awaitable[None]], options: dict[str, Any]
) -> None:
    site.immich.sign_in_page.leads_to = "/sidecar/"
    context = await site.context(None, **options)
    page = await context.new_page()
    await page.goto(f"{site.url}/sidecar/")
    await expect(page.get_by_role("heading", level=1)).to_have_text("Sign in to Immich first")
    await page.get_by_role("link", name="Sign in to Immich").click()
    await page.get_by_role("button", name="Bob").click()
    await expect(page.get_by_role("heading", level=1)).to_have_text("Connect the sidecar, Bob")
    if options.get("java_script_enabled", True):
        await assert_accessible(page)
    await page.get_by_role("button", name="Connect", exact=True).click()
    await expect(page.get_by_role("status")).to_contain_text("The sidecar works for you now")
    await expect(page.get_by_role("navigation").get_by_role("link", name="Photos")).to_be_visible()
    if options.get("java_script_enabled", True):
        await assert_accessible(page)
    await context.close()


async def test_a_german_browser_reads_german(site: Site) -> None:
    async with site.visit("/", locale="de-DE") as page:
        await expect(page.locator("html")).to_have_attribute("lang", "de")
        await expect(page.get_by_role("navigation").get_by_role("link", name="Einstellungen")).to_be_visible()
