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
from sqlalchemy import insert

from sidecar.app import build_app
from sidecar.demo.immich import EmulatedImmich
from sidecar.duplicates.classes import DuplicateClass
from sidecar.model import Asset, AssetKind, OwnerId, Stack, StackId
from sidecar.settings import Settings
from sidecar.storage import assets, duplicate_sets, stacks
from sidecar.storage.database import Database
from sidecar.storage.duplicate_sets import SetMember, StoredSet
from sidecar.storage.groups import GroupState
from sidecar.storage.tables import group_members, groups
from sidecar.wiring import open_services
from tests.builders import make_asset

ASSETS = 100_000
TIMES = 20
_MINUTES_APART = 7
_STRANGERS_EVERY = 100
_BURSTS_EVERY = 400
_SETS_EVERY = 30
_RARE_SETS_EVERY = 600
_DEEP_PAGES = 300
_SOME_PAGES = 10
_BASE = "/sidecar"

_Pair = tuple[Asset, Asset]


def _library(count: int, owner_id: OwnerId) -> tuple[list[Asset], list[_Pair]]:
    """So many assets, newest first, and those of them that are pairs of a JPEG and a RAW file.

    Shape:  of eight shots two are pairs, one is a RAW file alone, one a clip, and four are single pictures; the oldest
            fifth is of another camera, whose files have other names.
    """
    made: list[Asset] = []
    pairs: list[_Pair] = []
    shot = 0
    while len(made) < count:
        stem, raw = ("DSC", "NEF") if len(made) >= count * 4 // 5 else ("IMG", "CR3")
        stem = f"{stem}_{shot % 10_000:04}"
        facts: dict[str, Any] = {"owner_id": owner_id, "at_s": -shot * 60 * _MINUTES_APART}
        match shot % 8:
            case 0 | 4:
                pairs.append((make_asset(f"{stem}.JPG", **facts), make_asset(f"{stem}.{raw}", **facts)))
                made += pairs[-1]
            case 2:
                made.append(make_asset(f"{stem}.{raw}", **facts))
            case 6:
                made.append(make_asset(f"{stem}.MP4", kind=AssetKind.VIDEO, duration_ms=12_000, **facts))
            case _:
                made.append(make_asset(f"{stem}.JPG", **facts))
        shot += 1
    return made, pairs


async def _fill(database: Database, owner_id: OwnerId, count: int) -> None:
    made, pairs = _library(count, owner_id)
    kept = [pair for number, pair in enumerate(pairs) if number % _STRANGERS_EVERY]
    kind_of = {jpeg.id: "burst" if number % _BURSTS_EVERY == 1 else "raw_jpeg" for number, (jpeg, _) in enumerate(kept)}
    singles = [asset for asset in made if asset.name.endswith(".JPG") and asset.id not in kind_of]
    async with database.write() as connection:
        for start in range(0, len(made), 1000):
            part = {asset.id: (asset.name[:8].lower(), asset) for asset in made[start : start + 1000]}
            await assets.record(connection, owner_id, part, scan_id=1)
        present = [Stack(StackId(jpeg.id), jpeg.id, (jpeg.id, raw.id)) for jpeg, raw in pairs]
        await stacks.put(connection, owner_id, present, now_ms=1)
        of_owner = {"owner_id": owner_id}
        await connection.execute(
            insert(groups),
            [
                {
                    **of_owner,
                    "group_id": jpeg.id,
                    "kind": kind_of[jpeg.id],
                    "state": GroupState.ACTIVE.value,
                    "primary_id": jpeg.id,
                    "reasons": "[]",
                    "created_at_ms": 1,
                }
                for jpeg, _ in kept
            ],
        )
        members = [{**of_owner, "group_id": jpeg.id, "asset_id": each.id} for jpeg, raw in kept for each in (jpeg, raw)]
        await connection.execute(insert(group_members), members)
        await duplicate_sets.replace(
            connection,
            owner_id,
            [
                _set(number, singles[number : number + 2], rare=number % _RARE_SETS_EVERY == 0)
                for number in range(0, len(singles) - 1, _SETS_EVERY)
            ],
            now_ms=1,
        )


def _set(number: int, copies: list[Asset], *, rare: bool) -> StoredSet:
    kind = DuplicateClass.EDITED if rare else DuplicateClass.RE_ENCODED
    members = [
        SetMember(copy.id, copy.id, kind, None, "", is_suggested=not place, content=None, seen_as="")
        for place, copy in enumerate(copies)
    ]
    return StoredSet(f"{number:012x}", kind, copies[0].id, 1, 0.98, tuple(members))


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
            await _fill(services.database, OwnerId(user.id), count)
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
