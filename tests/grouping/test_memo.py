from __future__ import annotations

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sidecar.grouping.memo import MOST, decisions_in, identities_in, memo_of
from sidecar.grouping.memory import Decided, Decision, DecisionKind, DecisionSource
from sidecar.model import AssetId
from tests.builders import asset_id

A, B, C, D = (asset_id(number) for number in range(1, 5))
IDENTITY_A, IDENTITY_B, IDENTITY_C = (digit * 32 for digit in "abc")


def apart(*ids: AssetId) -> Decision:
    return Decision(frozenset(ids))


def test_nothing_decided_leaves_no_memo() -> None:
    assert memo_of(A, [], {}) is None
    assert memo_of(A, [apart(B, C)], {}) is None
    assert memo_of(A, [Decision(frozenset({A, B}), DecisionKind.LEAVE_LONELY, B)], {}) is None


def test_a_memo_holds_all_about_its_asset() -> None:
    decisions = [
        apart(A, C, D),
        apart(A, B),
        apart(B, A),
        apart(B, C),
        Decision(frozenset({A, B}), DecisionKind.COVER, A),
        Decision(frozenset({A, B, D}), DecisionKind.COVER, D),
        Decision(frozenset({A}), DecisionKind.LEAVE_COVER, A),
        Decision(frozenset({A}), DecisionKind.LEAVE_LONELY, A),
    ]
    assert memo_of(A, decisions, {}) == {
        "version": 1,
        "apart": [[B], [C, D]],
        "cover": D,
        "coverAmong": [A, B, D],
        "leave": ["leave_cover", "leave_lonely"],
    }
    assert memo_of(C, decisions, {}) == {"version": 1, "apart": [[A, D], [B]]}


def test_a_decision_about_many_is_one_decision_in_all_their_memos() -> None:
    frames = [asset_id(number) for number in range(300)]
    whole = apart(*frames)
    memos = {each: memo_of(each, [whole], {}) or {} for each in frames}
    found = {decision for each, memo in memos.items() for decision in decisions_in(memo, each)}
    assert found == {Decision(whole.asset_ids, source=DecisionSource.RECALLED)}


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
        pytest.param({"apart": "everybody", "leave": "it", "cover": 7, "coverAmong": 8}, id="other types"),
        pytest.param({"apart": [1, None, {}, B, [2, None, [C]]], "leave": [3]}, id="lists of something else"),
        pytest.param({"apart": [[A], []]}, id="apart from itself"),
        pytest.param({"cover": "B", "coverAmong": ["B", A]}, id="a cover that is no id"),
        pytest.param({"cover": A, "coverAmong": [B, C]}, id="a cover that is none of them"),
        pytest.param({"version": 99, "laterIdea": True}, id="of a later version"),
    ],
)
def test_words_that_we_do_not_know_are_passed_over(memo: dict[str, object]) -> None:
    assert list(decisions_in(memo, A)) == []


NO_IDS = [
    pytest.param("", id="nothing"),
    pytest.param("stranger", id="a word"),
    pytest.param(B + "0", id="too long"),
    pytest.param(B + "\n", id="a line end behind it"),
    pytest.param("\0" + B[1:], id="a character that no database takes"),
    pytest.param("g" + B[1:], id="a letter that is no digit"),
    pytest.param("\u0660" + B[1:], id="a digit of another script"),
    pytest.param(B.replace("-", "0"), id="no dashes"),
    pytest.param("-" * 36, id="nothing but dashes"),
    pytest.param(C.upper().replace("4", "A"), id="capitals, which Immich never writes"),
]


@pytest.mark.parametrize("no_id", NO_IDS)
def test_what_is_no_id_is_passed_over_and_the_rest_counts(no_id: str) -> None:
    memo = {
        "apart": [[no_id, B], [no_id]],
        "cover": A,
        "coverAmong": [A, C, no_id],
        "files": {no_id: IDENTITY_A, B: IDENTITY_B},
    }
    assert [(each.kind, each.asset_ids) for each in decisions_in(memo, A)] == [
        (DecisionKind.KEEP_APART, frozenset({A, B})),
        (DecisionKind.COVER, frozenset({A, C})),
    ]
    assert identities_in(memo) == {B: IDENTITY_B}


def test_of_endless_lists_only_the_beginning_is_read() -> None:
    many = [asset_id(number) for number in range(10, MOST + 20)]
    (whole,) = decisions_in({"apart": [many]}, A)
    assert whole.asset_ids == {A, *many[:MOST]}
    assert len(list(decisions_in({"apart": [[each] for each in many]}, A))) == MOST
    (cover,) = decisions_in({"cover": many[0], "coverAmong": many}, A)
    assert cover.asset_ids == set(many[:MOST])
    assert list(decisions_in({"leave": [*many, "leave_lonely"]}, A)) == []
    assert identities_in({"files": dict.fromkeys(many, IDENTITY_A)}).keys() == set(many[:MOST])


def test_a_memo_says_what_the_others_are_should_their_ids_change() -> None:
    identities = {A: IDENTITY_A, B: IDENTITY_B, D: "d" * 32}
    memo = memo_of(A, [apart(A, B), Decision(frozenset({A, C}), DecisionKind.COVER, C)], identities)
    assert memo is not None
    assert memo["files"] == {B: IDENTITY_B}
    assert identities_in(memo) == {B: IDENTITY_B}


@pytest.mark.parametrize(
    "files",
    [
        pytest.param(None, id="nothing"),
        pytest.param([B], id="a list"),
        pytest.param({B: 7}, id="a number"),
        pytest.param({B: "b"}, id="too short"),
        pytest.param({B: IDENTITY_B + "b"}, id="too long"),
        pytest.param({B: IDENTITY_B + "\n"}, id="a line end behind it"),
        pytest.param({B: "g" * 32}, id="letters that are no digits"),
        pytest.param({B: "B" * 32}, id="capitals, which we never write"),
    ],
)
def test_what_is_no_identity_is_passed_over(files: object) -> None:
    assert identities_in({"files": files}) == {}
    if isinstance(files, dict):
        assert identities_in({"files": {**files, C: IDENTITY_C}}) == {C: IDENTITY_C}


def test_what_is_distinct_is_told_by_name_and_the_others_where_they_are_few() -> None:
    few = Decision(frozenset({A, B, C}), DecisionKind.DISTINCT, name=D)
    many = Decision(frozenset(asset_id(number) for number in range(1, 10_000)), DecisionKind.DISTINCT, name=C)
    nameless = Decision(frozenset({A, B}), DecisionKind.DISTINCT)
    memo = memo_of(A, [few, many, nameless], {B: IDENTITY_B, asset_id(77): IDENTITY_C})
    assert memo == {
        "version": 1,
        "distinct": [{"name": C}, {"name": D, "others": [B, C]}],
        "files": {B: IDENTITY_B},
    }
    told = [(str(each.name), each.kind, each.asset_ids, each.source) for each in decisions_in(memo, A)]
    assert told == [
        (C, DecisionKind.DISTINCT, frozenset({A}), DecisionSource.RECALLED),
        (D, DecisionKind.DISTINCT, frozenset({A, B, C}), DecisionSource.RECALLED),
    ]


@pytest.mark.parametrize("no_id", NO_IDS)
def test_a_name_that_is_none_says_nothing(no_id: str) -> None:
    memo: dict[str, object] = {"distinct": [{"name": no_id, "others": [B]}, {"others": [B]}, B, 7]}
    assert list(decisions_in(memo, A)) == []
    assert [each.asset_ids for each in decisions_in({"distinct": [{"name": D, "others": [no_id, B]}]}, A)] == [{A, B}]
