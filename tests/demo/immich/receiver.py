"""Somebody who takes webhooks, and keeps what came."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass, field
from typing import Any, Self

from aiohttp import web


@dataclass
class Received:
    method: str
    path: str
    headers: dict[str, str]
    json: dict[str, Any]

    @property
    def asset(self) -> dict[str, Any]:
        asset: dict[str, Any] = self.json["data"]["asset"]
        return asset


@dataclass
class Receiver:
    """`async with Receiver() as receiver`; `gate` holds answers back while it is clear."""

    status: int = 200
    received: list[Received] = field(default_factory=list)
    gate: asyncio.Event = field(default_factory=asyncio.Event)
    url: str = ""
    at_once: int = 0
    most_at_once: int = 0
    _runner: web.AppRunner | None = None

    async def __aenter__(self) -> Self:
        self.gate.set()
        app = web.Application()
        app.router.add_route("*", "/{path:.*}", self._take)
        self._runner = web.AppRunner(app, access_log=None, shutdown_timeout=0.1)
        await self._runner.setup()
        await web.TCPSite(self._runner, "127.0.0.1", 0).start()
        self.url = f"http://127.0.0.1:{self._runner.addresses[0][1]}/hook"
        return self

    async def __aexit__(self, *_: object) -> None:
        assert self._runner is not None
        await self._runner.cleanup()

    async def _take(self, request: web.Request) -> web.Response:
        self.received.append(Received(request.method, request.path, dict(request.headers), await request.json()))
        self.at_once += 1
        self.most_at_once = max(self.most_at_once, self.at_once)
        await self.gate.wait()
        self.at_once -= 1
        return web.Response(status=self.status)
