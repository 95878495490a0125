from __future__ import annotations

import httpx
import pytest

from sidecar.demo.immich.rows import AssetRow
from sidecar.model import Visibility
from tests.demo.immich.scene import Scene

_UNKNOWN = "ffffffff-0000-4000-8000-00000000000f"


def _ids(*rows: AssetRow) -> dict[str, list[str]]:
    return {"assetIds": [row.id for row in rows]}


def _members(response: httpx.Response) -> list[str]:
    return [asset["originalFileName"][4:8].lstrip("0") or "0" for asset in response.json()["assets"]]


async def test_a_stack_lists_its_primary_first_and_bumps_every_member(scene: Scene) -> None:
    first, second = scene.assets(2)
    before = (first.updated_us, second.updated_us)
    response = await scene.api("POST", "/stacks", _ids(second, first))
    assert response.status_code == 201
    assert response.json()["primaryAssetId"] == second.id
    assert _members(response) == ["1", "0"]
    assert first.updated_us > before[0]
    assert second.updated_us > before[1]


async def test_a_listed_primary_brings_its_old_stack_along_but_not_the_trashed(scene: Scene) -> None:
    primary, child, trashed, newcomer = scene.assets(4)
    old = scene.immich.stack(scene.ann, primary, child, trashed)
    scene.immich.trash(trashed)
    response = await scene.api("POST", "/stacks", _ids(newcomer, primary))
    assert sorted(_members(response)) == ["0", "1", "3"]
    assert old.id not in scene.immich.state.stacks
    assert trashed.stack_id is None


async def test_a_listed_child_moves_silently_and_may_leave_a_stack_of_one(scene: Scene) -> None:
    primary, child, newcomer = scene.assets(3)
    old = scene.immich.stack(scene.ann, primary, child)
    response = await scene.api("POST", "/stacks", _ids(newcomer, child))
    assert _members(response) == ["2", "1"]
    assert _members(await scene.api("GET", f"/stacks/{old.id}")) == ["0"]


async def test_the_same_id_twice_makes_a_stack_of_one(scene: Scene) -> None:
    (asset,) = scene.assets(1)
    response = await scene.api("POST", "/stacks", _ids(asset, asset))
    assert (response.status_code, _members(response)) == (201, ["0"])
    assert (await scene.api("GET", f"/assets/{asset.id}")).json()["stack"] is None


@pytest.mark.parametrize("stranger", ["unknown", "foreign", "locked"])
async def test_one_bad_id_refuses_all(scene: Scene, stranger: str) -> None:
    good, locked = scene.assets(2)
    scene.immich.set_visibility(locked, Visibility.LOCKED)
    foreign = scene.asset(owner=scene.immich.add_user("Bob"))
    bad = {"unknown": _UNKNOWN, "foreign": foreign.id, "locked": locked.id}[stranger]
    response = await scene.api("POST", "/stacks", {"assetIds": [good.id, bad]})
    assert (response.status_code, response.json()) == (400, {"message": "Not found or no asset.update access"})
    assert good.stack_id is None


async def test_hidden_trashed_locked_and_unread_members_are_not_shown(scene: Scene) -> None:
    primary, *others = scene.assets(5)
    stack = scene.immich.stack(scene.ann, primary, *others)
    scene.immich.set_visibility(others[0], Visibility.HIDDEN)
    scene.immich.set_visibility(others[1], Visibility.LOCKED)
    scene.immich.trash(others[2])
    others[3].exif = None
    assert _members(await scene.api("GET", f"/stacks/{stack.id}")) == ["0"]


async def test_a_stack_of_an_archived_primary_counts_children_on_the_timeline(scene: Scene) -> None:
    primary, child, archived = scene.assets(3)
    stack = scene.immich.stack(scene.ann, primary, child, archived)
    scene.immich.set_visibility(archived, Visibility.ARCHIVE)
    scene.immich.trash(primary)
    told = (await scene.api("GET", f"/assets/{primary.id}")).json()["stack"]
    assert told == {"id": stack.id, "primaryAssetId": primary.id, "assetCount": 2}


async def test_another_primary_touches_no_asset(scene: Scene) -> None:
    first, second = scene.assets(2)
    stack = scene.immich.stack(scene.ann, first, second)
    before = (first.updated_us, second.updated_us)
    response = await scene.api("PUT", f"/stacks/{stack.id}", {"primaryAssetId": second.id})
    assert _members(response) == ["1", "0"]
    assert (first.updated_us, second.updated_us) == before
    assert (await scene.api("GET", "/stacks", params={"primaryAssetId": first.id})).json() == []
    [found] = (await scene.api("GET", "/stacks", params={"primaryAssetId": second.id})).json()
    assert found["id"] == stack.id


async def test_an_empty_update_changes_nothing(scene: Scene) -> None:
    stack = scene.immich.stack(scene.ann, *scene.assets(2))
    response = await scene.api("PUT", f"/stacks/{stack.id}", {})
    assert (response.status_code, response.json()["primaryAssetId"]) == (200, stack.primary_id)


async def test_a_member_that_is_hidden_cannot_become_primary(scene: Scene) -> None:
    first, second = scene.assets(2)
    stack = scene.immich.stack(scene.ann, first, second)
    scene.immich.set_visibility(second, Visibility.HIDDEN)
    response = await scene.api("PUT", f"/stacks/{stack.id}", {"primaryAssetId": second.id})
    assert response.json() == {"message": "Primary asset must be in the stack"}


async def test_leaving_never_dissolves_and_the_primary_may_not_leave(scene: Scene) -> None:
    first, second, stranger = scene.assets(3)
    stack = scene.immich.stack(scene.ann, first, second)
    assert (await scene.api("DELETE", f"/stacks/{stack.id}/assets/{second.id}")).status_code == 204
    assert _members(await scene.api("GET", f"/stacks/{stack.id}")) == ["0"]
    refused = await scene.api("DELETE", f"/stacks/{stack.id}/assets/{first.id}")
    assert refused.json() == {"message": "Cannot remove stack's primary asset"}
    for asset_id in (second.id, stranger.id, _UNKNOWN):
        refused = await scene.api("DELETE", f"/stacks/{stack.id}/assets/{asset_id}")
        assert refused.json() == {"message": "Asset not in stack"}


async def test_a_deleted_stack_only_unlinks(scene: Scene) -> None:
    rows = scene.assets(2)
    stack = scene.immich.stack(scene.ann, *rows)
    before = [row.updated_us for row in rows]
    assert (await scene.api("DELETE", f"/stacks/{stack.id}")).status_code == 204
    assert [row.stack_id for row in rows] == [None, None]
    assert all(row.updated_us > then for row, then in zip(rows, before, strict=True))
    again = await scene.api("DELETE", f"/stacks/{stack.id}")
    assert again.json() == {"message": "Not found or no stack.delete access"}


@pytest.mark.parametrize("version", ["2.7.5", "3.1.0"])
async def test_foreign_and_unknown_stacks_are_refused_alike_whatever_is_asked(scene: Scene) -> None:
    bob = scene.immich.add_user("Bob")
    foreign = scene.immich.stack(bob, scene.asset(owner=bob), scene.asset(owner=bob))
    mine = scene.asset()
    for stack_id in (foreign.id, _UNKNOWN):
        refused = await scene.api("PUT", f"/stacks/{stack_id}", {"primaryAssetId": mine.id})
        assert (refused.status_code, refused.json()["message"]) == (400, "Not found or no stack.update access")
        refused = await scene.api("DELETE", f"/stacks/{stack_id}")
        assert (refused.status_code, refused.json()["message"]) == (400, "Not found or no stack.delete access")
        refused = await scene.api("DELETE", f"/stacks/{stack_id}/assets/{mine.id}")
        assert refused.json()["message"] == "Not found or no stack.update access"
    assert len(foreign.members) == 2


@pytest.mark.parametrize(
    ("state", "is_taken"),
    [
        pytest.param("archived", True, id="archived"),
        pytest.param("trashed", False, id="trashed"),
        pytest.param("no member", False, id="no member"),
        pytest.param("unknown", False, id="unknown"),
    ],
)
async def test_only_a_member_that_shows_becomes_primary(scene: Scene, state: str, *, is_taken: bool) -> None:
    first, second, stranger = scene.assets(3)
    stack = scene.immich.stack(scene.ann, first, second)
    if state == "archived":
        scene.immich.set_visibility(second, Visibility.ARCHIVE)
    elif state == "trashed":
        scene.immich.trash(second)
    wanted = {"no member": stranger.id, "unknown": _UNKNOWN}.get(state, second.id)
    response = await scene.api("PUT", f"/stacks/{stack.id}", {"primaryAssetId": wanted})
    assert response.status_code == (200 if is_taken else 400)
    assert (stack.primary_id == second.id) is is_taken
    if not is_taken:
        assert response.json() == {"message": "Primary asset must be in the stack"}


async def test_no_primary_is_no_wish(scene: Scene) -> None:
    stack = scene.immich.stack(scene.ann, *scene.assets(2))
    response = await scene.api("PUT", f"/stacks/{stack.id}", {"primaryAssetId": None})
    assert response.json()["errors"][0]["message"] == "Invalid input: expected string, received null"


async def test_a_trashed_member_may_leave_and_comes_back_alone(scene: Scene) -> None:
    first, second = scene.assets(2)
    stack = scene.immich.stack(scene.ann, first, second)
    scene.immich.trash(second)
    assert (await scene.api("DELETE", f"/stacks/{stack.id}/assets/{second.id}")).status_code == 204
    scene.immich.restore(second)
    assert second.stack_id is None


@pytest.mark.parametrize(
    ("asked", "permission"),
    [
        pytest.param(("PUT", "/stacks/{stack}", {}), "stack.update", id="another primary"),
        pytest.param(("DELETE", "/stacks/{stack}/assets/{asset}"), "stack.update", id="leave"),
        pytest.param(("DELETE", "/stacks/{stack}"), "stack.delete", id="dissolve"),
    ],
)
async def test_changes_need_their_permission_and_no_other(
    scene: Scene, asked: tuple[str, ...], permission: str
) -> None:
    first, second = scene.assets(2)
    stack = scene.immich.stack(scene.ann, first, second)
    method, path, *body = asked
    path = path.format(stack=stack.id, asset=second.id)
    refused = await scene.client_of(scene.ann, "stack.read", "asset.update")(method, path, *body)
    assert (refused.status_code, refused.json()["message"]) == (403, f"Missing required permission: {permission}")
    assert (await scene.client_of(scene.ann, permission)(method, path, *body)).is_success


async def test_many_stacks_go_at_once_or_not_at_all(scene: Scene) -> None:
    first = scene.immich.stack(scene.ann, *scene.assets(2))
    second = scene.immich.stack(scene.ann, *scene.assets(2))
    refused = await scene.api("DELETE", "/stacks", {"ids": [first.id, _UNKNOWN]})
    assert refused.status_code == 400
    assert len(scene.immich.stacks_of(scene.ann)) == 2
    assert (await scene.api("DELETE", "/stacks", {"ids": [first.id, second.id, first.id]})).status_code == 204
    assert scene.immich.stacks_of(scene.ann) == []


async def test_deleting_no_stack_at_all_breaks_the_server(scene: Scene) -> None:
    response = await scene.api("DELETE", "/stacks", {"ids": []})
    assert (response.status_code, response.json()) == (500, {"message": "Failed to delete stacks"})


async def test_other_users_stacks_are_neither_listed_nor_touched(scene: Scene) -> None:
    stack = scene.immich.stack(scene.ann, *scene.assets(2))
    bob = scene.client_of(scene.immich.add_user("Bob"))
    assert (await bob("GET", "/stacks")).json() == []
    assert (await bob("GET", "/stacks", params={"primaryAssetId": stack.primary_id})).json() == []
    assert (await bob("GET", f"/stacks/{stack.id}")).json() == {"message": "Not found or no stack.read access"}


async def test_several_deleted_at_once_leave_no_stack_behind(scene: Scene) -> None:
    scene.immich.stack(scene.ann, *scene.assets(3))
    await scene.api("DELETE", "/assets", {"ids": list(scene.immich.state.assets), "force": True})
    await scene.immich.run_jobs()
    assert scene.immich.state.assets == {}
    assert scene.immich.state.stacks == {}
    assert scene.immich.state.stack_of_primary == {}
