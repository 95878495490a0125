"""Stacks that show less than they should, and what would mend them: proposals only, never done unasked."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from enum import StrEnum

from sidecar.grouping.candidate import candidate_of
from sidecar.grouping.eligibility import may_pair
from sidecar.grouping.memory import Decided, DecisionKind, OurGroup, Stacks
from sidecar.grouping.names import reader_of
from sidecar.grouping.primary import in_order
from sidecar.grouping.reasons import Reason, ReasonCode
from sidecar.grouping.settings import PairingRules
from sidecar.model import Asset, AssetId, Stack, Visibility


class RepairKind(StrEnum):
    """What is wrong with a stack."""

    LONELY_STACK = "lonely_stack"
    """Only one picture is left in a stack that we made."""
    HIDDEN_COVER = "hidden_cover"
    """The cover is in the trash or elsewhere, and Immich's timeline hides all the others with it."""


DISMISSED_AS: dict[RepairKind, DecisionKind] = {
    RepairKind.LONELY_STACK: DecisionKind.LEAVE_LONELY,
    RepairKind.HIDDEN_COVER: DecisionKind.LEAVE_COVER,
}
"""How a person's no to a repair is remembered."""


@dataclass(frozen=True, slots=True)
class Repair:
    """One proposal.

    Shape:  member_ids are the pictures that the stack still shows: of a lonely one its last; of one with a hidden cover
            those that are hidden with it, the best cover first.
    """

    kind: RepairKind
    stack: Stack
    member_ids: tuple[AssetId, ...]
    why: Reason


def repairs(
    groups: Iterable[OurGroup],
    *,
    assets: Mapping[AssetId, Asset],
    stacks: Stacks,
    decided: Decided,
    rules: PairingRules,
) -> Iterator[Repair]:
    """What could be mended among these stacks, in the order of their ids, without what the user wants left alone.

    Source: a stack is never dissolved by taking members out (removeAsset), nor by trashing its primary, while the
            timeline shows no member of a stack but its primary (asset.repository.ts, Immich 2.7.5 and 3.1.0).
    """
    ours = {member: group for group in groups if group.is_ours for member in group.member_ids}
    for stack in stacks.all:
        shown = [assets[each] for each in stack.member_ids if each in assets and may_pair(assets[each])]
        if _is_lonely(stack, shown, ours, assets) and not decided.is_left(DecisionKind.LEAVE_LONELY, shown[0].id):
            yield Repair(RepairKind.LONELY_STACK, stack, (shown[0].id,), Reason(ReasonCode.LONELY_STACK))
        hidden = _hidden_with_cover(stack, shown, assets)
        if hidden and not decided.is_left(DecisionKind.LEAVE_COVER, stack.primary_id):
            names = reader_of(rules)
            best_first = in_order([candidate_of(asset, names) for asset in hidden], rules)
            ids = tuple(candidate.asset.id for candidate in best_first)
            yield Repair(
                RepairKind.HIDDEN_COVER, stack, ids, Reason(ReasonCode.HIDDEN_COVER, assets[stack.primary_id].name)
            )


def _is_lonely(
    stack: Stack, shown: list[Asset], ours: Mapping[AssetId, OurGroup], assets: Mapping[AssetId, Asset]
) -> bool:
    """One picture is left of a stack of ours, and none of the others may come back from the trash."""
    if len(stack.member_ids) != 1 or len(shown) != 1 or shown[0].id != stack.primary_id:
        return False
    group = ours.get(shown[0].id)
    if group is None:
        return False
    others = (assets.get(each) for each in group.member_ids if each != shown[0].id)
    return not any(other is not None and not may_pair(other) for other in others)


def _hidden_with_cover(stack: Stack, shown: list[Asset], assets: Mapping[AssetId, Asset]) -> list[Asset]:
    """Who is on the timeline while the cover is known not to be."""
    cover = assets.get(stack.primary_id)
    if cover is None or (may_pair(cover) and cover.visibility is Visibility.TIMELINE):
        return []
    return [asset for asset in shown if asset.visibility is Visibility.TIMELINE and asset.id != stack.primary_id]
