"""Rule 9: what each proposal means beside the stacks that exist and the decisions that were made."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from itertools import combinations

from sidecar.grouping.eligibility import may_pair
from sidecar.grouping.memory import Decision, KeptApart, Learned, OurGroup, Stacks, learn
from sidecar.grouping.proposal import Confidence, Proposal
from sidecar.grouping.reasons import Reason, ReasonCode
from sidecar.model import Asset, AssetId, GroupId, Stack, StackId

__all__ = [
    "AlreadyStacked",
    "Create",
    "Decision",
    "Extend",
    "OurGroup",
    "Plan",
    "Respect",
    "Review",
    "Step",
    "plan",
]

_KEPT_APART = Reason(ReasonCode.KEPT_APART)
_PARTLY_KEPT_APART = Reason(ReasonCode.PARTLY_KEPT_APART)
_USERS_STACK = Reason(ReasonCode.USERS_STACK)
_COVER_HIDDEN = Reason(ReasonCode.COVER_HIDDEN)


@dataclass(frozen=True, slots=True)
class Create:
    """Make a stack of the proposal's members, all of which are free."""

    proposal: Proposal


@dataclass(frozen=True, slots=True)
class Extend:
    """Add to a stack of ours.

    Shape:  member_ids are the whole stack to be: its present primary first, its other members, then the new ones.
    """

    proposal: Proposal
    stack: Stack
    group: OurGroup
    member_ids: tuple[AssetId, ...]


@dataclass(frozen=True, slots=True)
class Review:
    """Ask a person, and why."""

    proposal: Proposal
    why: Reason


@dataclass(frozen=True, slots=True)
class AlreadyStacked:
    """Nothing to do: all members are in this stack."""

    proposal: Proposal
    stack: Stack


@dataclass(frozen=True, slots=True)
class Respect:
    """Nothing to do: the user decided otherwise."""

    proposal: Proposal
    why: Reason


Step = Create | Extend | Review | AlreadyStacked | Respect


@dataclass(frozen=True, slots=True)
class Plan:
    """One step for each proposal, in the proposals' order, and what the present says about our earlier work.

    Shape:  learned are decisions to be remembered, not known before. primary_changes are (our group, its cover in
            Immich now) where that is not the recorded one.
    """

    steps: tuple[Step, ...]
    learned: tuple[Decision, ...]
    primary_changes: tuple[tuple[GroupId, AssetId], ...]


def plan(
    proposals: Iterable[Proposal],
    *,
    assets: Mapping[AssetId, Asset],
    stacks: Iterable[Stack],
    groups: Iterable[OurGroup],
    decisions: Iterable[Decision],
) -> Plan:
    """What to do about each proposal.

    Shape:  assets and stacks are one reading of Immich, taken after every recorded group was done: a group missing from
            an older reading would look as if the user had dissolved it. assets holds at least all that is named
            in proposals and groups, as far as it still exists.
    """
    present = Stacks(stacks)
    kept_apart = KeptApart(decisions)
    learned = learn(groups, assets=assets, stacks=present, kept_apart=kept_apart)
    for decision in learned.decisions:
        kept_apart.add(decision)
    planner = _Planner(assets, present, kept_apart, learned)
    return Plan(tuple(planner.step(each) for each in proposals), learned.decisions, learned.primary_changes)


class _Planner:
    """The present, asked proposal by proposal; remembers what earlier steps already add to a stack."""

    def __init__(
        self, assets: Mapping[AssetId, Asset], stacks: Stacks, kept_apart: KeptApart, learned: Learned
    ) -> None:
        self._assets = assets
        self._stacks = stacks
        self._kept_apart = kept_apart
        self._group_of = learned.group_of
        self._added: dict[StackId, tuple[AssetId, ...]] = {}

    def step(self, proposal: Proposal) -> Step:
        touched = self._stacks.touching(proposal.member_ids)
        if not touched:
            return self._for_free(proposal)
        if len(touched) == 1:
            return self._beside(touched[0], proposal)
        if self._is_decided(proposal.member_ids):
            return Respect(proposal, _KEPT_APART)
        return Review(proposal, Reason(ReasonCode.TWO_STACKS, str(len(touched))))

    def _for_free(self, proposal: Proposal) -> Step:
        members = proposal.member_ids
        if self._is_decided(members):
            return Respect(proposal, _KEPT_APART)
        if self._any_apart(members):
            return Review(proposal, _PARTLY_KEPT_APART)
        return Create(proposal) if proposal.confidence is Confidence.CERTAIN else Review(proposal, _doubt(proposal))

    def _beside(self, stack: Stack, proposal: Proposal) -> Step:
        inside = [each for each in proposal.member_ids if self._stacks.of(each) is stack]
        outside = [each for each in proposal.member_ids if self._stacks.of(each) is None]
        if not outside:
            return AlreadyStacked(proposal, stack)
        # Who was taken out of the stack stays out, but does not keep others from joining it.
        fresh = [each for each in outside if not self._kept_apart.from_any(each, (*stack.member_ids, *inside))]
        if not fresh:
            return Respect(proposal, _KEPT_APART)
        why = self._why_not_extend(stack, proposal, fresh)
        return Review(proposal, why) if why is not None else self._extend(stack, proposal, fresh)

    def _why_not_extend(self, stack: Stack, proposal: Proposal, fresh: Sequence[AssetId]) -> Reason | None:
        if stack.id not in self._group_of:
            return _USERS_STACK
        if self._any_apart(fresh):
            return _PARTLY_KEPT_APART
        # Extending goes through the primary; Immich leaves trashed members behind when it rebuilds the stack, and hides
        # every other member of a stack whose primary is not shown where they are.
        if stack.primary_id not in stack.member_ids or not self._is_shown_with(stack.primary_id, fresh):
            return _COVER_HIDDEN
        return None if proposal.confidence is Confidence.CERTAIN else _doubt(proposal)

    def _extend(self, stack: Stack, proposal: Proposal, fresh: Sequence[AssetId]) -> Extend:
        old = self._added.get(stack.id, stack.member_ids)
        members = tuple(dict.fromkeys((stack.primary_id, *old, *fresh)))
        self._added[stack.id] = members
        return Extend(proposal, stack, self._group_of[stack.id], members)

    def _is_shown_with(self, cover: AssetId, fresh: Sequence[AssetId]) -> bool:
        asset = self._assets.get(cover)
        return asset is not None and may_pair(asset) and asset.visibility is self._assets[fresh[0]].visibility

    def _any_apart(self, members: Sequence[AssetId]) -> bool:
        return any(self._kept_apart.are(one, other) for one, other in combinations(members, 2))

    def _is_decided(self, members: Sequence[AssetId]) -> bool:
        """Whether every member is kept apart from another one: then nothing about the proposal is new."""
        return all(self._kept_apart.from_any(each, members) for each in members)


def _doubt(proposal: Proposal) -> Reason:
    """The engine says last what it doubts."""
    return proposal.reasons[-1]
