from __future__ import annotations

import pytest

from sidecar.formats import Format
from sidecar.grouping.candidate import candidate_of
from sidecar.grouping.primary import in_order, kind_of
from sidecar.grouping.proposal import GroupKind
from sidecar.grouping.settings import PairingRules, Preferred
from sidecar.model import AssetKind
from tests.builders import make_asset


def ordered(names: list[str], rules: PairingRules | None = None) -> list[str]:
    members = [candidate_of(make_asset(name)) for name in names]
    return [member.asset.name for member in in_order(members, rules or PairingRules())]


def test_edits_come_first_and_raws_last() -> None:
    best_first = ["A-Edit.tif", "A.jpg", "A.heic", "A.png", "A.tif", "A.avif", "A.CR2"]
    assert ordered(best_first[::-1]) == best_first


def test_an_order_of_the_user_s_own_counts() -> None:
    raw_first = PairingRules(primary_preference=(Format.RAW, Format.PNG))
    assert ordered(["A.jpg", "A.png", "A.CR2"], raw_first) == ["A.CR2", "A.png", "A.jpg"]


def test_edits_that_are_not_listed_stand_by_their_format() -> None:
    plain = PairingRules(primary_preference=(Format.PNG, Format.JPEG, Preferred.REST, Format.RAW))
    assert ordered(["A-Edit.tif", "A-Edit.jpg", "A.png", "A.CR2"], plain) == [
        "A.png",
        "A-Edit.jpg",
        "A-Edit.tif",
        "A.CR2",
    ]


def test_more_pixels_win_within_a_format_and_unknown_ones_lose() -> None:
    small = candidate_of(make_asset("A.jpg", width=100, height=50))
    large = candidate_of(make_asset("B.jpg", width=200, height=50))
    unknown = candidate_of(make_asset("C.jpg", width=None, height=None))
    assert in_order([unknown, small, large], PairingRules()) == [large, small, unknown]


def test_a_content_counts_where_the_name_says_no_format() -> None:
    nameless = candidate_of(make_asset("A", content=Format.RAW))
    jpeg, heic = candidate_of(make_asset("A.jpg")), candidate_of(make_asset("A", content=Format.HEIC))
    assert in_order([nameless, heic, jpeg], PairingRules()) == [jpeg, heic, nameless]
    assert kind_of([jpeg, nameless]) is GroupKind.RAW_JPEG
    assert kind_of([jpeg, heic]) is GroupKind.FORMATS
    assert kind_of([nameless, candidate_of(make_asset("A.cr2"))]) is GroupKind.FORMATS


def test_the_name_and_then_the_id_decide_last() -> None:
    first, second = candidate_of(make_asset("B.jpg")), candidate_of(make_asset("B.jpg"))
    assert ordered(["B.jpg", "A.jpg"]) == ["A.jpg", "B.jpg"]
    assert in_order([second, first], PairingRules()) == [first, second]


@pytest.mark.parametrize(
    ("names", "kind"),
    [
        pytest.param(["A.CR2", "A.jpg"], GroupKind.RAW_JPEG, id="RAW and JPEG"),
        pytest.param(["A.CR2", "A.jpg", "A-Edit.tif"], GroupKind.RAW_JPEG, id="and an edit"),
        pytest.param(["A.CR2", "A-Edit.tif"], GroupKind.EDITED, id="a RAW and what was made of it"),
        pytest.param(["A.jpg", "A-Edit.jpg"], GroupKind.EDITED, id="a JPEG and what was made of it"),
        pytest.param(["A.CR2", "A.dng"], GroupKind.FORMATS, id="two RAWs"),
        pytest.param(["A.heic", "A.jpg"], GroupKind.FORMATS, id="two formats"),
        pytest.param(["A.PORTRAIT-01.COVER.jpg", "A.PORTRAIT-02.ORIGINAL.jpg"], GroupKind.VERSIONS, id="a portrait"),
    ],
)
def test_a_group_is_called_after_what_is_in_it(names: list[str], kind: GroupKind) -> None:
    assert kind_of([candidate_of(make_asset(name)) for name in names]) is kind


def test_clips_are_a_kind_of_their_own() -> None:
    assert kind_of([candidate_of(make_asset("A.mov", kind=AssetKind.VIDEO))] * 2) is GroupKind.VIDEO
