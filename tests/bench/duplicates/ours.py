"""Our search of a folder, as a program of its own that can stand beside others: python -m tests.bench.duplicates.ours.

Nothing but the reading, searching and judging of the product, without Immich and database. Near copies are found from
the files themselves here, while the product decodes Immich's small thumbnails.
"""

from __future__ import annotations

import asyncio
import hashlib
import json
import os
import sys
from collections.abc import Iterable
from dataclasses import replace
from itertools import chain, combinations
from pathlib import Path

import numpy as np

from sidecar.duplicates.files import END_BYTES, Known, identical, to_read
from sidecar.duplicates.fingerprint import Fingerprint, Hashes, fingerprint_of
from sidecar.duplicates.search import Search, candidates, flat_candidates, flat_of, matches
from sidecar.media.errors import UndecodableMedia
from sidecar.media.pool import open_decoding_pool
from sidecar.model import AssetId

_WORKERS = 2
_BATCH = 500
_PIECE = 1 << 20


async def near(folder: Path) -> list[tuple[str, str, str]]:
    """(name, name, class) of every pair of near copies in a folder of pictures."""
    paths = sorted(folder.iterdir())
    prints: dict[AssetId, Fingerprint] = {}
    async with open_decoding_pool(workers=_WORKERS) as pool:
        for begin in range(0, len(paths), _BATCH):
            batch = paths[begin : begin + _BATCH]
            for path, samples in zip(batch, await pool.samples([(path, path.name) for path in batch]), strict=True):
                if not isinstance(samples, UndecodableMedia):
                    prints[AssetId(path.name)] = fingerprint_of(samples)
    return _search(prints)


def _search(prints: dict[AssetId, Fingerprint]) -> list[tuple[str, str, str]]:
    search = Search()
    hashes = Hashes(
        ids=list(prints),
        phash=np.array([each.phash for each in prints.values()], dtype=np.uint64),
        margin=np.array([each.margin for each in prints.values()], dtype=np.float32),
        aspect=np.array([each.aspect for each in prints.values()], dtype=np.float32),
        duration_ms=np.full(len(prints), -1, dtype=np.int64),
    )
    luma = np.frombuffer(b"".join(each.luma for each in prints.values()), dtype=np.uint8).reshape(-1, 1024)
    colours = np.frombuffer(b"".join(each.colours for each in prints.values()), dtype=np.uint8).reshape(-1, 192)
    flat = flat_of(hashes, search)
    portions = chain(
        candidates(hashes, hashes, search),
        flat_candidates(flat, flat, search, ids=hashes.ids, colours=colours),
    )
    return [
        (match.a, match.b, match.kind.value)
        for portion in portions
        for match in matches(portion, search, ids=hashes.ids, luma=luma, colours=colours)
    ]


def exact(folder: Path) -> list[tuple[str, str, str]]:
    """(name, name, class) of every pair of identical files, all taken for files of a library."""
    known = {
        entry.name: Known(AssetId(entry.name), entry.stat().st_size, is_upload=False) for entry in os.scandir(folder)
    }
    while not (wanted := to_read(known.values())).is_nothing:
        for id_ in wanted.ends:
            known[id_] = replace(known[id_], ends=_ends(folder / id_, known[id_].size_bytes))
        for id_ in wanted.whole:
            sha1, sha256 = _whole(folder / id_)
            known[id_] = replace(known[id_], ends=known[id_].ends or sha256, sha1=sha1, sha256=sha256)
    return [(a, b, "identical") for group in identical(known.values()) for a, b in combinations(group, 2)]


def _ends(path: Path, size_bytes: int) -> str:
    with path.open("rb") as file:
        digest = hashlib.sha256(file.read(END_BYTES))
        file.seek(size_bytes - END_BYTES)
        digest.update(file.read(END_BYTES))
    return digest.hexdigest()


def _whole(path: Path) -> tuple[str, str]:
    sha1, sha256 = hashlib.sha1(usedforsecurity=False), hashlib.sha256()
    with path.open("rb") as file:
        while piece := file.read(_PIECE):
            sha1.update(piece)
            sha256.update(piece)
    return sha1.hexdigest(), sha256.hexdigest()


def main(words: Iterable[str]) -> None:
    """Prints the pairs as JSON."""
    what, folder = words
    pairs = asyncio.run(near(Path(folder))) if what == "near" else exact(Path(folder))
    json.dump(pairs, sys.stdout)


if __name__ == "__main__":
    main(sys.argv[1:])
