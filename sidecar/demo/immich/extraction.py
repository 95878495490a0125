"""What the metadata job reads from a file: EXIF by Pillow, also from TIFF-like raw files that Pillow cannot show."""

from __future__ import annotations

import io
import struct
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from fractions import Fraction
from typing import Any

from PIL import ExifTags, Image

from sidecar.demo.immich.times import microseconds

_TIFF_STARTS = (b"II*\0", b"MM\0*")
_TURNED = frozenset({"5", "6", "7", "8"})
_MICROSECOND_DIGITS = 6
# What Pillow raises for broken files; UserWarning is its "Corrupt EXIF data" where warnings are errors.
_UNREADABLE = (
    OSError,
    ValueError,
    SyntaxError,
    KeyError,
    TypeError,
    IndexError,
    struct.error,
    UserWarning,
    Image.DecompressionBombError,
)
_MIN_PER_H = 60


@dataclass(frozen=True, slots=True)
class Extracted:
    """What the file says; all None for a file that says nothing.

    Units:  taken_us is the instant, local_us the wall clock read as UTC, both in microseconds since 1970; width and
            height are the stored ones, before orientation.
    """

    make: str | None = None
    model: str | None = None
    width: int | None = None
    height: int | None = None
    orientation: str | None = None
    taken_us: int | None = None
    local_us: int | None = None
    time_zone: str | None = None
    lens: str | None = None
    f_number: float | None = None
    focal_length: float | None = None
    iso: int | None = None
    exposure_time: str | None = None

    @property
    def shown_size(self) -> tuple[int | None, int | None]:
        """Width and height as people see the picture.

        Source: recording search-page2, an asset with orientation 6.
        """
        if self.orientation in _TURNED:
            return self.height, self.width
        return self.width, self.height


def extract(data: bytes) -> Extracted:
    """The metadata of the file; a file that cannot be read has none.

    Source: recordings asset, asset-raw; live 3.1.0 for offset, lens and exposure.
    """
    try:
        with Image.open(io.BytesIO(data)) as opened:
            return _from_exif(opened.getexif(), opened.size)
    except _UNREADABLE:
        return _from_tiff_header(data)


def _from_tiff_header(data: bytes) -> Extracted:
    if not data.startswith(_TIFF_STARTS):
        return Extracted()
    exif = Image.Exif()
    try:
        exif.load(data)
        width, height = exif.get(ExifTags.Base.ImageWidth), exif.get(ExifTags.Base.ImageLength)
        return _from_exif(exif, (width, height))
    except _UNREADABLE:
        return Extracted()


def _from_exif(exif: Image.Exif, size: tuple[int | None, int | None]) -> Extracted:
    photo = exif.get_ifd(ExifTags.IFD.Exif) or dict(exif)
    orientation = exif.get(ExifTags.Base.Orientation)
    taken_us, local_us, zone = _dates(photo)
    return Extracted(
        make=_text(exif.get(ExifTags.Base.Make)),
        model=_text(exif.get(ExifTags.Base.Model)),
        width=size[0],
        height=size[1],
        orientation=None if orientation is None else str(orientation),
        taken_us=taken_us,
        local_us=local_us,
        time_zone=zone,
        lens=_text(photo.get(ExifTags.Base.LensModel)),
        f_number=_number(photo.get(ExifTags.Base.FNumber)),
        focal_length=_number(photo.get(ExifTags.Base.FocalLength)),
        iso=_whole(photo.get(ExifTags.Base.ISOSpeedRatings)),
        exposure_time=_exposure(photo.get(ExifTags.Base.ExposureTime)),
    )


def _dates(photo: dict[int, Any]) -> tuple[int | None, int | None, str | None]:
    """Instant, wall clock and zone of DateTimeOriginal with its sub-seconds; without an offset the wall clock is UTC.

    Source: getDates, metadata.service.ts 3.1.0; recording asset (sub-seconds); live 3.1.0 (offset, "UTC+2").
    """
    written = _text(photo.get(ExifTags.Base.DateTimeOriginal))
    if written is None:
        return None, None, None
    try:
        wall = datetime.strptime(written, "%Y:%m:%d %H:%M:%S").replace(tzinfo=UTC)
        offset = _offset(_text(photo.get(ExifTags.Base.OffsetTimeOriginal)))
    except ValueError:
        return None, None, None
    fraction = (_text(photo.get(ExifTags.Base.SubsecTimeOriginal)) or "").ljust(_MICROSECOND_DIGITS, "0")
    local_us = microseconds(wall) + (int(fraction[:_MICROSECOND_DIGITS]) if fraction.isdigit() else 0)
    if offset is None:
        return local_us, local_us, None
    return local_us - offset // timedelta(microseconds=1), local_us, _zone_name(offset)


def _offset(written: str | None) -> timedelta | None:
    return None if written is None else datetime.strptime(written, "%z").utcoffset()


def _zone_name(offset: timedelta) -> str:
    """Luxon's name of a fixed offset: "UTC+2", "UTC-3:30", "UTC"."""
    sign = "-" if offset < timedelta(0) else "+"
    hours, minutes = divmod(abs(offset) // timedelta(minutes=1), _MIN_PER_H)
    return f"UTC{sign}{hours}" + (f":{minutes:02}" if minutes else "")


def _text(value: object) -> str | None:
    text = value.strip(" \0") if isinstance(value, str) else ""
    return text or None


def _number(value: Any) -> float | None:
    try:
        return None if value is None else float(value)
    except (TypeError, ValueError, ZeroDivisionError):
        return None


def _whole(value: Any) -> int | None:
    number = _number(value[0] if isinstance(value, tuple) and value else value)
    return None if number is None else int(number)


def _exposure(value: Any) -> str | None:
    """Seconds as exiftool prints them: "1/200", "2"."""
    seconds = _number(value)
    if not seconds:
        return None
    return f"{seconds:g}" if seconds >= 1 else str(Fraction(1, round(1 / seconds)))
