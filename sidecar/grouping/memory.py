"""Rule 10: what the user did to our stacks is a decision, and decisions last."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from enum import StrEnum
from itertools import combinations

from sidecar.grouping.eligibility import may_pair
from sidecar.model import Asset, AssetId, GroupId, Stack, StackId, Visibility

_FEWEST = 2
_FEW = 10
"""As many as are looked at two by two."""


@dataclass(frozen=True, slots=True)
class OurGroup:
    """A stack that Immich has shown: its members, and its primary as last seen.

    Shape:  is_ours is False for a stack that somebody made by hand and that says the same as we would: it is never
            changed, but taking it apart is a decision all the same.
    """

    id: GroupId
    member_ids: tuple[AssetId, ...]
    primary_id: AssetId
    is_ours: bool = True


class DecisionKind(StrEnum):
    """What was decided."""

    KEEP_APART = "keep_apart"
    """No two of the assets ever come together by our doing."""
    COVER = "cover"
    """Among these assets, the chosen one is the cover."""
    LEAVE_LONELY = "leave_lonely"
    """A stack of which only this asset is left stays as it is."""
    LEAVE_COVER = "leave_cover"
    """A stack whose cover, the chosen one, is hidden stays as it is."""
    DISTINCT = "distinct"
    """No two of the assets are duplicates of each other. Says nothing about stacks."""


class DecisionSource(StrEnum):
    """How a decision became known."""

    UNSTACKED = "unstacked"
    """The whole stack was taken apart in Immich."""
    REMOVED = "removed"
    """A member was taken out of its stack in Immich."""
    COVERED = "covered"
    """Another cover was chosen in Immich."""
    REJECTED = "rejected"
    """A proposal of ours was rejected, or accepted in part."""
    ACCEPTED = "accepted"
    """A cover was chosen when a proposal was accepted."""
    UNDONE = "undone"
    """A write of ours was taken back."""
    DISMISSED = "dismissed"
    """A set of duplicates was dismissed, here or on Immich's own page."""
    KEPT = "kept"
    """Several of a set of duplicates were kept."""
    RECALLED = "recalled"
    """Read back from Immich, where an earlier database of ours had written it."""


@dataclass(frozen=True, slots=True)
class Decision:
    """Something the user decided about these assets; chosen is the asset that it singles out, where it does.

    Shape:  name is the same for all that is ever read of one decision, here and in Immich's memos; None where nobody
            asks for it.
    """

    asset_ids: frozenset[AssetId]
    kind: DecisionKind = DecisionKind.KEEP_APART
    chosen: AssetId | None = None
    source: DecisionSource = DecisionSource.UNSTACKED
    name: str | None = field(default=None, compare=False)


class _Apart:
    """Sets of which no two belong together, ready to be asked about single assets."""

    def __init__(self) -> None:
        self._sets: set[frozenset[AssetId]] = set()
        self._partners: dict[AssetId, set[AssetId] | frozenset[AssetId]] = {}

    def add(self, apart: frozenset[AssetId]) -> None:
        """Remember one more."""
        if apart in self._sets:
            return
        self._sets.add(apart)
        for asset_id in apart:
            # Most assets are in one such decision only: all of a long burst then share one set.
            partners = self._partners.setdefault(asset_id, apart)
            if isinstance(partners, set):
                partners.update(apart)
            elif partners is not apart:
                self._partners[asset_id] = {*partners, *apart}

    def are_apart(self, one: AssetId, other: AssetId) -> bool:
        """Whether one set holds both."""
        return other in self._partners.get(one, ())

    def holds(self, apart: frozenset[AssetId]) -> bool:
        """Whether this set is known, or a larger one; of a few assets also if several add up to it."""
        if apart in self._sets:
            return True
        if len(apart) <= _FEW:
            return all(self.are_apart(one, other) for one, other in combinations(apart, 2))
        return any(apart <= each for each in self._sets)


class Decided:
    """All decisions, the latest last, ready to be asked about single assets."""

    def __init__(self, decisions: Iterable[Decision]) -> None:
        self._apart = _Apart()
        self._distinct = _Apart()
        self._covers: dict[AssetId, Decision] = {}
        self._left: set[tuple[DecisionKind, AssetId | None]] = set()
        for decision in decisions:
            self.add(decision)

    def add(self, decision: Decision) -> None:
        """Remember one more."""
        match decision.kind:
            case DecisionKind.KEEP_APART:
                self._apart.add(decision.asset_ids)
            case DecisionKind.DISTINCT:
                self._distinct.add(decision.asset_ids)
            case DecisionKind.COVER:
                for asset_id in decision.asset_ids:
                    self._covers[asset_id] = decision
            case _:
                self._left.add((decision.kind, decision.chosen))

    def are_apart(self, one: AssetId, other: AssetId) -> bool:
        """Whether the user keeps these two apart."""
        return self._apart.are_apart(one, other)

    def holds(self, apart: frozenset[AssetId]) -> bool:
        """Whether this decision to keep apart is known, or one about more assets.

        Shape:  of a few assets it is also known if several decisions add up to it.
        """
        return self._apart.holds(apart)

    def holds_distinct(self, distinct: frozenset[AssetId]) -> bool:
        """Whether it is known that no two of these are duplicates of each other; as `holds` is."""
        return self._distinct.holds(distinct)

    def is_apart_from_any(self, asset_id: AssetId, others: Iterable[AssetId]) -> bool:
        """Whether the user keeps the asset apart from any of the others; an asset is not its own partner."""
        return any(self.are_apart(asset_id, other) for other in others if other != asset_id)

    def cover_among(self, asset_ids: Sequence[AssetId]) -> AssetId | None:
        """The one of the assets that the user chose as cover of at least one other of them; None if there is none."""
        for asset_id in asset_ids:
            decision = self._covers.get(asset_id)
            if decision is not None and decision.chosen in asset_ids and decision.chosen != asset_id:
                return decision.chosen
        return None

    def is_left(self, kind: DecisionKind, asset_id: AssetId) -> bool:
        """Whether the user wants the state of affairs around this asset left as it is."""
        return (kind, asset_id) in self._left


class Stacks:
    """Immich's stacks by what is in them; the primary counts as inside also where Immich hides it."""

    def __init__(self, stacks: Iterable[Stack]) -> None:
        self.all = sorted(stacks, key=lambda stack: stack.id)
        self._by_member = {asset_id: stack for stack in self.all for asset_id in (*stack.member_ids, stack.primary_id)}

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
            recorded. group_of names, by Immich's stack, the group of ours that lives on in it. ended are groups that
            were taken apart as a whole: what becomes of their members later says nothing about them. outlived are
            (group, member) where the member is gone for good and the stack went on without it.
    """

    decisions: tuple[Decision, ...]
    primary_changes: tuple[tuple[GroupId, AssetId], ...]
    group_of: Mapping[StackId, OurGroup]
    ended: tuple[GroupId, ...] = ()
    outlived: tuple[tuple[GroupId, AssetId], ...] = ()


def learn(groups: Iterable[OurGroup], *, assets: Mapping[AssetId, Asset], stacks: Stacks, decided: Decided) -> Learned:
    """Compare what there was with what is there; what was learned is added to `decided`.

    Shape:  a group of which members that can be seen are in no stack any more was changed by the user. Members that are
            trashed, hidden or offline are not looked for. Whoever is in another stack by now was moved there, by hand
            or by another tool: that is for a person to settle.
    Source: Immich dissolves a stack by itself when members are deleted for good and fewer than two are left on the
            timeline (asset.service.ts, Immich 2.5.6 to 3.1.0). Nothing else in Immich takes a stack apart.
    """
    decisions: list[Decision] = []
    primary_changes: list[tuple[GroupId, AssetId]] = []
    group_of: dict[StackId, OurGroup] = {}
    ended: list[GroupId] = []
    outlived: list[tuple[GroupId, AssetId]] = []
    for group in sorted(groups, key=lambda group: (-len(group.member_ids), group.id)):
        present = [each for each in sorted(set(group.member_ids)) if each in assets and may_pair(assets[each])]
        carriers = _carriers(present, stacks)
        if group.is_ours and not carriers:
            # Versions before 3.1 keep a stack of one; it is ours as much as the whole was.
            lonely = (stack for stack in stacks.touching(present) if len(stack.member_ids) == 1)
            group_of |= {stack.id: group for stack in lonely if stack.id not in group_of}
        for stack in carriers:
            if group.is_ours:
                group_of.setdefault(stack.id, group)
            if stack.primary_id != group.primary_id:
                primary_changes.append((group.id, stack.primary_id))
                decisions += _another_cover(group, stack)
        if carriers:
            outlived += [(group.id, each) for each in group.member_ids if each not in assets]
        elif _may_be_dissolved_by_immich(group, present, assets):
            continue
        is_over = bool(present) and not any(map(stacks.of, present))
        if is_over:
            ended.append(group.id)
        decisions += _news(_whole(group, assets) if is_over else _parts(present, stacks), decided)
    return Learned(
        tuple(decisions), tuple(sorted(primary_changes)), group_of, tuple(sorted(ended)), tuple(sorted(outlived))
    )


def _news(found: Iterable[Decision], decided: Decided) -> Iterator[Decision]:
    """What was not known yet, and is from now on."""
    for decision in found:
        if any(not decided.are_apart(*pair) for pair in combinations(sorted(decision.asset_ids), 2)):
            decided.add(decision)
            yield decision


def _whole(group: OurGroup, assets: Mapping[AssetId, Asset]) -> Iterator[Decision]:
    """All of them apart; also whoever is in the trash was in that stack, and comes back single."""
    yield Decision(frozenset(each for each in group.member_ids if each in assets))


def _parts(present: Sequence[AssetId], stacks: Stacks) -> Iterator[Decision]:
    """Every two apart that are not together."""
    return (Decision(frozenset(pair), source=DecisionSource.REMOVED) for pair in _taken_out(present, stacks))


def _carriers(present: Sequence[AssetId], stacks: Stacks) -> list[Stack]:
    """The one stack in which most members still are together, two at least; of equals the first by id."""
    shares = Counter(stack.id for each in present if (stack := stacks.of(each)) is not None)
    together = [stack for stack in stacks.touching(present) if shares[stack.id] > 1]
    return sorted(together, key=lambda stack: (-shares[stack.id], stack.id))[:1]


def _another_cover(group: OurGroup, stack: Stack) -> Iterator[Decision]:
    """The user's choice, unless Immich had to choose because the former cover is no longer in the stack."""
    if group.primary_id in stack.member_ids:
        yield Decision(
            frozenset(group.member_ids) & frozenset(stack.member_ids) | {stack.primary_id},
            DecisionKind.COVER,
            chosen=stack.primary_id,
            source=DecisionSource.COVERED,
        )


def _may_be_dissolved_by_immich(group: OurGroup, present: Sequence[AssetId], assets: Mapping[AssetId, Asset]) -> bool:
    is_one_gone = any(each not in assets for each in group.member_ids)
    on_timeline = sum(assets[each].visibility is Visibility.TIMELINE for each in present)
    return is_one_gone and on_timeline < _FEWEST


def _taken_out(present: Sequence[AssetId], stacks: Stacks) -> Iterator[tuple[AssetId, AssetId]]:
    """Every two that are not together, of which at least one is in no stack any more."""
    return (pair for pair in combinations(present, 2) if not _are_stacked(*pair, stacks))


def _are_stacked(one: AssetId, other: AssetId, stacks: Stacks) -> bool:
    """Together, or each in a stack of its own."""
    return stacks.of(one) is not None and stacks.of(other) is not None
