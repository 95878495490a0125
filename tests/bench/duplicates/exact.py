"""What the exact search reads of a large library, by arithmetic: python -m tests.bench.duplicates exact."""

from __future__ import annotations

import hashlib
import random
import time
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, replace

from sidecar.duplicates.files import END_BYTES, Known, identical, to_read
from sidecar.model import AssetId

FILES = 100_000
_LIBRARY_SHARE = 0.5
_COPIES_SHARE = 0.05
_SAME_SIZE_SHARE = 0.01
"""Files that happen to be as large as another: raw files of one camera without compression are, by the thousand."""
_UNCOMPRESSED_SHARE = 0.02
_UNCOMPRESSED_BYTES = 25_165_824


@dataclass(frozen=True, slots=True)
class File:
    """A file of the emulated library: what is in it is told by a number."""

    id: AssetId
    size_bytes: int
    is_upload: bool
    content: int


@dataclass(frozen=True, slots=True)
class Read:
    """What it took: bytes and requests, and whether every copy was found and nothing else."""

    stored_bytes: int
    read_bytes: int
    reads: Counter[str]
    rounds: int
    groups: int
    missed: int
    wrong: int
    elapsed_s: float


def files(count: int, *, seed: int) -> list[File]:
    """Half uploads, half a library's files; some are copies, but no upload is one of another upload."""
    dice = random.Random(seed)
    made: list[File] = []
    uploaded: set[int] = set()
    for number in range(count):
        is_upload = dice.random() >= _LIBRARY_SHARE
        id_, throw = AssetId(f"{number:08d}"), dice.random()
        if made and throw < _COPIES_SHARE:
            other = dice.choice(made)
            if not (is_upload and other.content in uploaded):
                made.append(replace(other, id=id_, is_upload=is_upload))
                uploaded |= {other.content} if is_upload else set()
                continue
        size_bytes = int(dice.lognormvariate(15.1, 0.8))  # of 4 MB, from half a megabyte to 30
        if made and throw > 1 - _SAME_SIZE_SHARE:
            size_bytes = dice.choice(made).size_bytes
        elif throw > 1 - _SAME_SIZE_SHARE - _UNCOMPRESSED_SHARE:
            size_bytes = _UNCOMPRESSED_BYTES
        made.append(File(id_, size_bytes, is_upload, number))
        uploaded |= {number} if is_upload else set()
    return made


def search(library: list[File]) -> Read:
    """The search as the job runs it: ask what is to be read, read that, ask again."""
    started_s = time.perf_counter()
    content = {file.id: file for file in library}
    known = {
        file.id: Known(file.id, file.size_bytes, file.is_upload, sha1=_digest(file) if file.is_upload else None)
        for file in library
    }
    reads, read_bytes, rounds = Counter[str](), 0, 0
    while not (wanted := to_read(known.values())).is_nothing:
        rounds += 1
        for id_ in wanted.ends:
            known[id_] = replace(known[id_], ends=_digest(content[id_]))
            reads["ends"] += 1
            read_bytes += 2 * END_BYTES
        for id_ in wanted.whole:
            digest = _digest(content[id_])
            known[id_] = replace(known[id_], ends=digest, sha1=digest, sha256=digest)
            reads["whole"] += 1
            read_bytes += content[id_].size_bytes
    found = identical(known.values())
    truth = set(_truth(library))
    return Read(
        stored_bytes=sum(file.size_bytes for file in library),
        read_bytes=read_bytes,
        reads=reads,
        rounds=rounds,
        groups=len(found),
        missed=len(truth - set(found)),
        wrong=len(set(found) - truth),
        elapsed_s=time.perf_counter() - started_s,
    )


def _digest(file: File) -> str:
    return hashlib.sha256(str(file.content).encode()).hexdigest()


def _truth(library: list[File]) -> Iterator[tuple[AssetId, ...]]:
    groups: dict[int, list[AssetId]] = {}
    for file in library:
        groups.setdefault(file.content, []).append(file.id)
    return (tuple(sorted(ids)) for ids in groups.values() if len(ids) > 1)


def main(count: int = FILES) -> None:
    """Prints the figures."""
    library = files(count, seed=3)
    done = search(library)
    copied = {id_ for ids in _truth(library) for id_ in ids}
    copied_bytes = sum(file.size_bytes for file in library if file.id in copied)
    print(f"\nExact search of {count:,} files, {done.stored_bytes / 1e9:,.0f} GB")
    print(f"  {done.groups:,} groups found, {done.missed} missed, {done.wrong} wrong, {done.rounds} rounds")
    print(
        f"  {done.reads['ends']:,} read at their ends, {done.reads['whole']:,} whole: {done.read_bytes / 1e9:,.1f} GB"
    )
    print(
        f"  bytes read / bytes stored: {100 * done.read_bytes / done.stored_bytes:.2f} %"
        f" (the copies themselves are {100 * copied_bytes / done.stored_bytes:.2f} %); planning {done.elapsed_s:.1f} s"
    )
