"""What was done, and what can be taken back."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

from sidecar.ui.contexts.frame import Frame


@dataclass(frozen=True, slots=True)
class Taken:
    """A picture of what was done; name is empty where it is not known any more."""

    asset_id: str
    name: str
    is_trashed: bool


@dataclass(frozen=True, slots=True)
class Deed:
    """One change of stacks, or one decision about duplicates.

    Shape:  more is how many pictures it is about beyond those. problem is why it is not as it was wanted.
    """

    action_id: str
    sentence: str
    by_whom: str
    state: str
    is_done: bool
    is_trouble: bool
    problem: str | None
    at_ms: int
    pictures: tuple[Taken, ...]
    more: int
    can_undo: bool


@dataclass(frozen=True, slots=True)
class ActivityPage:
    """A page of the history, the latest first; older is the path of the next page."""

    template: ClassVar[str] = "activity.html"
    fragment: ClassVar[str] = "_activity.html"

    frame: Frame
    deeds: tuple[Deed, ...]
    older: str | None
