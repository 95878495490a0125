"""A large believable library without files: RAW+JPEG pairs, single shots, clips. Knows no server."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta

from sidecar.demo.immich.intake import Made
from sidecar.model import AssetKind

_START = datetime(2015, 1, 1, tzinfo=UTC)
_BETWEEN_SHOTS = timedelta(minutes=7, seconds=13)
_COUNTER = 10_000
_CAMERAS = (("Canon", "EOS R5", "CR3"), ("NIKON CORPORATION", "NIKON Z 6_2", "NEF"), ("SONY", "ILCE-7M4", "ARW"))
_SHOTS_A_CYCLE = 10
_SINGLE_SHOTS = frozenset({3, 7})
_CLIP = 9


def synthetic_library(count: int) -> Iterator[Made]:
    """So many assets: of ten shots seven are RAW+JPEG pairs, two single pictures and one a clip; counters roll over.

    Shape:  the same count gives the same library; shots are seven minutes apart.
    """
    made = 0
    shot = 0
    while made < count:
        for asset in _shot(shot)[: count - made]:
            yield asset
            made += 1
        shot += 1


def _shot(number: int) -> list[Made]:
    make, model, raw = _CAMERAS[number // _COUNTER % len(_CAMERAS)]
    stem = f"IMG_{number % _COUNTER:04}"
    taken_at = _START + number * _BETWEEN_SHOTS
    position = number % _SHOTS_A_CYCLE
    if position == _CLIP:
        return [Made(f"{stem}.MP4", taken_at, make=make, model=model, kind=AssetKind.VIDEO, duration_ms=12_000)]
    jpeg = Made(f"{stem}.JPG", taken_at, make=make, model=model)
    if position in _SINGLE_SHOTS:
        return [jpeg]
    return [jpeg, Made(f"{stem}.{raw}", taken_at, make=make, model=model, size_bytes=45_000_000)]
