"""Bytes pass as they are, in both directions, in pieces; what breaks on one side is seen to break on the other."""

from __future__ import annotations

import asyncio
import gzip
import logging
import resource
from collections.abc import AsyncIterator, Iterator
from contextlib import contextmanager
from pathlib import Path

import aiohttp
import pytest
from aiohttp import StreamReader, web
from aiohttp.base_protocol import BaseProtocol
from aiohttp.test_utils import make_mocked_request

from sidecar.handlers.proxy import disconnection, http, routes
from tests.handlers.proxy.conftest import PROXY, House, Stage, staged
from tests.handlers.proxy.wire import USER_ID, Asked, json_answer

MINE = "33333333-3333-4333-8333-333333333333"
FILE = bytes(range(256)) * 4096


async def test_ranges_etags_and_their_answers_are_immichs(house: House) -> None:
    row = house.immich.upload(house.ann, "a.jpg", FILE)
    path = f"assets/{row.id}/original"
    async with house.ask("GET", path) as whole:
        assert (whole.status, await whole.read()) == (200, FILE)
        etag = whole.headers["ETag"]
        assert whole.headers["Content-Length"] == str(len(FILE))
        assert whole.headers["Accept-Ranges"] == "bytes"
    async with house.ask("GET", path, headers=house.signed_in | {"Range": "bytes=10-19", "If-Range": etag}) as part:
        assert (part.status, await part.read()) == (206, FILE[10:20])
        assert part.headers["Content-Range"] == f"bytes 10-19/{len(FILE)}"
    async with house.ask("GET", path, headers=house.signed_in | {"If-None-Match": etag}) as same:
        assert (same.status, await same.read()) == (304, b"")
        assert same.headers["ETag"] == etag


async def test_an_upload_arrives(house: House) -> None:
    form = aiohttp.FormData()
    for name in ("fileCreatedAt", "fileModifiedAt"):
        form.add_field(name, "2024-01-01T00:00:00.000Z")
    form.add_field("assetData", FILE, filename="a.jpg")
    async with house.ask("POST", "assets", data=form) as answer:
        assert answer.status == 201
        made = await answer.json()
    assert house.immich.state.files[made["id"]].original == FILE


async def test_what_is_compressed_stays_compressed(stage: Stage) -> None:
    packed = gzip.compress(b"[]")
    stage.immich.answers(
        b"HTTP/1.1 200 OK\r\nContent-Type: text/x\r\nContent-Encoding: gzip\r\nContent-Length: %d\r\n\r\n%b"
        % (len(packed), packed)
    )
    async with stage.ask("GET", "x", headers={"Accept-Encoding": "gzip, br"}) as answer:
        assert await answer.read() == packed
        assert answer.headers["Content-Encoding"] == "gzip"
    assert stage.immich.asked[0].headers["accept-encoding"] == "gzip, br"


async def test_immich_is_asked_as_the_visitor_asked(stage: Stage) -> None:
    stage.immich.answers(b"HTTP/1.1 204 No Content\r\n\r\n")
    headers = {"User-Agent": "x/1", "Accept": "a/b", "X-Forwarded-For": "6.6.6.6", "Cookie": "a=b"}
    async with stage.ask(
        "PATCH", "a/b%20c?d=%20e&key=1", headers=headers, skip_auto_headers=["Content-Type"]
    ) as answer:
        assert answer.status == 204
    [asked] = stage.immich.asked
    assert asked.line == "PATCH /api/a/b%20c?d=%20e HTTP/1.1"
    assert asked.headers.pop("x-forwarded-host") == f"127.0.0.1:{stage.server.port}"
    assert asked.headers == {
        "host": f"127.0.0.1:{stage.immich.port}",
        "x-api-key": "key",
        "user-agent": "x/1",
        "accept": "a/b",
        "accept-encoding": asked.headers["accept-encoding"],
        "x-forwarded-for": "127.0.0.1",
        "x-real-ip": "127.0.0.1",
        "x-forwarded-proto": "http",
        "content-length": "0",
    }


async def test_head_has_the_length_and_no_body(stage: Stage) -> None:
    stage.immich.answers(b"HTTP/1.1 200 OK\r\nContent-Length: 1234\r\nContent-Type: image/x\r\n\r\n")
    async with stage.ask("HEAD", "assets/1/original") as answer:
        assert answer.headers["Content-Length"] == "1234"
        assert await answer.read() == b""
    assert stage.immich.asked[0].line.startswith("HEAD /api/assets/1/original ")


@pytest.mark.parametrize(
    ("location", "here"),
    [
        pytest.param("/api/assets/1/original", f"{PROXY}/assets/1/original", id="in Immich"),
        pytest.param("https://sso.example/", "https://sso.example/", id="elsewhere"),
    ],
)
async def test_redirects_are_not_followed(stage: Stage, location: str, here: str) -> None:
    stage.immich.answers(f"HTTP/1.1 302 Found\r\nLocation: {location}\r\nContent-Length: 0\r\n\r\n".encode())
    async with stage.ask("GET", "x") as answer:
        assert (answer.status, answer.headers["Location"]) == (302, here)
    assert len(stage.immich.asked) == 1


async def test_hop_by_hop_headers_and_cookies_of_an_answer_stay_behind(stage: Stage) -> None:
    stage.immich.answers(
        json_answer("{}", "Connection: x-one", "X-One: 1", "Keep-Alive: timeout=5", "Set-Cookie: a=b", "X-Two: 2")
    )
    async with stage.ask("GET", "x") as answer:
        assert {"X-One", "Keep-Alive", "Set-Cookie"}.isdisjoint(answer.headers)
        assert answer.headers["X-Two"] == "2"


async def test_an_answer_of_any_length_comes_in_pieces(stage: Stage) -> None:
    gone_on = asyncio.Event()

    async def answer(asked: Asked) -> None:
        asked.writer.write(b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nfirst\r\n")
        await gone_on.wait()
        asked.writer.write(b"4\r\nlast\r\n0\r\n\r\n")

    stage.immich.answer = answer
    async with stage.ask("GET", "x") as response:
        assert await response.content.readany() == b"first"
        gone_on.set()
        assert await response.content.read() == b"last"


async def test_clients_of_http_1_0_are_served(stage: Stage) -> None:
    stage.immich.answers(b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nwhole\r\n0\r\n\r\n")
    exchange = await stage.raw(f"GET {PROXY}/x HTTP/1.0\r\nHost: x\r\nx-api-key: key\r\n\r\n".encode())
    assert exchange.received.endswith(b"\r\n\r\nwhole")
    assert not exchange.was_reset


@pytest.mark.parametrize(
    "beginning",
    [
        pytest.param(b"HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\nhalf", id="with a length"),
        pytest.param(b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n4\r\nhalf\r\n", id="chunked"),
        pytest.param(b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n8\r\nhalf", id="within a chunk"),
    ],
)
@pytest.mark.parametrize("version", ["1.0", "1.1"])
async def test_an_answer_that_breaks_off_is_never_whole(stage: Stage, beginning: bytes, version: str) -> None:
    stage.immich.answers(beginning, cut=True)
    exchange = await stage.raw(f"GET {PROXY}/x HTTP/{version}\r\nHost: x\r\nx-api-key: key\r\n\r\n".encode())
    assert exchange.was_reset
    assert not exchange.received.endswith(b"0\r\n\r\n")


async def test_who_goes_away_is_not_waited_for(stage: Stage) -> None:
    async def answer(asked: Asked) -> None:
        asked.writer.write(b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n1\r\nx\r\n")
        await asked.reader.read()
        raise ConnectionResetError

    stage.immich.answer = answer
    stage.immich.lost.clear()
    async with stage.ask("GET", "x") as response:
        assert await response.content.readany() == b"x"
        response.close()
    await asyncio.wait_for(stage.immich.lost.wait(), 4)


async def test_who_goes_away_before_immich_answers_is_not_waited_for(stage: Stage) -> None:
    begun = asyncio.Event()

    async def answer(asked: Asked) -> None:
        begun.set()
        await asked.reader.read()
        raise ConnectionResetError

    stage.immich.answer = answer
    stage.immich.lost.clear()
    asking = asyncio.create_task(stage.ask("GET", "x").__aenter__())
    await begun.wait()
    asking.cancel()
    await asyncio.wait_for(stage.immich.lost.wait(), 4)
    assert disconnection.LOOKED_AT_EVERY_S < 1


async def test_who_has_gone_before_immich_answers_is_sent_nothing(
    stage: Stage, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    requests: list[web.Request] = []
    may_answer = asyncio.Event()

    @contextmanager
    def unwatched(request: web.Request) -> Iterator[None]:
        """Immich answers before anybody looks whether the visitor is still there."""
        requests.append(request)
        yield

    async def answer(asked: Asked) -> None:
        await may_answer.wait()
        asked.writer.write(b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n1\r\nx\r\n")
        await asked.reader.read()
        raise ConnectionResetError

    monkeypatch.setattr(http, "cancelled_without_visitor", unwatched)
    stage.immich.answer = answer
    _, writer = await asyncio.open_connection("127.0.0.1", stage.server.port)
    writer.write(f"GET {PROXY}/x HTTP/1.1\r\nHost: x\r\nx-api-key: key\r\n\r\n".encode())
    while not stage.immich.asked:
        await asyncio.sleep(0.01)
    writer.close()
    [request] = requests
    while request.transport is not None:
        await asyncio.sleep(0.01)
    stage.immich.lost.clear()
    may_answer.set()
    await asyncio.wait_for(stage.immich.lost.wait(), 10)
    assert [record for record in caplog.records if record.levelno >= logging.WARNING] == []


@pytest.mark.parametrize(
    "path", [pytest.param("x", id="as it comes"), pytest.param(f"assets/{MINE}", id="when it was enriched")]
)
async def test_who_reads_nothing_for_too_long_is_broken_off(
    stage: Stage, monkeypatch: pytest.MonkeyPatch, path: str
) -> None:
    assert http.VISITOR_IDLE_AT_MOST_S == 600
    monkeypatch.setattr(http, "VISITOR_IDLE_AT_MOST_S", 0.3)
    is_broken_off = asyncio.Event()

    def breaking_off(request: web.Request) -> None:
        is_broken_off.set()
        disconnection.break_off(request)

    monkeypatch.setattr(http, "break_off", breaking_off)
    # More than the sockets between the two hold.
    stage.immich.answers(json_answer(f'{{"id":"{MINE}","ownerId":"{USER_ID}","x":"{"y" * (24 << 20)}"}}'))
    reader, writer = await asyncio.open_connection("127.0.0.1", stage.server.port)
    writer.write(f"GET {PROXY}/{path} HTTP/1.1\r\nHost: x\r\nx-api-key: key\r\n\r\n".encode())
    await asyncio.wait_for(is_broken_off.wait(), 20)
    with pytest.raises(ConnectionResetError):
        while await reader.read(1 << 16):
            pass
    writer.close()


async def body_in_pieces(pieces: int, piece: bytes) -> AsyncIterator[bytes]:
    for _ in range(pieces):
        yield piece


@pytest.mark.parametrize("has_length", [True, False], ids=["with a length", "chunked"])
async def test_an_upload_waits_for_a_slow_immich(stage: Stage, *, has_length: bool) -> None:
    pieces, piece = 48, bytes(1 << 20)
    sent = 0
    may_read = asyncio.Event()
    length = 0

    async def body() -> AsyncIterator[bytes]:
        nonlocal sent
        for _ in range(pieces):
            yield piece
            sent += len(piece)

    async def answer(asked: Asked) -> None:
        nonlocal length
        await may_read.wait()
        if has_length:
            assert asked.headers["content-length"] == str(pieces * len(piece))
            while length < pieces * len(piece):
                length += len(await asked.reader.read(1 << 20))
        else:
            assert asked.headers["transfer-encoding"] == "chunked"
            while size := int(await asked.reader.readline(), 16):
                length += len(await asked.reader.readexactly(size))
                await asked.reader.readline()
            await asked.reader.readline()
        asked.writer.write(json_answer("{}"))

    stage.immich.answer = answer
    headers = {"Content-Length": str(pieces * len(piece))} if has_length else {}
    asking = asyncio.create_task(stage.ask("POST", "assets", data=body(), headers=headers).__aenter__())
    await asyncio.sleep(0.5)
    before, most = sent, resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    assert before < pieces * len(piece) // 2
    may_read.set()
    response = await asyncio.wait_for(asking, 9)
    assert (response.status, length) == (200, pieces * len(piece))
    assert resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - most < 24 * 1024
    response.close()


async def test_an_upload_that_breaks_off_is_never_whole(stage: Stage) -> None:
    ended = asyncio.Event()

    async def answer(asked: Asked) -> None:
        received = await asked.reader.read(-1)
        assert not received.endswith(b"0\r\n\r\n")
        ended.set()

    stage.immich.answer = answer
    _, writer = await asyncio.open_connection("127.0.0.1", stage.server.port)
    writer.write(
        f"POST {PROXY}/assets HTTP/1.1\r\nHost: x\r\nx-api-key: key\r\nTransfer-Encoding: chunked\r\n\r\n".encode()
    )
    writer.write(b"4\r\nhalf\r\n")
    await asyncio.sleep(0.2)
    writer.close()
    await asyncio.wait_for(ended.wait(), 4)


async def test_a_body_that_is_not_coded_as_it_says_is_refused(stage: Stage) -> None:
    async def answer(asked: Asked) -> None:
        await asked.reader.read(-1)

    stage.immich.answer = answer
    head = f"POST {PROXY}/assets HTTP/1.1\r\nHost: x\r\nx-api-key: key\r\nTransfer-Encoding: chunked\r\n\r\n"
    exchange = await stage.raw(head.encode() + b"4\r\nhalf\r\nnonsense\r\n")
    assert exchange.status == 400


async def test_immich_may_answer_before_it_has_read_everything(stage: Stage) -> None:
    async def answer(asked: Asked) -> None:
        asked.writer.write(json_answer('{"message":"too large"}', status="413 Payload Too Large"))
        await asked.writer.drain()
        while await asked.reader.read(1 << 20):
            await asyncio.sleep(0)

    stage.immich.answer = answer
    async with stage.ask("POST", "assets", data=body_in_pieces(8, bytes(1 << 16))) as response:
        assert (response.status, await response.json()) == (413, {"message": "too large"})


async def test_who_waits_for_leave_to_send_gets_it_once_it_is_known_who_they_are(stage: Stage) -> None:
    async def answer(asked: Asked) -> None:
        assert "expect" not in asked.headers
        assert await asked.reader.readexactly(4) == b"body"
        asked.writer.write(json_answer("{}"))

    stage.immich.answer = answer
    head = f"POST {PROXY}/x HTTP/1.1\r\nHost: x\r\nContent-Length: 4\r\nExpect: 100-continue\r\n"
    reader, writer = await asyncio.open_connection("127.0.0.1", stage.server.port)
    writer.write(f"{head}x-api-key: key\r\n\r\n".encode())
    assert await reader.readuntil(b"\r\n\r\n") == b"HTTP/1.1 100 Continue\r\n\r\n"
    writer.write(b"body")
    assert (await reader.readuntil(b"\r\n\r\n")).startswith(b"HTTP/1.1 200 ")
    writer.close()
    assert (await stage.raw(f"{head}Connection: close\r\n\r\n".encode())).status == 401
    assert (await stage.raw(f"{head}\r\n".replace("100-continue", "more").encode())).status == 417


async def test_a_stale_connection_does_not_fail_a_question(stage: Stage) -> None:
    async def answer(asked: Asked) -> None:
        asked.writer.write(json_answer("{}"))
        await asked.writer.drain()
        asked.writer.close()

    stage.immich.answer = answer
    for _ in range(5):
        async with stage.ask("GET", "x") as response:
            assert response.status == 200


async def test_a_body_is_never_sent_twice(stage: Stage) -> None:
    lengths = []

    async def answer(asked: Asked) -> None:
        lengths.append(len(await asked.reader.readexactly(int(asked.headers["content-length"]))))
        if len(lengths) == 1:
            asked.writer.write(json_answer("{}"))
        else:
            asked.writer.close()

    stage.immich.answer = answer
    async with stage.ask("PUT", "x", data=b"abc") as response:
        assert response.status == 200
    async with stage.ask("PUT", "x", data=b"abc") as response:
        assert response.status == 502
        assert (await response.json())["code"] == "immich_unavailable"
    assert lengths == [3, 3]


async def test_whoever_sends_it_a_body_is_read_once() -> None:
    content = StreamReader(BaseProtocol(asyncio.get_running_loop()), 2**16)
    content.feed_data(b"abc")
    content.feed_eof()
    upload = http._Upload(make_mocked_request("PUT", "/x", payload=content))
    assert [piece async for piece in upload] == [b"abc"]
    # An empty body would be a whole one, for whoever gets it.
    with pytest.raises(ConnectionResetError):
        aiter(upload)


@pytest.mark.parametrize(
    "raw",
    [
        pytest.param(b"", id="nothing"),
        pytest.param(b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n4\r\nhalf\r\nno\r\n", id="no chunk"),
        pytest.param(b"SSH-2.0-OpenSSH\r\n\r\n", id="no HTTP"),
        pytest.param(b"HTTP/1.1 200 OK\r\nContent-Length: x\r\n\r\n", id="no length"),
        pytest.param(b"HTTP/1.1 101 Switching Protocols\r\nUpgrade: x\r\nConnection: upgrade\r\n\r\n", id="upgrade"),
    ],
)
async def test_what_is_no_answer_is_a_bad_gateway(stage: Stage, raw: bytes) -> None:
    stage.immich.answers(raw, cut=True)
    async with stage.ask("GET", "x") as response:
        assert response.status == 502
        assert response.content_type == "application/problem+json"


async def test_an_immich_that_is_away_is_a_bad_gateway(house: House) -> None:
    await house.immich.stop()
    async with house.ask("GET", "server/about") as response:
        assert (response.status, (await response.json())["code"]) == (502, "immich_unavailable")


async def test_an_immich_that_says_nothing_is_a_gateway_timeout(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert (routes.IDLE_AT_MOST_S, routes.CONNECT_WITHIN_S) == (600, 10)
    monkeypatch.setattr(routes, "IDLE_AT_MOST_S", 0.2)

    async def answer(asked: Asked) -> None:
        await asked.reader.read()

    async with staged(tmp_path) as stage:
        stage.immich.answer = answer
        async with stage.ask("GET", "x") as response:
            assert (response.status, (await response.json())["code"]) == (504, "immich_unavailable")


async def test_an_immich_that_stops_in_the_middle_is_a_gateway_timeout(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(routes, "IDLE_AT_MOST_S", 0.2)
    async with staged(tmp_path) as stage:
        # What is to be enriched is read whole before anything is sent.
        stage.immich.answers(json_answer(f'{{"id":"{MINE}","ownerId":"{USER_ID}"}}')[:-9])
        async with stage.ask("GET", f"assets/{MINE}") as response:
            assert (response.status, (await response.json())["code"]) == (504, "immich_unavailable")
