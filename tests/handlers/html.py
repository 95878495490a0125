"""A page as somebody sees it who has no scripts: words, links, pictures, and forms with their buttons."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from html.parser import HTMLParser

VOID = frozenset({"area", "base", "br", "col", "embed", "hr", "img", "input", "link", "meta", "source", "track", "wbr"})

Attributes = dict[str, str | None]


@dataclass
class Element:
    """One element; words are all below it, with single spaces."""

    tag: str
    attributes: Attributes
    parts: list[str] = field(default_factory=list)

    @property
    def words(self) -> str:
        return " ".join("".join(self.parts).split())

    def __getitem__(self, name: str) -> str:
        return self.attributes.get(name) or ""


@dataclass
class Form:
    """One form, with what it would send if nobody touched it, and everything that can be ticked."""

    method: str
    action: str
    fields: list[tuple[str, str]] = field(default_factory=list)
    boxes: list[tuple[str, str]] = field(default_factory=list)
    buttons: list[Element] = field(default_factory=list)
    areas: list[Element] = field(default_factory=list)

    def everything(self) -> list[tuple[str, str]]:
        """What it would send if nobody touched it; a text area keeps all but the line break behind its tag."""
        return [*self.fields, *((each["name"], "".join(each.parts).removeprefix("\n")) for each in self.areas)]

    def sent(
        self, pressed: Element, instead: Mapping[str, str | Sequence[str] | None]
    ) -> tuple[str, str, list[tuple[str, str]]]:
        """(method, address, fields) of a press; instead are other values of some fields, None for none."""
        replaced = {name: (value,) if isinstance(value, str) else tuple(value or ()) for name, value in instead.items()}
        known = {name for name, _ in (*self.everything(), *self.boxes)}
        assert set(replaced) <= known, f"no field {set(replaced) - known}"
        fields = [(name, value) for name, value in self.everything() if name not in replaced]
        fields += [(name, value) for name, values in replaced.items() for value in values]
        if pressed["name"]:
            fields.append((pressed["name"], pressed["value"]))
        return self.method, pressed["formaction"] or self.action, fields


@dataclass
class Page:
    """What was answered."""

    status: int
    headers: dict[str, str]
    html: str

    def __post_init__(self) -> None:
        reader = _Reader()
        reader.feed(self.html)
        reader.close()
        self.elements = reader.elements
        self.forms = reader.forms()

    @property
    def location(self) -> str:
        return self.headers.get("Location", "")

    def all(self, tag: str, **attributes: str) -> list[Element]:
        """Every element of a tag with these attributes, `class_` and `data_x` standing for `class` and `data-x`."""
        wanted = {name.rstrip("_").replace("_", "-"): value for name, value in attributes.items()}
        return [
            each
            for each in self.elements
            if each.tag == tag and all(each.attributes.get(name, "\0") == value for name, value in wanted.items())
        ]

    def one(self, tag: str, **attributes: str) -> Element:
        (found,) = self.all(tag, **attributes)
        return found

    @property
    def title(self) -> str:
        return self.one("h1").words

    @property
    def words(self) -> str:
        """Everything that is written on it."""
        return self.elements[0].words

    def link(self, words: str, at: int = 0) -> str:
        """Where the link with these words leads."""
        return [each["href"] for each in self.all("a") if each.words == words][at]

    def has_button(self, words: str) -> bool:
        return any(each.words == words for form in self.forms for each in form.buttons)

    def button(self, words: str, at: int = 0) -> tuple[Form, Element]:
        found = [(form, each) for form in self.forms for each in form.buttons if each.words == words]
        assert len(found) > at, f"no button {words!r}; there are {[b.words for f in self.forms for b in f.buttons]}"
        return found[at]

    def names(self) -> list[str]:
        """What the pictures are called, in order."""
        return [each["alt"] for each in self.all("img", class_="picture ") if each["alt"]]


class _Reader(HTMLParser):
    def __init__(self) -> None:
        super().__init__()
        self.elements = [Element("page", {})]
        self._open: list[Element] = [self.elements[0]]
        self._forms: list[tuple[Element, Form]] = []
        self._inside: Form | None = None
        self._elsewhere: list[tuple[str, Element]] = []

    def forms(self) -> list[Form]:
        by_id = {element["id"]: form for element, form in self._forms if element["id"]}
        for form_id, element in self._elsewhere:
            if form_id in by_id:  # a part of a page may lack the form
                _add(by_id[form_id], element)
        self._elsewhere = []
        return [form for _, form in self._forms]

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        element = Element(tag, dict(attrs))
        self.elements.append(element)
        if tag == "form":
            self._inside = Form((element["method"] or "get").upper(), element["action"])
            self._forms.append((element, self._inside))
        elif element["form"]:
            self._elsewhere.append((element["form"], element))
        elif self._inside is not None:
            _add(self._inside, element)
        if tag not in VOID:
            self._open.append(element)

    def handle_endtag(self, tag: str) -> None:
        closed = self._open.pop()
        assert closed.tag == tag, f"<{closed.tag}> ends with </{tag}>"
        if tag == "form":
            self._inside = None

    def handle_data(self, data: str) -> None:
        for element in self._open:
            element.parts.append(data)

    def close(self) -> None:
        super().close()
        assert [each.tag for each in self._open] == ["page"], "an element is not closed"


def _add(form: Form, element: Element) -> None:
    kind = element["type"]
    if element.tag == "button":
        form.buttons.append(element)
    elif element.tag == "textarea":
        form.areas.append(element)
    elif element.tag == "input" and element["name"] and "disabled" not in element.attributes:
        field = (element["name"], element["value"])
        if kind in {"checkbox", "radio"}:
            form.boxes.append(field)
        if kind not in {"checkbox", "radio"} or "checked" in element.attributes:
            form.fields.append(field)
