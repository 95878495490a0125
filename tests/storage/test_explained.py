from __future__ import annotations

from sidecar.grouping.reasons import Reason, ReasonCode
from sidecar.model import OwnerId
from sidecar.storage import assets, explained, findings
from sidecar.storage.database import Database
from sidecar.storage.findings import Finding, FindingKind
from tests.builders import OWNER, make_asset

BOB = OwnerId("00000000-0000-4000-8000-00000000000b")


async def test_what_is_told_of_a_file_is_what_names_it_the_decidable_first(database: Database) -> None:
    raw, jpeg, other = (make_asset(name) for name in ("A.NEF", "A.JPG", "A.HEIC"))
    left_alone = Finding(FindingKind.LEFT_ALONE, (raw.id,), (Reason(ReasonCode.SAME_VERSION),))
    of_others = Finding(FindingKind.REVIEW, (jpeg.id, other.id), (Reason(ReasonCode.AMBIGUOUS),))
    review = Finding(FindingKind.REVIEW, (raw.id, jpeg.id), (Reason(ReasonCode.AMBIGUOUS),), "raw_jpeg")
    about_to_be = Finding(FindingKind.STACK, (raw.id, other.id), (), "raw_jpeg")
    async with database.write() as connection:
        seen = {each.id: ("a", each) for each in (raw, jpeg, other)}
        await assets.record(connection, OWNER, seen, scan_id=1)
        await findings.replace(connection, OWNER, {"a": [left_alone, of_others, review, about_to_be]})
        assert await explained.of_assets(connection, OWNER, [raw.id]) == {raw.id: [review, left_alone]}
        assert await explained.of_assets(connection, OWNER, [raw.id, other.id]) == {
            raw.id: [review, left_alone],
            other.id: [of_others],
        }
        assert await explained.of_assets(connection, OWNER, []) == {}
        assert await explained.of_assets(connection, BOB, [raw.id]) == {}
