"""A websocket between the visitor and Immich: each message, ping and end of one side is told to the other."""

from __future__ import annotations

import asyncio
from contextlib import suppress
from http import HTTPStatus

from aiohttp import (
    ClientError,
    ClientSession,
    ClientWebSocketResponse,
    ClientWSTimeout,
    WSCloseCode,
    WSMessage,
    WSMsgType,
    WSServerHandshakeError,
    web,
)

from sidecar.handlers.middleware import Refused
from sidecar.handlers.proxy.asked import Asked
from sidecar.handlers.proxy.disconnection import break_off

LARGEST_MESSAGE_BYTES = 16 * 1024 * 1024
ENDS_WITHIN_S = 10.0
_PROTOCOLS = "Sec-WebSocket-Protocol"
_STATUSES = frozenset(HTTPStatus)

Socket = web.WebSocketResponse | ClientWebSocketResponse


def is_websocket(request: web.Request) -> bool:
    """Whether the visitor wants the connection to become a websocket."""
    return request.headers.get("Upgrade", "").strip().lower() == "websocket"


async def join(session: ClientSession, asked: Asked) -> web.StreamResponse:
    """The visitor's websocket, ended: it was joined to one that Immich opened.

    Errors: Refused, with Immich's own status, where it opens none; 502 where it does not answer.
    """
    offered = [each.strip() for value in asked.request.headers.getall(_PROTOCOLS, ()) for each in value.split(",")]
    headers = asked.headers_to_immich()
    for name in [name for name in headers if name.lower().startswith("sec-websocket-")]:
        headers.popall(name, None)
    try:
        immichs = await session.ws_connect(
            asked.url,
            headers=headers,
            protocols=offered,
            autoclose=False,
            autoping=False,
            compress=0,
            max_msg_size=LARGEST_MESSAGE_BYTES,
            timeout=ClientWSTimeout(ws_close=ENDS_WITHIN_S),
        )
    except WSServerHandshakeError as error:
        raise Refused(_refusal(error.status), "Immich opens no websocket.", code="no_websocket") from error
    except (ClientError, OSError, TimeoutError) as error:
        raise Refused(HTTPStatus.BAD_GATEWAY, "Immich does not answer.", code="immich_unavailable") from error
    try:
        visitors = web.WebSocketResponse(
            protocols=[immichs.protocol] if immichs.protocol else (),
            autoclose=False,
            autoping=False,
            compress=False,
            max_msg_size=LARGEST_MESSAGE_BYTES,
            timeout=ENDS_WITHIN_S,
        )
        await visitors.prepare(asked.request)
        await _relay_both(asked.request, visitors, immichs)
    finally:
        await immichs.close()
    return visitors


async def _relay_both(request: web.Request, visitors: web.WebSocketResponse, immichs: ClientWebSocketResponse) -> None:
    """Nothing, when either side has ended it and the other was told."""
    up, down = asyncio.create_task(_relay(visitors, immichs)), asyncio.create_task(_relay(immichs, visitors))
    try:
        done, _ = await asyncio.wait((up, down), return_when=asyncio.FIRST_COMPLETED)
    finally:
        for task in (up, down):
            task.cancel()
        ends = await asyncio.gather(up, down, return_exceptions=True)
    ended = next((end for end in ends if isinstance(end, WSMessage)), None)
    if ended is None:
        # One side is gone without a word: the other is to see that, too, and not an orderly end.
        break_off(request)
        await immichs.close(code=WSCloseCode.GOING_AWAY)
        return
    first, second = (immichs, visitors) if up in done and isinstance(ends[0], WSMessage) else (visitors, immichs)
    await _end(first, ended)
    await _end(second, ended)


async def _relay(source: Socket, sink: Socket) -> WSMessage | None:
    """The message by which the source ended it; None if it is gone without one."""
    while True:
        message = await source.receive()
        match message.type:
            case WSMsgType.TEXT:
                await sink.send_str(message.data)
            case WSMsgType.BINARY:
                await sink.send_bytes(message.data)
            case WSMsgType.PING:
                await sink.ping(message.data)
            case WSMsgType.PONG:
                await sink.pong(message.data)
            case WSMsgType.CLOSE:
                return message
            case _:
                return None


async def _end(side: Socket, told: WSMessage) -> None:
    if told.data:
        await side.close(code=told.data, message=(told.extra or "").encode())
    else:
        # An end without a code is none that aiohttp would say.
        with suppress(ConnectionError):
            await side.send_frame(b"", WSMsgType.CLOSE)
        await side.close()


def _refusal(status: int) -> HTTPStatus:
    is_refusal = status >= HTTPStatus.BAD_REQUEST and status in _STATUSES
    return HTTPStatus(status) if is_refusal else HTTPStatus.BAD_GATEWAY
