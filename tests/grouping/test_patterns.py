from __future__ import annotations

import copy
import unicodedata
from dataclasses import replace
from time import perf_counter

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from sidecar.errors import SettingsError
from sidecar.grouping.patterns import BUILT_IN, NamePattern, Reading

unhurried = settings(deadline=None)
"""How long an example takes says more about the machine than about the pattern."""


@pytest.mark.parametrize(
    ("text", "sentence"),
    [
        pytest.param("", "the pattern is empty", id="empty"),
        pytest.param(" \t", "the pattern is empty", id="blanks"),
        pytest.param("regex:", "the pattern is empty", id="an empty regular expression"),
        pytest.param("regex: ", "the pattern is empty", id="a blank regular expression"),
        pytest.param("{base}" + "x" * 190 + ".{ext}", "202 characters; it may have 200", id="too long"),
        pytest.param("\ud800{base}.{ext}", "half a character", id="a lone surrogate"),
        pytest.param("regex:(?P<base>.)\ud800", "half a character", id="a lone surrogate in a regular expression"),
        pytest.param("web.{ext}", "no {base}", id="no base"),
        pytest.param("{base}-web", "no {ext}", id="no extension"),
        pytest.param("{base}-{ext}", "does not end in .{ext}", id="no dot before the extension"),
        pytest.param("{base}.{ext}-web", "does not end in .{ext}", id="the extension is not last"),
        pytest.param("{base}-{colour}.{ext}", "unknown placeholder {colour}", id="an unknown placeholder"),
        pytest.param("{base}-{BASE}.{ext}", "unknown placeholder {BASE}", id="placeholders are lower case"),
        pytest.param("{base}-{}.{ext}", "unknown placeholder {}", id="a placeholder without name"),
        pytest.param("{base}-{base}.{ext}", "{base} twice", id="two bases"),
        pytest.param("{base}-{n}-{n}.{ext}", "{n} twice", id="two numbers"),
        pytest.param("{base}.{ext}.{ext}", "{ext} twice", id="two extensions"),
        pytest.param("{base}-{n.{ext}", "brace", id="a brace that is not closed"),
        pytest.param("{base}-n}.{ext}", "brace", id="a brace that is not opened"),
        pytest.param("regex:(?P<base>.+", "missing )", id="a regular expression that is none"),
        pytest.param(r"regex:(?P<base>.)\1\.(?P<ext>jpg)", r"invalid escape sequence: \1", id="a backreference"),
        pytest.param("regex:(?P<base>.+)(?=-)(?P<ext>jpg)", "invalid perl operator: (?=", id="lookaround"),
        pytest.param("regex:(?P<base>(.{1000}){9})", "invalid repetition size", id="too many repetitions"),
        pytest.param("regex:(?P<base>\\pL{1000})", "pattern too large", id="more memory than is given"),
        pytest.param(r"regex:.+\.(?P<ext>jpg)", "no group base", id="a regular expression without base"),
        pytest.param("regex:(?P<base>.+)jpg", "no group ext", id="a regular expression without extension"),
        pytest.param("{base}-web", "{ext}", id="what is missing is named"),
    ],
)
def test_a_pattern_that_cannot_be_used_is_refused_with_its_reason(text: str, sentence: str) -> None:
    with pytest.raises(SettingsError) as caught:
        NamePattern(text)
    message = str(caught.value)
    assert sentence in message
    assert "\n" not in message


@pytest.mark.parametrize(
    ("text", "name", "base", "label"),
    [
        pytest.param("{base}-web.{ext}", "IMG_1-web.jpg", "IMG_1", "-web", id="a suffix"),
        pytest.param("{base}-WEB.{ext}", "IMG_1-Web.JPG", "IMG_1", "-web", id="case does not count"),
        pytest.param("web_{base}.{ext}", "web_IMG_1.jpg", "IMG_1", "web_", id="a prefix"),
        pytest.param("web_{base} small.{ext}", "web_IMG_1 small.jpg", "IMG_1", "web_ small", id="both"),
        pytest.param("{base}_{suffix}.{ext}", "a_b_Größe 1!.jpg", "a_b", "_grösse 1!", id="the suffix is short"),
        pytest.param("{base} ({n}).{ext}", "IMG_1 (12).jpg", "IMG_1", " (12)", id="a number"),
        pytest.param("{base}_{suffix}-{n}.{ext}", "IMG_1_bw-2.jpg", "IMG_1", "_bw-2", id="suffix and number"),
        pytest.param("{n}-{base}.{ext}", "0012-IMG_1.jpg", "IMG_1", "0012-", id="a number before"),
        pytest.param("{base}.final.{ext}", "IMG.1.final.cr3", "IMG.1", ".final", id="dots"),
        pytest.param("{base}+(a|b)*.{ext}", "IMG+(a|b)*.jpg", "IMG", "+(a|b)*", id="signs of regular expressions"),
        pytest.param("{base}-web.{ext}", "I\nMG-web.jpg", "I\nMG", "-web", id="a line break is a character"),
        pytest.param("{base}-web.{ext}", "IMG-web.txt", "IMG", "-web", id="any extension"),
        pytest.param("{base}-web.{ext}", "\ud800-web.jpg", "\ud800", "-web", id="half a character in a name"),
        pytest.param("{base}-größe.{ext}", "A-gro\u0308ße.jpg", "A", "-grösse", id="the composed form counts"),
        pytest.param("{base}-gro\u0308ße.{ext}", "A-größe.jpg", "A", "-grösse", id="also of the pattern"),
        pytest.param(r"regex:(?P<base>.+)-v\d+\.(?P<ext>jpg)", "A-V12.JPG", "A", "-v12", id="a regular expression"),
        pytest.param(r"regex:(?<base>.+)-v\d+\.(?<ext>\w+)", "A-v1.jpg", "A", "-v1", id="groups without P"),
        pytest.param(r"regex:v(?P<base>.+?)(-x)?\.(?P<ext>jpg)", "vA.jpg", "A", "v", id="a group that does not match"),
        pytest.param(r"regex:(?P<base>a|ab)-?b?\.(?P<ext>jpg)", "ab.jpg", "a", "b", id="alternatives"),
    ],
)
def test_a_match_gives_the_picture_s_name_and_what_tells_the_version(
    text: str, name: str, base: str, label: str
) -> None:
    assert NamePattern(text).read(name) == Reading(base, label)


@pytest.mark.parametrize(
    ("text", "name"),
    [
        pytest.param("{base}-web.{ext}", "-web.jpg", id="an empty base"),
        pytest.param("{base}-web.{ext}", "IMG_1-web", id="no extension"),
        pytest.param("{base}-web.{ext}", "IMG_1-web.", id="an empty extension"),
        pytest.param("{base}-web.{ext}", "IMG_1-website.jpg", id="the whole name counts"),
        pytest.param("{base}_{suffix}.{ext}", "IMG_.jpg", id="an empty suffix"),
        pytest.param("{base}_{suffix}.{ext}", "IMG_a.b.jpg", id="a suffix has no dot"),
        pytest.param("{base}_{suffix}.{ext}", "IMG_a/b.jpg", id="a suffix has no slash"),
        pytest.param("{base} ({n}).{ext}", "IMG (x).jpg", id="a number has no letters"),
        pytest.param("{base}.{ext}", "IMG_1.jpg", id="nothing that tells the version"),
        pytest.param(r"regex:(?P<base>.*)-v\.(?P<ext>jpg)", "-v.jpg", id="an empty base of a regular expression"),
        pytest.param(r"regex:(?P<base>x)?A-v\.(?P<ext>jpg)", "A-v.jpg", id="a base that does not match"),
        pytest.param(r"regex:(?P<base>.+)-(?P<ext>jpg)\.cr2", "A-jpg.cr2", id="an extension that is not the name's"),
        pytest.param(r"regex:(?P<base>A)-(?P<ext>v\.jpg)", "A-v.jpg", id="an extension that is more"),
        pytest.param(r"regex:(?P<base>A)-v\.j(?P<ext>pg)", "A-v.jpg", id="an extension that is less"),
        pytest.param(r"regex:-v(?P<base>A.+(?P<ext>jpg))", "-vA.jpg", id="a base with the extension in it"),
        pytest.param(r"regex:-v(?P<base>A\.)(?P<ext>jpg)", "-vA.jpg", id="a base with the dot in it"),
        pytest.param(r"regex:(?P<base>A\C)\C\.(?P<ext>jpg)", "Aé.jpg", id="half a character"),
        pytest.param("{base}-größe.{ext}", "", id="an empty name"),
    ],
)
def test_what_says_nothing_of_a_version_is_no_match(text: str, name: str) -> None:
    assert NamePattern(text).read(name) is None


def test_the_built_in_patterns_are_patterns() -> None:
    plain, suffixed = (NamePattern(text) for text in BUILT_IN)
    assert plain.read("IMG_1_bw.jpg") is None
    assert suffixed.read("IMG_1_bw.jpg") == Reading("IMG_1", "_bw")


def test_patterns_are_their_text_and_nothing_else() -> None:
    one, same, trusted = (
        NamePattern("{base}-a.{ext}"),
        NamePattern("{base}-a.{ext}"),
        NamePattern("{base}-a.{ext}", True),
    )
    assert one == same
    assert hash(one) == hash(same)
    assert repr(one) == "NamePattern(text='{base}-a.{ext}', is_trusted=False)"
    assert one != trusted
    assert replace(one, is_trusted=True) == trusted
    assert copy.deepcopy(one).read("IMG-a.jpg") == Reading("IMG", "-a")


def test_refusing_a_pattern_is_quiet(capfd: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SettingsError):
        NamePattern("regex:(")
    assert capfd.readouterr() == ("", "")


@unhurried
@given(st.text(min_size=1, max_size=20), st.text("abcÄé", min_size=1, max_size=5))
def test_a_template_finds_the_base_of_any_name(base: str, extension: str) -> None:
    reading = NamePattern("{base}-web.{ext}").read(f"{base}-web.{extension}")
    assert reading is not None
    assert unicodedata.normalize("NFC", base) == reading.base
    assert reading.label == "-web"


@unhurried
@given(st.text("{}basextn_-.(?P<>|*+\\)", max_size=30))
def test_any_text_is_a_pattern_or_refused(text: str) -> None:
    try:
        pattern = NamePattern(text)
    except SettingsError:
        return
    pattern.read("base_ext-n.ext")


@pytest.mark.parametrize(
    "text",
    [
        pytest.param(r"regex:(?P<base>(a+)+b)\.(?P<ext>jpg)", id="nested repetitions"),
        pytest.param(r"regex:(?P<base>(a|a)*(a|a)*b)-\.(?P<ext>jpg)", id="alternatives that are equal"),
        pytest.param(r"regex:(?P<base>(.*a.{30})*)(\w{1,30}\d){3,20}\.(?P<ext>jpg)", id="as many states as there are"),
        pytest.param("{base}-{suffix}a{n}a.{ext}", id="a template"),
    ],
)
def test_no_pattern_takes_longer_than_in_proportion(text: str) -> None:
    pattern = NamePattern(text)

    def seconds(length: int) -> float:
        name = "a" * length + ".jpg"
        spent = []
        for _ in range(3):
            began = perf_counter()
            pattern.read(name)
            spent.append(perf_counter() - began)
        return min(spent)

    short, long = seconds(10_000), seconds(100_000)
    assert long < max(40 * short, 0.05)
