from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from sidecar.grouping.memory import Decision, KeptApart, Learned, OurGroup, Stacks, learn
from sidecar.model import Asset, AssetId, GroupId, Stack, StackId, Visibility
from tests.builders import make_asset

A, B, C, D = (make_asset(f"IMG_0001.{extension}") for extension in ("JPG", "CR2", "PNG", "TIF"))
GROUP = OurGroup(GroupId("g"), (A.id, B.id, C.id), A.id)


def stack(*members: Asset, stack_id: str = "s") -> Stack:
    return Stack(StackId(stack_id), members[0].id, tuple(sorted(member.id for member in members)))


def learned(
    *stacks: Stack, assets: tuple[Asset, ...] = (A, B, C, D), known: tuple[Decision, ...] = (), group: OurGroup = GROUP
) -> Learned:
    present = {asset.id: asset for asset in assets}
    return learn([group], assets=present, stacks=Stacks(stacks), kept_apart=KeptApart(known))


def apart(*assets: Asset) -> Decision:
    return Decision(frozenset(asset.id for asset in assets))


def test_a_stack_that_holds_together_teaches_nothing() -> None:
    assert learned(stack(A, B, C)) == Learned((), (), {StackId("s"): GROUP})


def test_members_that_the_user_added_do_not_matter() -> None:
    assert learned(stack(A, B, C, D)).decisions == ()


def test_a_dissolved_stack_keeps_all_of_it_apart() -> None:
    found = learned()
    assert found.decisions == (apart(A, B, C),)
    assert found.group_of == {}


def test_a_removed_member_is_kept_apart_from_the_rest_only() -> None:
    found = learned(stack(A, B))
    assert set(found.decisions) == {apart(A, C), apart(B, C)}
    assert found.group_of == {StackId("s"): GROUP}


def test_a_stack_cut_in_two_keeps_the_parts_apart() -> None:
    four = replace(GROUP, member_ids=(A.id, B.id, C.id, D.id))
    found = learned(stack(A, B), stack(C, D, stack_id="t"), group=four)
    assert set(found.decisions) == {apart(A, C), apart(A, D), apart(B, C), apart(B, D)}
    assert set(found.group_of) == {StackId("s")}


def test_the_larger_part_carries_the_group_on() -> None:
    four = replace(GROUP, member_ids=(A.id, B.id, C.id, D.id))
    assert set(learned(stack(A, stack_id="r"), stack(B, C, D), group=four).group_of) == {StackId("s")}


@pytest.mark.parametrize(
    "changes",
    [
        pytest.param({"is_trashed": True}, id="trashed"),
        pytest.param({"is_offline": True}, id="offline"),
        pytest.param({"visibility": Visibility.HIDDEN}, id="hidden"),
        pytest.param({"visibility": Visibility.LOCKED}, id="locked"),
    ],
)
def test_a_member_out_of_sight_is_not_missed(changes: dict[str, Any]) -> None:
    assert learned(stack(A, B), assets=(A, B, replace(C, **changes))).decisions == ()


def test_a_member_that_is_gone_is_not_missed() -> None:
    assert learned(stack(A, B), assets=(A, B)).decisions == ()


@pytest.mark.parametrize("left", [pytest.param((A,), id="one"), pytest.param((), id="none")])
def test_fewer_than_two_left_are_immich_s_own_doing(left: tuple[Asset, ...]) -> None:
    assert learned(assets=left).decisions == ()


def test_what_is_known_is_not_learned_again() -> None:
    assert learned(known=(apart(A, B, C),)).decisions == ()
    assert learned(stack(A, B), known=(apart(C, A), apart(C, B))).decisions == ()


def test_more_than_was_known_is_learned() -> None:
    assert learned(known=(apart(A, C),)).decisions == (apart(A, B, C),)
    assert learned(stack(A, B), known=(apart(C, A),)).decisions == (apart(C, B),)


def test_another_cover_is_noticed_also_where_immich_hides_it() -> None:
    assert learned(stack(B, A, C)).primary_changes == ((GroupId("g"), B.id),)
    hidden = Stack(StackId("s"), D.id, tuple(sorted((A.id, B.id, C.id))))
    assert learned(hidden).primary_changes == ((GroupId("g"), D.id),)


def test_a_stack_of_two_groups_belongs_to_the_larger() -> None:
    small, large = OurGroup(GroupId("a"), (A.id, B.id), A.id), OurGroup(GroupId("z"), (A.id, C.id, D.id), A.id)
    present = {asset.id: asset for asset in (A, B, C, D)}
    found = learn([small, large], assets=present, stacks=Stacks([stack(A, B, C, D)]), kept_apart=KeptApart(()))
    assert found.group_of == {StackId("s"): large}


def test_an_asset_is_never_kept_apart_from_itself() -> None:
    kept_apart = KeptApart([apart(A, B)])
    assert not kept_apart.from_any(A.id, [A.id])
    assert kept_apart.from_any(A.id, [A.id, B.id])
    assert not kept_apart.are(AssetId("stranger"), A.id)
