from __future__ import annotations

from dataclasses import replace

import pytest

from sidecar.grouping.memory import Decided, Decision, DecisionKind, OurGroup, Stacks
from sidecar.grouping.repair import Repair, RepairKind, repairs
from sidecar.grouping.settings import PairingRules
from sidecar.model import Asset, GroupId, Stack, StackId, Visibility
from tests.builders import make_asset

RAW, JPEG, EDIT = (make_asset(name) for name in ("IMG_1.CR3", "IMG_1.JPG", "IMG_1-Edit.tif"))
TRASHED, ARCHIVED = (replace(JPEG, is_trashed=True), replace(JPEG, visibility=Visibility.ARCHIVE))


def stack(primary: Asset, *members: Asset) -> Stack:
    return Stack(StackId("s"), primary.id, tuple(sorted(each.id for each in members)))


def ours(*members: Asset) -> OurGroup:
    return OurGroup(GroupId("g"), tuple(each.id for each in members), members[0].id)


def found(
    present: Stack, *assets: Asset, group: OurGroup | None = None, decisions: tuple[Decision, ...] = ()
) -> list[Repair]:
    return list(
        repairs(
            [group] if group else [],
            assets={asset.id: asset for asset in assets},
            stacks=Stacks([present]),
            decided=Decided(decisions),
            rules=PairingRules(),
        )
    )


@pytest.mark.parametrize(
    ("present", "assets", "group", "is_lonely"),
    [
        pytest.param(stack(RAW, RAW), (RAW, JPEG), ours(RAW, JPEG), True, id="the other was taken out"),
        pytest.param(stack(RAW, RAW), (RAW,), ours(RAW, JPEG), True, id="the other is gone for good"),
        pytest.param(stack(RAW, RAW), (RAW, TRASHED), ours(RAW, JPEG), False, id="the other may come back"),
        pytest.param(stack(RAW, RAW), (RAW, JPEG), None, False, id="not a stack of ours"),
        pytest.param(stack(RAW, RAW, JPEG), (RAW, JPEG), ours(RAW, JPEG), False, id="not lonely"),
        pytest.param(stack(RAW, RAW), (), ours(RAW, JPEG), False, id="nobody known"),
        pytest.param(stack(JPEG, RAW), (RAW, JPEG), ours(RAW, JPEG), False, id="with a cover that Immich hides"),
        pytest.param(
            stack(RAW, RAW), (RAW, JPEG), replace(ours(RAW, JPEG), is_ours=False), False, id="seen, but not made by us"
        ),
    ],
)
def test_a_stack_of_ours_with_one_picture_left_can_go(
    present: Stack, assets: tuple[Asset, ...], group: OurGroup | None, *, is_lonely: bool
) -> None:
    kinds = [repair.kind for repair in found(present, *assets, group=group)]
    assert (RepairKind.LONELY_STACK in kinds) is is_lonely


@pytest.mark.parametrize(
    ("cover", "names"),
    [
        pytest.param(TRASHED, ["IMG_1-Edit.tif", "IMG_1.CR3"], id="in the trash"),
        pytest.param(ARCHIVED, ["IMG_1-Edit.tif", "IMG_1.CR3"], id="in the archive"),
        pytest.param(JPEG, [], id="where it belongs"),
    ],
)
def test_a_hidden_cover_hides_the_others_and_the_best_of_them_could_take_its_place(
    cover: Asset, names: list[str]
) -> None:
    present = stack(cover, RAW, EDIT, *([cover] if cover is not TRASHED else []))
    by_id = {asset.id: asset.name for asset in (RAW, EDIT)}
    proposed = [[by_id[each] for each in repair.member_ids] for repair in found(present, RAW, EDIT, cover)]
    assert proposed == ([names] if names else [])


def test_an_archived_stack_hides_nothing() -> None:
    raw = replace(RAW, visibility=Visibility.ARCHIVE)
    assert found(stack(ARCHIVED, ARCHIVED, raw), ARCHIVED, raw) == []


def test_nothing_is_said_about_a_cover_that_is_not_known() -> None:
    assert found(stack(JPEG, RAW, EDIT), RAW, EDIT) == []


def test_a_no_is_remembered() -> None:
    leave = Decision(frozenset({RAW.id}), DecisionKind.LEAVE_LONELY, RAW.id)
    assert found(stack(RAW, RAW), RAW, JPEG, group=ours(RAW, JPEG), decisions=(leave,)) == []
    hidden = Decision(frozenset({JPEG.id}), DecisionKind.LEAVE_COVER, JPEG.id)
    assert found(stack(TRASHED, RAW, EDIT), RAW, EDIT, TRASHED, decisions=(hidden,)) == []
    assert len(found(stack(TRASHED, RAW, EDIT), RAW, EDIT, TRASHED, decisions=(leave,))) == 1
