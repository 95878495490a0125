from __future__ import annotations

from sidecar.grouping.candidate import candidate_of
from sidecar.grouping.doubts import doubt_about
from sidecar.model import Asset
from tests.builders import make_asset


def doubt(*assets: Asset, is_clear: bool = True) -> str | None:
    found = doubt_about([candidate_of(asset) for asset in assets], is_clear=is_clear)
    return str(found) if found else None


def test_two_assignments_that_are_equally_good_come_first() -> None:
    assert doubt(make_asset("A"), is_clear=False) == "another file fits as well as these do"


def test_a_name_without_format_is_doubtful() -> None:
    assert doubt(make_asset("A.CR2"), make_asset("A")) == "the name of A does not say which format it is"


def test_a_clock_that_was_never_set_is_doubtful() -> None:
    day_ms = 86_400_000
    unset, later = make_asset(taken_local_ms=day_ms - 1), make_asset(taken_local_ms=day_ms)
    assert doubt(make_asset(), unset) == "the capture time is the start of 1970: no clock was set"
    assert doubt(make_asset(taken_local_ms=1 - day_ms)) is not None
    assert doubt(later, make_asset(taken_local_ms=-day_ms)) is None
