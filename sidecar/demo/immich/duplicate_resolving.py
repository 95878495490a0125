"""Resolving groups of duplicates as Immich's own page does: what goes hands on what it has to the one that stays."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any

from aiohttp import web

from sidecar.demo.immich.background import JobKind
from sidecar.demo.immich.refusals import no_access
from sidecar.demo.immich.routing import Ask, reply
from sidecar.demo.immich.rows import AssetRow, ExifRow
from sidecar.demo.immich.trash import trash_assets
from sidecar.model import Visibility

_WRITERS = frozenset({"owner", "editor"})
_STRONGEST_FIRST = (Visibility.LOCKED, Visibility.ARCHIVE, Visibility.TIMELINE, Visibility.HIDDEN)
_BOTH = "An asset cannot be in both keepAssetIds and trashAssetIds"
_NEITHER = "Every asset must be in either keepAssetIds or trashAssetIds"


async def resolve(ask: Ask) -> web.StreamResponse:
    """An answer for each group; those that say of every asset whether it stays are resolved.

    Source: duplicate.service.ts resolve, 2.7.5 and 3.1.0; recordings duplicate-resolve, duplicate-resolve-incomplete,
            kept-after-resolve.
    """
    fields = await ask.body()
    wanted = [
        (group.uuid("duplicateId", required=True) or "", group.uuids("keepAssetIds"), group.uuids("trashAssetIds"))
        for group in fields.objects("groups")
    ]
    fields.done()
    own = list(ask.state.assets_of(ask.caller.user.id))
    open_ids = {row.duplicate_id for row in own if row.deleted_us is None}
    if not {duplicate_id for duplicate_id, _, _ in wanted} <= open_ids:
        raise no_access("duplicate.delete")
    return reply([_resolved(ask, own, *each) for each in wanted])


def _resolved(
    ask: Ask, own: Sequence[AssetRow], duplicate_id: str, keep: list[str], trash: list[str]
) -> dict[str, Any]:
    members = [row for row in own if row.duplicate_id == duplicate_id and row.deleted_us is None]
    for row in members:
        if (row.id in keep) is (row.id in trash):
            message = _BOTH if row.id in keep else _NEITHER
            return {"id": duplicate_id, "success": False, "error": "validation", "errorMessage": message}
    kept = [row for row in members if row.id in keep]
    going = [row for row in members if row.id in trash]
    if not ask.state.behaviour.does("lone_keeper") or (len(kept) == 1 and going):
        for keeper in kept:
            _hand_on(ask, keeper, members)
    for row in kept:
        ask.state.write(row, duplicate_id=None)
    for row in going:
        ask.state.write(row, duplicate_id=None)
    trash_assets(ask.state, going)
    return {"id": duplicate_id, "success": True}


def _hand_on(ask: Ask, keeper: AssetRow, members: Sequence[AssetRow]) -> None:
    """A keeper gets albums, tags, favourite mark, visibility, best rating, all descriptions and an agreed place."""
    state, user_id = ask.state, ask.caller.user.id
    ids = {row.id for row in members}
    for album in state.albums.values():
        if ids & album.assets.keys() and album.users.get(user_id) in _WRITERS:
            state.put_in(album, [keeper.id])
    tags = [tag for tag in state.tags.values() if ids & tag.assets.keys()]
    for tag in tags:
        state.put_in(tag, [keeper.id])
    exif = _merged([row.exif or ExifRow() for row in members])
    if exif:
        state.write_exif(keeper, **exif)
    if exif or tags:
        ask.jobs.add(JobKind.SIDECAR, keeper.id)
    visibility = next(each for each in _STRONGEST_FIRST if any(row.visibility is each for row in members))
    state.write(keeper, is_favorite=any(row.is_favorite for row in members), visibility=visibility)


def _merged(rows: Sequence[ExifRow]) -> dict[str, Any]:
    merged: dict[str, Any] = {}
    if rating := max(row.rating or 0 for row in rows):
        merged["rating"] = rating
    if description := "\n".join(_lines(row.description for row in rows)):
        merged["description"] = description
    latitudes = {row.latitude for row in rows if row.latitude is not None}
    longitudes = {row.longitude for row in rows if row.longitude is not None}
    if len(latitudes) == len(longitudes) == 1:
        merged |= {"latitude": latitudes.pop(), "longitude": longitudes.pop()}
    return merged


def _lines(descriptions: Iterable[str]) -> dict[str, None]:
    return dict.fromkeys(line.strip() for each in descriptions for line in each.splitlines() if line.strip())
