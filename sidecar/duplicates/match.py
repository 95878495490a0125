"""One finding of a detector: two assets and what they are to each other."""

from __future__ import annotations

from dataclasses import dataclass

from sidecar.duplicates.classes import DuplicateClass
from sidecar.model import AssetId


@dataclass(frozen=True, slots=True)
class Match:
    """Two assets that a detector holds for copies.

    Shape:  a < b. similarity is what the detector measured, from 0 to 1, and means something beside others of the same
            detector only; reason is a short sentence for people. looks_equal says that the two cannot be told apart by
            what was compared, so that either may stand for the other.
    """

    a: AssetId
    b: AssetId
    kind: DuplicateClass
    similarity: float
    detector: str
    reason: str
    looks_equal: bool = False
