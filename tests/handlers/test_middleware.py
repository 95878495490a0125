from __future__ import annotations

import asyncio
import io
import json
import logging
from http import HTTPStatus

import pytest
from aiohttp import ClientTimeout, web
from aiohttp.test_utils import TestClient, TestServer

from sidecar.errors import (
    ContractBroken,
    ImmichMissing,
    ImmichRefused,
    ImmichUnavailable,
    NotAllowed,
    NotImmich,
    NotSignedIn,
    ParameterError,
    QueueUnavailable,
    SettingsError,
    SidecarError,
    StaleDecision,
    StorageUnavailable,
    UnsupportedImmich,
)
from sidecar.handlers import middleware
from sidecar.handlers.middleware import HEADERS, Refused
from sidecar.log import Discreet
from sidecar.measures import REGISTRY


async def answer_to(error: BaseException) -> tuple[int, dict[str, object], dict[str, str]]:
    async def failing(_request: web.Request) -> web.Response:
        raise error

    app = web.Application(middlewares=[middleware.errors])
    app.router.add_get("/", failing)
    async with TestClient(TestServer(app)) as client:
        answer = await client.get("/", allow_redirects=False)
        assert answer.content_type == "application/problem+json"
        return answer.status, json.loads(await answer.text()), dict(answer.headers)


@pytest.mark.parametrize(
    ("error", "status", "code", "level"),
    [
        pytest.param(NotSignedIn("s3cret"), 401, "not_signed_in", None, id="nobody"),
        pytest.param(NotAllowed("s3cret"), 403, "not_allowed", None, id="not theirs to do"),
        pytest.param(StaleDecision("s3cret"), 409, "stale_decision", None, id="decided on what was"),
        pytest.param(ImmichMissing("s3cret"), 404, "immich_missing", None, id="gone"),
        pytest.param(ImmichRefused("s3cret"), 409, "immich_refused", None, id="a key that works no more"),
        pytest.param(NotImmich("away"), 503, "not_immich", logging.WARNING, id="something else answers"),
        pytest.param(ImmichUnavailable("away"), 503, "immich_unavailable", logging.WARNING, id="Immich is away"),
        pytest.param(
            StorageUnavailable("away"), 503, "storage_unavailable", logging.WARNING, id="the database is away"
        ),
        pytest.param(QueueUnavailable("away"), 503, "queue_unavailable", logging.WARNING, id="the queue is away"),
        pytest.param(UnsupportedImmich("old"), 500, "unsupported_immich", logging.ERROR, id="too old"),
        pytest.param(ContractBroken("no field"), 500, "contract_broken", logging.ERROR, id="a broken contract"),
        pytest.param(SettingsError("no"), 500, "settings", logging.ERROR, id="a setting"),
        pytest.param(ParameterError("no"), 500, "parameter", logging.ERROR, id="a defect with a name"),
        pytest.param(SidecarError("no"), 500, "sidecar", logging.ERROR, id="the root of all"),
        pytest.param(ZeroDivisionError("no"), 500, None, logging.ERROR, id="a defect without one"),
    ],
)
async def test_each_error_is_a_problem_that_repeats_nothing(
    error: Exception, status: int, code: str | None, level: int | None, caplog: pytest.LogCaptureFixture
) -> None:
    with caplog.at_level(logging.INFO, "sidecar"):
        found, body, headers = await answer_to(error)
    assert (found, body.get("code"), body["status"]) == (status, code, status)
    assert str(error) not in body.values()
    assert headers["Cache-Control"] == "no-store"
    assert headers.get("WWW-Authenticate") == ("Bearer" if status == 401 else None)
    assert headers.get("Retry-After") == ("5" if status == 503 else None)
    assert {name: headers[name] for name in HEADERS} == HEADERS
    assert [record.levelno for record in caplog.records] == ([] if level is None else [level])


def every(kind: type[SidecarError]) -> list[type[SidecarError]]:
    return [kind, *(each for child in kind.__subclasses__() for each in every(child))]


@pytest.mark.parametrize("kind", [each for each in every(SidecarError) if each.__module__ == "sidecar.errors"])
async def test_no_error_of_ours_is_a_defect_without_a_name(kind: type[SidecarError]) -> None:
    status, body, _ = await answer_to(kind("no"))
    assert body["code"] == kind.code
    assert status in {401, 403, 404, 409, 500, 503}


@pytest.mark.parametrize(
    ("error", "body", "kept"),
    [
        pytest.param(
            Refused(HTTPStatus.CONFLICT, "No.", code="a_code"),
            {"status": 409, "title": "No.", "code": "a_code"},
            {},
            id="refused",
        ),
        pytest.param(
            Refused(HTTPStatus.BAD_REQUEST, "No.", code="a_code", detail="So."),
            {"status": 400, "title": "No.", "code": "a_code", "detail": "So."},
            {},
            id="refused with a reason",
        ),
        pytest.param(
            web.HTTPMethodNotAllowed("PUT", ["GET"]),
            {"status": 405, "title": "Method Not Allowed"},
            {"Allow": "GET"},
            id="another method",
        ),
        pytest.param(
            web.HTTPSeeOther("/there", headers={"Set-Cookie": "a=b"}),
            {"status": 303, "title": "See Other"},
            {"Location": "/there"},
            id="elsewhere",
        ),
        pytest.param(
            web.HTTPServiceUnavailable(),
            {"status": 503, "title": "Service Unavailable"},
            {"Retry-After": "5"},
            id="not now",
        ),
    ],
)
async def test_what_is_refused_says_so_in_json(
    error: web.HTTPException, body: dict[str, object], kept: dict[str, str]
) -> None:
    _, found, headers = await answer_to(error)
    assert found == body
    named = ("Allow", "Location", "Set-Cookie", "Retry-After")
    assert {name: headers[name] for name in named if name in headers} == kept


async def test_an_answer_says_itself_when_to_come_again() -> None:
    async def later(_request: web.Request) -> web.Response:
        return web.Response(status=503, headers={"Retry-After": "60"})

    app = web.Application(middlewares=[middleware.errors])
    app.router.add_get("/", later)
    async with TestClient(TestServer(app)) as client:
        assert (await client.get("/")).headers["Retry-After"] == "60"


async def test_each_request_is_counted_by_its_route_and_has_an_id_in_every_line() -> None:
    async def handler(request: web.Request) -> web.Response:
        logging.getLogger("sidecar.tests").warning("something was asked")
        if request.match_info["name"] == "slow":
            await asyncio.sleep(60)
        return web.Response()

    app = web.Application(middlewares=[middleware.observed, middleware.errors])
    app.router.add_get("/of/{name}", handler)
    handlers, formatter = logging.getLogger().handlers, Discreet(logging.Formatter("%(request_id)s"))
    before = list(handlers)
    spy = logging.StreamHandler(told := io.StringIO())
    spy.setFormatter(formatter)
    handlers.append(spy)
    try:
        async with TestClient(TestServer(app)) as client:
            one, other = [await client.get(f"/of/{name}") for name in ("Ann", "Bob")]
            missing = await client.request("PROPFIND", "/nowhere")
            with pytest.raises(asyncio.TimeoutError):
                await client.get("/of/slow", timeout=ClientTimeout(total=0.05))
    finally:
        handlers[:] = before
    ids = [answer.headers["X-Request-Id"] for answer in (one, other)]
    assert told.getvalue().splitlines()[:2] == ids
    assert len({*ids, missing.headers["X-Request-Id"]}) == 3
    assert counted("GET", "/of/{name}", "200") == 2
    assert counted("none", "none", "404") >= 1


def counted(method: str, route: str, status: str) -> float:
    labels = {"method": method, "route": route, "status": status}
    return REGISTRY.get_sample_value("sidecar_http_request_duration_seconds_count", labels) or 0.0
