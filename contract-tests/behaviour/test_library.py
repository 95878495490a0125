"""Uploading, searching page by page, the timeline, files."""

from __future__ import annotations

from datetime import datetime, timedelta

from behaviour.differences import of
from behaviour.server import Person, Server, ids_of, picture


async def test_the_same_bytes_are_one_asset(ann: Person) -> None:
    """The same bytes twice are one asset"""
    data = picture()
    first = await ann.upload("a.jpg", data=data)
    form = {"deviceAssetId": "other", "deviceId": "suite"}
    form |= dict.fromkeys(("fileCreatedAt", "fileModifiedAt"), "2024-05-01T10:00:00.000Z")
    again = await ann.ask("POST", "/assets", data=form, files={"assetData": ("other.jpg", data)})
    assert again == {"id": first, "status": "duplicate"}


async def test_an_asset_tells_what_the_file_says(server: Server, ann: Person) -> None:
    """Name, time, camera, size and dimensions of an asset"""
    data = picture(taken="2023-02-03T04:05:06.000Z")
    asset = await ann.asset(await ann.upload("IMG_1.JPG", taken="2023-02-03T04:05:06.000Z", data=data))
    assert (asset["originalFileName"], asset["type"], asset["ownerId"]) == ("IMG_1.JPG", "IMAGE", ann.id)
    assert asset["localDateTime"] == "2023-02-03T04:05:06.000Z"
    exif = asset["exifInfo"]
    assert (exif["make"], exif["model"], exif["fileSizeInByte"]) == ("Canon", "EOS R5", len(data))
    assert (exif["exifImageWidth"], exif["exifImageHeight"], exif["rating"]) == (256, 256, None)
    assert (asset["isTrashed"], asset["visibility"], asset["stack"], asset["duplicateId"]) == (
        False,
        "timeline",
        None,
        None,
    )
    assert asset["duration"] == of(server, "a picture's duration")


async def test_a_search_is_read_page_by_page(ann: Person) -> None:
    """A search gives everything once, page by page, and says where the next page is"""
    days = [f"2024-05-0{number}T10:00:00.000Z" for number in range(1, 6)]
    uploaded = [await ann.upload("a.jpg", taken=day) for day in days]
    found: list[str] = []
    sizes = []
    page: str | None = "1"
    while page is not None:
        wanted = {"visibility": "timeline", "withExif": True, "size": 2, "page": int(page), "order": "asc"}
        answer = (await ann.ask("POST", "/search/metadata", json=wanted))["assets"]
        found += ids_of(answer["items"])
        sizes.append(len(answer["items"]))
        page = answer["nextPage"]
    assert found == uploaded
    assert sizes == [2, 2, 1]
    assert (await ann.ask("POST", "/search/statistics", json={"visibility": "timeline"}))["total"] == 5
    assert (await ann.ask("POST", "/search/statistics", json={"visibility": "archive"}))["total"] == 0


async def test_a_search_finds_what_changed_since(ann: Person) -> None:
    """A search by time of change finds what was changed, and nothing else"""
    quiet, changed = await ann.upload_all("quiet.jpg", "changed.jpg")
    newest = max([datetime.fromisoformat((await ann.asset(each))["updatedAt"]) for each in (quiet, changed)])
    since = (newest + timedelta(milliseconds=1)).isoformat().replace("+00:00", "Z")
    wanted = {"visibility": "timeline", "withExif": True, "updatedAfter": since}
    assert (await ann.ask("POST", "/search/metadata", json=wanted))["assets"]["items"] == []
    await ann.ask("PUT", f"/assets/{changed}", json={"isFavorite": True})
    assert ids_of((await ann.ask("POST", "/search/metadata", json=wanted))["assets"]["items"]) == [changed]


async def test_the_timeline_shows_the_primary_of_a_stack(ann: Person) -> None:
    """The timeline shows a stack as its primary, with the number of its members"""
    cover, child, single = await ann.upload_all("a.jpg", "a.raw.jpg", "b.jpg")
    stack_id = await ann.stack(cover, child)
    wanted = {"visibility": "timeline", "withStacked": "true"}
    [bucket] = await ann.ask("GET", "/timeline/buckets", params=wanted)
    assert bucket["count"] == 2
    shown = await ann.ask("GET", "/timeline/bucket", params={**wanted, "timeBucket": bucket["timeBucket"]})
    stacks = dict(zip(shown["id"], shown["stack"], strict=True))
    assert stacks.keys() == {cover, single}
    assert stacks[single] is None
    assert (stacks[cover][0], int(stacks[cover][1])) == (stack_id, 2)


async def test_files_come_whole_and_in_part(server: Server, ann: Person) -> None:
    """Originals come whole and in part, thumbnails as pictures"""
    data = picture()
    asset_id = await ann.upload("a.jpg", data=data)
    whole = await server.send("GET", f"/assets/{asset_id}/original", headers=ann.session)
    assert (whole.status_code, whole.content) == (200, data)
    part = await server.send("GET", f"/assets/{asset_id}/original", headers={**ann.session, "range": "bytes=10-19"})
    assert (part.status_code, part.content) == (206, data[10:20])
    assert part.headers["content-range"] == f"bytes 10-19/{len(data)}"
    for size in ("thumbnail", "preview"):
        shown = await server.send("GET", f"/assets/{asset_id}/thumbnail", headers=ann.session, params={"size": size})
        assert shown.status_code == 200
        assert shown.headers["content-type"].startswith("image/")


async def test_what_apps_keep_beside_an_asset(ann: Person) -> None:
    """Notes beside assets are kept by key, written many at once, and do not count as a change"""
    first, second = await ann.upload_all("a.jpg", "b.jpg")
    before = (await ann.asset(first))["updatedAt"]
    value = {"group": "g1", "members": [1, {"deep": None}]}
    items = [{"assetId": each, "key": "suite", "value": value} for each in (first, second)]
    await ann.ask("PUT", "/assets/metadata", json={"items": items})
    [kept] = await ann.ask("GET", f"/assets/{first}/metadata")
    assert (kept["key"], kept["value"]) == ("suite", value)
    assert (await ann.asset(first))["updatedAt"] == before
    keys = [{"assetId": each, "key": "suite"} for each in (first, second)]
    await ann.ask("DELETE", "/assets/metadata", status=204, json={"items": keys})
    assert await ann.ask("GET", f"/assets/{second}/metadata") == []
