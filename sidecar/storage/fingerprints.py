"""What was seen of pictures, in a version and of a picture as it was; and which pictures could not be seen.

Hashes are read all at once and lie apart from the pixels, of which only a few are wanted at a time.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from sqlalchemy import and_, case, delete, func, select, update
from sqlalchemy.ext.asyncio import AsyncConnection

from sidecar.duplicates.fingerprint import COLOURS_BYTES, LUMA_BYTES, Fingerprint
from sidecar.model import AssetId, AssetKind, OwnerId
from sidecar.storage import matches
from sidecar.storage.database import chunks, insert_for, upsert, write_rows
from sidecar.storage.liveness import IS_ITS_FINGERPRINT, IS_ITS_ORIGINAL, IS_LIVE
from sidecar.storage.tables import assets, fingerprints, originals, pixels

NEVER = 1 << 62
"""A time that does not come: what failed is tried again only when the asset has changed."""

_KEYS = frozenset({"owner_id", "asset_id"})
_ROWS_AT_ONCE = 20_000


@dataclass(frozen=True, slots=True)
class Failure:
    """A picture that could not be seen: a short word for the flaw, and a sentence."""

    asset_id: AssetId
    basis: str
    flaw: str
    detail: str
    not_before_ms: int


@dataclass(frozen=True, slots=True)
class Failed:
    """A failure as it is remembered, with how often it happened."""

    asset_id: AssetId
    flaw: str
    detail: str
    attempts: int
    not_before_ms: int


@dataclass(frozen=True, slots=True)
class Loaded:
    """The hashes of many pictures as arrays of equal length, by id.

    Units:  phash is unsigned, aspect width by height, duration_ms -1 for pictures.
    """

    ids: list[AssetId]
    phash: NDArray[np.uint64]
    margin: NDArray[np.float32]
    aspect: NDArray[np.float32]
    duration_ms: NDArray[np.int64]
    is_searched: NDArray[np.bool_]


@dataclass(frozen=True, slots=True)
class Pixels:
    """The samples of some pictures: luma is n x 1024, colours n x 192, one row an id."""

    ids: list[AssetId]
    luma: NDArray[np.uint8]
    colours: NDArray[np.uint8]


@dataclass(frozen=True, slots=True)
class Counted:
    """How many live assets were seen as they are now, how many could not be, and how many were not searched for yet."""

    looked: int
    failed: int
    unsearched: int


async def put(
    connection: AsyncConnection, owner_id: OwnerId, made: Sequence[tuple[AssetId, str, Fingerprint]], *, version: int
) -> None:
    """Remembers these, as (id, basis, fingerprint); they are still to be searched for.

    Shape:  what was found with the former fingerprint of one of them is forgotten.
    """
    await matches.forget(connection, owner_id, [asset_id for asset_id, _, _ in made])
    hashes = [
        (
            owner_id,
            asset_id,
            version,
            basis,
            _signed(seen.phash),
            seen.margin,
            seen.width,
            seen.height,
            False,
            *(None, None, 0, 0),
        )
        for asset_id, basis, seen in made
    ]
    samples = [(owner_id, asset_id, seen.luma, seen.colours) for asset_id, _, seen in made]
    await write_rows(connection, "fingerprints", lambda on: upsert(on, fingerprints, _KEYS), hashes)
    await write_rows(connection, "pixels", lambda on: upsert(on, pixels, _KEYS), samples)


async def fail(connection: AsyncConnection, owner_id: OwnerId, failed: Sequence[Failure], *, version: int) -> None:
    """Remembers that these could not be seen, and how often that happened to the same picture."""
    if not failed:
        return
    ids = [failure.asset_id for failure in failed]
    await matches.forget(connection, owner_id, ids)
    for chunk in chunks(ids):
        await connection.execute(delete(pixels).where(pixels.c.owner_id == owner_id, pixels.c.asset_id.in_(chunk)))
    statement = insert_for(connection, fingerprints)
    now = statement.excluded
    is_same = and_(fingerprints.c.basis == now.basis, fingerprints.c.version == now.version)
    news = {column.name: now[column.name] for column in fingerprints.columns if column.name not in _KEYS}
    news["attempts"] = case((is_same, fingerprints.c.attempts + 1), else_=1)
    await connection.execute(
        statement.on_conflict_do_update(index_elements=sorted(_KEYS), set_=news),
        [
            {
                "owner_id": owner_id,
                "asset_id": failure.asset_id,
                "version": version,
                "basis": failure.basis,
                "phash": None,
                "margin": None,
                "width": None,
                "height": None,
                "is_searched": False,
                "flaw": failure.flaw,
                "detail": failure.detail,
                "attempts": 1,
                "not_before_ms": failure.not_before_ms,
            }
            for failure in failed
        ],
    )


async def load(connection: AsyncConnection, owner_id: OwnerId, *, version: int) -> Loaded:
    """The hashes of this version of all live assets that still look as they did; by id."""
    duration_ms = case((assets.c.kind == AssetKind.VIDEO.value, func.coalesce(assets.c.duration_ms, 0)), else_=-1)
    rows = await connection.stream(
        select(
            fingerprints.c.asset_id,
            fingerprints.c.phash,
            fingerprints.c.margin,
            fingerprints.c.width,
            fingerprints.c.height,
            duration_ms,
            fingerprints.c.is_searched,
        )
        .select_from(assets)
        .join(originals, IS_ITS_ORIGINAL)
        .join(fingerprints, IS_ITS_FINGERPRINT)
        .where(
            fingerprints.c.owner_id == owner_id,
            fingerprints.c.version == version,
            fingerprints.c.phash.is_not(None),
            IS_LIVE,
        )
        .order_by(fingerprints.c.asset_id)
    )
    ids: list[AssetId] = []
    parts: list[Loaded] = []
    # A part at a time becomes arrays: rows of a large library would take many times the room.
    async for part in rows.partitions(_ROWS_AT_ONCE):
        some, phash, margin, width, height, durations, is_searched = zip(*part, strict=True)
        ids += some
        parts.append(
            Loaded(
                [],
                np.array(phash, dtype=np.int64).view(np.uint64),
                np.array(margin, dtype=np.float32),
                (np.array(width, dtype=np.float64) / np.array(height, dtype=np.float64)).astype(np.float32),
                np.array(durations, dtype=np.int64),
                np.array(is_searched, dtype=np.bool_),
            )
        )
    return Loaded(
        ids,
        np.concatenate([np.empty(0, np.uint64), *(part.phash for part in parts)]),
        np.concatenate([np.empty(0, np.float32), *(part.margin for part in parts)]),
        np.concatenate([np.empty(0, np.float32), *(part.aspect for part in parts)]),
        np.concatenate([np.empty(0, np.int64), *(part.duration_ms for part in parts)]),
        np.concatenate([np.empty(0, np.bool_), *(part.is_searched for part in parts)]),
    )


async def of(connection: AsyncConnection, owner_id: OwnerId, ids: Sequence[AssetId]) -> dict[AssetId, Fingerprint]:
    """The fingerprints of those of these assets that were seen, whether they still look as they did or not."""
    found: dict[AssetId, Fingerprint] = {}
    is_of_it = (pixels.c.owner_id == fingerprints.c.owner_id) & (pixels.c.asset_id == fingerprints.c.asset_id)
    for chunk in chunks(ids):
        rows = await connection.execute(
            select(
                fingerprints.c.asset_id,
                fingerprints.c.phash,
                fingerprints.c.margin,
                pixels.c.luma,
                pixels.c.colours,
                fingerprints.c.width,
                fingerprints.c.height,
            )
            .join(pixels, is_of_it)
            .where(fingerprints.c.owner_id == owner_id, fingerprints.c.asset_id.in_(chunk))
        )
        for asset_id, phash, *rest in rows:
            found[AssetId(asset_id)] = Fingerprint(_unsigned(phash), *rest)
    return found


async def pixels_of(connection: AsyncConnection, owner_id: OwnerId, ids: Sequence[AssetId]) -> Pixels:
    """The samples of those of these pictures that were seen, in the order of ids and without repeats."""
    places = {asset_id: place for place, asset_id in enumerate(dict.fromkeys(ids))}
    wanted = list(places)
    luma = np.empty((len(wanted), LUMA_BYTES), dtype=np.uint8)
    colours = np.empty((len(wanted), COLOURS_BYTES), dtype=np.uint8)
    is_there = np.zeros(len(wanted), dtype=np.bool_)
    for chunk in chunks(wanted):
        rows = await connection.execute(
            select(pixels.c.asset_id, pixels.c.luma, pixels.c.colours).where(
                pixels.c.owner_id == owner_id, pixels.c.asset_id.in_(chunk)
            )
        )
        for asset_id, of_luma, of_colours in rows:
            place = places[AssetId(asset_id)]
            luma[place] = np.frombuffer(of_luma, dtype=np.uint8)
            colours[place] = np.frombuffer(of_colours, dtype=np.uint8)
            is_there[place] = True
    if is_there.all():
        return Pixels(wanted, luma, colours)
    return Pixels([wanted[place] for place in np.flatnonzero(is_there)], luma[is_there], colours[is_there])


async def mark_searched(connection: AsyncConnection, owner_id: OwnerId, ids: Sequence[AssetId]) -> None:
    """These have been searched for among all others."""
    for chunk in chunks(ids):
        await connection.execute(
            update(fingerprints)
            .where(fingerprints.c.owner_id == owner_id, fingerprints.c.asset_id.in_(chunk))
            .values(is_searched=True)
        )


async def counts(connection: AsyncConnection, owner_id: OwnerId, *, version: int) -> Counted:
    """How far looking at the owner's live assets has come in this version."""
    is_seen = fingerprints.c.phash.is_not(None)
    row = (
        await connection.execute(
            select(
                func.count().filter(is_seen),
                func.count().filter(~is_seen),
                func.count().filter(is_seen, fingerprints.c.is_searched.is_(False)),
            )
            .select_from(assets)
            .join(originals, IS_ITS_ORIGINAL)
            .join(fingerprints, IS_ITS_FINGERPRINT)
            .where(fingerprints.c.owner_id == owner_id, fingerprints.c.version == version, IS_LIVE)
        )
    ).one()
    return Counted(*row)


async def failures(connection: AsyncConnection, owner_id: OwnerId, *, limit: int) -> list[Failed]:
    """Live assets that could not be seen and have not changed since, by id; at most `limit`."""
    rows = await connection.execute(
        select(
            fingerprints.c.asset_id,
            fingerprints.c.flaw,
            fingerprints.c.detail,
            fingerprints.c.attempts,
            fingerprints.c.not_before_ms,
        )
        .select_from(assets)
        .join(originals, IS_ITS_ORIGINAL)
        .join(fingerprints, IS_ITS_FINGERPRINT)
        .where(fingerprints.c.owner_id == owner_id, fingerprints.c.phash.is_(None), IS_LIVE)
        .order_by(fingerprints.c.asset_id)
        .limit(limit)
    )
    return [Failed(*row) for row in rows]


def _unsigned(signed: int) -> int:
    return signed % (1 << 64)


def _signed(unsigned: int) -> int:
    """The same 64 bits as both databases can hold them."""
    return unsigned - (1 << 64) if unsigned >> 63 else unsigned


async def retry(connection: AsyncConnection, owner_id: OwnerId, ids: Sequence[AssetId]) -> None:
    """Those of these that could not be seen are looked at by the next search, as if for the first time."""
    for chunk in chunks(ids):
        await connection.execute(
            update(fingerprints)
            .where(
                fingerprints.c.owner_id == owner_id,
                fingerprints.c.asset_id.in_(chunk),
                fingerprints.c.phash.is_(None),
            )
            .values(attempts=0, not_before_ms=0)
        )
