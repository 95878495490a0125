from __future__ import annotations

import base64
import hashlib
from typing import Any

import pytest

from sidecar.demo.immich.media_types import content_type_of
from sidecar.demo.immich.refusals import Refusal
from sidecar.model import AssetKind, Visibility
from tests.demo.immich.scene import NOON, Scene

_DATES = {"fileCreatedAt": "2024-05-01T12:00:00Z", "fileModifiedAt": "2024-05-01T12:00:00Z"}
_UNKNOWN = "ffffffff-0000-4000-8000-00000000000f"


async def _upload(scene: Scene, form: dict[str, str], name: str = "a.jpg", data: bytes = b"bytes") -> Any:
    response = await scene.api("POST", "/assets", data=form, files={"assetData": (name, data)})
    return response.status_code, response.json()


async def test_bytes_are_stored_once_also_from_the_trash(scene: Scene) -> None:
    status, first = await _upload(scene, _DATES)
    assert (status, first["status"]) == (201, "created")
    scene.immich.trash(scene.immich.state.assets[first["id"]])
    assert await _upload(scene, _DATES, "b.jpg") == (200, {"status": "duplicate", "id": first["id"]})
    scene.immich.delete_for_good(scene.immich.state.assets[first["id"]])
    await scene.immich.run_jobs()
    assert (await _upload(scene, _DATES))[0] == 201


async def test_an_upload_knows_its_size_alone_until_it_is_read(scene: Scene) -> None:
    form = {**_DATES, "filename": "Ä.JPG", "isFavorite": "true", "visibility": "archive"}
    _, made = await _upload(scene, form)
    asset = (await scene.api("GET", f"/assets/{made['id']}")).json()
    assert (asset["originalFileName"], asset["isFavorite"], asset["visibility"]) == ("Ä.JPG", True, "archive")
    assert (asset["exifInfo"]["fileSizeInByte"], asset["exifInfo"]["modifyDate"]) == (5, None)
    assert asset["checksum"] == base64.b64encode(hashlib.sha1(b"bytes").digest()).decode()  # noqa: S324  # Immich's hash
    assert asset["originalPath"].endswith(".JPG")
    await scene.immich.run_jobs()
    asset = (await scene.api("GET", f"/assets/{made['id']}")).json()
    assert asset["exifInfo"]["modifyDate"] == "2024-05-01T12:00:00+00:00"


@pytest.mark.parametrize(
    ("form", "name", "message"),
    [
        pytest.param(_DATES, "a.txt", "Unsupported file type a.txt", id="no picture"),
        pytest.param({"fileCreatedAt": "now"}, "a.jpg", "Validation failed", id="bad dates"),
        pytest.param({**_DATES, "livePhotoVideoId": _UNKNOWN}, "a.jpg", "Live photo video not found", id="no video"),
        pytest.param({**_DATES, "livePhotoVideoId": "x"}, "a.jpg", "Validation failed", id="no id"),
    ],
)
async def test_bad_uploads_are_refused(scene: Scene, form: dict[str, str], name: str, message: str) -> None:
    status, answer = await _upload(scene, form, name)
    assert (status, answer["message"]) == (400, message)
    assert scene.immich.state.assets == {}


@pytest.mark.parametrize(
    "more", [{"data": _DATES, "files": {"other": ("a", b"b")}}, {"json": {}}, {"files": {"": ("a", b"b")}}]
)
async def test_an_upload_without_file_is_refused(scene: Scene, more: dict[str, Any]) -> None:
    assert (await scene.api("POST", "/assets", **more)).json() == {"message": "File is required"}


async def test_parts_within_parts_are_passed_over(scene: Scene) -> None:
    inner = b'--i\r\nContent-Disposition: form-data; name="x"\r\n\r\ny\r\n--i--\r\n'
    body = b"--o\r\nContent-Type: multipart/mixed; boundary=i\r\n\r\n" + inner + b"\r\n--o--\r\n"
    headers = {"content-type": "multipart/form-data; boundary=o"}
    response = await scene.api("POST", "/assets", content=body, headers=headers)
    assert response.json() == {"message": "File is required"}


@pytest.mark.parametrize("version", ["2.7.5"])
async def test_devices_are_wanted_in_2_x(scene: Scene) -> None:
    status, answer = await _upload(scene, _DATES)
    assert (status, answer["message"]) == (400, ["deviceAssetId must be a string", "deviceId must be a string"])


async def test_the_video_of_a_live_photo_is_hidden(scene: Scene) -> None:
    video = scene.immich.upload(scene.ann, "a.mov", b"video")
    _, made = await _upload(scene, {**_DATES, "livePhotoVideoId": video.id})
    assert video.visibility is Visibility.HIDDEN
    assert (await scene.api("GET", f"/assets/{made['id']}")).json()["livePhotoVideoId"] == video.id
    _, again = await _upload(scene, {**_DATES, "livePhotoVideoId": video.id}, data=b"other")
    assert again["status"] == "created"
    await scene.immich.run_jobs()


@pytest.mark.parametrize("mistake", ["a picture", "a stranger's"])
async def test_a_live_photo_needs_an_own_video(scene: Scene, mistake: str) -> None:
    bob = scene.immich.add_user("Bob")
    facts: dict[str, Any] = {"owner": bob, "kind": AssetKind.VIDEO} if mistake == "a stranger's" else {}
    _, answer = await _upload(scene, {**_DATES, "livePhotoVideoId": scene.asset("x.mov", **facts).id})
    assert answer["message"].startswith("Live photo video")


async def test_library_files_are_known_by_path_and_unread_at_first(scene: Scene) -> None:
    row = scene.immich.import_file(scene.ann, "/photos/IMG_1.dng", b"same", at=NOON)
    assert scene.immich.import_file(scene.ann, "/photos/IMG_1.dng", b"changed") is row
    other = scene.immich.import_file(scene.ann, "/photos/IMG_1.dng", b"same", library_id="second")
    odd = scene.immich.import_file(scene.ann, "/photos/noext", b"same")
    assert len({row.id, other.id, odd.id}) == 3
    assert row.checksum == base64.b64encode(hashlib.sha1(b"path:/photos/IMG_1.dng").digest()).decode()  # noqa: S324
    assert (row.name, row.path, row.exif, odd.kind) == ("IMG_1.dng", "/photos/IMG_1.dng", None, AssetKind.OTHER)
    await scene.immich.run_jobs()
    assert row.exif is not None


async def test_a_file_that_immich_does_not_take_raises_for_the_test_that_uploads_it(scene: Scene) -> None:
    with pytest.raises(Refusal, match="Unsupported file type"):
        scene.immich.upload(scene.ann, "a.txt", b"")


async def test_made_assets_look_as_if_read(scene: Scene) -> None:
    row = scene.asset("a.cr3", folder="/photos/2024", make="SONY", model="ILCE-7M4", is_extracted=True)
    fresh = scene.asset("b.jpg", is_extracted=False)
    assert row.exif is not None
    assert (row.exif.make, row.exif.modify_us, row.path) == ("SONY", row.file_created_us, "/photos/2024/a.cr3")
    assert fresh.exif is not None
    assert (fresh.exif.make, fresh.exif.modify_us, fresh.width) == (None, None, None)
    assert fresh.path.endswith(".jpg")
    assert content_type_of(row.name) == "image/cr3"
