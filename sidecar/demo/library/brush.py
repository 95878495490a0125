"""What every painted scene is made of: gradients, noise, glows and shaded shapes on a Pillow picture.

Pure: the same generator state paints the same pixels. Lengths are shares of the picture's width or height.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageDraw, ImageFilter

Colour = tuple[int, int, int]
Field = NDArray[np.floating]
"""A value for each pixel, 0 to 1."""


@dataclass(frozen=True, slots=True)
class Canvas:
    """A picture being painted, and the dice that decide how."""

    picture: Image.Image
    dice: np.random.Generator

    @property
    def width(self) -> int:
        """Pixels across."""
        return self.picture.width

    @property
    def height(self) -> int:
        """Pixels down."""
        return self.picture.height

    def between(self, low: float, high: float) -> float:
        """A number thrown between two bounds."""
        return float(self.dice.uniform(low, high))

    def chance(self, share: float) -> bool:
        """True as often as the share says."""
        return bool(self.dice.random() < share)

    def count(self, low: int, high: int) -> int:
        """A whole number thrown between two bounds, both included."""
        return int(self.dice.integers(low, high + 1))

    def at(self, x: float, y: float) -> tuple[float, float]:
        """Pixels of a place given in shares."""
        return x * self.width, y * self.height


def mixed(one: Colour, other: Colour, share: float) -> Colour:
    """The colour that lies a share of the way from one to the other."""
    red, green, blue = (round(a + (b - a) * share) for a, b in zip(one, other, strict=True))
    return red, green, blue


def varied(canvas: Canvas, colour: Colour, spread: int = 18) -> Colour:
    """A neighbour of the colour."""
    red, green, blue = np.clip(np.asarray(colour) + canvas.dice.integers(-spread, spread + 1, 3), 0, 255).tolist()
    return red, green, blue


def noise(canvas: Canvas, cells_across: int, cells_down: int) -> Field:
    """Smooth random hills and dales, as many across and down as asked for."""
    return _full_size(canvas, _half_noise(canvas, cells_across, cells_down))


def cloudy(canvas: Canvas, cells_across: int, cells_down: int, octaves: int = 4) -> Field:
    """Noise of ever finer grain on top of itself, spread over 0 to 1."""
    layers = [
        _half_noise(canvas, cells_across << octave, cells_down << octave) / 2**octave for octave in range(octaves)
    ]
    total = np.sum(layers, axis=0, dtype=np.float32)
    low, high = total.min(), total.max()
    return _full_size(canvas, np.asarray((total - low) / (high - low), dtype=np.float32))


def _half_noise(canvas: Canvas, cells_across: int, cells_down: int) -> Field:
    # At half the size it takes a quarter of the time, and nobody sees it in smooth noise.
    grid = canvas.dice.random((cells_down + 1, cells_across + 1), dtype=np.float32)
    half = (canvas.width // 2, canvas.height // 2)
    return np.asarray(Image.fromarray(grid).resize(half, Image.Resampling.BICUBIC))


def _full_size(canvas: Canvas, half: Field) -> Field:
    return np.asarray(Image.fromarray(half).resize(canvas.picture.size, Image.Resampling.BILINEAR))


def outline(canvas: Canvas, bumps: int, octaves: int = 5) -> Field:
    """A jagged line from left to right, one value (0 to 1) for each column."""
    columns = np.linspace(0, 1, canvas.width)
    line = np.zeros(canvas.width)
    for octave in range(octaves):
        knots = canvas.dice.random((bumps << octave) + 1)
        line += np.interp(columns, np.linspace(0, 1, knots.size), knots) / 2**octave
    return np.asarray((line - line.min()) / (line.max() - line.min()), dtype=np.float32)


def mask_of(field: Field) -> Image.Image:
    """The field as a mask for pasting; values outside 0 to 1 are cut."""
    return Image.fromarray((np.clip(field, 0, 1) * 255).astype(np.uint8))


def fill(canvas: Canvas, colour: Colour, mask: Image.Image | None = None) -> None:
    """Paint the colour over everything, or as strongly as the mask says."""
    canvas.picture.paste(colour, (0, 0, canvas.width, canvas.height), mask)


def gradient(canvas: Canvas, top: Colour, bottom: Colour, *, until: float = 1.0) -> None:
    """Paint one colour running into another from the upper edge down to `until`; below, the last one stays."""
    shares = np.clip(np.linspace(0, 1 / until, canvas.height), 0, 1)[:, None]
    column = np.asarray(top) + shares * (np.asarray(bottom) - np.asarray(top))
    strip = Image.fromarray(column[:, None, :].astype(np.uint8))
    canvas.picture.paste(strip.resize(canvas.picture.size, Image.Resampling.NEAREST))


def glow(canvas: Canvas, colour: Colour, x: float, y: float, *, radius: float, strength: float = 1.0) -> None:
    """Paint a soft round light; radius is a share of the height."""
    centre_x, centre_y = canvas.at(x, y)
    across = np.exp(-(((np.arange(canvas.width, dtype=np.float32) - centre_x) / (radius * canvas.height)) ** 2))
    down = np.exp(-(((np.arange(canvas.height, dtype=np.float32) - centre_y) / (radius * canvas.height)) ** 2))
    fill(canvas, colour, mask_of(np.outer(down, across) * strength))


def polygon(canvas: Canvas, colour: Colour, *corners: tuple[float, float]) -> None:
    """Paint a flat shape; corners are shares."""
    ImageDraw.Draw(canvas.picture).polygon([canvas.at(x, y) for x, y in corners], fill=colour)


def box(  # noqa: PLR0917  # a box has four sides
    canvas: Canvas, colour: Colour, left: float, top: float, right: float, bottom: float
) -> None:
    """Paint an upright rectangle; its sides are shares."""
    ImageDraw.Draw(canvas.picture).rectangle([canvas.at(left, top), canvas.at(right, bottom)], fill=colour)


def ball(canvas: Canvas, colour: Colour, x: float, y: float, *, across: float, down: float, shine: float = 0.5) -> None:
    """Paint an egg lit from the upper left; its two radii are shares of the height, shine is the strength of light."""
    centre_x, centre_y = canvas.at(x, y)
    half_width, half_height = max(2, round(across * canvas.height)), max(2, round(down * canvas.height))
    rows, columns = np.mgrid[-half_height : half_height + 1, -half_width : half_width + 1].astype(np.float32)
    columns, rows = columns / half_width, rows / half_height
    radius = columns**2 + rows**2
    light = 1 + shine * (0.3 - radius * 0.55 - columns * 0.45 - rows * 0.5)
    shaded = np.clip(np.asarray(colour, dtype=np.float32) * light[:, :, None], 0, 255).astype(np.uint8)
    mask = mask_of((1 - radius) * half_width / 3)
    canvas.picture.paste(Image.fromarray(shaded), (round(centre_x) - half_width, round(centre_y) - half_height), mask)


def below(canvas: Canvas, line: Field) -> Field:
    """1 for every pixel under the line (a share of the height for each column), soft by one pixel at the edge."""
    rows = np.arange(canvas.height, dtype=np.float32)[:, None]
    return np.asarray(np.clip(rows - line[None, :] * canvas.height, 0, 1), dtype=np.float32)


def rough(canvas: Canvas, mask: Field, *, cells: tuple[int, int], depth: float) -> None:
    """Darken the masked part irregularly, as grass, rock or cloth look; depth is the deepest shade."""
    fill(canvas, (8, 10, 14), mask_of(mask * cloudy(canvas, *cells, octaves=3) * depth))


def small_copy(canvas: Canvas) -> Canvas:
    """A canvas of a quarter of the size with the same dice, for what will be out of focus anyway."""
    quarter = (canvas.width // 4, canvas.height // 4)
    return Canvas(canvas.picture.resize(quarter, Image.Resampling.BOX), canvas.dice)


def paste_blurred(canvas: Canvas, small: Canvas, share: float) -> None:
    """Paint the small copy over everything, out of focus; the share is of the height."""
    soft = small.picture.filter(ImageFilter.GaussianBlur(share * small.height))
    canvas.picture.paste(soft.resize(canvas.picture.size, Image.Resampling.BICUBIC))


def develop(canvas: Canvas) -> Image.Image:
    """The finished photograph: edges as soft as a lens draws them, darker corners, a little grain."""
    sharp = np.asarray(canvas.picture.filter(ImageFilter.BoxBlur(0.5)), dtype=np.int16)
    across = np.linspace(-1, 1, canvas.width, dtype=np.float32) ** 2
    down = np.linspace(-1, 1, canvas.height, dtype=np.float32) ** 2
    vignette = (down[:, None] + across[None, :]) * 9
    grain = canvas.dice.integers(-5, 6, (canvas.height, canvas.width), dtype=np.int16)
    shade = grain - vignette.astype(np.int16)
    return Image.fromarray(np.clip(sharp + shade[:, :, None], 0, 255).astype(np.uint8))
