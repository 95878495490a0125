"""Nobody sees or changes anything of anybody else's: every operation of the document, every id, every verb."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from aiohttp import ClientResponse
from aiohttp.test_utils import TestClient, TestServer
from pydantic import SecretStr

from sidecar.app import build_app
from sidecar.demo.immich import EmulatedImmich
from sidecar.handlers.api.operation import For
from sidecar.handlers.api.routes import OPERATIONS
from sidecar.settings import Settings
from sidecar.wiring import open_services
from tests.handlers.api.everything import Known, Question, fill, known_of, questions, state_of
from tests.handlers.conftest import BASE, Household, Person
from tests.jobs.household import Clock

VERBS = ("GET", "HEAD", "POST", "PUT", "PATCH", "DELETE")


def asked_with_ids(known: Known) -> list[Question]:
    """Every question that names something of somebody's."""
    return [each for operation in OPERATIONS for each in questions(operation, known) if each.about]


async def told(answer: ClientResponse) -> tuple[int, Any]:
    """(status, code), of several outcomes those of each."""
    if not await answer.read():
        return answer.status, None
    body = await answer.json()
    outcomes = [(each["outcome"], each["code"]) for each in body.get("items", ()) if "outcome" in each]
    return answer.status, outcomes or body.get("code")


@pytest.fixture
async def anns(ann: Person) -> Known:
    return await fill(ann, "ANN")


async def test_what_is_asked_about_here_is_there(ann: Person, anns: Known) -> None:
    """The other tests would prove nothing with ids that nobody has."""
    found: dict[str, list[int]] = {}
    for question in asked_with_ids(anns):
        if question.operation.method == "GET":
            answer = await ann.ask("GET", question.path)
            found.setdefault(question.operation.id, []).append(answer.status)
    assert found.keys() == {each.id for each in OPERATIONS if each.method == "GET" and "{" in each.path}
    for name, statuses in found.items():
        assert 200 in statuses, name
        assert set(statuses) <= {200, 404}, name


@pytest.mark.timeout(120)
async def test_what_is_somebody_elses_is_nobodys(household: Household, ann: Person, bob: Person, anns: Known) -> None:
    before = await state_of(household, but=bob)
    pairs = list(zip(asked_with_ids(anns), asked_with_ids(anns.nobodys()), strict=True))
    assert {each.operation.id for each, _ in pairs} >= {each.id for each in OPERATIONS if "{" in each.path}
    for hers, nobodys in pairs:
        for verb in VERBS:
            is_meant = verb == hers.operation.method
            answer = await bob.ask(verb, hers.path, **(hers.request if is_meant else {}))
            status, code = await told(answer)
            assert (status, code) == await told(
                await bob.ask(verb, nobodys.path, **(nobodys.request if is_meant else {}))
            ), (hers.operation.id, verb, hers.path)
            if is_meant and "{" in hers.operation.path:
                assert (status, code) == (404, "not_found"), hers.operation.id
            said = str(await answer.read())
            sent = {hers.about, *str(hers.body).split("'")}
            assert [each for each in anns.everything() - sent if each in said] == [], hers.operation.id
    assert await state_of(household, but=bob) == before
    assert await known_of(ann, "ANN") == anns


async def test_nobody_names_others_pictures_in_what_is_their_own(
    household: Household, bob: Person, anns: Known
) -> None:
    bobs = await fill(bob, "BOB")
    before = await state_of(household, but=bob)
    foreign = anns.ids["assets"][:2]
    (own_set, *_) = bobs.ids["duplicates"]
    groups = {each["id"]: each for each in (await bob.get("/groups"))["items"]}
    own_stack = next(each for each, item in groups.items() if item["state"] == "stacked")
    own_proposal = next(each for each, item in groups.items() if item["state"] == "proposed")

    def wishes(ids: list[str]) -> list[tuple[str, str, dict[str, Any]]]:
        mixed = [bobs.members[own_proposal][0], *ids]
        revision = {"revision": groups[own_proposal]["revision"]}
        return [
            ("POST", f"/groups/{own_stack}/primary",
             {"asset_id": ids[0], "revision": groups[own_stack]["revision"]}),
            ("POST", f"/groups/{own_proposal}/accept", {"member_ids": ids, **revision}),
            ("POST", f"/groups/{own_proposal}/accept", {"member_ids": mixed, **revision}),
            ("POST", f"/groups/{own_proposal}/accept", {"cover": ids[0], **revision}),
            ("POST", f"/duplicates/{own_set}/preview", {"keep_ids": ids}),
            ("POST", f"/duplicates/{own_set}/keep", {"keep_ids": ids}),
            ("POST", f"/duplicates/{own_set}/keep", {"keep_ids": [bobs.members[own_set][0], *ids]}),
            ("DELETE", f"/duplicates/{own_set}/files", {"asset_ids": ids}),
        ]  # fmt: skip

    everything_before = await state_of(household)
    for hers, nobodys in zip(wishes(foreign), wishes(anns.nobodys().ids["assets"][:2]), strict=True):
        answers = [await bob.ask(method, path, json=body) for method, path, body in (hers, nobodys)]
        assert await told(answers[0]) == await told(answers[1]), hers
        assert hers[1].endswith("/preview") or answers[0].status in {400, 409}, hers
        said = await answers[0].text()
        assert [each for each in anns.everything() - set(foreign) if each in said] == []
    assert await state_of(household, but=bob) == before
    everything = await state_of(household)
    for state in (everything, everything_before):
        del state["polls"]  # before a decision the sidecar looks at what is new in Immich
    assert everything == everything_before


async def test_lists_and_sums_are_of_ones_own(household: Household, ann: Person, bob: Person, anns: Known) -> None:
    hidden = anns.everything() | {ann.user.id, "Ann", "ann@"}
    for operation in OPERATIONS:
        if operation.method == "GET" and "{" not in operation.path:
            answer = await bob.ask("GET", operation.path)
            said = await answer.text()
            assert [each for each in hidden if each in said] == [], operation.id
            assert answer.status == (403 if operation.id == "getOverview" else 200), operation.id
    household.immich.state.users[bob.user.id].is_admin = True
    eve = Person(bob.user, household.immich.add_session(bob.user), household)
    overview = await eve.get("/overview")
    assert {each["name"] for each in overview["users"]} == {"Ann", "Bob"}
    assert [each for each in anns.everything() if each in str(overview)] == []


SHARED = {"x-immich-share-key": "s3cret", "x-immich-share-slug": "s3cret"}


@pytest.mark.parametrize(
    "who",
    ["nobody", "expired session", "expired cookie", "revoked key", "shared link", "former apps", "in the address"],
)
async def test_who_is_nobody_is_told_nothing_and_changes_nothing(
    household: Household, ann: Person, anns: Known, who: str
) -> None:
    immich = household.immich
    expired, revoked = immich.add_session(ann.user), immich.add_key(ann.user)
    del immich.state.sessions[expired]
    immich.revoke_key(revoked)
    headers = {
        "expired session": {"Authorization": f"Bearer {expired}"},
        "expired cookie": {"Cookie": f"immich_access_token={expired}", "Sec-Fetch-Site": "same-origin"},
        "revoked key": {"x-api-key": revoked},
        "shared link": SHARED,
        "former apps": {"x-immich-user-token": ann.token, "x-immich-session-token": ann.token},
    }.get(who, {})
    query = {"shared link": "?key=s3cret", "in the address": f"?apiKey={ann.token}&sessionKey={ann.token}"}.get(who, "")
    before = await state_of(household)
    asked = 0
    for operation in OPERATIONS:
        for question in list(questions(operation, anns))[:1]:
            url = f"{BASE}/api{question.path}{query}"
            answer = await household.client.request(operation.method, url, headers=headers, **question.request)
            if operation.needs is not For.ANYBODY:
                assert await told(answer) == (401, "not_signed_in"), operation.id
                assert answer.headers["WWW-Authenticate"] == "Bearer"
                asked += 1
            said = await answer.text()
            assert [each for each in (*anns.everything(), ann.token, "s3cret", expired, revoked) if each in said] == []
    assert asked > 20
    assert await state_of(household) == before


@pytest.mark.parametrize(
    "headers",
    [
        pytest.param({}, id="no word of where it is from"),
        pytest.param({"Sec-Fetch-Site": "cross-site"}, id="another site"),
        pytest.param({"Origin": "https://elsewhere.example"}, id="another origin"),
        pytest.param({"Sec-Fetch-Site": "same-site", "Content-Type": "text/plain"}, id="a form of a neighbour"),
    ],
)
async def test_another_site_changes_nothing_in_anns_name(
    household: Household, ann: Person, anns: Known, headers: dict[str, str]
) -> None:
    before = await state_of(household)
    cookie = {"Cookie": f"immich_access_token={ann.token}"}
    asked = 0
    for operation in OPERATIONS:
        if operation.method != "GET" and operation.needs is not For.ANYBODY:
            for question in questions(operation, anns):
                url = f"{BASE}/api{question.path}"
                answer = await household.client.request(
                    operation.method, url, headers=headers | cookie, **question.request
                )
                assert await told(answer) == (403, "not_allowed"), operation.id
                asked += 1
    assert asked > 20
    assert await state_of(household) == before


async def test_who_has_not_connected_has_nothing_to_decide(household: Household, anns: Known) -> None:
    eve_row = household.immich.add_user("Eve")
    eve = Person(eve_row, household.immich.add_session(eve_row), household)
    before = await state_of(household)
    for operation in OPERATIONS:
        if operation.needs is For.CONNECTED:
            for question in list(questions(operation, anns))[:1]:
                answer = await eve.ask(operation.method, question.path, **question.request)
                assert await told(answer) == (409, "not_connected"), operation.id
    assert await state_of(household) == before


TWENTY = 20


@pytest.fixture
async def crowd(tmp_path: Path) -> AsyncIterator[list[Person]]:
    """Twenty people, each with a stack and a set of duplicates of their own."""
    clock = Clock()
    async with EmulatedImmich() as immich:
        users = [immich.add_user(f"User{number:02}") for number in range(TWENTY)]
        keys = tuple(SecretStr(immich.add_key(user)) for user in users)
        settings = Settings(immich_url=immich.url, api_keys=keys, data_dir=tmp_path / "data", port=0, base_path=BASE)
        async with open_services(settings) as opened:
            services = replace(opened, jobs=replace(opened.jobs, now_ms=clock))
            async with TestClient(TestServer(build_app(services))) as client:
                household = Household(immich, services, client, clock, None, None)  # type: ignore[arg-type]
                people = [Person(user, immich.add_session(user), household) for user in users]
                for person in people:
                    person.shoot("IMG_1.CR3", "IMG_1.JPG")
                    await person.scan()
                yield people


@pytest.mark.timeout(120)
async def test_twenty_people_decide_at_once_and_each_in_two_tabs(crowd: list[Person]) -> None:
    wishes = []
    for person in crowd:
        (item,) = (await person.get("/groups"))["items"]
        wishes.append((person, f"/groups/{item['id']}/unstack", {"revision": item["revision"]}))
    answers = await asyncio.gather(
        *(person.ask("POST", path, json=body) for person, path, body in [*wishes, *reversed(wishes)])
    )
    both = list(zip(answers[:TWENTY], reversed(answers[TWENTY:]), strict=True))
    assert [sorted(each.status for each in pair) for pair in both] == [[202, 409]] * TWENTY
    for pair in both:
        (late,) = (each for each in pair if each.status == 409)
        assert (await late.json())["code"] == "stale_decision"
    for (person, *_), pair in zip(wishes, both, strict=True):
        (won,) = (each for each in pair if each.status == 202)
        await person.work()
        action = await person.get(f"/actions/{(await won.json())['action_id']}")
        assert (action["what"], action["state"], action["origin"]) == ("unstack", "done", "user")
        by_user = await person.get("/actions", params={"origin": "user"})
        assert [each["id"] for each in by_user["items"]] == [action["id"]]
    immich = crowd[0].household.immich
    assert immich.state.stacks == {}
    deleted = [call for call in immich.calls if call.method == "DELETE" and call.path.startswith("/stacks")]
    assert len(deleted) == TWENTY
    for person in crowd:
        await person.scan()
    assert immich.state.stacks == {}
