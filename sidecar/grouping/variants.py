"""The tables of what programs and cameras add to a file name to tell versions of one picture, or frames of one burst.

A vendor is a row. What a row's pattern matches is cut out of the name (except its group `keep`), and what is left is
the name of the picture. Names reach the tables in NFC, case folded and without extensions. Who names files so stands
beside the row, as the program or as an issue that shows such names (repository#number).
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import NamedTuple

from sidecar.formats import EXTENSIONS, Format


@dataclass(frozen=True, slots=True)
class VariantRow:
    """One way of naming versions.

    Shape:  is_edit marks versions that somebody developed or changed. is_weak marks what may just as well be another
            picture's name: such a file joins only as an export of a RAW that has the name without it. needs is a text
            that the pattern cannot do without: most names lack it, and looking for it is cheap.
            `may_carry_variant` says True for whatever a pattern matches.
    """

    name: str
    pattern: re.Pattern[str]
    needs: str = ""
    is_edit: bool = False
    is_weak: bool = False


@dataclass(frozen=True, slots=True)
class FrameRow:
    """One way of naming the frames of a burst, as a pattern for a whole name.

    Shape:  group `burst` is the same for all frames and names the burst; within it, group `base` is the name without
            the mark of a burst. Group `cover`, if there is one, ends the name of the frame that the camera chose.
            `may_carry_variant` says True for whatever a pattern matches.
    """

    name: str
    pattern: re.Pattern[str]


class Variant(NamedTuple):
    """Which version a name says it is: the text cut out of it, innermost part first, and what the rows know of it."""

    label: str
    is_edit: bool
    is_weak: bool


class Frame(NamedTuple):
    """A name that is a burst's frame: the burst's name and key, and the frame's own name, cover or not."""

    base: str
    burst: str
    name: str
    is_cover: bool


class Peeled(NamedTuple):
    """A name taken apart.

    Shape:  picture is the name without any variant, full_stem the one with its weak variant. stem is picture, but of a
            burst's frames what they share. burst names the burst, None for what is no frame.
    """

    stem: str
    picture: str
    full_stem: str
    variant: Variant | None
    burst: str | None
    is_burst_cover: bool


# Google Takeout writes its editor's suffix in the account's language, and puts the counter of a repeated name behind
# it: IMG_1-edited(1).jpg is the edit of IMG_1(1).jpg. immich-go#162, TheLastGimbus/GooglePhotosTakeoutHelper.
_EDITED_WORDS = (
    "edited|bearbeitet|bewerkt|edytowane|editado|ha editado|editat|modifié|modificato|düzenlendi|"
    "redigerad|redigeret|redigert|muokattu|upraveno|編集済み|отредактировано|已修改|편집됨"
)
# What Google makes of a picture by itself; common words, hence only behind a hyphen.
_GOOGLE_EFFECTS = "effects|smile|mix|img_style"
# Lightroom writes its own suffixes in the program's language.
_LIGHTROOM_EDIT = "edit|bearbeitet|modifier|editar|modifica|redigera|edytuj|编辑"
_LIGHTROOM_ENHANCED = "enhanced|verbessert|mejorado|migliorato"
_RAW_EXTENSIONS = "|".join(extension for extension, kind in EXTENSIONS.items() if kind is Format.RAW)
# A second's time stamp: what follows it may count the pictures of that second.
_NO_SECOND = r"(?<!\d{8}[_-]\d{6})"

PREFIX = "img_e"
SHORTEST_STAMPED = 24
"""The length of the shortest name that ends in a burst's time stamp."""
# What stands before three final digits that belong to a variant or frame: burst001, 1080p120, 4k120, h264, x265, h.264.
_BEFORE_THREE_DIGITS = "tpkhx."
_LENGTH_OF_SAMSUNG_FRAME = len("20240501_120000_001")

_SUFFIX = VariantRow("suffix", re.compile(r"_[^\W\d_]{1,40}$"), needs="_", is_weak=True)

ROWS: tuple[VariantRow, ...] = (
    # Pixel and other Google cameras: .RAW-01.COVER, .RAW-01.MP.COVER, .RAW-02.ORIGINAL, .PORTRAIT-01.COVER,
    # .VB-02.MAIN; Takeout cuts .LONG_EXPOSURE-02.ORIGINA short. First, as whole libraries are named so. immich-go#94,
    # immich-go#651, immich#8674.
    VariantRow(
        "pixel part",
        re.compile(r"\.(?!burst)[a-z_]{2,20}-\d\d(?:\.mp)?\.(?:cover|original?|main)$"),
        needs=".",
    ),
    # Pixels of 2024 and later leave .COVER out: .RAW-01, .RAW-01.MP, .LONG_EXPOSURE-01, .ACTION_PAN-01. PhotoPrism's
    # tests list them.
    VariantRow(
        "pixel cover",
        re.compile(
            r"(?:(?<=_\d{9})|(?<=_\d{9}\.night))"
            r"\.(?:raw|portrait|long_exposure|action_pan|motion|vb|ns)-\d\d(?:\.mp)?$"
        ),
        needs=".",
    ),
    VariantRow(
        "pixel mode",
        re.compile(r"\.(?:mp|50mp|night|portrait(?:\.original)?|long_exposure|motion|pano|photosphere)$"),
        needs=".",
    ),
    # -Edit, -Edit-2, -Enhanced-NR, -HDR, -Pano, -HDR-Pano: Lightroom and Photoshop.
    VariantRow(
        "lightroom",
        re.compile(
            rf"-(?:{_LIGHTROOM_EDIT}|(?:{_LIGHTROOM_ENHANCED})(?:-(?:nr|sr|rd|rr|denoise)){{0,3}}|hdr|pano)"
            r"(?:-\d{1,2})?$"
        ),
        needs="-",
        is_edit=True,
    ),
    # _edited: Photoshop Express, PhotoSync, osxphotos (photoview#690, photoprism#1122). IMG_1(edited) occurs too.
    VariantRow(
        "edited",
        re.compile(rf"(?:[-_ ](?:edit|{_EDITED_WORDS})|[-_ ]?\((?:edit|{_EDITED_WORDS})\))(?:[-_ ]?\d{{1,2}})?$"),
        is_edit=True,
    ),
    VariantRow("google effect", re.compile(rf"-(?:{_GOOGLE_EFFECTS})$"), needs="-", is_edit=True),
    VariantRow(
        "takeout counter",
        re.compile(rf"-(?:{_EDITED_WORDS}|{_GOOGLE_EFFECTS})(?P<keep>\(\d{{1,4}}\))$"),
        needs="(",
        is_edit=True,
    ),
    VariantRow("hdr", re.compile(r"_hdr$"), needs="_hdr", is_edit=True),
    # IMG_20200714_213432_Bokeh (Nokia, Xiaomi), _PORTRAIT (Huawei): words, hence only behind a time.
    VariantRow("portrait", re.compile(r"(?<=\d{6})_(?:bokeh|portrait)$"), needs="_", is_edit=True),
    # -DxO_DeepPRIME XD2s, -NEF_DxO_DeepPRIME, _DxO: PureRAW and PhotoLab.
    VariantRow(
        "dxo",
        re.compile(
            rf"(?:-(?:{_RAW_EXTENSIONS}))?[-_]dxo(?:[-_ ]?deep ?prime(?:[-_ ]?(?:xd\d?s?|3))?(?:_xd| x-trans)?)?"
            r"(?:[-_]\d)?$"
        ),
        needs="dxo",
        is_edit=True,
    ),
    # -DeNoiseAI-severe-noise, -topaz-denoise-enhance-3.9x, -gigapixel-low_res-scale-4_00x.
    VariantRow(
        "topaz",
        re.compile(r"-(?:denoiseai|sharpenai|gigapixel|topaz)(?:-[-a-z0-9._]{0,60}[a-z])?$"),
        needs="-",
        is_edit=True,
    ),
    # IMG_1_CR2_shotwell, IMG_1_CR2_embedded: immich-go#55.
    VariantRow("shotwell", re.compile(rf"_(?:{_RAW_EXTENSIONS})_(?:shotwell|embedded)$"), needs="_", is_edit=True),
    # iOS: IMG_E1234 is what the editor made of IMG_1234. osxphotos#1871.
    VariantRow("apple edit", re.compile(r"(?<=^img_)e(?=\d{4,5}(?:\D|$))"), needs=PREFIX, is_edit=True),
    # Android's galleries: IMG_20240501_120000~2 (immich-stack#38), and ~RAW of camera ports. With a shorter base it is
    # a DOS short name (IMG_12~1), which says nothing about versions.
    VariantRow("tilde copy", re.compile(r"(?<=.{7})~(?:\d{1,2}|raw)$"), needs="~", is_edit=True),
    # darktable numbers its exports IMG_1_01; a phone numbers pictures of one second 20240501_120000_01.
    VariantRow("numbered", re.compile(rf"{_NO_SECOND}(?<!\d{{8}}[_-]\d{{9}})_\d\d$"), needs="_", is_weak=True),
    # Lightroom's virtual copies: IMG_1-2. After a year and a month it is a day. photoprism#2241.
    VariantRow("virtual copy", re.compile(r"(?<!\d{4}-\d\d)-(?:[2-9]|1\d)$"), needs="-", is_weak=True),
    # RawTherapee's second export is IMG_1-1, Snapseed's first IMG_1-01. Of pictures of one second, a renaming program
    # calls the second one so.
    VariantRow("hyphen number", re.compile(rf"(?<!\d{{4}}-\d\d){_NO_SECOND}-0?[1-9]$"), needs="-", is_weak=True),
    _SUFFIX,
)
VIDEO_ROWS: tuple[VariantRow, ...] = (
    # clip_1080p, clip-1080p60, clip_4K: only of video formats, as IMG_4K.jpg is a picture's name.
    VariantRow(
        "resolution",
        re.compile(r"[-_. ]\(?(?:(?:240|360|480|540|576|720|1080|1440|2160|4320)p|[2-8]k)\d{0,3}\)?$"),
    ),
    VariantRow(
        "codec", re.compile(r"[-_. ]\(?(?:[hx]\.?26[456]|hevc|avc|av1|vp[89]|prores|dnxh[dr]|mjpeg|xvid|divx)\)?$")
    ),
    VariantRow("encoding", re.compile(r"[-_. ]\(?(?:proxy|lowres|low-res|transcoded?|compressed|reencoded?)\)?$")),
)
FRAME_ROWS: tuple[FrameRow, ...] = (
    # Nexus and older Pixels: 00001IMG_00001_BURST20171111030039, 00100lrPORTRAIT_00100_BURST…_COVER (immich-go#100);
    # Nothing: …_BURST1723801037429 (immich-go#743); Xperia: DSC_0001_BURST20180828114700954, DSCPDC_… (aves#562,
    # aves#598). All that the frames share is the time stamp.
    FrameRow("burst stamp", re.compile(r".{5,}_(?P<burst>(?P<base>burst\d{13,17}))(?P<cover>_cover(?:_top)?)?")),
    # Huawei, Honor, Motorola, Fairphone, Realme, Xiaomi: IMG_20231014_183246_BURST001_COVER, _BURST1, _TIMEBURST3.
    # immich-go#1259, aves#956, aves#1675.
    FrameRow("burst number", re.compile(r"(?P<burst>(?P<base>.+)_(?:time)?burst)\d{1,3}(?P<cover>_cover(?:_top)?)?")),
    # Pixel: .BURST-01.COVER, .BURST-02, and .BURST-02.original of its zoom.
    FrameRow(
        "pixel burst", re.compile(r"(?P<burst>(?P<base>.+)\.burst)-\d\d(?:\.mp)?(?:\.original|(?P<cover>\.cover))?")
    ),
    # Samsung: 20231207_101605_001, and nothing tells the cover. immich-go#99, immich-stacker#8.
    FrameRow("samsung burst", re.compile(r"(?P<burst>(?P<base>\d{8}_\d{6}))_\d{3}")),
)
_STRONG = tuple(row for row in ROWS if not row.is_weak)
_STRONG_OF_VIDEOS = (*VIDEO_ROWS, *_STRONG)
_WEAK = tuple(row for row in ROWS if row.is_weak)
_WEAK_BUT_SUFFIX = tuple(row for row in _WEAK if row is not _SUFFIX)
_MAX_PARTS = 4


def may_carry_variant(stem: str) -> bool:
    """False only if no row can match: most names end in a counter of three digits or more, and are done here."""
    if not stem[-3:].isdigit() or stem.startswith(PREFIX):
        return True
    before = stem[-4:-3]
    if before.isdigit():
        return len(stem) >= SHORTEST_STAMPED and "burst" in stem
    return before in _BEFORE_THREE_DIGITS or len(stem) == _LENGTH_OF_SAMSUNG_FRAME


def peel(stem: str, *, is_video: bool = False, joins_suffixes: bool = True) -> Peeled:
    """The name without its variants, of which it may carry several (IMG_1-Enhanced-NR-Edit); never an empty name.

    Shape:  at most one weak variant is cut, and only where no strong one is left to cut and no frame's number stands.
            joins_suffixes=False leaves the row of any suffix out.
    """
    strong = _STRONG_OF_VIDEOS if is_video else _STRONG
    weak = _WEAK if joins_suffixes else _WEAK_BUT_SUFFIX
    full_stem, label, is_edit, is_weak = stem, "", False, False
    frame = _frame(stem)
    for _ in range(_MAX_PARTS):
        if frame is not None or not may_carry_variant(stem):
            break
        cut = _cut(stem, strong) or (None if is_weak else _cut(stem, weak))
        if cut is None:
            break
        stem, part, row = cut
        label, is_edit, is_weak = part + label, is_edit or row.is_edit, is_weak or row.is_weak
        if not is_weak:
            full_stem = stem
        frame = _frame(stem)
    variant = Variant(label, is_edit, is_weak) if label else None
    if frame is None:
        return Peeled(stem, stem, full_stem, variant, None, is_burst_cover=False)
    return Peeled(frame.base, frame.name, full_stem if is_weak else frame.name, variant, frame.burst, frame.is_cover)


def _cut(stem: str, rows: tuple[VariantRow, ...]) -> tuple[str, str, VariantRow] | None:
    for row in rows:
        found = row.pattern.search(stem) if row.needs in stem else None
        if found is not None and found.start() > 0:
            keep = found["keep"] if found.re.groups else ""
            return stem[: found.start()] + keep + stem[found.end() :], found[0].removesuffix(keep), row
    return None


def _frame(stem: str) -> Frame | None:
    """The burst's frame that the name says it is; the cover's mark is no part of the frame's name."""
    if "burst" not in stem and len(stem) != _LENGTH_OF_SAMSUNG_FRAME:
        return None
    for row in FRAME_ROWS:
        found = row.pattern.fullmatch(stem)
        if found is not None:
            cover = found.groupdict().get("cover") or ""
            return Frame(found["base"], found["burst"], stem.removesuffix(cover), bool(cover))
    return None
