from __future__ import annotations

import base64

import numpy as np
import pytest
from PIL import Image

from sidecar.demo.immich.pictures import derive
from sidecar.demo.immich.thumbhash import thumbhash_of


def _gradient(width: int, height: int) -> Image.Image:
    y, x = np.mgrid[0:height, 0:width]
    channels = [x * 255 // (width - 1), y * 255 // (height - 1), (x + y) % 64 * 3]
    return Image.fromarray(np.stack(channels, axis=-1).astype(np.uint8))


def _nibbles(thumbhash: str) -> list[int]:
    return [nibble for byte in base64.b64decode(thumbhash) for nibble in (byte & 15, byte >> 4)]


@pytest.mark.parametrize(
    ("size", "live"),
    [
        pytest.param((120, 80), "3QgKPZqAdoeAiHd4aGd3iHFwB/h4", id="landscape"),
        pytest.param((80, 120), "3fgJPRqAhoB3iIhnaHd3h3BxB/h3", id="portrait"),
        pytest.param((64, 64), "HQkKNxqAh4dwdodomHiYh4d3CAiIgI8H", id="square"),
    ],
)
def test_a_thumbhash_is_the_live_servers_but_for_rounding(size: tuple[int, int], live: str) -> None:
    ours, theirs = _nibbles(thumbhash_of(_gradient(*size))), _nibbles(live)
    assert len(ours) == len(theirs)
    assert ours[:10] == theirs[:10]
    assert max(abs(a - b) for a, b in zip(ours, theirs, strict=True)) <= 1


def test_a_plain_colour_has_a_thumbhash_too() -> None:
    assert len(base64.b64decode(thumbhash_of(Image.new("RGB", (300, 200), "navy")))) > 5


def test_a_thumbhash_hardly_depends_on_size() -> None:
    small, large = (_nibbles(thumbhash_of(_gradient(90, 60).resize(size))) for size in ((90, 60), (900, 600)))
    assert sum(abs(a - b) for a, b in zip(small, large, strict=True)) <= 6


def test_small_pictures_are_not_enlarged() -> None:
    derived = derive(_gradient(100, 50))
    assert derived.thumbnail[8:12] == b"WEBP"
    assert derived.preview[:2] == b"\xff\xd8"
