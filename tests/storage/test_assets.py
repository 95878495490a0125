from __future__ import annotations

from dataclasses import replace

import pytest

from sidecar.model import Asset, AssetId, OwnerId, Visibility
from sidecar.storage import assets
from sidecar.storage.database import Database, write_rows
from tests.builders import OWNER, asset_id, make_asset

BOB = OwnerId("00000000-0000-4000-8000-00000000000b")


async def record(
    database: Database, *seen: Asset, scan_id: int = 1, owner_id: OwnerId = OWNER, stem: str | None = None
) -> set[str]:
    async with database.write() as connection:
        recorded = await assets.record(
            connection,
            owner_id,
            {asset.id: (stem or asset.name.partition(".")[0].lower(), asset) for asset in seen},
            scan_id=scan_id,
        )
    return recorded.dirty


async def by_stem(database: Database, stem: str, owner_id: OwnerId = OWNER) -> list[Asset]:
    async with database.read() as connection:
        return await assets.by_stems(connection, owner_id, [stem])


async def test_an_asset_comes_back_as_it_was_recorded(database: Database) -> None:
    odd = make_asset(
        "Übung \N{CAMERA} '--.JPG",
        folder="/mnt/nas/2024",
        make=None,
        model=None,
        width=None,
        size_bytes=5_000_000_000,
        taken_at_ms=-62_135_596_800_000,
        live_photo_video_id=asset_id(77),
        is_trashed=True,
        visibility=Visibility.ARCHIVE,
    )
    await record(database, odd, stem="übung")
    assert await by_stem(database, "übung") == [odd]
    async with database.read() as connection:
        assert await assets.by_ids(connection, OWNER, [odd.id, asset_id(9999)]) == {odd.id: odd}
        assert await assets.names_after(connection, OWNER, None, limit=5) == {odd.id: odd.name}
        assert await assets.names_after(connection, OWNER, odd.id, limit=5) == {}
        assert await assets.names(connection, OWNER, [odd.id]) == {odd.id: odd.name}
        assert await assets.names(connection, OWNER, []) == {}
        assert await assets.count(connection, OWNER) == 1


async def test_new_assets_mark_their_stems_and_the_same_again_marks_nothing(database: Database) -> None:
    asset = make_asset("A.JPG")
    assert await record(database, asset) == {"a"}
    assert await record(database, asset, scan_id=2) == set()


@pytest.mark.parametrize(
    ("change", "dirty"),
    [
        pytest.param({"updated_at_ms": 1}, set(), id="a thumbnail or favourite raises only updatedAt"),
        pytest.param({"is_trashed": True}, {"a"}, id="trashed"),
        pytest.param({"taken_local_ms": 1}, {"a"}, id="another time"),
        pytest.param({"width": 12}, {"a"}, id="another size"),
    ],
)
async def test_a_change_marks_the_stem_if_it_matters(
    database: Database, change: dict[str, object], dirty: set[str]
) -> None:
    asset = make_asset("A.JPG")
    await record(database, asset)
    changed = replace(asset, **change)  # type: ignore[arg-type]
    assert await record(database, changed, scan_id=2) == dirty
    assert await by_stem(database, "a") == [changed]


async def test_a_renamed_asset_marks_its_old_stem_too(database: Database) -> None:
    asset = make_asset("A.JPG")
    await record(database, asset)
    assert await record(database, replace(asset, name="B.JPG")) == {"a", "b"}
    assert await by_stem(database, "a") == []


async def test_another_owners_rows_are_never_seen_or_touched(database: Database) -> None:
    mine = make_asset("A.JPG")
    theirs = replace(mine, owner_id=BOB)
    await record(database, mine)
    await record(database, theirs, owner_id=BOB)
    assert await by_stem(database, "a", BOB) == [theirs]
    async with database.write() as connection:
        assert await assets.remove(connection, OWNER, [mine.id]) == {"a"}
    assert await by_stem(database, "a") == []
    assert await by_stem(database, "a", BOB) == [theirs]


async def test_what_a_scan_did_not_see_is_named(database: Database) -> None:
    seen, unseen = make_asset("A.JPG"), make_asset("B.JPG")
    await record(database, seen, unseen, scan_id=1)
    await record(database, seen, scan_id=2)
    async with database.read() as connection:
        assert await assets.unseen(connection, OWNER, scan_id=2) == [unseen.id]
        assert await assets.stems_of(connection, OWNER, [unseen.id, asset_id(9999)]) == {"b"}


async def test_stems_can_be_made_anew(database: Database) -> None:
    asset = make_asset("A.JPG")
    await record(database, asset)
    async with database.write() as connection:
        await assets.restem(connection, OWNER, {})
        await assets.restem(connection, OWNER, {asset.id: "other"})
    assert await by_stem(database, "other") == [asset]


async def test_more_ids_than_one_statement_may_hold(database: Database) -> None:
    many = [make_asset(f"N{number}.JPG") for number in range(2_100)]
    assert len(await record(database, *many)) == 2_100
    async with database.write() as connection:
        assert len(await assets.by_ids(connection, OWNER, [asset.id for asset in many])) == 2_100
        assert len(await assets.remove(connection, OWNER, [AssetId(asset.id) for asset in many])) == 2_100


async def test_a_burst_that_was_told_marks_whom_it_is_news_of(database: Database) -> None:
    one, other = make_asset("A.JPG"), make_asset("B.JPG")
    await record(database, one, other)
    async with database.write() as connection:
        assert await assets.set_bursts(connection, OWNER, {one.id: "burst", AssetId("unknown"): "burst"}) == {"a"}
        assert await assets.set_bursts(connection, OWNER, {one.id: "burst", other.id: "burst"}) == {"b"}
        assert await assets.set_bursts(connection, BOB, {one.id: "other"}) == set()
        assert await assets.set_bursts(connection, OWNER, {}) == set()
    (found,) = await by_stem(database, "a")
    assert found.auto_stack_id == "burst"


async def test_a_burst_that_was_told_while_an_answer_was_recorded_stays(database: Database) -> None:
    asset = make_asset("A.JPG")
    await record(database, asset)
    async with database.write() as connection:
        await assets.set_bursts(connection, OWNER, {asset.id: "burst"})
        await write_rows(connection, "assets", assets._recording, [assets._row("a", asset, 1)])
    (found,) = await by_stem(database, "a")
    assert found.auto_stack_id == "burst"
