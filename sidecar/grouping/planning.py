"""Rule 9: what each proposal means beside the stacks that exist and the decisions that were made."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from itertools import combinations

from sidecar.grouping.eligibility import may_pair
from sidecar.grouping.memory import Decided, Decision, Learned, OurGroup, Stacks, learn
from sidecar.grouping.proposal import Confidence, Proposal
from sidecar.grouping.reasons import Reason, ReasonCode
from sidecar.grouping.repair import Repair, repairs
from sidecar.grouping.settings import PairingRules
from sidecar.model import Asset, AssetId, GroupId, Stack, StackId

__all__ = [
    "AlreadyStacked",
    "Create",
    "Decision",
    "Extend",
    "OurGroup",
    "Plan",
    "Repair",
    "Respect",
    "Review",
    "Seen",
    "Step",
    "plan",
]

_KEPT_APART = Reason(ReasonCode.KEPT_APART)
_PARTLY_KEPT_APART = Reason(ReasonCode.PARTLY_KEPT_APART)
_USERS_STACK = Reason(ReasonCode.USERS_STACK)
_COVER_HIDDEN = Reason(ReasonCode.COVER_HIDDEN)
_TRASHED_MEMBER = Reason(ReasonCode.TRASHED_MEMBER)
_ASK_FIRST = Reason(ReasonCode.ASK_FIRST)
_USERS_COVER = Reason(ReasonCode.USERS_COVER)


@dataclass(frozen=True, slots=True)
class Create:
    """Make a stack of the proposal's members, all of which are free."""

    proposal: Proposal


@dataclass(frozen=True, slots=True)
class Extend:
    """Add to a stack of ours, or of the user's where the rules allow it.

    Shape:  member_ids are the whole stack to be: its present primary first, its other members, then the new ones.
    """

    proposal: Proposal
    stack: Stack
    member_ids: tuple[AssetId, ...]


@dataclass(frozen=True, slots=True)
class Review:
    """Ask a person, and why.

    Shape:  stacks are those that some of the members are in now, of which an agreement would make one.
    """

    proposal: Proposal
    why: Reason
    stacks: tuple[Stack, ...] = ()


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
class Seen:
    """A match that is stacked already, and not as one of our groups: taking it apart will be a decision."""

    proposal: Proposal
    primary_id: AssetId


@dataclass(frozen=True, slots=True)
class Plan:
    """One step for each proposal, in the proposals' order, and what the present says about our earlier work.

    Shape:  learned are decisions to be remembered, not known before. primary_changes are (our group, its cover in
            Immich now) where that is not the recorded one. ended are groups that were taken apart, outlived members
            that their stacks did without. seen are to be remembered as groups that are not ours. repairs are proposals
            about stacks that show less than they should.
    """

    steps: tuple[Step, ...]
    learned: tuple[Decision, ...]
    primary_changes: tuple[tuple[GroupId, AssetId], ...]
    ended: tuple[GroupId, ...] = ()
    outlived: tuple[tuple[GroupId, AssetId], ...] = ()
    seen: tuple[Seen, ...] = ()
    repairs: tuple[Repair, ...] = ()


def plan(
    proposals: Iterable[Proposal],
    *,
    assets: Mapping[AssetId, Asset],
    stacks: Iterable[Stack],
    groups: Iterable[OurGroup],
    decisions: Iterable[Decision],
    rules: PairingRules | None = None,
) -> Plan:
    """What to do about each proposal.

    Shape:  assets and stacks are one reading of Immich, taken after every recorded group was done: a group missing from
            an older reading would look as if the user had dissolved it. assets holds at least all that is named
            in proposals and groups, as far as it still exists. decisions come with the latest last.
    """
    rules = rules or PairingRules()
    groups = list(groups)
    present = Stacks(stacks)
    decided = Decided(decisions)
    learned = learn(groups, assets=assets, stacks=present, decided=decided)
    planner = _Planner(assets=assets, stacks=present, decided=decided, learned=learned, groups=groups, rules=rules)
    steps = tuple(planner.step(each) for each in proposals)
    return Plan(
        steps,
        learned.decisions,
        learned.primary_changes,
        learned.ended,
        learned.outlived,
        tuple(planner.seen(steps)),
        tuple(repairs(groups, assets=assets, stacks=present, decided=decided, rules=rules)),
    )


class _Planner:
    """The present, asked proposal by proposal; remembers what earlier steps already add to a stack."""

    def __init__(
        self,
        *,
        assets: Mapping[AssetId, Asset],
        stacks: Stacks,
        decided: Decided,
        learned: Learned,
        groups: Sequence[OurGroup],
        rules: PairingRules,
    ) -> None:
        self._assets = assets
        self._stacks = stacks
        self._decided = decided
        self._group_of = learned.group_of
        self._rules = rules
        self._groups_with: dict[AssetId, list[OurGroup]] = {}
        for group in groups:
            for member in group.member_ids:
                self._groups_with.setdefault(member, []).append(group)
        self._added: dict[StackId, tuple[AssetId, ...]] = {}

    def step(self, proposal: Proposal) -> Step:
        touched = self._stacks.touching(proposal.member_ids)
        if not touched:
            return self._for_free(proposal)
        if len(touched) == 1:
            return self._beside(touched[0], proposal)
        if self._is_decided(proposal.member_ids):
            return Respect(proposal, _KEPT_APART)
        were_one = self._group_around(proposal.member_ids, is_ours=True) is not None
        code = ReasonCode.SPLIT if were_one else ReasonCode.TWO_STACKS
        return Review(proposal, Reason(code, str(len(touched))), tuple(touched))

    def seen(self, steps: Sequence[Step]) -> Iterable[Seen]:
        """What is stacked without us: by hand, by another tool, or by a sidecar whose database is lost."""
        for step in steps:
            if isinstance(step, AlreadyStacked) and self._group_around(step.proposal.member_ids) is None:
                yield Seen(step.proposal, step.stack.primary_id)

    def _group_around(self, members: Sequence[AssetId], *, is_ours: bool = False) -> OurGroup | None:
        """A recorded group that holds all of these."""
        for group in self._groups_with.get(members[0], ()):
            if (group.is_ours or not is_ours) and set(members) <= set(group.member_ids):
                return group
        return None

    def _for_free(self, proposal: Proposal) -> Step:
        members = proposal.member_ids
        if self._is_decided(members):
            return Respect(proposal, _KEPT_APART)
        proposal = self._with_users_cover(proposal)
        if self._any_apart(members):
            return Review(proposal, _PARTLY_KEPT_APART)
        doubt = self._doubt(proposal)
        return Create(proposal) if doubt is None else Review(proposal, doubt)

    def _with_users_cover(self, proposal: Proposal) -> Proposal:
        cover = self._decided.cover_among(proposal.member_ids)
        if cover is None or cover == proposal.primary_id:
            return proposal
        rest = tuple(each for each in proposal.member_ids if each != cover)
        return replace(proposal, member_ids=(cover, *rest), evidence=(_USERS_COVER, *proposal.evidence))

    def _beside(self, stack: Stack, proposal: Proposal) -> Step:
        inside = [each for each in proposal.member_ids if self._stacks.of(each) is stack]
        outside = [each for each in proposal.member_ids if self._stacks.of(each) is None]
        if not outside:
            return AlreadyStacked(proposal, stack)
        # Who was taken out of the stack stays out, but does not keep others from joining it.
        fresh = [each for each in outside if not self._decided.is_apart_from_any(each, (*stack.member_ids, *inside))]
        if not fresh:
            return Respect(proposal, _KEPT_APART)
        why = self._why_not_extend(stack, proposal, fresh)
        return Review(proposal, why, (stack,)) if why is not None else self._extend(stack, proposal, fresh)

    def _why_not_extend(self, stack: Stack, proposal: Proposal, fresh: Sequence[AssetId]) -> Reason | None:
        # Extending goes through the primary; Immich leaves trashed members behind when it rebuilds the stack, and hides
        # every other member of a stack whose primary is not shown where they are.
        if stack.primary_id not in stack.member_ids or not self._is_shown_with(stack.primary_id, fresh):
            return _COVER_HIDDEN
        if stack.id not in self._group_of and not self._rules.extends_users_stacks:
            return _USERS_STACK
        if self._has_trashed_member(stack):
            return _TRASHED_MEMBER
        if self._any_apart(fresh):
            return _PARTLY_KEPT_APART
        return self._doubt(proposal)

    def _has_trashed_member(self, stack: Stack) -> bool:
        """Whether one of the stack is in the trash, as far as we know: Immich would leave it behind."""
        group = self._group_of.get(stack.id)
        known = (self._assets.get(each) for each in (group.member_ids if group is not None else ()))
        return any(asset is not None and asset.is_trashed for asset in known)

    def _doubt(self, proposal: Proposal) -> Reason | None:
        """Why a person is asked about a proposal that fits the present; the engine says last what it doubts."""
        if proposal.confidence is not Confidence.CERTAIN:
            return proposal.evidence[-1]
        return None if self._rules.acts else _ASK_FIRST

    def _extend(self, stack: Stack, proposal: Proposal, fresh: Sequence[AssetId]) -> Extend:
        old = self._added.get(stack.id, stack.member_ids)
        members = tuple(dict.fromkeys((stack.primary_id, *old, *fresh)))
        self._added[stack.id] = members
        return Extend(proposal, stack, members)

    def _is_shown_with(self, cover: AssetId, fresh: Sequence[AssetId]) -> bool:
        asset = self._assets.get(cover)
        return asset is not None and may_pair(asset) and asset.visibility is self._assets[fresh[0]].visibility

    def _any_apart(self, members: Sequence[AssetId]) -> bool:
        return any(self._decided.are_apart(one, other) for one, other in combinations(members, 2))

    def _is_decided(self, members: Sequence[AssetId]) -> bool:
        """Whether every member is kept apart from another one: then nothing about the proposal is new."""
        return all(self._decided.is_apart_from_any(each, members) for each in members)
