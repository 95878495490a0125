"""What people choose about stacking, in layers: built-in, the server's file, each user's own.

Knows what may be chosen and what it comes to as rules; which file or table a choice is kept in is nothing to it.
"""

from __future__ import annotations

import logging
import unicodedata
from collections.abc import Collection, Mapping
from difflib import get_close_matches
from functools import lru_cache
from itertools import groupby
from typing import Annotated, Any, NamedTuple, Self

from pydantic import (
    AfterValidator,
    BaseModel,
    BeforeValidator,
    ConfigDict,
    Field,
    StrictBool,
    StrictStr,
    ValidationError,
    model_serializer,
    model_validator,
)
from pydantic_core import ErrorDetails

from sidecar.errors import SettingsError
from sidecar.formats import EXTENSIONS, Format
from sidecar.grouping.patterns import BUILT_IN as BUILT_IN_PATTERNS
from sidecar.grouping.patterns import REGEX, NamePattern
from sidecar.grouping.proposal import GroupKind
from sidecar.grouping.settings import PairingRules, Preferred

log = logging.getLogger(__name__)

MOST_SECONDS = 60
MOST_PATTERNS = 32
"""Every name of a library is held against every pattern, a million times in a large one."""

_PLAIN, _SUFFIXED = BUILT_IN_PATTERNS

# `video` and `unknown` are left out: the first is no more than three rare formats, which have words of their own.
_FORMAT_WORDS = {each.value: each for each in Format if each not in {Format.OTHER_VIDEO, Format.UNKNOWN}}
WORDS: dict[str, Preferred | Format] = {**{each.value: each for each in Preferred}, **_FORMAT_WORDS, **EXTENSIONS}
"""What may stand in the order of covers -> the place that it names; many extensions name one place."""

_LONGEST_SHOWN = 40


def _shown(text: object) -> str:
    """Somebody's word as it may stand in a sentence: quoted, short, without control characters."""
    word = str(text)
    return repr(word if len(word) <= _LONGEST_SHOWN else f"{word[:_LONGEST_SHOWN]}…")


def _seconds(value: object) -> float:
    if isinstance(value, bool) or not isinstance(value, int | float) or value != value:  # noqa: PLR0124  # NaN
        raise ValueError("must be a number of seconds, such as 2 or 0.5")
    if value < 0:
        raise ValueError("cannot be negative; 0 asks for exactly one capture time")
    if value > MOST_SECONDS:
        raise ValueError(f"may be {MOST_SECONDS} at most; what is further apart in time is another picture")
    return float(value)


def _some_patterns(value: object) -> object:
    return _list(value, most=MOST_PATTERNS, example=f"['{_PLAIN}', '{{base}}-web.{{ext}}']")


def _some_words(value: object) -> object:
    if not _list(value, most=len(WORDS), example="[edited, jpg, rest, raw]"):
        raise ValueError("must name something, such as [edited, jpg, rest, raw]")
    return value


def _list(value: object, *, most: int, example: str) -> object:
    if not isinstance(value, list | tuple):
        raise ValueError(f"must be a list, such as {example}")  # noqa: TRY004  # pydantic wants ValueError
    if len(value) > most:
        raise ValueError(f"has {len(value)} entries; it may have {most}")
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
            raise ValueError(f"has {_shown(each.pattern)} twice, trusted and not; keep one of the two")
        raise ValueError(f"has {_shown(each.pattern)} twice; keep one of the two")
    return patterns


def _known_word(word: str) -> str:
    folded = word.lower()
    if folded not in WORDS:
        places = ", ".join([*Preferred, *_FORMAT_WORDS])
        raise ValueError(f"{_shown(word)} is no format; there are {places}, and extensions such as cr3 or jpg")
    return folded


def _no_place_twice(words: tuple[str, ...]) -> tuple[str, ...]:
    for word in words:
        if words.count(word) > 1:
            raise ValueError(f"has {_shown(word)} twice; each may stand once")
    ended: dict[Preferred | Format, str] = {}
    for place, run in groupby(words, key=WORDS.__getitem__):
        word, *_ = run
        if place in ended:
            raise ValueError(f"has {ended[place]} and {word} apart, which are one format: put them side by side")
        ended[place] = word
    return words


class _Layer(BaseModel):
    """Choices of which each may be missing."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    def over(self, lower: Self) -> Self:
        """The choices of both; where both chose, the ones made here."""
        both: dict[str, object] = {}
        for name in type(self).model_fields:
            ours, theirs = getattr(self, name), getattr(lower, name)
            both[name] = ours.over(theirs) if isinstance(ours, _Layer) else theirs if ours is None else ours
        return self.model_copy(update=both)


class StackKinds(_Layer):
    """Which ways of belonging together are stacked; a field for every GroupKind, None where nothing was chosen."""

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


class Matching(_Layer):
    """What one layer chooses about stacking; None where it leaves the choice to the layer below.

    Shape:  auto_primary_preference holds words in lower case, each a key of WORDS. Equal choices are equal and hash
            alike.
    Errors: pydantic's ValidationError; `understand` turns it into sentences.
    """

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

    def chosen(self) -> dict[str, object]:
        """What is chosen here as plain values for JSON or YAML, as people write it; `understand` reads it back."""
        everything = self.model_dump(mode="json", exclude_none=True)
        return {key: value for key, value in everything.items() if value != {}}

    def by_key(self) -> dict[str, object]:
        """The same by the keys of KEYS."""
        flat: dict[str, object] = {}
        for key, value in self.chosen().items():
            flat |= (
                {f"{key}.{name}": inner for name, inner in value.items()} if isinstance(value, dict) else {key: value}
            )
        return flat

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


def _sentence_of(key: str) -> str:
    kind = key.removeprefix("stack.")
    return (Matching if kind == key else StackKinds).model_fields[kind].description or ""


_BUILT_IN_RULES = PairingRules()
BUILT_IN = Matching(
    timestamp_tolerance_seconds=_BUILT_IN_RULES.tolerance_ms / 1000,
    filename_patterns=tuple(ListedPattern(pattern=text) for text in BUILT_IN_PATTERNS),
    auto_primary_preference=tuple(place.value for place in _BUILT_IN_RULES.primary_preference),
    stack=StackKinds(**{kind.value: kind in _BUILT_IN_RULES.kinds for kind in GroupKind}),
    extend_users_stacks=_BUILT_IN_RULES.extends_users_stacks,
    ask_first=not _BUILT_IN_RULES.acts,
)
"""The lowest layer: what holds where nobody chose, spelled out."""

KEYS: dict[str, str] = {key: _sentence_of(key) for key in BUILT_IN.by_key()}
"""Every key that people may choose -> the sentence about it."""


class Problem(NamedTuple):
    """What is wrong with which part of a choice; reads as "stack.burst: must be true or false"."""

    key: str
    reason: str

    def __str__(self) -> str:
        return f"{self.key}: {self.reason}"


class Understood(NamedTuple):
    """What a choice says, and each part of it that says nothing and is left out."""

    matching: Matching
    dropped: tuple[Problem, ...]


_SENTENCES = {
    "bool_type": "must be true or false",
    "string_type": "must be text, in quotes where it looks like something else",
    "model_type": "must be a mapping, such as {burst: true, video: false}",
}


def read_chosen(chosen: Mapping[Any, object]) -> Matching:
    """What of a stored choice can be understood; the log tells of the rest, which another version wrote."""
    understood = understand(chosen)
    if understood.dropped:
        _tell(tuple(problem.key for problem in understood.dropped))
    return understood.matching


@lru_cache(maxsize=64)
def _tell(keys: tuple[str, ...]) -> None:
    """Once in a process, as choices are read for every few names that are paired."""
    log.warning("stored choices are not understood and passed over; see `sidecar settings`: %s", "; ".join(keys))


def understand(chosen: Mapping[Any, object]) -> Understood:
    """What a choice says and what in it says nothing; no content can make it fail.

    Shape:  of a list or of `stack`, single entries are left out where the others still stand; a list of which nothing
            is left counts as not chosen. Who wants all or nothing looks whether `dropped` is empty.
    """
    named, dropped = _named(chosen)
    while True:
        try:
            return Understood(Matching.model_validate(named), tuple(dropped))
        except ValidationError as error:
            problems = error.errors(include_url=False)
        dropped += dict.fromkeys(Problem(_key(problem["loc"]), _reason(problem)) for problem in problems)
        named = _without(named, {problem["loc"][:2] for problem in problems})


def _named(chosen: Mapping[Any, object], *, at: str = "") -> tuple[dict[str, object], list[Problem]]:
    """What has a name and a value. A heading with nothing under it chooses nothing, and is no mistake."""
    fields = StackKinds.model_fields if at else Matching.model_fields
    named: dict[str, object] = {}
    dropped: list[Problem] = []
    for key, value in chosen.items():
        if not isinstance(key, str):
            dropped.append(Problem(f"{at}{_word(key)}", no_setting(f"{at}{key}")))
        elif key == "stack" and not at and isinstance(value, dict | None):
            named[key], inner = _named(value or {}, at="stack.")
            dropped += inner
        elif value is None and key in fields:
            dropped.append(Problem(f"{at}{key}", "has no value"))
        else:
            named[key] = value
    return named, dropped


def _without(chosen: Mapping[str, object], places: Collection[tuple[int | str, ...]]) -> dict[str, object]:
    kept: dict[str, object] = {}
    for key, value in chosen.items():
        if (key,) in places:
            continue
        if isinstance(value, dict):
            kept[key] = {name: inner for name, inner in value.items() if (key, name) not in places}
        elif isinstance(value, list | tuple):
            left = [inner for number, inner in enumerate(value) if (key, number) not in places]
            if left or not value:
                kept[key] = left
        else:
            kept[key] = value
    return kept


def _key(location: tuple[int | str, ...]) -> str:
    """The place as people find it: `stack.burst`, `filename_patterns, entry 2`."""
    parts = [f"entry {part + 1}" if isinstance(part, int) else _word(part) for part in location]
    return (".".join if parts[0] == "stack" else ", ".join)(parts)


def _word(key: object) -> str:
    """A key as it is, or quoted where it would spoil the line."""
    word = str(key)
    return word if word.isprintable() and len(word) <= _LONGEST_SHOWN else _shown(word)


def _reason(problem: ErrorDetails) -> str:
    if problem["type"] == "extra_forbidden":
        *above, key = map(str, problem["loc"])
        is_of_a_pattern = len(above) > 1
        return no_setting(key, ListedPattern.model_fields) if is_of_a_pattern else no_setting(".".join([*above, key]))
    return _SENTENCES.get(problem["type"], problem["msg"].removeprefix("Value error, "))


def no_setting(key: str, known: Collection[str] = (*KEYS, "stack")) -> str:
    """What to say of a key that is none: the one that was meant, or all there are."""
    named = {each.removeprefix("stack."): each for each in known}
    meant = get_close_matches(key.removeprefix("stack.")[:_LONGEST_SHOWN], named, n=1)
    return (
        f"is no setting; did you mean {named[meant[0]]}?" if meant else f"is no setting; there are {', '.join(known)}"
    )
