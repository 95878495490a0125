"""Seconds and memory of the search among many hashes with planted groups: python -m tests.bench.duplicates search."""

from __future__ import annotations

import resource
import time
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass
from multiprocessing import get_context

import numpy as np
from numpy.typing import NDArray

from sidecar.duplicates.fingerprint import Hashes
from sidecar.duplicates.search import Search, candidates
from sidecar.model import AssetId

SIZES = (100_000, 1_000_000)
NEW = 1_000
_GROUP = 4
_GROUPS_SHARE = 0.05
"""Of all hashes that belong to a planted group."""
_BITS = 64
_ONES = 32  # a hash of the median always has as many
_AT_ONCE = 50_000


@dataclass(frozen=True, slots=True)
class Searched:
    """One search of the whole library, then one for a thousand new assets among it.

    Shape:  missed counts planted pairs that were not found. peak_bytes is the process's, with the ids and hashes.
    """

    hashes: int
    planted: int
    missed: int
    found: int
    elapsed_s: float
    processor_s: float
    new_processor_s: float
    peak_bytes: int


def planted(size: int, *, seed: int) -> tuple[NDArray[np.uint64], NDArray[np.int64]]:
    """Hashes of which some are 2, 4 and 6 bits from another, and those pairs, m x 2: each with its group's first."""
    dice = np.random.default_rng(seed)
    hashes = np.empty(size, dtype=np.uint64)
    for begin in range(0, size, _AT_ONCE):
        chosen = np.argsort(dice.random((min(_AT_ONCE, size - begin), _BITS), dtype=np.float32), axis=1)[:, :_ONES]
        hashes[begin : begin + len(chosen)] = np.bitwise_or.reduce(np.uint64(1) << chosen.astype(np.uint64), axis=1)
    places = dice.permutation(size)[: int(size * _GROUPS_SHARE) // _GROUP * _GROUP].reshape(-1, _GROUP)
    for column in range(1, _GROUP):
        hashes[places[:, column]] = _nudged(hashes[places[:, 0]], changes=column, dice=dice)
    pairs = np.concatenate([places[:, [0, column]] for column in range(1, _GROUP)])
    return hashes, np.sort(pairs, axis=1)


def _nudged(hashes: NDArray[np.uint64], *, changes: int, dice: np.random.Generator) -> NDArray[np.uint64]:
    """The hashes with so many ones made noughts and as many noughts made ones."""
    order = np.argsort(dice.random((len(hashes), _BITS)), axis=1).astype(np.uint64)
    is_one = (hashes[:, None] >> order) & np.uint64(1) == 1
    flips = np.zeros(len(hashes), dtype=np.uint64)
    for wanted in (is_one, ~is_one):
        is_first = wanted & (np.cumsum(wanted, axis=1) <= changes)
        flips |= np.bitwise_or.reduce(np.where(is_first, np.uint64(1) << order, np.uint64(0)), axis=1)
    return hashes ^ flips


def _hashes(phash: NDArray[np.uint64]) -> Hashes:
    size = len(phash)
    return Hashes(
        ids=[AssetId(f"{number:036x}") for number in range(size)],
        phash=phash,
        margin=np.full(size, 9, dtype=np.float32),
        aspect=np.full(size, 1.5, dtype=np.float32),
        duration_ms=np.full(size, -1, dtype=np.int64),
    )


def measure(size: int) -> Searched:
    """One search in this process, which should have done nothing else before."""
    phash, wanted = planted(size, seed=size)
    library, search = _hashes(phash), Search()
    started_s, processor_started_s = time.perf_counter(), time.process_time()
    portions = [(pairs.first, pairs.second) for pairs in candidates(library, library, search)]
    elapsed_s, processor_s = time.perf_counter() - started_s, time.process_time() - processor_started_s
    first, second = (np.concatenate(side) for side in zip(*portions, strict=True))
    found = np.minimum(first, second) * size + np.maximum(first, second)
    missed = int((~np.isin(wanted[:, 0] * size + wanted[:, 1], found)).sum())
    new = library.at(np.arange(size - NEW, size))
    processor_started_s = time.process_time()
    for _ in candidates(new, library, search):
        pass
    return Searched(
        hashes=size,
        planted=len(wanted),
        missed=missed,
        found=len(found),
        elapsed_s=elapsed_s,
        processor_s=processor_s,
        new_processor_s=time.process_time() - processor_started_s,
        peak_bytes=resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024,
    )


def main() -> None:
    """Prints the figures, each size in a process of its own."""
    print(f"\nAll pairs within {Search().radius} of 64 bits")
    for size in SIZES:
        with ProcessPoolExecutor(1, mp_context=get_context("spawn")) as pool:
            done = pool.submit(measure, size).result()
        print(
            f"  {done.hashes:9,} hashes: {done.elapsed_s:.2f} s ({done.processor_s:.2f} s of processor),"
            f" {done.missed} of {done.planted:,} planted pairs missed, {done.found:,} found;"
            f" {NEW:,} new ones {done.new_processor_s:.2f} s of processor; peak {done.peak_bytes / 2**20:,.0f} MiB"
        )
