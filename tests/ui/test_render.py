from __future__ import annotations

from dataclasses import fields, replace
from html.parser import HTMLParser
from pathlib import Path

import pytest
from jinja2 import Environment, UndefinedError, meta

from sidecar.ui import render as render_module
from sidecar.ui.contexts import HomePage, Numbers
from sidecar.ui.render import STATIC, render, static_url

NUMBERS = Numbers(assets=123_456, stacks=41_800, duplicate_sets=2, pending=0, review=0, is_scanning=False)
PAGE = HomePage(version="0.1.0", base_path="/sidecar", name="Ann", numbers=NUMBERS, can_connect=True)
STRANGER = HomePage(version="0.1.0", base_path="/sidecar")
NEWCOMER = replace(PAGE, numbers=None, permissions=("asset.read", "stack.create"))
PAGES = [PAGE, STRANGER, NEWCOMER, replace(STRANGER, is_immich_away=True), replace(NEWCOMER, problem="No.")]
TEMPLATES = Path(render_module.__file__).parent / "templates"


class Text(HTMLParser):
    def __init__(self, html: str) -> None:
        super().__init__()
        self.headings: list[str] = []
        self.links: list[str] = []
        self._tag = ""
        self.feed(html)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self._tag = tag
        self.links += [value or "" for name, value in attrs if name in {"href", "src"}]

    def handle_data(self, data: str) -> None:
        if self._tag in {"h1", "dt", "dd", "title"} and data.strip():
            self.headings.append(data.strip())


def test_the_front_page_shows_its_numbers() -> None:
    shown = Text(render(PAGE)).headings
    assert shown[1:] == [
        "Everything is in order", "Assets", "123\u202f456", "Stacks", "41\u202f800",
        "Sets of duplicates", "2", "For you to decide", "0",
    ]  # fmt: skip


@pytest.mark.parametrize(
    ("change", "says"),
    [
        pytest.param({"is_scanning": True}, "reading your library", id="scanning"),
        pytest.param({"pending": 7}, "7 file names are still to be compared", id="comparing"),
        pytest.param({"review": 3}, "takes your yes or no", id="doubtful matches"),
    ],
)
def test_the_front_page_says_what_is_going_on(change: dict[str, object], says: str) -> None:
    assert says in render(replace(PAGE, numbers=replace(NUMBERS, **change)))  # type: ignore[arg-type]


def test_the_front_page_asks_for_nothing_only_when_nothing_is_doubtful() -> None:
    assert "Nothing here needs you" in render(PAGE)
    assert "Nothing here needs you" not in render(replace(PAGE, numbers=replace(NUMBERS, review=3)))


@pytest.mark.parametrize(
    ("page", "says", "says_not"),
    [
        pytest.param(STRANGER, "Sign in to Immich first", "<form", id="who is not signed in"),
        pytest.param(replace(STRANGER, is_immich_away=True), "Immich does not answer", "<form", id="Immich is away"),
        pytest.param(NEWCOMER, 'action="/sidecar/connect"', "disconnect", id="who may connect"),
        pytest.param(NEWCOMER, "<code>stack.create</code>", "SIDECAR_SECRET", id="what a key may do is told"),
        pytest.param(replace(NEWCOMER, can_connect=False), "SIDECAR_SECRET", "<form", id="nobody can connect"),
        pytest.param(PAGE, 'action="/sidecar/disconnect"', "/sidecar/connect", id="who may disconnect"),
        pytest.param(replace(PAGE, can_connect=False), "in order", "<form", id="whom the owner has connected"),
        pytest.param(replace(NEWCOMER, problem="It is not possible."), "It is not possible.", "in order", id="refused"),
    ],
)
def test_the_front_page_offers_what_can_be_done(page: HomePage, says: str, says_not: str) -> None:
    html = render(page)
    assert says in html
    assert says_not not in html


def test_values_are_escaped() -> None:
    for name in ("version", "name", "problem"):
        assert "<script>" not in render(replace(NEWCOMER, **{name: "<script>"}))  # type: ignore[arg-type]


def test_static_files_change_their_address_with_their_content() -> None:
    for link in Text(render(PAGE)).links:
        if "static" in link:
            name = link.rpartition("/")[2].partition("?")[0]
            assert link == static_url("/sidecar", name)
            assert (STATIC / name).is_file()


@pytest.mark.parametrize("page", PAGES)
def test_nothing_is_loaded_from_elsewhere_and_no_style_or_script_is_inline(page: HomePage) -> None:
    html = render(page)
    assert all(link.startswith("/") for link in Text(html).links)
    assert "style=" not in html
    assert "<script" not in html


def test_a_template_may_know_its_context_and_nothing_else() -> None:
    used: set[str] = set()
    environment = Environment(autoescape=True)
    for name in ("home.html", "_base.html"):
        used |= meta.find_undeclared_variables(environment.parse((TEMPLATES / name).read_text()))
    assert used - {"static_url"} == {field.name for field in fields(HomePage)}


def test_a_name_that_the_context_lacks_is_an_error() -> None:
    with pytest.raises(UndefinedError):
        render_module._environment.from_string("{{ nothing }}").render()
