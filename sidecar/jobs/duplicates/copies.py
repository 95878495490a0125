"""Reading copies from the database, as the pure room wants them, and the sets about which people decide."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from sqlalchemy.ext.asyncio import AsyncConnection

from sidecar.duplicates.units import Copy
from sidecar.errors import StaleDecision
from sidecar.model import AssetId, OwnerId
from sidecar.storage import duplicate_sets, originals, stacks
from sidecar.storage.duplicate_sets import StoredSet
from sidecar.storage.originals import Present


async def copies_around(
    connection: AsyncConnection,
    owner_id: OwnerId,
    ids: Sequence[AssetId],
    *,
    album_counts: Mapping[AssetId, int] | None = None,
) -> list[Copy]:
    """The live ones of these assets and of whoever is in a stack with one of them; by id."""
    around = await stacks.touching(connection, owner_id, ids)
    wanted = {*ids, *(each for stack in around for each in (stack.primary_id, *stack.member_ids))}
    present = await originals.copies(connection, owner_id, sorted(wanted))
    counts = album_counts or {}
    return [copy_of(present[asset_id], album_count=counts.get(asset_id, 0)) for asset_id in sorted(present)]


def copy_of(present: Present, *, album_count: int) -> Copy:
    """The asset as the rules about keepers see it."""
    asset = present.asset
    assert asset.original is not None  # noqa: S101  # `copies` gives every asset with its original
    return Copy(
        asset,
        asset.original,
        unit_id=present.stack_id or asset.id,
        is_primary=present.is_primary,
        sha1=present.sha1,
        sha256=present.sha256,
        album_count=album_count,
    )


async def set_to_decide(connection: AsyncConnection, owner_id: OwnerId, set_id: str) -> StoredSet:
    """The set of this id.

    Errors: StaleDecision if there is none any more.
    """
    stored = await duplicate_sets.get(connection, owner_id, set_id)
    if stored is None:
        raise StaleDecision(f"There is no set {set_id!r} any more: it has changed, or was decided about.")
    return stored
