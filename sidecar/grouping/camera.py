"""Rule 3: versions of one picture come from one camera, as far as it is known."""

from __future__ import annotations

from collections.abc import Sequence
from functools import lru_cache

from sidecar.grouping.candidate import Camera, Candidate
from sidecar.grouping.reasons import Reason, ReasonCode
from sidecar.grouping.rule import PairRule
from sidecar.grouping.settings import PairingRules


def agree(one: Camera, other: Camera) -> bool:
    """Whether they may be one camera: what both know is equal; unknown agrees with anything."""
    if one == other:
        return True
    makes_agree = one.make is None or other.make is None or one.make == other.make
    return makes_agree and (one.model is None or other.model is None or one.model == other.model)


def _objection(one: Candidate, other: Candidate, _rules: PairingRules) -> Reason | None:
    if agree(one.camera, other.camera):
        return None
    return Reason(ReasonCode.CAMERAS_DIFFER, " and ".join(sorted((one.camera.label, other.camera.label))))


def _support(members: Sequence[Candidate]) -> Reason | None:
    label = ""
    for member in members:
        if label and member.camera.label:
            return _one_camera(label)
        label = label or member.camera.label
    # One member's camera says nothing about the others.
    return None


@lru_cache(maxsize=4096)
def _one_camera(label: str) -> Reason:
    return Reason(ReasonCode.SAME_CAMERA, label)


RULE = PairRule("camera", _objection, _support)
