from __future__ import annotations

import re

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from sidecar.grouping.variants import FRAME_ROWS, ROWS, VIDEO_ROWS, FrameRow, VariantRow, may_carry_variant, peel


@pytest.mark.parametrize(
    ("name", "stem", "label"),
    [
        pytest.param("-edit", "-edit", None, id="a name that is nothing but a variant keeps it"),
        pytest.param("img_20~1", "img_20~1", None, id="a DOS short name is no copy"),
        pytest.param("img_1234~2", "img_1234", "~2", id="an Android copy"),
        pytest.param("img_1234~raw", "img_1234", "~raw", id="a camera port's RAW"),
        pytest.param("img_1-edit", "img_1", "-edit", id="Lightroom's edit"),
        pytest.param("img_1-edit-2", "img_1", "-edit-2", id="Lightroom's second edit"),
        pytest.param("img_1-modifica-3-modifica", "img_1", "-modifica-3-modifica", id="Lightroom in Italian, twice"),
        pytest.param("_dsc1634-hdr-modifier", "_dsc1634", "-hdr-modifier", id="Lightroom in French"),
        pytest.param("_lim3896-编辑", "_lim3896", "-编辑", id="Lightroom in Chinese"),
        pytest.param("img_1-enhanced-nr-edit", "img_1", "-enhanced-nr-edit", id="an edit of a denoised picture"),
        pytest.param("p1051911-enhanced-nr-2", "p1051911", "-enhanced-nr-2", id="denoised a second time"),
        pytest.param("_dsf4318-verbessert-rr-bearbeitet", "_dsf4318", "-verbessert-rr-bearbeitet", id="all in German"),
        pytest.param("img_8566-mejorado-nr-2", "img_8566", "-mejorado-nr-2", id="denoised in Spanish"),
        pytest.param("img_1-hdr-pano", "img_1", "-hdr-pano", id="a panorama of HDR pictures"),
        pytest.param("dji_0464-hdr-pano-edit", "dji_0464", "-hdr-pano-edit", id="and its edit"),
        pytest.param("img_1_edited", "img_1", "_edited", id="edited with an underscore"),
        pytest.param("img_1 (edited)", "img_1", " (edited)", id="edited in brackets"),
        pytest.param("dscf2829(edited)", "dscf2829", "(edited)", id="edited in brackets without a space"),
        pytest.param("frítest (1)_edited", "frítest (1)", "_edited", id="Photos.app keeps the counter"),
        pytest.param("img_1_edit_2", "img_1", "_edit_2", id="a second edit"),
        pytest.param("img_1-bearbeitet", "img_1", "-bearbeitet", id="Takeout in German"),
        pytest.param("img_1-ha editado", "img_1", "-ha editado", id="Takeout in Spanish, two words"),
        pytest.param("img_1-編集済み", "img_1", "-編集済み", id="Takeout in Japanese"),
        pytest.param("img_1-edited(1)", "img_1(1)", "-edited", id="Takeout's counter belongs to the picture"),
        pytest.param("img_1-effects(12)", "img_1(12)", "-effects", id="also behind an effect"),
        pytest.param("20260517_022824-img_style", "20260517_022824", "-img_style", id="Google's style"),
        pytest.param("party_mix", "party", "_mix", id="a common word is only a suffix"),
        pytest.param("baby smile", "baby smile", None, id="a common word behind a space is a name"),
        pytest.param("img_1(1)", "img_1(1)", None, id="a counter alone is another picture"),
        pytest.param("20240501_120000(0)", "20240501_120000(0)", None, id="Samsung's next picture of a second"),
        pytest.param("wedding (356)", "wedding (356)", None, id="a delivered wedding"),
        pytest.param("img_e1234", "img_1234", "e", id="the iPhone's edit"),
        pytest.param("img_e1234-edit", "img_1234", "e-edit", id="an edit of the iPhone's edit"),
        pytest.param("img_easter", "img", "_easter", id="a word that begins like the iPhone's edit is a suffix"),
        pytest.param("pxl_1.raw-01.cover", "pxl_1", ".raw-01.cover", id="Pixel's cover of a RAW"),
        pytest.param("pxl_1.raw-01.cover~2", "pxl_1", ".raw-01.cover~2", id="and its edit"),
        pytest.param("pxl_1.raw-01.mp.cover", "pxl_1", ".raw-01.mp.cover", id="Pixel's moving cover of a RAW"),
        pytest.param("pxl_1.night.raw-02.original", "pxl_1", ".night.raw-02.original", id="Pixel's RAW at night"),
        pytest.param("pxl_1.portrait-02.original", "pxl_1", ".portrait-02.original", id="Pixel's portrait"),
        pytest.param("pxl_1.portrait.original", "pxl_1", ".portrait.original", id="Pixel's newer portrait"),
        pytest.param("pxl_1.long_exposure-02.origina", "pxl_1", ".long_exposure-02.origina", id="cut by Takeout"),
        pytest.param("pxl_1.action_pan-01.cover", "pxl_1", ".action_pan-01.cover", id="Pixel's moving subject"),
        pytest.param("pxl_1.motion-01.cover", "pxl_1", ".motion-01.cover", id="Pixel's motion"),
        pytest.param("pxl_1.vb-02.main", "pxl_1", ".vb-02.main", id="Pixel's boosted video"),
        pytest.param("pxl_20240926_143000123.raw-01", "pxl_20240926_143000123", ".raw-01", id="newer Pixels"),
        pytest.param("pxl_20240926_143000123.raw-01.mp", "pxl_20240926_143000123", ".raw-01.mp", id="moving"),
        pytest.param("pxl_20240926_143000123.night.raw-01", "pxl_20240926_143000123", ".night.raw-01", id="at night"),
        pytest.param("pxl_1.mp~2", "pxl_1", ".mp~2", id="a copy of a moving picture"),
        pytest.param("pxl_1.50mp", "pxl_1", ".50mp", id="with all pixels"),
        pytest.param("pxl_1.ts", "pxl_1.ts", None, id="a time lapse has no other version"),
        pytest.param("img_1-dxo_deepprime xd2s", "img_1", "-dxo_deepprime xd2s", id="DxO"),
        pytest.param("img_1-dxo_deepprime xd3 x-trans", "img_1", "-dxo_deepprime xd3 x-trans", id="DxO for Fujifilm"),
        pytest.param("dsc_2455-nef_dxo_deepprime", "dsc_2455", "-nef_dxo_deepprime", id="DxO names the RAW's format"),
        pytest.param("dsc00687_dxo", "dsc00687", "_dxo", id="DxO PhotoLab"),
        pytest.param("img_1-denoiseai-clear", "img_1", "-denoiseai-clear", id="Topaz"),
        pytest.param("img_1-topaz-denoise-enhance-3.9x", "img_1", "-topaz-denoise-enhance-3.9x", id="Topaz Photo AI"),
        pytest.param("img_1-gigapixel-low_res-scale-4_00x", "img_1", "-gigapixel-low_res-scale-4_00x", id="Gigapixel"),
        pytest.param("img_0846_cr2_shotwell", "img_0846", "_cr2_shotwell", id="Shotwell"),
        pytest.param("img_0846_cr2_embedded", "img_0846", "_cr2_embedded", id="Shotwell's embedded preview"),
        pytest.param("img_1_hdr", "img_1", "_hdr", id="a phone's HDR"),
        pytest.param("img_20200714_213432_bokeh", "img_20200714_213432", "_bokeh", id="a phone's bokeh"),
        pytest.param("img_20200714_213432_portrait", "img_20200714_213432", "_portrait", id="a phone's portrait"),
        pytest.param("mvimg_20180910_124410", "mvimg_20180910_124410", None, id="a moving picture of its own"),
        pytest.param("img_20240501_120000_00_001", "img_20240501_120000_00_001", None, id="Insta360's first lens"),
        pytest.param("dji_0001", "dji_0001", None, id="DJI names RAW and JPEG alike"),
        pytest.param("clip_1080p", "clip_1080p", None, id="a resolution says nothing of a picture"),
        pytest.param("clip_hevc", "clip", "_hevc", id="of a picture, a codec is any suffix"),
    ],
)
def test_variants_leave_the_picture_s_name(name: str, stem: str, label: str | None) -> None:
    peeled = peel(name)
    assert (peeled.stem, peeled.picture, peeled.burst) == (stem, stem, None)
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
        pytest.param("2024-05-01", "2024-05-01", "2024-05-01", False, id="the first of a month"),
        pytest.param("20240501_120000-1", "20240501_120000-1", "20240501_120000-1", False, id="renamed, next frame"),
        pytest.param("img_1234-1", "img_1234", "img_1234-1", True, id="RawTherapee's second export"),
        pytest.param("img_1234-01", "img_1234", "img_1234-01", True, id="Snapseed"),
        pytest.param(
            "pxl_20240501_120000123-01", "pxl_20240501_120000123", "pxl_20240501_120000123-01", True, id="ms-"
        ),
        pytest.param("session.raw-01", "session.raw", "session.raw-01", True, id="Pixel's name without its time"),
        pytest.param("holiday.part-01", "holiday.part", "holiday.part-01", True, id="parts of something else"),
        pytest.param("img_1234_01", "img_1234", "img_1234_01", True, id="darktable"),
        pytest.param("img_1234-2", "img_1234", "img_1234-2", True, id="a virtual copy"),
        pytest.param("img_1234-20", "img_1234-20", "img_1234-20", False, id="nobody makes so many copies"),
        pytest.param("img_1234_bw", "img_1234", "img_1234_bw", True, id="any suffix"),
        pytest.param("img_1234_öl", "img_1234", "img_1234_öl", True, id="a suffix with an umlaut"),
        pytest.param(
            "dji_20250705141254_0019_t", "dji_20250705141254_0019", "dji_20250705141254_0019_t", True, id="DJI"
        ),
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


@pytest.mark.parametrize(
    ("name", "stem"),
    [
        pytest.param("holiday_bw", "holiday_bw", id="any suffix"),
        pytest.param("holiday_bw-edit", "holiday_bw", id="an edit of a name with a suffix"),
        pytest.param("holiday_01", "holiday", id="numbers are no suffixes"),
        pytest.param("holiday_hdr", "holiday", id="what is known is no suffix"),
    ],
)
def test_the_row_of_suffixes_can_be_switched_off(name: str, stem: str) -> None:
    assert peel(name, joins_suffixes=False).stem == stem


@pytest.mark.parametrize(
    ("name", "stem", "frame", "burst", "is_cover"),
    [
        pytest.param("burst001", "burst001", "burst001", None, False, id="a name that is nothing but a frame"),
        pytest.param("starburst_2", "starburst_2", "starburst_2", None, False, id="a word"),
        pytest.param(
            "img_1_burst1234", "img_1_burst1234", "img_1_burst1234", None, False, id="neither number nor time"
        ),
        pytest.param("img_1_burst_cover", "img_1_burst", "img_1_burst", None, False, id="no number at all"),
        pytest.param("img_1_burst001", "img_1", "img_1_burst001", "img_1_burst", False, id="Huawei"),
        pytest.param("img_1_burst001_cover", "img_1", "img_1_burst001", "img_1_burst", True, id="Huawei's cover"),
        pytest.param("img_1_burst001_cover-edited", "img_1", "img_1_burst001", "img_1_burst", True, id="its edit"),
        pytest.param(
            "img_20180914_094602055_burst000_cover",
            "img_20180914_094602055",
            "img_20180914_094602055_burst000",
            "img_20180914_094602055_burst",
            True,
            id="Motorola",
        ),
        pytest.param(
            "img20261003081706_burst002",
            "img20261003081706",
            "img20261003081706_burst002",
            "img20261003081706_burst",
            False,
            id="Realme",
        ),
        pytest.param("img_1_burst9", "img_1", "img_1_burst9", "img_1_burst", False, id="Xiaomi"),
        pytest.param("img_1_burst11", "img_1", "img_1_burst11", "img_1_burst", False, id="Xiaomi, two digits"),
        pytest.param("img_1_timeburst3", "img_1", "img_1_timeburst3", "img_1_timeburst", False, id="Xiaomi, timed"),
        pytest.param(
            "00001img_00001_burst20171111030039",
            "burst20171111030039",
            "00001img_00001_burst20171111030039",
            "burst20171111030039",
            False,
            id="Nexus",
        ),
        pytest.param(
            "00100lrportrait_00100_burst20200418222652648_cover",
            "burst20200418222652648",
            "00100lrportrait_00100_burst20200418222652648",
            "burst20200418222652648",
            True,
            id="Nexus, a portrait",
        ),
        pytest.param(
            "00003xtr_00003_burst20190530194629_cover_top",
            "burst20190530194629",
            "00003xtr_00003_burst20190530194629",
            "burst20190530194629",
            True,
            id="Nexus, the cover of covers",
        ),
        pytest.param(
            "00002img_00002_burst1723801037429",
            "burst1723801037429",
            "00002img_00002_burst1723801037429",
            "burst1723801037429",
            False,
            id="Nothing counts milliseconds",
        ),
        pytest.param(
            "dsc_0052_burst20230709220904977_cover",
            "burst20230709220904977",
            "dsc_0052_burst20230709220904977",
            "burst20230709220904977",
            True,
            id="Xperia",
        ),
        pytest.param(
            "dscpdc_0000_burst20180828114700954",
            "burst20180828114700954",
            "dscpdc_0000_burst20180828114700954",
            "burst20180828114700954",
            False,
            id="Xperia takes pictures ahead",
        ),
        pytest.param("pxl_1.burst-02", "pxl_1", "pxl_1.burst-02", "pxl_1.burst", False, id="Pixel"),
        pytest.param("pxl_1.burst-01.cover", "pxl_1", "pxl_1.burst-01", "pxl_1.burst", True, id="Pixel's cover"),
        pytest.param("pxl_1.burst-01.mp.cover", "pxl_1", "pxl_1.burst-01.mp", "pxl_1.burst", True, id="moving"),
        pytest.param("pxl_1234.burst-01.cover~2", "pxl_1234", "pxl_1234.burst-01", "pxl_1234.burst", True, id="edited"),
        pytest.param(
            "pxl_1.burst-02.original", "pxl_1", "pxl_1.burst-02.original", "pxl_1.burst", False, id="Pixel's zoom"
        ),
        pytest.param(
            "20231207_101605_001", "20231207_101605", "20231207_101605_001", "20231207_101605", False, id="Samsung"
        ),
        pytest.param("20231207_101605_01", "20231207_101605_01", "20231207_101605_01", None, False, id="two digits"),
        pytest.param("20231207-101605_001", "20231207-101605_001", "20231207-101605_001", None, False, id="a hyphen"),
        pytest.param("trip_001", "trip_001", "trip_001", None, False, id="three digits behind a word"),
        pytest.param(
            "img_1_burst001-edit-edit-edit-edit", "img_1", "img_1_burst001", "img_1_burst", False, id="4 edits"
        ),
    ],
)
def test_frames_share_their_burst_s_name_and_keep_their_own(
    name: str, stem: str, frame: str, burst: str | None, *, is_cover: bool
) -> None:
    peeled = peel(name)
    assert (peeled.stem, peeled.picture, peeled.burst, peeled.is_burst_cover) == (stem, frame, burst, is_cover)
    assert peeled.full_stem in {frame, name}


def test_the_export_of_a_frame_is_weak_beside_the_frame() -> None:
    peeled = peel("img_1_burst001_bw")
    assert (peeled.stem, peeled.picture, peeled.full_stem) == ("img_1", "img_1_burst001", "img_1_burst001_bw")
    assert peeled.variant is not None
    assert peeled.variant.is_weak


@pytest.mark.parametrize(
    ("name", "label"),
    [
        pytest.param("img_1080", None, id="a counter is no resolution"),
        pytest.param("clip_4", None, id="a number"),
        pytest.param("clip_final", None, id="any word is at most a suffix"),
        pytest.param("clip1080p", None, id="no separator"),
        pytest.param("clip_1080p", "_1080p", id="resolution"),
        pytest.param("clip_1080p120", "_1080p120", id="resolution and frames a second"),
        pytest.param("clip-4k", "-4k", id="4K"),
        pytest.param("clip 4k120", " 4k120", id="4K and frames a second"),
        pytest.param("clip (720p)", " (720p)", id="in brackets"),
        pytest.param("clip_h264", "_h264", id="a codec"),
        pytest.param("clip.hevc", ".hevc", id="a codec behind a dot"),
        pytest.param("clip.h.265", ".h.265", id="a codec with a dot"),
        pytest.param("clip-x265", "-x265", id="an encoder"),
        pytest.param("clip_proxy", "_proxy", id="a proxy"),
        pytest.param("clip_1080p_x264_compressed", "_1080p_x264_compressed", id="several"),
    ],
)
def test_encodings_are_versions_of_a_video(name: str, label: str | None) -> None:
    peeled = peel(name, is_video=True)
    found = peeled.variant if peeled.variant and not peeled.variant.is_weak else None
    assert (found.label if found else None) == label
    if found is not None:
        assert peeled.stem == "clip"
        assert not found.is_edit


@pytest.mark.parametrize(
    ("name", "is_edit"),
    [
        pytest.param("img_1-edit", True, id="an edit"),
        pytest.param("img_1-edit_bw", True, id="with a suffix"),
        pytest.param("img_1_bw", False, id="a suffix alone"),
        pytest.param("pxl_1.portrait-01.cover", False, id="what the camera made"),
    ],
)
def test_only_edits_are_called_edits(name: str, *, is_edit: bool) -> None:
    variant = peel(name).variant
    assert variant is not None
    assert variant.is_edit is is_edit


@given(st.text("img_e0129-~. ()edit", min_size=1, max_size=24))
def test_the_cheap_look_never_overlooks_a_row(name: str) -> None:
    if not may_carry_variant(name):
        assert all(row.pattern.search(name) is None for row in (*ROWS, *VIDEO_ROWS))
        assert all(row.pattern.fullmatch(name) is None for row in FRAME_ROWS)


_ENDINGS = [row for row in (*ROWS, *VIDEO_ROWS) if row.pattern.pattern.endswith("$")]


@pytest.mark.parametrize("row", [pytest.param(row, id=row.name) for row in _ENDINGS])
@settings(max_examples=20, deadline=None)
@given(data=st.data())
def test_whatever_a_row_matches_is_looked_at(row: VariantRow, data: st.DataObject) -> None:
    before = data.draw(st.sampled_from(["a", "1", "20240501_120000", "20240501_120000123", "img_1234"]))
    name = before + data.draw(st.from_regex(_unguarded(row.pattern), fullmatch=True))
    if row.pattern.search(name) is not None:
        assert may_carry_variant(name)
        assert row.needs in name


@pytest.mark.parametrize("row", [pytest.param(row, id=row.name) for row in FRAME_ROWS])
@settings(max_examples=20, deadline=None)
@given(data=st.data())
def test_whatever_names_a_frame_is_looked_at(row: FrameRow, data: st.DataObject) -> None:
    ascii_pattern = row.pattern.pattern.replace(r"\d", "[0-9]").replace(".+", "[a-z0-9_]+")
    name = data.draw(st.from_regex(ascii_pattern, fullmatch=True))
    assert may_carry_variant(name)
    assert peel(name).burst is not None


def _unguarded(pattern: re.Pattern[str]) -> str:
    """The pattern without what it asks of the text before it, and with digits that are only ASCII."""
    return re.sub(r"\(\?<[!=][^()]*\)", "", pattern.pattern).removesuffix("$").replace(r"\d", "[0-9]")


@given(st.text("img_e019-~. ()editpano", min_size=1, max_size=40))
def test_something_is_always_left_of_a_name(name: str) -> None:
    peeled = peel(name)
    assert peeled.stem
    assert peeled.picture
    assert peeled.full_stem


@pytest.mark.parametrize(
    "name",
    [
        pytest.param("~2" * 10_000, id="copies"),
        pytest.param("-edited-" * 2_000, id="edits"),
        pytest.param("_a" * 2_000, id="suffixes"),
        pytest.param("-topaz" * 4_000 + "!", id="Topaz"),
        pytest.param("_burst" * 4_000 + "0", id="bursts"),
        pytest.param("-enhanced" + "-nr" * 4_000 + "!", id="enhancements"),
        pytest.param("1" * 20_000 + "_burst", id="digits"),
    ],
)
def test_a_hostile_name_ends_soon(name: str) -> None:
    assert peel(name, is_video=True).stem
