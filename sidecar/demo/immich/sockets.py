"""Websockets of clients: Socket.IO over Engine.IO 4, as far as Immich uses them. What is told is client_events.py's.

The protocol is spoken here in so many words because a test must be able to do what no server library lets it: leave a
connection open and say nothing any more.
"""

from __future__ import annotations

import asyncio
import contextlib
import secrets
from enum import StrEnum
from http import HTTPStatus

from aiohttp import WSMsgType, web

from sidecar.demo.immich.client_events import UNAUTHORIZED, Event, events_of, server_version
from sidecar.demo.immich.credentials import recognise
from sidecar.demo.immich.occasions import Occasion
from sidecar.demo.immich.refusals import Refusal
from sidecar.demo.immich.routing import API, USER_KEY, reply
from sidecar.demo.immich.state import State
from sidecar.demo.immich.wire import encode

PATH = f"{API}/socket.io/"
_MAX_PAYLOAD_BYTES = 1_000_000
_ID_BYTES = 15
_MS_PER_S = 1000


class _Word(StrEnum):
    """The beginning of what either side says: an Engine.IO packet type, and after a 4 a Socket.IO one.

    Source: Engine.IO protocol 4 and Socket.IO protocol 5.
    """

    OPEN = "0"
    CLOSE = "1"
    PING = "2"
    PONG = "3"
    CONNECT = "40"
    DISCONNECT = "41"
    EVENT = "42"
    CONNECT_ERROR = "44"


class Sockets:
    """Those of one server.

    Units:  a ping is sent every ping_interval_s and has to be answered within ping_timeout_s.
    Source: websocket.repository.ts:31-95, 3.1.0; recorded websockets, websocket_with_narrow_key.
    """

    def __init__(self, state: State, *, ping_interval_s: float, ping_timeout_s: float) -> None:
        self.ping_interval_s = ping_interval_s
        self.ping_timeout_s = ping_timeout_s
        self._state = state
        self._open: set[_Connection] = set()

    @property
    def count(self) -> int:
        """How many clients are connected and were recognised."""
        return sum(connection.user_id is not None for connection in self._open)

    def hear(self, occasion: Occasion) -> None:
        """Tell the owner's clients, if any."""
        if self._open:
            listeners = self._of(occasion.owner_id)
            for event in events_of(occasion, self._state) if listeners else ():
                _tell(listeners, event)

    def mute(self) -> None:
        """Leave the connections of now open, hear and say nothing on them any more; later ones are as ever."""
        for connection in self._open:
            connection.mute()

    async def drop(self) -> None:
        """Cut all connections without a word; clients may connect anew."""
        dropped = list(self._open)
        for connection in dropped:
            connection.cut()
        for connection in dropped:
            await connection.closed.wait()

    async def answer(self, request: web.Request) -> web.StreamResponse:
        """Hold the connection until either side ends it.

        Source: transports websocket alone, websocket.repository.ts, 3.1.0; engine.io server.ts for the refusal.
        """
        is_websocket = request.headers.get("upgrade", "").lower() == "websocket"
        if not is_websocket or request.query.get("transport") != "websocket" or request.query.get("EIO") != "4":
            return reply({"code": 0, "message": "Transport unknown"}, HTTPStatus.BAD_REQUEST)
        connection = _Connection(request, self)
        self._open.add(connection)
        try:
            await connection.serve()
        finally:
            self._open.discard(connection)
            connection.closed.set()
        return connection.socket

    def admit(self, connection: _Connection, request: web.Request) -> None:
        """Let the user's events come here; who may not have them is told so and sent away.

        Source: recorded websocket_with_narrow_key; auth.service.ts:224,236-241, 3.1.0: a key has to hold all.
        """
        try:
            caller = recognise(request, self._state, by_headers_alone=True)
            caller.require("all")
        except Refusal:
            _tell([connection], UNAUTHORIZED)
            connection.say(_Word.DISCONNECT)
            return
        request[USER_KEY] = connection.user_id = caller.user.id
        # The user's other clients are in the same room, and hear it too.
        _tell(self._of(caller.user.id), server_version(self._state.behaviour))

    def _of(self, user_id: str) -> list[_Connection]:
        return [connection for connection in self._open if connection.user_id == user_id]


class _Connection:
    """One websocket; user_id is None until it was admitted and after it was left."""

    def __init__(self, request: web.Request, sockets: Sockets) -> None:
        self.user_id: str | None = None
        self.closed = asyncio.Event()
        self.socket = web.WebSocketResponse(compress=False)
        self._request = request
        self._sockets = sockets
        self._outbox: asyncio.Queue[str] = asyncio.Queue()
        self._pong = asyncio.Event()
        self._tasks: list[asyncio.Task[None]] = []

    def say(self, word: _Word, value: object = None) -> None:
        """Send this next."""
        self._outbox.put_nowait(word + ("" if value is None else encode(value).decode()))

    def cut(self) -> None:
        """Lose the connection."""
        if self._request.transport is not None:
            self._request.transport.abort()

    def mute(self) -> None:
        """Hear and say nothing any more."""
        self._stop()
        if self._request.transport is not None:
            self._request.transport.pause_reading()

    async def serve(self) -> None:
        """Speak until either side ends it."""
        await self.socket.prepare(self._request)
        interval_ms, timeout_ms = (
            round(each_s * _MS_PER_S) for each_s in (self._sockets.ping_interval_s, self._sockets.ping_timeout_s)
        )
        self.say(
            _Word.OPEN,
            {
                "sid": secrets.token_urlsafe(_ID_BYTES),
                "upgrades": [],
                "pingInterval": interval_ms,
                "pingTimeout": timeout_ms,
                "maxPayload": _MAX_PAYLOAD_BYTES,
            },
        )
        loop = asyncio.get_running_loop()
        self._tasks = [loop.create_task(self._write()), loop.create_task(self._ping())]
        try:
            async for message in self.socket:
                if message.type is WSMsgType.TEXT and not self._hear(message.data):
                    break
        finally:
            self._stop()
            await asyncio.gather(*self._tasks, return_exceptions=True)
        await self.socket.close()

    def _stop(self) -> None:
        for task in self._tasks:
            task.cancel()

    def _hear(self, text: str) -> bool:
        """Whether the connection goes on; what clients say of themselves does not matter to Immich."""
        if text.startswith(_Word.CONNECT + "/"):
            namespace = text.removeprefix(_Word.CONNECT).partition(",")[0]
            self._outbox.put_nowait(f'{_Word.CONNECT_ERROR}{namespace},{{"message":"Invalid namespace"}}')
        elif text.startswith(_Word.CONNECT):
            self.say(_Word.CONNECT, {"sid": secrets.token_urlsafe(_ID_BYTES)})
            self._sockets.admit(self, self._request)
        elif text.startswith(_Word.DISCONNECT):
            self.user_id = None
        elif text == _Word.PONG:
            self._pong.set()
        return text != _Word.CLOSE

    async def _write(self) -> None:
        with contextlib.suppress(ConnectionError):
            while True:
                await self.socket.send_str(await self._outbox.get())

    async def _ping(self) -> None:
        try:
            while True:
                await asyncio.sleep(self._sockets.ping_interval_s)
                self._pong.clear()
                self.say(_Word.PING)
                await asyncio.wait_for(self._pong.wait(), self._sockets.ping_timeout_s)
        except TimeoutError:
            self.cut()


def _tell(connections: list[_Connection], event: Event) -> None:
    for connection in connections:
        connection.say(_Word.EVENT, event)
