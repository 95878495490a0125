"""Rule 2: versions of one picture were taken at one time, by the wall clock or by UTC."""

from __future__ import annotations

import math
from collections.abc import Sequence
from itertools import pairwise
from operator import attrgetter

from sidecar.grouping.candidate import Candidate
from sidecar.grouping.reasons import Reason, ReasonCode, span
from sidecar.grouping.rule import PairRule
from sidecar.grouping.settings import PairingRules
from sidecar.model import Asset

_SAME_SECOND = Reason(ReasonCode.SAME_SECOND)
_SECOND_MS = 1_000
_OTHER_CLOCK_MS = 60_000
_LOCAL_ORDER = attrgetter("taken_local_ms", "id")
_UTC_ORDER = attrgetter("taken_at_ms")


def distance_ms(one: Asset, other: Asset) -> int:
    """How far apart two captures are, by whichever clock shows less.

    Local time is the camera's own word. UTC counts too: a RAW without an offset tag is read with the server's offset
    and then differs from its JPEG by whole hours in one of the two.
    """
    local_ms = abs(one.taken_local_ms - other.taken_local_ms)
    return local_ms and min(local_ms, abs(one.taken_at_ms - other.taken_at_ms))


def runs(assets: Sequence[Asset], *, tolerance_ms: int) -> list[list[Asset]]:
    """The assets cut wherever both clocks leave more than the tolerance between neighbours, in order of time.

    Within a run neighbours are near, not everybody: a run is where to look for groups, not yet one. Cost is n log n.
    """
    found = _cut(sorted(assets, key=_LOCAL_ORDER), tolerance_ms)
    offsets = {asset.taken_local_ms - asset.taken_at_ms for asset in assets}
    if len(found) == 1 or len(offsets) == 1:
        return found
    links = _Links(len(found))
    run_of = {asset.id: number for number, run in enumerate(found) for asset in run}
    for one, other in pairwise(sorted(assets, key=_UTC_ORDER)):
        if other.taken_at_ms - one.taken_at_ms <= tolerance_ms:
            links.join(run_of[one.id], run_of[other.id])
    return links.merged(found)


def _cut(ordered: list[Asset], tolerance_ms: int) -> list[list[Asset]]:
    found: list[list[Asset]] = []
    run_ends_ms: float = -math.inf
    for asset in ordered:
        if asset.taken_local_ms - run_ends_ms <= tolerance_ms:
            found[-1].append(asset)
        else:
            found.append([asset])
        run_ends_ms = asset.taken_local_ms
    return found


class _Links:
    """Which runs hang together (union-find by numbers)."""

    def __init__(self, count: int) -> None:
        self._parent = list(range(count))

    def root(self, number: int) -> int:
        while self._parent[number] != number:
            self._parent[number] = number = self._parent[self._parent[number]]
        return number

    def join(self, one: int, other: int) -> None:
        first, second = sorted((self.root(one), self.root(other)))
        self._parent[second] = first

    def merged(self, found: list[list[Asset]]) -> list[list[Asset]]:
        together: dict[int, list[Asset]] = {}
        for number, run in enumerate(found):
            together.setdefault(self.root(number), []).extend(run)
        return list(together.values())


def _objection(one: Candidate, other: Candidate, rules: PairingRules) -> Reason | None:
    apart_ms = distance_ms(one.asset, other.asset)
    return Reason(ReasonCode.TIMES_DIFFER, span(apart_ms)) if apart_ms > rules.tolerance_ms else None


def _support(members: Sequence[Candidate]) -> Reason:
    first = members[0].asset
    apart_ms = clocks_ms = 0
    for member in members[1:]:
        if member.asset.taken_local_ms != first.taken_local_ms:
            apart_ms = max(apart_ms, distance_ms(first, member.asset))
            clocks_ms = max(clocks_ms, abs(first.taken_local_ms - member.asset.taken_local_ms))
    if clocks_ms - apart_ms >= _OTHER_CLOCK_MS:
        return Reason(ReasonCode.SAME_INSTANT, span(clocks_ms))
    return _SAME_SECOND if apart_ms < _SECOND_MS else Reason(ReasonCode.CLOSE_IN_TIME, span(apart_ms))


RULE = PairRule("time", _objection, _support)
