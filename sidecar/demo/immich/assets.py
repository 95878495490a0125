"""Reading and changing assets."""

from __future__ import annotations

from collections import Counter
from http import HTTPStatus
from typing import Any

from aiohttp import web

from sidecar.demo.immich.credentials import own_assets, visible_asset
from sidecar.demo.immich.fields import Fields, is_uuid4
from sidecar.demo.immich.refusals import Refusal
from sidecar.demo.immich.routing import Ask, Operation, no_content, reply
from sidecar.demo.immich.rows import AssetRow
from sidecar.demo.immich.search_filters import VISIBILITIES
from sidecar.demo.immich.state import DEFAULT_VISIBILITIES, State
from sidecar.demo.immich.wire import asset_detail, updated_asset
from sidecar.model import AssetKind, Visibility

_LOWEST_RATING = -1
_HIGHEST_RATING = 5


async def _get(ask: Ask) -> web.StreamResponse:
    """Source: recordings asset, asset-other-user, asset-unknown, asset-bad-id."""
    row = visible_asset(ask.caller, ask.path_id(), ask.state, "asset.read")
    return reply(asset_detail(row, ask.state))


async def _update(ask: Ask) -> web.StreamResponse:
    """Source: recordings asset-update-favorite, asset-update-description; live 3.1.0 for bad values and no values."""
    asset_id = ask.path_id()
    fields = await ask.body()
    columns, exif_columns = _read_columns(fields)
    fields.done()
    [row] = own_assets(ask.caller, [asset_id], ask.state, "asset.update")
    _write(ask.state, row, columns, exif_columns)
    return reply(updated_asset(row, ask.state.behaviour))


async def _update_many(ask: Ask) -> web.StreamResponse:
    """One bad id refuses all; a duplicateId that is no UUID breaks the server.

    Source: recordings duplicate-record, duplicate-record-bad-id, duplicate-clear; live 3.1.0 for bad and no ids.
    """
    fields = await ask.body()
    asset_ids = fields.uuids("ids")
    columns, exif_columns = _read_columns(fields)
    if "duplicateId" in fields:
        columns["duplicate_id"] = fields.text("duplicateId")
    fields.done()
    rows = own_assets(ask.caller, asset_ids, ask.state, "asset.update")
    duplicate_id = columns.get("duplicate_id")
    if duplicate_id is not None and not is_uuid4(duplicate_id):
        raise Refusal(HTTPStatus.INTERNAL_SERVER_ERROR, "Failed to update assets")
    for row in rows:
        _write(ask.state, row, columns, exif_columns)
    return no_content()


def _read_columns(fields: Fields) -> tuple[dict[str, Any], dict[str, Any]]:
    """What a body changes in the asset row and in the exif row."""
    columns: dict[str, Any] = {}
    if (is_favorite := fields.boolean("isFavorite")) is not None:
        columns["is_favorite"] = is_favorite
    if (visibility := fields.option("visibility", VISIBILITIES)) is not None:
        columns["visibility"] = Visibility(visibility)
    exif_columns: dict[str, Any] = {}
    if (description := fields.text("description")) is not None:
        exif_columns["description"] = description
    if "rating" in fields:
        exif_columns["rating"] = fields.whole("rating", at_least=_LOWEST_RATING, at_most=_HIGHEST_RATING)
    return columns, exif_columns


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
    Operation("GET", "/assets/{id}", _get, "asset.read"),
    Operation("PUT", "/assets/{id}", _update, "asset.update"),
)
