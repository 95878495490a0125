from __future__ import annotations

import asyncio
from typing import Any

from sidecar.handlers.api.paging import encode_cursor
from sidecar.storage import changes, detections, scans
from sidecar.storage.changes import Change, Source
from sidecar.storage.detections import DetectionState
from sidecar.storage.scans import ScanState
from tests.handlers.conftest import Person

SUNDAYS = '{"message": "No stacks of SECRET.JPG on Sundays"}'
ODD_IDS = ["%00", "%ED%A0%80", "x" * 300, "retry", "null", "1%27--", "%F0%9F%98%80"]
ODD_QUESTIONS = [
    ({"limit": "0"}, "bad_request"),
    ({"limit": "101"}, "bad_request"),
    ({"kind": "gone"}, "bad_request"),
    ({"kind": "name\0"}, "bad_request"),
    ({"user": "x"}, "bad_request"),
    ({"cursor": "x"}, "bad_cursor"),
    ({"cursor": encode_cursor(1, "a")}, "bad_cursor"),
    ({"cursor": encode_cursor("a", "a", None)}, "bad_cursor"),
    ({"cursor": encode_cursor(1, "a", "name")}, "bad_cursor"),
]


async def failures(person: Person, **query: Any) -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = (await person.get("/failures", params=query))["items"]
    return found


async def retry(person: Person, failure_id: str | None = None) -> tuple[int, dict[str, Any]]:
    path = "/failures/retry" if failure_id is None else f"/failures/{failure_id}/retry"
    answer = await person.ask("POST", path, json={})
    return answer.status, await answer.json()


async def write_that_fails(person: Person, number: int = 1) -> None:
    person.household.immich.fail("POST", "/stacks", status=400, body=SUNDAYS)
    person.shoot(f"IMG_{number}.CR3", f"IMG_{number}.JPG", at_s=100 * number)
    await person.scan()


async def scan_that_fails(person: Person) -> None:
    """Also a search, and one look at all stacks."""
    await person.scan()
    jobs = person.household.services.jobs
    async with jobs.database.write() as connection:
        await detections.request(connection, person.owner_id, now_ms=jobs.now_ms())
        await changes.add(connection, [Change(person.owner_id, Source.POLL, None)], now_ms=jobs.now_ms())
        for statement in (
            "UPDATE detections SET state = 'failed', error = 'refused', ended_at_ms = 5",
            "UPDATE scans SET state = 'failed', error = 'refused', ended_at_ms = 7",
            "UPDATE changes SET attempts = 5, error = 'unknown words'",
        ):
            await connection.exec_driver_sql(f"{statement} WHERE owner_id = ?", (person.owner_id,))


async def test_what_failed_is_told_and_tried_again(ann: Person) -> None:
    assert await failures(ann) == []
    await write_that_fails(ann)
    (found,) = await failures(ann)
    assert found == {
        "id": found["id"],
        "kind": "write",
        "what": "IMG_1.JPG + IMG_1.CR3",
        "reason": "Immich rejects createStack with 400: No stacks of … on Sundays.",
        "since_ms": found["since_ms"],
        "can_be_retried": True,
    }
    assert found["since_ms"] < ann.household.clock.now_ms
    assert await retry(ann, found["id"]) == (202, {"count": 1})
    assert await failures(ann) == []
    await ann.work()
    assert len(ann.household.immich.stacks_of(ann.user)) == 1
    assert await ann.refused("POST", f"/failures/{found['id']}/retry", json={}) == (404, "not_found")


async def test_everything_is_tried_again_at_once(ann: Person) -> None:
    await write_that_fails(ann, 1)
    await write_that_fails(ann, 2)
    assert len(await failures(ann)) == 2
    assert await retry(ann) == (202, {"count": 2})
    assert await retry(ann) == (202, {"count": 0})
    await ann.work()
    assert len(ann.household.immich.stacks_of(ann.user)) == 2


async def test_of_twenty_who_try_again_each_is_answered_and_it_is_done_once(ann: Person) -> None:
    await write_that_fails(ann)
    (found,) = await failures(ann)
    answers = await asyncio.gather(*(retry(ann, found["id"]) for _ in range(20)))
    assert {status for status, _ in answers} <= {202, 404}
    assert sum(body.get("count", 0) for _, body in answers) == 1
    await ann.work()
    assert len(ann.household.immich.stacks_of(ann.user)) == 1


async def test_a_decision_is_for_its_person_to_take_again(ann: Person) -> None:
    jobs = ann.household.services.jobs
    async with jobs.database.write() as connection:
        await connection.exec_driver_sql(
            "INSERT INTO resolutions (owner_id, resolution_id, set_id, state, keep_ids, trash_ids, origin, step,"
            " lease_until_ms, attempts, not_before_ms, error, decided_at_ms, ended_at_ms)"
            """ VALUES (?, 'd', 's', 'failed', '["k"]', '["t"]', 'user', ?, 0, 1, 0, 'no', 1, 2)""",
            (ann.owner_id, '{"is_trashing": true}'),
        )
    (found,) = await failures(ann)
    assert (found["kind"], found["can_be_retried"]) == ("remainder", False)
    status, refusal = await retry(ann, found["id"])
    assert (status, refusal["code"]) == (409, "yours_to_decide")
    assert refusal["detail"] == "A part of it is left. Take the action back."
    assert await retry(ann) == (202, {"count": 0})
    assert await failures(ann) == [found]


async def test_it_comes_in_pages_the_latest_first(ann: Person) -> None:
    await scan_that_fails(ann)
    await write_that_fails(ann)
    every = await failures(ann)
    # A later scan has gone well.
    assert [each["kind"] for each in every] == ["write", "change", "search"]
    assert [each["since_ms"] for each in every] == sorted((each["since_ms"] for each in every), reverse=True)
    for limit in (1, 2, 3):
        paged: list[dict[str, Any]] = []
        cursor: str | None = None
        while cursor is not None or not paged:
            page = await ann.get("/failures", params={"limit": limit, **({"cursor": cursor} if cursor else {})})
            paged += page["items"]
            cursor = page["next_cursor"]
        assert paged == every
    assert await failures(ann, kind="search") == every[2:]
    assert await failures(ann, kind="file") == []


async def test_scans_and_searches_are_done_again(ann: Person) -> None:
    await scan_that_fails(ann)
    assert [each["kind"] for each in await failures(ann)] == ["change", "scan", "search"]
    assert await retry(ann) == (202, {"count": 3})
    async with ann.household.services.database.read() as connection:
        scan, search = await scans.newest(connection, ann.owner_id), await detections.newest(connection, ann.owner_id)
    assert scan is not None
    assert search is not None
    assert (scan.state, search.state) == (ScanState.REQUESTED, DetectionState.REQUESTED)


async def test_nothing_of_anybody_else_is_told_or_tried_again(ann: Person, bob: Person) -> None:
    await write_that_fails(ann)
    (hers,) = await failures(ann)
    assert await failures(bob) == []
    assert await retry(bob) == (202, {"count": 0})
    foreign, nobodys = await retry(bob, hers["id"]), await retry(bob, "0123456789")
    assert foreign == nobodys
    assert (foreign[0], foreign[1]["code"]) == (404, "not_found")
    assert await failures(ann) == [hers]


async def test_odd_requests_are_refused(ann: Person) -> None:
    for odd in ODD_IDS:
        assert await ann.refused("POST", f"/failures/{odd}/retry", json={}) == (404, "not_found"), odd
    for query, code in ODD_QUESTIONS:
        assert await ann.refused("GET", "/failures", params=query) == (400, code), query
    headers = {"Content-Type": "application/json"}
    for body in ('{"all": true}', "[]", "null", "", "{"):
        assert await ann.refused("POST", "/failures/retry", data=body, headers=headers) == (400, "bad_request"), body
