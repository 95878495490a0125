"""Suggestions, activity and status in a real browser."""

from __future__ import annotations

from collections.abc import AsyncIterator, Awaitable, Callable
from pathlib import Path
from typing import Any

import pytest
from playwright.async_api import Browser, Page, expect

from sidecar.demo.immich import EmulatedImmich
from sidecar.demo.immich.rows import UserRow
from tests.browser.conftest import DESKTOP, EVERYWHERE, Site, open_site

SUNDAYS = '{"message": "No stacks on Sundays"}'


async def _nothing(_immich: EmulatedImmich, _ann: UserRow) -> None:
    return


@pytest.fixture
async def site(browser: Browser, tmp_path: Path) -> AsyncIterator[Site]:
    async with open_site(browser, tmp_path, _nothing, works=False) as opened:
        person = opened.person
        for number in range(4):
            opened.picture(*person.shoot(f"IMG_{number}.CR3", f"IMG_{number}", at_s=-100 * number))
        person.shoot("LONE.CR3", at_s=5000)
        await person.scan()
        yield opened


@pytest.mark.parametrize("options", EVERYWHERE)
async def test_suggestions_get_a_yes_or_a_no_and_what_was_done_is_taken_back(
    site: Site, assert_accessible: Callable[[Page], Awaitable[None]], options: dict[str, Any]
) -> None:
    has_scripts = options.get("java_script_enabled", True)
    async with site.visit("/suggestions", **options) as page:
        cards = page.locator("li.card")
        await expect(cards).to_have_count(4)
        if has_scripts:
            await assert_accessible(page)
        await page.get_by_role("button", name="Stack them").first.click()
        await expect(page.get_by_role("status").first).to_contain_text("become a stack")
        await expect(page.get_by_text("being carried out", exact=True)).to_have_count(1)
        await site.person.work()
        assert len(site.immich.stacks_of(site.ann)) == 1
        await page.get_by_role("button", name="Keep them apart").first.click()
        await expect(page.get_by_role("status").first).to_contain_text("stay apart")
        await expect(cards).to_have_count(2)
        for box in await page.get_by_role("checkbox", name="Tick this suggestion").all():
            await box.check()
        await page.get_by_role("button", name="Yes").click()
        await expect(page.get_by_role("status").first).to_contain_text("being carried out")
        await site.person.work()
        assert len(site.immich.stacks_of(site.ann)) == 3
        await page.get_by_role("link", name="RAW files alone").click()
        await expect(page.get_by_role("heading", name="LONE.CR3")).to_be_visible()

        await page.get_by_role("navigation").get_by_role("link", name="Activity").click()
        await expect(cards).to_have_count(3)
        if has_scripts:
            await assert_accessible(page)
        await page.get_by_role("button", name="Undo").first.click()
        await expect(page.get_by_role("status").first).to_contain_text("being taken back")
        await site.person.work()
        assert len(site.immich.stacks_of(site.ann)) == 2


@pytest.mark.parametrize("options", EVERYWHERE)
async def test_what_failed_is_told_and_tried_again(
    site: Site, assert_accessible: Callable[[Page], Awaitable[None]], options: dict[str, Any]
) -> None:
    site.immich.fail("POST", "/stacks", status=400, body=SUNDAYS)
    site.person.shoot("DSC_1.CR3", "DSC_1.JPG", at_s=9000)
    await site.person.scan()
    async with site.visit("/status", **options) as page:
        failed = page.get_by_role("heading", name="A stack could not be written")
        await expect(failed).to_be_visible()
        if options.get("java_script_enabled", True):
            await assert_accessible(page)
        await page.get_by_role("button", name="Try again", exact=True).click()
        await expect(page.get_by_role("status").first).to_contain_text("tried again")
        await site.person.work()
        if not options.get("java_script_enabled", True):
            await page.reload()
        await expect(failed).to_be_hidden()


async def test_numbers_come_as_they_change(site: Site) -> None:
    async with site.visit("/status", **DESKTOP) as page:
        await page.evaluate("window.isTheSamePage = true")
        site.immich.fail("POST", "/stacks", status=400, body=SUNDAYS)
        site.person.shoot("DSC_1.CR3", "DSC_1.JPG", at_s=9000)
        await site.person.scan()
        await expect(page.get_by_role("heading", name="A stack could not be written")).to_be_visible()
        assert await page.evaluate("window.isTheSamePage")
