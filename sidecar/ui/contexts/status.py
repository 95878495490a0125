"""How far everything has come, and what was given up."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

from sidecar.ui.contexts.frame import Frame


@dataclass(frozen=True, slots=True)
class Work:
    """One kind of work: done of total, total 0 where nobody knows how much there is; left is how long it will take."""

    name: str
    sentence: str
    done: int
    total: int
    left: str | None
    failed: int


@dataclass(frozen=True, slots=True)
class Failure:
    """Something that was given up, in a sentence; what names the files it is about."""

    failure_id: str
    sentence: str
    what: str
    reason: str
    since_ms: int | None
    can_be_retried: bool


@dataclass(frozen=True, slots=True)
class Server:
    """The Immich that is connected: its version, how well it is known, and what is left alone because of that."""

    version: str
    sentence: str
    left_alone: tuple[str, ...]
    may_be_misread: bool


@dataclass(frozen=True, slots=True)
class StatusPage:
    """One visitor's own work; the fragment is what scripts renew while the page is open."""

    template: ClassVar[str] = "status.html"
    fragment: ClassVar[str] = "_status.html"

    frame: Frame
    headline: str
    works: tuple[Work, ...]
    problems: tuple[str, ...]
    failures: tuple[Failure, ...]
    older: str | None
    server: Server | None
