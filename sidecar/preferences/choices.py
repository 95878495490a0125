"""All subjects together: what one place chooses, as the server's file and as each user's stored row."""

from __future__ import annotations

import logging
from collections.abc import Mapping
from functools import lru_cache
from typing import Any, NamedTuple

from sidecar.preferences import detection, matching
from sidecar.preferences.detection import SERVER_WIDE, Detection
from sidecar.preferences.matching import Matching
from sidecar.preferences.understanding import Problem, understand
from sidecar.redaction import OwnWords

log = logging.getLogger(__name__)

DETECTION = "detection"
"""Under which detection stands in the file, in a user's row and in names of keys; matching there has no heading."""


class Choices(NamedTuple):
    """What one layer chooses about everything."""

    matching: Matching = Matching()
    detection: Detection = Detection()

    def by_key(self) -> dict[str, object]:
        """What is chosen by the keys of KEYS, as plain values."""
        found = {f"{DETECTION}.{key}": value for key, value in self.detection.by_key().items()}
        return self.matching.by_key() | found

    def stored(self) -> dict[str, object]:
        """The same as a user's row holds it; `understand_stored` reads it back."""
        found = self.detection.chosen()
        return self.matching.chosen() | ({DETECTION: found} if found else {})


class UnderstoodChoices(NamedTuple):
    """What a stored row says, and each part of it that says nothing and is left out."""

    choices: Choices
    dropped: tuple[Problem, ...]


BUILT_IN = Choices(matching.BUILT_IN, detection.BUILT_IN)
"""The lowest layer: what holds where nobody chose, spelled out."""

KEYS: dict[str, str] = {
    **Matching.sentences(),
    **{f"{DETECTION}.{key}": sentence for key, sentence in Detection.sentences().items()},
}
"""Every key that people may choose -> the sentence about it."""

NAMES = (*KEYS, *Matching.groups(), DETECTION)
"""The same and the names of whole groups of keys."""

_MAPPING = "must be a mapping, such as {phash_threshold: 0.97}"


def understand_stored(stored: Mapping[Any, object]) -> UnderstoodChoices:
    """What a user's row says and what in it says nothing; no content can make it fail."""
    about_stacking = understand(
        Matching, {key: value for key, value in stored.items() if key != DETECTION}, known=NAMES
    )
    problems = list(about_stacking.dropped)
    section = stored.get(DETECTION)
    if not isinstance(section, Mapping):
        if section is not None:
            problems.append(Problem(DETECTION, _MAPPING))
        section = {}
    own = {key: value for key, value in section.items() if key not in SERVER_WIDE}
    about_duplicates = understand(Detection, own, known=NAMES)
    problems += (Problem(f"{DETECTION}.{key}", why) for key, why in SERVER_WIDE.items() if key in section)
    problems += (problem._replace(key=f"{DETECTION}.{problem.key}") for problem in about_duplicates.dropped)
    return UnderstoodChoices(Choices(about_stacking.layer, about_duplicates.layer), tuple(problems))


def read_chosen(stored: Mapping[Any, object]) -> Matching:
    """What of a user's row about stacking can be understood; the log tells of the rest, which another version wrote."""
    return _read(stored).matching


def read_detection(stored: Mapping[Any, object]) -> Detection:
    """What of a user's row about duplicates can be understood; the log tells of the rest."""
    return _read(stored).detection


def _read(stored: Mapping[Any, object]) -> Choices:
    understood = understand_stored(stored)
    if understood.dropped:
        _tell(tuple(problem.key for problem in understood.dropped))
    return understood.choices


@lru_cache(maxsize=64)
def _tell(keys: tuple[str, ...]) -> None:
    """Once in a process, as choices are read for every few names that are paired."""
    log.warning(
        "stored choices are not understood and passed over; see `sidecar settings`: %s", OwnWords("; ".join(keys))
    )
