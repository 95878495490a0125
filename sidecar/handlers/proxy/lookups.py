"""What is known of an owner's assets: from the cache where it is there, else from the database."""

from __future__ import annotations

from collections.abc import Sequence

from sidecar.handlers.proxy.places import NOTHING_KNOWN, AlternateVersion, Fragment, ShownFields, encode
from sidecar.jobs.shown_cache import ShownCache
from sidecar.model import AssetId, OwnerId
from sidecar.storage import duplicate_sets, shown_groups
from sidecar.storage.database import Database
from sidecar.storage.shown_groups import ShownGroup


async def look_up(
    database: Database, cache: ShownCache, owner_id: OwnerId, ids: Sequence[AssetId]
) -> dict[AssetId, Fragment]:
    """The fields of each of these assets, as JSON; ids that are not the owner's are in no group of theirs.

    Errors: StorageUnavailable.
    """
    kept = await cache.read(owner_id, ids)
    missing = [asset_id for asset_id in ids if asset_id not in kept.found]
    if not missing:
        return kept.found
    found = await _from_database(database, owner_id, missing)
    if kept.epoch is not None:
        await cache.keep(owner_id, kept.epoch, found)
    return kept.found | found


async def _from_database(database: Database, owner_id: OwnerId, ids: Sequence[AssetId]) -> dict[AssetId, Fragment]:
    async with database.read() as connection:
        groups = await shown_groups.of_assets(connection, owner_id, ids)
        sets = await duplicate_sets.touching(connection, owner_id, ids)
    set_of = {member.asset_id: each.id for each in sets for member in each.members}
    return {
        asset_id: _fragment(asset_id, groups.get(asset_id), set_of.get(asset_id))
        if asset_id in groups or asset_id in set_of
        else NOTHING_KNOWN
        for asset_id in ids
    }


def _fragment(asset_id: AssetId, group: ShownGroup | None, set_id: str | None) -> Fragment:
    if group is None:
        return encode(ShownFields(duplicate_group_id=set_id))
    others = (member for member in group.members if member.asset_id != asset_id)
    return encode(
        ShownFields(
            group_id=group.id,
            group_type=group.type,
            alternate_versions=tuple(AlternateVersion(each.asset_id, each.name, each.format.value) for each in others),
            is_primary_version=group.primary_id == asset_id,
            duplicate_group_id=set_id,
        )
    )
