"""What pairing said about assets that are in no stack, by asset."""

from __future__ import annotations

from collections.abc import Sequence

import msgspec
from sqlalchemy import select
from sqlalchemy.ext.asyncio import AsyncConnection

from sidecar.grouping.reasons import Reason
from sidecar.model import AssetId, OwnerId
from sidecar.storage import assets
from sidecar.storage.database import chunks
from sidecar.storage.findings import Finding, FindingKind
from sidecar.storage.tables import findings

# What an unstacked file can be told about; a stack that is about to be made, and one to be mended, are told elsewhere.
_TELLING = (FindingKind.REVIEW, FindingKind.RESPECTED, FindingKind.LEFT_ALONE)


async def of_assets(
    connection: AsyncConnection, owner_id: OwnerId, ids: Sequence[AssetId]
) -> dict[AssetId, list[Finding]]:
    """What is known about why each of these assets is in no stack; what a person can decide about comes first."""
    stems = await assets.stems_of(connection, owner_id, ids)
    # What is found about one frame of a burst is kept under the stem of any of them.
    stems |= await assets.stems_of_same_bursts(connection, owner_id, sorted(stems))
    wanted = set(ids)
    found: dict[AssetId, list[Finding]] = {}
    for chunk in chunks(sorted(stems)):
        rows = await connection.execute(
            select(findings.c.kind, findings.c.subject, findings.c.asset_ids, findings.c.reasons)
            .where(
                findings.c.owner_id == owner_id,
                findings.c.stem.in_(chunk),
                findings.c.kind.in_([kind.value for kind in _TELLING]),
            )
            .order_by(findings.c.stem, findings.c.position)
        )
        for kind, subject, asset_ids, reasons in rows:
            members = msgspec.json.decode(asset_ids, type=tuple[AssetId, ...])
            if concerned := wanted.intersection(members):
                told = msgspec.json.decode(reasons, type=tuple[Reason, ...])
                for asset_id in concerned:
                    found.setdefault(asset_id, []).append(Finding(FindingKind(kind), members, told, subject))
    return {asset_id: sorted(each, key=_decidable_first) for asset_id, each in found.items()}


def _decidable_first(finding: Finding) -> int:
    return _TELLING.index(finding.kind)
