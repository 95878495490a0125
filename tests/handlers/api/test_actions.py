from __future__ import annotations

import asyncio
from typing import Any

import pytest

from sidecar.handlers.api.paging import encode_cursor
from sidecar.jobs.review import accept
from sidecar.model import AssetId, GroupId, Stack, StackId
from sidecar.storage import findings, journal, resolutions
from sidecar.storage.findings import FOR_A_PERSON
from sidecar.storage.journal import Action, ActionKind
from sidecar.storage.resolutions import ResolutionState
from tests.handlers.conftest import Household, Person
from tests.jobs.duplicates.album import Shelf
from tests.jobs.household import Library

NOBODYS = "00000000-0000-4000-8000-000000000001"


def library_of(person: Person) -> Library:
    household = person.household
    return Library(household.immich, person.user, household.services.jobs, household.clock)


async def actions(person: Person, **query: Any) -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = (await person.get("/actions", params=query))["items"]
    return found


async def action(person: Person, action_id: str) -> dict[str, Any]:
    found: dict[str, Any] = await person.get(f"/actions/{action_id}")
    return found


async def undo(person: Person, action_id: str) -> tuple[int, dict[str, Any]]:
    answer = await person.ask("POST", f"/actions/{action_id}/undo", json={})
    return answer.status, await answer.json()


async def begun(person: Person, action_id: str) -> str:
    status, body = await undo(person, action_id)
    assert status == 202, body
    undone_by: str = body["action_id"]
    return undone_by


def stacks(person: Person) -> list[list[str]]:
    return library_of(person).stacks()


async def pair_of(person: Person) -> dict[str, Any]:
    """The one action that has stacked a RAW with its picture."""
    person.shoot("IMG_1.CR3", "IMG_1.JPG")
    await person.scan()
    (found,) = await actions(person)
    return found


async def decided(person: Person) -> tuple[Shelf, str]:
    """Of two copies one is to stay."""
    shelf = Shelf(library_of(person))
    one, other = shelf.photo("A.jpg", b"a" * 100), shelf.photo("B.jpg", b"a" * 100)
    await shelf.library.scan()
    await shelf.read(one, other)
    return shelf, (await shelf.keep(one)).id


def write(
    action_id: str, person: Person, kind: ActionKind, ids: tuple[AssetId, ...], *, before: tuple[Stack, ...] = ()
) -> Action:
    return Action(action_id, person.owner_id, GroupId(""), "stem", kind, ids, before, known_at_ms=0, members_at_ms=0)


async def intend(person: Person, *new: Action) -> None:
    jobs = person.household.services.jobs
    async with jobs.database.write() as connection:
        await journal.intend(connection, new, now_ms=jobs.now_ms())


async def test_what_was_stacked_is_told_with_its_pictures(ann: Person) -> None:
    before_ms = ann.household.clock.now_ms
    found = await pair_of(ann)
    assert before_ms < found["at_ms"] < found["ended_at_ms"]
    ids = {row.name: row.id for row in ann.household.immich.state.assets.values()}
    assert found == {
        "id": found["id"],
        "what": "stack",
        "state": "done",
        "origin": "rules",
        "members": [
            {"asset_id": ids["IMG_1.JPG"], "name": "IMG_1.JPG", "role": "cover"},
            {"asset_id": ids["IMG_1.CR3"], "name": "IMG_1.CR3", "role": "member"},
        ],
        "member_count": 2,
        "at_ms": found["at_ms"],
        "ended_at_ms": found["ended_at_ms"],
        "error": None,
        "can_undo": True,
        "undone_by": None,
    }
    assert await action(ann, found["id"]) == found


async def test_a_stack_is_taken_back_and_that_is_taken_back(ann: Person) -> None:
    first = await pair_of(ann)
    undone_by = await begun(ann, first["id"])
    waiting = await action(ann, first["id"])
    assert (waiting["state"], waiting["can_undo"], waiting["undone_by"]) == ("undoing", False, undone_by)
    taking_back = await action(ann, undone_by)
    assert [taking_back[key] for key in ("what", "state", "origin", "can_undo")] == ["undo", "waiting", "user", False]
    assert [each["id"] for each in await actions(ann, state="undoing")] == [first["id"]]
    assert stacks(ann) != []
    await ann.work()
    assert stacks(ann) == []
    assert (await action(ann, first["id"]))["state"] == "undone"
    assert (await action(ann, undone_by))["can_undo"] is True
    redone_by = await begun(ann, undone_by)
    await ann.work()
    assert stacks(ann) == [["IMG_1.JPG", "IMG_1.CR3"]]
    again = await action(ann, first["id"])
    assert (again["state"], again["undone_by"], again["can_undo"]) == ("done", None, True)
    assert [each["id"] for each in await actions(ann)] == [redone_by, undone_by, first["id"]]
    listed = {state: [each["id"] for each in await actions(ann, state=state)] for state in ("done", "undone")}
    assert listed == {"done": [redone_by, first["id"]], "undone": [undone_by]}


async def test_a_decision_about_duplicates_is_told_and_taken_back(ann: Person) -> None:
    shelf, decision_id = await decided(ann)
    found = await action(ann, decision_id)
    assert [found[key] for key in ("what", "state", "origin", "can_undo")] == ["duplicates", "waiting", "user", False]
    assert [(each["name"], each["role"]) for each in found["members"]] == [("A.jpg", "kept"), ("B.jpg", "trashed")]
    status, refusal = await undo(ann, decision_id)
    assert (status, refusal["detail"]) == (409, "It cannot be taken back: it is still being carried out.")
    await shelf.resolve()
    assert shelf.trashed() == ["B.jpg"]
    found = await action(ann, decision_id)
    assert [found[key] for key in ("state", "can_undo", "undone_by", "error")] == ["done", True, None, None]
    assert await begun(ann, decision_id) == decision_id
    found = await action(ann, decision_id)
    assert [found[key] for key in ("state", "can_undo", "undone_by")] == ["undoing", False, decision_id]
    assert found["ended_at_ms"] is None
    assert (await undo(ann, decision_id))[0] == 409
    await shelf.resolve()
    assert shelf.trashed() == []
    found = await action(ann, decision_id)
    assert [found[key] for key in ("state", "can_undo", "undone_by")] == ["undone", False, decision_id]
    status, refusal = await undo(ann, decision_id)
    assert (status, refusal["code"], refusal["detail"]) == (
        409,
        "stale_decision",
        "It cannot be taken back: taken back already.",
    )


async def test_what_was_deleted_for_good_does_not_come_back(ann: Person) -> None:
    shelf, decision_id = await decided(ann)
    await shelf.resolve()
    (gone,) = [row for row in ann.household.immich.state.assets.values() if row.deleted_us is not None]
    ann.household.immich.delete_for_good(gone)
    await ann.household.immich.settle()
    status, refusal = await undo(ann, decision_id)
    assert (status, refusal["detail"]) == (409, "It cannot be taken back: what went was deleted for good meanwhile.")
    assert (await action(ann, decision_id))["state"] == "done"


async def test_of_what_failed_only_a_remainder_can_be_taken_back(ann: Person) -> None:
    _, decision_id = await decided(ann)
    jobs = ann.household.services.jobs
    for step, can_undo in ((None, False), ('{"is_trashing": true}', True)):
        async with jobs.database.write() as connection:
            await connection.exec_driver_sql(
                "UPDATE resolutions SET state = 'failed', ended_at_ms = 5, error = 'in /data/A.jpg: no', step = ?",
                (step,),
            )
        found = await action(ann, decision_id)
        assert (found["state"], found["can_undo"]) == ("failed", can_undo)
        assert found["error"] == {"code": "failed", "sentence": "in … no"}


async def test_the_history_is_one_by_time_and_comes_in_pages(ann: Person, bob: Person) -> None:
    shelf, decision_id = await decided(ann)
    await shelf.resolve()
    for number in range(5):
        ann.shoot(f"IMG_{number}.CR3", f"IMG_{number}.JPG", at_s=number * 100)
    await ann.scan()
    await pair_of(bob)
    every = await actions(ann)
    assert len(every) == 6
    assert [each["at_ms"] for each in every] == sorted((each["at_ms"] for each in every), reverse=True)
    assert every[-1]["id"] == decision_id
    for limit in (1, 2, 5, 6):
        paged: list[dict[str, Any]] = []
        cursor: str | None = None
        while cursor is not None or not paged:
            page = await ann.get("/actions", params={"limit": limit, **({"cursor": cursor} if cursor else {})})
            assert len(page["items"]) <= limit
            paged += page["items"]
            cursor = page["next_cursor"]
        assert paged == every


PARTS = [
    ({}, ["duplicates", "undo", "stack", "stack"]),  # everything
    ({"what": "duplicates"}, ["duplicates"]),  # duplicates
    ({"what": "stack"}, ["stack", "stack"]),  # stacks
    ({"what": "undo"}, ["undo"]),  # undone stacks
    ({"what": "cover"}, []),  # no covers
    ({"what": "unstack"}, []),  # nothing taken apart
    ({"origin": "rules"}, ["stack", "stack"]),  # by rules
    ({"origin": "user"}, ["duplicates", "undo"]),  # by the user
    ({"state": "done"}, ["undo", "stack"]),  # done
    ({"state": "undone"}, ["stack"]),  # taken back
    ({"state": "undoing"}, []),  # being taken back
    ({"state": "waiting"}, ["duplicates"]),  # waiting
    ({"state": "running"}, []),  # running
    ({"state": "failed"}, []),  # failed
    ({"state": "withdrawn"}, []),  # withdrawn
    ({"state": "done", "what": "stack", "origin": "rules"}, ["stack"]),  # several filters
    ({"state": "undone", "what": "duplicates"}, []),  # filters that nothing passes
]
"""A question, and what of the actions it tells, the latest first."""


async def test_it_is_told_in_parts(ann: Person) -> None:
    ann.shoot("IMG_1.CR3", "IMG_1.JPG")
    ann.shoot("IMG_2.CR3", "IMG_2.JPG", at_s=100)
    await ann.scan()
    await begun(ann, (await actions(ann))[0]["id"])
    await ann.work()
    await decided(ann)
    for query, expected in PARTS:
        assert [each["what"] for each in await actions(ann, **query)] == expected, query


async def test_more_that_was_taken_back_than_fits_a_page_is_passed_over(
    ann: Person, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("sidecar.jobs.history._AT_ONCE", 2)
    for number in range(6):
        ann.shoot(f"IMG_{number}.CR3", f"IMG_{number}.JPG", at_s=number * 100)
    await ann.scan()
    latest = [each["id"] for each in await actions(ann)]
    for action_id in latest[:4]:
        await begun(ann, action_id)
    await ann.work()
    found = await actions(ann, state="done", what="stack", limit=1)
    assert [each["id"] for each in found] == latest[4:5]
    assert [each["id"] for each in await actions(ann, state="done", what="stack")] == latest[4:]
    assert [each["id"] for each in await actions(ann, state="undone", limit=3)] == latest[:3]


async def test_of_many_pictures_the_first_are_named_and_all_are_counted(ann: Person) -> None:
    rows = ann.shoot(*(f"DSC_{number:04}.JPG" for number in range(30)))
    ann.household.immich.stack(ann.user, *rows)
    await ann.scan()
    await intend(ann, write("many", ann, ActionKind.CREATE_STACK, tuple(AssetId(row.id) for row in rows)))
    found = await action(ann, "many")
    assert (len(found["members"]), found["member_count"]) == (20, 30)
    assert found["members"][0]["role"] == "cover"


@pytest.mark.parametrize("act", ["covered", "taken apart", "grown", "deleted", "made anew", "trashed"])
async def test_what_no_longer_fits_is_refused_and_nothing_is_changed(ann: Person, act: str) -> None:
    first = await pair_of(ann)
    immich = ann.household.immich
    raw, jpeg = (row for row in immich.state.assets.values())
    (stack,) = immich.stacks_of(ann.user)
    (other,) = ann.shoot("OTHER.JPG")
    match act:
        case "covered":
            immich.state.write_primary(stack, raw.id)
        case "taken apart":
            immich.unstack(stack)
        case "grown":
            immich.stack(ann.user, jpeg, raw, other)
        case "deleted":
            immich.delete_for_good(jpeg)
            await immich.settle()
        case "trashed":
            immich.trash(raw)
        case _:
            immich.unstack(stack)
            immich.stack(ann.user, jpeg, raw)
    before = await actions(ann)
    status, refusal = await undo(ann, first["id"])
    assert (status, refusal["code"]) == (409, "stale_decision")
    expected = "One of the pictures was deleted" if act == "deleted" else "What it made has changed"
    assert refusal["detail"].startswith(expected)
    assert await actions(ann) == before


async def test_what_the_mirror_knows_to_be_changed_cannot_be_undone(ann: Person) -> None:
    first = await pair_of(ann)
    (stack,) = ann.household.immich.stacks_of(ann.user)
    ann.household.immich.unstack(stack)
    await ann.scan()
    assert (await action(ann, first["id"]))["can_undo"] is False


async def test_what_a_later_write_builds_upon_stays(ann: Person) -> None:
    first = await pair_of(ann)
    ann.shoot("IMG_1-Edit.tif")
    await ann.scan()
    extension = (await actions(ann))[0]
    assert (extension["what"], extension["can_undo"]) == ("stack", True)
    assert (await action(ann, first["id"]))["can_undo"] is False
    assert await undo(ann, first["id"]) == (
        409,
        {
            "status": 409,
            "title": "This cannot be taken back as it is now.",
            "code": "stale_decision",
            "detail": "It cannot be taken back: a later write builds upon it.",
        },
    )
    await begun(ann, extension["id"])
    await ann.work()
    assert (await action(ann, first["id"]))["can_undo"] is True


@pytest.mark.parametrize(
    ("state", "expected"),
    [
        pytest.param("intended", "It was not written yet, so that there is nothing to take back.", id="waiting"),
        pytest.param("withdrawn", "It was never written, so that there is nothing to take back.", id="withdrawn"),
        pytest.param("failed", "It was never written, so that there is nothing to take back.", id="failed"),
    ],
)
async def test_what_was_not_done_is_not_taken_back(ann: Person, state: str, expected: str) -> None:
    first = await pair_of(ann)
    async with ann.household.services.database.write() as connection:
        await connection.exec_driver_sql("UPDATE actions SET state = ?, error = 'Immich is away'", (state,))
    status, refusal = await undo(ann, first["id"])
    assert (status, refusal["detail"]) == (409, expected)
    found = await action(ann, first["id"])
    code = {"intended": "retrying"}.get(state, state)
    assert (found["error"], found["can_undo"]) == ({"code": code, "sentence": "Immich is away"}, False)


async def test_a_stack_of_one_is_not_made_again(ann: Person) -> None:
    rows = ann.shoot("A.JPG", "B.JPG")
    ann.household.immich.stack(ann.user, *rows)
    await ann.scan()
    one, other = (AssetId(row.id) for row in rows)
    lonely = Stack(StackId("s"), one, (one,))
    await intend(ann, write("extension", ann, ActionKind.EXTEND_STACK, (one, other), before=(lonely,)))
    async with ann.household.services.database.write() as connection:
        await connection.exec_driver_sql("UPDATE actions SET state = 'done', ended_at_ms = 5")
    assert (await action(ann, "extension"))["can_undo"] is False
    status, refusal = await undo(ann, "extension")
    assert (status, refusal["detail"]) == (409, "It cannot be taken back: Immich makes no stack of one.")


async def test_while_another_write_about_it_waits_nothing_is_taken_back(ann: Person) -> None:
    first = await pair_of(ann)
    ids = tuple(AssetId(each["asset_id"]) for each in first["members"])
    await intend(ann, write("later", ann, ActionKind.SET_COVER, ids))
    status, refusal = await undo(ann, first["id"])
    assert (status, refusal["detail"]) == (409, "Another change of the same pictures waits to be written.")


async def test_what_is_written_while_immich_is_asked_counts(ann: Person) -> None:
    first = await pair_of(ann)
    immich = ann.household.immich
    ids = tuple(AssetId(each["asset_id"]) for each in first["members"])
    immich.calls.clear()
    immich.traffic.answer_delay_s = 0.2
    asked = asyncio.create_task(undo(ann, first["id"]))
    while not any(call.path.startswith("/assets/") for call in immich.calls):
        await asyncio.sleep(0.01)
    await intend(ann, write("again", ann, ActionKind.CREATE_STACK, ids))
    async with ann.household.services.database.write() as connection:
        await connection.exec_driver_sql(
            "UPDATE actions SET state = 'done', ended_at_ms = intended_at_ms WHERE action_id = 'again'"
        )
    status, refusal = await asked
    assert (status, refusal["detail"]) == (409, "What it made has changed in Immich since.")


async def test_of_twenty_who_take_the_same_back_one_wins(ann: Person) -> None:
    first = await pair_of(ann)
    answers = await asyncio.gather(*(undo(ann, first["id"]) for _ in range(20)))
    assert sorted(status for status, _ in answers) == [202, *[409] * 19]
    assert {body["code"] for status, body in answers if status == 409} == {"stale_decision"}
    await ann.work()
    assert stacks(ann) == []
    assert len(await actions(ann)) == 2


async def test_of_twenty_who_take_the_same_decision_back_one_wins(ann: Person) -> None:
    shelf, decision_id = await decided(ann)
    await shelf.resolve()
    answers = await asyncio.gather(*(undo(ann, decision_id) for _ in range(20)))
    assert sorted(status for status, _ in answers) == [202, *[409] * 19]
    await shelf.resolve()
    assert shelf.trashed() == []


async def test_many_single_pictures_are_not_all_asked_about(ann: Person, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("sidecar.jobs.undo.MOST_ASKED", 1)
    first = await pair_of(ann)
    undone_by = await begun(ann, first["id"])
    await ann.work()
    await begun(ann, undone_by)
    await ann.work()
    assert stacks(ann) == [["IMG_1.JPG", "IMG_1.CR3"]]


async def test_nothing_of_anybody_else_is_told_or_taken_back(ann: Person, bob: Person) -> None:
    hers = await pair_of(ann)
    shelf, decision_id = await decided(ann)
    await shelf.resolve()
    assert await actions(bob) == []
    answers = []
    for action_id in (hers["id"], decision_id, NOBODYS):
        answers.append(await bob.ask("GET", f"/actions/{action_id}"))
        answers.append(await bob.ask("POST", f"/actions/{action_id}/undo", json={}))
    assert {answer.status for answer in answers} == {404}
    assert len({await answer.text() for answer in answers}) == 1
    assert (await action(ann, hers["id"]))["state"] == "done"
    assert (await action(ann, decision_id))["state"] == "done"


ODD_IDS = [
    *("%00", "%ED%A0%80", "x" * 300, "%2e%2e%2f", "1%27%20OR%201=1", "%F0%9F%98%80", "99999999999999999999", "a%00b"),
    *("-", "..;", "%0d%0aX: y", "%25", "null"),
]


async def test_what_is_no_id_of_ours_is_not_found(ann: Person) -> None:
    for odd in ODD_IDS:
        assert await ann.refused("GET", f"/actions/{odd}") == (404, "not_found"), odd
        assert await ann.refused("POST", f"/actions/{odd}/undo", json={}) == (404, "not_found"), odd


ODD_QUESTIONS = [
    ({"limit": "0"}, "bad_request"),  # no items
    ({"limit": "101"}, "bad_request"),  # too many items
    ({"limit": "9" * 30}, "bad_request"),  # a huge number
    ({"state": "gone"}, "bad_request"),  # an unknown state
    ({"what": "stack\0"}, "bad_request"),  # a NUL
    ({"origin": ""}, "bad_request"),  # an empty origin
    ({"owner": "x"}, "bad_request"),  # an unknown parameter
    ({"cursor": "x"}, "bad_cursor"),  # no cursor
    ({"cursor": encode_cursor(1, "a")}, "bad_cursor"),  # too short a cursor
    ({"cursor": encode_cursor("a", "a", None, None, None)}, "bad_cursor"),  # no moment
    ({"cursor": encode_cursor(1, "a\0", None, None, None)}, "bad_cursor"),  # a NUL in a cursor
    ({"cursor": encode_cursor(1 << 70, "a", None, None, None)}, "bad_cursor"),  # a huge moment
    ({"cursor": encode_cursor(1, "a", "done", None, None)}, "bad_cursor"),  # of another filter
]


async def test_odd_questions_are_refused(ann: Person) -> None:
    for query, code in ODD_QUESTIONS:
        assert await ann.refused("GET", "/actions", params=query) == (400, code), query


async def test_undo_takes_an_empty_object(ann: Person) -> None:
    first = await pair_of(ann)
    headers = {"Content-Type": "application/json"}
    path = f"/actions/{first['id']}/undo"
    for body in ('{"force": true}', "[]", "null", "", "{", "1"):
        assert await ann.refused("POST", path, data=body, headers=headers) == (400, "bad_request"), body
    assert (await ann.refused("POST", path, data="{}"))[0] == 415
    assert (await action(ann, first["id"]))["state"] == "done"


async def test_an_accepted_proposal_is_the_users(ann: Person) -> None:
    household: Household = ann.household
    raw, jpeg, edit, png = ann.shoot("IMG_1.CR3", "IMG_1.JPG", "IMG_1-Edit.tif", "IMG_1.PNG")
    household.immich.stack(ann.user, raw, jpeg)
    household.immich.stack(ann.user, png, edit)
    await ann.scan()
    jobs = household.services.jobs
    async with jobs.database.read() as connection:
        (finding,) = await findings.of_kinds(connection, ann.owner_id, FOR_A_PERSON, limit=9)
    await accept(jobs, ann.owner_id, finding.id)
    (found,) = await actions(ann, origin="user")
    assert (found["what"], found["state"]) == ("stack", "waiting")


async def test_a_decision_that_is_under_way_is_running(ann: Person) -> None:
    _, decision_id = await decided(ann)
    jobs = ann.household.services.jobs
    async with jobs.database.write() as connection:
        (claimed,) = await resolutions.claim(connection, ann.owner_id, lease="me", now_ms=jobs.now_ms(), lease_ms=1)
        await resolutions.advance(connection, claimed, lease="me", lease_until_ms=0, state=ResolutionState.MERGING)
        await resolutions.postpone(connection, claimed, lease="me", error="Immich does not answer", not_before_ms=0)
    found = await action(ann, decision_id)
    assert found["state"] == "running"
    assert found["error"] == {"code": "retrying", "sentence": "Immich does not answer"}
    assert [each["id"] for each in await actions(ann, state="running")] == [decision_id]
