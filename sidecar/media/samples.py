"""One decode of a picture gives everything that a fingerprint is made of; a plain function for a pool's processes."""

from __future__ import annotations

from io import BytesIO
from pathlib import Path

from PIL import Image

from sidecar.duplicates.fingerprint import COLOURS_SIDE, LUMA_SIDE, Samples
from sidecar.formats import Format
from sidecar.media.decode import (
    MAX_PIXELS,
    TURN_OF_ORIENTATION,
    check_pixels,
    open_raw,
    orientation_of,
    readers_for,
    to_rgb,
    undecodable_otherwise,
)
from sidecar.media.sniff import head_of, sniff

_DRAFT_SIZE = (128, 128)
"""JPEG's own reduction leaves at least this: four times what is kept, so that the filter has something to do."""

_JPEG_READERS = ("JPEG", "MPO")
_FIRST_SIDEWAYS = 5  # EXIF 2.32, tag 274: from here on width and height change places

_LEAST_SIDE = 3 * LUMA_SIDE
"""Whole pixels are averaged first, to no less than this: half the time, and copies agree as well as without (mean
distance of their hashes 0.44 bits after JPEG at quality 50 and 0.41 after halving, both the same)."""


def samples_of(data: bytes | Path, name: str) -> Samples:
    """The samples of the picture, upright, over white where it is transparent; the first of several frames.

    Shape:  width and height are the upright picture's own. A JPEG is decoded at a reduced size where that is enough; of
            a RAW file it is the embedded preview that is decoded. name only settles what the bytes leave open.
    Errors: UndecodableMedia, and nothing else, whatever the bytes are.
    Source: Image.draft, Image.reduce and reducing_gap of Image.resize in Pillow's handbook.
    """
    with undecodable_otherwise():
        readers = _readers_of(data, name)
        if readers is None:
            return _sampled(open_raw(data, max_pixels=MAX_PIXELS))
        with Image.open(BytesIO(data) if isinstance(data, bytes) else data, formats=readers) as image:
            check_pixels(image.width, image.height)
            size = image.size
            drafted = image.draft("YCbCr", _DRAFT_SIZE) if readers is _JPEG_READERS else None
            image.load()
            if drafted is None:
                return _sampled(image, orientation=orientation_of(image))
            return _sampled(image, size=size, extent=drafted[1][2:], orientation=orientation_of(image))


def _readers_of(data: bytes | Path, name: str) -> tuple[str, ...] | None:
    """Pillow's readers for these bytes, None for those of a RAW file."""
    head = head_of(data)
    # Immich's thumbnails are one or the other, and libmagic would cost a tenth of their decoding.
    if head.startswith(b"\xff\xd8\xff"):
        return _JPEG_READERS
    if head.startswith(b"RIFF") and head.startswith(b"WEBP", 8):
        return ("WEBP",)
    sniffed = sniff(head, name)
    return None if sniffed.format is Format.RAW else readers_for(sniffed)


def _sampled(
    image: Image.Image,
    *,
    size: tuple[int, int] | None = None,
    extent: tuple[float, float] | None = None,
    orientation: int | None = None,
) -> Samples:
    """The samples of a loaded picture.

    Units:  size is what it had before it was reduced, extent how many of its present pixels that is: the last ones may
            be of fewer than the others.
    """
    width, height = size or image.size
    across, down = extent or image.size
    plain = image if image.mode in {"L", "RGB", "YCbCr"} and not image.has_transparency_data else to_rgb(image)
    factors = max(1, plain.width // _LEAST_SIDE), max(1, plain.height // _LEAST_SIDE)
    small = plain.reduce(factors)
    box = (0, 0, across / factors[0], down / factors[1])
    grey = small.getchannel(0) if small.mode == "YCbCr" else small.convert("L")
    luma = grey.resize((LUMA_SIDE, LUMA_SIDE), Image.Resampling.LANCZOS, box)
    colours = small.resize((COLOURS_SIDE, COLOURS_SIDE), Image.Resampling.BOX, box)
    if colours.mode != "YCbCr":
        colours = colours.convert("YCbCr")
    if orientation in TURN_OF_ORIENTATION:
        # What is left of the picture is quicker to turn than all of it.
        turn = TURN_OF_ORIENTATION[orientation]
        luma, colours = luma.transpose(turn), colours.transpose(turn)
        if orientation >= _FIRST_SIDEWAYS:
            width, height = height, width
    return Samples(luma=luma.tobytes(), colours=colours.tobytes(), width=width, height=height)
