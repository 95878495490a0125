"""Where Immich's versions differ in what the suite sees: one row each, so that no test compares versions."""

from __future__ import annotations

from typing import Any

from behaviour.server import Server
from sidecar.immich_client.contract.description import version_numbers

# What differs -> (the first pinned version that behaves anew, before, since).
DIFFERENCES: dict[str, tuple[str, Any, Any]] = {
    "the keys of a refusal": ("3.0.3", {"message", "error", "statusCode", "correlationId"}, {"message"}),
    "a picture's duration": ("3.0.3", "0:00:00.00000", None),
    "what an album says of its owner": ("3.0.3", "ownerId", "albumUsers"),
    "assets in the feed": ("3.0.3", ("AssetsV1", "AssetV1"), ("AssetsV2", "AssetV2")),
    "a stack of two whose child was deleted for good is still there": ("3.1.0", True, False),
    "a mark on one asset alone outlives a look at the list": ("2.7.5", True, False),
    "dismissing somebody else's set is answered with": ("3.0.3", 204, 400),
    "a suggested keeper is named": ("2.7.5", False, True),
    "a key may add to a link": ("3.0.3", "all", "sharedLink.update"),
    "a key may take from a link": ("2.7.5", "all", "sharedLink.update"),
}

# Operation or subject -> the first pinned version that has it.
SINCE: dict[str, str] = {
    "resolving": "2.7.5",
    "workflows": "3.0.3",
}


def of(server: Server, what: str) -> Any:
    """What is expected of this server's version."""
    since, before, now = DIFFERENCES[what]
    return now if server.version >= version_numbers(since) else before


def has(version: tuple[int, ...], subject: str) -> bool:
    """Whether a server of this version has what only later ones have."""
    return version >= version_numbers(SINCE[subject])
