"""Memos are written, read and deleted, talking to an emulated Immich of every generation."""

from __future__ import annotations

from types import MappingProxyType
from typing import Any

import pytest

from sidecar.demo.immich.server import MEMO_KEY as EMULATED_KEY
from sidecar.errors import ContractBroken, ImmichMissing, ParameterError
from sidecar.immich_client.client import MEMO_KEY, MEMOS_AT_ONCE
from sidecar.model import AssetId, Visibility
from tests.immich_client.scene import NOON, UNKNOWN, Scene


async def test_an_asset_without_a_memo_has_none(scene: Scene) -> None:
    assert await scene.immich.memo(scene.ids[0]) is None
    scene.server.write_memo(scene.rows[0], {"n": 1}, "mobile-app")
    assert await scene.immich.memo(scene.ids[0]) is None


async def test_memos_are_written_over_older_ones_and_read_back(scene: Scene) -> None:
    first, second, third = scene.ids
    before = [row.updated_us for row in scene.rows]
    scene.server.write_memo(scene.rows[0], {"old": True})
    scene.server.write_memo(scene.rows[0], {"n": 1}, "mobile-app")
    await scene.immich.write_memos({first: {"z": [1, 2.5, None], "a": {"é": "ü"}}, second: {}})
    assert await scene.immich.memo(first) == {"z": [1, 2.5, None], "a": {"é": "ü"}}
    assert await scene.immich.memo(second) == {}
    assert await scene.immich.memo(third) is None
    assert scene.server.memo_of(scene.rows[0], "mobile-app") == {"n": 1}
    assert [row.updated_us for row in scene.rows] == before
    assert EMULATED_KEY == MEMO_KEY


async def test_deleted_memos_are_gone_and_others_stay(scene: Scene) -> None:
    first, second, third = scene.ids
    await scene.immich.write_memos({first: {"n": 1}, second: {"n": 2}})
    scene.server.write_memo(scene.rows[0], {"n": 3}, "mobile-app")
    await scene.immich.delete_memos([first, third])
    assert [await scene.immich.memo(asset_id) for asset_id in scene.ids] == [None, {"n": 2}, None]
    assert scene.server.memo_of(scene.rows[0], "mobile-app") == {"n": 3}


async def test_trashed_and_archived_assets_carry_memos(scene: Scene) -> None:
    scene.server.trash(scene.rows[0])
    scene.server.set_visibility(scene.rows[1], Visibility.ARCHIVE)
    await scene.immich.write_memos({asset_id: {"n": 1} for asset_id in scene.ids})
    assert await scene.immich.memo(scene.ids[0]) == {"n": 1}
    await scene.immich.delete_memos(scene.ids)
    assert await scene.immich.memo(scene.ids[0]) is None


@pytest.mark.parametrize("state", ["unknown", "foreign", "locked"])
async def test_one_missing_asset_keeps_all_memos_as_they_were(scene: Scene, state: str) -> None:
    kept, bad = scene.ids[0], scene.ids[1]
    scene.server.write_memo(scene.rows[0], {"old": True})
    if state == "locked":
        scene.server.set_visibility(scene.rows[1], Visibility.LOCKED)
    else:
        bad = UNKNOWN if state == "unknown" else scene.bobs_id
    with pytest.raises(ImmichMissing):
        await scene.immich.write_memos({kept: {"new": True}, bad: {}})
    with pytest.raises(ImmichMissing):
        await scene.immich.delete_memos([kept, bad])
    with pytest.raises(ImmichMissing):
        await scene.immich.memo(bad)
    assert scene.server.memo_of(scene.rows[0]) == {"old": True}


async def test_the_memo_of_an_asset_goes_with_it(scene: Scene) -> None:
    await scene.immich.write_memos({scene.ids[0]: {"n": 1}})
    scene.server.delete_for_good(scene.rows[0])
    await scene.server.run_jobs()
    with pytest.raises(ImmichMissing):
        await scene.immich.memo(scene.ids[0])


async def test_no_memos_are_no_call(scene: Scene) -> None:
    await scene.immich.write_memos({})
    await scene.immich.delete_memos([])
    assert scene.server.calls == []


async def test_more_memos_than_fit_are_refused_before_they_leave(scene: Scene) -> None:
    ids = [AssetId(str(number)) for number in range(MEMOS_AT_ONCE + 1)]
    with pytest.raises(ParameterError, match=f"{MEMOS_AT_ONCE + 1} memos"):
        await scene.immich.write_memos(dict.fromkeys(ids, MappingProxyType({})))
    with pytest.raises(ParameterError):
        await scene.immich.delete_memos(ids)
    assert scene.server.calls == []


async def test_as_many_memos_as_are_allowed_go_in_one_call(scene: Scene) -> None:
    rows = [scene.server.add_asset(scene.ann, "A.JPG", taken_at=NOON) for _ in range(MEMOS_AT_ONCE)]
    memos = {AssetId(row.id): {"number": number} for number, row in enumerate(rows)}
    await scene.immich.write_memos(memos)
    assert scene.server.memo_of(rows[-1]) == {"number": MEMOS_AT_ONCE - 1}
    await scene.immich.delete_memos(list(memos))
    assert scene.server.memo_of(rows[-1]) is None
    assert [call.method for call in scene.server.calls] == ["PUT", "DELETE"]


@pytest.mark.parametrize("method", ["PUT", "DELETE"])
async def test_memos_are_sent_again_when_the_answer_is_lost(scene: Scene, method: str) -> None:
    scene.server.fail(method, "/assets/metadata", cut=True, after_effect=True)
    if method == "PUT":
        await scene.immich.write_memos({scene.ids[0]: {"n": 1}})
    else:
        await scene.immich.delete_memos(scene.ids[:1])
    assert len(scene.asked(method)) == 2
    assert scene.server.memo_of(scene.rows[0]) == ({"n": 1} if method == "PUT" else None)


@pytest.mark.parametrize(
    "memo",
    [
        pytest.param({"n": 2**53 + 1}, id="a number that JavaScript rounds"),
        pytest.param({"deep": [{"n": -(2**53) - 1}]}, id="one deep inside"),
    ],
)
async def test_a_memo_that_is_not_kept_as_written_is_found_out(scene: Scene, memo: dict[str, Any]) -> None:
    with pytest.raises(ContractBroken, match="1 of 2 memos"):
        await scene.immich.write_memos({scene.ids[0]: memo, scene.ids[1]: {"n": 1}})


@pytest.mark.parametrize("memo", [{"n": 1.0}, {"n": (1, 2)}, {"b": 1, "a": 2}], ids=["float", "tuple", "order"])
async def test_what_is_only_spelled_otherwise_is_the_same_memo(scene: Scene, memo: dict[str, Any]) -> None:
    await scene.immich.write_memos({scene.ids[0]: memo})


async def test_a_memo_that_no_answer_speaks_of_is_found_out(scene: Scene) -> None:
    scene.server.fail("PUT", "/assets/metadata", status=200, body="[]")
    with pytest.raises(ContractBroken, match="1 of 1 memos"):
        await scene.immich.write_memos({scene.ids[0]: {"n": 1}})
