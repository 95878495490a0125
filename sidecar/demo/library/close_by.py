"""Scenes near the camera: a portrait, a group, a laid table, a flower, a room with a window."""

from __future__ import annotations

import numpy as np

from sidecar.demo.library.brush import (
    Canvas,
    Colour,
    ball,
    box,
    cloudy,
    fill,
    glow,
    gradient,
    mask_of,
    mixed,
    paste_blurred,
    polygon,
    rough,
    small_copy,
    varied,
)

_BLACK: Colour = (14, 12, 14)
_SKIN: tuple[Colour, ...] = ((236, 196, 170), (198, 146, 112), (140, 96, 70), (90, 62, 48))
_HAIR: tuple[Colour, ...] = ((40, 28, 22), (96, 62, 36), (196, 160, 96), (150, 150, 150))
_CLOTH: tuple[Colour, ...] = (
    (44, 70, 120),
    (170, 54, 54),
    (228, 226, 218),
    (52, 52, 58),
    (212, 160, 52),
    (60, 110, 84),
)


def _one_of(canvas: Canvas, colours: tuple[Colour, ...]) -> Colour:
    return varied(canvas, colours[canvas.count(0, len(colours) - 1)])


def _backdrop(canvas: Canvas) -> None:
    """Paint what lies out of focus behind somebody: large lights and shades."""
    small = small_copy(canvas)
    gradient(small, _one_of(small, _CLOTH), _one_of(small, ((90, 120, 60), (150, 130, 110), (40, 50, 70))))
    for _ in range(small.count(5, 12)):
        size = small.between(0.06, 0.35)
        glow(small, _one_of(small, (*_CLOTH, (250, 240, 210))), small.between(0, 1), small.between(0, 1), radius=size)
    paste_blurred(canvas, small, 0.02)


def _person(canvas: Canvas, x: float, foot: float, tall: float) -> None:
    """Paint somebody from head to as far down as the picture reaches; tall is the height of head and body."""
    skin, hair, cloth = _one_of(canvas, _SKIN), _one_of(canvas, _HAIR), _one_of(canvas, _CLOTH)
    top, head = foot - tall, tall * 0.085
    narrow = canvas.height / canvas.width
    shoulders = top + head * 2.6
    if canvas.chance(0.5):  # long hair
        ball(canvas, hair, x, top + head * 1.7, across=head * 1.15, down=head * 2.0, shine=0.4)
    for side in (-1, 1):
        box(
            canvas,
            mixed(cloth, _BLACK, 0.55),
            x + (side - 0.8) * head * 0.5 * narrow,
            foot - tall * 0.5,
            x + (side + 0.8) * head * 0.5 * narrow,
            foot,
        )
        ball(
            canvas,
            mixed(cloth, _BLACK, 0.15),
            x + side * head * 1.75 * narrow,
            shoulders + tall * 0.2,
            across=head * 0.5,
            down=tall * 0.21,
        )
    ball(canvas, cloth, x, shoulders + tall * 0.2, across=head * 1.8, down=tall * 0.27, shine=0.35)
    box(
        canvas,
        mixed(skin, _BLACK, 0.2),
        x - head * 0.4 * narrow,
        top + head * 1.5,
        x + head * 0.4 * narrow,
        top + head * 2.7,
    )
    ball(canvas, hair, x, top + head * 0.9, across=head * 0.95, down=head * 1.05)
    ball(canvas, skin, x, top + head * 1.15, across=head * 0.78, down=head * 1.0, shine=0.4)
    for side in (-1, 1):
        ball(
            canvas,
            mixed(skin, _BLACK, 0.75),
            x + side * head * 0.3 * narrow,
            top + head * 1.05,
            across=head * 0.1,
            down=head * 0.07,
        )
    ball(canvas, mixed(skin, (170, 50, 50), 0.6), x, top + head * 1.65, across=head * 0.25, down=head * 0.07)


def paint_portrait(canvas: Canvas) -> None:
    """One person near the camera, the background out of focus."""
    _backdrop(canvas)
    tall = canvas.between(1.7, 3.2)
    _person(canvas, canvas.between(0.2, 0.8), canvas.between(0.1, 0.3) + tall, tall)


def paint_group(canvas: Canvas) -> None:
    """Several people side by side on grass, sand or a stage."""
    _backdrop(canvas)
    ground = canvas.between(0.6, 0.85)
    box(canvas, _one_of(canvas, ((96, 130, 60), (206, 184, 142), (90, 60, 46), (120, 120, 124))), 0, ground, 1, 1)
    rough(
        canvas,
        np.repeat(np.linspace(0, 1, canvas.height, dtype=np.float32)[:, None] ** 2, canvas.width, axis=1),
        cells=(30, 30),
        depth=0.5,
    )
    people = canvas.count(2, 6)
    middle, spread = canvas.between(0.35, 0.65), canvas.between(0.09, 0.16)
    tall = canvas.between(0.55, 0.9)
    for place in range(people):
        x = middle + (place - (people - 1) / 2) * spread
        _person(canvas, x, ground + canvas.between(0.03, 0.12), tall * canvas.between(0.7, 1.05))


def paint_table(canvas: Canvas) -> None:
    """Fruit, a bowl and a cup on a table beside a window."""
    wall = _one_of(canvas, ((206, 198, 184), (96, 110, 120), (168, 120, 96), (60, 58, 62)))
    gradient(canvas, wall, mixed(wall, _BLACK, 0.4))
    slant, start = canvas.between(-0.3, 0.3), canvas.between(0, 0.7)
    light = mixed(wall, (255, 250, 230), 0.6)
    polygon(canvas, light, (start, 0), (start + 0.25, 0), (start + 0.25 + slant, 0.7), (start + slant, 0.7))
    edge = canvas.between(0.45, 0.7)
    wood = _one_of(canvas, ((146, 98, 60), (214, 206, 196), (72, 50, 40)))
    box(canvas, wood, 0, edge, 1, 1)
    grain = np.zeros((canvas.height, canvas.width), dtype=np.float32)
    grain[round(edge * canvas.height) :] = 1
    rough(canvas, grain, cells=(3, 60), depth=0.4)
    for _ in range(canvas.count(3, 8)):
        x, y, size = canvas.between(0.08, 0.92), canvas.between(edge, 0.92), canvas.between(0.05, 0.15)
        ball(canvas, mixed(wood, _BLACK, 0.7), x + 0.02, y + size * 0.9, across=size * 1.1, down=size * 0.25, shine=0)
        fruit = _one_of(canvas, ((200, 50, 40), (240, 170, 40), (130, 170, 50), (110, 50, 90), (236, 220, 90)))
        ball(canvas, fruit, x, y, across=size, down=size * canvas.between(0.8, 1.1), shine=0.9)
    x, y, size = canvas.between(0.15, 0.85), canvas.between(edge - 0.02, 0.8), canvas.between(0.12, 0.24)
    china = _one_of(canvas, ((240, 240, 236), (60, 96, 140), (190, 120, 90)))
    ball(canvas, china, x, y, across=size, down=size * 0.8)
    ball(canvas, mixed(china, _BLACK, 0.6), x, y - size * 0.45, across=size * 0.8, down=size * 0.2)


def paint_flower(canvas: Canvas) -> None:
    """Blossoms so near that all else is a blur."""
    _backdrop(canvas)
    leaves = mask_of(cloudy(canvas, 3, 2, octaves=2) * 1.2 - 0.2)
    fill(canvas, _one_of(canvas, ((60, 100, 44), (30, 60, 40), (140, 160, 90))), leaves)
    for _ in range(canvas.count(1, 3)):
        x, y, size = canvas.between(0.15, 0.85), canvas.between(0.2, 0.75), canvas.between(0.16, 0.36)
        polygon(canvas, (66, 104, 50), (x - 0.008, y), (x + 0.008, y), (x + canvas.between(-0.1, 0.1), 1.05))
        petal = _one_of(canvas, ((226, 60, 90), (250, 246, 240), (250, 200, 60), (150, 90, 190), (240, 130, 60)))
        petals, turn = canvas.count(5, 11), canvas.between(0, 3)
        narrow = canvas.height / canvas.width
        for angle in np.linspace(turn, turn + 2 * np.pi, petals, endpoint=False):
            reach_x, reach_y = np.cos(angle) * size * 0.62 * narrow, np.sin(angle) * size * 0.62
            ball(
                canvas,
                varied(canvas, petal, 12),
                x + float(reach_x),
                y + float(reach_y),
                across=size * 0.42,
                down=size * 0.42,
            )
        ball(
            canvas,
            _one_of(canvas, ((110, 70, 30), (240, 200, 70))),
            x,
            y,
            across=size * 0.28,
            down=size * 0.28,
            shine=0.8,
        )


def paint_room(canvas: Canvas) -> None:
    """A dim room with a bright window, a lamp and something to sit on."""
    wall = _one_of(canvas, ((92, 80, 74), (58, 66, 80), (130, 112, 92), (40, 40, 44)))
    gradient(canvas, mixed(wall, (255, 255, 255), 0.1), mixed(wall, _BLACK, 0.5))
    floor = canvas.between(0.7, 0.9)
    box(canvas, mixed(wall, (90, 56, 34), 0.6), 0, floor, 1, 1)
    left, top = canvas.between(0.05, 0.6), canvas.between(0.05, 0.25)
    right, bottom = left + canvas.between(0.2, 0.4), top + canvas.between(0.3, 0.5)
    box(canvas, (235, 232, 226), left - 0.015, top - 0.02, right + 0.015, bottom + 0.02)
    box(canvas, varied(canvas, (190, 214, 240)), left, top, right, bottom)
    hill = bottom - canvas.between(0.05, 0.2)
    polygon(canvas, varied(canvas, (120, 150, 96)), (left, bottom), (left, hill), (right, hill + 0.05), (right, bottom))
    box(canvas, (235, 232, 226), (left + right) / 2 - 0.006, top, (left + right) / 2 + 0.006, bottom)
    glow(canvas, (240, 240, 230), (left + right) / 2, (top + bottom) / 2, radius=0.5, strength=0.25)
    sofa, seat = _one_of(canvas, _CLOTH), canvas.between(-0.1, 0.6)
    box(canvas, mixed(sofa, _BLACK, 0.3), seat, floor - 0.2, seat + 0.5, floor + 0.06)
    box(canvas, mixed(sofa, _BLACK, 0.1), seat - 0.03, floor - 0.06, seat + 0.53, floor + 0.1)
    if canvas.chance(0.6):
        x = canvas.between(0.1, 0.9)
        box(canvas, _BLACK, x - 0.004, floor - 0.45, x + 0.004, floor)
        polygon(
            canvas,
            (250, 224, 170),
            (x - 0.03, floor - 0.6),
            (x + 0.03, floor - 0.6),
            (x + 0.06, floor - 0.43),
            (x - 0.06, floor - 0.43),
        )
        glow(canvas, (255, 220, 150), x, floor - 0.5, radius=0.3, strength=0.5)
    if canvas.chance(0.5):
        _person(canvas, canvas.between(0.1, 0.9), floor + 0.15, canvas.between(0.6, 0.9))
