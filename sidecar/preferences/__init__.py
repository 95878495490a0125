"""What people choose about stacking and about duplicates, in layers: built-in, the server's file, each user's own.

Knows what may be chosen and what it comes to as rules; which file or table a choice is kept in is nothing to it.
"""

from __future__ import annotations

from sidecar.preferences.choices import (
    BUILT_IN,
    DETECTION,
    KEYS,
    NAMES,
    Choices,
    UnderstoodChoices,
    read_chosen,
    read_detection,
    understand_stored,
)
from sidecar.preferences.detection import Detection, DetectionRules
from sidecar.preferences.matching import MOST_PATTERNS, WORDS, ListedPattern, Matching, StackKinds
from sidecar.preferences.understanding import Problem, Understood, no_setting, understand

__all__ = [
    "BUILT_IN",
    "DETECTION",
    "KEYS",
    "MOST_PATTERNS",
    "NAMES",
    "WORDS",
    "Choices",
    "Detection",
    "DetectionRules",
    "ListedPattern",
    "Matching",
    "Problem",
    "StackKinds",
    "Understood",
    "UnderstoodChoices",
    "no_setting",
    "read_chosen",
    "read_detection",
    "understand",
    "understand_stored",
]
