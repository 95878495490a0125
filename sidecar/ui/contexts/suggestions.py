"""What waits for a person about stacks: uncertain groups, stacks to mend, and RAW files that stand alone."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

from sidecar.ui.contexts.frame import Frame


@dataclass(frozen=True, slots=True)
class Candidate:
    """One picture of a proposal; is_cover marks the cover to be."""

    asset_id: str
    name: str
    file_format: str
    size_bytes: int | None
    is_cover: bool


@dataclass(frozen=True, slots=True)
class Proposal:
    """What could be done; whoever says yes or no hands the revision back. While is_pending there is nothing to say."""

    group_id: str
    revision: str
    kind: str
    is_repair: bool
    is_pending: bool
    members: tuple[Candidate, ...]
    reasons: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class LoneRaw:
    """A RAW file in no stack, and why; proposal is the path of what is proposed about it."""

    asset_id: str
    name: str
    size_bytes: int | None
    reasons: tuple[str, ...]
    proposal: str | None


@dataclass(frozen=True, slots=True)
class Tab:
    """One kind of suggestions."""

    path: str
    label: str
    is_here: bool


@dataclass(frozen=True, slots=True)
class SuggestionsPage:
    """A page of proposals, or of RAW files; refused is how many of several decisions could not be taken."""

    template: ClassVar[str] = "suggestions.html"
    fragment: ClassVar[str] = "_suggestions.html"

    frame: Frame
    tabs: tuple[Tab, ...]
    proposals: tuple[Proposal, ...]
    raws: tuple[LoneRaw, ...]
    older: str | None
    here: str
    refused: int
