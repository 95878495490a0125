"""Builders with defaults: a test names only what matters to it."""

from __future__ import annotations

import itertools
from dataclasses import replace
from uuid import UUID

from sqlalchemy import Table, func, select
from sqlalchemy.ext.asyncio import AsyncConnection

from sidecar.model import Asset, AssetId, AssetKind, OwnerId, Visibility

OWNER = OwnerId("00000000-0000-4000-8000-00000000000a")
NOON_MS = 1_714_564_800_000
"""2024-05-01T12:00:00Z."""

_numbers = itertools.count(1)


def asset_id(number: int) -> AssetId:
    """A well-formed UUID v4 made from a number, so that tests can tell assets apart by eye."""
    return AssetId(str(UUID(int=0x4000_8000_0000_0000_0000 | number, version=4)))


def make_asset(name: str = "IMG_0001.JPG", *, at_s: float = 0, **changes: object) -> Asset:
    """An ordinary extracted photograph, taken `at_s` seconds after noon; any field can be changed by name."""
    taken_ms = NOON_MS + round(at_s * 1000)
    asset = Asset(
        id=asset_id(next(_numbers)),
        owner_id=OWNER,
        name=name,
        folder=None,
        kind=AssetKind.IMAGE,
        visibility=Visibility.TIMELINE,
        taken_at_ms=taken_ms,
        taken_local_ms=taken_ms,
        make="Canon",
        model="EOS R5",
        duration_ms=None,
        width=6000,
        height=4000,
        size_bytes=8_000_000,
        live_photo_video_id=None,
        is_trashed=False,
        is_offline=False,
        is_extracted=True,
        updated_at_ms=taken_ms,
    )
    return replace(asset, **changes)  # type: ignore[arg-type]  # names are checked by dataclasses.replace itself


async def count_rows(connection: AsyncConnection, table: Table, owner_id: OwnerId) -> int:
    """How many rows of this owner the table has."""
    found = select(func.count()).select_from(table).where(table.c.owner_id == owner_id)
    return await connection.scalar(found) or 0
