from __future__ import annotations

import asyncio
from typing import Any

import pytest

from sidecar.duplicates.classes import DuplicateClass
from sidecar.handlers.api.duplicate_decisions import OPERATIONS
from sidecar.jobs.duplicates.resolve import resolve
from sidecar.model import Visibility
from sidecar.storage import detections
from tests.handlers.conftest import Household, Person
from tests.handlers.shelves import alike, copies, done, pair, problem, set_of, sets, shelf_of

STALE = (409, "stale_decision")
MISSING = (404, "not_found")
NOBODYS = "00000000-0000-4000-8000-000000000001"


async def resolved(person: Person) -> None:
    await resolve(person.household.services.jobs, person.owner_id)


async def test_a_preview_tells_what_would_happen_and_changes_nothing(household: Household, ann: Person) -> None:
    immich = household.immich
    shelf = shelf_of(ann)
    best = shelf.photo("best.jpg", b"l" * 90)
    said = {"rating": 4, "is_favorite": True, "description": "at sea"}
    copy = shelf.photo("copy.jpg", b"s" * 40, folder="/mnt/a", latitude=1.0, longitude=2.0, width=9000, **said)
    immich.album(ann.user, "Trip", copy)
    immich.album(ann.user, "Family", copy, editors=(household.bob.user,))
    immich.tag(ann.user, "sea", copy)
    immich.link(ann.user, copy)
    await shelf.library.sync()
    await alike(ann, best, copy)
    set_id = await set_of(ann, best, copy)
    answer = await ann.ask("POST", f"/duplicates/{set_id}/preview", json={"keep_ids": [best.id]})
    assert answer.status == 200
    shown = await answer.json()
    assert shown["keep"] == [{"asset_id": best.id, "name": "best.jpg", "size_bytes": 90, "is_member": True}]
    assert shown["trash"] == [{"asset_id": copy.id, "name": "copy.jpg", "size_bytes": 40, "is_member": True}]
    assert shown["gained"] == {
        "albums": ["Family", "Trip"],
        "tag_count": 1,
        "link_count": 1,
        "favorite": True,
        "rating": 4,
        "description": True,
        "place": True,
    }
    assert shown["freed_bytes"] == 40
    (objection,) = shown["objections"]
    assert (objection["code"], objection["asset_ids"], objection["agreement"]) == ("external", [copy.id], "external")
    cautions = {each["code"]: (each["album_names"], each["agreement"]) for each in shown["cautions"]}
    assert cautions == {
        "external": ([], None),
        "fewer_pixels": ([], None),
        "shared_album": (["Family"], None),
        "shared_link": ([], None),
        "place_stays": ([], None),
    }
    assert (shown["agreement_needed"], shown["can_keep"]) == (["external"], False)
    agreed = {"keep_ids": [best.id], "agreement": {"external": True}}
    shown = await (await ann.ask("POST", f"/duplicates/{set_id}/preview", json=agreed)).json()
    assert (shown["objections"], shown["agreement_needed"], shown["can_keep"]) == ([], [], True)
    assert shelf.library.writes() == []
    assert [each["id"] for each in await sets(ann)] == [set_id]


async def test_who_goes_with_a_stack_is_named_though_it_is_no_member(household: Household, ann: Person) -> None:
    shelf = shelf_of(ann)
    one, other = shelf.photo("A.jpg", b"a" * 90), shelf.photo("B.jpg", b"b" * 80)
    beside = shelf.photo("B.CR3", b"r" * 70)
    household.immich.stack(ann.user, other, beside)
    await shelf.library.sync()
    await alike(ann, one, other)
    set_id = await set_of(ann, one, other)
    shown = await (await ann.ask("POST", f"/duplicates/{set_id}/preview", json={"keep_ids": [one.id]})).json()
    assert [(each["name"], each["is_member"]) for each in shown["trash"]] == [("B.jpg", True), ("B.CR3", False)]
    assert [each["code"] for each in shown["objections"]] == ["loses_versions"]
    assert (shown["objections"][0]["agreement"], shown["can_keep"]) == (None, False)
    status, code, detail = await problem(ann, "POST", f"/duplicates/{set_id}/keep", {"keep_ids": [one.id]})
    assert (status, code, detail.partition(":")[0]) == (409, "keep_refused", "loses_versions")


async def test_who_was_locked_meanwhile_is_not_named(household: Household, ann: Person) -> None:
    _, (one, other), set_id = await pair(ann)
    household.immich.set_visibility(other, Visibility.LOCKED)
    answer = await ann.ask("POST", f"/duplicates/{set_id}/preview", json={"keep_ids": [one.id]})
    shown = await answer.json()
    assert (shown["trash"], shown["can_keep"]) == ([], False)
    assert [each["code"] for each in shown["objections"]] == ["changed"]
    assert other.name not in str(shown)


async def test_who_is_gone_cannot_be_kept(household: Household, ann: Person) -> None:
    _, (one, _), set_id = await pair(ann)
    household.immich.trash(one)
    shown = await (await ann.ask("POST", f"/duplicates/{set_id}/preview", json={"keep_ids": [one.id]})).json()
    assert shown["keep"] == [{"asset_id": one.id, "name": None, "size_bytes": None, "is_member": True}]
    assert "keeper_away" in {each["code"] for each in shown["objections"]}
    assert not shown["can_keep"]


async def test_what_is_kept_stays_and_the_rest_goes_to_the_trash(ann: Person) -> None:
    shelf, (one, other), set_id = await pair(ann)
    decided = await done(ann, "POST", f"/duplicates/{set_id}/keep", {"keep_ids": [other.id]})
    assert shelf.library.writes() == []
    assert await sets(ann) == []
    assert (await ann.get(f"/actions/{decided['action_id']}"))["state"] == "waiting"
    await resolved(ann)
    assert (await ann.get(f"/actions/{decided['action_id']}"))["state"] == "done"
    assert shelf.trashed() == [one.name]
    assert await ann.refused("GET", f"/duplicates/{set_id}") == MISSING
    again = await problem(ann, "POST", f"/duplicates/{set_id}/keep", {"keep_ids": [one.id]})
    assert again[:2] == STALE
    assert shelf.trashed() == [one.name]


async def test_files_that_are_named_go_and_the_rest_stays(ann: Person) -> None:
    shelf, (one, other, third) = await copies(ann, *((f"{each}.jpg", b"a" * 9) for each in "ABC"))
    set_id = await set_of(ann, one, other, third)
    await done(ann, "DELETE", f"/duplicates/{set_id}/files", {"asset_ids": [one.id]})
    await resolved(ann)
    assert shelf.trashed() == ["A.jpg"]
    assert (await shelf.form(), (await ann.get("/duplicates/dismissed"))["items"][0]["source"]) == ([], "kept")


async def test_never_do_all_files_go(ann: Person) -> None:
    shelf, (one, other), set_id = await pair(ann)
    refused = await problem(ann, "DELETE", f"/duplicates/{set_id}/files", {"asset_ids": [one.id, other.id]})
    assert (refused[:2], refused[2].partition(":")[0]) == ((409, "keep_refused"), "keeps_nothing")
    assert [each["id"] for each in await sets(ann)] == [set_id]
    assert shelf.library.writes() == []


@pytest.mark.parametrize("foreign", [False, True])
async def test_only_members_can_stay_or_go(ann: Person, bob: Person, foreign: bool) -> None:  # noqa: FBT001
    shelf, (one, _), set_id = await pair(ann)
    other = (await copies(bob, ("Bobs.jpg", b"b")))[1][0].id if foreign else NOBODYS
    kept = await problem(ann, "POST", f"/duplicates/{set_id}/keep", {"keep_ids": [one.id, other]})
    gone = await problem(ann, "DELETE", f"/duplicates/{set_id}/files", {"asset_ids": [one.id, other]})
    for status, code, detail in (kept, gone):
        assert (status, code, detail.partition(":")[0]) == (409, "keep_refused", "not_in_set")
        assert other not in detail
    assert shelf.library.writes() == []
    assert [each["id"] for each in await sets(ann)] == [set_id]


@pytest.mark.parametrize(
    ("verb", "body"),
    [
        pytest.param("keep", {"keep_ids": []}, id="nothing stays"),
        pytest.param("keep", {}, id="nobody is named"),
        pytest.param("keep", {"keep_ids": ["\0"]}, id="an id with a NUL"),
        pytest.param("keep", {"keep_ids": ["x" * 37]}, id="an id too long"),
        pytest.param("keep", {"keep_ids": ["x"], "force": True}, id="an unknown word"),
        pytest.param("keep", {"keep_ids": ["x"], "agreement": {"everything": True}}, id="an unknown agreement"),
        pytest.param("keep", {"keep_ids": ["x"], "agreement": {"external": "yes"}}, id="half an agreement"),
        pytest.param("preview", {"keep_ids": []}, id="nothing to look at"),
        pytest.param("dismiss", {"member_ids": []}, id="no members"),
        pytest.param("dismiss", [], id="no object"),
        pytest.param("undismiss", {"id": "x"}, id="more than nothing"),
    ],
)
async def test_a_body_that_makes_no_sense_is_refused(ann: Person, verb: str, body: object) -> None:
    _, _, set_id = await pair(ann)
    assert await ann.refused("POST", f"/duplicates/{set_id}/{verb}", json=body) == (400, "bad_request")


@pytest.mark.parametrize(
    ("kind", "facts", "agreement", "code"),
    [
        pytest.param(DuplicateClass.FEATURELESS, {}, "little_to_see", "says_little", id="little to see"),
        pytest.param(DuplicateClass.RE_ENCODED, {"folder": "/mnt/a"}, "external", "external", id="a library file"),
    ],
)
async def test_some_decisions_want_an_agreement(
    ann: Person, kind: DuplicateClass, facts: dict[str, Any], agreement: str, code: str
) -> None:
    shelf = shelf_of(ann)
    one, other = shelf.photo("A.jpg", b"a" * 90), shelf.photo("B.jpg", b"b" * 80, **facts)
    await shelf.library.sync()
    await alike(ann, one, other, kind=kind)
    set_id = await set_of(ann, one, other)
    status, refused, detail = await problem(ann, "POST", f"/duplicates/{set_id}/keep", {"keep_ids": [one.id]})
    assert (status, refused, detail.partition(":")[0]) == (409, "keep_refused", code)
    assert shelf.library.writes() == []
    body = {"keep_ids": [one.id], "agreement": {agreement: True}}
    await done(ann, "POST", f"/duplicates/{set_id}/keep", body)
    await resolved(ann)
    assert shelf.trashed() == ["B.jpg"]


async def test_an_album_that_would_lose_the_picture_wants_an_agreement(household: Household, ann: Person) -> None:
    shelf, (one, other), set_id = await pair(ann)
    household.immich.album(household.bob.user, "Theirs", other, viewers=(ann.user,))
    body = {"keep_ids": [one.id]}
    shown = await (await ann.ask("POST", f"/duplicates/{set_id}/preview", json=body)).json()
    assert (shown["objections"], shown["agreement_needed"], shown["can_keep"]) == ([], ["lost_albums"], False)
    status, code, detail = await problem(ann, "POST", f"/duplicates/{set_id}/keep", body)
    assert (status, code, detail.partition(":")[0]) == (409, "keep_refused", "album_refuses")
    assert [each["id"] for each in await sets(ann)] == [set_id]
    agreed = body | {"agreement": {"lost_albums": True}}
    shown = await (await ann.ask("POST", f"/duplicates/{set_id}/preview", json=agreed)).json()
    assert (shown["agreement_needed"], shown["can_keep"]) == ([], True)
    await done(ann, "POST", f"/duplicates/{set_id}/keep", agreed)
    await resolved(ann)
    assert shelf.trashed() == [other.name]


async def test_without_a_trash_nothing_goes(household: Household, ann: Person) -> None:
    shelf, (one, _), set_id = await pair(ann)
    household.immich.set_trash(is_on=False)
    refused = await problem(ann, "POST", f"/duplicates/{set_id}/keep", {"keep_ids": [one.id]})
    assert (refused[:2], refused[2].partition(":")[0]) == ((409, "keep_refused"), "trash_is_off")
    assert shelf.library.writes() == []


async def test_what_changed_in_immich_meanwhile_is_not_decided_about(household: Household, ann: Person) -> None:
    shelf, (one, other), set_id = await pair(ann)
    household.immich.trash(other)
    assert (await problem(ann, "POST", f"/duplicates/{set_id}/keep", {"keep_ids": [one.id]}))[:2] == STALE
    agreed = {"keep_ids": [one.id], "agreement": {"lost_albums": True}}
    assert (await problem(ann, "POST", f"/duplicates/{set_id}/keep", agreed))[:2] == STALE
    assert shelf.library.writes() == []


def bodies(*ids: str) -> dict[str, tuple[str, str, dict[str, Any]]]:
    """What may be said about a set, by the id of the operation."""
    return {
        "previewKeepingDuplicates": ("POST", "preview", {"keep_ids": ids[:1]}),
        "keepDuplicates": ("POST", "keep", {"keep_ids": ids[:1]}),
        "trashDuplicateFiles": ("DELETE", "files", {"asset_ids": ids[:1]}),
        "dismissDuplicates": ("POST", "dismiss", {}),
        "stackDuplicates": ("POST", "stack", {}),
        "undismissDuplicates": ("POST", "undismiss", {}),
    }


VERBS = sorted(bodies())
OF_MEMBERS = [verb for verb in VERBS if verb != "undismissDuplicates"]


def test_every_operation_about_a_set_is_among_those() -> None:
    assert sorted(operation.id for operation in OPERATIONS if "{id}" in operation.path) == VERBS


@pytest.mark.parametrize("verb", VERBS)
async def test_nobody_decides_for_others(ann: Person, bob: Person, verb: str) -> None:
    shelf, rows, set_id = await pair(ann)
    ids = [row.id for row in rows]
    method, path, body = bodies(*ids)[verb]
    nobodys = await problem(bob, method, f"/duplicates/{'0' * 12}/{path}", body)
    assert nobodys[:2] == MISSING
    assert await problem(bob, method, f"/duplicates/{set_id}/{path}", body) == nobodys
    if verb in OF_MEMBERS:
        assert await problem(bob, method, f"/duplicates/{set_id}/{path}", body | {"member_ids": ids}) == nobodys
    assert [each["id"] for each in await sets(ann)] == [set_id]
    await resolved(ann)
    assert shelf.library.writes() == []


@pytest.mark.parametrize("verb", OF_MEMBERS)
async def test_a_set_that_has_changed_is_not_decided_about(ann: Person, verb: str) -> None:
    shelf, rows, set_id = await pair(ann)
    ids = [row.id for row in rows]
    third = shelf.photo("Third.jpg", b"a" * 100)
    await shelf.library.sync()
    await shelf.read(third)
    await shelf.form()
    method, path, body = bodies(*ids)[verb]
    assert (await problem(ann, method, f"/duplicates/{set_id}/{path}", body))[:2] == MISSING
    told = body | {"member_ids": ids}
    assert (await problem(ann, method, f"/duplicates/{set_id}/{path}", told))[:2] == STALE
    other = body | {"member_ids": [*ids, third.id]}
    assert (await problem(ann, method, f"/duplicates/{set_id}/{path}", other))[:2] == MISSING
    assert len(await sets(ann)) == 1
    assert shelf.library.writes() == []


@pytest.mark.parametrize("set_id", ["summary", "%00", "%ED%A0%80", "a" * 3000])
@pytest.mark.parametrize("verb", VERBS)
async def test_what_is_no_set_is_not_found(ann: Person, verb: str, set_id: str) -> None:
    method, path, body = bodies(NOBODYS)[verb]
    assert (await problem(ann, method, f"/duplicates/{set_id}/{path}", body))[:2] == MISSING


async def test_a_dismissed_set_is_listed_no_more_until_that_is_taken_back(ann: Person) -> None:
    shelf, (one, other), set_id = await pair(ann)
    assert (await ann.ask("POST", f"/duplicates/{set_id}/dismiss", json={})).status == 204
    assert await sets(ann) == []
    assert await shelf.form() == []
    (found,) = (await ann.get("/duplicates/dismissed"))["items"]
    assert (found["set_id"], found["source"]) == (set_id, "dismissed")
    assert {each["asset_id"] for each in found["members"]} == {one.id, other.id}
    for verb in OF_MEMBERS:
        method, path, body = bodies(one.id)[verb]
        assert (await problem(ann, method, f"/duplicates/{set_id}/{path}", body))[:2] == STALE
    assert (await ann.ask("POST", f"/duplicates/{set_id}/undismiss", json={})).status == 204
    assert (await ann.get("/duplicates/dismissed"))["items"] == []
    assert [each.id for each in await shelf.form()] == [set_id]
    assert await ann.refused("POST", f"/duplicates/{set_id}/undismiss", json={}) == MISSING
    assert shelf.library.writes() == []


async def test_a_dismissal_is_taken_back_by_its_own_id_and_a_search_is_asked_for(
    household: Household, ann: Person
) -> None:
    _, _, set_id = await pair(ann)
    await ann.ask("POST", f"/duplicates/{set_id}/dismiss", json={})
    (found,) = (await ann.get("/duplicates/dismissed"))["items"]
    assert (await ann.ask("POST", f"/duplicates/{found['id']}/undismiss", json={})).status == 204
    async with household.services.database.read() as connection:
        search = await detections.newest(connection, ann.owner_id)
    assert search is not None
    assert not search.state.is_over


async def test_of_two_who_take_a_dismissal_back_nobody_breaks_anything(ann: Person) -> None:
    shelf, _, set_id = await pair(ann)
    await ann.ask("POST", f"/duplicates/{set_id}/dismiss", json={})
    answers = await asyncio.gather(*(ann.ask("POST", f"/duplicates/{set_id}/undismiss", json={}) for _ in range(2)))
    assert min(each.status for each in answers) == 204
    assert {each.status for each in answers} <= {204, 404, 409}
    assert [each.id for each in await shelf.form()] == [set_id]


async def test_of_many_who_decide_about_one_set_exactly_one_wins(ann: Person) -> None:
    shelf, (one, other), set_id = await pair(ann)
    asked = [
        *(("keep", {"keep_ids": [row.id]}) for row in (one, other) for _ in range(6)),
        *(("dismiss", {}) for _ in range(4)),
        *(("stack", {}) for _ in range(4)),
    ]
    answers = await asyncio.gather(
        *(ann.ask("POST", f"/duplicates/{set_id}/{verb}", json=body) for verb, body in asked)
    )
    statuses = sorted(each.status for each in answers)
    assert (statuses[0] // 100, set(statuses[1:])) == (2, {409})
    codes = {(await each.json())["code"] for each in answers if each.status == 409}
    assert codes <= {"stale_decision", "keep_refused"}
    await resolved(ann)
    await ann.work()
    # Either one copy went, or all were stacked, or nothing was done: never two of these.
    happened = [*shelf.trashed(), *shelf.library.stacks()]
    dismissals = (await ann.get("/duplicates/dismissed"))["items"]
    assert len(happened) == len((await ann.get("/actions"))["items"]) <= 1
    assert len(happened) == 1 or len(dismissals) == 1
    assert not (shelf.trashed() and dismissals)


async def test_twenty_who_decide_at_once_about_different_sets_lose_nothing(ann: Person) -> None:
    named = [(f"{number}{letter}.jpg", bytes([number]) * 20) for number in range(20) for letter in "ab"]
    shelf, rows = await copies(ann, *named)
    pairs = [rows[start : start + 2] for start in range(0, 40, 2)]
    ids = [await set_of(ann, *each) for each in pairs]
    answers = await asyncio.gather(
        *(
            ann.ask("POST", f"/duplicates/{set_id}/keep", json={"keep_ids": [stays.id]})
            for set_id, (stays, _) in zip(ids, pairs, strict=True)
        )
    )
    assert [each.status for each in answers] == [202] * 20
    actions = {(await each.json())["action_id"] for each in answers}
    assert len(actions) == 20
    await resolved(ann)
    assert shelf.trashed() == sorted(gone.name for _, gone in pairs)
    states = {each["id"]: each["state"] for each in (await ann.get("/actions"))["items"]}
    assert states == dict.fromkeys(actions, "done")


async def test_a_cookie_alone_decides_nothing_for_another_site(household: Household, ann: Person) -> None:
    shelf, (one, _), set_id = await pair(ann)
    for method, path, body in bodies(one.id).values():
        answer = await household.client.request(
            method,
            f"/side/api/duplicates/{set_id}/{path}",
            json=body,
            headers={"Cookie": f"immich_access_token={ann.token}", "Sec-Fetch-Site": "cross-site"},
        )
        assert answer.status == 403
    assert [each["id"] for each in await sets(ann)] == [set_id]
    assert shelf.library.writes() == []
