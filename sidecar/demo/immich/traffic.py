"""What went over the wire, and what goes wrong there on purpose: a call log and scripted failures."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass, field
from fnmatch import fnmatchcase
from http import HTTPStatus

from aiohttp import web
from aiohttp.typedefs import Handler, Middleware

from sidecar.demo.immich.refusals import Refusal
from sidecar.demo.immich.routing import API, USER_KEY, reply
from sidecar.demo.immich.versions import Behaviour

_ENDLESS_PIECE_BYTES = 65_536
_WEB_APP = "<!DOCTYPE html><html><head><title>Immich</title></head><body></body></html>"


@dataclass(frozen=True, slots=True)
class Call:
    """One answered request.

    Shape:  path is below /api ("/stacks"); status is 0 where the connection was cut; user_id is None for strangers.
    """

    method: str
    path: str
    query: str
    status: int
    user_id: str | None


@dataclass(slots=True)
class Failure:
    """What happens to the next calls of one kind.

    Shape:  method and path are shell patterns over the call's ("*", "/stacks/*"). At most one of status, cut, hang,
            cut_after_bytes, is_endless and drip_s. With after_effect the operation is carried out first, and only its
            answer is lost or replaced. An answer may break off after some bytes, never end, or come byte by byte.
            until is waited for before everything else, with the call counted as soon as it is there.
    Units:  delay_s comes next; times is how many calls are left; drip_s lies between two bytes.
    """

    method: str = "*"
    path: str = "*"
    times: int = 1
    status: int | None = None
    body: str = ""
    content_type: str = "application/json"
    until: asyncio.Event | None = None
    delay_s: float = 0.0
    cut: bool = False
    hang: bool = False
    cut_after_bytes: int | None = None
    is_endless: bool = False
    drip_s: float | None = None
    after_effect: bool = False

    def concerns(self, request: web.Request) -> bool:
        """Whether this failure waits for that request."""
        return (
            self.times > 0
            and fnmatchcase(request.method, self.method)
            and fnmatchcase(request.path.removeprefix(API), self.path)
        )


@dataclass
class Traffic:
    """The log of all calls and the failures still to come; `answer_delay_s` slows every answer down."""

    behaviour: Behaviour
    calls: list[Call] = field(default_factory=list)
    failures: list[Failure] = field(default_factory=list)
    answer_delay_s: float = 0.0
    closing: asyncio.Event = field(default_factory=asyncio.Event)

    def fail(self, failure: Failure) -> Failure:
        """Script the failure, behind those scripted before; its `times` tells how often it is still to happen."""
        self.failures.append(failure)
        return failure

    def calls_of(self, method: str, path: str) -> list[Call]:
        """The logged calls whose method and path match the shell patterns."""
        return [call for call in self.calls if fnmatchcase(call.method, method) and fnmatchcase(call.path, path)]

    def middleware(self) -> Middleware:
        """The aiohttp middleware that logs, fails and answers for routes that do not exist."""

        @web.middleware
        async def watch(request: web.Request, handler: Handler) -> web.StreamResponse:
            status = 0
            try:
                response = await self._answer(request, handler)
                status = response.status
                return response
            finally:
                path = request.path.removeprefix(API)
                user_id = request.get(USER_KEY)
                self.calls.append(Call(request.method, path, request.query_string, status, user_id))

        return watch

    async def _answer(self, request: web.Request, handler: Handler) -> web.StreamResponse:
        if self.answer_delay_s:
            await asyncio.sleep(self.answer_delay_s)
        failure = next((failure for failure in self.failures if failure.concerns(request)), None)
        if failure is None:
            return await self._routed(request, handler)
        failure.times -= 1
        if failure.until is not None:
            await failure.until.wait()
        await asyncio.sleep(failure.delay_s)
        response = await self._routed(request, handler) if failure.after_effect else None
        if failure.cut or failure.hang:
            if failure.hang:
                await self.closing.wait()
            _cut(request)
        if failure.status is not None:
            return web.Response(status=failure.status, text=failure.body, content_type=failure.content_type)
        response = response or await self._routed(request, handler)
        if isinstance(response, web.Response) and isinstance(response.body, bytes):
            return await self._spoilt(request, response, response.body, failure)
        return response

    async def _spoilt(
        self, request: web.Request, response: web.Response, body: bytes, failure: Failure
    ) -> web.StreamResponse:
        """The answer as far as the failure lets it get."""
        if failure.cut_after_bytes is None and not failure.is_endless and failure.drip_s is None:
            return response
        headers = response.headers.copy()
        headers.pop("content-length", None)
        if not failure.is_endless:
            headers["content-length"] = str(len(body))
        stream = web.StreamResponse(status=response.status, headers=headers)
        await stream.prepare(request)
        if failure.cut_after_bytes is not None:
            await stream.write(body[: failure.cut_after_bytes])
            _cut(request)
        while failure.is_endless:
            await stream.write(bytes(_ENDLESS_PIECE_BYTES))
            await asyncio.sleep(0)
        for position in range(len(body)):
            await stream.write(body[position : position + 1])
            await asyncio.sleep(failure.drip_s or 0)
        return stream

    async def _routed(self, request: web.Request, handler: Handler) -> web.StreamResponse:
        """The handler's answer; unknown routes of the API are refused, all else is the web app.

        Source: recording unknown-route; live 3.1.0 for a wrong method; live 3.1.0 for other paths.
        """
        try:
            return await handler(request)
        except (web.HTTPNotFound, web.HTTPMethodNotAllowed):
            if request.method == "GET" and not request.path.startswith(f"{API}/"):
                return web.Response(text=_WEB_APP, content_type="text/html")
            refusal = Refusal(HTTPStatus.NOT_FOUND, f"Cannot {request.method} {request.path}")
            return reply(refusal.body(self.behaviour), refusal.status)


def _cut(request: web.Request) -> None:
    """Drop the connection without an answer."""
    request.protocol.force_close()
    raise ConnectionResetError("The connection was cut on purpose")
