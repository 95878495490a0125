"""What happens to a photograph: copies of every kind, and shots of the same scene that are no copies.

The truth is written down where a picture is made. Every file is then what Immich would hold: thumbnail and thumbhash
come from the bytes of the file, as on a server.
"""

from __future__ import annotations

import io
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from enum import StrEnum

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageDraw, ImageEnhance, ImageFont, ImageOps

from sidecar.demo.immich.pictures import derive
from sidecar.media.decode import open_picture

Dice = np.random.Generator
Pixels = NDArray[np.float32]


class Truth(StrEnum):
    """What a file is to the photograph it was made from."""

    ORIGINAL = "original"
    RE_ENCODED = "re-encoded"
    """The same picture in other bytes: to be found, and as re-encoded."""
    EDITED = "edited"
    """The same picture, changed on purpose: to be found in any class but featureless."""
    TURNED = "turned"
    """Mirrored or turned: found only where that is switched on."""
    NEIGHBOUR = "neighbour"
    """Another picture of the same scene: never to be called re-encoded."""
    ALIKE = "alike"
    """Another picture altogether that looks alike: never to be found."""
    FLAT = "flat"
    """Nearly without content, beside its own copies."""


@dataclass(frozen=True, slots=True)
class Labelled:
    """One file of the labelled library.

    Shape:  scene numbers what is in front of the camera; of is the id of the file that it is to be judged against, None
            for originals. Files of different scenes are different pictures.
    """

    id: str
    scene: int
    kind: str
    truth: Truth
    of: str | None
    name: str
    data: bytes
    thumbnail: bytes
    thumbhash: str
    size: tuple[int, int]


@dataclass(frozen=True, slots=True)
class Variant:
    """A file made from a photograph, before Immich saw it."""

    kind: str
    truth: Truth
    extension: str
    data: bytes


Encode = Callable[[Image.Image], bytes]


def _encoder(file_format: str, **options: object) -> Encode:
    def encode(picture: Image.Image) -> bytes:
        out = io.BytesIO()
        picture.save(out, file_format, **options)
        return out.getvalue()

    return encode


def jpeg(quality: int) -> Encode:
    """Writes JPEG of this quality."""
    return _encoder("JPEG", quality=quality)


_AS_TAKEN = jpeg(92)


def _scaled(share: float) -> Encode:
    def encode(picture: Image.Image) -> bytes:
        width, height = (round(edge * share) for edge in picture.size)
        return jpeg(88)(picture.resize((width, height), Image.Resampling.LANCZOS))

    return encode


def _by_messenger(longest: int, quality: int) -> Encode:
    def encode(picture: Image.Image) -> bytes:
        small = picture.copy()
        small.thumbnail((longest, longest), Image.Resampling.BICUBIC)
        return jpeg(quality)(small)

    return encode


def _sent_on(picture: Image.Image) -> bytes:
    once = _by_messenger(1280, 70)(picture)
    return _by_messenger(960, 60)(open_picture(once, "once.jpg"))


def _tagged(turn: Image.Transpose, orientation: int) -> Encode:
    def encode(picture: Image.Image) -> bytes:
        exif = Image.Exif()
        exif[0x0112] = orientation
        return _encoder("JPEG", quality=90, exif=exif)(picture.transpose(turn))

    return encode


def _palette(picture: Image.Image) -> bytes:
    return _encoder("PNG")(picture.quantize(256))


def _with_alpha(picture: Image.Image) -> bytes:
    return _encoder("WEBP", quality=85)(picture.convert("RGBA"))


def _cmyk(picture: Image.Image) -> bytes:
    return jpeg(90)(picture.convert("CMYK"))


RE_ENCODINGS: dict[str, tuple[str, Encode]] = {
    "JPEG q30": ("jpg", jpeg(30)),
    "JPEG q50": ("jpg", jpeg(50)),
    "JPEG q75": ("jpg", jpeg(75)),
    "JPEG q95": ("jpg", jpeg(95)),
    "WebP q80": ("webp", _encoder("WEBP", quality=80)),
    "WebP q40": ("webp", _encoder("WEBP", quality=40)),
    "AVIF q55": ("avif", _encoder("AVIF", quality=55, speed=9)),
    "PNG": ("png", _encoder("PNG", compress_level=1)),
    "TIFF": ("tif", _encoder("TIFF")),
    "PNG palette": ("png", _palette),
    "WebP alpha": ("webp", _with_alpha),
    "JPEG CMYK": ("jpg", _cmyk),
    "0.9 of size": ("jpg", _scaled(0.9)),
    "0.75 of size": ("jpg", _scaled(0.75)),
    "0.5 of size": ("jpg", _scaled(0.5)),
    "0.35 of size": ("jpg", _scaled(0.35)),
    "0.25 of size": ("jpg", _scaled(0.25)),
    "messenger 1280 q70": ("jpg", _by_messenger(1280, 70)),
    "sent on, 960 q60": ("jpg", _sent_on),
    "EXIF turned by 90": ("jpg", _tagged(Image.Transpose.ROTATE_90, 6)),
    "EXIF turned by 180": ("jpg", _tagged(Image.Transpose.ROTATE_180, 3)),
    "EXIF turned by 270": ("jpg", _tagged(Image.Transpose.ROTATE_270, 8)),
    "EXIF mirrored": ("jpg", _tagged(Image.Transpose.FLIP_LEFT_RIGHT, 2)),
}


def _gamma(picture: Image.Image, power: float) -> Image.Image:
    return picture.point([round(255 * (value / 255) ** power) for value in range(256)] * 3)


def _balanced(picture: Image.Image, red: float, blue: float) -> Image.Image:
    pixels = np.asarray(picture, dtype=np.float32) * np.array([red, 1.0, blue], dtype=np.float32)
    return _picture(pixels)


def _picture(pixels: Pixels) -> Image.Image:
    return Image.fromarray(np.clip(pixels + 0.5, 0, 255).astype(np.uint8))


def _cut(picture: Image.Image, share: float, dice: Dice) -> Image.Image:
    """Without so much of each edge's length, taken from its two ends by chance."""
    across, down = (round(edge * share) for edge in picture.size)
    left, top = int(dice.integers(0, across + 1)), int(dice.integers(0, down + 1))
    return picture.crop((left, top, picture.width - across + left, picture.height - down + top))


def _font(picture: Image.Image, share: float) -> ImageFont.FreeTypeFont | ImageFont.ImageFont:
    return ImageFont.load_default(size=picture.height * share)


def _watermarked(picture: Image.Image) -> Image.Image:
    layer = Image.new("RGBA", picture.size, (0, 0, 0, 0))
    spot = (round(picture.width * 0.66), round(picture.height * 0.92))
    ImageDraw.Draw(layer).text(spot, "© A. Nother", fill=(255, 255, 255, 150), font=_font(picture, 0.045))
    return Image.alpha_composite(picture.convert("RGBA"), layer).convert("RGB")


def _captioned(picture: Image.Image) -> Image.Image:
    captioned = picture.copy()
    spot = (round(picture.width * 0.08), round(picture.height * 0.8))
    draw = ImageDraw.Draw(captioned)
    draw.text(spot, "WHEN IT RAINS", fill="white", font=_font(picture, 0.1), stroke_width=4, stroke_fill="black")
    return captioned


def _dated(picture: Image.Image) -> Image.Image:
    dated = picture.copy()
    spot = (round(picture.width * 0.78), round(picture.height * 0.93))
    ImageDraw.Draw(dated).text(spot, "'09 7 24", fill=(255, 150, 40), font=_font(picture, 0.035))
    return dated


def _framed(picture: Image.Image) -> Image.Image:
    return ImageOps.expand(picture, border=round(min(picture.size) * 0.02), fill="white")


EDITS: dict[str, Callable[[Image.Image, Dice], Image.Image]] = {
    "8 % brighter": lambda picture, _: ImageEnhance.Brightness(picture).enhance(1.08),
    "25 % brighter": lambda picture, _: ImageEnhance.Brightness(picture).enhance(1.25),
    "20 % darker": lambda picture, _: ImageEnhance.Brightness(picture).enhance(0.8),
    "more contrast": lambda picture, _: ImageEnhance.Contrast(picture).enhance(1.25),
    "less contrast": lambda picture, _: ImageEnhance.Contrast(picture).enhance(0.75),
    "auto contrast": lambda picture, _: ImageOps.autocontrast(picture, cutoff=1),
    "gamma 0.8": lambda picture, _: _gamma(picture, 0.8),
    "gamma 1.25": lambda picture, _: _gamma(picture, 1.25),
    "more colour": lambda picture, _: ImageEnhance.Color(picture).enhance(1.5),
    "less colour": lambda picture, _: ImageEnhance.Color(picture).enhance(0.5),
    "warmer": lambda picture, _: _balanced(picture, 1.12, 0.88),
    "cooler": lambda picture, _: _balanced(picture, 0.88, 1.12),
    "sharpened": lambda picture, _: ImageEnhance.Sharpness(picture).enhance(2.0),
    "grey": lambda picture, _: picture.convert("L").convert("RGB"),
    "crop 2 %": lambda picture, dice: _cut(picture, 0.02, dice),
    "crop 5 %": lambda picture, dice: _cut(picture, 0.05, dice),
    "watermark": lambda picture, _: _watermarked(picture),
    "date stamp": lambda picture, _: _dated(picture),
    "text over it": lambda picture, _: _captioned(picture),
    "border 2 %": lambda picture, _: _framed(picture),
}

TURNS = {
    "mirrored": Image.Transpose.FLIP_LEFT_RIGHT,
    "turned by 90": Image.Transpose.ROTATE_90,
    "turned by 180": Image.Transpose.ROTATE_180,
}


def _subject(picture: Image.Image, share: float, dice: Dice) -> tuple[Image.Image, Image.Image]:
    """Something that moves: an egg-shaped piece of the picture's own texture, mirrored, and its mask."""
    edge = max(4, round(min(picture.size) * share))
    left, top = (int(dice.integers(0, size - edge + 1)) for size in picture.size)
    piece = ImageOps.flip(picture.crop((left, top, left + edge, top + edge)))
    mask = Image.new("L", (edge, edge), 0)
    ImageDraw.Draw(mask).ellipse((0, 0, edge - 1, edge - 1), fill=255)
    return piece, mask


def _with_subject_at(picture: Image.Image, subject: tuple[Image.Image, Image.Image], x: float, y: float) -> Image.Image:
    piece, mask = subject
    scene = picture.copy()
    scene.paste(piece, (round(x * (scene.width - piece.width)), round(y * (scene.height - piece.height))), mask)
    return scene


def _noisy(picture: Image.Image, spread: float, dice: Dice) -> Image.Image:
    pixels = np.asarray(picture, dtype=np.float32)
    return _picture(pixels + dice.normal(0, spread, pixels.shape).astype(np.float32))


def _a_moment_later(picture: Image.Image, dice: Dice, *, shift: float, moves: float) -> Image.Image:
    """A handheld shot of the same scene: the frame moved, something in it moved, the sensor's noise is new."""
    held = _shifted(picture, shift, dice)
    place = float(dice.uniform(0.1, 0.9)), float(dice.uniform(0.1, 0.9))
    scene = _with_subject_at(held, _subject(held, moves, dice), *place)
    return _noisy(ImageEnhance.Brightness(scene).enhance(float(dice.uniform(0.97, 1.03))), 3.0, dice)


def _shifted(picture: Image.Image, share: float, dice: Dice) -> Image.Image:
    """The view turned by a share of the short edge in any direction, with what lies beyond the edge mirrored in."""
    angle = float(dice.uniform(0, 2 * np.pi))
    across, down = (round(share * min(picture.size) * float(turn(angle))) for turn in (np.cos, np.sin))
    margin = max(abs(across), abs(down))
    pixels = np.pad(np.asarray(picture), ((margin, margin), (margin, margin), (0, 0)), mode="reflect")
    top, left = margin + down, margin + across
    return Image.fromarray(pixels[top : top + picture.height, left : left + picture.width])


def _from_tripod(picture: Image.Image, dice: Dice, *, moves: float) -> Image.Image:
    """The same frame to the pixel with something in it that was not there before, and new noise."""
    place = float(dice.uniform(0.1, 0.9)), float(dice.uniform(0.1, 0.9))
    return _noisy(_with_subject_at(picture, _subject(picture, moves, dice), *place), 2.0, dice)


NEIGHBOURS: dict[str, Callable[[Image.Image, Dice], Image.Image]] = {
    "burst, 1 % shift": lambda picture, dice: _a_moment_later(picture, dice, shift=0.01, moves=0.15),
    "burst, 2 % shift": lambda picture, dice: _a_moment_later(picture, dice, shift=0.02, moves=0.2),
    "burst, 4 % shift": lambda picture, dice: _a_moment_later(picture, dice, shift=0.04, moves=0.25),
    "burst, 8 % shift": lambda picture, dice: _a_moment_later(picture, dice, shift=0.08, moves=0.25),
    "tripod, 8 % subject": lambda picture, dice: _from_tripod(picture, dice, moves=0.08),
    "tripod, 15 % subject": lambda picture, dice: _from_tripod(picture, dice, moves=0.15),
    "tripod, 25 % subject": lambda picture, dice: _from_tripod(picture, dice, moves=0.25),
}


def variants(picture: Image.Image, *, seed: int) -> Iterator[Variant]:
    """The photograph itself, first, then everything that becomes of it; the same bytes for the same seed."""
    yield Variant("original", Truth.ORIGINAL, "jpg", _AS_TAKEN(picture))
    taken = open_picture(_AS_TAKEN(picture), "taken.jpg")
    for kind, (extension, encode) in RE_ENCODINGS.items():
        yield Variant(kind, Truth.RE_ENCODED, extension, encode(taken))
    dice = np.random.default_rng([seed, 1])
    for kind, edit in EDITS.items():
        yield Variant(kind, Truth.EDITED, "jpg", _AS_TAKEN(edit(taken, dice)))
    for kind, turn in TURNS.items():
        yield Variant(kind, Truth.TURNED, "jpg", _AS_TAKEN(taken.transpose(turn)))
    for kind, later in NEIGHBOURS.items():
        yield Variant(kind, Truth.NEIGHBOUR, "jpg", _AS_TAKEN(later(picture, dice)))


def labelled(variant: Variant, *, scene: int, id_: str, of: str | None) -> Labelled:
    """The file as Immich would hold it, with the thumbnail and thumbhash that the server makes of these bytes."""
    name = f"{id_}.{variant.extension}"
    picture = open_picture(variant.data, name)
    derived = derive(picture)
    return Labelled(
        id=id_,
        scene=scene,
        kind=variant.kind,
        truth=variant.truth,
        of=of,
        name=name,
        data=variant.data,
        thumbnail=derived.thumbnail,
        thumbhash=derived.thumbhash,
        size=picture.size,
    )
