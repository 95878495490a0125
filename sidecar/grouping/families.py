"""Which candidates of one stem share a picture's name, once it is known which weak variants are exports of a RAW."""

from __future__ import annotations

from bisect import bisect_left, insort
from collections.abc import Iterable, Sequence

from sidecar.grouping.camera import agree
from sidecar.grouping.candidate import Camera, Candidate, is_raw
from sidecar.grouping.settings import PairingRules

# An export carries its RAW's capture time, at most without the fraction of the second.
_EXPORT_TOLERANCE_MS = 999


def families(candidates: Sequence[Candidate], rules: PairingRules) -> list[list[Candidate]]:
    """The candidates by the name under which they pair; a weak variant goes under its picture's if it is an export.

    A weak variant is an export if a RAW with the bare name was taken at its time by its camera, and no RAW has its own
    full name: `holiday_01.jpg` beside `holiday.cr2` is one, but not beside `holiday_01.cr2`, and a phone's
    `20240501_120000_01.jpg` never joins `20240501_120000.jpg`. Frames of a burst share a stem, but each is a family of
    its own.
    """
    for candidate in candidates:
        if candidate.family != candidate.name.stem:
            break
    else:
        return [list(candidates)]
    by_family: dict[str, list[Candidate]] = {}
    for candidate in _with_exports(candidates, rules):
        by_family.setdefault(candidate.family, []).append(candidate)
    return list(by_family.values())


def _with_exports(candidates: Sequence[Candidate], rules: PairingRules) -> list[Candidate]:
    raws = _raws_by_family(candidates)
    tolerance_ms = min(rules.tolerance_ms, _EXPORT_TOLERANCE_MS)
    return [_joined(candidate, raws, rules, tolerance_ms) for candidate in candidates]


def _is_weak(candidate: Candidate) -> bool:
    return candidate.name.variant is not None and candidate.name.variant.is_weak


def _joined(
    candidate: Candidate, raws: dict[str, _Moments], rules: PairingRules, export_tolerance_ms: int
) -> Candidate:
    if not _is_weak(candidate) or is_raw(candidate):
        return candidate
    of_its_own, bare = raws.get(candidate.family), raws.get(candidate.name.picture)
    if of_its_own is not None and of_its_own.has_near(candidate, rules.tolerance_ms):
        return candidate
    if bare is not None and bare.has_near(candidate, export_tolerance_ms):
        return candidate._replace(family=candidate.name.picture, is_edit=True)
    return candidate


def _raws_by_family(candidates: Iterable[Candidate]) -> dict[str, _Moments]:
    raws: dict[str, _Moments] = {}
    for candidate in candidates:
        if is_raw(candidate):
            raws.setdefault(candidate.family, _Moments()).add(candidate)
    return raws


class _Moments:
    """When which camera took something; answers "anything near?" in the logarithm of how much there is."""

    def __init__(self) -> None:
        self._by_camera: dict[Camera, tuple[list[int], list[int]]] = {}

    def add(self, candidate: Candidate) -> None:
        local, utc = self._by_camera.setdefault(candidate.camera, ([], []))
        insort(local, candidate.asset.taken_local_ms)
        insort(utc, candidate.asset.taken_at_ms)

    def has_near(self, candidate: Candidate, tolerance_ms: int) -> bool:
        return any(
            _has_near(local, candidate.asset.taken_local_ms, tolerance_ms)
            or _has_near(utc, candidate.asset.taken_at_ms, tolerance_ms)
            for camera, (local, utc) in self._by_camera.items()
            if agree(camera, candidate.camera)
        )


def _has_near(moments: list[int], moment_ms: int, tolerance_ms: int) -> bool:
    place = bisect_left(moments, moment_ms - tolerance_ms)
    return place < len(moments) and moments[place] <= moment_ms + tolerance_ms
