"""Public links: which there are, what they show, and what is put in and taken out."""

from __future__ import annotations

from collections.abc import Collection

from sidecar.errors import ImmichMissing
from sidecar.immich_client._generated import calls
from sidecar.immich_client.batch import HAS_IT_ALREADY, HAS_IT_NOT, are_some, check_each, each_once
from sidecar.immich_client.conversation import Conversation
from sidecar.immich_client.details import SharedLink
from sidecar.immich_client.mapping import to_shared_link
from sidecar.model import AssetId


class Links(Conversation):
    """The user's public links."""

    async def shared_links(self) -> tuple[SharedLink, ...]:
        """All public links of the user, to assets and to albums, newest first; one more call for each link to assets.

        Source: shared-link.repository.ts: from 2.7 on the list of links shows one asset of each, the link itself all
                that are not trashed. A link that goes meanwhile is left out.
        """
        found = []
        for wire in await self._transport.send(calls.get_all_shared_links()):
            try:
                whole = wire if wire.album else await self._transport.send(calls.get_shared_link_by_id(id=wire.id))
            except ImmichMissing:
                continue
            found.append(to_shared_link(whole))
        return tuple(found)

    async def add_to_link(self, link_id: str, asset_ids: Collection[AssetId]) -> None:
        """Nothing; all the assets are in the link, also those that were already: everyone with the link sees them.

        Errors: ImmichMissing when the link is gone, and if any of the assets is gone or neither the user's nor a
                partner's: the others are added. ImmichRefused until 2.7.5, unless the key holds "all": `copy_links`
                does the same there. ParameterError beyond ASSETS_AT_ONCE.
        Source: shared-link.controller.ts (no permission named until 2.7.5) and shared-link.service.ts.
        """
        if are_some(asset_ids):
            answer = await self._transport.send(
                calls.add_shared_link_assets(id=link_id, asset_ids=each_once(asset_ids))
            )
            check_each(answer, unless=HAS_IT_ALREADY)

    async def remove_from_link(self, link_id: str, asset_ids: Collection[AssetId]) -> None:
        """Nothing; none of the assets is in the link.

        Errors: ImmichMissing when the link is gone. ImmichRefused in 2.5, unless the key holds "all". ParameterError
                beyond ASSETS_AT_ONCE.
        Source: shared-link.controller.ts and shared-link.service.ts.
        """
        if are_some(asset_ids):
            answer = await self._transport.send(
                calls.remove_shared_link_assets(id=link_id, asset_ids=each_once(asset_ids))
            )
            check_each(answer, unless=HAS_IT_NOT)

    async def copy_links(self, source_id: AssetId, target_id: AssetId) -> None:
        """Nothing; the target is in every link to single assets that the source is in, trashed or not.

        Errors: ImmichMissing if one of the two is gone, locked or another user's. ContractBroken if both are the same.
        Source: asset.service.ts copy, Immich 2.5.6 to 3.1.0; all else that it may copy is switched off.
        """
        await self._transport.send(
            calls.copy_asset(
                source_id=source_id,
                target_id=target_id,
                shared_links=True,
                albums=False,
                favorite=False,
                sidecar=False,
                stack=False,
            )
        )
