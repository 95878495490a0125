"""Rule 5: members of a group differ in format or variant; equal ones are candidates for duplicates, not versions."""

from __future__ import annotations

from collections.abc import Sequence

from sidecar.grouping.candidate import Candidate
from sidecar.grouping.reasons import Reason, ReasonCode
from sidecar.grouping.rule import PairRule
from sidecar.grouping.settings import PairingRules

_SAME_VERSION = Reason(ReasonCode.SAME_VERSION)


def _objection(one: Candidate, other: Candidate, _rules: PairingRules) -> Reason | None:
    return _SAME_VERSION if one.slot == other.slot else None


def _support(members: Sequence[Candidate]) -> Reason | None:
    labels = ""
    for member in members:
        if member.name.variant is not None:
            labels += f", {member.name.variant.label}"
    return Reason(ReasonCode.NAMED_VERSION, labels.removeprefix(", ")) if labels else None


RULE = PairRule("difference", _objection, _support)
