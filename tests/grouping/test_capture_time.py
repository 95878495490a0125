from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sidecar.grouping.candidate import candidate_of
from sidecar.grouping.capture_time import RULE, distance_ms, runs
from sidecar.model import Asset
from tests.builders import NOON_MS, make_asset

HOUR_MS = 3_600_000


def taken(local_ms: int, utc_ms: int) -> Asset:
    return make_asset(taken_local_ms=NOON_MS + local_ms, taken_at_ms=NOON_MS + utc_ms)


@pytest.mark.parametrize(
    ("one", "other", "apart_ms"),
    [
        pytest.param((0, 0), (HOUR_MS, 300), 300, id="UTC agrees where the clock does not"),
        pytest.param((0, 0), (300, HOUR_MS), 300, id="the clock agrees where UTC does not"),
        pytest.param((0, 0), (0, HOUR_MS), 0, id="an equal clock is enough"),
        pytest.param((500, 500), (0, 0), 500, id="either order"),
        pytest.param((0, 0), (HOUR_MS, 2 * HOUR_MS), HOUR_MS, id="neither"),
    ],
)
def test_the_nearer_clock_counts(one: tuple[int, int], other: tuple[int, int], apart_ms: int) -> None:
    assert distance_ms(taken(*one), taken(*other)) == apart_ms


def test_runs_are_cut_where_both_clocks_leave_a_gap() -> None:
    early, late, by_utc = taken(0, 0), taken(10_000, 10_000), taken(HOUR_MS, 11_000)
    assert runs([by_utc, late, early], tolerance_ms=2_000) == [[early], [late, by_utc]]


def test_runs_of_one_offset_need_one_clock_only() -> None:
    first, second, third = taken(0, HOUR_MS), taken(2_000, HOUR_MS + 2_000), taken(4_001, HOUR_MS + 4_001)
    assert runs([third, first, second], tolerance_ms=2_000) == [[first, second], [third]]


def test_runs_linked_in_a_circle_are_one() -> None:
    circle = [taken(0, 60_000), taken(10_000, 0), taken(20_000, 1_000), taken(30_000, 60_500), taken(40_000, 2_000)]
    apart = taken(50_000, 120_000)
    assert [len(run) for run in runs([*circle, apart], tolerance_ms=2_000)] == [2, 3, 1]


def test_nothing_makes_no_runs() -> None:
    assert runs([], tolerance_ms=2_000) == []


@given(st.lists(st.tuples(st.integers(0, 20), st.integers(0, 20)), max_size=12), st.integers(0, 4))
def test_two_near_assets_are_always_in_one_run(moments: list[tuple[int, int]], tolerance_ms: int) -> None:
    assets = [taken(*moment) for moment in moments]
    found = runs(assets, tolerance_ms=tolerance_ms)
    run_of = {asset.id: number for number, run in enumerate(found) for asset in run}
    assert sorted(run_of) == sorted(asset.id for asset in assets)
    for one in assets:
        for other in assets:
            if distance_ms(one, other) <= tolerance_ms:
                assert run_of[one.id] == run_of[other.id]


@pytest.mark.parametrize(
    ("moments", "sentence"),
    [
        pytest.param([(0, 0), (999, 999)], "taken at the same second", id="within a second"),
        pytest.param([(0, 0), (1_500, 1_500), (500, 500)], "taken 1.5 s apart", id="the farthest counts"),
        pytest.param(
            [(0, 0), (2 * HOUR_MS, 0)],
            "taken at the same moment; their clocks show 2 h of difference",
            id="by UTC only",
        ),
    ],
)
def test_time_says_how_close_a_group_is(moments: list[tuple[int, int]], sentence: str) -> None:
    assert str(RULE.support([candidate_of(taken(*moment)) for moment in moments])) == sentence
