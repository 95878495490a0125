from __future__ import annotations

from datetime import datetime
from io import BytesIO

import numpy as np
import pytest
import rawpy
from PIL import Image, ImageFilter

from sidecar.demo.library import cameras
from sidecar.demo.library.cameras import EXIF_IFD, Camera, Shot
from sidecar.demo.library.dng import dng_bytes
from sidecar.demo.library.scenes import paint

CAMERAS = [value for value in vars(cameras).values() if isinstance(value, Camera)]
PICTURE = paint(1, 2, size=(192, 128)).filter(ImageFilter.GaussianBlur(2))  # no finer than the mosaic can tell

SRGB_GAMMA = (2.4, 12.92)


def a_shot(camera: Camera, *, orientation: int = 1) -> Shot:
    return Shot(camera, datetime(2019, 7, 12, 14, 3, 11, 250_000), 2, orientation)  # noqa: DTZ001  # a wall clock


@pytest.mark.parametrize("camera", CAMERAS, ids=lambda camera: camera.model)
def test_libraw_develops_every_makers_file_into_the_picture(camera: Camera) -> None:
    with rawpy.imread(BytesIO(dng_bytes(PICTURE, a_shot(camera), preview=None))) as raw:
        assert (raw.sizes.width, raw.sizes.height) == PICTURE.size
        assert raw.color_desc == b"RGBG"
        with pytest.raises(rawpy.LibRawNoThumbnailError):
            raw.extract_thumb()
        developed = raw.postprocess(use_camera_wb=True, no_auto_bright=True, gamma=SRGB_GAMMA).astype(int)
    assert np.abs(developed - np.asarray(PICTURE)).mean() < 4
    assert np.corrcoef(developed.ravel(), np.asarray(PICTURE).ravel())[0, 1] > 0.98


@pytest.mark.parametrize(("orientation", "flip"), [(1, 0), (3, 3), (6, 6), (8, 5)])
def test_libraw_finds_the_preview_and_how_the_camera_lay(orientation: int, flip: int) -> None:
    stream = BytesIO()
    PICTURE.save(stream, "JPEG")
    data = dng_bytes(PICTURE, a_shot(cameras.LEICA_Q2, orientation=orientation), preview=stream.getvalue())
    with rawpy.imread(BytesIO(data)) as raw:
        thumb = raw.extract_thumb()
        assert raw.sizes.flip == flip
    assert isinstance(thumb.data, bytes)  # a JPEG; pixels would be an array
    with Image.open(BytesIO(thumb.data)) as preview:
        assert preview.size == PICTURE.size


@pytest.mark.parametrize("preview", [None, b"\xff\xd8\xff\xd9"], ids=["without a preview", "with one"])
def test_any_exif_reader_finds_camera_and_time(preview: bytes | None) -> None:
    exif = Image.Exif()
    exif.load(dng_bytes(PICTURE, a_shot(cameras.NIKON_D750), preview=preview))
    fine = exif.get_ifd(EXIF_IFD)
    assert (exif[271], exif[272]) == ("NIKON CORPORATION", "NIKON D750")
    assert (fine[36867], fine[37521], fine[36881]) == ("2019:07:12 14:03:11", "25", "+02:00")
