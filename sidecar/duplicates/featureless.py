"""Pictures nearly without content: black, white, fog. Their hashes are chance; their colours are compared."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
from numpy.typing import NDArray

from sidecar.duplicates.fingerprint import COLOURS_BYTES
from sidecar.duplicates.hamming import IndexPairs, Indices, Meetings, pieces

LARGEST_MEAN_DIFFERENCE = 1.5
LARGEST_DIFFERENCE = 4

STAND_INS = 64
"""Of a place in the space of colours where more pictures lie than this, so many are compared with everything near."""

_STEP = int(LARGEST_MEAN_DIFFERENCE * COLOURS_BYTES)
_PARTS = 3
_PART_SPAN = 1 << 10  # steps of a part: 255 * 64 / 192 = 85 and a margin
_BLOCK = 1 << 13


def pairs_within(colours: NDArray[np.uint8], durations_ms: NDArray[np.int64]) -> IndexPairs:
    """Every pair of pictures whose colours are as good as equal, as two arrays of indices with i < j, in rising order.

    Shape:  colours is n x 192. Those of equal colours and duration are collapsed: k of them give k - 1 pairs, of the
            first with each other one, and only the first stands in the other pairs. Where more than STAND_INS different
            ones crowd, that many of them stand for the others, so that cost grows with n and not with its square.
            Durations are not compared beyond that.
    Units:  mean difference at most 1.5 and largest difference at most 4, of 256 levels.
    """
    told = np.hstack(
        [np.ascontiguousarray(colours).view(">u8").astype(np.uint64), durations_ms.view(np.uint64)[:, np.newaxis]]
    )
    _, firsts, runs = np.unique(told, axis=0, return_index=True, return_inverse=True)
    others, index = firsts[runs.reshape(-1)], np.arange(len(colours))
    is_repeated = others != index
    found = [(others[is_repeated], index[is_repeated])]
    for left, right in _near(colours[firsts]):
        a, b = firsts[left], firsts[right]
        found.append((np.minimum(a, b), np.maximum(a, b)))
    first, second = (np.concatenate(each) for each in zip(*found, strict=True))
    order = np.lexsort((second, first))
    return first[order].astype(np.int64), second[order].astype(np.int64)


def differences(colours_a: NDArray[np.uint8], colours_b: NDArray[np.uint8]) -> tuple[NDArray[np.float32], Indices]:
    """The mean and the largest difference of each pair's colours."""
    apart = np.abs(colours_a.astype(np.int16) - colours_b)
    return apart.mean(axis=1).astype(np.float32), apart.max(axis=1, initial=0).astype(np.int64)


def _near(colours: NDArray[np.uint8]) -> Iterator[IndexPairs]:
    """Pairs of different colours that are near enough, by cells of the space of their three sums.

    The sums of two pictures that are near are at most a step apart, so that they lie in the same cell or in neighbours.
    """
    sums = colours.reshape(-1, COLOURS_BYTES // _PARTS, _PARTS).sum(axis=1, dtype=np.int64)
    places = sums // _STEP + 1
    cells = (places[:, 0] * _PART_SPAN + places[:, 1]) * _PART_SPAN + places[:, 2]
    order = np.argsort(cells, kind="stable")
    ordered = cells[order]
    for step in _HALF_AROUND:
        first = np.searchsorted(ordered, ordered + step)
        last = np.searchsorted(ordered, ordered + step, side="right")
        # The first of a crowd stand for it.
        last = np.minimum(last, first + STAND_INS)
        if step == 0:
            first = np.maximum(first, np.arange(len(ordered)) + 1)
            own = np.searchsorted(ordered, ordered)
            is_stand_in = np.arange(len(ordered)) < own + STAND_INS
            # Those behind the stand-ins look back at them.
            first = np.where(is_stand_in, first, own)
        yield from _checked(colours, order, Meetings(np.arange(len(ordered)), first, np.maximum(last - first, 0)))


def _checked(colours: NDArray[np.uint8], order: Indices, met: Meetings) -> Iterator[IndexPairs]:
    for piece in pieces(met, _BLOCK):
        left, right = piece.pairs()
        a, b = order[left], order[right]
        mean, largest = differences(colours[a], colours[b])
        near = np.flatnonzero((mean <= LARGEST_MEAN_DIFFERENCE) & (largest <= LARGEST_DIFFERENCE))
        yield a[near], b[near]


_HALF_AROUND = [
    step
    for step in ((x * _PART_SPAN + y) * _PART_SPAN + z for x in (0, 1) for y in (-1, 0, 1) for z in (-1, 0, 1))
    if step >= 0
]
