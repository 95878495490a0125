"""The sockets to Immich: which one carries a call, and which may be used again. Knows no key and no error of ours."""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import httpcore
import httpx

# Immich closes a connection after 5 s without a request; ours is given up before, so that none breaks while being used.
_KEEPALIVE_S = 3.0


class Connections:
    """The connections to one server: each carries one call at a time, and the one that rested longest goes first.

    Shape:  the connections are those of httpx, its client and its pool are not: they merge addresses, headers and
            cookies for every call, ask the socket of every connection twice, and cost more than the call itself.
    """

    def __init__(self, root: httpx.URL, *, limit: int) -> None:
        self._origin = httpcore.URL(scheme=root.raw_scheme, host=root.raw_host, port=root.port, target=b"/").origin
        # Certificates are read only for https.
        self.ssl_context = httpx.create_ssl_context() if root.scheme == "https" else None
        self._turns = asyncio.Semaphore(limit)
        self._resting: deque[httpcore.AsyncHTTPConnection] = deque()
        self._is_closed = False

    @asynccontextmanager
    async def ask(self, request: httpcore.Request) -> AsyncIterator[httpx.Response]:
        """The answer, its body still to be read; what the block leaves unread costs the connection."""
        async with self._turns:
            connection = await self._rested() or httpcore.AsyncHTTPConnection(
                self._origin, ssl_context=self.ssl_context, keepalive_expiry=_KEEPALIVE_S
            )
            try:
                reply = await connection.handle_async_request(request)
                try:
                    yield httpx.Response(reply.status, headers=reply.headers, stream=_Body(reply))
                finally:
                    await reply.aclose()
            finally:
                if connection.is_available() and not self._is_closed:
                    self._resting.append(connection)
                else:
                    await connection.aclose()

    async def close(self) -> None:
        """Nothing; connections that rest are closed, others as soon as their call ends."""
        self._is_closed = True
        while self._resting:
            await self._resting.popleft().aclose()

    async def _rested(self) -> httpcore.AsyncHTTPConnection | None:
        """The connection that rested longest among those that still stand, None if there is none."""
        while self._resting:
            connection = self._resting.popleft()
            if not connection.has_expired():
                return connection
            await connection.aclose()
        return None


class _Body(httpx.AsyncByteStream):
    """A body as it comes from the wire, for httpx to unpack."""

    def __init__(self, reply: httpcore.Response) -> None:
        self._reply = reply

    def __aiter__(self) -> AsyncIterator[bytes]:
        return self._reply.aiter_stream()
