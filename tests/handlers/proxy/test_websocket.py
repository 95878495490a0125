"""A websocket passes whole: messages both ways, pings, and how it ended."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from typing import Any

import pytest
from aiohttp import ClientWebSocketResponse, WSMsgType, WSServerHandshakeError, web

from tests.handlers.proxy.conftest import PROXY, House, Stage
from tests.handlers.proxy.wire import json_answer

SOCKET = f"{PROXY}/socket.io/?EIO=4&transport=websocket"
Talk = Callable[[web.WebSocketResponse], Awaitable[None]]


def opened(house: House, headers: dict[str, str] | None = None, **options: Any) -> Any:
    return house.client.ws_connect(
        house.server.make_url(SOCKET), headers=house.signed_in if headers is None else headers, **options
    )


async def test_what_immich_tells_its_clients_arrives(house: House) -> None:
    async with opened(house) as socket:
        assert (await socket.receive_str()).startswith("0{")
        await socket.send_str("40")
        assert (await socket.receive_str()).startswith("40{")
        assert (await socket.receive_str()).startswith('42["on_server_version"')
        row = house.immich.upload(house.ann, "a.jpg", b"a")
        house.immich.trash(row)
        while True:
            if "on_asset_trash" in (message := await socket.receive_str()):
                assert row.id in message
                break
        assert house.immich.sockets.count == 1
    for _ in range(50):
        if not house.immich.sockets.count:
            break
        await asyncio.sleep(0.05)
    assert house.immich.sockets.count == 0


async def test_what_ends_without_a_word_ends_here_too(house: House) -> None:
    async with opened(house) as socket:
        await socket.receive_str()
        await house.immich.sockets.drop()
        message = await socket.receive(timeout=3)
        assert message.type in {WSMsgType.CLOSED, WSMsgType.ERROR}
        assert socket.close_code == 1006


@pytest.mark.parametrize(
    ("headers", "status"),
    [
        pytest.param({}, 401, id="nobody"),
        pytest.param({"x-immich-user-token": "1"}, 401, id="a header of Immich's own"),
        pytest.param({"Cookie": "immich_access_token=TOKEN"}, 403, id="a cookie, from nowhere"),
        pytest.param({"Cookie": "immich_access_token=TOKEN", "Origin": "http://elsewhere"}, 403, id="another origin"),
        pytest.param({"Cookie": "immich_access_token=TOKEN", "Sec-Fetch-Site": "same-site"}, 403, id="another site"),
    ],
)
async def test_who_may_not_open_one_is_refused(house: House, headers: dict[str, str], status: int) -> None:
    shown = {name: value.replace("TOKEN", house.ann_token) for name, value in headers.items()}
    with pytest.raises(WSServerHandshakeError) as refused:
        await opened(house, shown)
    assert refused.value.status == status


async def test_our_own_pages_open_one_by_cookie(house: House) -> None:
    own = {
        "Cookie": f"immich_access_token={house.ann_token}",
        "Origin": f"http://{house.server.host}:{house.server.port}",
    }
    async with opened(house, own) as socket:
        assert (await socket.receive_str()).startswith("0{")


async def test_immichs_refusal_is_told(stage: Stage) -> None:
    for raw, status in ((json_answer("{}", status="400 Bad Request"), 400), (json_answer("{}"), 502), (b"", 502)):
        stage.immich.answers(raw, cut=True)
        with pytest.raises(WSServerHandshakeError) as refused:
            await stage.client.ws_connect(stage.server.make_url(SOCKET), headers={"x-api-key": "key"})
        assert refused.value.status == status


@asynccontextmanager
async def talking_to(house: House, talk: Talk, **options: Any) -> AsyncIterator[ClientWebSocketResponse]:
    """A websocket through the proxy to a server, in Immich's place, that talks so."""

    async def answer(request: web.Request) -> web.StreamResponse:
        socket = web.WebSocketResponse(protocols=("one", "two"), autoping=False, autoclose=False)
        await socket.prepare(request)
        await talk(socket)
        return socket

    port = int(house.immich.url.rpartition(":")[2])
    await house.immich.stop()
    app = web.Application()
    app.router.add_get("/api/socket.io/", answer)
    runner = web.AppRunner(app, shutdown_timeout=1)
    await runner.setup()
    await web.TCPSite(runner, "127.0.0.1", port, reuse_address=True).start()
    try:
        async with opened(house, **options) as socket:
            yield socket
    finally:
        await runner.cleanup()


async def test_every_kind_of_message_passes_as_it_is(house: House) -> None:
    heard: list[tuple[WSMsgType, Any]] = []

    async def talk(socket: web.WebSocketResponse) -> None:
        while (message := await socket.receive()).type is not WSMsgType.CLOSE:
            heard.append((message.type, message.data))
            await socket.send_frame(
                message.data.encode() if isinstance(message.data, str) else message.data, message.type
            )
        await socket.close()

    async with talking_to(house, talk, autoping=False, autoclose=False, protocols=("two",)) as socket:
        assert socket.protocol == "two"
        said: list[tuple[WSMsgType, Any]] = [
            (WSMsgType.TEXT, "Grüße"),
            (WSMsgType.BINARY, bytes(range(256)) * 4096),
            (WSMsgType.PING, b"p"),
            (WSMsgType.PONG, b"q"),
        ]
        for kind, data in said:
            await socket.send_frame(data.encode() if isinstance(data, str) else data, kind)
            answer = await socket.receive(timeout=3)
            assert (answer.type, answer.data) == (kind, data)
    assert heard == said


@pytest.mark.parametrize(
    ("code", "reason"), [pytest.param(1000, "", id="done"), pytest.param(4003, "mündlich", id="a code of its own")]
)
async def test_immich_ends_it_and_says_why(house: House, code: int, reason: str) -> None:
    async def talk(socket: web.WebSocketResponse) -> None:
        await socket.close(code=code, message=reason.encode())

    async with talking_to(house, talk, autoclose=False) as socket:
        message = await socket.receive(timeout=3)
        assert (message.type, message.data, message.extra) == (WSMsgType.CLOSE, code, reason)


@pytest.mark.parametrize(
    ("code", "reason"), [pytest.param(1001, "", id="going away"), pytest.param(3999, "why", id="a code of its own")]
)
async def test_the_visitor_ends_it_and_says_why(house: House, code: int, reason: str) -> None:
    told: asyncio.Queue[Any] = asyncio.Queue()

    async def talk(socket: web.WebSocketResponse) -> None:
        await told.put(await socket.receive())
        await socket.close(code=code)

    async with talking_to(house, talk) as socket:
        await socket.close(code=code, message=reason.encode())
        message = await asyncio.wait_for(told.get(), 3)
        assert (message.type, message.data, message.extra) == (WSMsgType.CLOSE, code, reason)


async def test_an_end_without_a_code_stays_one(house: House) -> None:
    async def talk(socket: web.WebSocketResponse) -> None:
        await socket.send_frame(b"", WSMsgType.CLOSE)
        await socket.receive()
        await socket.close()

    async with talking_to(house, talk, autoclose=False) as socket:
        message = await socket.receive(timeout=3)
        assert (message.type, message.data) == (WSMsgType.CLOSE, 0)


async def test_a_visitor_who_is_lost_goes_away(house: House) -> None:
    told: asyncio.Queue[Any] = asyncio.Queue()

    async def talk(socket: web.WebSocketResponse) -> None:
        await socket.send_str("hello")
        await told.put(await socket.receive())
        await socket.close()

    async with talking_to(house, talk) as socket:
        await socket.receive()
        transport = socket.get_extra_info("socket")
        assert transport is not None
        socket._response.close()
        message = await asyncio.wait_for(told.get(), 3)
        assert (message.type, message.data) == (WSMsgType.CLOSE, 1001)
