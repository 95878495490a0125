"""The page on which one user chooses how stacking and the search for duplicates work for them."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum
from typing import ClassVar

from sidecar.ui.contexts.frame import Frame


class Control(StrEnum):
    """How a choice is made."""

    SWITCH = "switch"
    NUMBER = "number"
    SEVERAL = "several"
    ORDER = "order"
    LINES = "lines"
    PATTERNS = "patterns"


@dataclass(frozen=True, slots=True)
class Option:
    """One of several things that may be chosen."""

    value: str
    label: str
    is_on: bool


@dataclass(frozen=True, slots=True)
class PatternRow:
    """One name pattern of the user's own, as typed."""

    text: str = ""
    is_trusted: bool = False


@dataclass(frozen=True, slots=True)
class Choice:
    """One choice as its control shows it.

    Shape:  is_on is of a switch, text of a number or lines, options and patterns of the others. layer is built_in,
            server or user. problem says what is wrong with what was typed; meanwhile is what somebody else chose since
            the page was shown. wants_default is a choice that is to be taken back.
    """

    key: str
    control: Control
    label: str
    sentence: str
    layer: str
    is_on: bool = False
    text: str = ""
    options: tuple[Option, ...] = ()
    patterns: tuple[PatternRow, ...] = ()
    problem: str | None = None
    meanwhile: str | None = None
    wants_default: bool = False


@dataclass(frozen=True, slots=True)
class Section:
    """Choices about one subject."""

    title: str
    choices: tuple[Choice, ...]


@dataclass(frozen=True, slots=True)
class Picture:
    """One picture of an example."""

    asset_id: str
    name: str


@dataclass(frozen=True, slots=True)
class Example:
    """A group that would change, the cover first; more are those that are not shown."""

    label: str
    pictures: tuple[Picture, ...]
    more: int


@dataclass(frozen=True, slots=True)
class Preview:
    """What would change.

    Shape:  next_start is where to look further, None where all was looked at. so_far is what the next look adds to.
            lines say how much of what; fewer is how many sets of duplicates would lose pictures.
    """

    looked: int
    total: int
    next_start: int | None
    so_far: str
    lines: tuple[str, ...]
    examples: tuple[Example, ...]
    fewer: int
    needs_search: bool


@dataclass(frozen=True, slots=True)
class SettingsPage:
    """Every choice of one user.

    Shape:  revision and was are handed back with the form: what the choices were when the page was shown. is_bell_there
            says whether Immich's bell can be used, None where Immich did not say. has_problems says that something
            typed makes no sense, is_changed that somebody else changed something meanwhile.
    """

    template: ClassVar[str] = "settings.html"
    fragment: ClassVar[str] = "_preview.html"

    frame: Frame
    revision: str
    was: str
    sections: tuple[Section, ...]
    passed_over: tuple[str, ...]
    is_bell_there: bool | None
    preview: Preview | None = None
    has_problems: bool = False
    is_changed: bool = False
