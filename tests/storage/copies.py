"""What the tests of duplicates put into the mirror: assets with their originals, and fingerprints."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

from sidecar.duplicates.fingerprint import COLOURS_BYTES, LUMA_BYTES, Fingerprint
from sidecar.model import Asset, Original, OwnerId
from sidecar.storage import assets, originals
from sidecar.storage.database import Database
from tests.builders import OWNER, make_asset

BOB = OwnerId("00000000-0000-4000-8000-00000000000b")
LIBRARY = "00000000-0000-4000-8000-0000000000f1"
MODIFIED_MS = 1_700_000_000_000
BASIS = f"AAECAwQF 8000000 {MODIFIED_MS}"
"""What `make_copy` looks like now, if nothing else is said."""


def make_copy(name: str = "IMG_0001.JPG", *, original: dict[str, object] | None = None, **changes: object) -> Asset:
    """An asset with its original, an upload if nothing else is said; any field of either can be changed by name."""
    asset = replace(make_asset(name), **changes)  # type: ignore[arg-type]  # as in make_asset
    told = Original(
        path=f"/upload/{asset.id}",
        library_id=None,
        checksum=f"{asset.id[-12:]}sha1",
        modified_at_ms=MODIFIED_MS,
        thumbhash="AAECAwQF",
        is_favorite=False,
        duplicate_id=None,
    )
    return replace(asset, original=replace(told, **(original or {})))  # type: ignore[arg-type]  # as in make_asset


async def mirror(database: Database, seen: Sequence[Asset], *, owner_id: OwnerId = OWNER) -> None:
    """These assets are in the mirror, with their originals."""
    async with database.write() as connection:
        by_id = {asset.id: ("stem", asset) for asset in seen}
        await assets.record(connection, owner_id, by_id, scan_id=1)
        await originals.record(connection, owner_id, seen)


def make_fingerprint(number: int = 0, **changes: object) -> Fingerprint:
    """A fingerprint that can be told from those of other numbers."""
    seen = Fingerprint(
        phash=number,
        margin=8.0,
        luma=bytes([number % 256]) * LUMA_BYTES,
        colours=bytes([number % 256]) * COLOURS_BYTES,
        width=300,
        height=200,
    )
    return replace(seen, **changes)  # type: ignore[arg-type]  # as in make_asset
