"""What every answer passes through: security headers, and errors turned into problem JSON (RFC 9457)."""

from __future__ import annotations

import logging
from http import HTTPStatus
from secrets import token_hex
from time import perf_counter

from aiohttp import hdrs, web
from aiohttp.typedefs import Handler

from sidecar.errors import (
    ImmichChanged,
    ImmichMissing,
    ImmichRefused,
    NotAllowed,
    NotImmich,
    NotSignedIn,
    SidecarError,
    StaleDecision,
    TryLater,
)
from sidecar.log import about
from sidecar.measures import REQUESTS

log = logging.getLogger(__name__)

REQUEST_ID = "X-Request-Id"
_NO_ROUTE = "none"
_LEFT = "left"
"""In place of a status: whoever asked has gone before there was an answer."""

HEADERS = {
    "Content-Security-Policy": (
        "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' blob:; media-src 'self'; "
        "connect-src 'self'; base-uri 'none'; form-action 'self'; frame-ancestors 'none'"
    ),
    "Referrer-Policy": "same-origin",
    "X-Content-Type-Options": "nosniff",
}

RETRY_AFTER_S = "5"
_KEPT_BY_NOBODY = {"Cache-Control": "no-store"}


@web.middleware
async def observed(request: web.Request, handler: Handler) -> web.StreamResponse:
    """The handler's answer, counted; each line that is logged meanwhile tells of one request, whose id is answered."""
    began_s, status, request_id = perf_counter(), _LEFT, token_hex(8)
    resource = request.match_info.route.resource
    try:
        with about(request_id=request_id):
            response = await handler(request)
        status = str(response.status)
        if not response.prepared:
            response.headers[REQUEST_ID] = request_id
        return response
    finally:
        route = resource.canonical if resource is not None else _NO_ROUTE
        method = request.method if request.method in hdrs.METH_ALL else _NO_ROUTE
        REQUESTS.labels(method, route, status).observe(perf_counter() - began_s)


@web.middleware
async def errors(request: web.Request, handler: Handler) -> web.StreamResponse:
    """The handler's answer, or one that says what went wrong without giving anything away."""
    try:
        response = await handler(request)
    except web.HTTPException as error:
        response = problem(error.status, error.reason)
        response.headers.update({name: value for name, value in error.headers.items() if name in {"Allow", "Location"}})
        if isinstance(error, Refused):
            response = problem(error.status, error.reason, code=error.code, detail=error.detail)
    except (TryLater, NotImmich) as error:
        log.warning("a request cannot be answered now: %s", error)
        response = problem(503, "The sidecar cannot answer right now; try again in a moment.", code=error.code)
    except SidecarError as error:
        response = _of_ours(error)
    except Exception:
        log.exception("a request broke")
        response = problem(500, "Something broke in the sidecar; its log says what.")
    if response.status == HTTPStatus.SERVICE_UNAVAILABLE:
        response.headers.setdefault("Retry-After", RETRY_AFTER_S)
    response.headers.update(HEADERS)
    return response


class Refused(web.HTTPException):
    """What a handler refuses; the code is for programs, the detail for people, and both are safe to show."""

    status_code = -1

    def __init__(self, status: HTTPStatus, title: str, *, code: str, detail: str | None = None) -> None:
        self.status_code = status
        super().__init__(reason=title)
        self.code = code
        self.detail = detail


_STATUS: dict[type[SidecarError], tuple[HTTPStatus, str]] = {
    NotSignedIn: (HTTPStatus.UNAUTHORIZED, "Sign in to Immich first."),
    NotAllowed: (HTTPStatus.FORBIDDEN, "You may not do this."),
    StaleDecision: (HTTPStatus.CONFLICT, "What this was decided on has changed; look again."),
    ImmichMissing: (HTTPStatus.NOT_FOUND, "Immich does not have this, or it is not yours."),
    ImmichChanged: (HTTPStatus.CONFLICT, "This Immich is newer than the sidecar knows; update the sidecar first."),
    ImmichRefused: (HTTPStatus.CONFLICT, "Immich refuses the sidecar's key; connect the sidecar again."),
}


def _of_ours(error: SidecarError) -> web.Response:
    for kind, (status, title) in _STATUS.items():
        if isinstance(error, kind):
            response = problem(status, title, code=error.code)
            if status is HTTPStatus.UNAUTHORIZED:
                response.headers["WWW-Authenticate"] = "Bearer"
            return response
    log.error("a request failed", exc_info=error)
    return problem(500, "The sidecar cannot answer this.", code=error.code)


def problem(status: int, title: str, *, code: str | None = None, detail: str | None = None) -> web.Response:
    """An answer of type application/problem+json; what is wrong is about one person and is kept by nobody."""
    body: dict[str, object] = {"status": status, "title": title}
    if code is not None:
        body["code"] = code
    if detail is not None:
        body["detail"] = detail
    return web.json_response(body, status=status, content_type="application/problem+json", headers=_KEPT_BY_NOBODY)
