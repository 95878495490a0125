"""The languages of the pages: catalogues as people write them (.po), read when a language is first asked for."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cache
from io import BytesIO
from pathlib import Path

from babel import Locale, UnknownLocaleError, negotiate_locale
from babel.messages.catalog import Catalog
from babel.messages.mofile import write_mo
from babel.messages.pofile import read_po
from babel.support import NullTranslations, Translations

LOCALES = Path(__file__).parent / "locale"
"""A folder a language, and in it a file a subject; together they are one catalogue."""

WRITTEN_IN = "en"
LANGUAGES = (WRITTEN_IN, *sorted(folder.name for folder in LOCALES.iterdir() if folder.is_dir()))

_MOST_ASKED_FOR = 20


@dataclass(frozen=True, slots=True)
class Language:
    """One language: its tag for HTML, how it writes numbers and dates, and its texts."""

    tag: str
    locale: Locale
    texts: NullTranslations

    def text(self, message: str) -> str:
        """The sentence in this language, as it was written if nobody has translated it."""
        return self.texts.ugettext(message)


def language_for(accepted: str | None) -> Language:
    """The best of our languages for a header Accept-Language; English where none fits, or it says nothing.

    Shape:  the texts are those of the language, numbers and dates those of its region, if one is asked for.
    Source: RFC 9110, 12.5.4; a language of a region stands for the language.
    """
    wanted = [tag for tag, _ in sorted(_weighted(accepted or ""), key=_heaviest_first)]
    tag = (negotiate_locale(wanted, LANGUAGES, sep="-") if wanted else None) or WRITTEN_IN
    region = next((each for each in wanted if each.startswith(f"{tag}-")), tag)
    return _language(tag, _locale(region) or Locale.parse(tag))


def _locale(tag: str) -> Locale | None:
    try:
        return Locale.parse(tag, sep="-")
    except (UnknownLocaleError, ValueError):
        return None


def _weighted(accepted: str) -> list[tuple[str, float]]:
    found = []
    for part in accepted.split(",")[:_MOST_ASKED_FOR]:
        tag, _, parameters = part.partition(";")
        name, _, value = parameters.strip().partition("=")
        try:
            weight = float(value) if name.strip() == "q" else 1.0
        except ValueError:
            weight = 0.0
        if tag.strip() and weight > 0:
            found.append((tag.strip().lower(), weight))
    return found


def _heaviest_first(weighted: tuple[str, float]) -> float:
    return -weighted[1]


def _language(tag: str, locale: Locale) -> Language:
    return Language(tag, locale, _texts(tag))


@cache
def _texts(tag: str) -> NullTranslations:
    if tag == WRITTEN_IN:
        return NullTranslations()
    mo = BytesIO()
    write_mo(mo, catalogue(tag))
    mo.seek(0)
    return Translations(mo)


def catalogue(tag: str) -> Catalog:
    """All texts of a language, from all its files."""
    whole = Catalog(locale=tag)
    for path in sorted((LOCALES / tag).glob("*.po")):
        with path.open("rb") as file:
            for message in read_po(file, locale=tag):
                if message.id:
                    whole[message.id] = message
    return whole
