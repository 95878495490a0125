"""Originals, whole and in parts, and thumbnails, talking to an emulated Immich of every generation."""

from __future__ import annotations

from typing import Any

import pytest

from sidecar.errors import ContractBroken, ImmichMissing, ImmichUnavailable, ParameterError, SidecarError
from sidecar.immich_client.client import THUMBNAIL_LIMIT_BYTES
from sidecar.model import AssetId, Visibility
from tests.immich_client.scene import UNKNOWN, Scene


async def test_a_thumbnail_comes_as_immich_keeps_it(scene: Scene) -> None:
    scene.server.set_thumbnail(scene.rows[0], b"webp")
    scene.server.trash(scene.rows[0])
    assert await scene.immich.thumbnail(scene.ids[0]) == b"webp"
    [call] = scene.asked("GET")
    assert call.query == "size=thumbnail"


@pytest.mark.parametrize("state", ["none", "unknown", "foreign", "locked"])
async def test_a_thumbnail_that_cannot_be_had_is_missing_at_the_first_answer(scene: Scene, state: str) -> None:
    asset_id = {"unknown": UNKNOWN, "foreign": scene.bobs_id}.get(state, scene.ids[0])
    if state == "locked":
        scene.server.set_thumbnail(scene.rows[0], b"webp")
        scene.server.set_visibility(scene.rows[0], Visibility.LOCKED)
    with pytest.raises(ImmichMissing):
        await scene.immich.thumbnail(asset_id)
    assert len(scene.asked("GET")) == 1


async def test_a_thumbnail_is_asked_for_again_while_immich_is_down_or_breaks_off(scene: Scene) -> None:
    scene.server.set_thumbnail(scene.rows[0], b"webp")
    scene.server.fail("GET", "/assets/*", status=503)
    scene.server.fail("GET", "/assets/*", cut_after_bytes=2)
    assert await scene.immich.thumbnail(scene.ids[0]) == b"webp"


async def test_what_is_too_large_for_a_thumbnail_is_none(scene: Scene) -> None:
    scene.server.set_thumbnail(scene.rows[0], b"x" * (THUMBNAIL_LIMIT_BYTES + 1))
    with pytest.raises(ContractBroken, match="larger than"):
        await scene.immich.thumbnail(scene.ids[0])
    scene.server.set_thumbnail(scene.rows[0], b"x" * 1_000_000)
    scene.server.fail("GET", "/assets/*", is_endless=True)
    with pytest.raises(ContractBroken, match="larger than"):
        await scene.immich.thumbnail(scene.ids[0])


@pytest.mark.parametrize(
    ("size_bytes", "expected"),
    [
        pytest.param(1, b"0", id="one byte"),
        pytest.param(4, b"0123", id="a part"),
        pytest.param(10, b"0123456789", id="just all"),
        pytest.param(100_000, b"0123456789", id="more than there is"),
    ],
)
async def test_the_first_bytes_of_an_original_are_read(scene: Scene, size_bytes: int, expected: bytes) -> None:
    row = scene.server.upload(scene.ann, "A.CR2", b"0123456789")
    assert await scene.immich.head_of(AssetId(row.id), size_bytes) == expected
    [call] = scene.asked("GET")
    assert call.status == 206


async def test_a_trashed_original_is_read_too(scene: Scene) -> None:
    row = scene.server.upload(scene.ann, "A.CR2", b"0123")
    scene.server.trash(row)
    assert await scene.immich.head_of(AssetId(row.id), 2) == b"01"


async def test_an_empty_original_has_no_first_bytes(scene: Scene) -> None:
    row = scene.server.upload(scene.ann, "A.JPG", b"")
    assert await scene.immich.head_of(AssetId(row.id), 100) == b""
    assert len(scene.asked("GET")) == 1


@pytest.mark.parametrize("state", ["unknown", "foreign", "locked", "without its file"])
async def test_the_head_that_immich_cannot_give_is_missing_at_the_first_answer(scene: Scene, state: str) -> None:
    asset_id = {"unknown": UNKNOWN, "foreign": scene.bobs_id}.get(state, scene.ids[0])
    if state == "locked":
        scene.server.set_visibility(scene.rows[0], Visibility.LOCKED)
    with pytest.raises(ImmichMissing):
        await scene.immich.head_of(asset_id, 10)
    assert len(scene.asked("GET")) == 1


@pytest.mark.parametrize(
    ("how", "kind"),
    [
        pytest.param({"status": 503}, ImmichUnavailable, id="down"),
        pytest.param({"cut": True}, ImmichUnavailable, id="cut"),
    ],
)
async def test_an_original_is_asked_for_again_while_immich_is_down(
    scene: Scene, how: dict[str, Any], kind: type[SidecarError]
) -> None:
    row = scene.server.upload(scene.ann, "A.JPG", b"0123")
    scene.server.fail("GET", times=2, **how)
    assert await scene.immich.head_of(AssetId(row.id), 2) == b"01"
    scene.server.fail("GET", times=3, **how)
    with pytest.raises(kind):
        await scene.immich.head_of(AssetId(row.id), 2)


async def test_a_part_of_nothing_is_not_asked_for(scene: Scene) -> None:
    with pytest.raises(ParameterError):
        await scene.immich.head_of(scene.ids[0], 0)
    assert scene.server.calls == []


async def test_any_part_of_an_original_is_read(scene: Scene) -> None:
    scene.server.set_original(scene.rows[0], b"0123456789")
    scene.server.trash(scene.rows[0])
    assert await scene.immich.range_of(scene.ids[0], 6, 100) == b"6789"
    assert await scene.immich.range_of(scene.ids[0], 2, 3) == b"234"
    assert await scene.immich.range_of(scene.ids[0], 10, 3) == b""


async def test_an_original_is_streamed_to_its_end(scene: Scene) -> None:
    scene.server.set_original(scene.rows[0], b"0123456789" * 50_000)
    async with scene.immich.original(scene.ids[0], limit_bytes=500_000) as pieces:
        assert b"".join([piece async for piece in pieces]) == b"0123456789" * 50_000


@pytest.mark.parametrize(
    ("how", "kind"),
    [
        pytest.param({"cut_after_bytes": 4}, ImmichUnavailable, id="cut"),
        pytest.param({"is_endless": True}, ContractBroken, id="endless"),
        pytest.param({"status": 500}, ImmichUnavailable, id="refused"),
        pytest.param({"cut": True}, ImmichUnavailable, id="no answer"),
    ],
)
async def test_a_stream_that_goes_wrong_fails_at_once(scene: Scene, how: dict[str, Any], kind: type[Exception]) -> None:
    scene.server.set_original(scene.rows[0], b"0123456789")
    scene.server.fail("GET", **how)
    with pytest.raises(kind):
        async with scene.immich.original(scene.ids[0], limit_bytes=1_000_000) as pieces:
            async for _ in pieces:
                pass
    assert len(scene.asked("GET")) <= 1


async def test_a_slow_original_comes_whole(scene: Scene) -> None:
    scene.server.set_original(scene.rows[0], b"0123")
    scene.server.fail("GET", drip_s=0.001)
    async with scene.immich.original(scene.ids[0], limit_bytes=4) as pieces:
        assert b"".join([piece async for piece in pieces]) == b"0123"


@pytest.mark.parametrize("asset", ["unknown", "foreign", "without its file"])
async def test_an_original_that_immich_cannot_give_is_missing(scene: Scene, asset: str) -> None:
    asset_id = {"unknown": UNKNOWN, "foreign": scene.bobs_id}.get(asset, scene.ids[0])
    with pytest.raises(ImmichMissing):
        async with scene.immich.original(asset_id, limit_bytes=4):
            pytest.fail("there is nothing to read")
