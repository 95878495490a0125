from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from sidecar.errors import ParameterError
from sidecar.grouping.candidate import Candidate
from sidecar.grouping.engine import Confidence, GroupKind, PairingRules, Proposal, pair
from sidecar.grouping.reasons import Reason, ReasonCode
from sidecar.grouping.registry import RULES
from sidecar.grouping.rule import PairRule, no_support
from sidecar.model import Asset, AssetId, AssetKind, OwnerId, Visibility
from tests.builders import make_asset

Given = tuple[tuple[str, dict[str, Any]], ...]


def proposals(given: Given, rules: PairingRules | None = None) -> list[tuple[str, Confidence]]:
    """(names, primary first; confidence), whatever the order of the assets."""
    assets = [make_asset(name, **changes) for name, changes in given]
    name_of = {asset.id: asset.name for asset in assets}
    found = pair(assets, rules)
    assert pair(assets[::-1], rules) == found
    return sorted((" ".join(name_of[each] for each in made.member_ids), made.confidence) for made in found.proposals)


@pytest.mark.parametrize(
    ("given", "names"),
    [
        pytest.param((("IMG_1234.CR2", {}), ("img_1234.jpg", {})), "img_1234.jpg IMG_1234.CR2", id="letter case"),
        pytest.param((("A.CR2", {}), ("A.JPG", {"at_s": 2})), "A.JPG A.CR2", id="exactly two seconds"),
        pytest.param(
            (("A.CR2", {"at_s": -0.083}), ("A.JPG", {"at_s": 0.3})), "A.JPG A.CR2", id="383 ms across a second"
        ),
        pytest.param((("A.CR2", {}), ("A.JPG", {}), ("A-Edit.tif", {})), "A-Edit.tif A.JPG A.CR2", id="an edit"),
        pytest.param(
            (("IMG_1234.HEIC", {}), ("IMG_E1234.JPG", {})), "IMG_E1234.JPG IMG_1234.HEIC", id="the iPhone's edit"
        ),
        pytest.param(
            (("A.MOV", {"kind": AssetKind.VIDEO}), ("A.mp4", {"kind": AssetKind.VIDEO})), "A.MOV A.mp4", id="clips"
        ),
        pytest.param((("A.CR2", {}), ("A.JPG", {}), ("A_01.jpg", {})), "A_01.jpg A.JPG A.CR2", id="darktable"),
        pytest.param(
            (("A.CR2", {"visibility": Visibility.ARCHIVE}), ("A.JPG", {"visibility": Visibility.ARCHIVE})),
            "A.JPG A.CR2",
            id="archived both",
        ),
        pytest.param(
            (
                ("IMG_1.CR3", {}),
                ("IMG_1.JPG", {}),
                ("IMG_1-Edit.jpg", {}),
                ("IMG_1-Edit-2.jpg", {}),
                ("IMG_1_web.jpg", {}),
                ("IMG_1.CR3.jpg", {}),
            ),
            "IMG_1-Edit-2.jpg IMG_1-Edit.jpg IMG_1.CR3.jpg IMG_1_web.jpg IMG_1.JPG IMG_1.CR3",
            id="several JPEGs of one RAW",
        ),
        pytest.param(
            (
                ("A.MOV", {"kind": AssetKind.VIDEO, "duration_ms": 10_000}),
                ("A.mp4", {"kind": AssetKind.VIDEO, "duration_ms": 11_000}),
            ),
            "A.MOV A.mp4",
            id="a clip that lost a second",
        ),
        pytest.param(
            (("Caf\u00e9.CR2", {}), ("Cafe\u0301.jpg", {})), "Cafe\u0301.jpg Caf\u00e9.CR2", id="a Mac's accents"
        ),
    ],
)
def test_versions_of_one_picture_are_certain(given: Given, names: str) -> None:
    assert proposals(given) == [(names, Confidence.CERTAIN)]


@pytest.mark.parametrize(
    "given",
    [
        pytest.param((), id="nothing"),
        pytest.param((("A.CR2", {}), ("A.JPG", {"at_s": 2.001})), id="more than two seconds"),
        pytest.param((("IMG_1234.CR2", {}), ("IMG_1235.JPG", {})), id="another number"),
        pytest.param((("a (1).jpg", {}), ("a (2).png", {})), id="another number in brackets"),
        pytest.param(
            (("20240501_120000.jpg", {}), ("20240501_120000_01.jpg", {"at_s": 0.5})), id="a phone's next frame"
        ),
        pytest.param((("A.CR2", {}), ("A.JPG", {"kind": AssetKind.OTHER})), id="something else"),
        pytest.param((("A.CR2", {}), ("A.JPG", {"is_offline": True})), id="offline"),
        pytest.param((("A.CR2", {}), ("A.JPG", {"is_extracted": False})), id="not extracted"),
    ],
)
def test_other_pictures_are_not_proposed(given: Given) -> None:
    assert proposals(given) == []


def test_two_jpegs_of_one_raw_are_asked_about() -> None:
    given: Given = (("A.CR2", {}), ("A.JPG", {}), ("A.jpg", {}))
    assert proposals(given) == [("A.JPG A.jpg A.CR2", Confidence.DOUBTFUL)]


def test_two_jpegs_of_one_raw_in_other_folders_are_asked_about() -> None:
    given: Given = (("A.CR2", {"folder": "/raw"}), ("A.JPG", {"folder": "/a"}), ("A.JPG", {"folder": "/b"}))
    assert proposals(given) == [("A.JPG A.JPG A.CR2", Confidence.DOUBTFUL)]


def test_raws_without_a_partner_are_not_spoken_of() -> None:
    found = pair([make_asset(f"IMG_{number:04d}.CR3", at_s=number) for number in range(50)])
    assert (found.proposals, found.left_alone, found.in_doubt) == ((), (), ())


def test_a_group_says_why() -> None:
    raw, jpeg = make_asset("IMG_1234.CR2"), make_asset("IMG_1234.JPG", at_s=1.5)
    edit = make_asset("IMG_1234-Edit.tif", make=None, model=None)
    (proposal,) = pair([raw, jpeg, edit]).proposals
    assert proposal.primary_id == edit.id
    assert proposal.kind is GroupKind.RAW_JPEG
    assert [str(reason) for reason in proposal.reasons] == [
        "one name: img_1234",
        "taken 1.5 s apart",
        "one camera: Canon EOS R5",
        "the names say which version each is: -edit",
    ]


def test_the_doubt_is_the_last_reason() -> None:
    (proposal,) = pair([make_asset("A.CR2"), make_asset("A")]).proposals
    assert proposal.reasons[-1] == Reason(ReasonCode.UNKNOWN_FORMAT, "A")
    assert proposal.confidence is Confidence.DOUBTFUL


def test_the_halves_of_a_live_photo_are_one_asset() -> None:
    clip = make_asset("A.MOV", kind=AssetKind.VIDEO)
    still = make_asset("A.HEIC", live_photo_video_id=clip.id)
    other = make_asset("A.MP4", kind=AssetKind.VIDEO)
    found = pair([clip, still, other])
    assert found.proposals == ()
    assert [left.asset_ids for left in found.left_alone] == [tuple(sorted((still.id, other.id)))]


def test_assets_of_two_owners_are_refused() -> None:
    with pytest.raises(ParameterError):
        pair([make_asset("A.CR2"), make_asset("A.JPG", owner_id=OwnerId("another"))])


def test_of_a_repeated_id_the_newest_counts() -> None:
    raw, jpeg = make_asset("A.CR2"), make_asset("A.JPG")
    renamed = replace(jpeg, name="B.JPG", updated_at_ms=jpeg.updated_at_ms + 1)
    assert pair([raw, jpeg, renamed]).proposals == pair([renamed, jpeg, raw]).proposals == ()
    assert (
        len(pair([raw, renamed, replace(renamed, name="A.JPG", updated_at_ms=renamed.updated_at_ms + 1)]).proposals)
        == 1
    )


def test_repeated_ids_of_one_age_count_once_in_any_order() -> None:
    raw, jpeg = make_asset("A.CR2"), make_asset("A.JPG")
    twin = replace(jpeg, name="A.PNG")
    found = pair([raw, jpeg, twin])
    assert found == pair([twin, jpeg, raw])
    assert [len(proposal.member_ids) for proposal in found.proposals] == [2]


def test_a_large_family_held_together_by_another_name_is_cut_in_time() -> None:
    """33 files under one stem, of which no more than two share both name and time."""
    raws = [make_asset(f"A_{number:02d}.cr2", at_s=number) for number in range(11, 33)]
    pairs = [make_asset(name, at_s=at_s) for at_s in range(0, 51, 5) for name in ("A.cr2", "A.jpg")]
    bridge = [make_asset("A_xx.dng", at_s=second) for second in range(51)]
    found = pair([*raws, *pairs, *bridge], PairingRules(max_cluster=4))
    assert sum(made.confidence is Confidence.CERTAIN for made in found.proposals) == 11
    assert [str(left.reason) for left in found.left_alone] == ["51 files share one name and time"]


def test_a_rule_from_elsewhere_is_asked_like_our_own() -> None:
    never = PairRule("never", lambda _one, _other, _rules: Reason(ReasonCode.BETTER_MATCH), no_support)
    assets = [make_asset("A.CR2"), make_asset("A.JPG")]
    assert len(pair(assets).proposals) == 1
    found = pair(assets, pipeline=(*RULES, never))
    assert found.proposals == ()
    assert [left.reason.code for left in found.left_alone] == [ReasonCode.BETTER_MATCH]


def test_the_sentence_of_a_rule_from_elsewhere_is_its_own() -> None:
    def objection(one: Candidate, other: Candidate, _rules: PairingRules) -> Reason | None:
        return Reason(ReasonCode.OTHER, "one is {a scan}") if one.slot != other.slot else None

    found = pair([make_asset("A.CR2"), make_asset("A.JPG")], pipeline=(PairRule("scans", objection, no_support),))
    assert [str(left.reason) for left in found.left_alone] == ["one is {a scan}"]


def test_what_a_rule_raises_is_not_swallowed() -> None:
    def broken(_one: Candidate, _other: Candidate, _rules: PairingRules) -> Reason | None:
        raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        pair([make_asset("A.CR2"), make_asset("A.JPG")], pipeline=(*RULES, PairRule("broken", broken, no_support)))


def test_proposals_are_sorted_by_their_members() -> None:
    assets: list[Asset] = [make_asset(f"IMG_{number:04d}.{ext}") for number in range(20) for ext in ("CR2", "JPG")]
    found: list[tuple[AssetId, ...]] = [proposal.member_ids for proposal in pair(assets).proposals]
    assert len(found) == 20
    assert found == sorted(found)
    assert isinstance(pair(assets).proposals[0], Proposal)
