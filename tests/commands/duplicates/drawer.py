"""A user whose pictures are known to the sidecar, with sets of duplicates as a search would have left them."""

from __future__ import annotations

import io
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, TextIO

from sidecar.commands.duplicates.command import DuplicatesOptions, show_or_decide
from sidecar.commands.exit_codes import ExitCode
from sidecar.commands.scan import ScanOptions, scan
from sidecar.demo.immich.rows import AssetRow, UserRow
from sidecar.duplicates.classes import DuplicateClass
from sidecar.duplicates.sets import seen_as, set_id_of
from sidecar.duplicates.units import Copy
from sidecar.model import AssetId, OwnerId
from sidecar.settings import Settings
from sidecar.storage import detections, duplicate_sets, originals
from sidecar.storage.detections import DetectionState
from sidecar.storage.duplicate_sets import SetMember, StoredSet
from sidecar.wiring import open_services

SAME = "the same bytes"


@dataclass(frozen=True)
class Said:
    """How a command ended and what it printed."""

    code: ExitCode
    lines: list[str]
    err: str

    @property
    def text(self) -> str:
        return "\n".join(self.lines)


async def scanned(settings: Settings) -> None:
    assert await scan(settings, ScanOptions(), out=io.StringIO(), err=io.StringIO()) == ExitCode.DONE


async def duplicates(settings: Settings, *, answers: TextIO | None = None, **options: Any) -> Said:
    out, err = io.StringIO(), io.StringIO()
    code = await show_or_decide(
        settings, DuplicatesOptions(**options), out=out, err=err, answers=answers or io.StringIO("y\n")
    )
    return Said(code, out.getvalue().splitlines(), err.getvalue())


async def put_sets(
    settings: Settings, user: UserRow, *found: Sequence[AssetRow], now_ms: int = 1, **facts: Any
) -> list[StoredSet]:
    """Sets of these assets, the first of each suggested; kept beside those that there are."""
    owner_id = OwnerId(user.id)
    async with open_services(settings) as services:
        async with services.database.read() as connection:
            before = await duplicate_sets.everything(connection, owner_id)
            present = await originals.copies(connection, owner_id, [AssetId(row.id) for rows in found for row in rows])
        new = [_set_of(rows, present, **facts) for rows in found]
        async with services.database.write() as connection:
            await duplicate_sets.replace(connection, owner_id, [*before, *new], now_ms=now_ms)
    return new


def _set_of(
    rows: Sequence[AssetRow],
    present: Mapping[AssetId, originals.Present],
    *,
    kind: DuplicateClass = DuplicateClass.IDENTICAL,
    similarity: float = 1.0,
    reason: str = SAME,
    content: str | None = "c" * 64,
) -> StoredSet:
    copies = [_copy(present[AssetId(row.id)]) for row in rows]
    sizes = [copy.size_bytes for copy in copies]
    return StoredSet(
        set_id_of(copy.id for copy in copies),
        kind,
        copies[0].id,
        sum(sizes[1:]),
        similarity,
        tuple(
            SetMember(
                copy.id,
                copy.unit_id,
                kind,
                similarity if position else None,
                reason if position else "the best copy",
                position == 0,
                content if kind is DuplicateClass.IDENTICAL else None,
                seen_as(copy.asset, copy.original),
            )
            for position, copy in enumerate(copies)
        ),
    )


def _copy(present: originals.Present) -> Copy:
    asset = present.asset
    assert asset.original is not None
    return Copy(asset, asset.original, present.stack_id or asset.id, present.is_primary, present.sha1, present.sha256)


async def searched(settings: Settings, user: UserRow) -> None:
    """A search for this user's duplicates has ended."""
    async with open_services(settings) as services, services.database.write() as connection:
        await detections.request(connection, OwnerId(user.id), now_ms=1)
        found = await detections.claim(connection, OwnerId(user.id), lease="x", now_ms=1, lease_ms=9)
        assert found is not None
        await detections.end(connection, found, DetectionState.DONE, lease="x", now_ms=2)
