from __future__ import annotations

from dataclasses import replace

import pytest

from sidecar.model import Asset, AssetId, AssetKind, Original, Visibility
from sidecar.storage import assets, originals, redos, tables
from sidecar.storage.database import Database
from sidecar.storage.redos import Missing, Wanting
from tests.builders import OWNER, count_rows, make_asset

NOW_MS = 1_000_000
ORIGINAL = Original("/a.jpg", None, "c2hh", 7, None, is_favorite=False, duplicate_id=None)


async def put(database: Database, *seen: Asset) -> None:
    async with database.write() as connection:
        await assets.record(connection, OWNER, {each.id: ("stem", each) for each in seen}, scan_id=1)
        await originals.record(connection, OWNER, seen)


async def wanting(database: Database, missing: Missing, *, since_ms: int = NOW_MS, limit: int = 10) -> list[Wanting]:
    async with database.read() as connection:
        return await redos.wanting(connection, OWNER, missing, unchanged_since_ms=since_ms, limit=limit)


async def ask(database: Database, missing: Missing, *asked: Wanting) -> None:
    async with database.write() as connection:
        await redos.put(connection, OWNER, missing, asked, now_ms=NOW_MS)


def resting(name: str = "A.JPG", *, original: Original = ORIGINAL, **facts: object) -> Asset:
    made = make_asset(name)
    return replace(made, **{"updated_at_ms": NOW_MS, "original": original, **facts})  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("asset", "missing"),
    [
        pytest.param(resting(is_extracted=False), Missing.METADATA, id="never read"),
        pytest.param(resting(is_extracted=True), Missing.THUMBNAIL, id="read, but never shown"),
        pytest.param(resting(original=replace(ORIGINAL, thumbhash="abc")), None, id="read and shown"),
        pytest.param(resting(is_extracted=False, is_trashed=True), None, id="in the trash"),
        pytest.param(resting(is_extracted=False, visibility=Visibility.HIDDEN), None, id="hidden"),
        pytest.param(resting(is_extracted=False, kind=AssetKind.OTHER), None, id="neither picture nor video"),
        pytest.param(resting(is_extracted=False, updated_at_ms=NOW_MS + 1), None, id="changed a moment ago"),
    ],
)
async def test_what_is_missing_of_what_rests(database: Database, asset: Asset, missing: Missing | None) -> None:
    await put(database, asset)
    found = {each: await wanting(database, each) for each in Missing}
    expected = [Wanting(asset.id, "c2hh 7")]
    assert found == {each: expected if each is missing else [] for each in Missing}


async def test_those_that_rest_longest_come_first(database: Database) -> None:
    old, new = resting("OLD.JPG", is_extracted=False, updated_at_ms=1), resting("NEW.JPG", is_extracted=False)
    await put(database, new, old)
    assert [each.asset_id for each in await wanting(database, Missing.METADATA)] == [old.id, new.id]
    assert [each.asset_id for each in await wanting(database, Missing.METADATA, limit=1)] == [old.id]


async def test_nobody_is_asked_twice_about_the_same_file(database: Database) -> None:
    asset = resting(is_extracted=False)
    await put(database, asset)
    await ask(database, Missing.METADATA, *await wanting(database, Missing.METADATA))
    assert await wanting(database, Missing.METADATA) == []
    await put(database, replace(asset, updated_at_ms=NOW_MS - 1))
    assert await wanting(database, Missing.METADATA) == []
    await put(database, replace(asset, original=replace(ORIGINAL, modified_at_ms=8)))
    assert await wanting(database, Missing.METADATA) == [Wanting(asset.id, "c2hh 8")]
    await ask(database, Missing.METADATA, *await wanting(database, Missing.METADATA))
    async with database.read() as connection:
        assert await count_rows(connection, tables.redos, OWNER) == 1
    await put(database, replace(asset, is_extracted=True))
    assert [each.asset_id for each in await wanting(database, Missing.THUMBNAIL)] == [asset.id]


async def test_what_was_not_sent_is_asked_about_again(database: Database) -> None:
    await put(database, resting(is_extracted=False))
    asked = await wanting(database, Missing.METADATA)
    await ask(database, Missing.METADATA, *asked)
    async with database.write() as connection:
        await redos.take_back(connection, OWNER, Missing.METADATA, asked)
        await redos.take_back(connection, OWNER, Missing.METADATA, [])
        await redos.put(connection, OWNER, Missing.METADATA, [], now_ms=1)
    assert await wanting(database, Missing.METADATA) == asked


async def test_who_is_gone_is_not_asked_about(database: Database) -> None:
    await put(database, resting(is_extracted=False))
    asked = await wanting(database, Missing.METADATA)
    await ask(database, Missing.METADATA, *asked)
    async with database.write() as connection:
        await assets.remove(connection, OWNER, [AssetId(asked[0].asset_id)])
        assert await count_rows(connection, tables.redos, OWNER) == 0
