"""Tags are put on and taken off, talking to an emulated Immich of every generation."""

from __future__ import annotations

import pytest

from sidecar.errors import ImmichMissing
from tests.immich_client.scene import Scene


async def test_tagging_and_untagging_twice_is_once(scene: Scene) -> None:
    tag = scene.server.tag(scene.ann, "holiday/sea")
    for _ in range(2):
        await scene.immich.tag(tag.id, scene.ids[:2])
    details = await scene.immich.details(scene.ids[0])
    assert [(each.id, each.value) for each in details.tags] == [(tag.id, "holiday/sea")]
    for _ in range(2):
        await scene.immich.untag(tag.id, scene.ids)
    assert (await scene.immich.details(scene.ids[0])).tags == ()


async def test_a_foreign_tag_is_missing_and_a_foreign_asset_is_left_out(scene: Scene) -> None:
    foreign, own = scene.server.tag(scene.bob, "sea"), scene.server.tag(scene.ann, "sea")
    for write in (scene.immich.tag, scene.immich.untag):
        with pytest.raises(ImmichMissing):
            await write(foreign.id, scene.ids)
    with pytest.raises(ImmichMissing, match="leaves out 1 assets"):
        await scene.immich.tag(own.id, [scene.bobs_id, scene.ids[0]])
    assert list(own.assets) == scene.ids[:1]
