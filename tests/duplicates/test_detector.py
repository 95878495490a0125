from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import replace

import pytest

from sidecar.duplicates.classes import DuplicateClass, weakest
from sidecar.duplicates.detector import Detector, Specimen, matches_of
from sidecar.duplicates.fingerprint import Fingerprint
from sidecar.duplicates.match import Match
from tests.builders import make_asset

PLAIN = Fingerprint(phash=1, margin=9.0, luma=bytes(1024), colours=bytes(192), width=250, height=250)
A, B, C = (Specimen(make_asset(f"{name}.JPG"), PLAIN) for name in "ABC")


def match(one: Specimen, other: Specimen, kind: DuplicateClass = DuplicateClass.EDITED) -> Match:
    return Match(one.asset.id, other.asset.id, kind, 0.9, "liar", "because")


def found(claims: Iterable[Match], new: Sequence[Specimen] = (A,), known: Sequence[Specimen] = (B,)) -> list[Match]:
    return list(matches_of(Detector("peaks", lambda _new, _known: claims), new, known))


def test_a_match_stands_in_its_order_under_the_name_of_its_detector() -> None:
    a, b = sorted([A, B], key=lambda each: each.asset.id)
    expected = replace(match(a, b), detector="peaks")
    assert found([match(a, b)]) == found([match(b, a)]) == [expected]


@pytest.mark.parametrize(
    "claim",
    [
        pytest.param(match(A, A), id="an asset with itself"),
        pytest.param(match(A, C), id="a stranger"),
        pytest.param(match(B, B), id="nothing new"),
    ],
)
def test_what_was_not_asked_is_no_answer(claim: Match) -> None:
    assert found([claim]) == []


def test_two_that_were_known_before_are_not_matched_anew() -> None:
    assert found([match(B, C)], known=[B, C]) == []


@pytest.mark.parametrize(
    ("claimed", "believed"),
    [
        (DuplicateClass.IDENTICAL, DuplicateClass.RE_ENCODED),
        (DuplicateClass.SIMILAR, DuplicateClass.EDITED),
        *((each, each) for each in (DuplicateClass.RE_ENCODED, DuplicateClass.EDITED, DuplicateClass.FEATURELESS)),
    ],
)
def test_only_bytes_are_identical_and_only_immich_finds_similar(
    claimed: DuplicateClass, believed: DuplicateClass
) -> None:
    (only,) = found([match(A, B, claimed)])
    assert only.kind is believed


@pytest.mark.parametrize(("claimed", "believed"), [(-1.0, 0.0), (0.5, 0.5), (7.0, 1.0)])
def test_a_similarity_is_a_share(claimed: float, believed: float) -> None:
    (only,) = found([replace(match(A, B), similarity=claimed, looks_equal=True)])
    assert only.similarity == believed
    assert not only.looks_equal


def test_the_weakest_class_is_the_least_sure() -> None:
    assert (
        weakest([DuplicateClass.RE_ENCODED, DuplicateClass.EDITED, DuplicateClass.IDENTICAL]) is DuplicateClass.EDITED
    )
    assert [each.rank for each in DuplicateClass] == [0, 1, 2, 3, 4]
