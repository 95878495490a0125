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


async def test_without_a_trash_assets_are_trashed_all_the_same_and_go_the_next_night(scene: Scene) -> None:
    first, second = scene.assets(2)
    scene.immich.set_trash(is_on=False)
    assert (await scene.api("GET", "/server/features")).json()["trash"] is False
    await scene.api("DELETE", "/assets", {"ids": [first.id]})
    assert first.status == "trashed"
    assert scene.immich.pass_night() == 1
    await scene.immich.run_jobs()
    assert list(scene.immich.state.assets) == [second.id]


async def test_a_night_purges_what_lay_in_the_trash_for_thirty_days(scene: Scene) -> None:
    first, second, _ = scene.assets(3)
    scene.immich.trash(first, second)
    assert scene.immich.pass_night() == 0
    scene.immich.state.write(first, deleted_us=scene.immich.state.now_us() - 30 * 86_400_000_000)
    assert scene.immich.pass_night() == 1
    assert (first.status, second.status) == ("deleted", "trashed")


async def test_what_is_trashed_again_begins_its_time_anew(scene: Scene) -> None:
    (row,) = scene.assets(1)
    scene.immich.trash(row)
    before = row.deleted_us or 0
    await scene.api("DELETE", "/assets", {"ids": [row.id]})
    assert (row.deleted_us or 0) > before
