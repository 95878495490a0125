"""What the client changes and reads besides, talking to an emulated Immich of both generations."""

from __future__ import annotations

from collections.abc import AsyncIterator, Awaitable, Callable
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from types import MappingProxyType
from typing import Any

import pytest

from sidecar.demo.immich import Call, EmulatedImmich
from sidecar.demo.immich.rows import AssetRow, StackRow, UserRow
from sidecar.demo.immich.server import MEMO_KEY as EMULATED_KEY
from sidecar.errors import (
    ContractBroken,
    ImmichMissing,
    ImmichRefused,
    ImmichUnavailable,
    ParameterError,
    SidecarError,
    StaleDecision,
)
from sidecar.immich_client.client import MEMO_KEY, MEMOS_AT_ONCE, Immich, open_immich, required_permissions
from sidecar.immich_client.transport import Retries
from sidecar.model import AssetId, StackId, Visibility

NOON = datetime(2024, 5, 1, 12, tzinfo=UTC)
UNKNOWN = "ffffffff-0000-4000-8000-00000000000f"
_QUICK = Retries(attempts=3, first_pause_s=0.0)


@dataclass(frozen=True)
class Scene:
    """Ann's Immich, her client with just the permissions that it needs, and three assets."""

    server: EmulatedImmich
    immich: Immich
    ann: UserRow
    rows: list[AssetRow]

    @property
    def ids(self) -> list[AssetId]:
        return [AssetId(row.id) for row in self.rows]

    def stack(self, *rows: AssetRow) -> tuple[StackId, StackRow]:
        made = self.server.stack(self.ann, *rows)
        return StackId(made.id), made

    def asked(self, method: str, path: str = "*") -> list[Call]:
        return self.server.traffic.calls_of(method, path)


@pytest.fixture(params=["2.7.5", "3.1.0"])
async def scene(request: pytest.FixtureRequest) -> AsyncIterator[Scene]:
    async with EmulatedImmich(request.param, job_delay_s=None) as server:
        ann = server.add_user("Ann")
        key = server.add_key(ann, required_permissions())
        rows = [
            server.add_asset(ann, f"IMG_{number}.JPG", taken_at=NOON + timedelta(seconds=number)) for number in range(3)
        ]
        async with open_immich(server.url, key, retries=_QUICK) as immich:
            yield Scene(server, immich, ann, rows)


def foreign_asset(scene: Scene) -> AssetRow:
    return scene.server.add_asset(scene.server.add_user("Bob"), "B.JPG", taken_at=NOON)


async def test_a_deleted_stack_leaves_its_assets_alone(scene: Scene) -> None:
    stack_id, _ = scene.stack(*scene.rows)
    await scene.immich.delete_stack(stack_id)
    assert scene.server.stacks_of(scene.ann) == []
    assert [row.stack_id for row in scene.rows] == [None, None, None]
    with pytest.raises(ImmichMissing):
        await scene.immich.delete_stack(stack_id)


async def test_another_cover_is_set_and_told(scene: Scene) -> None:
    stack_id, made = scene.stack(*scene.rows)
    first, second, third = scene.ids
    before = [row.updated_us for row in scene.rows]
    stack = await scene.immich.set_cover(stack_id, second)
    assert (stack.id, stack.primary_id) == (stack_id, second)
    assert stack.member_ids == tuple(sorted([first, second, third]))
    assert made.primary_id == second
    assert [row.updated_us for row in scene.rows] == before


@pytest.mark.parametrize("state", ["trashed", "hidden", "elsewhere", "gone"])
async def test_only_what_the_stack_shows_becomes_its_cover(scene: Scene, state: str) -> None:
    stack_id, made = scene.stack(*scene.rows[:2])
    wanted = scene.ids[1]
    if state == "trashed":
        scene.server.trash(scene.rows[1])
    elif state == "hidden":
        scene.server.set_visibility(scene.rows[1], Visibility.HIDDEN)
    else:
        wanted = scene.ids[2] if state == "elsewhere" else AssetId(UNKNOWN)
    with pytest.raises(StaleDecision, match=r"updateStack: Primary asset must be in the stack\.$"):
        await scene.immich.set_cover(stack_id, wanted)
    assert made.primary_id == scene.rows[0].id


async def test_a_member_leaves_and_the_stack_stays(scene: Scene) -> None:
    stack_id, made = scene.stack(*scene.rows[:2])
    await scene.immich.remove_from_stack(stack_id, scene.ids[1])
    assert list(made.members) == [scene.rows[0].id]
    assert (await scene.immich.stack(stack_id)).member_ids == (scene.ids[0],)
    assert await scene.immich.stack_of(scene.ids[0]) is None


@pytest.mark.parametrize(
    ("which", "says"),
    [
        pytest.param(0, "Cannot remove stack's primary asset", id="the primary"),
        pytest.param(2, "Asset not in stack", id="no member"),
        pytest.param(None, "Asset not in stack", id="nobody's asset"),
    ],
)
async def test_whoever_cannot_leave_is_a_stale_decision(scene: Scene, which: int | None, says: str) -> None:
    stack_id, made = scene.stack(*scene.rows[:2])
    asset_id = AssetId(UNKNOWN) if which is None else scene.ids[which]
    with pytest.raises(StaleDecision, match=says):
        await scene.immich.remove_from_stack(stack_id, asset_id)
    assert len(made.members) == 2


async def test_a_stack_that_is_gone_is_missing_whatever_is_asked_of_it(scene: Scene) -> None:
    stack_id, made = scene.stack(*scene.rows[:2])
    scene.server.unstack(made)
    for ask in (
        scene.immich.delete_stack(stack_id),
        scene.immich.set_cover(stack_id, scene.ids[0]),
        scene.immich.remove_from_stack(stack_id, scene.ids[1]),
    ):
        with pytest.raises(ImmichMissing):
            await ask


@pytest.mark.parametrize(
    ("method", "ask"),
    [
        pytest.param("DELETE", lambda immich, stack, _: immich.delete_stack(stack), id="delete"),
        pytest.param("PUT", lambda immich, stack, asset: immich.set_cover(stack, asset), id="cover"),
        pytest.param("DELETE", lambda immich, stack, asset: immich.remove_from_stack(stack, asset), id="remove"),
    ],
)
async def test_a_change_of_a_stack_whose_answer_is_lost_is_not_sent_again(
    scene: Scene, method: str, ask: Callable[[Immich, StackId, AssetId], Awaitable[object]]
) -> None:
    stack_id, _ = scene.stack(*scene.rows)
    scene.server.fail(method, cut=True, after_effect=True)
    with pytest.raises(ImmichUnavailable):
        await ask(scene.immich, stack_id, scene.ids[1])
    assert len(scene.asked(method)) == 1


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
        bad = AssetId(UNKNOWN if state == "unknown" else foreign_asset(scene).id)
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


@pytest.mark.parametrize(
    ("permission", "ask"),
    [
        pytest.param("stack.delete", lambda immich, stack, _: immich.delete_stack(stack), id="delete a stack"),
        pytest.param("stack.update", lambda immich, stack, asset: immich.set_cover(stack, asset), id="cover"),
        pytest.param("stack.update", lambda immich, stack, asset: immich.remove_from_stack(stack, asset), id="remove"),
        pytest.param("asset.read", lambda immich, _, asset: immich.memo(asset), id="read a memo"),
        pytest.param("asset.update", lambda immich, _, asset: immich.write_memos({asset: {}}), id="write memos"),
        pytest.param("asset.update", lambda immich, _, asset: immich.delete_memos([asset]), id="delete memos"),
        pytest.param("asset.download", lambda immich, _, asset: immich.head_of(asset, 9), id="head"),
    ],
)
async def test_a_key_that_lacks_the_permission_is_refused_with_its_name(
    scene: Scene, permission: str, ask: Callable[[Immich, StackId, AssetId], Awaitable[object]]
) -> None:
    stack_id, _ = scene.stack(*scene.rows)
    key = scene.server.add_key(scene.ann, required_permissions() - {permission})
    async with open_immich(scene.server.url, key, retries=_QUICK) as immich:
        with pytest.raises(ImmichRefused) as caught:
            await ask(immich, stack_id, scene.ids[1])
    assert caught.value.permission == permission


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
async def test_an_original_that_immich_cannot_give_is_missing_at_the_first_answer(scene: Scene, state: str) -> None:
    asset_id = {"unknown": AssetId(UNKNOWN), "foreign": AssetId(foreign_asset(scene).id)}.get(state, scene.ids[0])
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
