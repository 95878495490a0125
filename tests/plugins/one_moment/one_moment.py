"""Pictures that one camera took within one second are shown side by side, for people to choose the best."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator, Sequence
from itertools import combinations

from sidecar.duplicates.classes import DuplicateClass
from sidecar.duplicates.detector import Detector, Specimen
from sidecar.duplicates.match import Match


def find(new: Sequence[Specimen], known: Sequence[Specimen]) -> Iterator[Match]:
    moments = defaultdict(list)
    for each in (*new, *known):
        if each.asset.model:
            moments[each.asset.model, each.asset.taken_at_ms // 1000].append(each.asset.id)
    for ids in moments.values():
        for a, b in combinations(sorted(ids), 2):
            yield Match(a, b, DuplicateClass.EDITED, 1.0, "one_moment", "taken within one second")


DETECTOR = Detector("one_moment", find)
