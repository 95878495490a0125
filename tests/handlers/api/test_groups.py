"""Groups over HTTP: two owners, one API; what the jobs behind it do is tested with them."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import Any

import pytest

from sidecar.demo.immich.rows import AssetRow
from sidecar.demo.immich.stacks import leave_stack
from sidecar.model import Visibility
from sidecar.preferences import Matching
from tests.handlers.conftest import Household, Person

NOBODYS = "00000000-0000-4000-8000-0000000000ff"


@pytest.fixture
def asks_first(household: Household) -> None:
    """Nothing is stacked before somebody agrees."""
    jobs = household.services.jobs
    object.__setattr__(jobs, "matching", Matching(ask_first=True))


def stacks_of(person: Person) -> list[list[str]]:
    """The names in each of the person's stacks, the cover first."""
    state = person.household.immich.state
    shown = []
    for stack in person.household.immich.stacks_of(person.user):
        rows = sorted(state.rows(stack.members), key=lambda row: (row.id != stack.primary_id, row.name))
        shown.append([row.name for row in rows])
    return sorted(shown)


def names(item: dict[str, Any]) -> list[str]:
    return [member["name"] for member in item["members"]]


async def only(person: Person, **query: Any) -> dict[str, Any]:
    page = await person.get("/groups", params=query)
    (item,) = page["items"]
    assert item == await person.get(f"/groups/{item['id']}")
    found: dict[str, Any] = item
    return found


async def posted(person: Person, path: str, body: object, *, status: int = 202) -> Any:
    answer = await person.ask("POST", path, json=body)
    assert answer.status == status, await answer.text()
    return await answer.json() if status != 204 else None


async def test_a_stack_of_ours_is_told_with_all_that_is_known_of_it(ann: Person, bob: Person) -> None:
    raw, jpeg = ann.shoot("IMG_1.CR3", "IMG_1.JPG")
    await ann.scan()
    await bob.scan()
    item = await only(ann)
    assert (item["state"], item["type"], item["is_ours"]) == ("stacked", "raw_jpeg", True)
    assert item["primary_id"] == jpeg.id
    assert [(member["asset_id"], member["format"], member["is_primary"]) for member in item["members"]] == [
        (jpeg.id, "jpeg", True),
        (raw.id, "raw", False),
    ]
    assert item["members"][0].keys() == {
        *("asset_id", "name", "format", "kind", "size_bytes", "width", "height", "duration_ms"),
        *("taken_local_ms", "is_primary", "visibility", "is_trashed"),
    }
    assert {"code": "same_name", "detail": "img_1", "sentence": "one name: img_1"} in item["reasons"]
    assert await bob.get("/groups") == {"items": [], "next_cursor": None}


@pytest.mark.usefixtures("asks_first")
async def test_a_proposal_is_told_with_its_doubt_first(ann: Person) -> None:
    raw, jpeg = ann.shoot("IMG_1.CR3", "IMG_1.JPG")
    await ann.scan()
    item = await only(ann, state="proposed", kind="raw_jpeg")
    assert (item["state"], item["type"], item["is_ours"]) == ("proposed", "raw_jpeg", True)
    assert item["primary_id"] == jpeg.id
    assert {member["asset_id"] for member in item["members"]} == {raw.id, jpeg.id}
    assert item["reasons"][0] == {"code": "ask_first", "detail": "", "sentence": "you want to be asked first"}


async def test_kinds_and_states_choose_what_is_listed_and_may_be_several(ann: Person) -> None:
    ann.shoot("IMG_1.CR3", "IMG_1.JPG")
    ann.shoot("IMG_2.JPG", "IMG_2-Edit.tif", at_s=60)
    one, other = ann.shoot("A.JPG", "B.JPG", at_s=120)
    ann.household.immich.stack(ann.user, one, other)
    await ann.scan()

    async def listed(**query: Any) -> list[list[str]]:
        return [names(item) for item in (await ann.get("/groups", params=query))["items"]]

    raws, edits, by_hand = ["IMG_1.JPG", "IMG_1.CR3"], ["IMG_2-Edit.tif", "IMG_2.JPG"], ["A.JPG", "B.JPG"]
    assert await listed() == [by_hand, edits, raws]
    assert await listed(kind="stack") == [by_hand]
    assert await listed(kind="edited") == [edits]
    assert await listed(kind=["edited", "raw_jpeg"]) == [edits, raws]
    assert await listed(kind=["stack", "raw_jpeg"]) == [by_hand, raws]
    assert await listed(kind="burst") == []
    assert await listed(state="stacked") == [by_hand, edits, raws]
    assert await listed(state=["proposed", "repair"]) == []


@pytest.mark.parametrize(
    ("query", "code"),
    [
        pytest.param({"kind": "nonsense"}, "bad_request", id="an unknown kind"),
        pytest.param({"state": "nonsense"}, "bad_request", id="an unknown state"),
        pytest.param({"limit": "0"}, "bad_request", id="no page at all"),
        pytest.param({"limit": "101"}, "bad_request", id="too large a page"),
        pytest.param({"cursor": "nonsense"}, "bad_cursor", id="a made-up cursor"),
        pytest.param({"who": "me"}, "bad_request", id="an unknown parameter"),
    ],
)
async def test_a_list_that_cannot_be_is_refused(ann: Person, query: dict[str, str], code: str) -> None:
    assert await ann.refused("GET", "/groups", params=query) == (400, code)


async def test_pages_follow_each_other_without_gap_or_repeat_and_only_in_their_own_list(ann: Person) -> None:
    for number in range(5):
        # Two of one moment each: time alone does not order them.
        ann.shoot(f"IMG_{number}.CR3", f"IMG_{number}.JPG", at_s=60 * (number // 2))
    await ann.scan()
    every = (await ann.get("/groups"))["items"]
    assert len(every) == 5
    found, cursor = [], None
    while True:
        page = await ann.get("/groups", params={"limit": 2} | ({"cursor": cursor} if cursor else {}))
        found += page["items"]
        cursor = page["next_cursor"]
        if cursor is None:
            break
        of_other_list = {"cursor": cursor, "kind": "raw_jpeg"}
        assert await ann.refused("GET", "/groups", params=of_other_list) == (400, "bad_cursor")
    assert found == every
    times = [item["members"][0]["taken_local_ms"] for item in every]
    assert times == sorted(times, reverse=True)


@pytest.mark.parametrize("by_hand", [pytest.param(False, id="ours"), pytest.param(True, id="the user's own")])
async def test_a_cover_chosen_here_is_the_cover_in_immich_and_stays_it(ann: Person, *, by_hand: bool) -> None:
    raw, jpeg = ann.shoot("IMG_1.CR3", "IMG_1.JPG")
    if by_hand:
        ann.household.immich.stack(ann.user, jpeg, raw)
    await ann.scan()
    item = await only(ann)
    assert item["is_ours"] is not by_hand
    wish = {"asset_id": raw.id, "revision": item["revision"]}
    answer = await posted(ann, f"/groups/{item['id']}/primary", wish)
    assert answer.keys() == {"action_id"}
    # Before it is carried out, nobody decides on what was there.
    assert await ann.refused("POST", f"/groups/{item['id']}/primary", json=wish) == (409, "stale_decision")
    await ann.work()
    assert stacks_of(ann) == [["IMG_1.CR3", "IMG_1.JPG"]]
    await ann.scan()
    after = await only(ann)
    assert (after["id"], after["primary_id"], after["is_ours"]) == (item["id"], raw.id, item["is_ours"])
    assert after["revision"] != item["revision"]
    assert await ann.refused("POST", f"/groups/{item['id']}/primary", json=wish) == (409, "stale_decision")


@pytest.mark.parametrize("by_hand", [pytest.param(False, id="ours"), pytest.param(True, id="the user's own")])
async def test_a_group_taken_apart_here_stays_apart(ann: Person, *, by_hand: bool) -> None:
    raw, jpeg = ann.shoot("IMG_1.CR3", "IMG_1.JPG")
    if by_hand:
        ann.household.immich.stack(ann.user, jpeg, raw)
    await ann.scan()
    item = await only(ann)
    await posted(ann, f"/groups/{item['id']}/unstack", {"revision": item["revision"]})
    assert await ann.refused("POST", f"/groups/{item['id']}/unstack", json={"revision": item["revision"]}) == (
        409,
        "stale_decision",
    )
    await ann.work()
    await ann.scan()
    assert stacks_of(ann) == []
    assert (await ann.get("/groups"))["items"] == []
    assert await ann.refused("GET", f"/groups/{item['id']}") == (404, "not_found")


@pytest.mark.usefixtures("asks_first")
async def test_an_accepted_proposal_becomes_a_stack(ann: Person) -> None:
    raw, _ = ann.shoot("IMG_1.CR3", "IMG_1.JPG")
    await ann.scan()
    item = await only(ann)
    await posted(ann, f"/groups/{item['id']}/accept", {"revision": item["revision"], "cover": raw.id})
    await ann.work()
    assert stacks_of(ann) == [["IMG_1.CR3", "IMG_1.JPG"]]
    assert (await only(ann))["state"] == "stacked"


async def test_of_a_proposal_a_part_can_be_accepted(ann: Person) -> None:
    one, _, jpeg = ann.shoot("IMG_1.CR3", "IMG_1.NEF", "IMG_1.JPG", make=None, model=None)
    ann.shoot("IMG_1.JPG", make=None, model=None)
    await ann.scan()
    items = (await ann.get("/groups"))["items"]
    item = next(each for each in items if jpeg.id in {member["asset_id"] for member in each["members"]})
    wish = {"revision": item["revision"], "member_ids": [one.id, jpeg.id, jpeg.id]}
    await posted(ann, f"/groups/{item['id']}/accept", wish)
    await ann.work()
    assert stacks_of(ann) == [["IMG_1.JPG", "IMG_1.CR3"]]


@pytest.mark.usefixtures("asks_first")
async def test_a_rejected_proposal_is_not_made_again(ann: Person) -> None:
    ann.shoot("IMG_1.CR3", "IMG_1.JPG")
    await ann.scan()
    item = await only(ann)
    await posted(ann, f"/groups/{item['id']}/reject", {"revision": item["revision"]}, status=204)
    await ann.work()
    await ann.scan()
    assert (await ann.get("/groups"))["items"] == []
    assert stacks_of(ann) == []


@pytest.mark.usefixtures("asks_first")
@pytest.mark.parametrize("verb", ["accept", "reject"])
async def test_a_proposal_that_is_another_one_by_now_is_not_decided(ann: Person, verb: str) -> None:
    ann.shoot("IMG_1.CR3", "IMG_1.JPG")
    await ann.scan()
    item = await only(ann)
    path = f"/groups/{item['id']}/{verb}"
    assert await ann.refused("POST", path, json={"revision": "another"}) == (409, "stale_decision")
    assert await only(ann) == item
    await ann.ask("POST", path, json={"revision": item["revision"]})
    status, code = await ann.refused("POST", path, json={"revision": item["revision"]})
    assert (status, code) in {(409, "stale_decision"), (404, "not_found")}


@pytest.mark.usefixtures("asks_first")
async def test_who_is_not_in_the_group_cannot_be_chosen(ann: Person, bob: Person) -> None:
    ann.shoot("IMG_1.CR3", "IMG_1.JPG")
    (bobs,) = bob.shoot("IMG_1.PNG")
    await ann.scan()
    await bob.scan()
    item = await only(ann)
    revision, mine = item["revision"], item["primary_id"]
    for stranger in (bobs.id, NOBODYS):
        for choice in ({"member_ids": [mine, stranger]}, {"cover": stranger}):
            body = {"revision": revision, **choice}
            assert await ann.refused("POST", f"/groups/{item['id']}/accept", json=body) == (400, "bad_choice")
    body = {"revision": revision, "member_ids": [mine, mine]}
    assert await ann.refused("POST", f"/groups/{item['id']}/accept", json=body) == (400, "bad_choice")
    await posted(ann, f"/groups/{item['id']}/accept", {"revision": revision})
    await ann.work()
    item = await only(ann)
    for stranger in (bobs.id, NOBODYS):
        body = {"revision": item["revision"], "asset_id": stranger}
        assert await ann.refused("POST", f"/groups/{item['id']}/primary", json=body) == (400, "bad_choice")


async def test_what_is_proposed_is_no_stack_and_what_is_stacked_no_proposal(ann: Person) -> None:
    ann.shoot("IMG_1.CR3", "IMG_1.JPG")
    ann.shoot("IMG_2.CR3", "IMG_2", at_s=60)
    await ann.scan()
    proposal, stack = (await ann.get("/groups"))["items"]
    assert (proposal["state"], stack["state"]) == ("proposed", "stacked")
    for verb, item, code in (
        ("primary", proposal, "not_stacked"),
        ("unstack", proposal, "not_stacked"),
        ("accept", stack, "not_proposed"),
        ("reject", stack, "not_proposed"),
    ):
        body = {"revision": item["revision"]} | ({"asset_id": item["primary_id"]} if verb == "primary" else {})
        assert await ann.refused("POST", f"/groups/{item['id']}/{verb}", json=body) == (409, code)


@pytest.mark.parametrize(
    "hide",
    [
        pytest.param(lambda immich, row: immich.trash(row), id="in the trash"),
        pytest.param(lambda immich, row: immich.set_visibility(row, Visibility.ARCHIVE), id="archived alone"),
    ],
)
async def test_a_member_that_is_not_shown_is_no_cover(ann: Person, hide: Callable[[Any, AssetRow], None]) -> None:
    raw, _ = ann.shoot("IMG_1.CR3", "IMG_1.JPG")
    await ann.scan()
    hide(ann.household.immich, raw)
    await ann.scan()
    items = (await ann.get("/groups"))["items"]
    for item in items:
        body = {"asset_id": raw.id, "revision": item["revision"]}
        status, _ = await ann.refused("POST", f"/groups/{item['id']}/primary", json=body)
        assert status in {400, 409}
    assert all(row[0] == "IMG_1.JPG" for row in stacks_of(ann))


async def test_a_broken_stack_is_listed_with_its_cover_and_mended_as_proposed(ann: Person) -> None:
    _, jpeg = ann.shoot("IMG_1.CR3", "IMG_1.JPG")
    await ann.scan()
    ann.household.immich.trash(jpeg)
    await ann.scan()
    item = await only(ann, state="repair")
    assert (item["type"], item["is_ours"]) == ("raw_jpeg", True)
    assert [(each["name"], each["is_primary"], each["is_trashed"]) for each in item["members"]] == [
        ("IMG_1.CR3", True, False),
        ("IMG_1.JPG", False, True),
    ]
    assert item["reasons"][0]["code"] == "hidden_cover"
    assert item == await only(ann, state="repair", kind="raw_jpeg")
    assert (await ann.get("/groups", params={"state": "repair", "kind": "burst"}))["items"] == []
    body = {"revision": item["revision"], "cover": jpeg.id}
    assert await ann.refused("POST", f"/groups/{item['id']}/accept", json=body) == (400, "bad_choice")
    assert not item["is_pending"]
    await posted(ann, f"/groups/{item['id']}/accept", {"revision": item["revision"]})
    assert [each["is_pending"] for each in (await ann.get("/groups"))["items"]] == [True, True]
    assert (await ann.get(f"/groups/{item['id']}"))["is_pending"]
    await ann.work()
    assert stacks_of(ann) == [["IMG_1.CR3", "IMG_1.JPG"]]
    assert [each["is_pending"] for each in (await ann.get("/groups"))["items"]] == []


ROUTES = [
    pytest.param("GET", "", None, id="get"),
    pytest.param("POST", "/primary", {"asset_id": NOBODYS, "revision": "x"}, id="primary"),
    pytest.param("POST", "/unstack", {"revision": "x"}, id="unstack"),
    pytest.param("POST", "/accept", {"revision": "x"}, id="accept"),
    pytest.param("POST", "/reject", {"revision": "x"}, id="reject"),
]


@pytest.mark.parametrize(("method", "verb", "body"), ROUTES)
async def test_what_is_somebody_elses_is_nobodys(
    ann: Person, bob: Person, method: str, verb: str, body: object
) -> None:
    ann.shoot("IMG_1.CR3", "IMG_1.JPG")
    ann.shoot("IMG_2.CR3", "IMG_2", at_s=60)
    await ann.scan()
    await bob.scan()
    proposal, stack = (await ann.get("/groups"))["items"]
    native = ann.household.immich.stacks_of(ann.user)[0].id
    for group_id in (proposal["id"], stack["id"], native, NOBODYS, "%00", "x" * 99, "%F0%9F%A6%84", "bulk", "%27"):
        request = {} if body is None else {"json": body}
        assert await bob.refused(method, f"/groups/{group_id}{verb}", **request) == (404, "not_found"), group_id
    assert len((await ann.get("/groups"))["items"]) == 2


@pytest.mark.usefixtures("asks_first")
@pytest.mark.parametrize("verdict", ["accept", "reject"])
async def test_several_are_decided_and_a_bad_one_stops_no_other(ann: Person, bob: Person, verdict: str) -> None:
    for number in range(3):
        ann.shoot(f"IMG_{number}.CR3", f"IMG_{number}.JPG", at_s=60 * number)
    bob.shoot("IMG_9.CR3", "IMG_9.JPG")
    await ann.scan()
    await bob.scan()
    one, two, three = (await ann.get("/groups"))["items"]
    bobs = await only(bob)
    items = [
        {"id": one["id"], "revision": one["revision"]},
        {"id": two["id"], "revision": "another"},
        {"id": bobs["id"], "revision": bobs["revision"]},
        {"id": "' OR 1=1 --", "revision": "x"},
        {"id": three["id"], "revision": three["revision"]},
        {"id": one["id"], "revision": one["revision"]},
    ]
    answer = await posted(ann, "/groups/bulk", {"verdict": verdict, "items": items})
    done, refused = f"{verdict}ed", "refused"
    assert [(each["outcome"], each["code"]) for each in answer["items"]] == [
        (done, None),
        (refused, "stale_decision"),
        (refused, "not_found"),
        (refused, "not_found"),
        (done, None),
        # What is rejected is proposed no more; what is accepted waits to be written.
        (refused, "stale_decision" if verdict == "accept" else "not_found"),
    ]
    assert [each["id"] for each in answer["items"]] == [each["id"] for each in items]
    assert all((each["action_id"] is not None) == (each["outcome"] == "accepted") for each in answer["items"])
    await ann.work()
    made = [["IMG_0.JPG", "IMG_0.CR3"], ["IMG_2.JPG", "IMG_2.CR3"]]
    assert stacks_of(ann) == (made if verdict == "accept" else [])
    assert [names(each) for each in (await ann.get("/groups", params={"state": "proposed"}))["items"]] == [
        ["IMG_1.JPG", "IMG_1.CR3"]
    ]
    assert stacks_of(bob) == []


@pytest.mark.parametrize(
    "body",
    [
        pytest.param({"verdict": "accept", "items": []}, id="none"),
        pytest.param({"verdict": "maybe", "items": [{"id": "x", "revision": "x"}]}, id="an unknown word"),
        pytest.param({"verdict": "accept", "items": [{"id": "x", "revision": "x"}] * 501}, id="too many"),
        pytest.param({"verdict": "accept", "items": [{"id": "x"}]}, id="without a revision"),
    ],
)
async def test_what_cannot_be_decided_at_once_is_refused(ann: Person, body: object) -> None:
    assert await ann.refused("POST", "/groups/bulk", json=body) == (400, "bad_request")


async def test_twenty_decide_at_once_and_of_two_about_one_group_one_wins(ann: Person) -> None:
    for number in range(19):
        ann.shoot(f"IMG_{number:02}.CR3", f"IMG_{number:02}.JPG", at_s=60 * number)
    await ann.scan()
    items = (await ann.get("/groups"))["items"]
    raws = [next(each["asset_id"] for each in item["members"] if not each["is_primary"]) for item in items]
    wishes = [
        ("primary", item, {"asset_id": raw, "revision": item["revision"]})
        if place % 2
        else ("unstack", item, {"revision": item["revision"]})
        for place, (item, raw) in enumerate(zip(items, raws, strict=True))
    ]
    wishes.append(("primary", items[0], {"asset_id": raws[0], "revision": items[0]["revision"]}))
    answers = await asyncio.gather(
        *(ann.ask("POST", f"/groups/{item['id']}/{verb}", json=body) for verb, item, body in wishes)
    )
    statuses = [answer.status for answer in answers]
    assert sorted((statuses[0], statuses[-1])) == [202, 409]
    assert statuses[1:-1] == [202] * 18, [await answer.text() for answer in answers]
    await ann.work()
    await ann.scan()
    first = names(items[0])
    is_apart = statuses[0] == 202
    expected = sorted(
        ([[*reversed(first)]] if not is_apart else [])
        + [[*reversed(names(item))] for place, item in enumerate(items) if place % 2]
    )
    assert stacks_of(ann) == expected


async def test_what_changed_in_immich_meanwhile_is_left_alone_and_said(ann: Person) -> None:
    *_, png = ann.shoot("IMG_1.CR3", "IMG_1.JPG", "IMG_1.PNG")
    await ann.scan()
    item = await only(ann)
    answer = await posted(ann, f"/groups/{item['id']}/unstack", {"revision": item["revision"]})
    assert png.stack_id is not None
    leave_stack(ann.household.immich.state, png, png.stack_id)
    await ann.work()
    assert stacks_of(ann) == [["IMG_1.JPG", "IMG_1.CR3"]]
    action = await ann.get(f"/actions/{answer['action_id']}")
    assert action["state"] == "withdrawn"
