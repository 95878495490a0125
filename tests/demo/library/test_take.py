from __future__ import annotations

from collections.abc import Callable
from datetime import datetime
from io import BytesIO

import numpy as np
import pytest
from PIL import Image

from sidecar.demo.library.cameras import EXIF_IFD, IPHONE, Shot
from sidecar.demo.library.scenes import paint
from sidecar.demo.library.take import Take
from sidecar.formats import Format
from sidecar.media.decode import open_picture
from sidecar.media.sniff import sniff

NOON = datetime(2022, 8, 20, 12, 0)  # noqa: DTZ001  # a camera's clock


def a_take(*, orientation: int = 1) -> Take:
    size = (96, 144) if orientation in {6, 8} else (144, 96)
    return Take(paint(1, 4, size=size), Shot(IPHONE, NOON, 2, orientation))


def distance(one: Image.Image, other: Image.Image) -> float:
    return float(np.abs(np.asarray(one, dtype=int) - np.asarray(other.resize(one.size), dtype=int)).mean())


@pytest.mark.parametrize("orientation", [1, 3, 6, 8])
@pytest.mark.parametrize(
    ("write", "name", "expected"),
    [
        pytest.param(Take.jpeg, "a.jpg", Format.JPEG, id="JPEG"),
        pytest.param(Take.raw, "a.dng", Format.RAW, id="RAW"),
        pytest.param(lambda take: take.raw(has_preview=False), "a.NEF", Format.RAW, id="RAW without a preview"),
        pytest.param(Take.png, "a.png", Format.PNG, id="PNG"),
        pytest.param(Take.tiff, "a.tif", Format.TIFF, id="TIFF"),
        pytest.param(Take.webp, "a.webp", Format.WEBP, id="WebP"),
        pytest.param(Take.avif, "a.avif", Format.AVIF, id="AVIF"),
    ],
)
def test_every_format_is_what_it_says_and_shows_the_picture_upright(
    write: Callable[[Take], bytes], name: str, expected: Format, orientation: int
) -> None:
    take = a_take(orientation=orientation)
    data = write(take)
    assert sniff(data, name).format is expected
    shown = open_picture(data, name)
    assert distance(take.picture, shown) < 25
    assert distance(take.picture, shown.transpose(Image.Transpose.ROTATE_180)) > 30


@pytest.mark.parametrize("write", [Take.jpeg, Take.png, Take.tiff, Take.webp, Take.avif])
def test_every_format_carries_the_camera_and_the_time(write: Callable[[Take], bytes]) -> None:
    with Image.open(BytesIO(write(a_take().later(0.25)))) as image:
        exif = image.getexif()
        fine = exif.get_ifd(EXIF_IFD)
    assert (exif[271], exif[272]) == ("Apple", "iPhone 13 Pro")
    assert (fine[36867], fine[37521], fine[36881]) == ("2022:08:20 12:00:00", "25", "+02:00")


@pytest.mark.parametrize("data", [a_take().jpeg(has_exif=False), a_take().webp(has_exif=False)], ids=["JPEG", "WebP"])
def test_stripped_files_carry_nothing(data: bytes) -> None:
    with Image.open(BytesIO(data)) as image:
        assert dict(image.getexif()) == {}


def test_later_and_zone_change_the_time_and_nothing_else() -> None:
    take = a_take()
    assert (take.later(2).shot.instant - take.shot.instant).total_seconds() == 2
    assert (take.in_zone(None).shot.instant - take.shot.instant).total_seconds() == 7200
    assert take.in_zone(None).shot.wall_clock == take.shot.wall_clock
    assert take.later(2).picture is take.picture


def test_a_burst_frame_differs_a_little_and_an_edit_in_light() -> None:
    take = a_take()
    assert take.swayed(0).picture.tobytes() == take.picture.tobytes()
    assert 0 < distance(take.picture, take.swayed(4).picture) < 40
    brighter = np.asarray(take.edited().picture).mean() - np.asarray(take.picture).mean()
    assert brighter > 3
    assert take.smaller(72).picture.size == (72, 48)


@pytest.mark.parametrize(("brand", "expected"), [(b"qt  ", Format.MOV), (b"mp42", Format.MP4)])
def test_a_film_is_a_video(brand: bytes, expected: Format) -> None:
    assert sniff(a_take().film(brand=brand), "a").format is expected
