"""What Immich tells of its own accord, over its websocket: events, as long as the connection lasts."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import AsyncGenerator, AsyncIterator
from contextlib import aclosing, asynccontextmanager, suppress
from dataclasses import dataclass, field
from http import HTTPStatus
from typing import Any

import aiohttp
import socketio

from sidecar.errors import ImmichRefused, ImmichUnavailable, SidecarError
from sidecar.immich_client.conversation import Conversation
from sidecar.immich_client.permissions import EVERYTHING
from sidecar.immich_client.transport import Entrance

CONNECT = "connect"
"""The event that comes first, as soon as the key is known to be let in."""

EVENTS_WAITING = 2_000
"""More than a thousand assets tell of while a write lasts; each event carries a whole asset."""

_PATH = "socket.io"
_ERROR = "error"
_UNAUTHORIZED = "unauthorized"
# An event that names a hundred thousand assets, such as those put into the trash at once, is 4 MB.
_LARGEST_EVENT_BYTES = 16 * 1024 * 1024

# What python-socketio raises, and what it stumbles over where something else answers than a Socket.IO server.
_NO_BEGINNING = (
    socketio.exceptions.SocketIOError,
    aiohttp.ClientError,
    OSError,
    ValueError,
    TypeError,
    LookupError,
)

# The libraries show what they send and receive. Nobody is to read that: it tells of people's pictures.
_silent = logging.getLogger(f"{__name__}.protocol")
_silent.disabled = True


@dataclass(frozen=True, slots=True)
class SocketEvent:
    """An event by Immich's name, with what it brought as plain JSON; that may tell of people, and is not shown."""

    name: str
    args: tuple[object, ...] = field(default=(), repr=False)


@dataclass(frozen=True, slots=True)
class Patience:
    """How long each step may take; when a connection counts as silent, Immich says itself, by its pings.

    Units:  admission_s is waited for a refusal where a newer Immich no longer greets whom it lets in.
    """

    connect_s: float = 10.0
    admission_s: float = 5.0
    close_s: float = 2.0


class Socket(Conversation):
    """Immich's websocket; it takes a key that may do everything."""

    @asynccontextmanager
    async def socket_events(
        self, *, patience: Patience = Patience(), most_waiting: int = EVENTS_WAITING
    ) -> AsyncIterator[AsyncIterator[tuple[SocketEvent, ...]]]:
        """The events from now on, only inside the block: each time all that came since the last, in their order.

        Shape:  the first is CONNECT alone. Nothing is told of what happened before, nor after the connection is lost.
                It never ends but by an error.
        Errors: on entering and with each step ImmichRefused if the key may not do everything, ImmichUnavailable if no
                connection can be made, if it is lost or silent, and if more events wait than can be kept.
        Source: websocket.repository.ts and auth.service.ts, Immich 2.5.6 to 3.1.0: the header is read as in calls, a
                key that is not let in is connected, told "unauthorized" and sent away, any other is told the server's
                version; recordings websocket, websocket_with_narrow_key.
        """
        arriving = _Arriving(self._transport.address, most_waiting=most_waiting)
        entrance = self._transport.entrance
        async with _session(entrance) as session:
            client = _client(session, arriving, patience)
            try:
                await _connect(client, entrance, arriving, patience)
                async with aclosing(arriving.events(patience)) as events:
                    yield events
            finally:
                await _close(client, patience)


class _Arriving:
    """The events that have come and were not fetched yet, and why no more come."""

    def __init__(self, address: str, *, most_waiting: int) -> None:
        self._address = address
        self._most_waiting = most_waiting
        self._events: list[SocketEvent] = []
        self._end: SidecarError | None = None
        self._is_connected = False
        self._changed = asyncio.Event()

    def connected(self) -> None:
        """The protocol is agreed on; whether the key is let in is still to be seen."""
        self._is_connected = True
        self._changed.set()

    def put(self, name: object, *args: object) -> None:
        """An event has come; after the end none counts."""
        if self._end is not None:
            return
        if name == _ERROR and args[:1] == (_UNAUTHORIZED,):
            refusal = "Immich refuses its websocket to this API key; a valid one with all permissions opens it."
            self._stop(ImmichRefused(refusal, permission=EVERYTHING))
        elif len(self._events) >= self._most_waiting:
            self.lose("tells more events than can be kept")
        else:
            self._events.append(SocketEvent(str(name), args))
            self._changed.set()

    def lose(self, why: str) -> None:
        """No more events come."""
        self._stop(ImmichUnavailable(f"The websocket of Immich at {self._address} {why}."))

    def check(self) -> None:
        """Nothing.

        Errors: why no more events come, if none do.
        """
        if self._end is not None:
            raise self._end

    async def events(self, patience: Patience) -> AsyncGenerator[tuple[SocketEvent, ...], None]:
        """As socket_events, from the connection on."""
        try:
            async with asyncio.timeout(patience.connect_s):
                while not self._is_connected:
                    await self._change()
        except TimeoutError:
            self.lose("does not open in time")
            self.check()
        with suppress(TimeoutError):
            async with asyncio.timeout(patience.admission_s):
                while not self._events:
                    await self._change()
        yield (SocketEvent(CONNECT),)
        while True:
            while not self._events:
                await self._change()
            told, self._events = tuple(self._events), []
            yield told

    def _stop(self, why: SidecarError) -> None:
        self._end = self._end or why
        self._changed.set()

    async def _change(self) -> None:
        """Nothing, as soon as something has come.

        Errors: why nothing comes any more.
        """
        self.check()
        self._changed.clear()
        await self._changed.wait()


@asynccontextmanager
async def _session(entrance: Entrance) -> AsyncIterator[aiohttp.ClientSession]:
    """As calls are sent: no redirect followed, no cookie kept, neither proxies nor passwords of the environment."""
    answers: list[aiohttp.ClientResponse] = []

    async def stay(request: aiohttp.ClientRequest, handler: aiohttp.ClientHandlerType) -> aiohttp.ClientResponse:
        """The answer; one that leads elsewhere is an error, since aiohttp would show the key there, too."""
        answer = await handler(request)
        answers.append(answer)
        if HTTPStatus.MULTIPLE_CHOICES <= answer.status < HTTPStatus.BAD_REQUEST:
            raise aiohttp.ClientConnectionError("redirected")
        return answer

    connector = aiohttp.TCPConnector(ssl=entrance.ssl_context or True)
    async with aiohttp.ClientSession(
        connector=connector, cookie_jar=aiohttp.DummyCookieJar(), middlewares=[stay]
    ) as session:
        try:
            yield session
        finally:
            for answer in answers:
                answer.close()  # python-socketio leaves open what it gives up


def _client(session: aiohttp.ClientSession, arriving: _Arriving, patience: Patience) -> Any:
    client = socketio.AsyncClient(
        reconnection=False,
        handle_sigint=False,
        logger=_silent,
        engineio_logger=_silent,
        http_session=session,
        websocket_extra_options={
            "max_msg_size": _LARGEST_EVENT_BYTES,
            "timeout": aiohttp.ClientWSTimeout(ws_close=patience.close_s),
        },
    )
    client.on("connect", arriving.connected)
    client.on("*", arriving.put)
    return client


async def _connect(client: Any, entrance: Entrance, arriving: _Arriving, patience: Patience) -> None:
    """Nothing; the websocket is open, and its end will be told.

    Errors: ImmichUnavailable, which carries nothing of the libraries' errors: those hold what was sent, the key too.
    """
    try:
        async with asyncio.timeout(patience.connect_s):
            await client.connect(
                entrance.origin,
                headers=dict(entrance.headers),
                transports=["websocket"],
                socketio_path=entrance.path + _PATH,
                wait=False,
            )
    except TimeoutError:
        arriving.lose("does not open in time")
    except _NO_BEGINNING as error:
        arriving.lose(_reason(error))
    arriving.check()
    client.on("connect_error", lambda *_: arriving.lose("is not that of its API"))  # before, it tells what is known
    reading: asyncio.Task[None] = client.eio.read_loop_task
    reading.add_done_callback(lambda _: arriving.lose("is closed or silent"))


def _reason(error: BaseException | None) -> str:
    while error is not None:
        if isinstance(error, aiohttp.WSServerHandshakeError):
            return f"cannot be opened: the answer is {error.status}"
        if isinstance(error, aiohttp.ClientConnectorCertificateError):
            return "cannot be opened: its certificate is not trusted"
        error = error.__cause__ or error.__context__
    return "cannot be opened"


async def _close(client: Any, patience: Patience) -> None:
    """Nothing; nothing of the client runs any more. A silent server is not waited for."""
    with suppress(TimeoutError):
        async with asyncio.timeout(2 * patience.close_s):
            await client.disconnect()
    running = [task for task in (client.eio.read_loop_task, client.eio.write_loop_task) if task is not None]
    for task in running:
        task.cancel()
    await asyncio.gather(*running, return_exceptions=True)
