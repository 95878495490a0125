from __future__ import annotations

from typing import Any

import pytest

from sidecar.model import AssetKind, Visibility
from tests.demo.immich.scene import Scene

_UNKNOWN = "ffffffff-0000-4000-8000-00000000000f"


async def test_a_description_changes_no_asset_row(scene: Scene) -> None:
    row = scene.asset()
    before = row.updated_us
    body = {"description": "sea", "rating": 4}
    answer = (await scene.api("PUT", f"/assets/{row.id}", body)).json()
    assert (answer["exifInfo"]["description"], answer["exifInfo"]["rating"]) == ("sea", 4)
    assert row.updated_us == before
    assert (await scene.api("PUT", f"/assets/{row.id}", {"rating": None})).json()["exifInfo"]["rating"] is None


async def test_a_favourite_bumps_the_asset(scene: Scene) -> None:
    row = scene.asset()
    before = row.updated_us
    answer = (await scene.api("PUT", f"/assets/{row.id}", {"isFavorite": True, "visibility": "archive"})).json()
    assert (answer["isFavorite"], answer["isArchived"], answer["visibility"]) == (True, True, "archive")
    assert row.updated_us > before


async def test_an_asset_without_exif_row_gets_one_with_its_description(scene: Scene) -> None:
    row = scene.asset()
    row.exif = None
    assert "exifInfo" not in (await scene.api("PUT", f"/assets/{row.id}", {})).json()
    assert "exifInfo" not in (await scene.api("GET", f"/assets/{row.id}")).json()
    await scene.api("PUT", "/assets", {"ids": [row.id], "description": "sea"})
    assert (await scene.api("GET", f"/assets/{row.id}")).json()["exifInfo"]["description"] == "sea"


@pytest.mark.parametrize(
    ("body", "status"),
    [
        pytest.param({"visibility": "gone"}, 400, id="no visibility"),
        pytest.param({"rating": 6}, 400, id="too many stars"),
        pytest.param({"isFavorite": "yes"}, 400, id="no boolean"),
        pytest.param([], 400, id="no object"),
    ],
)
async def test_bad_values_change_nothing(scene: Scene, body: Any, status: int) -> None:
    row = scene.asset()
    before = row.updated_us
    assert (await scene.api("PUT", f"/assets/{row.id}", body)).status_code == status
    assert row.updated_us == before


async def test_a_path_that_is_no_id_is_refused_before_anyone_looks(scene: Scene) -> None:
    [error] = (await scene.api("GET", "/assets/nope")).json()["errors"]
    assert (error["path"], error["message"]) == (["id"], "Invalid UUID")


@pytest.mark.parametrize("version", ["2.7.5"])
async def test_2_x_tells_faces_and_devices(scene: Scene) -> None:
    row = scene.asset()
    for method, body in (("GET", None), ("PUT", {})):
        answer = (await scene.api(method, f"/assets/{row.id}", body)).json()
        assert (answer["unassignedFaces"], answer["deviceId"], answer["duration"]) == ([], "", "0:00:00.00000")


async def test_unreadable_json_is_refused(scene: Scene) -> None:
    assert (await scene.api("POST", "/search/metadata", content=b"{nope")).status_code == 400


async def test_many_are_changed_at_once_or_not_at_all(scene: Scene) -> None:
    rows = scene.assets(2)
    ids = [row.id for row in rows]
    assert (await scene.api("PUT", "/assets", {"ids": [*ids, _UNKNOWN], "isFavorite": True})).status_code == 400
    assert not any(row.is_favorite for row in rows)
    assert (await scene.api("PUT", "/assets", {"ids": ids, "isFavorite": True})).status_code == 204
    assert all(row.is_favorite for row in rows)


async def test_a_duplicate_id_that_is_no_uuid_breaks_the_server(scene: Scene) -> None:
    row = scene.asset()
    response = await scene.api("PUT", "/assets", {"ids": [row.id], "duplicateId": "x"})
    assert (response.status_code, response.json()) == (500, {"message": "Failed to update assets"})


@pytest.mark.parametrize(
    ("query", "expected"),
    [
        pytest.param({}, (2, 1, 3), id="timeline and archive"),
        pytest.param({"visibility": "archive"}, (1, 0, 1), id="archive"),
        pytest.param({"isFavorite": "true"}, (1, 0, 1), id="favourites"),
        pytest.param({"isTrashed": "true"}, (1, 0, 1), id="trash"),
    ],
)
async def test_statistics_count(scene: Scene, query: dict[str, str], expected: tuple[int, int, int]) -> None:
    scene.immich.state.write(scene.asset("a.jpg"), is_favorite=True)
    scene.asset("b.jpg", visibility=Visibility.ARCHIVE)
    scene.asset("c.mp4", kind=AssetKind.VIDEO)
    scene.asset("d.jpg", visibility=Visibility.HIDDEN)
    scene.immich.trash(scene.asset("e.jpg"))
    scene.immich.delete_for_good(scene.asset("f.jpg"))
    answer = (await scene.api("GET", "/assets/statistics", params=query)).json()
    assert (answer["images"], answer["videos"], answer["total"]) == expected
