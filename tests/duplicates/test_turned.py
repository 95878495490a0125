"""The eight ways a picture can lie, and that hashes follow it without turning it."""

from __future__ import annotations

import imagehash
import numpy as np
import pytest
from PIL import Image

from sidecar.duplicates.turned import TURNS, Turn, turned_colours, turned_hashes, turned_luma
from tests.duplicates.strategies import samples_of, scene

PILLOWS = {
    Turn.MIRRORED: Image.Transpose.FLIP_LEFT_RIGHT,
    Turn.UPSIDE_DOWN: Image.Transpose.FLIP_TOP_BOTTOM,
    Turn.BY_180: Image.Transpose.ROTATE_180,
    Turn.TRANSPOSED: Image.Transpose.TRANSPOSE,
    Turn.BY_90: Image.Transpose.ROTATE_270,  # Pillow turns the other way
    Turn.BY_270: Image.Transpose.ROTATE_90,
    Turn.TRANSVERSED: Image.Transpose.TRANSVERSE,
}


@pytest.mark.parametrize("turn", [pytest.param(turn, id=turn.words) for turn in TURNS])
@pytest.mark.parametrize("number", range(4))
def test_values_and_hashes_are_those_of_the_turned_picture(turn: Turn, number: int) -> None:
    seen = samples_of(scene(number))
    luma, colours = np.frombuffer(seen.luma, np.uint8)[np.newaxis], np.frombuffer(seen.colours, np.uint8)[np.newaxis]
    turned = Image.frombytes("L", (32, 32), seen.luma).transpose(PILLOWS[turn])
    assert turned_luma(luma, turn)[0].tobytes() == turned.tobytes()
    assert (turned_luma(turned_luma(luma, turn), turn.back) == luma).all()
    turned_means = Image.frombytes("RGB", (8, 8), seen.colours).transpose(PILLOWS[turn])
    assert turned_colours(colours, turn)[0].tobytes() == turned_means.tobytes()
    assert f"{turned_hashes(luma)[0, TURNS.index(turn)]:016x}" == str(imagehash.phash(turned))


def test_pictures_are_turned_one_by_one() -> None:
    luma = np.stack([np.frombuffer(samples_of(scene(number)).luma, np.uint8) for number in range(3)])
    together = turned_hashes(luma)
    assert together.shape == (3, 7)
    assert together.tolist() == [turned_hashes(each[np.newaxis])[0].tolist() for each in luma]
    assert (turned_luma(luma, Turn.NONE) == luma).all()


def test_every_turn_has_its_words_and_says_whether_sides_swap() -> None:
    assert len({turn.words for turn in Turn}) == 8
    assert {turn for turn in Turn if turn.swaps_sides} == {
        Turn.TRANSPOSED, Turn.BY_90, Turn.BY_270, Turn.TRANSVERSED,
    }  # fmt: skip
    assert (Turn.BY_90.words, Turn.MIRRORED.words) == ("turned by 90 degrees", "mirrored")
    # Mirrored, then turned clockwise by 90 degrees.
    mirrored = scene(1).transpose(PILLOWS[Turn.MIRRORED]).transpose(PILLOWS[Turn.BY_90])
    word = Turn.TRANSVERSED if mirrored == scene(1).transpose(PILLOWS[Turn.TRANSVERSED]) else Turn.TRANSPOSED
    assert word.words == "mirrored and turned by 90 degrees"
