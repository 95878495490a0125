"""What clients keep with an asset under keys of their own: JSON objects that Immich stores and does not read."""

from __future__ import annotations

from collections.abc import Iterable
from http import HTTPStatus
from typing import Any

from aiohttp import web

from sidecar.demo.immich.credentials import own_assets, visible_asset
from sidecar.demo.immich.fields import Fields
from sidecar.demo.immich.refusals import Refusal, bad_request
from sidecar.demo.immich.routing import Ask, Operation, no_content, reply
from sidecar.demo.immich.rows import AssetRow, MetadataRow
from sidecar.demo.immich.times import iso_ms

# PostgreSQL takes that many parameters in a statement; a row of metadata has three.
_MOST_PARAMETERS = 65_535
_COLUMNS = 3
_EXACT_UP_TO = 2**53
_UNSTORABLE = "\0"


def as_kept(value: Any) -> Any:
    """A JSON value as it comes back: numbers as JavaScript holds them, keys as PostgreSQL's jsonb orders them.

    Source: live 3.1.0 and 2.7.5.
    """
    match value:
        case bool():
            return value
        case int() if abs(value) > _EXACT_UP_TO:
            return int(float(value))
        case float() if value.is_integer():
            return int(value)
        case dict():
            return {key: as_kept(value[key]) for key in sorted(value, key=_jsonb_order)}
        case list():
            return [as_kept(each) for each in value]
        case _:
            return value


def _jsonb_order(key: str) -> tuple[int, bytes]:
    name = key.encode()
    return len(name), name


def _is_storable(value: Any) -> bool:
    """False if a text somewhere in it holds what PostgreSQL cannot keep."""
    match value:
        case str():
            return _UNSTORABLE not in value
        case dict():
            return all(map(_is_storable, value)) and all(map(_is_storable, value.values()))
        case list():
            return all(map(_is_storable, value))
        case _:
            return True


def _fields(key: str, kept: MetadataRow) -> dict[str, Any]:
    """Source: recordings asset-metadata-put, asset-metadata-get."""
    return {"key": key, "value": kept.value, "updatedAt": iso_ms(kept.updated_us)}


async def _list(ask: Ask) -> web.StreamResponse:
    """Everything kept with the asset, also with a partner's, what was written last at the end.

    Source: recording asset-metadata-get; live 3.1.0 and 2.7.5: trashed, archived, hidden, locked, partners' assets.
    """
    row = visible_asset(ask.caller, ask.path_id(), ask.state, "asset.read")
    return reply([_fields(key, kept) for key, kept in ask.state.metadata_of(row).items()])


async def _get(ask: Ask) -> web.StreamResponse:
    """Source: live 3.1.0 and 2.7.5, also for a missing key and a missing asset."""
    asset_id, key = ask.path_id(), ask.request.match_info["key"]
    kept = ask.state.metadata_of(visible_asset(ask.caller, asset_id, ask.state, "asset.read")).get(key)
    if kept is None:
        raise bad_request(f'Metadata with key "{key}" not found for asset with id "{asset_id}"')
    return reply(_fields(key, kept))


async def _put(ask: Ask) -> web.StreamResponse:
    """Source: recording asset-metadata-put; live 3.1.0 and 2.7.5: no items, two of one key, what cannot be stored."""
    asset_id = ask.path_id()
    fields = await ask.body()
    items = [(_key(ask, item), item.record("value")) for item in fields.objects("items")]
    fields.done()
    [row] = own_assets(ask.caller, [asset_id], ask.state, "asset.update")
    _refuse_repeated(key for key, _ in items)
    written = _write(ask, [(row, key, value) for key, value in items], failure="Failed to update asset metadata")
    return reply([_fields(key, kept) for _, key, kept in written])


async def _delete(ask: Ask) -> web.StreamResponse:
    """Source: live 3.1.0 and 2.7.5, also for a key that is not there."""
    [row] = own_assets(ask.caller, [ask.path_id()], ask.state, "asset.update")
    ask.state.remove_metadata(row, ask.request.match_info["key"])
    return no_content()


async def _put_many(ask: Ask) -> web.StreamResponse:
    """One bad id refuses all; no items, and more than a statement holds, break the server.

    Source: live 3.1.0 and 2.7.5: unknown, foreign, locked and trashed assets; none, 5,000 and 30,000 items.
    """
    fields = await ask.body()
    items = [(_asset_id(item), _key(ask, item), item.record("value")) for item in fields.objects("items")]
    fields.done()
    rows = own_assets(ask.caller, [asset_id for asset_id, _, _ in items], ask.state, "asset.update")
    _refuse_repeated(f"({asset_id}, {key})" for asset_id, key, _ in items)
    failure = "Failed to update bulk asset metadata"
    if not 0 < len(items) * _COLUMNS <= _MOST_PARAMETERS:
        raise Refusal(HTTPStatus.INTERNAL_SERVER_ERROR, failure)
    wanted = [(row, key, value) for row, (_, key, value) in zip(rows, items, strict=True)]
    written = _write(ask, wanted, failure=failure)
    return reply([{"assetId": row.id, **_fields(key, kept)} for row, key, kept in written])


async def _delete_many(ask: Ask) -> web.StreamResponse:
    """One bad id refuses all; what is not there is no fault.

    Source: live 3.1.0 and 2.7.5: none, 5,000 and repeated items, unknown assets and keys.
    """
    fields = await ask.body()
    items = [(_asset_id(item), _key(ask, item)) for item in fields.objects("items")]
    fields.done()
    rows = own_assets(ask.caller, [asset_id for asset_id, _ in items], ask.state, "asset.update")
    for row, (_, key) in zip(rows, items, strict=True):
        ask.state.remove_metadata(row, key)
    return no_content()


def _asset_id(item: Fields) -> str:
    return item.uuid("assetId", required=True) or ""


def _key(ask: Ask, item: Fields) -> str:
    is_free = ask.state.behaviour.does("empty_metadata_key")
    return item.text("key", required=True, filled=not is_free) or ""


def _refuse_repeated(names: Iterable[str]) -> None:
    """Refuse the first name that comes twice, in Immich's words."""
    seen: set[str] = set()
    for name in names:
        if name in seen:
            raise bad_request(f'Duplicate items are not allowed: "{name}"')
        seen.add(name)


def _write(
    ask: Ask, items: list[tuple[AssetRow, str, dict[str, Any]]], *, failure: str
) -> list[tuple[AssetRow, str, MetadataRow]]:
    """What was written: all of it or, if PostgreSQL cannot keep one of the items, nothing."""
    if not all(_is_storable(key) and _is_storable(value) for _, key, value in items):
        raise Refusal(HTTPStatus.INTERNAL_SERVER_ERROR, failure)
    return [(row, key, ask.state.write_metadata(row, key, as_kept(value))) for row, key, value in items]


OPERATIONS = (
    Operation("PUT", "/assets/metadata", _put_many, "asset.update"),
    Operation("DELETE", "/assets/metadata", _delete_many, "asset.update"),
    Operation("GET", "/assets/{id}/metadata", _list, "asset.read"),
    Operation("PUT", "/assets/{id}/metadata", _put, "asset.update"),
    Operation("GET", "/assets/{id}/metadata/{key}", _get, "asset.read"),
    Operation("DELETE", "/assets/{id}/metadata/{key}", _delete, "asset.update"),
)
