from __future__ import annotations

import re
from html import unescape
from typing import Any

import pytest
from aiohttp import ClientResponse

from sidecar.handlers.pages.chosen import CONTROLS
from sidecar.preferences import KEYS
from sidecar.preferences.detection import SERVER_WIDE
from sidecar.storage import preferences
from tests.handlers.conftest import BASE, Household, Person
from tests.handlers.html import Page

NO_PAIRS: dict[str, object] = {"stack": {"raw_jpeg": False}}
PAIRS = ("stack.raw_jpeg", "on")
HOSTILE = '<script>alert("x")</script>'


async def ask(person: Person, method: str, path: str, **request: Any) -> ClientResponse:
    headers = {
        "Cookie": f"immich_access_token={person.token}",
        "Sec-Fetch-Site": "same-origin",
        **request.pop("headers", {}),
    }
    return await person.household.client.request(
        method, f"{BASE}{path}", headers=headers, allow_redirects=False, **request
    )


async def page(person: Person, **request: Any) -> str:
    answer = await ask(person, "GET", "/settings", **request)
    assert answer.status == 200
    return await answer.text()


def fields(html: str) -> list[tuple[str, str]]:
    (form,) = (each for each in Page(200, {}, html).forms if each.action == f"{BASE}/settings")
    return form.everything()


def with_field(sent: list[tuple[str, str]], name: str, *values: str) -> list[tuple[str, str]]:
    """The form with these values under a name, in place of those that were there."""
    return [*((each, value) for each, value in sent if each != name), *((name, value) for value in values)]


async def post(person: Person, sent: list[tuple[str, str]], path: str = "/settings") -> tuple[int, str]:
    answer = await ask(person, "POST", path, data=sent)
    return answer.status, await answer.text()


async def stored(person: Person) -> dict[str, object]:
    async with person.household.services.database.read() as connection:
        return await preferences.get(connection, person.owner_id)


async def store(person: Person, chosen: dict[str, object]) -> None:
    async with person.household.services.database.write() as connection:
        await preferences.put(connection, person.owner_id, chosen, now_ms=1)


def test_every_choice_has_a_control() -> None:
    assert CONTROLS.keys() == KEYS.keys() - {f"detection.{key}" for key in SERVER_WIDE}


async def test_a_form_that_nobody_touched_chooses_nothing(ann: Person) -> None:
    html = await page(ann)
    for key in CONTROLS:
        assert f'id="{key}"' in html
    answer = await ask(ann, "POST", "/settings", data=fields(html))
    assert (answer.status, answer.headers["Location"]) == (303, f"{BASE}/settings?done=saved")
    assert await stored(ann) == {}


async def test_what_was_touched_is_saved_and_nothing_else(ann: Person, bob: Person) -> None:
    sent = fields(await page(ann))
    sent = with_field(sent, "ask_first", "on")
    sent = with_field(sent, "stack.video")
    sent = with_field(sent, "timestamp_tolerance_seconds", " 2,5 ")
    sent = with_field(sent, "pattern", "", "{base}-web.{ext}")
    sent = with_field(sent, "trusted", "1")
    sent = with_field(sent, "detection.keep_order", "size", "albums")
    sent = with_field(sent, "detection.record_in_immich")
    sent = with_field(sent, "detection.prefer_paths", "/mnt/photos\r\n\r\n upload ")
    assert (await post(ann, sent))[0] == 303
    assert await stored(ann) == {
        "ask_first": True,
        "stack": {"video": False},
        "timestamp_tolerance_seconds": 2.5,
        "filename_patterns": [
            {"pattern": "{base}.{ext}", "trusted": True},
            {"pattern": "{base}_{suffix}.{ext}", "trusted": True},
            {"pattern": "{base}-web.{ext}", "trusted": True},
        ],
        "detection": {
            "keep_order": ["size", "albums"],
            "record_in_immich": [],
            "prefer_paths": ["/mnt/photos", "upload"],
        },
    }
    assert await stored(bob) == {}
    html = await page(ann)
    assert html.count("Chosen by you") == 7
    assert (await post(ann, with_field(fields(html), "default", "ask_first", "stack.video", "colour")))[0] == 303
    assert {"ask_first", "stack"}.isdisjoint(await stored(ann))


async def test_a_double_click_saves_once(ann: Person) -> None:
    sent = with_field(fields(await page(ann)), "ask_first", "on")
    assert (await post(ann, sent))[0] == 303
    # The second one finds the very same choice: there is nothing to ask about.
    assert (await post(ann, sent))[0] == 303
    assert await stored(ann) == {"ask_first": True}


@pytest.mark.parametrize(
    ("name", "typed", "says"),
    [
        pytest.param("timestamp_tolerance_seconds", "soon", "a number from 0 to 60", id="no number"),
        pytest.param("timestamp_tolerance_seconds", "nan", "a number from 0 to 60", id="not a number"),
        pytest.param("detection.phash_threshold", "0.5", "a number from 0.9 to 1", id="too loose"),
        pytest.param("pattern", HOSTILE, "A pattern cannot be used", id="no pattern"),
        pytest.param("pattern", "{base}.{ext" + "x" * 255, "A pattern cannot be used", id="a long one"),
        pytest.param("detection.prefer_paths", "photos", "a path that begins with /", id="no path"),
        pytest.param("auto_primary_preference", "moon", "At least one has to be ticked", id="no format"),
    ],
)
async def test_what_cannot_be_understood_is_marked_and_nothing_typed_is_lost(
    ann: Person, name: str, typed: str, says: str
) -> None:
    sent = with_field(with_field(fields(await page(ann)), name, typed), "stack.burst", "on")
    status, html = await post(ann, sent)
    assert status == 400
    assert says in unescape(html)
    assert HOSTILE not in html
    again = fields(html)
    assert ("stack.burst", "on") in again
    if name != "auto_primary_preference":
        assert (name, typed) in again
    assert await stored(ann) == {}
    for path in ("/settings/preview", "/settings/preview?fragment=1"):
        status, html = await post(ann, sent, path)
        assert status == 400
        assert "Mend what is marked first" in html


async def test_two_windows_show_both_choices_and_the_next_save_holds(ann: Person) -> None:
    sent = fields(await page(ann))
    await store(ann, {"timestamp_tolerance_seconds": 7, "stack": {"burst": True}, "detection": {"keep_order": ["size"]},
                      "filename_patterns": ["{base}.{ext}"]})  # fmt: skip
    sent = with_field(sent, "timestamp_tolerance_seconds", "5")
    sent = with_field(sent, "detection.keep_order", "albums")
    sent = with_field(sent, "pattern", "{base}-web.{ext}", "")
    status, html = await post(ann, sent)
    assert status == 409
    told = re.findall(r"Somebody chose meanwhile: ([^<]*)<", html)
    assert told == ["7", "", "The larger file"]
    again = fields(html)
    assert ("timestamp_tolerance_seconds", "5") in again
    assert ("stack.burst", "on") in again
    assert (await post(ann, again))[0] == 303
    kept = await stored(ann)
    assert kept["timestamp_tolerance_seconds"] == 5.0
    assert kept["stack"] == {"burst": True}


async def test_a_switch_that_was_changed_elsewhere_says_how(ann: Person) -> None:
    html = await page(ann)
    sent = with_field(fields(html), "ask_first", "on")
    was = dict(sent)["was"].replace('"ask_first":"off"', '"ask_first":"x"')
    await store(ann, {"stack": {"burst": True}})
    status, html = await post(ann, with_field(sent, "was", was))
    assert status == 409
    assert "Somebody chose meanwhile: off" in html


async def test_what_would_change_is_shown_and_nothing_is_saved(ann: Person) -> None:
    ann.shoot("<i>1.CR3", "<i>1.JPG")
    await ann.scan()
    sent = with_field(fields(await page(ann)), "stack.raw_jpeg")
    status, html = await post(ann, sent, "/settings/preview")
    assert status == 200
    assert "One stack of the sidecar&#39;s would not be made any more; it stays." in html
    assert "2 of 2 photos were looked at" in html
    assert "&lt;i&gt;1.JPG" in html
    assert "<i>1" not in html
    assert ("stack.raw_jpeg", "on") not in fields(html)
    assert await stored(ann) == {}
    # What the page shows now can be saved.
    assert (await post(ann, fields(html)))[0] == 303
    assert await stored(ann) == {"stack": {"raw_jpeg": False}}
    status, html = await post(ann, fields(await page(ann)), "/settings/preview?fragment=1")
    assert "<html" not in html
    assert "Nothing in your library would change." in html


@pytest.mark.parametrize(
    ("before", "values", "line"),
    [
        pytest.param(NO_PAIRS, PAIRS, "2 groups of photos would be stacked", id="stacked"),
        pytest.param({**NO_PAIRS, "ask_first": True}, PAIRS, "2 more suggestions", id="suggested"),
        pytest.param({"ask_first": True}, ("stack.raw_jpeg",), "2 suggestions would go", id="dropped"),
        pytest.param({}, ("auto_primary_preference", "raw"), "2 stacks would have another cover", id="cover"),
    ],
)
async def test_each_kind_of_change_has_its_sentence(
    ann: Person, before: dict[str, object], values: tuple[str, ...], line: str
) -> None:
    await store(ann, before)
    ann.shoot("IMG_1.CR3", "IMG_1.JPG")
    ann.shoot("IMG_2.CR3", "IMG_2.JPG", at_s=60)
    await ann.scan()
    _, html = await post(ann, with_field(fields(await page(ann)), *values), "/settings/preview")
    assert line in html


async def test_a_further_look_adds_to_what_was_seen(ann: Person) -> None:
    ann.shoot("IMG_1.CR3", "IMG_1.JPG")
    await ann.scan()
    sent = with_field(fields(await page(ann)), "stack.raw_jpeg")
    seen = (
        '{"counts":{"kept":4},"examples":[{"kind":"kept","members":['
        + ",".join(['{"asset_id":"a\\"b","name":"N"}'] * 6)
        + "]}]}"
    )
    further = [*sent, ("start", "1"), ("so_far", seen)]
    _, html = await post(ann, further, "/settings/preview")
    assert "4 stacks of the sidecar" in html
    assert "+2" in html
    for broken in ([*sent, ("start", "1"), ("so_far", "no")], [*sent, ("start", "²"), ("so_far", seen)]):
        status, html = await post(ann, broken, "/settings/preview")
        assert (status, "4 stacks" in html) == (200, False)


async def test_order_can_be_put_without_scripts(ann: Person) -> None:
    key = "detection.keep_order"
    sent = fields(await page(ann))
    for move, expected in (
        (f"{key} albums up", ["albums", "favorite", "stack"]),
        (f"{key} favorite down", ["albums", "favorite", "stack"]),
        (f"{key} favorite up", ["favorite", "albums", "stack"]),
        (f"{key} moon up", ["favorite", "albums", "stack"]),
        ("moon favorite up", ["favorite", "albums", "stack"]),
    ):
        _, html = await post(ann, [*sent, ("move", move)], "/settings/arrange")
        found = fields(html)
        assert [value for name, value in found if name == key][:3] == expected, move
        assert [value for name, value in found if name == f"{key}.row"][:3] == expected
    assert await stored(ann) == {}


async def test_a_form_without_what_was_or_with_another_persons_token_is_not_guessed_at(
    ann: Person, bob: Person
) -> None:
    sent = fields(await page(ann))
    assert (await post(ann, with_field(sent, "was", "no")))[0] == 303
    assert (await post(bob, sent))[0] == 403
    assert await stored(bob) == {}


async def test_a_session_that_ended_saves_nothing(ann: Person) -> None:
    sent = with_field(fields(await page(ann)), "ask_first", "on")
    del ann.household.immich.state.sessions[ann.token]
    assert (await post(ann, sent))[0] == 401
    assert await stored(ann) == {}


async def test_it_says_whether_the_bell_can_be_used(household: Household, ann: Person) -> None:
    assert "bell cannot be used yet" in await page(ann)
    household.immich.fail("GET", "/api-keys/me", status=503, times=99)
    assert "Immich does not say right now" in await page(ann)


async def test_a_german_browser_reads_german(ann: Person) -> None:
    html = await page(ann, headers={"Accept-Language": "de"})
    assert "Vor jedem Stapeln fragen" in html


async def test_choices_of_another_version_are_told_of(ann: Person) -> None:
    await store(ann, {"colour": "red"})
    assert "passed over: colour" in await page(ann)
