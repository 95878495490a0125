"""What holds for any library, however odd."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable
from dataclasses import replace
from itertools import combinations

from hypothesis import given, settings
from hypothesis import strategies as st

from sidecar.formats import Format, format_of
from sidecar.grouping.candidate import candidate_of
from sidecar.grouping.capture_time import distance_ms
from sidecar.grouping.eligibility import may_pair
from sidecar.grouping.engine import Confidence, GroupKind, Pairing, PairingRules, pair
from sidecar.grouping.names import stem_of
from sidecar.grouping.planning import Create, Extend, Review
from sidecar.grouping.reasons import ReasonCode
from sidecar.grouping.registry import RULES
from sidecar.grouping.settings import DEFAULT_KINDS
from sidecar.grouping.switches import is_off, taking_part
from sidecar.model import Asset, AssetId, AssetKind, Visibility
from tests.builders import NOON_MS, asset_id, make_asset
from tests.grouping.immich_model import ImmichModel

_NAMES = st.builds(
    "{}{}.{}".format,
    st.sampled_from(["IMG_0001", "IMG_0001", "img_0001", "IMG_E0001", "20240501_120000"]),
    st.sampled_from(["", "", "", "", "-Edit", "_01", "-2", "~2", "_bw", "(1)", "_BURST001", "_BURST002_COVER"]),
    st.sampled_from(["CR2", "JPG", "jpg", "DNG", "PNG", "MOV", "CR2.jpg", "txt"]),
)
# No weak variants: whether those are versions depends on which RAW is near.
_PLAIN_NAMES = st.builds(
    "{}{}.{}".format,
    st.just("IMG_0001"),
    st.sampled_from(["", "", "", "-Edit", ".NIGHT"]),
    st.sampled_from(["CR2", "JPG", "jpg", "DNG", "PNG", "HEIC"]),
)
_KINDS = st.sets(st.sampled_from([kind for kind in GroupKind if kind is not GroupKind.BURST]))
unhurried = settings(deadline=None)
"""How long an example takes says more about the machine than about the rules."""

DAY_MS = 86_400_000
YEAR_1826_MS, YEAR_2100_MS = -4_544_208_000_000, 4_102_444_800_000

_CAMERAS = st.sampled_from([(None, None), ("Canon", "EOS R5"), ("Canon", None), ("Nikon", "Z 6")])


@st.composite
def libraries(draw: st.DrawFn, *, max_size: int = 9, names: st.SearchStrategy[str] = _NAMES) -> list[Asset]:
    """Files that all but share name and time, so that the rules have something to disagree about."""
    return [_file(draw, draw(names), number) for number in range(draw(st.integers(0, max_size)))]


def _file(draw: st.DrawFn, name: str, number: int) -> Asset:
    at_ms = NOON_MS + draw(st.sampled_from([0, 0, 0, 250, 999, 1_000, 1_500, 2_000, 2_500, 4_000, 90_000]))
    make, model = draw(_CAMERAS)
    is_clip = name.endswith("MOV")
    return make_asset(
        name,
        id=asset_id(1_000_000 + number),
        taken_local_ms=at_ms,
        taken_at_ms=at_ms + draw(st.sampled_from([0, 0, 3_600_000])),
        make=make,
        model=model,
        kind=AssetKind.VIDEO if is_clip else AssetKind.IMAGE,
        duration_ms=draw(st.sampled_from([None, 1_000, 5_000])) if is_clip else None,
        folder=draw(st.sampled_from([None, None, "/a", "/a/raw", "/b"])),
        visibility=draw(st.sampled_from([*[Visibility.TIMELINE] * 8, *Visibility])),
        is_trashed=draw(st.integers(0, 9)) == 0,
        is_extracted=draw(st.integers(0, 9)) > 0,
        auto_stack_id=draw(st.sampled_from([None, None, None, "B-1", "B-2"])),
        content=draw(st.sampled_from([*[None] * 12, Format.JPEG, Format.RAW, Format.UNKNOWN])),
    )


_ODD_MOMENTS_MS = st.sampled_from(
    [0, 1, -1, NOON_MS, NOON_MS, NOON_MS + 947, 4_070_908_800_000, -62_135_596_800_000, 253_402_300_799_999, 2**63]
)


@st.composite
def odd_files(draw: st.DrawFn) -> list[Asset]:
    """What no camera writes and every library has: no name, no clock, impossible sizes, one id twice."""
    return [
        make_asset(
            draw(st.sampled_from(["", ".", "..jpg", ".jpg", "a", "a.jpg", "a.cr2", "a.", "\ud800.jpg", "a" * 300])),
            id=asset_id(draw(st.integers(0, 6))),
            taken_local_ms=draw(_ODD_MOMENTS_MS),
            taken_at_ms=draw(_ODD_MOMENTS_MS),
            make=draw(st.sampled_from([None, "", " ", "Canon"])),
            width=draw(st.sampled_from([None, -1, 0, 6000])),
            height=draw(st.sampled_from([None, -1, 4000])),
            size_bytes=draw(st.sampled_from([None, -1, 0])),
            duration_ms=draw(st.sampled_from([None, -1, 0])),
            kind=draw(st.sampled_from([AssetKind.IMAGE, AssetKind.IMAGE, AssetKind.VIDEO])),
            updated_at_ms=draw(st.integers(-1, 1)),
            auto_stack_id=draw(st.sampled_from([None, "", "B"])),
        )
        for _ in range(draw(st.integers(0, 8)))
    ]


def rules_of(kinds: Iterable[GroupKind], *, tolerance_ms: int = 2_000) -> PairingRules:
    return PairingRules(kinds=tuple(sorted(kinds)), tolerance_ms=tolerance_ms)


def couples_of(found: Pairing) -> set[frozenset[AssetId]]:
    return {frozenset(each) for proposal in found.proposals for each in combinations(proposal.member_ids, 2)}


def members_of(found: Pairing) -> set[AssetId]:
    return {each for proposal in found.proposals for each in proposal.member_ids}


def left_of(found: Pairing) -> set[AssetId]:
    return {each for left in found.left_alone for each in left.asset_ids}


@unhurried
@given(libraries(), st.randoms(use_true_random=False))
def test_the_order_of_input_changes_nothing(assets: list[Asset], dice: object) -> None:
    shuffled = sorted(assets, key=lambda _: dice.random())  # type: ignore[attr-defined]  # hypothesis' own dice
    assert pair(assets) == pair(shuffled)


@unhurried
@given(libraries())
def test_an_asset_is_in_one_proposal_at_most_and_never_left_alone_too(assets: list[Asset]) -> None:
    found = pair(assets)
    members = Counter(each for proposal in found.proposals for each in proposal.member_ids)
    assert not members or max(members.values()) == 1
    assert not members.keys() & {each for left in found.left_alone for each in left.asset_ids}


@unhurried
@given(libraries())
def test_a_proposal_is_two_or_more_of_one_sort_near_one_of_them(assets: list[Asset]) -> None:
    by_id = {asset.id: asset for asset in assets}
    for proposal in pair(assets).proposals:
        members = [by_id[each] for each in proposal.member_ids]
        assert len(members) >= 2
        assert len({(member.kind, member.visibility, stem_of(member.name)) for member in members}) == 1
        assert all(member.is_extracted and not member.is_trashed for member in members)
        assert any(all(distance_ms(anchor, each) <= 2_000 for each in members) for anchor in members)
        assert proposal.primary_id in by_id


@unhurried
@given(libraries(), libraries(max_size=4))
def test_assets_of_other_stems_change_nothing(assets: list[Asset], others: list[Asset]) -> None:
    strangers = [replace(other, id=asset_id(2_000_000 + n), name=f"zz {other.name}") for n, other in enumerate(others)]
    alone, together = pair(assets), pair([*assets, *strangers])
    ids = {asset.id for asset in assets}
    assert alone.proposals == tuple(each for each in together.proposals if ids.issuperset(each.member_ids))
    assert alone.left_alone == tuple(each for each in together.left_alone if ids.issuperset(each.asset_ids))


@unhurried
@given(libraries())
def test_pairing_stem_by_stem_equals_pairing_the_whole(assets: list[Asset]) -> None:
    stems = {stem_of(asset.name) for asset in assets}
    parts = [pair([asset for asset in assets if stem_of(asset.name) == stem]).proposals for stem in stems]
    assert pair(assets).proposals == tuple(
        sorted((each for part in parts for each in part), key=lambda p: p.member_ids)
    )


@unhurried
@given(libraries(max_size=2), st.integers(0, 5_000), st.integers(0, 5_000))
def test_a_looser_tolerance_never_loses_a_pair(assets: list[Asset], one_ms: int, other_ms: int) -> None:
    tight, loose = sorted((one_ms, other_ms))
    found = {proposal.member_ids for proposal in pair(assets, PairingRules(tolerance_ms=tight)).proposals}
    assert found <= {proposal.member_ids for proposal in pair(assets, PairingRules(tolerance_ms=loose)).proposals}


@unhurried
@given(libraries(names=_PLAIN_NAMES), st.integers(0, 5_000), st.integers(0, 5_000))
def test_what_a_looser_tolerance_takes_apart_found_other_partners(
    assets: list[Asset], one_ms: int, other_ms: int
) -> None:
    """In larger groups a file that did not count before may take one of the two: never both, never in silence."""
    tight, loose = sorted((one_ms, other_ms))
    before, after = (pair(assets, PairingRules(tolerance_ms=tolerance_ms)) for tolerance_ms in (tight, loose))
    assert members_of(before) <= members_of(after) | left_of(after)
    assert all(couple & members_of(after) for couple in couples_of(before))


@unhurried
@given(libraries(), st.integers(0, 5_000), st.integers(0, 5_000))
def test_no_pair_is_lost_in_silence(assets: list[Asset], one_ms: int, other_ms: int) -> None:
    """Whatever the names: an export may go from a RAW to one that has its full name."""
    tight, loose = sorted((one_ms, other_ms))
    before, after = (pair(assets, PairingRules(tolerance_ms=tolerance_ms)) for tolerance_ms in (tight, loose))
    assert all(couple & (members_of(after) | left_of(after)) for couple in couples_of(before))


@unhurried
@given(libraries())
def test_who_is_stacked_unasked_is_near_an_anchor_and_no_rule_objects(assets: list[Asset]) -> None:
    by_id = {asset.id: candidate_of(asset) for asset in assets}
    judges = [rule for rule in RULES if rule.name != "time"]
    for proposal in pair(assets).proposals:
        if proposal.confidence is Confidence.CERTAIN:
            for one, other in combinations([by_id[each] for each in proposal.member_ids], 2):
                assert not any(rule.objection(one, other, PairingRules()) for rule in judges)


@unhurried
@given(odd_files(), st.booleans())
def test_nonsense_is_neither_stacked_nor_fatal(assets: list[Asset], are_bursts_on: bool) -> None:  # noqa: FBT001
    rules = rules_of(GroupKind if are_bursts_on else DEFAULT_KINDS)
    found = pair(assets, rules)
    assert found == pair(assets[::-1], rules)
    newest = {asset.id: asset for asset in sorted(assets, key=lambda asset: (asset.updated_at_ms, repr(asset)))}
    for proposal in found.proposals:
        members = [newest[each] for each in proposal.member_ids]
        assert len(members) == len(set(proposal.member_ids)) >= 2
        if proposal.confidence is Confidence.CERTAIN:
            assert all(
                each.taken_local_ms <= -DAY_MS or DAY_MS <= each.taken_local_ms < YEAR_2100_MS for each in members
            )
            assert all(each.taken_local_ms >= YEAR_1826_MS for each in members)
    assert not members_of(found) & left_of(found)


@unhurried
@given(libraries(), _KINDS)
def test_what_is_off_is_in_no_proposal(assets: list[Asset], kinds: set[GroupKind]) -> None:
    rules = rules_of(kinds)
    candidates = {asset.id: candidate_of(asset) for asset in assets}
    found = pair(assets, rules)
    assert {proposal.kind for proposal in found.proposals} <= kinds
    assert all(left.reason.code is not ReasonCode.SWITCHED_OFF for left in found.left_alone)
    for proposal in found.proposals:
        # Exports are edits only beside their RAW, hence not by themselves.
        plain = [each for each in map(candidates.get, proposal.member_ids) if each and each.family == proposal.name]
        assert not any(is_off(one, other, rules) for one, other in combinations(plain, 2))


@unhurried
@given(libraries(), _KINDS, st.sampled_from([GroupKind.EDITED, GroupKind.VIDEO]))
def test_edits_and_clips_that_are_off_might_as_well_not_be_there(
    assets: list[Asset], kinds: set[GroupKind], off: GroupKind
) -> None:
    rest = rules_of(kinds - {off})
    able = [asset for asset in assets if may_pair(asset)]
    stems = {stem_of(asset.name) for asset in able}
    present = [
        asset for stem in stems for asset in taking_part([each for each in able if stem_of(each.name) == stem], rest)
    ]
    assert pair(assets, rest) == pair(present, rest) == pair(present, rules_of(kinds | {off}))


@unhurried
@given(libraries(names=_PLAIN_NAMES.filter(lambda name: "Edit" not in name)))
def test_raws_and_others_that_are_off_to_each_other_pair_as_if_alone(assets: list[Asset]) -> None:
    rules = rules_of(set(DEFAULT_KINDS) - {GroupKind.RAW_JPEG})
    raws = [asset for asset in assets if format_of(asset.name) is Format.RAW]
    others = [asset for asset in assets if format_of(asset.name) is not Format.RAW]
    alone = [each for part in (raws, others) for each in pair(part, rules).proposals]
    assert set(pair(assets, rules).proposals) == set(alone)


@unhurried
@given(libraries(), _KINDS)
def test_with_bursts_off_their_marks_change_nothing(assets: list[Asset], kinds: set[GroupKind]) -> None:
    unmarked = [replace(asset, auto_stack_id=None) for asset in assets]
    assert pair(assets, rules_of(kinds)) == pair(unmarked, rules_of(kinds))


@unhurried
@given(libraries(), _KINDS)
def test_a_burst_is_made_of_whole_groups_and_single_pictures(assets: list[Asset], kinds: set[GroupKind]) -> None:
    by_id = {asset.id: asset for asset in assets}
    off, on = pair(assets, rules_of(kinds)), pair(assets, rules_of(kinds | {GroupKind.BURST}))
    made = [proposal for proposal in on.proposals if proposal.kind is GroupKind.BURST]
    held = {member for proposal in made for member in proposal.member_ids}
    assert set(on.proposals) - set(made) == {each for each in off.proposals if not held.intersection(each.member_ids)}
    for proposal in made:
        members = [by_id[each] for each in proposal.member_ids]
        assert len(members) == len(set(proposal.member_ids)) >= 2
        assert len({(member.visibility, member.kind, member.is_trashed) for member in members}) == 1
        groups = [set(each.member_ids) for each in off.proposals if not held.isdisjoint(each.member_ids)]
        assert all(group <= set(proposal.member_ids) or group.isdisjoint(proposal.member_ids) for group in groups)
    assert sum(len(proposal.member_ids) for proposal in on.proposals) == len(members_of(on))
    assert not members_of(on) & left_of(on)


@unhurried
@given(libraries(), st.randoms(use_true_random=False))
def test_the_order_of_input_changes_no_burst(assets: list[Asset], dice: object) -> None:
    shuffled = sorted(assets, key=lambda _: dice.random())  # type: ignore[attr-defined]  # hypothesis' own dice
    assert pair(assets, rules_of(GroupKind)) == pair(shuffled, rules_of(GroupKind))


@unhurried
@given(libraries())
def test_frames_that_only_names_mark_meet_stem_by_stem(assets: list[Asset]) -> None:
    assets = [replace(asset, auto_stack_id=None) for asset in assets]
    rules = rules_of(GroupKind)
    parts = [
        pair([asset for asset in assets if stem_of(asset.name) == stem], rules)
        for stem in {stem_of(asset.name) for asset in assets}
    ]
    assert set(pair(assets, rules).proposals) == {each for part in parts for each in part.proposals}


@unhurried
@given(libraries())
def test_a_second_scan_does_nothing(assets: list[Asset]) -> None:
    immich = ImmichModel(assets)
    immich.scan()
    before = list(immich.stacks)
    assert all(isinstance(step, Review) for step in immich.scan())
    assert immich.stacks == before
    assert not immich.decisions


@unhurried
@given(libraries(), libraries(max_size=4))
def test_assets_that_arrive_later_settle_in_one_scan(assets: list[Asset], later: list[Asset]) -> None:
    immich = ImmichModel(assets)
    immich.scan()
    immich.assets |= {(new := replace(each, id=asset_id(2_000_000 + n))).id: new for n, each in enumerate(later)}
    immich.scan()
    assert all(isinstance(step, Review) for step in immich.scan())
    assert not immich.decisions


@unhurried
@given(assets=libraries(), later=libraries(max_size=4), are_groups_lost=st.booleans())
def test_what_the_user_dissolved_is_never_stacked_again(
    assets: list[Asset], later: list[Asset], *, are_groups_lost: bool
) -> None:
    immich = ImmichModel(assets)
    immich.scan()
    dissolved = list(immich.stacks)
    immich.stacks.clear()
    immich.scan()
    if are_groups_lost:
        immich.groups.clear()
    immich.assets |= {(new := replace(each, id=asset_id(2_000_000 + n))).id: new for n, each in enumerate(later)}
    for _ in range(2):
        for step in immich.scan():
            if isinstance(step, Create | Extend):
                made = set(step.proposal.member_ids if isinstance(step, Create) else step.member_ids)
                assert all(len(made.intersection(stack.member_ids)) < 2 for stack in dissolved)
