from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from sidecar.grouping.memory import (
    Decided,
    Decision,
    DecisionKind,
    DecisionSource,
    Learned,
    OurGroup,
    Stacks,
    learn,
)
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
    return learn([group], assets=present, stacks=Stacks(stacks), decided=Decided(known))


def apart(*assets: Asset) -> Decision:
    return Decision(frozenset(asset.id for asset in assets))


def removed(one: Asset, other: Asset) -> Decision:
    return replace(apart(one, other), source=DecisionSource.REMOVED)


def cover(chosen: Asset, *others: Asset) -> Decision:
    return replace(apart(chosen, *others), kind=DecisionKind.COVER, chosen=chosen.id, source=DecisionSource.COVERED)


def test_a_stack_that_holds_together_teaches_nothing() -> None:
    assert learned(stack(A, B, C)) == Learned((), (), {StackId("s"): GROUP}, ())


def test_members_that_the_user_added_do_not_matter() -> None:
    assert learned(stack(A, B, C, D)).decisions == ()


def test_a_dissolved_stack_keeps_all_of_it_apart() -> None:
    found = learned()
    assert found.decisions == (apart(A, B, C),)
    assert found.group_of == {}
    assert found.ended == (GroupId("g"),)


def test_a_removed_member_is_kept_apart_from_the_rest_only() -> None:
    found = learned(stack(A, B))
    assert set(found.decisions) == {removed(A, C), removed(B, C)}
    assert found.group_of == {StackId("s"): GROUP}


def test_a_stack_cut_in_two_is_for_a_person_to_settle() -> None:
    four = replace(GROUP, member_ids=(A.id, B.id, C.id, D.id))
    found = learned(stack(A, B), stack(C, D, stack_id="t"), group=four)
    assert found.decisions == ()
    assert set(found.group_of) == {StackId("s")}


def test_whoever_ends_up_single_was_taken_out_whatever_became_of_the_others() -> None:
    four = replace(GROUP, member_ids=(A.id, B.id, C.id, D.id))
    found = learned(stack(A, B), stack(C, stack_id="t"), group=four)
    assert set(found.decisions) == {removed(A, D), removed(B, D), removed(C, D)}


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
    assert learned(stack(A, B), known=(apart(C, A),)).decisions == (removed(C, B),)


def test_another_cover_is_the_users_choice_while_the_former_one_still_is_there() -> None:
    found = learned(stack(B, A, C))
    assert found.primary_changes == ((GroupId("g"), B.id),)
    assert found.decisions == (cover(B, A, C),)


def test_a_cover_that_immich_had_to_choose_is_nobodys_choice() -> None:
    found = learned(stack(B, C), assets=(B, C))
    assert found.primary_changes == ((GroupId("g"), B.id),)
    assert found.decisions == ()


def test_another_cover_is_noticed_also_where_immich_hides_it() -> None:
    hidden = Stack(StackId("s"), D.id, tuple(sorted((A.id, B.id, C.id))))
    assert learned(hidden).primary_changes == ((GroupId("g"), D.id),)


def test_a_stack_of_two_groups_belongs_to_the_larger() -> None:
    small, large = OurGroup(GroupId("a"), (A.id, B.id), A.id), OurGroup(GroupId("z"), (A.id, C.id, D.id), A.id)
    present = {asset.id: asset for asset in (A, B, C, D)}
    found = learn([small, large], assets=present, stacks=Stacks([stack(A, B, C, D)]), decided=Decided(()))
    assert found.group_of == {StackId("s"): large}


def test_an_asset_is_never_kept_apart_from_itself() -> None:
    decided = Decided([apart(A, B)])
    assert not decided.is_apart_from_any(A.id, [A.id])
    assert decided.is_apart_from_any(A.id, [A.id, B.id])
    assert not decided.are_apart(AssetId("stranger"), A.id)


MANY = tuple(make_asset(f"IMG_{number:04}.JPG") for number in range(12))


def test_several_decisions_about_one_asset_all_count() -> None:
    decided = Decided([apart(A, B), apart(A, C), apart(A, D), apart(A, B)])
    assert [decided.are_apart(A.id, other.id) for other in (B, C, D)] == [True, True, True]
    assert [decided.are_apart(other.id, A.id) for other in (B, C, D)] == [True, True, True]
    assert not any(decided.are_apart(one.id, other.id) for one in (B, C, D) for other in (B, C, D) if one != other)


def test_what_is_added_later_changes_no_decision_that_was_there_before() -> None:
    first, second = apart(A, B), apart(A, C)
    decided = Decided([first, second])
    decided.add(apart(A, D))
    assert (first, second) == (apart(A, B), apart(A, C))
    assert not decided.are_apart(B.id, D.id)


@pytest.mark.parametrize(
    ("known", "asked", "is_held"),
    [
        pytest.param([], apart(A, B), False, id="nothing is known"),
        pytest.param([apart(A, B)], apart(B, A), True, id="the same"),
        pytest.param([apart(A, B, C)], apart(A, C), True, id="more is known"),
        pytest.param([apart(A, B)], apart(A, B, C), False, id="less is known"),
        pytest.param([apart(A, B), apart(C, D)], apart(A, C), False, id="of others each"),
        pytest.param([apart(A, B), apart(B, C), apart(A, C)], apart(A, B, C), True, id="a few that add up to it"),
        pytest.param([apart(*MANY)], apart(*MANY), True, id="the same many"),
        pytest.param([apart(*MANY)], apart(*MANY[1:]), True, id="more than many"),
        pytest.param([apart(*MANY[1:])], apart(*MANY), False, id="less than many"),
        pytest.param(
            [apart(one, other) for one in MANY for other in MANY if one != other],
            apart(*MANY),
            False,
            id="many pairs are not added up",
        ),
        pytest.param([cover(A, B)], apart(A, B), False, id="a cover keeps nobody apart"),
    ],
)
def test_a_decision_is_held_if_it_or_more_is_known(known: list[Decision], asked: Decision, *, is_held: bool) -> None:
    assert Decided(known).holds(asked.asset_ids) is is_held


ARCHIVED = tuple(replace(asset, visibility=Visibility.ARCHIVE) for asset in (A, B))


@pytest.mark.parametrize(
    ("assets", "decisions"),
    [
        pytest.param(ARCHIVED, (), id="archived members do not count, and one is gone: Immich's own doing"),
        pytest.param((*ARCHIVED, C), (apart(A, B, C),), id="nobody is gone: the user's"),
        pytest.param((A, B), (apart(A, B),), id="two are left on the timeline: Immich would have kept the stack"),
        pytest.param((A, ARCHIVED[1]), (), id="one is left on the timeline"),
    ],
)
def test_a_stack_that_immich_dissolves_itself_is_no_decision(
    assets: tuple[Asset, ...], decisions: tuple[Decision, ...]
) -> None:
    assert learned(assets=assets).decisions == decisions


def test_who_was_in_the_trash_when_a_stack_was_dissolved_is_kept_apart_too() -> None:
    found = learned(assets=(A, B, replace(C, is_trashed=True)))
    assert found.decisions == (apart(A, B, C),)


def test_a_stack_that_somebody_else_made_is_followed_but_never_ours() -> None:
    seen = replace(GROUP, is_ours=False)
    assert learned(stack(A, B, C), group=seen).group_of == {}
    assert learned(group=seen).decisions == (apart(A, B, C),)
    assert learned(stack(B, A, C), group=seen).decisions == (cover(B, A, C),)


def test_two_groups_about_the_same_assets_teach_the_same_thing_once() -> None:
    twice = [GROUP, replace(GROUP, id=GroupId("h"))]
    present = {asset.id: asset for asset in (A, B, C)}
    assert learn(twice, assets=present, stacks=Stacks(()), decided=Decided(())).decisions == (apart(A, B, C),)


def test_the_latest_choice_of_a_cover_counts_among_those_who_are_there() -> None:
    decided = Decided([cover(A, B, C), cover(B, A, C)])
    assert decided.cover_among([A.id, B.id, C.id]) == B.id
    assert decided.cover_among([A.id, C.id]) is None
    assert decided.cover_among([B.id]) is None
    assert decided.cover_among([B.id, D.id]) is None


def test_what_is_to_be_left_alone_is_about_one_asset_and_one_thing() -> None:
    decided = Decided([Decision(frozenset({A.id}), DecisionKind.LEAVE_LONELY, A.id)])
    assert decided.is_left(DecisionKind.LEAVE_LONELY, A.id)
    assert not decided.is_left(DecisionKind.LEAVE_COVER, A.id)
    assert not decided.is_left(DecisionKind.LEAVE_LONELY, B.id)


def test_a_member_that_its_stack_outlived_excuses_nothing_later() -> None:
    assert learned(stack(A, B), assets=(A, B)).outlived == ((GroupId("g"), C.id),)
    assert learned(assets=(A, B)).outlived == ()


def test_what_is_distinct_may_still_be_stacked() -> None:
    a, b, c = A.id, B.id, C.id
    decided = Decided([Decision(frozenset({a, b, c}), DecisionKind.DISTINCT)])
    assert not decided.are_apart(a, b)
    assert not decided.holds(frozenset({a, b}))
    assert not decided.is_apart_from_any(a, [b, c])
    assert decided.holds_distinct(frozenset({a, b}))
    assert not Decided([Decision(frozenset({a, b}))]).holds_distinct(frozenset({a, b}))
