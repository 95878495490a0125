"""Running workflows: their webhook steps are sent, each once, and whatever is answered changes nothing."""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Mapping
from dataclasses import dataclass
from http import HTTPMethod
from typing import Any

import aiohttp

from sidecar.demo.immich.occasions import Occasion, OccasionKind
from sidecar.demo.immich.rows import WorkflowRow
from sidecar.demo.immich.state import State
from sidecar.demo.immich.webhook_body import webhook_body
from sidecar.demo.immich.wire import encode
from sidecar.demo.immich.workflows import WEBHOOK, Trigger

_AT_ONCE = 5
"""Immich's own default for its workflow queue (config.ts, 3.1.0)."""
_TRIGGERS: Mapping[OccasionKind, Trigger] = {
    OccasionKind.CREATED: Trigger.CREATED,
    OccasionKind.EXTRACTED: Trigger.EXTRACTED,
}


@dataclass(frozen=True, slots=True)
class Sent:
    """One webhook: status is None where nobody answered, and before somebody has."""

    workflow_id: str
    method: str
    url: str
    status: int | None
    body: dict[str, Any]


class Webhooks:
    """Those of one server.

    Shape:  sent holds all that came to an end, in that order; it may be cleared.
    Source: workflow-execution.service.ts 3.1.0: no time-out, no second attempt, the steps after a failed one are left
            out; recorded webhooks for what is sent.
    """

    def __init__(self, state: State) -> None:
        self.sent: list[Sent] = []
        self._state = state
        self._waiting: deque[tuple[str, str]] = deque()
        self._runners: set[asyncio.Task[None]] = set()
        self._session: aiohttp.ClientSession | None = None

    @property
    def waiting(self) -> int:
        """How many runs are still to begin."""
        return len(self._waiting)

    @property
    def active(self) -> int:
        """How many runs are on their way."""
        return len(self._runners)

    def hear(self, occasion: Occasion) -> None:
        """Queue the owner's enabled workflows that this triggers."""
        if not self._state.workflows or occasion.kind not in _TRIGGERS:
            return
        trigger = _TRIGGERS[occasion.kind]
        for workflow in self._state.workflows.values():
            if (workflow.owner_id, workflow.trigger) == (occasion.owner_id, trigger) and workflow.is_enabled:
                self._waiting.extend((workflow.id, asset_id) for asset_id in occasion.asset_ids)
        self._start()

    def _start(self) -> None:
        while len(self._runners) < min(_AT_ONCE, len(self._waiting)):
            runner = asyncio.get_running_loop().create_task(self._run())
            self._runners.add(runner)
            runner.add_done_callback(self._ended)

    def _ended(self, runner: asyncio.Task[None]) -> None:
        # What came between its last look and now found it still counted.
        self._runners.discard(runner)
        if not runner.cancelled():
            self._start()

    async def settle(self) -> None:
        """Wait until nothing is on its way."""
        while self._runners:
            await asyncio.wait(self._runners)

    async def close(self) -> None:
        """Break off what is on its way and forget the rest."""
        self._waiting.clear()
        for runner in self._runners:
            runner.cancel()
        await self.settle()
        if self._session is not None:
            await self._session.close()

    async def _run(self) -> None:
        while self._waiting:
            workflow_id, asset_id = self._waiting.popleft()
            workflow = self._state.workflows.get(workflow_id)
            if workflow is not None and workflow.is_enabled:
                await self._carry_out(workflow, asset_id)

    async def _carry_out(self, workflow: WorkflowRow, asset_id: str) -> None:
        for step in workflow.steps:
            row = self._state.assets.get(asset_id)
            if row is None:
                return
            if step.is_enabled and step.method == WEBHOOK:
                body = webhook_body(row, self._state, workflow.trigger)
                if not await self._send(workflow.id, step.config or {}, body):
                    return

    async def _send(self, workflow_id: str, config: Mapping[str, Any], body: dict[str, Any]) -> bool:
        """Send once; whether anybody answered.

        Source: plugin-core's webhook, 3.1.0; UNVERIFIED webhook-defaults.
        """
        if self._session is None:
            self._session = aiohttp.ClientSession(
                timeout=aiohttp.ClientTimeout(total=None),
                headers={
                    "User-Agent": f"immich-server/{self._state.behaviour.version}",
                    "Connection": "keep-alive",
                    "Accept": "*/*",
                    "Accept-Language": "*",
                    "Sec-Fetch-Mode": "cors",
                    "Accept-Encoding": "gzip, deflate",
                },
            )
        method, url = str(config.get("method") or HTTPMethod.POST), str(config.get("url"))
        headers = {"Content-Type": "application/json"}
        if config.get("headerName"):
            headers[str(config["headerName"])] = str(config.get("headerValue", ""))
        status = None
        try:
            async with self._session.request(method, url, data=encode(body), headers=headers) as answer:
                status = answer.status
        except (aiohttp.ClientError, OSError, ValueError):
            pass  # Immich's job fails and is not tried again
        self.sent.append(Sent(workflow_id, method, url, status, body))
        return status is not None
