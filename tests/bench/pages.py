"""How long each page takes at the server and in a browser, and how large it is.

`python -m tests.bench.pages [ASSETS]`. Of 100,000 assets, 40,000 are in stacks of two, 20,000 in 10,000 sets of
duplicates; 2,000 pairs are doubtful, 2,000 writes were made, 200 of them given up. The server's time is that to its
first byte, of a client in the same process; the browser's is from leaving to where the page can be used, and when its
scripts have run.
"""

from __future__ import annotations

import asyncio
import gc
import re
import shutil
import statistics
import sys
import tempfile
import time
from collections.abc import Mapping, Sequence
from pathlib import Path

from aiohttp import web
from aiohttp.test_utils import TestClient, TestServer
from playwright.async_api import async_playwright
from pydantic import SecretStr
from sqlalchemy import update

from sidecar.app import build_app
from sidecar.demo.immich import EmulatedImmich
from sidecar.grouping.reasons import Reason, ReasonCode
from sidecar.model import GroupId, OwnerId, Stack, StackId
from sidecar.settings import Settings
from sidecar.storage import findings, journal
from sidecar.storage.database import Database
from sidecar.storage.findings import Finding, FindingKind
from sidecar.storage.journal import Action, ActionKind, ActionState
from sidecar.storage.tables import actions
from sidecar.wiring import open_services
from tests.bench.library import Pair, fill
from tests.browser.conftest import DESKTOP, one_origin

ASSETS = 100_000
TIMES = 20
LOADS = 5
DOUBTS = 2_000
WRITES = 2_000
GIVEN_UP = 200
_SETS_EVERY = 4
_SOME_PAGES = 10
_BASE = "/sidecar"
_NAVIGATION = """() => {
  const [told] = performance.getEntriesByType("navigation");
  return [told.domInteractive, told.domContentLoadedEventEnd];
}"""


async def _doubts(database: Database, owner_id: OwnerId, pairs: Sequence[Pair]) -> None:
    why = (Reason(ReasonCode.AMBIGUOUS), Reason(ReasonCode.SAME_NAME, "img_1"))
    found = {
        f"{jpeg.name[:8].lower()} {place}": [Finding(FindingKind.REVIEW, (jpeg.id, raw.id), why, "raw_jpeg")]
        for place, (jpeg, raw) in enumerate(pairs)
    }
    async with database.write() as connection:
        await findings.replace(connection, owner_id, found)


async def _writes(database: Database, owner_id: OwnerId, pairs: Sequence[Pair]) -> None:
    made = [
        Action(
            f"{place:08}-0000-4000-8000-000000000000",
            owner_id,
            GroupId(jpeg.id),
            jpeg.name[:8].lower(),
            ActionKind.CREATE_STACK,
            (jpeg.id, raw.id),
            (),
            known_at_ms=1,
            members_at_ms=1,
            after=(Stack(StackId(jpeg.id), jpeg.id, (jpeg.id, raw.id)),),
        )
        for place, (jpeg, raw) in enumerate(pairs)
    ]
    failed = [each.id for each in made[:GIVEN_UP]]
    async with database.write() as connection:
        await journal.intend(connection, made, now_ms=1)
        ended = update(actions).values(ended_at_ms=2)
        await connection.execute(ended.values(state=ActionState.DONE.value))
        await connection.execute(
            ended.values(state=ActionState.FAILED.value, error="Immich refused the request").where(
                actions.c.action_id.in_(failed)
            )
        )


class _Visitor:
    """Who opens pages and keeps the time."""

    def __init__(self, client: TestClient[web.Request, web.Application], key: str) -> None:
        self._client = client
        self._headers = {"x-api-key": key}

    async def open(self, path: str, form: Sequence[tuple[str, str]] | None = None) -> tuple[float, str]:
        """(ms to the first byte, the page)."""
        began = time.perf_counter()
        method = "GET" if form is None else "POST"
        async with self._client.request(method, path, data=form, headers=self._headers) as answer:
            took_ms = (time.perf_counter() - began) * 1000
            html = await answer.text()
            assert answer.status == web.HTTPOk.status_code, (answer.status, path)
        return took_ms, html

    async def measure(self, what: str, path: str, form: Sequence[tuple[str, str]] | None = None) -> str:
        """The page, after its times and its size were printed."""
        taken, html = [], ""
        for _ in range(TIMES):
            took_ms, html = await self.open(path, form)
            taken.append(took_ms)
        p95 = statistics.quantiles(taken, n=20)[-1]
        size_kb = len(html.encode()) / 1000
        print(f"  {what:44} p50 {statistics.median(taken):6.1f} ms  p95 {p95:6.1f} ms  {size_kb:6.1f} kB")
        return html

    async def after(self, path: str, pages: int) -> str:
        """Where so many pages of a list lead."""
        for _ in range(pages):
            _, html = await self.open(path)
            path = _first(r'rel="next" data-next href="([^"]+)"', html)
        return path


def _first(pattern: str, html: str) -> str:
    found = re.search(pattern, html)
    assert found is not None, pattern
    return found[1].replace("&amp;", "&")


async def _measure_server(visitor: _Visitor) -> dict[str, str]:
    """Name of each page that has an address -> the address."""
    paths = {
        "overview": f"{_BASE}/",
        "photos": f"{_BASE}/photos",
        "photos, RAW + JPEG": f"{_BASE}/photos?group_type=raw_jpeg",
        "photos, a search": f"{_BASE}/photos?q=img_1",
        "photos, a month": f"{_BASE}/photos?month=2023-01",
        "duplicates": f"{_BASE}/duplicates",
        "duplicates, by size": f"{_BASE}/duplicates?class=re-encoded&sort=savings",
        "duplicates, by similarity": f"{_BASE}/duplicates?class=re-encoded&sort=similarity",
        "identical files": f"{_BASE}/duplicates/identical",
        "suggestions": f"{_BASE}/suggestions",
        "suggestions, RAW alone": f"{_BASE}/suggestions?kind=raws",
        "activity": f"{_BASE}/activity",
        "status": f"{_BASE}/status",
        "settings": f"{_BASE}/settings",
    }
    shown = {what: await visitor.measure(what, path) for what, path in paths.items()}
    for what in ("photos", "duplicates", "suggestions", "activity"):
        path = await visitor.after(paths[what], _SOME_PAGES)
        await visitor.measure(f"{what}, after {_SOME_PAGES} pages", path)
    paths["versions"] = _first(r'href="(/sidecar/groups/[^"]+)"', shown["photos"])
    await visitor.measure("versions", paths["versions"])
    paths["side by side"] = _first(r'class="set" href="([^"]+)"', shown["duplicates"])
    html = await visitor.measure("side by side", paths["side by side"])
    form = [("csrf", _first(r'name="csrf" value="([^"]+)"', html))]
    form += [("member", each) for each in re.findall(r'name="member" value="([^"]+)"', html)]
    form += [("keep", form[-1][1])]
    await visitor.measure("what will happen", f"{paths['side by side'].partition('?')[0]}/confirm", form)
    return paths


async def _measure_browser(url: str, token: str, paths: Mapping[str, str]) -> None:
    program = shutil.which("chromium")
    if program is None:
        print("  Chromium is not installed: nothing is measured in a browser.")
        return
    print("In Chromium: until the page can be used, and until its scripts have run")
    async with async_playwright() as playwright:
        browser = await playwright.chromium.launch(executable_path=program, args=["--no-sandbox", "--disable-gpu"])
        context = await browser.new_context(**DESKTOP)
        await context.add_cookies([{"name": "immich_access_token", "value": token, "url": url}])
        page = await context.new_page()
        for what, path in paths.items():
            taken: list[tuple[float, float]] = []
            for _ in range(LOADS):
                await page.goto(f"{url}{path}", wait_until="domcontentloaded")
                interactive_ms, loaded_ms = await page.evaluate(_NAVIGATION)
                taken.append((interactive_ms, loaded_ms))
            usable, ready = (statistics.median(each) for each in zip(*taken, strict=True))
            print(f"  {what:44} p50 {usable:6.0f} ms      p50 {ready:6.0f} ms")
        await browser.close()


async def _measure(count: int, folder: Path) -> None:
    async with EmulatedImmich() as immich:
        user = immich.add_user("Ann")
        key = immich.add_key(user)
        settings = Settings(immich_url=immich.url, api_keys=(SecretStr(key),), data_dir=folder, port=0, base_path=_BASE)
        async with open_services(settings) as services, TestClient(TestServer(build_app(services))) as client:
            owner_id = OwnerId(user.id)
            pairs = await fill(services.database, owner_id, count, sets_every=_SETS_EVERY)
            await _doubts(services.database, owner_id, pairs[:DOUBTS])
            await _writes(services.database, owner_id, pairs[-WRITES:])
            # What was made to fill the database is not the server's, and nothing that it would have to look through.
            gc.collect()
            gc.freeze()
            paths = await _measure_server(_Visitor(client, key))
            async with one_origin(immich.url, str(client.make_url("")).rstrip("/")) as url:
                await _measure_browser(url, immich.add_session(user), paths)


def main(count: int = ASSETS) -> None:
    """Prints the figures for so many assets."""
    print(f"Pages of {count:,} assets: time to the first byte, and size without pictures")
    with tempfile.TemporaryDirectory() as folder:
        asyncio.run(_measure(count, Path(folder)))


if __name__ == "__main__":
    main(*map(int, sys.argv[1:]))
