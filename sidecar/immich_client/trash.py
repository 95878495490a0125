"""The trash: whether there is one, and what goes in and comes back. Nothing here deletes for good."""

from __future__ import annotations

from collections.abc import Collection

from sidecar.immich_client._generated import calls
from sidecar.immich_client.batch import are_some, each_once
from sidecar.immich_client.conversation import Conversation
from sidecar.model import AssetId


class Trash(Conversation):
    """The server's trash, for the user's assets."""

    async def trash_is_on(self) -> bool:
        """Whether the server has a trash; asks for no permission.

        Shape:  without it, assets that are trashed all the same are purged by the next nightly clean-up.
        Source: server/features; asset.service.ts deleteAll and handleAssetDeletionCheck, Immich 2.7.5 and 3.1.0.
        """
        return (await self._transport.send(calls.get_server_features())).trash

    async def trash(self, asset_ids: Collection[AssetId]) -> None:
        """Nothing; all the assets lie in the trash, also those that did already: their time there begins anew.

        Shape:  a stack stays as it is, an album and a link keep the asset for when it is restored.
        Errors: ImmichMissing if any of them is gone, locked or another user's, and nothing is trashed. ParameterError
                beyond ASSETS_AT_ONCE.
        Source: deleteAssets without `force`; asset.service.ts, Immich 2.5.6 to 3.1.0.
        """
        if are_some(asset_ids):
            await self._transport.send(calls.delete_assets(ids=each_once(asset_ids)))

    async def restore(self, asset_ids: Collection[AssetId]) -> None:
        """Nothing; those of the assets that lay in the trash are back. Those being deleted for good are not.

        Errors: ImmichMissing if any of them is gone, locked or another user's, and nothing is restored. ParameterError
                beyond ASSETS_AT_ONCE.
        Source: trash.service.ts and trash.repository.ts, Immich 2.5.6 to 3.1.0; the answer counts what was asked for,
                not what was done.
        """
        if are_some(asset_ids):
            await self._transport.send(calls.restore_assets(ids=each_once(asset_ids)))
