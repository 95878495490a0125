"""What pairing found and did not act on: proposals that want a person's eye, and look-alikes left alone, with reasons.

Derived data: pairing a stem replaces its findings.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum

import msgspec
from sqlalchemy import delete, func, insert, select
from sqlalchemy.ext.asyncio import AsyncConnection

from sidecar.model import AssetId, OwnerId
from sidecar.storage.database import chunks, write_rows
from sidecar.storage.tables import findings


class FindingKind(StrEnum):
    """What became of a match."""

    STACK = "stack"
    """Belongs in one stack; the journal says how far that has come."""
    REVIEW = "review"
    """Doubtful, or it would change a stack of the user's: for a person to decide."""
    RESPECTED = "respected"
    """The user took it apart before."""
    LEFT_ALONE = "left_alone"
    """Looks like a match by name, and is none."""


@dataclass(frozen=True, slots=True)
class Finding:
    """One match and why it stands where it stands; asset_ids with the primary first, reasons as sentences."""

    kind: FindingKind
    asset_ids: tuple[AssetId, ...]
    reasons: tuple[str, ...]


async def replace(connection: AsyncConnection, owner_id: OwnerId, by_stem: Mapping[str, Sequence[Finding]]) -> None:
    """Sets the findings of exactly these stems; an empty list clears a stem."""
    for chunk in chunks(list(by_stem)):
        await connection.execute(delete(findings).where(findings.c.owner_id == owner_id, findings.c.stem.in_(chunk)))
    encode = msgspec.json.encode
    rows = [
        (
            owner_id,
            stem,
            position,
            finding.kind.value,
            encode(finding.asset_ids).decode(),
            encode(finding.reasons).decode(),
        )
        for stem, found in by_stem.items()
        for position, finding in enumerate(found)
    ]
    await write_rows(connection, "findings", lambda _: insert(findings), rows)


async def counts(connection: AsyncConnection, owner_id: OwnerId) -> dict[FindingKind, int]:
    """How many findings of each kind the owner has."""
    rows = await connection.execute(
        select(findings.c.kind, func.count()).where(findings.c.owner_id == owner_id).group_by(findings.c.kind)
    )
    return {FindingKind(kind): count for kind, count in rows}


async def of_kinds(
    connection: AsyncConnection, owner_id: OwnerId, kinds: Sequence[FindingKind], *, limit: int
) -> list[Finding]:
    """The owner's findings of these kinds, by stem; at most `limit`."""
    rows = await connection.execute(
        select(findings.c.kind, findings.c.asset_ids, findings.c.reasons)
        .where(findings.c.owner_id == owner_id, findings.c.kind.in_([kind.value for kind in kinds]))
        .order_by(findings.c.stem, findings.c.position)
        .limit(limit)
    )
    return [
        Finding(
            FindingKind(row.kind),
            msgspec.json.decode(row.asset_ids, type=tuple[AssetId, ...]),
            msgspec.json.decode(row.reasons, type=tuple[str, ...]),
        )
        for row in rows
    ]
