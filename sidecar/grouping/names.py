"""Rule 1: the name of the picture, which its versions share, and which version a file name says it is."""

from __future__ import annotations

import unicodedata
from functools import lru_cache
from hashlib import sha256
from typing import NamedTuple

from sidecar.formats import EXTENSIONS, Format
from sidecar.grouping.patterns import NamePattern, Reading
from sidecar.grouping.settings import PairingRules
from sidecar.grouping.variants import (
    PREFIX,
    SHORTEST_STAMPED,
    Variant,
    may_carry_variant,
    peel,
)

STEM_VERSION: int = 2
"""Raised whenever `stem_of` changes for any name, so that stored stems are recomputed, never compared."""

_LONGEST_STEM = 255
_VIDEO = frozenset(
    {
        Format.MP4,
        Format.MOV,
        Format.AVI,
        Format.MKV,
        Format.WEBM,
        Format.THREE_GP,
        Format.MPEG,
        Format.OTHER_VIDEO,
    }
)


class ParsedName(NamedTuple):
    """What a file name says.

    Shape:  stem is shared by all that may be versions of one picture or frames of one burst. picture is the name that
            versions share: the stem, but of a burst's frame the frame's own name. full_stem still has a weak variant,
            if there is one: without a RAW of the picture's name beside it, "holiday_01" is a name of its own. extension
            is lower case, and empty if the name has none that is known (format UNKNOWN). pattern is the user's pattern
            without which the name would say something else. burst names the burst of a frame.
    """

    stem: str
    variant: Variant | None
    format: Format
    full_stem: str
    extension: str
    picture: str
    pattern: NamePattern | None = None
    burst: str | None = None
    is_burst_cover: bool = False


class NameReader:
    """Reads names under one user's patterns; made once for all names by `reader_of`.

    Shape:  the first of the patterns that matches takes its label out of the name, and the rest is read like any name.
            joins_suffixes is whether any suffix may name the export of a RAW.
    """

    def __init__(self, patterns: tuple[NamePattern, ...] = (), *, joins_suffixes: bool = True) -> None:
        self._patterns = patterns
        self._joins_suffixes = joins_suffixes

    def stem_of(self, name: str) -> str:
        """The key under which assets of one owner wait for each other: `parse(name).stem`, faster for most names."""
        if self._patterns:
            reading = self._taught(name)
            name = name if reading is None else _bare(name, reading[1])
        if name.isascii():
            base, _, extension = name.lower().partition(".")
            # A million times a scan: `may_carry_variant`, for most names without its call.
            if extension in EXTENSIONS and (
                (base[-4:].isdigit() and base[:5] != PREFIX and (len(base) < SHORTEST_STAMPED or "burst" not in base))
                or not may_carry_variant(base)
            ):
                return base if len(base) <= _LONGEST_STEM else _bounded(base)
        return self._plain(name).stem

    def parse(self, name: str) -> ParsedName:
        """The parts of a file name; every string has them, also one without extension or without letters.

        Source: extensions as Immich 3.1.0 lists them (sidecar/formats.py); variants in sidecar/grouping/variants.py.
        """
        plain = self._plain(name)
        taught = self._taught(name)
        if taught is None:
            return plain
        pattern, reading = taught
        bare = self._plain(_bare(name, reading))
        if (bare.stem, bare.full_stem) == (plain.stem, plain.full_stem):
            return plain
        inner, is_weak = (bare.variant.label, bare.variant.is_weak) if bare.variant else ("", False)
        # A weak variant that the pattern left in the name is as weak as without it: both meet the same files.
        return bare._replace(variant=Variant(inner + reading.label, is_edit=True, is_weak=is_weak), pattern=pattern)

    def _taught(self, name: str) -> tuple[NamePattern, Reading] | None:
        for pattern in self._patterns:
            reading = pattern.read(name)
            if reading is not None:
                return pattern, reading
        return None

    def _plain(self, name: str) -> ParsedName:
        """What the name says without the user's patterns."""
        folded = name.lower() if name.isascii() else _folded(name)
        rest, _, extension = folded.rpartition(".")
        media_format = EXTENSIONS.get(extension)
        if media_format is None or not rest:
            rest, extension, media_format = folded, "", Format.UNKNOWN
        inner = ""
        if "." in rest:
            rest, inner = _without_extensions(rest)
        if not inner and not may_carry_variant(rest):
            bounded = _bounded(rest)
            return ParsedName(bounded, None, media_format, bounded, extension, bounded)
        peeled = peel(rest, is_video=media_format in _VIDEO, joins_suffixes=self._joins_suffixes)
        variant = peeled.variant
        # IMG_1.CR2.jpg is what a converter made of IMG_1.CR2 and differs from the camera's own IMG_1.jpg.
        if media_format is not Format.RAW and EXTENSIONS.get(inner) is Format.RAW:
            label = f"{variant.label if variant else ''}.{inner}"
            variant = Variant(label, is_edit=True, is_weak=variant is not None and variant.is_weak)
        return ParsedName(
            _bounded(peeled.stem),
            variant,
            media_format,
            _bounded(peeled.full_stem),
            extension,
            _bounded(peeled.picture),
            None,
            peeled.burst,
            peeled.is_burst_cover,
        )


PLAIN_NAMES = NameReader()
stem_of = PLAIN_NAMES.stem_of
"""The stem without any user's patterns."""
parse_name = PLAIN_NAMES.parse
"""The parts of a file name without any user's patterns."""


def reader_of(rules: PairingRules) -> NameReader:
    """The reader of names under these rules, made once for equal ones."""
    return _reader(rules.patterns, rules.joins_suffixes)


@lru_cache(maxsize=64)
def _reader(patterns: tuple[NamePattern, ...], joins_suffixes: bool) -> NameReader:  # noqa: FBT001
    return NameReader(patterns, joins_suffixes=joins_suffixes)


def _bare(name: str, reading: Reading) -> str:
    """The name as it would be without the reading's label."""
    return f"{reading.base}.{name.rpartition('.')[2]}"


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
