"""Memos: what we note with an asset, in Immich's own database."""

from __future__ import annotations

from collections.abc import Collection, Mapping

from sidecar.errors import ContractBroken, ParameterError
from sidecar.immich_client._generated import calls
from sidecar.immich_client.conversation import Conversation
from sidecar.immich_client.mapping import as_json, to_memo, to_memos
from sidecar.model import AssetId

MEMO_KEY = "immich-sidecar"
"""The key under which our memos stand in an asset's metadata."""

MEMOS_AT_ONCE = 1_000
"""How many memos one call may write or delete; Immich's own end is near 21,800."""


class Memos(Conversation):
    """Our memos with the user's assets."""

    async def memo(self, asset_id: AssetId) -> dict[str, object] | None:
        """What we noted with the asset, trashed or not; None if nothing.

        Shape:  a partner's asset may be asked for too, and shows what the partner's sidecar noted.
        Errors: ImmichMissing when the asset is gone or another user's.
        Source: asset.service.ts, Immich 2.5.6 to 3.1.0: asked for by its key, a missing memo is refused with 400 as a
                missing asset is; the list of all keys tells one from the other.
        """
        return to_memo(await self._transport.send(calls.get_asset_metadata(id=asset_id)), MEMO_KEY)

    async def write_memos(self, memos: Mapping[AssetId, Mapping[str, object]]) -> None:
        """Nothing; each asset, trashed or not, carries its memo instead of an older one, and its updatedAt stays.

        Shape:  values are JSON as JavaScript and PostgreSQL hold it: whole numbers up to 2**53, no NUL in a text. All
                are written or none; writing again is harmless.
        Errors: ImmichMissing if any of the assets is gone, locked or another user's, and nothing is written.
                ContractBroken if Immich answers with other memos than these, ParameterError beyond MEMOS_AT_ONCE.
        Source: asset.service.ts and asset.repository.ts, Immich 2.5.6 to 3.1.0: access first, then one statement.
        """
        _check_count(memos)
        if not memos:
            return  # Immich fails over an empty list
        items: list[dict[str, object]] = [
            {"assetId": asset_id, "key": MEMO_KEY, "value": memo} for asset_id, memo in memos.items()
        ]
        answer = await self._transport.send(calls.update_bulk_asset_metadata(items=items))
        kept = to_memos(answer, MEMO_KEY)
        if changed := sum(kept.get(asset_id) != as_json(memo) for asset_id, memo in memos.items()):
            raise ContractBroken(f"Immich kept {changed} of {len(memos)} memos otherwise than they were written.")

    async def delete_memos(self, asset_ids: Collection[AssetId]) -> None:
        """Nothing; none of the assets carries a memo, whether it did or not, and their updatedAt stays.

        Errors: ImmichMissing if any of the assets is gone, locked or another user's, and nothing is deleted.
                ParameterError beyond MEMOS_AT_ONCE.
        Source: asset.service.ts and asset.repository.ts, Immich 2.5.6 to 3.1.0: access first, then one transaction.
        """
        _check_count(asset_ids)
        if asset_ids:
            items: list[dict[str, object]] = [{"assetId": asset_id, "key": MEMO_KEY} for asset_id in asset_ids]
            await self._transport.send(calls.delete_bulk_asset_metadata(items=items))


def _check_count(memos: Collection[object]) -> None:
    if len(memos) > MEMOS_AT_ONCE:
        raise ParameterError(f"{len(memos)} memos are more than the {MEMOS_AT_ONCE} that fit into one call.")
