from __future__ import annotations

from collections.abc import Iterable

import pytest

from sidecar.grouping.engine import Confidence, GroupKind, Proposal
from sidecar.grouping.planning import (
    AlreadyStacked,
    Create,
    Decision,
    Extend,
    OurGroup,
    Plan,
    Respect,
    Review,
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
) -> Plan:
    return plan(proposals, assets=ALL, stacks=stacks, groups=groups, decisions=decisions)


PAIR, DOUBTFUL_PAIR, THREE, FOUR = proposal(A, B), proposal(A, B, doubt=DOUBT), proposal(A, B, C), proposal(A, B, C, D)
USERS, TWO = Reason(ReasonCode.USERS_STACK), Reason(ReasonCode.TWO_STACKS, "2")
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
        pytest.param(THREE, [stack(A, B)], [], [], Review(THREE, USERS), id="the user's stack lacks one"),
        pytest.param(
            THREE,
            [stack(A, B)],
            [ours(A, D)],
            [apart(A, D)],
            Review(THREE, USERS),
            id="a stack with one member of ours is the user's",
        ),
        pytest.param(
            THREE,
            [stack(B, A)],
            [ours(A, B)],
            [],
            Extend(THREE, stack(B, A), ours(A, B), (B.id, A.id, C.id)),
            id="ours lacks one and keeps the cover it has in Immich",
        ),
        pytest.param(
            proposal(A, B, C, doubt=DOUBT),
            [stack(A, B)],
            [ours(A, B)],
            [],
            Review(proposal(A, B, C, doubt=DOUBT), DOUBT),
            id="ours lacks one, doubtfully",
        ),
        pytest.param(
            THREE,
            [Stack(StackId("s"), D.id, tuple(sorted((A.id, B.id))))],
            [ours(A, B)],
            [],
            Review(THREE, Reason(ReasonCode.COVER_HIDDEN)),
            id="ours has its cover in the trash",
        ),
        pytest.param(
            FOUR, [stack(A, B), stack(C, D, stack_id="t")], [], [], Review(FOUR, TWO), id="members in two stacks"
        ),
        pytest.param(
            FOUR,
            [stack(A, B), stack(C, D, stack_id="t")],
            [ours(A, B, C, D)],
            [],
            Respect(FOUR, APART),
            id="ours cut in two by the user",
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
            Extend(FOUR, stack(A, B), ours(A, B, C), (*sorted((A.id, B.id)), D.id)),
            id="and does not keep others from joining",
        ),
        pytest.param(
            FOUR, [stack(A, B)], [ours(A, B)], [apart(C, D)], Review(FOUR, PARTLY), id="two new ones kept apart"
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
    assert found == Plan((), (apart(A, B),), ((GroupId("h"), D.id),))


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
