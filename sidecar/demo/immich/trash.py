"""Deleting, restoring and emptying the trash."""

from __future__ import annotations

from collections.abc import Iterable

from aiohttp import web

from sidecar.demo.immich.background import JobKind, Jobs
from sidecar.demo.immich.credentials import own_assets
from sidecar.demo.immich.occasions import OccasionKind
from sidecar.demo.immich.routing import Ask, Operation, no_content, reply
from sidecar.demo.immich.rows import AssetRow
from sidecar.demo.immich.state import State

_DAY_US = 86_400_000_000


def trash_assets(state: State, rows: Iterable[AssetRow]) -> None:
    """Move the assets to the trash; their stacks stay as they are.

    Source: recordings trash, stack-primary-trashed, search-trashed; live 3.1.0.
    """
    trashed = list(rows)
    for row in trashed:
        state.write(row, status="trashed", deleted_us=state.now_us())
    _announce(state, OccasionKind.TRASHED, trashed)


def _announce(state: State, kind: OccasionKind, rows: Iterable[AssetRow]) -> None:
    by_owner: dict[str, list[str]] = {}
    for row in rows:
        by_owner.setdefault(row.owner_id, []).append(row.id)
    for owner_id, asset_ids in by_owner.items():
        state.announce(kind, owner_id, *asset_ids)


def restore_assets(state: State, rows: Iterable[AssetRow]) -> None:
    """Take the trashed ones among the assets back; clients hear of all that were asked for.

    Source: recorded websockets; trash.service.ts restoreAssets, 3.1.0.
    """
    wanted = list(rows)
    take_back(state, wanted)
    _announce(state, OccasionKind.RESTORED, wanted)


def take_back(state: State, rows: Iterable[AssetRow]) -> int:
    """Take the trashed ones among the assets back, and tell nobody; how many were.

    Source: recording restore-assets; trash.repository.ts 3.1.0 (not those waiting to be deleted).
    """
    trashed = [row for row in rows if row.status == "trashed"]
    for row in trashed:
        state.write(row, status="active", deleted_us=None)
    return len(trashed)


def delete_assets(state: State, jobs: Jobs, rows: Iterable[AssetRow]) -> None:
    """Mark the assets deleted at once; the background job removes them.

    Source: recording delete-force; asset.service.ts deleteAll (3.1.0); live 3.1.0.
    """
    for row in rows:
        state.write(row, status="deleted", deleted_us=row.deleted_us or state.now_us())
        jobs.add(JobKind.DELETE, row.id)


def empty_expired(state: State, jobs: Jobs, *, days: int = 30) -> int:
    """Delete for good what has lain in the trash for so many days, and all of it where the trash is off; how many.

    Source: handleAssetDeletionCheck, asset.service.ts 2.7.5 and 3.1.0: a job of every night.
    """
    kept_us = days * _DAY_US if state.has_trash else 0
    oldest_us = state.now_us() - kept_us
    expired = [row for row in state.assets.values() if row.status == "trashed" and (row.deleted_us or 0) <= oldest_us]
    delete_assets(state, jobs, expired)
    return len(expired)


async def _delete(ask: Ask) -> web.StreamResponse:
    """Without force they are trashed, even where the trash is off.

    Source: asset.service.ts deleteAll, 2.7.5 and 3.1.0.
    """
    fields = await ask.body()
    asset_ids = fields.uuids("ids")
    is_forced = fields.boolean("force")
    fields.done()
    rows = own_assets(ask.caller, dict.fromkeys(asset_ids), ask.state, "asset.delete")
    if is_forced:
        delete_assets(ask.state, ask.jobs, rows)
    else:
        trash_assets(ask.state, rows)
    return no_content()


async def _restore(ask: Ask) -> web.StreamResponse:
    """The answer counts the ids asked for, restored or not.

    Source: recording restore-assets; trash.service.ts 3.1.0; live 3.1.0 for none and for unknown ids.
    """
    fields = await ask.body()
    asset_ids = fields.uuids("ids")
    fields.done()
    restore_assets(ask.state, own_assets(ask.caller, asset_ids, ask.state, "asset.delete"))
    return reply({"count": len(asset_ids)})


async def _restore_all(ask: Ask) -> web.StreamResponse:
    """Source: trash.service.ts restore, 3.1.0, which tells no client."""
    return reply({"count": take_back(ask.state, ask.state.assets_of(ask.caller.user.id))})


async def _empty(ask: Ask) -> web.StreamResponse:
    trashed = [row for row in ask.state.assets_of(ask.caller.user.id) if row.status == "trashed"]
    delete_assets(ask.state, ask.jobs, trashed)
    return reply({"count": len(trashed)})


OPERATIONS = (
    Operation("DELETE", "/assets", _delete, "asset.delete"),
    Operation("POST", "/trash/restore/assets", _restore, "asset.delete"),
    Operation("POST", "/trash/restore", _restore_all, "asset.delete"),
    Operation("POST", "/trash/empty", _empty, "asset.delete"),
)
