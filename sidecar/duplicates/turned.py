"""Mirrored and turned copies: the seven other ways in which a picture can lie."""

from __future__ import annotations

from enum import IntEnum

import numpy as np
from numpy.typing import NDArray

from sidecar.duplicates.fingerprint import COLOURS_SIDE, LUMA_SIDE, low_waves


class Turn(IntEnum):
    """What was done to a picture. The eight ways together; turning is clockwise."""

    NONE = 0
    MIRRORED = 1
    UPSIDE_DOWN = 2
    BY_180 = 3
    TRANSPOSED = 4
    BY_90 = 5
    BY_270 = 6
    TRANSVERSED = 7

    @property
    def words(self) -> str:
        """For people: "mirrored", "turned by 90 degrees"."""
        return _WORDS[self]

    @property
    def back(self) -> Turn:
        """What undoes it."""
        return {Turn.BY_90: Turn.BY_270, Turn.BY_270: Turn.BY_90}.get(self, self)

    @property
    def swaps_sides(self) -> bool:
        """Whether width becomes height."""
        return bool(self & 4)


TURNS = tuple(each for each in Turn if each is not Turn.NONE)

_WORDS = {
    Turn.NONE: "as it is",
    Turn.MIRRORED: "mirrored",
    Turn.UPSIDE_DOWN: "mirrored upside down",
    Turn.BY_180: "turned by 180 degrees",
    Turn.TRANSPOSED: "mirrored and turned by 270 degrees",
    Turn.BY_90: "turned by 90 degrees",
    Turn.BY_270: "turned by 270 degrees",
    Turn.TRANSVERSED: "mirrored and turned by 90 degrees",
}


def turned_luma(luma: NDArray[np.uint8], turn: Turn) -> NDArray[np.uint8]:
    """The grey values of each picture after turning it.

    Shape:  n x 1024, as the result.
    """
    return _turned(luma.reshape(-1, LUMA_SIDE, LUMA_SIDE), turn).reshape(luma.shape)


def turned_colours(colours: NDArray[np.uint8], turn: Turn) -> NDArray[np.uint8]:
    """The colour means of each picture after turning it.

    Shape:  n x 192, as the result.
    """
    return _turned(colours.reshape(-1, COLOURS_SIDE, COLOURS_SIDE, 3), turn).reshape(colours.shape)


def turned_hashes(luma: NDArray[np.uint8]) -> NDArray[np.uint64]:
    """The hash of each picture after each of the seven turns, in the order of TURNS.

    Shape:  luma is n x 1024, the result n x 7. A mirrored picture has the same frequencies, every second one negated; a
            transposed one has them transposed. So the picture is never turned itself.
    """
    waves = low_waves(luma)
    return np.stack([_hashes(_turned_waves(waves, turn)) for turn in TURNS], axis=1)


def _turned(pictures: NDArray[np.uint8], turn: Turn) -> NDArray[np.uint8]:
    if turn.swaps_sides:
        pictures = pictures.swapaxes(1, 2)
    if turn & Turn.MIRRORED:
        pictures = pictures[:, :, ::-1]
    if turn & Turn.UPSIDE_DOWN:
        pictures = pictures[:, ::-1]
    return pictures


def _turned_waves(waves: NDArray[np.float64], turn: Turn) -> NDArray[np.float64]:
    if turn.swaps_sides:
        waves = waves.swapaxes(1, 2)
    if turn & Turn.MIRRORED:
        waves = waves * _ALTERNATING
    if turn & Turn.UPSIDE_DOWN:
        waves = waves * _ALTERNATING[:, np.newaxis]
    return waves


_ALTERNATING = np.array([1.0, -1.0] * 4)


def _hashes(waves: NDArray[np.float64]) -> NDArray[np.uint64]:
    flat = waves.reshape(-1, 64)
    bits = flat > np.median(flat, axis=1, keepdims=True)
    # imagehash writes the first frequency as the highest bit.
    return np.ascontiguousarray(np.packbits(bits, axis=1)).view(">u8")[:, 0].astype(np.uint64)
