"""What the user switched off: those ways of belonging together do nothing at all, and leave all others as they are."""

from __future__ import annotations

from collections.abc import Sequence

from sidecar.grouping.candidate import Candidate, candidate_of
from sidecar.grouping.families import families
from sidecar.grouping.names import reader_of
from sidecar.grouping.primary import kind_of
from sidecar.grouping.proposal import GroupKind
from sidecar.grouping.reasons import Reason, ReasonCode
from sidecar.grouping.rule import PairRule, no_support
from sidecar.grouping.settings import DEFAULT_KINDS, PairingRules
from sidecar.model import Asset, AssetKind

_ALL = frozenset(DEFAULT_KINDS)
_SWITCHED_OFF = Reason(ReasonCode.SWITCHED_OFF)


def is_anything_off(rules: PairingRules) -> bool:
    """Whether some way of belonging together is not looked for. Bursts do not count: they are no pairs."""
    return not _ALL.issubset(rules.kinds)


def is_off(one: Candidate, other: Candidate, rules: PairingRules) -> bool:
    """Whether what these two are to each other is switched off.

    A photo and a clip are nothing to each other, and equal versions are duplicates, whatever is off.
    """
    return one.slot != other.slot and _objection(one, other, rules) is not None


def _objection(one: Candidate, other: Candidate, rules: PairingRules) -> Reason | None:
    if one.asset.kind is not other.asset.kind or kind_of((one, other)) in rules.kinds:
        return None
    return _SWITCHED_OFF


RULE = PairRule("switches", _objection, no_support)
"""Asked last, so that SWITCHED_OFF means that nothing else is in the way; and only where something is off."""


def with_switches(pipeline: Sequence[PairRule], rules: PairingRules) -> tuple[PairRule, ...]:
    """The rules to ask: these, and RULE if anything is off."""
    return (*pipeline, RULE) if is_anything_off(rules) else tuple(pipeline)


def taking_part(named: Sequence[Asset], rules: PairingRules) -> list[Asset]:
    """The assets of one stem without those that only a switched-off kind could pair: then they cannot disturb.

    Shape:  clips are not there if VIDEO is off, nor edits if EDITED is off, exports of a RAW among them. A RAW is there
            also if RAW_JPEG is off: it may be something else to others.
    """
    if GroupKind.VIDEO not in rules.kinds:
        named = [asset for asset in named if asset.kind is not AssetKind.VIDEO]
    if GroupKind.EDITED in rules.kinds:
        return list(named)
    names = reader_of(rules)
    candidates = [candidate_of(asset, names) for asset in named]
    edits = {each.asset.id for family in families(candidates, rules) for each in family if each.is_edit}
    return [asset for asset in named if asset.kind is AssetKind.VIDEO or asset.id not in edits]
