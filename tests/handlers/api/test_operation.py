from __future__ import annotations

import asyncio
import gzip
import json
import tracemalloc
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from enum import StrEnum
from http import HTTPStatus
from io import BytesIO
from typing import Annotated, Any

import msgspec
import pytest
from aiohttp import web
from aiohttp.test_utils import TestClient, TestServer
from multidict import MultiDict
from yarl import URL

from sidecar.handlers import middleware
from sidecar.handlers.api.operation import (
    BODY_LIMIT_BYTES,
    Asked,
    For,
    Nothing,
    Operation,
    handler_of,
    read_query,
)
from sidecar.handlers.middleware import Refused
from sidecar.keys import SERVICES
from sidecar.wiring import Services
from tests.handlers.conftest import Household, Person

Client = TestClient[web.Request, web.Application]


class Colour(StrEnum):
    RED = "red"
    BLUE = "blue"


class Query(msgspec.Struct, frozen=True):
    limit: Annotated[int, msgspec.Meta(ge=1, le=100)] = 100
    at_ms: int | None = None
    share: float | None = None
    is_on: bool = False
    text: Annotated[str, msgspec.Meta(max_length=5)] | None = None
    colour: Colour | None = None
    colours: Annotated[tuple[Colour, ...], msgspec.Meta(max_length=2)] = ()
    sizes: tuple[Annotated[int, msgspec.Meta(ge=0)], ...] = ()
    kind: str | None = msgspec.field(default=None, name="class")


class Required(msgspec.Struct, frozen=True):
    text: str


@pytest.mark.parametrize(
    ("sent", "read"),
    [
        pytest.param([], Query(), id="nothing"),
        pytest.param([("limit", "1"), ("at_ms", "-5")], Query(limit=1, at_ms=-5), id="whole numbers"),
        pytest.param([("share", "0.5")], Query(share=0.5), id="a fraction"),
        pytest.param([("share", "-1e2")], Query(share=-100.0), id="a fraction with an exponent"),
        pytest.param([("is_on", "true")], Query(is_on=True), id="on"),
        pytest.param([("is_on", "false")], Query(is_on=False), id="off"),
        pytest.param([("text", "null")], Query(text="null"), id="a text that looks like nothing"),
        pytest.param([("text", "äöü🏔️")], Query(text="äöü🏔️"), id="a text in any language"),
        pytest.param([("text", "")], Query(text=""), id="an empty text"),
        pytest.param([("colour", "red")], Query(colour=Colour.RED), id="one of a choice"),
        pytest.param(
            [("colours", "red"), ("colours", "blue")],
            Query(colours=(Colour.RED, Colour.BLUE)),
            id="several of a choice",
        ),
        pytest.param([("colours", "red")], Query(colours=(Colour.RED,)), id="one of several"),
        pytest.param([("sizes", "1"), ("sizes", "20")], Query(sizes=(1, 20)), id="several numbers"),
        pytest.param([("class", "x")], Query(kind="x"), id="another name on the wire"),
    ],
)
def test_a_query_is_read_as_it_is_described(sent: list[tuple[str, str]], read: Query) -> None:
    assert read_query(MultiDict(sent), Query) == read


@pytest.mark.parametrize(
    ("sent", "sentence"),
    [
        pytest.param([("s3cret", "1")], "There is a parameter that this operation does not know.", id="unknown"),
        pytest.param([("kind", "x")], "There is a parameter that this operation does not know.", id="our own name"),
        pytest.param([("Limit", "1")], "There is a parameter that this operation does not know.", id="other letters"),
        pytest.param([("limit", "1"), ("limit", "1")], "The parameter limit may be given once.", id="given twice"),
        *(
            pytest.param([(name, value)], f"The parameter {name} does not fit the description.", id=words)
            for name, value, words in [
                ("limit", "0", "too small"),
                ("limit", "101", "too large"),
                ("limit", "", "empty"),
                ("limit", "1.0", "a fraction for a whole number"),
                ("limit", "1e1", "an exponent in a whole number"),
                ("limit", "+1", "a plus"),
                ("limit", " 1", "a blank"),
                ("limit", "\u0661", "digits of another script"),
                ("at_ms", "null", "null for a number"),
                ("at_ms", "9" * 19, "more than a column holds"),
                ("at_ms", "9" * 5000, "more than Python reads"),
                ("share", "nan", "no number"),
                ("share", "inf", "without end"),
                ("share", "1e999", "beyond all fractions"),
                ("share", "9" * 400, "a fraction of many digits"),
                ("is_on", "1", "a number for a switch"),
                ("is_on", "TRUE", "a loud switch"),
                ("text", "longer", "a text that is too long"),
                ("text", "a\0", "a text with NUL"),
                ("text", "\ud800", "half a character"),
                ("colour", "null", "null for a choice"),
                ("colour", "s3cret", "no choice"),
            ]
        ),
        pytest.param(
            [("colours", "red"), ("colours", "s3cret")],
            "The parameter colours does not fit the description.",
            id="one of several is none",
        ),
        pytest.param(
            [("colours", "red")] * 3, "The parameter colours does not fit the description.", id="more than may be given"
        ),
        pytest.param(
            [("sizes", "1"), ("sizes", "null")],
            "The parameter sizes does not fit the description.",
            id="null in a list",
        ),
    ],
)
def test_what_does_not_fit_is_refused_and_not_repeated(sent: list[tuple[str, str]], sentence: str) -> None:
    with pytest.raises(Refused) as refused:
        read_query(MultiDict(sent), Query)
    assert (refused.value.status, refused.value.code, refused.value.detail) == (400, "bad_request", sentence)


def test_what_is_needed_has_to_be_given() -> None:
    with pytest.raises(Refused) as refused:
        read_query(MultiDict(), Required)
    assert refused.value.detail == "The parameter text is missing."
    assert read_query(MultiDict(text="x"), Required) == Required("x")


class Body(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    name: Annotated[str, msgspec.Meta(max_length=BODY_LIMIT_BYTES)]
    count: Annotated[int, msgspec.Meta(ge=0, le=9)] = 0
    deep: dict[str, Any] | None = None


class Told(msgspec.Struct, frozen=True):
    name: str
    size: int


async def tell(asked: Asked[Nothing, Body]) -> Told:
    return Told(asked.body.name[:5], len(asked.body.name))


async def tell_path(asked: Asked[Nothing, Nothing]) -> Told:
    return Told(asked.path["id"], len(asked.path["id"]))


async def done(_asked: Asked[Nothing, Nothing]) -> None:
    return None


async def broken(_asked: Asked[Nothing, Nothing]) -> Told:
    raise ZeroDivisionError("s3cret")


ANYBODYS = (
    Operation(id="tell", method="POST", path="/tell", summary="", handler=tell, answer=Told, body=Body,
              needs=For.ANYBODY, status=HTTPStatus.ACCEPTED),
    Operation(id="path", method="GET", path="/path/{id}", summary="", handler=tell_path, answer=Told,
              needs=For.ANYBODY),
    Operation(id="done", method="DELETE", path="/done", summary="", handler=done, needs=For.ANYBODY),
    Operation(id="broken", method="GET", path="/broken", summary="", handler=broken, answer=Told, needs=For.ANYBODY),
)  # fmt: skip


@asynccontextmanager
async def serving(operations: tuple[Operation[Any, Any], ...], services: Services | None) -> AsyncIterator[Client]:
    app = web.Application(middlewares=[middleware.errors])
    app[SERVICES] = services  # type: ignore[misc]  # what anybody may ask for here needs none
    for operation in operations:
        app.router.add_route(operation.method, operation.path, handler_of(operation))
    async with TestClient(TestServer(app)) as client:
        yield client


@pytest.fixture
async def client() -> AsyncIterator[Client]:
    async with serving(ANYBODYS, None) as client:
        yield client


JSON = {"Content-Type": "application/json"}


@pytest.mark.parametrize(
    ("body", "headers", "answer"),
    [
        pytest.param(b'{"name": "x"}', JSON, ("x", 1), id="plain"),
        pytest.param(
            '{"name": "ä"}'.encode(), {"Content-Type": "Application/JSON; charset=utf-8"}, ("ä", 1), id="loud"
        ),
        pytest.param(rb'{"name": "\\u0000"}', JSON, ("\\u000", 6), id="a text that tells of NUL"),
        pytest.param(b'{"name": "x", "deep": {"a": ["\\u00e9"]}}', JSON, ("x", 1), id="things in things"),
        pytest.param(gzip.compress(b'{"name": "x"}'), JSON | {"Content-Encoding": "gzip"}, ("x", 1), id="packed"),
    ],
)
async def test_a_body_is_read_as_it_is_described(
    client: Client, body: bytes, headers: dict[str, str], answer: tuple[str, int]
) -> None:
    reply = await client.post("/tell", data=body, headers=headers)
    assert (reply.status, await reply.json()) == (202, {"name": answer[0], "size": answer[1]})
    assert reply.headers["Cache-Control"] == "private, no-store"
    assert reply.headers["Vary"] == "Cookie, Authorization, x-api-key"
    assert reply.headers["X-Content-Type-Options"] == "nosniff"


NOT_EXPECTED = "The body is not what is expected."


@pytest.mark.parametrize(
    ("body", "detail"),
    [
        pytest.param(b"", NOT_EXPECTED, id="empty"),
        pytest.param(b"s3cret", NOT_EXPECTED, id="not JSON"),
        pytest.param(b"[]", NOT_EXPECTED, id="a list"),
        pytest.param(b"null", NOT_EXPECTED, id="null"),
        pytest.param(b'{"name": "x"} x', NOT_EXPECTED, id="more behind it"),
        pytest.param(b"{}", NOT_EXPECTED, id="something is missing"),
        pytest.param(b'{"name": "x", "s3cret": 1}', NOT_EXPECTED, id="something is unknown"),
        pytest.param(
            b'{"name": 1}', "What was sent does not fit the description, at `$.name`.", id="a number for a text"
        ),
        pytest.param(
            b'{"name": "x", "count": 10}', "What was sent does not fit the description, at `$.count`.", id="too large"
        ),
        pytest.param(
            b'{"name": "x", "count": ' + b"9" * 5000 + b"}",
            "What was sent does not fit the description, at `$.count`.",
            id="more than Python reads",
        ),
        pytest.param(b'{"name": "x", "count": NaN}', NOT_EXPECTED, id="no number"),
        pytest.param(b'{"name": "\xff"}', NOT_EXPECTED, id="not UTF-8"),
        pytest.param(b'{"name": "\\ud800"}', NOT_EXPECTED, id="half a character"),
        pytest.param(b'{"name": "\\ud800\\u0041"}', NOT_EXPECTED, id="half a character before another"),
        pytest.param(b'{"name": "\\u0000"}', "A text holds a character that no text has.", id="NUL"),
        pytest.param(
            b'{"name": "x", "deep": {"a": [1, {"\\u0000": 1}]}}', "A text holds a character that no text has.",
            id="NUL deep within",
        ),
        pytest.param(b'{"name": "\0"}', NOT_EXPECTED, id="NUL as it is"),
        pytest.param(b'{"name": "x", "deep": {"a":' + b"[" * 50_000, NOT_EXPECTED, id="too deep to read"),
        pytest.param(b'{"\\u0000":' + b"[" * 50_000, NOT_EXPECTED, id="too deep to search"),
        pytest.param(b"\xef\xbb\xbf{}", NOT_EXPECTED, id="a byte order mark"),
        pytest.param('{"name": "x"}'.encode("utf-16"), NOT_EXPECTED, id="UTF-16"),
    ],
)  # fmt: skip
async def test_a_body_that_does_not_fit_is_refused_and_not_repeated(client: Client, body: bytes, detail: str) -> None:
    reply = await client.post("/tell", data=body, headers=JSON)
    assert reply.content_type == "application/problem+json"
    assert await reply.json() == {
        "status": 400,
        "title": "The request does not fit its description.",
        "code": "bad_request",
        "detail": detail,
    }


@pytest.mark.parametrize("kind", ["text/plain", "application/x-www-form-urlencoded", "application/jsonp", "", None])
async def test_a_body_of_another_type_is_refused(client: Client, kind: str | None) -> None:
    headers = {} if kind is None else {"Content-Type": kind}
    reply = await client.post("/tell", data=b'{"name": "x"}', headers=headers, skip_auto_headers=("Content-Type",))
    assert (reply.status, reply.content_type) == (415, "application/problem+json")


BOMB = gzip.compress(b'{"name": "' + b"0" * 32 * 1024 * 1024 + b'"}')


async def many_pieces() -> AsyncIterator[bytes]:
    for _ in range(3 * 1024):
        yield b" " * 1024


async def piece() -> AsyncIterator[bytes]:
    yield b'{"name": "x"}'


LARGEST = b'{"name": "' + b"x" * (BODY_LIMIT_BYTES - 12) + b'"}'


@pytest.mark.parametrize(
    ("body", "headers", "status"),
    [
        pytest.param(LARGEST, JSON, 202, id="as large as may be"),
        pytest.param(BytesIO(LARGEST + b" "), JSON, 413, id="one byte more"),
        pytest.param(piece(), JSON, 202, id="in pieces"),
        pytest.param(many_pieces(), JSON, 413, id="too large in pieces"),
        pytest.param(BOMB, JSON | {"Content-Encoding": "gzip"}, 413, id="a bomb"),
        pytest.param(b"not gzip", JSON | {"Content-Encoding": "gzip"}, 400, id="not packed as it says"),
        pytest.param(
            gzip.compress(LARGEST)[:50], JSON | {"Content-Encoding": "gzip"}, 400, id="half of what was packed"
        ),
    ],
)
async def test_a_body_has_a_largest_size_however_it_comes(
    client: Client, body: Any, headers: dict[str, str], status: int
) -> None:
    tracemalloc.start()
    try:
        reply = await client.post("/tell", data=body, headers=headers)
        _, most_bytes = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert reply.status == status
    assert reply.content_type == ("application/json" if status == 202 else "application/problem+json")
    assert most_bytes < 16 * 1024 * 1024


async def test_what_takes_no_body_refuses_one(client: Client) -> None:
    reply = await client.delete("/done")
    assert (reply.status, await reply.read(), reply.headers["Cache-Control"]) == (204, b"", "private, no-store")
    for body in (b"x", b"{}", piece(), BytesIO(b"x" * (BODY_LIMIT_BYTES + 1))):
        reply = await client.delete("/done", data=body)
        assert (reply.status, (await reply.json())["detail"]) == (400, "This operation takes no body.")
    assert (await client.get("/path/x", data=b"x")).status == 400
    assert (await client.delete("/done?x=1")).status == 400


@pytest.mark.parametrize(
    ("path", "status", "name"),
    [
        pytest.param("x", 200, "x", id="plain"),
        pytest.param("%41%20b", 200, "A b", id="escaped"),
        pytest.param("a%2Fb", 200, "a/b", id="with a slash"),
        pytest.param("%F0%9F%8F%94", 200, "🏔", id="in any language"),
        pytest.param("%00", 404, None, id="NUL"),
        pytest.param("a%00b", 404, None, id="NUL within"),
        pytest.param("%ED%A0%80", 200, "%ED%A0%80", id="half a character is left as it was sent"),
        pytest.param("a/b", 404, None, id="two parts"),
        pytest.param("", 404, None, id="empty"),
    ],
)
async def test_a_path_is_text_that_every_database_takes(
    client: Client, path: str, status: int, name: str | None
) -> None:
    reply = await client.get(URL("/path/" + path, encoded=True))
    assert reply.status == status
    assert (await reply.json()).get("name") == name


async def test_a_defect_says_nothing_but_that_it_is_one(client: Client) -> None:
    reply = await client.get("/broken")
    assert reply.status == 500
    assert json.loads(await reply.text()) == {
        "status": 500,
        "title": "Something broke in the sidecar; its log says what.",
    }


async def whoami(asked: Asked[Nothing, Nothing]) -> Told:
    return Told(asked.visitor.user.name, 0)


async def whose(asked: Asked[Nothing, Nothing]) -> Told:
    assert asked.jobs is asked.services.jobs
    assert asked.account.user == asked.visitor.user
    return Told(asked.owner_id, 0)


PEOPLES = (
    Operation(id="done", method="DELETE", path="/anybody", summary="", handler=done, needs=For.ANYBODY),
    Operation(id="whoami", method="GET", path="/signed-in", summary="", handler=whoami, answer=Told,
              needs=For.SIGNED_IN),
    Operation(id="whose", method="POST", path="/connected", summary="", handler=whose, answer=Told),
)  # fmt: skip


@pytest.mark.parametrize(
    ("who", "expected"),
    [
        pytest.param("nobody", [204, (401, "not_signed_in"), (401, "not_signed_in")], id="nobody"),
        pytest.param("unknown", [204, (401, "not_signed_in"), (401, "not_signed_in")], id="whom Immich does not know"),
        pytest.param("Eve", [204, "Eve", (409, "not_connected")], id="signed in"),
        pytest.param("Ann", [204, "Ann", "Ann's id"], id="connected"),
    ],
)
async def test_an_operation_says_who_may_call_it(household: Household, who: str, expected: list[Any]) -> None:
    immich = household.immich
    tokens = {"unknown": "t0ken", "Ann": household.ann.token, "Eve": immich.add_session(immich.add_user("Eve"))}
    headers = {"Authorization": f"Bearer {tokens[who]}"} if who in tokens else {}
    found: list[Any] = []
    async with serving(PEOPLES, household.services) as client:
        for operation in PEOPLES:
            reply = await client.request(operation.method, operation.path, headers=headers)
            if reply.status == 401:
                assert reply.headers["WWW-Authenticate"] == "Bearer"
            if reply.status == 204:
                found.append(reply.status)
            elif reply.status == 200:
                found.append((await reply.json())["name"].replace(household.ann.user.id, "Ann's id"))
            else:
                found.append((reply.status, (await reply.json())["code"]))
    assert found == expected


async def test_who_asks_is_found_out_before_what_is_asked_is_read(household: Household, ann: Person) -> None:
    async with serving(PEOPLES, household.services) as client:
        assert (await client.post("/connected?unknown=1", data=b"x")).status == 401
        assert (await client.post("/connected?unknown=1", headers=ann.headers)).status == 400


async def test_an_answer_is_not_lost_with_many_at_once(client: Client) -> None:
    replies = await asyncio.gather(*(client.get(f"/path/{number}") for number in range(50)))
    assert [(await reply.json())["name"] for reply in replies] == [str(number) for number in range(50)]
