from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from PIL import Image

from sidecar.demo.library import brush
from sidecar.demo.library.brush import Canvas

COLOURS = st.tuples(*[st.integers(0, 255)] * 3)


def blank(seed: int = 1) -> Canvas:
    return Canvas(Image.new("RGB", (60, 40)), np.random.default_rng(seed))


@given(COLOURS, COLOURS, st.floats(0, 1))
def test_a_mixture_lies_between_its_colours(one: brush.Colour, other: brush.Colour, share: float) -> None:
    found = brush.mixed(one, other, share)
    assert all(min(a, b) <= value <= max(a, b) for a, b, value in zip(one, other, found, strict=True))
    assert brush.mixed(one, other, 0) == one
    assert brush.mixed(one, other, 1) == other


@given(COLOURS, st.integers(0, 2**32))
def test_a_neighbour_is_a_colour(colour: brush.Colour, seed: int) -> None:
    assert all(0 <= value <= 255 for value in brush.varied(blank(seed), colour, 300))


@given(st.integers(0, 2**32), st.integers(1, 6), st.integers(1, 6))
def test_clouds_and_outlines_span_zero_to_one(seed: int, across: int, down: int) -> None:
    canvas = blank(seed)
    field = brush.cloudy(canvas, across, down)
    assert field.shape == (40, 60)
    assert -0.01 <= field.min() < 0.2
    assert 0.8 < field.max() <= 1.01
    line = brush.outline(canvas, across)
    assert (line.min(), line.max(), line.shape) == (0, 1, (60,))


@given(st.integers(0, 2**32))
def test_dice_stay_within_their_bounds(seed: int) -> None:
    canvas = blank(seed)
    assert 2 <= canvas.count(2, 4) <= 4
    assert 0.5 <= canvas.between(0.5, 0.75) <= 0.75
    assert canvas.chance(1)
    assert not canvas.chance(0)


def test_a_gradient_runs_down_and_then_stays() -> None:
    canvas = blank()
    brush.gradient(canvas, (0, 0, 0), (200, 200, 200), until=0.5)
    column = np.asarray(canvas.picture)[:, 7, 0].astype(int)
    assert column[0] == 0
    assert (np.diff(column) >= 0).all()
    assert (column[20:] == 200).all()


@pytest.mark.parametrize("x", [-0.3, 0.0, 0.5, 1.0, 1.4])
def test_a_ball_may_lie_half_or_wholly_outside(x: float) -> None:
    canvas = blank()
    brush.ball(canvas, (200, 100, 50), x, 0.5, across=0.2, down=0.2)
    assert (np.asarray(canvas.picture).any()) == (0 <= x <= 1)


def test_a_ball_is_lit_from_the_upper_left() -> None:
    canvas = blank()
    brush.ball(canvas, (120, 120, 120), 0.5, 0.5, across=0.4, down=0.4)
    lit, shaded = canvas.picture.getpixel((24, 14)), canvas.picture.getpixel((36, 26))
    assert lit > shaded  # type: ignore[operator]  # triples of one RGB picture


def test_out_of_focus_keeps_colours_and_loses_edges() -> None:
    canvas = blank()
    brush.box(canvas, (255, 255, 255), 0, 0, 0.5, 1)
    brush.paste_blurred(canvas, brush.small_copy(canvas), 0.1)
    row = np.asarray(canvas.picture)[20, :, 0].astype(int)
    assert row[2] > 240
    assert row[-3] < 15
    assert np.abs(np.diff(row)).max() < 60
