"""What the sidecar can do, and on which operations of Immich each of that rests."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum


class Capability(StrEnum):
    """What people would call it."""

    READING = "reading"
    CONNECTING = "connecting"
    STACKS = "stacks"
    MEMORY = "memory"
    MARKING = "marking"
    RESOLVING = "resolving"
    WEBHOOK = "webhook"
    REDO = "redo"
    QUEUES = "queues"
    BELL = "bell"


@dataclass(frozen=True, slots=True)
class _Rests:
    """reads have to be understood before any of the writes is sent."""

    reads: frozenset[str]
    writes: frozenset[str] = frozenset()


_LIBRARY = frozenset({"getAssetInfo", "getStack", "searchAssets", "searchStacks"})

RESTS: dict[Capability, _Rests] = {
    # Whatever has changed there, reading goes on: what cannot be read is reported, item by item.
    Capability.READING: _Rests(
        _LIBRARY
        | {
            "downloadAsset",
            "getAssetMetadata",
            "getMyApiKey",
            "getMyUser",
            "getPartners",
            "getServerFeatures",
            "getServerVersion",
            "getTimeBucket",
            "getTimeBuckets",
            "searchAssetStatistics",
            "viewAsset",
        }
    ),
    Capability.CONNECTING: _Rests(
        frozenset({"getApiKeys", "getMyApiKey", "getMyUser"}), frozenset({"createApiKey", "deleteApiKey"})
    ),
    # Whoever replaces a stack takes the old one away first: either all of these work, or none is used.
    Capability.STACKS: _Rests(
        _LIBRARY, frozenset({"createStack", "deleteStack", "removeAssetFromStack", "updateStack"})
    ),
    Capability.MEMORY: _Rests(
        frozenset({"getAssetMetadata"}), frozenset({"deleteBulkAssetMetadata", "updateBulkAssetMetadata"})
    ),
    Capability.MARKING: _Rests(frozenset({"getAssetDuplicates", "getAssetInfo"}), frozenset({"updateAssets"})),
    # Nothing goes to the trash whose albums, tags and links could not be handed on, or that could not be fetched back.
    Capability.RESOLVING: _Rests(
        _LIBRARY | {"getAllAlbums", "getAllSharedLinks", "getServerFeatures", "getSharedLinkById"},
        frozenset(
            {
                "addAssetsToAlbum",
                "addSharedLinkAssets",
                "copyAsset",
                "deleteAssets",
                "removeAssetFromAlbum",
                "removeSharedLinkAssets",
                "restoreAssets",
                "tagAssets",
                "untagAssets",
                "updateAsset",
            }
        ),
    ),
    Capability.WEBHOOK: _Rests(
        frozenset({"getWorkflow", "searchPluginMethods", "searchWorkflows"}),
        frozenset({"createWorkflow", "deleteWorkflow", "updateWorkflow"}),
    ),
    Capability.REDO: _Rests(frozenset({"getAssetInfo"}), frozenset({"runAssetJobs"})),
    Capability.QUEUES: _Rests(frozenset({"getQueues"})),
    Capability.BELL: _Rests(frozenset({"getMyApiKey"}), frozenset({"createNotification"})),
}

WRITES: dict[str, Capability] = {
    operation: capability for capability, rests in RESTS.items() for operation in rests.writes
}
"""Every operation that changes something -> what it is for."""
