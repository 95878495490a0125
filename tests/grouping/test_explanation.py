"""What is left alone and why, asked through the engine, which is where people meet it."""

from __future__ import annotations

from typing import Any

import pytest

from sidecar.grouping.candidate import Candidate
from sidecar.grouping.engine import PairingRules, pair
from sidecar.grouping.reasons import Reason, ReasonCode
from sidecar.grouping.rule import PairRule, no_support
from sidecar.model import AssetKind, Visibility
from tests.builders import make_asset

Given = tuple[tuple[str, dict[str, Any]], ...]

CLIP: dict[str, Any] = {"kind": AssetKind.VIDEO}
NIKON = {"make": "Nikon", "model": "Z 6"}


def silences(given: Given) -> list[tuple[str, str]]:
    """(names left alone, sentence), whatever the order of the assets."""
    assets = [make_asset(name, **changes) for name, changes in given]
    name_of = {asset.id: asset.name for asset in assets}
    found = pair(assets, PairingRules())
    assert pair(assets[::-1], PairingRules()) == found
    return sorted((" ".join(name_of[each] for each in left.asset_ids), str(left.reason)) for left in found.left_alone)


@pytest.mark.parametrize(
    ("given", "expected"),
    [
        pytest.param(
            (("A.CR2", {"at_s": 37}), ("A.JPG", {})),
            [("A.CR2 A.JPG", "the name is the same, but they were taken 37 s apart")],
            id="a minute's precision",
        ),
        pytest.param(
            (("A.CR2", {}), ("A.JPG", NIKON)),
            [("A.CR2 A.JPG", "different cameras: Canon EOS R5 and Nikon Z 6")],
            id="two cameras",
        ),
        pytest.param(
            (("A.JPG", {}), ("A.MOV", CLIP)),
            [("A.JPG A.MOV", "a photo and a clip share the name")],
            id="a photo and a clip",
        ),
        pytest.param(
            (("A.CR2", {}), ("A.JPG", {}), ("A.MOV", CLIP)),
            [("A.MOV", "a photo and a clip share the name")],
            id="a clip beside a pair",
        ),
        pytest.param(
            (("A.CR2", {}), ("A.JPG", {"visibility": Visibility.ARCHIVE})),
            [("A.CR2 A.JPG", "only one of them is archived")],
            id="half archived",
        ),
        pytest.param(
            (("A.MP4", {**CLIP, "duration_ms": 9_000}), ("A.MOV", {**CLIP, "duration_ms": 4_000})),
            [("A.MP4 A.MOV", "the clips differ in length by 5 s")],
            id="a cut clip",
        ),
        pytest.param(
            (("A.JPG", {}), ("a.jpeg", {})),
            [("A.JPG a.jpeg", "same name, time and format: candidates for duplicates, not versions")],
            id="equal versions",
        ),
        pytest.param(
            (
                ("A.CR2", {"folder": "/a"}),
                ("A.JPG", {"folder": "/a"}),
                ("A.jpg", {"folder": "/b"}),
            ),
            [("A.jpg", "same name, time and format: candidates for duplicates, not versions")],
            id="an equal version beside a pair",
        ),
        pytest.param(
            (("A.CR2", {"at_s": 0.25}), ("A.JPG", {"at_s": 0.25}), ("A.DNG", {"at_s": 2.1}), ("A.PNG", {"at_s": -1.8})),
            [("A.PNG", "the name is the same, but they were taken 2 s apart")],
            id="near some of a group, but not near its anchor",
        ),
        pytest.param(
            (("A.CR2", {}), ("A.JPG", {"is_extracted": False}), ("A.PNG", {"is_extracted": False})),
            [("A.JPG A.PNG", "Immich has not read the file yet")],
            id="not extracted yet",
        ),
        pytest.param(
            (("A.CR2", {"is_extracted": False}), ("A.JPG", {"is_extracted": False})),
            [("A.CR2 A.JPG", "Immich has not read the file yet")],
            id="nothing extracted yet",
        ),
        pytest.param(
            tuple(("image.jpg", {}) for _ in range(33)),
            [(" ".join(["image.jpg"] * 33), "33 files share one name and time")],
            id="more of one name and time than anybody shoots",
        ),
    ],
)
def test_a_partner_by_name_that_does_not_fit_is_explained(given: Given, expected: list[tuple[str, str]]) -> None:
    assert silences(given) == expected


@pytest.mark.parametrize(
    "given",
    [
        pytest.param((("A.CR2", {}), ("A.JPG", {"at_s": 86_401})), id="another day"),
        pytest.param((("A.JPG", {}), ("A.JPG", {"at_s": 60})), id="one version at two times"),
        pytest.param((("A.CR2", {}), ("A.JPG", {"at_s": 60, **NIKON})), id="another time and another camera"),
        pytest.param((("A_01.jpg", {}), ("A_02.png", {"at_s": 60})), id="names that share a stem only"),
        pytest.param((("A_01.jpg", {}), ("A_02.png", {})), id="even at one time"),
        pytest.param((("A.CR2", {}), ("A.JPG", {"is_trashed": True})), id="a partner in the trash"),
        pytest.param(
            (("A.CR2", {}), ("A.JPG", {}), ("A.CR2", {"at_s": 60}), ("A.JPG", {"at_s": 60})), id="two pairs in a minute"
        ),
    ],
)
def test_strangers_of_one_name_are_not_worth_a_word(given: Given) -> None:
    assert silences(given) == []


def test_a_straggler_beside_a_pair_is_named_alone() -> None:
    given: Given = (("A.CR2", {}), ("A.JPG", {}), ("A.HEIC", {"at_s": 37}))
    assert silences(given) == [("A.HEIC", "the name is the same, but they were taken 37 s apart")]


def test_a_rule_that_answers_otherwise_the_other_way_round_still_ends_in_a_sentence() -> None:
    def dislikes_png_on_the_right(_one: Candidate, other: Candidate, _rules: PairingRules) -> Reason | None:
        return Reason(ReasonCode.TOO_MANY) if other.slot == "png" else None

    raw, png = make_asset("A.CR2"), make_asset("A.PNG")
    one_sided = PairRule("one-sided", dislikes_png_on_the_right, no_support)
    found = pair([raw, png], pipeline=(one_sided,))
    assert [left.reason.code for left in found.left_alone] == [ReasonCode.TOO_MANY, ReasonCode.BETTER_MATCH]
