from __future__ import annotations

import pytest
from prometheus_client.parser import text_string_to_metric_families

from sidecar.demo.immich.versions import behaviour_of
from sidecar.immich_client.contract import watch
from tests.handlers.conftest import BASE, Household
from tests.immich_client.contract.changed import described, needs_a_kind


async def measured(household: Household) -> dict[str, float]:
    """Every sample by its name and labels."""
    answer = await household.client.get(f"{BASE}/metrics")
    assert answer.status == 200
    assert answer.headers["Content-Type"].startswith("text/plain; version=")
    return {
        f"{sample.name}{sorted(sample.labels.items())}": sample.value
        for family in text_string_to_metric_families(await answer.text())
        for sample in family.samples
    }


async def test_how_immich_stands_to_the_contract(household: Household, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(watch, "LOOK_EVERY_S", 0.0)
    found = await measured(household)
    assert found["sidecar_immich_info[('tested', 'true'), ('version', '3.1.0')]"] == 1
    assert found["sidecar_immich_operations[('change', 'unchanged')]"] == 48
    assert found["sidecar_immich_contract_sound[]"] == 1
    assert {value for name, value in found.items() if "left_alone" in name} == {0}

    household.immich.state.behaviour = behaviour_of("3.2.0")
    household.immich.state.description = described(needs_a_kind, version="3.2.0")
    found = await measured(household)
    assert found["sidecar_immich_info[('tested', 'false'), ('version', '3.2.0')]"] == 1
    assert found["sidecar_immich_operations[('change', 'matters')]"] == 1
    assert found["sidecar_immich_contract_sound[]"] == 0
    assert [name for name, value in found.items() if "left_alone" in name and value] == [
        "sidecar_immich_left_alone[('what', 'stacks')]"
    ]


async def test_a_server_that_does_not_answer_is_down_and_nothing_else(
    household: Household, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert (await measured(household))["sidecar_immich_up[]"] == 1
    monkeypatch.setattr(watch, "LOOK_EVERY_S", 0.0)
    await household.immich.stop()
    found = await measured(household)
    assert found["sidecar_immich_up[]"] == 0
    assert not [name for name in found if "operations" in name]
