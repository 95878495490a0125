"""Albums: which there are, what is in them, and what is put in and taken out."""

from __future__ import annotations

from collections.abc import Collection

from sidecar.immich_client._generated import calls
from sidecar.immich_client.batch import HAS_IT_ALREADY, HAS_IT_NOT, are_some, check_each, each_once
from sidecar.immich_client.details import Album
from sidecar.immich_client.mapping import to_album, to_ids
from sidecar.immich_client.server import Server
from sidecar.model import AssetId, Visibility

_PAGE_SIZE = 1_000
_ALBUMS_OF_ALL_SINCE = (3, 0, 0)


class Albums(Server):
    """The albums that the user owns or takes part in."""

    async def albums(self) -> tuple[Album, ...]:
        """All albums that the user owns or takes part in, sorted by id.

        Source: album.service.ts: until 2.7.5 the user's own unless `shared` is asked for, from 3.0 all at once.
        """
        found = await self._transport.send(calls.get_all_albums())
        if (await self.server_version()).numbers < _ALBUMS_OF_ALL_SINCE:
            shared = await self._transport.send(calls.get_all_albums(shared=True))
            found = [*found, *shared]
        albums = {album.id: album for album in map(to_album, found)}
        return tuple(albums[album_id] for album_id in sorted(albums))

    async def albums_of(self, asset_id: AssetId) -> tuple[Album, ...]:
        """The user's albums, own and shared, that hold the asset, sorted by id; a trashed asset stays in its albums.

        Shape:  of an unknown asset there are none.
        Source: album.repository.ts getByAssetId, Immich 2.5.6 to 3.1.0, which does not tell of an album's links: they
                are asked for beside it.
        """
        found = await self._transport.send(calls.get_all_albums(asset_id=asset_id))
        if not found:
            return ()
        links = await self._transport.send(calls.get_all_shared_links())
        linked_ids = {link.album.id for link in links if link.album}
        return tuple(sorted((to_album(wire, linked_ids=linked_ids) for wire in found), key=lambda album: album.id))

    async def album_asset_ids(self, album_id: str) -> frozenset[AssetId]:
        """The album's assets on the timeline and in the archive, of others too where Immich shows them.

        Shape:  before 3.1.0 assets of the same second may be missing from an album of over 1,000; albums_of tells the
                albums of one asset for certain.
        Errors: ImmichMissing from 3.0 on when the album is gone or not shared with the user; before, none are found.
        Source: search.service.ts: with albumIds the search is not bound to owners from 3.0 on, before to the user and
                partners.
        """
        found: frozenset[AssetId] = frozenset()
        for visibility in (Visibility.TIMELINE, Visibility.ARCHIVE):
            page: int | None = 1
            while page is not None:
                asked = calls.search_assets(
                    album_ids=[album_id], visibility=visibility.value, page=page, size=_PAGE_SIZE, order="asc"
                )
                ids, page = to_ids(await self._transport.send(asked))
                found |= ids
        return found

    async def add_to_album(self, album_id: str, asset_ids: Collection[AssetId]) -> None:
        """Nothing; all the assets are in the album, also those that were already.

        Errors: ImmichMissing when the album is gone or the user may not write in it, and if any of the assets is gone
                or neither the user's nor a partner's: the others are added. ParameterError beyond ASSETS_AT_ONCE.
        Source: album.service.ts and asset.util.ts, Immich 2.5.6 to 3.1.0: each asset is answered for by itself.
        """
        if are_some(asset_ids):
            answer = await self._transport.send(calls.add_assets_to_album(id=album_id, ids=each_once(asset_ids)))
            check_each(answer, unless=HAS_IT_ALREADY)

    async def remove_from_album(self, album_id: str, asset_ids: Collection[AssetId]) -> None:
        """Nothing; none of the assets is in the album.

        Errors: ImmichMissing when the album is gone or the user may not write in it, and if the user may not remove one
                of the assets: the others are removed. ParameterError beyond ASSETS_AT_ONCE.
        Source: album.service.ts and asset.util.ts, Immich 2.5.6 to 3.1.0.
        """
        if are_some(asset_ids):
            answer = await self._transport.send(calls.remove_asset_from_album(id=album_id, ids=each_once(asset_ids)))
            check_each(answer, unless=HAS_IT_NOT)
