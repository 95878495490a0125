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
        pytest.param("bytes=-30", 206, b"0123456789", "bytes 0-9/10", id="more than there is from the end"),
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
