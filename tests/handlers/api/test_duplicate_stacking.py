from __future__ import annotations

import asyncio

import pytest

from sidecar.duplicates.classes import DuplicateClass
from sidecar.handlers.api.duplicates import MOST_LISTED
from sidecar.jobs.duplicates.stacking import MOST_STACKED
from sidecar.model import AssetId, Visibility
from sidecar.storage import resolutions
from sidecar.storage.resolutions import Resolution
from tests.handlers.conftest import Household, Person
from tests.handlers.shelves import alike, copies, done, pair, problem, set_of, sets, shelf_of

STALE = (409, "stale_decision")


async def test_all_copies_of_a_set_become_one_stack_with_the_suggested_one_first(ann: Person) -> None:
    shelf, (one, other) = await copies(ann, ("A.jpg", b"a" * 9), ("B.jpg", b"b" * 99))
    await alike(ann, one, other)
    set_id = await set_of(ann, one, other)
    decided = await done(ann, "POST", f"/duplicates/{set_id}/stack", {})
    assert shelf.library.writes() == []
    assert await sets(ann) == []
    assert (await ann.get(f"/actions/{decided['action_id']}"))["what"] == "stack"
    await ann.work()
    assert shelf.library.stacks() == [["B.jpg", "A.jpg"]]
    told = await ann.get(f"/actions/{decided['action_id']}")
    assert (told["state"], told["origin"], told["can_undo"]) == ("done", "user", True)
    assert (shelf.trashed(), await shelf.form()) == ([], [])
    (dismissal,) = (await ann.get("/duplicates/dismissed"))["items"]
    assert dismissal["set_id"] == set_id


async def test_a_stack_of_copies_that_is_taken_back_leaves_them_single_and_dismissed(ann: Person) -> None:
    shelf, _, set_id = await pair(ann)
    decided = await done(ann, "POST", f"/duplicates/{set_id}/stack", {})
    await ann.work()
    await done(ann, "POST", f"/actions/{decided['action_id']}/undo", {})
    await ann.work()
    assert (shelf.library.stacks(), shelf.trashed()) == ([], [])
    assert await shelf.form() == []
    # And the rules leave it so.
    await ann.scan()
    assert shelf.library.stacks() == []


async def test_stacks_of_the_members_become_part_of_the_new_one(household: Household, ann: Person) -> None:
    shelf = shelf_of(ann)
    first = [shelf.photo(name, data) for name, data in (("A.jpg", b"a" * 90), ("A.CR3", b"r" * 300))]
    second = [shelf.photo(name, data) for name, data in (("B.jpg", b"b" * 80), ("B.CR3", b"s" * 200))]
    household.immich.stack(ann.user, *first)
    household.immich.stack(ann.user, *second)
    await shelf.library.sync()
    await alike(ann, first[0], second[0])
    set_id = await set_of(ann, first[0], second[0])
    decided = await done(ann, "POST", f"/duplicates/{set_id}/stack", {})
    await ann.work()
    assert [(stack[0], sorted(stack)) for stack in shelf.library.stacks()] == [
        ("A.jpg", ["A.CR3", "A.jpg", "B.CR3", "B.jpg"])
    ]
    await done(ann, "POST", f"/actions/{decided['action_id']}/undo", {})
    await ann.work()
    assert shelf.library.stacks() == [["A.jpg", "A.CR3"], ["B.jpg", "B.CR3"]]


@pytest.mark.parametrize("is_cover_away", [True, False])
async def test_a_stack_that_hides_a_member_is_left_alone(
    household: Household,
    ann: Person,
    is_cover_away: bool,  # noqa: FBT001
) -> None:
    shelf = shelf_of(ann)
    one, other = shelf.photo("A.jpg", b"a" * 90), shelf.photo("B.jpg", b"b" * 80)
    beside = shelf.photo("C.jpg", b"c" * 70)
    household.immich.stack(ann.user, *((beside, one) if is_cover_away else (one, beside)))
    await shelf.library.sync()
    household.immich.set_visibility(beside, Visibility.HIDDEN)
    await shelf.library.sync()
    await alike(ann, one, other)
    set_id = await set_of(ann, one, other)
    status, code, detail = await problem(ann, "POST", f"/duplicates/{set_id}/stack", {})
    assert (status, code, detail) == (
        409,
        "stack_refused",
        "One of these is in a stack with a picture that is hidden or in the trash.",
    )
    assert [each["id"] for each in await sets(ann)] == [set_id]
    assert shelf.library.writes() == []


async def test_a_stack_has_its_limits(ann: Person) -> None:
    shelf, rows = await copies(ann, *((f"{number}.jpg", b"a" * 9) for number in range(MOST_STACKED + 1)))
    set_id = await set_of(ann, *rows)
    assert len(rows) > MOST_LISTED
    assert (await problem(ann, "POST", f"/duplicates/{set_id}/stack", {}))[:2] == (409, "stack_refused")
    assert shelf.library.writes() == []


@pytest.mark.parametrize("change", ["trashed", "deleted", "stacked", "replaced"])
async def test_a_set_whose_files_changed_is_not_stacked(household: Household, ann: Person, change: str) -> None:
    shelf, (_, other), set_id = await pair(ann)
    match change:
        case "trashed":
            household.immich.trash(other)
        case "deleted":
            household.immich.delete_for_good(other)
            await household.immich.settle()
        case "stacked":
            household.immich.stack(ann.user, other, ann.shoot("X.jpg", at_s=900)[0])
        case _:
            household.immich.state.write(other, thumbhash="AAAA")
    assert (await problem(ann, "POST", f"/duplicates/{set_id}/stack", {}))[:2] == STALE
    assert shelf.library.writes() == []
    assert (await ann.get("/duplicates/dismissed"))["items"] == []


async def test_what_is_about_to_be_stacked_otherwise_waits(ann: Person) -> None:
    shelf = shelf_of(ann)
    one, other = shelf.photo("IMG_1.jpg", b"a" * 90), shelf.photo("Other.jpg", b"b" * 80, at_s=700)
    shelf.photo("IMG_1.CR3", b"r" * 900)
    await shelf.library.sync()
    await alike(ann, one, other)
    await shelf.library.pair()
    set_id = await set_of(ann, one, other)
    assert (await problem(ann, "POST", f"/duplicates/{set_id}/stack", {}))[:2] == STALE
    assert [each["id"] for each in await sets(ann)] == [set_id]
    await ann.work()
    assert [sorted(stack) for stack in shelf.library.stacks()] == [["IMG_1.CR3", "IMG_1.jpg"]]


async def test_what_is_being_decided_is_not_stacked(household: Household, ann: Person) -> None:
    shelf = shelf_of(ann)
    one, other = shelf.photo("A.jpg", b"a" * 90), shelf.photo("B.jpg", b"b" * 80)
    beside = shelf.photo("A.CR3", b"c" * 70)
    household.immich.stack(ann.user, one, beside)
    await shelf.library.sync()
    await alike(ann, one, other)
    set_id = await set_of(ann, one, other)
    jobs = household.services.jobs
    async with jobs.database.write() as connection:
        about = Resolution("r", ann.owner_id, "f" * 12, (AssetId(beside.id),), (AssetId(one.id),))
        await resolutions.intend(connection, [about], now_ms=jobs.now_ms())
    assert (await problem(ann, "POST", f"/duplicates/{set_id}/stack", {}))[:2] == STALE


async def test_of_several_who_stack_one_wins(ann: Person) -> None:
    shelf, _, set_id = await pair(ann)
    answers = await asyncio.gather(*(ann.ask("POST", f"/duplicates/{set_id}/stack", json={}) for _ in range(5)))
    assert sorted(each.status for each in answers) == [202, 409, 409, 409, 409]
    await ann.work()
    assert [len(stack) for stack in shelf.library.stacks()] == [2]
    assert len((await ann.get("/actions"))["items"]) == 1


async def test_even_what_says_little_may_be_stacked(ann: Person) -> None:
    shelf, (one, other) = await copies(ann, ("A.jpg", b"a" * 9), ("B.jpg", b"b" * 99))
    await alike(ann, one, other, kind=DuplicateClass.FEATURELESS)
    await done(ann, "POST", f"/duplicates/{await set_of(ann, one, other)}/stack", {})
    await ann.work()
    assert len(shelf.library.stacks()) == 1
