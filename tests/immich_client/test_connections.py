"""Which connection carries a call, and what becomes of it afterwards: over real sockets."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import AsyncIterator, Awaitable, Callable

import pytest

from sidecar.errors import ContractBroken, ImmichUnavailable
from sidecar.immich_client._generated import calls
from sidecar.immich_client.transport import Retries, Transport
from tests.immich_client.wire import ASSET_ID, OTHER_ID

KEY = "geheimer-Schluessel"
READING = calls.get_server_version()
WRITING = calls.create_stack(asset_ids=[ASSET_ID, OTHER_ID])

Answer = Callable[[asyncio.StreamReader, asyncio.StreamWriter], Awaitable[None]]
Listen = Callable[[Answer], Awaitable[Transport]]

VERSION_ANSWER = (
    b"HTTP/1.1 200 OK\r\ncontent-type: application/json\r\ncontent-length: 31\r\n"
    b"set-cookie: immich_access_token=geheim; Path=/\r\n\r\n"
    b'{"major":3,"minor":1,"patch":0}'
)


@pytest.fixture
async def listen() -> AsyncIterator[Listen]:
    """Starts a server that hands each connection to a function, and a transport that asks it."""
    opened: list[tuple[asyncio.Server, Transport]] = []

    async def start(answer: Answer) -> Transport:
        server = await asyncio.start_server(answer, "127.0.0.1", 0)
        port = server.sockets[0].getsockname()[1]
        transport = Transport(f"http://127.0.0.1:{port}", KEY, connections=2, retries=Retries(first_pause_s=0.0))
        opened.append((server, transport))
        return transport

    yield start
    for server, transport in opened:
        await transport.__aexit__(None, None, None)
        server.close()


class Server:
    """Answers every request with a version; counts connections, remembers requests, knows who has gone."""

    def __init__(self, *, answers_a_connection: int = 1000) -> None:
        self.answers_a_connection = answers_a_connection
        self.connections = 0
        self.gone = asyncio.Semaphore(0)
        self.may_answer = asyncio.Event()
        self.may_answer.set()
        self.asked = asyncio.Semaphore(0)
        self.requests: list[bytes] = []

    async def __call__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.connections += 1
        try:
            for _ in range(self.answers_a_connection):
                self.requests.append(await reader.readuntil(b"\r\n\r\n"))
                self.asked.release()
                await self.may_answer.wait()
                writer.write(VERSION_ANSWER)
        except (asyncio.IncompleteReadError, ConnectionError):
            pass
        finally:
            self.gone.release()
            writer.close()


async def test_calls_after_one_another_share_a_connection_and_no_cookie(listen: Listen) -> None:
    server = Server()
    transport = await listen(server)
    for _ in range(5):
        await transport.send(READING)
    assert server.connections == 1
    assert len(server.requests) == 5
    assert b"cookie" not in b"".join(server.requests).lower()


async def test_a_connection_that_the_server_closed_while_it_rested_carries_no_call(listen: Listen) -> None:
    server = Server(answers_a_connection=1)
    transport = await listen(server)
    for _ in range(3):
        await transport.send(READING, attempts=1)
        await server.gone.acquire()
        await asyncio.sleep(0.01)  # until the end has arrived
    assert server.connections == 3


async def test_a_connection_that_rested_for_long_is_given_up_before_the_server_does(
    listen: Listen, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("sidecar.immich_client.connections._KEEPALIVE_S", 0.02)
    server = Server()
    transport = await listen(server)
    await asyncio.gather(transport.send(READING), transport.send(READING))
    await asyncio.sleep(0.03)
    await transport.send(READING)
    for _ in range(2):
        await server.gone.acquire()
    assert server.connections == 3


async def test_connections_that_rest_take_turns(listen: Listen) -> None:
    server = Server()
    transport = await listen(server)
    await asyncio.gather(transport.send(READING), transport.send(READING))
    first, second = transport._connections._resting
    await transport.send(READING)
    assert list(transport._connections._resting) == [second, first]


async def test_a_cancelled_call_gives_back_its_turn_and_costs_its_connection(listen: Listen) -> None:
    server = Server()
    server.may_answer.clear()
    transport = await listen(server)
    waiting = [asyncio.create_task(transport.send(READING)) for _ in range(4)]
    for _ in range(2):
        await server.asked.acquire()
    for task in waiting:
        task.cancel()
    assert all(
        isinstance(end, asyncio.CancelledError) for end in await asyncio.gather(*waiting, return_exceptions=True)
    )
    server.may_answer.set()
    for _ in range(2):
        await server.gone.acquire()
    assert server.connections == 2
    assert (await asyncio.gather(*(transport.send(READING) for _ in range(3))))[0].major == 3
    assert server.connections == 4


async def test_an_answer_left_unread_costs_its_connection(listen: Listen) -> None:
    server = Server()
    transport = await listen(server)
    with pytest.raises(ContractBroken):
        await transport.send(READING, answer_limit_bytes=10)
    await server.gone.acquire()
    await transport.send(READING)
    assert server.connections == 2


async def test_closing_closes_every_connection_in_the_end(listen: Listen) -> None:
    server = Server()
    transport = await listen(server)
    await asyncio.gather(transport.send(READING), transport.send(READING))
    for _ in range(2):
        await server.asked.acquire()
    server.may_answer.clear()
    last = asyncio.create_task(transport.send(READING))
    await server.asked.acquire()
    await transport.__aexit__(None, None, None)
    await server.gone.acquire()
    assert not last.done()
    server.may_answer.set()
    assert (await last).major == 3
    await server.gone.acquire()


async def test_a_write_that_is_answered_with_silence_is_sent_once(listen: Listen) -> None:
    received: list[bytes] = []

    async def hang_up(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        received.append(await reader.readuntil(b"]}"))
        writer.close()

    transport = await listen(hang_up)
    with pytest.raises(ImmichUnavailable, match="broke off its answer"):
        await transport.send(WRITING)
    assert len(received) == 1
    assert received[0].startswith(b"POST /api/stacks HTTP/1.1\r\n")


async def test_the_environments_proxy_is_not_meant_for_immich(listen: Listen, monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("HTTP_PROXY", "http_proxy", "ALL_PROXY", "all_proxy"):
        monkeypatch.setenv(name, "http://127.0.0.1:9")
    transport = await listen(Server())
    assert (await transport.send(READING)).major == 3


async def test_a_server_that_does_not_encrypt_is_not_asked_in_clear(listen: Listen) -> None:
    received: list[bytes] = []

    async def plain(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        received.append(await reader.read(1000))
        writer.write(b"HTTP/1.1 400 Bad Request\r\n\r\n")
        writer.close()

    address = (await listen(plain)).address.replace("http:", "https:")
    async with Transport(address, KEY, retries=Retries(attempts=1)) as transport:
        with pytest.raises(ImmichUnavailable, match="cannot be reached"):
            await transport.send(WRITING)
    assert len(received) == 1
    assert b"stacks" not in received[0]


async def test_what_was_asked_and_answered_is_told_while_debugging(
    listen: Listen, caplog: pytest.LogCaptureFixture
) -> None:
    transport = await listen(Server())
    caplog.set_level(logging.DEBUG)
    await transport.send(READING)
    assert "Immich answered. operation=getServerVersion status=200" in caplog.messages
    assert KEY not in caplog.text
