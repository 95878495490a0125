"""What people choose about finding duplicates, and what the search and the suggestions go by."""

from __future__ import annotations

import unicodedata
from dataclasses import dataclass
from typing import Annotated
from uuid import UUID

from pydantic import AfterValidator, BeforeValidator, Field, StrictBool, StrictStr

from sidecar.duplicates.classes import DuplicateClass
from sidecar.duplicates.keeper import DEFAULT_ORDER, UPLOAD, KeeperRule, Preference
from sidecar.preferences.layer import Layer, none_twice, shown, some_list

LEAST_ALIKE, MOST_ALIKE = 0.9, 1.0
FEWEST_IN_A_BATCH, MOST_IN_A_BATCH = 10, 5000
MOST_PATHS = 64
LONGEST_PATH = 1000

RECORDABLE = (DuplicateClass.IDENTICAL, DuplicateClass.RE_ENCODED, DuplicateClass.EDITED)
"""What Immich's own Duplicates page may show as ours."""

SERVER_WIDE = {"batch_size": "holds for everybody: write it under detection in config.yml"}
"""Keys that no user chooses -> what to say to one who does."""

_NEVER_RECORDED: dict[str, str] = {
    DuplicateClass.FEATURELESS: "two black pictures need not be copies",
    DuplicateClass.SIMILAR: "those are Immich's own groups",
}
_MEANING = "the similarity that the second look computes, not a share of hash bits"


@dataclass(frozen=True, slots=True)
class DetectionRules:
    """What finding duplicates goes by.

    Shape:  threshold is a similarity, from 0.9 to 1. recorded are the classes that Immich's own page shows.
    """

    threshold: float = 0.95
    finds_exact: bool = True
    finds_alike: bool = True
    batch_size: int = 500
    finds_turned: bool = False
    recorded: tuple[DuplicateClass, ...] = RECORDABLE
    keep_order: tuple[KeeperRule, ...] = DEFAULT_ORDER
    prefer_paths: tuple[str, ...] = ()

    @property
    def is_on(self) -> bool:
        """Whether anything is looked for at all."""
        return self.finds_exact or self.finds_alike

    @property
    def preference(self) -> Preference:
        """What makes one copy better than another."""
        return Preference(self.keep_order, self.prefer_paths)


def _similarity(value: object) -> float:
    if isinstance(value, bool) or not isinstance(value, int | float) or value != value:  # noqa: PLR0124  # NaN
        raise ValueError(f"must be a number from {LEAST_ALIKE} to 1, such as 0.95: {_MEANING}")
    if not LEAST_ALIKE <= value <= MOST_ALIKE:
        raise ValueError(
            f"must be from {LEAST_ALIKE} to 1: it is {_MEANING}; below {LEAST_ALIKE}, other pictures look alike too"
        )
    return float(value)


def _count(value: object) -> int:
    if isinstance(value, bool) or not isinstance(value, int):
        raise ValueError("must be a whole number, such as 500")  # noqa: TRY004  # pydantic wants ValueError
    if not FEWEST_IN_A_BATCH <= value <= MOST_IN_A_BATCH:
        raise ValueError(f"must be from {FEWEST_IN_A_BATCH} to {MOST_IN_A_BATCH}; 100 to 500 does for most")
    return value


def _some_classes(value: object) -> object:
    if isinstance(value, bool):
        return RECORDABLE if value else ()
    try:
        return some_list(value, most=len(RECORDABLE), example="[identical, re-encoded]")
    except ValueError as error:
        raise ValueError(f"{error}; or true for all, or false for none") from None


def _recordable(value: object) -> DuplicateClass:
    word = value.casefold() if isinstance(value, str) else ""
    if word in _NEVER_RECORDED:
        raise ValueError(f"{word} is never recorded: {_NEVER_RECORDED[word]}")
    if word not in RECORDABLE:
        raise ValueError(f"{shown(value)} is none of {', '.join(RECORDABLE)}")
    return DuplicateClass(word)


def _some_rules(value: object) -> object:
    example = f"[{', '.join(DEFAULT_ORDER[:3])}]"
    if not some_list(value, most=len(KeeperRule), example=example):
        raise ValueError(f"must name a rule, such as {example}")
    return value


def _known_rule(value: object) -> KeeperRule:
    word = value.casefold() if isinstance(value, str) else ""
    if word not in list(KeeperRule):
        raise ValueError(f"{shown(value)} is no rule; there are {', '.join(KeeperRule)}")
    return KeeperRule(word)


def _some_paths(value: object) -> object:
    return some_list(value, most=MOST_PATHS, example="[/mnt/photos/originals, upload]")


def _clean_path(path: str) -> str:
    if path.casefold() == UPLOAD:
        return UPLOAD
    if _is_library_id(path):
        return path.lower()
    if any(unicodedata.category(character) in {"Cc", "Cs"} for character in path):
        raise ValueError("has a character that cannot be printed")
    if len(path) > LONGEST_PATH:
        raise ValueError(f"is longer than {LONGEST_PATH} characters")
    if not path.startswith("/") or ".." in path.split("/"):
        raise ValueError(f"{shown(path)} must be a path as Immich shows it, such as /mnt/photos, or {UPLOAD}")
    clean = path.rstrip("/")
    if not clean:
        raise ValueError("/ is the beginning of every path and prefers none")
    return clean


def _is_library_id(text: str) -> bool:
    try:
        return str(UUID(text)) == text.lower()
    except ValueError:
        return False


class Detection(Layer):
    """What one layer chooses about finding duplicates; None where it leaves the choice to the layer below.

    Shape:  with enable_exact_match and enable_perceptual_match both off, nothing is looked for at all.
    """

    phash_threshold: Annotated[float, BeforeValidator(_similarity)] | None = Field(
        default=None,
        description="How alike two pictures must be, from 0.9 to 1. It is the similarity that the second look "
        "computes, not a share of hash bits. Lower finds more edits, and more pictures that were only taken alike.",
    )
    enable_exact_match: StrictBool | None = Field(
        default=None,
        description="Whether files of the same bytes are found, in uploads and libraries alike. Only files that equal "
        "another in size are read. One changed byte, such as a new tag, makes another file.",
    )
    enable_perceptual_match: StrictBool | None = Field(
        default=None,
        description="Whether pictures that look the same are found by their thumbnails: compressed, resized or "
        "converted anew, toned or marked. Larger crops and other frames of a burst are not.",
    )
    batch_size: Annotated[int, BeforeValidator(_count)] | None = Field(
        default=None,
        description="How many thumbnails are looked at before the results are written down: 10 to 5000. It changes "
        "what a stop costs, not what is found. No user chooses it.",
    )
    turned_copies: StrictBool | None = Field(
        default=None, description="Whether mirrored and turned copies are found too; the search takes longer then."
    )
    record_in_immich: (
        Annotated[
            tuple[Annotated[DuplicateClass, BeforeValidator(_recordable)], ...],
            BeforeValidator(_some_classes),
            AfterValidator(none_twice),
        ]
        | None
    ) = Field(
        default=None,
        description="What the Duplicates page of Immich shows as well; `true` is all three, `false` is none. Pictures "
        "without content, such as black ones, never are.",
    )
    keep_order: (
        Annotated[
            tuple[Annotated[KeeperRule, BeforeValidator(_known_rule)], ...],
            BeforeValidator(_some_rules),
            AfterValidator(none_twice),
        ]
        | None
    ) = Field(
        default=None,
        description="Which copy is suggested to be kept: the first of these rules by which two copies differ decides. "
        "A rule that is not named is not asked.",
    )
    prefer_paths: (
        Annotated[
            tuple[Annotated[StrictStr, AfterValidator(_clean_path)], ...],
            BeforeValidator(_some_paths),
            AfterValidator(none_twice),
        ]
        | None
    ) = Field(
        default=None,
        description="What the rule `library` prefers, best first: how a library's path begins as Immich shows it, a "
        "library's id, or `upload` for everything that was uploaded.",
    )

    def rules(self) -> DetectionRules:
        """What these choices come to; what is not chosen is as DetectionRules has it."""
        chosen = {of: getattr(self, key) for key, of in _FIELDS.items()}
        return DetectionRules(**{of: value for of, value in chosen.items() if value is not None})


_FIELDS = {
    "phash_threshold": "threshold",
    "enable_exact_match": "finds_exact",
    "enable_perceptual_match": "finds_alike",
    "batch_size": "batch_size",
    "turned_copies": "finds_turned",
    "record_in_immich": "recorded",
    "keep_order": "keep_order",
    "prefer_paths": "prefer_paths",
}
"""Key of a choice -> the field of DetectionRules that it becomes."""

_BUILT_IN_RULES = DetectionRules()
BUILT_IN = Detection(**{key: getattr(_BUILT_IN_RULES, of) for key, of in _FIELDS.items()})
"""What holds where nobody chose, spelled out."""
