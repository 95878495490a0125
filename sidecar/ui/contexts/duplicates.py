"""Sets of duplicates: the list, one set side by side, and what a decision would do."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

from sidecar.ui.contexts.frame import Frame


@dataclass(frozen=True, slots=True)
class Tab:
    """One class of sets; sets and savings_bytes are how much there is of it."""

    path: str
    label: str
    is_here: bool
    sets: int
    savings_bytes: int


@dataclass(frozen=True, slots=True)
class Sort:
    """One order of the list."""

    path: str
    label: str
    is_here: bool


@dataclass(frozen=True, slots=True)
class Thumb:
    """One copy in a list."""

    asset_id: str
    name: str
    is_suggested: bool


@dataclass(frozen=True, slots=True)
class ListedSet:
    """One set; more is how many copies there are beyond those that are shown."""

    path: str
    kind: str
    similarity: float
    savings_bytes: int
    thumbs: tuple[Thumb, ...]
    more: int


@dataclass(frozen=True, slots=True)
class DuplicatesPage:
    """A page of sets.

    Shape:  identical is the path of the page about all identical files, dismissed that of the page about what was said
            to be no duplicates; None where there are none.
    """

    template: ClassVar[str] = "duplicates.html"
    fragment: ClassVar[str] = "_duplicates.html"

    frame: Frame
    tabs: tuple[Tab, ...]
    sorts: tuple[Sort, ...]
    sets: tuple[ListedSet, ...]
    older: str | None
    identical: str | None
    explanation: str
    dismissed: str | None


@dataclass(frozen=True, slots=True)
class Copy:
    """One copy of a set, with its values in the order of the rows; select_left and select_right show it large."""

    asset_id: str
    name: str
    is_suggested: bool
    is_gone: bool
    reason: str
    similarity: float | None
    select_left: str
    select_right: str
    is_left: bool
    is_right: bool


@dataclass(frozen=True, slots=True)
class Row:
    """One thing by which copies differ or not, in a text for each copy."""

    label: str
    texts: tuple[str, ...]
    differs: bool


@dataclass(frozen=True, slots=True)
class ComparePage:
    """One set: two of its copies large, all of them in a table, and what can be decided; skip leads to the next one."""

    template: ClassVar[str] = "compare.html"
    fragment: ClassVar[str] = ""

    frame: Frame
    path: str
    kind: str
    explanation: str
    similarity: float
    savings_bytes: int
    copies: tuple[Copy, ...]
    rows: tuple[Row, ...]
    rule: str | None
    notes: tuple[str, ...]
    back: str
    skip: str
    query: tuple[tuple[str, str], ...]


@dataclass(frozen=True, slots=True)
class File:
    """A file that stays or goes; is_member is False of what goes along with a stack."""

    asset_id: str
    name: str
    size_bytes: int | None
    is_member: bool = True


@dataclass(frozen=True, slots=True)
class Agreement:
    """Something to agree to before anything is done; name is that of the box."""

    name: str
    sentence: str


@dataclass(frozen=True, slots=True)
class ConfirmPage:
    """What keeping some copies would do, before it is done.

    Shape:  objections say why it cannot be done; with any, there is no button.
    """

    template: ClassVar[str] = "confirm.html"
    fragment: ClassVar[str] = ""

    frame: Frame
    path: str
    keep: tuple[File, ...]
    trash: tuple[File, ...]
    gained: tuple[str, ...]
    freed_bytes: int
    objections: tuple[str, ...]
    cautions: tuple[str, ...]
    agreements: tuple[Agreement, ...]
    member_ids: tuple[str, ...]
    query: tuple[tuple[str, str], ...]


@dataclass(frozen=True, slots=True)
class IdenticalGroup:
    """A file that stays, and those of the same bytes that go; more is how many beyond these."""

    keep: File
    trash: tuple[File, ...]
    more: int


@dataclass(frozen=True, slots=True)
class Counted:
    """A sentence, and of how many groups it is true."""

    sentence: str
    groups: int


@dataclass(frozen=True, slots=True)
class IdenticalPage:
    """What keeping one of each identical file would do; the first groups, and all in numbers."""

    template: ClassVar[str] = "identical.html"
    fragment: ClassVar[str] = ""

    frame: Frame
    token: str
    group_count: int
    file_count: int
    freed_bytes: int
    groups: tuple[IdenticalGroup, ...]
    left_alone: tuple[Counted, ...]
    cautions: tuple[Counted, ...]
    with_external: bool


@dataclass(frozen=True, slots=True)
class Dismissed:
    """Pictures that are no duplicates of each other, and by whose word; more is how many beyond those shown."""

    dismissal_id: str
    by_whom: str
    at_ms: int
    files: tuple[File, ...]
    more: int


@dataclass(frozen=True, slots=True)
class DismissedPage:
    """A page of what was dismissed, the latest first; older is the path of the next page."""

    template: ClassVar[str] = "dismissed.html"
    fragment: ClassVar[str] = "_dismissed.html"

    frame: Frame
    sets: tuple[Dismissed, ...]
    older: str | None
