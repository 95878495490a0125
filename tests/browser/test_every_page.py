"""What is true of every page in a browser: nothing runs that a stranger wrote, and nothing is wider than the screen."""

from __future__ import annotations

from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest
from playwright.async_api import Browser, expect

from sidecar.demo.immich import EmulatedImmich
from sidecar.demo.immich.rows import UserRow
from tests.browser.conftest import DESKTOP, PHONE, Site, open_site
from tests.handlers.shelves import pair

HOSTILE = "<img src=x onerror=alert(1)>\"'&"
RTL = "\u05d0\u05d1\u202etxt"
LONG = "x" * 251
SMALL = {**PHONE, "viewport": {"width": 360, "height": 740}}


async def _nothing(_immich: EmulatedImmich, _ann: UserRow) -> None:
    return


@pytest.fixture
async def site(browser: Browser, tmp_path: Path) -> AsyncIterator[Site]:
    async with open_site(browser, tmp_path, _nothing, works=False) as opened:
        person = opened.person
        opened.ann.name = HOSTILE
        for place, stem in enumerate((HOSTILE, RTL, LONG)):
            person.shoot(f"{stem}.CR3", f"{stem}.JPG", at_s=100 * place, make=HOSTILE, model=LONG)
            person.shoot(f"{stem}_2.NEF", f"{stem}_2", at_s=5000 + 100 * place)
        await person.scan()
        for stem in (HOSTILE, RTL, LONG[:245]):
            _, rows, _ = await pair(person, stem, stem.encode()[:50])
            opened.immich.album(opened.ann, HOSTILE, *rows)
        yield opened


@pytest.mark.parametrize(
    "options",
    [
        pytest.param({**DESKTOP, "color_scheme": "dark"}, id="desktop"),
        pytest.param({**SMALL, "locale": "de-DE"}, id="360 pixels, in German"),
    ],
)
async def test_names_are_only_words_and_every_page_fits(site: Site, options: dict[str, Any]) -> None:
    async with site.visit("/", **options) as page:
        said: list[str] = []

        async def note(dialog: Any) -> None:
            said.append(dialog.message)
            await dialog.dismiss()

        page.on("dialog", note)
        await page.goto(f"{site.url}/sidecar/photos")
        groups = await page.locator("a.open[data-panel]").evaluate_all("each => each.map((one) => one.href)")
        await page.goto(f"{site.url}/sidecar/duplicates")
        sets = await page.locator("a.set").evaluate_all("each => each.map((one) => one.href)")
        assert (len(groups), len(sets)) == (3, 3)
        paths = ["/", "/photos", "/duplicates", "/duplicates/identical", "/duplicates/dismissed", "/suggestions"]
        paths += ["/suggestions?kind=raws", "/activity", "/status", "/settings", "/duplicates/nothing"]
        for address in (*(f"{site.url}/sidecar{path}" for path in paths), *groups, *sets):
            await page.goto(address)
            await expect(page.get_by_role("heading", level=1)).to_have_count(1)
            width, screen = await page.evaluate("[document.documentElement.scrollWidth, innerWidth]")
            assert width <= screen, address
        assert said == []


async def test_a_missing_picture_says_what_it_is(site: Site) -> None:
    async with site.visit("/photos", **PHONE) as page:
        missing = page.locator("img.picture.missing")
        await expect(missing.first).to_be_visible()
        assert await missing.first.get_attribute("alt")
