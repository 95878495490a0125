"""The users around the one to whom the key belongs, talking to an emulated Immich of every generation."""

from __future__ import annotations

from tests.immich_client.scene import Scene


async def test_partners_are_those_who_share_with_the_user(scene: Scene) -> None:
    eve = scene.server.add_user("Eve")
    scene.server.share_timeline(scene.bob, scene.ann, in_timeline=False)
    scene.server.share_timeline(scene.ann, eve)
    assert await scene.immich.partners() == (scene.bob.id,)
