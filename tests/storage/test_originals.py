from __future__ import annotations

from base64 import b64encode
from dataclasses import replace

import pytest
from sqlalchemy import text

from sidecar.model import Asset, AssetId, AssetKind, Original, Stack, StackId, Visibility
from sidecar.storage import assets, contents, fingerprints, originals, stacks
from sidecar.storage.contents import Content
from sidecar.storage.database import Database
from sidecar.storage.fingerprints import Failure
from tests.builders import OWNER, asset_id, make_asset
from tests.storage.copies import BASIS, BOB, LIBRARY, MODIFIED_MS, make_copy, make_fingerprint, mirror

IN_LIBRARY: dict[str, object] = {"library_id": LIBRARY}
STILL = make_copy("IMG_7.HEIC", live_photo_video_id=asset_id(77_777))
NOT_LIVE = [
    pytest.param(make_copy(is_trashed=True), id="in the trash"),
    pytest.param(make_copy(is_offline=True), id="offline"),
    pytest.param(make_copy(visibility=Visibility.HIDDEN), id="hidden"),
    pytest.param(make_copy(visibility=Visibility.LOCKED), id="locked"),
    pytest.param(make_copy(kind=AssetKind.AUDIO), id="neither picture nor video"),
    pytest.param(make_copy(id=STILL.live_photo_video_id, kind=AssetKind.VIDEO), id="half of a live photo"),
    pytest.param(make_asset(), id="of which no original is known"),
]


def told(asset: Asset) -> Original:
    assert asset.original is not None
    return asset.original


async def test_what_immich_told_comes_back_whole(database: Database) -> None:
    plain = make_copy()
    full = make_copy(original={"library_id": LIBRARY, "thumbhash": None, "is_favorite": True, "duplicate_id": "d"})
    strange = make_asset()
    await mirror(database, [plain, full, strange])
    async with database.read() as connection:
        found = await originals.of(connection, OWNER, [plain.id, full.id, strange.id])
        assert found == {plain.id: told(plain), full.id: told(full)}
        assert await originals.of(connection, BOB, [plain.id]) == {}


@pytest.mark.parametrize(
    "news",
    [
        pytest.param({"path": "/elsewhere"}, id="moved"),
        pytest.param({"library_id": LIBRARY}, id="in a library"),
        pytest.param({"checksum": "other"}, id="other bytes"),
        pytest.param({"modified_at_ms": 7}, id="another time"),
        pytest.param({"thumbhash": None}, id="no thumbnail any more"),
        pytest.param({"is_favorite": True}, id="a favourite"),
        pytest.param({"duplicate_id": "d"}, id="a duplicate id"),
    ],
)
async def test_every_change_is_recorded_and_what_is_the_same_is_not_written(
    database: Database, news: dict[str, object]
) -> None:
    before = make_copy()
    await mirror(database, [before])
    after = replace(before, original=replace(told(before), **news))  # type: ignore[arg-type]  # as in make_asset
    async with database.write() as connection:

        async def changes() -> int:
            if not database.is_sqlite:
                return 0
            return int(await connection.scalar(text("SELECT total_changes()")) or 0)

        await originals.record(connection, OWNER, [after])
        assert await originals.of(connection, OWNER, [before.id]) == {before.id: told(after)}
        written = await changes()
        await originals.record(connection, OWNER, [after])
        await originals.record(connection, OWNER, [make_asset(id=before.id)])
        assert await changes() == written
        assert await originals.of(connection, OWNER, [before.id]) == {before.id: told(after)}


async def test_news_about_an_original_alone_is_none_for_pairing(database: Database) -> None:
    before = make_copy()
    await mirror(database, [before])
    echo = replace(before, original=replace(told(before), duplicate_id="d"), updated_at_ms=before.updated_at_ms + 1)
    async with database.write() as connection:
        recorded = await assets.record(connection, OWNER, {echo.id: ("stem", echo)}, scan_id=2)
    assert recorded.dirty == set()


async def test_an_asset_that_is_gone_takes_all_that_was_known_of_its_file(database: Database) -> None:
    gone, stays = make_copy(), make_copy()
    await mirror(database, [gone, stays])
    async with database.write() as connection:
        await contents.put(connection, OWNER, [Content(gone.id, 1, 1), Content(stays.id, 1, 1)])
        await assets.remove(connection, OWNER, [gone.id])
        assert set(await originals.of(connection, OWNER, [gone.id, stays.id])) == {stays.id}
        assert set(await contents.of(connection, OWNER, [gone.id, stays.id])) == {stays.id}


@pytest.mark.parametrize("other", NOT_LIVE)
async def test_only_what_people_see_can_be_a_copy(database: Database, other: Asset) -> None:
    if other.original is not None:
        other = replace(other, original=replace(other.original, library_id=LIBRARY, duplicate_id="d"))
    mine = make_copy(original={"duplicate_id": "d", "library_id": LIBRARY})
    archived = make_copy(visibility=Visibility.ARCHIVE)
    both = [Content(each.id, 8_000_000, MODIFIED_MS, sha256="same", flaw="why") for each in (mine, other)]
    seen = [(each.id, BASIS, make_fingerprint()) for each in (mine, other)]
    await mirror(database, [mine, archived, other, STILL])
    live = {mine.id, archived.id, STILL.id}
    async with database.write() as connection:
        assert await originals.count_live(connection, OWNER) == 3
        assert await originals.shared_sizes(connection, OWNER) == [(8_000_000, 3)]
        found = await originals.files_of_sizes(connection, OWNER, [8_000_000])
        assert {each.id for each in found} == live
        assert set((await originals.thumbhashes(connection, OWNER)).ids) == live
        ids = [*sorted(live), other.id]
        assert set(await originals.copies(connection, OWNER, ids)) == live
        assert {each.id for each in await originals.to_look_at(connection, OWNER, version=1, now_ms=0, limit=9)} == live
        assert await originals.native_groups(connection, OWNER) == []
        await contents.put(connection, OWNER, both)
        assert await contents.identical(connection, OWNER) == []
        assert [each.asset_id for each in await contents.failures(connection, OWNER, limit=9)] == [mine.id]
        await fingerprints.put(connection, OWNER, seen, version=1)
        assert (await fingerprints.load(connection, OWNER, version=1)).ids == [mine.id]
        assert (await fingerprints.counts(connection, OWNER, version=1)).looked == 1
        await fingerprints.fail(
            connection, OWNER, [Failure(each, basis, "broken", "", 0) for each, basis, _ in seen], version=1
        )
        assert [each.asset_id for each in await fingerprints.failures(connection, OWNER, limit=9)] == [mine.id]


async def test_sizes_count_where_a_library_file_has_company(database: Database) -> None:
    two_uploads = [make_copy(size_bytes=10), make_copy(size_bytes=10)]
    upload_and_library = [make_copy(size_bytes=20), make_copy(size_bytes=20, original=IN_LIBRARY)]
    two_of_libraries = [make_copy(size_bytes=5, original=IN_LIBRARY) for _ in range(2)]
    alone = [make_copy(size_bytes=30, original=IN_LIBRARY)]
    unread = [make_copy(size_bytes=None, original=IN_LIBRARY) for _ in range(2)]
    await mirror(database, [*two_uploads, *upload_and_library, *two_of_libraries, *alone, *unread])
    await mirror(database, [make_copy(size_bytes=30, owner_id=BOB)], owner_id=BOB)
    async with database.write() as connection:
        assert await originals.shared_sizes(connection, OWNER) == [(5, 2), (20, 2)]
        read = Content(upload_and_library[1].id, 20, MODIFIED_MS, ends="e", sha1="read", sha256="s", attempts=2)
        outdated = [
            Content(two_of_libraries[0].id, 4, MODIFIED_MS, sha1="was smaller"),
            Content(two_of_libraries[1].id, 5, MODIFIED_MS - 1, sha1="was older"),
        ]
        await contents.put(connection, OWNER, [read, *outdated])
        found = await originals.files_of_sizes(connection, OWNER, [20, 5, 31])
    assert [(each.size_bytes, each.id) for each in found] == sorted(
        (each.size_bytes, each.id) for each in (*upload_and_library, *two_of_libraries)
    )
    by_id = {each.id: each for each in found}
    assert {each.id: each.content for each in found if each.content is not None} == {read.asset_id: read}
    upload = by_id[upload_and_library[0].id]
    assert (upload.name, upload.path, upload.library_id) == ("IMG_0001.JPG", told(upload_and_library[0]).path, None)
    assert (upload.modified_at_ms, upload.content_sha1) == (MODIFIED_MS, upload.checksum)
    assert by_id[read.asset_id].content_sha1 == "read"
    assert by_id[two_of_libraries[0].id].content_sha1 is None


async def test_thumbhashes_come_with_durations_and_bad_ones_count_as_none(database: Database) -> None:
    picture = make_copy(original={"thumbhash": b64encode(b"picture").decode()})
    video = make_copy(kind=AssetKind.VIDEO, duration_ms=1_500, original={"thumbhash": b64encode(b"video").decode()})
    unmeasured = make_copy(kind=AssetKind.VIDEO, original={"thumbhash": b64encode(b"new").decode()})
    bad = [make_copy(original={"thumbhash": each}) for each in (None, "no base64!", "AAA", "ü")]
    await mirror(database, [picture, video, unmeasured, *bad])
    async with database.read() as connection:
        found = await originals.thumbhashes(connection, OWNER)
    by_id = dict(zip(found.ids, zip(found.thumbhashes, found.durations_ms, strict=True), strict=True))
    assert by_id == {picture.id: (b"picture", -1), video.id: (b"video", 1_500), unmeasured.id: (b"new", 0)}
    assert found.ids == sorted(found.ids)


async def test_a_picture_is_looked_at_until_its_present_look_is_known(database: Database) -> None:
    seen, failed, passing, raw, fresh = (make_copy() for _ in range(5))
    raw = make_copy("IMG_2.CR3", size_bytes=None, original={"thumbhash": None})
    await mirror(database, [seen, failed, passing, raw, fresh])

    async def wanting(*, version: int = 1, now_ms: int = 0) -> list[AssetId]:
        async with database.read() as connection:
            found = await originals.to_look_at(connection, OWNER, version=version, now_ms=now_ms, limit=99)
            assert await originals.count_to_look_at(connection, OWNER, version=version, now_ms=now_ms) == len(found)
            return [each.id for each in found]

    everybody = sorted(each.id for each in (seen, failed, passing, raw, fresh))
    assert await wanting() == everybody
    async with database.write() as connection:
        pictures = {
            each.id: each for each in await originals.to_look_at(connection, OWNER, version=1, now_ms=0, limit=99)
        }
        assert pictures[raw.id].basis == f"no thumbnail ? {MODIFIED_MS}"
        assert pictures[seen.id].basis == f"{told(seen).thumbhash} {seen.size_bytes} {MODIFIED_MS}"
        assert (pictures[raw.id].name, pictures[raw.id].kind) == ("IMG_2.CR3", AssetKind.IMAGE)
        made = [(each.id, pictures[each.id].basis, make_fingerprint()) for each in (seen, raw)]
        await fingerprints.put(connection, OWNER, made, version=1)
        failures = [
            Failure(failed.id, pictures[failed.id].basis, "broken", "It is no picture.", fingerprints.NEVER),
            Failure(passing.id, pictures[passing.id].basis, "away", "Immich was away.", 500),
        ]
        await fingerprints.fail(connection, OWNER, failures, version=1)
    assert await wanting() == [fresh.id]
    assert set(await wanting(now_ms=500)) == {fresh.id, passing.id}
    assert await wanting(version=2) == everybody
    async with database.read() as connection:
        again = await originals.to_look_at_among(connection, OWNER, [passing.id, seen.id], version=1, now_ms=500)
    assert [(each.id, each.attempts) for each in again] == [(passing.id, 1)]

    await mirror(database, [replace(each, original=replace(told(each), thumbhash="BBBB")) for each in (seen, failed)])
    await mirror(database, [replace(raw, size_bytes=9)])
    assert set(await wanting()) == {seen.id, failed.id, raw.id, fresh.id}
    async with database.read() as connection:
        assert (await fingerprints.load(connection, OWNER, version=1)).ids == []
        (unread,) = await originals.to_look_at_among(connection, OWNER, [raw.id], version=1, now_ms=0)
        assert unread.basis == f"no thumbnail 9 {MODIFIED_MS}"


async def test_pages_of_what_wants_a_look_go_on_where_they_ended(database: Database) -> None:
    everybody = sorted([make_copy() for _ in range(5)], key=lambda each: each.id)
    ids = [each.id for each in everybody]
    await mirror(database, everybody)
    async with database.read() as connection:
        first = await originals.to_look_at(connection, OWNER, version=1, now_ms=0, limit=3)
        rest = await originals.to_look_at(connection, OWNER, version=1, now_ms=0, limit=3, after=first[-1].id)
        among = await originals.to_look_at_among(
            connection, OWNER, [ids[4], ids[0], AssetId("unknown"), ids[4]], version=1, now_ms=0
        )
    assert [each.id for each in (*first, *rest)] == ids
    assert [each.id for each in among] == [ids[4], ids[0]]


async def test_a_copy_comes_with_its_stack_and_what_its_bytes_are(database: Database) -> None:
    cover, child, loose = make_copy(), make_copy(original=IN_LIBRARY), make_copy(original=IN_LIBRARY)
    await mirror(database, [cover, child, loose])
    stack = Stack(StackId("s"), cover.id, (cover.id, child.id))
    async with database.write() as connection:
        await stacks.put(connection, OWNER, [stack], now_ms=1)
        size_bytes = child.size_bytes or 0
        await contents.put(connection, OWNER, [Content(child.id, size_bytes, MODIFIED_MS, sha1="1", sha256="256")])
        found = await originals.copies(connection, OWNER, [cover.id, child.id, loose.id, AssetId("unknown")])
    assert found.keys() == {cover.id, child.id, loose.id}
    assert found[cover.id].asset == cover
    assert found[cover.id].asset.original == cover.original

    def facts(asset: Asset) -> tuple[object, ...]:
        each = found[asset.id]
        return (each.stack_id, each.is_primary, each.stack_size, each.sha256, each.sha1)

    assert facts(cover) == ("s", True, 2, None, told(cover).checksum)
    assert facts(child) == ("s", False, 2, "256", "1")
    assert facts(loose) == (None, False, 0, None, None)


async def test_immichs_own_groups_are_those_that_its_page_shows(database: Database) -> None:
    pair = [make_copy(original={"duplicate_id": "pair"}) for _ in range(2)]
    single = make_copy(original={"duplicate_id": "single"})
    half = [make_copy(original={"duplicate_id": "half"}) for _ in range(2)]
    await mirror(database, [*pair, single, *half, make_copy()])
    async with database.write() as connection:
        await stacks.put(connection, OWNER, [Stack(StackId("s"), half[0].id, (half[0].id, single.id))], now_ms=1)
        assert await originals.native_groups(connection, OWNER) == [("pair", tuple(sorted(each.id for each in pair)))]
        assert await originals.native_groups(connection, BOB) == []
