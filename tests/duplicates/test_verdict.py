from __future__ import annotations

from collections.abc import Collection
from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sidecar.duplicates.classes import DuplicateClass
from sidecar.duplicates.sets import seen_as
from sidecar.duplicates.units import Copy, contents_of, units_of
from sidecar.duplicates.verdict import (
    CONCERNS,
    SENTENCES,
    Agreement,
    Concern,
    Refusal,
    Seen,
    Verdict,
    judge_decision,
)
from sidecar.model import Asset, AssetId, OwnerId, Visibility
from tests.builders import OWNER, asset_id
from tests.duplicates.pictures import make_copy, numbered

RE_ENCODED = DuplicateClass.RE_ENCODED


def judged(
    then: Collection[Copy],
    keep: Collection[int],
    *,
    now: Collection[Copy] | None = None,
    members: Collection[int] | None = None,
    kind: DuplicateClass = RE_ENCODED,
    agreement: Agreement | None = None,
    trash_is_on: bool = True,
    is_identical_only: bool = False,
) -> Verdict:
    """What it means to keep these; the set is of everybody then, or of the members among them."""
    named = [copy for copy in then if members is None or numbered(copy.id) in members]
    return judge_decision(
        kind,
        [Seen(copy.id, copy.unit_id, seen_as(copy.asset, copy.original)) for copy in named],
        units_of(then if now is None else now),
        list(map(asset_id, keep)),
        owner_id=OWNER,
        agreement=agreement or Agreement(),
        trash_is_on=trash_is_on,
        is_identical_only=is_identical_only,
    )


def refusals(verdict: Verdict) -> list[tuple[Refusal, list[int]]]:
    return [(each.refusal, [numbered(found) for found in each.asset_ids]) for each in verdict.objections]


def changed(copy: Copy, **facts: object) -> Copy:
    asset: Asset = replace(copy.asset, **facts)  # type: ignore[arg-type]
    return replace(copy, asset=asset)


ONE, TWO = make_copy(1), make_copy(2)


def test_whatever_is_not_kept_goes() -> None:
    verdict = judged([ONE, TWO, make_copy(3, size_bytes=5)], [2])
    assert verdict.keep == (asset_id(2),)
    assert verdict.trash == (asset_id(1), asset_id(3))
    assert verdict.freed_bytes == 8_000_005
    assert (verdict.objections, verdict.cautions) == ((), ())


@pytest.mark.parametrize(
    ("verdict", "expected"),
    [
        pytest.param(judged([ONE, TWO], []), [(Refusal.KEEPS_NOTHING, [])], id="nothing kept"),
        pytest.param(judged([ONE, TWO], [1, 2]), [(Refusal.TRASHES_NOTHING, [])], id="nothing trashed"),
        pytest.param(judged([ONE, TWO], [1, 9]), [(Refusal.NOT_IN_SET, [9])], id="not a member"),
        pytest.param(judged([ONE, TWO], [1], trash_is_on=False), [(Refusal.TRASH_IS_OFF, [])], id="no trash"),
        pytest.param(judged([ONE, TWO], [1], now=[TWO]), [(Refusal.KEEPER_AWAY, [1])], id="what is kept is gone"),
        pytest.param(
            judged([ONE, TWO], [1], now=[changed(ONE, is_trashed=True), TWO]),
            [(Refusal.KEEPER_AWAY, [1])],
            id="what is kept is in the trash",
        ),
        pytest.param(
            judged([ONE, TWO], [1], now=[changed(ONE, is_offline=True), TWO]),
            [(Refusal.KEEPER_AWAY, [1])],
            id="what is kept is offline",
        ),
        pytest.param(judged([ONE, TWO], [1], now=[ONE]), [(Refusal.CHANGED, [2])], id="what goes is gone"),
        pytest.param(
            judged([ONE, TWO], [1], now=[ONE, changed(TWO, is_trashed=True)]),
            [(Refusal.CHANGED, [2])],
            id="what goes is in the trash",
        ),
        pytest.param(
            judged([ONE, TWO], [1], now=[ONE, make_copy(2, stack="s", is_primary=True)]),
            [(Refusal.CHANGED, [2])],
            id="what goes is in a stack now",
        ),
        pytest.param(
            judged([ONE, TWO], [1], now=[ONE, changed(TWO, size_bytes=7)]),
            [(Refusal.REPLACED, [2])],
            id="what goes is another file",
        ),
        pytest.param(
            judged([ONE, TWO], [1], now=[changed(ONE, size_bytes=7), TWO]),
            [(Refusal.REPLACED, [1])],
            id="what is kept is another file",
        ),
        pytest.param(
            judged([ONE, changed(TWO, visibility=Visibility.LOCKED)], [1]), [(Refusal.LOCKED, [2])], id="locked"
        ),
        pytest.param(
            judged([ONE, changed(TWO, owner_id=OwnerId("b"))], [1]), [(Refusal.NOT_OWN, [2])], id="somebody else's"
        ),
        pytest.param(
            judged([ONE, changed(TWO, live_photo_video_id=asset_id(8))], [1]),
            [(Refusal.LOSES_MOTION, [2])],
            id="a live photo goes",
        ),
        pytest.param(
            judged([ONE, TWO], [1], kind=DuplicateClass.FEATURELESS), [(Refusal.SAYS_LITTLE, [])], id="featureless"
        ),
        pytest.param(judged([ONE, TWO], [1], kind=DuplicateClass.SIMILAR), [(Refusal.SAYS_LITTLE, [])], id="similar"),
        pytest.param(judged([ONE, make_copy(2, library="L")], [1]), [(Refusal.EXTERNAL, [2])], id="external"),
        pytest.param(
            judged([ONE, TWO], [1], is_identical_only=True), [(Refusal.LOSES_VERSIONS, [2])], id="not identical"
        ),
    ],
)
def test_what_speaks_against_a_decision(verdict: Verdict, expected: list[tuple[Refusal, list[int]]]) -> None:
    assert refusals(verdict) == expected
    assert all(each.sentence.endswith(".") for each in verdict.objections)


def test_what_somebody_agrees_to_is_done() -> None:
    both = [ONE, make_copy(2, library="L")]
    verdict = judged(both, [1], kind=DuplicateClass.FEATURELESS, agreement=Agreement(external=True, little_to_see=True))
    assert verdict.objections == ()
    assert [each.concern for each in verdict.cautions] == [Concern.EXTERNAL]


def test_a_live_photo_may_go_where_one_stays() -> None:
    moving = [changed(each, live_photo_video_id=asset_id(8)) for each in (ONE, TWO)]
    assert judged(moving, [1]).objections == ()


class TestStacks:
    LOOSE = make_copy(1, bytes_="jpeg")
    STACK = (
        make_copy(2, bytes_="raw", stack="s"),
        make_copy(3, bytes_="jpeg", stack="s", is_primary=True, library="L"),
    )

    def test_a_stack_of_which_something_would_be_lost_stays(self) -> None:
        verdict = judged([self.LOOSE, *self.STACK], [1], members=[1, 3], agreement=Agreement(external=True))
        assert refusals(verdict) == [(Refusal.LOSES_VERSIONS, [2])]
        assert set(verdict.trash) == {asset_id(2), asset_id(3)}

    def test_a_loose_copy_of_what_is_in_a_stack_goes(self) -> None:
        verdict = judged([self.LOOSE, *self.STACK], [3], members=[1, 3])
        assert (verdict.objections, verdict.trash) == ((), (asset_id(1),))

    def test_a_stack_all_of_which_is_kept_elsewhere_goes_whole(self) -> None:
        other = (
            make_copy(4, bytes_="raw", stack="t", library="M"),
            make_copy(5, bytes_="jpeg", stack="t", is_primary=True),
        )
        verdict = judged([*self.STACK, *other], [3], members=[3, 5], agreement=Agreement(external=True))
        assert verdict.objections == ()
        assert set(verdict.trash) == {asset_id(4), asset_id(5)}
        assert verdict.covers == {asset_id(4): asset_id(2)}
        bulk = judged(
            [*self.STACK, *other], [3], members=[3, 5], agreement=Agreement(external=True), is_identical_only=True
        )
        assert bulk.covers == {asset_id(4): asset_id(2), asset_id(5): asset_id(3)}


@pytest.mark.parametrize(
    ("copies", "concern", "about"),
    [
        pytest.param([ONE, make_copy(2, width=9000)], Concern.FEWER_PIXELS, [2], id="the larger goes"),
        pytest.param(
            [changed(ONE, visibility=Visibility.ARCHIVE), TWO], Concern.LEAVES_TIMELINE, [1], id="only the archive"
        ),
    ],
)
def test_what_somebody_should_know_before(copies: list[Copy], concern: Concern, about: list[int]) -> None:
    verdict = judged(copies, [1])
    assert verdict.objections == ()
    assert [(each.concern, [numbered(found) for found in each.asset_ids]) for each in verdict.cautions] == [
        (concern, about)
    ]
    assert all(each.sentence.endswith(".") for each in verdict.cautions)


def test_everything_has_its_sentence() -> None:
    assert set(SENTENCES) == set(Refusal)
    assert set(CONCERNS) == set(Concern)


@given(
    st.lists(st.tuples(st.sampled_from([None, "x", "y"]), st.sampled_from([None, "s", "t"])), min_size=2, max_size=6),
    st.sets(st.integers(0, 6)),
    st.booleans(),
)
def test_something_always_stays_and_what_is_in_no_set_has_its_copy(
    facts: list[tuple[str | None, str | None]],
    keep: set[int],
    is_identical_only: bool,  # noqa: FBT001  # given by hypothesis
) -> None:
    copies = [make_copy(number, bytes_=content, stack=stack) for number, (content, stack) in enumerate(facts)]
    members = {unit.face.id for unit in units_of(copies).values()}
    verdict = judged(copies, keep, members=list(map(numbered, members)), is_identical_only=is_identical_only)
    if verdict.objections:
        return
    assert verdict.keep
    assert verdict.trash
    staying: set[AssetId] = {copy.id for copy in copies} - set(verdict.trash)
    contents = contents_of(copies)
    for gone in verdict.trash:
        if is_identical_only or gone not in members:
            assert contents[gone] in {contents.get(each) for each in staying}
            assert verdict.covers[gone] in staying
