"""Our workflow in Immich is made, mended and taken away, and nothing else is touched."""

from __future__ import annotations

import logging
from collections.abc import AsyncIterator, Sequence
from dataclasses import replace
from random import Random

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sidecar.demo.immich import EmulatedImmich
from sidecar.demo.immich.rows import UserRow
from sidecar.errors import ImmichMissing, ImmichUnavailable
from sidecar.events.hooks import Hook
from sidecar.events.workflows import NAME, TRIGGER, HookState, Plan, keep_workflow, plan
from sidecar.immich_client._generated.facts import PINS
from sidecar.immich_client.client import Immich, open_immich
from sidecar.immich_client.permissions import Feature, feature_permissions
from sidecar.immich_client.transport import Retries
from sidecar.immich_client.workflows import WEBHOOK, Step, Workflow

MARKER = "/hooks/immich/geheim"
SECRET = "Bearer sehr-geheim"
URL = f"http://sidecar:8080/sidecar{MARKER}"
HOOK = Hook(URL, MARKER, SECRET)
NO_HOOK = replace(HOOK, url=None)
CONFIG = {"url": URL, "method": "POST", "headerName": "Authorization", "headerValue": SECRET}
OURS = Step(WEBHOOK, is_enabled=True, config=CONFIG)
OLD = replace(OURS, config={"url": f"http://old{MARKER}"})
FILTER = Step("immich-plugin-core#assetTypeFilter", is_enabled=True, config=None)
OTHERS_HOOK = Step(WEBHOOK, is_enabled=True, config={"url": "http://elsewhere/hooks/immich/other"})
OTHER_TRIGGER = "AssetCreate"


def workflow(
    *steps: Step, workflow_id: str = "a", trigger: str = TRIGGER, name: str | None = NAME, is_enabled: bool = True
) -> Workflow:
    return Workflow(workflow_id, name, trigger, is_enabled, steps)


FOREIGN = (
    workflow(OTHERS_HOOK, workflow_id="0", trigger=OTHER_TRIGGER),
    workflow(FILTER, workflow_id="1", is_enabled=False),
    workflow(workflow_id="2"),
    workflow(replace(OURS, method="somebody#webhook"), workflow_id="3"),
    workflow(replace(OURS, config={"url": f"{URL}/more"}), replace(OURS, config={"url": 5}), workflow_id="4"),
    workflow(replace(OURS, config={}), replace(OURS, config=None), workflow_id="5"),
)


def off(step: Step) -> Step:
    return replace(step, is_enabled=False)


@pytest.mark.parametrize(
    ("present", "planned"),
    [
        pytest.param([], Plan(HookState.ACTIVE, create=OURS), id="nothing there"),
        pytest.param([workflow(OURS)], Plan(HookState.ACTIVE), id="as it is to be"),
        pytest.param([workflow(OURS, name="Mine")], Plan(HookState.ACTIVE), id="renamed"),
        pytest.param([workflow(OURS, name=None)], Plan(HookState.ACTIVE), id="without a name"),
        pytest.param([workflow(OURS, is_enabled=False)], Plan(HookState.SWITCHED_OFF), id="switched off"),
        pytest.param([workflow(off(OURS))], Plan(HookState.SWITCHED_OFF), id="its step switched off"),
        pytest.param([workflow(FILTER, OURS, off(FILTER))], Plan(HookState.ACTIVE), id="among others' steps"),
        pytest.param(
            [workflow(OURS, trigger=OTHER_TRIGGER)],
            Plan(HookState.ACTIVE, update=(workflow(OURS),)),
            id="another trigger",
        ),
        pytest.param(
            [workflow(off(OLD), name="Mine", is_enabled=False)],
            Plan(HookState.SWITCHED_OFF, update=(workflow(off(OURS), name="Mine", is_enabled=False),)),
            id="mended while it is off",
        ),
        *(
            pytest.param(
                [workflow(FILTER, replace(OURS, config={**CONFIG, key: value}), FILTER)],
                Plan(HookState.ACTIVE, update=(workflow(FILTER, OURS, FILTER),)),
                id=f"another {key}",
            )
            for key, value in {
                "url": f"https://old{MARKER}",
                "method": "PUT",
                "headerName": "X-Key",
                "headerValue": "Bearer old",
            }.items()
        ),
        pytest.param(
            [workflow(replace(OURS, config={"timeout": 5, "url": URL}))],
            Plan(HookState.ACTIVE, update=(workflow(replace(OURS, config={"timeout": 5, **CONFIG})),)),
            id="what a newer server adds",
        ),
        pytest.param(
            [workflow(replace(OURS, config={"timeout": 5, **CONFIG}))], Plan(HookState.ACTIVE), id="and does not mind"
        ),
        pytest.param(
            [workflow(FILTER, OURS, OLD, FILTER, off(OURS))],
            Plan(HookState.ACTIVE, update=(workflow(FILTER, OURS, FILTER),)),
            id="several of our steps",
        ),
        pytest.param(
            [workflow(OURS, workflow_id="b"), workflow(OURS), workflow(OLD, workflow_id="c")],
            Plan(HookState.ACTIVE, delete=("b", "c")),
            id="made several times",
        ),
        pytest.param(
            [workflow(OURS), workflow(OURS, workflow_id="b", is_enabled=False)],
            Plan(HookState.SWITCHED_OFF, delete=("a",)),
            id="of two the one that is switched off",
        ),
        pytest.param(
            [workflow(OURS), workflow(off(OURS), workflow_id="b")],
            Plan(HookState.SWITCHED_OFF, delete=("a",)),
            id="of two the one whose step is switched off",
        ),
        pytest.param(
            [workflow(OURS), workflow(OURS, FILTER, workflow_id="b")],
            Plan(HookState.ACTIVE, delete=("a",)),
            id="of two the one with others' steps",
        ),
        pytest.param(
            [workflow(FILTER, OURS), workflow(OURS, OTHERS_HOOK, OLD, workflow_id="b", trigger=OTHER_TRIGGER)],
            Plan(HookState.ACTIVE, update=(workflow(OTHERS_HOOK, workflow_id="b", trigger=OTHER_TRIGGER),)),
            id="others' steps outlive ours",
        ),
    ],
)
def test_one_workflow_calls_the_hook_unless_its_user_switched_it_off(
    present: Sequence[Workflow], planned: Plan
) -> None:
    assert plan(present, HOOK) == planned
    assert plan([*FOREIGN, *reversed(present)], HOOK) == planned


@pytest.mark.parametrize(
    ("present", "planned"),
    [
        pytest.param([], Plan(HookState.NOT_WANTED), id="nothing there"),
        pytest.param(
            [workflow(OLD), workflow(off(OURS), workflow_id="b", is_enabled=False)],
            Plan(HookState.NOT_WANTED, delete=("b", "a")),
            id="ours",
        ),
        pytest.param(
            [workflow(OURS, FILTER)], Plan(HookState.NOT_WANTED, update=(workflow(FILTER),)), id="with others' steps"
        ),
    ],
)
def test_where_no_hook_is_wanted_ours_are_taken_away(present: Sequence[Workflow], planned: Plan) -> None:
    assert plan(present, NO_HOOK) == planned
    assert plan([*FOREIGN, *present], NO_HOOK) == planned


STEPS = st.builds(replace, st.sampled_from([OURS, OLD, FILTER, OTHERS_HOOK]), is_enabled=st.booleans())
PRESENT = st.lists(
    st.builds(
        Workflow,
        id=st.sampled_from("abcdef"),
        name=st.just(NAME),
        trigger=st.sampled_from([TRIGGER, OTHER_TRIGGER]),
        is_enabled=st.booleans(),
        steps=st.lists(STEPS, max_size=4).map(tuple),
    ),
    max_size=5,
    unique_by=lambda each: each.id,
)


def carried_out(planned: Plan, present: Sequence[Workflow]) -> list[Workflow]:
    updated = {each.id: each for each in planned.update}
    left = [updated.get(each.id, each) for each in present if each.id not in planned.delete]
    return left + ([workflow(planned.create, workflow_id="new")] if planned.create else [])


@given(PRESENT, st.sampled_from([HOOK, NO_HOOK]))
def test_a_plan_that_was_carried_out_leaves_nothing_to_do(present: list[Workflow], hook: Hook) -> None:
    planned = plan(present, hook)
    assert plan(carried_out(planned, present), hook) == Plan(planned.state)


@given(PRESENT, st.sampled_from([HOOK, NO_HOOK]), st.randoms())
def test_no_step_of_others_is_lost_or_switched_and_the_order_does_not_matter(
    present: list[Workflow], hook: Hook, random: Random
) -> None:
    planned = plan(present, hook)
    shuffled = random.sample(present, len(present))
    assert plan(shuffled, hook) == planned
    after = {each.id: each for each in carried_out(planned, present)}
    for each in present:
        others = [step for step in each.steps if step in (FILTER, off(FILTER), OTHERS_HOOK, off(OTHERS_HOOK))]
        if others:
            assert [step for step in after[each.id].steps if step not in (OURS, off(OURS))] == others
            assert after[each.id].is_enabled is each.is_enabled
    calling = [step for each in after.values() for step in each.steps if step in (OURS, off(OURS))]
    assert len(calling) == (hook is HOOK)


def test_what_is_secret_is_in_no_text() -> None:
    planned = plan([workflow(OLD)], HOOK)
    assert SECRET not in f"{planned!r}{HOOK!r}{plan([], HOOK)!r}"
    assert MARKER not in f"{planned!r}{plan([], HOOK)!r}"


@pytest.mark.parametrize("state", HookState)
def test_every_state_is_a_sentence(state: HookState) -> None:
    assert len(state.sentence.split()) > 5


def test_what_the_key_needs_is_named() -> None:
    assert all(each in HookState.KEY_TOO_NARROW.sentence for each in feature_permissions(Feature.WEBHOOK))


NEW = [pin for pin in PINS if not pin.startswith("2.")]


@pytest.fixture(params=NEW)
async def server(request: pytest.FixtureRequest) -> AsyncIterator[EmulatedImmich]:
    async with EmulatedImmich(request.param, job_delay_s=None) as started:
        yield started


@pytest.fixture
def ann(server: EmulatedImmich) -> UserRow:
    return server.add_user("Ann")


@pytest.fixture
async def immich(server: EmulatedImmich, ann: UserRow) -> AsyncIterator[Immich]:
    key = server.add_key(ann, feature_permissions(Feature.WEBHOOK))
    async with open_immich(server.url, key, retries=Retries(attempts=1)) as opened:
        yield opened


def writes(server: EmulatedImmich) -> list[str]:
    return [f"{call.method} {call.status}" for call in server.traffic.calls if call.method != "GET"]


async def test_the_workflow_is_made_once_mended_and_taken_away(
    immich: Immich, server: EmulatedImmich, ann: UserRow
) -> None:
    foreign = server.workflow(ann, "http://elsewhere/hook")
    for _ in range(2):
        assert await keep_workflow(immich, HOOK) is HookState.ACTIVE
    assert writes(server) == ["POST 201"]
    row = next(row for row in server.state.workflows.values() if row is not foreign)
    assert (row.name, row.trigger, row.is_enabled, [step.config for step in row.steps]) == (
        NAME,
        TRIGGER,
        True,
        [CONFIG],
    )

    moved = replace(HOOK, url=f"https://new.example{MARKER}", header_value="Bearer new")
    for _ in range(2):
        assert await keep_workflow(immich, moved) is HookState.ACTIVE
    assert writes(server) == ["POST 201", "PUT 200"]
    assert row.steps[0].config == {**CONFIG, "url": moved.url, "headerValue": "Bearer new"}

    row.is_enabled = False
    for _ in range(2):
        assert await keep_workflow(immich, moved) is HookState.SWITCHED_OFF
    assert not row.is_enabled
    for _ in range(2):
        assert await keep_workflow(immich, replace(moved, url=None)) is HookState.NOT_WANTED
    assert writes(server) == ["POST 201", "PUT 200", "DELETE 204"]
    assert list(server.state.workflows.values()) == [foreign]


async def test_what_was_made_calls_the_hook(immich: Immich, server: EmulatedImmich, ann: UserRow) -> None:
    nobody = replace(HOOK, url=f"http://127.0.0.1:9{MARKER}")
    await keep_workflow(immich, nobody)
    server.upload(ann, "IMG_1.JPG", b"no picture")
    await server.run_jobs()
    await server.settle()
    assert [sent.url for sent in server.webhooks] == [nobody.url]


async def test_workflows_made_at_once_become_one(immich: Immich, server: EmulatedImmich, ann: UserRow) -> None:
    for _ in range(3):
        server.workflow(ann, URL)
    assert await keep_workflow(immich, HOOK) is HookState.ACTIVE
    (left,) = server.state.workflows
    assert left == min(server.state.workflows)
    assert await keep_workflow(immich, HOOK) is HookState.ACTIVE
    assert writes(server) == ["PUT 200", "DELETE 204", "DELETE 204"]


async def test_a_surplus_workflow_that_another_process_deletes_first_does_not_matter(
    immich: Immich, server: EmulatedImmich, ann: UserRow
) -> None:
    for _ in range(2):
        server.workflow(ann, URL, method="POST", headerName="Authorization", headerValue=SECRET)
    gone = max(server.state.workflows)
    server.fail(
        "DELETE", f"/workflows/{gone}", status=400, body='{"message": "Not found or no workflow.delete access"}'
    )
    assert await keep_workflow(immich, HOOK) is HookState.ACTIVE


async def test_a_workflow_that_is_deleted_while_it_is_mended_is_missing(
    immich: Immich, server: EmulatedImmich, ann: UserRow
) -> None:
    row = server.workflow(ann, URL)
    server.fail("PUT", f"/workflows/{row.id}", status=400, body='{"message": "Not found or no workflow.update access"}')
    with pytest.raises(ImmichMissing):
        await keep_workflow(immich, HOOK)


@pytest.mark.parametrize("hook", [HOOK, NO_HOOK])
@pytest.mark.parametrize("version", [pin for pin in PINS if pin not in NEW])
async def test_servers_of_2_are_left_alone(version: str, hook: Hook) -> None:
    async with EmulatedImmich(version, job_delay_s=None) as server:
        key = server.add_key(server.add_user("Ann"))
        async with open_immich(server.url, key) as immich:
            state = await keep_workflow(immich, hook)
        assert state is (HookState.SERVER_TOO_OLD if hook.url else HookState.NOT_WANTED)
        assert [call.path for call in server.traffic.calls] == ["/server/version"]


@pytest.mark.parametrize("hook", [HOOK, NO_HOOK])
@pytest.mark.parametrize("permission", sorted(feature_permissions(Feature.WEBHOOK)))
async def test_a_key_that_is_too_narrow_changes_nothing(permission: str, hook: Hook) -> None:
    async with EmulatedImmich(NEW[-1], job_delay_s=None) as server:
        ann = server.add_user("Ann")
        server.workflow(ann, f"http://old{MARKER}")
        async with open_immich(
            server.url, server.add_key(ann, feature_permissions(Feature.WEBHOOK) - {permission})
        ) as immich:
            state = await keep_workflow(immich, hook)
        assert state is (HookState.KEY_TOO_NARROW if hook.url else HookState.NOT_WANTED)
        assert writes(server) == []


async def test_without_the_plugin_nothing_is_made_but_ours_are_taken_away(
    immich: Immich, server: EmulatedImmich, ann: UserRow
) -> None:
    server.workflow(ann, URL)
    server.fail("GET", "/plugins/methods", status=200, body="[]", times=9)
    assert await keep_workflow(immich, HOOK) is HookState.NO_PLUGIN
    assert writes(server) == []
    assert await keep_workflow(immich, NO_HOOK) is HookState.NOT_WANTED
    assert writes(server) == ["DELETE 204"]


@pytest.mark.parametrize(
    ("method", "path"),
    [
        pytest.param("GET", "/server/version", id="version"),
        pytest.param("GET", "/api-keys/me", id="key"),
        pytest.param("GET", "/plugins/methods", id="plugin"),
        pytest.param("GET", "/workflows", id="list"),
        pytest.param("POST", "/workflows", id="create"),
    ],
)
async def test_an_immich_that_does_not_answer_is_unavailable_and_all_is_well_later(
    method: str, path: str, immich: Immich, server: EmulatedImmich, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.DEBUG)
    server.fail(method, path, status=503, after_effect=True)
    with pytest.raises(ImmichUnavailable) as caught:
        await keep_workflow(immich, HOOK)
    assert await keep_workflow(immich, HOOK) is HookState.ACTIVE
    assert len(server.state.workflows) == 1
    assert SECRET not in f"{caught.value!r}{caplog.text}"
    assert MARKER not in f"{caught.value!r}{caplog.text}"
