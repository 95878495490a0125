"""How long a page of the timeline takes at the server, through the whole web half.

`python -m tests.bench.photos [ASSETS]`. Of 100,000 assets, 40,000 are in stacks of two. The client is in the same
process and reads what it gets, so that its time counts as the server's.
"""

from __future__ import annotations

import asyncio
import statistics
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

from aiohttp import web
from aiohttp.test_utils import TestClient, TestServer
from pydantic import SecretStr

from sidecar.app import build_app
from sidecar.demo.immich import EmulatedImmich
from sidecar.model import OwnerId
from sidecar.settings import Settings
from sidecar.wiring import open_services
from tests.bench.library import fill

ASSETS = 100_000
TIMES = 20
_DEEP_PAGES = 300
_SOME_PAGES = 10
_BASE = "/sidecar"


class _Caller:
    """Who asks for pages and keeps the time."""

    def __init__(self, client: TestClient[web.Request, web.Application], key: str) -> None:
        self._client = client
        self._headers = {"x-api-key": key}

    async def ask(self, path: str, query: dict[str, str]) -> tuple[float, dict[str, Any]]:
        """(ms until the answer was read, the answer)."""
        began = time.perf_counter()
        async with self._client.get(f"{_BASE}/api{path}", params=query, headers=self._headers) as answer:
            told = await answer.json()
            assert answer.status == web.HTTPOk.status_code, told
        return (time.perf_counter() - began) * 1000, told

    async def measure(
        self, what: str, path: str = "/photos", *, pages: int = 0, query: dict[str, str] | None = None
    ) -> None:
        """Prints the times of a page, the first one or that after so many others."""
        query = dict(query or {})
        for _ in range(pages):
            _, told = await self.ask(path, query)
            query["cursor"] = told["next_cursor"]
        taken, told = [], {}
        for _ in range(TIMES):
            ms, told = await self.ask(path, query)
            taken.append(ms)
        p95 = statistics.quantiles(taken, n=20)[-1]
        print(f"  {what:44} p50 {statistics.median(taken):6.1f} ms  p95 {p95:6.1f} ms  {len(told['items']):5} items")


async def _measure(count: int, folder: Path) -> None:
    async with EmulatedImmich() as immich:
        user = immich.add_user("Ann")
        key = immich.add_key(user)
        settings = Settings(immich_url=immich.url, api_keys=(SecretStr(key),), data_dir=folder, port=0, base_path=_BASE)
        async with open_services(settings) as services, TestClient(TestServer(build_app(services))) as client:
            await fill(services.database, OwnerId(user.id), count)
            caller = _Caller(client, key)
            await caller.measure("first page")
            await caller.measure(f"after {_DEEP_PAGES} pages", pages=_DEEP_PAGES)
            for what, query in _QUERIES.items():
                await caller.measure(what, query=query)
                if what in _LONG:
                    await caller.measure(f"{what}, after {_SOME_PAGES} pages", pages=_SOME_PAGES, query=query)
            await caller.measure("RAW files to group", "/suggestions/ungrouped-raws")
            await caller.measure("counts by day", "/photos/dates")
            await caller.measure("counts by day, of a common name", "/photos/dates", query={"q": "img_1"})
            await caller.measure("counts by day, of pairs", "/photos/dates", query={"group_type": "raw_jpeg"})


_QUERIES = {
    "pairs": {"group_type": "raw_jpeg"},
    "bursts, which are few": {"group_type": "burst"},
    "edits, of which there are none": {"group_type": "edited"},
    "stacks made by hand": {"group_type": "stack"},
    "duplicates": {"duplicates": "re-encoded"},
    "duplicates of a rare class": {"duplicates": "edited"},
    "RAW files in no stack": {"ungrouped_raw": "true"},
    "videos": {"kind": "VIDEO"},
    "a year, eight months back": {"taken_until_ms": "1695000000000", "taken_from_ms": "1663000000000"},
    "archived, too": {"archived": "true"},
    "search: a name that few have": {"q": "img_123"},
    "search: a name that many have": {"q": "img_1"},
    "search: what only the oldest fifth has": {"q": "dsc_"},
    "search: what only the oldest RAW files have": {"q": "nef"},
    "search: no such name": {"q": "holiday"},
    "search: no such name, beyond ASCII": {"q": "Straße"},
}
_LONG = frozenset({"pairs", "duplicates", "videos", "search: a name that many have"})


def main(count: int = ASSETS) -> None:
    """Prints the figures for so many assets."""
    print(f"The timeline of {count:,} assets, pages of 100")
    with tempfile.TemporaryDirectory() as folder:
        asyncio.run(_measure(count, Path(folder)))


if __name__ == "__main__":
    main(*(int(word) for word in sys.argv[1:2]))
