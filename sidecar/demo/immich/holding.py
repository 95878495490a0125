"""Putting assets into albums and tags and taking them out: each asset is answered for by itself."""

from __future__ import annotations

from collections.abc import Collection
from typing import Any

from sidecar.demo.immich.credentials import Caller, may_share
from sidecar.demo.immich.rows import AlbumRow, LinkRow, TagRow
from sidecar.demo.immich.state import State

Answers = list[dict[str, Any]]
_DUPLICATE, _NOT_FOUND, _NO_PERMISSION = "duplicate", "not_found", "no_permission"


def add(
    caller: Caller, state: State, holder: AlbumRow | TagRow | LinkRow, asset_ids: Collection[str], *, key: str = "id"
) -> Answers:
    """An answer for each id; those that the caller may share are in the holder now. key names the id in an answer.

    Source: addAssets, utils/asset.util.ts 3.1.0; recordings album-add, tag-assets; live 3.1.0 for an id given twice.
    """
    answers: Answers = []
    for asset_id in asset_ids:
        row = state.assets.get(asset_id)
        if asset_id in holder.assets:
            answers.append({key: asset_id, "success": False, "error": _DUPLICATE})
        elif row is None or not may_share(caller, row, state):
            answers.append({key: asset_id, "success": False, "error": _NO_PERMISSION})
        else:
            state.put_in(holder, [asset_id])
            answers.append({key: asset_id, "success": True})
    return answers


def remove(
    caller: Caller,
    state: State,
    holder: AlbumRow | TagRow | LinkRow,
    asset_ids: Collection[str],
    *,
    always: bool = True,
    key: str = "id",
) -> Answers:
    """An answer for each id; those that were in the holder are not any more.

    Shape:  always says that the caller may take out everything, else only what they may share.
    Source: removeAssets, utils/asset.util.ts 3.1.0; recording album-remove.
    """
    answers: Answers = []
    for asset_id in asset_ids:
        if asset_id not in holder.assets:
            answers.append({key: asset_id, "success": False, "error": _NOT_FOUND})
        elif not (always or may_share(caller, state.assets[asset_id], state)):
            answers.append({key: asset_id, "success": False, "error": _NO_PERMISSION})
        else:
            state.take_out(holder, [asset_id])
            answers.append({key: asset_id, "success": True})
    return answers
