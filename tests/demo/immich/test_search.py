from __future__ import annotations

import base64
from collections import Counter
from datetime import timedelta
from typing import Any

import pytest

from sidecar.demo.immich.times import iso_ms
from sidecar.model import AssetKind, Visibility
from tests.demo.immich.scene import NOON, Scene


async def _ids_of_all_pages(scene: Scene, size: int, **body: Any) -> list[str]:
    ids: list[str] = []
    page: str | None = "1"
    while page:
        found = (await scene.api("POST", "/search/metadata", {**body, "size": size, "page": int(page)})).json()[
            "assets"
        ]
        assert found["total"] == found["count"] == len(found["items"]) <= size
        ids += [asset["id"] for asset in found["items"]]
        page = found["nextPage"]
    return ids


@pytest.mark.parametrize("size", [1, 2, 3, 6, 7, 1000])
async def test_pages_are_disjoint_and_complete_since_3_1(scene: Scene, size: int) -> None:
    for number in range(6):
        scene.asset(f"IMG_{number}.JPG", at_s=number // 3)
    rows = sorted(scene.immich.state.assets.values(), key=lambda row: (row.file_created_us, row.id))
    assert await _ids_of_all_pages(scene, size, order="asc") == [row.id for row in rows]
    assert await _ids_of_all_pages(scene, size) == [row.id for row in reversed(rows)]


@pytest.mark.parametrize("version", ["2.7.5", "3.0.3"])
async def test_equal_times_repeat_and_skip_between_pages_before_3_1(scene: Scene) -> None:
    for number in range(40):
        scene.asset(f"IMG_{number}.JPG", at_s=number // 20)
    seen = Counter(await _ids_of_all_pages(scene, 7))
    assert seen.total() == 40
    assert max(seen.values()) > 1
    assert len(seen) < 40
    times = [scene.immich.state.assets[each].file_created_us for each in await _ids_of_all_pages(scene, 7)]
    assert times == sorted(times, reverse=True)
    times = [scene.immich.state.assets[each].file_created_us for each in await _ids_of_all_pages(scene, 7, order="asc")]
    assert times == sorted(times)


@pytest.mark.parametrize("version", ["2.7.5"])
async def test_a_page_behind_the_end_is_empty(scene: Scene) -> None:
    scene.asset()
    assert await scene.api.names_found(page=9) == []


@pytest.mark.parametrize(
    ("version", "expected"),
    [
        pytest.param("2.7.5", {"timeline.JPG"}, id="2.x finds the timeline"),
        pytest.param("3.0.3", {"timeline.JPG", "archive.JPG", "hidden.JPG"}, id="3.x finds all but locked"),
    ],
)
async def test_what_is_found_without_visibility_depends_on_the_version(scene: Scene, expected: set[str]) -> None:
    for visibility in Visibility:
        scene.asset(f"{visibility}.JPG", visibility=visibility)
    assert set(await scene.api.names_found()) == expected
    assert await scene.api.names_found(visibility="hidden") == ["hidden.JPG"]


async def test_locked_assets_need_more_than_a_key(scene: Scene) -> None:
    response = await scene.api("POST", "/search/metadata", {"visibility": "locked"})
    assert (response.status_code, response.json()) == (401, {"message": "Elevated permission is required"})


@pytest.mark.parametrize(
    ("body", "expected"),
    [
        pytest.param({"originalFileName": "%"}, {"a", "b", "c"}, id="a wildcard stays one"),
        pytest.param({"originalFileName": "été_.jpg"}, {"a"}, id="accents, case and one letter"),
        pytest.param({"originalFileName": "."}, {"a", "b", "c"}, id="a dot is a dot"),
        pytest.param({"originalFileName": "b?"}, set(), id="a question mark too"),
        pytest.param({"originalPath": "/PHOTOS/"}, {"b"}, id="path"),
        pytest.param({"type": "VIDEO"}, {"c"}, id="type"),
        pytest.param({"isFavorite": True}, {"b"}, id="favourite"),
        pytest.param({"isFavorite": False}, {"a", "c"}, id="not favourite"),
        pytest.param({"isMotion": True}, {"a"}, id="live photo"),
        pytest.param({"isMotion": False}, {"b", "c"}, id="no live photo"),
        pytest.param({"make": "SONY"}, {"c"}, id="make"),
        pytest.param({"model": "sony"}, set(), id="model is exact"),
        pytest.param({"withStacked": False}, {"c"}, id="no stacked ones, primaries neither"),
        pytest.param({"withStacked": True}, {"a", "b", "c"}, id="stacked ones too"),
        pytest.param({"checksum": "zz"}, set(), id="no checksum at all"),
        pytest.param({"takenAfter": "2024-05-01T12:00:01Z"}, {"b", "c"}, id="taken at or after"),
        pytest.param(
            {"takenBefore": "2024-05-01T12:00:01Z", "takenAfter": "2024-05-01T12:00:01Z"}, {"b"}, id="inclusive"
        ),
        pytest.param({"trashedBefore": "2100-01-01T00:00:00Z"}, {"trashed", "offline"}, id="trash by time"),
        pytest.param({"withDeleted": True}, {"a", "b", "c", "trashed", "offline"}, id="trash too"),
        pytest.param({"isOffline": True}, {"offline"}, id="offline ones are deleted"),
        pytest.param({"nosuchfield": 1}, {"a", "b", "c"}, id="unknown fields are ignored"),
    ],
)
async def test_filters_choose(scene: Scene, body: dict[str, Any], expected: set[str]) -> None:
    a = scene.asset("ÉTÉa.jpg", live_photo_video_id="video")
    b = scene.asset("b.jpg", at_s=1, folder="/photos/2024")
    scene.asset("c.mp4", at_s=2, kind=AssetKind.VIDEO, make="SONY")
    scene.immich.state.write(b, is_favorite=True)
    scene.immich.stack(scene.ann, a, b)
    scene.immich.trash(scene.asset("trashed.jpg"))
    scene.immich.set_offline(scene.asset("offline.jpg"))
    short = {"ÉTÉa.jpg": "a", "b.jpg": "b", "c.mp4": "c", "trashed.jpg": "trashed", "offline.jpg": "offline"}
    assert {short[name] for name in await scene.api.names_found(**body)} == expected
    if "type" in body or not expected:
        total = (await scene.api("POST", "/search/statistics", body)).json()
        assert total == {"total": len(expected)}


async def test_checksums_are_found_in_base64_and_hexadecimal(scene: Scene) -> None:
    row = scene.asset()
    scene.asset("other.jpg")
    assert await scene.api.names_found(checksum=row.checksum) == [row.name]
    assert await scene.api.names_found(checksum=base64.b64decode(row.checksum).hex()) == [row.name]
    assert await scene.api.names_found(id=row.id) == [row.name]


async def test_library_files_are_found_by_library(scene: Scene) -> None:
    row = scene.asset("in.jpg", folder="/photos")
    scene.asset("out.jpg")
    assert row.path == "/photos/in.jpg"
    assert await scene.api.names_found(libraryId=row.library_id) == ["in.jpg"]


async def test_updated_after_is_inclusive_and_hears_of_every_write(scene: Scene) -> None:
    first, _ = scene.asset("first.jpg"), scene.asset("second.jpg")
    scene.immich.state.write(first, is_favorite=True)
    since = iso_ms(first.updated_us)
    assert "first.jpg" in await scene.api.names_found(updatedAfter=since)
    assert await scene.api.names_found(updatedAfter=iso_ms(first.updated_us + 1_000_000)) == []


async def test_assets_without_exif_row_drop_out_of_withexif(scene: Scene) -> None:
    scene.asset("read.jpg")
    scene.asset("unread.jpg", is_extracted=False).exif = None
    assert sorted(await scene.api.names_found()) == ["read.jpg", "unread.jpg"]
    response = await scene.api("POST", "/search/metadata", {"withExif": True})
    [asset] = response.json()["assets"]["items"]
    assert asset["exifInfo"]["make"] == "Canon"


async def test_partners_in_the_timeline_are_found_too(scene: Scene) -> None:
    bob, eve = scene.immich.add_user("Bob"), scene.immich.add_user("Eve")
    scene.asset("ann.jpg", at_s=0)
    scene.asset("bob.jpg", at_s=1, owner=bob)
    scene.asset("eve.jpg", at_s=2, owner=eve)
    scene.immich.share_timeline(bob, scene.ann)
    scene.immich.share_timeline(eve, scene.ann, in_timeline=False)
    assert await scene.api.names_found() == ["bob.jpg", "ann.jpg"]


async def test_a_result_is_kept_until_something_changes(scene: Scene) -> None:
    row = scene.asset("first.jpg")
    for number in range(12):
        assert await scene.api.names_found(originalFileName="first", takenAfter=iso_ms(number * 1000)) == ["first.jpg"]
    scene.immich.trash(row)
    assert await scene.api.names_found(originalFileName="first", takenAfter=iso_ms(0)) == []


async def test_filters_that_are_not_emulated_say_so(scene: Scene) -> None:
    response = await scene.api("POST", "/search/metadata", {"tagIds": []})
    assert (response.status_code, response.json()["message"]) == (
        501,
        "The emulated Immich does not search by tagIds",
    )


async def test_an_extracted_asset_of_2_x_has_device_and_duration(scene: Scene) -> None:
    scene.asset("clip.mp4", kind=AssetKind.VIDEO, duration_ms=3_723_004)
    [asset] = (await scene.api("POST", "/search/metadata", {})).json()["assets"]["items"]
    assert asset["duration"] == 3_723_004
    assert "deviceId" not in asset


@pytest.mark.parametrize("version", ["2.7.5"])
async def test_durations_are_clock_times_in_2_x(scene: Scene) -> None:
    scene.asset("clip.mp4", kind=AssetKind.VIDEO, duration_ms=3_723_004)
    [asset] = (await scene.api("POST", "/search/metadata", {})).json()["assets"]["items"]
    assert asset["duration"] == "01:02:03.004"
    bucket = await scene.api("GET", "/timeline/bucket", params={"timeBucket": "2024-05-01"})
    assert bucket.json()["duration"] == ["01:02:03.004"]
    assert "createdAt" not in bucket.json()


async def test_an_offset_shows_as_wall_clock(scene: Scene) -> None:
    row = scene.asset(offset=timedelta(hours=2))
    asset = (await scene.api("GET", f"/assets/{row.id}")).json()
    assert asset["fileCreatedAt"] == NOON.strftime("%Y-%m-%dT%H:%M:%S.000Z")
    assert asset["localDateTime"] == "2024-05-01T14:00:00.000Z"
