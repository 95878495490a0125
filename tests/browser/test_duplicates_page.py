"""Duplicates in a real browser: compared under one lens, decided by button and by key, taken back."""

from __future__ import annotations

from collections.abc import AsyncIterator, Awaitable, Callable
from pathlib import Path
from typing import Any

import pytest
from playwright.async_api import Browser, Locator, Page, expect

from sidecar.demo.immich import EmulatedImmich
from sidecar.demo.immich.rows import UserRow
from sidecar.jobs.duplicates.resolve import resolve
from tests.browser.conftest import DESKTOP, EVERYWHERE, PHONE, Site, open_site
from tests.handlers.shelves import pair, shelf_of


async def _nothing(_immich: EmulatedImmich, _ann: UserRow) -> None:
    return


@pytest.fixture
async def site(browser: Browser, tmp_path: Path) -> AsyncIterator[Site]:
    async with open_site(browser, tmp_path, _nothing, works=False) as opened:
        for letter, colour in (("A", "#a04030"), ("B", "#30a040"), ("C", "#3040a0")):
            _, (one, other), _ = await pair(opened.person, letter, letter.encode() * 5000)
            opened.picture(one, colour=colour, size=(1200, 800))
            opened.picture(other, colour="#ffffff", size=(1200, 800))
        yield opened


async def resolved(site: Site) -> list[str]:
    """What is in the trash, after the decisions were carried out."""
    await resolve(site.services.jobs, site.owner_id)
    return shelf_of(site.person).trashed()


async def transform(picture: Locator) -> str:
    found: str = await picture.evaluate("each => getComputedStyle(each).transform")
    return found


@pytest.mark.parametrize("options", EVERYWHERE)
async def test_one_is_kept_the_other_trashed_and_taken_back(
    site: Site, assert_accessible: Callable[[Page], Awaitable[None]], options: dict[str, Any]
) -> None:
    has_scripts = options.get("java_script_enabled", True)
    async with site.visit("/duplicates", **options) as page:
        await expect(page.locator("a.set")).to_have_count(3)
        if has_scripts:
            await assert_accessible(page)
        await page.locator("a.set").first.click()
        if has_scripts:
            await assert_accessible(page)
        kept = await page.locator("th:has(input:checked) img").get_attribute("alt")
        await page.get_by_role("button", name="Keep ticked").click()
        await expect(page.get_by_role("heading", level=1)).to_have_text("What will happen")
        await expect(page.get_by_role("heading", name="1 file stays").locator("xpath=..")).to_contain_text(str(kept))
        if has_scripts:
            await assert_accessible(page)
        assert await resolved(site) == []
        await page.get_by_role("button", name="Move 1 file to the trash").dblclick()
        await expect(page.get_by_role("status").first).to_contain_text("Immich's trash")
        trashed = await resolved(site)
        assert len(trashed) == 1
        assert kept not in trashed
        await page.get_by_role("status").get_by_role("button", name="Undo").click()
        await expect(page.get_by_role("status").first).to_contain_text("being taken back")
        assert await resolved(site) == []


async def test_both_pictures_move_alike_and_are_laid_over_each_other(site: Site) -> None:
    async with site.visit("/duplicates", **DESKTOP) as page:
        await page.locator("a.set").first.click()
        one, other = page.locator(".pane .picture").first, page.locator(".pane .picture").last
        await expect(one).to_have_js_property("complete", value=True)
        before = await transform(one)
        window = page.locator(".window").first
        box = await window.bounding_box()
        assert box is not None
        await window.dblclick(position={"x": box["width"] / 4, "y": box["height"] / 4})
        await expect(page.locator("[data-zoomed]")).to_be_visible()
        zoomed = await transform(one)
        assert zoomed != before
        assert await transform(other) == zoomed
        await page.mouse.move(box["x"] + 200, box["y"] + 200)
        await page.mouse.down()
        await page.mouse.move(box["x"] + 150, box["y"] + 170, steps=4)
        await page.mouse.up()
        moved = await transform(one)
        assert moved != zoomed
        assert await transform(other) == moved
        await page.mouse.wheel(0, -100)
        assert await transform(one) != moved
        await page.keyboard.press("0")
        await expect(page.locator("[data-zoomed]")).to_have_count(0)

        await page.get_by_role("button", name="Slider").click()
        panes = page.locator(".pane")
        first, second = await panes.first.bounding_box(), await panes.last.bounding_box()
        assert first is not None
        assert second is not None
        assert (first["x"], first["width"]) == (second["x"], second["width"])
        clip = "each => getComputedStyle(each).clipPath"
        upper = page.locator(".window").last
        half = await upper.evaluate(clip)
        await page.get_by_role("slider").fill("80")
        assert await upper.evaluate(clip) != half
        await page.keyboard.press("Tab")
        await page.keyboard.press("v")
        await expect(page.get_by_role("button", name="Difference")).to_have_attribute("aria-pressed", "true")
        assert await upper.evaluate("each => getComputedStyle(each).mixBlendMode") == "difference"


async def test_keys_decide(site: Site) -> None:
    async with site.visit("/duplicates?class=identical&sort=savings", **DESKTOP) as page:
        await page.locator("a.set").first.click()
        boxes = page.locator("[data-keep]")
        was = [await boxes.nth(place).is_checked() for place in range(2)]
        await page.keyboard.press("1")
        await page.keyboard.press("2")
        assert [await boxes.nth(place).is_checked() for place in range(2)] == [not each for each in was]
        await page.keyboard.press("t")
        await expect(page.get_by_role("heading", level=1)).to_have_text("What will happen")
        await page.go_back()
        here = page.url
        await page.keyboard.press("n")
        await page.wait_for_url(lambda url: url != here)
        await page.go_back()
        await page.keyboard.press("d")
        await expect(page.get_by_role("status").first).to_contain_text("no duplicates")
        first = page.url
        # Back after a decision shows what was; to decide about it again changes nothing.
        await page.go_back()
        await page.keyboard.press("d")
        await expect(page.get_by_role("heading", level=1)).to_have_text("Nothing is here any more")
        await page.goto(first)
        await page.keyboard.press("s")
        await expect(page.get_by_role("status").first).to_contain_text("one stack")
        assert await resolved(site) == []
        await site.person.work()
        (stack,) = site.immich.stacks_of(site.ann)
        assert len(stack.members) == 2


@pytest.mark.parametrize("options", EVERYWHERE)
async def test_identical_files_are_sorted_out_at_once_after_a_look(
    site: Site, assert_accessible: Callable[[Page], Awaitable[None]], options: dict[str, Any]
) -> None:
    async with site.visit("/duplicates?class=identical", **options) as page:
        await page.get_by_role("link", name="Sort out all identical files").click()
        await expect(page.locator("li.fates")).to_have_count(3)
        if options.get("java_script_enabled", True):
            await assert_accessible(page)
        assert await resolved(site) == []
        await page.get_by_role("button", name="Move 3 files to the trash").click()
        await expect(page.get_by_role("status").first).to_contain_text("being carried out")
        assert len(await resolved(site)) == 3


async def test_a_session_that_ended_in_mid_review_loses_nothing(site: Site) -> None:
    async with site.visit("/duplicates", **PHONE) as page:
        await page.locator("a.set").first.click()
        url = page.url
        site.immich.state.sessions.clear()
        await page.get_by_role("button", name="No duplicates").click()
        await expect(page.get_by_role("heading", level=1)).to_have_text("Sign in to Immich first")
        link = await page.get_by_role("link", name="Sign in to Immich").get_attribute("href")
        assert link is not None
        assert link.startswith("/auth/login?continue=%2Fsidecar%2Fduplicates%2F")
        assert url.partition("/duplicates/")[2].partition("?")[0] in link
    assert len(await shelf_of(site.person).sets()) == 3


async def test_a_set_that_changed_meanwhile_is_looked_at_again(site: Site) -> None:
    async with site.visit("/duplicates", **DESKTOP) as page:
        await page.locator("a.set").first.click()
        shelf = shelf_of(site.person)
        for letter in ("A", "B", "C"):
            row = shelf.photo(f"{letter}3.jpg", letter.encode() * 5000)
            await shelf.library.sync()
            await shelf.read(row)
        await shelf.form()
        await page.get_by_role("button", name="Keep all as a stack").click()
        await expect(page.get_by_role("heading", level=1)).to_have_text("This has changed meanwhile")
    await site.person.work()
    assert site.immich.stacks_of(site.ann) == []
