"""A page that says why there is nothing else on it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

from sidecar.ui.contexts.frame import Frame


@dataclass(frozen=True, slots=True)
class ErrorPage:
    """What went wrong, in words of ours, and where to go from here.

    Shape:  way_on is an address with a word on it; is_away_from_here says that it leads to Immich.
    """

    template: ClassVar[str] = "error.html"
    fragment: ClassVar[str] = "_error.html"

    frame: Frame
    title: str
    sentence: str
    way_on: str
    way_on_text: str
