from __future__ import annotations

import struct
from datetime import UTC, datetime, timedelta
from io import BytesIO

import pytest
from PIL import Image

from sidecar.demo.library.clip import clip_bytes

TAKEN_AT = datetime(2021, 6, 5, 8, 0, 1, tzinfo=UTC)
FRAMES = [Image.new("RGB", (48, 32), (shade, 0, 0)) for shade in (10, 120, 240)]
HOLDERS = {b"moov", b"trak", b"mdia", b"minf", b"dinf", b"stbl"}


def boxes(data: bytes, path: str = "") -> dict[str, bytes]:
    """Every box by its path; fails if a box does not end exactly where its holder does."""
    found = {}
    at = 0
    while at < len(data):
        size, kind = struct.unpack_from(">I4s", data, at)
        assert 8 <= size <= len(data) - at
        content = data[at + 8 : at + size]
        here = f"{path}/{kind.decode()}"
        found[here] = content
        if kind in HOLDERS:
            found |= boxes(content, here)
        at += size
    return found


@pytest.mark.parametrize("brand", [b"qt  ", b"mp42"])
def test_the_boxes_nest_and_lead_to_every_frame(brand: bytes) -> None:
    data = clip_bytes(FRAMES, frame_ms=125, taken_at=TAKEN_AT, brand=brand)
    table = "/moov/trak/mdia/minf/stbl"
    found = boxes(data)
    assert next(iter(found)) == "/ftyp"
    assert found["/ftyp"][:4] == brand
    (at,) = struct.unpack(">I", found[f"{table}/stco"][8:])
    _, count, *sizes = struct.unpack(">5I", found[f"{table}/stsz"][4:])
    assert count == len(FRAMES)
    for frame, size in zip(FRAMES, sizes, strict=True):
        with Image.open(BytesIO(data[at : at + size])) as picture:
            assert (picture.format, picture.size) == ("JPEG", frame.size)
            red, _, _ = picture.getpixel((5, 5))  # type: ignore[misc]  # an RGB picture's pixel is a triple
            assert abs(red - frame.getpixel((5, 5))[0]) < 8  # type: ignore[index]  # as above
        at += size


def test_duration_date_and_size_are_told() -> None:
    found = boxes(clip_bytes(FRAMES, frame_ms=125, taken_at=TAKEN_AT))
    _, created, _, units_per_s, duration = struct.unpack_from(">5I", found["/moov/mvhd"])
    assert timedelta(seconds=duration / units_per_s) == timedelta(milliseconds=375)
    assert datetime(1904, 1, 1, tzinfo=UTC) + timedelta(seconds=created) == TAKEN_AT
    assert struct.unpack(">II", found["/moov/trak/tkhd"][-8:]) == (48 << 16, 32 << 16)
    assert len(found["/moov/mvhd"]) == 100
    assert len(found["/moov/trak/tkhd"]) == 84
