"""Immich's bell, talking to an emulated Immich of every generation."""

from __future__ import annotations

import pytest

from sidecar.errors import ImmichRefused, ImmichUnavailable
from sidecar.immich_client.client import open_immich, required_permissions
from sidecar.model import OwnerId
from tests.immich_client.scene import QUICK, Scene


async def test_an_administrator_lets_somebody_else_be_told(scene: Scene) -> None:
    key = scene.server.add_key(scene.server.add_user("Root", is_admin=True))
    async with open_immich(scene.server.url, key, retries=QUICK) as immich:
        assert await immich.may_ring()
        await immich.ring(OwnerId(scene.ann.id), title="Immich sidecar", sentence="There is something.")
    [told] = scene.server.told(scene.ann)
    assert (told.title, told.description, told.type, told.level) == (
        "Immich sidecar", "There is something.", "Custom", "info",
    )  # fmt: skip


@pytest.mark.parametrize(
    ("is_admin", "permissions"),
    [
        pytest.param(False, {"all"}, id="no administrator"),
        pytest.param(True, {*required_permissions(), "notification.create"}, id="without everything"),
    ],
)
async def test_nobody_else_may(scene: Scene, *, is_admin: bool, permissions: set[str]) -> None:
    key = scene.server.add_key(scene.server.add_user("Eve", is_admin=is_admin), permissions)
    async with open_immich(scene.server.url, key, retries=QUICK) as immich:
        assert not await immich.may_ring()
        with pytest.raises(ImmichRefused):
            await immich.ring(OwnerId(scene.ann.id), title="Immich sidecar", sentence="There is something.")
    assert scene.server.told(scene.ann) == []


async def test_what_may_have_been_told_is_not_told_again(scene: Scene) -> None:
    key = scene.server.add_key(scene.server.add_user("Root", is_admin=True))
    scene.server.fail("POST", "/admin/notifications", status=503, times=9)
    async with open_immich(scene.server.url, key, retries=QUICK) as immich:
        with pytest.raises(ImmichUnavailable):
            await immich.ring(OwnerId(scene.ann.id), title="Immich sidecar", sentence="There is something.")
    assert [call.path for call in scene.server.calls].count("/admin/notifications") == 1
