"""A file's bytes become an upright RGB picture, or an UndecodableMedia that says why not.

Everything here is a plain function of bytes or a path, so that a process pool can run it.
"""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager
from io import BytesIO
from pathlib import Path
from typing import IO

import numpy as np
import pi_heif
import rawpy
from PIL import Image, UnidentifiedImageError

from sidecar.formats import Format
from sidecar.media.errors import Flaw, UndecodableMedia
from sidecar.media.sniff import Sniffed, sniff

MAX_PIXELS = 160_000_000
"""The largest picture decoded: above medium format's 151 million pixels; half a gigabyte as RGB."""

# Pillow's limit is one number for the whole process: it warns above it and refuses above twice. Ours is the same
# protection moved up to what cameras really write; open_picture checks each picture before that.
Image.MAX_IMAGE_PIXELS = MAX_PIXELS
pi_heif.register_heif_opener(thumbnails=False, depth_images=False, aux_images=False)

# Only the reader that fits the bytes is let near them; MPO is several JPEGs in one file.
_READERS: dict[Format, tuple[str, ...]] = {
    Format.JPEG: ("JPEG", "MPO"),
    Format.HEIC: ("HEIF",),
    Format.PNG: ("PNG",),
    Format.TIFF: ("TIFF",),
    Format.WEBP: ("WEBP",),
    Format.AVIF: ("AVIF", "HEIF"),
    Format.JP2: ("JPEG2000",),
    Format.GIF: ("GIF",),
    Format.BMP: ("BMP",),
    Format.PSD: ("PSD",),
}

_ORIENTATION = 0x0112
_UPRIGHT = 1
TURN_OF_ORIENTATION = {  # EXIF 2.32, tag 274
    2: Image.Transpose.FLIP_LEFT_RIGHT,
    3: Image.Transpose.ROTATE_180,
    4: Image.Transpose.FLIP_TOP_BOTTOM,
    5: Image.Transpose.TRANSPOSE,
    6: Image.Transpose.ROTATE_270,
    7: Image.Transpose.TRANSVERSE,
    8: Image.Transpose.ROTATE_90,
}
"""How Pillow turns a picture upright that lies as the tag says; what is not listed lies upright."""

_ORIENTATION_OF_FLIP = {0: 1, 3: 3, 5: 8, 6: 6}  # libraw_image_sizes_t.flip, LibRaw 0.22
_WHITE = (255, 255, 255, 255)
_BITS_16 = 65_535.0
_UNSUPPORTED = frozenset({Format.JXL, Format.SVG})


def open_picture(data: bytes | Path, name: str, *, max_pixels: int = MAX_PIXELS) -> Image.Image:
    """The file as an RGB picture, upright, its transparent parts over white; the first one of several frames.

    RAW files give their embedded preview, and half-size development where they hold none.

    Shape:  name only settles what the bytes leave open (a TIFF named .NEF is a RAW); it need not exist on disk.
    Units:  max_pixels is width times height as stored, checked before any pixel is decoded; above MAX_PIXELS it has
            no effect. A RAW's own pixels and its preview's count each for themselves.
    Errors: UndecodableMedia, and nothing else, whatever the bytes are.
    """
    pixels = min(max_pixels, MAX_PIXELS)
    with undecodable_otherwise():
        sniffed = sniff(data, name)
        if sniffed.format is Format.RAW:
            return open_raw(data, max_pixels=pixels)
        return _open_plain(data, readers_for(sniffed), max_pixels=pixels)


@contextmanager
def undecodable_otherwise() -> Iterator[None]:
    """A block in which a file is opened and decoded, and which raises UndecodableMedia and nothing else.

    Errors: UndecodableMedia without the file's name, whatever the decoders raised.
    """
    try:
        yield
    except UndecodableMedia:
        raise
    except MemoryError as error:
        raise UndecodableMedia(Flaw.TOO_LARGE, "decoding takes more memory than it may have") from error
    except (Image.DecompressionBombError, Image.DecompressionBombWarning) as error:
        raise UndecodableMedia(Flaw.TOO_LARGE, str(error)) from error
    except UnidentifiedImageError as error:  # its own sentence would hold the path
        raise UndecodableMedia(Flaw.BROKEN, "the reader of its format does not accept it") from error
    except Exception as error:
        # The decoders of a dozen formats raise what they like on hostile bytes: struct.error, KeyError, SyntaxError,
        # RuntimeError, LibRawError, OSError. This is the border where all of it gets one name. An OSError with a number
        # is the file system's own, and its text would name the file.
        if isinstance(error, OSError) and error.errno is not None:
            raise UndecodableMedia(Flaw.UNREADABLE, os.strerror(error.errno)) from error
        raise UndecodableMedia(Flaw.BROKEN, f"{type(error).__name__}: {error}") from error


def readers_for(sniffed: Sniffed) -> tuple[str, ...]:
    """Pillow's names of the readers that may open what the bytes are.

    Errors: UndecodableMedia where none may: no bytes, no picture, or a picture of a format without a reader here.
    """
    if readers := _READERS.get(sniffed.format):
        return readers
    if sniffed.format in _UNSUPPORTED:
        raise UndecodableMedia(Flaw.UNSUPPORTED, f"{sniffed.format.value} is not decoded")
    complaint = sniffed.complaint or f"{sniffed.format.value} is not decoded"
    raise UndecodableMedia(Flaw.EMPTY if sniffed.is_empty else Flaw.NOT_A_PICTURE, complaint)


def _open_plain(
    data: bytes | Path, readers: tuple[str, ...], *, max_pixels: int, else_orientation: int = _UPRIGHT
) -> Image.Image:
    source: IO[bytes] | Path = BytesIO(data) if isinstance(data, bytes) else data
    with Image.open(source, formats=readers) as image:
        check_pixels(image.width, image.height, max_pixels=max_pixels)
        image.load()
        orientation = orientation_of(image)
        return _upright(to_rgb(image), else_orientation if orientation is None else orientation)


def open_raw(data: bytes | Path, *, max_pixels: int) -> Image.Image:
    """The RAW file as an RGB picture, upright: its embedded preview, or developed at half its size.

    Errors: UndecodableMedia if there are too many pixels, and whatever the decoders raise.
    """
    with rawpy.imread(BytesIO(data) if isinstance(data, bytes) else str(data)) as raw:
        sizes = raw.sizes
        try:
            preview = raw.extract_thumb()
        except (rawpy.LibRawNoThumbnailError, rawpy.LibRawUnsupportedThumbnailError, rawpy.NotSupportedError):
            check_pixels(sizes.raw_width, sizes.raw_height, max_pixels=max_pixels)
            return Image.fromarray(raw.postprocess(half_size=True, use_camera_wb=True))
    orientation = _ORIENTATION_OF_FLIP.get(sizes.flip, _UPRIGHT)
    if isinstance(preview.data, bytes):  # a JPEG; else the pixels themselves
        # Some cameras tag the preview itself, most leave it to the RAW around it.
        readers = _READERS[Format.JPEG]
        return _open_plain(preview.data, readers, max_pixels=max_pixels, else_orientation=orientation)
    return _upright(Image.fromarray(preview.data.squeeze()).convert("RGB"), orientation)


def check_pixels(width: int, height: int, *, max_pixels: int = MAX_PIXELS) -> None:
    """Nothing, if a picture of this size may be decoded.

    Errors: UndecodableMedia.
    """
    if width * height > max_pixels:
        raise UndecodableMedia(Flaw.TOO_LARGE, f"{width} x {height} pixels, at most {max_pixels} are decoded")


def orientation_of(image: Image.Image) -> int | None:
    """What the EXIF tag of a loaded picture says, None where there is none.

    Source: EXIF 2.32, tag 274.
    """
    # After load(): Pillow turns a TIFF itself and then forgets the tag. Any nonsense in the EXIF block raises
    # something else, and a picture with a bad tag is still a picture.
    try:
        found = image.getexif().get(_ORIENTATION)
    except Exception:  # noqa: BLE001  # as wide as what the parser raises
        return None
    return found if isinstance(found, int) else None


def _upright(image: Image.Image, orientation: int) -> Image.Image:
    turn = TURN_OF_ORIENTATION.get(orientation)
    upright = image if turn is None else image.transpose(turn)
    upright.info.clear()  # or the next reader finds the orientation and turns the picture again
    return upright


def to_rgb(image: Image.Image) -> Image.Image:
    """The picture in 8-bit RGB, its transparent parts over white, deep greys scaled and not clipped."""
    if image.mode.startswith("I") or image.mode == "F":
        return _deep_to_rgb(image)
    if image.has_transparency_data:
        layer = image.convert("RGBA")
        return Image.alpha_composite(Image.new("RGBA", layer.size, _WHITE), layer).convert("RGB")
    return image.convert("RGB")


def _deep_to_rgb(image: Image.Image) -> Image.Image:
    # 16-bit, 32-bit and floating-point grey. Pillow's own convert() clips instead of scaling.
    grey = np.nan_to_num(np.asarray(image, dtype=np.float32))
    brightest = float(grey.max(initial=0.0))
    is_16_bit = image.mode.startswith("I;16") or 1.0 < brightest <= _BITS_16
    white = _BITS_16 if is_16_bit else max(brightest, 1.0)
    eight_bit = np.clip(grey * (255.0 / white), 0, 255).astype(np.uint8)
    return Image.fromarray(eight_bit).convert("RGB")
