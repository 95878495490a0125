"""Workflows: what Immich does by itself when something happens, and whether it can tell somebody outside."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field

from msgspec import UNSET, UnsetType

from sidecar.immich_client._generated import calls, models
from sidecar.immich_client.server import Server

WEBHOOK = "immich-plugin-core#webhook"
"""The step that sends the event to an address, as steps and methods name it."""

_WEBHOOK_NAME = "webhook"
WEBHOOKS_SINCE = (3, 0, 0)
"""The first server whose workflows are as described here; 2.x has others under the same names."""


@dataclass(frozen=True, slots=True)
class Step:
    """One step of a workflow; the configuration may hold secrets, so that it is not shown.

    Source: WorkflowStepDto, Immich 3.0.3 and 3.1.0; one without `enabled` is switched on.
    """

    method: str
    is_enabled: bool
    config: Mapping[str, object] | None = field(repr=False)


@dataclass(frozen=True, slots=True)
class Workflow:
    """A workflow of the user's: its steps are taken one after the other whenever the trigger fires."""

    id: str
    name: str | None
    trigger: str
    is_enabled: bool
    steps: tuple[Step, ...]


class Workflows(Server):
    """The user's workflows; every method but sends_webhooks asks for a server from 3.0 on, with other words before.

    Source: workflow.controller.ts and workflow.service.ts, Immich 3.0.3 and 3.1.0.
    """

    async def sends_webhooks(self) -> bool:
        """Whether a workflow of this server can send an event to an address; servers before 3.0 are not asked.

        Source: plugin-core/src/index.ts, Immich 3.0.3 and 3.1.0; recordings plugin-methods-webhook.
        """
        if (await self.server_version()).numbers < WEBHOOKS_SINCE:
            return False
        methods = await self._transport.send(calls.search_plugin_methods(name=_WEBHOOK_NAME))
        return any(method.key == WEBHOOK for method in methods)

    async def workflows(self) -> tuple[Workflow, ...]:
        """All workflows of the user, with their steps."""
        found = await self._transport.send(calls.search_workflows())
        return tuple(map(_to_workflow, found))

    async def create_workflow(self, *, name: str, trigger: str, steps: Sequence[Step]) -> Workflow:
        """The new workflow, switched on.

        Errors: ImmichMissing if it is deleted at the same moment. ImmichUnavailable does not tell whether it was made.
        Source: create's answer lists no steps (workflow.service.ts, Immich 3.1.0), so that it is asked for again.
        """
        call = calls.create_workflow(name=name, trigger=trigger, enabled=True, steps=_to_wire(steps))
        made = await self._transport.send(call)
        return _to_workflow(await self._transport.send(calls.get_workflow(id=made.id)))

    async def update_workflow(
        self,
        workflow_id: str,
        *,
        name: str | UnsetType = UNSET,
        trigger: str | UnsetType = UNSET,
        steps: Sequence[Step] | UnsetType = UNSET,
        is_enabled: bool | UnsetType = UNSET,
    ) -> None:
        """Nothing; the workflow is so, and what is not given stays. Steps that are given replace all it had.

        Errors: ImmichMissing when it is gone or another user's.
        """
        wire_steps = steps if isinstance(steps, UnsetType) else _to_wire(steps)
        call = calls.update_workflow(id=workflow_id, name=name, trigger=trigger, steps=wire_steps, enabled=is_enabled)
        await self._transport.send(call)

    async def delete_workflow(self, workflow_id: str) -> None:
        """Nothing; the workflow is gone.

        Errors: ImmichMissing if it is gone already or another user's. ImmichUnavailable does not tell whether it went.
        """
        await self._transport.send(calls.delete_workflow(id=workflow_id))


def _to_workflow(wire: models.Workflow) -> Workflow:
    return Workflow(
        id=wire.id,
        name=wire.name,
        trigger=wire.trigger,
        is_enabled=wire.enabled,
        steps=tuple(Step(step.method, step.enabled is not False, step.config) for step in wire.steps),
    )


def _to_wire(steps: Iterable[Step]) -> list[dict[str, object]]:
    return [
        {
            "method": step.method,
            "enabled": step.is_enabled,
            "config": None if step.config is None else dict(step.config),
        }
        for step in steps
    ]
