"""The table of what programs and cameras add to a file name to tell versions of one picture apart.

A vendor is a row. What a row's pattern matches is cut out of the name (except its group `keep`), and what is left is
the name of the picture. Names reach the table in NFC, case folded and without extensions.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import NamedTuple


@dataclass(frozen=True, slots=True)
class VariantRow:
    """One way of naming versions.

    Shape:  is_edit marks versions that somebody developed or changed. is_weak marks what may just as well be another
            picture's name: such a file joins only as an export of a RAW that has the name without it.
            A pattern's match has a non-digit among the last three characters of the name, or begins as PREFIX does:
            `may_carry_variant` relies on it.
    """

    name: str
    pattern: re.Pattern[str]
    is_edit: bool = False
    is_weak: bool = False


class Variant(NamedTuple):
    """Which version a name says it is: the text cut out of it, innermost part first, and what the rows know of it."""

    label: str
    is_edit: bool
    is_weak: bool


class Peeled(NamedTuple):
    """A name taken apart: `stem` without any variant, `full_stem` with its weak one (equal if it has none)."""

    stem: str
    full_stem: str
    variant: Variant | None


# Google Takeout writes its editor's suffix in the account's language, and puts the counter of a repeated name behind
# it: IMG_1-edited(1).jpg is the edit of IMG_1(1).jpg.
_EDITED_WORDS = (
    "edited|effects|smile|mix|bearbeitet|bewerkt|edytowane|editado|ha editado|editat|modifié|modificato|"
    "redigerad|redigeret|redigert|muokattu|upraveno|編集済み|отредактировано|已修改|편집됨"
)
PREFIX = "img_e"

ROWS: tuple[VariantRow, ...] = (
    # Pixel and other Google cameras: .RAW-01.COVER, .RAW-01.MP.COVER, .RAW-02.ORIGINAL, .PORTRAIT-01.COVER, .MP,
    # .NIGHT. Frames of a burst (.BURST-02) are pictures of their own. First, as whole libraries are named so.
    VariantRow("pixel part", re.compile(r"\.(?!burst)[a-z_]{2,20}-\d\d(?:\.mp)?\.(?:cover|original|main)$")),
    VariantRow("pixel mode", re.compile(r"\.(?:mp|night|portrait|long_exposure|motion|pano|photosphere)$")),
    VariantRow(
        "lightroom",
        re.compile(r"-(?:edit|enhanced(?:-(?:nr|sr|rd|denoise))*|hdr|pano)(?:-\d{1,2})?$"),
        is_edit=True,
    ),
    VariantRow("edited", re.compile(rf"[-_ ]\(?(?:edit|{_EDITED_WORDS})\)?(?:[-_ ]?\d{{1,2}})?$"), is_edit=True),
    VariantRow("takeout counter", re.compile(rf"-(?:{_EDITED_WORDS})(?P<keep>\(\d{{1,4}}\))$"), is_edit=True),
    VariantRow("hdr", re.compile(r"_hdr$"), is_edit=True),
    VariantRow("dxo", re.compile(r"[-_]dxo(?:[-_ ]?deepprime(?:[-_ ]?(?:xd2?s?|3))?)?(?:[-_]\d)?$"), is_edit=True),
    VariantRow("topaz", re.compile(r"-(?:denoiseai|sharpenai|gigapixel|topaz)(?:-[a-z]+)*$"), is_edit=True),
    # iOS: IMG_E1234 is what the editor made of IMG_1234.
    VariantRow("apple edit", re.compile(r"(?<=^img_)e(?=\d{4,5}(?:\D|$))"), is_edit=True),
    # Android's galleries: IMG_20240501_120000~2. With a shorter base it is a DOS short name (IMG_12~1), which says
    # nothing about versions.
    VariantRow("tilde copy", re.compile(r"(?<=.{7})~\d{1,2}$"), is_edit=True),
    # darktable numbers its exports IMG_1_01; a phone numbers pictures of one second 20240501_120000_01.
    VariantRow("numbered", re.compile(r"(?<!\d{8}[_-]\d{6})(?<!\d{8}[_-]\d{9})_\d\d$"), is_weak=True),
    # Lightroom's virtual copies: IMG_1-2. After a year and a month it is a day.
    VariantRow("virtual copy", re.compile(r"(?<!\d{4}-\d\d)-(?:[2-9]|1\d)$"), is_weak=True),
    VariantRow("suffix", re.compile(r"_[^\W\d_]{1,40}$"), is_weak=True),
)
_STRONG = tuple(row for row in ROWS if not row.is_weak)
_MAX_PARTS = 4


def may_carry_variant(stem: str) -> bool:
    """False only if no row can match: most names end in a counter of three digits or more, and are done here."""
    return not stem[-3:].isdigit() or stem.startswith(PREFIX)


def peel(stem: str) -> Peeled:
    """The name without its variants, of which it may carry several (IMG_1-Enhanced-NR-Edit); never an empty name.

    Shape:  at most one weak variant is cut, and only where no strong one is left to cut.
    """
    full_stem, label, is_edit, is_weak = stem, "", False, False
    for _ in range(_MAX_PARTS):
        cut = _cut(stem, _STRONG if is_weak else ROWS) if may_carry_variant(stem) else None
        if cut is None:
            break
        stem, part, row = cut
        label, is_edit, is_weak = part + label, is_edit or row.is_edit, is_weak or row.is_weak
        if not is_weak:
            full_stem = stem
    return Peeled(stem, full_stem, Variant(label, is_edit, is_weak) if label else None)


def _cut(stem: str, rows: tuple[VariantRow, ...]) -> tuple[str, str, VariantRow] | None:
    for row in rows:
        found = row.pattern.search(stem)
        if found is not None and found.start() > 0:
            keep = found["keep"] if found.re.groups else ""
            return stem[: found.start()] + keep + stem[found.end() :], found[0].removesuffix(keep), row
    return None
