from __future__ import annotations

from dataclasses import fields, replace
from html.parser import HTMLParser
from pathlib import Path

import pytest
from jinja2 import Environment, UndefinedError, meta

from sidecar.ui import render as render_module
from sidecar.ui.contexts import HomePage
from sidecar.ui.render import STATIC, render, static_url

PAGE = HomePage(
    version="0.1.0",
    base_path="/sidecar",
    users=2,
    assets=123_456,
    stacks=41_800,
    pending=0,
    review=0,
    is_scanning=False,
)
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
        "For you to decide", "0", "Connected users", "2",
    ]  # fmt: skip


@pytest.mark.parametrize(
    ("change", "says"),
    [
        pytest.param({"is_scanning": True}, "reading the library", id="scanning"),
        pytest.param({"pending": 7}, "7 file names are still to be compared", id="comparing"),
        pytest.param({"review": 3}, "takes your yes or no", id="doubtful matches"),
    ],
)
def test_the_front_page_says_what_is_going_on(change: dict[str, object], says: str) -> None:
    assert says in render(replace(PAGE, **change))  # type: ignore[arg-type]


def test_the_front_page_asks_for_nothing_only_when_nothing_is_doubtful() -> None:
    assert "Nothing here needs you" in render(PAGE)
    assert "Nothing here needs you" not in render(replace(PAGE, review=3))


def test_values_are_escaped() -> None:
    assert "<script>" not in render(replace(PAGE, version="<script>"))


def test_static_files_change_their_address_with_their_content() -> None:
    for link in Text(render(PAGE)).links:
        if "static" in link:
            name = link.rpartition("/")[2].partition("?")[0]
            assert link == static_url("/sidecar", name)
            assert (STATIC / name).is_file()


def test_nothing_is_loaded_from_elsewhere_and_no_style_or_script_is_inline() -> None:
    html = render(PAGE)
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
