from __future__ import annotations

from sidecar.grouping.reasons import Reason, ReasonCode
from sidecar.model import OwnerId
from sidecar.storage import findings
from sidecar.storage.database import Database
from sidecar.storage.findings import Finding, FindingKind
from tests.builders import OWNER, asset_id

A, B = asset_id(1), asset_id(2)
BOB = OwnerId("00000000-0000-4000-8000-00000000000b")
STACK = Finding(
    FindingKind.STACK, (B, A), (Reason(ReasonCode.SAME_NAME, "img_1"), Reason(ReasonCode.SAME_SECOND)), "raw_jpeg"
)
REVIEW = Finding(FindingKind.REVIEW, (A, B), (Reason(ReasonCode.AMBIGUOUS),))


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


async def test_what_waits_for_a_person_has_a_name_of_its_own(database: Database) -> None:
    repair = Finding(FindingKind.REPAIR, (A,), (Reason(ReasonCode.LONELY_STACK),), "lonely_stack")
    async with database.write() as connection:
        await findings.replace(connection, OWNER, {"a": [STACK, REVIEW], "b": [repair]})
        assert await findings.named(connection, OWNER, REVIEW.id) == ("a", REVIEW)
        assert await findings.named(connection, OWNER, repair.id) == ("b", repair)
        assert await findings.named(connection, OWNER, STACK.id) is None
        assert await findings.named(connection, OWNER, "") is None
        assert await findings.named(connection, BOB, REVIEW.id) is None
        await findings.clear(connection, BOB)
        assert await findings.named(connection, OWNER, REVIEW.id) is not None
        await findings.clear(connection, OWNER)
        assert await findings.counts(connection, OWNER) == {}


def test_a_name_lasts_as_long_as_the_match_is_the_same() -> None:
    assert Finding(FindingKind.REVIEW, (B, A), REVIEW.reasons).id == REVIEW.id
    details = Finding(FindingKind.REVIEW, (A, B), (Reason(ReasonCode.AMBIGUOUS, "more"),))
    assert details.id == REVIEW.id
    others = [
        Finding(FindingKind.REPAIR, (A, B), REVIEW.reasons),
        Finding(FindingKind.REVIEW, (A,), REVIEW.reasons),
        Finding(FindingKind.REVIEW, (A, B), (Reason(ReasonCode.NO_CLOCK),)),
        Finding(FindingKind.REVIEW, (A, B), REVIEW.reasons, "edited"),
    ]
    assert len({each.id for each in (REVIEW, *others)}) == 5
    assert Finding(FindingKind.REVIEW, (A, B), ()).id
