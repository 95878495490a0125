from __future__ import annotations

from datetime import date, timedelta
from pathlib import Path

import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from sidecar.errors import ImmichRefused
from sidecar.jobs.queue import JobName
from sidecar.redaction import OwnWords, shown, without_names


@pytest.mark.parametrize(
    ("sentence", "told"),
    [
        pytest.param("Immich's words aren't ours.", "Immich's words aren't ours.", id="apostrophes are no quotes"),
        pytest.param("Immich at https://my.house:443/x (broken), later.", "Immich at … (broken), later.", id="address"),
        pytest.param("no file (/data/ann/a b.jpg)", "no file (… …)", id="path"),
        pytest.param(r"no file C:\Ann\a.bin, sorry", "no file …, sorry", id="path of another system"),
        pytest.param("Not found: 0dd19e3a-2F21-4bb4-8f4f-0123456789ab.", "Not found: ….", id="id"),
        pytest.param("'x y' is no id", "… is no id", id="quoted at the start"),
        pytest.param('ann@example.org has "A, B"', "… has …", id="mail and double quotes"),
        pytest.param("IMG_1.CR3 and Ann.heic, both", "… and …, both", id="file names"),
        pytest.param("lacks the permission stack.create for createStack.", "lacks the permission stack.create for "
        "createStack.", id="permissions stay"),
        pytest.param("answers 503 to searchAssets; see config.yml", "answers 503 to searchAssets; see config.yml",
        id="our own words stay"),
    ],
)  # fmt: skip
def test_sentences_name_nobody(sentence: str, told: str) -> None:
    assert without_names(sentence) == told


@given(
    before=st.text(max_size=99),
    after=st.text(max_size=99),
    name=st.uuids().map(str)
    | st.sampled_from(["https://immich.home", "/data/Ann/x", "ann@home", "Anns.JPG", "anns.cr3", "'Ann'"]),
)
def test_whatever_stands_around_it_no_name_is_told(before: str, after: str, name: str) -> None:
    assume(name not in f"{before}{after}")
    assert name not in without_names(f"{before} {name} {after}")


@pytest.mark.parametrize("value", [1, 1.5, True, None, date(2026, 5, 1), timedelta(1), JobName.PAIR, OwnWords("a.jpg")])
def test_what_can_name_nobody_is_shown(value: object) -> None:
    assert shown(value) is value


@pytest.mark.parametrize(
    ("value", "told"),
    [
        pytest.param("Ann", "<str>", id="words of somebody else"),
        pytest.param(b"Ann", "<bytes>", id="bytes"),
        pytest.param(["Ann"], "<list>", id="several"),
        pytest.param({"Ann": 1}, "<dict>", id="names as keys"),
        pytest.param(Path("/Ann"), "<PosixPath>", id="a path"),
        pytest.param(KeyError("Ann"), "KeyError", id="an error that is not ours"),
        pytest.param(ImmichRefused("Immich refuses 'Ann'"), "Immich refuses …", id="one of ours"),
    ],
)
def test_all_else_is_shown_as_what_it_is(value: object, told: str) -> None:
    assert shown(value) == told


@given(st.text(min_size=3), st.recursive(st.just("?"), lambda inner: st.lists(inner, min_size=1, max_size=2)))
def test_no_text_gets_through_however_it_is_wrapped(text: str, wrapped: object) -> None:
    assume(text not in "<list><str>")
    assert text not in str(shown([text, wrapped]))
