from __future__ import annotations

from typing import Any

import pytest

from sidecar.model import Visibility
from tests.demo.immich.scene import Scene

_UNKNOWN = "ffffffff-0000-4000-8000-00000000000f"
_BOTH = pytest.mark.parametrize("version", ["2.7.5", "3.1.0"])


async def names_listed(scene: Scene, **query: str) -> list[str]:
    return [album["albumName"] for album in (await scene.api("GET", "/albums", params=query)).json()]


async def errors_of(scene: Scene, method: str, path: str, ids: list[str]) -> list[str | None]:
    return [each.get("error") for each in (await scene.api(method, path, {"ids": ids})).json()]


@pytest.mark.parametrize(
    ("version", "expected"),
    [
        pytest.param("2.7.5", (["mine", "given"], ["taken", "given"], ["mine"]), id="2.x"),
        pytest.param("3.1.0", (["taken", "mine", "given"],) * 3, id="3.x knows no `shared`"),
    ],
)
async def test_which_albums_are_listed_depends_on_the_version(
    scene: Scene, expected: tuple[list[str], list[str], list[str]]
) -> None:
    bob = scene.immich.add_user("Bob")
    scene.immich.album(scene.ann, "given", viewers=[bob])
    scene.immich.album(scene.ann, "mine")
    scene.immich.album(bob, "taken", editors=[scene.ann])
    scene.immich.album(bob, "bob's")
    found = (
        await names_listed(scene),
        await names_listed(scene, shared="true"),
        await names_listed(scene, shared="false"),
    )
    assert found == expected


async def test_a_linked_album_counts_as_shared_but_not_among_an_assets_albums(scene: Scene) -> None:
    row = scene.asset()
    album = scene.immich.album(scene.ann, "linked", row)
    scene.immich.link(scene.ann, album=album)
    [listed] = (await scene.api("GET", "/albums")).json()
    [of_asset] = (await scene.api("GET", "/albums", params={"assetId": row.id})).json()
    assert (listed["shared"], listed["hasSharedLink"]) == (True, True)
    assert (of_asset["shared"], of_asset["hasSharedLink"]) == (False, False)


async def test_a_trashed_asset_stays_in_its_albums_and_is_not_counted(scene: Scene) -> None:
    early, late, hidden = scene.asset(), scene.asset(at_s=86_400), scene.asset(visibility=Visibility.HIDDEN)
    album = scene.immich.album(scene.ann, "Trip", late, early, hidden)
    scene.immich.trash(late)
    [listed] = (await scene.api("GET", "/albums", params={"assetId": late.id})).json()
    assert listed["assetCount"] == 1
    assert listed["startDate"] == listed["endDate"] == "2024-05-01T00:00:00.000Z"
    assert listed["albumThumbnailAssetId"] == early.id
    scene.immich.trash(early)
    [listed] = (await scene.api("GET", "/albums")).json()
    assert (listed["assetCount"], listed["albumThumbnailAssetId"]) == (0, None)
    assert "startDate" not in listed
    assert list(album.assets) == [late.id, early.id, hidden.id]


async def test_an_asset_that_is_gone_for_good_is_in_no_album_tag_or_link(scene: Scene) -> None:
    row = scene.asset()
    album, tag = scene.immich.album(scene.ann, "Trip", row), scene.immich.tag(scene.ann, "sea", row)
    link = scene.immich.link(scene.ann, row)
    assert (scene.immich.albums_of(row), scene.immich.links_of(row)) == ([album], [link])
    scene.immich.delete_for_good(row)
    await scene.immich.run_jobs()
    assert (album.assets, tag.assets, link.assets) == ({}, {}, {})


@_BOTH
async def test_only_what_one_may_share_gets_into_a_new_album(scene: Scene, version: str) -> None:
    bob, eve = scene.immich.add_user("Bob"), scene.immich.add_user("Eve")
    scene.immich.share_timeline(eve, scene.ann)
    own, foreign, partners = scene.asset(), scene.asset(owner=bob), scene.asset(owner=eve)
    locked = scene.asset(visibility=Visibility.LOCKED)
    body = {"albumName": "Trip", "assetIds": [row.id for row in (own, foreign, partners, locked)] + [_UNKNOWN]}
    made = (await scene.api("POST", "/albums", body)).json()
    assert list(scene.immich.state.albums[made["id"]].assets) == [own.id, partners.id]
    assert (made["assetCount"], made["albumThumbnailAssetId"]) == (2, own.id)
    assert ("assets" in made) is (version == "2.7.5")


@pytest.mark.parametrize(("version", "message"), [("2.7.5", "User not found"), ("3.1.0", "Invalid user")])
async def test_an_album_is_not_made_for_strangers(scene: Scene, message: str) -> None:
    users = [{"userId": _UNKNOWN, "role": "editor"}, {"userId": scene.ann.id, "role": "viewer"}]
    response = await scene.api("POST", "/albums", {"albumName": "Trip", "albumUsers": users})
    assert (response.status_code, response.json()["message"]) == (400, message)
    assert scene.immich.state.albums == {}


async def test_each_asset_is_answered_for_by_itself(scene: Scene) -> None:
    bob = scene.immich.add_user("Bob")
    first, second = scene.assets(2)
    foreign = scene.asset(owner=bob)
    album = scene.immich.album(scene.ann, "Trip", first)
    path, before = f"/albums/{album.id}/assets", album.updated_us
    assert await errors_of(scene, "PUT", path, [first.id]) == ["duplicate"]
    assert album.updated_us == before
    ids = [second.id, second.id, foreign.id, _UNKNOWN]
    assert await errors_of(scene, "PUT", path, ids) == [None, "duplicate", "no_permission", "no_permission"]
    assert album.updated_us > before
    assert await errors_of(scene, "DELETE", path, [second.id, second.id]) == [None, "not_found"]


async def test_an_empty_album_gets_its_first_asset_for_a_cover(scene: Scene) -> None:
    row = scene.asset()
    album = scene.immich.album(scene.ann, "Trip")
    await scene.api("PUT", f"/albums/{album.id}/assets", {"ids": [row.id]})
    assert album.thumbnail_id == row.id


@pytest.mark.parametrize(
    ("role", "method", "status", "error"),
    [
        ("owner", "DELETE", 200, None),
        ("editor", "DELETE", 200, "no_permission"),
        ("viewer", "DELETE", 400, None),
        ("nobody", "DELETE", 400, None),
        ("editor", "PUT", 200, "duplicate"),
        ("viewer", "PUT", 400, None),
        ("nobody", "PUT", 400, None),
    ],
)
async def test_what_one_may_do_in_an_album_depends_on_ones_role(
    scene: Scene, role: str, method: str, status: int, error: str | None
) -> None:
    bob = scene.immich.add_user("Bob")
    row = scene.asset(owner=bob)
    roles: dict[str, Any] = {"editor": {"editors": [scene.ann]}, "viewer": {"viewers": [scene.ann]}}
    album = scene.immich.album(scene.ann if role == "owner" else bob, "Trip", row, **roles.get(role, {}))
    response = await scene.api(method, f"/albums/{album.id}/assets", {"ids": [row.id]})
    assert response.status_code == status
    if status == 200:
        assert response.json()[0].get("error") == error
    else:
        verb = "create" if method == "PUT" else "delete"
        assert response.json() == {"message": f"Not found or no albumAsset.{verb} access"}


@pytest.mark.parametrize(
    ("method", "message"),
    [("PUT", "Album not found"), ("DELETE", "Not found or no albumAsset.delete access")],
)
async def test_an_unknown_album_is_told_in_two_ways(scene: Scene, method: str, message: str) -> None:
    response = await scene.api(method, f"/albums/{_UNKNOWN}/assets", {"ids": []})
    assert (response.status_code, response.json()["message"]) == (400, message)


async def test_whoever_takes_part_in_an_album_sees_its_assets_until_they_are_trashed(scene: Scene) -> None:
    bob = scene.immich.add_user("Bob")
    row = scene.asset(owner=bob)
    assert (await scene.api("GET", f"/assets/{row.id}")).status_code == 400
    scene.immich.album(bob, "Trip", row, viewers=[scene.ann])
    assert (await scene.api("GET", f"/assets/{row.id}")).status_code == 200
    scene.immich.trash(row)
    assert (await scene.api("GET", f"/assets/{row.id}")).status_code == 400


@pytest.mark.parametrize(
    ("version", "expected"),
    [pytest.param("2.7.5", ["ann.jpg"], id="2.x"), pytest.param("3.1.0", ["bob.jpg", "ann.jpg"], id="3.x")],
)
async def test_a_search_by_albums_wants_all_of_them(scene: Scene, expected: list[str]) -> None:
    bob = scene.immich.add_user("Bob")
    own, foreign, other = scene.asset("ann.jpg"), scene.asset("bob.jpg", owner=bob, at_s=5), scene.asset("other.jpg")
    both = scene.immich.album(scene.ann, "both", own, foreign)
    one = scene.immich.album(scene.ann, "one", own, other)
    assert await scene.api.names_found(albumIds=[both.id], visibility="timeline") == expected
    assert await scene.api.names_found(albumIds=[both.id, one.id]) == ["ann.jpg"]
    scene.immich.state.take_out(both, [own.id])
    assert await scene.api.names_found(albumIds=[both.id, one.id]) == []
    assert len(await scene.api.names_found(albumIds=[])) == 2


@pytest.mark.parametrize(("version", "status"), [("2.7.5", 200), ("3.1.0", 400)])
async def test_a_search_by_an_album_that_one_may_not_read_is_refused_or_empty(scene: Scene, status: int) -> None:
    response = await scene.api("POST", "/search/metadata", {"albumIds": [_UNKNOWN]})
    assert response.status_code == status
    if status == 200:
        assert response.json()["assets"]["items"] == []


async def test_locking_an_asset_takes_it_out_of_every_album(scene: Scene) -> None:
    row = scene.asset()
    album = scene.immich.album(scene.ann, "Trip", row)
    await scene.api("PUT", "/assets", {"ids": [row.id], "visibility": "locked"})
    assert album.assets == {}
