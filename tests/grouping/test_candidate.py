from __future__ import annotations

import pytest

from sidecar.formats import Format
from sidecar.grouping.candidate import camera_of, candidate_of, is_raw
from sidecar.grouping.names import NameReader
from sidecar.grouping.patterns import NamePattern
from tests.builders import make_asset


@pytest.mark.parametrize(
    ("make", "model", "expected", "label"),
    [
        pytest.param(None, None, (None, None), "", id="nothing known"),
        pytest.param(" ", "", (None, None), "", id="blanks are nothing"),
        pytest.param(None, "iPhone 12", (None, "iphone12"), "iPhone 12", id="only a model"),
        pytest.param("Apple", None, ("apple", None), "Apple", id="only a make"),
        pytest.param("NIKON CORPORATION", "NIKON D750", ("nikon", "d750"), "NIKON D750", id="make within the model"),
        pytest.param("Nikon", "D750", ("nikon", "d750"), "Nikon D750", id="make beside the model"),
        pytest.param("Canon", "Canon EOS R5", ("canon", "eosr5"), "Canon EOS R5", id="Canon"),
        pytest.param("Apple", "Apple", ("apple", "apple"), "Apple", id="a model that is only the make"),
        pytest.param("®", "X-1", (None, "x1"), "X-1", id="a make without letters"),
    ],
)
def test_cameras_are_compared_in_one_spelling(
    make: str | None, model: str | None, expected: tuple[str | None, str | None], label: str
) -> None:
    camera = camera_of(make, model)
    assert (camera.make, camera.model) == expected
    assert camera.label == label


@pytest.mark.parametrize(
    ("name", "slot", "is_edit"),
    [
        pytest.param("IMG_0001.CR2", "cr2", False, id="a RAW stands under its extension"),
        pytest.param("IMG_0001.JPEG", "jpeg", False, id="others under their format"),
        pytest.param("IMG_0001-Edit.tif", "tiff-edit", True, id="an edit"),
        pytest.param("IMG_0001-Enhanced-NR.dng", "dng-enhanced-nr", False, id="a RAW is never an edit"),
        pytest.param("IMG_0001.psd", "psd", True, id="a PSD always is"),
        pytest.param("holiday_01.jpg", "jpeg_01", False, id="a weak variant is none by itself"),
    ],
)
def test_the_slot_is_format_and_variant(name: str, slot: str, *, is_edit: bool) -> None:
    candidate = candidate_of(make_asset(name))
    assert (candidate.slot, candidate.is_edit) == (slot, is_edit)


@pytest.mark.parametrize(
    ("name", "content", "media_format", "slot"),
    [
        pytest.param("IMG_0001", None, Format.UNKNOWN, "unknown", id="nobody looked"),
        pytest.param("IMG_0001", Format.UNKNOWN, Format.UNKNOWN, "unknown", id="no media"),
        pytest.param("IMG_0001", Format.JPEG, Format.JPEG, "jpeg", id="a picture without extension"),
        pytest.param("IMG_0001.what", Format.HEIC, Format.HEIC, "heic", id="an extension nobody knows"),
        pytest.param("IMG_0001-Edit", Format.TIFF, Format.TIFF, "tiff-edit", id="with a variant"),
        pytest.param("IMG_0001", Format.RAW, Format.RAW, "raw", id="a RAW without extension"),
        pytest.param("IMG_0001.CR2", Format.TIFF, Format.RAW, "cr2", id="what the name claims stands"),
        pytest.param("IMG_0001.jpg", Format.UNKNOWN, Format.JPEG, "jpeg", id="also if the content is nothing"),
    ],
)
def test_where_the_name_claims_no_format_the_content_counts(
    name: str, content: Format | None, media_format: Format, slot: str
) -> None:
    candidate = candidate_of(make_asset(name, content=content))
    assert (candidate.format, candidate.slot) == (media_format, slot)
    assert is_raw(candidate) is (media_format is Format.RAW)


@pytest.mark.parametrize(
    ("name", "content", "is_edit"),
    [
        pytest.param("IMG_0001", Format.PSD, True, id="a PSD by its content"),
        pytest.param("IMG_0001-Edit", Format.RAW, False, id="a RAW by its content"),
        pytest.param("IMG_0001-Edit", Format.JPEG, True, id="an edit"),
    ],
)
def test_the_content_decides_what_is_an_edit(name: str, content: Format, *, is_edit: bool) -> None:
    assert candidate_of(make_asset(name, content=content)).is_edit is is_edit


def test_a_candidate_is_read_under_the_user_s_patterns() -> None:
    candidate = candidate_of(make_asset("IMG_0001-web.jpg"), NameReader((NamePattern("{base}-web.{ext}"),)))
    assert (candidate.family, candidate.slot, candidate.is_edit) == ("img_0001", "jpeg-web", True)
