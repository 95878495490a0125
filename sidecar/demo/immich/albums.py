"""Albums: whose they are, who may write in them, and what they hold."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from http import HTTPStatus
from typing import Any

from aiohttp import web

from sidecar.demo.immich import holding
from sidecar.demo.immich.credentials import may_share
from sidecar.demo.immich.refusals import bad_request, no_access
from sidecar.demo.immich.routing import Ask, Operation, reply
from sidecar.demo.immich.rows import AlbumRow, AssetRow
from sidecar.demo.immich.state import State, is_listed
from sidecar.demo.immich.times import iso_ms, postgres_json
from sidecar.demo.immich.wire import asset_with, owner_fields

OWNER, EDITOR, VIEWER = "owner", "editor", "viewer"
_DAY_US = 86_400_000_000


def create_album(
    state: State, owner_id: str, name: str, asset_ids: Iterable[str] = (), *, users: Mapping[str, str] | None = None
) -> AlbumRow:
    """A new album; users maps others to the role of an editor or viewer.

    Source: album.service.ts create, 3.1.0; recording album-create.
    """
    now_us = state.now_us()
    album = AlbumRow(state.new_id(), name, "", now_us, now_us, users={owner_id: OWNER, **(users or {})})
    state.albums[album.id] = album
    state.put_in(album, asset_ids)
    album.thumbnail_id = next(iter(album.assets), None)
    return album


def album_of(ask: Ask, album_id: str, permission: str, roles: Iterable[str] = (OWNER, EDITOR, VIEWER)) -> AlbumRow:
    """The album, if the caller has one of the roles in it.

    Errors: Refusal 400.
    Source: utils/access.ts 3.1.0.
    """
    album = ask.state.albums.get(album_id)
    if album is None or album.users.get(ask.caller.user.id) not in set(roles):
        raise no_access(permission)
    return album


def album_fields(album: AlbumRow, state: State, *, has_link: bool) -> dict[str, Any]:
    """AlbumResponseDto without dates and assets.

    Source: mapAlbum, album.dto.ts 2.7.5 and 3.1.0; recordings album-create, albums-of-asset.
    """
    others = {user_id: role for user_id, role in album.users.items() if role != OWNER}
    fields: dict[str, Any] = {
        "albumName": album.name,
        "description": album.description,
        "albumThumbnailAssetId": album.thumbnail_id,
        "createdAt": iso_ms(album.created_us),
        "updatedAt": iso_ms(album.updated_us),
        "id": album.id,
        "shared": bool(others) or has_link,
        "hasSharedLink": has_link,
        "isActivityEnabled": True,
        "order": "desc",
    }
    shown = others
    if state.behaviour.does("owner_in_album"):
        shown = {album.owner_id: OWNER, **others}
    else:
        owner = owner_fields(state.users[album.owner_id])
        fields |= {"ownerId": album.owner_id, "owner": owner, "assets": []}
    users = [{"user": owner_fields(state.users[user_id]), "role": role} for user_id, role in shown.items()]
    return {**fields, "albumUsers": users}


def _listed(album: AlbumRow, state: State) -> list[AssetRow]:
    return [row for row in state.rows(album.assets) if is_listed(row)]


def _choose_thumbnail(album: AlbumRow, state: State) -> None:
    """An album whose cover is not shown any more gets its latest asset.

    Source: updateThumbnails, album.repository.ts 3.1.0.
    """
    shown = _listed(album, state)
    if album.thumbnail_id not in {row.id for row in shown}:
        latest = max(shown, key=lambda row: row.file_created_us, default=None)
        album.thumbnail_id = None if latest is None else latest.id


def _with_counts(album: AlbumRow, state: State, *, has_link: bool) -> dict[str, Any]:
    """An album of a list: days instead of moments, and when its assets changed last.

    Source: getMetadataForIds, album.repository.ts 3.1.0; recording albums-of-asset.
    """
    shown = _listed(album, state)
    fields = {**album_fields(album, state, has_link=has_link), "assetCount": len(shown)}
    if shown:
        days = [row.local_us - row.local_us % _DAY_US for row in shown]
        fields |= {"startDate": iso_ms(min(days)), "endDate": iso_ms(max(days))}
        fields["lastModifiedAssetTimestamp"] = iso_ms(max(row.updated_us for row in shown))
    return fields


async def _list(ask: Ask) -> web.StreamResponse:
    """The newest first; which ones depends on the version, and of an asset's albums no links are told.

    Source: album.service.ts getAll and album.repository.ts 2.7.5 and 3.1.0; recording albums-of-asset.
    """
    fields = ask.query
    asset_id = fields.uuid("assetId")
    tells_all = ask.state.behaviour.does("all_albums")
    wants_shared = None if tells_all else fields.boolean("shared")
    fields.done()
    state, user_id = ask.state, ask.caller.user.id
    for album in state.albums.values():
        _choose_thumbnail(album, state)
    linked = set() if asset_id else {link.album_id for link in state.links.values()}

    def is_wanted(album: AlbumRow) -> bool:
        if user_id not in album.users:
            return False
        if asset_id:
            return asset_id in album.assets
        is_shared = len(album.users) > 1 or album.id in linked
        is_own = album.owner_id == user_id
        if tells_all:
            return True
        return is_own if wants_shared is None else is_shared if wants_shared else is_own and not is_shared

    found = [album for album in reversed(state.albums.values()) if is_wanted(album)]
    return reply([_with_counts(album, state, has_link=album.id in linked) for album in found])


async def _create(ask: Ask) -> web.StreamResponse:
    """Assets that the caller may not share are left out silently.

    Source: album.service.ts create, 3.1.0; recording album-create of both versions; live both for an unknown user.
    """
    fields = await ask.body()
    name = fields.text("albumName", required=True)
    asset_ids = fields.uuids("assetIds") if "assetIds" in fields else []
    users: dict[str, str] = {}
    for each in fields.objects("albumUsers") if "albumUsers" in fields else []:
        user_id, role = each.uuid("userId", required=True), each.option("role", (EDITOR, VIEWER))
        users[user_id or ""] = role or VIEWER
    fields.done()
    state, owner_id = ask.state, ask.caller.user.id
    users.pop(owner_id, None)
    if not users.keys() <= state.users.keys():
        raise bad_request("Invalid user" if state.behaviour.does("vague_user") else "User not found")
    rows = [row for asset_id in asset_ids if (row := state.assets.get(asset_id)) and may_share(ask.caller, row, state)]
    album = create_album(state, owner_id, name or "", [row.id for row in rows], users=users)
    fields_ = {**album_fields(album, state, has_link=False), "assetCount": len(rows)}
    if rows:
        moments = [row.local_us for row in rows]
        fields_ |= {"startDate": postgres_json(min(moments)), "endDate": postgres_json(max(moments))}
    if "assets" in fields_:
        fields_["assets"] = [asset_with(row, state.behaviour, {}, is_nested=True) for row in rows]
    return reply(fields_, HTTPStatus.CREATED)


async def _add(ask: Ask) -> web.StreamResponse:
    """Source: album.service.ts addAssets, 2.7.5 and 3.1.0; recording album-add."""
    album_id, asset_ids = await _read(ask)
    if album_id not in ask.state.albums:
        raise bad_request("Album not found")
    album = album_of(ask, album_id, "albumAsset.create", (OWNER, EDITOR))
    answers = holding.add(ask.caller, ask.state, album, asset_ids)
    if any(answer["success"] for answer in answers):
        album.updated_us = ask.state.now_us()
        album.thumbnail_id = album.thumbnail_id or next(iter(album.assets))
    return reply(answers)


async def _remove(ask: Ask) -> web.StreamResponse:
    """Owners take out everything, editors what they may share.

    Source: album.service.ts removeAssets, 2.7.5 and 3.1.0; recording album-remove.
    """
    album_id, asset_ids = await _read(ask)
    album = album_of(ask, album_id, "albumAsset.delete", (OWNER, EDITOR))
    is_owner = album.owner_id == ask.caller.user.id
    return reply(holding.remove(ask.caller, ask.state, album, asset_ids, always=is_owner))


async def _read(ask: Ask) -> tuple[str, list[str]]:
    album_id = ask.path_id()
    fields = await ask.body()
    asset_ids = fields.uuids("ids")
    fields.done()
    return album_id, asset_ids


OPERATIONS = (
    Operation("GET", "/albums", _list, "album.read"),
    Operation("POST", "/albums", _create, "album.create"),
    Operation("PUT", "/albums/{id}/assets", _add, "albumAsset.create"),
    Operation("DELETE", "/albums/{id}/assets", _remove, "albumAsset.delete"),
)
