"""Public links, to single assets or to an album."""

from __future__ import annotations

from collections.abc import Iterable
from http import HTTPStatus
from typing import Any

from aiohttp import web

from sidecar.demo.immich import holding
from sidecar.demo.immich.albums import EDITOR, OWNER, album_fields, album_of
from sidecar.demo.immich.credentials import may_share
from sidecar.demo.immich.refusals import Refusal, bad_request, no_access
from sidecar.demo.immich.routing import Ask, Needs, Operation, reply
from sidecar.demo.immich.rows import LinkRow
from sidecar.demo.immich.state import State
from sidecar.demo.immich.times import iso_ms
from sidecar.demo.immich.wire import asset_with

_ALBUM, _INDIVIDUAL = "ALBUM", "INDIVIDUAL"


def create_link(state: State, user_id: str, *, asset_ids: Iterable[str] = (), album_id: str | None = None) -> LinkRow:
    """A new link to the album, or to these assets.

    Source: shared-link.service.ts create, 3.1.0.
    """
    link = LinkRow(state.new_id(), user_id, state.new_secret(), state.now_us(), album_id=album_id)
    state.links[link.id] = link
    state.put_in(link, asset_ids)
    return link


def _fields(link: LinkRow, state: State, *, is_short: bool = False) -> dict[str, Any]:
    """SharedLinkResponseDto; trashed assets are left out, a short one shows the earliest asset alone.

    Source: mapSharedLink, shared-link.dto.ts, and shared-link.repository.ts 3.1.0; live 3.1.0.
    """
    shown = sorted(
        (row for row in state.rows(link.assets) if row.deleted_us is None), key=lambda row: row.file_created_us
    )
    fields: dict[str, Any] = {
        "id": link.id,
        "description": None,
        "password": None,
        "userId": link.user_id,
        "key": link.key,
        "type": _ALBUM if link.album_id else _INDIVIDUAL,
        "createdAt": iso_ms(link.created_us),
        "expiresAt": None,
        "assets": [asset_with(row, state.behaviour, {}) for row in (shown[:1] if is_short else shown)],
        "allowUpload": True,
        "allowDownload": True,
        "showMetadata": True,
        "slug": None,
    }
    if link.album_id:
        album = state.albums[link.album_id]
        fields["album"] = {**album_fields(album, state, has_link=True), "assetCount": 0}
    return fields


def _own_link(ask: Ask) -> LinkRow:
    """The caller's link of this id.

    Source: findOrFail, shared-link.service.ts 2.7.5 and 3.1.0.
    """
    link = ask.state.links.get(ask.path_id())
    if link is None or link.user_id != ask.caller.user.id:
        raise bad_request("Shared link not found")
    return link


async def _list(ask: Ask) -> web.StreamResponse:
    """The newest first."""
    own = [link for link in reversed(ask.state.links.values()) if link.user_id == ask.caller.user.id]
    is_short = ask.state.behaviour.does("short_link_list")
    return reply([_fields(link, ask.state, is_short=is_short) for link in own])


async def _get(ask: Ask) -> web.StreamResponse:
    return reply(_fields(_own_link(ask), ask.state))


async def _create(ask: Ask) -> web.StreamResponse:
    fields = await ask.body()
    kind = fields.option("type", (_ALBUM, _INDIVIDUAL), required=True)
    album_id = fields.uuid("albumId")
    asset_ids = fields.uuids("assetIds") if "assetIds" in fields else []
    fields.done()
    if kind == _ALBUM:
        if album_id is None:
            raise bad_request("Invalid albumId")
        album_of(ask, album_id, "album.share", (OWNER, EDITOR))
        asset_ids = []
    else:
        album_id = None
        if not asset_ids:
            raise bad_request("Invalid assetIds")
        rows = [ask.state.assets.get(asset_id) for asset_id in asset_ids]
        if not all(row and may_share(ask.caller, row, ask.state) for row in rows):
            raise no_access("asset.share")
    link = create_link(ask.state, ask.caller.user.id, asset_ids=asset_ids, album_id=album_id)
    return reply(_fields(link, ask.state), HTTPStatus.CREATED)


async def _add(ask: Ask) -> web.StreamResponse:
    """An id given twice, or one that is in the link and in the trash, breaks the server.

    Source: shared-link.service.ts addAssets, 2.7.5 and 3.1.0, which sees no trashed assets; live both for an id given
            twice and for a key that holds less than all.
    """
    is_named = ask.state.behaviour.does("link_add_permission")
    link, asset_ids = await _read(ask, "sharedLink.update" if is_named else "all")
    is_twice = len(set(asset_ids)) < len(asset_ids)
    if is_twice or any(ask.state.assets[each].deleted_us for each in link.assets.keys() & set(asset_ids)):
        raise Refusal(HTTPStatus.INTERNAL_SERVER_ERROR, "Failed to add shared link assets")
    return reply(holding.add(ask.caller, ask.state, link, asset_ids, key="assetId"))


async def _remove(ask: Ask) -> web.StreamResponse:
    """Source: shared-link.service.ts removeAssets, 2.7.5 and 3.1.0; live both."""
    is_named = ask.state.behaviour.does("link_remove_permission")
    link, asset_ids = await _read(ask, "sharedLink.update" if is_named else "all")
    return reply(holding.remove(ask.caller, ask.state, link, asset_ids, key="assetId"))


async def _read(ask: Ask, permission: str) -> tuple[LinkRow, list[str]]:
    ask.caller.require(permission)
    fields = await ask.body()
    asset_ids = fields.uuids("assetIds")
    fields.done()
    link = _own_link(ask)
    if link.album_id:
        raise bad_request("Invalid shared link type")
    return link, asset_ids


OPERATIONS = (
    Operation("GET", "/shared-links", _list, "sharedLink.read"),
    Operation("POST", "/shared-links", _create, "sharedLink.create"),
    Operation("GET", "/shared-links/{id}", _get, "sharedLink.read"),
    Operation("PUT", "/shared-links/{id}/assets", _add, Needs.LOGIN),
    Operation("DELETE", "/shared-links/{id}/assets", _remove, Needs.LOGIN),
)
