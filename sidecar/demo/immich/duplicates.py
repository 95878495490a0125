"""Immich's own duplicate groups, and a detector in the spirit of its machine learning job."""

from __future__ import annotations

import io
from dataclasses import astuple
from typing import Any

import imagehash
from aiohttp import web
from PIL import Image

from sidecar.demo.immich.duplicate_resolving import resolve
from sidecar.demo.immich.refusals import no_access
from sidecar.demo.immich.routing import Ask, Operation, no_content, reply
from sidecar.demo.immich.rows import AssetRow, ExifRow
from sidecar.demo.immich.state import State, is_listed
from sidecar.demo.immich.versions import Behaviour
from sidecar.demo.immich.wire import asset_with, tags_of

_MIN_MEMBERS = 2


def duplicate_groups(state: State, owner_id: str) -> dict[str, list[AssetRow]]:
    """Duplicate id -> its two or more untrashed, listed, unstacked members with an exif row, earliest wall clock first.

    Source: duplicate.repository.ts:45-95 (3.1.0); recordings duplicates, duplicates-after-clear; live 3.1.0 for
            stacked.
    """
    groups: dict[str, list[AssetRow]] = {}
    for row in _open_members(state, owner_id):
        if row.exif is not None and is_listed(row):
            groups.setdefault(row.duplicate_id or "", []).append(row)
    return {
        duplicate_id: sorted(rows, key=lambda row: row.local_us)
        for duplicate_id, rows in groups.items()
        if len(rows) >= _MIN_MEMBERS
    }


def clear_singletons(state: State, owner_id: str) -> None:
    """Take the duplicateId from groups with one untrashed, unstacked member, stacked members included.

    Source: cleanupSingletonGroups, duplicate.repository.ts (2.7.0 and later); live 3.1.0.
    """
    sizes: dict[str, int] = {}
    for row in _open_members(state, owner_id):
        sizes[row.duplicate_id or ""] = sizes.get(row.duplicate_id or "", 0) + 1
    for row in list(state.assets.values()):
        if row.duplicate_id is not None and sizes.get(row.duplicate_id) == 1:
            state.write(row, duplicate_id=None)


def detect_duplicates(state: State, owner_id: str, *, max_distance: int = 4, force: bool = True) -> int:
    """Look for near-equal pictures as Immich's job does, one asset after the other; how many got another duplicateId.

    Shape:  stacked, hidden, locked and trashed assets and those without thumbnail are left out. An asset keeps its id
            or takes one of its mates', and all groups that meet in it become one, however they were made. An asset
            without a mate loses its id, also one that somebody else gave it. Without force only assets are looked at
            that never were.
    Units:  max_distance is in bits of a 64-bit perceptual hash of the thumbnail.
    Source: handleSearchDuplicates and updateDuplicates, duplicate.service.ts 2.7.5 and 3.1.0; the measure itself is
            UNVERIFIED near-duplicates.
    """
    prints: dict[str, imagehash.ImageHash] = {}
    for row in state.assets_of(owner_id):
        files = state.files.get(row.id)
        if row.stack_id is None and is_listed(row) and files is not None and files.thumbnail is not None:
            with Image.open(io.BytesIO(files.thumbnail)) as thumbnail:
                prints[row.id] = imagehash.phash(thumbnail)
    changed: set[str] = set()
    for row in state.rows(prints):
        if row.is_duplicate_checked and not force:
            continue
        mates = [
            state.assets[other]
            for other, seen in prints.items()
            if other != row.id and state.assets[other].kind is row.kind and seen - prints[row.id] <= max_distance
        ]
        changed |= _join(state, row, mates)
        for each in (row, *mates):
            each.is_duplicate_checked = True
    return len(changed)


def _join(state: State, row: AssetRow, mates: list[AssetRow]) -> set[str]:
    """Give the asset and its mates one id, or take it from an asset without mates; the ids of what was changed."""
    met = dict.fromkeys(mate.duplicate_id for mate in mates if mate.duplicate_id)
    target = (row.duplicate_id or next(iter(met), None) or state.new_id()) if mates else None
    group = {row.id, *(mate.id for mate in mates)} | {
        each.id for each in state.assets.values() if each.duplicate_id in met
    }
    changed = {asset_id for asset_id in group if state.assets[asset_id].duplicate_id != target}
    for asset_id in sorted(changed):
        state.write(state.assets[asset_id], duplicate_id=target)
    return changed


def _open_members(state: State, owner_id: str) -> list[AssetRow]:
    rows = state.assets_of(owner_id)
    return [row for row in rows if row.duplicate_id is not None and row.deleted_us is None and row.stack_id is None]


def _suggested_keeper(rows: list[AssetRow]) -> AssetRow:
    """The largest file, then the one with most EXIF, then the last.

    Source: utils/duplicate.ts 3.1.0; recordings duplicates.
    """

    def worth(row: AssetRow) -> tuple[int, int]:
        exif = row.exif or ExifRow()
        return (exif.size_bytes or 0, sum(map(bool, astuple(exif))))

    best = max(map(worth, rows))
    return next(row for row in reversed(rows) if worth(row) == best)


async def _list(ask: Ask) -> web.StreamResponse:
    state, owner_id = ask.state, ask.caller.user.id
    if state.behaviour.does("singleton_cleanup"):
        clear_singletons(state, owner_id)
    answer: list[dict[str, Any]] = []
    for duplicate_id, rows in duplicate_groups(state, owner_id).items():
        members = [asset_with(row, state.behaviour, {"tags": tags_of(row, state)}, is_nested=True) for row in rows]
        group: dict[str, Any] = {"duplicateId": duplicate_id, "assets": members}
        if state.behaviour.does("keeper_suggestion"):
            group["suggestedKeepAssetIds"] = [_suggested_keeper(rows).id]
        answer.append(group)
    return reply(answer)


async def _dismiss(ask: Ask) -> web.StreamResponse:
    _forget(ask, [ask.path_id()])
    return no_content()


async def _dismiss_many(ask: Ask) -> web.StreamResponse:
    fields = await ask.body()
    duplicate_ids = fields.uuids("ids")
    fields.done()
    _forget(ask, duplicate_ids)
    return no_content()


def _forget(ask: Ask, duplicate_ids: list[str]) -> None:
    """Take the ids from all own assets; one that no untrashed own asset has refuses all, in newer versions.

    Source: checkOwnerAccess, access.repository.ts 3.1.0; recording duplicate-dismiss; live 3.1.0.
    """
    wanted = set(duplicate_ids)
    own = [row for row in ask.state.assets_of(ask.caller.user.id) if row.duplicate_id in wanted]
    is_refused = {row.duplicate_id for row in own if row.deleted_us is None} != wanted
    if is_refused and ask.state.behaviour.does("foreign_dismissal"):
        raise no_access("duplicate.delete")
    for row in own:
        ask.state.write(row, duplicate_id=None)


def operations(behaviour: Behaviour) -> tuple[Operation, ...]:
    """What this version has."""
    resolving = (Operation("POST", "/duplicates/resolve", resolve, "duplicate.delete"),)
    return (
        Operation("GET", "/duplicates", _list, "duplicate.read"),
        Operation("DELETE", "/duplicates", _dismiss_many, "duplicate.delete"),
        Operation("DELETE", "/duplicates/{id}", _dismiss, "duplicate.delete"),
        *(resolving if behaviour.does("resolving") else ()),
    )
