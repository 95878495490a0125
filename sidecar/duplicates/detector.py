"""What a detector of duplicates is: a name and a question about pictures; other packages bring theirs."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, replace

from sidecar.duplicates.classes import DuplicateClass
from sidecar.duplicates.fingerprint import Fingerprint
from sidecar.duplicates.match import Match
from sidecar.model import Asset

_OF_BYTES_AND_IMMICH = {DuplicateClass.IDENTICAL, DuplicateClass.SIMILAR}


@dataclass(frozen=True, slots=True)
class Specimen:
    """An asset of one owner, its `original` with it, and what was seen of its picture."""

    asset: Asset
    fingerprint: Fingerprint


@dataclass(frozen=True, slots=True)
class Detector:
    """A name, short and stable, and a pure function from (new, known) specimens to the matches that it holds true.

    Shape:  no specimen is in both; a match has at least one that is new. Asked about everything once, then about what
            is new. A match names each pair once and says which detector it is from.
    """

    name: str
    find: Callable[[Sequence[Specimen], Sequence[Specimen]], Iterable[Match]]


def matches_of(detector: Detector, new: Sequence[Specimen], known: Sequence[Specimen]) -> Iterator[Match]:
    """What the detector finds, under its name, as far as it may be believed.

    Shape:  pairs of strangers and of an asset with itself are left out. What it calls identical counts as re-encoded
            and what it calls similar as edited: only bytes are identical, and only Immich's own groups are similar.
    """
    is_new = {each.asset.id for each in new}
    everybody = is_new | {each.asset.id for each in known}
    for found in detector.find(new, known):
        pair = {found.a, found.b}
        if len(pair) == 2 and pair <= everybody and not pair.isdisjoint(is_new):  # noqa: PLR2004  # a pair
            a, b = sorted(pair)
            yield replace(
                found,
                a=a,
                b=b,
                kind=_believed(found.kind),
                similarity=min(1.0, max(0.0, found.similarity)),
                detector=detector.name,
                looks_equal=False,
            )


def _believed(kind: DuplicateClass) -> DuplicateClass:
    if kind not in _OF_BYTES_AND_IMMICH:
        return kind
    return DuplicateClass.RE_ENCODED if kind is DuplicateClass.IDENTICAL else DuplicateClass.EDITED
