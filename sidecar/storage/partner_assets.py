"""What the owner's timeline shows of partners: shown with whose it is, never touched, never in a group."""

from __future__ import annotations

from collections.abc import Iterable, Mapping

from sqlalchemy import delete, select
from sqlalchemy.ext.asyncio import AsyncConnection

from sidecar.model import Asset, AssetId, AssetKind, OwnerId, Visibility
from sidecar.storage.database import chunks, upsert, write_rows
from sidecar.storage.tables import partner_assets, partner_copies, partners

_KEYS = frozenset({"owner_id", "asset_id"})
_SHOWN_KINDS = frozenset({AssetKind.IMAGE, AssetKind.VIDEO})


async def record(connection: AsyncConnection, owner_id: OwnerId, seen: Iterable[Asset], *, scan_id: int) -> None:
    """What the owner sees of other users' assets; what Immich's timeline shows no more is forgotten."""
    rows: list[tuple[object, ...]] = []
    gone: list[AssetId] = []
    for asset in seen:
        if asset.owner_id == owner_id:
            continue
        if _is_shown(asset):
            rows.append(_row(owner_id, asset, scan_id))
        else:
            gone.append(asset.id)
    await write_rows(connection, "partner_assets", lambda on: upsert(on, partner_assets, _KEYS), rows)
    for chunk in chunks(gone):
        await connection.execute(
            delete(partner_assets).where(partner_assets.c.owner_id == owner_id, partner_assets.c.asset_id.in_(chunk))
        )


async def remove_unseen(connection: AsyncConnection, owner_id: OwnerId, *, scan_id: int) -> int:
    """How many were forgotten: this scan saw them no more."""
    gone = await connection.execute(
        delete(partner_assets).where(partner_assets.c.owner_id == owner_id, partner_assets.c.scan_id < scan_id)
    )
    return gone.rowcount


async def set_partners(connection: AsyncConnection, owner_id: OwnerId, names: Mapping[OwnerId, str]) -> None:
    """These, by id, are all partners whom the owner's timeline shows; what was known of anybody else is forgotten."""
    others = {
        partners: partners.c.partner_id,
        partner_assets: partner_assets.c.partner_id,
        partner_copies: partner_copies.c.partner_id,
    }
    for table, partner_id in others.items():
        await connection.execute(delete(table).where(table.c.owner_id == owner_id, partner_id.not_in(sorted(names))))
    if names:
        await connection.execute(
            upsert(connection, partners, {"owner_id", "partner_id"}),
            [
                {"owner_id": owner_id, "partner_id": partner_id, "name": name}
                for partner_id, name in sorted(names.items())
            ],
        )


async def names(connection: AsyncConnection, owner_id: OwnerId) -> dict[OwnerId, str]:
    """The names of the partners whom the owner's timeline shows, by id."""
    rows = await connection.execute(
        select(partners.c.partner_id, partners.c.name).where(partners.c.owner_id == owner_id)
    )
    return {OwnerId(partner_id): name for partner_id, name in rows}


def _is_shown(asset: Asset) -> bool:
    return (
        asset.visibility is Visibility.TIMELINE
        and asset.kind in _SHOWN_KINDS
        and not asset.is_trashed
        and not asset.is_offline
    )


def _row(owner_id: OwnerId, asset: Asset, scan_id: int) -> tuple[object, ...]:
    """In the order of the table's columns."""
    return (
        owner_id,
        asset.id,
        asset.owner_id,
        asset.name,
        asset.kind.value,
        asset.taken_at_ms,
        asset.taken_local_ms,
        asset.duration_ms,
        asset.width,
        asset.height,
        asset.size_bytes,
        scan_id,
    )
