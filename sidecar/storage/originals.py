"""What finding copies needs to know of each asset's file, beside the mirror; and the questions that it asks of both."""

from __future__ import annotations

from base64 import b64decode
from binascii import Error as Base64Error
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from typing import Any

from sqlalchemy import Row, Select, case, exists, func, or_, select
from sqlalchemy.ext.asyncio import AsyncConnection

from sidecar.model import Asset, AssetId, AssetKind, Original, OwnerId, StackId
from sidecar.storage.assets import ASSET_FIELDS, asset_of
from sidecar.storage.contents import CONTENT_FIELDS, Content
from sidecar.storage.database import chunks, insert_for, write_rows
from sidecar.storage.liveness import BASIS, IS_ITS_CONTENT, IS_ITS_FINGERPRINT, IS_ITS_ORIGINAL, IS_LIVE
from sidecar.storage.tables import assets, contents, fingerprints, originals, stack_members

_FEWEST = 2
_ROWS_AT_ONCE = 10_000
_KEYS = ("owner_id", "asset_id")
_IS_IN_STACK = (stack_members.c.owner_id == assets.c.owner_id) & (stack_members.c.asset_id == assets.c.asset_id)

# In the order of Original's own fields, so that a row becomes an Original by position.
_FIELDS = (
    originals.c.path,
    originals.c.library_id,
    originals.c.checksum,
    originals.c.modified_at_ms,
    originals.c.thumbhash,
    originals.c.is_favorite,
    originals.c.duplicate_id,
)


@dataclass(frozen=True, slots=True)
class File:
    """A live asset's file, and what was read of it as it is now; content is None if nothing was."""

    id: AssetId
    name: str
    path: str
    library_id: str | None
    checksum: str
    size_bytes: int
    modified_at_ms: int
    content: Content | None

    @property
    def content_sha1(self) -> str | None:
        """The SHA-1 of the bytes in base64: Immich's own of uploads, of others as far as they were read."""
        if self.library_id is None:
            return self.checksum
        return self.content.sha1 if self.content is not None else None


@dataclass(frozen=True, slots=True)
class Picture:
    """A live asset that wants a look.

    Shape:  thumbhash is None until Immich has a thumbnail. basis says what the picture is now and goes with what is
            made of it; attempts counts the failures with this very picture.
    """

    id: AssetId
    name: str
    kind: AssetKind
    size_bytes: int | None
    thumbhash: str | None
    basis: str
    attempts: int


@dataclass(frozen=True, slots=True)
class Thumbhashes:
    """Those of all live assets that have one, as lists of equal length; by id.

    Units:  durations_ms has -1 for pictures.
    """

    ids: list[AssetId]
    thumbhashes: list[bytes]
    durations_ms: list[int]


@dataclass(frozen=True, slots=True)
class Present:
    """A live asset with its original, the stack it is in, and what its bytes are as far as that is known.

    Shape:  outside stacks stack_id is None, is_primary False and stack_size 0; a stack's size counts all its members.
            sha256 is in hex, sha1 in base64.
    """

    asset: Asset
    stack_id: StackId | None
    is_primary: bool
    stack_size: int
    sha256: str | None
    sha1: str | None


async def record(connection: AsyncConnection, owner_id: OwnerId, seen: Iterable[Asset]) -> None:
    """The originals of these assets are known as they are now. Assets seen without one change nothing."""
    rows = [
        (
            owner_id,
            asset.id,
            told.path,
            told.library_id,
            told.checksum,
            told.modified_at_ms,
            told.thumbhash,
            told.is_favorite,
            told.duplicate_id,
        )
        for asset, told in ((asset, asset.original) for asset in seen)
        if told is not None
    ]
    await write_rows(connection, "originals", _recording, rows)


def _recording(connection: AsyncConnection) -> Any:
    statement = insert_for(connection, originals)
    news = {column.name: statement.excluded[column.name] for column in originals.columns if column.name not in _KEYS}
    return statement.on_conflict_do_update(
        index_elements=_KEYS,
        set_=news,
        # A library is seen whole again and again, and hardly any of it has changed.
        where=or_(*(originals.c[name].is_distinct_from(value) for name, value in news.items())),
    )


async def of(connection: AsyncConnection, owner_id: OwnerId, ids: Sequence[AssetId]) -> dict[AssetId, Original]:
    """The originals of those of these assets of which they are known."""
    found: dict[AssetId, Original] = {}
    for chunk in chunks(ids):
        rows = await connection.execute(
            select(originals.c.asset_id, *_FIELDS).where(
                originals.c.owner_id == owner_id, originals.c.asset_id.in_(chunk)
            )
        )
        found.update({AssetId(row.asset_id): Original(*row[1:]) for row in rows})
    return found


async def count_live(connection: AsyncConnection, owner_id: OwnerId) -> int:
    """How many live assets the owner has."""
    counted = await connection.scalar(_live(owner_id, func.count()))
    return counted or 0


async def shared_sizes(connection: AsyncConnection, owner_id: OwnerId) -> list[tuple[int, int]]:
    """(size in bytes, live files of that size) where several share one and one of them is of a library; by size.

    Source: two uploads of one owner are never the same bytes (unique index on owner and checksum, Immich 3.1.0).
    """
    of_libraries = func.count(originals.c.library_id)
    # The index alone tells which sizes are shared at all; of few assets more has to be read.
    shared = (
        select(assets.c.size_bytes)
        .where(assets.c.owner_id == owner_id)
        .group_by(assets.c.size_bytes)
        .having(func.count() >= _FEWEST)
    )
    rows = await connection.execute(
        _live(owner_id, assets.c.size_bytes, func.count())
        .where(assets.c.size_bytes.in_(shared))
        .group_by(assets.c.size_bytes)
        .having(func.count() >= _FEWEST, of_libraries > 0)
        .order_by(assets.c.size_bytes)
    )
    return [(size_bytes, count) for size_bytes, count in rows]


async def files_of_sizes(connection: AsyncConnection, owner_id: OwnerId, sizes: Sequence[int]) -> list[File]:
    """All live files of these sizes, by size and id."""
    found: list[File] = []
    for chunk in chunks(sorted(sizes)):
        rows = await connection.execute(
            _live(
                owner_id,
                assets.c.asset_id,
                assets.c.name,
                originals.c.path,
                originals.c.library_id,
                originals.c.checksum,
                assets.c.size_bytes,
                originals.c.modified_at_ms,
                *CONTENT_FIELDS,
            )
            .outerjoin(contents, IS_ITS_CONTENT)
            .where(assets.c.size_bytes.in_(chunk))
            .order_by(assets.c.size_bytes, assets.c.asset_id)
        )
        found += [_file(row) for row in rows]
    return found


async def thumbhashes(connection: AsyncConnection, owner_id: OwnerId) -> Thumbhashes:
    """The thumbhashes of all live assets; a malformed one counts as none."""
    found = Thumbhashes([], [], [])
    is_video = assets.c.kind == AssetKind.VIDEO.value
    rows = await connection.stream(
        _live(
            owner_id,
            assets.c.asset_id,
            originals.c.thumbhash,
            case((is_video, func.coalesce(assets.c.duration_ms, 0)), else_=-1),
        )
        .where(originals.c.thumbhash.is_not(None))
        .order_by(assets.c.asset_id)
    )
    async for part in rows.partitions(_ROWS_AT_ONCE):
        for asset_id, told, duration_ms in part:
            try:
                thumbhash = b64decode(told, validate=True)
            except (Base64Error, ValueError):
                continue
            found.ids.append(AssetId(asset_id))
            found.thumbhashes.append(thumbhash)
            found.durations_ms.append(duration_ms)
    return found


async def native_groups(connection: AsyncConnection, owner_id: OwnerId) -> list[tuple[str, tuple[AssetId, ...]]]:
    """(duplicate id, ids) of live assets in no stack that Immich holds for duplicates, two or more; both sorted.

    Source: assets of one duplicateId; its page leaves stacked ones out (duplicate.repository.ts, Immich 3.1.0).
    """
    rows = await connection.execute(
        _live(owner_id, originals.c.duplicate_id, assets.c.asset_id)
        .where(
            originals.c.owner_id == owner_id,
            originals.c.duplicate_id.is_not(None),
            ~exists().where(_IS_IN_STACK),
        )
        .order_by(originals.c.duplicate_id, assets.c.asset_id)
    )
    groups: dict[str, list[AssetId]] = {}
    for duplicate_id, asset_id in rows:
        groups.setdefault(duplicate_id, []).append(AssetId(asset_id))
    return [(duplicate_id, tuple(ids)) for duplicate_id, ids in groups.items() if len(ids) >= _FEWEST]


async def to_look_at(
    connection: AsyncConnection,
    owner_id: OwnerId,
    *,
    version: int,
    now_ms: int,
    limit: int,
    after: AssetId | None = None,
) -> list[Picture]:
    """Live assets that want a look, by id.

    Shape:  those without a fingerprint of this version of what they are now, unless a failure to make it waits.
    """
    query = _pictures(owner_id, version=version, now_ms=now_ms).order_by(assets.c.asset_id).limit(limit)
    rows = await connection.execute(query if after is None else query.where(assets.c.asset_id > after))
    return [_picture(row) for row in rows]


async def to_look_at_among(
    connection: AsyncConnection, owner_id: OwnerId, ids: Sequence[AssetId], *, version: int, now_ms: int
) -> list[Picture]:
    """The same among these assets only, in their order."""
    found: dict[AssetId, Picture] = {}
    for chunk in chunks(ids):
        rows = await connection.execute(
            _pictures(owner_id, version=version, now_ms=now_ms).where(assets.c.asset_id.in_(chunk))
        )
        found.update({picture.id: picture for picture in map(_picture, rows)})
    return [found[asset_id] for asset_id in dict.fromkeys(ids) if asset_id in found]


async def count_to_look_at(connection: AsyncConnection, owner_id: OwnerId, *, version: int, now_ms: int) -> int:
    """How many live assets want a look now."""
    wanting = _pictures(owner_id, version=version, now_ms=now_ms).with_only_columns(func.count())
    return await connection.scalar(wanting) or 0


async def copies(connection: AsyncConnection, owner_id: OwnerId, ids: Sequence[AssetId]) -> dict[AssetId, Present]:
    """Everything that is known about those of these assets that are live."""
    found: dict[AssetId, Present] = {}
    others = stack_members.alias("others")
    stack_size = (
        select(func.count())
        .where(others.c.owner_id == stack_members.c.owner_id, others.c.stack_id == stack_members.c.stack_id)
        .scalar_subquery()
    )
    more = (stack_members.c.stack_id, stack_members.c.is_primary, stack_size, contents.c.sha256, contents.c.sha1)
    for chunk in chunks(ids):
        rows = await connection.execute(
            _live(owner_id, *more, *_FIELDS, *ASSET_FIELDS)
            .outerjoin(contents, IS_ITS_CONTENT)
            .outerjoin(stack_members, _IS_IN_STACK)
            .where(assets.c.asset_id.in_(chunk))
        )
        for row in rows:
            present = _present(row)
            found[present.asset.id] = present
    return found


def _live(owner_id: OwnerId, *columns: Any) -> Select[Any]:
    """Of the owner's live assets of whose original is known."""
    return (
        select(*columns)
        .select_from(assets)
        .join(originals, IS_ITS_ORIGINAL)
        .where(assets.c.owner_id == owner_id, IS_LIVE)
    )


def _pictures(owner_id: OwnerId, *, version: int, now_ms: int) -> Select[Any]:
    is_of_version = fingerprints.c.version == version
    return (
        _live(
            owner_id,
            assets.c.asset_id,
            assets.c.name,
            assets.c.kind,
            assets.c.size_bytes,
            originals.c.thumbhash,
            BASIS.label("basis"),
            func.coalesce(fingerprints.c.attempts, 0).label("attempts"),
        )
        .outerjoin(fingerprints, IS_ITS_FINGERPRINT & is_of_version)
        .where(
            or_(
                fingerprints.c.asset_id.is_(None),
                fingerprints.c.phash.is_(None) & (fingerprints.c.not_before_ms <= now_ms),
            )
        )
    )


def _picture(row: Row[Any]) -> Picture:
    return Picture(
        AssetId(row.asset_id), row.name, AssetKind(row.kind), row.size_bytes, row.thumbhash, row.basis, row.attempts
    )


def _file(row: Sequence[Any]) -> File:
    asset_id, name, path, library_id, checksum, size_bytes, modified_at_ms, *read = row
    content = Content(*read) if read[0] is not None else None
    return File(asset_id, name, path, library_id, checksum, size_bytes, modified_at_ms, content)


def _present(row: Sequence[Any]) -> Present:
    stack_id, is_primary, stack_size, sha256, sha1 = row[:5]
    original = Original(*row[5:12])
    return Present(
        asset=replace(asset_of(row[12:]), original=original),
        stack_id=StackId(stack_id) if stack_id is not None else None,
        is_primary=bool(is_primary),
        stack_size=stack_size,
        sha256=sha256,
        sha1=original.content_sha1 or sha1,
    )
