"""Rule 6: who belongs to whom among candidates of one name and time, and where that cannot be told.

The nearest join first, as long as no rule objects and one member, the anchor, is within the tolerance of all others.
Whoever would have fitted elsewhere about as well makes the groups concerned doubtful, unless only a switch keeps them
from being one: then the better cover is chosen, and nobody is asked. Sets of candidates are bit masks: their number is
bounded by `max_cluster`.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from functools import reduce
from itertools import combinations
from operator import or_
from typing import NamedTuple

from sidecar.grouping import capture_time
from sidecar.grouping.candidate import Candidate
from sidecar.grouping.capture_time import distance_ms
from sidecar.grouping.primary import in_order
from sidecar.grouping.reasons import ReasonCode
from sidecar.grouping.rule import PairRule
from sidecar.grouping.settings import PairingRules
from sidecar.grouping.switches import is_anything_off, is_off

_CLEARLY_MS = 1_000
_SECOND_MS = 1_000
_SWITCHED_OFF = ReasonCode.SWITCHED_OFF


class Cluster(NamedTuple):
    """Candidates that belong together; is_clear is False if somebody else fits as well as they do."""

    members: list[Candidate]
    is_clear: bool


class _Edge(NamedTuple):
    """How well two candidates fit: less is better. Folders break ties."""

    distance_ms: int
    folder_steps: int


def assign(candidates: Sequence[Candidate], rules: PairingRules, pipeline: Sequence[PairRule]) -> list[Cluster]:
    """The groups of two or more among candidates of one family; whoever is in none fits nobody or lost.

    Shape:  the candidates are at most rules.max_cluster, in any order: ties between them end as unclear clusters.
    """
    if len(candidates) == 2:  # noqa: PLR2004  # nearly all groups are pairs: no table is needed for one question
        one, other = candidates
        for rule in pipeline:
            if rule.objection(one, other, rules) is not None:
                return []
        return [Cluster([one, other], is_clear=True)]
    # Of equally good joins the first is made. That shows only where something is off: all other ties end as unclear.
    ordered = in_order(candidates, rules) if is_anything_off(rules) else sorted(candidates, key=_order)
    table = _Table(ordered, rules, pipeline)
    everybody = table.all_mask
    if not any(table.apart) and table.has_anchor(everybody):
        return [Cluster(table.members(everybody), is_clear=True)]
    groups = _agglomerate(table)
    return [Cluster(table.members(mask), is_clear) for mask, is_clear in _judged(table, groups)]


def _order(candidate: Candidate) -> tuple[int, str]:
    return candidate.asset.taken_local_ms, candidate.asset.id


class _Table:
    """Every pair looked at once: who is near whom, who must stay apart, and how well the others fit.

    `off` is who is kept apart by what the user switched off, `only_off` who is kept apart by nothing else.
    """

    def __init__(self, candidates: list[Candidate], rules: PairingRules, pipeline: Sequence[PairRule]) -> None:
        self._candidates = candidates
        self.all_mask = (1 << len(candidates)) - 1
        self.near = [1 << place for place in range(len(candidates))]
        self.apart = [0] * len(candidates)
        self.off = [0] * len(candidates)
        self.only_off = [0] * len(candidates)
        self.edges: dict[tuple[int, int], _Edge] = {}
        # Time is not asked pair by pair: two members may each be near the anchor and yet not near each other.
        has_switches = is_anything_off(rules)
        judges = [rule for rule in pipeline if rule is not capture_time.RULE]
        for (i, one), (j, other) in combinations(enumerate(candidates), 2):
            apart_ms = distance_ms(one.asset, other.asset)
            if apart_ms <= rules.tolerance_ms:
                _set(self.near, i, j)
            objections = (rule.objection(one, other, rules) for rule in judges)
            reason = next((reason for reason in objections if reason is not None), None)
            if reason is not None:
                _set(self.apart, i, j)
                if has_switches and is_off(one, other, rules):
                    _set(self.off, i, j)
                    if reason.code is _SWITCHED_OFF:
                        _set(self.only_off, i, j)
            elif apart_ms <= rules.tolerance_ms:
                edge = _Edge(apart_ms, folder_steps(one.asset.folder, other.asset.folder))
                self.edges[i, j] = self.edges[j, i] = edge

    def members(self, mask: int) -> list[Candidate]:
        return [self._candidates[place] for place in _places(mask)]

    def has_anchor(self, mask: int) -> bool:
        return any(self.near[place] & mask == mask for place in _places(mask))

    def may_join(self, one: int, other: int) -> bool:
        return not _touch(self.apart, one, other) and self.has_anchor(one | other)

    def is_exact(self, place: int) -> bool:
        """Whether the time carries a fraction of a second, so that an equal time is no coincidence of rounding."""
        return self._candidates[place].asset.taken_local_ms % _SECOND_MS != 0


def _set(masks: list[int], i: int, j: int) -> None:
    masks[i] |= 1 << j
    masks[j] |= 1 << i


def _touch(masks: list[int], one: int, other: int) -> bool:
    """Whether any of the one has any of the other in its mask."""
    return any(masks[place] & other for place in _places(one))


def _places(mask: int) -> Iterator[int]:
    while mask:
        lowest = mask & -mask
        yield lowest.bit_length() - 1
        mask ^= lowest


_FAR = 1_000


def folder_steps(one: str | None, other: str | None) -> int:
    """How many steps lie between two folders; two uploads are in one place, an upload is far from every folder."""
    if one == other:
        return 0
    if one is None or other is None:
        return _FAR
    first, second = one.strip("/").split("/"), other.strip("/").split("/")
    shared = 0
    for ours, theirs in zip(first, second, strict=False):
        if ours != theirs:
            break
        shared += 1
    return len(first) + len(second) - 2 * shared


def _agglomerate(table: _Table) -> list[int]:
    group_of = [1 << place for place in range(len(table.near))]
    for _, i, j in sorted((edge, i, j) for (i, j), edge in table.edges.items() if i < j):
        one, other = group_of[i], group_of[j]
        if one != other and table.may_join(one, other):
            for place in _places(one | other):
                group_of[place] = one | other
    return sorted(set(group_of))


def _judged(table: _Table, groups: list[int]) -> list[tuple[int, bool]]:
    """Groups of two or more with whether they are clear; those that contest each other become one, unclear."""
    contested = {group: _rivals(table, group) for group in groups}
    unclear = {group for group in groups if contested[group] and group & (group - 1)}
    merged = _merged(table, groups, [(group, contested[group]) for group in groups if group in unclear])
    return [(mask, not any(group & mask for group in unclear)) for mask in merged if mask & (mask - 1)]


def _rivals(table: _Table, group: int) -> int:
    """Everybody outside who fits a member about as well as the member's best partner inside."""
    return reduce(or_, (_rivals_of(table, place, group) for place in _places(group)), 0)


def _rivals_of(table: _Table, place: int, group: int) -> int:
    inside = [table.edges[place, other] for other in _places(group & ~(1 << place)) if (place, other) in table.edges]
    if not inside:
        return 0
    best = min(inside)
    outside = _places(table.near[place] & ~table.apart[place] & ~group)
    rivals = (1 << other for other in outside if not _decides(table, place, best, table.edges[place, other]))
    return reduce(or_, (rival for rival in rivals if not _touch(table.only_off, rival, group)), 0)


def _decides(table: _Table, place: int, best: _Edge, rival: _Edge) -> bool:
    if rival.distance_ms - best.distance_ms >= _CLEARLY_MS:
        return True
    if best.distance_ms == 0 and rival.distance_ms > 0 and table.is_exact(place):
        return True
    return best.folder_steps < rival.folder_steps


def _merged(table: _Table, groups: list[int], contests: list[tuple[int, int]]) -> list[int]:
    """The groups, those joined that fight for a member, unless they would be no group: then each stays for itself."""
    group_of = {place: group for group in groups for place in _places(group)}
    for group, rivals in contests:
        for rival in _places(rivals):
            one, other = group_of[next(_places(group))], group_of[rival]
            if one != other and table.has_anchor(one | other) and not _touch(table.off, one, other):
                for place in _places(one | other):
                    group_of[place] = one | other
    return sorted(set(group_of.values()))
