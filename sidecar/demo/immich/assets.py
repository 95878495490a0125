"""Reading and changing assets."""

from __future__ import annotations

from collections import Counter
from http import HTTPStatus
from typing import Any

from aiohttp import web

from sidecar.demo.immich.background import JobKind
from sidecar.demo.immich.credentials import own_assets, visible_asset
from sidecar.demo.immich.fields import Fields, is_uuid4
from sidecar.demo.immich.refusals import Refusal, bad_request
from sidecar.demo.immich.routing import Ask, Operation, no_content, reply
from sidecar.demo.immich.rows import AlbumRow, AssetRow, LinkRow, StackRow
from sidecar.demo.immich.search_filters import VISIBILITIES
from sidecar.demo.immich.state import DEFAULT_VISIBILITIES, State
from sidecar.demo.immich.versions import Behaviour
from sidecar.demo.immich.wire import asset_detail, updated_asset
from sidecar.model import AssetKind, Visibility

_LOWEST_RATING = -1
_HIGHEST_RATING = 5
_IN_SIDECARS = ("description", "rating", "latitude", "longitude")
_COPIED = ("albums", "favorite", "sharedLinks", "sidecar", "stack")
_POLE = 90
_DATE_LINE = 180


async def _get(ask: Ask) -> web.StreamResponse:
    """Source: recordings asset, asset-other-user, asset-unknown, asset-bad-id."""
    row = visible_asset(ask.caller, ask.path_id(), ask.state, "asset.read")
    return reply(asset_detail(row, ask.state))


async def _update(ask: Ask) -> web.StreamResponse:
    """What is kept in files is written into a sidecar file in the background.

    Source: asset.service.ts update and updateExif, 2.7.5 and 3.1.0; recordings asset-update-favorite,
            asset-update-description; live 3.1.0 for bad values and no values.
    """
    asset_id = ask.path_id()
    fields = await ask.body()
    columns, exif_columns = _read_columns(fields, ask.state.behaviour)
    fields.done()
    [row] = own_assets(ask.caller, [asset_id], ask.state, "asset.update")
    _write(ask.state, row, columns, exif_columns)
    if exif_columns:
        ask.jobs.add(JobKind.SIDECAR, row.id)
    return reply(updated_asset(row, ask.state.behaviour))


async def _update_many(ask: Ask) -> web.StreamResponse:
    """One bad id refuses all; a duplicateId that is no UUID breaks the server. Every asset is read again afterwards.

    Source: recordings duplicate-record, duplicate-record-bad-id, duplicate-clear; live 3.1.0 for bad and no ids.
    """
    fields = await ask.body()
    asset_ids = fields.uuids("ids")
    columns, exif_columns = _read_columns(fields, ask.state.behaviour)
    if "duplicateId" in fields:
        columns["duplicate_id"] = fields.text("duplicateId")
    fields.done()
    rows = own_assets(ask.caller, asset_ids, ask.state, "asset.update")
    duplicate_id = columns.get("duplicate_id")
    if duplicate_id is not None and not is_uuid4(duplicate_id):
        raise Refusal(HTTPStatus.INTERNAL_SERVER_ERROR, "Failed to update assets")
    for row in rows:
        _write(ask.state, row, columns, exif_columns)
        if columns.get("visibility") is Visibility.LOCKED:
            for album in ask.state.albums.values():
                ask.state.take_out(album, [row.id])
        ask.jobs.add(JobKind.SIDECAR, row.id)
    return no_content()


async def _copy(ask: Ask) -> web.StreamResponse:
    """The target gets what the source has: albums, links, stack, favourite mark, and what its sidecar file says.

    Source: asset.service.ts copy, 2.7.5 and 3.1.0; recordings copy-asset, kept-after-resolve.
    """
    fields = await ask.body()
    source_id, target_id = fields.uuid("sourceId", required=True), fields.uuid("targetId", required=True)
    wanted = {name: fields.boolean(name) is not False for name in _COPIED}
    fields.done()
    state = ask.state
    source, target = own_assets(ask.caller, [source_id or "", target_id or ""], state, "asset.copy")
    if source is target:
        raise bad_request("Source and target id must be distinct")
    holders: list[AlbumRow | LinkRow] = []
    if wanted["albums"]:
        holders += state.albums.values()
    if wanted["sharedLinks"]:
        holders += state.links.values()
    for holder in holders:
        if source.id in holder.assets:
            state.put_in(holder, [target.id])
    if wanted["stack"] and source.stack_id is not None:
        _join_stack(state, state.stacks[source.stack_id], target)
    if wanted["favorite"]:
        state.write(target, is_favorite=source.is_favorite)
    if wanted["sidecar"] and source.has_sidecar and source.exif is not None:
        target.has_sidecar = True
        state.write_exif(target, **{column: getattr(source.exif, column) for column in _IN_SIDECARS})
    return no_content()


def _join_stack(state: State, stack: StackRow, target: AssetRow) -> None:
    """The target joins the stack, or all that is in the stack joins the target's."""
    if target.stack_id is None:
        state.write(target, stack_id=stack.id)
        return
    members = state.rows(stack.members)
    joined_id = target.stack_id
    state.remove_stack(stack)
    for row in members:
        state.write(row, stack_id=joined_id)


def _read_columns(fields: Fields, behaviour: Behaviour) -> tuple[dict[str, Any], dict[str, Any]]:
    """What a body changes in the asset row and in the exif row; half a place is none.

    Source: asset.dto.ts 2.7.5 and 3.1.0.
    """
    columns: dict[str, Any] = {}
    if (is_favorite := fields.boolean("isFavorite")) is not None:
        columns["is_favorite"] = is_favorite
    if (visibility := fields.option("visibility", VISIBILITIES)) is not None:
        columns["visibility"] = Visibility(visibility)
    exif_columns: dict[str, Any] = {}
    if (description := fields.text("description")) is not None:
        exif_columns["description"] = description
    if "rating" in fields:
        exif_columns["rating"] = _rating(fields, behaviour)
    if "latitude" in fields or "longitude" in fields:
        exif_columns["latitude"] = fields.number("latitude", at_least=-_POLE, at_most=_POLE)
        exif_columns["longitude"] = fields.number("longitude", at_least=-_DATE_LINE, at_most=_DATE_LINE)
        if missing := [name for name in ("latitude", "longitude") if name not in fields]:
            sentences = [f"{missing[0]} should not be empty", f"{missing[0]} must be a {missing[0]} string or number"]
            fields.refuse("Latitude and longitude must be provided together", *sentences)
    return columns, exif_columns


def _rating(fields: Fields, behaviour: Behaviour) -> int | None:
    """Nought was no rating, then null as well, and is refused since.

    Source: asset.dto.ts 2.5.6, 2.7.5 and 3.1.0.
    """
    rating = fields.whole("rating", at_least=_LOWEST_RATING, at_most=_HIGHEST_RATING)
    if fields.is_null("rating") and not behaviour.does("null_rating"):
        fields.refuse("", "rating must be an integer number", name="rating")
    if rating == 0 and behaviour.does("no_zero_rating"):
        message = "Rating must be -1 (rejected), 1–5 (starred), or null (unrated); 0 is not valid"  # noqa: RUF001  # Immich's own words
        fields.refuse(message, name="rating")
    return None if rating == 0 and behaviour.does("null_rating") else rating


def _write(state: State, row: AssetRow, columns: dict[str, Any], exif_columns: dict[str, Any]) -> None:
    if exif_columns:
        state.write_exif(row, **exif_columns)
    if columns:
        state.write(row, **columns)


async def _statistics(ask: Ask) -> web.StreamResponse:
    """Source: recording asset-statistics; live 3.1.0 for visibility, isTrashed and isFavorite."""
    fields = ask.query
    visibility = fields.option("visibility", VISIBILITIES)
    is_favorite = fields.boolean("isFavorite")
    is_trashed = bool(fields.boolean("isTrashed"))
    fields.done()

    def counts(row: AssetRow) -> bool:
        is_shown = row.visibility == visibility if visibility else row.visibility in DEFAULT_VISIBILITIES
        is_wanted = is_favorite is None or row.is_favorite is is_favorite
        is_there = row.status == "trashed" if is_trashed else row.deleted_us is None
        return is_shown and is_wanted and is_there

    kinds = Counter(row.kind for row in ask.state.assets_of(ask.caller.user.id) if counts(row))
    images, videos = kinds[AssetKind.IMAGE], kinds[AssetKind.VIDEO]
    return reply({"images": images, "videos": videos, "total": kinds.total()})


OPERATIONS = (
    Operation("GET", "/assets/statistics", _statistics, "asset.statistics"),
    Operation("PUT", "/assets", _update_many, "asset.update"),
    Operation("PUT", "/assets/copy", _copy, "asset.copy"),
    Operation("GET", "/assets/{id}", _get, "asset.read"),
    Operation("PUT", "/assets/{id}", _update, "asset.update"),
)
