"""Rule 10: what the user did to our stacks is a decision, and decisions last."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import combinations

from sidecar.grouping.eligibility import may_pair
from sidecar.model import Asset, AssetId, GroupId, Stack, StackId


@dataclass(frozen=True, slots=True)
class OurGroup:
    """A stack that we made and recorded as done: its members, and its primary as last seen."""

    id: GroupId
    member_ids: tuple[AssetId, ...]
    primary_id: AssetId


@dataclass(frozen=True, slots=True)
class Decision:
    """The user keeps these apart: no two of them ever come together by our doing."""

    asset_ids: frozenset[AssetId]


class KeptApart:
    """All decisions, ready to be asked about single assets."""

    def __init__(self, decisions: Iterable[Decision]) -> None:
        self._partners: dict[AssetId, list[frozenset[AssetId]]] = {}
        for decision in decisions:
            self.add(decision)

    def add(self, decision: Decision) -> None:
        """Remember one more."""
        for asset_id in decision.asset_ids:
            self._partners.setdefault(asset_id, []).append(decision.asset_ids)

    def are(self, one: AssetId, other: AssetId) -> bool:
        """Whether the user keeps these two apart."""
        return any(other in apart for apart in self._partners.get(one, ()))

    def from_any(self, asset_id: AssetId, others: Iterable[AssetId]) -> bool:
        """Whether the user keeps the asset apart from any of the others; an asset is not its own partner."""
        return any(self.are(asset_id, other) for other in others if other != asset_id)


class Stacks:
    """Immich's stacks by what is in them; the primary counts as inside also where Immich hides it."""

    def __init__(self, stacks: Iterable[Stack]) -> None:
        self._by_member = {
            asset_id: stack
            for stack in sorted(stacks, key=lambda stack: stack.id)
            for asset_id in (*stack.member_ids, stack.primary_id)
        }

    def of(self, asset_id: AssetId) -> Stack | None:
        """The stack the asset is in."""
        return self._by_member.get(asset_id)

    def touching(self, asset_ids: Iterable[AssetId]) -> list[Stack]:
        """Every stack that any of the assets is in, in the order of the assets."""
        found = (self._by_member.get(asset_id) for asset_id in asset_ids)
        return list({stack.id: stack for stack in found if stack is not None}.values())


@dataclass(frozen=True, slots=True)
class Learned:
    """What our groups look like by now.

    Shape:  decisions are new ones only. primary_changes are groups that hold together under another cover than
            recorded. group_of names, by Immich's stack, the group of ours that lives on in it.
    """

    decisions: tuple[Decision, ...]
    primary_changes: tuple[tuple[GroupId, AssetId], ...]
    group_of: Mapping[StackId, OurGroup]


def learn(
    groups: Iterable[OurGroup], *, assets: Mapping[AssetId, Asset], stacks: Stacks, kept_apart: KeptApart
) -> Learned:
    """Compare what we made with what is there.

    A group with two or more members that could still be seen together, and are not, was taken apart by the user. With
    fewer it is no decision: Immich dissolves a stack itself when its members are deleted. Members that are trashed,
    hidden, offline or gone are not looked for.
    """
    decisions: list[Decision] = []
    primary_changes: list[tuple[GroupId, AssetId]] = []
    group_of: dict[StackId, OurGroup] = {}
    for group in sorted(groups, key=lambda group: (-len(group.member_ids), group.id)):
        present = [each for each in sorted(set(group.member_ids)) if each in assets and may_pair(assets[each])]
        for stack in _carriers(present, stacks):
            group_of.setdefault(stack.id, group)
            if stack.primary_id != group.primary_id:
                primary_changes.append((group.id, stack.primary_id))
        decisions += _taken_apart(present, stacks, kept_apart)
    return Learned(tuple(decisions), tuple(sorted(primary_changes)), group_of)


def _carriers(present: Sequence[AssetId], stacks: Stacks) -> list[Stack]:
    """The one stack in which most members still are together, two at least; of equals the first by id."""
    shares = Counter(stack.id for each in present if (stack := stacks.of(each)) is not None)
    together = [stack for stack in stacks.touching(present) if shares[stack.id] > 1]
    return sorted(together, key=lambda stack: (-shares[stack.id], stack.id))[:1]


def _taken_apart(present: Sequence[AssetId], stacks: Stacks, kept_apart: KeptApart) -> Iterator[Decision]:
    """One decision about all of them if no two are together any more, else one about each pair that is not."""
    pairs = list(combinations(present, 2))
    apart = [pair for pair in pairs if not _are_together(*pair, stacks)]
    news = [pair for pair in apart if not kept_apart.are(*pair)]
    if news and len(apart) == len(pairs):
        yield Decision(frozenset(present))
    else:
        yield from (Decision(frozenset(pair)) for pair in news)


def _are_together(one: AssetId, other: AssetId, stacks: Stacks) -> bool:
    stack = stacks.of(one)
    return stack is not None and stack is stacks.of(other)
