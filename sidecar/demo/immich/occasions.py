"""What happened in the server, for those who tell others of it: workflows and websockets. Knows no listener."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum


class OccasionKind(StrEnum):
    """What workflows or clients are told of; the values are Immich's own events (event.repository.ts, 3.1.0).

    READY and WRITTEN are no events of their own there: the end of a new asset's thumbnail job, and an extraction that
    the writing of a sidecar file caused.
    """

    CREATED = "AssetCreate"
    EXTRACTED = "AssetMetadataExtracted"
    WRITTEN = "AssetMetadataExtracted after SidecarWrite"
    READY = "AssetGenerateThumbnails done"
    HIDDEN = "AssetHide"
    TRASHED = "AssetTrashAll"
    RESTORED = "AssetRestoreAll"
    DELETED = "AssetDelete"
    STACKED = "StackCreate, StackUpdate or StackDelete"


@dataclass(frozen=True, slots=True)
class Occasion:
    """One thing that happened to some of an owner's assets; which ones is not said of stacks."""

    kind: OccasionKind
    owner_id: str
    asset_ids: tuple[str, ...] = ()
