from __future__ import annotations

import itertools
from io import BytesIO
from typing import Any

import imagehash
import pytest
from PIL import Image

from sidecar.demo.library.scenes import SIZE, paint
from tests.demo.library.conftest import Made

# The first test of all pays for painting the library, which a loaded machine does slowly.
pytestmark = pytest.mark.timeout(60)


def bits_apart(one: Image.Image, other: Image.Image) -> int:
    return int(imagehash.phash(one) - imagehash.phash(other))


def test_the_same_seed_and_number_paint_the_same_pixels() -> None:
    first = paint(1, 5)
    assert (first.mode, first.size) == ("RGB", SIZE)
    assert paint(1, 5).tobytes() == first.tobytes()
    assert paint(2, 5).tobytes() != first.tobytes()


@pytest.mark.parametrize("number", range(200, 240))
def test_every_kind_of_scene_is_painted_in_any_size(number: int) -> None:
    picture = paint(3, number, size=(96, 144))
    assert picture.size == (96, 144)
    darkest, brightest = picture.convert("L").getextrema()
    assert brightest - darkest > 60  # type: ignore[operator]  # one band gives two numbers


def test_distinct_scenes_look_distinct_to_a_perceptual_hash(made: Made) -> None:
    hashes = [imagehash.phash(scene) for scene in made.scenes]
    nearest = min(one - other for one, other in itertools.combinations(hashes, 2))
    assert len(hashes) > 40
    assert nearest > 10


@pytest.mark.parametrize(
    ("file_format", "options", "share"),
    [
        pytest.param("JPEG", {"quality": 60}, 1.0, id="JPEG of low quality"),
        pytest.param("JPEG", {"quality": 75}, 0.5, id="half the size"),
        pytest.param("WEBP", {"quality": 80}, 1.0, id="WebP"),
    ],
)
def test_re_encodings_look_alike_to_a_perceptual_hash(
    made: Made, file_format: str, options: dict[str, Any], share: float
) -> None:
    for scene in made.scenes[::3]:
        stream = BytesIO()
        scene.resize((int(scene.width * share), int(scene.height * share))).save(stream, file_format, **options)
        with Image.open(stream) as again:
            assert bits_apart(scene, again) <= 4
