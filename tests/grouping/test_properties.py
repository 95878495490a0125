"""What holds for any library, however odd."""

from __future__ import annotations

from collections import Counter
from dataclasses import replace

from hypothesis import given, settings
from hypothesis import strategies as st

from sidecar.grouping.capture_time import distance_ms
from sidecar.grouping.engine import PairingRules, pair
from sidecar.grouping.names import stem_of
from sidecar.grouping.planning import Create, Extend, Review
from sidecar.model import Asset, AssetKind, Visibility
from tests.builders import NOON_MS, asset_id, make_asset
from tests.grouping.immich_model import ImmichModel

_NAMES = st.builds(
    "{}{}.{}".format,
    st.sampled_from(["IMG_0001", "img_0001", "IMG_E0001", "20240501_120000"]),
    st.sampled_from(["", "", "", "-Edit", "_01", "-2", "~2", "_bw", "(1)"]),
    st.sampled_from(["CR2", "JPG", "jpg", "DNG", "PNG", "MOV", "CR2.jpg", "txt"]),
)
unhurried = settings(deadline=None)
"""How long an example takes says more about the machine than about the rules."""

_CAMERAS = st.sampled_from([(None, None), ("Canon", "EOS R5"), ("Canon", None), ("Nikon", "Z 6")])


@st.composite
def libraries(draw: st.DrawFn, *, max_size: int = 9) -> list[Asset]:
    """Files that all but share name and time, so that the rules have something to disagree about."""
    return [_file(draw, number) for number in range(draw(st.integers(0, max_size)))]


def _file(draw: st.DrawFn, number: int) -> Asset:
    name = draw(_NAMES)
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
    )


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
