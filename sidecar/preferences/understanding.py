"""From whatever somebody wrote to choices: what of it is understood, and what to say of the rest."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from difflib import get_close_matches
from typing import Any, Generic, NamedTuple, TypeVar

from pydantic import ValidationError
from pydantic_core import ErrorDetails

from sidecar.preferences.layer import LONGEST_SHOWN, Layer, shown

L = TypeVar("L", bound=Layer)

_SENTENCES = {
    "bool_type": "must be true or false",
    "string_type": "must be text, in quotes where it looks like something else",
}


class Problem(NamedTuple):
    """What is wrong with which part of a choice; reads as "stack.burst: must be true or false"."""

    key: str
    reason: str

    def __str__(self) -> str:
        return f"{self.key}: {self.reason}"


class Understood(NamedTuple, Generic[L]):
    """What a choice says, and each part of it that says nothing and is left out."""

    layer: L
    dropped: tuple[Problem, ...]


def understand(kind: type[L], chosen: Mapping[Any, object], *, known: Collection[str] = ()) -> Understood[L]:
    """What a choice says and what in it says nothing; no content can make it fail.

    Shape:  of a list or of a group such as `stack`, single entries are left out where the others still stand; a list of
            which nothing is left counts as not chosen. Who wants all or nothing looks whether `dropped` is empty. known
            are the keys among which a wrong one may have been meant; by default those of the layer.
    """
    reader = _Reader(kind, known or keys_of(kind))
    named, dropped = reader.named(kind, chosen)
    while True:
        try:
            return Understood(kind.model_validate(named), tuple(dropped))
        except ValidationError as error:
            problems = error.errors(include_url=False)
        dropped += dict.fromkeys(reader.problem(problem) for problem in problems)
        named = _without(named, {problem["loc"][:2] for problem in problems})


def keys_of(kind: type[Layer]) -> tuple[str, ...]:
    """Every key that may stand in such a choice, those of whole groups last."""
    return (*kind.sentences(), *kind.groups())


def no_setting(key: str, known: Collection[str]) -> str:
    """What to say of a key that is none: the one that was meant, or all there are."""
    named = {each.rpartition(".")[2]: each for each in known}
    meant = get_close_matches(key.rpartition(".")[2][:LONGEST_SHOWN], named, n=1)
    return (
        f"is no setting; did you mean {named[meant[0]]}?" if meant else f"is no setting; there are {', '.join(known)}"
    )


class _Reader:
    def __init__(self, kind: type[Layer], known: Collection[str]) -> None:
        self._kind = kind
        self._groups = kind.groups()
        self._known = known

    def named(
        self, kind: type[Layer], chosen: Mapping[Any, object], *, at: str = ""
    ) -> tuple[dict[str, object], list[Problem]]:
        """What has a name and a value. A heading with nothing under it chooses nothing, and is no mistake."""
        groups = kind.groups()
        named: dict[str, object] = {}
        dropped: list[Problem] = []
        for key, value in chosen.items():
            if not isinstance(key, str):
                dropped.append(Problem(f"{at}{_word(key)}", no_setting(f"{at}{key}", self._known)))
            elif key in groups and isinstance(value, dict | None):
                named[key], inner = self.named(groups[key], value or {}, at=f"{key}.")
                dropped += inner
            elif value is None and key in kind.model_fields:
                dropped.append(Problem(f"{at}{key}", "has no value"))
            else:
                named[key] = value
        return named, dropped

    def problem(self, problem: ErrorDetails) -> Problem:
        """The same in words."""
        return Problem(self._key(problem["loc"]), self._reason(problem))

    def _key(self, location: tuple[int | str, ...]) -> str:
        """The place as people find it: `stack.burst`, `filename_patterns, entry 2`."""
        parts = [f"entry {part + 1}" if isinstance(part, int) else _word(part) for part in location]
        return (".".join if parts[0] in self._groups else ", ".join)(parts)

    def _reason(self, problem: ErrorDetails) -> str:
        if problem["type"] == "extra_forbidden":
            *above, key = map(str, problem["loc"])
            is_of_an_entry = len(above) > 1
            known = self._kind.entry_keys if is_of_an_entry else self._known
            return no_setting(key if is_of_an_entry else ".".join([*above, key]), known)
        if problem["type"] == "model_type":
            return f"must be a mapping, such as {self._groups[str(problem['loc'][0])].example}"
        return _SENTENCES.get(problem["type"], problem["msg"].removeprefix("Value error, "))


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


def _word(key: object) -> str:
    """A key as it is, or quoted where it would spoil the line."""
    word = str(key)
    return word if word.isprintable() and len(word) <= LONGEST_SHOWN else shown(word)
