"""A library under construction: its files, and which of them are one picture or one burst."""

from __future__ import annotations

import random
import time
from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from itertools import chain, combinations
from uuid import UUID

from sidecar.model import Asset, AssetId, AssetKind, OwnerId, Visibility

OWNER = OwnerId("00000000-0000-4000-8000-00000000000a")
PARTNER = OwnerId("00000000-0000-4000-8000-00000000000b")
HOUR_MS = 3_600_000
RARELY = 20
"""Every how many rounds something is made that is rare in life."""

R5 = ("Canon", "Canon EOS R5")
Z6 = ("NIKON CORPORATION", "NIKON Z 6")
IPHONE = ("Apple", "iPhone 12")
PIXEL = ("Google", "Pixel 8 Pro")
GALAXY = ("samsung", "SM-S918B")
XPERIA = ("Sony", "XQ-BC52")

_START_MS = 1_500_000_000_000

Pair = frozenset[AssetId]


@dataclass
class Library:
    """Assets under construction; `truth` are pairs of one picture, `bursts` pairs of one burst that are not."""

    dice: random.Random
    assets: list[Asset] = field(default_factory=list)
    truth: set[Pair] = field(default_factory=set)
    bursts: set[Pair] = field(default_factory=set)
    situation_of: dict[AssetId, str] = field(default_factory=dict)
    situation: str = ""
    round: int = 0
    _clock_ms: int = _START_MS

    def moment(self) -> int:
        """A capture time of its own: minutes after everything before it, with a fraction of a second."""
        self._clock_ms += self.dice.randrange(120_000, 900_000)
        return self._clock_ms

    def number(self) -> int:
        """A counter of four digits, as cameras count."""
        return self.dice.randrange(1, 9_999)

    def is_time_for(self, *, every: int = RARELY) -> bool:
        """Whether this is one of the rounds in which something rare happens; the first always is."""
        return self.round % every == 0

    def shot(self, name: str, at_ms: int, camera: tuple[str, str] | None = R5, **changes: object) -> Asset:
        """One file, of an extracted upload unless changes say otherwise."""
        make, model = camera or (None, None)
        plain = Asset(
            id=AssetId(str(UUID(int=self.dice.getrandbits(128), version=4))),
            owner_id=OWNER,
            name=name,
            folder=None,
            kind=AssetKind.IMAGE,
            visibility=Visibility.TIMELINE,
            taken_at_ms=at_ms - 2 * HOUR_MS,
            taken_local_ms=at_ms,
            make=make,
            model=model,
            duration_ms=None,
            width=6000,
            height=4000,
            size_bytes=self.dice.randrange(1_000_000, 40_000_000),
            live_photo_video_id=None,
            is_trashed=False,
            is_offline=False,
            is_extracted=True,
            updated_at_ms=at_ms,
        )
        asset = replace(plain, **changes)  # type: ignore[arg-type]  # names are checked by dataclasses.replace itself
        self.assets.append(asset)
        self.situation_of[asset.id] = self.situation
        return asset

    def shots(
        self, base: str, extensions: str, at_ms: int, camera: tuple[str, str] | None = R5, **changes: object
    ) -> list[Asset]:
        """One file for each of the extensions, alike in all else; noted as one picture."""
        versions = [self.shot(f"{base}.{extension}", at_ms, camera, **changes) for extension in extensions.split()]
        self.one_picture(*versions)
        return versions

    def clip(self, name: str, at_ms: int, camera: tuple[str, str] | None = IPHONE, **changes: object) -> Asset:
        """One video file of ten seconds, unless changes say otherwise."""
        return self.shot(name, at_ms, camera, **({"kind": AssetKind.VIDEO, "duration_ms": 10_000} | changes))

    def one_picture(self, *versions: Asset) -> None:
        """Write down that these are versions of one picture."""
        self.truth.update(frozenset({one.id, other.id}) for one, other in combinations(versions, 2))

    def one_burst(self, frames: Sequence[Sequence[Asset]]) -> None:
        """Write down that these pictures, each with its versions, are one burst."""
        ids = [asset.id for asset in chain.from_iterable(frames)]
        self.bursts.update({frozenset(pair) for pair in combinations(ids, 2)} - self.truth)


def stamp(at_ms: int) -> str:
    """The time as phones write it into names."""
    return time.strftime("%Y%m%d_%H%M%S", time.gmtime(at_ms // 1000))
