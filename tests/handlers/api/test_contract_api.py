"""A server that changed something while the sidecar runs: what is left alone waits, and is done when it can be."""

from __future__ import annotations

import pytest

from sidecar.demo.immich.versions import behaviour_of
from sidecar.errors import ImmichChanged
from sidecar.immich_client.contract import watch
from sidecar.model import AssetId
from tests.handlers.conftest import Household, Person
from tests.immich_client.contract.changed import described, needs_a_kind


@pytest.fixture(autouse=True)
def _always_looking(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(watch, "LOOK_EVERY_S", 0.0)


def upgrade(household: Household, version: str, description: bytes | None) -> None:
    household.immich.state.behaviour = behaviour_of(version)
    household.immich.state.description = description


async def test_a_known_server_has_nothing_to_report(ann: Person) -> None:
    report = await ann.get("/contract")
    assert (report["immich_version"], report["is_tested"], report["is_sound"]) == ("3.1.0", True, True)
    assert (report["trouble"], report["left_alone"], report["may_be_misread"]) == (None, [], [])
    assert {each["change"] for each in report["operations"]} == {"unchanged"}


async def test_stacks_wait_for_a_server_that_takes_them(household: Household, ann: Person) -> None:
    upgrade(household, "3.2.0", described(needs_a_kind, version="3.2.0"))
    ann.shoot("IMG_1.CR3", "IMG_1.JPG")
    await ann.scan()
    assert household.immich.stacks_of(ann.user) == []
    report = await ann.get("/contract")
    assert report["left_alone"] == [{"capability": "stacks", "operations": ["createStack"]}]
    [changed] = [each for each in report["operations"] if each["change"] == "matters"]
    assert changed["reasons"] == ["it needs kind, which we do not send"]
    status = await ann.get("/scan/mine")
    assert (status["stacks"]["waiting"], status["stacks"]["failed"]) == (1, 0)
    assert "Immich 3.2.0 is not sent createStack" in status["errors"][0]

    upgrade(household, "3.2.1", described(version="3.2.1"))
    household.clock.advance(seconds=3600)
    await ann.scan()
    assert len(household.immich.stacks_of(ann.user)) == 1
    assert (await ann.get("/scan/mine"))["stacks"]["waiting"] == 0


async def test_a_person_is_told_why_nothing_is_changed(household: Household, ann: Person) -> None:
    upgrade(household, "3.2.0", None)
    immich = household.services.accounts.connected[ann.owner_id].immich
    with pytest.raises(ImmichChanged, match="what it changed is unknown"):
        await immich.trash([AssetId(ann.shoot("A.JPG")[0].id)])
    report = await ann.get("/contract")
    assert (report["trouble"], report["is_sound"], report["operations"]) == ("missing", False, [])
    assert {each["capability"] for each in report["left_alone"]} >= {"connecting", "stacks", "resolving"}
