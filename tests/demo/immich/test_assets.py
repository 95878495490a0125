from __future__ import annotations

from typing import Any

import pytest

from sidecar.demo.immich import JobKind
from sidecar.model import AssetKind, Visibility
from tests.demo.immich.scene import Picture, Scene

_UNKNOWN = "ffffffff-0000-4000-8000-00000000000f"


async def test_a_description_changes_no_asset_row(scene: Scene) -> None:
    row = scene.asset()
    before = row.updated_us
    body = {"description": "sea", "rating": 4}
    answer = (await scene.api("PUT", f"/assets/{row.id}", body)).json()
    assert (answer["exifInfo"]["description"], answer["exifInfo"]["rating"]) == ("sea", 4)
    assert row.updated_us == before
    assert (await scene.api("PUT", f"/assets/{row.id}", {"rating": None})).json()["exifInfo"]["rating"] is None


@pytest.mark.parametrize(
    ("body", "jobs"),
    [
        pytest.param({"rating": 1}, 1, id="stars"),
        pytest.param({"latitude": 1, "longitude": 2}, 1, id="a place"),
        pytest.param({"isFavorite": True}, 0, id="a favourite is in no file"),
    ],
)
async def test_what_belongs_into_a_file_comes_back_as_another_change(
    scene: Scene, body: dict[str, Any], jobs: int
) -> None:
    row = scene.asset()
    await scene.api("PUT", f"/assets/{row.id}", body)
    before = row.updated_us
    assert await scene.immich.run_jobs() == jobs
    assert (row.updated_us > before) is (jobs > 0)


async def test_everything_changed_at_once_comes_back_as_another_change(scene: Scene) -> None:
    rows = scene.assets(2)
    await scene.api("PUT", "/assets", {"ids": [row.id for row in rows], "duplicateId": None})
    assert await scene.immich.run_jobs(JobKind.SIDECAR) == 2


async def test_what_was_said_about_an_asset_outlives_its_being_read_again(scene: Scene, picture: Picture) -> None:
    row = scene.immich.upload(scene.ann, "a.jpg", picture())
    await scene.api("PUT", f"/assets/{row.id}", {"rating": 3, "latitude": 1, "longitude": 2})
    await scene.immich.run_jobs()
    assert row.exif is not None
    assert (row.exif.rating, row.exif.latitude, row.exif.longitude, row.exif.width) == (3, 1, 2, 320)


@pytest.mark.parametrize(
    ("version", "rating", "status", "kept"),
    [
        pytest.param("2.5.6", 0, 200, 0, id="2.5: nought stars"),
        pytest.param("2.5.6", None, 400, 4, id="2.5: no null"),
        pytest.param("2.7.5", 0, 200, None, id="2.7: nought is none"),
        pytest.param("2.7.5", None, 200, None, id="2.7: null"),
        pytest.param("3.1.0", 0, 400, 4, id="3.x: no nought"),
        pytest.param("3.1.0", None, 200, None, id="3.x: null"),
        pytest.param("3.1.0", -1, 200, -1, id="3.x: rejected"),
    ],
)
async def test_how_no_rating_is_said_depends_on_the_version(
    scene: Scene, rating: int | None, status: int, kept: int | None
) -> None:
    row = scene.asset(rating=4)
    assert (await scene.api("PUT", f"/assets/{row.id}", {"rating": rating})).status_code == status
    assert row.exif is not None
    assert row.exif.rating == kept


@pytest.mark.parametrize(
    ("version", "body", "message"),
    [
        pytest.param(
            "2.7.5",
            {"latitude": 1},
            ["longitude should not be empty", "longitude must be a longitude string or number"],
            id="2.x: half a place",
        ),
        pytest.param(
            "2.7.5",
            {"latitude": 91, "longitude": 1},
            ["latitude must be a latitude string or number"],
            id="2.x: beyond the pole",
        ),
        pytest.param("3.1.0", {"longitude": 1}, "Latitude and longitude must be provided together", id="half a place"),
        pytest.param("3.1.0", {"latitude": 1, "longitude": 181}, "Too big: expected number to be <=180", id="too far"),
        pytest.param("3.1.0", {"latitude": -91, "longitude": 1}, "Too small: expected number to be >=-90", id="south"),
        pytest.param(
            "3.1.0",
            {"latitude": "x", "longitude": True},
            "Invalid input: expected number, received string",
            id="no numbers",
        ),
    ],
)
async def test_a_place_that_is_none_is_refused(scene: Scene, body: dict[str, Any], message: object) -> None:
    response = await scene.api("PUT", f"/assets/{scene.asset().id}", body)
    told = response.json()
    assert response.status_code == 400
    assert (told["errors"][0]["message"] if "errors" in told else told["message"]) == message


async def test_copying_gives_the_target_all_that_was_not_switched_off(scene: Scene) -> None:
    source, target, mate = scene.asset(is_favorite=True), scene.asset(), scene.asset()
    album, link = scene.immich.album(scene.ann, "Trip", source), scene.immich.link(scene.ann, source)
    other = scene.immich.album(scene.ann, "other", mate)
    stack = scene.immich.stack(scene.ann, source, mate)
    pair = {"sourceId": source.id, "targetId": target.id}
    off = dict.fromkeys(("albums", "favorite", "sharedLinks", "sidecar", "stack"), False)
    assert (await scene.api("PUT", "/assets/copy", pair | off)).status_code == 204
    assert (target.is_favorite, target.stack_id, len(album.assets), len(link.assets)) == (False, None, 1, 1)
    assert (await scene.api("PUT", "/assets/copy", pair)).status_code == 204
    assert (target.is_favorite, target.stack_id) == (True, stack.id)
    assert target.id in album.assets
    assert target.id in link.assets
    assert target.id not in other.assets


async def test_copying_joins_two_stacks_and_copies_no_stack_where_there_is_none(scene: Scene) -> None:
    rows = scene.assets(5)
    scene.immich.stack(scene.ann, *rows[:2])
    kept = scene.immich.stack(scene.ann, *rows[2:4])
    await scene.api("PUT", "/assets/copy", {"sourceId": rows[0].id, "targetId": rows[2].id})
    assert scene.immich.stacks_of(scene.ann) == [kept]
    assert set(kept.members) == {row.id for row in rows[:4]}
    await scene.api("PUT", "/assets/copy", {"sourceId": rows[4].id, "targetId": rows[2].id})
    assert rows[4].stack_id is None


async def test_nothing_is_copied_onto_itself_or_onto_others_assets(scene: Scene) -> None:
    own, foreign = scene.asset(), scene.asset(owner=scene.immich.add_user("Bob"))
    same = await scene.api("PUT", "/assets/copy", {"sourceId": own.id, "targetId": own.id})
    assert same.json() == {"message": "Source and target id must be distinct"}
    response = await scene.api("PUT", "/assets/copy", {"sourceId": foreign.id, "targetId": own.id})
    assert response.json() == {"message": "Not found or no asset.copy access"}


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
