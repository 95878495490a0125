from __future__ import annotations

import os
from io import BytesIO
from pathlib import Path

import imagehash
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray
from PIL import Image, ImageDraw

from sidecar.duplicates.fingerprint import COLOURS_BYTES, LUMA_BYTES, Samples, fingerprint_of
from sidecar.media.decode import MAX_PIXELS
from sidecar.media.errors import Flaw, UndecodableMedia
from sidecar.media.samples import samples_of
from tests.media.test_decode import HEIC, WHOLE, halves, png_that_claims, raw, saved, with_orientation

SHARED = Path(os.environ.get("SIDECAR_SHARED", Path(__file__).parents[2].parent / "shared"))


def scene(width: int = 375, height: int = 250) -> Image.Image:
    """Something with light, dark, colours and edges, and no symmetry."""
    image = Image.new("RGB", (width, height), (90, 140, 200))
    draw = ImageDraw.Draw(image)
    draw.rectangle((0, height * 0.6, width, height), fill=(60, 110, 50))
    draw.ellipse((width * 0.1, height * 0.1, width * 0.35, height * 0.5), fill=(250, 230, 120))
    draw.polygon(
        [(width * 0.5, height * 0.9), (width * 0.7, height * 0.2), (width * 0.95, height * 0.9)], fill=(120, 30, 40)
    )
    return image


def luma(samples: Samples) -> NDArray[np.int16]:
    return np.frombuffer(samples.luma, np.uint8).reshape(32, 32).astype(np.int16)


def colours(samples: Samples) -> NDArray[np.int16]:
    return np.frombuffer(samples.colours, np.uint8).reshape(8, 8, 3).astype(np.int16)


def distance(one: Samples, other: Samples) -> int:
    return (fingerprint_of(one).phash ^ fingerprint_of(other).phash).bit_count()


def are_near(one: Samples, other: Samples, *, tolerance: int = 8) -> bool:
    return (
        int(np.abs(luma(one) - luma(other)).max()) <= tolerance
        and int(np.abs(colours(one) - colours(other)).max()) <= tolerance
        and distance(one, other) <= 4
    )


PLAIN = samples_of(saved(scene(), "BMP"), "a.bmp")


def test_samples_are_the_reduced_picture_and_its_colour_means() -> None:
    exact = np.asarray(scene().convert("L").resize((32, 32), Image.Resampling.LANCZOS)).astype(np.int16)
    means = np.asarray(scene().resize((8, 8), Image.Resampling.BOX).convert("YCbCr")).astype(np.int16)
    assert np.abs(luma(PLAIN) - exact).mean() < 1
    assert np.abs(colours(PLAIN) - means).mean() < 1
    assert (PLAIN.width, PLAIN.height) == (375, 250)


@pytest.mark.parametrize(
    ("data", "name"),
    [
        pytest.param(saved(scene(), "JPEG", quality=92), "a.jpg", id="JPEG"),
        pytest.param(saved(scene(), "JPEG", quality=92, progressive=True), "a.jpg", id="progressive JPEG"),
        pytest.param(saved(scene().convert("CMYK"), "JPEG", quality=95), "a.jpg", id="JPEG for printers (CMYK)"),
        pytest.param(saved(scene(), "MPO", save_all=True, append_images=[halves()], quality=92), "a", id="MPO"),
        pytest.param(saved(scene(), "JPEG", quality=92), "a.NEF", id="a JPEG under a RAW's name"),
        pytest.param(saved(scene(), "WEBP", quality=90), "a.webp", id="WebP"),
        pytest.param(saved(scene(), "WEBP", lossless=True), "a.jpg", id="a WebP under a JPEG's name"),
        pytest.param(
            saved(scene(), "WEBP", save_all=True, append_images=[Image.new("RGB", (375, 250))]),
            "a",
            id="first of a WebP",
        ),
        pytest.param(saved(scene(), "AVIF", quality=90), "a.avif", id="AVIF"),
        pytest.param(saved(scene(), "PNG"), "a.png", id="PNG"),
        pytest.param(saved(scene().quantize(64, dither=Image.Dither.NONE), "PNG"), "a.png", id="palette PNG"),
        pytest.param(saved(scene().convert("RGBA"), "PNG"), "a.png", id="opaque RGBA"),
        pytest.param(
            saved(scene().quantize(64, dither=Image.Dither.NONE), "GIF", save_all=True, append_images=[halves()]),
            "a.gif",
            id="first of a GIF",
        ),
        pytest.param(saved(scene(), "TIFF", compression="tiff_lzw"), "a.tif", id="TIFF"),
        pytest.param(saved(scene(), "JPEG2000"), "a.jp2", id="JPEG 2000"),
    ],
)
def test_every_container_gives_the_same_samples_from_bytes_and_from_a_path(
    data: bytes, name: str, tmp_path: Path
) -> None:
    file = tmp_path / "stored under a name of Immich's own"
    file.write_bytes(data)
    samples = samples_of(data, name)
    assert samples == samples_of(file, name)
    assert are_near(samples, PLAIN)
    assert (samples.width, samples.height) == (375, 250)


def test_heic_and_raw_are_seen_too() -> None:
    plain = samples_of(saved(halves(), "PNG"), "a.png")
    assert np.abs(luma(samples_of(HEIC, "a.heic")) - luma(plain)).max() <= 4  # without waves its hash is chance
    by_preview = samples_of(raw(orientation=6, preview=saved(halves(), "JPEG")), "a.NEF")
    assert (by_preview.width, by_preview.height) == (48, 64)
    developed = samples_of(raw(), "a.NEF")
    assert (developed.width, developed.height) == (32, 24)


@pytest.mark.parametrize("size", [(3000, 2000), (1440, 960), (2001, 1335), (1029, 2050), (130, 131)])
def test_a_jpeg_of_any_size_gives_nearly_what_decoding_it_in_full_would(size: tuple[int, int]) -> None:
    image = scene(*size)
    samples = samples_of(saved(image, "JPEG", quality=95), "a.jpg")
    assert are_near(samples, samples_of(saved(image, "BMP"), "a.bmp"), tolerance=20)
    assert (samples.width, samples.height) == size


def test_copies_of_another_size_are_near() -> None:
    for size in ((750, 500), (188, 125), (96, 64)):
        copy = scene(750, 500).resize(size, Image.Resampling.LANCZOS)
        assert are_near(samples_of(saved(copy, "PNG"), "a.png"), PLAIN, tolerance=30)


@pytest.mark.parametrize("orientation", range(1, 10))
@pytest.mark.parametrize("file_format", ["JPEG", "PNG", "TIFF", "WEBP"])
def test_what_lies_on_its_side_is_sampled_upright(file_format: str, orientation: int) -> None:
    backwards: dict[int, Image.Transpose] = {
        2: Image.Transpose.FLIP_LEFT_RIGHT,
        3: Image.Transpose.ROTATE_180,
        4: Image.Transpose.FLIP_TOP_BOTTOM,
        5: Image.Transpose.TRANSPOSE,
        6: Image.Transpose.ROTATE_90,
        7: Image.Transpose.TRANSVERSE,
        8: Image.Transpose.ROTATE_270,
    }
    stored = scene().transpose(backwards[orientation]) if orientation in backwards else scene()
    samples = samples_of(saved(stored, file_format, exif=with_orientation(orientation)), "a")
    assert are_near(samples, PLAIN, tolerance=16)
    assert (samples.width, samples.height) == (375, 250)


def test_transparent_parts_are_white() -> None:
    clear = Image.merge("RGBA", (*scene().split(), Image.new("L", (375, 250), 0)))
    cut_out = clear.copy()
    cut_out.paste((10, 20, 30, 255), (0, 0, 188, 250))
    for file_format in ("PNG", "WEBP"):
        assert set(samples_of(saved(clear, file_format), "a").luma) == {255}
        half = luma(samples_of(saved(cut_out, file_format, lossless=True), "a"))
        assert half[:, :12].max() < 60
        assert half[:, 20:].min() > 230
    keyed = Image.new("L", (375, 250), 7)
    assert set(samples_of(saved(keyed, "PNG", transparency=7), "a.png").luma) == {255}


@pytest.mark.parametrize(
    ("image", "expected"),
    [
        pytest.param(Image.new("L", (40, 40), 90), 90, id="grey"),
        pytest.param(Image.new("1", (40, 40), 1), 255, id="black and white"),
        pytest.param(Image.fromarray(np.full((40, 40), 25_700, np.uint16)), 99, id="16 bits"),
        pytest.param(Image.new("LA", (40, 40), (90, 255)), 90, id="grey with alpha"),
    ],
)
def test_grey_has_no_colour_and_its_own_brightness(image: Image.Image, expected: int) -> None:
    samples = samples_of(saved(image, "PNG"), "a.png")
    assert {abs(value - expected) <= 1 for value in samples.luma} == {True}
    assert np.abs(colours(samples) - [expected, 128, 128]).max() <= 1


@pytest.mark.parametrize("size", [(1, 1), (1, 30_000), (30_000, 1), (31, 33)])
def test_tiny_and_thin_pictures_have_samples_too(size: tuple[int, int]) -> None:
    samples = samples_of(saved(Image.new("RGB", size, (200, 200, 200)), "PNG"), "a.png")
    assert (samples.width, samples.height) == size
    assert set(samples.luma) == {200}


@pytest.mark.parametrize(
    ("data", "name", "flaw"),
    [
        pytest.param(b"", "a.jpg", Flaw.EMPTY, id="empty"),
        pytest.param(b"Dear Ann", "a.CR2", Flaw.NOT_A_PICTURE, id="text"),
        pytest.param(b"\0\0\0\x18ftypmp42" + bytes(12), "a.mp4", Flaw.NOT_A_PICTURE, id="video"),
        pytest.param(b"\xff\x0a" + bytes(40), "a.jxl", Flaw.UNSUPPORTED, id="JPEG XL"),
        pytest.param(saved(scene(), "JPEG")[:900], "a.jpg", Flaw.BROKEN, id="JPEG cut off"),
        pytest.param(saved(scene(), "WEBP")[:900], "a.webp", Flaw.BROKEN, id="WebP cut off"),
        pytest.param(b"\xff\xd8\xff" + bytes(100), "a.jpg", Flaw.BROKEN, id="only a JPEG's first bytes"),
        pytest.param(b"RIFF\0\0\0\0WEBP", "a.webp", Flaw.BROKEN, id="only a WebP's first bytes"),
        pytest.param(png_that_claims(30_000, 30_000), "a.png", Flaw.TOO_LARGE, id="30,000 pixels each way"),
        pytest.param(png_that_claims(MAX_PIXELS + 1, 1), "a.png", Flaw.TOO_LARGE, id="one pixel too many"),
        pytest.param(png_that_claims(100_000, 100_000), "a.png", Flaw.TOO_LARGE, id="a bomb"),
    ],
)
def test_what_is_no_whole_picture_says_why(data: bytes, name: str, flaw: Flaw, tmp_path: Path) -> None:
    file = tmp_path / "private.jpg"
    file.write_bytes(data)
    for source in (data, file):
        with pytest.raises(UndecodableMedia) as caught:
            samples_of(source, name)
        assert caught.value.flaw is flaw
        assert "private" not in str(caught.value)


def test_a_path_that_cannot_be_read_says_so(tmp_path: Path) -> None:
    with pytest.raises(UndecodableMedia, match=r"^unreadable: No such file or directory$"):
        samples_of(tmp_path / "gone.jpg", "gone.jpg")


@settings(max_examples=200, deadline=None)
@given(
    st.sampled_from(sorted(WHOLE)),
    st.lists(st.tuples(st.floats(0, 1, exclude_max=True), st.binary(min_size=1, max_size=8)), max_size=6),
    st.floats(0, 1),
)
def test_damaged_files_end_in_samples_or_in_the_one_error(
    name: str, damages: list[tuple[float, bytes]], kept: float
) -> None:
    data = bytearray(WHOLE[name])
    for where, garbage in damages:
        at = int(where**3 * len(data))  # headers are hit more often than pixels
        data[at : at + len(garbage)] = garbage
    if not damages:
        del data[int(kept * len(data)) :]
    if claims_many_pixels(bytes(data)):
        return
    try:
        samples = samples_of(bytes(data), name)
    except UndecodableMedia:
        return
    assert (len(samples.luma), len(samples.colours)) == (LUMA_BYTES, COLOURS_BYTES)
    assert min(samples.width, samples.height) >= 1


def claims_many_pixels(data: bytes) -> bool:
    """Whether decoding it is bounded, but would take this test long."""
    try:
        with Image.open(BytesIO(data)) as image:
            return image.width * image.height > 10_000_000
    except Exception:  # noqa: BLE001  # as wide as what the readers raise
        return False


def thumbnails_of(photo: Path) -> dict[str, bytes]:
    with Image.open(photo) as opened:
        upright = opened.convert("RGB")
    edge = 250 / min(upright.size)
    small = upright.resize((round(upright.width * edge), round(upright.height * edge)), Image.Resampling.LANCZOS)
    return {name: saved(small, *how) for name, how in (("webp", ("WEBP",)), ("png", ("PNG",)), ("jpeg", ("JPEG",)))}


def test_real_photographs_have_the_hash_of_their_whole_picture_or_nearly() -> None:
    photos = sorted((SHARED / "photos").glob("*.jpg"))[::8]
    if not photos:
        pytest.skip("the folder of real photographs is not here")
    distances: list[int] = []
    for photo in photos:
        thumbnails = thumbnails_of(photo)
        exact = imagehash.phash(Image.open(BytesIO(thumbnails["png"])))
        whole = int(str(exact), 16)
        distances += [(fingerprint_of(samples_of(data, "a")).phash ^ whole).bit_count() for data in thumbnails.values()]
    assert max(distances) <= 4
    assert np.mean(distances) < 1
