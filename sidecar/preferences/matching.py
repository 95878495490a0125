"""What people choose about stacking and what it leaves to them, and the rules of pairing that this comes to."""

from __future__ import annotations

import unicodedata
from collections.abc import Collection, Mapping
from itertools import groupby
from typing import Annotated, Any, ClassVar, Self

from pydantic import (
    AfterValidator,
    BaseModel,
    BeforeValidator,
    ConfigDict,
    Field,
    StrictBool,
    StrictStr,
    model_serializer,
    model_validator,
)

from sidecar.errors import SettingsError
from sidecar.formats import EXTENSIONS, Format
from sidecar.grouping.patterns import BUILT_IN as BUILT_IN_PATTERNS
from sidecar.grouping.patterns import REGEX, NamePattern
from sidecar.grouping.proposal import GroupKind
from sidecar.grouping.settings import PairingRules, Preferred
from sidecar.preferences.layer import Layer, none_twice, shown, some_list

MOST_SECONDS = 60
MOST_PATTERNS = 32
"""Every name of a library is held against every pattern, a million times in a large one."""

_PLAIN, _SUFFIXED = BUILT_IN_PATTERNS

# `video` and `unknown` are left out: the first is no more than three rare formats, which have words of their own.
_FORMAT_WORDS = {each.value: each for each in Format if each not in {Format.OTHER_VIDEO, Format.UNKNOWN}}
WORDS: dict[str, Preferred | Format] = {**{each.value: each for each in Preferred}, **_FORMAT_WORDS, **EXTENSIONS}
"""What may stand in the order of covers -> the place that it names; many extensions name one place."""


def _seconds(value: object) -> float:
    if isinstance(value, bool) or not isinstance(value, int | float) or value != value:  # noqa: PLR0124  # NaN
        raise ValueError("must be a number of seconds, such as 2 or 0.5")
    if value < 0:
        raise ValueError("cannot be negative; 0 asks for exactly one capture time")
    if value > MOST_SECONDS:
        raise ValueError(f"may be {MOST_SECONDS} at most; what is further apart in time is another picture")
    return float(value)


def _some_patterns(value: object) -> object:
    return some_list(value, most=MOST_PATTERNS, example=f"['{_PLAIN}', '{{base}}-web.{{ext}}']")


def _some_words(value: object) -> object:
    if not some_list(value, most=len(WORDS), example="[edited, jpg, rest, raw]"):
        raise ValueError("must name something, such as [edited, jpg, rest, raw]")
    return value


class ListedPattern(BaseModel):
    """One name pattern; what an untrusted one alone brings together is shown and not done."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    pattern: StrictStr
    trusted: StrictBool = False

    @property
    def is_built_in(self) -> bool:
        """Whether it names one of the two patterns that need no teaching."""
        return self.pattern in BUILT_IN_PATTERNS

    @property
    def identity(self) -> str:
        """Equal for patterns that match the same names: those are compared without regard to case."""
        text = unicodedata.normalize("NFC", self.pattern)
        return text if text.startswith(REGEX) else text.casefold()

    @model_validator(mode="before")
    @classmethod
    def _in_either_spelling(cls, value: Any) -> Any:
        if isinstance(value, str):
            return {"pattern": value}
        if isinstance(value, cls) or (isinstance(value, dict) and "pattern" in value and _has_words_as_keys(value)):
            return value
        raise ValueError("must be a pattern in quotes, or {pattern: '{base}-web.{ext}', trusted: true}")

    @model_validator(mode="after")
    def _can_be_used(self) -> Self:
        if any(unicodedata.category(character) in {"Cc", "Cs"} for character in self.pattern):
            raise ValueError("has a character that cannot be printed")
        if not self.is_built_in:
            try:
                NamePattern(self.pattern)
            except SettingsError as error:
                raise ValueError(str(error)) from None
        elif "trusted" in self.model_fields_set and not self.trusted:
            raise ValueError(f"{self.pattern} is built in and always trusted; take it out of the list to do without it")
        return self

    @model_serializer
    def _as_people_write_it(self) -> str | dict[str, object]:
        return {"pattern": self.pattern, "trusted": True} if self.trusted else self.pattern


def _has_words_as_keys(mapping: Mapping[Any, object]) -> bool:
    return all(isinstance(key, str) for key in mapping)


def _no_pattern_twice(patterns: tuple[ListedPattern, ...]) -> tuple[ListedPattern, ...]:
    seen: dict[str, ListedPattern] = {}
    for each in patterns:
        before = seen.setdefault(each.identity, each)
        if before is each:
            continue
        if before.trusted != each.trusted and not each.is_built_in:
            raise ValueError(f"has {shown(each.pattern)} twice, trusted and not; keep one of the two")
        raise ValueError(f"has {shown(each.pattern)} twice; keep one of the two")
    return patterns


def _known_word(word: str) -> str:
    folded = word.lower()
    if folded not in WORDS:
        places = ", ".join([*Preferred, *_FORMAT_WORDS])
        raise ValueError(f"{shown(word)} is no format; there are {places}, and extensions such as cr3 or jpg")
    return folded


def _no_place_twice(words: tuple[str, ...]) -> tuple[str, ...]:
    ended: dict[Preferred | Format, str] = {}
    for place, run in groupby(none_twice(words), key=WORDS.__getitem__):
        word, *_ = run
        if place in ended:
            raise ValueError(f"has {ended[place]} and {word} apart, which are one format: put them side by side")
        ended[place] = word
    return words


class StackKinds(Layer):
    """Which ways of belonging together are stacked; a field for every GroupKind, None where nothing was chosen."""

    example: ClassVar[str] = "{burst: true, video: false}"

    raw_jpeg: StrictBool | None = Field(default=None, description="Whether a RAW is stacked with its JPEG or HEIC.")
    edited: StrictBool | None = Field(default=None, description="Whether a picture is stacked with its edits.")
    formats: StrictBool | None = Field(
        default=None, description="Whether one picture in several formats is stacked, such as HEIC and JPEG."
    )
    versions: StrictBool | None = Field(
        default=None, description="Whether versions that a camera made of one shot are stacked, such as a portrait."
    )
    video: StrictBool | None = Field(default=None, description="Whether encodings of one video are stacked.")
    burst: StrictBool | None = Field(default=None, description="Whether the frames of a burst are stacked.")


class Matching(Layer):
    """What one layer chooses about stacking; None where it leaves the choice to the layer below.

    Shape:  auto_primary_preference holds words in lower case, each a key of WORDS. notify is no rule of pairing.
    """

    entry_keys: ClassVar[Collection[str]] = tuple(ListedPattern.model_fields)

    timestamp_tolerance_seconds: Annotated[float, BeforeValidator(_seconds)] | None = Field(
        default=None, description="How far apart two versions of one photo may be in time, in seconds: 0 to 60."
    )
    filename_patterns: (
        Annotated[tuple[ListedPattern, ...], BeforeValidator(_some_patterns), AfterValidator(_no_pattern_twice)] | None
    ) = Field(
        default=None,
        description="How names of versions are built. What a pattern of your own finds is shown first, and stacked "
        "once it is trusted. A list without `{base}_{suffix}.{ext}` switches that one off.",
    )
    auto_primary_preference: (
        Annotated[
            tuple[Annotated[StrictStr, AfterValidator(_known_word)], ...],
            BeforeValidator(_some_words),
            AfterValidator(_no_place_twice),
        ]
        | None
    ) = Field(
        default=None,
        description="What makes the best cover, best first. What is not named stands where `rest` stands; without "
        "it, last, but before a RAW that is named last.",
    )
    stack: StackKinds = StackKinds()
    extend_users_stacks: StrictBool | None = Field(
        default=None, description="Whether a new version may join a stack that you made yourself."
    )
    ask_first: StrictBool | None = Field(
        default=None, description="Whether everything is only shown, and nothing stacked, until you say so."
    )
    notify: StrictBool | None = Field(
        default=None,
        description="Whether Immich's bell tells you, once a day at most, that something new waits for your review.",
    )

    def rules(self) -> PairingRules:
        """The rules that these choices come to; what is not chosen is as PairingRules has it."""
        rules: dict[str, Any] = {"kinds": self._kinds()}
        if self.timestamp_tolerance_seconds is not None:
            rules["tolerance_ms"] = round(self.timestamp_tolerance_seconds * 1000)
        if self.auto_primary_preference is not None:
            rules["primary_preference"] = _places(self.auto_primary_preference)
        if self.filename_patterns is not None:
            own = (each for each in self.filename_patterns if not each.is_built_in)
            rules["patterns"] = tuple(NamePattern(each.pattern, is_trusted=each.trusted) for each in own)
            rules["joins_suffixes"] = any(each.pattern == _SUFFIXED for each in self.filename_patterns)
        if self.extend_users_stacks is not None:
            rules["extends_users_stacks"] = self.extend_users_stacks
        if self.ask_first is not None:
            rules["acts"] = not self.ask_first
        return PairingRules(**rules)

    def _kinds(self) -> tuple[GroupKind, ...]:
        chosen = self.stack.model_dump(exclude_none=True)
        return tuple(sorted(kind for kind in GroupKind if chosen.get(kind, kind in _BUILT_IN_RULES.kinds)))


def _places(words: tuple[str, ...]) -> tuple[Preferred | Format, ...]:
    places = [place for place, _ in groupby(words, key=WORDS.__getitem__)]
    # Who lists "jpg, png, raw" wants the RAW behind everything, also behind a HEIC that the list forgot.
    if len(places) > 1 and places[-1] is Format.RAW and Preferred.REST not in places:
        places.insert(-1, Preferred.REST)
    return tuple(places)


_BUILT_IN_RULES = PairingRules()
BUILT_IN = Matching(
    timestamp_tolerance_seconds=_BUILT_IN_RULES.tolerance_ms / 1000,
    filename_patterns=tuple(ListedPattern(pattern=text) for text in BUILT_IN_PATTERNS),
    auto_primary_preference=tuple(place.value for place in _BUILT_IN_RULES.primary_preference),
    stack=StackKinds(**{kind.value: kind in _BUILT_IN_RULES.kinds for kind in GroupKind}),
    extend_users_stacks=_BUILT_IN_RULES.extends_users_stacks,
    ask_first=not _BUILT_IN_RULES.acts,
    notify=False,
)
"""What holds where nobody chose, spelled out."""
