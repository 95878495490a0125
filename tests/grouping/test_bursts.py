from __future__ import annotations

from typing import Any

import pytest

from sidecar.formats import Format
from sidecar.grouping.bursts import BURST_SPAN_MS, COUNTED_SPAN_MS, MAX_FRAMES
from sidecar.grouping.candidate import Candidate
from sidecar.grouping.engine import Confidence, GroupKind, Pairing, PairingRules, Proposal, pair
from sidecar.grouping.reasons import Reason, ReasonCode
from sidecar.grouping.registry import RULES
from sidecar.grouping.rule import PairRule
from sidecar.grouping.settings import DEFAULT_KINDS
from sidecar.model import Asset, AssetKind, Visibility
from tests.builders import make_asset

Given = tuple[tuple[str, dict[str, Any]], ...]

ON = PairingRules(kinds=tuple(sorted((*DEFAULT_KINDS, GroupKind.BURST))))
HUAWEI = "IMG_20231014_183246_BURST{:03d}"
COUNTED = "DSC_0001_BURST{:03d}"
NIKON: dict[str, Any] = {"make": "Nikon", "model": "Z 6"}


def on(**changes: Any) -> PairingRules:
    kinds = changes.pop("without", ())
    return PairingRules(kinds=tuple(kind for kind in ON.kinds if kind not in kinds), **changes)


def marked(at_s: float = 0, camera_id: str | None = "B-1", **changes: object) -> dict[str, Any]:
    return {"at_s": at_s, "auto_stack_id": camera_id, **changes}


def paired(given: Given, rules: PairingRules = ON) -> tuple[list[Asset], Pairing]:
    assets = [make_asset(name, **changes) for name, changes in given]
    found = pair(assets, rules)
    assert pair(assets[::-1], rules) == found
    return assets, found


def bursts(given: Given, rules: PairingRules = ON) -> list[str]:
    """The names in every burst, cover first; each burst is certain."""
    assets, found = paired(given, rules)
    name_of = {asset.id: asset.name for asset in assets}
    made = [proposal for proposal in found.proposals if proposal.kind is GroupKind.BURST]
    assert {proposal.confidence for proposal in made} <= {Confidence.CERTAIN}
    return sorted(" ".join(name_of[each] for each in proposal.member_ids) for proposal in made)


def the_only(given: Given, rules: PairingRules = ON) -> Proposal:
    _, found = paired(given, rules)
    (proposal,) = found.proposals
    return proposal


def frames(numbers: range, pattern: str = HUAWEI, extension: str = "jpg", **changes: object) -> Given:
    return tuple((f"{pattern.format(n)}.{extension}", {"at_s": n / 10, **changes}) for n in numbers)


@pytest.mark.parametrize(
    ("given", "expected"),
    [
        pytest.param(
            (*frames(range(1, 3)), (f"{HUAWEI.format(3)}_COVER.jpg", {"at_s": 0.3})),
            "IMG_20231014_183246_BURST003_COVER.jpg IMG_20231014_183246_BURST001.jpg IMG_20231014_183246_BURST002.jpg",
            id="the camera's cover first, the others in time",
        ),
        pytest.param(
            (("A.jpg", marked(2)), ("B.jpg", marked(1)), ("C.jpg", marked(3))),
            "B.jpg A.jpg C.jpg",
            id="the first in time without one",
        ),
        pytest.param(
            (("F10.jpg", marked()), ("F9.jpg", marked()), ("F11.jpg", marked())),
            "F9.jpg F10.jpg F11.jpg",
            id="numbers count where times do not tell",
        ),
        pytest.param(
            (
                ("A.CR3", marked(0)),
                ("A.JPG", marked(0)),
                ("B.CR3", marked(0.5)),
                ("B.JPG", marked(0.5)),
                ("B-Edit.tif", {"at_s": 0.5}),
            ),
            "A.JPG A.CR3 B-Edit.tif B.JPG B.CR3",
            id="a frame's versions come along, the best first",
        ),
        pytest.param(
            (("A.CR3", {}), ("A.JPG", marked(0)), ("B.CR3", {"at_s": 0.5}), ("B.JPG", marked(0.5))),
            "A.JPG A.CR3 B.JPG B.CR3",
            id="also a RAW without the id",
        ),
        pytest.param(
            (("image.jpg", marked(0)), ("image.jpg", marked(0.2)), ("image.jpg", marked(0.4))),
            "image.jpg image.jpg image.jpg",
            id="one name, but other moments",
        ),
        pytest.param(
            (("A.jpg", marked(0)), ("B.jpg", marked(60))), "A.jpg B.jpg", id="exactly a minute from first to last"
        ),
        pytest.param(
            (("A.jpg", marked(0)), ("B.jpg", marked(3600, taken_at_ms=make_asset().taken_at_ms))),
            "A.jpg B.jpg",
            id="by UTC, where a clock was changed",
        ),
        pytest.param(
            (("A.jpg", marked(0)), ("B.jpg", marked(1, make=None, model=None)), ("C.jpg", marked(2))),
            "A.jpg B.jpg C.jpg",
            id="an unknown camera agrees",
        ),
        pytest.param(
            (("A.jpg", marked(0)), ("B.jpg", marked(1, taken_at_ms=0))), "A.jpg B.jpg", id="by the wall clock as well"
        ),
        pytest.param(
            (("A.jpg", marked(0, folder="/monday")), ("B.jpg", marked(1, folder="/tuesday"))),
            "A.jpg B.jpg",
            id="wherever the frames are",
        ),
        pytest.param(
            (("image.jpg", marked(0)), ("image.png", marked(5))), "image.jpg image.png", id="other moments of one name"
        ),
        pytest.param(
            (*frames(range(1, 3), visibility=Visibility.ARCHIVE),),
            "IMG_20231014_183246_BURST001.jpg IMG_20231014_183246_BURST002.jpg",
            id="all in the archive",
        ),
        pytest.param(
            (*frames(range(1, 3)), *frames(range(3, 4), auto_stack_id="X"), *frames(range(4, 5), auto_stack_id="Y")),
            " ".join(f"{HUAWEI.format(n)}.jpg" for n in range(1, 5)),
            id="ids that no other file has say nothing",
        ),
        pytest.param(
            (*frames(range(1, 3)), *frames(range(3, 5), auto_stack_id="X")),
            " ".join(f"{HUAWEI.format(n)}.jpg" for n in range(1, 5)),
            id="an id that is known of some frames",
        ),
        pytest.param(
            (
                ("A.jpg", marked(0)),
                ("A-Edit.jpg", marked(0, camera_id="B-2")),
                *frames(range(1, 3)),
            ),
            "IMG_20231014_183246_BURST001.jpg IMG_20231014_183246_BURST002.jpg",
            id="versions of one frame that disagree about the id",
        ),
    ],
)
def test_frames_that_the_camera_marks_are_one_burst(given: Given, expected: str) -> None:
    assert bursts(given) == [expected]


@pytest.mark.parametrize(
    "given",
    [
        pytest.param((("A.jpg", marked()),), id="one frame"),
        pytest.param((("A.CR3", marked()), ("A.JPG", marked())), id="one frame in two versions"),
        pytest.param((("A.JPG", marked(folder="/a")), ("A.JPG", marked(folder="/b"))), id="one frame twice"),
        pytest.param((("A.JPG", marked()), ("A.JPG", marked())), id="one frame uploaded twice"),
        pytest.param((("A.JPG", marked(camera_id=None)), ("B.JPG", marked(camera_id=None))), id="no mark"),
        pytest.param((("A.JPG", marked()), ("B.JPG", marked(camera_id="B-2"))), id="two marks"),
        pytest.param((("A.MOV", marked(kind=AssetKind.VIDEO)), ("B.MOV", marked(kind=AssetKind.VIDEO))), id="clips"),
        pytest.param((("A.JPG", marked()), ("B.JPG", marked(is_trashed=True))), id="one in the trash"),
        pytest.param((("A.JPG", marked()), ("B.JPG", marked(is_extracted=False))), id="one not extracted yet"),
        pytest.param((("A.JPG", marked()), ("B.JPG", marked(content=Format.HEIC))), id="one that is no JPEG"),
        pytest.param((("A.JPG", marked()), ("B.JPG", marked(visibility=Visibility.ARCHIVE))), id="one archived"),
        pytest.param((("A.JPG", marked()), ("B.JPG", marked(86_401))), id="an id that comes again another day"),
        pytest.param(frames(range(1, 2)), id="a lone frame"),
        pytest.param((*frames(range(1, 2), COUNTED), ("DSC_0001.JPG", {})), id="a frame and a picture of its name"),
    ],
)
def test_nothing_else_is_and_nothing_is_said(given: Given) -> None:
    _, found = paired(given)
    assert [proposal.kind for proposal in found.proposals if proposal.kind is GroupKind.BURST] == []
    assert {left.reason.code for left in found.left_alone} <= {ReasonCode.SAME_VERSION}


def test_a_burst_says_why() -> None:
    proposal = the_only((*frames(range(1, 3)), *frames(range(25, 26))))
    assert proposal.kind is GroupKind.BURST
    assert proposal.name == "img_20231014_183246_burst001"
    assert [str(reason) for reason in proposal.reasons] == [
        "one burst of 3 frames",
        "taken 2.4 s apart",
        "one camera: Canon EOS R5",
    ]
    assert [str(reason) for reason in the_only(frames(range(1, 4))).reasons][1] == "taken at the same second"


def test_a_burst_has_the_name_of_its_cover_frame() -> None:
    proposal = the_only((("A.CR3", marked(0)), ("A_bw.jpg", marked(0)), ("B.JPG", marked(1))))
    assert proposal.name == "a"


def test_counters_come_again_and_stamps_do_not() -> None:
    later = COUNTED_SPAN_MS / 1000 + 0.3
    again = [(name, {**changes, "at_s": changes["at_s"] + later}) for name, changes in frames(range(1, 3), COUNTED)]
    assert len(bursts((*frames(range(1, 3), COUNTED), *again))) == 2
    assert len(bursts((*frames(range(1, 3)), ("IMG_20231014_183246_BURST009.jpg", {"at_s": later})))) == 1
    assert len(bursts((("A.jpg", marked(0)), ("B.jpg", marked(later))))) == 1


def test_a_copy_with_another_time_keeps_no_burst_from_being_one() -> None:
    assert bursts((*frames(range(1, 3)), ("IMG_20231014_183246_BURST009.jpg", {"at_s": 3_600}))) == [
        "IMG_20231014_183246_BURST001.jpg IMG_20231014_183246_BURST002.jpg"
    ]


def test_what_is_archived_is_a_burst_of_its_own() -> None:
    shown = frames(range(1, 3))
    archived = frames(range(3, 5), visibility=Visibility.ARCHIVE, extension="heic")
    assert [len(each.split()) for each in bursts((*shown, *archived))] == [2, 2]


def test_a_backup_of_a_burst_is_a_burst_of_its_own() -> None:
    here, there = frames(range(1, 4), folder="/photos"), frames(range(1, 4), folder="/backup")
    assert [len(each.split()) for each in bursts((*here, *there))] == [3, 3]
    _, found = paired((*here, *there))
    assert found.left_alone == ()


def test_a_burst_in_folders_by_format_is_one() -> None:
    raws, jpegs = frames(range(1, 3), extension="dng", folder="/raw"), frames(range(1, 3), folder="/jpeg")
    assert [len(each.split()) for each in bursts((*raws, *jpegs))] == [4]


def test_a_frame_that_is_there_twice_is_asked_about() -> None:
    proposal = the_only((*frames(range(1, 4)), *frames(range(2, 3))))
    assert proposal.confidence is Confidence.DOUBTFUL
    assert len(proposal.member_ids) == 4
    assert [str(reason) for reason in proposal.reasons] == [
        "one burst of 3 frames",
        "taken at the same second",
        "one camera: Canon EOS R5",
        "another file fits as well as these do",
    ]


def test_two_groups_of_one_name_that_may_be_one_frame_are_asked_about() -> None:
    given: Given = (
        ("A.CR2", marked(0)),
        ("A.JPG", marked(0.1)),
        ("A.HEIC", marked(2.05)),
        ("A.PNG", marked(2.15)),
        ("B.JPG", marked(3)),
    )
    proposal = the_only(given)
    assert proposal.reasons[0] == Reason(ReasonCode.SAME_BURST, "2")
    assert proposal.reasons[-1] == Reason(ReasonCode.AMBIGUOUS)
    assert len(proposal.member_ids) == 5


@pytest.mark.parametrize(
    ("off", "expected"),
    [
        pytest.param(GroupKind.RAW_JPEG, ["A-Edit.tif A.JPG B.JPG", "A.CR3 B.CR3"], id="RAWs apart"),
        pytest.param(GroupKind.EDITED, ["A.JPG A.CR3 B.JPG B.CR3"], id="no edits"),
        pytest.param(GroupKind.VIDEO, ["A-Edit.tif A.JPG A.CR3 B.JPG B.CR3"], id="nothing of it"),
    ],
)
def test_what_is_off_stays_off_in_a_burst(off: GroupKind, expected: list[str]) -> None:
    given: Given = (
        ("A.CR3", marked(-0.2)),
        ("A.JPG", marked(0)),
        ("A-Edit.tif", marked(0)),
        ("B.CR3", marked(0.9)),
        ("B.JPG", marked(0.5)),
    )
    assert bursts(given, on(without=(off,))) == expected


def test_the_first_in_time_is_the_cover_also_where_raws_are_a_burst_of_their_own() -> None:
    given: Given = (
        ("A.CR3", marked(-0.2)),
        ("A.JPG", marked(0.3)),
        ("B.CR3", marked(0.4)),
        ("B.JPG", marked(0.1)),
    )
    assert bursts(given, on(without=(GroupKind.RAW_JPEG,))) == ["A.CR3 B.CR3", "B.JPG A.JPG"]


def test_a_name_that_comes_again_joins_no_id() -> None:
    named = frames(range(1, 3), COUNTED, auto_stack_id="B-1")
    again = [(name, {"at_s": 3_600 + place}) for place, (name, _) in enumerate(frames(range(1, 3), COUNTED))]
    assert [len(each.split()) for each in bursts((*named, *again))] == [2, 2]


def test_a_frame_that_is_no_burst_is_spoken_of_once() -> None:
    _, found = paired((("A.CR3", marked()), ("A.JPG", marked(**NIKON))))
    assert [left.reason.code for left in found.left_alone] == [ReasonCode.CAMERAS_DIFFER]


@pytest.mark.parametrize(
    ("given", "sentence"),
    [
        pytest.param(
            (("A.jpg", marked(0)), ("B.jpg", marked(BURST_SPAN_MS / 1000 + 0.001))),
            "they are marked as one burst, but it would have lasted 1 min",
            id="an id found again",
        ),
        pytest.param(
            tuple((f"{COUNTED.format(n)}.jpg", {"at_s": n * 3}) for n in range(1, 6)),
            "they are marked as one burst, but it would have lasted 12 s",
            id="near neighbours, but far from first to last",
        ),
        pytest.param(
            (("A.jpg", marked(0)), ("B.jpg", marked(1, **NIKON)), ("C.jpg", marked(2, make=None, model=None))),
            "different cameras: Canon EOS R5 and Nikon Z 6",
            id="two cameras",
        ),
    ],
)
def test_what_cannot_be_a_burst_is_left_alone_with_a_reason(given: Given, sentence: str) -> None:
    assets, found = paired(given)
    assert found.proposals == ()
    assert [(left.asset_ids, str(left.reason)) for left in found.left_alone] == [
        (tuple(sorted(asset.id for asset in assets)), sentence)
    ]


def test_the_pairs_in_what_is_no_burst_stay_pairs() -> None:
    given: Given = (("A.CR3", marked(0)), ("A.JPG", marked(0)), ("B.CR3", marked(120)), ("B.JPG", marked(120)))
    _, found = paired(given)
    assert [proposal.kind for proposal in found.proposals] == [GroupKind.RAW_JPEG] * 2
    assert found.left_alone == ()


@pytest.mark.parametrize(
    ("count", "kinds", "sentences"),
    [
        pytest.param(MAX_FRAMES, [GroupKind.BURST], [], id="the largest"),
        pytest.param(
            MAX_FRAMES + 1, [], ["they are marked as one burst, but there are 501 frames"], id="larger than any"
        ),
    ],
)
def test_a_burst_has_a_bound(count: int, kinds: list[GroupKind], sentences: list[str]) -> None:
    found = pair([make_asset(f"F{n}.jpg", **marked(n / 10)) for n in range(count)], ON)
    assert [proposal.kind for proposal in found.proposals] == kinds
    assert [str(left.reason) for left in found.left_alone] == sentences


@pytest.mark.parametrize(
    ("given", "doubt"),
    [
        pytest.param(
            (("A.CR3", marked(0)), ("A.JPG", marked(0)), ("a.jpeg", {}), ("B.jpg", marked(1))),
            ReasonCode.AMBIGUOUS,
            id="a frame's group",
        ),
        pytest.param((("A.jpg", marked(0)), ("B", marked(1))), ReasonCode.UNKNOWN_FORMAT, id="a frame alone"),
        pytest.param(
            (("A.jpg", marked(taken_local_ms=0)), ("B.jpg", marked(taken_local_ms=900))),
            ReasonCode.NO_CLOCK,
            id="no clock",
        ),
    ],
)
def test_a_doubt_about_a_frame_is_one_about_the_burst(given: Given, doubt: ReasonCode) -> None:
    proposal = the_only(given)
    assert (proposal.kind, proposal.confidence) == (GroupKind.BURST, Confidence.DOUBTFUL)
    assert proposal.reasons[-1].code is doubt


def test_who_joins_a_burst_is_no_longer_left_alone() -> None:
    given: Given = (("A.jpg", marked(0)), ("A.MOV", {"kind": AssetKind.VIDEO}), ("B.jpg", marked(1)), ("C.jpg", {}))
    assets, found = paired(given)
    assert [(left.asset_ids, left.reason.code) for left in found.left_alone] == [
        ((assets[1].id,), ReasonCode.PHOTO_AND_CLIP)
    ]
    assert [proposal.kind for proposal in found.proposals] == [GroupKind.BURST]


def test_frames_whose_names_tell_too_little_want_a_look() -> None:
    given: Given = (("A.raw", marked(0)), ("B.jpg", marked(1)), ("C.jpg", marked(2, width=None)), ("D.raw", {}))
    assets, found = paired((*given, ("E.raw", {}), ("E.jpg", {})))
    assert found.in_doubt == tuple(sorted((assets[0].id, assets[2].id, assets[4].id)))


def test_rules_from_elsewhere_are_asked_about_frames_and_speak_for_bursts() -> None:
    def dislikes_c(one: Candidate, other: Candidate, _rules: PairingRules) -> Reason | None:
        return Reason(ReasonCode.OTHER, "no C") if "C.jpg" in (one.asset.name, other.asset.name) else None

    mine = PairRule("mine", dislikes_c, lambda members: Reason(ReasonCode.OTHER, f"I like these {len(members)}"))
    assets = [make_asset(name, **marked(at_s)) for at_s, name in enumerate(("A.jpg", "B.jpg", "C.jpg"))]
    (liked,) = pair(assets[:2], ON, pipeline=(*RULES, mine)).proposals
    assert str(liked.reasons[-1]) == "I like these 2"
    disliked = pair(assets, ON, pipeline=(*RULES, mine))
    assert disliked.proposals == ()
    assert [str(left.reason) for left in disliked.left_alone] == ["no C"]
