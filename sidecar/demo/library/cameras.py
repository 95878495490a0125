"""The cameras of the demo and what one of them notes in a picture's EXIF."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime, timedelta, timezone
from fractions import Fraction

from PIL import Image
from PIL.TiffImagePlugin import IFDRational

from sidecar.demo.library.tiff import FieldType, Value

EXIF_IFD = 0x8769

Tags = dict[int, tuple[FieldType, Value]]


@dataclass(frozen=True, slots=True)
class Camera:
    """A camera model as its own EXIF spells it.

    Units:  focal_mm is the focal length in millimetres, f_number the aperture.
    """

    make: str
    model: str
    lens: str
    focal_mm: int
    f_number: Fraction


CANON_5D = Camera("Canon", "Canon EOS 5D Mark IV", "EF24-105mm f/4L IS II USM", 35, Fraction(8))
CANON_R6 = Camera("Canon", "Canon EOS R6", "RF50mm F1.8 STM", 50, Fraction(28, 10))
CANON_IXUS = Camera("Canon", "Canon DIGITAL IXUS 430", "7.4-22.2 mm", 7, Fraction(49, 10))
NIKON_D750 = Camera("NIKON CORPORATION", "NIKON D750", "AF-S NIKKOR 24-120mm f/4G ED VR", 24, Fraction(9))
SONY_A7 = Camera("SONY", "ILCE-7M3", "FE 35mm F1.8", 35, Fraction(4))
LEICA_Q2 = Camera("LEICA CAMERA AG", "LEICA Q2", "SUMMILUX 1:1.7/28 ASPH.", 28, Fraction(56, 10))
PENTAX_K3 = Camera("RICOH IMAGING COMPANY, LTD.", "PENTAX K-3 Mark III", "HD PENTAX-DA 16-85mm", 40, Fraction(71, 10))
RICOH_GR = Camera("RICOH IMAGING COMPANY, LTD.", "RICOH GR III", "GR LENS 18.3mm F2.8", 18, Fraction(5))
IPHONE = Camera("Apple", "iPhone 13 Pro", "iPhone 13 Pro back triple camera 5.7mm f/1.5", 6, Fraction(3, 2))
PIXEL = Camera("Google", "Pixel 7 Pro", "Pixel 7 Pro back camera 6.81mm f/1.85", 7, Fraction(37, 20))
GALAXY = Camera("samsung", "SM-S911B", "Samsung S5KGN3", 5, Fraction(9, 5))


@dataclass(frozen=True, slots=True)
class Shot:
    """One press of the button: what every file made from it shares, except what a file overrides.

    Shape:  wall_clock has no time zone: it is what the camera's display said. zone_h is the offset that the camera
            notes, None if it notes none (most RAW files before 2018). orientation is EXIF's 1-8.
    Units:  zone_h is hours east of Greenwich; iso as printed on the dial; exposure_s in seconds.
    """

    camera: Camera
    wall_clock: datetime
    zone_h: int | None = None
    orientation: int = 1
    iso: int = 100
    exposure_s: Fraction = Fraction(1, 250)

    @property
    def instant(self) -> datetime:
        """The aware moment; without an offset the wall clock is read as UTC, as Immich's server would."""
        zone = UTC if self.zone_h is None else timezone(timedelta(hours=self.zone_h))
        return self.wall_clock.replace(tzinfo=zone).astimezone(UTC)


def main_tags(shot: Shot) -> Tags:
    """The fields of the first directory: who and when, and which side is up."""
    return {
        271: (FieldType.ASCII, shot.camera.make),
        272: (FieldType.ASCII, shot.camera.model),
        274: (FieldType.SHORT, shot.orientation),
        306: (FieldType.ASCII, _clock(shot)),
    }


def exif_tags(shot: Shot) -> Tags:
    """The fields of the Exif directory: exposure, lens, and the time to the hundredth of a second.

    Source: Exif 2.32 (36880-36882 offsets, 37520-37522 sub-seconds).
    """
    hundredths = f"{shot.wall_clock.microsecond // 10_000:02d}"
    tags: Tags = {
        33434: (FieldType.RATIONAL, shot.exposure_s),
        33437: (FieldType.RATIONAL, shot.camera.f_number),
        34855: (FieldType.SHORT, shot.iso),
        36864: (FieldType.UNDEFINED, b"0232"),
        36867: (FieldType.ASCII, _clock(shot)),
        36868: (FieldType.ASCII, _clock(shot)),
        37386: (FieldType.RATIONAL, Fraction(shot.camera.focal_mm)),
        37520: (FieldType.ASCII, hundredths),
        37521: (FieldType.ASCII, hundredths),
        37522: (FieldType.ASCII, hundredths),
        42036: (FieldType.ASCII, shot.camera.lens),
    }
    if shot.zone_h is not None:
        offset = f"{'-' if shot.zone_h < 0 else '+'}{abs(shot.zone_h):02d}:00"
        tags |= dict.fromkeys((36880, 36881, 36882), (FieldType.ASCII, offset))
    return tags


def exif_block(shot: Shot, *, is_upright: bool = False) -> bytes:
    """The same fields as the block that goes into JPEG, PNG, TIFF, WebP and AVIF.

    Shape:  is_upright says the pixels are turned already, as editing programs leave them.
    """
    block = Image.Exif()
    for tag, (_, value) in main_tags(shot).items():
        block[tag] = value
    if is_upright:
        block[274] = 1
    block.get_ifd(EXIF_IFD).update(
        {
            tag: IFDRational(value.numerator, value.denominator) if isinstance(value, Fraction) else value
            for tag, (_, value) in exif_tags(shot).items()
        }
    )
    # Bytes, because Pillow 13 writes an Exif object into a TIFF without its Exif directory.
    return block.tobytes()


def _clock(shot: Shot) -> str:
    return f"{shot.wall_clock:%Y:%m:%d %H:%M:%S}"
