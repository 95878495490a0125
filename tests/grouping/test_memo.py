from __future__ import annotations

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sidecar.grouping.memo import decisions_in, identities_in, memo_of
from sidecar.grouping.memory import Decided, Decision, DecisionKind, DecisionSource
from sidecar.model import AssetId
from tests.builders import asset_id

A, B, C, D = (asset_id(number) for number in range(1, 5))


def apart(*ids: AssetId) -> Decision:
    return Decision(frozenset(ids))


def test_nothing_decided_leaves_no_memo() -> None:
    assert memo_of(A, [], {}) is None
    assert memo_of(A, [apart(B, C)], {}) is None
    assert memo_of(A, [Decision(frozenset({A, B}), DecisionKind.LEAVE_LONELY, B)], {}) is None


def test_a_memo_holds_all_about_its_asset() -> None:
    decisions = [
        apart(A, B),
        apart(A, C, D),
        Decision(frozenset({A, B}), DecisionKind.COVER, A),
        Decision(frozenset({A, B, D}), DecisionKind.COVER, D),
        Decision(frozenset({A}), DecisionKind.LEAVE_COVER, A),
        Decision(frozenset({A}), DecisionKind.LEAVE_LONELY, A),
    ]
    assert memo_of(A, decisions, {}) == {
        "version": 1,
        "apartFrom": [B, C, D],
        "cover": D,
        "coverAmong": [A, B, D],
        "leave": ["leave_cover", "leave_lonely"],
    }
    assert memo_of(C, decisions, {}) == {"version": 1, "apartFrom": [A, D]}


@given(
    st.lists(
        st.builds(
            Decision,
            st.frozensets(st.sampled_from([A, B, C, D]), min_size=2),
            st.sampled_from([DecisionKind.KEEP_APART]),
        ),
        max_size=4,
    )
)
def test_who_is_kept_apart_is_known_again_from_all_memos_but_one(decisions: list[Decision]) -> None:
    known = Decided(decisions)
    read_back: list[Decision] = []
    for each in (B, C, D):
        read_back += decisions_in(json.loads(json.dumps(memo_of(each, decisions, {}) or {})), each)
    again = Decided(read_back)
    pairs = [(one, other) for one in (A, B, C, D) for other in (A, B, C, D) if one != other]
    assert [again.are_apart(*pair) for pair in pairs] == [known.are_apart(*pair) for pair in pairs]


def test_covers_and_what_is_left_alone_are_known_again() -> None:
    cover = Decision(frozenset({A, B}), DecisionKind.COVER, A)
    leave = Decision(frozenset({B}), DecisionKind.LEAVE_LONELY, B)
    found = list(decisions_in(memo_of(B, [cover, leave], {}) or {}, B))
    assert {(each.kind, each.asset_ids, each.chosen, each.source) for each in found} == {
        (DecisionKind.COVER, cover.asset_ids, A, DecisionSource.RECALLED),
        (DecisionKind.LEAVE_LONELY, leave.asset_ids, B, DecisionSource.RECALLED),
    }


@pytest.mark.parametrize(
    "memo",
    [
        pytest.param({}, id="empty"),
        pytest.param({"apartFrom": "everybody", "leave": "it", "cover": 7, "coverAmong": 8}, id="other types"),
        pytest.param({"apartFrom": [1, None, {}], "leave": [3]}, id="lists of something else"),
        pytest.param({"apartFrom": [A]}, id="apart from itself"),
        pytest.param({"cover": A, "coverAmong": [B, C]}, id="a cover that is none of them"),
        pytest.param({"version": 99, "laterIdea": True}, id="of a later version"),
    ],
)
def test_words_that_we_do_not_know_are_passed_over(memo: dict[str, object]) -> None:
    assert list(decisions_in(memo, A)) == []


def test_a_memo_says_what_the_others_are_should_their_ids_change() -> None:
    memo = memo_of(A, [apart(A, B), Decision(frozenset({A, C}), DecisionKind.COVER, C)], {A: "a", B: "b", D: "d"})
    assert memo is not None
    assert memo["files"] == {B: "b"}
    assert identities_in(memo) == {B: "b"}
    assert identities_in({}) == {}
    assert identities_in({"files": [B]}) == {}
    assert identities_in({"files": {B: 7, C: "c"}}) == {C: "c"}
