"""Photos and versions in a real browser: scrolled, filtered, opened, decided, seen in Immich."""

from __future__ import annotations

import re
from collections.abc import AsyncIterator, Awaitable, Callable
from pathlib import Path
from typing import Any

import pytest
from playwright.async_api import Browser, Page, expect

from sidecar.demo.immich import EmulatedImmich
from sidecar.demo.immich.rows import UserRow
from sidecar.handlers.pages.photos import PHOTOS_A_PAGE
from tests.browser.conftest import DESKTOP, EVERYWHERE, PHONE, Site, open_site

MANY = PHOTOS_A_PAGE + 30


async def _nothing(_immich: EmulatedImmich, _ann: UserRow) -> None:
    return


@pytest.fixture
async def site(browser: Browser, tmp_path: Path) -> AsyncIterator[Site]:
    async with open_site(browser, tmp_path, _nothing, works=False) as opened:
        person = opened.person
        opened.picture(*person.shoot("IMG_1.CR3", "IMG_1.JPG", at_s=1000))
        for place in range(MANY):
            person.shoot(f"OLD_{place}.JPG", at_s=-3600 * place)
        await person.scan()
        yield opened


@pytest.mark.parametrize("options", EVERYWHERE)
async def test_a_card_shows_its_versions_and_what_can_be_done(
    site: Site, assert_accessible: Callable[[Page], Awaitable[None]], options: dict[str, Any]
) -> None:
    has_scripts = options.get("java_script_enabled", True)
    raw = next(row for row in site.immich.state.assets.values() if row.name == "IMG_1.CR3")
    async with site.visit("/photos", **options) as page:
        if has_scripts:
            await assert_accessible(page)
        await expect(page.locator(".mark.versions")).to_have_text("2 versions")
        card = page.locator("a.open").first
        await card.click()
        shown = page.get_by_role("dialog") if has_scripts else page.get_by_role("main")
        await expect(shown.get_by_role("heading", level=1)).to_have_text("IMG_1.JPG")
        if has_scripts:
            await assert_accessible(page)
            await page.keyboard.press("ArrowRight")
        else:
            await shown.get_by_role("link", name="IMG_1.CR3").click()
        await expect(shown.get_by_role("heading", level=1)).to_have_text("IMG_1.CR3")
        if has_scripts:
            await page.keyboard.press("Escape")
            await expect(shown).to_be_hidden()
            await expect(card).to_be_focused()
            await card.click()
            await shown.get_by_role("link", name="IMG_1.CR3").click()
        await shown.get_by_role("button", name="Make it the cover").click()
        await expect(page.get_by_role("status").first).to_contain_text("The stack gets its new cover")
        await site.person.work()
        (stack,) = site.immich.stacks_of(site.ann)
        assert stack.primary_id == raw.id
        await page.reload()
        await page.get_by_text("Take the stack apart").click()
        await page.get_by_role("button", name="Unstack").click()
        await expect(page.get_by_role("status").first).to_contain_text("taken apart in Immich")
        await site.person.work()
        assert site.immich.stacks_of(site.ann) == []


async def test_older_photos_come_by_themselves(site: Site) -> None:
    async with site.visit("/photos", **DESKTOP) as page:
        cards = page.locator("li.tile")
        await expect(cards).to_have_count(PHOTOS_A_PAGE)
        for _ in range(3):
            await page.mouse.wheel(0, 20_000)
        await expect(cards).to_have_count(MANY + 1)
        # A day that goes on over the end of a page is one day.
        days = await page.locator("section.day").evaluate_all("each => each.map((one) => one.dataset.day)")
        assert len(days) == len(set(days))
        # Whoever comes back finds the timeline where they left it.
        await page.locator("section.day").last.scroll_into_view_if_needed()
        await expect(page).to_have_url(re.compile(r"\?cursor="))
        await page.reload()
        await expect(page.get_by_role("link", name="Back to the newest")).to_be_visible()


@pytest.mark.parametrize("options", EVERYWHERE)
async def test_filters_and_search_narrow_the_timeline(site: Site, options: dict[str, Any]) -> None:
    async with site.visit("/photos", **options) as page:
        await page.get_by_text("Filters", exact=True).click()
        await page.get_by_text("RAW + JPEG", exact=True).click()
        await page.get_by_role("button", name="Show", exact=True).click()
        await expect(page.locator("li.tile")).to_have_count(1)
        await page.get_by_role("link", name="Show everything").click()
        await page.get_by_role("searchbox").fill("OLD_77")
        await page.keyboard.press("Enter")
        await expect(page.locator("li.tile")).to_have_count(1)
        await page.get_by_role("searchbox").fill("nowhere")
        await page.keyboard.press("Enter")
        await expect(page.get_by_role("heading", level=2)).to_have_text("No photo fits")


async def test_whoever_has_signed_out_is_told_in_the_panel(site: Site) -> None:
    async with site.visit("/photos", **PHONE) as page:
        site.immich.state.sessions.clear()
        site.services.visitors._known.clear()
        await page.locator("a.open").first.click()
        await expect(page.get_by_role("dialog")).to_contain_text("Sign in to Immich first")
