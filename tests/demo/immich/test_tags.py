from __future__ import annotations

import pytest

from sidecar.demo.immich import JobKind
from tests.demo.immich.scene import Scene

_UNKNOWN = "ffffffff-0000-4000-8000-00000000000f"


async def test_a_tag_is_made_with_its_parents_and_found_again(scene: Scene) -> None:
    [sea] = (await scene.api("PUT", "/tags", {"tags": ["holiday/sea"]})).json()
    again = (await scene.api("PUT", "/tags", {"tags": ["/holiday//sea", "holiday", "/"]})).json()
    assert [tag["id"] for tag in again] == [sea["id"], sea["parentId"]]
    listed = (await scene.api("GET", "/tags")).json()
    assert [(tag["name"], tag["value"]) for tag in listed] == [("holiday", "holiday"), ("sea", "holiday/sea")]
    assert "parentId" not in listed[0]


async def test_tags_are_each_users_own(scene: Scene) -> None:
    bob = scene.immich.add_user("Bob")
    theirs = scene.immich.tag(bob, "sea")
    assert (await scene.api("GET", "/tags")).json() == []
    [mine] = (await scene.api("PUT", "/tags", {"tags": ["sea"]})).json()
    assert mine["id"] != theirs.id
    for tag_id in (theirs.id, _UNKNOWN):
        response = await scene.api("PUT", f"/tags/{tag_id}/assets", {"ids": []})
        assert response.json() == {"message": "Not found or no tag.asset access"}


async def test_a_tag_shows_in_details_duplicates_and_stacks_and_never_in_a_search(scene: Scene) -> None:
    first, second = scene.assets(2)
    tag = scene.immich.tag(scene.ann, "sea", first)
    body = {"ids": [first.id, second.id], "duplicateId": _UNKNOWN}
    await scene.api("PUT", "/assets", body)
    detail = (await scene.api("GET", f"/assets/{first.id}")).json()
    [group] = (await scene.api("GET", "/duplicates")).json()
    stack = scene.immich.stack(scene.ann, first, second)
    members = (await scene.api("GET", f"/stacks/{stack.id}")).json()["assets"]
    for tagged in (detail, group["assets"][0], members[0]):
        assert [each["id"] for each in tagged["tags"]] == [tag.id]
    assert group["assets"][1]["tags"] == members[1]["tags"] == []
    found = (await scene.api("POST", "/search/metadata", {})).json()["assets"]["items"]
    assert all("tags" not in asset for asset in found)


async def test_what_is_tagged_or_untagged_is_read_again_and_nothing_else(scene: Scene) -> None:
    first, second = scene.assets(2)
    tag = scene.immich.tag(scene.ann, "sea", second)
    before = (first.updated_us, second.updated_us)
    await scene.api("PUT", f"/tags/{tag.id}/assets", {"ids": [first.id, second.id]})
    assert (first.updated_us, second.updated_us) == before
    assert await scene.immich.run_jobs(JobKind.SIDECAR) == 1
    assert (first.updated_us > before[0], second.updated_us) == (True, before[1])
    await scene.api("DELETE", f"/tags/{tag.id}/assets", {"ids": [first.id, first.id]})
    assert await scene.immich.run_jobs(JobKind.SIDECAR) == 1
    assert list(tag.assets) == [second.id]


@pytest.mark.parametrize("tags", [None, "sea", ["sea", 5]])
async def test_tags_are_texts(scene: Scene, tags: object) -> None:
    assert (await scene.api("PUT", "/tags", {"tags": tags})).status_code == 400


def test_a_tag_without_a_name_is_a_mistake(scene: Scene) -> None:
    with pytest.raises(ValueError, match="name"):
        scene.immich.tag(scene.ann, "/")
