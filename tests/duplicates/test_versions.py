from __future__ import annotations

from dataclasses import replace

import pytest

from sidecar.duplicates.classes import DuplicateClass
from sidecar.duplicates.match import Match
from sidecar.duplicates.versions import among_copies
from sidecar.formats import Format
from sidecar.grouping.names import stem_of
from sidecar.model import Asset
from tests.builders import make_asset

RE_ENCODED, EDITED, FEATURELESS = DuplicateClass.RE_ENCODED, DuplicateClass.EDITED, DuplicateClass.FEATURELESS


def kinds(one: Asset, other: Asset, kind: DuplicateClass = RE_ENCODED) -> list[DuplicateClass]:
    match = Match(one.id, other.id, kind, 0.99, "look", "alike", looks_equal=True)
    return [each.kind for each in among_copies([match], {one.id: one, other.id: other}, stem_of)]


@pytest.mark.parametrize(
    ("names", "expected"),
    [
        pytest.param(("IMG_1.CR3", "IMG_1.JPG"), [], id="a RAW and its JPEG"),
        pytest.param(("img_1-Edit.tif", "IMG_1.NEF"), [], id="a RAW and an edit of it"),
        pytest.param(("IMG_1.CR3", "sent.jpg"), [EDITED], id="a RAW and a picture of another name"),
        pytest.param(("IMG_1.CR3", "IMG_1.DNG"), [RE_ENCODED], id="two RAW files"),
        pytest.param(("IMG_1.HEIC", "IMG_1.JPG"), [RE_ENCODED], id="two pictures"),
    ],
)
def test_a_raw_and_what_was_made_of_it_are_versions(names: tuple[str, str], expected: list[DuplicateClass]) -> None:
    one, other = (make_asset(name) for name in names)
    assert kinds(one, other) == kinds(other, one) == expected


def test_what_is_less_sure_already_stays_so() -> None:
    assert kinds(make_asset("a.CR3"), make_asset("b.JPG"), FEATURELESS) == [FEATURELESS]


def test_what_the_bytes_are_counts_more_than_the_name() -> None:
    really_a_jpeg = replace(make_asset("IMG_1.CR3"), content=Format.JPEG)
    assert kinds(really_a_jpeg, make_asset("IMG_1.JPG")) == [RE_ENCODED]


def test_a_raw_never_stands_for_a_picture_that_looks_equal() -> None:
    raw, jpeg = make_asset("a.CR3"), make_asset("b.JPG")
    match = Match(raw.id, jpeg.id, RE_ENCODED, 1.0, "look", "alike.", looks_equal=True)
    (only,) = among_copies([match], {raw.id: raw, jpeg.id: jpeg}, stem_of)
    assert not only.looks_equal
    assert only.reason == "One is a RAW, the other a picture as if developed from it. alike."


def test_strangers_match_nobody() -> None:
    one = make_asset("a.JPG")
    match = Match(one.id, make_asset("b.JPG").id, RE_ENCODED, 1.0, "look", "alike")
    assert list(among_copies([match], {one.id: one}, stem_of)) == []
