"""Which of several copies is worth keeping: ordered rules, held as data, and a sentence that says which one decided."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from enum import StrEnum

from sidecar.duplicates.units import Copy, Unit
from sidecar.formats import Format, format_of

UPLOAD = "upload"
"""The word by which a preference of places means what was uploaded."""


class KeeperRule(StrEnum):
    """One thing by which a copy can be better than another."""

    FAVORITE = "favorite"
    """It is a favourite."""
    ALBUMS = "albums"
    """It is in more albums."""
    STACK = "stack"
    """More versions stand with it in its stack."""
    LIBRARY = "library"
    """It lies in a place that is preferred."""
    FORMAT = "format"
    """It is a RAW, or has one in its stack."""
    RESOLUTION = "resolution"
    """It has more pixels."""
    ORIGINAL = "original"
    """It still names its camera, or is of a format that cameras write: conversions change that."""
    SIZE = "size"
    """Its file is larger."""
    EARLIEST = "earliest"
    """It was taken, or its file was written, earlier."""


DEFAULT_ORDER = tuple(KeeperRule)


@dataclass(frozen=True, slots=True)
class Preference:
    """What makes a copy the better one: the rules in order, and the places in order for the one that asks for them.

    Shape:  a place is the beginning of a path as Immich has it, the id of a library, or the word "upload"; the first
            counts most. A rule that is not listed does not count.
    """

    order: tuple[KeeperRule, ...] = DEFAULT_ORDER
    places: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Choice:
    """The units of a set, the best first; and the rule by which the first is better than the second, in words too.

    Shape:  rule is None where none of them tells the two apart: then the id decides, so that it is always the same.
    """

    ranked: tuple[Unit, ...]
    rule: KeeperRule | None
    words: str

    @property
    def best(self) -> Unit:
        """The unit to keep."""
        return self.ranked[0]


# The better, the smaller: so that ids, in their own order, can decide last.
Key = tuple[int, ...]


def key_of(unit: Unit, preference: Preference) -> tuple[tuple[Key, ...], str]:
    """What sorts units, the best first: one part for each rule, and the id of the unit."""
    return tuple(_MEASURES[rule](unit, preference) for rule in preference.order), unit.id


def choose_keeper(units: Iterable[Unit], preference: Preference) -> Choice:
    """The units in order, and why the first is first.

    Errors: ValueError if there are none.
    """
    keyed = sorted(((key_of(unit, preference), unit) for unit in units), key=lambda each: each[0])
    if not keyed:
        raise ValueError("nothing to choose from")
    ranked = tuple(unit for _, unit in keyed)
    if len(keyed) == 1:
        return Choice(ranked, None, "there is no other")
    (best, _), (second, _) = keyed[0][0], keyed[1][0]
    rule = next(
        (rule for rule, one, other in zip(preference.order, best, second, strict=True) if one != other),
        None,
    )
    return Choice(ranked, rule, "nothing tells them apart" if rule is None else _WORDS[rule])


_WORDS = {
    KeeperRule.FAVORITE: "it is a favourite",
    KeeperRule.ALBUMS: "it is in more albums",
    KeeperRule.STACK: "more versions stand with it in its stack",
    KeeperRule.LIBRARY: "it lies in a place that you prefer",
    KeeperRule.FORMAT: "it is a RAW or has one beside it",
    KeeperRule.RESOLUTION: "it has more pixels",
    KeeperRule.ORIGINAL: "it is nearer to what the camera wrote",
    KeeperRule.SIZE: "its file is larger",
    KeeperRule.EARLIEST: "it is older",
}

# What cameras and phones write, before what programs make of it; formats without loss before those with.
_BY_ORIGIN = (
    Format.RAW,
    Format.HEIC,
    Format.JPEG,
    Format.MOV,
    Format.MP4,
    Format.PSD,
    Format.TIFF,
    Format.PNG,
    Format.JXL,
    Format.AVIF,
    Format.WEBP,
)
_ORIGINS = {each: place for place, each in enumerate(_BY_ORIGIN)}


def _favorite(unit: Unit, _preference: Preference) -> Key:
    return (-any(copy.original.is_favorite for copy in unit.copies),)


def _albums(unit: Unit, _preference: Preference) -> Key:
    return (-max(copy.album_count for copy in unit.copies),)


def _stack(unit: Unit, _preference: Preference) -> Key:
    return (-len(unit.copies),)


def _library(unit: Unit, preference: Preference) -> Key:
    return (min(_place(copy, preference.places) for copy in unit.copies),)


def _place(copy: Copy, places: Sequence[str]) -> int:
    library_id, path = copy.original.library_id, copy.original.path
    for position, place in enumerate(places):
        if place == UPLOAD:
            lies_there = library_id is None
        else:
            # The path of an upload is Immich's invention and says nothing about where it came from.
            lies_there = library_id is not None and (library_id == place or is_below(path, place))
        if lies_there:
            return position
    return len(places)


def is_below(path: str, folder: str) -> bool:
    """Whether the path is the folder itself or in it; "/photos" holds nothing of "/photos-old"."""
    folder = folder.rstrip("/")
    return path == folder or path.startswith(f"{folder}/")


def _format(unit: Unit, _preference: Preference) -> Key:
    return (-any(_format_of(copy) is Format.RAW for copy in unit.copies),)


def _resolution(unit: Unit, _preference: Preference) -> Key:
    return (-pixels(unit.face),)


def pixels(copy: Copy) -> int:
    """How many pixels the picture has; 0 as long as Immich has not said."""
    return (copy.asset.width or 0) * (copy.asset.height or 0)


def _original(unit: Unit, _preference: Preference) -> Key:
    asset = unit.face.asset
    names_camera = asset.make is not None or asset.model is not None
    return (not names_camera, _ORIGINS.get(_format_of(unit.face), len(_ORIGINS)))


def _size(unit: Unit, _preference: Preference) -> Key:
    return (-unit.face.size_bytes,)


def _earliest(unit: Unit, _preference: Preference) -> Key:
    return (unit.face.asset.taken_at_ms, unit.face.original.modified_at_ms)


def _format_of(copy: Copy) -> Format:
    return copy.asset.content or format_of(copy.asset.name)


_MEASURES: dict[KeeperRule, Callable[[Unit, Preference], Key]] = {
    KeeperRule.FAVORITE: _favorite,
    KeeperRule.ALBUMS: _albums,
    KeeperRule.STACK: _stack,
    KeeperRule.LIBRARY: _library,
    KeeperRule.FORMAT: _format,
    KeeperRule.RESOLUTION: _resolution,
    KeeperRule.ORIGINAL: _original,
    KeeperRule.SIZE: _size,
    KeeperRule.EARLIEST: _earliest,
}
