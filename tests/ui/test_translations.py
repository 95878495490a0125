from __future__ import annotations

import re

import pytest
from babel import Locale
from hypothesis import given
from hypothesis import strategies as st

from sidecar.ui.translations import LANGUAGES, WRITTEN_IN, catalogue, language_for
from tests.ui.messages import lacking, main, written

OTHERS = [tag for tag in LANGUAGES if tag != WRITTEN_IN]
PLACEHOLDERS = re.compile(r"%s|%\(\w+\)s")


def test_english_and_german_are_there() -> None:
    assert {"en", "de"} <= set(LANGUAGES)


@pytest.mark.parametrize(
    ("accepted", "tag", "locale"),
    [
        pytest.param(None, "en", "en", id="nothing said"),
        pytest.param("", "en", "en", id="said nothing"),
        pytest.param("de", "de", "de", id="a language"),
        pytest.param("DE-at", "de", "de_AT", id="a language of a region, in any case"),
        pytest.param("en-GB,de;q=0.9", "en", "en_GB", id="the first"),
        pytest.param("en;q=0.5,de;q=0.9", "de", "de", id="the heaviest"),
        pytest.param("de;q=0,en", "en", "en", id="not wanted"),
        pytest.param("fr,de;q=0.3", "de", "de", id="the first that there is"),
        pytest.param("fr", "en", "en", id="none that there is"),
        pytest.param("de-XX-nowhere", "de", "de", id="a region that nobody knows"),
        pytest.param("de;q=much,en;q=0.1", "en", "en", id="a weight that is none"),
        pytest.param("*", "en", "en", id="any"),
        pytest.param(",;,de", "de", "de", id="holes"),
        pytest.param("fr," * 30 + "de", "en", "en", id="beyond what anybody reads"),
    ],
)
def test_the_best_of_our_languages_is_found(accepted: str | None, tag: str, locale: str) -> None:
    found = language_for(accepted)
    assert (found.tag, str(found.locale)) == (tag, locale)


@given(st.text() | st.from_regex(r"([a-z]{2}(-[A-Za-z0-9]{1,8}){0,3}(;q=[0-9.]{0,4})?,? ?){0,5}", fullmatch=True))
def test_whatever_is_asked_for_there_is_a_language(accepted: str) -> None:
    found = language_for(accepted)
    assert found.tag in LANGUAGES
    assert found.locale.language == found.tag
    assert isinstance(found.locale, Locale)


@pytest.mark.parametrize("tag", OTHERS)
def test_every_text_is_translated(tag: str) -> None:
    assert [message.id for message in lacking(tag)] == []


@pytest.mark.parametrize("tag", OTHERS)
def test_nothing_is_translated_that_nobody_says(tag: str) -> None:
    said = {_key(message.id) for message in written() if message.id}
    assert [message.id for message in catalogue(tag) if message.id and _key(message.id) not in said] == []


@pytest.mark.parametrize("tag", OTHERS)
def test_a_translation_has_the_same_places_for_values(tag: str) -> None:
    for message in catalogue(tag):
        if message.id:
            ids = [message.id] if isinstance(message.id, str) else list(message.id)
            texts = [message.string] if isinstance(message.string, str) else list(message.string or ())
            # One of something may be said in words.
            assert _places(texts[-1]) == _places(ids[-1]), message.id
            assert _places(texts[0]) <= _places(ids[-1]), message.id


def _places(text: str) -> set[str]:
    return set(PLACEHOLDERS.findall(text))


def test_texts_are_read_as_they_are_written() -> None:
    german = language_for("de")
    assert german.text("Duplicates") == "Duplikate"
    assert german.text("what nobody translated") == "what nobody translated"
    assert language_for("en").text("Duplicates") == "Duplicates"


def test_what_lacks_is_printed_as_it_is_to_be_written(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    main()
    assert capsys.readouterr().out == ""
    found = catalogue("de")
    found.delete("Duplicates")
    found.delete(("%(number)s file stays", "%(number)s files stay"))
    monkeypatch.setattr("tests.ui.messages.catalogue", lambda _tag: found)
    main()
    said = capsys.readouterr().out
    assert 'msgid "Duplicates"\nmsgstr ""\n' in said
    assert 'msgid_plural "%(number)s files stay"\nmsgstr[0] ""\nmsgstr[1] ""\n' in said


def _key(id_: object) -> str:
    return str(id_[0]) if isinstance(id_, tuple | list) else str(id_)
