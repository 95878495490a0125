"""Immich's webhooks: who sends may be anybody, so little is believed, and everything is answered at once."""

from __future__ import annotations

import asyncio
from http import HTTPStatus

from aiohttp import web

from sidecar.errors import TryLater
from sidecar.events.webhook import BODY_LIMIT_BYTES, Malformed, OfSomebodyElse, read_webhook
from sidecar.keys import SERVICES
from sidecar.storage.changes import Source

BODY_WITHIN_S = 10.0


async def immich(request: web.Request) -> web.Response:
    """204 when the change is on record, and for what does not concern us; Immich reads no answer.

    Errors: 404 for a hook that is nobody's, 401 for a wrong secret, 413 and 408 for a body too large or too slow, 400
            for one that Immich would not send, 403 for another user's asset, 503 while the database does not answer.
            Each is counted; polling finds what was lost by the last.
    """
    services = request.app[SERVICES]
    intake = services.intake
    owner_id = services.hooks.owner_of(request.match_info["token"]) if services.hooks is not None else None
    if owner_id is None or services.hooks is None:
        intake.count(Source.WEBHOOK, "unknown_hook")
        raise web.HTTPNotFound
    if not services.hooks.admits(owner_id, request.headers.get("Authorization")):
        intake.count(Source.WEBHOOK, "forged", owner_id)
        raise web.HTTPUnauthorized
    try:
        body = await _body(request)
        change = read_webhook(body, owner_id)
        await intake.put([change] if change is not None else [])
    except (web.HTTPRequestEntityTooLarge, web.HTTPRequestTimeout) as error:
        intake.count(Source.WEBHOOK, "oversized" if error.status == HTTPStatus.REQUEST_ENTITY_TOO_LARGE else "too_slow")
        raise
    except Malformed as error:
        intake.count(Source.WEBHOOK, error.code, owner_id)
        raise web.HTTPBadRequest from error
    except OfSomebodyElse as error:
        intake.count(Source.WEBHOOK, error.code, owner_id)
        raise web.HTTPForbidden from error
    except TryLater:
        intake.count(Source.WEBHOOK, "lost", owner_id)
        raise
    if change is None:
        intake.count(Source.WEBHOOK, "ignored", owner_id)
    return web.Response(status=HTTPStatus.NO_CONTENT)


async def _body(request: web.Request) -> bytes:
    body = bytearray()
    try:
        async with asyncio.timeout(BODY_WITHIN_S):
            async for chunk in request.content.iter_any():
                body += chunk
                if len(body) > BODY_LIMIT_BYTES:
                    raise web.HTTPRequestEntityTooLarge(BODY_LIMIT_BYTES, len(body))
    except TimeoutError as error:
        raise web.HTTPRequestTimeout from error
    except web.RequestPayloadError as error:
        raise Malformed("the body is not coded as it says") from error
    return bytes(body)
