from __future__ import annotations

from unittest.mock import AsyncMock

import pytest
from prometheus_client.parser import text_string_to_metric_families

from sidecar.demo.immich.versions import behaviour_of
from sidecar.immich_client.contract import watch
from sidecar.jobs.totals import Counting, Totals
from tests.handlers.conftest import BASE, Household, Person
from tests.immich_client.contract.changed import described, needs_a_kind


async def measured(household: Household) -> dict[str, float]:
    """Every sample by its name and labels."""
    answer = await household.client.get(f"{BASE}/metrics")
    assert answer.headers["Cache-Control"] == "no-store"
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


async def test_what_was_done_waits_and_was_given_up_is_told_and_nothing_of_anybody(
    ann: Person, household: Household
) -> None:
    ann.shoot("Anns secret.CR3", "Anns secret.JPG")
    ann.household.immich.fail("POST", "/stacks", status=201, body="{}", times=50)
    await ann.scan()
    text = await (await household.client.get(f"{BASE}/metrics")).text()
    assert "secret" not in text.lower()
    assert ann.owner_id not in text
    found = await measured(household)
    assert found["sidecar_accounts[]"] == 2
    assert found["sidecar_assets[]"] == 2
    assert found["sidecar_given_up[('what', 'writes')]"] == 1
    assert found["sidecar_waiting[('what', 'names')]"] == 0
    assert found["sidecar_oldest_waiting_seconds[('what', 'writes')]"] == 0
    assert found["sidecar_up[('what', 'database')]"] == found["sidecar_up[('what', 'queue')]"] == 1
    assert found["sidecar_disk_free_bytes[]"] > 0
    assert found["sidecar_database_bytes[]"] > 0
    assert found["sidecar_queue_jobs[]"] >= 0
    assert found["process_open_fds[]"] > 0
    operations = "sidecar_immich_request_duration_seconds_count"
    assert found[f"{operations}[('operation', 'searchAssets'), ('outcome', 'ok')]"] >= 1
    assert [name for name in found if name.startswith(operations) and "createStack" in name and "'ok'" not in name]
    assert found["sidecar_writes_total[('outcome', 'failed')]"] >= 1
    route = f"('method', 'GET'), ('route', '{BASE}/metrics'), ('status', '200')"
    assert found[f"sidecar_http_request_duration_seconds_count[{route}]"] >= 1


async def test_without_database_and_queue_it_is_told_that_they_are_down(
    household: Household, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(Counting, "totals", AsyncMock(return_value=Totals(None, None, None)))
    found = await measured(household)
    assert found["sidecar_up[('what', 'database')]"] == found["sidecar_up[('what', 'queue')]"] == 0
    assert not [name for name in found if "disk" in name or "waiting" in name]


@pytest.mark.parametrize("header", ["X-Forwarded-For", "Forwarded", "X-Real-IP", "Via"])
async def test_through_a_proxy_only_administrators_see_it(household: Household, header: str) -> None:
    shown = {header: "1.2.3.4"}
    assert (await household.client.get(f"{BASE}/metrics", headers=shown)).status == 401
    for person in (household.ann, household.bob):
        person.user.is_admin = person is household.ann
        answer = await household.client.get(f"{BASE}/metrics", headers=shown | person.headers)
        assert answer.status == (200 if person is household.ann else 403)
