from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import replace

import pytest
from aiohttp import ClientResponse

from sidecar.demo.immich.versions import behaviour_of
from sidecar.errors import ImmichUnavailable
from sidecar.handlers.api import contract
from sidecar.handlers.pages import status
from sidecar.handlers.pages.listeners import LISTENERS, MOST_OF_ONE_USER
from sidecar.immich_client.contract import watch
from sidecar.jobs.status import Activity, Pairing, Scanning
from sidecar.storage import changes, detections
from sidecar.storage.changes import Change, Source
from sidecar.storage.detections import DetectionState
from sidecar.ui.translations import language_for
from tests.handlers.conftest import BASE, Household, Person
from tests.handlers.html import Page
from tests.handlers.shelves import pair
from tests.immich_client.contract.changed import described, needs_a_kind

ENGLISH, GERMAN = language_for("en"), language_for("de")
GIVEN_UP = {
    "A stack could not be written",
    "The library could not be read",
    "The search for duplicates did not come to its end",
    "A change in Immich could not be looked at",
}
SUNDAYS = '{"message": "No stacks on Sundays"}'


def works(page: Page) -> dict[str, str]:
    """What is under way -> how far it has come."""
    names = [each.words for each in page.all("h2")][:5]
    return dict(zip(names, [each.words for each in page.all("p", class_="quiet")], strict=False))


async def test_a_library_that_nobody_has_looked_at(ann: Person) -> None:
    page = await ann.browse("/status")
    assert page.title == "The first look through your library"
    assert works(page) == {
        "Reading the library": "not begun yet",
        "Comparing file names": "up to date",
        "Writing stacks to Immich": "up to date",
        "Searching for duplicates": "not begun yet",
        "Carrying out your decisions": "up to date",
    }


async def test_what_is_done_and_what_is_to_do(household: Household, ann: Person) -> None:
    ann.shoot("IMG_1.CR3", "IMG_1.JPG")
    await ann.scan()
    page = await ann.browse("/status")
    assert (page.title, works(page)["Reading the library"]) == ("Everything is done", "up to date")
    page = await ann.follow(await ann.press(page, "Look through the library"))
    assert "looks through your library again" in page.words
    assert (page.title, works(page)["Reading the library"]) == ("Work is under way", "begins")
    page = await ann.follow(await ann.press(page, "Search for duplicates"))
    assert "searches for duplicates again" in page.words
    assert works(page)["Searching for duplicates"] == "begins"
    async with household.services.database.read() as connection:
        search = await detections.newest(connection, ann.owner_id)
    assert search is not None
    assert search.state is DetectionState.REQUESTED


async def test_a_decision_waits_to_be_carried_out(ann: Person) -> None:
    _, rows, set_id = await pair(ann)
    await ann.ask("POST", f"/duplicates/{set_id}/keep", json={"keep_ids": [rows[0].id]})
    page = await ann.browse("/status")
    assert works(page)["Carrying out your decisions"] == "1 to do"
    assert page.title == "Work is under way"


async def failing(person: Person) -> Page:
    """The page, after a write, a scan, a search and one look were given up."""
    person.household.immich.fail("POST", "/stacks", status=400, body=SUNDAYS)
    person.shoot("IMG_1.CR3", "IMG_1.JPG")
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
    return await person.browse("/status")


async def test_what_was_given_up_is_listed_with_its_reason_and_tried_again(household: Household, ann: Person) -> None:
    page = await failing(ann)
    assert {each.words for each in page.all("h3")} == GIVEN_UP
    assert works(page)["Reading the library"].startswith("given up")
    assert "1 given up" in page.words
    assert "IMG_1" in page.one("ol", class_="list failures").words
    place = [each.words for each in page.all("h3")].index("A stack could not be written")
    after = await ann.follow(await ann.press(page, "Try again", place))
    assert "This is tried again." in after.words
    await ann.work()
    assert len(household.immich.stacks_of(ann.user)) == 1
    assert {each.words for each in (await ann.browse("/status")).all("h3")} == GIVEN_UP - {
        "A stack could not be written"
    }
    after = await ann.follow(await ann.press(page, "Try everything again"))
    assert after.all("h3") == []
    assert (await ann.press(page, "Try again", place)).status == 404


async def test_failures_come_in_pages(ann: Person, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(status, "FAILURES_A_PAGE", 3)
    page = await failing(ann)
    assert len(page.all("h3")) == 3
    (older,) = page.all("a", rel="next")
    rest = await ann.browse(f"{older['href'].removeprefix(BASE)}&fragment=1")
    assert {each.words for each in (*page.all("h3"), *rest.all("h3"))} == GIVEN_UP


@pytest.mark.parametrize(
    ("remaining_s", "says", "german"),
    [
        (None, None, None),
        (0, "less than a minute left", "noch weniger als eine Minute"),
        (59, "less than a minute left", "noch weniger als eine Minute"),
        (60, "about 1 min left", "noch etwa 1 min"),
        (61, "about 2 min left", "noch etwa 2 min"),
        (3599, "about 60 min left", "noch etwa 60 min"),
        (3600, "about 1 h left", "noch etwa 1 h"),
        (10_000_000, "about 2,778 h left", "noch etwa 2.778 h"),
    ],
)
def test_how_long_it_takes_is_said_roughly(remaining_s: int | None, says: str | None, german: str | None) -> None:
    assert (status._left(remaining_s, ENGLISH), status._left(remaining_s, GERMAN)) == (says, german)


def test_what_runs_is_counted_and_never_beyond_its_end() -> None:
    running = Scanning(Activity.RUNNING, found=50, expected=200, failed=3, rate_per_s=None, remaining_s=90)
    work = status._run("Reading", running, ENGLISH)
    assert (work.sentence, work.done, work.total, work.left, work.failed) == (
        "50 / 200",
        50,
        200,
        "about 2 min left",
        3,
    )
    work = status._run("Reading", replace(running, found=300), ENGLISH)
    assert (work.sentence, work.done, work.total) == ("300 / 300", 300, 300)
    waiting = Pairing(waiting=1200, failed=0, rate_per_s=None, remaining_s=5)
    assert status._queue("Comparing", waiting, ENGLISH).sentence == "1,200 to do"
    assert status._queue("Comparing", waiting, ENGLISH).left == "less than a minute left"
    assert status._queue("Comparing", replace(waiting, waiting=0), ENGLISH).left is None


@asynccontextmanager
async def listening(person: Person) -> AsyncIterator[ClientResponse]:
    headers = {"Cookie": f"immich_access_token={person.token}"}
    async with person.household.client.get(f"{BASE}/status/events", headers=headers) as answer:
        yield answer


async def event(answer: ClientResponse) -> str:
    """The next message of the stream: a comment as it is, an event as its HTML."""
    lines = []
    while line := (await answer.content.readline()).decode().rstrip("\n"):
        lines.append(line.removeprefix("data: "))
    return "\n".join(lines)


@pytest.fixture
def looks_often(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(status, "LOOK_EVERY_S", 0.02)


@pytest.mark.usefixtures("looks_often")
async def test_what_changes_is_told_at_once_and_nothing_twice(ann: Person) -> None:
    async with listening(ann) as answer:
        assert (answer.status, answer.content_type) == (200, "text/event-stream")
        assert answer.headers["X-Accel-Buffering"] == "no"
        first = Page(200, {}, await event(answer))
        assert (first.title, first.all("html")) == ("The first look through your library", [])
        assert await event(answer) == ": still here"
        ann.shoot("IMG_1.CR3", "IMG_1.JPG")
        await ann.scan()
        while (told := await event(answer)) == ": still here" or "Everything is done" not in told:
            pass
        assert Page(200, {}, told).title == "Everything is done"


@pytest.mark.usefixtures("looks_often")
async def test_whoever_signs_out_is_told_nothing_more(household: Household, ann: Person) -> None:
    async with listening(ann) as answer:
        await event(answer)
        household.immich.state.sessions.clear()
        household.services.visitors._known.clear()
        async with asyncio.timeout(20):
            rest = await answer.content.read()
        assert b"html" not in rest


@pytest.mark.usefixtures("looks_often")
async def test_one_user_has_only_so_many(household: Household, ann: Person, bob: Person) -> None:
    listeners = household.client.app[LISTENERS]
    async with listening(ann), listening(ann), listening(ann), listening(ann) as last:
        await event(last)
        page = await ann.browse("/status/events")
        assert page.status == 400
        async with listening(bob) as bobs:
            assert (await event(bobs)).startswith("<h1>")
    assert MOST_OF_ONE_USER == 4
    async with asyncio.timeout(20):
        while listeners._of_user:
            await asyncio.sleep(0.01)
    async with listening(ann) as answer:
        assert answer.status == 200


async def test_all_end_when_the_server_stops(household: Household, ann: Person) -> None:
    async with listening(ann) as answer:
        await event(answer)
        await household.client.app[LISTENERS].stop(household.client.app)
        async with asyncio.timeout(20):
            assert await answer.content.read() == b""


async def test_immich_being_away_ends_the_stream_and_not_the_page(household: Household, ann: Person) -> None:
    async with listening(ann) as answer:
        await event(answer)
    household.immich.fail("GET", "/users/me", status=503, times=99)
    household.services.visitors._known.clear()
    page = await ann.browse("/status/events")
    assert (page.status, page.title) == (503, "This does not work right now")


@pytest.mark.parametrize(
    ("version", "description", "says", "waits"),
    [
        ("3.1.0", described(), "One of the versions that this sidecar is tested with.", False),
        ("3.0.7", described(version="3.0.7"), "Between the versions that this sidecar is tested with.", False),
        ("3.2.0", described(version="3.2.0"), "Newer than any version that this sidecar is tested with.", False),
        ("3.2.0", described(needs_a_kind, version="3.2.0"), "Newer than any version", True),
        ("3.2.0", None, "It does not say in a way that can be used what it changed.", True),
    ],
)
async def test_the_page_says_how_well_immich_is_known(  # noqa: PLR0917
    household: Household,
    ann: Person,
    monkeypatch: pytest.MonkeyPatch,
    version: str,
    description: bytes | None,
    says: str,
    waits: bool,  # noqa: FBT001  # a column of the table above
) -> None:
    monkeypatch.setattr(watch, "LOOK_EVERY_S", 0.0)
    household.immich.state.behaviour = behaviour_of(version)
    household.immich.state.description = description
    page = await ann.browse("/status")
    assert f"Immich {version}" in [each.words for each in page.all("h2")]
    assert says in page.words
    assert ("making, changing and undoing stacks" in page.words) is waits
    assert ("this waits, and nothing of it is lost" in page.words) is waits


async def test_the_rest_of_the_page_is_there_while_immich_is_not(ann: Person, monkeypatch: pytest.MonkeyPatch) -> None:
    async def nobody(_: object) -> None:
        raise ImmichUnavailable("it does not answer")

    monkeypatch.setattr(contract, "get", nobody)
    page = await ann.browse("/status")
    assert page.status == 200
    assert "Immich 3.1.0" not in page.words
    assert works(page)
