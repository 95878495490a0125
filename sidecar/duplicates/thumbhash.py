"""Candidates without a download: pairs whose thumbhashes, which Immich tells with every asset, look alike."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import product

import numpy as np
from numpy.typing import NDArray

from sidecar.duplicates.hamming import IndexPairs, Indices
from sidecar.model import AssetId

LEAST_COSINE = 0.97
LARGEST_LUMA_DIFFERENCE = 0.2
LARGEST_CHROMA_DIFFERENCE = 0.04

_LUMA_TERMS = 7
_LUMA_TERMS_WITH_ALPHA = 5
_CHROMA_WAVES = 5
_ALPHA_WAVES = 14
_WAVES = 28  # of 7 x 7 terms the 27 of low frequency, and one that is always 0
_BLOCK = 1024  # rows of a product: with as many columns it fits a cache


@dataclass(frozen=True, slots=True)
class Decoded:
    """What thumbhashes say, column by column.

    Shape:  rows are places in the sequence that was decoded, malformed ones are not among them. waves (n x 28) are the
            cosine terms of luma, each row of length 1; means of luma, P (yellow to blue) and Q (red to green) are in
            steps of the format. lean is 0 for a square, up to 6 for a wide and down to -6 for a tall picture.
    """

    rows: Indices
    waves: NDArray[np.float32]
    luma: NDArray[np.int64]
    chroma_p: NDArray[np.int64]
    chroma_q: NDArray[np.int64]
    lean: NDArray[np.int64]


def decode(thumbhashes: Sequence[bytes]) -> Decoded:
    """What can be compared of these thumbhashes; malformed ones are skipped.

    Shape:  the scale of the waves is ignored, because it rounds to 0 in dull pictures; only their proportions are kept.
    Source: the public ThumbHash format (evanw/thumbhash).
    """
    alike: dict[tuple[int, int], list[int]] = {}
    for row, told in enumerate(thumbhashes):
        # The head says how many waves follow; hashes of one make are decoded together.
        if len(told) >= 5:  # noqa: PLR2004 - the bytes of the head
            alike.setdefault((told[2] & 0x80, (told[4] & 0x80) | (told[3] & 7)), []).append(row)
    parts = [_decode(thumbhashes, rows, make) for make, rows in alike.items()]
    empty = np.empty(0, dtype=np.int64)
    parts.append(Decoded(empty, np.empty((0, _WAVES), dtype=np.float32), empty, empty, empty, empty))
    return Decoded(
        rows=np.concatenate([each.rows for each in parts]),
        waves=np.concatenate([each.waves for each in parts]),
        luma=np.concatenate([each.luma for each in parts]),
        chroma_p=np.concatenate([each.chroma_p for each in parts]),
        chroma_q=np.concatenate([each.chroma_q for each in parts]),
        lean=np.concatenate([each.lean for each in parts]),
    )


def quick_candidates(
    ids: Sequence[AssetId],
    thumbhashes: Sequence[bytes],
    durations_ms: Sequence[int],
    *,
    duration_tolerance_ms: int = 1000,
) -> list[tuple[AssetId, AssetId]]:
    """Pairs that are worth a look, as far as their thumbhashes tell; the lower id first, in rising order.

    Shape:  assets, their thumbhashes and durations in the same order. Malformed thumbhashes are skipped. Assets of
            equal thumbhash and duration are collapsed: k of them give k - 1 pairs, of the first with each other one,
            and only the first stands in the other pairs. The first is the one of lowest id, whatever the order.
    Units:  durations are -1 for pictures, which never pair with videos.
    """
    distinct: dict[tuple[bytes, int], int] = {}
    repeated: list[tuple[int, int]] = []
    for row in sorted(range(len(ids)), key=lambda row: ids[row]):
        first = distinct.setdefault((thumbhashes[row], durations_ms[row]), row)
        if first != row:
            repeated.append((first, row))
    firsts = np.fromiter(distinct.values(), dtype=np.int64, count=len(distinct))
    decoded = decode([thumbhashes[row] for row in firsts.tolist()])
    rows = firsts[decoded.rows]
    durations = np.fromiter((durations_ms[row] for row in rows.tolist()), dtype=np.int64, count=len(rows))
    readable = set(rows.tolist())
    found = [(ids[a], ids[b]) for a, b in repeated if a in readable]
    for i, j in _near(decoded, durations, duration_tolerance_ms):
        pairs = zip(rows[i].tolist(), rows[j].tolist(), strict=True)
        found.extend((min(ids[a], ids[b]), max(ids[a], ids[b])) for a, b in pairs)
    return sorted(found)


def _decode(thumbhashes: Sequence[bytes], rows: list[int], make: tuple[int, int]) -> Decoded:
    """Those of one make: with or without alpha, of one shape."""
    has_alpha, is_landscape, short_side = bool(make[0]), bool(make[1] & 0x80), make[1] & 7
    long_side = _LUMA_TERMS_WITH_ALPHA if has_alpha else _LUMA_TERMS
    sides = (long_side, short_side) if is_landscape else (short_side, long_side)
    across, down = (max(3, side) for side in sides)
    places = [
        y * _LUMA_TERMS + x
        for y, x in product(range(down), range(across))
        if (x or y) and x * down < across * (down - y)
    ]
    begin = 6 if has_alpha else 5
    nibbles = len(places) + 2 * _CHROMA_WAVES + (_ALPHA_WAVES if has_alpha else 0)
    size = begin + (nibbles + 1) // 2
    whole = [row for row in rows if len(thumbhashes[row]) >= size and 0 < short_side <= long_side]
    told = np.frombuffer(b"".join(thumbhashes[row][:size] for row in whole), dtype=np.uint8).reshape(-1, size)
    head = told[:, :3].astype(np.int64) @ np.array([1, 1 << 8, 1 << 16])
    halves = np.stack([told[:, begin:] & 15, told[:, begin:] >> 4], axis=2).reshape(-1, 2 * (size - begin))
    waves = np.zeros((len(told), _LUMA_TERMS * _LUMA_TERMS), dtype=np.float32)
    waves[:, places] = halves[:, : len(places)] - np.float32(7.5)
    waves = waves[:, _LOW]
    lean = round(_LUMA_TERMS * (1 - short_side / long_side))
    return Decoded(
        rows=np.array(whole, dtype=np.int64),
        waves=waves / np.linalg.norm(waves, axis=1, keepdims=True),
        luma=head & 63,
        chroma_p=(head >> 6) & 63,
        chroma_q=(head >> 12) & 63,
        lean=np.full(len(told), lean if is_landscape else -lean, dtype=np.int64),
    )


_LOW = [y * _LUMA_TERMS + x for y in range(_LUMA_TERMS) for x in range(_LUMA_TERMS - y)]


def _near(decoded: Decoded, durations_ms: NDArray[np.int64], duration_tolerance_ms: int) -> Iterator[IndexPairs]:
    """Pairs of decoded hashes that look alike, by products within and between cells of like colour and shape."""
    cells = _cells(decoded, durations_ms >= 0)
    order = np.lexsort((decoded.luma, cells))
    waves, luma, cells = decoded.waves[order], decoded.luma[order], cells[order]
    starts = np.flatnonzero(np.diff(cells, prepend=-1))
    ends = np.append(starts, len(cells))[1:]
    span_of = {int(cells[start]): (int(start), int(end)) for start, end in zip(starts, ends, strict=True)}
    for cell, (start, end) in span_of.items():
        for step in _HALF_AROUND:
            if cell + step in span_of:
                for i, j in _products(waves, luma, (start, end), span_of[cell + step]):
                    near = np.abs(durations_ms[order[i]] - durations_ms[order[j]]) <= duration_tolerance_ms
                    yield order[i[near]], order[j[near]]


def _products(
    waves: NDArray[np.float32], luma: NDArray[np.int64], mine: tuple[int, int], theirs: tuple[int, int]
) -> Iterator[IndexPairs]:
    """Pairs of two spans, each ordered by luma, or of one with itself."""
    own = luma[theirs[0] : theirs[1]]
    for top in range(mine[0], mine[1], _BLOCK):
        bottom = min(top + _BLOCK, mine[1])
        left = theirs[0] + int(np.searchsorted(own, luma[top] - _LUMA_STEPS))
        last = theirs[0] + int(np.searchsorted(own, luma[bottom - 1] + _LUMA_STEPS, side="right"))
        if mine == theirs:
            left = top
        for begin in range(left, last, _BLOCK):
            alike = waves[top:bottom] @ waves[begin : min(begin + _BLOCK, last)].T
            at = np.flatnonzero(alike >= LEAST_COSINE)
            i, j = top + at // alike.shape[1], begin + at % alike.shape[1]
            near = np.abs(luma[i] - luma[j]) <= _LUMA_STEPS
            if mine == theirs:
                near &= i < j
            yield i[near], j[near]


_LUMA_STEPS = int(LARGEST_LUMA_DIFFERENCE * 63)
_CHROMA_STEPS = int(LARGEST_CHROMA_DIFFERENCE * 31.5)  # 1: neighbouring cells are near, and no others
_SPAN = 1 << 7  # more than the values of lean or chroma, so that sums of steps never meet another cell


def _cells(decoded: Decoded, is_video: NDArray[np.bool_]) -> NDArray[np.int64]:
    shape = is_video * _SPAN + decoded.lean + _LUMA_TERMS
    return (shape * _SPAN + decoded.chroma_p + 1) * _SPAN + decoded.chroma_q + 1


_HALF_AROUND = [
    step
    for lean, p, q in product((-1, 0, 1), repeat=3)
    if (step := (lean * _SPAN + p * _CHROMA_STEPS) * _SPAN + q * _CHROMA_STEPS) >= 0
]
