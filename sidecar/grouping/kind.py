"""Rule 4, and the half of rule 7 that takes two.

Images go with images, videos with equally long videos, archived with archived.
"""

from __future__ import annotations

from collections.abc import Sequence

from sidecar.grouping.candidate import Candidate
from sidecar.grouping.reasons import Reason, ReasonCode, span
from sidecar.grouping.rule import PairRule, no_support
from sidecar.grouping.settings import PairingRules
from sidecar.model import AssetKind

_DURATION_TOLERANCE_MS = 1_000
_IMAGE = AssetKind.IMAGE
_PHOTO_AND_CLIP = Reason(ReasonCode.PHOTO_AND_CLIP)
_ARCHIVED_APART = Reason(ReasonCode.ARCHIVED_APART)
_SAME_DURATION = Reason(ReasonCode.SAME_DURATION)


def _kind(one: Candidate, other: Candidate, _rules: PairingRules) -> Reason | None:
    return None if one.asset.kind is other.asset.kind else _PHOTO_AND_CLIP


def _visibility(one: Candidate, other: Candidate, _rules: PairingRules) -> Reason | None:
    return None if one.asset.visibility is other.asset.visibility else _ARCHIVED_APART


def _duration(one: Candidate, other: Candidate, _rules: PairingRules) -> Reason | None:
    if one.asset.duration_ms is None or other.asset.duration_ms is None or one.asset.kind is _IMAGE:
        return None
    apart_ms = abs(one.asset.duration_ms - other.asset.duration_ms)
    return Reason(ReasonCode.DURATIONS_DIFFER, span(apart_ms)) if apart_ms > _DURATION_TOLERANCE_MS else None


def _equally_long(members: Sequence[Candidate]) -> Reason | None:
    if members[0].asset.kind is _IMAGE or any(member.asset.duration_ms is None for member in members):
        return None
    return _SAME_DURATION


KIND = PairRule("kind", _kind, no_support)
VISIBILITY = PairRule("visibility", _visibility, no_support)
DURATION = PairRule("duration", _duration, _equally_long)
