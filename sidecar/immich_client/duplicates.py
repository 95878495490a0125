"""Immich's own duplicates: its groups, and writing them."""

from __future__ import annotations

from collections.abc import Collection
from uuid import UUID

from sidecar.errors import ParameterError
from sidecar.immich_client._generated import calls
from sidecar.immich_client.batch import are_some, each_once
from sidecar.immich_client.conversation import Conversation
from sidecar.model import AssetId


class Duplicates(Conversation):
    """The groups of duplicates that Immich keeps of the user's assets."""

    async def record_duplicates(self, asset_ids: Collection[AssetId], duplicate_id: str | None) -> None:
        """Nothing; the assets form a group of Immich's own duplicates, or with None are in none.

        Shape:  each asset leaves the group it was in. Every one of them is read again in the background, by which its
                updatedAt moves a second time.
        Errors: ImmichMissing if any of them is gone, locked or another user's, and nothing is changed. ParameterError
                beyond ASSETS_AT_ONCE, and if duplicate_id is no UUID, over which Immich fails.
        Source: asset.service.ts updateAll, Immich 2.5.6 to 3.1.0; recordings duplicate-record, duplicate-record-bad-id.
        """
        if duplicate_id is not None and not _is_uuid(duplicate_id):
            raise ParameterError("The id of a group of duplicates has to be a UUID.")
        if are_some(asset_ids):
            await self._transport.send(calls.update_assets(ids=each_once(asset_ids), duplicate_id=duplicate_id))

    async def native_duplicates(self) -> dict[str, tuple[AssetId, ...]]:
        """Immich's own groups of duplicates, as it shows them: their id -> two or more assets, sorted.

        Shape:  stacked, hidden and trashed assets are in none. From 2.7 on, asking also takes groups of one apart.
        Errors: ImmichUnavailable or ContractBroken on servers with too many to answer at once.
        Source: duplicate.service.ts and duplicate.repository.ts, Immich 2.5.6 to 3.1.0.
        """
        answer = await self._whole_list(calls.get_asset_duplicates())
        return {group.duplicate_id: tuple(sorted(AssetId(each.id) for each in group.assets)) for group in answer}


def _is_uuid(text: str) -> bool:
    try:
        return str(UUID(text)) == text.lower()
    except ValueError:
        return False
