"""Details of an asset are read and changed, talking to an emulated Immich of every generation."""

from __future__ import annotations

from typing import Any

import pytest

from sidecar.errors import ImmichMissing, ParameterError
from tests.immich_client.scene import Scene


async def test_details_are_read_and_changed_one_by_one(scene: Scene) -> None:
    await scene.immich.update_details(scene.ids[0], rating=4)
    await scene.immich.update_details(scene.ids[0], description="the sea")
    await scene.immich.update_details(scene.ids[0], latitude=-1.5, longitude=2.0)
    await scene.immich.update_details(scene.ids[0], is_favorite=True)
    details = await scene.immich.details(scene.ids[0])
    assert (details.rating, details.description, details.latitude, details.longitude) == (4, "the sea", -1.5, 2.0)
    assert details.is_favorite
    await scene.immich.update_details(scene.ids[0], rating=None, description="", is_favorite=False)
    details = await scene.immich.details(scene.ids[0])
    assert (details.rating, details.description, details.latitude, details.is_favorite) == (None, "", -1.5, False)
    await scene.immich.update_details(scene.ids[0], rating=-1)
    assert (await scene.immich.details(scene.ids[0])).rating == -1


async def test_nothing_to_change_is_no_call(scene: Scene) -> None:
    await scene.immich.update_details(scene.ids[0])
    assert scene.server.calls == []


@pytest.mark.parametrize(
    "change", [{"latitude": 1.0}, {"longitude": 1.0}, {"rating": 0}, {"rating": 6}, {"rating": -2}], ids=str
)
async def test_details_that_no_asset_can_have_are_refused_before_they_leave(scene: Scene, change: Any) -> None:
    with pytest.raises(ParameterError):
        await scene.immich.update_details(scene.ids[0], **change)
    assert scene.server.calls == []


@pytest.mark.parametrize("read", [True, False])
async def test_details_of_a_foreign_asset_are_missing(scene: Scene, *, read: bool) -> None:
    with pytest.raises(ImmichMissing):
        await (
            scene.immich.details(scene.bobs_id)
            if read
            else scene.immich.update_details(scene.bobs_id, is_favorite=True)
        )


async def test_a_change_is_sent_again_when_its_answer_is_lost(scene: Scene) -> None:
    scene.server.fail("PUT", cut=True, after_effect=True)
    await scene.immich.update_details(scene.ids[0], rating=5)
    assert len(scene.asked("PUT")) == 2
    assert (await scene.immich.details(scene.ids[0])).rating == 5
