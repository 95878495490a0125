"""A file that knows no camera, such as a copy from a messenger, is no version of one that does."""

from __future__ import annotations

from sidecar.grouping.candidate import Candidate
from sidecar.grouping.reasons import Reason, ReasonCode
from sidecar.grouping.rule import PairRule, no_support
from sidecar.grouping.settings import PairingRules


def objection(one: Candidate, other: Candidate, _rules: PairingRules) -> Reason | None:
    known = [each.camera.label for each in (one, other) if each.camera.label]
    return Reason(ReasonCode.CAMERAS_DIFFER, f"{known[0]} and an unknown one") if len(known) == 1 else None


RULE = PairRule("known_cameras", objection, no_support)
