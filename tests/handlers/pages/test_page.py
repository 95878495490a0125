"""What goes wrong is said on a page, in words of ours, with a way on."""

from __future__ import annotations

import logging
from collections.abc import Callable
from dataclasses import replace
from http import HTTPStatus

import pytest
from aiohttp import FormData, web
from aiohttp.test_utils import TestClient, TestServer

from sidecar.app import build_app
from sidecar.errors import (
    ContractBroken,
    ImmichMissing,
    ImmichRefused,
    ImmichUnavailable,
    NotAllowed,
    NotSignedIn,
    StaleDecision,
)
from sidecar.handlers.middleware import Refused
from sidecar.handlers.pages.page import Guest, Route, handler_of
from sidecar.handlers.pages.visit import Visit
from tests.handlers.conftest import BASE, Household, Person
from tests.handlers.html import Page

SECRET = "s3cret of DSC_1.JPG"
BACK = "Back to the overview"
SENSELESS = "This address makes no sense"
GERMAN = {"Accept-Language": "de"}


@pytest.fixture
def failing(household: Household) -> Callable[[Exception], web.Application]:
    """The application, with one page more: it fails with what is given."""

    def build(error: Exception) -> web.Application:
        async def show(_visit: Visit) -> web.StreamResponse:
            raise error

        app = build_app(household.services)
        for method in ("GET", "POST"):
            app.router.add_route(
                method, f"{BASE}/failing", handler_of(Route(method, "/failing", show, Guest.SIGNED_IN))
            )
        return app

    return build


def _refused(status: int) -> Refused:
    return Refused(HTTPStatus(status), SECRET, code="x")


ERRORS = [
    pytest.param(NotSignedIn(SECRET), 401, "Sign in to Immich first", "Sign in to Immich", id="signed out"),
    pytest.param(NotAllowed(SECRET), 403, "This is not for you", BACK, id="not allowed"),
    pytest.param(StaleDecision(SECRET), 409, "This has changed meanwhile", "Try again", id="stale"),
    pytest.param(ImmichMissing(SECRET), 404, "Nothing is here any more", BACK, id="gone in Immich"),
    pytest.param(ImmichRefused(SECRET), 409, "Immich refuses the sidecar's key", BACK, id="no key"),
    pytest.param(ImmichUnavailable(SECRET), 503, "This does not work right now", "Try again", id="Immich is away"),
    pytest.param(ContractBroken(SECRET), 500, "Something broke in the sidecar", BACK, id="a defect"),
    pytest.param(ZeroDivisionError(SECRET), 500, "Something broke in the sidecar", BACK, id="another"),
    pytest.param(web.HTTPNotFound(), 404, "Nothing is here any more", BACK, id="no such page"),
    pytest.param(web.HTTPRequestEntityTooLarge(1, 2), 400, SENSELESS, BACK, id="too large"),
    pytest.param(_refused(409), 409, "This has changed meanwhile", "Try again", id="refused"),
    pytest.param(_refused(400), 400, SENSELESS, BACK, id="bad"),
    pytest.param(_refused(418), 400, SENSELESS, BACK, id="odd"),
]


@pytest.mark.parametrize(("error", "status", "title", "way_on"), ERRORS)
async def test_what_goes_wrong_is_said_and_nothing_given_away(  # noqa: PLR0917
    ann: Person, failing: Callable[[Exception], web.Application], error: Exception, status: int, title: str, way_on: str
) -> None:
    async with TestClient(TestServer(failing(error))) as client:
        person = replace(ann, household=replace(ann.household, client=client))
        page = await person.browse("/failing?cursor=1&done=saved&fragment=1")
        assert (page.status, page.title) == (status, title)
        assert page.all("html") == []  # a script gets a part of a page
        page = await person.browse("/failing?cursor=1&done=saved")
        assert SECRET not in page.html
        assert page.one("main").words.startswith(title)
        led = page.link(way_on)
        wanted = {
            BACK: f"{BASE}/",
            "Try again": f"{BASE}/failing?cursor=1",
            "Sign in to Immich": "/auth/login?continue=%2Fside%2Ffailing%3Fcursor%3D1",
        }
        assert led == wanted[way_on]
        assert (page.headers.get("Retry-After") == "5") is (status == 503)
        german = await person.browse("/failing", headers=GERMAN)
        assert (german.status, german.one("html")["lang"]) == (status, "de")
        assert german.title != title


async def test_a_defect_is_in_the_log_and_what_passes_is_told_there(
    ann: Person, failing: Callable[[Exception], web.Application], caplog: pytest.LogCaptureFixture
) -> None:
    for error, level in (
        (ZeroDivisionError("x"), "ERROR"),
        (ContractBroken("x"), "ERROR"),
        (ImmichUnavailable("x"), "WARNING"),
    ):
        caplog.clear()
        with caplog.at_level(logging.WARNING):
            async with TestClient(TestServer(failing(error))) as client:
                await replace(ann, household=replace(ann.household, client=client)).browse("/failing")
        assert [record.levelname for record in caplog.records if record.name.endswith("pages.page")] == [level]


@pytest.mark.parametrize(
    ("referer", "led"),
    [
        ("http://127.0.0.1/side/duplicates/abc?class=identical", f"{BASE}/duplicates/abc?class=identical"),
        ("http://127.0.0.1/side/photos", f"{BASE}/photos"),
        ("http://evil.example/side/photos", f"{BASE}/photos"),  # the path is ours, whatever the name
        ("http://127.0.0.1/other", f"{BASE}/"),
        ("http://127.0.0.1/side/../auth/login", f"{BASE}/"),
        ("http://127.0.0.1/side/\\evil.example", f"{BASE}/"),
        ("http://[broken", f"{BASE}/"),
        ("", f"{BASE}/"),
    ],
)
async def test_after_a_deed_one_goes_back_to_where_it_was_sent_from(
    ann: Person, failing: Callable[[Exception], web.Application], referer: str, led: str
) -> None:
    async with TestClient(TestServer(failing(StaleDecision("x")))) as client:
        person = replace(ann, household=replace(ann.household, client=client))
        csrf = dict((await person.browse("/settings")).forms[0].fields)["csrf"]
        page: Page = await person._sent("POST", f"{BASE}/failing", data={"csrf": csrf}, headers={"Referer": referer})
        assert (page.status, page.link("Try again")) == (409, led)


async def test_a_page_stands_where_immich_is_known_to_be(household: Household, ann: Person) -> None:
    settings = household.services.settings.model_copy(update={"public_immich_url": "https://photos.example.org"})
    app = build_app(household.services.with_settings(settings))
    async with TestClient(TestServer(app)) as client:
        person = replace(ann, household=replace(household, client=client))
        page = await person.browse("/")
        assert page.one("a", class_="to-immich")["href"] == "https://photos.example.org/"
        stranger = await replace(person, token="x").browse("/photos")
        assert stranger.link("Sign in to Immich").startswith("https://photos.example.org/auth/login?continue=")


async def test_files_and_repeated_fields_break_no_form(ann: Person) -> None:
    """What browsers send and what others may: a field as a file, a field twice."""
    csrf = dict((await ann.browse("/settings")).forms[0].fields)["csrf"]
    sent = FormData()
    sent.add_field("csrf", csrf)
    sent.add_field("revision", b"binary", filename="revision.txt")
    sent.add_field("ask_first", b"on", filename="on.txt")
    page = await ann._sent("POST", f"{BASE}/settings", data=sent)
    assert page.status in {303, 400, 409}
    sent = FormData()
    sent.add_field("csrf", b"x", filename="csrf.txt")
    page = await ann._sent("POST", f"{BASE}/settings", data=sent)
    assert (page.status, page.title) == (403, "This page was open for too long")
