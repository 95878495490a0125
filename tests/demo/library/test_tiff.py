from __future__ import annotations

import struct
from fractions import Fraction
from io import BytesIO

import pytest
from hypothesis import given
from hypothesis import strategies as st
from PIL import Image

from sidecar.demo.library.tiff import Directory, FieldType, Value, tiff_bytes


def read_back(data: bytes) -> Image.Exif:
    """Pillow's EXIF reader takes any TIFF."""
    exif = Image.Exif()
    exif.load(data)
    return exif


@pytest.mark.parametrize(
    ("field_type", "value", "expected"),
    [
        pytest.param(FieldType.ASCII, "", "", id="no text"),
        pytest.param(FieldType.ASCII, "abc", "abc", id="text that fits into the entry"),
        pytest.param(FieldType.ASCII, "four letters and more", "four letters and more", id="text that does not"),
        pytest.param(FieldType.BYTE, bytes((1, 4, 0, 0)), bytes((1, 4, 0, 0)), id="bytes"),
        pytest.param(FieldType.UNDEFINED, b"0232", b"0232", id="undefined"),
        pytest.param(FieldType.SHORT, 65_535, 65_535, id="the largest short"),
        pytest.param(FieldType.SHORT, [8, 8, 8], (8, 8, 8), id="three shorts are too long for the entry"),
        pytest.param(FieldType.LONG, 2**32 - 1, 2**32 - 1, id="the largest long"),
        pytest.param(FieldType.RATIONAL, Fraction(1, 250), Fraction(1, 250), id="rational"),
        pytest.param(FieldType.RATIONAL, [Fraction(1)] * 3, (1, 1, 1), id="rationals"),
        pytest.param(FieldType.SRATIONAL, [Fraction(-3, 2)], Fraction(-3, 2), id="signed rational"),
    ],
)
def test_a_value_is_read_back_as_it_was_given(field_type: FieldType, value: Value, expected: object) -> None:
    assert read_back(tiff_bytes(Directory({700: (field_type, value)})))[700] == expected


@given(
    st.dictionaries(
        st.integers(1000, 60_000), st.text(st.characters(codec="ascii", exclude_characters="\0"), max_size=40)
    )
)
def test_any_directory_is_sorted_even_and_whole(texts: dict[int, str]) -> None:
    data = tiff_bytes(Directory({tag: (FieldType.ASCII, text) for tag, text in texts.items()}))
    assert {tag: text for tag, text in read_back(data).items() if tag in texts} == texts
    (at,) = struct.unpack_from("<I", data, 4)
    (count,) = struct.unpack_from("<H", data, at)
    tags = [struct.unpack_from("<H", data, at + 2 + 12 * entry)[0] for entry in range(count)]
    assert tags == sorted(texts)
    assert at % 2 == 0


def test_a_strip_is_a_picture_that_pillow_reads() -> None:
    pixels = bytes(range(6 * 4))
    tags: dict[int, tuple[FieldType, Value]] = {
        256: (FieldType.LONG, 6),
        257: (FieldType.LONG, 4),
        258: (FieldType.SHORT, 8),
        259: (FieldType.SHORT, 1),
        262: (FieldType.SHORT, 1),
        277: (FieldType.SHORT, 1),
        278: (FieldType.LONG, 4),
    }
    with Image.open(BytesIO(tiff_bytes(Directory(tags, pixels)))) as image:
        assert (image.size, image.tobytes()) == ((6, 4), pixels)


def test_children_hang_from_the_field_that_names_them() -> None:
    child = Directory({37386: (FieldType.RATIONAL, Fraction(35))})
    exif = read_back(tiff_bytes(Directory({}, children={0x8769: [child]})))
    assert exif.get_ifd(0x8769) == {37386: 35}


@pytest.mark.parametrize(
    ("field_type", "value", "error"),
    [
        pytest.param(FieldType.SHORT, 65_536, struct.error, id="too large for a short"),
        pytest.param(FieldType.RATIONAL, Fraction(-1, 2), struct.error, id="negative where there is no sign"),
        pytest.param(FieldType.ASCII, "Ålesund", UnicodeEncodeError, id="not ASCII"),
    ],
)
def test_a_value_that_does_not_fit_is_refused(field_type: FieldType, value: Value, error: type[Exception]) -> None:
    with pytest.raises(error):
        tiff_bytes(Directory({700: (field_type, value)}))
