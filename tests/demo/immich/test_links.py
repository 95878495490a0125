from __future__ import annotations

from typing import Any

import pytest

from tests.demo.immich.scene import Scene

_UNKNOWN = "ffffffff-0000-4000-8000-00000000000f"


@pytest.mark.parametrize(("version", "shown"), [("2.5.6", 2), ("2.7.5", 1), ("3.1.0", 1)])
async def test_a_list_of_links_shows_few_assets_and_a_link_all_that_are_not_trashed(scene: Scene, shown: int) -> None:
    rows = scene.assets(3)
    link = scene.immich.link(scene.ann, *rows)
    scene.immich.trash(rows[0])
    [listed] = (await scene.api("GET", "/shared-links")).json()
    assert [asset["id"] for asset in listed["assets"]] == [row.id for row in rows[1:]][:shown]
    whole = (await scene.api("GET", f"/shared-links/{link.id}")).json()
    assert [asset["id"] for asset in whole["assets"]] == [rows[1].id, rows[2].id]
    assert whole["type"] == "INDIVIDUAL"
    assert "album" not in whole


async def test_a_link_to_an_album_names_it_and_lists_nothing(scene: Scene) -> None:
    album = scene.immich.album(scene.ann, "Trip", *scene.assets(2))
    body = {"type": "ALBUM", "albumId": album.id, "assetIds": [_UNKNOWN]}
    made = (await scene.api("POST", "/shared-links", body)).json()
    assert (made["album"]["id"], made["album"]["shared"], made["assets"]) == (album.id, True, [])


async def test_links_are_each_users_own(scene: Scene) -> None:
    bob = scene.immich.add_user("Bob")
    foreign = scene.immich.link(bob, scene.asset(owner=bob))
    assert (await scene.api("GET", "/shared-links")).json() == []
    for link_id in (foreign.id, _UNKNOWN):
        for method, path in (("GET", ""), ("PUT", "/assets"), ("DELETE", "/assets")):
            body: dict[str, list[str]] | None = {"assetIds": []} if path else None
            response = await scene.api(method, f"/shared-links/{link_id}{path}", body)
            assert (response.status_code, response.json()) == (400, {"message": "Shared link not found"})


@pytest.mark.parametrize(
    ("body", "message"),
    [
        pytest.param({"type": "ALBUM"}, "Invalid albumId", id="no album"),
        pytest.param({"type": "ALBUM", "albumId": _UNKNOWN}, "Not found or no album.share access", id="unknown album"),
        pytest.param({"type": "INDIVIDUAL"}, "Invalid assetIds", id="no assets"),
        pytest.param(
            {"type": "INDIVIDUAL", "assetIds": [_UNKNOWN]}, "Not found or no asset.share access", id="unknown"
        ),
        pytest.param({}, "Validation failed", id="no type"),
    ],
)
async def test_a_link_to_nothing_is_not_made(scene: Scene, body: dict[str, Any], message: str) -> None:
    response = await scene.api("POST", "/shared-links", body)
    assert (response.status_code, response.json()["message"]) == (400, message)
    assert scene.immich.state.links == {}


async def test_a_viewer_may_not_link_an_album(scene: Scene) -> None:
    bob = scene.immich.add_user("Bob")
    album = scene.immich.album(bob, "Trip", viewers=[scene.ann])
    assert (await scene.api("POST", "/shared-links", {"type": "ALBUM", "albumId": album.id})).status_code == 400


async def test_each_asset_is_answered_for_by_itself(scene: Scene) -> None:
    first, second = scene.assets(2)
    link = scene.immich.link(scene.ann, first)
    path = f"/shared-links/{link.id}/assets"
    added = await scene.api("PUT", path, {"assetIds": [first.id, second.id, _UNKNOWN]})
    assert added.json() == [
        {"assetId": first.id, "success": False, "error": "duplicate"},
        {"assetId": second.id, "success": True},
        {"assetId": _UNKNOWN, "success": False, "error": "no_permission"},
    ]
    removed = await scene.api("DELETE", path, {"assetIds": [first.id, first.id]})
    assert [each.get("error") for each in removed.json()] == [None, "not_found"]
    assert list(link.assets) == [second.id]


async def test_an_id_twice_and_one_in_the_trash_break_the_server(scene: Scene) -> None:
    first, second = scene.assets(2)
    link = scene.immich.link(scene.ann, first)
    path = f"/shared-links/{link.id}/assets"
    assert (await scene.api("PUT", path, {"assetIds": [second.id, second.id]})).status_code == 500
    scene.immich.trash(first)
    assert (await scene.api("PUT", path, {"assetIds": [first.id]})).status_code == 500
    assert list(link.assets) == [first.id]


async def test_a_link_to_an_album_takes_no_assets(scene: Scene) -> None:
    link = scene.immich.link(scene.ann, album=scene.immich.album(scene.ann, "Trip"))
    response = await scene.api("PUT", f"/shared-links/{link.id}/assets", {"assetIds": []})
    assert response.json() == {"message": "Invalid shared link type"}


@pytest.mark.parametrize(
    ("version", "needs"),
    [
        pytest.param("2.5.6", {"PUT": "all", "DELETE": "all"}, id="2.5.6"),
        pytest.param("2.7.5", {"PUT": "all", "DELETE": "sharedLink.update"}, id="2.7.5"),
        pytest.param("3.1.0", {"PUT": "sharedLink.update", "DELETE": "sharedLink.update"}, id="3.1.0"),
    ],
)
async def test_what_a_key_needs_depends_on_the_version(scene: Scene, needs: dict[str, str]) -> None:
    link = scene.immich.link(scene.ann, scene.asset())
    poor, narrow = scene.client_of(scene.ann, "asset.read"), scene.client_of(scene.ann, "sharedLink.update")
    for method, permission in needs.items():
        response = await poor(method, f"/shared-links/{link.id}/assets", {"assetIds": []})
        assert response.json()["message"] == f"Missing required permission: {permission}"
        status = (await narrow(method, f"/shared-links/{link.id}/assets", {"assetIds": []})).status_code
        assert status == (403 if permission == "all" else 200)
