"""The mirror: what matching needs to know of each owner's assets, as Immich last told it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

from sqlalchemy import bindparam, delete, func, select, update
from sqlalchemy.ext.asyncio import AsyncConnection

from sidecar.formats import Format
from sidecar.model import Asset, AssetId, AssetKind, OwnerId, Visibility
from sidecar.storage import matches, shown_changes
from sidecar.storage.database import chunks, insert_for, write_rows
from sidecar.storage.tables import (
    assets,
    contents,
    fingerprints,
    native_records,
    originals,
    pixels,
    redos,
    stack_members,
)

ASSET_FIELDS = (
    assets.c.asset_id,
    assets.c.owner_id,
    assets.c.name,
    assets.c.folder,
    assets.c.kind,
    assets.c.visibility,
    assets.c.taken_at_ms,
    assets.c.taken_local_ms,
    assets.c.make,
    assets.c.model,
    assets.c.duration_ms,
    assets.c.width,
    assets.c.height,
    assets.c.size_bytes,
    assets.c.live_photo_video_id,
    assets.c.is_trashed,
    assets.c.is_offline,
    assets.c.is_extracted,
    assets.c.updated_at_ms,
    assets.c.auto_stack_id,
    assets.c.content,
)
"""In the order of Asset's own fields, so that a row becomes an Asset by position."""

_KEYS = frozenset({"owner_id", "asset_id"})
_OF_ONE_ASSET = (assets, originals, contents, fingerprints, pixels, native_records, redos)
_KINDS = {kind.value: kind for kind in AssetKind}
_FORMATS = {each.value: each for each in Format}
_VISIBILITIES = {visibility.value: visibility for visibility in Visibility}


async def by_stems(connection: AsyncConnection, owner_id: OwnerId, stems: Sequence[str]) -> list[Asset]:
    """Every mirrored asset of the owner under one of the stems, trashed and hidden ones too; in no order."""
    found: list[Asset] = []
    for chunk in chunks(stems):
        rows = await connection.execute(
            select(*ASSET_FIELDS).where(assets.c.owner_id == owner_id, assets.c.stem.in_(chunk))
        )
        found += [asset_of(row) for row in rows]
    return found


async def by_ids(connection: AsyncConnection, owner_id: OwnerId, ids: Sequence[AssetId]) -> dict[AssetId, Asset]:
    """Those of the owner's assets that the mirror holds, by id."""
    found: dict[AssetId, Asset] = {}
    for chunk in chunks(ids):
        rows = await connection.execute(
            select(*ASSET_FIELDS).where(assets.c.owner_id == owner_id, assets.c.asset_id.in_(chunk))
        )
        for asset in map(asset_of, rows):
            found[asset.id] = asset
    return found


async def stems_of(connection: AsyncConnection, owner_id: OwnerId, ids: Sequence[AssetId]) -> set[str]:
    """The stems under which the mirror holds these assets; unknown ids have none."""
    found: set[str] = set()
    for chunk in chunks(ids):
        found.update(
            await connection.scalars(
                select(assets.c.stem).where(assets.c.owner_id == owner_id, assets.c.asset_id.in_(chunk))
            )
        )
    return found


async def count(connection: AsyncConnection, owner_id: OwnerId) -> int:
    """How many assets of the owner the mirror holds."""
    counted = await connection.scalar(select(func.count()).select_from(assets).where(assets.c.owner_id == owner_id))
    return counted or 0


@dataclass(frozen=True, slots=True)
class Recorded:
    """What seeing some assets changed in the mirror: stems whose matching it may change, ids of all that was news."""

    dirty: set[str]
    changed: set[AssetId]


async def record(
    connection: AsyncConnection, owner_id: OwnerId, seen: Mapping[AssetId, tuple[str, Asset]], *, scan_id: int
) -> Recorded:
    """What was news among the assets seen.

    Shape:  seen maps an id to (stem, asset). A row that differs only in `updatedAt` is kept and marks no stem: Immich
            raises that time for thumbnails and favourites too. What only a webhook or a look at the bytes can tell is
            not lost because a search does not tell it.
    """
    known = await _known(connection, owner_id, list(seen))
    changed: list[tuple[object, ...]] = []
    unchanged: list[AssetId] = []
    dirty: set[str] = set()
    for asset_id, (stem, found) in seen.items():
        before = known.get(asset_id)
        asset = found if before is None else _with_what_else_is_known(found, before[1])
        if before is not None and before == (stem, asset):
            unchanged.append(asset_id)
            continue
        changed.append(_row(stem, asset, scan_id))
        if before is None or before[0] != stem or _matters(before[1]) != _matters(asset):
            dirty.add(stem)
            if before is not None:
                dirty.add(before[0])
    if changed:
        shown_changes.note(connection, owner_id)
    await write_rows(connection, "assets", _recording, changed)
    for chunk in chunks(unchanged):
        await connection.execute(
            update(assets).where(assets.c.owner_id == owner_id, assets.c.asset_id.in_(chunk)).values(scan_id=scan_id)
        )
    return Recorded(dirty, seen.keys() - set(unchanged))


def _recording(connection: AsyncConnection) -> Any:
    statement = insert_for(connection, assets)
    news = {column.name: statement.excluded[column.name] for column in assets.columns if column.name not in _KEYS}
    # A webhook may have told of a burst since we read the row.
    news["auto_stack_id"] = func.coalesce(statement.excluded.auto_stack_id, assets.c.auto_stack_id)
    return statement.on_conflict_do_update(index_elements=sorted(_KEYS), set_=news)


async def unseen(connection: AsyncConnection, owner_id: OwnerId, *, scan_id: int) -> list[AssetId]:
    """The assets that the mirror holds and this scan did not see; gone or only out of sight, Immich has to be asked."""
    rows = await connection.scalars(
        select(assets.c.asset_id).where(assets.c.owner_id == owner_id, assets.c.scan_id < scan_id)
    )
    return [AssetId(asset_id) for asset_id in rows]


async def remove(connection: AsyncConnection, owner_id: OwnerId, ids: Sequence[AssetId]) -> set[str]:
    """The stems that lost an asset: these assets are gone from Immich for good and leave the mirror.

    Shape:  with each goes what was read, seen and found of its file. What people decided stays.
    """
    stems = await stems_of(connection, owner_id, ids)
    await matches.forget(connection, owner_id, ids)
    shown_changes.note(connection, owner_id)
    for chunk in chunks(ids):
        for table in _OF_ONE_ASSET:
            await connection.execute(delete(table).where(table.c.owner_id == owner_id, table.c.asset_id.in_(chunk)))
    return stems


async def stems_of_same_bursts(connection: AsyncConnection, owner_id: OwnerId, stems: Sequence[str]) -> set[str]:
    """The stems of all that hangs together with these stems by bursts of a camera, those that have one among them."""
    found: set[str] = set()
    asked = list(stems)
    while asked:
        news = await _one_burst_further(connection, owner_id, asked) - found
        found |= news
        asked = sorted(news - set(asked))
    return found


async def _one_burst_further(connection: AsyncConnection, owner_id: OwnerId, stems: Sequence[str]) -> set[str]:
    in_one = (assets.c.owner_id == owner_id, assets.c.auto_stack_id.is_not(None))
    bursts: set[str] = set()
    # Joined to themselves, SQLite would read all assets that are in any burst.
    for chunk in chunks(stems):
        bursts.update(
            await connection.scalars(select(assets.c.auto_stack_id).where(*in_one, assets.c.stem.in_(chunk)).distinct())
        )
    found: set[str] = set()
    for chunk in chunks(sorted(bursts)):
        found.update(
            await connection.scalars(select(assets.c.stem).where(*in_one, assets.c.auto_stack_id.in_(chunk)).distinct())
        )
    return found


async def set_bursts(connection: AsyncConnection, owner_id: OwnerId, bursts: Mapping[AssetId, str]) -> set[str]:
    """The stems of those of these assets whose burst is news; the mirror knows all of them now."""
    found: set[str] = set()
    for asset_id, auto_stack_id in sorted(bursts.items()):
        found.update(
            await connection.scalars(
                update(assets)
                .where(
                    assets.c.owner_id == owner_id,
                    assets.c.asset_id == asset_id,
                    assets.c.auto_stack_id.is_distinct_from(auto_stack_id),
                )
                .values(auto_stack_id=auto_stack_id)
                .returning(assets.c.stem)
            )
        )
    return found


async def set_content(connection: AsyncConnection, owner_id: OwnerId, found: Mapping[AssetId, Format]) -> None:
    """Remembers which formats the bytes of these assets are; UNKNOWN for bytes that are no media."""
    if found:
        shown_changes.note(connection, owner_id)
        await connection.execute(
            update(assets)
            .where(assets.c.owner_id == owner_id, assets.c.asset_id == bindparam("of_asset"))
            .values(content=bindparam("is_content")),
            [{"of_asset": asset_id, "is_content": content.value} for asset_id, content in found.items()],
        )


async def restem(connection: AsyncConnection, owner_id: OwnerId, stems: Mapping[AssetId, str]) -> None:
    """Gives these assets another stem, after the rules that make stems have changed."""
    if stems:
        await connection.execute(
            update(assets)
            .where(assets.c.owner_id == owner_id, assets.c.asset_id == bindparam("of_asset"))
            .values(stem=bindparam("to_stem")),
            [{"of_asset": asset_id, "to_stem": stem} for asset_id, stem in stems.items()],
        )


async def names_after(
    connection: AsyncConnection, owner_id: OwnerId, last: AssetId | None, *, limit: int
) -> dict[AssetId, str]:
    """The next file names by id, in the order of ids; from the first if last is None."""
    rows = await connection.execute(
        select(assets.c.asset_id, assets.c.name)
        .where(assets.c.owner_id == owner_id, assets.c.asset_id > (last or ""))
        .order_by(assets.c.asset_id)
        .limit(limit)
    )
    return {AssetId(row.asset_id): row.name for row in rows}


async def names(connection: AsyncConnection, owner_id: OwnerId, ids: Sequence[AssetId]) -> dict[AssetId, str]:
    """The file names of these assets by id."""
    found: dict[AssetId, str] = {}
    for part in chunks(ids):
        rows = await connection.execute(
            select(assets.c.asset_id, assets.c.name).where(assets.c.owner_id == owner_id, assets.c.asset_id.in_(part))
        )
        found.update({AssetId(row.asset_id): row.name for row in rows})
    return found


async def unstacked(connection: AsyncConnection, owner_id: OwnerId) -> dict[AssetId, str]:
    """The file names, by id, of the owner's visible assets that are in no stack."""
    stacked = select(stack_members.c.asset_id).where(stack_members.c.owner_id == owner_id)
    rows = await connection.execute(
        select(assets.c.asset_id, assets.c.name).where(
            assets.c.owner_id == owner_id,
            assets.c.is_trashed.is_(False),
            assets.c.visibility.in_((Visibility.TIMELINE.value, Visibility.ARCHIVE.value)),
            assets.c.asset_id.not_in(stacked),
        )
    )
    return {AssetId(row.asset_id): row.name for row in rows}


async def _known(
    connection: AsyncConnection, owner_id: OwnerId, ids: Sequence[AssetId]
) -> dict[AssetId, tuple[str, Asset]]:
    found: dict[AssetId, tuple[str, Asset]] = {}
    for chunk in chunks(ids):
        rows = await connection.execute(
            select(*ASSET_FIELDS, assets.c.stem).where(assets.c.owner_id == owner_id, assets.c.asset_id.in_(chunk))
        )
        for row in rows:
            asset = asset_of(row[:-1])
            found[asset.id] = (row.stem, asset)
    return found


def _with_what_else_is_known(asset: Asset, before: Asset) -> Asset:
    if before.auto_stack_id is None and before.content is None:
        return asset
    # Other bytes have another size; a name or a date may change around the same ones.
    content = before.content if before.size_bytes == asset.size_bytes else None
    return replace(asset, auto_stack_id=asset.auto_stack_id or before.auto_stack_id, content=asset.content or content)


_NOT_ABOUT_PAIRING = 4
"""How many columns at the end of a row say nothing that pairing asks about."""


def _matters(asset: Asset) -> tuple[object, ...]:
    return (*_row("", asset, 0)[:-_NOT_ABOUT_PAIRING], asset.auto_stack_id, asset.content)


def _row(stem: str, asset: Asset, scan_id: int) -> tuple[object, ...]:
    """In the order of the table's columns."""
    return (
        asset.owner_id,
        asset.id,
        stem,
        asset.name,
        asset.folder,
        asset.kind.value,
        asset.visibility.value,
        asset.taken_at_ms,
        asset.taken_local_ms,
        asset.make,
        asset.model,
        asset.duration_ms,
        asset.width,
        asset.height,
        asset.size_bytes,
        asset.live_photo_video_id,
        asset.is_trashed,
        asset.is_offline,
        asset.is_extracted,
        asset.updated_at_ms,
        asset.auto_stack_id,
        asset.content.value if asset.content is not None else None,
        scan_id,
    )


def asset_of(row: Sequence[object]) -> Asset:
    """The asset in a row of ASSET_FIELDS."""
    values: list[Any] = list(row)
    values[4] = _KINDS[values[4]]
    values[5] = _VISIBILITIES[values[5]]
    values[20] = _FORMATS[values[20]] if values[20] is not None else None
    return Asset(*values)  # the columns stand in the order of Asset's fields
