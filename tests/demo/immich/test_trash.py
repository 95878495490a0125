from __future__ import annotations

from tests.demo.immich.scene import Scene

_UNKNOWN = "ffffffff-0000-4000-8000-00000000000f"


async def test_trash_is_restored_and_the_answer_counts_what_was_asked(scene: Scene) -> None:
    first, second = scene.assets(2)
    assert (await scene.api("DELETE", "/assets", {"ids": [first.id]})).status_code == 204
    assert (first.status, second.status) == ("trashed", "active")
    response = await scene.api("POST", "/trash/restore/assets", {"ids": [first.id, second.id]})
    assert response.json() == {"count": 2}
    assert (first.status, first.deleted_us) == ("active", None)
    assert (await scene.api("POST", "/trash/restore/assets", {"ids": [_UNKNOWN]})).status_code == 400


async def test_the_whole_trash_is_restored_by_count(scene: Scene) -> None:
    first, _ = scene.assets(2)
    scene.immich.trash(first)
    assert (await scene.api("POST", "/trash/restore")).json() == {"count": 1}


async def test_emptying_deletes_in_the_background_and_is_final(scene: Scene) -> None:
    first, second = scene.assets(2)
    scene.immich.trash(first)
    assert (await scene.api("POST", "/trash/empty")).json() == {"count": 1}
    assert (await scene.api("POST", "/trash/restore")).json() == {"count": 0}
    assert await scene.immich.run_jobs() == 1
    assert list(scene.immich.state.assets) == [second.id]


async def test_force_deletes_without_the_trash(scene: Scene) -> None:
    (row,) = scene.assets(1)
    await scene.api("DELETE", "/assets", {"ids": [row.id, row.id], "force": True})
    assert row.status == "deleted"
    await scene.immich.run_jobs()
    assert (await scene.api("GET", f"/assets/{row.id}")).json() == {"message": "Not found or no asset.read access"}
