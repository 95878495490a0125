"""The second look: whether two pictures whose hashes met show the same, and whether one was merely encoded anew."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from sidecar.duplicates.fingerprint import COLOURS_BYTES, LUMA_BYTES, LUMA_SIDE

LEAST_HIGH_PASS = 0.9
LEAST_HIGH_PASS_OF_PAGES = 0.99
LARGEST_DETAIL_DIFFERENCE_OF_PAGES = 2.8
"""Pages of one form differ in their finest detail only, and little in that: others from 2.9 on, copies up to 2.4."""
LARGEST_BLOCK_DIFFERENCE = 3.3
LARGEST_SPOT_DIFFERENCE = 5.5
LARGEST_SPOT_BY_CONTRAST = 0.2
LARGEST_PROMINENCE = 3.2
SMALLEST_PROMINENT_SPOT = 3.0
LARGEST_COLOUR_DIFFERENCE = 1.6
LARGEST_COLOUR_SPOT = 8
LARGEST_SPOT_OF_OTHER_COLOUR = 40
LARGEST_COLOUR_PROMINENCE = 5.0
NO_DETAIL = 4.0

_AT_ONCE = 256  # pairs whose pictures fit a cache
_PAGE = 180  # grey level above which more than half of a page lies, even one photographed by lamplight
_DETAIL_FLOOR = 4.0  # what encoding alone does to the detail, in grey levels; less than that is no detail
_SPOT_FLOOR = 0.35  # the same of the differences
_GREY = 1.5  # colours that spread less than that are those of a grey or tinted copy


@dataclass(frozen=True, slots=True)
class Judgement:
    """How alike the pictures of each pair are; one value a pair.

    Shape:  correlation is that of the grey values, high_pass that of their finest detail as far as encoding leaves it
            alone, and detail that of all of it, from -1 to 1. prominence says how far the largest difference stands out
            from the others: encoding differs a little everywhere, an edit somewhere. is_page: both are mostly white.
    Units:  block_difference (of 8x8 blocks) and spot_difference (of 16x16) are the largest of the picture,
            detail_difference is what high_pass lacks, contrast the standard deviation of the duller picture and
            detail_size that of the finer one's detail: all in grey levels of 256.
    """

    correlation: NDArray[np.float32]
    high_pass: NDArray[np.float32]
    detail: NDArray[np.float32]
    block_difference: NDArray[np.float32]
    spot_difference: NDArray[np.float32]
    prominence: NDArray[np.float32]
    detail_difference: NDArray[np.float32]
    detail_size: NDArray[np.float32]
    contrast: NDArray[np.float32]
    is_page: NDArray[np.bool_]

    @property
    def is_same_page(self) -> NDArray[np.bool_]:
        """Which have the same finest detail: the only thing in which pages of one form differ."""
        return (self.high_pass >= LEAST_HIGH_PASS_OF_PAGES) | (
            self.detail_difference <= LARGEST_DETAIL_DIFFERENCE_OF_PAGES
        )

    @property
    def is_same_nothing(self) -> NDArray[np.bool_]:
        """Which have no detail at all, or the same: writing on an even ground is something."""
        return (self.detail_size <= NO_DETAIL) | self.is_same_page


@dataclass(frozen=True, slots=True)
class Verdict:
    """What a second look says of each pair.

    Shape:  is_same: it is the same picture, perhaps edited; is_re_encoded: and its grey values were merely encoded
            anew. similarity, from 0 to 1, is what users' threshold means.
    """

    is_same: NDArray[np.bool_]
    is_re_encoded: NDArray[np.bool_]
    similarity: NDArray[np.float32]


def judge(luma_a: NDArray[np.uint8], luma_b: NDArray[np.uint8]) -> Judgement:
    """How alike two pictures are, pair by pair.

    Shape:  both n x 1024.
    """
    values = np.empty((_MEASURED, len(luma_a)), dtype=np.float32)
    for begin in range(0, len(luma_a), _AT_ONCE):
        part = slice(begin, begin + _AT_ONCE)
        values[:, part] = _measured(luma_a[part].astype(np.float32), luma_b[part].astype(np.float32))
    is_page = (_share_of_white(luma_a) > 0.5) & (_share_of_white(luma_b) > 0.5)  # noqa: PLR2004 - more than half
    correlation, high_pass, detail, blocks, spots, prominence, apart, size, contrast = values
    return Judgement(correlation, high_pass, detail, blocks, spots, prominence, apart, size, contrast, is_page)


def classify(judgement: Judgement, *, threshold: float) -> Verdict:
    """What the judgement means, where users ask for a correlation of the threshold."""
    spot = judgement.spot_difference
    has_small_spots = spot <= LARGEST_SPOT_DIFFERENCE
    # Of a picture with little detail, encoding changes all of it; but then it changes nothing else.
    is_same_detail = (judgement.high_pass >= LEAST_HIGH_PASS) | (
        has_small_spots & (spot <= LARGEST_SPOT_BY_CONTRAST * judgement.contrast)
    )
    is_same = (judgement.correlation >= threshold) & np.where(judgement.is_page, judgement.is_same_page, is_same_detail)
    is_re_encoded = (
        is_same
        & has_small_spots
        & (judgement.detail >= LEAST_HIGH_PASS)
        & (judgement.block_difference <= LARGEST_BLOCK_DIFFERENCE)
        & ((judgement.prominence <= LARGEST_PROMINENCE) | (spot <= SMALLEST_PROMINENT_SPOT))
    )
    return Verdict(is_same, is_re_encoded, np.clip(judgement.correlation, 0, 1))


def colour_differences(
    colours_a: NDArray[np.uint8], colours_b: NDArray[np.uint8]
) -> tuple[NDArray[np.float32], NDArray[np.int64]]:
    """The mean and the largest difference of each pair's colours, brightness aside.

    Shape:  both n x 192. Grey and tinted copies are told from their originals by it.
    Units:  levels of 256.
    """
    apart = np.abs(colours_a.astype(np.int16) - colours_b).reshape(-1, COLOURS_BYTES // 3, 3)[:, :, 1:]
    mean: NDArray[np.float32] = apart.mean(axis=(1, 2), dtype=np.float32)
    return mean, apart.max(axis=(1, 2)).astype(np.int64)


def agree_in_colour(colours_a: NDArray[np.uint8], colours_b: NDArray[np.uint8]) -> NDArray[np.bool_]:
    """Which pairs have colours as alike as encoding leaves them."""
    mean, largest = colour_differences(colours_a, colours_b)
    return (mean <= LARGEST_COLOUR_DIFFERENCE) & (largest <= LARGEST_COLOUR_SPOT)


def have_another_colour_somewhere(colours_a: NDArray[np.uint8], colours_b: NDArray[np.uint8]) -> NDArray[np.bool_]:
    """Which pairs differ in colour in one place far more than elsewhere: the same thing in red and in blue.

    A grey or tinted copy differs where its original is colourful; so pairs with one of those are never told.
    """
    mean, largest = colour_differences(colours_a, colours_b)
    is_colourful = (_colour_spread(colours_a) > _GREY) & (_colour_spread(colours_b) > _GREY)
    return is_colourful & (largest > LARGEST_SPOT_OF_OTHER_COLOUR) & (largest > LARGEST_COLOUR_PROMINENCE * mean)


def _colour_spread(colours: NDArray[np.uint8]) -> NDArray[np.float32]:
    tones = colours.reshape(-1, COLOURS_BYTES // 3, 3)[:, :, 1:].astype(np.float32)
    spread: NDArray[np.float32] = np.abs(tones - tones.mean(axis=1, keepdims=True)).mean(axis=(1, 2))
    return spread


_MEASURED = 9


def _measured(a: NDArray[np.float32], b: NDArray[np.float32]) -> list[NDArray[np.float32]]:
    squares = _halved((a - b).reshape(-1, LUMA_SIDE, LUMA_SIDE))
    spots, blocks = squares.reshape(len(a), -1), _halved(squares).reshape(len(a), -1)
    uneven = spots - spots.mean(axis=1, keepdims=True)
    a, b = a - a.mean(axis=1, keepdims=True), b - b.mean(axis=1, keepdims=True)
    detail_a, detail_b = _detail(a), _detail(b)
    size_a, size_b = _size(detail_a), _size(detail_b)
    detail = _mean_product(detail_a, detail_b)
    floor = np.float32(_DETAIL_FLOOR**2)
    high_pass = (detail + floor) / (size_a * size_b + floor)
    return [
        _share(_mean_product(a, b), _size(a) * _size(b)),
        high_pass,
        _share(detail, size_a * size_b),
        np.abs(blocks).max(axis=1),
        np.abs(spots).max(axis=1),
        np.abs(uneven).max(axis=1) / (_size(uneven) + np.float32(_SPOT_FLOOR)),
        np.sqrt(np.maximum(size_a * size_b - detail, 0)),
        np.maximum(size_a, size_b),
        np.minimum(_size(a), _size(b)),
    ]


def _mean_product(a: NDArray[np.float32], b: NDArray[np.float32]) -> NDArray[np.float32]:
    products: NDArray[np.float32] = np.einsum("ij,ij->i", a, b)
    products /= a.shape[1]
    return products


def _size(values: NDArray[np.float32]) -> NDArray[np.float32]:
    """The standard deviation of values whose mean is 0."""
    return np.sqrt(_mean_product(values, values))


def _share(part: NDArray[np.float32], whole: NDArray[np.float32]) -> NDArray[np.float32]:
    """Part by whole, and 0 where there is nothing."""
    return np.divide(part, whole, out=np.zeros_like(part), where=whole > 0)


def _detail(luma: NDArray[np.float32]) -> NDArray[np.float32]:
    """How each value differs from the four beside it. Of all high passes tried, bursts differ most in this."""
    pictures = np.pad(luma.reshape(-1, LUMA_SIDE, LUMA_SIDE), ((0, 0), (1, 1), (1, 1)), mode="edge")
    beside = pictures[:, :-2, 1:-1] + pictures[:, 2:, 1:-1] + pictures[:, 1:-1, :-2] + pictures[:, 1:-1, 2:]
    detail: NDArray[np.float32] = (4 * pictures[:, 1:-1, 1:-1] - beside).reshape(-1, LUMA_BYTES)
    return detail


def _halved(values: NDArray[np.float32]) -> NDArray[np.float32]:
    """Each square of four values as their mean."""
    rows = values[:, 0::2] + values[:, 1::2]
    means: NDArray[np.float32] = rows[:, :, 0::2] + rows[:, :, 1::2]
    means /= 4
    return means


def _share_of_white(luma: NDArray[np.uint8]) -> NDArray[np.float64]:
    share: NDArray[np.float64] = (luma >= _PAGE).mean(axis=1)
    return share
