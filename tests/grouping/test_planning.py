from __future__ import annotations

from collections.abc import Iterable
from dataclasses import replace
from typing import Any

import pytest

from sidecar.grouping.engine import Confidence, GroupKind, PairingRules, Proposal
from sidecar.grouping.memory import DecisionKind, DecisionSource
from sidecar.grouping.planning import (
    AlreadyStacked,
    Create,
    Decision,
    Extend,
    OurGroup,
    Plan,
    Respect,
    Review,
    Seen,
    Step,
    plan,
)
from sidecar.grouping.reasons import Reason, ReasonCode
from sidecar.model import Asset, GroupId, Stack, StackId
from tests.builders import make_asset
from tests.grouping.immich_model import ImmichModel

A, B, C, D, E = (make_asset(f"IMG_0001.{extension}") for extension in ("JPG", "CR2", "PNG", "TIF", "HEIC"))
ALL = {asset.id: asset for asset in (A, B, C, D, E)}
DOUBT = Reason(ReasonCode.AMBIGUOUS)


def proposal(*members: Asset, doubt: Reason | None = None) -> Proposal:
    confidence = Confidence.DOUBTFUL if doubt else Confidence.CERTAIN
    evidence = (Reason(ReasonCode.SAME_SECOND), *((doubt,) if doubt else ()))
    return Proposal(tuple(member.id for member in members), GroupKind.RAW_JPEG, confidence, "img_0001", evidence)


def stack(*members: Asset, stack_id: str = "s") -> Stack:
    return Stack(StackId(stack_id), members[0].id, tuple(sorted(member.id for member in members)))


def ours(*members: Asset, group_id: str = "g") -> OurGroup:
    return OurGroup(GroupId(group_id), tuple(member.id for member in members), members[0].id)


def apart(*assets: Asset) -> Decision:
    return Decision(frozenset(asset.id for asset in assets))


def planned(
    *proposals: Proposal,
    stacks: Iterable[Stack] = (),
    groups: Iterable[OurGroup] = (),
    decisions: Iterable[Decision] = (),
    **rules: Any,
) -> Plan:
    return plan(proposals, assets=ALL, stacks=stacks, groups=groups, decisions=decisions, rules=PairingRules(**rules))


PAIR, DOUBTFUL_PAIR, THREE, FOUR = proposal(A, B), proposal(A, B, doubt=DOUBT), proposal(A, B, C), proposal(A, B, C, D)
USERS, TWO = Reason(ReasonCode.USERS_STACK), Reason(ReasonCode.TWO_STACKS, "2")
HIDDEN = Stack(StackId("s"), D.id, tuple(sorted((A.id, B.id))))
APART, PARTLY = Reason(ReasonCode.KEPT_APART), Reason(ReasonCode.PARTLY_KEPT_APART)


@pytest.mark.parametrize(
    ("given", "stacks", "groups", "decisions", "step"),
    [
        pytest.param(PAIR, [], [], [], Create(PAIR), id="all free"),
        pytest.param(PAIR, [stack(C, D)], [], [], Create(PAIR), id="a stack of others"),
        pytest.param(DOUBTFUL_PAIR, [], [], [], Review(DOUBTFUL_PAIR, DOUBT), id="doubtful"),
        pytest.param(PAIR, [stack(A, B)], [ours(A, B)], [], AlreadyStacked(PAIR, stack(A, B)), id="exactly ours"),
        pytest.param(PAIR, [stack(A, B)], [], [], AlreadyStacked(PAIR, stack(A, B)), id="exactly the user's"),
        pytest.param(PAIR, [stack(A, B, C)], [], [], AlreadyStacked(PAIR, stack(A, B, C)), id="within a larger one"),
        pytest.param(
            DOUBTFUL_PAIR, [stack(A, B)], [], [], AlreadyStacked(DOUBTFUL_PAIR, stack(A, B)), id="doubtful, but stacked"
        ),
        pytest.param(
            THREE, [stack(A, B)], [], [], Review(THREE, USERS, (stack(A, B),)), id="the user's stack lacks one"
        ),
        pytest.param(
            THREE,
            [stack(A, B)],
            [ours(A, D)],
            [apart(A, D)],
            Review(THREE, USERS, (stack(A, B),)),
            id="a stack with one member of ours is the user's",
        ),
        pytest.param(
            THREE,
            [stack(B, A)],
            [ours(A, B)],
            [],
            Extend(THREE, stack(B, A), (B.id, A.id, C.id)),
            id="ours lacks one and keeps the cover it has in Immich",
        ),
        pytest.param(
            proposal(A, B, C, doubt=DOUBT),
            [stack(A, B)],
            [ours(A, B)],
            [],
            Review(proposal(A, B, C, doubt=DOUBT), DOUBT, (stack(A, B),)),
            id="ours lacks one, doubtfully",
        ),
        pytest.param(
            THREE,
            [HIDDEN],
            [ours(A, B)],
            [],
            Review(THREE, Reason(ReasonCode.COVER_HIDDEN), (HIDDEN,)),
            id="ours has its cover in the trash",
        ),
        pytest.param(
            FOUR,
            [stack(A, B), stack(C, D, stack_id="t")],
            [],
            [],
            Review(FOUR, TWO, (stack(A, B), stack(C, D, stack_id="t"))),
            id="members in two stacks",
        ),
        pytest.param(
            FOUR,
            [stack(A, B), stack(C, D, stack_id="t")],
            [ours(A, B, C, D)],
            [],
            Review(FOUR, Reason(ReasonCode.SPLIT, "2"), (stack(A, B), stack(C, D, stack_id="t"))),
            id="ours cut in two",
        ),
        pytest.param(
            FOUR,
            [stack(A, B), stack(C, D, stack_id="t")],
            [ours(A, B, C, D)],
            [apart(A, C), apart(B, D)],
            Respect(FOUR, APART),
            id="ours cut in two, and the user wants it so",
        ),
        pytest.param(PAIR, [], [ours(A, B)], [], Respect(PAIR, APART), id="ours dissolved by the user"),
        pytest.param(PAIR, [], [], [apart(A, B)], Respect(PAIR, APART), id="kept apart before"),
        pytest.param(DOUBTFUL_PAIR, [], [], [apart(A, B)], Respect(DOUBTFUL_PAIR, APART), id="doubtful and kept apart"),
        pytest.param(THREE, [], [], [apart(A, B)], Review(THREE, PARTLY), id="kept apart, but a third is new"),
        pytest.param(
            THREE, [], [], [apart(A, B), apart(A, C)], Respect(THREE, APART), id="each kept apart from one of them"
        ),
        pytest.param(
            PAIR,
            [stack(A, B)],
            [],
            [apart(A, B)],
            AlreadyStacked(PAIR, stack(A, B)),
            id="kept apart once, stacked again by the user",
        ),
        pytest.param(
            THREE, [stack(A, B)], [ours(A, B, C)], [], Respect(THREE, APART), id="a member taken out stays out"
        ),
        pytest.param(
            THREE, [stack(A, B, D)], [ours(A, B, D)], [apart(C, D)], Respect(THREE, APART), id="apart from one inside"
        ),
        pytest.param(
            FOUR,
            [stack(A, B)],
            [ours(A, B, C)],
            [],
            Extend(FOUR, stack(A, B), (*sorted((A.id, B.id)), D.id)),
            id="and does not keep others from joining",
        ),
        pytest.param(
            FOUR,
            [stack(A, B)],
            [ours(A, B)],
            [apart(C, D)],
            Review(FOUR, PARTLY, (stack(A, B),)),
            id="two new ones kept apart",
        ),
    ],
)
def test_each_proposal_gets_the_step_that_fits_the_present(
    given: Proposal, stacks: list[Stack], groups: list[OurGroup], decisions: list[Decision], step: Step
) -> None:
    assert planned(given, stacks=stacks, groups=groups, decisions=decisions).steps == (step,)


def test_a_plan_says_what_it_learned() -> None:
    found = planned(
        stacks=[stack(D, C, stack_id="t")], groups=[ours(A, B), ours(C, D, group_id="h")], decisions=[apart(A, E)]
    )
    cover = Decision(frozenset({C.id, D.id}), DecisionKind.COVER, D.id, DecisionSource.COVERED)
    assert found == Plan((), (apart(A, B), cover), ((GroupId("h"), D.id),), (GroupId("g"),))


def test_two_proposals_that_extend_one_stack_do_not_undo_each_other() -> None:
    first, second = proposal(A, B, E), proposal(C, D)
    whole = stack(A, B, C)
    found = planned(first, second, stacks=[whole], groups=[ours(A, B)])
    assert [step.member_ids for step in found.steps if isinstance(step, Extend)] == [
        (*whole.member_ids, E.id),
        (*whole.member_ids, E.id, D.id),
    ]


def test_a_dissolved_stack_is_never_forced_whatever_arrives() -> None:
    raw, jpeg, late = make_asset("IMG_0001.CR2"), make_asset("IMG_0001.JPG"), make_asset("IMG_0001.TIF")
    immich = ImmichModel([raw, jpeg])
    assert [type(step) for step in immich.scan()] == [Create]
    immich.unstack(immich.stacks[0])
    assert immich.scan() == []
    assert immich.scan() == []
    immich.assets[late.id] = late
    assert [type(step) for step in immich.scan()] == [Review]
    immich.groups.clear()
    assert [type(step) for step in immich.scan()] == [Review]


def test_a_cover_that_the_user_chose_survives_a_later_edit() -> None:
    raw, jpeg, edit = make_asset("IMG_0001.CR2"), make_asset("IMG_0001.JPG"), make_asset("IMG_0001-Edit.JPG")
    immich = ImmichModel([raw, jpeg])
    immich.scan()
    immich.choose_cover(immich.stacks[0], raw.id)
    immich.assets[edit.id] = edit
    assert [type(step) for step in immich.scan()] == [Extend]
    assert [(stack.primary_id, len(stack.member_ids)) for stack in immich.stacks] == [(raw.id, 3)]
    assert immich.scan() == []


def test_a_member_that_the_user_took_out_stays_out_when_others_join() -> None:
    raw, jpeg, png, late = (make_asset(f"IMG_0001.{extension}") for extension in ("CR2", "JPG", "PNG", "TIF"))
    immich = ImmichModel([raw, jpeg, png])
    immich.scan()
    immich.remove(immich.stacks[0], png.id)
    assert immich.scan() == []
    immich.assets[late.id] = late
    assert [type(step) for step in immich.scan()] == [Extend]
    assert [set(stack.member_ids) for stack in immich.stacks] == [{raw.id, jpeg.id, late.id}]
    assert immich.scan() == []


def test_a_match_that_somebody_else_stacked_is_remembered_once() -> None:
    assert planned(PAIR, stacks=[stack(B, A)]).seen == (Seen(PAIR, B.id),)
    assert planned(PAIR, stacks=[stack(B, A)], groups=[ours(A, B)]).seen == ()
    assert planned(PAIR, stacks=[stack(B, A)], groups=[replace(ours(A, B), is_ours=False)]).seen == ()
    # A third version that the user put into a stack of ours, and may take out again.
    assert planned(THREE, stacks=[stack(A, B, C)], groups=[ours(A, B)]).seen == (Seen(THREE, A.id),)
    assert planned(PAIR).seen == ()


def test_a_stack_made_by_hand_and_taken_apart_again_stays_apart() -> None:
    raw, jpeg = make_asset("IMG_0001.CR2"), make_asset("IMG_0001.JPG")
    immich = ImmichModel([raw, jpeg])
    immich.stack((raw.id, jpeg.id))
    assert immich.scan() == []
    immich.unstack(immich.stacks[0])
    assert immich.scan() == []
    assert immich.stacks == []


def test_who_wants_to_be_asked_first_is_asked() -> None:
    ask = Reason(ReasonCode.ASK_FIRST)
    assert planned(PAIR, acts=False).steps == (Review(PAIR, ask),)
    assert planned(THREE, stacks=[stack(A, B)], groups=[ours(A, B)], acts=False).steps == (
        Review(THREE, ask, (stack(A, B),)),
    )
    assert planned(DOUBTFUL_PAIR, acts=False).steps == (Review(DOUBTFUL_PAIR, DOUBT),)


def test_a_stack_of_the_users_grows_where_they_allow_it() -> None:
    found = planned(THREE, stacks=[stack(B, A)], extends_users_stacks=True)
    assert found.steps == (Extend(THREE, stack(B, A), (B.id, A.id, C.id)),)
    assert planned(THREE, stacks=[HIDDEN], extends_users_stacks=True).steps == (
        Review(THREE, Reason(ReasonCode.COVER_HIDDEN), (HIDDEN,)),
    )


def test_a_cover_that_the_user_chose_before_is_the_cover_of_a_new_stack_too() -> None:
    chosen = Decision(frozenset({A.id, B.id, E.id}), DecisionKind.COVER, B.id)
    (step,) = planned(PAIR, decisions=[chosen]).steps
    assert isinstance(step, Create)
    assert step.proposal.member_ids == (B.id, A.id)
    assert Reason(ReasonCode.USERS_COVER) in step.proposal.reasons
    already_first = replace(chosen, chosen=A.id)
    assert planned(PAIR, decisions=[already_first]).steps == (Create(PAIR),)


def test_repairs_are_part_of_the_plan() -> None:
    (repair,) = planned(stacks=[stack(A)], groups=[ours(A, B)], decisions=[apart(A, B)]).repairs
    assert repair.member_ids == (A.id,)
