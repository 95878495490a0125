from __future__ import annotations

import itertools
import time
from collections.abc import Sequence

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sidecar.duplicates.classes import DuplicateClass
from sidecar.duplicates.keeper import KeeperRule, Preference
from sidecar.duplicates.match import Match
from sidecar.duplicates.sets import DuplicateSet, form_sets, seen_as, set_id_of
from sidecar.duplicates.units import Copy, contents_of
from sidecar.model import AssetId
from tests.builders import asset_id
from tests.duplicates.pictures import digest, make_copy, make_match, numbered

IDENTICAL, RE_ENCODED, EDITED = DuplicateClass.IDENTICAL, DuplicateClass.RE_ENCODED, DuplicateClass.EDITED
FEATURELESS, SIMILAR = DuplicateClass.FEATURELESS, DuplicateClass.SIMILAR


def apart(*groups: Sequence[int]) -> list[frozenset[AssetId]]:
    return [frozenset(map(asset_id, group)) for group in groups]


def shown(sets: Sequence[DuplicateSet]) -> list[tuple[str, list[int]]]:
    """The kind and the members of each set, the best first."""
    told = [(each.kind.value, [numbered(member.asset_id) for member in each.members]) for each in sets]
    return sorted(told, key=lambda each: each[1])


def plain(*numbers: int) -> list[Copy]:
    """Copies of which the smallest number is the best."""
    return [make_copy(number, at_s=number) for number in numbers]


def test_everybody_matches_the_best_copy_and_nothing_chains() -> None:
    matches = [make_match(1, 2), make_match(2, 3), make_match(3, 4)]
    assert shown(form_sets(plain(1, 2, 3, 4), matches)) == [("re-encoded", [1, 2]), ("re-encoded", [3, 4])]


def test_members_say_what_they_are_to_the_best_copy() -> None:
    copies = [
        make_copy(1, bytes_="x", favorite=True, size_bytes=9),
        make_copy(2, bytes_="x", library="L", size_bytes=9),
    ]
    copies += [make_copy(3, size_bytes=5), make_copy(4, size_bytes=4)]
    matches = [make_match(1, 3, RE_ENCODED, 0.99), make_match(1, 4, EDITED, 0.96), make_match(3, 4, RE_ENCODED, 0.999)]
    (found,) = form_sets(copies, matches)
    assert found.kind is EDITED
    assert (found.best_id, found.savings_bytes, found.chosen_by) == (asset_id(1), 18, "it is a favourite")
    assert [(numbered(m.asset_id), m.kind, m.similarity, m.reason, m.is_suggested) for m in found.members] == [
        (1, IDENTICAL, None, "the best copy", True),
        (2, IDENTICAL, 1.0, "the same bytes", False),
        (3, RE_ENCODED, 0.99, "looks alike (0.99)", False),
        (4, EDITED, 0.96, "looks alike (0.96)", False),
    ]
    assert [member.content for member in found.members] == [digest("x"), digest("x"), None, None]
    assert found.id == set_id_of(map(asset_id, (4, 3, 2, 1)))
    assert len(found.id) == 12
    assert found.members[0].seen_as == seen_as(copies[0].asset, copies[0].original)


def test_the_id_changes_with_the_members() -> None:
    assert len({set_id_of(map(asset_id, ids)) for ids in ([1, 2], [1, 3], [1, 2, 3])}) == 3


@pytest.mark.parametrize(
    "changed",
    [
        pytest.param(make_copy(1, size_bytes=7), id="size"),
        pytest.param(make_copy(1, bytes_="y"), id="checksum"),
        pytest.param(make_copy(1, thumbhash=None), id="thumbhash"),
        pytest.param(make_copy(1, modified_at_ms=6), id="time of change"),
    ],
)
def test_a_replaced_file_is_seen_as_another(changed: Copy) -> None:
    first, favorite = make_copy(1), make_copy(1, favorite=True)
    assert seen_as(changed.asset, changed.original) != seen_as(first.asset, first.original)
    assert seen_as(favorite.asset, favorite.original) == seen_as(first.asset, first.original)


def test_a_weak_match_takes_nobody_away_from_a_sure_one() -> None:
    matches = [make_match(1, 2, EDITED), make_match(2, 3)]
    assert shown(form_sets(plain(1, 2, 3), matches)) == [("re-encoded", [2, 3])]


def test_a_weaker_match_joins_a_set_that_stands() -> None:
    matches = [make_match(1, 2), make_match(1, 3, EDITED)]
    assert shown(form_sets(plain(1, 2, 3), matches)) == [("edited", [1, 2, 3])]


def test_a_set_all_of_whose_members_match_a_better_copy_joins_it_whole() -> None:
    matches = [make_match(2, 3), make_match(1, 2, EDITED), make_match(1, 3, EDITED)]
    assert shown(form_sets(plain(1, 2, 3), matches)) == [("edited", [1, 2, 3])]


@pytest.mark.parametrize(
    ("weak", "alone"),
    [
        pytest.param(FEATURELESS, [("featureless", [3, 4])], id="featureless"),
        pytest.param(SIMILAR, [("similar", [3, 4])], id="similar"),
    ],
)
def test_what_says_little_never_joins_what_is_sure(weak: DuplicateClass, alone: list[tuple[str, list[int]]]) -> None:
    matches = [make_match(1, 2), make_match(1, 3, weak), make_match(2, 3, weak), make_match(3, 4, weak)]
    assert shown(form_sets(plain(1, 2, 3, 4), matches)) == [("re-encoded", [1, 2]), *alone]


def test_the_strongest_of_several_findings_counts() -> None:
    matches = [make_match(1, 2, EDITED, detector="other"), make_match(1, 2, RE_ENCODED), make_match(1, 2, SIMILAR)]
    assert shown(form_sets(plain(1, 2), matches)) == [("re-encoded", [1, 2])]


def test_matches_about_strangers_are_ignored() -> None:
    assert form_sets(plain(1), [make_match(1, 2), make_match(2, 3)]) == []


class TestUnits:
    def test_members_of_a_stack_are_no_duplicates_of_each_other(self) -> None:
        stack = [make_copy(1, bytes_="x", stack="s", is_primary=True), make_copy(2, bytes_="x", library="L", stack="s")]
        assert form_sets(stack, [make_match(1, 2)]) == []

    def test_only_a_primary_looks_like_others(self) -> None:
        copies = [make_copy(1, stack="s", is_primary=True), make_copy(2, stack="s"), make_copy(3)]
        assert form_sets(copies, [make_match(2, 3)]) == []
        assert shown(form_sets(copies, [make_match(1, 3)])) == [("re-encoded", [1, 3])]

    def test_a_loose_file_that_equals_a_stacked_child_is_found(self) -> None:
        copies = [
            make_copy(1, stack="s", is_primary=True, size_bytes=3),
            make_copy(2, bytes_="x", stack="s", size_bytes=5),
            make_copy(3, bytes_="x", library="L", size_bytes=5),
        ]
        (found,) = form_sets(copies, [])
        assert shown([found]) == [("identical", [2, 3])]
        assert [member.unit_id for member in found.members] == ["s", asset_id(3)]
        assert found.savings_bytes == 5

    def test_of_a_stack_whose_cover_is_matched_the_cover_is_shown(self) -> None:
        copies = [
            make_copy(1, bytes_="raw", stack="s"),
            make_copy(2, bytes_="jpeg", stack="s", is_primary=True),
            make_copy(3, bytes_="raw", library="L", stack="t"),
            make_copy(4, bytes_="jpeg", library="L", stack="t", is_primary=True),
            make_copy(5, bytes_="raw", library="M"),
        ]
        (found,) = form_sets(copies, [], preference=Preference(places=("upload",)))
        assert shown([found]) == [("identical", [2, 4, 5])]
        assert found.savings_bytes == 3 * 8_000_000

    def test_a_stacked_child_stands_for_a_loose_copy_in_matches(self) -> None:
        """A detector that looks at equal pictures once may have looked at the one in the stack."""
        copies = [make_copy(1, stack="s", is_primary=True), make_copy(2, stack="s"), make_copy(3), make_copy(4)]
        matches = [make_match(2, 3, looks_equal=True), make_match(2, 4)]
        assert shown(form_sets(copies, matches)) == [("re-encoded", [3, 4])]

    def test_equal_looks_within_a_stack_still_tell_of_others(self) -> None:
        copies = [make_copy(1, stack="s", is_primary=True), make_copy(2, stack="s"), make_copy(3)]
        matches = [make_match(1, 2, looks_equal=True), make_match(2, 3, looks_equal=True)]
        assert shown(form_sets(copies, matches)) == [("re-encoded", [1, 3])]


class TestEqualLooks:
    def test_those_who_look_equal_share_their_matches(self) -> None:
        matches = [make_match(1, 2, similarity=0.999, looks_equal=True), make_match(1, 3, EDITED)]
        assert shown(form_sets(plain(1, 2, 3), matches)) == [("edited", [1, 2, 3])]
        (found,) = form_sets([make_copy(1, size_bytes=1), *plain(2, 3)], matches)
        # 2 is the best now, and only 1 was compared with 3.
        assert [(numbered(m.asset_id), m.similarity) for m in found.members] == [(2, None), (3, 0.97), (1, 0.999)]

    def test_two_who_were_not_compared_are_what_the_loosest_is(self) -> None:
        matches = [
            make_match(1, 2, similarity=0.999, looks_equal=True),
            make_match(1, 3, similarity=0.998, looks_equal=True),
        ]
        (found,) = form_sets([make_copy(1, size_bytes=1), *plain(2, 3)], matches)
        assert [(numbered(m.asset_id), m.similarity) for m in found.members] == [(2, None), (3, 0.998), (1, 0.999)]

    def test_flat_pictures_that_look_equal_are_featureless_together(self) -> None:
        matches = [make_match(1, number, FEATURELESS, 1.0, looks_equal=True) for number in (2, 3)]
        assert shown(form_sets(plain(1, 2, 3), matches)) == [("featureless", [1, 2, 3])]

    def test_a_match_inside_a_class_adds_nothing(self) -> None:
        matches = [make_match(1, 2, looks_equal=True), make_match(1, 2, EDITED, detector="other")]
        assert shown(form_sets(plain(1, 2), matches)) == [("re-encoded", [1, 2])]


class TestDismissed:
    def test_what_was_dismissed_is_no_set(self) -> None:
        assert form_sets(plain(1, 2), [make_match(1, 2)], apart=apart([1, 2])) == []

    def test_a_new_one_may_match_one_of_them_but_brings_them_not_together(self) -> None:
        matches = [make_match(*pair) for pair in itertools.combinations((1, 2, 3), 2)]
        assert shown(form_sets(plain(1, 2, 3), matches, apart=apart([1, 2]))) == [("re-encoded", [1, 3])]
        assert shown(form_sets(plain(1, 2, 3), matches, apart=apart([2, 3]))) == [("re-encoded", [1, 2])]

    def test_a_set_does_not_join_a_better_copy_from_which_one_of_it_is_kept_apart(self) -> None:
        matches = [make_match(2, 3), make_match(1, 2, EDITED), make_match(1, 3, EDITED)]
        assert shown(form_sets(plain(1, 2, 3), matches, apart=apart([1, 3]))) == [("re-encoded", [2, 3])]

    def test_a_set_does_not_join_another_that_holds_what_it_is_kept_apart_from(self) -> None:
        matches = [make_match(1, 2), make_match(3, 4), make_match(1, 3, EDITED), make_match(1, 4, EDITED)]
        expected = [("re-encoded", [1, 2]), ("re-encoded", [3, 4])]
        assert shown(form_sets(plain(1, 2, 3, 4), matches, apart=apart([2, 4]))) == expected
        assert shown(form_sets(plain(1, 2, 3, 4), matches)) == [("edited", [1, 2, 3, 4])]

    def test_a_set_stays_apart_from_what_only_a_part_of_it_matches(self) -> None:
        matches = [make_match(2, 3), make_match(1, 2, EDITED)]
        assert shown(form_sets(plain(1, 2, 3), matches)) == [("re-encoded", [2, 3])]

    def test_other_bytes_that_equal_a_dismissed_file_are_dismissed_too(self) -> None:
        copies = [make_copy(1, bytes_="x"), make_copy(2, at_s=9), make_copy(3, bytes_="x", library="L", favorite=True)]
        matches = [make_match(1, 2), make_match(2, 3)]
        assert shown(form_sets(copies, matches, apart=apart([1, 2]))) == [("identical", [3, 1])]

    def test_a_third_file_of_the_same_bytes_was_not_dismissed_with_two(self) -> None:
        copies = [make_copy(number, bytes_="x", library=f"L{number}", at_s=number) for number in (1, 2, 3)]
        assert shown(form_sets(copies, [], apart=apart([1, 2]))) == [("identical", [1, 3])]
        assert form_sets(copies, [], apart=apart([1, 2, 3])) == []

    def test_of_two_that_were_dismissed_the_better_joins_a_third_file_of_the_same_bytes(self) -> None:
        copies = [make_copy(number, bytes_="x", library=f"L{number}", at_s=number) for number in (1, 2, 3)]
        assert shown(form_sets(copies, [], apart=apart([2, 3]))) == [("identical", [1, 2])]

    def test_decisions_about_what_is_gone_do_no_harm(self) -> None:
        assert shown(form_sets(plain(1, 2), [make_match(1, 2)], apart=apart([1, 9]))) == [("re-encoded", [1, 2])]


MANY = 10_000
LIMIT_S = 20.0
"""Measured 2 s; what is quadratic takes minutes."""


@pytest.mark.parametrize("is_dismissed", [pytest.param(False, id="to be decided"), pytest.param(True, id="dismissed")])
@pytest.mark.parametrize("looks", [pytest.param(False, id="equal bytes"), pytest.param(True, id="equal looks")])
def test_ten_thousand_equal_screenshots_are_one_set_in_little_time(*, looks: bool, is_dismissed: bool) -> None:
    copies = [make_copy(number, bytes_=None if looks else "x", library="L") for number in range(MANY)]
    matches = [make_match(0, number, looks_equal=True) for number in range(1, MANY)] if looks else []
    everybody = [frozenset(copy.id for copy in copies)] if is_dismissed else []
    newcomer = make_copy(MANY, bytes_=None if looks else "x", library="L")
    began = time.perf_counter()
    found = form_sets([*copies, newcomer], [*matches, make_match(0, MANY, looks_equal=looks)], apart=everybody)
    assert time.perf_counter() - began < LIMIT_S
    assert [len(each.members) for each in found] == [2 if is_dismissed else MANY + 1]


KINDS = st.sampled_from(list(DuplicateClass)[1:])


@st.composite
def libraries(draw: st.DrawFn) -> tuple[list[Copy], list[Match], list[frozenset[AssetId]]]:
    numbers = range(draw(st.integers(2, 9)))
    copies: list[Copy] = []
    for number in numbers:
        stack = draw(st.sampled_from([None, None, None, "s", "t"]))
        is_primary = stack is not None and not any(copy.unit_id == stack and copy.is_primary for copy in copies)
        copies.append(
            make_copy(
                number,
                bytes_=draw(st.sampled_from([None, None, "x", "y"])),
                library=f"L{number}",
                stack=stack,
                is_primary=is_primary,
                favorite=draw(st.booleans()),
                size_bytes=draw(st.integers(0, 3)),
            )
        )
    pairs = list(itertools.combinations(numbers, 2))
    matches = [
        make_match(*pair, draw(KINDS), draw(st.sampled_from([0.95, 0.99])), looks_equal=draw(st.booleans()))
        for pair in draw(st.lists(st.sampled_from(pairs), max_size=10, unique=True))
    ]
    dismissed = draw(st.lists(st.sets(st.sampled_from(list(numbers)), min_size=2, max_size=4), max_size=2))
    return copies, matches, apart(*map(sorted, dismissed))


@given(libraries(), st.randoms(use_true_random=False))
def test_sets_hold_what_they_promise(
    library: tuple[list[Copy], list[Match], list[frozenset[AssetId]]], dice: object
) -> None:
    copies, matches, dismissed = library
    found = form_sets(copies, matches, apart=dismissed)
    by_id = {copy.id: copy for copy in copies}
    contents = contents_of(copies)
    units = [member.unit_id for each in found for member in each.members]
    assert len(units) == len(set(units))
    for each in found:
        assert len(each.members) >= 2
        assert each.members[0].asset_id == each.best_id
        assert [member.is_suggested for member in each.members] == [True] + [False] * (len(each.members) - 1)
        unit_of_best = {copy.id for copy in copies if copy.unit_id == each.members[0].unit_id}
        for member in each.members[1:]:
            if member.kind is IDENTICAL:
                assert contents[member.asset_id] in {contents.get(other) for other in unit_of_best}
            else:
                assert by_id[member.asset_id].is_face or member.unit_id in {"s", "t"}
        for one, other in itertools.combinations(each.members, 2):
            assert not any({one.asset_id, other.asset_id} <= decision for decision in dismissed)
    # Which way round all of it comes says nothing.
    dice.shuffle(copies)  # type: ignore[attr-defined]
    dice.shuffle(matches)  # type: ignore[attr-defined]
    assert form_sets(copies, matches, apart=dismissed[::-1]) == found


@given(libraries())
def test_whoever_has_a_sure_copy_is_in_a_set(
    library: tuple[list[Copy], list[Match], list[frozenset[AssetId]]],
) -> None:
    """Identical bytes in two units: one of the two at least is in a set, and the other is not left for nothing."""
    copies, matches, _ = library
    in_sets = {member.unit_id for each in form_sets(copies, matches) for member in each.members}
    contents = contents_of(copies)
    for one, other in itertools.combinations(copies, 2):
        if one.unit_id != other.unit_id and contents.get(one.id, 1) == contents.get(other.id, 2):
            assert one.unit_id in in_sets or other.unit_id in in_sets


def test_another_order_of_rules_makes_another_best_copy() -> None:
    copies = [make_copy(1, favorite=True), make_copy(2, size_bytes=9_000_000)]
    by_size = Preference(order=(KeeperRule.SIZE,))
    assert [form_sets(copies, [make_match(1, 2)])[0].best_id] == [asset_id(1)]
    assert [form_sets(copies, [make_match(1, 2)], preference=by_size)[0].best_id] == [asset_id(2)]
