"""Other programs on the same files in one run: python -m tests.bench.duplicates peers.

SIDECAR_BENCH_PEERS names the Python of an environment with imagededup and czkawka (python -m venv peers; peers/bin/pip
install imagededup czkawka); jdupes and rdfind are Debian's. What is not there is said and left out.
"""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from itertools import combinations
from pathlib import Path

from tests.bench.duplicates.quality import Looked, pair_of
from tests.bench.duplicates.variants import Truth

PEERS_VARIABLE = "SIDECAR_BENCH_PEERS"
SMALL_FILES = 100_000
_COPIED_EVERY = 20

# Linux counts the memory of whoever starts a program as the program's own, so that somebody small must start it.
_MEASURED = """
import json, os, sys, time
began = time.perf_counter()
files = [(os.POSIX_SPAWN_OPEN, n, sys.argv[n], os.O_WRONLY | os.O_CREAT, 0o600) for n in (1, 2)]
_, status, used = os.wait4(os.posix_spawnp(sys.argv[3], sys.argv[3:], os.environ, file_actions=files), 0)
json.dump([status, time.perf_counter() - began, used.ru_utime + used.ru_stime, used.ru_maxrss], sys.stdout)
"""
_IMAGEDEDUP = """
import json, sys
from imagededup.methods import PHash
if __name__ == "__main__":
    found = PHash(verbose=False).find_duplicates(image_dir=sys.argv[1], max_distance_threshold=3)
    json.dump([[a, b, "near"] for a, others in found.items() for b in others], open(sys.argv[2], "w"))
"""
_CZKAWKA = """
import json, sys
from pathlib import Path
from czkawka import ImageSimilarity
finder = ImageSimilarity()
finder.set_directories([Path(sys.argv[1])])
finder.set_similarity(5)
groups = finder.find_similar()
pairs = [[a.name, b.name, "near"] for group in groups for n, a in enumerate(group) for b in group[n + 1:]]
json.dump(pairs, open(sys.argv[2], "w"))
"""


@dataclass(frozen=True, slots=True)
class Peer:
    """A program that is given a folder; read makes pairs of names of what it printed or wrote."""

    name: str
    command: Sequence[str]
    read: Callable[[Path, Path], Iterable[tuple[str, str, str]]]


@dataclass(frozen=True, slots=True)
class Ran:
    """What a program took, and the pairs that it found with their classes."""

    elapsed_s: float
    processor_s: float
    peak_bytes: int
    pairs: frozenset[tuple[str, str, str]]


def near_peers() -> Iterator[Peer]:
    """Ours, then those that are here."""
    yield Peer("ours", (sys.executable, "-m", "tests.bench.duplicates.ours", "near", "FOLDER"), _printed)
    python = os.environ.get(PEERS_VARIABLE, "")
    if not python:
        print(f"  imagededup, czkawka: not here; {PEERS_VARIABLE} names the Python of an environment that has them")
        return
    yield Peer("imagededup, at most 3 bits", (python, "-c", _IMAGEDEDUP, "FOLDER", "ANSWER"), _written)
    yield Peer("czkawka's engine, similarity 5", (python, "-c", _CZKAWKA, "FOLDER", "ANSWER"), _written)


def exact_peers() -> Iterator[Peer]:
    """Ours, then those that are here."""
    yield Peer("ours", (sys.executable, "-m", "tests.bench.duplicates.ours", "exact", "FOLDER"), _printed)
    for program, options, read in (
        ("jdupes", ("-q", "-r", "FOLDER"), _paragraphs),
        ("rdfind", ("-dryrun", "false", "-makeresultsfile", "true", "-outputname", "ANSWER", "FOLDER"), _results),
    ):
        if shutil.which(program):
            yield Peer(program, (program, *options), read)
        else:
            print(f"  {program}: not here; apt-get install {program}")


def run(peer: Peer, folder: Path) -> Ran:
    """One run of the program, in a process of its own with all of its children counted.

    Errors: RuntimeError if it fails, with what it said.
    """
    with tempfile.TemporaryDirectory() as scratch:
        printed, answer, said = (Path(scratch) / name for name in ("printed", "answer", "said"))
        command = [{"FOLDER": str(folder), "ANSWER": str(answer)}.get(word, word) for word in peer.command]
        ended = subprocess.run(
            [sys.executable, "-I", "-S", "-c", _MEASURED, str(printed), str(said), *command],
            stdout=subprocess.PIPE,
            text=True,
            check=True,
        )
        status, elapsed_s, processor_s, peak_kib = json.loads(ended.stdout)
        if status:
            raise RuntimeError(f"{peer.name}: {said.read_text(errors='replace')[-800:]}")
        pairs = frozenset((*pair_of(a, b), kind) for a, b, kind in peer.read(printed, answer) if a != b)
    return Ran(elapsed_s, processor_s, peak_kib * 1024, pairs)


def _printed(printed: Path, _: Path) -> Iterable[tuple[str, str, str]]:
    return [(a, b, kind) for a, b, kind in json.loads(printed.read_text())]


def _written(_: Path, answer: Path) -> Iterable[tuple[str, str, str]]:
    return [(a, b, kind) for a, b, kind in json.loads(answer.read_text())]


def _paragraphs(printed: Path, _: Path) -> Iterable[tuple[str, str, str]]:
    for paragraph in printed.read_text().strip().split("\n\n"):
        names = [Path(line).name for line in paragraph.splitlines()]
        yield from ((a, b, "identical") for a, b in combinations(names, 2))


def _results(_: Path, answer: Path) -> Iterable[tuple[str, str, str]]:
    groups: dict[str, list[str]] = {}
    for line in answer.read_text().splitlines():
        if not line.startswith("#"):
            # duptype id depth size device inode priority name; copies bear the first one's id, negated.
            fields = line.split(" ", 7)
            groups.setdefault(fields[1].removeprefix("-"), []).append(Path(fields[7]).name)
    for names in groups.values():
        yield from ((a, b, "identical") for a, b in combinations(names, 2))


def compare_near(looked: Sequence[Looked], *, are_thumbnails: bool) -> None:
    """Prints what each program finds among the labelled files, or among the thumbnails that Immich makes of them."""
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        stored_bytes = 0
        for each in looked:
            data = each.file.thumbnail if are_thumbnails else each.file.data
            path = folder / (f"{each.file.id}.webp" if are_thumbnails else each.file.name)
            stored_bytes += path.write_bytes(data)
        what = "thumbnails as Immich makes them" if are_thumbnails else "files as they were stored"
        print(f"\nNear copies among {len(looked):,} {what}, {stored_bytes / 1e6:,.0f} MB")
        print(
            f"  {'':32} seconds  processor      MB  re-encoded  edited  bursts  tripod"
            "  false: photos  look-alikes  flat"
        )
        for peer in near_peers():
            try:
                ran = run(peer, folder)
            except RuntimeError as error:
                print(f"  {peer.name}: failed: {error}")
            else:
                print(f"  {_measured(peer, ran)}  {_judged(looked, ran)}")


def _measured(peer: Peer, ran: Ran) -> str:
    return f"{peer.name:32} {ran.elapsed_s:7.1f}  {ran.processor_s:9.1f}  {ran.peak_bytes / 2**20:6,.0f}"


def _judged(looked: Sequence[Looked], ran: Ran) -> str:
    """Recall in per cent by truth, then false pairs of different photographs, of look-alikes and of flat frames."""
    files = {each.file.id: each.file for each in looked}
    pairs = {pair_of(a.rpartition(".")[0], b.rpartition(".")[0]) for a, b, _ in ran.pairs}
    is_of = {file.id: pair_of(file.id, file.of) for file in files.values() if file.of is not None}

    def share(truth: Truth, kind: str = "") -> float:
        wanted = [is_of[id_] for id_ in is_of if files[id_].truth is truth and files[id_].kind.startswith(kind)]
        return 100 * sum(pair in pairs for pair in wanted) / max(1, len(wanted))

    wrong = [{files[a].truth, files[b].truth} for a, b in pairs if files[a].scene != files[b].scene]
    flat = sum(Truth.FLAT in truths for truths in wrong)
    alike = sum(Truth.ALIKE in truths and Truth.FLAT not in truths for truths in wrong)
    return (
        f"{share(Truth.RE_ENCODED):10.1f}  {share(Truth.EDITED):6.1f}  {share(Truth.NEIGHBOUR, 'burst'):6.1f}"
        f"  {share(Truth.NEIGHBOUR, 'tripod'):6.1f}  {len(wrong) - flat - alike:13,}  {alike:11,}  {flat:4,}"
    )


def compare_exact(count: int = SMALL_FILES) -> None:
    """Prints what each program takes to find the copies in a folder of many small files."""
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        copied = 0
        for number in range(count):
            # As many sizes as photographs have, shrunk: every size occurs some times, and a twentieth are copies.
            source = number - 1 if number % _COPIED_EVERY == 0 and number else number
            copied += source != number
            content = f"{source:08d}".encode() * (40 + source * 7919 % 9000)
            (folder / f"{number:06d}.jpg").write_bytes(content)
        print(f"\nIdentical files among {count:,} small ones, {copied:,} of them copies")
        print(f"  {'':32} seconds  processor      MB  copies found  other pairs")
        for peer in exact_peers():
            ran = run(peer, folder)
            right = sum(int(b[:6]) - int(a[:6]) == 1 and int(b[:6]) % _COPIED_EVERY == 0 for a, b, _ in ran.pairs)
            print(f"  {_measured(peer, ran)}  {right:12,}  {len(ran.pairs) - right:11,}")


def main(looked: Sequence[Looked]) -> None:
    """Prints the figures."""
    compare_near(looked, are_thumbnails=True)
    compare_near(looked, are_thumbnails=False)
    compare_exact()
