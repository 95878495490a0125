"""Uploads of partners that an owner's timeline shows: owners are told which pictures both have, and no more."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any

from sqlalchemy import Select, case, delete, func, select
from sqlalchemy.ext.asyncio import AsyncConnection

from sidecar.model import Asset, AssetId, OwnerId
from sidecar.storage.database import chunks, upsert, write_rows
from sidecar.storage.liveness import IS_ITS_CONTENT, IS_ITS_ORIGINAL, IS_LIVE
from sidecar.storage.tables import assets, contents, originals, partner_copies

_KEYS = frozenset({"owner_id", "asset_id"})


@dataclass(frozen=True, slots=True)
class PartnerCopy:
    """An asset of the owner and the same bytes among a partner's uploads."""

    asset_id: AssetId
    partner_id: OwnerId
    partner_asset_id: AssetId
    size_bytes: int | None


async def record(connection: AsyncConnection, owner_id: OwnerId, seen: Iterable[Asset], *, scan_id: int) -> None:
    """What the owner sees of other users' uploads. Of library files Immich does not know the content."""
    rows: list[tuple[object, ...]] = []
    gone: list[AssetId] = []
    for asset in seen:
        sha1 = asset.original.content_sha1 if asset.original is not None else None
        if asset.owner_id == owner_id or sha1 is None:
            continue
        if asset.is_trashed:
            gone.append(asset.id)
        else:
            rows.append((owner_id, asset.id, asset.owner_id, sha1, asset.size_bytes, scan_id))
    await write_rows(connection, "partner_copies", lambda on: upsert(on, partner_copies, _KEYS), rows)
    for chunk in chunks(gone):
        await connection.execute(
            delete(partner_copies).where(partner_copies.c.owner_id == owner_id, partner_copies.c.asset_id.in_(chunk))
        )


async def remove_unseen(connection: AsyncConnection, owner_id: OwnerId, *, scan_id: int) -> int:
    """How many were forgotten: this scan saw them no more."""
    gone = await connection.execute(
        delete(partner_copies).where(partner_copies.c.owner_id == owner_id, partner_copies.c.scan_id < scan_id)
    )
    return gone.rowcount


async def shared(connection: AsyncConnection, owner_id: OwnerId, *, limit: int | None = None) -> list[PartnerCopy]:
    """The owner's live assets that a partner has too, by id; at most `limit`."""
    return await _copies(connection, _shared(owner_id).limit(limit))


async def of(connection: AsyncConnection, owner_id: OwnerId, ids: Sequence[AssetId]) -> list[PartnerCopy]:
    """The same of these assets only."""
    found: list[PartnerCopy] = []
    for chunk in chunks(sorted(ids)):
        found += await _copies(connection, _shared(owner_id).where(assets.c.asset_id.in_(chunk)))
    return found


async def counts(connection: AsyncConnection, owner_id: OwnerId) -> dict[OwnerId, int]:
    """How many of the owner's live assets each partner has too."""
    each = _shared(owner_id).order_by(None).subquery()
    rows = await connection.execute(
        select(each.c.partner_id, func.count(each.c.asset_id.distinct())).group_by(each.c.partner_id)
    )
    return {OwnerId(partner_id): count for partner_id, count in rows}


def _shared(owner_id: OwnerId) -> Select[Any]:
    # Immich's own for uploads, what we read for library files.
    sha1 = case((originals.c.library_id.is_(None), originals.c.checksum), else_=contents.c.sha1)
    return (
        select(
            assets.c.asset_id,
            partner_copies.c.partner_id,
            partner_copies.c.asset_id.label("partner_asset_id"),
            partner_copies.c.size_bytes,
        )
        .select_from(assets)
        .join(originals, IS_ITS_ORIGINAL)
        .outerjoin(contents, IS_ITS_CONTENT)
        .join(partner_copies, (partner_copies.c.owner_id == assets.c.owner_id) & (partner_copies.c.checksum == sha1))
        .where(assets.c.owner_id == owner_id, IS_LIVE)
        .order_by(assets.c.asset_id, partner_copies.c.asset_id)
    )


async def _copies(connection: AsyncConnection, query: Select[Any]) -> list[PartnerCopy]:
    return [PartnerCopy(*row) for row in await connection.execute(query)]
