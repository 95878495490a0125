from __future__ import annotations

from collections import Counter

import pytest

from sidecar.demo.immich import synthetic_library
from sidecar.model import AssetKind


@pytest.mark.parametrize("count", [0, 1, 2, 17, 1000])
def test_a_library_has_the_asked_size_and_is_always_the_same(count: int) -> None:
    library = list(synthetic_library(count))
    assert len(library) == count
    assert library == list(synthetic_library(count))


def test_seven_of_ten_shots_are_pairs() -> None:
    stems = Counter(made.name.partition(".")[0] for made in synthetic_library(1700))
    assert Counter(stems.values()) == {2: 700, 1: 300}
    assert sum(made.kind is AssetKind.VIDEO for made in synthetic_library(1700)) == 100


def test_counters_roll_over_to_another_camera() -> None:
    first, later = [made for made in synthetic_library(17_010) if made.name == "IMG_0000.JPG"]
    assert first.make != later.make
    assert later.taken_at > first.taken_at
