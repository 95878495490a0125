"""Rule 1: the name of the picture, which its versions share, and which version a file name says it is."""

from __future__ import annotations

import unicodedata
from hashlib import sha256
from typing import NamedTuple

from sidecar.formats import EXTENSIONS, Format
from sidecar.grouping.variants import PREFIX, Variant, may_carry_variant, peel

STEM_VERSION: int = 1
"""Raised whenever `stem_of` changes for any name, so that stored stems are recomputed, never compared."""


_LONGEST_STEM = 255


class ParsedName(NamedTuple):
    """What a file name says.

    Shape:  stem is shared by all that may be versions of one picture. full_stem still has a weak variant, if there is
            one: without a RAW of the stem beside it, "holiday_01" is a name of its own. extension is lower case, and
            empty if the name has none that is known (format UNKNOWN).
    """

    stem: str
    variant: Variant | None
    format: Format
    full_stem: str
    extension: str


def stem_of(name: str) -> str:
    """The key under which assets of one owner wait for each other: `parse_name(name).stem`, faster for most names."""
    if name.isascii():
        base, _, extension = name.lower().rpartition(".")
        # A million times a scan: `may_carry_variant` without its call.
        if base[-3:].isdigit() and "." not in base and extension in EXTENSIONS and not base.startswith(PREFIX):
            return base if len(base) <= _LONGEST_STEM else _bounded(base)
    return parse_name(name).stem


def parse_name(name: str) -> ParsedName:
    """The parts of a file name; every string has them, also one without extension or without letters.

    Source: extensions as Immich 3.1.0 lists them (sidecar/formats.py); variants in sidecar/grouping/variants.py.
    """
    folded = name.lower() if name.isascii() else _folded(name)
    rest, _, extension = folded.rpartition(".")
    media_format = EXTENSIONS.get(extension)
    if media_format is None or not rest:
        rest, extension, media_format = folded, "", Format.UNKNOWN
    inner = ""
    if "." in rest:
        rest, inner = _without_extensions(rest)
    if not inner and not may_carry_variant(rest):
        return ParsedName(_bounded(rest), None, media_format, _bounded(rest), extension)
    stem, full_stem, variant = peel(rest)
    # IMG_1.CR2.jpg is what a converter made of IMG_1.CR2 and differs from the camera's own IMG_1.jpg.
    if media_format is not Format.RAW and EXTENSIONS.get(inner) is Format.RAW:
        label = f"{variant.label if variant else ''}.{inner}"
        variant = Variant(label, is_edit=True, is_weak=variant is not None and variant.is_weak)
    return ParsedName(_bounded(stem), variant, media_format, _bounded(full_stem), extension)


def _bounded(stem: str) -> str:
    """The stem itself, or one as telling but shorter: databases index it, and files have no such names."""
    if len(stem) <= _LONGEST_STEM:
        return stem
    return f"{stem[: _LONGEST_STEM - 17]}~{sha256(stem.encode(errors='surrogatepass')).hexdigest()[:16]}"


def _folded(name: str) -> str:
    # Folding may undo the normal form, hence twice.
    return unicodedata.normalize("NFC", unicodedata.normalize("NFC", name).casefold())


def _without_extensions(name: str) -> tuple[str, str]:
    """The name without any further extensions, and the innermost of them, empty if there is none."""
    innermost = ""
    while True:
        base, _, extension = name.rpartition(".")
        if not base or extension not in EXTENSIONS:
            return name, innermost
        name, innermost = base, extension
