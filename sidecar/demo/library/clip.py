"""A short silent film: JPEG pictures one after another in a QuickTime or MP4 box, as old digital cameras wrote them."""

from __future__ import annotations

import struct
from collections.abc import Sequence
from datetime import UTC, datetime
from io import BytesIO

from PIL import Image

_EPOCH = datetime(1904, 1, 1, tzinfo=UTC)
_UNITY_MATRIX = struct.pack(">9I", 0x10000, 0, 0, 0, 0x10000, 0, 0, 0, 0x4000_0000)
_UNITS_PER_S = 1000
_ONE_TRACK, _NEXT_TRACK = 1, 2
_ENABLED = 7  # shown in the film, its preview and its poster
_DPI_72 = 0x48_0000


def clip_bytes(frames: Sequence[Image.Image], *, frame_ms: int, taken_at: datetime, brand: bytes = b"qt  ") -> bytes:
    """A film that shows each frame for frame_ms.

    Shape:  frames are RGB and of one size, one or more. brand is four bytes: `qt  ` for .MOV, `mp42` for .MP4.
            taken_at is aware; the film's own clock is UTC.
    Source: QuickTime File Format, 2012 edition: movie, track and sample table atoms; ISO 14496-12 names them alike.
    """
    pictures = [_jpeg(frame) for frame in frames]
    header = _box(b"ftyp", brand + bytes(4) + brand)
    first_frame_at = len(header) + 8
    seconds = int((taken_at - _EPOCH).total_seconds())
    duration = frame_ms * len(frames)
    width, height = frames[0].size
    samples = _box(
        b"stbl",
        _box(b"stsd", struct.pack(">II", 0, 1) + _jpeg_entry(width, height)),
        _box(b"stts", struct.pack(">IIII", 0, 1, len(frames), frame_ms)),
        _box(b"stsc", struct.pack(">IIIII", 0, 1, 1, len(frames), 1)),
        _box(b"stsz", struct.pack(f">III{len(pictures)}I", 0, 0, len(pictures), *map(len, pictures))),
        _box(b"stco", struct.pack(">III", 0, 1, first_frame_at)),
    )
    media = _box(
        b"mdia",
        _box(b"mdhd", struct.pack(">5I2H", 0, seconds, seconds, _UNITS_PER_S, duration, 0x55C4, 0)),
        _box(b"hdlr", struct.pack(">I4s4s12xx", 0, b"mhlr" if brand == b"qt  " else b"", b"vide")),
        _box(
            b"minf",
            _box(b"vmhd", struct.pack(">I8x", 1)),
            _box(b"dinf", _box(b"dref", struct.pack(">II", 0, 1) + _box(b"url ", struct.pack(">I", 1)))),
            samples,
        ),
    )
    track_header = struct.pack(">5I", _ENABLED, seconds, seconds, _ONE_TRACK, 0) + struct.pack(">I16x", duration)
    track = _box(
        b"trak", _box(b"tkhd", track_header + _UNITY_MATRIX + struct.pack(">II", width << 16, height << 16)), media
    )
    clock = struct.pack(">5IIH10x", 0, seconds, seconds, _UNITS_PER_S, duration, 0x10000, 0x100)
    movie_header = _box(b"mvhd", clock + _UNITY_MATRIX + struct.pack(">24xI", _NEXT_TRACK))
    return header + _box(b"mdat", *pictures) + _box(b"moov", movie_header, track)


def _jpeg(frame: Image.Image) -> bytes:
    stream = BytesIO()
    frame.save(stream, "JPEG", quality=80)
    return stream.getvalue()


def _jpeg_entry(width: int, height: int) -> bytes:
    places = struct.pack(">6xH16x", 1)
    size = struct.pack(">HHIIIH", width, height, _DPI_72, _DPI_72, 0, 1)
    return _box(b"jpeg", places + size + b"\x0cPhoto - JPEG".ljust(32, b"\0") + struct.pack(">Hh", 24, -1))


def _box(kind: bytes, *parts: bytes) -> bytes:
    content = b"".join(parts)
    return struct.pack(">I4s", 8 + len(content), kind) + content
