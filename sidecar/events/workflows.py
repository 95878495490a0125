"""The workflow by which Immich calls our hook: how it is to be, and keeping it so, but for what its user chose."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from contextlib import suppress
from dataclasses import dataclass, replace
from enum import StrEnum

from sidecar.errors import ImmichMissing
from sidecar.events.hooks import Hook
from sidecar.immich_client.client import Immich
from sidecar.immich_client.permissions import Feature, feature_permissions, missing_for
from sidecar.immich_client.workflows import WEBHOOK, WEBHOOKS_SINCE, Step, Workflow

NAME = "Immich sidecar"
TRIGGER = "AssetMetadataExtraction"
"""Fires when names, times and camera are known; before that there is nothing to pair by."""


class HookState(StrEnum):
    """What has become of a user's webhook."""

    ACTIVE = "active"
    SWITCHED_OFF = "switched_off"
    NOT_WANTED = "not_wanted"
    SERVER_TOO_OLD = "server_too_old"
    KEY_TOO_NARROW = "key_too_narrow"
    NO_PLUGIN = "no_plugin"

    @property
    def sentence(self) -> str:
        """The same for people."""
        return _SENTENCES[self]


_SENTENCES = {
    HookState.ACTIVE: "Immich calls the sidecar when an asset has been read",
    HookState.SWITCHED_OFF: f'the workflow "{NAME}" is switched off in Immich, and stays so; polling does its work',
    HookState.NOT_WANTED: "Immich is not to call the sidecar; polling does its work",
    HookState.SERVER_TOO_OLD: "webhooks need Immich 3.0 or newer; polling does their work",
    HookState.KEY_TOO_NARROW: "for webhooks the API key needs, beside what it has to hold, "
    f"{', '.join(sorted(feature_permissions(Feature.WEBHOOK)))}; polling does their work",
    HookState.NO_PLUGIN: "Immich's own plugin with the webhook step is not installed; polling does its work",
}


@dataclass(frozen=True, slots=True)
class Plan:
    """What to do so that one workflow of the user's calls the hook, and what comes of it.

    Shape:  create is the one step of a workflow to be made, None if there is one; update lists workflows as they are to
            be, their names and switches untouched; delete are ids.
    """

    state: HookState
    create: Step | None = None
    update: tuple[Workflow, ...] = ()
    delete: tuple[str, ...] = ()


def plan(present: Sequence[Workflow], hook: Hook) -> Plan:
    """How to get from the user's workflows to the wanted one.

    Shape:  ours are those with a webhook step that sends to the hook's address; all others are left alone. A
            workflow or a step that is switched off stays off, other steps stay where they are, a name stays. Of several
            of ours one is left, and whoever plans chooses the same: what a person has touched goes before what is as we
            made it. One that has others' steps, too, loses only ours.
    """
    ours = sorted((each for each in present if _own_steps(each, hook)), key=lambda each: _rank(each, hook))
    if hook.url is None:
        return _without(Plan(HookState.NOT_WANTED), ours, hook)
    if not ours:
        return Plan(HookState.ACTIVE, create=_wanted(Step(WEBHOOK, is_enabled=True, config=None), hook.url, hook))
    kept, *surplus = ours
    wanted = replace(kept, trigger=TRIGGER, steps=_wanted_steps(kept, hook.url, hook))
    state = HookState.SWITCHED_OFF if _is_off(wanted, hook) else HookState.ACTIVE
    return _without(Plan(state, update=(wanted,) if wanted != kept else ()), surplus, hook)


async def keep_workflow(immich: Immich, hook: Hook) -> HookState:
    """What has become of the webhook; the user's workflow is as it is to be, as far as that is possible.

    Shape:  nothing is written when it is so already.
    Errors: those of the client; ImmichMissing if somebody deletes a workflow at the same moment.
    """
    impossible = await _impossible(immich, hook)
    if impossible is not None:
        return impossible
    planned = plan(await immich.workflows(), hook)
    for workflow in planned.update:
        await immich.update_workflow(workflow.id, trigger=workflow.trigger, steps=workflow.steps)
    for workflow_id in planned.delete:
        with suppress(ImmichMissing):  # another process of ours was quicker
            await immich.delete_workflow(workflow_id)
    if planned.create is not None:
        await immich.create_workflow(name=NAME, trigger=TRIGGER, steps=[planned.create])
    return planned.state


async def _impossible(immich: Immich, hook: Hook) -> HookState | None:
    """Why no workflow can be kept or taken away, None if one can."""
    if (await immich.server_version()).numbers < WEBHOOKS_SINCE:
        reason = HookState.SERVER_TOO_OLD
    elif missing_for(Feature.WEBHOOK, await immich.permissions()):
        reason = HookState.KEY_TOO_NARROW
    elif hook.url is not None and not await immich.sends_webhooks():
        reason = HookState.NO_PLUGIN
    else:
        return None
    return HookState.NOT_WANTED if hook.url is None else reason


def _without(planned: Plan, surplus: Iterable[Workflow], hook: Hook) -> Plan:
    """The plan, and besides it these lose our steps, or go if they have no others."""
    left = [(each, tuple(step for step in each.steps if not _is_ours(step, hook))) for each in surplus]
    return replace(
        planned,
        update=planned.update + tuple(replace(each, steps=steps) for each, steps in left if steps),
        delete=tuple(each.id for each, steps in left if not steps),
    )


def _wanted_steps(workflow: Workflow, url: str, hook: Hook) -> tuple[Step, ...]:
    first, *repeated = (index for index, step in enumerate(workflow.steps) if _is_ours(step, hook))
    return tuple(
        _wanted(step, url, hook) if index == first else step
        for index, step in enumerate(workflow.steps)
        if index not in repeated
    )


def _wanted(step: Step, url: str, hook: Hook) -> Step:
    """The step with our configuration; what else stands in it, such as a newer server's defaults, stays."""
    ours = {"url": url, "method": "POST", "headerName": "Authorization", "headerValue": hook.header_value}
    return replace(step, config={**(step.config or {}), **ours})


def _rank(workflow: Workflow, hook: Hook) -> tuple[bool, bool, str]:
    has_others = len(_own_steps(workflow, hook)) < len(workflow.steps)
    return (not _is_off(workflow, hook), not has_others, workflow.id)


def _is_off(workflow: Workflow, hook: Hook) -> bool:
    return not workflow.is_enabled or not _own_steps(workflow, hook)[0].is_enabled


def _own_steps(workflow: Workflow, hook: Hook) -> list[Step]:
    return [step for step in workflow.steps if _is_ours(step, hook)]


def _is_ours(step: Step, hook: Hook) -> bool:
    return step.method == WEBHOOK and hook.is_address(str((step.config or {}).get("url")))
