"""When one of the two ends is gone: the other one is to see it, and a broken answer never looks like a whole one."""

from __future__ import annotations

import asyncio
import socket
import struct
from collections.abc import Iterator
from contextlib import contextmanager

from aiohttp import web

LOOKED_AT_EVERY_S = 0.25
_RESET_AT_ONCE = struct.pack("ii", 1, 0)


@contextmanager
def cancelled_without_visitor(request: web.Request) -> Iterator[None]:
    """The block is cancelled soon after the visitor has gone, whatever it waits for.

    Errors: CancelledError, as if the server had cancelled the handler.
    """
    loop, task, transport = asyncio.get_running_loop(), asyncio.current_task(), request.transport
    timer: asyncio.TimerHandle

    def look() -> None:
        nonlocal timer
        if task is not None and (transport is None or transport.is_closing()):
            task.cancel()
        else:
            timer = loop.call_later(LOOKED_AT_EVERY_S, look)

    timer = loop.call_later(LOOKED_AT_EVERY_S, look)
    try:
        yield
    finally:
        timer.cancel()


def break_off(request: web.Request) -> None:
    """Nothing; the visitor's connection is reset, so that nobody takes what they got for all there is.

    Shape:  an orderly end would look like the end of an answer to clients of HTTP/1.0, and to some others.
    """
    transport = request.transport
    if transport is None:
        return
    transport.get_extra_info("socket").setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, _RESET_AT_ONCE)
    transport.abort()
