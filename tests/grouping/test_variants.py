from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sidecar.grouping.variants import ROWS, may_carry_variant, peel


@pytest.mark.parametrize(
    ("name", "stem", "label"),
    [
        pytest.param("-edit", "-edit", None, id="a name that is nothing but a variant keeps it"),
        pytest.param("img_20~1", "img_20~1", None, id="a DOS short name is no copy"),
        pytest.param("img_1234~2", "img_1234", "~2", id="an Android copy"),
        pytest.param("img_1-edit", "img_1", "-edit", id="Lightroom's edit"),
        pytest.param("img_1-edit-2", "img_1", "-edit-2", id="Lightroom's second edit"),
        pytest.param("img_1-enhanced-nr-edit", "img_1", "-enhanced-nr-edit", id="an edit of a denoised picture"),
        pytest.param("img_1-hdr-pano", "img_1", "-hdr-pano", id="a panorama of HDR pictures"),
        pytest.param("img_1_edited", "img_1", "_edited", id="edited with an underscore"),
        pytest.param("img_1 (edited)", "img_1", " (edited)", id="edited in brackets"),
        pytest.param("img_1-bearbeitet", "img_1", "-bearbeitet", id="Takeout in German"),
        pytest.param("img_1-ha editado", "img_1", "-ha editado", id="Takeout in Spanish, two words"),
        pytest.param("img_1-編集済み", "img_1", "-編集済み", id="Takeout in Japanese"),
        pytest.param("img_1-edited(1)", "img_1(1)", "-edited", id="Takeout's counter belongs to the picture"),
        pytest.param("img_1(1)", "img_1(1)", None, id="a counter alone is another picture"),
        pytest.param("wedding (356)", "wedding (356)", None, id="a delivered wedding"),
        pytest.param("img_e1234", "img_1234", "e", id="the iPhone's edit"),
        pytest.param("img_e1234-edit", "img_1234", "e-edit", id="an edit of the iPhone's edit"),
        pytest.param("img_easter", "img", "_easter", id="a word that begins like the iPhone's edit is a suffix"),
        pytest.param("pxl_1.raw-01.cover", "pxl_1", ".raw-01.cover", id="Pixel's cover of a RAW"),
        pytest.param("pxl_1.raw-01.mp.cover", "pxl_1", ".raw-01.mp.cover", id="Pixel's moving cover of a RAW"),
        pytest.param("pxl_1.night.raw-02.original", "pxl_1", ".night.raw-02.original", id="Pixel's RAW at night"),
        pytest.param("pxl_1.mp~2", "pxl_1", ".mp~2", id="a copy of a moving picture"),
        pytest.param("pxl_1.burst-02", "pxl_1.burst-02", None, id="a frame of a burst is a picture"),
        pytest.param("pxl_1.burst-01.cover", "pxl_1.burst-01.cover", None, id="so is the burst's cover"),
        pytest.param("img_1-dxo_deepprime xd2s", "img_1", "-dxo_deepprime xd2s", id="DxO"),
        pytest.param("img_1-denoiseai-clear", "img_1", "-denoiseai-clear", id="Topaz"),
        pytest.param("img_1_hdr", "img_1", "_hdr", id="a phone's HDR"),
    ],
)
def test_strong_variants_leave_the_picture_s_name(name: str, stem: str, label: str | None) -> None:
    peeled = peel(name)
    assert peeled.stem == stem
    assert (peeled.variant.label if peeled.variant else None) == label


@pytest.mark.parametrize(
    ("name", "stem", "full_stem", "is_weak"),
    [
        pytest.param(
            "20240501_120000_01", "20240501_120000_01", "20240501_120000_01", False, id="a phone's next frame"
        ),
        pytest.param(
            "pxl_20240501_120000123_02", "pxl_20240501_120000123_02", "pxl_20240501_120000123_02", False, id="ms"
        ),
        pytest.param("2024-05-12", "2024-05-12", "2024-05-12", False, id="a date"),
        pytest.param("img_1234-1", "img_1234-1", "img_1234-1", False, id="the first copy is called 2"),
        pytest.param("img_1234_01", "img_1234", "img_1234_01", True, id="darktable"),
        pytest.param("img_1234-2", "img_1234", "img_1234-2", True, id="a virtual copy"),
        pytest.param("img_1234_bw", "img_1234", "img_1234_bw", True, id="any suffix"),
        pytest.param("img_1234_öl", "img_1234", "img_1234_öl", True, id="a suffix with an umlaut"),
        pytest.param("holiday_01-edit", "holiday", "holiday_01", True, id="a strong one behind a weak one"),
        pytest.param("img_1234-edit_bw", "img_1234", "img_1234-edit_bw", True, id="a weak one behind a strong one"),
        pytest.param("a_b_c", "a_b", "a_b_c", True, id="at most one weak one is cut"),
    ],
)
def test_weak_variants_keep_the_full_name_beside_the_stem(
    name: str, stem: str, full_stem: str, *, is_weak: bool
) -> None:
    peeled = peel(name)
    assert (peeled.stem, peeled.full_stem) == (stem, full_stem)
    assert (peeled.variant is not None and peeled.variant.is_weak) is is_weak


def test_only_edits_are_called_edits() -> None:
    edit, cover = peel("img_1-edit").variant, peel("pxl_1.portrait-01.cover").variant
    assert edit is not None
    assert edit.is_edit
    assert cover is not None
    assert not cover.is_edit


@given(st.text("img_e0129-~. ()edit", min_size=1, max_size=24))
def test_the_cheap_look_never_overlooks_a_row(name: str) -> None:
    if not may_carry_variant(name):
        assert all(row.pattern.search(name) is None for row in ROWS)


@given(st.text("img_e019-~. ()editpano", min_size=1, max_size=40))
def test_something_is_always_left_of_a_name(name: str) -> None:
    assert peel(name).stem


def test_a_hostile_name_ends_soon() -> None:
    assert peel("~2" * 10_000).stem
    assert peel("-edited-" * 2_000).stem
    assert peel("_a" * 2_000).stem
