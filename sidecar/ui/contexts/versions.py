"""One stack, or what could become one: all versions, and why they belong together."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

from sidecar.ui.contexts.frame import Frame


@dataclass(frozen=True, slots=True)
class Version:
    """One member; select is the path of the same page with it shown large."""

    asset_id: str
    name: str
    file_format: str
    size_bytes: int | None
    width: int | None
    height: int | None
    duration_ms: int | None
    taken_local_ms: int
    is_cover: bool
    is_shown: bool
    is_video: bool
    is_trashed: bool
    is_hidden: bool
    select: str


@dataclass(frozen=True, slots=True)
class VersionsPage:
    """One group.

    Shape:  versions with the cover first; exactly one is_shown large. revision is what decisions are made on. back is
            the page from which it was opened. is_stack is False for what is only proposed. While is_pending a change is
            on its way, and nothing else can be decided.
    """

    template: ClassVar[str] = "versions.html"
    fragment: ClassVar[str] = "_versions.html"

    frame: Frame
    path: str
    kind: str
    revision: str
    versions: tuple[Version, ...]
    reasons: tuple[str, ...]
    back: str
    is_stack: bool
    is_ours: bool
    is_pending: bool
