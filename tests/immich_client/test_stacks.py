"""What the client changes in stacks, talking to an emulated Immich of every generation."""

from __future__ import annotations

from collections.abc import Awaitable, Callable

import pytest

from sidecar.errors import ImmichMissing, ImmichUnavailable, StaleDecision
from sidecar.immich_client.client import Immich
from sidecar.model import AssetId, StackId, Visibility
from tests.immich_client.scene import UNKNOWN, Scene


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
        wanted = scene.ids[2] if state == "elsewhere" else UNKNOWN
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
    asset_id = UNKNOWN if which is None else scene.ids[which]
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
