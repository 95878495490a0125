from __future__ import annotations

from typing import Any

import pytest

from sidecar.grouping.candidate import candidate_of
from sidecar.grouping.engine import Confidence, GroupKind, PairingRules, pair
from sidecar.grouping.reasons import Reason, ReasonCode
from sidecar.grouping.registry import RULES
from sidecar.grouping.rule import PairRule, no_support
from sidecar.grouping.settings import DEFAULT_KINDS
from sidecar.grouping.switches import RULE, is_anything_off, taking_part, with_switches
from sidecar.model import AssetKind
from tests.builders import NOON_MS, make_asset

Given = tuple[tuple[str, dict[str, Any]], ...]

CLIP: dict[str, Any] = {"kind": AssetKind.VIDEO}
NIKON: dict[str, Any] = {"make": "Nikon", "model": "Z 6"}
NO_CAMERA: dict[str, Any] = {"make": None, "model": None}


def without(*kinds: GroupKind, **changes: Any) -> PairingRules:
    return PairingRules(kinds=tuple(kind for kind in DEFAULT_KINDS if kind not in kinds), **changes)


def stacked(given: Given, rules: PairingRules) -> list[str]:
    """What is stacked without asking, names with the cover first; nothing is asked, and nothing is said."""
    assets = [make_asset(name, **changes) for name, changes in given]
    name_of = {asset.id: asset.name for asset in assets}
    found = pair(assets, rules)
    assert pair(assets[::-1], rules) == found
    assert found.left_alone == ()
    assert {proposal.confidence for proposal in found.proposals} <= {Confidence.CERTAIN}
    return sorted(" ".join(name_of[each] for each in proposal.member_ids) for proposal in found.proposals)


def test_bursts_are_no_pairs_to_be_switched() -> None:
    assert not is_anything_off(PairingRules())
    assert not is_anything_off(PairingRules(kinds=tuple(sorted((*DEFAULT_KINDS, GroupKind.BURST)))))
    assert all(is_anything_off(without(kind)) for kind in DEFAULT_KINDS)


def test_nothing_is_asked_where_everything_is_on() -> None:
    assert with_switches(RULES, PairingRules()) == RULES
    assert with_switches(RULES, without(GroupKind.VIDEO)) == (*RULES, RULE)


@pytest.mark.parametrize(
    ("one", "other", "kind"),
    [
        pytest.param(("A.MOV", CLIP), ("A.MP4", CLIP), GroupKind.VIDEO, id="clips"),
        pytest.param(("A.MOV", CLIP), ("A-Edit.MP4", CLIP), GroupKind.VIDEO, id="an edited clip"),
        pytest.param(("A.CR2", {}), ("A-Edit.jpg", {}), GroupKind.EDITED, id="a RAW and what was made of it"),
        pytest.param(("A.JPG", {}), ("A.psd", {}), GroupKind.EDITED, id="a JPEG and what was made of it"),
        pytest.param(("A-Edit.JPG", {}), ("A-HDR.JPG", {}), GroupKind.EDITED, id="two edits"),
        pytest.param(("A.CR2", {}), ("A.HEIC", {}), GroupKind.RAW_JPEG, id="a RAW and any other"),
        pytest.param(("A.CR2", {}), ("A.DNG", {}), GroupKind.FORMATS, id="two RAWs"),
        pytest.param(("A.HEIC", {}), ("A.JPG", {}), GroupKind.FORMATS, id="two others"),
        pytest.param(("A.NIGHT.JPG", {}), ("A.JPG", {}), GroupKind.VERSIONS, id="one format"),
    ],
)
def test_two_that_are_switched_off_to_each_other_are_kept_apart(
    one: tuple[str, dict[str, Any]], other: tuple[str, dict[str, Any]], kind: GroupKind
) -> None:
    pair_of = [candidate_of(make_asset(name, **changes)) for name, changes in (one, other)]
    for first, second in (pair_of, pair_of[::-1]):
        assert RULE.objection(first, second, without(kind)) == Reason(ReasonCode.SWITCHED_OFF)
        assert RULE.objection(first, second, PairingRules(kinds=(kind,))) is None
    assert stacked((one, other), without(kind)) == []
    assert len(stacked((one, other), PairingRules(kinds=(kind,)))) == 1


def test_a_photo_and_a_clip_are_no_matter_of_switches() -> None:
    photo, clip = candidate_of(make_asset("A.JPG")), candidate_of(make_asset("A.MOV", **CLIP))
    assert RULE.objection(photo, clip, PairingRules(kinds=())) is None


@pytest.mark.parametrize(
    ("given", "off", "expected"),
    [
        pytest.param(
            (("A.CR2", {}), ("A.JPG", {}), ("A-Edit.tif", {})), GroupKind.EDITED, ["A.JPG A.CR2"], id="an edit"
        ),
        pytest.param(
            (("A.CR2", {}), ("A.JPG", {}), ("A_bw.jpg", {})), GroupKind.EDITED, ["A.JPG A.CR2"], id="an export"
        ),
        pytest.param(
            (("A.CR2", {}), ("A-Edit.tif", {}), ("A-Edit.jpg", {})), GroupKind.EDITED, [], id="two edits of a RAW"
        ),
        pytest.param(
            (("A.CR2", {"at_s": -1}), ("A-Edit.tif", {}), ("A.JPG", {"at_s": 1})),
            GroupKind.EDITED,
            ["A.JPG A.CR2"],
            id="an edit nearer to both than they are to each other",
        ),
        pytest.param(
            (
                ("A.NEF", NIKON),
                ("A.JPG", NIKON),
                ("A-Edit.psd", NO_CAMERA),
                ("A.CR2", {"at_s": 0.5}),
                ("A.JPG", {"at_s": 0.5}),
            ),
            GroupKind.EDITED,
            ["A.JPG A.CR2", "A.JPG A.NEF"],
            id="an edit that would fit two cameras",
        ),
        pytest.param(
            (("A.CR2", {}), ("A.JPG", {}), ("A.MOV", CLIP), ("A.MP4", CLIP)),
            GroupKind.VIDEO,
            ["A.JPG A.CR2"],
            id="clips beside photos",
        ),
        pytest.param(
            (("A.CR2", {}), ("A.DNG", {}), ("A.JPG", {}), ("A.HEIC", {})),
            GroupKind.RAW_JPEG,
            ["A.CR2 A.DNG", "A.JPG A.HEIC"],
            id="RAWs and others are two groups",
        ),
        pytest.param(
            (("A.CR2", {}), ("A.JPG", {}), ("A-Edit.tif", {})),
            GroupKind.RAW_JPEG,
            ["A-Edit.tif A.JPG"],
            id="an edit goes with the better cover",
        ),
        pytest.param(
            (("A.CR2", {}), ("A.JPG", {"at_s": 1}), ("A-Edit.tif", {})),
            GroupKind.RAW_JPEG,
            ["A-Edit.tif A.CR2"],
            id="or with the nearer",
        ),
        pytest.param(
            (("A.CR2", {}), ("A.HEIC", {}), ("A.JPG", {})), GroupKind.FORMATS, ["A.JPG A.CR2"], id="a RAW of two others"
        ),
        pytest.param(
            (("A.CR2", {}), ("A.NIGHT.JPG", {}), ("A.JPG", {})),
            GroupKind.VERSIONS,
            ["A.JPG A.CR2"],
            id="a RAW of two versions",
        ),
        pytest.param((("A.CR2", {}), ("A.JPG", {})), GroupKind.VERSIONS, ["A.JPG A.CR2"], id="nothing of the kind"),
    ],
)
def test_off_leaves_the_rest_as_it_is(given: Given, off: GroupKind, expected: list[str]) -> None:
    assert stacked(given, without(off)) == expected


def test_everything_off_is_nothing_at_all() -> None:
    given: Given = (("A.CR2", {}), ("A.JPG", {}), ("A.MOV", CLIP), ("A", {}), ("A.JPG", {"is_extracted": False}))
    assert pair([make_asset(name, **changes) for name, changes in given[:3]], PairingRules(kinds=())).proposals == ()
    assert stacked((("A.CR2", {}), ("A.JPG", {"at_s": 60})), PairingRules(kinds=())) == []


def test_other_silences_are_as_before() -> None:
    given = [make_asset("A.JPG"), make_asset("a.jpeg"), make_asset("A-Edit.jpg"), make_asset("A.MOV", **CLIP)]
    found = pair(given, without(GroupKind.EDITED))
    assert found == pair([given[0], given[1], given[3]])
    assert {left.reason.code for left in found.left_alone} == {ReasonCode.SAME_VERSION, ReasonCode.PHOTO_AND_CLIP}


def test_who_lost_a_partner_to_a_switch_is_not_spoken_of() -> None:
    """The HEIC fits the RAW as well, but not beside the JPEG."""
    given = [make_asset("A.CR2"), make_asset("A.JPG"), make_asset("A.HEIC", at_s=0.5)]
    found = pair(given, without(GroupKind.FORMATS))
    assert [proposal.member_ids for proposal in found.proposals] == [(given[1].id, given[0].id)]
    assert found.left_alone == ()


def test_no_word_is_lost_about_what_would_be_off_anyway() -> None:
    given = [make_asset("A.CR2"), make_asset("A.JPG", **NIKON)]
    assert len(pair(given).left_alone) == 1
    assert pair(given, without(GroupKind.RAW_JPEG)).left_alone == ()


def test_equal_versions_are_duplicates_whatever_is_off() -> None:
    given = [make_asset("A.CR2"), make_asset("A.JPG"), make_asset("A.jpg"), make_asset("B.JPG"), make_asset("b.jpeg")]
    found = pair(given, without(GroupKind.VERSIONS))
    assert found == pair(given)
    assert [left.reason.code for left in found.left_alone] == [ReasonCode.SAME_VERSION]


def test_two_that_fit_equally_well_are_still_asked_about() -> None:
    given = [make_asset("A.CR2"), make_asset("A.JPG", folder="/a"), make_asset("A.JPG", folder="/b")]
    (proposal,) = pair(given, without(GroupKind.FORMATS)).proposals
    assert proposal.confidence is Confidence.DOUBTFUL
    assert len(proposal.member_ids) == 3


def test_who_contests_a_member_is_not_put_beside_what_is_switched_off() -> None:
    """The edit fits the JPEG and another camera's RAW: a person has to be asked, but not about RAW and JPEG."""
    given = [
        make_asset("A.JPG", **NIKON),
        make_asset("A-Edit.tif", **NO_CAMERA),
        make_asset("A.CR2"),
    ]
    (proposal,) = pair(given, without(GroupKind.RAW_JPEG)).proposals
    assert proposal.member_ids == (given[1].id, given[0].id)
    assert proposal.confidence is Confidence.DOUBTFUL


def test_a_rule_that_is_off_is_no_near_miss_either() -> None:
    """Also where the rule of time is not asked."""
    off = without(GroupKind.RAW_JPEG)
    given = [make_asset("A.CR2"), make_asset("A.JPG", at_s=60)]
    assert pair(given, off).left_alone == ()
    assert pair(given, off, pipeline=()).left_alone == ()
    never = PairRule("never", lambda _one, _other, _rules: Reason(ReasonCode.OTHER, "never"), no_support)
    assert [str(left.reason) for left in pair(given, pipeline=(never,)).left_alone] == ["never"]


def test_exports_are_gone_wherever_their_raw_is_near() -> None:
    raw, export, stranger = make_asset("A.CR2"), make_asset("A_bw.jpg"), make_asset("A_bw.png", at_s=60)
    clip = make_asset("A_bw.mp4", **CLIP, taken_local_ms=NOON_MS)
    assert taking_part([raw, export, stranger, clip], without(GroupKind.EDITED)) == [raw, stranger, clip]
    assert taking_part([raw, clip], PairingRules(kinds=())) == [raw]
