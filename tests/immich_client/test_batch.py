"""What holds for every change of several assets at once, talking to an emulated Immich of every generation."""

from __future__ import annotations

from collections.abc import Awaitable, Callable

import pytest

from sidecar.errors import ParameterError
from sidecar.immich_client.client import ASSETS_AT_ONCE, Immich
from sidecar.model import AssetId
from tests.immich_client.scene import GROUP, UNKNOWN, Scene

Write = Callable[[Immich, list[AssetId]], Awaitable[None]]

# Every change of several assets at once; albums, tags and links that nobody has are never asked for without assets.
WRITES = [
    pytest.param(lambda immich, ids: immich.trash(ids), id="trash"),
    pytest.param(lambda immich, ids: immich.restore(ids), id="restore"),
    pytest.param(lambda immich, ids: immich.record_duplicates(ids, GROUP), id="record duplicates"),
    pytest.param(lambda immich, ids: immich.add_to_album(UNKNOWN, ids), id="add to an album"),
    pytest.param(lambda immich, ids: immich.remove_from_album(UNKNOWN, ids), id="remove from an album"),
    pytest.param(lambda immich, ids: immich.tag(UNKNOWN, ids), id="tag"),
    pytest.param(lambda immich, ids: immich.untag(UNKNOWN, ids), id="untag"),
    pytest.param(lambda immich, ids: immich.add_to_link(UNKNOWN, ids), id="add to a link"),
    pytest.param(lambda immich, ids: immich.remove_from_link(UNKNOWN, ids), id="remove from a link"),
]


@pytest.mark.parametrize("write", WRITES)
async def test_no_assets_are_no_call_and_too_many_are_refused_before_they_leave(scene: Scene, write: Write) -> None:
    await write(scene.immich, [])
    with pytest.raises(ParameterError, match=f"{ASSETS_AT_ONCE + 1} assets"):
        await write(scene.immich, [AssetId(str(number)) for number in range(ASSETS_AT_ONCE + 1)])
    assert scene.server.calls == []
