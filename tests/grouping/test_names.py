from __future__ import annotations

import unicodedata
from time import perf_counter

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from sidecar.formats import Format
from sidecar.grouping.names import NameReader, parse_name, reader_of, stem_of
from sidecar.grouping.patterns import NamePattern
from sidecar.grouping.settings import PairingRules

NAMES = st.one_of(
    st.text(max_size=40),
    st.from_regex(
        r"(img|IMG_|PXL_|20240501_120000|00001IMG_00001)?[e_]?[0-9]{0,5}"
        r"(-edit|_01|~2|\.RAW-01\.COVER|_BURST[0-9]{3}|_BURST20240501120000|_001|_4k|-web|_h264)?(_COVER)?"
        r"(\.CR2|\.jpg|\.xmp|\.mp4){0,3}",
        fullmatch=True,
    ),
)
TAUGHT = (
    "{base}-web.{ext}",
    "small_{base}.{ext}",
    "{base}_{suffix}.{ext}",
    "{base}{n}.{ext}",
    r"regex:(?P<base>[^_]+)_.*\.(?P<ext>\w+)",
    r"regex:.*(?P<base>.)\.(?P<ext>jpg)",
)
PATTERNS = st.lists(st.builds(NamePattern, st.sampled_from(TAUGHT), st.booleans()), max_size=3).map(tuple)
READERS = st.builds(NameReader, PATTERNS, joins_suffixes=st.booleans())
WEB = NamePattern("{base}-web.{ext}")
unhurried = settings(deadline=None)
"""How long an example takes says more about the machine than about the names."""


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


@pytest.mark.parametrize(
    ("name", "stem"),
    [
        pytest.param("IMG_4K.jpg", "img_4k", id="a picture called 4K"),
        pytest.param("clip_4K.mov", "clip", id="a 4K video"),
        pytest.param("clip_h264.mp4", "clip", id="three digits at the end"),
        pytest.param("clip.h264.mp4", "clip", id="three digits behind a dot"),
        pytest.param("clip_1080p120.mkv", "clip", id="frames a second"),
        pytest.param("clip_1080.mp4", "clip_1080", id="four digits are a counter"),
        pytest.param("clip_h264.what", "clip_h264.what", id="an unknown format"),
    ],
)
def test_encodings_count_only_of_videos(name: str, stem: str) -> None:
    assert stem_of(name) == parse_name(name).stem == stem


@pytest.mark.parametrize(
    ("name", "stem", "picture", "burst", "is_cover"),
    [
        pytest.param("IMG_1.jpg", "img_1", "img_1", None, False, id="no burst"),
        pytest.param("IMG_1_BURST002.jpg", "img_1", "img_1_burst002", "img_1_burst", False, id="a frame"),
        pytest.param("IMG_1_BURST001_COVER.jpg", "img_1", "img_1_burst001", "img_1_burst", True, id="the cover"),
        pytest.param(
            "DSC_0001_BURST20180828114700954.JPG",
            "burst20180828114700954",
            "dsc_0001_burst20180828114700954",
            "burst20180828114700954",
            False,
            id="a time stamp ends in digits as most names do",
        ),
        pytest.param(
            "20240501_120000_001.jpg", "20240501_120000", "20240501_120000_001", "20240501_120000", False, id="Samsung"
        ),
        pytest.param("PXL_1.BURST-01.COVER.jpg", "pxl_1", "pxl_1.burst-01", "pxl_1.burst", True, id="Pixel"),
    ],
)
def test_a_frame_says_its_burst(name: str, stem: str, picture: str, burst: str | None, *, is_cover: bool) -> None:
    parsed = parse_name(name)
    assert (parsed.stem, parsed.picture, parsed.full_stem) == (stem, picture, picture)
    assert (parsed.burst, parsed.is_burst_cover) == (burst, is_cover)
    assert stem_of(name) == stem


@pytest.mark.parametrize(
    ("text", "name", "stem", "full_stem", "label"),
    [
        pytest.param("{base}-web.{ext}", "IMG_1-web.jpg", "img_1", "img_1", "-web", id="the label is cut"),
        pytest.param("{base}-web.{ext}", "IMG_1-Edit-web.jpg", "img_1", "img_1", "-edit-web", id="and what is known"),
        pytest.param("{base}-web.{ext}", "IMG_E1234-web.jpg", "img_1234", "img_1234", "e-web", id="the iPhone's edit"),
        pytest.param("{base}-web.{ext}", "IMG_1.CR2-web.jpg", "img_1", "img_1", ".cr2-web", id="an inner extension"),
        pytest.param("{base}-web.{ext}", "a_01-web.jpg", "a", "a_01", "_01-web", id="a weak variant stays weak"),
        pytest.param("{base}-web.{ext}", "Größe-web.jpg", "grösse", "grösse", "-web", id="folded"),
        pytest.param("{base}-web.{ext}", "IMG_1-web.what", "img_1.what", "img_1.what", "-web", id="unknown format"),
        pytest.param("small_{base}.{ext}", "Small_IMG_1.jpg", "img_1", "img_1", "small_", id="a prefix"),
        pytest.param(
            "{base}_bw.{ext}", "holiday_bw.jpg", "holiday", "holiday", "_bw", id="what was weak is not any more"
        ),
        pytest.param("{base} ({n}).{ext}", "IMG_1 (2).jpg", "img_1", "img_1", " (2)", id="counters, if taught so"),
        pytest.param("{base}-x{n}.{ext}", "clip_4k-x123.mp4", "clip", "clip", "_4k-x123", id="a video's encoding"),
    ],
)
def test_a_user_s_pattern_says_which_version_a_name_is(
    text: str, name: str, stem: str, full_stem: str, label: str
) -> None:
    pattern = NamePattern(text)
    parsed = NameReader((pattern,)).parse(name)
    assert (parsed.stem, parsed.full_stem, parsed.pattern) == (stem, full_stem, pattern)
    assert parsed.variant is not None
    assert parsed.variant.label == label
    assert parsed.variant.is_edit
    assert parsed.variant.is_weak is (stem != full_stem)
    assert NameReader((pattern,)).stem_of(name) == stem


@pytest.mark.parametrize(
    ("text", "name"),
    [
        pytest.param("{base}-web.{ext}", "IMG_1.jpg", id="no match"),
        pytest.param("{base}-edit.{ext}", "IMG_1-Edit.jpg", id="what is known anyway"),
        pytest.param("{base}.{ext}", "IMG_1-Edit.jpg", id="the pattern that always holds"),
        pytest.param(r"regex:(?P<base>\w+).*\.(?P<ext>jpg)", "IMG_1-Edit.jpg", id="what is known, otherwise said"),
    ],
)
def test_a_pattern_that_changes_nothing_is_not_named(text: str, name: str) -> None:
    assert NameReader((NamePattern(text),)).parse(name) == parse_name(name)


def test_versions_that_a_pattern_names_meet_all_others() -> None:
    names = NameReader((WEB,))
    together = ["IMG_1.CR3", "IMG_1-Edit.tif", "IMG_1-web.jpg", "IMG_1-Edit-web.jpg", "IMG_1.CR3-web.jpg"]
    assert {names.parse(name).full_stem for name in together} == {"img_1"}
    labels = [variant.label if (variant := names.parse(name).variant) else None for name in together]
    assert len(set(labels)) == len(together)


def test_the_first_pattern_that_matches_counts() -> None:
    longer = NamePattern("{base}-a-web.{ext}")
    assert NameReader((longer, WEB)).parse("IMG-a-web.jpg").stem == "img"
    assert NameReader((WEB, longer)).parse("IMG-a-web.jpg").stem == "img-a"
    assert NameReader((longer, WEB)).parse("IMG-web.jpg").pattern == WEB


def test_a_frame_that_a_pattern_names_stays_a_frame() -> None:
    parsed = NameReader((WEB,)).parse("IMG_1_BURST001_COVER-web.jpg")
    assert (parsed.stem, parsed.picture, parsed.burst) == ("img_1", "img_1_burst001", "img_1_burst")
    assert parsed.is_burst_cover


def test_suffixes_are_names_where_people_say_so() -> None:
    names = reader_of(PairingRules(joins_suffixes=False))
    assert names.stem_of("holiday_bw.jpg") == names.parse("holiday_bw.jpg").stem == "holiday_bw"
    assert names.parse("holiday_bw.jpg").variant is None
    assert names.stem_of("holiday_01.jpg") == "holiday"


def test_equal_rules_have_one_reader() -> None:
    rules = PairingRules(patterns=(NamePattern("{base}-web.{ext}"),))
    assert reader_of(rules) is reader_of(PairingRules(tolerance_ms=1, patterns=(WEB,)))
    assert reader_of(rules) is not reader_of(PairingRules())
    assert reader_of(rules).stem_of("IMG_1-web.jpg") == "img_1"


@pytest.mark.parametrize(
    "names",
    [
        pytest.param([f"wedding ({number}).jpg" for number in range(1, 357)], id="a delivered wedding"),
        pytest.param([f"IMG_{number:04}.JPG" for number in range(1, 40)], id="a counter"),
        pytest.param(
            ["20240501_120000.jpg", "20240501_120000(0).jpg", "20240501_120000(1).jpg"], id="Samsung's second"
        ),
        pytest.param([f"20240501_120000_{number:03}.jpg" for number in range(1, 30)], id="Samsung's burst"),
        pytest.param([f"20240501_120000_{number:02}.jpg" for number in range(1, 30)], id="a second's pictures"),
        pytest.param([f"PXL_20240501_120000123.BURST-{number:02}.jpg" for number in range(1, 30)], id="Pixel's burst"),
        pytest.param(["IMG_1.jpg", *(f"IMG_1_BURST{number:03}.jpg" for number in range(1, 30))], id="Huawei's burst"),
        pytest.param([f"2024-05-{day:02}.jpg" for day in range(1, 32)], id="days"),
        pytest.param([f"DJI_20250705141254_0019_{lens}.JPG" for lens in "VWZT"], id="DJI's lenses"),
        pytest.param(["IMG_20240501_120000_00_001.insp", "IMG_20240501_120000_10_001.insp"], id="Insta360's lenses"),
        pytest.param(["GOPR0001.JPG", "GP010001.JPG", "G0010001.JPG"], id="GoPro's chapters"),
        pytest.param(["IMG-20240501-WA0001.jpg", "IMG-20240501-WA0002.jpg"], id="WhatsApp"),
        pytest.param(["holiday.part-01.jpg", "holiday.part-02.jpg"], id="parts"),
        pytest.param(["IMG 1.jpg", "IMG 1 copy.jpg", "IMG 1 1.jpg"], id="copies in words"),
    ],
)
def test_different_pictures_keep_different_names(names: list[str]) -> None:
    assert len({parse_name(name).full_stem for name in names}) == len(names)


@unhurried
@given(READERS, NAMES)
def test_the_fast_way_to_the_stem_agrees_with_the_whole_one(names: NameReader, name: str) -> None:
    assert names.stem_of(name) == names.parse(name).stem


@unhurried
@given(READERS, NAMES)
def test_every_name_has_a_stem_that_a_database_can_index(names: NameReader, name: str) -> None:
    parsed = names.parse(name)
    for each in (parsed.stem, parsed.picture, parsed.full_stem):
        assert bool(each) is bool(name)
        assert len(each) <= 255


@unhurried
@given(READERS, st.text("a\ud800\udfff\x00\u0345\ufb03é.-_ jpg", max_size=12))
def test_no_text_is_too_odd_for_a_name(names: NameReader, name: str) -> None:
    assert names.stem_of(name) == names.parse(name).stem


@unhurried
@given(NAMES)
def test_case_and_unicode_form_do_not_change_the_stem(name: str) -> None:
    assert stem_of(unicodedata.normalize("NFD", name)) == stem_of(name)
    if name.isascii():
        assert stem_of(name.upper()) == stem_of(name.lower())


@unhurried
@given(READERS, st.sampled_from(["-web", "_bw", "-Edit", ""]), st.from_regex("[A-Z]{3}_[0-9]{4}", fullmatch=True))
def test_case_does_not_change_what_a_pattern_says(names: NameReader, suffix: str, base: str) -> None:
    name = f"{base}{suffix}.jpg"
    assert names.parse(name.upper())._replace(format=Format.JPEG) == names.parse(name.lower())


def test_a_pattern_takes_no_longer_than_in_proportion_to_the_name() -> None:
    names = NameReader((NamePattern(r"regex:(?P<base>(a+)+b)\.(?P<ext>jpg)"), WEB))

    def seconds(length: int) -> float:
        name = "a" * length + ".jpg"
        spent = []
        for _ in range(3):
            began = perf_counter()
            names.parse(name)
            spent.append(perf_counter() - began)
        return min(spent)

    short, long = seconds(10_000), seconds(100_000)
    assert long < max(40 * short, 0.05)


def test_names_longer_than_any_file_system_takes_get_short_stems_that_still_differ() -> None:
    one, other = ("x" * 900 + end for end in ("a", "b"))
    assert stem_of(f"{one}.jpg") == stem_of(f"{one.upper()}.CR2") == parse_name(f"{one}.jpg").stem
    assert stem_of(f"{one}.jpg") != stem_of(f"{other}.jpg")
    assert len(stem_of(f"{one}.jpg")) == 255
    assert stem_of("y" * 255 + ".jpg") == "y" * 255
