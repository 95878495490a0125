"""The band join finds what comparing everything with everything finds, whatever the hashes are."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from numpy.typing import NDArray

from sidecar.duplicates import hamming
from sidecar.duplicates.hamming import blocks_within, pairs_between, pairs_within
from sidecar.errors import ParameterError
from tests.duplicates.strategies import hash_arrays, words

RADII = st.one_of(st.integers(0, 12), st.sampled_from([20, 33, 63, 64, 70]))


def near(a: NDArray[np.uint64], b: NDArray[np.uint64], radius: int) -> set[tuple[int, int]]:
    """By comparing everything with everything."""
    found = np.nonzero(np.bitwise_count(a[:, np.newaxis] ^ b[np.newaxis]) <= radius)
    return set(zip(found[0].tolist(), found[1].tolist(), strict=True))


def told(pairs: tuple[NDArray[np.int64], NDArray[np.int64]]) -> list[tuple[int, int]]:
    assert pairs[0].dtype == pairs[1].dtype == np.int64
    return list(zip(pairs[0].tolist(), pairs[1].tolist(), strict=True))


@given(hash_arrays(unique=True), RADII)
def test_different_hashes_pair_exactly_within_the_radius(hashes: NDArray[np.uint64], radius: int) -> None:
    expected = sorted((i, j) for i, j in near(hashes, hashes, radius) if i < j)
    assert told(pairs_within(hashes, radius)) == expected


@given(hash_arrays(unique=True), hash_arrays(unique=True), RADII)
def test_new_and_known_hashes_pair_exactly_within_the_radius(
    new: NDArray[np.uint64], known: NDArray[np.uint64], radius: int
) -> None:
    assert told(pairs_between(new, known, radius)) == sorted(near(new, known, radius))


@given(hash_arrays(), RADII)
def test_equal_hashes_hang_on_their_first_and_it_stands_for_them(hashes: NDArray[np.uint64], radius: int) -> None:
    first = {value: hashes.tolist().index(value) for value in hashes.tolist()}
    runs = {(first[value], row) for row, value in enumerate(hashes.tolist()) if first[value] != row}
    distinct = {(i, j) for i, j in near(hashes, hashes, radius) if i < j and {i, j} <= set(first.values())}
    assert told(pairs_within(hashes, radius)) == sorted(runs | distinct)


@given(hash_arrays(), hash_arrays(), st.integers(0, 8))
def test_every_new_hash_meets_the_first_of_equal_known_ones(
    new: NDArray[np.uint64], known: NDArray[np.uint64], radius: int
) -> None:
    firsts = {known.tolist().index(value) for value in known.tolist()}
    expected = sorted((i, j) for i, j in near(new, known, radius) if j in firsts)
    assert told(pairs_between(new, known, radius)) == expected


@given(hash_arrays(unique=True), st.integers(0, 10), st.randoms(use_true_random=False))
def test_order_changes_nothing(hashes: NDArray[np.uint64], radius: int, dice: object) -> None:
    order = list(range(len(hashes)))
    dice.shuffle(order)  # type: ignore[attr-defined]
    shuffled = hashes[order]

    def values(of: NDArray[np.uint64]) -> set[frozenset[int]]:
        return {frozenset((int(of[i]), int(of[j]))) for i, j in told(pairs_within(of, radius))}

    assert values(hashes) == values(shuffled)


@given(hash_arrays(), st.integers(0, 10), st.integers(1, 5))
def test_a_larger_radius_loses_no_pair(hashes: NDArray[np.uint64], radius: int, more: int) -> None:
    assert set(told(pairs_within(hashes, radius))) <= set(told(pairs_within(hashes, radius + more)))


@pytest.mark.parametrize("radius", [3, 6])
def test_thousands_of_hashes_lose_no_pair_whatever_plan_is_chosen(radius: int) -> None:
    dice = np.random.default_rng(radius)
    hashes = dice.integers(0, 2**64, 20_000, dtype=np.uint64, endpoint=False)
    planted = hashes[:2_000].copy()
    for _ in range(radius):
        planted ^= np.uint64(1) << dice.integers(0, 64, len(planted)).astype(np.uint64)
    hashes = np.unique(np.concatenate([hashes, planted]))
    expected = set()
    for begin in range(0, len(hashes), 500):
        expected |= {(begin + i, j) for i, j in near(hashes[begin : begin + 500], hashes, radius) if begin + i < j}
    assert set(told(pairs_within(hashes, radius))) == expected
    assert len(expected) > 1_500


def test_a_run_of_equal_hashes_stays_linear() -> None:
    pairs = pairs_within(words([7] * 10_000 + [6, 5]), 6)
    assert told(pairs)[:3] == [(0, 1), (0, 2), (0, 3)]
    assert len(pairs[0]) == 9_999 + 3


def test_a_crowd_in_one_band_comes_in_bounded_blocks() -> None:
    # 3,000 hashes that agree in their lower half, and of which half a million pairs are near each other.
    hashes = np.unique(np.random.default_rng(3).integers(0, 1 << 12, 3_000).astype(np.uint64)) << np.uint64(32)
    blocks = [len(first) for first, _ in blocks_within(hashes, 6)]
    assert sum(blocks) == len([1 for i, j in near(hashes, hashes, 6) if i < j])
    assert max(blocks) <= hamming._BLOCK


def test_only_a_single_meeting_may_be_larger_than_a_portion() -> None:
    met = hamming.Meetings(np.array([0, 1, 2, 3]), np.array([5, 9, 0, 7]), np.array([2, 1, 9, 1]))
    portions = list(hamming.pieces(met, 3))
    assert [each.counts.tolist() for each in portions] == [[2, 1], [9], [1]]
    assert told(portions[0].pairs()) == [(0, 5), (0, 6), (1, 9)]
    assert told(portions[2].pairs()) == [(3, 7)]


@pytest.mark.parametrize(
    "search", [lambda: pairs_within(words([1]), -1), lambda: pairs_between(words([1]), words([1]), -1)]
)
def test_a_negative_radius_is_an_error(search: object) -> None:
    with pytest.raises(ParameterError, match="number of bits"):
        search()  # type: ignore[operator]


@pytest.mark.parametrize("size", [pytest.param(10**exponent, id=f"10^{exponent}") for exponent in range(1, 8)])
@pytest.mark.parametrize("radius", [0, 1, 6, 13, 64])
def test_no_plan_can_miss_a_pair(size: int, radius: int) -> None:
    plan = hamming._plan(radius, lookups=size, pairs=size**2 // 2, indexed=size)
    # Farther apart than its reach in each band would be farther apart than the radius.
    assert sum(band.reach + 1 for band in plan) > radius
    bits = [bit for band in plan for bit in range(band.shift, band.shift + band.width)]
    assert len(bits) == len(set(bits))
    assert max(bits) < 64
