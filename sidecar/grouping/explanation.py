"""Why candidates with a partner by name were left alone.

Silent about strangers that merely share a counter, and about what is switched off.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from itertools import pairwise

from sidecar.grouping.candidate import Candidate, candidate_of
from sidecar.grouping.capture_time import distance_ms
from sidecar.grouping.names import reader_of
from sidecar.grouping.proposal import LeftAlone
from sidecar.grouping.reasons import Reason, ReasonCode
from sidecar.grouping.rule import PairRule
from sidecar.grouping.settings import PairingRules
from sidecar.grouping.switches import is_anything_off, is_off
from sidecar.model import Asset, AssetId

# Counters roll over: an equal name on another day is another picture and not worth a word.
_NEAR_MISS_MS = 86_400_000
_BETTER_MATCH = Reason(ReasonCode.BETTER_MATCH)
_SWITCHED_OFF = Reason(ReasonCode.SWITCHED_OFF)


def left_alone(asset_ids: Iterable[AssetId], reason: Reason) -> LeftAlone:
    """The assets, sorted, under one reason."""
    return LeftAlone(tuple(sorted(asset_ids)), reason)


def explain(
    left: Sequence[Candidate], family: Sequence[Candidate], rules: PairingRules, pipeline: Sequence[PairRule]
) -> Iterator[LeftAlone]:
    """Why each of `left` is in no group of its family, those with one reason together."""
    by_reason: dict[Reason, list[AssetId]] = {}
    for candidate in left:
        by_reason.setdefault(_why(candidate, family, rules, pipeline), []).append(candidate.asset.id)
    by_reason.pop(_SWITCHED_OFF, None)
    for reason, asset_ids in by_reason.items():
        yield left_alone(asset_ids, reason)


def _why(
    candidate: Candidate, family: Sequence[Candidate], rules: PairingRules, pipeline: Sequence[PairRule]
) -> Reason:
    others = [other for other in family if other is not candidate]
    fallback = _BETTER_MATCH
    if is_anything_off(rules):
        partners = [other for other in others if not is_off(candidate, other, rules)]
        if len(partners) < len(others):
            others, fallback = partners, _SWITCHED_OFF
    others.sort(key=lambda other: (distance_ms(candidate.asset, other.asset), other.asset.id))
    objections = (rule.objection(candidate, other, rules) for other in others for rule in pipeline)
    return next((reason for reason in objections if reason is not None), fallback)


def near_misses(
    runs: Sequence[Sequence[Asset]], paired: set[AssetId], rules: PairingRules, pipeline: Sequence[PairRule]
) -> Iterator[LeftAlone]:
    """Neighbours of one name and different versions within a day of each other, yet too far apart in time."""
    names = reader_of(rules)
    for before, after in pairwise(runs):
        one, other = before[-1], after[0]
        if distance_ms(one, other) > _NEAR_MISS_MS:
            continue
        unpaired = [asset.id for asset in (one, other) if asset.id not in paired]
        if not unpaired:
            continue
        reason = _missed(candidate_of(one, names), candidate_of(other, names), rules, pipeline)
        if reason is not None and reason != _SWITCHED_OFF:
            yield left_alone(unpaired, reason)


def _missed(one: Candidate, other: Candidate, rules: PairingRules, pipeline: Sequence[PairRule]) -> Reason | None:
    """The objection of time, if it is the only one."""
    if one.family != other.family:
        return None
    reasons = [reason for rule in pipeline if (reason := rule.objection(one, other, rules)) is not None]
    return reasons[0] if len(reasons) == 1 else None
