"""Immich's websocket: who is let in, what comes, how it ends; against the emulated Immich and servers that are none."""

from __future__ import annotations

import asyncio
import gc
import logging
from collections.abc import AsyncIterator, Awaitable, Callable
from pathlib import Path
from typing import Self

import pytest
from aiohttp import web
from engineio import base_client  # type: ignore[import-untyped]

from sidecar.demo.immich import EmulatedImmich
from sidecar.errors import ImmichRefused, ImmichUnavailable
from sidecar.immich_client._generated.facts import PINS
from sidecar.immich_client.client import Immich, open_immich
from sidecar.immich_client.socket import CONNECT, Patience, SocketEvent
from sidecar.model import AssetId
from tests.immich_client.scene import NOON
from tests.immich_client.tls import CERTIFICATE, tls_before

KEY = "geheimer-Schluessel"
QUICK = Patience(connect_s=0.5, admission_s=0.1, close_s=0.2)
OPEN = '0{"sid":"s","upgrades":[],"pingInterval":25000,"pingTimeout":20000,"maxPayload":1000000}'
CONNECTED = '40{"sid":"t"}'
GREETING = '42["on_server_version",{"major":3}]'

Talk = Callable[[web.WebSocketResponse], Awaitable[None]]


@pytest.fixture(autouse=True)
async def nothing_is_left() -> AsyncIterator[None]:
    """Neither tasks nor connections, nor anything that complains when it is collected."""
    yield
    assert asyncio.all_tasks() == {asyncio.current_task()}
    assert base_client.connected_clients == []
    gc.collect()


@pytest.fixture(params=PINS)
async def server(request: pytest.FixtureRequest) -> AsyncIterator[EmulatedImmich]:
    async with EmulatedImmich(request.param, job_delay_s=None, ping_interval_s=0.1, ping_timeout_s=0.1) as started:
        yield started


@pytest.fixture
async def newest() -> AsyncIterator[EmulatedImmich]:
    async with EmulatedImmich(PINS[-1], job_delay_s=None) as started:
        yield started


async def until_its_end(immich: Immich, heard: list[SocketEvent]) -> None:
    async with immich.socket_events(patience=QUICK) as events:
        async for told in events:
            heard += told


async def until_heard(heard: list[SocketEvent], name: str) -> None:
    async with asyncio.timeout(5):
        while name not in [event.name for event in heard]:
            await asyncio.sleep(0.005)


@pytest.mark.parametrize("suffix", ["", "/", "/api", "/api/"])
async def test_events_come_in_their_order_once_the_key_is_let_in(server: EmulatedImmich, suffix: str) -> None:
    ann = server.add_user("Ann")
    rows = [server.add_asset(ann, f"{number}.JPG", taken_at=NOON) for number in range(2)]
    heard: list[SocketEvent] = []
    async with open_immich(server.url + suffix, server.add_key(ann)) as immich:
        listening = asyncio.create_task(until_its_end(immich, heard))
        await until_heard(heard, "on_server_version")
        await immich.create_stack([AssetId(row.id) for row in rows])
        await immich.trash([AssetId(rows[0].id)])
        await immich.restore([AssetId(rows[0].id)])
        await until_heard(heard, "on_asset_restore")
        listening.cancel()
        await asyncio.gather(listening, return_exceptions=True)
    assert heard[0] == SocketEvent(CONNECT)
    assert [event.name for event in heard[1:]] == [
        "on_server_version",
        "on_asset_stack_update",
        "on_asset_trash",
        "on_asset_restore",
    ]
    assert [event.args for event in heard[2:]] == [(), ([rows[0].id],), ([rows[0].id],)]
    assert server.sockets.count == 0


@pytest.mark.parametrize("permissions", [["asset.read", "stack.read"], None], ids=["narrow", "unknown"])
async def test_a_key_that_may_not_do_everything_is_refused(
    server: EmulatedImmich, permissions: list[str] | None
) -> None:
    key = KEY if permissions is None else server.add_key(server.add_user("Ann"), permissions)
    heard: list[SocketEvent] = []
    async with open_immich(server.url, key) as immich:
        with pytest.raises(ImmichRefused, match="all permissions") as caught:
            await until_its_end(immich, heard)
    assert heard == []
    assert caught.value.permission == "all"
    assert key not in repr(caught.value)


async def test_a_lost_connection_is_unavailable_and_a_new_one_may_be_made(server: EmulatedImmich) -> None:
    heard: list[SocketEvent] = []
    async with open_immich(server.url, server.add_key(server.add_user("Ann"))) as immich:
        for _ in range(2):
            heard.clear()
            listening = asyncio.create_task(until_its_end(immich, heard))
            await until_heard(heard, "on_server_version")
            await server.sockets.drop()
            with pytest.raises(ImmichUnavailable, match="is closed or silent"):
                await listening


async def test_a_silent_server_is_noticed_by_its_missing_pings(server: EmulatedImmich) -> None:
    heard: list[SocketEvent] = []
    loop = asyncio.get_running_loop()
    async with open_immich(server.url, server.add_key(server.add_user("Ann"))) as immich:
        listening = asyncio.create_task(until_its_end(immich, heard))
        await until_heard(heard, "on_server_version")
        await asyncio.sleep(0.4)
        assert not listening.done()
        server.sockets.mute()
        began_s = loop.time()
        with pytest.raises(ImmichUnavailable, match="is closed or silent"):
            await listening
        assert loop.time() - began_s < 2


@pytest.mark.parametrize("is_mute", [False, True], ids=["speaking", "mute"])
async def test_whoever_is_cancelled_leaves_nothing_behind(newest: EmulatedImmich, *, is_mute: bool) -> None:
    heard: list[SocketEvent] = []
    async with open_immich(newest.url, newest.add_key(newest.add_user("Ann"))) as immich:
        listening = asyncio.create_task(until_its_end(immich, heard))
        await until_heard(heard, "on_server_version")
        if is_mute:
            newest.sockets.mute()
        listening.cancel()
        async with asyncio.timeout(2):
            with pytest.raises(asyncio.CancelledError):
                await listening


async def test_it_goes_over_tls_to_servers_whose_certificate_is_trusted(
    newest: EmulatedImmich, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    key = newest.add_key(newest.add_user("Ann"))
    trusted = tmp_path / "trusted.pem"
    trusted.write_text(CERTIFICATE)
    heard: list[SocketEvent] = []
    async with tls_before(int(newest.url.rpartition(":")[2]), tmp_path) as url:
        async with open_immich(url, key) as immich:
            with pytest.raises(ImmichUnavailable, match="its certificate is not trusted"):
                await until_its_end(immich, heard)
        monkeypatch.setenv("SSL_CERT_FILE", str(trusted))
        async with open_immich(url, key) as immich:
            assert await immich.permissions() == {"all"}
            listening = asyncio.create_task(until_its_end(immich, heard))
            await until_heard(heard, "on_server_version")
            listening.cancel()
            await asyncio.gather(listening, return_exceptions=True)


class Server:
    """Answers below /api/socket.io/ with a conversation; remembers what was asked."""

    def __init__(self, talk: Talk | None = None, *, status: int = 101, location: str = "") -> None:
        self.asked: list[web.Request] = []
        self.url = ""
        self._talk = talk
        self._status = status
        self._location = location
        self._runner: web.AppRunner | None = None

    async def __aenter__(self) -> Self:
        app = web.Application()
        app.router.add_route("*", "/{path:.*}", self._answer)
        self._runner = web.AppRunner(app, access_log=None, shutdown_timeout=0.1)
        await self._runner.setup()
        site = web.TCPSite(self._runner, "127.0.0.1", 0)
        await site.start()
        self.url = f"http://127.0.0.1:{self._runner.addresses[0][1]}"
        return self

    async def __aexit__(self, *_: object) -> None:
        assert self._runner is not None
        await self._runner.cleanup()

    async def _answer(self, request: web.Request) -> web.StreamResponse:
        self.asked.append(request)
        if self._talk is None:
            return web.Response(status=self._status, headers={"Location": self._location}, text="<!doctype html>")
        socket = web.WebSocketResponse()
        await socket.prepare(request)
        await self._talk(socket)
        return socket


def saying(*words: str | bytes, then_close: bool = False) -> Talk:
    """Says this, and then nothing until the other side goes."""

    async def talk(socket: web.WebSocketResponse) -> None:
        for word in words:
            await (socket.send_str(word) if isinstance(word, str) else socket.send_bytes(word))
        if not then_close:
            async for _ in socket:
                pass

    return talk


async def heard_from(server: Server) -> tuple[list[SocketEvent], str]:
    """The events that came, and in which words it ended."""
    heard: list[SocketEvent] = []
    async with server, open_immich(server.url, KEY) as immich:
        with pytest.raises(ImmichUnavailable) as caught:
            async with asyncio.timeout(3):
                await until_its_end(immich, heard)
    assert caught.value.__cause__ is None
    assert KEY not in f"{caught.value!r}{caught.value.__context__!r}"
    return heard, str(caught.value).partition(server.url)[2]


@pytest.mark.parametrize(
    ("server", "says"),
    [
        pytest.param(Server(status=502), "cannot be opened: the answer is 502", id="a proxy without Immich"),
        pytest.param(Server(status=200), "cannot be opened: the answer is 200", id="a page"),
        pytest.param(Server(saying(then_close=True)), "cannot be opened", id="closed at once"),
        pytest.param(Server(saying()), "does not open in time", id="silent at once"),
        pytest.param(Server(saying("hello")), "cannot be opened", id="another language"),
        pytest.param(Server(saying(b"\x00")), "cannot be opened", id="bytes"),
        pytest.param(Server(saying("0")), "cannot be opened", id="an opening of nothing"),
        pytest.param(Server(saying("0{}")), "cannot be opened", id="an opening without its fields"),
        pytest.param(Server(saying('0{"sid":1,"upgrades":[],"pingInterval":"a"}')), "cannot be opened", id="no number"),
        pytest.param(Server(saying(OPEN)), "does not open in time", id="silent once open"),
        pytest.param(Server(saying(OPEN, then_close=True)), "is closed or silent", id="closed once open"),
        pytest.param(
            Server(saying(OPEN, '44{"message":"Invalid namespace"}')), "is not that of its API", id="rejected"
        ),
        pytest.param(Server(saying(OPEN, "1")), "is closed or silent", id="taken leave of"),
    ],
)
async def test_what_is_no_websocket_of_immich_is_unavailable(server: Server, says: str) -> None:
    heard, end = await heard_from(server)
    assert heard == []
    assert says in end


async def test_nobody_there_is_unavailable(unused_tcp_port: int) -> None:
    async with open_immich(f"http://127.0.0.1:{unused_tcp_port}", KEY) as immich:
        with pytest.raises(ImmichUnavailable, match="cannot be opened"):
            await until_its_end(immich, [])


async def test_what_came_before_the_end_is_told_first() -> None:
    words = (OPEN, CONNECTED, GREETING, '42["a",1,[2]]', '42["b"]', "41")
    heard, end = await heard_from(Server(saying(*words)))
    assert heard == [
        SocketEvent(CONNECT),
        SocketEvent("on_server_version", ({"major": 3},)),
        SocketEvent("a", (1, [2])),
        SocketEvent("b"),
    ]
    assert "is closed or silent" in end


async def test_a_server_that_does_not_greet_lets_in_whom_it_does_not_refuse() -> None:
    async def talk(socket: web.WebSocketResponse) -> None:
        await saying(OPEN, CONNECTED, then_close=True)(socket)
        await asyncio.sleep(3 * QUICK.admission_s)
        await saying('42["a"]', "41", then_close=True)(socket)

    heard, _ = await heard_from(Server(talk))
    assert heard == [SocketEvent(CONNECT), SocketEvent("a")]


async def test_other_errors_are_events_and_names_are_texts() -> None:
    heard, _ = await heard_from(Server(saying(OPEN, CONNECTED, '42["error","else"]', '42["error"]', "42[5]", "41")))
    assert heard[1:] == [SocketEvent("error", ("else",)), SocketEvent("error"), SocketEvent("5")]


async def test_a_refusal_after_others_events_is_one() -> None:
    heard: list[SocketEvent] = []
    words = (OPEN, CONNECTED, GREETING, '42["error","unauthorized"]', "41")
    async with Server(saying(*words)) as server, open_immich(server.url, KEY) as immich:
        with pytest.raises(ImmichRefused):
            await until_its_end(immich, heard)
    assert [event.name for event in heard] == [CONNECT, "on_server_version"]


async def test_more_events_than_can_be_kept_end_it_after_those_that_can() -> None:
    talk = saying(OPEN, CONNECTED, *(f'42["{number}"]' for number in range(50)))
    async with (
        Server(talk) as server,
        open_immich(server.url, KEY) as immich,
        immich.socket_events(patience=QUICK, most_waiting=3) as events,
    ):
        await anext(events)
        await asyncio.sleep(0.2)
        assert [event.name for event in await anext(events)] == ["0", "1", "2"]
        with pytest.raises(ImmichUnavailable, match="tells more events than can be kept"):
            await anext(events)


async def test_a_large_event_comes_whole() -> None:
    ids = [f"{number:036}" for number in range(120_000)]
    listed = ",".join(f'"{each}"' for each in ids)
    heard, _ = await heard_from(Server(saying(OPEN, CONNECTED, f'42["on_asset_trash",[{listed}]]', "41")))
    assert heard[1].args == (ids,)


async def test_the_key_is_shown_in_a_header_alone_and_the_path_is_kept(caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.DEBUG)
    async with Server(status=404) as server, open_immich(f"{server.url}/photos/api", KEY) as immich:
        with pytest.raises(ImmichUnavailable):
            await until_its_end(immich, [])
        assert repr(immich._transport.entrance).count(KEY) == 0
    (asked,) = server.asked
    assert asked.path == "/photos/api/socket.io/"
    assert asked.query["transport"] == "websocket"
    assert asked.headers["x-api-key"] == KEY
    assert KEY not in asked.path_qs + caplog.text


async def test_what_is_said_is_not_logged(caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.DEBUG)
    await heard_from(Server(saying(OPEN, CONNECTED, '42["on_upload_success",{"city":"Atlantis"}]', "41")))
    assert "Atlantis" not in caplog.text
    assert "Atlantis" not in repr(SocketEvent("on_upload_success", ({"city": "Atlantis"},)))


async def test_a_redirect_is_not_followed_with_the_key() -> None:
    async with Server(saying(OPEN, CONNECTED, GREETING)) as elsewhere:
        heard, end = await heard_from(Server(status=302, location=f"{elsewhere.url}/api/socket.io/"))
        assert (heard, elsewhere.asked) == ([], [])
    assert "cannot be opened" in end


async def test_whoever_stops_listening_has_nothing_left_to_close(newest: EmulatedImmich) -> None:
    async with (
        open_immich(newest.url, newest.add_key(newest.add_user("Ann"))) as immich,
        immich.socket_events(patience=QUICK) as events,
    ):
        assert await anext(events) == (SocketEvent(CONNECT),)
    assert newest.sockets.count == 0
