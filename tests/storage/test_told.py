from __future__ import annotations

from sidecar.duplicates.classes import DuplicateClass
from sidecar.grouping.reasons import Reason, ReasonCode
from sidecar.model import OwnerId
from sidecar.storage import duplicate_sets, findings, told
from sidecar.storage.database import Database
from sidecar.storage.duplicate_sets import StoredSet
from sidecar.storage.findings import Finding, FindingKind
from sidecar.storage.told import Told
from tests.builders import OWNER, asset_id

BOB = OwnerId("00000000-0000-4000-8000-00000000000b")
A, B, C = map(asset_id, (1, 2, 3))


def finding(kind: FindingKind, *ids: str) -> Finding:
    return Finding(kind, tuple(map(asset_id, range(1, 1 + len(ids)))), (Reason(ReasonCode.ASK_FIRST),), ids[0])


async def test_whoever_was_never_thought_of_is_due_and_then_when_it_is_time_again(database: Database) -> None:
    async with database.write() as connection:
        assert await told.due_among(connection, [OWNER, BOB], now_ms=5) == {OWNER, BOB}
        assert await told.claim(connection, OWNER, now_ms=5, due_at_ms=9) == Told()
        assert await told.due_among(connection, [OWNER, BOB], now_ms=8) == {BOB}
        assert await told.claim(connection, OWNER, now_ms=8, due_at_ms=99) is None
        assert await told.due_among(connection, [OWNER], now_ms=9) == {OWNER}
        await told.begin(connection, OWNER, now_ms=7)
        assert await told.claim(connection, OWNER, now_ms=9, due_at_ms=20) == Told(told_at_ms=7)


async def test_only_what_a_person_decides_and_was_not_told_of_is_news(database: Database) -> None:
    first, second = finding(FindingKind.REVIEW, "a", "b"), finding(FindingKind.REPAIR, "c", "d")
    async with database.write() as connection:
        assert not (await told.waiting(connection, OWNER, known_at_ms=0)).is_news
        await findings.replace(connection, OWNER, {"1": [first], "2": [finding(FindingKind.STACK, "e", "f")]})
        waiting = await told.waiting(connection, OWNER, known_at_ms=0)
        assert (waiting.suggestions, waiting.duplicate_sets, waiting.is_news) == (1, 0, True)
        assert waiting.finding_ids == [first.id]
        assert not (await told.waiting(connection, BOB, known_at_ms=0)).is_news
        await told.claim(connection, OWNER, now_ms=3, due_at_ms=9)
        await told.end(connection, OWNER, waiting.finding_ids, known_at_ms=3)
        assert not (await told.waiting(connection, OWNER, known_at_ms=3)).is_news
        await findings.replace(connection, OWNER, {"3": [second]})
        waiting = await told.waiting(connection, OWNER, known_at_ms=3)
        assert waiting.suggestions == 1
        assert set(waiting.finding_ids) == {first.id, second.id}
        # What went away meanwhile is news again if it comes back.
        await findings.replace(connection, OWNER, {"1": []})
        waiting = await told.waiting(connection, OWNER, known_at_ms=3)
        await told.end(connection, OWNER, waiting.finding_ids, known_at_ms=4)
        await findings.replace(connection, OWNER, {"1": [first]})
        assert (await told.waiting(connection, OWNER, known_at_ms=4)).suggestions == 1
        assert await told.claim(connection, OWNER, now_ms=9, due_at_ms=20) == Told(known_at_ms=4)


async def test_sets_are_news_that_were_found_since_and_show_something(database: Database) -> None:
    seen = StoredSet("a" * 12, DuplicateClass.IDENTICAL, A, 5, 1.0, ())
    black = StoredSet("b" * 12, DuplicateClass.FEATURELESS, B, 5, 1.0, ())
    async with database.write() as connection:
        await duplicate_sets.replace(connection, OWNER, [seen, black], now_ms=10)
        assert (await told.waiting(connection, OWNER, known_at_ms=9)).duplicate_sets == 1
        assert (await told.waiting(connection, OWNER, known_at_ms=10)).duplicate_sets == 0
        assert (await told.waiting(connection, BOB, known_at_ms=0)).duplicate_sets == 0
