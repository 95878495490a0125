"""Seconds and peak memory of pairing a large library in one process: python -m tests.bench.pairing."""

from __future__ import annotations

import multiprocessing
import random
import resource
import sys
import time
from collections.abc import Iterator
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass
from itertools import islice

from sidecar.grouping.engine import PairingRules, pair
from sidecar.model import Asset, AssetId, AssetKind, OwnerId, Visibility
from tests.bench.labelled import RULES, RULES_WITH_BURSTS, labelled_library, score, table

SIZES = (100_000, 1_000_000)
LABELLED_SIZE = 100_000
_OWNER = OwnerId("00000000-0000-4000-8000-00000000000a")
# Half of the captures are phones' with a timestamp for a name, half cameras' with a counter that rolls over.
_PIXEL = ("Google", "Pixel 8", "PXL_{}", ("RAW-02.ORIGINAL.dng", "RAW-01.COVER.jpg"))
_GALAXY = ("samsung", "SM-S918B", "{}", ("dng", "jpg"))
_CAMERAS = (
    ("Canon", "Canon EOS R5", "IMG_{:04d}", ("CR3", "JPG")),
    ("NIKON CORPORATION", "NIKON Z 6", "DSC_{:04d}", ("NEF", "JPG")),
    ("SONY", "ILCE-7M4", "_DSC{:04d}", ("ARW", "JPG")),
    ("Apple", "iPhone 15", "IMG_{:04d}", ("HEIC", "JPG")),
    *(_PIXEL, _PIXEL, _GALAXY, _GALAXY),
)
_PAIRED_SHARE = 0.25
"""Of the captures; a quarter of them as pairs makes 40 % of the assets."""


@dataclass(frozen=True, slots=True)
class Measured:
    """One run: how many assets and proposals, how long pairing took by wall and processor, and peak memory."""

    assets: int
    proposals: int
    elapsed_s: float
    processor_s: float
    peak_bytes: int


def library(size: int) -> list[Asset]:
    """Assets as twenty years leave them, the same for the same size: counters that roll over, phones' timestamps."""
    return list(islice(_captures(random.Random(size)), size))


def _captures(dice: random.Random) -> Iterator[Asset]:
    taken_ms, number = 1_100_000_000_000, 0
    while True:
        taken_ms += dice.randrange(500, 60_000)
        make, model, pattern, extensions = dice.choice(_CAMERAS)
        number += 1
        stamp = time.strftime("%Y%m%d_%H%M%S", time.gmtime(taken_ms // 1000))
        base = pattern.format(number % 10_000 if ":" in pattern else stamp)
        is_paired = dice.random() < _PAIRED_SHARE
        for extension in extensions if is_paired else (extensions[1].rpartition(".")[2],):
            yield Asset(
                id=AssetId(f"{dice.getrandbits(32):08x}-0000-4000-8000-{number:011x}{len(extension) % 10}"),
                owner_id=_OWNER,
                name=f"{base}.{extension}",
                folder=None,
                kind=AssetKind.IMAGE,
                visibility=Visibility.TIMELINE,
                taken_at_ms=taken_ms - 7_200_000,
                taken_local_ms=taken_ms,
                make=make,
                model=model,
                duration_ms=None,
                width=6000,
                height=4000,
                size_bytes=8_000_000 + number,
                live_photo_video_id=None,
                is_trashed=False,
                is_offline=False,
                is_extracted=True,
                updated_at_ms=taken_ms,
            )


def one_name(size: int) -> list[Asset]:
    """The worst bucket: every file is called image.jpg, a third of them taken in one and the same second."""
    assets = islice(_captures(random.Random(size)), size)
    return [_renamed(asset, number) for number, asset in enumerate(assets)]


def _renamed(asset: Asset, number: int) -> Asset:
    changes = {"name": "image.jpg"} | ({"taken_local_ms": 0, "taken_at_ms": 0} if number % 3 == 0 else {})
    values = {field: getattr(asset, field) for field in Asset.__slots__} | changes
    return Asset(**values)


def measure(kind: str, size: int) -> Measured:
    """One run in this process, which should have done nothing else before."""
    assets = {"library": library, "one_name": one_name}[kind](size)
    started_s, processor_started_s = time.perf_counter(), time.process_time()
    found = pair(assets, PairingRules())
    elapsed_s, processor_s = time.perf_counter() - started_s, time.process_time() - processor_started_s
    peak_bytes = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024
    return Measured(len(assets), len(found.proposals), elapsed_s, processor_s, peak_bytes)


def _in_child(kind: str, size: int) -> Measured:
    with ProcessPoolExecutor(max_workers=1, mp_context=multiprocessing.get_context("spawn")) as pool:
        measured = pool.submit(measure, kind, size).result()
    sys.stdout.write(
        f"{kind}: {measured.assets:,} assets, {measured.proposals:,} groups: "
        f"{measured.elapsed_s:.2f} s ({measured.processor_s:.2f} s of processor), "
        f"peak {measured.peak_bytes / 2**20:,.0f} MiB\n"
    )
    return measured


def main() -> None:
    """Print the figures."""
    small, large = (_in_child("library", size) for size in SIZES)
    growth = large.processor_s / small.processor_s
    sys.stdout.write(f"{large.assets / small.assets:.0f} times the assets take {growth:.1f} times the processor time\n")
    _in_child("one_name", 50_000)
    labelled = labelled_library(size=LABELLED_SIZE, seed=7)
    for title, rules in (("bursts off", RULES), ("bursts on", RULES_WITH_BURSTS)):
        sys.stdout.write(f"\n{len(labelled.assets):,} labelled assets, {title}\n{table(score(labelled, rules))}\n")


if __name__ == "__main__":
    main()
