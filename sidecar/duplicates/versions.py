"""A RAW and a picture made of it are versions, whatever they look like: which of the matches that concerns."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import replace

from sidecar.duplicates.classes import DuplicateClass
from sidecar.duplicates.match import Match
from sidecar.formats import Format, format_of
from sidecar.model import Asset, AssetId

_DEVELOPED = "One is a RAW, the other a picture as if developed from it."


def among_copies(
    matches: Iterable[Match], assets: Mapping[AssetId, Asset], stem_of: Callable[[str], str]
) -> Iterator[Match]:
    """The matches as far as they are about copies.

    Shape:  a RAW and a developed picture of one stem are for stacking, and left out: nobody who keeps both should be
            told to throw one away. Of different stems they are edited at most. Matches of unknown assets are left out.
    """
    for match in matches:
        one, other = assets.get(match.a), assets.get(match.b)
        if one is None or other is None:
            continue
        if _is_raw(one) == _is_raw(other):
            yield match
        elif stem_of(one.name) != stem_of(other.name):
            kind = max(match.kind, DuplicateClass.EDITED, key=lambda each: each.rank)
            is_less = kind is not match.kind
            yield replace(
                match, kind=kind, reason=f"{_DEVELOPED} {match.reason}" if is_less else match.reason, looks_equal=False
            )


def _is_raw(asset: Asset) -> bool:
    return (asset.content or format_of(asset.name)) is Format.RAW
