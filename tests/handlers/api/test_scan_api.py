from __future__ import annotations

import asyncio
from collections.abc import Sequence
from dataclasses import replace
from typing import Any

from sidecar.jobs.apply import apply
from sidecar.jobs.duplicates.detect import detect
from sidecar.jobs.pair import pair
from sidecar.jobs.queue import JobName
from sidecar.jobs.sync import sync
from sidecar.model import OwnerId
from sidecar.storage import detections, scans
from tests.handlers.conftest import Household, Person

ODD_BODIES = [
    '{"kind": "everything"}',
    '{"kind": ["library"]}',
    '{"kind": "library", "owner_id": "x"}',
    '{"kind": "library\\u0000"}',
    '{"kind": "\\ud800"}',
    '{"kind": null}',
    "{}",
    "[]",
    "",
    "\ufeff{}",
]


async def ask(person: Person, kind: str) -> dict[str, Any]:
    answer = await person.ask("POST", "/scan", json={"kind": kind})
    assert answer.status == 202, await answer.text()
    found: dict[str, Any] = await answer.json()
    return found


async def requested(household: Household, owner_id: OwnerId) -> tuple[bool, bool]:
    """Whether a scan, and whether a search, was ever asked for."""
    async with household.services.database.read() as connection:
        scan, search = await scans.newest(connection, owner_id), await detections.newest(connection, owner_id)
    return scan is not None, search is not None


async def queued(household: Household) -> Sequence[tuple[str, str]]:
    """(job, owner) of everything that is woken."""
    return [(str(job.function), str(job.args[0])) for job in await household.services.queue.pool.queued_jobs()]


async def test_a_scan_is_asked_for_once_and_woken(ann: Person, bob: Person, household: Household) -> None:
    ann.shoot("IMG_1.CR3", "IMG_1.JPG")
    first = await ask(ann, "library")
    assert first == {"kind": "library", "scan_id": 1, "state": "requested"}
    assert await asyncio.gather(*(ask(ann, "library") for _ in range(20))) == [first] * 20
    assert (JobName.SYNC.value, ann.owner_id) in await queued(household)
    assert await requested(household, bob.owner_id) == (False, False)
    jobs = household.services.jobs
    async with jobs.database.write() as connection:
        await scans.claim(connection, ann.owner_id, lease="me", now_ms=jobs.now_ms(), lease_ms=1)
    assert await ask(ann, "library") == {**first, "state": "running"}
    household.clock.advance(seconds=60)
    await sync(jobs, ann.owner_id)
    assert await ask(ann, "library") == {**first, "scan_id": 2}
    assert await requested(household, ann.owner_id) == (True, False)


async def test_a_search_is_asked_for_once_and_woken(ann: Person, bob: Person, household: Household) -> None:
    await ann.scan()
    first = await ask(ann, "duplicates")
    assert first == {"kind": "duplicates", "scan_id": 1, "state": "requested"}
    assert await asyncio.gather(*(ask(ann, "duplicates") for _ in range(20))) == [first] * 20
    assert (JobName.DETECT.value, ann.owner_id) in await queued(household)
    assert await requested(household, bob.owner_id) == (False, False)
    jobs = household.services.jobs
    async with jobs.database.write() as connection:
        await detections.claim(connection, ann.owner_id, lease="me", now_ms=jobs.now_ms(), lease_ms=1)
    assert await ask(ann, "duplicates") == {**first, "state": "running"}
    household.clock.advance(seconds=60)
    await detect(jobs, ann.owner_id)
    assert await ask(ann, "duplicates") == {**first, "scan_id": 2}


async def test_odd_requests_ask_for_nothing(ann: Person, household: Household) -> None:
    headers = {"Content-Type": "application/json"}
    for body in ODD_BODIES:
        data = body.encode()
        assert await ann.refused("POST", "/scan", data=data, headers=headers) == (400, "bad_request"), body
    assert await ann.refused("POST", "/scan", data=b"\xff\xfe", headers=headers) == (400, "bad_request")
    assert (await ann.refused("POST", "/scan", data="kind=library"))[0] == 415
    assert await requested(household, ann.owner_id) == (False, False)


async def test_the_sums_are_for_anybody_and_ones_own_for_oneself(
    ann: Person, bob: Person, household: Household
) -> None:
    ann.shoot("IMG_1.CR3", "IMG_1.JPG")
    bob.shoot("IMG_1.CR3", "IMG_1.JPG", "OTHER.JPG")
    for person in (ann, bob):
        await ask(person, "library")
        await sync(household.services.jobs, person.owner_id)
    answer = await household.client.get("/side/api/scan/status")
    assert answer.status == 200
    sums = await answer.json()
    assert (sums["scan"]["found"], sums["errors"]) == (5, 0)
    hers, his = await ann.get("/scan/mine"), await bob.get("/scan/mine")
    assert (hers["scan"]["found"], his["scan"]["found"]) == (2, 3)
    assert hers.keys() == sums.keys()
    assert hers["errors"] == []
    answer = await household.client.get("/side/api/scan/mine")
    assert answer.status == 401


async def test_why_something_waits_is_told_without_names(ann: Person, bob: Person, household: Household) -> None:
    ann.shoot("SECRET.CR3", "SECRET.JPG")
    for person in (ann, bob):
        await ask(person, "library")
        await sync(household.services.jobs, person.owner_id)
    await pair(household.services.jobs, ann.owner_id)
    body = '{"message": "There is no SECRET.JPG in /data/Ann/SECRET.JPG"}'
    household.immich.fail("POST", "/stacks", status=503, body=body, times=9)
    await apply(household.services.jobs, ann.owner_id)
    (sentence,) = (await ann.get("/scan/mine"))["errors"]
    assert "503" in sentence
    assert "SECRET" not in sentence
    assert (await bob.get("/scan/mine"))["errors"] == []


async def test_ones_own_status_is_of_now_and_has_rates_of_its_own(ann: Person, household: Household) -> None:
    assert (await ann.get("/scan/mine"))["scan"]["state"] == "none"
    await ask(ann, "library")
    assert (await ann.get("/scan/mine"))["scan"]["state"] == "requested"
    assert (await ann.get("/scan/mine"))["first_scan_done"] is False
    await sync(household.services.jobs, ann.owner_id)
    assert (await ann.get("/scan/mine"))["first_scan_done"] is True


async def test_who_is_not_connected_asks_for_nothing(household: Household, ann: Person) -> None:
    carl = household.immich.add_user("Carl")
    stranger = replace(ann, user=carl, token=household.immich.add_session(carl))
    assert await stranger.refused("POST", "/scan", json={"kind": "library"}) == (409, "not_connected")
    assert await stranger.refused("GET", "/scan/mine") == (409, "not_connected")
