from __future__ import annotations

from collections.abc import Iterator
from dataclasses import fields, is_dataclass, replace
from pathlib import Path
from typing import Any

import pytest
from jinja2 import UndefinedError, meta

from sidecar.ui import contexts
from sidecar.ui import render as render_module
from sidecar.ui.contexts.frame import Page
from sidecar.ui.render import STATIC, render, static_url
from sidecar.ui.translations import language_for
from tests.handlers.html import Page as Shown
from tests.ui.samples import BASE, COMPARE, HOME, NEWCOMER, NUMBERS, ODD, PAGES, SETTINGS, STRANGER
from tests.ui.snapshots import FOLDER, taken

ENGLISH, GERMAN = language_for("en"), language_for("de")
TEMPLATES = Path(render_module.__file__).parent / "templates"


def shown(page: Page, tag: str = "en") -> Shown:
    return Shown(200, {}, render(page, language_for(tag)))


def test_every_page_looks_as_it_was_found_good() -> None:
    kept = {path.name: path.read_text() for path in FOLDER.glob("*.html")}
    now = taken()
    assert kept.keys() == now.keys()
    for name, html in now.items():
        assert html == kept[name], f"{name} has changed: look at it, then write it with `python -m tests.ui.snapshots`"


def kinds_of_pages() -> set[type[Any]]:
    found = set()
    for path in Path(contexts.__file__).parent.glob("*.py"):
        module = __import__(f"sidecar.ui.contexts.{path.stem}", fromlist=["*"])
        found |= {each for each in vars(module).values() if is_dataclass(each) and hasattr(each, "template")}
    return found  # type: ignore[return-value]


def test_every_kind_of_page_has_a_sample() -> None:
    assert {type(page) for page in PAGES.values()} == kinds_of_pages()


def test_every_template_belongs_to_a_page() -> None:
    used = {page.template for page in PAGES.values()} | {page.fragment for page in PAGES.values()} - {""}
    assert {path.name for path in TEMPLATES.glob("*.html")} - {"_base.html", "_macros.html"} == used


@pytest.mark.parametrize("page", PAGES.values(), ids=PAGES.keys())
@pytest.mark.parametrize("language", [ENGLISH, GERMAN], ids=["en", "de"])
def test_every_page_is_well_formed_and_escapes_what_strangers_wrote(page: Page, language: Any) -> None:
    for is_fragment in (False, True) if page.fragment else (False,):
        html = render(page, language, is_fragment=is_fragment)
        found = Shown(200, {}, html)
        assert "<b>" not in html
        assert all(each["src"] for each in found.all("script"))
        assert not [each for each in found.elements if "style" in each.attributes or each.tag == "style"]
        # A quote in a name ends no attribute.
        assert not [
            each for each in found.elements if any("img" in name.lower() and name != "src" for name in each.attributes)
        ]
        assert found.words


def test_a_fragment_is_a_part_of_its_page() -> None:
    for page in PAGES.values():
        if page.fragment:
            part = Shown(200, {}, render(page, ENGLISH, is_fragment=True))
            assert part.all("html") == []
            assert part.words in shown(page).words


def test_names_are_shown_as_they_are() -> None:
    for name in ("photos", "compare", "confirm", "suggestions", "activity", "status"):
        page = shown(PAGES[name])
        told = page.words + "".join(value or "" for each in page.elements for value in each.attributes.values())
        assert ODD in told, name


@pytest.mark.parametrize(
    ("change", "title", "says"),
    [
        pytest.param({}, "Everything is in order", "Nothing here needs you", id="nothing to do"),
        pytest.param({"is_scanning": True}, "Looking through your library", "reading your library", id="scanning"),
        pytest.param({"pending": 1}, "Looking through your library", "One file name is still", id="one name"),
        pytest.param({"pending": 7}, "Looking through your library", "7 file names are still", id="names"),
        pytest.param({"review": 3}, "Everything is in order", "What is doubtful waits for you", id="doubts"),
    ],
)
def test_the_front_page_says_what_is_going_on(change: dict[str, Any], title: str, says: str) -> None:
    frame = replace(HOME.frame, duplicates=0)
    page = shown(replace(HOME, frame=frame, numbers=replace(NUMBERS, **change)))
    assert page.title == title
    assert says in page.words
    assert [each.words for each in page.all("dd")][:3] == ["123,456", "41,800", "2"]
    assert next(each.words for each in shown(HOME, "de").all("dd")) == "123.456"


def test_duplicates_are_something_to_decide() -> None:
    assert "What is doubtful waits for you" in shown(HOME).words


def test_the_front_page_offers_what_can_be_done() -> None:
    assert shown(HOME).has_button("Disconnect")
    assert not shown(replace(HOME, can_connect=False)).has_button("Disconnect")
    assert shown(NEWCOMER).has_button("Connect")
    nobody = shown(replace(NEWCOMER, can_connect=False))
    assert not nobody.has_button("Connect")
    assert "SIDECAR_SECRET" in nobody.words
    assert shown(replace(NEWCOMER, problem="No.")).one("p", role="alert").words == "No."


def test_the_page_one_is_on_is_marked_in_the_navigation() -> None:
    for page in PAGES.values():
        marked = [each["href"] for each in shown(page).all("a", aria_current="page") if "?" not in each["href"]]
        assert marked == ([f"{BASE}{page.frame.here}"] if page.frame.is_connected else [])


def test_immich_is_where_it_is() -> None:
    assert shown(HOME).one("a", class_="to-immich")["href"] == "/"
    assert (
        shown(replace(HOME, frame=replace(HOME.frame, immich_url="https://photos.example.org"))).one(
            "a", class_="to-immich"
        )["href"]
        == "https://photos.example.org/"
    )
    assert STRANGER.immich_url == "https://photos.example.org"


def test_a_set_of_two_needs_no_choice_of_sides() -> None:
    assert shown(COMPARE).all("span", class_="sides")
    two = replace(COMPARE, copies=COMPARE.copies[:2], rows=(), rule=None, notes=())
    assert not shown(two).all("span", class_="sides")
    assert "because" not in shown(two).words


def test_what_waits_is_counted_in_the_navigation() -> None:
    page = shown(HOME)
    assert [each.words for each in page.all("span", class_="waiting")] == ["waiting: 1,234", "waiting: 2"]
    idle = shown(replace(HOME, frame=replace(HOME.frame, duplicates=0, suggestions=0)))
    assert idle.all("span", class_="waiting") == []


def test_what_was_done_is_told_with_a_way_back() -> None:
    page = shown(HOME)
    assert "It is done." in page.one("div", id="notice").words
    assert page.button("Undo")[0].action == f"{BASE}/activity/a1/undo"
    told = replace(HOME, frame=replace(HOME.frame, notice=None))
    assert shown(told).one("div", id="notice").words == ""


def test_static_files_change_their_address_with_their_content() -> None:
    found = [each[name] for each in shown(HOME).elements for name in ("href", "src") if "/static/" in each[name]]
    assert found
    for link in found:
        name = link.rpartition("/")[2].partition("?")[0]
        assert link == static_url(BASE, name)
        assert (STATIC / name).is_file()


def test_nothing_is_told_to_a_template_that_it_does_not_use() -> None:
    environment = render_module._environment(ENGLISH)
    for kind in kinds_of_pages():
        used: set[str] = set()
        for name in {kind.template, kind.fragment or kind.template, "_base.html"}:
            used |= meta.find_undeclared_variables(environment.parse((TEMPLATES / name).read_text()))
        assert {field.name for field in fields(kind)} <= used | {"frame"}, kind.__name__


def test_a_name_that_the_context_lacks_is_an_error() -> None:
    with pytest.raises(UndefinedError):
        render_module._environment(ENGLISH).from_string("{{ nothing }}").render()


def choices(page: Shown) -> Iterator[str]:
    yield from (each["id"] for each in page.all("div", class_="setting"))


def test_settings_say_what_is_wrong_beside_what_it_is_about() -> None:
    page = shown(SETTINGS)
    assert list(choices(page)) == [each.key for each in SETTINGS.sections[0].choices]
    (field,) = page.all("input", id="timestamp_tolerance_seconds-field")
    assert field["aria-invalid"] == "true"
    for described in field["aria-describedby"].split():
        assert page.one("p", id=described).words
    assert "Somebody chose meanwhile" in page.words
    assert "needs" not in shown(replace(SETTINGS, is_bell_there=True)).one("div", id="notify").words
    assert "does not say right now" in shown(replace(SETTINGS, is_bell_there=None)).words


@pytest.mark.parametrize(
    ("preview", "says"),
    [
        pytest.param(
            {"lines": (), "fewer": 0, "needs_search": False, "next_start": None},
            "Nothing in your library would change",
            id="nothing",
        ),
        pytest.param(
            {"lines": (), "fewer": 0, "needs_search": False}, "Nothing, as far as was looked", id="nothing yet"
        ),
        pytest.param({"fewer": 1}, "One set of duplicates", id="one set"),
    ],
)
def test_the_preview_says_what_would_change(preview: dict[str, Any], says: str) -> None:
    assert SETTINGS.preview is not None
    page = replace(SETTINGS, preview=replace(SETTINGS.preview, **preview))
    assert says in shown(page).words
    assert "Mend what is marked first" in shown(replace(page, has_problems=True)).words
