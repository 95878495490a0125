"""What is true of every page, asked of every address that there is: a new one is asked, too, or this file complains."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass, replace
from typing import Any

import pytest

from sidecar.handlers import middleware
from sidecar.handlers.pages.page import Guest
from sidecar.handlers.pages.routes import ROUTES
from tests.handlers.api.everything import Known, fill, known_of, nobodys, state_of
from tests.handlers.conftest import BASE, Household, Person
from tests.handlers.html import Page

HOSTILE = "<script>alert(1)</script>\"'&"
RTL = "\u05d0\u05d1\u202etxt.JPG"
LONG = "x" * 251 + ".JPG"
GERMAN = {"Accept-Language": "de-DE,de;q=0.9,en;q=0.5"}
STREAM = "/status/events"
ONWARDS = "/duplicates/{id}/next"
PAGES = [route.path for route in ROUTES if route.method == "GET" and route.path not in {STREAM, ONWARDS}]
OF_ONE = [route for route in ROUTES if "{" in route.path and route.path != ONWARDS]
DEEDS = [route.path for route in ROUTES if route.method == "POST"]
IDS_OF = {
    "groups": "groups",
    "suggestions": "groups",
    "duplicates": "duplicates",
    "activity": "actions",
    "status": "failures",
}


def concrete(path: str, known: Known) -> Iterator[str]:
    """The address with every id that may stand in it."""
    if "{" not in path:
        yield path
        return
    for id_ in known.ids[IDS_OF[path.split("/")[1]]]:
        yield re.sub(r"\{\w+\}", id_, path)


def anything(known: Known, csrf: str) -> list[tuple[str, str]]:
    """A form with every field that any form has."""
    group, members = next(iter(known.members.items()))
    revision = known.revisions.get(group, "revision")
    return [
        ("csrf", csrf), ("revision", revision), ("asset_id", members[-1]), ("keep", members[0]), ("verdict", "reject"),
        ("item", f"{group} {revision}"), ("kind", "library"), ("token", "token"), ("ask_first", "on"),
        ("move", "x y up"),
        *(("member", each) for each in members),
    ]  # fmt: skip


async def csrf_of(person: Person) -> str:
    return next(dict(form.fields)["csrf"] for form in (await person.browse("/settings")).forms)


@dataclass
class Told:
    page: Page
    path: str


async def every_page(person: Person, known: Known, **request: Any) -> list[Told]:
    return [Told(await person.browse(each, **request), each) for path in PAGES for each in concrete(path, known)]


@pytest.fixture
async def anns(ann: Person) -> Known:
    return await fill(ann, "ANN")


@pytest.mark.timeout(120)
@pytest.mark.parametrize("language", ["en", "de"])
async def test_every_page_is_whole(ann: Person, anns: Known, language: str) -> None:
    found: dict[int, int] = {}
    for told in await every_page(ann, anns, headers=GERMAN if language == "de" else {}):
        page, where = told.page, told.path
        found[page.status] = found.get(page.status, 0) + 1
        assert page.status in {200, 404}, where
        assert page.one("html")["lang"] == language
        assert page.headers["Content-Language"] == language
        assert page.title
        assert page.one("title").words
        assert page.headers["Content-Type"] == "text/html; charset=utf-8"
        assert page.headers["Cache-Control"] == "private, no-store"
        assert set(page.headers["Vary"].split(", ")) >= {"Cookie", "Authorization", "x-api-key", "Accept-Language"}
        for name, value in middleware.HEADERS.items():
            assert page.headers[name] == value
        ids = [each["id"] for each in page.elements if each["id"]]
        assert len(ids) == len(set(ids)), where
        for each in page.elements:
            assert not [name for name in each.attributes if name.startswith("on") or name == "style"], where
            assert each.tag != "style"
            if each.tag == "script":
                assert (each["src"].startswith(f"{BASE}/static/"), each.parts) == (True, [])
            if each.tag == "img":
                assert "alt" in each.attributes, where
            for name in ("href", "src", "action", "formaction"):
                # Ours stand below the base path; all else is Immich's, on the same origin.
                assert not each[name] or re.match(rf"{BASE}/|/photos/|/auth/login|/$|#", each[name]), (where, each)
        for form in page.forms:
            assert form.method == "GET" or "csrf" in dict(form.fields), where
            assert form.action.startswith(f"{BASE}/")
    assert found[200] >= len(PAGES)


@pytest.mark.timeout(120)
async def test_whoever_is_not_signed_in_sees_nothing(household: Household, ann: Person, anns: Known) -> None:
    stranger = replace(ann, token="nobody")
    for told in await every_page(stranger, anns):
        assert told.page.status == (200 if told.path == "/" else 401), told.path
        assert told.page.title == "Sign in to Immich first"
        assert f"continue=%2Fside%2F{told.path.strip('/').replace('/', '%2F')}".rstrip("%2F") in told.page.html.replace(
            '/"', '"'
        )
        assert [each for each in anns.everything() if each in told.page.words] == []
    before = await state_of(household)
    for path in DEEDS:
        for each in concrete(path, anns):
            page = await stranger._sent("POST", f"{BASE}{each}", data=anything(anns, "x"))
            assert page.status == 401, each
    assert await state_of(household) == before


async def test_whoever_is_not_connected_is_led_to_where_they_can(household: Household, anns: Known) -> None:
    carl = household.immich.add_user("Carl")
    person = Person(carl, household.immich.add_session(carl), household)
    csrf = dict((await person.browse("/")).forms[0].fields)["csrf"]
    before = await state_of(household)
    for route in ROUTES:
        if route.guest is Guest.CONNECTED:
            for each in concrete(route.path, anns):
                page = await person._sent(route.method, f"{BASE}{each}", data=anything(anns, csrf))
                assert (page.status, page.location) == (303, f"{BASE}/"), each
    assert await state_of(household) == before


@pytest.mark.timeout(180)
async def test_nobody_sees_or_changes_what_is_somebody_elses(
    household: Household, ann: Person, bob: Person, anns: Known
) -> None:
    before = await state_of(household, but=bob)
    csrf = await csrf_of(bob)
    asked = 0
    for route in OF_ONE:
        for hers, nobody in zip(concrete(route.path, anns), concrete(route.path, anns.nobodys()), strict=True):
            sent: dict[str, Any] = {"data": anything(anns, csrf)} if route.method == "POST" else {}
            page = await bob._sent(route.method, f"{BASE}{hers}", **sent)
            assert page.status == 404, (route.method, hers)
            assert page.html == (await bob._sent(route.method, f"{BASE}{nobody}", **sent)).html
            assert [each for each in anns.everything() if each in page.html] == []
            asked += 1
    assert asked > 20
    for hers in concrete(ONWARDS, anns):
        # Whose set it was is not even looked at: one goes on to the next of one's own.
        page = await bob._sent("GET", f"{BASE}{hers}")
        assert page.status == 303
        assert page.location.partition("?")[0] == f"{BASE}/duplicates"
    for told in await every_page(bob, Known({kind: [] for kind in anns.ids})):
        assert told.page.status == 200
        assert [each for each in anns.everything() if each in told.page.html] == [], told.path
    assert await state_of(household, but=bob) == before
    assert await known_of(ann, "ANN") == anns


@pytest.mark.timeout(120)
@pytest.mark.parametrize(
    ("csrf", "site", "says"),
    [
        pytest.param("", "same-origin", "This page was open for too long", id="without a token"),
        pytest.param("0" * 64, "same-origin", "This page was open for too long", id="with one of our making"),
        pytest.param("\u00e4", "same-origin", "This page was open for too long", id="with one beyond ASCII"),
        pytest.param("of Bob", "same-origin", "This page was open for too long", id="with somebody else's"),
        pytest.param("own", "cross-site", "This is not for you", id="from another site"),
        pytest.param("own", "same-site", "This is not for you", id="from a neighbour's site"),
    ],
)
async def test_nobody_decides_in_somebodys_name(  # noqa: PLR0917
    household: Household, ann: Person, bob: Person, anns: Known, csrf: str, site: str, says: str
) -> None:
    token = {"of Bob": await csrf_of(bob), "own": await csrf_of(ann)}.get(csrf, csrf)
    before = await state_of(household)
    for path in DEEDS:
        for each in list(concrete(path, anns))[:2]:
            headers = {"Sec-Fetch-Site": site}
            page = await ann._sent("POST", f"{BASE}{each}", data=anything(anns, token), headers=headers)
            assert (page.status, page.title) == (403, says), each
    assert await state_of(household) == before


@pytest.mark.timeout(120)
@pytest.mark.parametrize("odd", ["%00", "%ED%A0%80", "x" * 300, "1%27--", "%F0%9F%98%80", "%2e%2e", nobodys("a" * 12)])
async def test_an_odd_id_is_nobodys(household: Household, ann: Person, odd: str) -> None:
    csrf = await csrf_of(ann)
    before = await state_of(household)
    known = Known({"assets": ["x"]}, {}, {"g": ["a"]})
    for route in OF_ONE:
        path = re.sub(r"\{\w+\}", odd, route.path)
        sent: dict[str, Any] = {"data": anything(known, csrf)} if route.method == "POST" else {}
        page = await ann._sent(route.method, f"{BASE}{path}", **sent)
        assert (page.status, page.title) == (404, "Nothing is here any more"), (route.method, path)
    assert await state_of(household) == before


LISTS = [
    "/photos",
    "/duplicates",
    "/duplicates/dismissed",
    "/suggestions",
    "/suggestions?kind=raws",
    "/activity",
    "/status",
]


@pytest.mark.parametrize("path", LISTS)
@pytest.mark.parametrize("cursor", ["x", "%00", "%F0%9F%98%80", "W10", "x" * 5000])
async def test_an_odd_cursor_is_told_as_what_it_is(ann: Person, path: str, cursor: str) -> None:
    page = await ann.browse(f"{path}{'&' if '?' in path else '?'}cursor={cursor}")
    assert (page.status, page.title) == (400, "This address makes no sense")
    assert page.link("Back to the overview") == f"{BASE}/"


@pytest.mark.timeout(120)
async def test_names_are_words_and_nothing_else(ann: Person) -> None:
    """Names of files, folders, albums and people are strangers' words."""
    immich = ann.household.immich
    ann.user.name = HOSTILE
    named = [f"{HOSTILE}.JPG", RTL, LONG]
    for place, name in enumerate(named):
        stem = name.removesuffix(".JPG")
        rows = ann.shoot(f"{stem}.CR3", name, at_s=100 * place, make=HOSTILE, model=RTL)
        immich.album(ann.user, HOSTILE, *rows)
    known = await _fill_with(ann)
    pages = await every_page(ann, known)
    seen = " ".join(told.page.words for told in pages)
    for told in pages:
        assert "<script>alert" not in told.page.html, told.path
        assert all(each["src"].startswith(f"{BASE}/static/") for each in told.page.all("script"))
    for name in named:
        assert name in seen
    for each in (found for told in pages for found in told.page.all("bdi")):
        assert each.tag == "bdi"  # each name stands in a box of its own direction
    panel = await ann.browse(f"/groups/{known.ids['groups'][0]}?fragment=1")
    assert "<script>alert" not in panel.html


async def _fill_with(ann: Person) -> Known:
    known = Known({kind: [] for kind in ("groups", "duplicates", "actions", "failures")})
    await ann.scan()
    known.ids["groups"] = [each["id"] for each in (await ann.get("/groups"))["items"]]
    known.ids["actions"] = [each["id"] for each in (await ann.get("/actions"))["items"]]
    assert len(known.ids["groups"]) == 3
    return known


@pytest.mark.parametrize("path", [path for path in PAGES if "{" not in path])
async def test_a_page_of_nothing_says_what_to_do(ann: Person, path: str) -> None:
    page = await ann.browse(path)
    assert page.status == 200
    assert page.title
    main = page.one("main")
    assert any(each.words in main.words for each in (*page.all("button"), *page.all("a")) if each.words)
