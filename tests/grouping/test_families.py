from __future__ import annotations

from typing import Any

import pytest

from sidecar.formats import Format
from sidecar.grouping.candidate import candidate_of
from sidecar.grouping.families import families
from sidecar.grouping.names import NameReader
from sidecar.grouping.patterns import NamePattern
from sidecar.grouping.settings import PairingRules
from tests.builders import NOON_MS, make_asset

HOUR_MS = 3_600_000
Given = tuple[tuple[str, dict[str, Any]], ...]

NIKON = {"make": "Nikon", "model": "Z 6"}


def families_of(*given: tuple[str, dict[str, Any]], rules: PairingRules | None = None) -> list[list[str]]:
    candidates = [candidate_of(make_asset(name, **changes)) for name, changes in given]
    found = families(candidates, rules or PairingRules())
    return sorted(sorted(each.asset.name for each in family) for family in found)


@pytest.mark.parametrize(
    "given",
    [
        pytest.param([("holiday.jpg", {}), ("holiday_01.jpg", {})], id="no RAW"),
        pytest.param([("holiday.cr2", {}), ("holiday_01.cr2", {})], id="a RAW is no export"),
        pytest.param([("holiday.cr2", {}), ("holiday_01.jpg", {"at_s": 1})], id="not the time of the RAW"),
        pytest.param([("holiday.cr2", {"at_s": 1}), ("holiday_01.jpg", {})], id="before the RAW"),
        pytest.param([("holiday.cr2", {}), ("holiday_01.jpg", NIKON)], id="another camera"),
        pytest.param([("holiday_01.cr2", {}), ("holiday_02.jpg", {})], id="another number"),
    ],
)
def test_a_weak_variant_is_a_name_of_its_own(given: list[tuple[str, dict[str, Any]]]) -> None:
    assert len(families_of(*given)) == 2


@pytest.mark.parametrize(
    "given",
    [
        pytest.param([("holiday.cr2", {}), ("holiday_01.jpg", {})], id="darktable"),
        pytest.param([("IMG_1234.CR2", {}), ("IMG_1234-2.jpg", {})], id="a virtual copy"),
        pytest.param([("holiday.cr2", {"at_s": 0.9}), ("holiday_bw.tif", {})], id="the fraction of the second is lost"),
        pytest.param([("holiday.cr2", NIKON), ("holiday.dng", {}), ("holiday_bw.tif", {})], id="one RAW of two fits"),
        pytest.param([("holiday.cr2", {}), ("holiday_bw.tif", {"taken_local_ms": NOON_MS + HOUR_MS})], id="by UTC"),
        pytest.param([("holiday.cr2", {}), ("holiday_01-Edit.jpg", {})], id="an edit of an export"),
    ],
)
def test_a_weak_variant_joins_the_raw_it_was_made_of(given: list[tuple[str, dict[str, Any]]]) -> None:
    assert families_of(*given) == [sorted(name for name, _ in given)]


def test_a_raw_of_the_full_name_comes_first() -> None:
    given: Given = (("holiday.cr2", {}), ("holiday_01.cr2", {}), ("holiday_01.jpg", {}))
    assert families_of(*given) == [["holiday.cr2"], ["holiday_01.cr2", "holiday_01.jpg"]]


def test_a_raw_of_the_full_name_does_not_count_at_another_time() -> None:
    given: Given = (("holiday.cr2", {}), ("holiday_01.cr2", {"at_s": 60}), ("holiday_01.jpg", {}))
    assert families_of(*given) == [["holiday.cr2", "holiday_01.jpg"], ["holiday_01.cr2"]]


def test_exports_keep_to_a_tolerance_below_a_second() -> None:
    given: Given = (("holiday.cr2", {}), ("holiday_01.jpg", {"at_s": 0.5}))
    assert len(families_of(*given, rules=PairingRules(tolerance_ms=499))) == 2
    assert len(families_of(*given, rules=PairingRules(tolerance_ms=500))) == 1


def test_joining_its_raw_makes_an_edit_of_it() -> None:
    (family,) = families(
        [candidate_of(make_asset("holiday.cr2")), candidate_of(make_asset("holiday_01.jpg"))], PairingRules()
    )
    assert [each.is_edit for each in family] == [False, True]


def test_frames_of_a_burst_are_families_of_their_own() -> None:
    found = families_of(
        ("IMG_1.jpg", {}),
        ("IMG_1.dng", {}),
        ("IMG_1_BURST001_COVER.jpg", {}),
        ("IMG_1_BURST001.dng", {}),
        ("IMG_1_BURST002.jpg", {}),
        ("IMG_1_BURST003.jpg", {}),
        ("IMG_1_BURST003-Edit.jpg", {}),
    )
    assert found == [
        ["IMG_1.dng", "IMG_1.jpg"],
        ["IMG_1_BURST001.dng", "IMG_1_BURST001_COVER.jpg"],
        ["IMG_1_BURST002.jpg"],
        ["IMG_1_BURST003-Edit.jpg", "IMG_1_BURST003.jpg"],
    ]


@pytest.mark.parametrize(
    ("given", "together"),
    [
        pytest.param(["IMG_1_BURST001.dng", "IMG_1_BURST001_bw.jpg"], True, id="the frame's RAW"),
        pytest.param(["IMG_1_BURST002.dng", "IMG_1_BURST001_bw.jpg"], False, id="another frame's RAW"),
        pytest.param(["IMG_1.dng", "IMG_1_BURST001_bw.jpg"], False, id="the RAW of no frame"),
        pytest.param(["20240501_120000.dng", "20240501_120000_001_bw.jpg"], False, id="the RAW of the second"),
    ],
)
def test_the_export_of_a_frame_joins_the_frame_s_raw_only(given: list[str], *, together: bool) -> None:
    assert (len(families_of(*((name, {}) for name in given))) == 1) is together


def test_an_export_joins_a_raw_that_is_one_by_its_content() -> None:
    given: Given = (("holiday", {"content": Format.RAW}), ("holiday_bw.jpg", {}))
    assert families_of(*given) == [["holiday", "holiday_bw.jpg"]]
    assert len(families_of(("holiday", {"content": Format.JPEG}), ("holiday_bw.jpg", {}))) == 2


def test_a_taught_version_needs_no_raw() -> None:
    names = NameReader((NamePattern("{base}_bw.{ext}"),))
    given = [candidate_of(make_asset(name), names) for name in ("holiday.jpg", "holiday_bw.jpg")]
    (family,) = families(given, PairingRules())
    assert [each.is_edit for each in family] == [False, True]
