"""Workflows are listed, made, changed and deleted, talking to an emulated Immich of every generation."""

from __future__ import annotations

from collections.abc import AsyncIterator

import pytest
import respx

from sidecar.demo.immich import EmulatedImmich
from sidecar.demo.immich.rows import UserRow
from sidecar.errors import ImmichMissing, ImmichRefused
from sidecar.immich_client.client import Immich, open_immich
from sidecar.immich_client.permissions import Feature, feature_permissions
from sidecar.immich_client.workflows import WEBHOOK, Step, Workflow
from tests.immich_client.scene import QUICK, UNKNOWN, Scene

TRIGGER, OTHER_TRIGGER = "AssetMetadataExtraction", "AssetCreate"
SECRET = "Bearer geheim"
CALL = Step(WEBHOOK, is_enabled=True, config={"url": "http://sidecar/hook", "headerValue": SECRET})
FILTER = Step("immich-plugin-core#assetTypeFilter", is_enabled=False, config=None)


@pytest.fixture(params=["3.0.3", "3.1.0"])
async def server(request: pytest.FixtureRequest) -> AsyncIterator[EmulatedImmich]:
    async with EmulatedImmich(request.param, job_delay_s=None) as started:
        yield started


@pytest.fixture
def ann(server: EmulatedImmich) -> UserRow:
    return server.add_user("Ann")


@pytest.fixture
async def immich(server: EmulatedImmich, ann: UserRow) -> AsyncIterator[Immich]:
    """Ann's, with a key for webhooks and nothing else."""
    key = server.add_key(ann, feature_permissions(Feature.WEBHOOK))
    async with open_immich(server.url, key, retries=QUICK) as opened:
        yield opened


async def test_a_new_workflow_is_told_with_its_steps_and_listed(immich: Immich, server: EmulatedImmich) -> None:
    made = await immich.create_workflow(name="Ours", trigger=TRIGGER, steps=[FILTER, CALL])
    assert made == Workflow(made.id, "Ours", TRIGGER, is_enabled=True, steps=(FILTER, CALL))
    assert await immich.workflows() == (made,)
    assert server.state.workflows[made.id].steps[1].config == CALL.config


async def test_only_what_is_named_changes(immich: Immich) -> None:
    made = await immich.create_workflow(name="Ours", trigger=TRIGGER, steps=[FILTER, CALL])
    await immich.update_workflow(made.id, is_enabled=False)
    await immich.update_workflow(made.id, trigger=OTHER_TRIGGER)
    await immich.update_workflow(made.id, steps=[CALL])
    await immich.update_workflow(made.id, name="Mine")
    await immich.update_workflow(made.id)
    assert await immich.workflows() == (Workflow(made.id, "Mine", OTHER_TRIGGER, is_enabled=False, steps=(CALL,)),)


async def test_a_deleted_workflow_is_gone_and_then_missing(immich: Immich) -> None:
    made = await immich.create_workflow(name="Ours", trigger=TRIGGER, steps=[])
    await immich.delete_workflow(made.id)
    assert await immich.workflows() == ()
    with pytest.raises(ImmichMissing):
        await immich.delete_workflow(made.id)
    with pytest.raises(ImmichMissing):
        await immich.update_workflow(made.id, name="Mine")


async def test_another_users_workflow_is_neither_shown_nor_touched(immich: Immich, server: EmulatedImmich) -> None:
    foreign = server.workflow(server.add_user("Bob"), "http://elsewhere")
    assert await immich.workflows() == ()
    with pytest.raises(ImmichMissing):
        await immich.delete_workflow(foreign.id)
    assert foreign.id in server.state.workflows


async def test_an_answer_that_is_lost_makes_no_second_workflow(immich: Immich, server: EmulatedImmich) -> None:
    server.fail("POST", "/workflows", status=503, after_effect=True)
    with pytest.raises(Exception, match="503"):
        await immich.create_workflow(name="Ours", trigger=TRIGGER, steps=[])
    assert len(await immich.workflows()) == 1


@pytest.mark.parametrize("permission", sorted(feature_permissions(Feature.WEBHOOK)))
async def test_each_permission_for_webhooks_is_needed(permission: str, server: EmulatedImmich, ann: UserRow) -> None:
    row = server.workflow(ann, "http://elsewhere")
    key = server.add_key(ann, feature_permissions(Feature.WEBHOOK) - {permission})
    async with open_immich(server.url, key, retries=QUICK) as immich:
        with pytest.raises(ImmichRefused) as caught:
            await immich.sends_webhooks()
            await immich.workflows()
            await immich.create_workflow(name="Ours", trigger=TRIGGER, steps=[])
            await immich.update_workflow(row.id, is_enabled=False)
            await immich.delete_workflow(row.id)
    assert caught.value.permission == permission


async def test_servers_with_the_plugin_send_webhooks_and_older_ones_are_not_asked(scene: Scene) -> None:
    key = scene.server.add_key(scene.ann)
    async with open_immich(scene.server.url, key, retries=QUICK) as immich:
        sends = await immich.sends_webhooks()
    assert sends is scene.does("workflow_steps")
    assert len(scene.asked("GET", "/plugins/methods")) == sends


@pytest.mark.parametrize(
    ("keys", "sends"),
    [
        pytest.param([], False, id="no method"),
        pytest.param(["somebody#webhook", "immich-plugin-core#webhook2"], False, id="others"),
        pytest.param(["somebody#webhook", WEBHOOK], True, id="it among others"),
    ],
)
async def test_only_the_method_of_immichs_own_plugin_counts(
    keys: list[str], *, sends: bool, respx_mock: respx.MockRouter
) -> None:
    respx_mock.get("http://immich/api/server/version").respond(json={"major": 3, "minor": 0, "patch": 0})
    methods = respx_mock.get("http://immich/api/plugins/methods", params={"name": "webhook"})
    methods.respond(json=[{"key": key} for key in keys])
    async with open_immich("http://immich", "geheim") as immich:
        assert await immich.sends_webhooks() is sends


def test_what_a_step_is_told_is_not_shown() -> None:
    shown = repr(Workflow(UNKNOWN, "Ours", TRIGGER, is_enabled=True, steps=(CALL,)))
    assert WEBHOOK in shown
    assert SECRET not in shown
    assert "http" not in shown


async def test_a_step_that_does_not_say_whether_it_is_on_is_on(respx_mock: respx.MockRouter) -> None:
    wire = {"id": UNKNOWN, "name": None, "trigger": "AssetTagged", "enabled": False}
    steps = [{"method": WEBHOOK, "config": None}, {"method": WEBHOOK, "config": {}, "enabled": False}]
    respx_mock.get("http://immich/api/workflows").respond(json=[{**wire, "steps": steps, "logging": True}])
    async with open_immich("http://immich", "geheim") as immich:
        (found,) = await immich.workflows()
    expected = (Step(WEBHOOK, is_enabled=True, config=None), Step(WEBHOOK, is_enabled=False, config={}))
    assert found == Workflow(UNKNOWN, None, "AssetTagged", is_enabled=False, steps=expected)
