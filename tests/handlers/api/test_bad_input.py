"""What nobody should send, servers that are away, and logs that tell nothing of it."""

from __future__ import annotations

import asyncio
import json
import logging
import re
from collections.abc import Iterator
from typing import Any

import pytest
from yarl import URL

from sidecar.handlers.api.operation import BODY_LIMIT_BYTES, For, Nothing
from sidecar.handlers.api.routes import OPERATIONS
from sidecar.handlers.middleware import HEADERS
from sidecar.log import Discreet
from tests.handlers.api.everything import Known, Question, fill, questions, state_of
from tests.handlers.conftest import BASE, Household, Person

ODD_IDS = [
    "%00", "a%00b", "..%2F..%2Fa", "%2e%2e", "%2F", "%5C..%5C", "%ED%A0%80", "%FF", "%F0%9F%98%80", "%0D%0AX:y",
    "x" * 5000, "null", "0", "-1", "9" * 40, "1%27%20OR%201=1--", "%25", "{id}", "*", "%3Cscript%3E", "%E2%80%AE",
]  # fmt: skip
ODD_BODIES = [
    b"", b"s3cret", b"[]", b"null", b"1", b'"x"', b"{", b'{"\\u0000": 1}', b'{"x": "\\u0000"}', b'{"\\ud800": 1}',
    b'{"s3cret": 1}', b'{"items": null}', b'{"items": {}}', b"\xff\xfe", b"[" * 100_000,
    b'{"revision":' + b"[" * 100_000,
    b'{"revision": ' + b"9" * 5000 + b"}", b'{"revision": 1e999}', b'{"revision": "\xed\xa0\x80"}',
    b" " * (BODY_LIMIT_BYTES - 1),
]  # fmt: skip
JSON = {"Content-Type": "application/json"}


@pytest.fixture
async def anns(ann: Person) -> Known:
    return await fill(ann, "ANN")


def one_each(known: Known, *, needs: For | None = None) -> Iterator[Question]:
    """The first question that each operation understands."""
    for operation in OPERATIONS:
        if needs in {None, operation.needs}:
            yield next(questions(operation, known))


@pytest.mark.parametrize(
    ("method", "path", "status", "allowed"),
    [
        pytest.param("GET", "/api", 404, None, id="the root"),
        pytest.param("GET", "/api/nothing", 404, None, id="unknown"),
        pytest.param("GET", "/api/connection/", 404, None, id="a slash too many"),
        pytest.param("GET", "/api//connection", 404, None, id="a slash within"),
        pytest.param("GET", "/api/x/../connection", 404, None, id="a way around"),
        pytest.param("GET", "/api/x/%2e%2e/connection", 404, None, id="a hidden way around"),
        pytest.param("GET", "/api/%63onnection", 401, None, id="the same in other letters"),
        pytest.param("GET", "/../api/connection", 404, None, id="out of the base"),
        pytest.param("GET", "/static/../../../etc/passwd", 404, None, id="out of the static files"),
        pytest.param("GET", "/static/%2e%2e/%2e%2e/app.py", 404, None, id="out of them in other letters"),
        pytest.param("GET", "/static/..%2f..%2fapp.py", 404, None, id="out of them at once"),
        pytest.param("PUT", "/api/connection", 405, "DELETE,GET,POST", id="another method"),
        pytest.param("HEAD", "/api/connection", 405, "DELETE,GET,POST", id="the head alone"),
        pytest.param("OPTIONS", "/api/connection", 405, "DELETE,GET,POST", id="what another site's page asks first"),
        pytest.param("TRACE", "/api/connection", 405, "DELETE,GET,POST", id="an echo"),
        pytest.param("POST", "/api/openapi.json", 405, "GET,HEAD", id="the document"),
    ],
)
async def test_what_is_not_there_is_a_problem_too(
    household: Household, method: str, path: str, status: int, allowed: str | None
) -> None:
    head, _ = await raw(household, f"{method} {BASE}{path} HTTP/1.1", "Host: x", "Origin: https://elsewhere.example")
    assert int(head.split(" ")[1]) == status
    sent = dict(line.split(": ", 1) for line in head.split("\r\n")[1:])
    assert sent["Content-Type"].split(";")[0] == "application/problem+json"
    assert sent.get("Allow") == allowed
    assert {name: sent[name] for name in HEADERS} == HEADERS
    assert not [name for name in sent if name.lower().startswith("access-control-")]


async def raw(household: Household, *lines: str | bytes, body: bytes = b"") -> tuple[str, bytes]:
    """(head, body) of what is answered to these lines."""
    url = household.client.make_url("/")
    reader, writer = await asyncio.open_connection(url.host, url.port)
    try:
        coded = [line.encode() if isinstance(line, str) else line for line in (*lines, "Connection: close")]
        writer.write(b"\r\n".join(coded) + b"\r\n\r\n" + body)
        await writer.drain()
        head, _, rest = (await asyncio.wait_for(reader.read(), 10)).partition(b"\r\n\r\n")
        return head.decode(), rest
    finally:
        writer.close()
        await writer.wait_closed()


@pytest.mark.timeout(120)
async def test_odd_ids_are_nobodys(household: Household, ann: Person, anns: Known) -> None:
    before = await state_of(household)
    for question in one_each(anns):
        if "{" in question.operation.path:
            for odd in ODD_IDS:
                url = URL(f"{BASE}/api{question.operation.path.replace('{id}', odd)}", encoded=True)
                answer = await household.client.request(
                    question.operation.method, url, headers=ann.headers, **question.request
                )
                assert answer.status in ({404, 405} if odd == "%2e%2e" else {404}), (question.operation.id, odd)
                assert answer.content_type == "application/problem+json"
    assert await state_of(household) == before


@pytest.mark.timeout(120)
async def test_odd_bodies_are_refused(household: Household, ann: Person, anns: Known) -> None:
    before = await state_of(household)
    for question in one_each(anns):
        if question.operation.body is not Nothing:
            for odd in ODD_BODIES:
                answer = await ann.ask(question.operation.method, question.path, data=odd, headers=JSON)
                assert answer.status == 400, (question.operation.id, odd[:50])
                assert "s3cret" not in await answer.text()
            answer = await ann.ask(question.operation.method, question.path, data=b"{}", headers={})
            assert answer.status == 415, question.operation.id
        elif question.operation.method != "GET":
            assert (await ann.ask(question.operation.method, question.path, data=b"{}")).status == 400
    assert await state_of(household) == before


async def test_odd_queries_are_refused(ann: Person, anns: Known) -> None:
    for question in one_each(anns):
        if question.operation.needs is not For.ANYBODY:
            for query in ("?s3cret=1", "?s3cret", "?%00=1", "?=1", "?%FF=1"):
                url = URL(f"{BASE}/api{question.path}{query}", encoded=True)
                answer = await ann.household.client.request(
                    question.operation.method, url, headers=ann.headers, **question.request
                )
                assert (answer.status, (await answer.json())["code"]) == (400, "bad_request"), question.operation.id


AUTHORIZED = "Authorization: Bearer {token}"
CHUNKED = b"2\r\n{}\r\n0\r\n\r\n"
SMUGGLED = b"0\r\n\r\nGET /side/api/connection HTTP/1.1\r\nHost: x\r\n\r\n"
SCAN = f"POST {BASE}/api/scan HTTP/1.1"


@pytest.mark.parametrize(
    ("lines", "body", "statuses"),
    [
        pytest.param([SCAN, "Host: x", AUTHORIZED, "Content-Length: 2", "Transfer-Encoding: chunked"], CHUNKED, {400},
                     id="two lengths of two kinds"),
        pytest.param([SCAN, "Host: x", AUTHORIZED, "Content-Length: 2", "Content-Length: 3"], b"{} ", {400},
                     id="two lengths"),
        pytest.param([SCAN, "Host: x", AUTHORIZED, "Content-Length: +2"], b"{}", {400}, id="a length with a sign"),
        pytest.param([SCAN, "Host: x", AUTHORIZED, "Content-Length: -2"], b"{}", {400}, id="a negative length"),
        pytest.param([SCAN, "Host: x", AUTHORIZED, "Transfer-Encoding: chunked, identity"], SMUGGLED, {400},
                     id="chunked, but not last"),
        pytest.param([SCAN, "Host: x", AUTHORIZED, "Transfer-Encoding : chunked"], SMUGGLED, {400},
                     id="a blank before the colon"),
        pytest.param([SCAN, "Host: x", AUTHORIZED, "Transfer-Encoding: chunked"], b"zz\r\n{}\r\n0\r\n\r\n", {400, 415},
                     id="a piece without a length"),
        pytest.param([SCAN, "Host: x", "Authorization: Bearer s3c\0ret"], b"", {400}, id="NUL in a header"),
        pytest.param([SCAN, "Host: x", b"x-api-key: s3cret\xff"], b"", {401}, id="a byte that is no letter"),
        pytest.param([SCAN, "Host: x", b"Cookie: immich_access_token=s3cret\xff"], b"", {401}, id="and in a cookie"),
        pytest.param([SCAN, "Host: x", "Authorization: Bearer s3cret", " folded: x"], b"", {400, 401},
                     id="a folded header"),
        pytest.param([SCAN, "Host: x", "Cookie: immich_access_token=" + "s" * 20_000], b"", {400}, id="a huge cookie"),
        pytest.param([f"GET {BASE}/api/actions/\xff HTTP/1.1".encode("latin-1"), "Host: x", AUTHORIZED], b"",
                     {400, 404}, id="a byte in the path that is no letter"),
        pytest.param([f"GET {BASE}/api/actions/a b HTTP/1.1", "Host: x", AUTHORIZED], b"", {400}, id="a blank in it"),
        pytest.param([f"GET http://elsewhere.example{BASE}/api/connection HTTP/1.1", "Host: x"], b"", {401},
                     id="an absolute address"),
        pytest.param(["GET * HTTP/1.1", "Host: x"], b"", {400, 404}, id="a star"),
        pytest.param([f"s3cret {BASE} HTTP/9.9", "Host: x"], b"", {400}, id="no HTTP that we know"),
        pytest.param(["s3cret"], b"", {400}, id="no HTTP at all"),
    ],
)  # fmt: skip
async def test_what_is_no_plain_request_changes_nothing_and_is_not_repeated_in_logs(
    ann: Person, lines: list[str | bytes], body: bytes, statuses: set[int], caplog: pytest.LogCaptureFixture
) -> None:
    household = ann.household
    before = await state_of(household)
    caplog.set_level(logging.DEBUG)
    sent = [line.replace("{token}", ann.token) if isinstance(line, str) else line for line in lines]
    head, rest = await raw(household, *sent, body=body)
    assert int(head.split(" ")[1]) in statuses, head
    assert b"HTTP/1.1 " not in rest, "one request, one answer"
    assert await state_of(household) == before
    logged = "\n".join(map(Discreet(logging.Formatter()).format, caplog.records))
    assert [secret for secret in ("s3c", ann.token) if secret in logged] == []


@pytest.mark.parametrize(
    "how",
    [
        pytest.param({"status": 200, "body": "<html>s3cret</html>", "content_type": "text/html"}, id="a web page"),
        pytest.param({"status": 200, "body": "s3cret"}, id="no JSON"),
        pytest.param({"status": 200, "body": "[]"}, id="other JSON"),
        pytest.param({"status": 502, "body": "<html>s3cret</html>", "content_type": "text/html"}, id="a proxy's page"),
        pytest.param({"status": 503, "body": '{"message": "s3cret"}'}, id="down"),
        pytest.param({"status": 429}, id="too busy"),
        pytest.param({"cut": True}, id="a cut line"),
        pytest.param({"cut_after_bytes": 5}, id="half an answer"),
    ],
)
async def test_what_immich_answers_instead_of_itself_is_told_as_a_problem(
    household: Household, ann: Person, how: dict[str, Any]
) -> None:
    household.immich.fail("GET", "/users/me", times=9, **how)
    answer = await ann.ask("GET", "/connection")
    assert answer.content_type == "application/problem+json"
    is_readable = how.get("body") == "[]"  # it answers as Immich does, and breaks its contract
    assert answer.status == (500 if is_readable else 503)
    assert answer.headers.get("Retry-After") == (None if is_readable else "5")
    assert "s3cret" not in await answer.text()


async def test_where_immich_is_down_everything_says_so_and_nothing_changes(
    household: Household, ann: Person, anns: Known
) -> None:
    before = await state_of(household)
    fresh = household.immich.add_session(ann.user)
    household.immich.fail("*", "*", times=10_000, cut=True)
    for question in one_each(anns):
        if question.operation.needs is not For.ANYBODY and question.operation.method != "GET":
            answer = await ann.ask(question.operation.method, question.path, **question.request)
            assert (answer.status, (await answer.json())["code"]) == (503, "immich_unavailable"), question.operation.id
            assert answer.headers["Retry-After"] == "5"
    answer = await household.client.get(f"{BASE}/api/connection", headers={"Authorization": f"Bearer {fresh}"})
    assert answer.status == 503
    assert (await ann.get("/connection"))["key"] == "unknown"
    assert await ann.get("/groups") != {"items": [], "next_cursor": None}
    assert await state_of(household) == before


TOLD_OTHERWISE = {
    "decideGroups": (202, None),  # each outcome says so
    "connect": (409, "headless"),
    "disconnect": (409, "headless"),
    "getOverview": (403, "not_allowed"),
    "getBell": (200, None),  # which only Immich knows
    "getContract": (200, None),
}
"""What is not told by the status, or is refused before anybody looks into the database."""


async def test_where_the_database_is_down_everything_says_so(household: Household, ann: Person, anns: Known) -> None:
    database = household.services.database
    before = await state_of(household)
    await database.close()
    folder = household.services.settings.data_dir
    (found,) = folder.glob("*.db")
    away = found.rename(found.with_suffix(".away"))
    found.mkdir()
    try:
        household.clock.advance(seconds=60)
        for question in one_each(anns):
            answer = await ann.ask(question.operation.method, question.path, **question.request)
            found_code = (answer.status, (await answer.json()).get("code"))
            expected = TOLD_OTHERWISE.get(question.operation.id, (503, "storage_unavailable"))
            assert found_code == expected, question.operation.id
            assert answer.headers.get("Retry-After") == ("5" if answer.status == 503 else None)
        health = await household.client.get(f"{BASE}/health")
        assert health.status == 200
    finally:
        found.rmdir()
        away.rename(found)
        await database.close()
    assert await state_of(household) == before
    assert (await ann.ask("GET", "/groups")).status == 200


async def test_a_session_that_ends_in_between_changes_nothing_any_more(
    household: Household, ann: Person, anns: Known
) -> None:
    assert (await ann.ask("GET", "/groups")).status == 200
    del household.immich.state.sessions[ann.token]
    before = await state_of(household)
    for question in one_each(anns):
        if question.operation.needs is not For.ANYBODY and question.operation.method != "GET":
            answer = await ann.ask(question.operation.method, question.path, **question.request)
            assert answer.status == 401, question.operation.id
    assert (await ann.ask("GET", "/groups")).status == 401
    assert await state_of(household) == before


async def test_logs_tell_nothing_of_anybody(
    household: Household, ann: Person, anns: Known, caplog: pytest.LogCaptureFixture
) -> None:
    key = household.immich.add_key(ann.user)
    caplog.clear()
    caplog.set_level(logging.DEBUG)
    shown = [
        ann.headers,
        {"x-api-key": key},
        {"Cookie": f"immich_access_token={ann.token}", "Sec-Fetch-Site": "same-origin"},
        {"x-immich-share-key": "s3cret", "Cookie": "immich_access_token=s3cret"},
    ]
    for headers in shown:
        for question in one_each(anns):
            _ = await household.client.request(
                question.operation.method, f"{BASE}/api{question.path}", headers=headers, **question.request
            )
    household.immich.fail("GET", "/users/me", times=3, status=503, body="s3cret")
    _ = await household.client.post(f"{BASE}/api/scan?apiKey=s3cret", headers=ann.headers, json={"kind": "s3cret"})
    ours = [each for each in caplog.records if each.name.startswith(("sidecar", "aiohttp"))]
    logged = "\n".join(map(logging.Formatter().format, ours))
    assert logged
    secrets = (
        ann.token,
        key,
        "s3cret",
        *anns.names,
        *(each.get_secret_value() for each in household.services.settings.api_keys),
    )
    assert [secret for secret in secrets if secret in logged] == []
    assert re.search(r"immich_access_token=|Bearer ", logged) is None


async def test_many_odd_requests_leave_the_server_as_it_was(ann: Person) -> None:
    async def odd(number: int) -> int:
        data = json.dumps({"kind": "x" * number}).encode()
        return (await ann.ask("POST", "/scan", data=data[: number % 40], headers=JSON)).status

    assert set(await asyncio.gather(*(odd(number) for number in range(100)))) == {400}
    assert (await ann.ask("GET", "/scan/status")).status == 200
