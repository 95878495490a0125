"""A library whose truth is known: what a photographer would call one picture, situation by situation, with noise.

The truth is written down where the pictures are made, not derived from names or rules.
"""

from __future__ import annotations

import random
from collections import Counter, defaultdict
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from itertools import combinations

from sidecar.grouping.engine import Confidence, GroupKind, PairingRules, Proposal, pair
from sidecar.grouping.patterns import NamePattern
from sidecar.grouping.settings import DEFAULT_KINDS
from sidecar.model import Asset, AssetId, OwnerId
from tests.bench import cameras, phones, programs
from tests.bench.photographer import Library, Pair

RULES = PairingRules(
    patterns=(NamePattern("{base} for print.{ext}", is_trusted=True), NamePattern("{base} proof {n}.{ext}"))
)
"""The rules of a user who taught two patterns, and trusts one of them."""

RULES_WITH_BURSTS = PairingRules(patterns=RULES.patterns, kinds=tuple(sorted((*DEFAULT_KINDS, GroupKind.BURST))))

SITUATIONS = (*cameras.CAMERAS, *phones.PHONES, *programs.PROGRAMS)

ALL = "all"
"""The score of all situations together."""


def _title(make: object) -> str:
    return str(getattr(make, "__name__", "")).strip("_").replace("_", " ")


TO_BE_ASKED = frozenset(map(_title, cameras.TO_BE_ASKED | programs.TO_BE_ASKED))
"""Situations that only a person can decide: their pairs are to be proposed, and none is to be stacked."""

LEFT_ALONE = frozenset(map(_title, programs.LEFT_ALONE))
"""Situations in which a version is missed on purpose, because as often it is none."""

MISLEADING = frozenset(map(_title, programs.MISLEADING))
"""Situations in which two pictures look like versions of one by their names, times and cameras: they are stacked."""

_REMARKS = {"to be asked": TO_BE_ASKED, "left alone": LEFT_ALONE, "misleading": MISLEADING}


def labelled_library(*, size: int, seed: int) -> Library:
    """At least `size` assets, every situation about equally often in a shuffled order, the same for the same seed."""
    library = Library(random.Random(seed))
    while len(library.assets) < size:
        for make in SITUATIONS:
            library.situation = _title(make)
            make(library)
        library.round += 1
    library.dice.shuffle(library.assets)
    return library


@dataclass(frozen=True, slots=True)
class Score:
    """Assets, and pairs of them: rightly stacked, wrongly stacked, rightly asked about, missed."""

    assets: int
    right: int
    wrong: int
    asked: int
    missed: int

    @property
    def precision(self) -> float:
        """The share of what was stacked that belongs together."""
        return self.right / (self.right + self.wrong) if self.right + self.wrong else 1.0

    @property
    def recall(self) -> float:
        """The share of what belongs together that was stacked, unasked."""
        return self.right / self._together if self._together else 1.0

    @property
    def asked_share(self) -> float:
        """The share of what belongs together that a person is asked about."""
        return self.asked / self._together if self._together else 0.0

    @property
    def _together(self) -> int:
        return self.right + self.asked + self.missed


def score(library: Library, rules: PairingRules) -> dict[str, Score]:
    """The score of each situation, and of all together under ALL."""
    proposals = list(_proposals(library.assets, rules))
    stacked = _couples(proposals, Confidence.CERTAIN)
    asked = _couples(proposals, Confidence.DOUBTFUL)
    truth = library.truth | library.bursts if GroupKind.BURST in rules.kinds else library.truth
    counts: defaultdict[str, Counter[str]] = defaultdict(Counter)
    for couple in stacked | truth:
        outcome = (
            ("right" if couple in truth else "wrong") if couple in stacked else "asked" if couple in asked else "missed"
        )
        counts[library.situation_of[min(couple)]][outcome] += 1
        counts[ALL][outcome] += 1
    assets = Counter(library.situation_of.values())
    assets[ALL] = len(library.assets)
    return {name: _score(assets[name], counts[name]) for name in sorted(assets)}


def _score(assets: int, outcomes: Counter[str]) -> Score:
    return Score(assets, outcomes["right"], outcomes["wrong"], outcomes["asked"], outcomes["missed"])


def _proposals(assets: Iterable[Asset], rules: PairingRules) -> Iterator[Proposal]:
    """Owner by owner."""
    owned: defaultdict[OwnerId, list[Asset]] = defaultdict(list)
    for asset in assets:
        owned[asset.owner_id].append(asset)
    for mine in owned.values():
        yield from pair(mine, rules).proposals


def _couples(proposals: Iterable[Proposal], confidence: Confidence) -> set[Pair]:
    couples: Iterator[tuple[AssetId, AssetId]] = (
        couple
        for proposal in proposals
        if proposal.confidence is confidence
        for couple in combinations(proposal.member_ids, 2)
    )
    return set(map(frozenset, couples))


def table(scores: Mapping[str, Score]) -> str:
    """The scores as text, a line for each situation."""
    width = max(map(len, scores))
    lines = [f"{'situation':{width}}  assets  precision  recall   asked"]
    for name, each in scores.items():
        remark = next((remark for remark, names in _REMARKS.items() if name in names), "")
        figures = f"{each.assets:>6}  {each.precision:>9.4f}  {each.recall:>6.4f}  {each.asked_share:>6.4f}"
        lines.append(f"{name:{width}}  {figures}  {remark}".rstrip())
    return "\n".join(lines)
