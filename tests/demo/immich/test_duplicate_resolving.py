from __future__ import annotations

from typing import Any

import pytest

from sidecar.demo.immich.rows import AssetRow
from sidecar.model import Visibility
from tests.demo.immich.scene import Scene

MARK = "5d2c7a63-4a1a-4df3-9a27-20a8f0a3c7cd"


@pytest.fixture
def copies(scene: Scene) -> list[AssetRow]:
    rows = scene.assets(3)
    for row in rows:
        scene.immich.state.write(row, duplicate_id=MARK)
    return rows


def group(keep: list[AssetRow], trash: list[AssetRow], mark: str = MARK) -> dict[str, Any]:
    return {
        "duplicateId": mark,
        "keepAssetIds": [row.id for row in keep],
        "trashAssetIds": [row.id for row in trash],
    }


async def resolve(scene: Scene, *groups: dict[str, Any]) -> Any:
    return (await scene.api("POST", "/duplicates/resolve", {"groups": [*groups]})).json()


@pytest.mark.parametrize(
    ("keep", "trash", "says"),
    [
        ([0], [1], "Every asset must be in either keepAssetIds or trashAssetIds"),
        ([0, 1], [1, 2], "An asset cannot be in both keepAssetIds and trashAssetIds"),
    ],
)
async def test_every_copy_goes_or_stays(
    scene: Scene, copies: list[AssetRow], keep: list[int], trash: list[int], says: str
) -> None:
    [answer] = await resolve(scene, group([copies[each] for each in keep], [copies[each] for each in trash]))
    assert (answer["error"], answer["errorMessage"]) == ("validation", says)
    assert {(row.duplicate_id, row.deleted_us) for row in copies} == {(MARK, None)}


@pytest.mark.parametrize("version", ["2.7.5", "3.1.0"])
async def test_the_one_that_stays_gets_what_the_others_had(scene: Scene, copies: list[AssetRow]) -> None:
    kept, first, second = copies
    state, immich = scene.immich.state, scene.immich
    hers = immich.album(scene.ann, "Trip", first)
    bob = immich.add_user("Bob")
    bobs = immich.album(bob, "Bob's", viewers=[scene.ann])
    state.put_in(bobs, [second.id])
    state.write(first, is_favorite=True)
    state.write(second, visibility=Visibility.ARCHIVE)
    state.write_exif(first, rating=3, description="at sea\nin May", latitude=1.5, longitude=2.5)
    state.write_exif(second, rating=4, description="in May")
    [tag] = (await scene.api("PUT", "/tags", {"tags": ["sea"]})).json()
    await scene.api("PUT", f"/tags/{tag['id']}/assets", {"ids": [second.id]})
    assert await resolve(scene, group([kept], [first, second])) == [{"id": MARK, "success": True}]
    assert (kept.is_favorite, kept.visibility, kept.duplicate_id) == (True, Visibility.ARCHIVE, None)
    assert kept.exif is not None
    assert (kept.exif.rating, kept.exif.description) == (4, "at sea\nin May")
    assert (kept.exif.latitude, kept.exif.longitude) == (1.5, 2.5)
    assert [each.value for each in state.tags_of(kept)] == ["sea"]
    assert kept.id in hers.assets
    assert kept.id not in bobs.assets  # who only looks on adds nothing
    assert [row.status for row in copies] == ["active", "trashed", "trashed"]


@pytest.mark.parametrize(("version", "shares"), [("2.7.5", True), ("3.1.0", False)])
async def test_of_several_that_stay_none_gets_anything_since_it_is_so(
    scene: Scene, copies: list[AssetRow], *, shares: bool
) -> None:
    scene.immich.state.write(copies[2], is_favorite=True)
    scene.immich.state.write_exif(copies[0], latitude=1.0, longitude=2.0)
    scene.immich.state.write_exif(copies[1], latitude=3.0, longitude=2.0)
    await resolve(scene, group(copies[:2], copies[2:]))
    assert [row.is_favorite for row in copies[:2]] == [shares, shares]
    assert [row.exif.latitude for row in copies[:2] if row.exif] == [1.0, 3.0]  # they do not agree on a place


async def test_only_ones_own_groups_can_be_resolved(scene: Scene, copies: list[AssetRow]) -> None:
    bob = scene.client_of(scene.immich.add_user("Bob"))
    answer = await bob("POST", "/duplicates/resolve", {"groups": [group(copies, [])]})
    assert answer.status_code == 400
    assert "duplicate.delete" in answer.json()["message"]


@pytest.mark.parametrize("version", ["2.5.6"])
async def test_older_versions_do_not_resolve(scene: Scene, copies: list[AssetRow]) -> None:
    answer = await scene.api("POST", "/duplicates/resolve", {"groups": [group(copies, [])]})
    assert answer.status_code == 404


async def test_a_session_makes_another_and_a_key_none(scene: Scene) -> None:
    app = scene.client(headers={"authorization": f"Bearer {scene.immich.add_session(scene.ann)}"})
    made = (await app("POST", "/sessions", {"deviceType": "app", "deviceOS": "linux"})).json()
    other = scene.client(headers={"authorization": f"Bearer {made['token']}"})
    assert (await other("GET", "/users/me")).json()["id"] == scene.ann.id
    assert (await scene.api("POST", "/sessions", {})).status_code == 400


async def test_what_a_copied_sidecar_file_says(scene: Scene) -> None:
    source, target = scene.assets(2)
    both = {"sourceId": source.id, "targetId": target.id}
    scene.immich.state.write_exif(target, description="mine", rating=2)
    await scene.api("PUT", "/assets/copy", both)
    assert target.exif is not None
    assert target.exif.description == "mine"  # there is no such file yet
    await scene.api("PUT", f"/assets/{source.id}", {"description": "hers"})
    await scene.immich.run_jobs()
    await scene.api("PUT", "/assets/copy", {**both, "sidecar": False})
    assert target.exif.description == "mine"
    await scene.api("PUT", "/assets/copy", both)
    assert (target.exif.description, target.exif.rating) == ("hers", None)


async def test_a_server_without_a_description_has_none(scene: Scene) -> None:
    assert (await scene.api("GET", "/spec.json")).json()["info"]["version"] == "3.1.0"
    scene.immich.state.description = None
    assert (await scene.api("GET", "/spec.json")).status_code == 404
