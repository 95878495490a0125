"""Assets go into the trash and come back, talking to an emulated Immich of every generation."""

from __future__ import annotations

from collections.abc import Awaitable, Callable

import pytest

from sidecar.errors import ImmichMissing
from sidecar.immich_client.client import Immich
from sidecar.model import AssetId
from tests.immich_client.scene import Scene


@pytest.mark.parametrize("is_on", [True, False])
async def test_the_server_says_whether_it_has_a_trash(scene: Scene, *, is_on: bool) -> None:
    scene.server.set_trash(is_on=is_on)
    assert await scene.immich.trash_is_on() is is_on


async def test_trashing_and_restoring_twice_is_once(scene: Scene) -> None:
    for _ in range(2):
        await scene.immich.trash(scene.ids[:2])
    assert [row.status for row in scene.rows] == ["trashed", "trashed", "active"]
    for _ in range(2):
        await scene.immich.restore(scene.ids)
    assert [row.deleted_us for row in scene.rows] == [None, None, None]
    assert len(scene.asked("DELETE", "/assets")) == 2


async def test_nothing_is_ever_deleted_for_good_by_us(scene: Scene) -> None:
    scene.server.set_trash(is_on=False)
    await scene.immich.trash(scene.ids)
    assert {row.status for row in scene.rows} == {"trashed"}
    await scene.server.run_jobs()
    assert all(row.id in scene.server.state.assets for row in scene.rows)


@pytest.mark.parametrize("write", [Immich.trash, Immich.restore], ids=["trash", "restore"])
async def test_one_foreign_asset_keeps_all_where_they_are(
    scene: Scene, write: Callable[[Immich, list[AssetId]], Awaitable[None]]
) -> None:
    scene.server.trash(scene.rows[0])
    with pytest.raises(ImmichMissing):
        await write(scene.immich, [*scene.ids, scene.bobs_id])
    assert [row.status for row in scene.rows] == ["trashed", "active", "active"]
