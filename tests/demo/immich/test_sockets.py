from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator, Awaitable, Callable
from typing import Any

import aiohttp
import pytest
import socketio

from sidecar.demo.immich import EmulatedImmich
from sidecar.demo.immich.rows import UserRow
from tests.demo.immich.scene import NOON, Picture

PING_TIMEOUT_S = 1.0
often = pytest.mark.parametrize("ping_interval_s", [0.05])

Events = list[tuple[str, tuple[Any, ...]]]


@pytest.fixture
def ping_interval_s() -> float:
    return 25.0


@pytest.fixture
async def immich(version: str, ping_interval_s: float) -> AsyncIterator[EmulatedImmich]:
    async with EmulatedImmich(version, ping_interval_s=ping_interval_s, ping_timeout_s=PING_TIMEOUT_S) as immich:
        yield immich


@pytest.fixture
def ann(immich: EmulatedImmich) -> UserRow:
    return immich.add_user("Ann")


class Listener:
    """A Socket.IO client that keeps what it hears, and when it was disconnected."""

    def __init__(self) -> None:
        self.heard: Events = []
        self.gone = asyncio.Event()
        # Where the server is not heard of any more, the client leaves its session and its connection open.
        self.http = aiohttp.ClientSession()
        self.io = socketio.AsyncClient(
            reconnection=False, handle_sigint=False, request_timeout=0.2, http_session=self.http
        )
        self.io.on("*", self._hear)
        self.io.on("disconnect", self._go)

    async def connect(self, immich: EmulatedImmich, **headers: str) -> None:
        await self.io.connect(
            immich.url,
            headers={name.replace("_", "-"): value for name, value in headers.items()},
            transports=["websocket"],
            socketio_path="api/socket.io",
        )

    def _hear(self, name: str, *arguments: Any) -> None:
        self.heard.append((name, arguments))

    def _go(self, _: str) -> None:
        self.gone.set()

    @property
    def names(self) -> list[str]:
        return [name for name, _ in self.heard]

    async def wait_for(self, count: int) -> None:
        while len(self.heard) < count:
            await asyncio.sleep(0.005)


@pytest.fixture
async def listen() -> AsyncIterator[Callable[..., Awaitable[Listener]]]:
    listeners: list[Listener] = []

    async def connect(immich: EmulatedImmich, **headers: str) -> Listener:
        listener = Listener()
        listeners.append(listener)
        await listener.connect(immich, **headers)
        return listener

    yield connect
    for listener in listeners:
        await listener.io.disconnect()
        await listener.io.eio.ws.close()
        await listener.http.close()


Listen = Callable[..., Awaitable[Listener]]


def credentials(immich: EmulatedImmich, user: UserRow, how: str) -> dict[str, str]:
    token = immich.add_session(user)
    return {
        "key": {"x_api_key": immich.add_key(user)},
        "user token": {"x_immich_user_token": token},
        "session token": {"x_immich_session_token": token},
        "bearer": {"authorization": f"Bearer {token}"},
        "cookie": {"cookie": f"immich_access_token={token}"},
        "cookie beats key": {"cookie": f"immich_access_token={token}", "x_api_key": "nobody's"},
    }[how]


@pytest.mark.parametrize("how", ["key", "user token", "session token", "bearer", "cookie", "cookie beats key"])
async def test_who_may_do_everything_is_admitted(
    immich: EmulatedImmich, ann: UserRow, listen: Listen, how: str
) -> None:
    listener = await listen(immich, **credentials(immich, ann, how))
    await listener.wait_for(1)
    assert listener.heard == [("on_server_version", ({"major": 3, "minor": 1, "patch": 0, "prerelease": None},))]
    assert immich.sockets.count == 1


@pytest.mark.parametrize("version", ["2.7.5"])
async def test_2x_tells_its_version_at_length(immich: EmulatedImmich, ann: UserRow, listen: Listen) -> None:
    listener = await listen(immich, x_api_key=immich.add_key(ann))
    await listener.wait_for(1)
    [(_, [told])] = listener.heard
    assert told.items() >= {"major": 2, "minor": 7, "patch": 5, "prerelease": [], "version": "2.7.5"}.items()


@pytest.mark.parametrize("who", ["a narrow key", "an unknown key", "nobody", "a link"])
async def test_others_are_connected_told_and_sent_away(
    immich: EmulatedImmich, ann: UserRow, listen: Listen, who: str
) -> None:
    headers = {
        "a narrow key": {"x_api_key": immich.add_key(ann, ["asset.read", "stack.read"])},
        "an unknown key": {"x_api_key": "nope"},
        "nobody": {},
        "a link": {"x_api_key": immich.add_key(ann), "x_immich_share_key": "share"},
    }[who]
    listener = await listen(immich, **headers)
    await asyncio.wait_for(listener.gone.wait(), 5)
    assert listener.heard == [("error", ("unauthorized",))]
    assert immich.sockets.count == 0


async def test_the_query_is_no_credential(immich: EmulatedImmich, ann: UserRow) -> None:
    async with raw(immich, f"&apiKey={immich.add_key(ann)}") as talk:
        await talk.send_str("40")
        assert [await said(talk) for _ in range(4)][2:] == ['42["error","unauthorized"]', "41"]


async def test_one_hears_of_ones_own_alone_on_every_connection(
    immich: EmulatedImmich, ann: UserRow, listen: Listen
) -> None:
    bob = immich.add_user("Bob")
    first = await listen(immich, x_api_key=immich.add_key(ann))
    second = await listen(immich, x_api_key=immich.add_key(ann))
    other = await listen(immich, x_api_key=immich.add_key(bob))
    await second.wait_for(1)
    row = immich.add_asset(ann, "a.jpg", taken_at=NOON)
    immich.trash(row)
    await first.wait_for(3)
    await second.wait_for(2)
    await other.wait_for(1)
    # Everybody in the user's room hears of a new connection.
    assert first.names == ["on_server_version", "on_server_version", "on_asset_trash"]
    assert second.names == ["on_server_version", "on_asset_trash"]
    assert other.names == ["on_server_version"]


@often
async def test_pings_keep_a_silent_connection(immich: EmulatedImmich, ann: UserRow, listen: Listen) -> None:
    listener = await listen(immich, x_api_key=immich.add_key(ann))
    await asyncio.sleep(0.5)
    assert (immich.sockets.count, listener.gone.is_set()) == (1, False)


async def test_who_leaves_is_not_counted(immich: EmulatedImmich, ann: UserRow, listen: Listen) -> None:
    listener = await listen(immich, x_api_key=immich.add_key(ann))
    await listener.wait_for(1)
    await listener.io.disconnect()
    while immich.sockets.count:
        await asyncio.sleep(0.005)
    immich.trash(immich.add_asset(ann, "a.jpg", taken_at=NOON))
    [call] = immich.traffic.calls_of("GET", "/socket.io/")
    assert (call.status, call.user_id) == (101, ann.id)


async def test_dropped_clients_may_come_back(immich: EmulatedImmich, ann: UserRow, listen: Listen) -> None:
    listener = await listen(immich, x_api_key=immich.add_key(ann))
    await listener.wait_for(1)
    await immich.sockets.drop()
    assert immich.sockets.count == 0
    await asyncio.wait_for(listener.gone.wait(), 5)
    again = await listen(immich, x_api_key=immich.add_key(ann))
    await again.wait_for(1)
    assert immich.sockets.count == 1


@often
async def test_a_mute_connection_stays_open_and_says_nothing(immich: EmulatedImmich, ann: UserRow) -> None:
    async with raw(immich, "", immich.add_key(ann)) as talk:
        await talk.send_str("40")
        assert [(await said(talk))[:2] for _ in range(3)] == ["0{", "40", "42"]
        immich.sockets.mute()
        immich.trash(immich.add_asset(ann, "a.jpg", taken_at=NOON))
        await talk.send_str("40")
        with pytest.raises(TimeoutError):
            await asyncio.wait_for(talk.receive(), PING_TIMEOUT_S + 0.3)
        assert immich.sockets.count == 1
        async with raw(immich, "", immich.add_key(ann)) as later:
            await later.send_str("40")
            assert [(await said(later))[:2] for _ in range(3)] == ["0{", "40", "42"]


@often
async def test_a_client_notices_a_mute_server(immich: EmulatedImmich, ann: UserRow, listen: Listen) -> None:
    listener = await listen(immich, x_api_key=immich.add_key(ann))
    await listener.wait_for(1)
    immich.sockets.mute()
    await asyncio.wait_for(listener.gone.wait(), 5)


@often
async def test_who_does_not_answer_pings_is_cut(immich: EmulatedImmich, ann: UserRow) -> None:
    async with raw(immich, "", immich.add_key(ann)) as talk:
        await talk.send_str("40")
        texts = [await said(talk) for _ in range(4)]
        assert texts[3] == "2"
        assert (await talk.receive()).type in {aiohttp.WSMsgType.CLOSED, aiohttp.WSMsgType.ERROR}
    assert immich.sockets.count == 0


async def test_the_protocol(immich: EmulatedImmich, ann: UserRow) -> None:
    async with raw(immich, "", immich.add_key(ann)) as talk:
        opened = await said(talk)
        assert opened[0] == "0"
        assert json.loads(opened[1:]) | {"sid": ""} == {
            "sid": "",
            "upgrades": [],
            "pingInterval": 25_000,
            "pingTimeout": 1000,
            "maxPayload": 1_000_000,
        }
        await talk.send_str("40/admin,{}")
        assert await said(talk) == '44/admin,{"message":"Invalid namespace"}'
        await talk.send_str("40")
        assert (await said(talk)).startswith('40{"sid":"')
        assert (await said(talk)).startswith('42["on_server_version",{')
        await talk.send_bytes(b"whatever")
        await talk.send_str('42["anything",1]')
        immich.stack(ann, immich.add_asset(ann, "a.jpg", taken_at=NOON))
        assert await said(talk) == '42["on_asset_stack_update"]'
        await talk.send_str("41")
        while immich.sockets.count:
            await asyncio.sleep(0.005)
        await talk.send_str("1")
        assert (await talk.receive()).type is aiohttp.WSMsgType.CLOSE


@pytest.mark.parametrize(
    ("query", "headers"),
    [
        pytest.param("?EIO=4&transport=polling", {}, id="polling"),
        pytest.param("?EIO=4&transport=websocket", {}, id="no upgrade"),
        pytest.param("?EIO=3&transport=websocket", {"upgrade": "websocket"}, id="an old protocol"),
        pytest.param("", {"upgrade": "websocket"}, id="nothing said"),
    ],
)
async def test_only_websockets_are_served(immich: EmulatedImmich, query: str, headers: dict[str, str]) -> None:
    async with (
        aiohttp.ClientSession() as http,
        http.get(f"{immich.api_url}/socket.io/{query}", headers=headers) as answer,
    ):
        assert answer.status == 400
    assert immich.sockets.count == 0


async def test_stopping_ends_every_connection(version: str, listen: Listen) -> None:
    async with EmulatedImmich(version) as immich:
        ann = immich.add_user()
        listener = await listen(immich, x_api_key=immich.add_key(ann))
        muted = await listen(immich, x_api_key=immich.add_key(ann))
        await muted.wait_for(1)
        immich.sockets.mute()
    assert immich.sockets.count == 0
    for each in (listener, muted):
        await asyncio.wait_for(each.gone.wait(), 5)


async def test_what_is_lost_already_may_be_muted_and_cut(immich: EmulatedImmich, ann: UserRow) -> None:
    async with raw(immich, "", immich.add_key(ann)) as talk:
        await talk.send_str("40")
        [connection] = await opened(immich)
        await talk.close()
        await connection.closed.wait()
        connection.mute()
        connection.cut()
    assert immich.sockets.count == 0


async def test_nobody_is_asked_what_happened_where_nobody_listens(
    immich: EmulatedImmich, ann: UserRow, listen: Listen, picture: Picture
) -> None:
    listener = await listen(immich, x_api_key=immich.add_key(immich.add_user("Bob")))
    row = immich.upload(ann, "a.jpg", picture())
    await immich.settle()
    assert (row.json, row.exif_json) == (None, None)
    await listener.wait_for(1)
    assert listener.names == ["on_server_version"]


class raw:  # noqa: N801  # reads as a function
    """A bare websocket, to see what is said word for word."""

    def __init__(self, immich: EmulatedImmich, query: str, key: str = "") -> None:
        self._url = f"{immich.api_url}/socket.io/?EIO=4&transport=websocket{query}"
        self._headers = {"x-api-key": key} if key else {}

    async def __aenter__(self) -> aiohttp.ClientWebSocketResponse:
        self._http = aiohttp.ClientSession(headers=self._headers)
        self._socket = await self._http.ws_connect(self._url, timeout=aiohttp.ClientWSTimeout(ws_close=0.1))
        return self._socket

    async def __aexit__(self, *_: object) -> None:
        await self._socket.close()
        await self._http.close()


async def said(talk: aiohttp.ClientWebSocketResponse) -> str:
    """What the server says next."""
    return await talk.receive_str(timeout=5)


async def opened(immich: EmulatedImmich) -> list[Any]:
    """The open connections, once there are any."""
    while not immich.sockets.count:
        await asyncio.sleep(0.005)
    return list(immich.sockets._open)
