"""Copies for the pure tests of sets, keepers and decisions: a test names only what matters to it."""

from __future__ import annotations

import base64
from hashlib import sha1, sha256
from typing import Any

from sidecar.duplicates.classes import DuplicateClass
from sidecar.duplicates.match import Match
from sidecar.duplicates.units import Copy
from sidecar.model import AssetId, Original
from tests.builders import asset_id, make_asset


def digest(content: str) -> str:
    """The SHA-256 of a content, in hex."""
    return sha256(content.encode()).hexdigest()


def sha1_of(content: str) -> str:
    """The SHA-1 of a content, as Immich writes it."""
    return base64.b64encode(sha1(content.encode(), usedforsecurity=False).digest()).decode()


def make_copy(
    number: int,
    *,
    bytes_: str | None = None,
    stack: str | None = None,
    is_primary: bool = False,
    library: str | None = None,
    path: str | None = None,
    favorite: bool = False,
    albums: int = 0,
    thumbhash: str | None = "3OcRJYB4d3h/iIeHeEh3eIhw+j2w",
    modified_at_ms: int = 5,
    **asset: Any,
) -> Copy:
    """A copy; bytes_ names its content as read by us, None if nobody has read it."""
    own = asset_id(number)
    return Copy(
        make_asset(**{"name": f"{number}.jpg", "id": own, **asset}),
        Original(
            path=path or f"/data/{number}.jpg",
            library_id=library,
            checksum=sha1_of(f"own {number}" if bytes_ is None or library else bytes_),
            modified_at_ms=modified_at_ms,
            thumbhash=thumbhash,
            is_favorite=favorite,
            duplicate_id=None,
        ),
        unit_id=stack or own,
        is_primary=is_primary,
        sha1=None if bytes_ is None else sha1_of(bytes_),
        sha256=None if bytes_ is None else digest(bytes_),
        album_count=albums,
    )


def make_match(
    one: int,
    other: int,
    kind: DuplicateClass = DuplicateClass.RE_ENCODED,
    similarity: float = 0.97,
    *,
    looks_equal: bool = False,
    detector: str = "fingerprint",
) -> Match:
    """A match between two copies of these numbers."""
    a, b = sorted((asset_id(one), asset_id(other)))
    return Match(a, b, kind, similarity, detector, f"looks alike ({similarity})", looks_equal)


def numbered(found: AssetId) -> int:
    """The number of a copy's id."""
    return int(found[-12:], 16)
