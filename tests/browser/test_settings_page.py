"""Settings in a real browser: chosen, looked at beforehand, saved; on a desktop, a phone, and without scripts."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from pathlib import Path
from typing import Any

import pytest
from playwright.async_api import Browser, Page, Route, expect

from sidecar.demo.immich import EmulatedImmich
from sidecar.demo.immich.rows import UserRow
from sidecar.jobs.apply import apply
from sidecar.jobs.pair import pair
from sidecar.jobs.sync import sync
from sidecar.storage import preferences, scans
from tests.browser.conftest import DESKTOP, PHONE, Site, open_site
from tests.jobs.household import NOON


async def _fill(immich: EmulatedImmich, ann: UserRow) -> None:
    for name in ("IMG_1.CR3", "IMG_1.JPG"):
        immich.add_asset(ann, name, taken_at=NOON)


@pytest.fixture
async def site(browser: Browser, tmp_path: Path) -> AsyncIterator[Site]:
    async with open_site(browser, tmp_path, _fill, works=False) as opened:
        jobs = opened.services.jobs
        async with jobs.database.write() as connection:
            await scans.request(connection, opened.owner_id, now_ms=jobs.now_ms())
        await sync(jobs, opened.owner_id)
        for _ in range(2):
            await pair(jobs, opened.owner_id)
            await apply(jobs, opened.owner_id)
        yield opened


@pytest.mark.parametrize(
    "options",
    [
        pytest.param(DESKTOP, id="desktop"),
        pytest.param({**PHONE, "java_script_enabled": False}, id="phone without scripts"),
    ],
)
async def test_what_is_chosen_is_looked_at_and_then_saved(
    site: Site, assert_accessible: Callable[[Page], Awaitable[None]], options: dict[str, Any]
) -> None:
    has_scripts = options.get("java_script_enabled", True)
    async with site.visit("/settings", **options) as page:
        await page.get_by_role("switch", name="RAW and JPEG").uncheck()
        if not has_scripts:
            await page.get_by_role("button", name="See what would change").click()
        await expect(page.get_by_text("One stack of the sidecar's would not be made any more")).to_be_visible()
        up = page.get_by_role("button", name="In more albums: further up")
        await up.click()
        first = page.locator('[id="detection.keep_order"] li').first
        await expect(first).to_contain_text("In more albums")
        if has_scripts:
            await assert_accessible(page)
        await page.get_by_role("button", name="Save", exact=True).click()
        await expect(page.get_by_role("status")).to_contain_text("Your settings are saved.")
        await expect(page.get_by_role("switch", name="RAW and JPEG")).not_to_be_checked()
    async with site.services.database.read() as connection:
        chosen = await preferences.get(connection, site.owner_id)
    assert chosen["stack"] == {"raw_jpeg": False}
    assert str(chosen["detection"]).startswith("{'keep_order': ['albums', 'favorite'")


async def test_what_was_said_can_be_read_while_it_is_looked_anew(
    site: Site, assert_accessible: Callable[[Page], Awaitable[None]]
) -> None:
    may_answer = asyncio.Event()

    async def answer_late(route: Route) -> None:
        await may_answer.wait()
        await route.continue_()

    async with site.visit("/settings", **DESKTOP) as page:
        await page.get_by_role("switch", name="RAW and JPEG").uncheck()
        said = page.get_by_text("One stack of the sidecar's would not be made any more")
        await expect(said).to_be_visible()
        await page.route("**/settings/preview?fragment=1", answer_late)
        await page.get_by_role("button", name="In more albums: further up").click()
        preview = page.locator(".preview[aria-busy]")
        await expect(preview).to_be_visible()
        await expect(said).to_be_visible()
        await assert_accessible(page)
        may_answer.set()
        await expect(preview).to_have_count(0)
        await expect(said).to_be_visible()
