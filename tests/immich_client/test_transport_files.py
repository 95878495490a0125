"""Files, whole, in parts and streamed: over a real socket, from servers that know ranges and from some that do not."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from dataclasses import dataclass, field

import pytest
from aiohttp import web
from aiohttp.pytest_plugin import AiohttpServer

from sidecar.errors import (
    ContractBroken,
    ImmichMissing,
    ImmichRefused,
    ImmichUnavailable,
    NotImmich,
    ParameterError,
    SidecarError,
)
from sidecar.immich_client._generated import calls
from sidecar.immich_client.failures import failure_of_file
from sidecar.immich_client.transport import Retries, Timeouts, Transport
from tests.immich_client.wire import ASSET_ID

HEAD = calls.download_asset(id=ASSET_ID)
CHUNK = b"x" * 65_536

JSON = {"content-type": "application/json; charset=utf-8"}
OF_THE_FILE = {"content-type": "image/jpeg; charset=utf-8", "content-disposition": "inline; filename*=UTF-8''a.jpg"}
NO_FILE = b'{"message":"Not Found"}'


@dataclass(frozen=True)
class Answer:
    """What the server answers to every request."""

    status: int = 200
    body: bytes = b""
    headers: dict[str, str] = field(default_factory=lambda: {"content-type": "image/jpeg"})


class Server:
    """A server with one original, which notes what it was asked and how far its answers got."""

    def __init__(self) -> None:
        self.ranges: list[str | None] = []
        self.ports: list[int] = []
        self.sent_bytes = 0
        self.answer = Answer(body=b"0123456789")
        self.endless = False
        self.hold_back = False

    async def handle(self, request: web.Request) -> web.StreamResponse:
        self.ranges.append(request.headers.get("range"))
        assert request.transport is not None
        self.ports.append(request.transport.get_extra_info("peername")[1])
        if not self.endless:
            return web.Response(status=self.answer.status, body=self.answer.body, headers=self.answer.headers)
        stream = web.StreamResponse(headers={"content-type": "video/mp4"})
        await stream.prepare(request)
        while self.hold_back:
            await stream.write(b"x")
            await asyncio.sleep(0.01)
        while True:
            await stream.write(CHUNK)
            self.sent_bytes += len(CHUNK)


@pytest.fixture
async def server() -> Server:
    return Server()


@pytest.fixture
async def transport(aiohttp_server: AiohttpServer, server: Server) -> AsyncIterator[Transport]:
    app = web.Application()
    app.router.add_get("/api/assets/{id}/original", server.handle)
    running = await aiohttp_server(app)
    url = str(running.make_url("/")).rstrip("/")
    async with Transport(
        url,
        "key",
        retries=Retries(attempts=2, first_pause_s=0.0),
        timeouts=Timeouts(read_s=5.0, whole_s=2.0),
        connections=1,
    ) as opened:
        yield opened


@pytest.mark.parametrize(
    ("size_bytes", "asked", "expected"),
    [
        pytest.param(1, "bytes=0-0", b"0", id="one byte"),
        pytest.param(4, "bytes=0-3", b"0123", id="a part"),
        pytest.param(10, "bytes=0-9", b"0123456789", id="just all"),
        pytest.param(11, "bytes=0-10", b"0123456789", id="more than there is"),
    ],
)
async def test_no_more_is_given_than_asked_for_by_a_server_that_knows_no_ranges(
    server: Server, transport: Transport, size_bytes: int, asked: str, expected: bytes
) -> None:
    assert await transport.part(HEAD, 0, size_bytes) == expected
    assert server.ranges == [asked]


async def test_a_server_that_sends_everything_is_left_when_enough_has_come(
    server: Server, transport: Transport
) -> None:
    server.endless = True
    async with asyncio.timeout(5):
        assert await transport.part(HEAD, 0, 100_000) == (CHUNK + CHUNK)[:100_000]
    assert server.sent_bytes < 50_000_000
    server.endless = False
    assert await transport.part(HEAD, 0, 2) == b"01"
    assert server.ports[0] != server.ports[1]  # what was left unread belongs to no later call


async def test_a_range_that_is_read_to_its_end_keeps_the_connection(server: Server, transport: Transport) -> None:
    server.answer = Answer(status=206, body=b"0123", headers={"content-range": "bytes 0-3/10"})
    for _ in range(3):
        assert await transport.part(HEAD, 0, 4) == b"0123"
    assert len(set(server.ports)) == 1


@pytest.mark.parametrize("status", [404, 416, 500])
async def test_a_file_without_a_first_byte_is_empty(server: Server, transport: Transport, status: int) -> None:
    headers = {**OF_THE_FILE, "content-range": "bytes */0"}
    server.answer = Answer(status=status, body=b'{"message":"Internal server error"}', headers=headers)
    assert await transport.part(HEAD, 0, 4) == b""
    assert len(server.ranges) == 1


async def test_an_empty_answer_is_an_empty_file(server: Server, transport: Transport) -> None:
    server.answer = Answer()
    assert await transport.part(HEAD, 0, 4) == b""


async def test_a_long_refusal_of_a_short_head_is_read_whole(server: Server, transport: Transport) -> None:
    body = b'{"message":"Missing required permission: asset.download"}'
    server.answer = Answer(status=403, body=body, headers=JSON)
    with pytest.raises(ImmichRefused) as caught:
        await transport.part(HEAD, 0, 2)
    assert caught.value.permission == "asset.download"


async def test_trouble_is_asked_about_again_and_then_told(server: Server, transport: Transport) -> None:
    server.answer = Answer(status=500, body=b'{"message":"Internal server error"}', headers=JSON)
    with pytest.raises(ImmichUnavailable):
        await transport.part(HEAD, 0, 2)
    assert len(server.ranges) == 2


@pytest.mark.parametrize(
    ("first", "size_bytes", "expected"),
    [
        pytest.param(3, 4, b"3456", id="in the middle"),
        pytest.param(8, 4, b"89", id="over the end"),
        pytest.param(9, 1, b"9", id="the last"),
        pytest.param(10, 1, b"", id="behind the end"),
        pytest.param(500_000, 3, b"", id="far behind the end"),
    ],
)
async def test_a_later_part_is_cut_out_of_a_file_that_is_sent_whole(
    server: Server, transport: Transport, first: int, size_bytes: int, expected: bytes
) -> None:
    assert await transport.part(HEAD, first, size_bytes) == expected
    assert server.ranges == [f"bytes={first}-{first + size_bytes - 1}"]


async def test_what_lies_before_a_later_part_is_not_kept(server: Server, transport: Transport) -> None:
    server.endless = True
    async with asyncio.timeout(5):
        assert await transport.part(HEAD, 1_000_000, 10) == b"x" * 10
    assert server.sent_bytes < 50_000_000


async def test_a_part_too_deep_in_a_file_that_is_sent_whole_is_given_up(server: Server, transport: Transport) -> None:
    server.endless = True
    with pytest.raises(ContractBroken, match="whole file instead of a part"):
        await transport.part(HEAD, 64 * 1024 * 1024 + 1, 10)
    server.endless = False
    server.answer = Answer(status=206, body=b"0123", headers={"content-range": f"bytes {2**33}-{2**33 + 3}/*"})
    assert await transport.part(HEAD, 2**33, 4) == b"0123"


@pytest.mark.parametrize(
    "told",
    [
        pytest.param("bytes 0-3/10", id="from the start"),
        pytest.param("bytes 40-43/100", id="another that begins alike"),
        pytest.param("", id="untold"),
        pytest.param("bytes */10", id="none"),
    ],
)
async def test_another_part_than_asked_for_is_not_taken(server: Server, transport: Transport, told: str) -> None:
    server.answer = Answer(status=206, body=b"0123", headers={"content-range": told})
    with pytest.raises(ContractBroken, match="another part"):
        await transport.part(HEAD, 4, 4)
    assert len(server.ranges) == 1


@pytest.mark.parametrize(("first", "size_bytes"), [(0, 0), (0, -1), (-1, 1)])
async def test_a_part_that_cannot_be_is_not_asked_for(
    server: Server, transport: Transport, first: int, size_bytes: int
) -> None:
    with pytest.raises(ParameterError):
        await transport.part(HEAD, first, size_bytes)
    assert server.ranges == []


async def test_a_small_file_comes_whole_and_unranged(server: Server, transport: Transport) -> None:
    assert await transport.file(HEAD, limit_bytes=10) == b"0123456789"
    assert server.ranges == [None]


async def test_a_file_over_the_limit_breaks_the_contract_at_the_first_answer(
    server: Server, transport: Transport
) -> None:
    with pytest.raises(ContractBroken, match="downloadAsset is larger than 9 bytes"):
        await transport.file(HEAD, limit_bytes=9)
    server.endless = True
    with pytest.raises(ContractBroken, match="larger than"):
        await transport.file(HEAD, limit_bytes=100_000)
    assert len(server.ranges) == 2


async def test_a_file_that_only_drips_is_given_up_in_time(server: Server, transport: Transport) -> None:
    server.endless = server.hold_back = True
    transport._whole_s = 0.1
    with pytest.raises(ImmichUnavailable, match=r"takes more than 0\.1 s for downloadAsset"):
        await transport.file(HEAD, limit_bytes=100_000)
    assert len(server.ranges) == 2


@pytest.mark.usefixtures("server")
async def test_waiting_for_a_turn_takes_nothing_from_a_files_time(transport: Transport) -> None:
    transport._whole_s = 0.2
    async with transport.stream(HEAD, limit_bytes=100):
        waiting = asyncio.create_task(transport.file(HEAD, limit_bytes=10))
        await asyncio.sleep(0.3)
    assert await waiting == b"0123456789"


async def test_a_file_is_streamed_piece_by_piece(server: Server, transport: Transport) -> None:
    server.answer = Answer(body=CHUNK * 10)
    async with transport.stream(HEAD, limit_bytes=len(CHUNK) * 10) as pieces:
        assert [piece async for piece in pieces if len(piece) > len(CHUNK)] == []
    async with transport.stream(HEAD, limit_bytes=len(CHUNK) * 10) as pieces:
        assert b"".join([piece async for piece in pieces]) == CHUNK * 10
    assert server.ranges == [None, None]
    assert len(set(server.ports)) == 1
    assert transport.server_time_ms is not None


async def test_a_stream_that_is_left_early_costs_only_its_connection(server: Server, transport: Transport) -> None:
    server.endless = True
    async with transport.stream(HEAD, limit_bytes=10**9) as pieces:
        await anext(pieces)
    server.endless = False
    assert await transport.part(HEAD, 0, 2) == b"01"
    assert server.ports[0] != server.ports[1]


async def test_a_stream_over_the_limit_ends_before_its_first_piece_or_as_soon_as_it_shows(
    server: Server, transport: Transport
) -> None:
    taken: list[bytes] = []
    async with transport.stream(HEAD, limit_bytes=9) as pieces:
        with pytest.raises(ContractBroken, match="larger than 9 bytes"):
            taken += [piece async for piece in pieces]
    assert taken == []
    server.endless = True
    async with transport.stream(HEAD, limit_bytes=100_000) as pieces:
        with pytest.raises(ContractBroken, match="larger than 100000 bytes"):
            async for piece in pieces:
                taken.append(piece)  # the claim is what came before the error
    assert len(b"".join(taken)) <= 100_000


async def test_a_stream_that_breaks_off_is_unavailable_and_not_asked_for_again(
    server: Server, transport: Transport
) -> None:
    server.answer = Answer(body=b"0123", headers={"content-type": "image/jpeg", "content-length": "100"})
    async with transport.stream(HEAD, limit_bytes=1000) as pieces:
        with pytest.raises(ImmichUnavailable):
            async for _ in pieces:
                pass
    assert len(server.ranges) == 1


@pytest.mark.parametrize(
    ("answer", "kind"),
    [
        pytest.param(Answer(404, NO_FILE, JSON), ImmichMissing, id="no such file"),
        pytest.param(Answer(503, b"", JSON), ImmichUnavailable, id="down"),
        pytest.param(Answer(200, b"<html>", {"content-type": "text/html"}), NotImmich, id="a page to log in"),
    ],
)
async def test_a_refused_stream_is_not_entered_and_not_asked_for_again(
    server: Server, transport: Transport, answer: Answer, kind: type[SidecarError]
) -> None:
    server.answer = answer
    with pytest.raises(kind):
        async with transport.stream(HEAD, limit_bytes=1000):
            pytest.fail("there is nothing to read")
    assert len(server.ranges) == 1


async def test_a_stream_from_nobody_is_unavailable(unused_tcp_port: int) -> None:
    async with Transport(f"http://127.0.0.1:{unused_tcp_port}", "key") as transport:
        with pytest.raises(ImmichUnavailable, match="cannot be reached"):
            async with transport.stream(HEAD, limit_bytes=1000):
                pytest.fail("there is nothing to read")


async def test_nobody_there_is_unavailable(unused_tcp_port: int) -> None:
    async with Transport(f"http://127.0.0.1:{unused_tcp_port}", "key", retries=Retries(attempts=1)) as transport:
        with pytest.raises(ImmichUnavailable, match="cannot be reached"):
            await transport.part(HEAD, 0, 2)


@pytest.mark.parametrize(
    ("status", "headers", "body", "kind"),
    [
        pytest.param(200, {"content-type": "image/jpeg"}, b"\xff\xd8", None, id="a picture"),
        pytest.param(206, {"content-type": "application/octet-stream"}, b"II", None, id="a part of a raw file"),
        pytest.param(200, {}, b"x", None, id="a file of no kind"),
        pytest.param(200, OF_THE_FILE, b"", None, id="an empty file"),
        pytest.param(200, {"content-type": "text/html"}, b"<html>Log in", NotImmich, id="a page to log in"),
        pytest.param(302, {"location": "https://login"}, b"", NotImmich, id="a redirect to log in"),
        pytest.param(404, JSON, NO_FILE, ImmichMissing, id="no such file, or not for us"),
        pytest.param(404, JSON, b'{"message":"Asset media not found"}', ImmichMissing, id="no thumbnail"),
        pytest.param(404, JSON, b'{"message":"Cannot GET /api/assets/x"}', ContractBroken, id="no such operation"),
        pytest.param(404, {"content-type": "text/html"}, b"<html>", NotImmich, id="no such page"),
        pytest.param(400, JSON, b'{"message":"Not found or no asset.download access"}', ImmichMissing, id="2.x"),
        pytest.param(500, OF_THE_FILE, b'{"message":"Internal server error"}', ImmichMissing, id="2.x cannot read it"),
        pytest.param(500, JSON, b'{"message":"Internal server error"}', ImmichUnavailable, id="trouble inside"),
        pytest.param(502, {"content-type": "text/html"}, b"<html>", ImmichUnavailable, id="trouble before it"),
        pytest.param(401, JSON, b'{"message":"Invalid API key"}', ImmichRefused, id="the key"),
    ],
)
def test_an_answer_is_a_file_or_tells_what_is_wrong(
    status: int, headers: dict[str, str], body: bytes, *, kind: type[SidecarError] | None
) -> None:
    failure = failure_of_file(status, headers, body, operation="downloadAsset", address="http://immich")
    assert (None if failure is None else type(failure.error)) is kind
    if failure is not None:
        assert failure.is_passing is (kind is ImmichUnavailable)
