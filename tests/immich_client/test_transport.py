from __future__ import annotations

import asyncio
import gzip
import logging
import ssl
import traceback
from collections.abc import AsyncIterator, Awaitable, Callable

import httpx
import pytest
import respx
from aiohttp import web
from aiohttp.pytest_plugin import AiohttpServer

from sidecar.errors import ContractBroken, ImmichRefused, ImmichUnavailable, NotImmich, SettingsError, SidecarError
from sidecar.immich_client._generated import calls, models
from sidecar.immich_client.call import Call, read_nothing
from sidecar.immich_client.failures import Failure
from sidecar.immich_client.transport import Retries, Timeouts, Transport
from tests.immich_client.wire import ASSET_ID, OTHER_ID, STACK_ID, wire_stack

KEY = "geheimer-Schluessel"
URL = "http://immich:2283"
VERSION = {"major": 3, "minor": 1, "patch": 0}
READING = calls.get_server_version()
WRITING = calls.create_stack(asset_ids=[ASSET_ID, OTHER_ID])


@pytest.fixture
def pauses_s() -> list[float]:
    """Every pause the transport made, none of which took time."""
    return []


@pytest.fixture
async def transport(pauses_s: list[float]) -> AsyncIterator[Transport]:
    async def sleep(pause_s: float) -> None:
        pauses_s.append(pause_s)

    async with Transport(URL, KEY, sleep=sleep, spread=lambda: 1.0) as opened:
        yield opened


async def test_a_request_carries_key_query_and_body_and_the_answer_comes_decoded(
    transport: Transport, respx_mock: respx.MockRouter
) -> None:
    bucket = respx_mock.get(f"{URL}/api/timeline/bucket").respond(json={"id": [], "more": 1})
    stack = respx_mock.post(f"{URL}/api/stacks").respond(201, json=wire_stack(ASSET_ID))
    answer = await transport.send(calls.get_time_bucket(time_bucket="2024-05-01", with_stacked=True))
    assert answer == models.TimeBucketAssets(id=[])
    request = bucket.calls.last.request
    assert request.headers["x-api-key"] == KEY
    assert request.headers["accept-encoding"] == "identity"
    assert dict(request.url.params) == {"timeBucket": "2024-05-01", "withStacked": "true"}
    assert "content-type" not in request.headers
    assert (await transport.send(WRITING)).id == STACK_ID
    request = stack.calls.last.request
    assert request.headers["content-type"] == "application/json"
    assert request.content == f'{{"assetIds":["{ASSET_ID}","{OTHER_ID}"]}}'.encode()


async def test_an_api_below_a_path_of_its_host_is_found_there(respx_mock: respx.MockRouter) -> None:
    route = respx_mock.get("https://example.org:8443/photos/api/server/version").respond(json=VERSION)
    async with Transport("https://example.org:8443/photos", KEY) as transport:
        await transport.send(READING)
    assert route.calls.last.request.headers["host"] == "example.org:8443"


async def test_a_quoted_id_arrives_quoted(transport: Transport, respx_mock: respx.MockRouter) -> None:
    route = respx_mock.get(url__startswith=f"{URL}/api/").respond(200, json=wire_stack())
    await transport.send(calls.get_stack(id="a/b?c"))
    assert route.calls.last.request.url.raw_path == b"/api/stacks/a%2Fb%3Fc"


@pytest.mark.parametrize(
    "trouble",
    [
        pytest.param(httpx.ConnectError("refused"), id="nobody there"),
        pytest.param(httpx.ReadTimeout("slow"), id="slow"),
        pytest.param(httpx.RemoteProtocolError("closed"), id="an idle connection that was closed"),
        pytest.param(httpx.Response(502, html="<html>"), id="a gateway's page"),
        pytest.param(httpx.Response(500, json={"message": "database"}), id="an error inside"),
    ],
)
async def test_what_only_reads_is_asked_again(
    trouble: Exception | httpx.Response, transport: Transport, respx_mock: respx.MockRouter, pauses_s: list[float]
) -> None:
    route = respx_mock.get(f"{URL}/api/server/version")
    route.side_effect = [trouble, trouble, httpx.Response(200, json=VERSION)]
    assert (await transport.send(READING)).major == 3
    assert pauses_s == [0.5, 1.0]


async def test_a_search_is_asked_again_although_it_is_a_post(
    transport: Transport, respx_mock: respx.MockRouter
) -> None:
    route = respx_mock.post(f"{URL}/api/search/statistics")
    route.side_effect = [httpx.ReadTimeout("slow"), httpx.Response(200, json={"total": 5})]
    assert (await transport.send(calls.search_asset_statistics())).total == 5


@pytest.mark.parametrize(
    "trouble",
    [
        pytest.param(httpx.ConnectError("refused"), id="nobody there"),
        pytest.param(httpx.ConnectTimeout("slow"), id="nobody there in time"),
    ],
)
async def test_what_never_left_is_sent_again_even_if_it_writes(
    trouble: Exception, transport: Transport, respx_mock: respx.MockRouter
) -> None:
    route = respx_mock.post(f"{URL}/api/stacks")
    route.side_effect = [trouble, httpx.Response(201, json=wire_stack())]
    assert (await transport.send(WRITING)).id == STACK_ID


@pytest.mark.parametrize(
    "trouble",
    [
        pytest.param(httpx.ReadTimeout("slow"), id="slow"),
        pytest.param(httpx.RemoteProtocolError("closed"), id="closed"),
        pytest.param(httpx.WriteError("broken pipe"), id="broken while writing"),
        pytest.param(httpx.Response(503, headers={"retry-after": "1"}), id="asked to come again"),
        pytest.param(httpx.Response(429), id="too many"),
    ],
)
async def test_a_write_that_may_have_arrived_is_never_sent_again(
    trouble: Exception | httpx.Response, transport: Transport, respx_mock: respx.MockRouter, pauses_s: list[float]
) -> None:
    route = respx_mock.post(f"{URL}/api/stacks")
    route.side_effect = [trouble]
    with pytest.raises(ImmichUnavailable):
        await transport.send(WRITING)
    assert route.call_count == 1
    assert pauses_s == []


async def test_patience_ends(transport: Transport, respx_mock: respx.MockRouter, pauses_s: list[float]) -> None:
    route = respx_mock.get(f"{URL}/api/server/version").respond(503)
    with pytest.raises(ImmichUnavailable, match="answers 503 to getServerVersion"):
        await transport.send(READING)
    assert (route.call_count, pauses_s) == (4, [0.5, 1.0, 2.0])


async def test_a_caller_may_have_less_patience(transport: Transport, respx_mock: respx.MockRouter) -> None:
    route = respx_mock.get(f"{URL}/api/server/version").respond(503)
    with pytest.raises(ImmichUnavailable):
        await transport.send(READING, attempts=1)
    assert route.call_count == 1


@pytest.mark.parametrize(
    ("status", "body", "kind"),
    [
        pytest.param(401, {"message": "Invalid API key"}, ImmichRefused, id="refused"),
        pytest.param(400, {"message": "Validation failed"}, ContractBroken, id="rejected"),
        pytest.param(200, {"major": 3}, ContractBroken, id="incomplete"),
    ],
)
async def test_what_will_not_pass_is_not_asked_again(
    status: int, body: object, kind: type[SidecarError], transport: Transport, respx_mock: respx.MockRouter
) -> None:
    route = respx_mock.get(f"{URL}/api/server/version").respond(status, json=body)
    with pytest.raises(kind):
        await transport.send(READING)
    assert route.call_count == 1


async def test_a_servers_wish_for_a_pause_is_fulfilled_within_a_bound(
    transport: Transport, respx_mock: respx.MockRouter, pauses_s: list[float]
) -> None:
    route = respx_mock.get(f"{URL}/api/server/version")
    route.side_effect = [
        httpx.Response(429, headers={"retry-after": "7"}),
        httpx.Response(503, headers={"retry-after": "86400"}),
        httpx.Response(200, json=VERSION),
    ]
    await transport.send(READING)
    assert pauses_s == [7.5, 60.5]


@pytest.mark.parametrize(
    ("attempt", "spread", "pause_s"),
    [
        pytest.param(1, 0.0, 0.25, id="first, shortest"),
        pytest.param(1, 1.0, 0.5, id="first, longest"),
        pytest.param(3, 1.0, 2.0, id="doubled twice"),
        pytest.param(99, 1.0, 8.0, id="bounded"),
    ],
)
def test_pauses_double_within_a_bound_and_are_spread(attempt: int, spread: float, pause_s: float) -> None:
    failure = Failure(ImmichUnavailable("down"), is_passing=True)
    assert Retries().pause_s(attempt, failure, spread=spread) == pause_s


@pytest.mark.parametrize(
    ("body", "kind", "says"),
    [
        pytest.param(b'{"major": 3, "minor": 1}', ContractBroken, "field `patch`", id="a field is missing"),
        pytest.param(b'{"major": "geheim"}', ContractBroken, r"\$\.major", id="a field of another type"),
        pytest.param(b'{"major": 3', NotImmich, "not JSON", id="cut off"),
        pytest.param(b'{"major": 3, "\xff": 1}', (NotImmich, ContractBroken), "getServerVersion", id="no text"),
    ],
)
async def test_an_answer_that_cannot_be_decoded_is_told_apart(
    body: bytes,
    kind: type[SidecarError] | tuple[type[SidecarError], ...],
    says: str,
    transport: Transport,
    respx_mock: respx.MockRouter,
) -> None:
    respx_mock.get(f"{URL}/api/server/version").respond(content=body, content_type="application/json")
    with pytest.raises(kind, match=says) as caught:
        await transport.send(READING)
    assert "geheim" not in str(caught.value)


async def test_an_answer_beyond_the_limit_is_not_read_to_its_end(
    transport: Transport, respx_mock: respx.MockRouter
) -> None:
    taken = 0

    async def endless() -> AsyncIterator[bytes]:
        nonlocal taken
        while True:
            taken += 1
            yield b" " * 1000

    respx_mock.get(f"{URL}/api/server/version").mock(return_value=httpx.Response(200, content=endless()))
    with pytest.raises(ContractBroken, match="getServerVersion is larger than 5000 bytes"):
        await transport.send(READING, answer_limit_bytes=5000)
    assert taken == 6


async def test_a_call_that_answers_nothing_succeeds_with_nothing(
    transport: Transport, respx_mock: respx.MockRouter
) -> None:
    respx_mock.delete(f"{URL}/api/stacks").respond(204)
    call = Call(operation="deleteStacks", method="DELETE", path="/stacks", decode=read_nothing, answers_json=False)
    assert await transport.send(call) is None  # type: ignore[func-returns-value]  # that it is None is the claim


async def test_the_servers_clock_is_the_last_that_could_be_read(
    transport: Transport, respx_mock: respx.MockRouter
) -> None:
    route = respx_mock.get(f"{URL}/api/server/version")
    clocks_ms = []
    for date in ("soon", "Wed, 01 May 2024 10:00:00 GMT", None, "Wed, 99 May 2024 10:00:00 GMT", "Wed, 01 May 9999"):
        route.respond(json=VERSION, headers=httpx.Headers({} if date is None else {"date": date}))
        await transport.send(READING)
        clocks_ms.append(transport.server_time_ms)
    assert clocks_ms == [None, *[1714557600000] * 4]


async def test_a_cancelled_call_is_simply_cancelled(transport: Transport, respx_mock: respx.MockRouter) -> None:
    async def never(_: httpx.Request) -> httpx.Response:
        await asyncio.sleep(3600)
        raise AssertionError

    respx_mock.get(f"{URL}/api/server/version").mock(side_effect=never)
    task = asyncio.create_task(transport.send(READING))
    await asyncio.sleep(0)
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task


# The key must not be seen anywhere but in the request itself.


def test_the_key_is_in_no_representation(transport: Transport) -> None:
    assert repr(transport) == "Transport('http://immich:2283')"
    for thing in (transport, transport._connections, transport._request(WRITING)):
        assert KEY not in repr(thing)


@pytest.mark.parametrize(
    "trouble",
    [
        httpx.ConnectError("refused"),
        httpx.LocalProtocolError("odd"),
        httpx.Response(401, json={"message": "Invalid API key"}),
        httpx.Response(200, html="<html>"),
        httpx.Response(200, json={}),
        httpx.Response(503),
    ],
)
async def test_the_key_is_in_no_error_no_traceback_and_no_log(
    trouble: Exception | httpx.Response,
    transport: Transport,
    respx_mock: respx.MockRouter,
    caplog: pytest.LogCaptureFixture,
) -> None:
    caplog.set_level(logging.DEBUG)
    respx_mock.get(f"{URL}/api/server/version").mock(side_effect=[trouble] * 4)
    with pytest.raises(SidecarError) as caught:
        await transport.send(READING)
    error: BaseException | None = caught.value
    while error is not None:
        assert KEY not in repr(error) + str(error)
        error = error.__cause__ or error.__context__
    assert KEY not in "".join(traceback.format_exception(caught.value))
    assert KEY not in caplog.text


def test_a_key_that_cannot_be_sent_is_refused_without_being_shown() -> None:
    with pytest.raises(SettingsError) as caught:
        Transport(URL, f"{KEY}\n{KEY}")
    assert KEY not in str(caught.value)


def test_certificates_are_read_only_where_they_are_needed(monkeypatch: pytest.MonkeyPatch) -> None:
    made: list[ssl.SSLContext] = []
    real = httpx.create_ssl_context

    def create() -> ssl.SSLContext:
        made.append(real())
        return made[-1]

    monkeypatch.setattr(httpx, "create_ssl_context", create)
    Transport("http://immich", KEY)
    assert made == []
    Transport("https://immich", KEY)
    assert [context.verify_mode for context in made] == [ssl.CERT_REQUIRED]


# What only a socket can show.

Serve = Callable[[Callable[[web.Request], Awaitable[web.StreamResponse]]], Awaitable[Transport]]


@pytest.fixture
async def serve(aiohttp_server: AiohttpServer) -> AsyncIterator[Serve]:
    opened: list[Transport] = []

    async def start(handler: Callable[[web.Request], Awaitable[web.StreamResponse]]) -> Transport:
        app = web.Application()
        app.router.add_route("*", "/{tail:.*}", handler)
        server = await aiohttp_server(app)
        transport = Transport(
            f"http://127.0.0.1:{server.port}",
            KEY,
            retries=Retries(attempts=2, first_pause_s=0.0),
            timeouts=Timeouts(read_s=0.2),
            connections=2,
        )
        opened.append(transport)
        return transport

    yield start
    for transport in opened:
        await transport.__aexit__(None, None, None)


async def test_a_web_page_at_the_address_is_one_clear_sentence(serve: Serve) -> None:
    async def page(_: web.Request) -> web.Response:
        return web.Response(text="<!doctype html>", content_type="text/html")

    transport = await serve(page)
    with pytest.raises(NotImmich) as caught:
        await transport.send(READING)
    assert str(caught.value) == (
        f"{transport.address} does not answer as Immich's API does: "
        "getServerVersion is answered 200 with text/html instead of JSON. Check IMMICH_URL."
    )


async def test_a_login_page_is_not_followed(serve: Serve) -> None:
    asked: list[str] = []

    async def login(request: web.Request) -> web.Response:
        asked.append(request.path)
        raise web.HTTPFound("/login")

    transport = await serve(login)
    with pytest.raises(NotImmich, match="redirects to another page"):
        await transport.send(READING)
    assert asked == ["/api/server/version"]


async def test_a_damaged_packing_is_unavailable_and_asked_again(serve: Serve) -> None:
    packed = gzip.compress(b'{"major":3,"minor":1,"patch":0}')
    answers = [b"not packed at all", packed]

    async def damaged(_: web.Request) -> web.Response:
        headers = {"content-encoding": "gzip", "content-type": "application/json"}
        return web.Response(body=answers.pop(0), headers=headers)

    transport = await serve(damaged)
    assert (await transport.send(READING)).minor == 1


async def test_a_silent_server_is_unavailable_in_time(serve: Serve) -> None:
    async def silent(_: web.Request) -> web.Response:
        await asyncio.sleep(5)
        raise AssertionError

    transport = await serve(silent)
    with pytest.raises(ImmichUnavailable, match="does not answer in time"):
        await transport.send(READING, attempts=1)


async def test_an_answer_broken_off_is_unavailable(serve: Serve) -> None:
    async def broken(request: web.Request) -> web.StreamResponse:
        reply = web.StreamResponse(headers={"content-length": "100", "content-type": "application/json"})
        await reply.prepare(request)
        await reply.write(b'{"major"')
        assert request.transport is not None
        request.transport.close()
        return reply

    transport = await serve(broken)
    with pytest.raises(ImmichUnavailable, match="broke off"):
        await transport.send(READING)


async def test_more_calls_than_connections_wait_their_turn(serve: Serve) -> None:
    running = most = 0

    async def slow(_: web.Request) -> web.Response:
        nonlocal running, most
        running += 1
        most = max(most, running)
        await asyncio.sleep(0.01)
        running -= 1
        return web.json_response(VERSION)

    transport = await serve(slow)
    answers = await asyncio.gather(*(transport.send(READING) for _ in range(8)))
    assert (len(answers), most) == (8, 2)


async def test_nobody_at_the_address_is_unavailable_and_named(unused_tcp_port: int) -> None:
    retries = Retries(attempts=1)
    async with Transport(f"http://127.0.0.1:{unused_tcp_port}", KEY, retries=retries) as transport:
        with pytest.raises(ImmichUnavailable, match=f"Immich at http://127.0.0.1:{unused_tcp_port} cannot be reached"):
            await transport.send(READING)
