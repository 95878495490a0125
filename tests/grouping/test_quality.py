from __future__ import annotations

import pytest

from sidecar.grouping.engine import PairingRules
from tests.bench.labelled import SITUATIONS, labelled_library, score

_TO_BE_ASKED_ABOUT = {"jpeg uploaded twice", "two bodies in one second"}


@pytest.mark.timeout(60)
def test_pairing_is_right_on_a_library_whose_truth_is_known() -> None:
    library = labelled_library(size=20_000, seed=7)
    assert len(library.assets) >= 20_000
    assert len(set(library.situation_of.values())) == len(SITUATIONS)
    scores = score(library, PairingRules())
    assert scores["all"].precision >= 0.999
    assert scores["all"].recall >= 0.99
    # Nothing hides behind the average.
    assert {name for name, each in scores.items() if each.precision < 0.99} == set()
    assert {name for name, each in scores.items() if each.recall < 0.98} == _TO_BE_ASKED_ABOUT
