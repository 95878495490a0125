"""Scenes under a sky: mountains, sea, forest, road, city. Each paints one photograph onto a canvas."""

from __future__ import annotations

import numpy as np

from sidecar.demo.library.brush import (
    Canvas,
    Colour,
    ball,
    below,
    box,
    cloudy,
    fill,
    glow,
    gradient,
    mask_of,
    mixed,
    noise,
    outline,
    polygon,
    rough,
    varied,
)

_BLACK: Colour = (12, 14, 20)
_SNOW: Colour = (238, 243, 250)
_LAMP: Colour = (255, 214, 130)

# (upper sky, lower sky, cloud, light of the sun, how much of the ground's own colour is seen)
_SKIES: tuple[tuple[Colour, Colour, Colour, Colour, float], ...] = (
    ((58, 118, 196), (188, 216, 238), (250, 250, 252), (255, 250, 225), 1.0),  # noon
    ((70, 84, 140), (250, 176, 112), (255, 190, 150), (255, 226, 150), 0.65),  # sunset
    ((122, 150, 186), (246, 220, 204), (255, 236, 226), (255, 244, 214), 0.85),  # morning
    ((130, 140, 150), (206, 210, 212), (226, 228, 230), (236, 236, 232), 0.8),  # overcast
    ((10, 16, 44), (52, 66, 110), (60, 70, 104), (226, 230, 240), 0.28),  # moonlit
)


def _sky(canvas: Canvas, horizon: float) -> tuple[Colour, float]:
    """Paint the sky with its sun and clouds; (colour of the haze, light on the ground)."""
    upper, lower, cloud, sun, light = _SKIES[canvas.count(0, len(_SKIES) - 1)]
    upper, lower = varied(canvas, upper), varied(canvas, lower)
    gradient(canvas, upper, lower, until=horizon)
    x, y = canvas.between(0.08, 0.92), canvas.between(0.08, 0.9) * horizon
    glow(canvas, sun, x, y, radius=canvas.between(0.2, 0.5), strength=0.6)
    glow(canvas, sun, x, y, radius=canvas.between(0.035, 0.07), strength=2.5)
    cover = canvas.between(0.3, 0.75)
    fill(canvas, cloud, mask_of((cloudy(canvas, canvas.count(2, 4), canvas.count(4, 8)) - cover) * 2.4))
    return lower, light


def _lit(colour: Colour, light: float) -> Colour:
    return mixed(_BLACK, colour, light)


def paint_mountains(canvas: Canvas) -> None:
    """Ridges behind ridges, snow or none, sometimes a lake that mirrors them."""
    horizon = canvas.between(0.45, 0.75)
    haze, light = _sky(canvas, horizon)
    ground = _lit(varied(canvas, ((70, 96, 62), (96, 88, 74), (60, 74, 92), (116, 92, 62))[canvas.count(0, 3)]), light)
    has_snow = canvas.chance(0.5)
    ridges = canvas.count(2, 4)
    for ridge in range(ridges):
        depth = (ridge + 1) / ridges
        peak = horizon - canvas.between(0.2, 0.45) * (1.1 - depth * 0.7)
        line = (peak + (horizon + 0.22 * depth - peak) * (1 - outline(canvas, canvas.count(2, 5)))).astype(np.float32)
        covered = below(canvas, line)
        fill(canvas, mixed(haze, ground, depth**0.7), mask_of(covered))
        rough(canvas, covered, cells=(12, 8), depth=0.5 * depth)
        if has_snow and ridge < 2:  # noqa: PLR2004  # only what is far is high
            snow_line = line + 0.03 + 0.1 * outline(canvas, 8)
            fill(canvas, mixed(_BLACK, _SNOW, 0.3 + 0.7 * light), mask_of((covered - below(canvas, snow_line)) * 0.9))
    shore = horizon + canvas.between(0.04, 0.1)
    if canvas.chance(0.45):
        _mirror(canvas, shore)
    else:
        meadow = below(canvas, np.full(canvas.width, shore + 0.06, dtype=np.float32) + 0.08 * outline(canvas, 2, 2))
        fill(canvas, _lit(varied(canvas, (112, 138, 70), 30), light), mask_of(meadow))
        rough(canvas, meadow, cells=(60, 40), depth=0.55)
    _pines(canvas, _lit((28, 52, 40), light))


def _mirror(canvas: Canvas, shore: float) -> None:
    """Paint a lake below the shore that shows, darker and rippled, what stands above."""
    row = round(shore * canvas.height)
    depth = canvas.height - row
    above = np.asarray(canvas.picture)[max(0, row - depth) : row][::-1]
    ripples = noise(canvas, 14, 90)[row : row + above.shape[0], :, None]
    water = np.asarray(canvas.picture).copy()
    water[row : row + above.shape[0]] = (above * (0.6 + 0.25 * np.clip(ripples, 0, 1))).astype(np.uint8)
    canvas.picture.frombytes(water.tobytes())


def _pines(canvas: Canvas, colour: Colour) -> None:
    left = canvas.between(-0.1, 0.8)
    for _ in range(canvas.count(0, 9)):
        x, foot, tall = left + canvas.between(0, 0.3), canvas.between(0.85, 1.05), canvas.between(0.2, 0.5)
        for level in range(6):
            top, wide = foot - tall * (1 - level * 0.13), 0.012 + 0.009 * level
            polygon(
                canvas,
                varied(canvas, colour, 6),
                (x, top),
                (x - wide, top + tall * 0.25),
                (x + wide, top + tall * 0.25),
            )


def paint_sea(canvas: Canvas) -> None:
    """Water to the horizon with the sun's path on it, perhaps a boat, a beach or rocks."""
    horizon = canvas.between(0.25, 0.7)
    haze, light = _sky(canvas, horizon)
    water = _lit(varied(canvas, ((24, 92, 122), (38, 70, 104), (46, 112, 112))[canvas.count(0, 2)]), light)
    sea = below(canvas, np.full(canvas.width, horizon, dtype=np.float32))
    fill(canvas, mixed(water, haze, 0.2), mask_of(sea))
    rough(canvas, sea, cells=(9, 60), depth=0.6)
    path = np.exp(-(((np.linspace(0, 1, canvas.width) - canvas.between(0.1, 0.9)) / 0.08) ** 2)).astype(np.float32)
    sparkle = (noise(canvas, 60, 120) - 0.45) * 3
    fill(canvas, (255, 240, 205), mask_of(sea * path[None, :] * sparkle))
    if canvas.chance(0.6):
        _boat(canvas, canvas.between(0.1, 0.9), horizon, canvas.between(0.1, 0.3))
    if canvas.chance(0.6):
        edge = canvas.between(0.7, 0.92) + canvas.between(-0.3, 0.3) * np.linspace(-0.5, 0.5, canvas.width)
        for shift, colour in ((0.0, (236, 240, 236)), (0.015, (150, 128, 98)), (0.05, (214, 190, 148))):
            sand = below(canvas, (edge + shift + 0.02 * outline(canvas, 4, 3)).astype(np.float32))
            fill(canvas, _lit(colour, light), mask_of(sand))
    for _ in range(canvas.count(0, 4)):
        stone = varied(canvas, _lit((84, 80, 78), light))
        ball(
            canvas, stone, canvas.between(0, 1), canvas.between(0.85, 1.05), across=canvas.between(0.05, 0.3), down=0.12
        )


def _boat(canvas: Canvas, x: float, waterline: float, tall: float) -> None:
    foot = waterline + 0.03
    polygon(canvas, (245, 242, 232), (x, foot - tall), (x, foot - 0.02), (x + tall * 0.42, foot - 0.02))
    polygon(
        canvas,
        varied(canvas, (205, 90, 70), 50),
        (x - 0.006, foot - tall * 0.9),
        (x - 0.006, foot - 0.02),
        (x - tall * 0.3, foot - 0.02),
    )
    polygon(
        canvas,
        (58, 42, 36),
        (x - tall * 0.3, foot - 0.015),
        (x + tall * 0.4, foot - 0.015),
        (x + tall * 0.3, foot + 0.02),
        (x - tall * 0.2, foot + 0.02),
    )


def paint_forest(canvas: Canvas) -> None:
    """Trunks standing in mist, the near ones dark, a path between them."""
    mist = varied(canvas, ((206, 214, 190), (236, 206, 150), (176, 194, 206))[canvas.count(0, 2)])
    leaves = varied(canvas, ((64, 96, 40), (176, 110, 40), (40, 70, 50))[canvas.count(0, 2)])
    gradient(canvas, mixed(mist, leaves, 0.35), mist, until=0.7)
    glow(canvas, (255, 250, 225), canvas.between(0.1, 0.9), canvas.between(0.2, 0.6), radius=0.4, strength=0.9)
    floor = below(canvas, (canvas.between(0.6, 0.8) + 0.05 * outline(canvas, 3, 3)).astype(np.float32))
    fill(canvas, mixed(leaves, (90, 66, 40), 0.5), mask_of(floor))
    rough(canvas, floor, cells=(40, 30), depth=0.6)
    at, wide = canvas.between(0.2, 0.8), canvas.between(0.15, 0.4)
    polygon(canvas, mixed(mist, (150, 120, 84), 0.6), (at, 0.7), (at + 0.04, 0.7), (at + wide, 1), (at - wide, 1))
    for layer, trunks in enumerate((canvas.count(8, 16), canvas.count(4, 8), canvas.count(2, 5))):
        bark = mixed(mist, _BLACK, 0.35 + 0.27 * layer)
        for _ in range(trunks):
            x, thick, lean = (
                canvas.between(0, 1),
                (0.006 + 0.014 * layer) * canvas.between(0.7, 1.5),
                canvas.between(-0.03, 0.03),
            )
            foot = 0.74 + 0.09 * layer + canvas.between(0, 0.05)
            polygon(
                canvas,
                varied(canvas, bark, 8),
                (x + lean, 0),
                (x + lean + thick * 0.7, 0),
                (x + thick, foot),
                (x - thick * 0.3, foot),
            )
    crown = (
        np.linspace(1.1, -1.0, canvas.height, dtype=np.float32)[:, None]
        + cloudy(canvas, 10, 8)
        - canvas.between(0.4, 1.2)
    )
    fill(canvas, mixed(leaves, _BLACK, 0.35), mask_of(crown * 2.5))


def paint_road(canvas: Canvas) -> None:
    """A road running away through fields, with poles, perhaps a house and a tree."""
    horizon = canvas.between(0.35, 0.65)
    _, light = _sky(canvas, horizon)
    fields = below(canvas, (horizon + 0.03 * outline(canvas, 2, 2)).astype(np.float32))
    crop = varied(canvas, ((196, 176, 84), (104, 146, 66), (214, 206, 190), (150, 116, 74))[canvas.count(0, 3)])
    fill(canvas, _lit(crop, light), mask_of(fields))
    rough(canvas, fields, cells=(10, 50), depth=0.5)
    vanish, left, right = canvas.between(0.15, 0.85), canvas.between(-0.5, 0.35), canvas.between(0.65, 1.5)
    top = horizon + 0.035
    polygon(canvas, _lit((92, 92, 98), light), (vanish - 0.005, top), (vanish + 0.005, top), (right, 1), (left, 1))
    middle = (left + right) / 2
    for dash in range(7):
        near, far = 0.85**dash, 0.85 ** (dash + 0.5)
        x_near, x_far = vanish + (middle - vanish) * near, vanish + (middle - vanish) * far
        y_near, y_far = top + (1 - top) * near, top + (1 - top) * far
        polygon(
            canvas,
            (236, 232, 220),
            (x_near - 0.014 * near, y_near),
            (x_near + 0.014 * near, y_near),
            (x_far + 0.01 * far, y_far),
            (x_far - 0.01 * far, y_far),
        )
    if canvas.chance(0.6):
        _house(canvas, canvas.between(0.02, 0.75), horizon + 0.1, canvas.between(0.12, 0.3), light)
    if canvas.chance(0.7):
        _tree(canvas, canvas.between(0.05, 0.95), horizon + canvas.between(0.1, 0.3), canvas.between(0.12, 0.3), light)


def _house(canvas: Canvas, left: float, foot: float, wide: float, light: float) -> None:
    wall = _lit(varied(canvas, (216, 200, 176), 40), light)
    top, right = foot - wide * 0.8, left + wide
    box(canvas, wall, left, top, right, foot)
    polygon(
        canvas,
        _lit(varied(canvas, (146, 66, 50), 30), light),
        (left - 0.02, top),
        (right + 0.02, top),
        (left + wide / 2, top - wide * 0.6),
    )
    for x in (left + wide * 0.18, left + wide * 0.62):
        box(canvas, mixed(wall, _BLACK, 0.7), x, top + wide * 0.2, x + wide * 0.2, top + wide * 0.45)


def _tree(canvas: Canvas, x: float, foot: float, size: float, light: float) -> None:
    box(canvas, _lit((74, 54, 40), light), x - size * 0.06, foot - size, x + size * 0.06, foot)
    crown = varied(canvas, (72, 110, 48), 34)
    for _ in range(14):
        puff = size * canvas.between(0.25, 0.5)
        ball(
            canvas,
            _lit(varied(canvas, crown), light),
            x + canvas.between(-0.5, 0.5) * size,
            foot - size * canvas.between(0.9, 1.9),
            across=puff,
            down=puff,
        )


def paint_city(canvas: Canvas) -> None:
    """Towers behind houses, lit windows when it is dark, a street in front."""
    horizon = canvas.between(0.75, 0.95)
    haze, light = _sky(canvas, horizon)
    for layer in range(2):
        x, storey = canvas.between(-0.15, 0.0), 0.028 + 0.02 * layer
        tallest = canvas.between(0.3, 0.75) - 0.1 * layer
        while x < 1:
            wide, tall = canvas.between(0.07, 0.2), tallest * canvas.between(0.25, 1.0)
            wall = mixed(haze, _lit(varied(canvas, (150, 132, 118), 46), light), 0.45 + 0.5 * layer)
            box(canvas, wall, x, horizon - tall, x + wide, horizon)
            box(canvas, mixed(wall, _BLACK, 0.25), x + wide * 0.8, horizon - tall, x + wide, horizon)
            _windows(canvas, wall, (x, horizon - tall, x + wide * 0.8, horizon), storey=storey, light=light)
            x += wide + canvas.between(0, 0.06) * (1 - layer)
    box(canvas, _lit((104, 102, 104), light), 0, horizon, 1, 1)
    for _ in range(canvas.count(0, 4)):
        _car(canvas, canvas.between(0, 0.9), canvas.between(horizon + 0.02, 1.0))


def _windows(
    canvas: Canvas, wall: Colour, frame: tuple[float, float, float, float], *, storey: float, light: float
) -> None:
    left, top, right, bottom = frame
    is_dark = light < 0.7  # noqa: PLR2004  # from sunset on
    for y in np.arange(top + storey * 0.5, bottom - storey, storey):
        for x in np.arange(left + 0.008, right - 0.012, 0.021):
            glass = _LAMP if is_dark and canvas.chance(0.45) else mixed(wall, _BLACK, 0.45)
            box(canvas, glass, float(x), float(y), float(x) + 0.011, float(y) + storey * 0.5)


def _car(canvas: Canvas, x: float, foot: float) -> None:
    paint = varied(canvas, (150, 60, 60), 90)
    box(canvas, paint, x, foot - 0.06, x + 0.13, foot - 0.015)
    polygon(
        canvas,
        mixed(paint, _BLACK, 0.6),
        (x + 0.02, foot - 0.06),
        (x + 0.04, foot - 0.1),
        (x + 0.09, foot - 0.1),
        (x + 0.11, foot - 0.06),
    )
    for wheel in (x + 0.03, x + 0.1):
        ball(canvas, (24, 24, 26), wheel, foot - 0.015, across=0.02, down=0.02)
