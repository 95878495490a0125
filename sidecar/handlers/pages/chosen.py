"""What the form of the settings says: each choice as plain text, and from there to what the API takes and back."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import msgspec

from sidecar.grouping.patterns import BUILT_IN as BUILT_IN_PATTERNS
from sidecar.handlers.api.preferences import (
    DetectionChanges,
    Pattern,
    PreferenceChanges,
    PreferencesAnswer,
    StackChanges,
)
from sidecar.handlers.pages.visit import Visit
from sidecar.ui.contexts.settings import Control

PLAIN, SUFFIXED = BUILT_IN_PATTERNS
PATTERNS = "filename_patterns"
_ON, _OFF = "on", "off"
_GROUPS: dict[str, type[Any]] = {"stack": StackChanges, "detection": DetectionChanges}
_TRUSTED, _SHOWN_FIRST = "+", "-"

CONTROLS: dict[str, Control] = {
    "ask_first": Control.SWITCH,
    "extend_users_stacks": Control.SWITCH,
    "notify": Control.SWITCH,
    "stack.raw_jpeg": Control.SWITCH,
    "stack.edited": Control.SWITCH,
    "stack.formats": Control.SWITCH,
    "stack.versions": Control.SWITCH,
    "stack.video": Control.SWITCH,
    "stack.burst": Control.SWITCH,
    "timestamp_tolerance_seconds": Control.NUMBER,
    "auto_primary_preference": Control.ORDER,
    PATTERNS: Control.PATTERNS,
    "detection.enable_exact_match": Control.SWITCH,
    "detection.enable_perceptual_match": Control.SWITCH,
    "detection.turned_copies": Control.SWITCH,
    "detection.phash_threshold": Control.NUMBER,
    "detection.record_in_immich": Control.SEVERAL,
    "detection.keep_order": Control.ORDER,
    "detection.prefer_paths": Control.LINES,
}
"""Every choice that a user has -> how it is made."""


@dataclass(frozen=True, slots=True)
class Typed:
    """A form as it was sent.

    Shape:  values hold a text for each choice, by which two can be compared; rows are the options of what is put in
            order, as they stood. defaults are the choices that are to be taken back. was is what values were when the
            form was shown.
    """

    revision: str
    values: dict[str, str]
    rows: dict[str, tuple[str, ...]]
    defaults: frozenset[str]
    was: dict[str, str]

    @property
    def touched(self) -> dict[str, str]:
        """What the user changed."""
        return {key: value for key, value in self.values.items() if value != self.was.get(key)}

    def changes(self) -> PreferenceChanges:
        """The same for the API, with what is taken back."""
        flat: dict[str, Any] = {key: _value(key, text) for key, text in self.touched.items()}
        flat |= dict.fromkeys(self.defaults)
        nested: dict[str, Any] = {}
        for name, kind in _GROUPS.items():
            inner = {key.partition(".")[2]: flat.pop(key) for key in list(flat) if key.startswith(f"{name}.")}
            if inner:
                nested[name] = kind(**inner)
        return PreferenceChanges(**flat, **nested)


def read(visit: Visit) -> Typed:
    """The form of this visit; what it lacks counts as switched off or empty."""
    values = {key: _text(visit, key, control) for key, control in CONTROLS.items()}
    rows = {key: visit.texts(f"{key}.row") for key, control in CONTROLS.items() if control is Control.ORDER}
    defaults = frozenset(visit.texts("default")) & CONTROLS.keys()
    try:
        was = msgspec.json.decode(visit.text("was"), type=dict[str, str])
    except msgspec.DecodeError:
        was = {}
    return Typed(visit.text("revision"), values, rows, defaults, was)


def values_of(answer: PreferencesAnswer) -> dict[str, str]:
    """What holds, as the form would send it."""
    plain: dict[str, Any] = msgspec.to_builtins(answer.values)
    found: dict[str, str] = {}
    for key, control in CONTROLS.items():
        group, _, name = key.rpartition(".")
        value = plain[group][name] if group else plain[name]
        if control is Control.SWITCH:
            found[key] = _ON if value else _OFF
        elif control is Control.NUMBER:
            found[key] = f"{value:g}"
        elif control is Control.PATTERNS:
            found[key] = "\n".join(
                f"{_TRUSTED if each['trusted'] else _SHOWN_FIRST}{each['pattern']}"
                for each in value
                if each["pattern"] != PLAIN
            )
        else:
            found[key] = "\n".join(value)
    return found


def is_on(text: str) -> bool:
    """Whether a switch is on."""
    return text == _ON


def patterns_of(text: str) -> list[tuple[str, bool]]:
    """The patterns but `{base}.{ext}`, which always holds, and whether each is trusted."""
    return [(line[1:], line[0] == _TRUSTED) for line in text.split("\n") if line]


def _text(visit: Visit, key: str, control: Control) -> str:
    if control is Control.SWITCH:
        return _ON if visit.text(key) == _ON else _OFF
    if control is Control.NUMBER:
        return _number(visit.text(key).strip())
    if control is Control.LINES:
        return "\n".join(line.strip() for line in visit.text(key).splitlines() if line.strip())
    if control is Control.PATTERNS:
        trusted = set(visit.texts("trusted"))
        joins = [f"{_TRUSTED}{SUFFIXED}"] if visit.text("suffixes") == _ON else []
        typed = enumerate(" ".join(text.splitlines()).strip() for text in visit.texts("pattern"))
        own = [f"{_TRUSTED if str(row) in trusted else _SHOWN_FIRST}{text}" for row, text in typed if text]
        return "\n".join([*joins, *own])
    return "\n".join(visit.texts(key))


def _number(text: str) -> str:
    """As we write the same number; what is none stays as it was typed."""
    try:
        return f"{float(text.replace(',', '.')):g}"
    except ValueError:
        return text


def _value(key: str, text: str) -> Any:
    control = CONTROLS[key]
    if control is Control.SWITCH:
        return is_on(text)
    if control is Control.NUMBER:
        try:
            return float(text)
        except ValueError:
            return text
    if control is Control.PATTERNS:
        own = (Pattern(pattern, trusted) for pattern, trusted in patterns_of(text))
        return (Pattern(PLAIN, trusted=True), *own)
    return tuple(text.split("\n")) if text else ()


def as_told(values: Mapping[str, str]) -> str:
    """The values as one field of a form; `read` reads it back."""
    return msgspec.json.encode(dict(values)).decode()
