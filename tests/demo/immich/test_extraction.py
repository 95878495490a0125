from __future__ import annotations

import io
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from PIL import ExifTags, Image
from PIL.TiffImagePlugin import IFDRational

from sidecar.demo.immich.extraction import Extracted, extract
from sidecar.demo.immich.times import iso_ms
from tests.demo.immich.scene import Picture


def test_a_camera_jpeg_tells_everything(picture: Picture) -> None:
    found = extract(
        picture(
            size=(320, 200),
            Make="Canon\0",
            Model=" EOS R5 ",
            Orientation=6,
            LensModel="RF50",
            FNumber=2.8,
            FocalLength=50.0,
            ISOSpeedRatings=400,
            ExposureTime=IFDRational(1, 200),
            DateTimeOriginal="2024:05:01 12:00:00",
            SubsecTimeOriginal="12",
            OffsetTimeOriginal="+02:00",
        )
    )
    assert (found.make, found.model, found.orientation, found.lens) == ("Canon", "EOS R5", "6", "RF50")
    assert (found.f_number, found.focal_length, found.iso, found.exposure_time) == (2.8, 50.0, 400, "1/200")
    assert (found.width, found.height, found.shown_size) == (320, 200, (200, 320))
    assert found.taken_us is not None
    assert found.local_us is not None
    assert (iso_ms(found.taken_us), iso_ms(found.local_us)) == ("2024-05-01T10:00:00.120Z", "2024-05-01T12:00:00.120Z")
    assert found.time_zone == "UTC+2"


@pytest.mark.parametrize(
    ("tags", "taken", "zone"),
    [
        pytest.param({"DateTimeOriginal": "0000:00:00 00:00:00"}, None, None, id="a camera without clock"),
        pytest.param({"DateTimeOriginal": "    "}, None, None, id="blanks"),
        pytest.param(
            {"DateTimeOriginal": "2024:05:01 12:00:00", "OffsetTimeOriginal": "noon"}, None, None, id="no offset"
        ),
        pytest.param(
            {"DateTimeOriginal": "2024:05:01 12:00:00"}, "2024-05-01T12:00:00.000Z", None, id="wall clock is UTC"
        ),
        pytest.param(
            {"DateTimeOriginal": "2024:05:01 12:00:00", "SubsecTimeOriginal": "x", "OffsetTimeOriginal": "-03:30"},
            "2024-05-01T15:30:00.000Z",
            "UTC-3:30",
            id="half hours",
        ),
    ],
)
def test_dates_of_all_kinds(picture: Picture, tags: dict[str, Any], taken: str | None, zone: str | None) -> None:
    found = extract(picture(**tags))
    assert (None if found.taken_us is None else iso_ms(found.taken_us)) == taken
    assert found.time_zone == zone


@pytest.mark.parametrize(
    ("exposure", "expected"),
    [((0, 1), None), ((2, 1), "2"), ((5, 2), "2.5"), ((1, 60), "1/60"), ((10, 1250), "1/125"), ((1, 0), None)],
)
def test_exposures_read_as_photographers_write_them(picture: Picture, exposure: Any, expected: str | None) -> None:
    assert extract(picture(ExposureTime=IFDRational(*exposure))).exposure_time == expected


def test_numbers_that_are_none_are_left_out(picture: Picture) -> None:
    assert (
        extract(picture(FNumber=(IFDRational(28, 10), IFDRational(4)), FocalLength=IFDRational(1, 0))).f_number is None
    )


@pytest.mark.parametrize("iso", [(200, 0), 200])
def test_sensitivity_may_be_a_list(picture: Picture, iso: Any) -> None:
    assert extract(picture(ISOSpeedRatings=iso)).iso == 200


def _tiff_that_pillow_cannot_show() -> bytes:
    """A TIFF whose samples are colour filter values, as in a raw file."""
    exif = Image.Exif()
    exif[ExifTags.Base.Make] = "Leica"
    out = io.BytesIO()
    Image.new("L", (40, 30)).save(out, "TIFF", exif=exif)
    entry = b"\x06\x01\x03\x00\x01\x00\x00\x00"
    return out.getvalue().replace(entry + b"\x01\x00", entry + b"\x23\x80")


def test_a_raw_file_is_read_by_its_tiff_header() -> None:
    found = extract(_tiff_that_pillow_cannot_show())
    assert (found.make, found.width, found.height) == ("Leica", 40, 30)


@pytest.mark.parametrize("data", [b"", b"not a picture", b"II*\0", b"II*\0\x08\0\0\0\xff\xff"])
def test_a_file_that_cannot_be_read_says_nothing(data: bytes) -> None:
    assert extract(data) == Extracted()


@given(st.binary(max_size=200), st.sampled_from([b"", b"II*\0", b"MM\0*", b"\xff\xd8\xff\xe1"]))
def test_no_bytes_at_all_break_the_reading(data: bytes, start: bytes) -> None:
    assert isinstance(extract(start + data), Extracted)
