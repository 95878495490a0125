"""How well copies are told from look-alikes, by kind and step: python -m tests.bench.duplicates quality."""

from __future__ import annotations

import base64
from collections import Counter, defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass
from itertools import chain
from multiprocessing import get_context

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from sidecar.duplicates.classes import DuplicateClass
from sidecar.duplicates.fingerprint import Fingerprint, Hashes, fingerprint_of
from sidecar.duplicates.search import Search, candidates, flat_candidates, flat_of, matches
from sidecar.duplicates.thumbhash import quick_candidates
from sidecar.duplicates.turned import turned_hashes
from sidecar.media.samples import samples_of
from sidecar.model import AssetId
from tests.bench.duplicates.lookalikes import FLAT, LOOKALIKES
from tests.bench.duplicates.material import Photographs
from tests.bench.duplicates.variants import RE_ENCODINGS, Labelled, Truth, Variant, jpeg, labelled, variants

Pair = tuple[AssetId, AssetId]

EACH_FAMILY = 12
"""So many pictures of every family that looks alike, each with copies of its own."""

COPIES_OF_LOOKALIKES = ("JPEG q50", "0.5 of size", "messenger 1280 q70", "WebP q80")
WORKERS = 2


@dataclass(frozen=True, slots=True)
class Looked:
    """A labelled file and its fingerprint."""

    file: Labelled
    print_: Fingerprint


@dataclass(frozen=True, slots=True)
class Findings:
    """What each of the three steps says of pairs of assets, the lower id first."""

    by_thumbhash: frozenset[Pair]
    by_hash: frozenset[Pair]
    classes: Mapping[Pair, DuplicateClass]

    def thumbhash_finds(self, one: Labelled, other: Labelled, stand_ins: Mapping[str, str]) -> bool:
        """Whether the pair is a candidate before any download: itself, or those that stand for equal thumbhashes."""
        first, second = stand_ins[one.thumbhash], stand_ins[other.thumbhash]
        return (
            first == second
            or pair_of(first, second) in self.by_thumbhash
            or pair_of(one.id, other.id) in self.by_thumbhash
        )


@dataclass(slots=True)
class Score:
    """Labelled pairs of one kind: how many, and what became of them."""

    pairs: int = 0
    by_thumbhash: int = 0
    by_hash: int = 0
    re_encoded: int = 0
    edited: int = 0
    featureless: int = 0

    @property
    def found(self) -> int:
        """Pairs that are in any class."""
        return self.re_encoded + self.edited + self.featureless

    def add(self, other: Score) -> None:
        """Counts the other's pairs too."""
        for name in self.__slots__:
            setattr(self, name, getattr(self, name) + getattr(other, name))


def pair_of(one: str, other: str) -> Pair:
    """The two ids, the lower one first."""
    a, b = sorted((AssetId(one), AssetId(other)))
    return a, b


def scene_of(photographs: Photographs, number: int) -> list[Looked]:
    """One photograph and all that becomes of it."""
    return scene(photographs.picture(number), number)


def scene(picture: Image.Image, number: int) -> list[Looked]:
    """The picture of this number and all that becomes of it."""
    original = f"photo-{number:04d}-00"
    return [
        look(labelled(variant, scene=number, id_=f"{original[:-2]}{at:02d}", of=original if at else None))
        for at, variant in enumerate(variants(picture, seed=number))
    ]


def family_member(name: str, number: int, *, scene: int, copies: Sequence[str] = COPIES_OF_LOOKALIKES) -> list[Looked]:
    """One picture of a family whose members look alike, and a few copies of it."""
    painters = LOOKALIKES | FLAT
    picture = painters[name](np.random.default_rng([3, list(painters).index(name), number]))
    truth = Truth.FLAT if name in FLAT else Truth.ALIKE
    original = f"{truth}-{scene:05d}-0"
    made: list[tuple[str, str | None, Variant]] = [(original, None, Variant(name, truth, "jpg", jpeg(92)(picture)))]
    for at, kind in enumerate(copies, start=1):
        extension, encode = RE_ENCODINGS[kind]
        made.append((f"{original[:-1]}{at}", original, Variant(name, truth, extension, encode(picture))))
    return [look(labelled(variant, scene=scene, id_=id_, of=of)) for id_, of, variant in made]


def look(file: Labelled) -> Looked:
    """The file with the fingerprint of its thumbnail."""
    return Looked(file, fingerprint_of(samples_of(file.thumbnail, "thumbnail.webp")))


def library(photographs: Photographs, *, each_family: int = EACH_FAMILY) -> list[Looked]:
    """Every photograph with its variants, then every family of look-alikes and flat frames."""
    families = [(name, number) for name in (*LOOKALIKES, *FLAT) for number in range(each_family)]
    scenes = range(len(photographs), len(photographs) + len(families))
    with ProcessPoolExecutor(WORKERS, mp_context=get_context("spawn")) as pool:
        shots = [pool.submit(scene_of, photographs, number) for number in range(len(photographs))]
        alike = [
            pool.submit(family_member, *family, scene=scene) for family, scene in zip(families, scenes, strict=True)
        ]
        return [each for future in (*shots, *alike) for each in future.result()]


def hashes_of(looked: Sequence[Looked]) -> Hashes:
    """What the search needs of them."""
    luma, _ = samples(looked)
    return Hashes(
        ids=[AssetId(each.file.id) for each in looked],
        phash=np.array([each.print_.phash for each in looked], dtype=np.uint64),
        margin=np.array([each.print_.margin for each in looked], dtype=np.float32),
        aspect=np.array([each.print_.aspect for each in looked], dtype=np.float32),
        duration_ms=np.full(len(looked), -1, dtype=np.int64),
        turned=turned_hashes(luma),
    )


def samples(looked: Sequence[Looked]) -> tuple[NDArray[np.uint8], NDArray[np.uint8]]:
    """Luma and colours, a row for each."""
    luma = np.frombuffer(b"".join(each.print_.luma for each in looked), dtype=np.uint8).reshape(-1, 1024)
    colours = np.frombuffer(b"".join(each.print_.colours for each in looked), dtype=np.uint8).reshape(-1, 192)
    return luma, colours


def find(looked: Sequence[Looked], search: Search | None = None) -> Findings:
    """What the three steps find among all of them together, as in a library that holds nothing else."""
    search = search or Search()
    hashes = hashes_of(looked)
    luma, colours = samples(looked)
    quick = quick_candidates(hashes.ids, [base64.b64decode(each.file.thumbhash) for each in looked], [-1] * len(looked))
    flat = flat_of(hashes, search)
    by_hash: set[Pair] = set()
    classes: dict[Pair, DuplicateClass] = {}
    for portion in chain(
        candidates(hashes, hashes, search),
        flat_candidates(flat, flat, search, ids=hashes.ids, colours=colours),
    ):
        sides = zip(portion.first.tolist(), portion.second.tolist(), strict=True)
        by_hash.update(pair_of(portion.left.ids[i], portion.right.ids[j]) for i, j in sides)
        for match in matches(portion, search, ids=hashes.ids, luma=luma, colours=colours):
            known = classes.get((match.a, match.b), match.kind)
            classes[match.a, match.b] = min(known, match.kind, key=lambda kind: kind.rank)
    return Findings(frozenset(quick), frozenset(by_hash), classes)


def score_kinds(looked: Sequence[Looked], findings: Findings) -> dict[tuple[Truth, str], Score]:
    """Every file against the one that it was made from, added up by what it is and how it was made."""
    files = {each.file.id: each.file for each in looked}
    stand_ins: dict[str, str] = {}
    for id_ in sorted(files):
        stand_ins.setdefault(files[id_].thumbhash, id_)
    scores: defaultdict[tuple[Truth, str], Score] = defaultdict(Score)
    for file in files.values():
        if file.of is None:
            continue
        pair = pair_of(file.id, file.of)
        kind = findings.classes.get(pair)
        scores[file.truth, file.kind].add(
            Score(
                pairs=1,
                by_thumbhash=findings.thumbhash_finds(file, files[file.of], stand_ins),
                by_hash=pair in findings.by_hash,
                re_encoded=kind is DuplicateClass.RE_ENCODED,
                edited=kind is DuplicateClass.EDITED,
                featureless=kind is DuplicateClass.FEATURELESS,
            )
        )
    return dict(scores)


@dataclass(frozen=True, slots=True)
class Crossing:
    """Pairs of different pictures: how many there are of one family (or of photographs), and what was called copies.

    Shape:  scenes counts the pairs of pictures, whichever of their copies were called copies of each other.
    """

    pairs: int
    re_encoded: int
    edited: int
    featureless: int
    scenes: int


def crossings(looked: Sequence[Looked], findings: Findings) -> dict[str, Crossing]:
    """Every pair of files of different scenes, by family; "different photographs" and "across families" besides."""
    files = {each.file.id: each.file for each in looked}
    sizes, scene_sizes = Counter[str](), Counter[tuple[str, int]]()
    for file in files.values():
        sizes[_family(file)] += 1
        scene_sizes[_family(file), file.scene] += 1
    total = _pairs(len(files))
    possible = {family: _pairs(size) for family, size in sizes.items()}
    elsewhere = total - sum(possible.values())
    for (family, _), size in scene_sizes.items():
        possible[family] -= _pairs(size)
    possible[ACROSS] = elsewhere
    called: defaultdict[str, Counter[DuplicateClass]] = defaultdict(Counter)
    scenes: defaultdict[str, set[tuple[int, int]]] = defaultdict(set)
    for (a, b), kind in findings.classes.items():
        one, other = files[a], files[b]
        if one.scene != other.scene:
            family = _family(one) if _family(one) == _family(other) else ACROSS
            called[family][kind] += 1
            scenes[family].add((min(one.scene, other.scene), max(one.scene, other.scene)))
    return {
        family: Crossing(
            pairs,
            called[family][DuplicateClass.RE_ENCODED],
            called[family][DuplicateClass.EDITED],
            called[family][DuplicateClass.FEATURELESS],
            len(scenes[family]),
        )
        for family, pairs in possible.items()
    }


PHOTOGRAPHS, ACROSS = "different photographs", "across families"


def _family(file: Labelled) -> str:
    return file.kind if file.truth in {Truth.ALIKE, Truth.FLAT} else PHOTOGRAPHS


def _pairs(count: int) -> int:
    return count * (count - 1) // 2


def together(scores: Mapping[tuple[Truth, str], Score], truth: Truth) -> Score:
    """The scores of all kinds of one truth, added up."""
    total = Score()
    for (found, _), score in scores.items():
        if found is truth:
            total.add(score)
    return total


def table(scores: Mapping[tuple[Truth, str], Score]) -> Iterator[str]:
    """Lines of text, in per cent of the labelled pairs."""
    yield f"{'kind':34}  pairs  thumbhash   phash  re-encoded  edited  featureless   any class"
    for truth in dict.fromkeys(found for found, _ in scores):
        rows: Iterable[tuple[str, Score]] = [(kind, score) for (found, kind), score in scores.items() if found is truth]
        for kind, score in (*rows, (f"= {truth}", together(scores, truth))):
            shares = (
                f"{100 * count / score.pairs:{width}.1f}"
                for count, width in (
                    (score.by_thumbhash, 9),
                    (score.by_hash, 6),
                    (score.re_encoded, 10),
                    (score.edited, 6),
                    (score.featureless, 11),
                    (score.found, 10),
                )
            )
            yield f"{kind:34} {score.pairs:6}  {'  '.join(shares)}"


def cross_table(crossed: Mapping[str, Crossing]) -> Iterator[str]:
    """Lines of text: what was wrongly taken for copies."""
    yield f"{'pairs of different pictures':34}      pairs  re-encoded  edited  featureless  pictures concerned"
    for family, each in crossed.items():
        yield (
            f"{family:34} {each.pairs:10,}  {each.re_encoded:10}  {each.edited:6}  {each.featureless:11}"
            f"  {each.scenes:18}"
        )


def main(photographs: Photographs) -> list[Looked]:
    """Prints the figures; the library, for whoever measures more of it."""
    looked = library(photographs)
    for title, search in (("", Search()), ("with mirrored and turned copies", Search(with_turned=True))):
        findings = find(looked, search)
        scores = score_kinds(looked, findings)
        print(f"\n{len(looked):,} labelled files {title}".rstrip())
        if search.with_turned:
            scores = {key: score for key, score in scores.items() if key[0] is Truth.TURNED}
        print("\n".join(table(scores)))
        print("\n".join(cross_table(crossings(looked, findings))))
    return looked
