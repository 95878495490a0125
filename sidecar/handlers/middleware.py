"""What every answer passes through: security headers, and errors turned into problem JSON (RFC 9457)."""

from __future__ import annotations

import logging

from aiohttp import web
from aiohttp.typedefs import Handler

from sidecar.errors import SidecarError, TryLater

log = logging.getLogger(__name__)

HEADERS = {
    "Content-Security-Policy": (
        "default-src 'none'; style-src 'self'; img-src 'self'; base-uri 'none'; frame-ancestors 'none'"
    ),
    "Referrer-Policy": "same-origin",
    "X-Content-Type-Options": "nosniff",
}


@web.middleware
async def errors(request: web.Request, handler: Handler) -> web.StreamResponse:
    """The handler's answer, or one that says what went wrong without giving anything away."""
    try:
        response = await handler(request)
    except web.HTTPException as error:
        response = problem(error.status, error.reason)
        response.headers.update({name: value for name, value in error.headers.items() if name in {"Allow", "Location"}})
    except TryLater as error:
        log.warning("a request cannot be answered now: %s", error)
        response = problem(503, "The sidecar cannot answer right now; try again in a moment.", code=error.code)
    except SidecarError as error:
        log.exception("a request failed")
        response = problem(500, "The sidecar cannot answer this.", code=error.code)
    except Exception:
        log.exception("a request broke")
        response = problem(500, "Something broke in the sidecar; its log says what.")
    response.headers.update(HEADERS)
    return response


def problem(status: int, title: str, *, code: str | None = None) -> web.Response:
    """An answer of type application/problem+json."""
    body: dict[str, object] = {"status": status, "title": title}
    if code is not None:
        body["code"] = code
    return web.json_response(body, status=status, content_type="application/problem+json")
