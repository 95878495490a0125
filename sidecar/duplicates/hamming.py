"""All pairs of 64-bit hashes within a number of bits of each other, exactly, far below quadratic cost.

Multi-index hashing: two hashes within `radius` bits are within few bits of each other in at least one of several
disjoint bands. Each band is a table; a hash is looked up in it under its own value and every value few bits away.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from itertools import combinations

import numpy as np
from numpy.typing import NDArray

from sidecar.errors import ParameterError

Hashes64 = NDArray[np.uint64]
Indices = NDArray[np.int64]
IndexPairs = tuple[Indices, Indices]

_BITS = 64
_WIDEST_BAND = 22  # a table of 16 MB
_NARROWEST_BAND = 8
_FARTHEST = 3  # bits to vary in one band; beyond that there are more variations than hashes
_BLOCK = 1 << 16  # candidates checked at once: their arrays fit a core's cache
_LOOKUPS = 1 << 18  # hashes looked up at once

# Nanoseconds of the steps, by which a plan is chosen. Only their proportions matter.
_NS_LOOKUP, _NS_CHECK, _NS_SORT, _NS_TABLE, _NS_CALL = 35.0, 7.0, 100.0, 5.0, 60_000.0


def pairs_within(hashes: Hashes64, radius: int) -> IndexPairs:
    """Every pair of hashes at most radius bits apart, as two arrays of indices with i < j, in rising order.

    Shape:  equal hashes are collapsed: k of them give k - 1 pairs, of the first with each other one, and only the first
            stands in the pairs with different hashes.
    Units:  radius is in bits.
    Errors: ParameterError if radius is negative.
    Source: Norouzi, Punjani, Fleet: Fast exact search in Hamming space with multi-index hashing (2014).
    """
    runs = runs_of(hashes)
    rest = np.delete(runs.order, runs.starts)
    firsts = np.repeat(runs.firsts, runs.sizes - 1)
    found = [(firsts, rest)]
    for left, right in blocks_within(runs.values, radius):
        a, b = runs.firsts[left], runs.firsts[right]
        found.append((np.minimum(a, b), np.maximum(a, b)))
    return _in_order(found)


def pairs_between(new: Hashes64, known: Hashes64, radius: int) -> IndexPairs:
    """Every pair of a new and a known hash at most radius bits apart: indices into new and into known, in rising order.

    Shape:  equal hashes are collapsed on either side: the first of them stands for all, and each other new one has a
            pair with the first known one of the same neighbours.
    Units:  radius is in bits.
    Errors: ParameterError if radius is negative.
    """
    fresh, old = runs_of(new), runs_of(known)
    found = [(fresh.firsts[:0], old.firsts[:0])]
    for left, right in blocks_between(fresh.values, old.values, radius):
        # Each member of a new run meets the stand-in of the known run: k of them give k pairs.
        sizes = fresh.sizes[left]
        found.append((fresh.order[ramps(fresh.starts[left], sizes)], np.repeat(old.firsts[right], sizes)))
    return _in_order(found)


@dataclass(frozen=True, slots=True)
class Runs:
    """Hashes with equal ones together.

    Shape:  values are the different hashes, rising; order holds the indices of all hashes, run after run, each run
            rising; run r is order[starts[r] : starts[r] + sizes[r]], and firsts[r] its lowest index.
    """

    values: Hashes64
    order: Indices
    starts: Indices
    sizes: Indices
    firsts: Indices


def runs_of(hashes: Hashes64) -> Runs:
    """The hashes, equal ones together."""
    order = np.argsort(hashes, kind="stable").astype(np.int64, copy=False)
    ordered = hashes[order]
    is_start = np.ones(len(ordered), dtype=bool)
    is_start[1:] = ordered[1:] != ordered[:-1]
    starts = np.flatnonzero(is_start).astype(np.int64, copy=False)
    return Runs(ordered[starts], order, starts, np.diff(starts, append=len(ordered)), order[starts])


@dataclass(frozen=True, slots=True)
class Meetings:
    """Who is to be compared: asking[m] with counts[m] places of a table, from first[m] on."""

    asking: Indices
    first: Indices
    counts: Indices

    def pairs(self) -> IndexPairs:
        """Everybody who asks with every place asked."""
        return np.repeat(self.asking, self.counts), ramps(self.first, self.counts)


def pieces(met: Meetings, at_once: int) -> Iterator[Meetings]:
    """The meetings in portions of about so many pairs; one that is larger by itself comes alone."""
    ends = np.cumsum(met.counts)
    begin, done = 0, 0
    while begin < len(ends):
        end = max(begin + 1, int(np.searchsorted(ends, done + at_once, side="right")))
        yield Meetings(met.asking[begin:end], met.first[begin:end], met.counts[begin:end])
        begin, done = end, int(ends[end - 1])


def ramps(first: Indices, counts: Indices) -> Indices:
    """first[0], first[0] + 1, ... as many as counts[0] says, then those of the next."""
    rising: Indices = np.repeat(first - (np.cumsum(counts) - counts), counts)
    rising += np.arange(len(rising))
    return rising


def blocks_within(hashes: Hashes64, radius: int) -> Iterator[IndexPairs]:
    """Every pair of these different hashes at most radius bits apart, once each, block by block in bounded memory.

    Shape:  the hashes are all different; a pair comes in either order.
    Errors: ParameterError if radius is negative.
    """
    _check(radius)
    if len(hashes) < 2 or not radius:  # noqa: PLR2004 - a pair has two
        return
    dealt = _deal([hashes], hashes)[0]
    plan = _plan(radius, lookups=len(hashes) // 2, pairs=len(hashes) ** 2 // 2, indexed=len(hashes))
    for number, band in enumerate(plan):
        table = _Table.of(dealt, band)
        for position in range(-1, band.width):
            masks = band.masks_topped_by(position)
            if position < 0:
                # The same value: each hash with those behind it in its bucket.
                yield from _checked(plan[: number + 1], radius, table, table, _behind(table))
                continue
            # Of two values that differ by a mask, only the one without the mask's top bit looks the other up.
            low = np.flatnonzero((table.keys >> np.uint32(position)) & np.uint32(1) == 0)
            for mask in masks:
                yield from _checked(plan[: number + 1], radius, table, table, _under(table, low, table.keys, mask))


def blocks_between(new: Hashes64, known: Hashes64, radius: int) -> Iterator[IndexPairs]:
    """Every pair of a new and a known hash at most radius bits apart, once each, block by block in bounded memory.

    Errors: ParameterError if radius is negative.
    """
    _check(radius)
    if not len(new) or not len(known):
        return
    fresh, old = _deal([new, known], known)
    plan = _plan(radius, lookups=len(new), pairs=len(new) * len(known), indexed=len(known))
    for number, band in enumerate(plan):
        table, asking = _Table.of(old, band), _Table.of(fresh, band)
        every = np.arange(len(new))
        for position in range(-1, band.width):
            for mask in band.masks_topped_by(position):
                yield from _checked(plan[: number + 1], radius, asking, table, _under(table, every, asking.keys, mask))


@dataclass(frozen=True, slots=True)
class _Band:
    """Some neighbouring bits, and how far two hashes may be apart in them to meet here."""

    shift: int
    width: int
    reach: int

    def keys(self, hashes: Hashes64) -> NDArray[np.uint32]:
        return ((hashes >> np.uint64(self.shift)) & np.uint64((1 << self.width) - 1)).astype(np.uint32)

    def masks_topped_by(self, position: int) -> list[int]:
        """What to vary a value by, of which this is the highest bit; -1: nothing."""
        if position < 0:
            return [0]
        lower = [1 << bit for bit in range(position)]
        return [(1 << position) + sum(bits) for others in range(self.reach) for bits in combinations(lower, others)]


@dataclass(frozen=True, slots=True)
class _Table:
    """Hashes ordered by their value in a band.

    Shape:  order leads back to the hashes' own places; the bucket of a value is starts[value] up to starts[value + 1].
    """

    order: Indices
    hashes: Hashes64
    keys: NDArray[np.uint32]
    starts: NDArray[np.int32]

    @classmethod
    def of(cls, hashes: Hashes64, band: _Band) -> _Table:
        keys = band.keys(hashes)
        # Sixteen bits sort by counting, in a fraction of the time.
        narrow = keys.astype(np.uint16) if band.width <= 16 else keys  # noqa: PLR2004 - the bits of a uint16
        order = np.argsort(narrow, kind="stable")
        starts = np.zeros((1 << band.width) + 1, dtype=np.int32)
        np.cumsum(np.bincount(keys, minlength=1 << band.width), out=starts[1:])
        return cls(order, hashes[order], keys[order], starts)


def _behind(table: _Table) -> Iterator[Meetings]:
    size = len(table.keys)
    for begin in range(0, size, _LOOKUPS):
        places = np.arange(begin, min(begin + _LOOKUPS, size))
        counts = table.starts[table.keys[places] + np.uint32(1)] - places - 1
        met = np.flatnonzero(counts)
        yield Meetings(places[met], places[met] + 1, counts[met])


def _under(table: _Table, places: Indices, keys: NDArray[np.uint32], mask: int) -> Iterator[Meetings]:
    for begin in range(0, len(places), _LOOKUPS):
        asking = places[begin : begin + _LOOKUPS]
        values = keys[asking] ^ np.uint32(mask)
        first = table.starts[values]
        counts = table.starts[values + np.uint32(1)] - first
        met = np.flatnonzero(counts)
        yield Meetings(asking[met], first[met].astype(np.int64), counts[met].astype(np.int64))


def _checked(
    bands: list[_Band], radius: int, asking: _Table, table: _Table, meetings: Iterator[Meetings]
) -> Iterator[IndexPairs]:
    """Those that are near enough over all bits, and met in no band before the last of these."""
    for met in meetings:
        for piece in pieces(met, _BLOCK):
            mine = np.repeat(asking.hashes[piece.asking], piece.counts)
            places = ramps(piece.first, piece.counts)
            mine ^= table.hashes[places]
            near = np.flatnonzero(np.bitwise_count(mine) <= radius)
            apart = mine[near]
            for band in bands[:-1]:
                is_new = np.bitwise_count(band.keys(apart)) > band.reach
                near, apart = near[is_new], apart[is_new]
            if len(near):
                who = np.repeat(piece.asking, piece.counts)[near]
                yield asking.order[who], table.order[places[near]]


def _deal(hashes: list[Hashes64], sample: Hashes64) -> list[Hashes64]:
    """The hashes with their bits dealt out so that bits that say much and bits that say little mix in every band.

    Distances stay what they are. A bit that nearly every hash has alike makes a band no narrower.
    """
    step = max(1, len(sample) // 4096)
    share = _bits(sample[::step]).mean(axis=0)
    by_worth = np.argsort(np.abs(share - 0.5), kind="stable")
    # Eight hands of eight bits, as cards are dealt.
    dealt = by_worth.reshape(8, 8).T.reshape(-1)
    return [_with_bits(each, dealt) for each in hashes]


def _with_bits(hashes: Hashes64, bits: Indices) -> Hashes64:
    dealt = np.empty_like(hashes)
    for begin in range(0, len(hashes), _LOOKUPS):
        part = slice(begin, begin + _LOOKUPS)
        dealt[part] = np.ascontiguousarray(np.packbits(_bits(hashes[part])[:, bits], axis=1)).view(np.uint64)[:, 0]
    return dealt


def _bits(hashes: Hashes64) -> NDArray[np.uint8]:
    return np.unpackbits(np.ascontiguousarray(hashes).view(np.uint8).reshape(-1, 8), axis=1)


def _plan(radius: int, *, lookups: int, pairs: int, indexed: int) -> list[_Band]:
    """The bands that are likely to cost least.

    With reaches r1, r2, ... of n bands whose sum is radius + 1 - n, hashes that are farther apart than its reach in
    each band are more than radius bits apart: so no pair is missed.
    """

    def cost(plan: list[_Band]) -> float:
        total = 0.0
        for band in plan:
            masks = sum(len(band.masks_topped_by(position)) for position in range(-1, band.width))
            checks = pairs * masks / 2**band.width
            total += masks * (lookups * _NS_LOOKUP + _NS_CALL) + checks * _NS_CHECK
            total += indexed * _NS_SORT + 2**band.width * _NS_TABLE
        return total

    return min(_plans(radius), key=cost)


def _plans(radius: int) -> Iterator[list[_Band]]:
    for count in range(1, min(radius + 1, _BITS) + 1):
        least, more = divmod(radius + 1 - count, count)
        if count < min(radius + 1, _BITS) and least + bool(more) > _FARTHEST:
            continue
        for width in range(min(_NARROWEST_BAND, _BITS // count), min(_WIDEST_BAND, _BITS // count) + 1):
            yield [_Band(number * (_BITS // count), width, least + (number < more)) for number in range(count)]


def _in_order(found: list[IndexPairs]) -> IndexPairs:
    first = np.concatenate([each for each, _ in found])
    second = np.concatenate([each for _, each in found])
    order = np.lexsort((second, first))
    return first[order], second[order]


def _check(radius: int) -> None:
    if radius < 0:
        raise ParameterError("The radius is a number of bits, 0 or more.")
