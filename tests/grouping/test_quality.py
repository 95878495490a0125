from __future__ import annotations

import pytest

from sidecar.grouping.engine import PairingRules
from tests.bench.labelled import (
    ALL,
    LEFT_ALONE,
    MISLEADING,
    RULES,
    RULES_WITH_BURSTS,
    SITUATIONS,
    TO_BE_ASKED,
    Score,
    labelled_library,
    score,
    table,
)
from tests.bench.photographer import Library


@pytest.fixture(scope="module")
def library() -> Library:
    return labelled_library(size=20_000, seed=7)


def test_every_situation_occurs(library: Library) -> None:
    assert len(library.assets) >= 20_000
    assert len(set(library.situation_of.values())) == len(SITUATIONS)
    assert set(library.situation_of.values()) >= TO_BE_ASKED | LEFT_ALONE | MISLEADING


@pytest.mark.timeout(60)
@pytest.mark.parametrize(
    "rules", [pytest.param(RULES, id="bursts off"), pytest.param(RULES_WITH_BURSTS, id="bursts on")]
)
def test_pairing_is_right_on_a_library_whose_truth_is_known(library: Library, rules: PairingRules) -> None:
    scores = score(library, rules)
    assert scores[ALL].precision >= 0.9995
    assert scores[ALL].recall >= 0.995
    # Nothing hides behind the average.
    assert {name for name, each in scores.items() if each.precision < 0.999} <= MISLEADING
    assert {name for name, each in scores.items() if each.recall < 0.98} == TO_BE_ASKED | LEFT_ALONE
    for name in TO_BE_ASKED:
        assert (scores[name].right, scores[name].wrong) == (0, 0), name
        assert scores[name].asked_share >= 0.98, name


def test_a_score_is_a_line_of_the_table() -> None:
    scores = {"single": Score(3, 0, 0, 0, 0), "clock never set": Score(8, 1, 1, 2, 1)}
    assert table(scores).splitlines() == [
        "situation        assets  precision  recall   asked",
        "single                3     1.0000  1.0000  0.0000",
        "clock never set       8     0.5000  0.2500  0.5000  to be asked",
    ]
