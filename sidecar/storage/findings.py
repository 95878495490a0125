"""What pairing found: what belongs together, what wants a person's eye, and look-alikes left alone, with reasons.

Derived data: pairing a stem replaces its findings.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum
from hashlib import sha256
from typing import Any

import msgspec
from sqlalchemy import Row, Select, delete, func, insert, select
from sqlalchemy.ext.asyncio import AsyncConnection

from sidecar.grouping.reasons import Reason
from sidecar.model import AssetId, OwnerId
from sidecar.storage.database import chunks, write_rows
from sidecar.storage.tables import findings


class FindingKind(StrEnum):
    """What became of a match."""

    STACK = "stack"
    """Belongs in one stack; the journal says how far that has come."""
    REVIEW = "review"
    """Doubtful, or it would change a stack of the user's: for a person to decide."""
    REPAIR = "repair"
    """A stack that shows less than it should: for a person to decide."""
    RESPECTED = "respected"
    """The user decided otherwise before."""
    LEFT_ALONE = "left_alone"
    """Looks like a match by name, and is none."""


FOR_A_PERSON = (FindingKind.REVIEW, FindingKind.REPAIR)
_ID_LENGTH = 10


@dataclass(frozen=True, slots=True)
class Finding:
    """One match and why it stands where it stands.

    Shape:  asset_ids with the primary first. subject is what the members are to each other (GroupKind), or what is to
            be repaired (RepairKind), empty for what was left alone. reasons begin with the one that decided.
    """

    kind: FindingKind
    asset_ids: tuple[AssetId, ...]
    reasons: tuple[Reason, ...]
    subject: str = ""

    @property
    def id(self) -> str:
        """A short name, the same as long as kind, subject, members and the deciding reason are."""
        deciding = self.reasons[0].code if self.reasons else ""
        told = " ".join((self.kind, self.subject, deciding, *sorted(self.asset_ids)))
        return sha256(told.encode()).hexdigest()[:_ID_LENGTH]


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
            # Stacks are many and nobody decides about them; a name for each would cost more than the rest of the row.
            finding.id if finding.kind in FOR_A_PERSON else "",
            finding.kind.value,
            finding.subject,
            encode(finding.asset_ids).decode(),
            encode(finding.reasons).decode(),
        )
        for stem, found in by_stem.items()
        for position, finding in enumerate(found)
    ]
    await write_rows(connection, "findings", lambda _: insert(findings), rows)


async def clear(connection: AsyncConnection, owner_id: OwnerId) -> None:
    """Forgets all findings of the owner, before everything is looked at anew."""
    await connection.execute(delete(findings).where(findings.c.owner_id == owner_id))


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
        _select(owner_id)
        .where(findings.c.kind.in_([kind.value for kind in kinds]))
        .order_by(findings.c.stem, findings.c.position)
        .limit(limit)
    )
    return [_finding(row) for row in rows]


async def named(connection: AsyncConnection, owner_id: OwnerId, finding_id: str) -> tuple[str, Finding] | None:
    """(stem, finding) of what waits for a person under this name; None if nothing does."""
    row = (
        await connection.execute(_select(owner_id).where(findings.c.finding_id == finding_id).limit(1))
    ).one_or_none()
    return (row.stem, _finding(row)) if row is not None and finding_id else None


async def remove(connection: AsyncConnection, owner_id: OwnerId, finding_id: str) -> None:
    """The owner's finding of this id is no more, until its files are compared again and it is found anew."""
    await connection.execute(
        delete(findings).where(findings.c.owner_id == owner_id, findings.c.finding_id == finding_id)
    )


def _select(owner_id: OwnerId) -> Select[Any]:
    return select(findings.c.stem, findings.c.kind, findings.c.subject, findings.c.asset_ids, findings.c.reasons).where(
        findings.c.owner_id == owner_id
    )


def _finding(row: Row[Any]) -> Finding:
    return Finding(
        FindingKind(row.kind),
        msgspec.json.decode(row.asset_ids, type=tuple[AssetId, ...]),
        msgspec.json.decode(row.reasons, type=tuple[Reason, ...]),
        row.subject,
    )
