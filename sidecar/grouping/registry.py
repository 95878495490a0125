"""The rules in the order in which they are asked; the first objection is the one people read."""

from __future__ import annotations

from sidecar.grouping import camera, capture_time, difference, kind
from sidecar.grouping.rule import PairRule

RULES: tuple[PairRule, ...] = (
    kind.KIND,
    kind.VISIBILITY,
    capture_time.RULE,
    camera.RULE,
    kind.DURATION,
    difference.RULE,
)
"""A rule from elsewhere is one more row: `pair(assets, rules, pipeline=(*RULES, mine))`."""
