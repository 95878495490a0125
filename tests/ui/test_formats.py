from __future__ import annotations

import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sidecar.ui import formats
from sidecar.ui.translations import language_for

ENGLISH, GERMAN, BRITISH = language_for("en"), language_for("de"), language_for("en-GB")
NOON_MS = 1_700_049_600_000  # 2023-11-15T12:00:00Z
ANY_MOMENT = st.integers(min_value=-(2**63), max_value=2**63 - 1)


def test_numbers_have_their_thousands_apart() -> None:
    assert (formats.count(1_234_567, ENGLISH), formats.count(1_234_567, GERMAN)) == ("1,234,567", "1.234.567")


@pytest.mark.parametrize(
    ("size_bytes", "english", "german"),
    [
        (0, "0 B", "0 B"),
        (1023, "1,023 B", "1.023 B"),
        (1024, "1 KiB", "1 KiB"),
        (1536, "1.5 KiB", "1,5 KiB"),
        (1024 * 1024 - 1, "1 MiB", "1 MiB"),
        (5_452_595, "5.2 MiB", "5,2 MiB"),
        (150 * 2**20 + 600_000, "151 MiB", "151 MiB"),
        (1023 * 2**20 + 700_000, "1 GiB", "1 GiB"),
        (3 * 2**40, "3 TiB", "3 TiB"),
        (5000 * 2**50, "5,000 PiB", "5.000 PiB"),
    ],
)
def test_sizes_are_written_in_the_unit_that_is_read_best(size_bytes: int, english: str, german: str) -> None:
    assert formats.file_size(size_bytes, ENGLISH) == english.replace(" ", "\u00a0")
    assert formats.file_size(size_bytes, GERMAN) == german.replace(" ", "\u00a0")


@given(st.integers(min_value=0, max_value=2**62))
def test_no_size_reaches_the_next_unit(size_bytes: int) -> None:
    number, unit = formats.file_size(size_bytes, ENGLISH).split("\u00a0")
    if unit != "PiB":
        assert float(number.replace(",", "")) < 1024


@pytest.mark.parametrize(
    ("part", "says"), [(1.0, "100 %"), (0.99999, "99.9 %"), (0.98, "98 %"), (0.9375, "93.7 %"), (0.0, "0 %")]
)
def test_what_is_not_the_same_never_looks_so(part: float, says: str) -> None:
    assert formats.share(part, ENGLISH) == says.replace(" ", "\u00a0")


def test_days_and_moments_are_said_as_people_of_the_region_say_them() -> None:
    assert formats.day(NOON_MS, ENGLISH) == "Wednesday, November 15, 2023"
    assert formats.day(NOON_MS, GERMAN) == "Mittwoch, 15. November 2023"
    assert formats.moment(NOON_MS, BRITISH) == "15 Nov 2023, 12:00:00"
    assert formats.iso(NOON_MS) == "2023-11-15T12:00:00+00:00"


@given(ANY_MOMENT)
def test_no_moment_is_too_odd_to_be_written(moment_ms: int) -> None:
    for language in (ENGLISH, GERMAN):
        assert formats.day(moment_ms, language)
        assert formats.moment(moment_ms, language)
    assert re.fullmatch(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\+00:00", formats.iso(moment_ms))


@pytest.mark.parametrize(
    ("duration_ms", "says"),
    [(0, "0:00"), (499, "0:00"), (59_600, "1:00"), (61_000, "1:01"), (3_599_000, "59:59"), (36_061_000, "10:01:01")],
)
def test_durations_are_written_as_players_do(duration_ms: int, says: str) -> None:
    assert formats.duration(duration_ms) == says
