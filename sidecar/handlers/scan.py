"""How far scanning, pairing, writing and searching have come, as JSON: for scripts, monitoring and pages."""

from __future__ import annotations

import asyncio
from dataclasses import asdict

from aiohttp import web

from sidecar.jobs.status import Paces, Status, status
from sidecar.keys import SERVICES
from sidecar.wiring import Services

GOOD_FOR_MS = 1_000
"""Nobody has to sign in to ask: however many do, the database is asked once in this time."""


class ScanStatus:
    """The answers to `GET /api/scan/status`; what one look saw is what the next one measures rates by."""

    def __init__(self) -> None:
        self._paces = Paces()
        self._looking = asyncio.Lock()
        self._last: tuple[int, Status] | None = None

    async def get(self, request: web.Request) -> web.Response:
        """200 with sums over all connected users, which tell nobody about anyone; never cached.

        Shape:  {"first_scan_done": bool,
                "scan": {"state", "found", "expected", "failed", "rate_per_s", "remaining_s"},
                "pairing": {"waiting", "failed", "rate_per_s", "remaining_s"},
                "stacks": {"waiting", "done", "failed", "rate_per_s", "remaining_s"},
                "duplicates": {"state", "phase", "looked", "total", "sets", "rate_per_s", "remaining_s"},
                "decisions": {"waiting", "failed"}, "events": {"waiting", "failed"}, "errors": how many reasons there
                are for something to wait; what they are may repeat Immich's words, and is for those who sign in}.
                What each means is told where the numbers are made, in `jobs/status.py`. A state is "running",
                "requested", "failed", "done" or "none"; a phase is "files", "quick", "look", "judge", "rest" or null.
        Units:  rate_per_s and remaining_s are null where they cannot be told; remaining_s is 0 where nothing is left.
        Errors: 503 as a problem in JSON if the database does not answer.
        """
        found = await self._status(request.app[SERVICES])
        return web.json_response(asdict(found) | {"errors": len(found.errors)}, headers={"Cache-Control": "no-store"})

    async def _status(self, services: Services) -> Status:
        async with self._looking:
            now_ms = services.jobs.now_ms()
            # A clock that was set back makes no answer last.
            if self._last is not None and 0 <= now_ms - self._last[0] < GOOD_FOR_MS:
                return self._last[1]
            async with services.database.read() as connection:
                found = await status(connection, list(services.accounts.connected), now_ms=now_ms, paces=self._paces)
            self._last = (now_ms, found)
            return found
