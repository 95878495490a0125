"""Pictures without content are compared by their colours, and crowds of them stay cheap."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from numpy.typing import NDArray

from sidecar.duplicates import featureless
from sidecar.duplicates.featureless import differences, pairs_within

Colours = NDArray[np.uint8]


def flat(*levels: int, **spots: int) -> Colours:
    """Pictures of one level each; `at_3=9` makes one value of all of them another."""
    colours = np.repeat(np.array(levels, dtype=np.uint8)[:, np.newaxis], 192, axis=1)
    for spot, level in spots.items():
        colours[:, int(spot.removeprefix("at_"))] = level
    return colours


def halves(one: int, other: int, **spots: int) -> Colours:
    """A picture of which every second value is one, and the others the other."""
    colours = flat(one, **spots)
    colours[:, 1::2] = other
    return colours


def told(colours: Colours, durations_ms: list[int] | None = None) -> list[tuple[int, int]]:
    durations = np.array(durations_ms or [-1] * len(colours), dtype=np.int64)
    first, second = pairs_within(colours, durations)
    return list(zip(first.tolist(), second.tolist(), strict=True))


def by_everything(colours: Colours) -> list[tuple[int, int]]:
    apart = np.abs(colours[:, np.newaxis].astype(int) - colours)
    near = (apart.sum(axis=2) <= 288) & (apart.max(axis=2) <= 4)
    return [(int(i), int(j)) for i, j in np.argwhere(np.triu(near, 1))]


@pytest.mark.parametrize(
    ("a", "b", "is_found"),
    [
        pytest.param(flat(0), flat(0), True, id="equal"),
        pytest.param(flat(0), flat(1), True, id="one level apart everywhere"),
        pytest.param(flat(254), flat(255), True, id="at the bright end"),
        pytest.param(flat(0), flat(2), False, id="two levels apart"),
        pytest.param(flat(9), flat(9, at_5=13), True, id="four levels apart in one place"),
        pytest.param(flat(9), flat(9, at_5=14), False, id="five levels apart in one place"),
        pytest.param(halves(11, 12), flat(10), True, id="a level and a half on average"),
        pytest.param(halves(8, 9), flat(10), True, id="up to a level and a half down"),
        pytest.param(halves(11, 12, at_0=12), flat(10), False, id="more than that on average"),
    ],
)
def test_colours_as_good_as_equal_meet(a: Colours, b: Colours, is_found: bool) -> None:  # noqa: FBT001
    assert told(np.concatenate([a, b])) == [(0, 1)] * is_found
    assert told(np.concatenate([b, a])) == [(0, 1)] * is_found


@st.composite
def near_ones(draw: st.DrawFn) -> Colours:
    base = draw(st.lists(st.sampled_from([0, 2, 3, 100, 254]), min_size=3, max_size=3))
    rows = draw(st.lists(st.lists(st.integers(-2, 2), min_size=12, max_size=12), max_size=14, unique_by=tuple))
    columns = np.tile(np.array(base, dtype=np.int64), 64)
    changes = np.array(rows, dtype=np.int64).reshape(-1, 12).repeat(16, axis=1)
    colours: Colours = np.clip(columns + changes, 0, 255).astype(np.uint8)
    return colours


@given(near_ones())
def test_different_colours_pair_exactly(colours: Colours) -> None:
    distinct = np.unique(colours, axis=0)
    assert told(distinct) == by_everything(distinct)


@given(near_ones(), st.randoms(use_true_random=False))
def test_order_changes_nothing(colours: Colours, dice: object) -> None:
    distinct = np.unique(colours, axis=0)
    order = list(range(len(distinct)))
    dice.shuffle(order)  # type: ignore[attr-defined]
    shuffled = {tuple(sorted((order[i], order[j]))) for i, j in told(distinct[order])}
    assert shuffled == set(told(distinct))


def test_no_pictures_make_no_pairs() -> None:
    assert told(np.empty((0, 192), dtype=np.uint8)) == []


def test_equal_ones_hang_on_their_first() -> None:
    found = told(flat(*[3] * 5_000, 9, 4))
    assert len(found) == 4_999 + 1
    assert {first for first, _ in found} == {0}


def test_equal_ones_of_another_duration_are_paired_by_themselves() -> None:
    assert told(flat(5, 5, 5, 5), [7, 9, 9, -1]) == [(0, 1), (0, 3), (1, 2), (1, 3)]


def test_of_a_crowd_some_stand_for_the_others() -> None:
    # 3,000 dark frames with sensor noise, all of which are near each other.
    dark = 4 + np.random.default_rng(1).integers(0, 2, (3_000, 192)).astype(np.uint8)
    found = told(dark)
    assert {each for pair in found for each in pair} == set(range(3_000))
    assert len(found) <= 14 * featureless.STAND_INS * len(dark)
    met = np.zeros(len(dark), dtype=int)
    np.add.at(met, np.array(found).reshape(-1), 1)
    assert met.min() >= featureless.STAND_INS - 1


def test_differences_are_the_mean_and_the_largest() -> None:
    mean, largest = differences(flat(10, 0), flat(10, 255, at_0=13))
    assert mean.tolist() == pytest.approx([3 / 192, (191 * 255 + 13) / 192])
    assert largest.tolist() == [3, 255]
