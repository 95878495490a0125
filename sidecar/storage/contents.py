"""What was read of files: hashes of their ends and of the whole, good only as long as size and time are the same."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import groupby

from sqlalchemy import select, update
from sqlalchemy.ext.asyncio import AsyncConnection

from sidecar.model import AssetId, OwnerId
from sidecar.storage.database import chunks, upsert, write_rows
from sidecar.storage.liveness import IS_ITS_CONTENT, IS_ITS_ORIGINAL, IS_LIVE
from sidecar.storage.tables import assets, contents, originals

NEVER = 1 << 62
"""A time that does not come: what failed is tried again only when the file is another."""

_KEYS = frozenset({"owner_id", "asset_id"})
_FEWEST = 2


@dataclass(frozen=True, slots=True)
class Content:
    """What was read of one asset's file, or why it could not be.

    Shape:  ends is a hash of the first and last bytes; sha1 is in base64 as Immich writes it, sha256 in hex; each is
            None until somebody read that far. flaw is a sentence, attempts counts the failures so far.
    Units:  size_bytes and modified_at_ms are the file's own, as they were when it was read.
    """

    asset_id: AssetId
    size_bytes: int
    modified_at_ms: int
    ends: str | None = None
    sha1: str | None = None
    sha256: str | None = None
    flaw: str | None = None
    attempts: int = 0
    not_before_ms: int = 0


CONTENT_FIELDS = (
    contents.c.asset_id,
    contents.c.size_bytes,
    contents.c.modified_at_ms,
    contents.c.ends,
    contents.c.sha1,
    contents.c.sha256,
    contents.c.flaw,
    contents.c.attempts,
    contents.c.not_before_ms,
)
"""In the order of Content's own fields, so that a row becomes a Content by position."""


async def of(connection: AsyncConnection, owner_id: OwnerId, ids: Sequence[AssetId]) -> dict[AssetId, Content]:
    """What was read of these assets' files, of the present ones or of former ones."""
    found: dict[AssetId, Content] = {}
    for chunk in chunks(ids):
        rows = await connection.execute(
            select(*CONTENT_FIELDS).where(contents.c.owner_id == owner_id, contents.c.asset_id.in_(chunk))
        )
        found.update({AssetId(row.asset_id): Content(*row) for row in rows})
    return found


async def put(connection: AsyncConnection, owner_id: OwnerId, read: Sequence[Content]) -> None:
    """Remembers what was read; of each asset only the latest."""
    rows = [
        (
            owner_id,
            each.asset_id,
            each.size_bytes,
            each.modified_at_ms,
            each.ends,
            each.sha1,
            each.sha256,
            each.flaw,
            each.attempts,
            each.not_before_ms,
        )
        for each in read
    ]
    await write_rows(connection, "contents", lambda on: upsert(on, contents, _KEYS), rows)


async def identical(connection: AsyncConnection, owner_id: OwnerId) -> list[tuple[str, tuple[AssetId, ...]]]:
    """(SHA-256, ids) of live files that are the same bytes, two or more of each; both sorted."""
    rows = await connection.execute(
        select(contents.c.sha256, contents.c.asset_id)
        .select_from(assets)
        .join(originals, IS_ITS_ORIGINAL)
        .join(contents, IS_ITS_CONTENT)
        .where(contents.c.owner_id == owner_id, contents.c.sha256.is_not(None), IS_LIVE)
        .order_by(contents.c.sha256, contents.c.asset_id)
    )
    groups = groupby(((str(row.sha256), AssetId(row.asset_id)) for row in rows), key=lambda row: row[0])
    found = [(sha256, tuple(asset_id for _, asset_id in same)) for sha256, same in groups]
    return [(sha256, ids) for sha256, ids in found if len(ids) >= _FEWEST]


async def failures(connection: AsyncConnection, owner_id: OwnerId, *, limit: int) -> list[Content]:
    """Live files that could not be read and have not changed since, by id; at most `limit`."""
    rows = await connection.execute(
        select(*CONTENT_FIELDS)
        .select_from(assets)
        .join(originals, IS_ITS_ORIGINAL)
        .join(contents, IS_ITS_CONTENT)
        .where(contents.c.owner_id == owner_id, contents.c.flaw.is_not(None), IS_LIVE)
        .order_by(contents.c.asset_id)
        .limit(limit)
    )
    return [Content(*row) for row in rows]


async def retry(connection: AsyncConnection, owner_id: OwnerId, ids: Sequence[AssetId]) -> None:
    """Those of these files that could not be read are read by the next search, as if for the first time."""
    for chunk in chunks(ids):
        await connection.execute(
            update(contents)
            .where(contents.c.owner_id == owner_id, contents.c.asset_id.in_(chunk), contents.c.flaw.is_not(None))
            .values(attempts=0, not_before_ms=0)
        )
