"""Tags: putting them on and taking them off."""

from __future__ import annotations

from collections.abc import Collection

from sidecar.immich_client._generated import calls
from sidecar.immich_client.batch import HAS_IT_ALREADY, HAS_IT_NOT, are_some, check_each, each_once
from sidecar.immich_client.conversation import Conversation
from sidecar.model import AssetId


class Tags(Conversation):
    """The user's tags on their assets."""

    async def tag(self, tag_id: str, asset_ids: Collection[AssetId]) -> None:
        """Nothing; all the assets carry the tag, also those that did already. It is written into sidecar files, too.

        Errors: ImmichMissing when the tag is gone or another user's, and if any of the assets is: the others are
                tagged. ParameterError beyond ASSETS_AT_ONCE.
        Source: tag.service.ts and asset.util.ts, Immich 2.5.6 to 3.1.0.
        """
        if are_some(asset_ids):
            answer = await self._transport.send(calls.tag_assets(id=tag_id, ids=each_once(asset_ids)))
            check_each(answer, unless=HAS_IT_ALREADY)

    async def untag(self, tag_id: str, asset_ids: Collection[AssetId]) -> None:
        """Nothing; none of the assets carries the tag.

        Errors: ImmichMissing when the tag is gone or another user's. ParameterError beyond ASSETS_AT_ONCE.
        Source: tag.service.ts and asset.util.ts, Immich 2.5.6 to 3.1.0.
        """
        if are_some(asset_ids):
            answer = await self._transport.send(calls.untag_assets(id=tag_id, ids=each_once(asset_ids)))
            check_each(answer, unless=HAS_IT_NOT)
