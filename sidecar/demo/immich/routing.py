"""From a table of operations to aiohttp routes: recognise the caller, check the permission, render refusals."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Iterable
from dataclasses import dataclass
from enum import Enum
from http import HTTPStatus
from typing import Any

import msgspec
from aiohttp import web

from sidecar.demo.immich.background import Jobs
from sidecar.demo.immich.credentials import Caller, recognise
from sidecar.demo.immich.fields import Fields, is_uuid4
from sidecar.demo.immich.refusals import Invalid, Issue, Refusal, bad_request
from sidecar.demo.immich.state import State
from sidecar.demo.immich.wire import encode

API = "/api"
USER_KEY: web.RequestKey[str] = web.RequestKey("user", str)


class Needs(Enum):
    """What an operation asks of its caller where it is not a named permission."""

    NOTHING = "open to everyone"
    LOGIN = "any session or key"
    ALL = "a session, or a key that holds all"


@dataclass(frozen=True, slots=True)
class Ask:
    """One request on its way through an operation."""

    request: web.Request
    state: State
    jobs: Jobs
    _caller: Caller | None

    @property
    def caller(self) -> Caller:
        """Who asks; only for operations that need someone."""
        if self._caller is None:
            raise AssertionError("An operation open to everyone has no caller")
        return self._caller

    async def body(self) -> Fields:
        """The JSON body's fields; an empty body has none.

        Errors: Refusal 400 if it is no JSON object.
        Source: live 3.1.0.
        """
        raw = await self.request.read()
        try:
            value = msgspec.json.decode(raw) if raw else {}
        except msgspec.DecodeError as error:
            raise bad_request(str(error)) from error
        if not isinstance(value, dict):
            details = {"expected": "object", "code": "invalid_type"}
            message = "Invalid input: expected object, received array"
            raise Invalid([Issue(path=(), message=message, legacy=(message,), details=details)])
        return Fields(value)

    @property
    def query(self) -> Fields:
        """The query's fields."""
        return Fields(self.request.query, from_query=True)

    def path_id(self, name: str = "id") -> str:
        """The UUID in the path.

        Errors: Invalid, as Immich checks paths before it looks.
        Source: recording asset-bad-id.
        """
        value = self.request.match_info[name]
        if not is_uuid4(value):
            fields = Fields({name: value})
            fields.uuid(name, required=True)
            fields.done()
        return value


Handler = Callable[[Ask], Awaitable[web.StreamResponse]]


@dataclass(frozen=True, slots=True)
class Operation:
    """One row of the table: path is below /api; needs is a permission's name or one of Needs."""

    method: str
    path: str
    handler: Handler
    needs: str | Needs
    admin_only: bool = False


def reply(value: Any, status: HTTPStatus = HTTPStatus.OK) -> web.Response:
    """A JSON answer."""
    return json_bytes(encode(value), status)


def json_bytes(body: bytes, status: HTTPStatus = HTTPStatus.OK) -> web.Response:
    """A JSON answer that is encoded already."""
    return web.Response(body=body, status=status, content_type="application/json", charset="utf-8")


def no_content() -> web.Response:
    """204."""
    return web.Response(status=HTTPStatus.NO_CONTENT)


def add_operations(app: web.Application, operations: Iterable[Operation], state: State, jobs: Jobs) -> None:
    """Give the application one route per operation."""
    for operation in operations:
        app.router.add_route(operation.method, API + operation.path, _bound(operation, state, jobs))


def _bound(operation: Operation, state: State, jobs: Jobs) -> Callable[[web.Request], Awaitable[web.StreamResponse]]:
    async def answer(request: web.Request) -> web.StreamResponse:
        try:
            caller = None if operation.needs is Needs.NOTHING else recognise(request, state)
            if caller:
                request[USER_KEY] = caller.user.id
                _authorise(operation, caller)
            return await operation.handler(Ask(request, state, jobs, caller))
        except Refusal as refusal:
            return reply(refusal.body(state.behaviour), refusal.status)

    return answer


def _authorise(operation: Operation, caller: Caller) -> None:
    """Refuse callers who may not use the operation, admins' operations first.

    Source: auth.service.ts 3.1.0; recordings queues-not-admin, me-with-narrow-key.
    """
    if operation.admin_only and not caller.user.is_admin:
        raise Refusal(HTTPStatus.FORBIDDEN, "Forbidden")
    if isinstance(operation.needs, str):
        caller.require(operation.needs)
    elif operation.needs is Needs.ALL:
        caller.require("all")
