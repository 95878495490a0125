from __future__ import annotations

import io

import pytest
from PIL import Image

from sidecar.demo.immich import JobKind
from tests.demo.immich.scene import NOON, Picture, Scene


async def test_thumbnail_and_preview_come_with_their_job(scene: Scene, picture: Picture) -> None:
    row = scene.immich.upload(scene.ann, "Ä b.JPG", picture(size=(2000, 1600)))
    await scene.immich.run_jobs(JobKind.EXTRACT)
    missing = await scene.api("GET", f"/assets/{row.id}/thumbnail")
    assert (missing.status_code, missing.json()) == (404, {"message": "Asset media not found"})
    await scene.immich.run_jobs()
    small = await scene.api("GET", f"/assets/{row.id}/thumbnail")
    large = await scene.api("GET", f"/assets/{row.id}/thumbnail", params={"size": "preview"})
    sizes = [Image.open(io.BytesIO(each.content)).size for each in (small, large)]
    assert sizes == [(312, 250), (1800, 1440)]
    assert [each.headers["content-type"] for each in (small, large)] == ["image/webp", "image/jpeg"]
    assert small.headers["content-disposition"] == "inline; filename*=UTF-8''%C3%84%20b_thumbnail.webp"
    again = await scene.api("GET", f"/assets/{row.id}/thumbnail", headers={"if-none-match": small.headers["etag"]})
    assert (again.status_code, again.content) == (304, b"")


@pytest.mark.parametrize(
    ("wanted", "status", "content", "content_range"),
    [
        pytest.param("bytes=2-4", 206, b"234", "bytes 2-4/10", id="from and to"),
        pytest.param("bytes=7-", 206, b"789", "bytes 7-9/10", id="from"),
        pytest.param("bytes=-3", 206, b"789", "bytes 7-9/10", id="the last"),
        pytest.param("bytes=-10", 206, b"0123456789", "bytes 0-9/10", id="all from the end"),
        pytest.param("bytes=-11", 404, b'{"message":"Not Found"}', "bytes */10", id="more than there is from the end"),
        pytest.param("bytes=-0", 404, b'{"message":"Not Found"}', "bytes */10", id="nothing from the end"),
        pytest.param("bytes=5-2", 404, b'{"message":"Not Found"}', "bytes */10", id="backwards"),
        pytest.param("bytes=9-9", 206, b"9", "bytes 9-9/10", id="the last byte"),
        pytest.param("bytes=8-99", 206, b"89", "bytes 8-9/10", id="beyond the end"),
        pytest.param("bytes=10-", 404, b'{"message":"Not Found"}', "bytes */10", id="behind the end"),
        pytest.param("bytes=0-1,3-4", 200, b"0123456789", None, id="several"),
        pytest.param("bytes=-", 200, b"0123456789", None, id="none"),
        pytest.param("junk", 200, b"0123456789", None, id="junk"),
    ],
)
async def test_originals_come_in_ranges(
    scene: Scene, wanted: str, status: int, content: bytes, content_range: str | None
) -> None:
    row = scene.immich.upload(scene.ann, "a.jpg", b"0123456789", at=NOON)
    response = await scene.api("GET", f"/assets/{row.id}/original", headers={"range": wanted})
    assert (response.status_code, response.content) == (status, content)
    assert response.headers.get("content-range") == content_range


@pytest.mark.parametrize(
    ("name", "size", "status", "location"),
    [
        pytest.param("a.jpg", "fullsize", 302, "original?", id="browsers show a jpeg"),
        pytest.param("a.dng", "fullsize", 302, "thumbnail?size=preview", id="they show no raw"),
        pytest.param("a.jpg", "original", 400, None, id="not by this route"),
        pytest.param("a.jpg", "huge", 400, None, id="no size"),
    ],
)
async def test_other_sizes(scene: Scene, name: str, size: str, status: int, location: str | None) -> None:
    row = scene.immich.upload(scene.ann, name, b"x")
    response = await scene.api("GET", f"/assets/{row.id}/thumbnail", params={"size": size})
    assert (response.status_code, response.headers.get("location")) == (status, location)


async def test_made_assets_have_no_files(scene: Scene) -> None:
    row = scene.asset()
    for path in ("original", "thumbnail"):
        assert (await scene.api("GET", f"/assets/{row.id}/{path}")).status_code == 404


@pytest.mark.parametrize(
    ("version", "status", "message"),
    [
        pytest.param("2.7.5", 400, "Not found or no asset.download access", id="2.7.5 says why"),
        pytest.param("3.0.3", 404, "Not Found", id="3.0.3 does not"),
        pytest.param("3.1.0", 404, "Not Found", id="3.1.0 does not"),
    ],
)
async def test_originals_of_unknown_and_foreign_assets_are_refused_alike(
    scene: Scene, status: int, message: str
) -> None:
    foreign = scene.immich.upload(scene.immich.add_user("Bob"), "b.jpg", b"b")
    for asset_id in (foreign.id, "ffffffff-0000-4000-8000-00000000000f"):
        response = await scene.api("GET", f"/assets/{asset_id}/original")
        assert (response.status_code, response.json()["message"]) == (status, message)
        assert response.headers["content-type"] == "application/json; charset=utf-8"
    assert (await scene.api("GET", "/assets/no-id/original")).status_code == 400


@pytest.mark.parametrize(
    ("version", "status", "content_type", "caching"),
    [
        pytest.param("2.7.5", 500, "image/jpeg; charset=utf-8", "none", id="2.7.5 fails as if it sent an image"),
        pytest.param("3.1.0", 404, "application/json; charset=utf-8", None, id="3.1.0 finds nothing"),
    ],
)
async def test_an_original_that_is_gone_from_the_disk(
    scene: Scene, version: str, status: int, content_type: str, caching: str | None
) -> None:
    response = await scene.api("GET", f"/assets/{scene.asset().id}/original", headers={"range": "bytes=0-9"})
    assert (response.status_code, response.headers["content-type"]) == (status, content_type)
    assert response.headers.get("cache-control") == caching
    assert "content-range" not in response.headers
    if version == "2.7.5":
        assert response.json().keys() == {"message", "statusCode", "correlationId"}
        assert response.json()["message"] == "Internal server error"


@pytest.mark.parametrize(("version", "status"), [("2.7.5", 500), ("3.1.0", 404)])
async def test_no_range_of_an_empty_original_can_be_had(scene: Scene, status: int) -> None:
    row = scene.immich.upload(scene.ann, "empty.jpg", b"")
    response = await scene.api("GET", f"/assets/{row.id}/original", headers={"range": "bytes=0-9"})
    assert (response.status_code, response.headers["content-range"]) == (status, "bytes */0")
    assert response.headers["content-type"] == "image/jpeg; charset=utf-8"
    assert response.headers["accept-ranges"] == "bytes"
    whole = await scene.api("GET", f"/assets/{row.id}/original")
    assert (whole.status_code, whole.content) == (200, b"")


async def test_a_trashed_original_can_still_be_had(scene: Scene) -> None:
    row = scene.immich.upload(scene.ann, "a.jpg", b"0123")
    scene.immich.trash(row)
    response = await scene.api("GET", f"/assets/{row.id}/original", headers={"range": "bytes=0-1"})
    assert (response.status_code, response.content) == (206, b"01")


async def test_a_test_may_set_or_lose_any_assets_files(scene: Scene) -> None:
    row = scene.asset()
    scene.immich.set_thumbnail(row, b"webp")
    assert (await scene.api("GET", f"/assets/{row.id}/thumbnail")).content == b"webp"
    assert (await scene.api("GET", f"/assets/{row.id}/original")).status_code == 404
    scene.immich.set_original(row, b"file")
    assert (await scene.api("GET", f"/assets/{row.id}/original")).content == b"file"
    scene.immich.set_thumbnail(row, None)
    scene.immich.set_original(row, None)
    for path in ("thumbnail", "original"):
        assert (await scene.api("GET", f"/assets/{row.id}/{path}")).status_code == 404
