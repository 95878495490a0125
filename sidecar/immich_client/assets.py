"""Assets: all of them in pages, one of them whole, and what the user says about one."""

from __future__ import annotations

from msgspec import UNSET, UnsetType

from sidecar.errors import ParameterError
from sidecar.immich_client._generated import calls
from sidecar.immich_client.details import Details
from sidecar.immich_client.mapping import AssetPage, moment_of, to_asset, to_details, to_page
from sidecar.immich_client.server import Server
from sidecar.model import Asset, AssetId, Visibility

_NO_RATING_IS_NULL_SINCE = (2, 6, 0)
_RATINGS = frozenset({None, -1, 1, 2, 3, 4, 5})


class Assets(Server):
    """The assets that the user sees."""

    async def count_assets(self, *, visibility: Visibility) -> int:
        """How many assets a search of this visibility finds, partners' among them."""
        return (await self._transport.send(calls.search_asset_statistics(visibility=visibility.value))).total

    async def asset_page(
        self,
        *,
        visibility: Visibility,
        page: int,
        size: int = 1000,
        newest_first: bool = True,
        updated_after_ms: int | None = None,
        with_trashed: bool = False,
    ) -> AssetPage:
        """One page of all assets of this visibility, ordered by capture time; pages count from 1.

        Shape:  a partner's assets are among them where Immich shows them in the timeline; ties may repeat or be skipped
                between pages; assets that Immich has not looked at yet are absent. updated_after_ms is inclusive.
        Source: search.service.ts and utils/database.ts, Immich 3.1.0; the meaning of an absent visibility changed in
                3.0, so it is always sent.
        """
        answer = await self._transport.send(
            calls.search_assets(
                visibility=visibility.value,
                page=page,
                size=size,
                order="desc" if newest_first else "asc",
                with_exif=True,
                with_deleted=True if with_trashed else UNSET,
                updated_after=UNSET if updated_after_ms is None else moment_of(updated_after_ms),
            )
        )
        return to_page(answer)

    async def asset(self, asset_id: AssetId) -> Asset:
        """The asset as it is now, trashed or not.

        Errors: ImmichMissing when it is gone or another user's.
        """
        return to_asset(await self._transport.send(calls.get_asset_info(id=asset_id)))

    async def details(self, asset_id: AssetId) -> Details:
        """The asset, trashed or not, with its favourite mark, rating, description, place and tags as they are now.

        Errors: ImmichMissing when the asset is gone or another user's.
        """
        return to_details(await self._transport.send(calls.get_asset_info(id=asset_id)))

    async def update_details(
        self,
        asset_id: AssetId,
        *,
        is_favorite: bool | UnsetType = UNSET,
        rating: int | UnsetType | None = UNSET,
        description: str | UnsetType = UNSET,
        latitude: float | UnsetType = UNSET,
        longitude: float | UnsetType = UNSET,
    ) -> None:
        """Nothing; the asset has these details, and what is not given stays. A rating of None takes it away.

        Shape:  Immich has no way to take a place away. All but is_favorite are also written into a sidecar file
                (`.xmp`) beside the original, an external library's too, and the asset is read again in the background.
        Errors: ImmichMissing when the asset is gone or another user's. ParameterError for half a place, and for a
                rating that is not 1 to 5, -1 or None.
        Source: asset.service.ts and metadata.service.ts, Immich 2.5.6 to 3.1.0. Until 2.5 a rating of 0 is none and
                null is refused, from 3.0 it is the other way round.
        """
        if isinstance(latitude, UnsetType) is not isinstance(longitude, UnsetType):
            raise ParameterError("A place has a latitude and a longitude.")
        if not isinstance(rating, UnsetType) and rating not in _RATINGS:
            raise ParameterError(f"{rating} is no rating.")
        if rating is None and (await self.server_version()).numbers < _NO_RATING_IS_NULL_SINCE:
            rating = 0
        call = calls.update_asset(
            id=asset_id,
            is_favorite=is_favorite,
            rating=rating,
            description=description,
            latitude=latitude,
            longitude=longitude,
        )
        if call.body != b"{}":
            await self._transport.send(call)
