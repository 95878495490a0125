"""One operation of the JSON API: what it takes, what it gives, who may call it, and how a request becomes a call."""

from __future__ import annotations

import re
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from enum import Enum, auto
from functools import reduce
from http import HTTPStatus
from operator import or_
from types import NoneType, UnionType
from typing import Annotated, Any, Generic, TypeVar, Union, get_args, get_origin, get_type_hints

import msgspec
from aiohttp import web
from aiohttp.http_exceptions import HttpProcessingError
from aiohttp.typedefs import Handler
from multidict import MultiMapping

from sidecar.accounts.connected import Account
from sidecar.accounts.visitors import Visitor
from sidecar.handlers.middleware import Refused
from sidecar.handlers.visiting import visitor_of
from sidecar.jobs.context import JobContext
from sidecar.keys import SERVICES
from sidecar.model import OwnerId
from sidecar.wiring import Services

BODY_LIMIT_BYTES = 1024 * 1024

QueryT = TypeVar("QueryT", bound=msgspec.Struct)
BodyT = TypeVar("BodyT", bound=msgspec.Struct)


class Nothing(msgspec.Struct, frozen=True):
    """What an operation takes that takes nothing, or gives that gives nothing."""


class For(Enum):
    """Who may call an operation: anybody, whoever is signed in at Immich, or whoever has connected the sidecar."""

    ANYBODY = auto()
    SIGNED_IN = auto()
    CONNECTED = auto()


@dataclass(frozen=True, slots=True)
class Asked(Generic[QueryT, BodyT]):
    """A request, read and checked.

    Shape:  path holds the values of the names in the operation's path, each as the URL had it. visitor is there but for
            operations that anybody may call, account only for those of the connected.
    """

    request: web.Request
    services: Services
    path: dict[str, str]
    query: QueryT
    body: BodyT
    _visitor: Visitor | None
    _account: Account | None

    @property
    def visitor(self) -> Visitor:
        """Who asks."""
        assert self._visitor is not None  # noqa: S101  # the operation says who may call it
        return self._visitor

    @property
    def account(self) -> Account:
        """The connected account of who asks."""
        assert self._account is not None  # noqa: S101  # as above
        return self._account

    @property
    def owner_id(self) -> OwnerId:
        """Whose rows may be read and changed, and nobody else's."""
        return self.account.user.id

    @property
    def jobs(self) -> JobContext:
        """What job bodies are given."""
        return self.services.jobs


@dataclass(frozen=True, slots=True)
class Operation(Generic[QueryT, BodyT]):
    """An operation as the description tells of it.

    Shape:  path is below the API's root, with names in braces. answer is the type of the JSON answer, Nothing where
            there is none. problems are the statuses of refusals beyond those that every operation of its kind has,
            each with a sentence.
    """

    id: str
    method: str
    path: str
    summary: str
    handler: Callable[[Asked[QueryT, BodyT]], Awaitable[Any]]
    answer: type[Any] = Nothing
    query: type[QueryT] = Nothing  # type: ignore[assignment]  # a type variable has no default
    body: type[BodyT] = Nothing  # type: ignore[assignment]
    needs: For = For.CONNECTED
    problems: tuple[tuple[HTTPStatus, str], ...] = ()
    status: HTTPStatus = HTTPStatus.OK
    tag: str = ""


def handler_of(operation: Operation[Any, Any]) -> Handler:
    """What the router calls: who asks is found out first, then what is asked is read, then it is done."""

    async def handle(request: web.Request) -> web.StreamResponse:
        services = request.app[SERVICES]
        visitor = None if operation.needs is For.ANYBODY else await visitor_of(request)
        account = None
        if operation.needs is For.CONNECTED and visitor is not None:
            account = services.accounts.connected.get(visitor.user.id)
            if account is None:
                raise Refused(HTTPStatus.CONFLICT, "You have not connected the sidecar yet.", code="not_connected")
        query = read_query(request.query, operation.query)
        body = await _read_body(request, operation.body)
        path = dict(request.match_info)
        if not all(map(_is_text, path.values())):
            raise Refused(HTTPStatus.NOT_FOUND, "There is no such thing, or it is not yours.", code="not_found")
        asked = Asked(request, services, path, query, body, visitor, account)
        answer = await operation.handler(asked)
        if operation.answer is Nothing:
            return web.Response(status=HTTPStatus.NO_CONTENT, headers=_FRESH)
        return web.Response(
            body=msgspec.json.encode(answer),
            status=operation.status,
            content_type="application/json",
            headers=_FRESH,
        )

    return handle


# What is about one person is kept by nobody in between, and asked for anew each time.
_FRESH = {"Cache-Control": "private, no-store", "Vary": "Cookie, Authorization, x-api-key"}


def bad_request(sentence: str) -> Refused:
    """What was sent does not fit the description; the sentence says where, and repeats nothing of it."""
    return Refused(
        HTTPStatus.BAD_REQUEST, "The request does not fit its description.", code="bad_request", detail=sentence
    )


def read_query(sent: MultiMapping[str], wanted: type[QueryT]) -> QueryT:
    """The query as the operation's own type; a field that is a tuple may be given several times.

    Shape:  values are written as in JSON, but texts without quotes; what may be left out is left out, not null.
    Errors: Refused (400) for a name that is not known, one given twice or missing, and a value that does not fit.
    """
    hints = get_type_hints(wanted, include_extras=True)
    fields = {field.encode_name: field for field in msgspec.structs.fields(wanted)}
    if any(name not in fields for name in sent):
        raise bad_request("There is a parameter that this operation does not know.")
    values: dict[str, Any] = {}
    for name, field in fields.items():
        if name in sent:
            values[field.name] = _read_parameter(name, sent.getall(name), hints[field.name])
        elif field.required:
            raise bad_request(f"The parameter {name} is missing.")
    return wanted(**values)


def _read_parameter(name: str, given: list[str], hint: Any) -> Any:
    hint = without_null(hint)
    kind = _without_limits(hint)
    is_list = get_origin(kind) is tuple
    if not is_list and len(given) > 1:
        raise bad_request(f"The parameter {name} may be given once.")
    item = _without_limits(get_args(kind)[0]) if is_list else kind
    written = _WRITTEN.get(item)
    misfit = bad_request(f"The parameter {name} does not fit the description.")
    if not all(map(_is_text, given)) or (written is not None and not all(map(written.fullmatch, given))):
        raise misfit
    try:
        return msgspec.convert(given if is_list else given[0], hint, strict=False)
    except msgspec.ValidationError as error:
        raise misfit from error


def without_null(hint: Any) -> Any:
    """The type of a parameter that is given: null stands for one that is not."""
    if isinstance(hint, UnionType) or get_origin(hint) is Union:
        return reduce(or_, (each for each in get_args(hint) if each is not NoneType))
    return hint


def _without_limits(hint: Any) -> Any:
    return get_args(hint)[0] if get_origin(hint) is Annotated else hint


# msgspec takes more spellings than JSON has; and no column takes a larger number.
_WRITTEN = {
    bool: re.compile("true|false"),
    int: re.compile("-?[0-9]{1,18}"),
    float: re.compile(r"-?[0-9]{1,300}(\.[0-9]{1,300})?([eE][+-]?[0-9]{1,3})?"),
}


def _is_text(value: str) -> bool:
    """Whether every database takes it: PostgreSQL knows no NUL, and half a character is none."""
    try:
        value.encode()
    except UnicodeEncodeError:
        return False
    return "\0" not in value


def _holds_nul(value: Any) -> bool:
    if isinstance(value, str):
        return "\0" in value
    if isinstance(value, dict):
        return any(_holds_nul(name) or _holds_nul(each) for name, each in value.items())
    return isinstance(value, list) and any(map(_holds_nul, value))


async def _read_body(request: web.Request, wanted: type[BodyT]) -> BodyT:
    if wanted is Nothing:
        await _at_most(request, 0)
        return wanted()
    if request.content_type != "application/json":
        raise web.HTTPUnsupportedMediaType
    body = await _at_most(request, BODY_LIMIT_BYTES)
    try:
        if _NUL in body and _holds_nul(msgspec.json.decode(body)):
            raise bad_request("A text holds a character that no text has.")
        return msgspec.json.decode(body, type=wanted)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as error:
        raise bad_request(_where(error)) from error


_NUL = b"\\u0000"


async def _at_most(request: web.Request, limit_bytes: int) -> bytes:
    body = bytearray()
    try:
        async for chunk in request.content.iter_any():
            body += chunk
            if body and not limit_bytes:
                raise bad_request("This operation takes no body.")
            if len(body) > limit_bytes:
                raise web.HTTPRequestEntityTooLarge(limit_bytes, len(body))
    except (web.RequestPayloadError, HttpProcessingError) as error:
        raise bad_request("The body is not coded as it says.") from error
    return bytes(body)


def _where(error: Exception) -> str:
    # Of ours are the names of fields and types; what was sent is quoted where a value is not one of an enumeration.
    text = str(error)
    place = text.rpartition(" - at ")[2] if " - at " in text else ""
    return f"What was sent does not fit the description, at {place}." if place else "The body is not what is expected."
