from __future__ import annotations

import asyncio

import pytest

from sidecar.handlers.api.duplicate_decisions import MOST_GROUPS
from sidecar.handlers.api.duplicates import MOST_LISTED
from sidecar.jobs.duplicates.resolve import resolve
from tests.handlers.conftest import Household, Person
from tests.handlers.shelves import copies, done, pair, problem, sets, shelf_of

KEEP = "/duplicates/identical/keep"


async def test_identical_files_are_shown_before_anything_is_done(ann: Person) -> None:
    shelf, (*_, single) = await copies(
        ann, ("A1.jpg", b"a" * 30), ("A2.jpg", b"a" * 30), ("A3.jpg", b"a" * 30), ("B.jpg", b"b" * 30)
    )
    shown = await ann.get("/duplicates/identical")
    assert {key: value for key, value in shown.items() if key not in {"token", "groups"}} == {
        "set_count": 1,
        "group_count": 1,
        "file_count": 2,
        "external_count": 0,
        "freed_bytes": 60,
        "left_alone": [],
        "cautions": [],
    }
    (group,) = shown["groups"]
    assert group["trash_count"] == 2
    assert sorted([group["keep"]["name"], *(each["name"] for each in group["trash"])]) == ["A1.jpg", "A2.jpg", "A3.jpg"]
    assert single.id not in str(shown)
    assert shelf.library.writes() == []
    decided = await done(ann, "POST", KEEP, {"token": shown["token"]})
    assert (len(decided["action_ids"]), shelf.library.writes()) == (1, [])
    await resolve(ann.household.services.jobs, ann.owner_id)
    assert shelf.trashed() == sorted(each["name"] for each in group["trash"])
    assert await sets(ann) == []


async def test_nothing_identical_is_nothing_to_do(ann: Person) -> None:
    shown = await ann.get("/duplicates/identical")
    assert (shown["group_count"], shown["groups"]) == (0, [])
    assert await done(ann, "POST", KEEP, {"token": shown["token"]}) == {"action_ids": []}


async def test_files_of_libraries_are_left_alone_unless_they_are_meant(ann: Person) -> None:
    shelf, (_, library_file) = await copies(ann, ("A1.jpg", b"a" * 30), ("A2.jpg", b"a" * 30), folder="/mnt/photos")
    assert library_file.library_id is not None
    shown = await ann.get("/duplicates/identical")
    assert (shown["group_count"], [(each["code"], each["groups"]) for each in shown["left_alone"]]) == (
        0,
        [("external", 1)],
    )
    meant = await ann.get("/duplicates/identical", params={"external": "true"})
    assert (meant["group_count"], meant["external_count"], meant["left_alone"]) == (1, 1, [])
    assert [each["code"] for each in meant["cautions"]] == ["external"]
    # What was shown without them is not agreed to with them, and not the other way round.
    for token, external in ((shown["token"], True), (meant["token"], False)):
        body = {"token": token, "agreement": {"external": external}}
        assert (await problem(ann, "POST", KEEP, body))[:2] == (409, "stale_decision")
    await done(ann, "POST", KEEP, {"token": meant["token"], "agreement": {"external": True}})
    await resolve(ann.household.services.jobs, ann.owner_id)
    assert len(shelf.trashed()) == 1


async def test_what_changed_since_it_was_shown_is_shown_again(ann: Person) -> None:
    shelf, _, _ = await pair(ann, "A")
    shown = await ann.get("/duplicates/identical")
    await pair(ann, "B", b"b" * 40)
    assert (await problem(ann, "POST", KEEP, {"token": shown["token"]}))[:2] == (409, "stale_decision")
    assert len(await sets(ann)) == 2
    assert shelf.library.writes() == []


async def test_without_a_trash_nothing_goes(household: Household, ann: Person) -> None:
    shelf, _, _ = await pair(ann)
    household.immich.set_trash(is_on=False)
    shown = await ann.get("/duplicates/identical")
    assert [each["code"] for each in shown["left_alone"]] == ["trash_is_off"]
    status, code, detail = await problem(ann, "POST", KEEP, {"token": shown["token"]})
    assert (status, code, detail.partition(":")[0]) == (409, "keep_refused", "trash_is_off")
    assert shelf.library.writes() == []


async def test_of_two_at_once_one_wins(ann: Person) -> None:
    shelf, _, _ = await pair(ann)
    token = (await ann.get("/duplicates/identical"))["token"]
    answers = await asyncio.gather(*(ann.ask("POST", KEEP, json={"token": token}) for _ in range(4)))
    assert sorted(each.status for each in answers) == [202, 409, 409, 409]
    await resolve(ann.household.services.jobs, ann.owner_id)
    assert len(shelf.trashed()) == 1


async def test_much_is_shown_in_part_and_counted_whole(ann: Person) -> None:
    many = [(f"many{number}.jpg", b"m" * 8) for number in range(MOST_LISTED + 2)]
    pairs = [(f"{number}{each}.jpg", bytes([number]) * 9) for number in range(MOST_GROUPS) for each in "ab"]
    await copies(ann, *many, *pairs)
    shown = await ann.get("/duplicates/identical")
    assert (shown["group_count"], len(shown["groups"])) == (MOST_GROUPS + 1, MOST_GROUPS)
    assert all(len(each["trash"]) == min(each["trash_count"], MOST_LISTED) for each in shown["groups"])
    assert max(len(each["trash"]) for each in shown["groups"]) in {1, MOST_LISTED}


async def test_nobody_keeps_for_others(ann: Person, bob: Person) -> None:
    shelf, _, set_id = await pair(ann)
    token = (await ann.get("/duplicates/identical"))["token"]
    assert (await bob.get("/duplicates/identical"))["groups"] == []
    assert (await problem(bob, "POST", KEEP, {"token": token}))[:2] == (409, "stale_decision")
    assert [each["id"] for each in await sets(ann)] == [set_id]
    assert shelf.library.writes() == shelf_of(bob).library.writes() == []


@pytest.mark.parametrize("body", [{}, {"token": ""}, {"token": "x" * 65}, {"token": 1}, {"token": "x", "all": True}])
async def test_a_body_that_makes_no_sense_is_refused(ann: Person, body: object) -> None:
    assert (await problem(ann, "POST", KEEP, body))[:2] == (400, "bad_request")
