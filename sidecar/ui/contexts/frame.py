"""What stands around every page."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar, Protocol


@dataclass(frozen=True, slots=True)
class Notice:
    """What was just done, in a sentence; undo is the path below the base path that takes it back, None if none does."""

    text: str
    undo: str | None = None


@dataclass(frozen=True, slots=True)
class Frame:
    """Around a page: where it stands, who looks at it, and what waits for them.

    Shape:  immich_url is what stands before Immich's paths, empty where it has the same origin. here is the path below
            base_path that the page's entry in the navigation leads to. name is None for whoever is not signed in;
            is_connected says whether the other pages have anything to show them. csrf is what their forms carry.
    """

    version: str
    base_path: str
    immich_url: str = ""
    here: str = ""
    name: str | None = None
    is_connected: bool = False
    csrf: str = ""
    duplicates: int = 0
    suggestions: int = 0
    notice: Notice | None = None


class Page(Protocol):
    """What render takes: a frozen dataclass with a frame, and the template that it is for.

    Shape:  fragment is the template of the part that scripts ask for alone, empty where there is none.
    """

    template: ClassVar[str]
    fragment: ClassVar[str]

    @property
    def frame(self) -> Frame:
        """What stands around it."""
