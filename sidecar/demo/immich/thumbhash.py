"""ThumbHash: a picture's average and lowest frequencies in about 20 bytes, as Immich stores beside every thumbnail."""

from __future__ import annotations

import base64
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from PIL import Image

_LONGEST_SIDE = 100
_LUMA_TERMS = 7
_CHROMA_TERMS = 3
_MIN_TERMS = 3


@dataclass(frozen=True, slots=True)
class _Channel:
    """A cosine transform: mean, the kept frequencies scaled to 0..1, and that scale."""

    mean: float
    waves: list[float]
    scale: float


def thumbhash_of(picture: Image.Image) -> str:
    """The hash as base64; equal for equal pictures, and hardly depending on their size.

    Shape:  an RGB picture with its orientation applied; transparency is not known here.
    Source: the public ThumbHash reference (evanw/thumbhash), opaque case; compared with live 3.1.0.
    """
    small = picture.convert("RGB")
    small.thumbnail((_LONGEST_SIDE, _LONGEST_SIDE))
    width, height = small.size
    red, green, blue = np.moveaxis(np.asarray(small, dtype=np.float64) / 255, 2, 0)
    longest = max(width, height)
    terms_x = max(1, _half_up(_LUMA_TERMS * width / longest))
    terms_y = max(1, _half_up(_LUMA_TERMS * height / longest))
    luma = _transform((red + green + blue) / 3, max(_MIN_TERMS, terms_x), max(_MIN_TERMS, terms_y))
    yellow_blue = _transform((red + green) / 2 - blue, _CHROMA_TERMS, _CHROMA_TERMS)
    red_green = _transform(red - green, _CHROMA_TERMS, _CHROMA_TERMS)
    is_landscape = width > height
    header = (
        _half_up(63 * luma.mean)
        | _half_up(31.5 + 31.5 * yellow_blue.mean) << 6
        | _half_up(31.5 + 31.5 * red_green.mean) << 12
        | _half_up(31 * luma.scale) << 18
    )
    shape = (
        (terms_y if is_landscape else terms_x)
        | _half_up(63 * yellow_blue.scale) << 3
        | _half_up(63 * red_green.scale) << 9
        | is_landscape << 15
    )
    nibbles = [_half_up(15 * wave) for channel in (luma, yellow_blue, red_green) for wave in channel.waves]
    if len(nibbles) % 2:
        nibbles.append(0)
    waves = bytes(low | high << 4 for low, high in zip(nibbles[::2], nibbles[1::2], strict=True))
    return base64.b64encode(header.to_bytes(3, "little") + shape.to_bytes(2, "little") + waves).decode()


def _transform(channel: NDArray[np.float64], terms_x: int, terms_y: int) -> _Channel:
    height, width = channel.shape
    across = np.cos(np.pi / width * np.outer(np.arange(terms_x), np.arange(width) + 0.5))
    down = np.cos(np.pi / height * np.outer(np.arange(terms_y), np.arange(height) + 0.5))
    waves = down @ channel @ across.T / (width * height)
    kept = [
        float(waves[y, x])
        for y in range(terms_y)
        for x in range(terms_x)
        if (x or y) and x * terms_y < terms_x * (terms_y - y)
    ]
    scale = max(abs(wave) for wave in kept)
    scaled = [0.5 + 0.5 / scale * wave for wave in kept] if scale else kept
    return _Channel(mean=float(waves[0, 0]), waves=scaled, scale=scale)


def _half_up(value: float) -> int:
    """JavaScript's Math.round."""
    return int(np.floor(value + 0.5))
