from __future__ import annotations

import pytest

from sidecar.formats import Format
from sidecar.grouping.candidate import candidate_of
from sidecar.grouping.doubts import doubt_about
from sidecar.grouping.names import NameReader
from sidecar.grouping.patterns import NamePattern
from sidecar.model import Asset
from tests.builders import make_asset

DAY_MS = 86_400_000
NO_CLOCK = "the capture time cannot be true: it is the start of 1970, after 2100 or before 1826"


def doubt(*assets: Asset, is_clear: bool = True, patterns: tuple[NamePattern, ...] = ()) -> str | None:
    names = NameReader(patterns)
    found = doubt_about([candidate_of(asset, names) for asset in assets], is_clear=is_clear)
    return str(found) if found else None


def test_two_assignments_that_are_equally_good_come_first() -> None:
    assert doubt(make_asset("A"), is_clear=False) == "another file fits as well as these do"


def test_a_name_without_format_is_doubtful_until_somebody_looks() -> None:
    assert doubt(make_asset("A.CR2"), make_asset("A")) == "the name of A does not say which format it is"
    assert doubt(make_asset("A.CR2"), make_asset("A", content=Format.JPEG)) is None


def test_a_name_that_brings_doubt_to_immich_only_is_none_here() -> None:
    assert doubt(make_asset("A.raw"), make_asset("A.JPG", width=None)) is None


@pytest.mark.parametrize(
    ("taken_local_ms", "is_true"),
    [
        pytest.param(0, False, id="the start of 1970"),
        pytest.param(DAY_MS - 1, False, id="its first day"),
        pytest.param(DAY_MS, True, id="its second"),
        pytest.param(1 - DAY_MS, False, id="the day before, by a time zone"),
        pytest.param(-DAY_MS, True, id="a scan of 1969"),
        pytest.param(-4_544_208_000_000, True, id="the year of the first photograph"),
        pytest.param(-4_544_208_000_001, False, id="before it"),
        pytest.param(4_102_444_799_999, True, id="the last moment of 2099"),
        pytest.param(4_102_444_800_000, False, id="2100"),
        pytest.param(253_402_300_799_000, False, id="9999"),
    ],
)
def test_a_time_that_no_camera_has_seen_is_doubtful(taken_local_ms: int, *, is_true: bool) -> None:
    odd = make_asset(taken_local_ms=taken_local_ms)
    assert doubt(make_asset(), odd) == doubt(odd, make_asset()) == (None if is_true else NO_CLOCK)


def test_a_user_s_pattern_is_doubtful_until_it_is_trusted() -> None:
    raw, web = make_asset("A.CR2"), make_asset("A-for-web.JPG")
    pattern = NamePattern("{base}-for-web.{ext}")
    assert doubt(raw, web, patterns=(pattern,)) == "your pattern {base}-for-web.{ext} matched, and is not trusted yet"
    assert doubt(raw, web, patterns=(NamePattern(pattern.text, is_trusted=True),)) is None
    assert doubt(raw, make_asset("A.JPG"), patterns=(pattern,)) is None
