"""Workflows: what a user wants done when something happens to an asset. Here they are kept; webhooks.py runs them."""

from __future__ import annotations

from collections.abc import Iterable
from enum import StrEnum
from http import HTTPStatus
from typing import Any

from aiohttp import web

from sidecar.demo.immich.fields import Fields
from sidecar.demo.immich.refusals import Refusal, bad_request, no_access
from sidecar.demo.immich.routing import Ask, Needs, Operation, no_content, reply
from sidecar.demo.immich.rows import StepRow, WorkflowRow
from sidecar.demo.immich.state import State
from sidecar.demo.immich.times import iso_ms
from sidecar.demo.immich.versions import Behaviour
from sidecar.demo.immich.webhook_body import ASSET_TYPE


class Trigger(StrEnum):
    """What starts a workflow; Immich's WorkflowTrigger (3.1.0)."""

    CREATED = "AssetCreate"
    EXTRACTED = "AssetMetadataExtraction"


_LEGACY_TRIGGERS = ("AssetCreate", "PersonRecognized")
_PLUGIN = "immich-plugin-core"
WEBHOOK = f"{_PLUGIN}#webhook"
_TEXT = {"type": "string", "precision": 1}
_METHODS: tuple[dict[str, Any], ...] = (
    {
        "key": WEBHOOK,
        "name": "webhook",
        "title": "Trigger Webhook",
        "hostFunctions": True,
        "uiHints": [],
        "description": "POST/PUT event data to any URL",
        "types": [ASSET_TYPE],
        "schema": {
            "type": "object",
            "required": ["url"],
            "precision": 1,
            "properties": {
                "url": {
                    **_TEXT,
                    "title": "URL",
                    "description": "Event data will be PUT/POSTed to this URL as a JSON object",
                },
                "method": {
                    **_TEXT,
                    "enum": ["POST", "PUT"],
                    "title": "Method",
                    "description": "The HTTP method to use in the request",
                },
                "headerName": {
                    **_TEXT,
                    "title": "Header name",
                    "description": "The name of an additional header to include with the request (e.g. authentication)",
                },
                "headerValue": {
                    **_TEXT,
                    "title": "Header value",
                    "description": "The value of the additional header",
                },
            },
        },
    },
    {
        "key": f"{_PLUGIN}#assetTypeFilter",
        "name": "assetTypeFilter",
        "title": "Filter by type",
        "hostFunctions": False,
        "uiHints": ["Filter"],
        "description": "Filter assets by their type",
        "types": [ASSET_TYPE],
    },
)
"""The plugin's methods that a step may name: the recorded one, and another for workflows with more steps than ours.

Source: recording plugin-methods-webhook; UNVERIFIED plugin-methods.
"""


def create_workflow(
    state: State,
    owner_id: str,
    *,
    trigger: str,
    steps: Iterable[StepRow],
    name: str | None = None,
    description: str | None = None,
    is_enabled: bool = True,
) -> WorkflowRow:
    """A new workflow of the user."""
    now_us = state.now_us()
    row = WorkflowRow(state.new_id(), owner_id, name, description, trigger, is_enabled, tuple(steps), now_us, now_us)
    state.workflows[row.id] = row
    return row


def operations(behaviour: Behaviour) -> tuple[Operation, ...]:
    """What the version offers.

    Source: published descriptions 2.7.5 and 3.1.0; recordings workflow-triggers and plugin-methods-webhook of 2.7.5,
            whose paths are ids there.
    """
    if not behaviour.does("workflow_steps"):
        return (
            Operation("POST", "/workflows", _create_legacy, "workflow.create"),
            Operation("GET", "/plugins/{id}", _plugin, "plugin.read"),
            *_COMMON,
        )
    return (
        Operation("GET", "/workflows/triggers", _triggers, Needs.LOGIN),
        Operation("GET", "/plugins/methods", _methods, "plugin.read"),
        Operation("POST", "/workflows", _create, "workflow.create"),
        *_COMMON,
    )


def _fields(row: WorkflowRow, *, with_steps: bool = True) -> dict[str, Any]:
    """WorkflowResponseDto.

    Source: recordings create-workflow-*, get-workflow.
    """
    steps = row.steps if with_steps else ()
    return {
        "id": row.id,
        "enabled": row.is_enabled,
        "trigger": row.trigger,
        "name": row.name,
        "description": row.description,
        "createdAt": iso_ms(row.created_us),
        "updatedAt": iso_ms(row.updated_us),
        "steps": [{"method": step.method, "config": step.config, "enabled": step.is_enabled} for step in steps],
    }


def _own_workflow(ask: Ask, workflow_id: str, permission: str) -> WorkflowRow:
    row = ask.state.workflows.get(workflow_id)
    if row is None or row.owner_id != ask.caller.user.id:
        raise no_access(permission)
    return row


def _read_steps(fields: Fields) -> tuple[StepRow, ...]:
    """The body's steps.

    Source: WorkflowStepDto, published description 3.1.0; workflow.service.ts 3.x, which looks at no step's config.
    """
    steps = []
    for step in fields.objects("steps"):
        method = step.text("method", required=True)
        config = None if step.is_null("config") else step.record("config")
        is_enabled = step.boolean("enabled")
        steps.append(StepRow(method or "", config, is_enabled is not False))
    return tuple(steps)


def _known(steps: tuple[StepRow, ...]) -> tuple[StepRow, ...]:
    """The steps, all of which a plugin can do.

    Source: workflow.service.ts 3.x.
    """
    known = {method["key"] for method in _METHODS}
    for step in steps:
        if step.method not in known:
            raise bad_request(f"Unknown method {step.method}")
    return steps


async def _triggers(_: Ask) -> web.StreamResponse:
    """Source: recording workflow-triggers."""
    return reply([{"trigger": trigger, "types": [ASSET_TYPE]} for trigger in Trigger])


async def _methods(ask: Ask) -> web.StreamResponse:
    """Source: recording plugin-methods-webhook."""
    name = ask.query.text("name")
    return reply([method for method in _METHODS if name in (None, method["name"])])


async def _plugin(ask: Ask) -> web.StreamResponse:
    """2.x, where no plugin is installed.

    Source: recording plugin-methods-webhook of 2.7.5.
    """
    _ = ask.path_id()
    raise bad_request("Plugin not found")


async def _list(ask: Ask) -> web.StreamResponse:
    """The newest first.

    Source: recording list-workflows; workflow.repository.ts search, 3.x: name and description do not narrow.
    """
    fields = ask.query
    workflow_id = fields.uuid("id")
    trigger = fields.option("trigger", list(Trigger))
    is_enabled = fields.boolean("enabled")
    fields.done()
    return reply(
        [
            _fields(row)
            for row in reversed(ask.state.workflows.values())
            if row.owner_id == ask.caller.user.id
            and workflow_id in (None, row.id)
            and trigger in (None, row.trigger)
            and is_enabled in (None, row.is_enabled)
        ]
    )


async def _create(ask: Ask) -> web.StreamResponse:
    """The answer shows no steps.

    Source: recordings create-workflow-*, get-workflow.
    """
    fields = await ask.body()
    name, description = fields.text("name"), fields.text("description")
    trigger = fields.option("trigger", list(Trigger), required=True)
    is_enabled = fields.boolean("enabled")
    steps = _read_steps(fields) if "steps" in fields else ()
    fields.done()
    row = create_workflow(
        ask.state,
        ask.caller.user.id,
        trigger=trigger or "",
        steps=_known(steps),
        name=name,
        description=description,
        is_enabled=is_enabled is not False,
    )
    return reply(_fields(row, with_steps=False), HTTPStatus.CREATED)


async def _create_legacy(ask: Ask) -> web.StreamResponse:
    """2.x: what is asked for in the new way is refused; what is asked for in the old way is not emulated.

    Source: recording create-workflow-* of 2.7.5.
    """
    fields = await ask.body()
    _ = fields.option("triggerType", _LEGACY_TRIGGERS, required=True)
    fields.done()
    raise Refusal(HTTPStatus.NOT_IMPLEMENTED, "Workflows of 2.x are not emulated")


async def _get(ask: Ask) -> web.StreamResponse:
    """Source: recording get-workflow."""
    return reply(_fields(_own_workflow(ask, ask.path_id(), "workflow.read")))


async def _update(ask: Ask) -> web.StreamResponse:
    """What is named changes; steps are replaced as a whole, by which alone updatedAt does not move.

    Source: workflow.service.ts and workflow.repository.ts update, 3.x.
    """
    workflow_id = ask.path_id()
    fields = await ask.body()
    changes: dict[str, Any] = {name: fields.text(name) for name in ("name", "description") if name in fields}
    if (trigger := fields.option("trigger", list(Trigger))) is not None:
        changes["trigger"] = trigger
    if (is_enabled := fields.boolean("enabled")) is not None:
        changes["is_enabled"] = is_enabled
    steps = _read_steps(fields) if "steps" in fields else None
    fields.done()
    row = _own_workflow(ask, workflow_id, "workflow.update")
    if steps is not None:
        row.steps = _known(steps)
    for column, value in changes.items():
        setattr(row, column, value)
    if changes:
        row.updated_us = ask.state.now_us()
    return reply(_fields(row))


async def _delete(ask: Ask) -> web.StreamResponse:
    """Source: recording delete-workflow."""
    del ask.state.workflows[_own_workflow(ask, ask.path_id(), "workflow.delete").id]
    return no_content()


_COMMON = (
    Operation("GET", "/workflows", _list, "workflow.read"),
    Operation("GET", "/workflows/{id}", _get, "workflow.read"),
    Operation("PUT", "/workflows/{id}", _update, "workflow.update"),
    Operation("DELETE", "/workflows/{id}", _delete, "workflow.delete"),
)
