"""An asset's files: its original, whole or in part, and its thumbnail."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import AbstractAsyncContextManager

from sidecar.immich_client._generated import calls
from sidecar.immich_client.conversation import Conversation
from sidecar.model import AssetId

THUMBNAIL_LIMIT_BYTES = 4 * 1024 * 1024
"""More than any thumbnail: at a short edge of 250 px most have 10 KB, and the widest panoramas some hundred."""


class Files(Conversation):
    """The files of the assets that the user sees."""

    async def head_of(self, asset_id: AssetId, size_bytes: int) -> bytes:
        """The first bytes of the asset's original, trashed or not; fewer if the file is smaller.

        Errors: as range_of.
        """
        return await self.range_of(asset_id, 0, size_bytes)

    async def range_of(self, asset_id: AssetId, first: int, size_bytes: int) -> bytes:
        """So many bytes of the asset's original from this one on, trashed or not; fewer or none if the file ends.

        Shape:  bytes count from 0. An edit made in Immich is not seen: the file is as it was uploaded or lies in its
                library.
        Errors: ImmichMissing when the asset is gone or another user's, and where Immich cannot read its file, which it
                does not always tell apart. ParameterError if size_bytes is not positive or first negative.
        Source: downloadAsset with a Range header; live 2.7.5 and 3.1.0.
        """
        return await self._transport.part(calls.download_asset(id=asset_id), first, size_bytes)

    def original(self, asset_id: AssetId, *, limit_bytes: int) -> AbstractAsyncContextManager[AsyncIterator[bytes]]:
        """The asset's whole original, trashed or not, piece by piece: `async with … as pieces`.

        Shape:  nothing is asked for again after the first piece or before it: the caller starts anew. The pieces are
                complete if they end without an error.
        Errors: as range_of, on entering or with a piece; ImmichUnavailable if the file breaks off, ContractBroken as
                soon as it proves larger than limit_bytes.
        Source: downloadAsset; live 2.7.5 and 3.1.0.
        """
        return self._transport.stream(calls.download_asset(id=asset_id), limit_bytes=limit_bytes)

    async def thumbnail(self, asset_id: AssetId) -> bytes:
        """The asset's thumbnail, trashed or not, a WebP or JPEG of 250 px, upright; edits made in Immich are not in it.

        Errors: ImmichMissing where there is none (yet), as for assets that Immich cannot decode, and when the asset is
                gone or another user's. ContractBroken beyond THUMBNAIL_LIMIT_BYTES.
        Source: viewAsset, asset-media.service.ts of 2.5.6 to 3.1.0; recordings thumbnail-*.
        """
        call = calls.view_asset(id=asset_id, size="thumbnail")
        return await self._transport.file(call, limit_bytes=THUMBNAIL_LIMIT_BYTES)
