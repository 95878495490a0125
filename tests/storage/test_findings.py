from __future__ import annotations

from sidecar.model import OwnerId
from sidecar.storage import findings
from sidecar.storage.database import Database
from sidecar.storage.findings import Finding, FindingKind
from tests.builders import OWNER, asset_id

A, B = asset_id(1), asset_id(2)
BOB = OwnerId("00000000-0000-4000-8000-00000000000b")
STACK = Finding(FindingKind.STACK, (B, A), ("one name: img_1", "taken at the same second"))
REVIEW = Finding(FindingKind.REVIEW, (A, B), ("another file fits as well",))


async def test_findings_come_back_in_order_by_kind(database: Database) -> None:
    async with database.write() as connection:
        await findings.replace(connection, OWNER, {"b": [REVIEW], "a": [STACK, REVIEW]})
        assert await findings.of_kinds(connection, OWNER, [FindingKind.STACK, FindingKind.REVIEW], limit=9) == [
            STACK,
            REVIEW,
            REVIEW,
        ]
        assert await findings.of_kinds(connection, OWNER, [FindingKind.REVIEW], limit=1) == [REVIEW]
        assert await findings.of_kinds(connection, BOB, [FindingKind.REVIEW], limit=1) == []
        assert await findings.counts(connection, OWNER) == {FindingKind.STACK: 1, FindingKind.REVIEW: 2}


async def test_pairing_a_stem_again_replaces_its_findings_only(database: Database) -> None:
    async with database.write() as connection:
        await findings.replace(connection, OWNER, {"a": [STACK], "b": [REVIEW]})
        await findings.replace(connection, OWNER, {"a": []})
        await findings.replace(connection, OWNER, {})
        assert await findings.counts(connection, OWNER) == {FindingKind.REVIEW: 1}
