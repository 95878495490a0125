from __future__ import annotations

import base64
import os
import pickle
import struct
import zlib
from collections.abc import Callable
from datetime import datetime
from io import BytesIO
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image
from PIL.PngImagePlugin import PngInfo

from sidecar.demo.library.cameras import NIKON_D750, Shot, Tags
from sidecar.demo.library.dng import _mosaic_directory, dng_bytes
from sidecar.demo.library.tiff import Directory, FieldType, tiff_bytes
from sidecar.media.decode import MAX_PIXELS, open_picture
from sidecar.media.errors import Flaw, UndecodableMedia

SHARED = Path(os.environ.get("SIDECAR_SHARED", Path(__file__).parents[2].parent / "shared"))
RED, BLUE, WHITE = (200, 30, 40), (20, 60, 220), (255, 255, 255)
SIZE = (64, 48)

# The half-red, half-blue picture as HEIC; pi-heif only reads the format, so it was written once elsewhere.
HEIC = base64.b64decode(
    "AAAAHGZ0eXBoZWljAAAAAG1pZjFoZWljbWlhZgAAAX1tZXRhAAAAAAAAACFoZGxyAAAAAAAAAABwaWN0AAAAAAAAAAAAAAAAAAAAACJpbG9jAAAA"
    "AERAAAEAAQAAAAABoQABAAAAAAAAADwAAAAjaWluZgAAAAAAAQAAABVpbmZlAgAAAAABAABodmMxAAAAAA5waXRtAAAAAAABAAAA/WlwcnAAAADd"
    "aXBjbwAAAHZodmNDAQNwAAAAkAAAAAAAHvAA/P34+AAADwNgAAEAGEABDAH//wNwAAADAJAAAAMAAAMAHroCQGEAAQAqQgEBA3AAAAMAkAAAAwAA"
    "AwAeoCCBBZbq5Ka5uAhoMCAAAAMDIAAAAwAhYgABAAZEAcFzwIkAAAATY29scm5jbHgAAQANAAaAAAAAFGlzcGUAAAAAAAAAQAAAAEAAAAAoY2xh"
    "cAAAAEAAAAABAAAAMAAAAAEAAAAAAAAAAv////AAAAACAAAAEHBpeGkAAAAAAwgICAAAABhpcG1hAAAAAAAAAAEAAQWBAgMFhAAAAERtZGF0AAAA"
    "OCgBr1jm9Oq//+UNf/5s/IfJrL9f/pD1X7cCT/srxUktK0HEtO+QB/1/SDojJeYUT4VtOTr/ODNw"
)


def halves() -> Image.Image:
    """Red on the left, blue on the right."""
    image = Image.new("RGB", SIZE, RED)
    image.paste(BLUE, (SIZE[0] // 2, 0, *SIZE))
    return image


def saved(image: Image.Image, file_format: str, **options: Any) -> bytes:
    stream = BytesIO()
    image.save(stream, file_format, **options)
    return stream.getvalue()


def raw(*, orientation: int = 1, preview: bytes | None = None) -> bytes:
    shot = Shot(NIKON_D750, datetime(2020, 1, 1, 12, 0), orientation=orientation)  # noqa: DTZ001  # a camera's clock
    return dng_bytes(halves(), shot, preview=preview)


def tagged_preview(exif: Image.Exif) -> bytes:
    """A preview as cameras embed it: EXIF first, no JFIF (LibRaw puts EXIF of its own before anything else)."""
    exif[0x010F] = "NIKON"
    data = saved(halves(), "JPEG", exif=exif)
    jfif_bytes = 18
    return data[:2] + data[2 + jfif_bytes :]


def with_orientation(value: int) -> Image.Exif:
    exif = Image.Exif()
    exif[0x0112] = value
    return exif


def looks_like(image: Image.Image, *, left: tuple[int, ...], right: tuple[int, ...], tolerance: int = 36) -> bool:
    width, height = image.size
    found = np.array([image.getpixel((width // 4, height // 2)), image.getpixel((3 * width // 4, height // 2))])
    return bool(np.abs(found.astype(int) - np.array([left, right])).max() <= tolerance)


def flaw_of(data: bytes | Path, name: str, **limits: int) -> Flaw:
    with pytest.raises(UndecodableMedia) as caught:
        open_picture(data, name, **limits)
    return caught.value.flaw


@pytest.mark.parametrize(
    ("data", "name"),
    [
        pytest.param(saved(halves().convert("CMYK"), "JPEG", quality=95), "a.jpg", id="JPEG for printers (CMYK)"),
        pytest.param(saved(halves(), "MPO", save_all=True, append_images=[halves()]), "a.jpg", id="JPEG of two (MPO)"),
        pytest.param(saved(halves(), "JPEG"), "a.CR2", id="a JPEG under a RAW's name"),
        pytest.param(saved(halves(), "JPEG"), "a", id="no extension"),
        pytest.param(saved(halves().quantize(4), "PNG"), "a.png", id="palette PNG"),
        pytest.param(
            saved(halves(), "GIF", save_all=True, append_images=[Image.new("RGB", SIZE)]), "a.gif", id="first of a GIF"
        ),
        pytest.param(
            saved(halves(), "WEBP", save_all=True, append_images=[Image.new("RGB", SIZE)]),
            "a.webp",
            id="first of a WebP",
        ),
        pytest.param(saved(halves(), "TIFF", compression="tiff_lzw"), "a.tif", id="TIFF, LZW"),
        pytest.param(saved(halves(), "AVIF"), "a.avif", id="AVIF"),
        pytest.param(HEIC, "a.heic", id="HEIC"),
        pytest.param(saved(halves(), "BMP"), "a.bmp", id="BMP"),
        pytest.param(saved(halves(), "JPEG2000"), "a.jp2", id="JPEG 2000"),
        pytest.param(raw(), "a.NEF", id="RAW without a preview is developed"),
        pytest.param(raw(preview=saved(halves(), "JPEG")), "a.DNG", id="RAW by its preview"),
    ],
)
def test_every_format_becomes_the_same_rgb_picture(data: bytes, name: str, tmp_path: Path) -> None:
    file = tmp_path / "stored under a name of Immich's own"
    file.write_bytes(data)
    for source in (data, file):
        image = open_picture(source, name)
        assert image.mode == "RGB"
        assert image.width * 3 == image.height * 4
        assert looks_like(image, left=RED, right=BLUE)


@pytest.mark.parametrize(
    "image",
    [
        pytest.param(Image.merge("RGBA", (*halves().split(), Image.new("L", SIZE, 0))), id="RGBA"),
        pytest.param(Image.new("LA", SIZE, (0, 0)), id="LA"),
        pytest.param(Image.new("PA", SIZE, (0, 0)).convert("RGBA").quantize(2), id="palette"),
    ],
)
def test_transparent_parts_are_white(image: Image.Image) -> None:
    assert looks_like(open_picture(saved(image, "PNG"), "a.png"), left=WHITE, right=WHITE, tolerance=0)


def test_a_colour_that_stands_for_transparent_is_white() -> None:
    data = saved(halves(), "PNG", transparency=RED)
    assert looks_like(open_picture(data, "a.png"), left=WHITE, right=BLUE, tolerance=0)


@pytest.mark.parametrize(
    ("values", "file_format", "expected"),
    [
        pytest.param(np.full((48, 64), 32_768, np.uint16), "PNG", 127, id="16-bit PNG"),
        pytest.param(np.full((48, 64), 200, np.uint16), "TIFF", 0, id="a dark 16-bit TIFF stays dark"),
        pytest.param(np.full((48, 64), 32_768, np.int32), "TIFF", 127, id="32 bits holding 16"),
        pytest.param(np.full((48, 64), 2**30, np.int32), "TIFF", 255, id="32 bits: the brightest is white"),
        pytest.param(np.full((48, 64), 0.5, np.float32), "TIFF", 127, id="floats from 0 to 1"),
        pytest.param(np.full((48, 64), np.nan, np.float32), "TIFF", 0, id="floats that are no numbers"),
    ],
)
def test_deep_greys_are_scaled_not_clipped(values: np.ndarray[Any, Any], file_format: str, expected: int) -> None:
    image = open_picture(saved(Image.fromarray(values), file_format), f"a.{file_format}")
    assert image.getpixel((5, 5)) == (expected,) * 3


# What each EXIF orientation does to a viewer's picture whose left half is red as stored.
@pytest.mark.parametrize(
    ("orientation", "is_upright_format", "red_side"),
    [
        (1, True, "left"),
        (2, True, "right"),
        (3, True, "right"),
        (4, True, "left"),
        (5, False, "top"),
        (6, False, "top"),
        (7, False, "bottom"),
        (8, False, "bottom"),
        (9, True, "left"),
    ],
)
@pytest.mark.parametrize(
    "make",
    [
        pytest.param(lambda value: (saved(halves(), "JPEG", exif=with_orientation(value)), "a.jpg"), id="JPEG"),
        pytest.param(lambda value: (saved(halves(), "PNG", exif=with_orientation(value)), "a.png"), id="PNG"),
        pytest.param(lambda value: (saved(halves(), "TIFF", exif=with_orientation(value)), "a.tif"), id="TIFF"),
        pytest.param(lambda value: (saved(halves(), "WEBP", exif=with_orientation(value)), "a.webp"), id="WebP"),
        pytest.param(
            lambda value: (saved(halves().convert("RGBA"), "PNG", exif=with_orientation(value)), "a.png"),
            id="PNG with alpha",
        ),
    ],
)
def test_pictures_come_upright_and_forget_how_they_lay(
    make: Callable[[int], tuple[bytes, str]], orientation: int, *, is_upright_format: bool, red_side: str
) -> None:
    image = open_picture(*make(orientation))
    assert image.size == (SIZE if is_upright_format else SIZE[::-1])
    corners = {"left": (2, image.height // 2), "right": (image.width - 3, image.height // 2)}
    corners |= {"top": (image.width // 2, 2), "bottom": (image.width // 2, image.height - 3)}
    red, _, blue = image.getpixel(corners[red_side])  # type: ignore[misc]  # an RGB picture's pixel is a triple
    assert red > blue
    assert 0x0112 not in image.getexif()


@pytest.mark.parametrize(
    ("orientation", "preview", "expected"),
    [
        pytest.param(6, None, (24, 32), id="developed: LibRaw turns it"),
        pytest.param(6, saved(halves(), "JPEG"), (48, 64), id="a preview without a tag lies as the sensor did"),
        pytest.param(8, saved(halves(), "JPEG"), (48, 64), id="the other way round"),
        pytest.param(3, saved(halves(), "JPEG"), (64, 48), id="upside down"),
        pytest.param(6, tagged_preview(Image.Exif()), (48, 64), id="EXIF that does not speak of it"),
        pytest.param(6, tagged_preview(with_orientation(1)), (64, 48), id="the preview's own tag wins"),
        pytest.param(1, tagged_preview(with_orientation(8)), (48, 64), id="also when it turns"),
    ],
)
def test_raw_previews_are_turned_once(orientation: int, preview: bytes | None, expected: tuple[int, int]) -> None:
    image = open_picture(raw(orientation=orientation, preview=preview), "a.NEF")
    assert image.size == expected
    if orientation == 3:
        assert looks_like(image, left=BLUE, right=RED)


@pytest.mark.parametrize("orientation", [1, 6])
def test_a_raw_preview_of_plain_pixels_is_taken_too(orientation: int) -> None:
    mosaic = _mosaic_directory(halves())
    first: Tags = {
        254: (FieldType.LONG, 1),
        256: (FieldType.LONG, 64),
        257: (FieldType.LONG, 48),
        258: (FieldType.SHORT, [8, 8, 8]),
        259: (FieldType.SHORT, 1),
        262: (FieldType.SHORT, 2),
        271: (FieldType.ASCII, "Pentax"),
        274: (FieldType.SHORT, orientation),
        277: (FieldType.SHORT, 3),
        278: (FieldType.LONG, 48),
        50706: (FieldType.BYTE, bytes((1, 4, 0, 0))),
    }
    image = open_picture(tiff_bytes(Directory(first, halves().tobytes(), {330: [mosaic]})), "a.DNG")
    assert image.size == (SIZE if orientation == 1 else SIZE[::-1])
    left = image.getpixel((image.width // 4, 2))
    assert left == RED


def test_nonsense_in_the_exif_block_does_not_spoil_the_picture() -> None:
    hexless = PngInfo()
    hexless.add_text("Raw profile type exif", "\nexif\n4\nnot hexadecimal")
    assert open_picture(saved(halves(), "PNG", pnginfo=hexless), "a.png").size == SIZE
    sideways = b"Exif\0\0" + tiff_bytes(Directory({0x0112: (FieldType.ASCII, "sideways")}))
    for exif in (b"Exif\0\0this is no TIFF header", sideways):
        assert open_picture(saved(halves(), "JPEG", exif=exif), "a.jpg").size == SIZE


def png_chunk(kind: bytes, content: bytes) -> bytes:
    return struct.pack(">I", len(content)) + kind + content + struct.pack(">I", zlib.crc32(kind + content))


def png_that_claims(width: int, height: int) -> bytes:
    header = struct.pack(">2I5B", width, height, 8, 2, 0, 0, 0)
    return (
        b"\x89PNG\r\n\x1a\n"
        + png_chunk(b"IHDR", header)
        + png_chunk(b"IDAT", zlib.compress(bytes(1000)))
        + png_chunk(b"IEND", b"")
    )


@pytest.mark.parametrize(
    ("data", "name", "limits"),
    [
        pytest.param(saved(halves(), "JPEG"), "a.jpg", {"max_pixels": 64 * 48 - 1}, id="one pixel too many"),
        pytest.param(HEIC, "a.heic", {"max_pixels": 1000}, id="HEIC"),
        pytest.param(raw(), "a.NEF", {"max_pixels": 1000}, id="RAW to be developed"),
        pytest.param(raw(preview=saved(halves(), "JPEG")), "a.NEF", {"max_pixels": 1000}, id="RAW preview"),
        pytest.param(
            png_that_claims(16_000, 10_001), "a.png", {"max_pixels": MAX_PIXELS * 9}, id="no caller may raise it"
        ),
        pytest.param(png_that_claims(60_000, 60_000), "a.png", {}, id="a bomb"),
    ],
)
def test_too_many_pixels_are_refused_before_decoding(data: bytes, name: str, limits: dict[str, int]) -> None:
    assert flaw_of(data, name, **limits) is Flaw.TOO_LARGE


def test_exactly_as_many_pixels_as_allowed_are_decoded() -> None:
    assert open_picture(saved(halves(), "JPEG"), "a.jpg", max_pixels=64 * 48).size == SIZE


@pytest.mark.parametrize(
    ("data", "name", "flaw"),
    [
        pytest.param(b"", "a.jpg", Flaw.EMPTY, id="empty"),
        pytest.param(b"Dear Ann", "a.CR2", Flaw.NOT_A_PICTURE, id="text"),
        pytest.param(b"\0\0\0\x18ftypmp42" + bytes(12), "a.mp4", Flaw.NOT_A_PICTURE, id="video"),
        pytest.param(b'<svg xmlns="http://www.w3.org/2000/svg"/>', "a.svg", Flaw.UNSUPPORTED, id="SVG"),
        pytest.param(b"\xff\x0a" + bytes(40), "a.jxl", Flaw.UNSUPPORTED, id="JPEG XL"),
        pytest.param(saved(halves(), "JPEG")[:500], "a.jpg", Flaw.BROKEN, id="JPEG cut off"),
        pytest.param(saved(halves(), "JPEG")[:20], "a.jpg", Flaw.BROKEN, id="only a JPEG's first bytes"),
        pytest.param(saved(halves(), "PNG")[:-40], "a.png", Flaw.BROKEN, id="PNG cut off"),
        pytest.param(HEIC[:-30], "a.heic", Flaw.BROKEN, id="HEIC cut off"),
        pytest.param(raw()[: len(raw()) // 2], "a.NEF", Flaw.BROKEN, id="RAW cut off"),
        pytest.param(b"II*\0\x08\0\0\0" + bytes(100), "a.NEF", Flaw.BROKEN, id="RAW without anything inside"),
    ],
)
def test_what_is_no_whole_picture_says_why(data: bytes, name: str, flaw: Flaw, tmp_path: Path) -> None:
    file = tmp_path / "private.jpg"
    file.write_bytes(data)
    assert flaw_of(data, name) is flaw
    with pytest.raises(UndecodableMedia, match=f"^{flaw.value}: .") as caught:
        open_picture(file, name)
    assert "private" not in str(caught.value)


def test_a_path_that_cannot_be_read_says_so_without_naming_it(tmp_path: Path) -> None:
    with pytest.raises(UndecodableMedia, match=r"^unreadable: No such file or directory$") as caught:
        open_picture(tmp_path / "gone.jpg", "gone.jpg")
    assert caught.value.flaw is Flaw.UNREADABLE
    assert flaw_of(tmp_path, "folder.jpg") is Flaw.UNREADABLE


def there_and_back(thing: Any) -> Any:
    return pickle.loads(pickle.dumps(thing))  # noqa: S301  # our own bytes


def test_function_picture_and_error_travel_between_processes() -> None:
    function = there_and_back(open_picture)
    image = there_and_back(function(saved(halves(), "JPEG"), "a.jpg"))
    assert looks_like(image, left=RED, right=BLUE)
    error = there_and_back(UndecodableMedia(Flaw.BROKEN, "cut off"))
    assert (error.flaw, error.detail, str(error)) == (Flaw.BROKEN, "cut off", "broken: cut off")


WHOLE = {
    "a.jpg": saved(halves(), "JPEG", exif=with_orientation(6)),
    "a.png": saved(halves().convert("RGBA"), "PNG"),
    "a.tif": saved(halves(), "TIFF", compression="tiff_lzw"),
    "a.webp": saved(halves(), "WEBP"),
    "a.avif": saved(halves(), "AVIF"),
    "a.heic": HEIC,
    "a.gif": saved(halves(), "GIF"),
    "a.bmp": saved(halves(), "BMP"),
    "a.jp2": saved(halves(), "JPEG2000"),
    "a.NEF": raw(),
    "a.DNG": raw(preview=saved(halves(), "JPEG")),
}


@settings(max_examples=200, deadline=None)
@given(
    st.sampled_from(sorted(WHOLE)),
    st.lists(st.tuples(st.floats(0, 1, exclude_max=True), st.binary(min_size=1, max_size=8)), max_size=6),
    st.floats(0, 1),
)
def test_damaged_files_end_in_a_picture_or_in_the_one_error(
    name: str, damages: list[tuple[float, bytes]], kept: float
) -> None:
    data = bytearray(WHOLE[name])
    for where, garbage in damages:
        at = int(where**3 * len(data))  # headers are hit more often than pixels
        data[at : at + len(garbage)] = garbage
    if not damages:
        del data[int(kept * len(data)) :]
    try:
        image = open_picture(bytes(data), name, max_pixels=10_000_000)
    except UndecodableMedia:
        return
    assert image.mode == "RGB"
    assert image.width * image.height <= 10_000_000


@settings(max_examples=100, deadline=None)
@given(st.binary(max_size=400), st.sampled_from(sorted(WHOLE)))
def test_garbage_behind_a_true_beginning_is_survived(garbage: bytes, name: str) -> None:
    with pytest.raises(UndecodableMedia):
        open_picture(WHOLE[name][:12] + garbage, name)


def test_real_photographs_open_upright() -> None:
    photos = sorted((SHARED / "photos").glob("*.jpg"))[::6]
    if not photos:
        pytest.skip("the folder of real photographs is not here")
    for photo in photos:
        with Image.open(photo) as stored:
            turned = stored.getexif().get(0x0112, 1) > 4
            expected = stored.size[::-1] if turned else stored.size
        assert open_picture(photo, photo.name).size == expected
