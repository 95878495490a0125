"""From a seed and a number to a photograph: which scene it is and how it is developed."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
from PIL import Image

from sidecar.demo.library.brush import Canvas, develop
from sidecar.demo.library.close_by import paint_flower, paint_group, paint_portrait, paint_room, paint_table
from sidecar.demo.library.outdoors import paint_city, paint_forest, paint_mountains, paint_road, paint_sea

_PAINTERS: tuple[Callable[[Canvas], None], ...] = (
    paint_mountains,
    paint_portrait,
    paint_sea,
    paint_table,
    paint_city,
    paint_flower,
    paint_forest,
    paint_group,
    paint_road,
    paint_room,
)

SIZE = (768, 512)
"""Pixels of a camera's picture; a phone's is a little higher."""


def paint(seed: int, number: int, *, size: tuple[int, int] = SIZE) -> Image.Image:
    """Photograph `number` of the library with this seed: RGB, the same pixels every time.

    Shape:  neighbouring numbers show different kinds of scenes; every tenth is of one kind.
    Units:  size is (width, height) in pixels, both even.
    """
    canvas = Canvas(Image.new("RGB", size), np.random.default_rng([seed, number]))
    _PAINTERS[number % len(_PAINTERS)](canvas)
    return develop(canvas)
