from __future__ import annotations

import unicodedata

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sidecar.formats import Format
from sidecar.grouping.names import parse_name, stem_of

NAMES = st.one_of(
    st.text(max_size=40),
    st.from_regex(
        r"(img|IMG_|PXL_)?[e_]?[0-9]{0,5}(-edit|_01|~2|\.RAW-01\.COVER)?(\.CR2|\.jpg|\.xmp){0,3}", fullmatch=True
    ),
)


@pytest.mark.parametrize(
    ("name", "stem", "media_format"),
    [
        pytest.param("", "", Format.UNKNOWN, id="empty"),
        pytest.param(".jpg", ".jpg", Format.UNKNOWN, id="a hidden file without extension"),
        pytest.param("IMG_0001", "img_0001", Format.UNKNOWN, id="no extension"),
        pytest.param("IMG_0001.xyz", "img_0001.xyz", Format.UNKNOWN, id="an extension nobody knows"),
        pytest.param("2024.05.01.JPG", "2024.05.01", Format.JPEG, id="dots in the name"),
        pytest.param("IMG_0001.CR2", "img_0001", Format.RAW, id="RAW"),
        pytest.param("IMG_0001.CR2.jpg", "img_0001", Format.JPEG, id="an export named after its RAW"),
        pytest.param("IMG_0001.CR2.TIF.jpg", "img_0001", Format.JPEG, id="an export of an export"),
        pytest.param("IMG_0001.NEF.dng", "img_0001", Format.RAW, id="a converted RAW"),
        pytest.param("IMG_0001-Edit.TIF", "img_0001", Format.TIFF, id="a variant"),
        pytest.param("Straße_0001.JPG", "strasse_0001", Format.JPEG, id="case is folded, not only lowered"),
        pytest.param("Cafe\u0301 0001.JPG", "caf\u00e9 0001", Format.JPEG, id="a Mac's decomposed accents"),
        pytest.param("x" * 251 + ".jpg", "x" * 251, Format.JPEG, id="255 characters"),
    ],
)
def test_a_name_says_picture_and_format(name: str, stem: str, media_format: Format) -> None:
    parsed = parse_name(name)
    assert (parsed.stem, parsed.format) == (stem, media_format)


@pytest.mark.parametrize(
    ("name", "label"),
    [
        pytest.param("IMG_0001.JPG.jpg", None, id="a doubled extension says nothing"),
        pytest.param("IMG_0001.NEF.dng", None, id="a RAW of a RAW is no export"),
        pytest.param("IMG_0001.NEF.jpg", ".nef", id="an export"),
        pytest.param("IMG_0001-Edit.NEF.jpg", "-edit.nef", id="an export of an edit"),
        pytest.param("IMG_0001_bw.NEF.jpg", "_bw.nef", id="an export with a suffix"),
    ],
)
def test_an_export_named_after_its_raw_is_a_version_of_it(name: str, label: str | None) -> None:
    variant = parse_name(name).variant
    assert (variant.label if variant else None) == label


def test_an_export_with_a_weak_suffix_stays_weak() -> None:
    variant = parse_name("IMG_0001_bw.NEF.jpg").variant
    assert variant is not None
    assert variant.is_weak
    assert variant.is_edit


def test_the_extension_is_lower_case_and_empty_if_unknown() -> None:
    assert parse_name("IMG_0001.CR3").extension == "cr3"
    assert parse_name("IMG_0001.what").extension == ""


@given(NAMES)
def test_the_fast_way_to_the_stem_agrees_with_the_whole_one(name: str) -> None:
    assert stem_of(name) == parse_name(name).stem


@given(NAMES)
def test_case_and_unicode_form_do_not_change_the_stem(name: str) -> None:
    assert stem_of(unicodedata.normalize("NFD", name)) == stem_of(name)
    if name.isascii():
        assert stem_of(name.upper()) == stem_of(name.lower())


def test_names_longer_than_any_file_system_takes_get_short_stems_that_still_differ() -> None:
    one, other = ("x" * 900 + end for end in ("a", "b"))
    assert stem_of(f"{one}.jpg") == stem_of(f"{one.upper()}.CR2") == parse_name(f"{one}.jpg").stem
    assert stem_of(f"{one}.jpg") != stem_of(f"{other}.jpg")
    assert len(stem_of(f"{one}.jpg")) == 255
    assert stem_of("y" * 255 + ".jpg") == "y" * 255
