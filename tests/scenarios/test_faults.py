from __future__ import annotations

from pathlib import Path

import pytest

from tests.scenarios.faults import trial
from tests.scenarios.faulty_decisions import trial_of_decisions

pytestmark = [pytest.mark.slow, pytest.mark.timeout(180)]


@pytest.mark.parametrize("seed", range(1, 7))
async def test_whatever_goes_wrong_the_promises_hold(tmp_path: Path, seed: int) -> None:
    tally = await trial(tmp_path, seed)
    assert tally.broken == []
    assert tally.felt.total(), "no fault was felt, so nothing was tried"


@pytest.mark.parametrize("seed", range(1, 7))
async def test_whatever_goes_wrong_what_people_decided_is_done_and_nothing_else(tmp_path: Path, seed: int) -> None:
    tally = await trial_of_decisions(tmp_path, seed)
    assert tally.broken == []
    assert tally.felt.total(), "no fault was felt, so nothing was tried"
