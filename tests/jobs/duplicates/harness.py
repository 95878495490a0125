"""What the tests of the reading jobs share: files with known bytes in an emulated library, and what was asked of it."""

from __future__ import annotations

import random
from collections import Counter
from dataclasses import dataclass

from sidecar.demo.immich.rows import AssetRow
from sidecar.model import AssetId
from sidecar.storage import contents, originals
from sidecar.storage.contents import Content
from tests.jobs.household import NOON, Library


def noise(size_bytes: int, *, seed: int = 0) -> bytes:
    """Bytes that are no picture; other ones for another seed."""
    return random.Random(seed).randbytes(size_bytes)


@dataclass
class Shelf:
    """A library whose files matter, not what is on them."""

    library: Library

    def upload(self, name: str, data: bytes) -> AssetRow:
        return self.library.immich.upload(self.library.user, name, data, at=NOON)

    def file(self, path: str, data: bytes) -> AssetRow:
        return self.library.immich.import_file(self.library.user, path, data, at=NOON)

    async def sync(self) -> None:
        await self.library.immich.settle()
        await self.library.sync()
        self.library.immich.calls.clear()

    async def content(self, row: AssetRow) -> Content | None:
        """What is on record of the present file."""
        async with self.library.context.database.read() as connection:
            files = await originals.files_of_sizes(connection, self.library.owner_id, await self._sizes())
        return {file.id: file.content for file in files}.get(AssetId(row.id))

    async def _sizes(self) -> list[int]:
        async with self.library.context.database.read() as connection:
            return [size for size, _ in await originals.shared_sizes(connection, self.library.owner_id)]

    async def identical(self) -> list[list[str]]:
        """The names of what is on record as the same bytes."""
        async with self.library.context.database.read() as connection:
            found = await contents.identical(connection, self.library.owner_id)
        assets = self.library.immich.state.assets
        return sorted(sorted(assets[each].name for each in ids) for _, ids in found)

    def asked(self) -> dict[str, int]:
        """How often each file was asked for, by name."""
        assets = self.library.immich.state.assets
        calls = Counter(call.path for call in self.library.immich.calls if call.path.endswith("/original"))
        return {assets[path.split("/")[2]].name: count for path, count in calls.items()}
