"""The photographs that the comparisons are made from: a folder of real ones, or the demo's painted library.

SIDECAR_BENCH_PHOTOS names the folder. Nothing of it is kept: copies live as long as the run.
"""

from __future__ import annotations

import os
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from PIL import Image

from sidecar.demo.library.scenes import paint
from sidecar.media.decode import open_picture

PHOTOS_VARIABLE = "SIDECAR_BENCH_PHOTOS"
SHORT_EDGE = 1000
PAINTED = 40
PAINTED_SIZE = (1000, 750)
_PICTURES = {".jpg", ".jpeg", ".png", ".webp", ".heic", ".avif", ".tif", ".tiff"}
_ASPECTS = (4 / 3, 3 / 2, 16 / 9, 3 / 4, 2 / 3, 9 / 16, 1.0)
_MOST_OVERLAP = 0.4
"""Of two crops' united area. Two crops that share more show, to an honest eye, one subject."""
_DRAWS = 40


@dataclass(frozen=True, slots=True)
class Photographs:
    """Where photograph number i comes from; small enough to be sent to another process."""

    paths: tuple[Path, ...]
    painted: int = 0

    def __len__(self) -> int:
        return len(self.paths) or self.painted

    @property
    def are_real(self) -> bool:
        """Whether cameras took them."""
        return bool(self.paths)

    def picture(self, number: int) -> Image.Image:
        """Photograph `number`, upright, its short edge at most SHORT_EDGE pixels."""
        if not self.paths:
            return paint(11, number, size=PAINTED_SIZE)
        return reduced(open_picture(self.paths[number], self.paths[number].name), SHORT_EDGE)

    def describe(self) -> str:
        """A sentence for the head of a report."""
        if self.paths:
            return f"{len(self)} photographs from the folder that {PHOTOS_VARIABLE} names"
        return f"{len(self)} painted pictures of the demo; set {PHOTOS_VARIABLE} to a folder for real photographs"


def photographs() -> Photographs:
    """The photographs of this run.

    Errors: SystemExit if the folder that was named holds no picture.
    """
    folder = os.environ.get(PHOTOS_VARIABLE, "")
    if not folder:
        return Photographs(paths=(), painted=PAINTED)
    paths = tuple(sorted(path for path in Path(folder).iterdir() if path.suffix.lower() in _PICTURES))
    if not paths:
        raise SystemExit(f"{PHOTOS_VARIABLE} names a folder without pictures")
    return Photographs(paths=paths)


def reduced(picture: Image.Image, short_edge: int) -> Image.Image:
    """The picture with its short edge at most so many pixels, as Immich fits a thumbnail."""
    scale = short_edge / min(picture.size)
    if scale >= 1:
        return picture
    width, height = (round(edge * scale) for edge in picture.size)
    return picture.resize((width, height), Image.Resampling.LANCZOS)


def crops(picture: Image.Image, count: int, *, seed: int, short_edge: int) -> Iterator[Image.Image]:
    """Up to so many pictures from within one: different subjects for all that a machine can tell.

    Shape:  no two share more than two fifths of their united area; a picture of few pixels gives fewer crops.
    Units:  short_edge is that of the crops, in pixels; they are reduced, never enlarged beyond a third of it.
    """
    dice = np.random.default_rng(seed)
    chosen: list[tuple[int, int, int, int]] = []
    for _ in range(count):
        for _ in range(_DRAWS):
            box = _box(dice, picture.size)
            if min(box[2] - box[0], box[3] - box[1]) >= short_edge // 3 and all(
                _overlap(box, other) <= _MOST_OVERLAP for other in chosen
            ):
                chosen.append(box)
                yield reduced(picture.crop(box), short_edge)
                break


def _box(dice: np.random.Generator, size: tuple[int, int]) -> tuple[int, int, int, int]:
    aspect = float(dice.choice(_ASPECTS))
    share = float(dice.uniform(0.12, 0.7))
    width = min(size[0], size[1] * aspect) * share
    height = width / aspect
    left, top = dice.uniform(0, size[0] - width), dice.uniform(0, size[1] - height)
    return round(left), round(top), round(left + width), round(top + height)


def _overlap(one: tuple[int, int, int, int], other: tuple[int, int, int, int]) -> float:
    across = min(one[2], other[2]) - max(one[0], other[0])
    down = min(one[3], other[3]) - max(one[1], other[1])
    if across <= 0 or down <= 0:
        return 0.0
    shared = across * down
    return shared / (_area(one) + _area(other) - shared)


def _area(box: tuple[int, int, int, int]) -> int:
    return (box[2] - box[0]) * (box[3] - box[1])
