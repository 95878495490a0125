"""Imports and decisions under random faults, many seeds: how many faults, how many were felt, which promises broke.

`python -m tests.bench.faults [SEEDS]`. tests/scenarios/faults.py says what goes wrong and what is to hold.
"""

from __future__ import annotations

import asyncio
import logging
import sys
import tempfile
import warnings
from collections import Counter
from collections.abc import Awaitable, Callable
from pathlib import Path

from tests.scenarios.faults import Fault, Tally, trial
from tests.scenarios.faulty_decisions import trial_of_decisions

SEEDS = 150


async def measure(what: str, one: Callable[[Path, int], Awaitable[Tally]], seeds: int) -> None:
    faults: Counter[Fault] = Counter()
    felt: Counter[Fault] = Counter()
    broken: list[str] = []
    for seed in range(1, seeds + 1):
        with tempfile.TemporaryDirectory(prefix="sidecar-faults-") as folder:
            tally = await one(Path(folder), seed)
        faults += tally.faults
        felt += tally.felt
        broken += tally.broken
    print(f"{what} under faults: {seeds} seeds, {faults.total()} steps, {len(broken)} promises broken")
    for fault in Fault:
        print(f"  {fault.value:<50} {faults[fault]:>5} times, {felt[fault]:>5} ended a step")
    for each in broken:
        print(f"  BROKEN {each}")


def main(words: list[str] | None = None) -> None:
    logging.disable(logging.CRITICAL)
    warnings.simplefilter("ignore")  # what a kill leaves open is not the subject
    try:
        seeds = int(words[0]) if words else SEEDS
        asyncio.run(measure("Imports", trial, seeds))
        asyncio.run(measure("Decisions", trial_of_decisions, seeds))
    finally:
        logging.disable(logging.NOTSET)
        warnings.resetwarnings()


if __name__ == "__main__":
    main(sys.argv[1:])
