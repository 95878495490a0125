"""The timeline with grouped cards."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

from sidecar.ui.contexts.frame import Frame


@dataclass(frozen=True, slots=True)
class Card:
    """One place in the grid.

    Shape:  group is the path of what is behind it, None for a single photo, which opens in Immich. duplicates is the
            path of the set that one of its versions is in. owner_name is there for what a partner shares, empty if
            nobody says whose it is.
    """

    asset_id: str
    name: str
    versions: int = 1
    group: str | None = None
    kind: str | None = None
    duplicates: str | None = None
    duplicates_kind: str | None = None
    duration_ms: int | None = None
    is_video: bool = False
    owner_name: str | None = None


@dataclass(frozen=True, slots=True)
class Day:
    """What was taken on one day of its own wall clock."""

    start_ms: int
    cards: tuple[Card, ...]


@dataclass(frozen=True, slots=True)
class Filter:
    """One box that can be ticked."""

    name: str
    value: str
    label: str
    is_on: bool


@dataclass(frozen=True, slots=True)
class PhotosPage:
    """A page of the timeline.

    Shape:  filters stand in groups, each with its label. older is the path of the next page, None on the last; newest
            that of the first page, None on it. is_filtered says that not everything is asked for.
    """

    template: ClassVar[str] = "photos.html"
    fragment: ClassVar[str] = "_photos.html"

    frame: Frame
    days: tuple[Day, ...]
    filters: tuple[tuple[str, tuple[Filter, ...]], ...]
    text: str
    month: str
    older: str | None
    newest: str | None
    is_filtered: bool
