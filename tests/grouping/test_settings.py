from __future__ import annotations

from typing import Any

import pytest

from sidecar.errors import SettingsError
from sidecar.formats import Format
from sidecar.grouping.proposal import GroupKind
from sidecar.grouping.settings import PairingRules


@pytest.mark.parametrize(
    ("changes", "field"),
    [
        pytest.param({"tolerance_ms": -1}, "tolerance_ms", id="a tolerance below zero"),
        pytest.param({"tolerance_ms": 86_400_001}, "tolerance_ms", id="a tolerance of more than a day"),
        pytest.param({"max_cluster": 1}, "max_cluster", id="groups of one"),
        pytest.param({"max_cluster": 257}, "max_cluster", id="groups without bound"),
        pytest.param({"primary_preference": (Format.RAW, Format.RAW)}, "primary_preference", id="something twice"),
    ],
)
def test_impossible_settings_are_refused_by_name(changes: dict[str, Any], field: str) -> None:
    with pytest.raises(SettingsError, match=field):
        PairingRules(**changes)


def test_the_limits_themselves_are_allowed() -> None:
    assert PairingRules(tolerance_ms=0, max_cluster=2).tolerance_ms == 0
    assert PairingRules(tolerance_ms=86_400_000, max_cluster=256).max_cluster == 256


def test_kinds_are_sorted_and_listed_once() -> None:
    with pytest.raises(SettingsError, match="kinds"):
        PairingRules(kinds=(GroupKind.VIDEO, GroupKind.BURST))
