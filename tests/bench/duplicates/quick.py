"""What quick results cost, and what a fingerprint costs: python -m tests.bench.duplicates quick."""

from __future__ import annotations

import asyncio
import base64
import io
import statistics
import time
from collections.abc import Callable, Sequence
from concurrent.futures import ProcessPoolExecutor
from itertools import chain
from multiprocessing import get_context

import numpy as np
from PIL import Image

from sidecar.demo.immich.thumbhash import thumbhash_of
from sidecar.duplicates.fingerprint import fingerprint_of
from sidecar.duplicates.thumbhash import quick_candidates
from sidecar.media.pool import open_decoding_pool
from sidecar.media.samples import samples_of
from sidecar.model import AssetId
from tests.bench.duplicates.material import Photographs, crops
from tests.bench.duplicates.variants import RE_ENCODINGS

LIBRARY = 10_000
DUPLICATES_SHARE = 0.05
SHORT_EDGE = 250
THUMBNAILS = 400
ROUNDS = 7
WORKERS = 2
_KINDS = ("JPEG q50", "0.5 of size", "WebP q40", "sent on, 960 q60")


def shares_fetched(photographs: Photographs, size: int = LIBRARY) -> tuple[int, int, float, float]:
    """(assets, copies among them, share of all that must be fetched first, share of the copies that are among those).

    Shape:  every asset is another crop of a photograph, or one of the copies of such a crop.
    """
    each = max(1, round(size * (1 - DUPLICATES_SHARE) / len(photographs)))
    with ProcessPoolExecutor(WORKERS, mp_context=get_context("spawn")) as pool:
        parts = list(pool.map(_thumbhashes, [(photographs, number, each) for number in range(len(photographs))]))
    told = list(chain.from_iterable(parts))
    ids = [AssetId(f"{row:08d}") for row in range(len(told))]
    pairs = quick_candidates(ids, [base64.b64decode(thumbhash) for thumbhash, _ in told], [-1] * len(ids))
    fetched = set(chain.from_iterable(pairs))
    copies = [row for row, (_, is_copy) in enumerate(told) if is_copy]
    stand_in: dict[str, AssetId] = {}
    for id_, (thumbhash, _) in zip(ids, told, strict=True):
        stand_in.setdefault(thumbhash, id_)
    couples = {frozenset(pair) for pair in pairs}
    # A copy stands directly behind what it was made from.
    found = sum(
        stand_in[told[row][0]] == stand_in[told[row - 1][0]]
        or frozenset((stand_in[told[row][0]], stand_in[told[row - 1][0]])) in couples
        for row in copies
    )
    return len(ids), len(copies), len(fetched) / len(ids), found / max(1, len(copies))


def _thumbhashes(part: tuple[Photographs, int, int]) -> list[tuple[str, bool]]:
    photographs, number, count = part
    dice = np.random.default_rng([5, number])
    told: list[tuple[str, bool]] = []
    for crop in crops(photographs.picture(number), count, seed=number, short_edge=SHORT_EDGE):
        told.append((thumbhash_of(crop), False))
        if dice.random() < DUPLICATES_SHARE / (1 - DUPLICATES_SHARE):
            _, encode = RE_ENCODINGS[str(dice.choice(_KINDS))]
            with Image.open(io.BytesIO(encode(crop))) as copy:
                told.append((thumbhash_of(copy.convert("RGB")), True))
    return told


def thumbnails(photographs: Photographs, file_format: str, count: int = THUMBNAILS) -> list[bytes]:
    """So many different thumbnails of Immich's size."""
    each = -(-count // len(photographs))
    found: list[bytes] = []
    for number in range(len(photographs)):
        for crop in crops(photographs.picture(number), each, seed=number, short_edge=SHORT_EDGE):
            out = io.BytesIO()
            crop.save(out, file_format, quality=80)
            found.append(out.getvalue())
    return found[:count]


def costs(files: Sequence[bytes], name: str) -> tuple[float, float]:
    """(ms a picture of decoding alone, ms of the whole fingerprint), each the median of several interleaved rounds."""

    def decode(data: bytes) -> None:
        with Image.open(io.BytesIO(data)) as image:
            image.load()

    def fingerprint(data: bytes) -> None:
        fingerprint_of(samples_of(data, name))

    rounds = [(_ms_each(decode, files), _ms_each(fingerprint, files)) for _ in range(ROUNDS)]
    return statistics.median(bare for bare, _ in rounds), statistics.median(whole for _, whole in rounds)


def _ms_each(look: Callable[[bytes], None], files: Sequence[bytes]) -> float:
    started_s = time.process_time()
    for data in files:
        look(data)
    return 1000 * (time.process_time() - started_s) / len(files)


async def pool_rate(files: Sequence[bytes], name: str) -> float:
    """Pictures a second through the isolated pool, once its processes run."""
    async with open_decoding_pool(workers=WORKERS) as pool:
        await pool.samples([(files[0], name)] * WORKERS * 2)
        started_s = time.perf_counter()
        await pool.samples([(data, name) for data in files])
        return len(files) / (time.perf_counter() - started_s)


def main(photographs: Photographs) -> None:
    """Prints the figures."""
    assets, copies, fetched, found = shares_fetched(photographs)
    print(f"\nA library of {assets:,} different crops and {copies:,} copies of some ({100 * copies / assets:.1f} %)")
    print(f"  thumbnails to fetch before the quick results stand: {100 * fetched:.1f} % of the assets")
    print(f"  copies whose original is a candidate by then: {100 * found:.1f} %")
    print("Fingerprints against the bare decoder, processor time of one thread")
    for file_format, name in (("WEBP", "thumbnail.webp"), ("JPEG", "thumbnail.jpg")):
        files = thumbnails(photographs, file_format)
        bare_ms, whole_ms = costs(files, name)
        rate = asyncio.run(pool_rate(files, name))
        print(
            f"  {file_format:4} 250 px: decode {bare_ms:.2f} ms, fingerprint {whole_ms:.2f} ms"
            f" ({whole_ms / bare_ms:.2f} x); {rate:,.0f} a second through the pool of {WORKERS}"
        )
