"""A library with copies in it, whose sets are formed by the real grouping from contents and matches written by hand."""

from __future__ import annotations

import base64
from collections.abc import Collection
from dataclasses import dataclass
from hashlib import sha1, sha256
from typing import Any

from sidecar.demo.immich.rows import AssetRow
from sidecar.duplicates.classes import DuplicateClass
from sidecar.duplicates.fingerprint import FINGERPRINT_VERSION, Fingerprint
from sidecar.duplicates.match import Match
from sidecar.duplicates.verdict import Agreement
from sidecar.jobs.duplicates.decide import keep
from sidecar.jobs.duplicates.group import group
from sidecar.jobs.duplicates.resolve import resolve
from sidecar.jobs.duplicates.restore import undo
from sidecar.jobs.rules import detection_rules_of
from sidecar.model import AssetId
from sidecar.storage import contents, duplicate_sets, fingerprints, matches, originals, resolutions
from sidecar.storage.contents import Content
from sidecar.storage.duplicate_sets import StoredSet
from sidecar.storage.resolutions import Resolution
from tests.jobs.household import Library

LOOKS = Fingerprint(phash=0, margin=9.0, luma=bytes(1024), colours=bytes(192), width=3, height=2)
"""What every picture here looks like; who is like whom is said by hand."""


def sha1_of(data: bytes) -> str:
    return base64.b64encode(sha1(data, usedforsecurity=False).digest()).decode()


@dataclass
class Shelf:
    """One user's copies."""

    library: Library

    def photo(self, name: str, data: bytes, **facts: Any) -> AssetRow:
        """An upload, or with a folder a library file, that has these bytes; the name's number makes it the later."""
        is_upload = facts.get("folder") is None
        (row,) = self.library.shoot(
            name,
            size_bytes=len(data),
            checksum=sha1_of(data) if is_upload else None,
            thumbhash=base64.b64encode(sha256(data).digest()[:21]).decode(),
            **facts,
        )
        self.library.immich.set_original(row, data)
        return row

    async def read(self, *rows: AssetRow) -> None:
        """The contents of these files are known, as after comparing them."""
        context, owner_id = self.library.context, self.library.owner_id
        async with context.database.write() as connection:
            known = await originals.of(connection, owner_id, [AssetId(row.id) for row in rows])
            read = []
            for row in rows:
                data = self.library.immich.state.files[row.id].original or b""
                read.append(
                    Content(
                        AssetId(row.id),
                        len(data),
                        known[AssetId(row.id)].modified_at_ms,
                        sha1=sha1_of(data),
                        sha256=sha256(data).hexdigest(),
                    )
                )
            await contents.put(connection, owner_id, read)

    async def alike(
        self, one: AssetRow, other: AssetRow, kind: DuplicateClass = DuplicateClass.RE_ENCODED, similarity: float = 0.98
    ) -> None:
        """A detector has found these two."""
        a, b = sorted((AssetId(one.id), AssetId(other.id)))
        async with self.library.context.database.write() as connection:
            pictures = await originals.to_look_at_among(
                connection, self.library.owner_id, [a, b], version=FINGERPRINT_VERSION, now_ms=0
            )
            seen = [(each.id, each.basis, LOOKS) for each in pictures]
            await fingerprints.put(connection, self.library.owner_id, seen, version=FINGERPRINT_VERSION)
            await matches.add(
                connection, self.library.owner_id, [Match(a, b, kind, similarity, "fingerprint", "looks alike")]
            )

    async def form(self) -> list[StoredSet]:
        """The sets as they are formed now."""
        context, owner_id = self.library.context, self.library.owner_id
        async with context.database.read() as connection:
            rules = await detection_rules_of(context, connection, owner_id)
        await group(context, owner_id, rules)
        return await self.sets()

    async def sets(self) -> list[StoredSet]:
        async with self.library.context.database.read() as connection:
            return await duplicate_sets.everything(connection, self.library.owner_id)

    async def only_set(self) -> StoredSet:
        (found,) = await self.form()
        return found

    async def keep(self, *rows: AssetRow, **agreement: bool) -> Resolution:
        """Of the only set these stay."""
        found = await self.only_set()
        return await keep(
            self.library.context, self.library.owner_id, found.id, ids(*rows), agreement=Agreement(**agreement)
        )

    async def resolve(self, *, times: int = 1) -> None:
        for _ in range(times):
            await resolve(self.library.context, self.library.owner_id)
            self.library.clock.advance(seconds=600)

    async def undo(self, resolution: Resolution) -> Resolution:
        await undo(self.library.context, self.library.owner_id, [resolution.id])
        await self.resolve()
        return await self.now(resolution)

    async def now(self, resolution: Resolution) -> Resolution:
        async with self.library.context.database.read() as connection:
            (found,) = await resolutions.entries(connection, self.library.owner_id, [resolution.id])
        return found

    def trashed(self) -> list[str]:
        """The names of what lies in the trash."""
        return sorted(row.name for row in self.library.immich.state.assets.values() if row.deleted_us is not None)


def ids(*rows: AssetRow) -> Collection[AssetId]:
    return [AssetId(row.id) for row in rows]
