"""Bytes on a socket, for what no client library would send; and an Immich that answers whatever a test wants it to."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field

USER_ID = "11111111-1111-4111-8111-111111111111"
ME = (
    f'{{"id":"{USER_ID}","email":"ann@example.com","name":"Ann","isAdmin":false,"avatarColor":"primary",'
    '"profileImagePath":"","profileChangedAt":"2024-01-01T00:00:00.000Z","createdAt":"2024-01-01T00:00:00.000Z",'
    '"updatedAt":"2024-01-01T00:00:00.000Z","deletedAt":null,"status":"active","oauthId":"","storageLabel":null,'
    '"shouldChangePassword":false,"quotaSizeInBytes":null,"quotaUsageInBytes":0,"license":null}'
)
OWN_KEY = (
    '{"id":"22222222-2222-4222-8222-222222222222","name":"key","permissions":["all"],'
    '"createdAt":"2024-01-01T00:00:00.000Z","updatedAt":"2024-01-01T00:00:00.000Z"}'
)
VERSION = '{"major":3,"minor":1,"patch":0}'


@dataclass(frozen=True)
class Exchange:
    """What came back before the connection ended, and how it ended."""

    received: bytes
    was_reset: bool

    @property
    def status(self) -> int:
        return int(self.received.split(b" ", 2)[1]) if self.received else 0


async def raw_exchange(port: int, request: bytes, *, within_s: float = 1.0) -> Exchange:
    """What comes back for these bytes, until the other side ends it or says nothing for a moment."""
    reader, writer = await asyncio.open_connection("127.0.0.1", port)
    received, was_reset = b"", False
    try:
        writer.write(request)
        async with asyncio.timeout(within_s):
            while piece := await reader.read(65536):
                received += piece
    except ConnectionResetError:
        was_reset = True
    except TimeoutError:
        pass  # the connection stays open for what comes next
    finally:
        writer.close()
        with contextlib.suppress(ConnectionError):
            await writer.wait_closed()
    return Exchange(received, was_reset)


@dataclass
class Asked:
    """One request as a server got it."""

    head: str
    reader: asyncio.StreamReader
    writer: asyncio.StreamWriter
    headers: dict[str, str] = field(default_factory=dict)

    @property
    def line(self) -> str:
        return self.head.split("\r\n", 1)[0]


Answer = Callable[[Asked], Awaitable[None]]


@dataclass
class Scripted:
    """An Immich that knows one user and says nothing of its own API; it answers everything else as the test says."""

    answer: Answer | None = None
    asked: list[Asked] = field(default_factory=list)
    port: int = 0
    lost: asyncio.Event = field(default_factory=asyncio.Event)

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    def answers(self, raw: bytes, *, cut: bool = False) -> None:
        """Everything is answered with these bytes; the connection is cut afterwards, or stays open."""

        async def answer(asked: Asked) -> None:
            asked.writer.write(raw)
            await asked.writer.drain()
            if cut:
                asked.writer.close()

        self.answer = answer

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            while True:
                head = (await reader.readuntil(b"\r\n\r\n")).decode("latin-1")
                lines = [line.partition(":") for line in head.split("\r\n")[1:-2]]
                asked = Asked(head, reader, writer, {name.lower(): value.strip() for name, _, value in lines})
                if "/api/users/me" in asked.line:
                    writer.write(json_answer(ME))
                elif "/api/api-keys/me" in asked.line:
                    writer.write(json_answer(OWN_KEY))
                elif "/api/server/version" in asked.line:
                    writer.write(json_answer(VERSION))
                elif "/api/spec.json" in asked.line:
                    writer.write(json_answer("{}", status="404 Not Found"))
                else:
                    self.asked.append(asked)
                    assert self.answer is not None
                    await self.answer(asked)
        except (asyncio.IncompleteReadError, ConnectionError, asyncio.CancelledError):
            pass
        finally:
            self.lost.set()
            writer.close()


def json_answer(body: str, *headers: str, status: str = "200 OK") -> bytes:
    """A whole answer of type JSON."""
    more = "".join(f"{header}\r\n" for header in headers)
    length = len(body.encode())
    head = f"HTTP/1.1 {status}\r\nContent-Type: application/json\r\nContent-Length: {length}\r\n{more}\r\n"
    return (head + body).encode()


@asynccontextmanager
async def scripted_immich() -> AsyncIterator[Scripted]:
    """Such an Immich on loopback."""
    scripted = Scripted()
    server = await asyncio.start_server(scripted.serve, "127.0.0.1", 0)
    scripted.port = server.sockets[0].getsockname()[1]
    try:
        yield scripted
    finally:
        server.close()
