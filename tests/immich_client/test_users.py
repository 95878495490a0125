"""The users around the one to whom the key belongs, talking to an emulated Immich of every generation."""

from __future__ import annotations

from sidecar.immich_client.users import Partner
from sidecar.model import OwnerId
from tests.immich_client.scene import Scene


async def test_partners_are_those_who_share_with_the_user(scene: Scene) -> None:
    eve, carol = scene.server.add_user("Eve"), scene.server.add_user("Carol")
    scene.server.share_timeline(scene.bob, scene.ann, in_timeline=False)
    scene.server.share_timeline(carol, scene.ann)
    scene.server.share_timeline(scene.ann, eve)
    expected = [
        Partner(OwnerId(scene.bob.id), scene.bob.name, in_timeline=False),
        Partner(OwnerId(carol.id), "Carol", in_timeline=True),
    ]
    assert list(await scene.immich.partners()) == sorted(expected, key=lambda each: each.id)
