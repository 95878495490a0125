"""Who may not ask, and what is no request at all, never reaches Immich."""

from __future__ import annotations

import logging
from typing import Any

import pytest

from sidecar.immich_client.credential import Credential, CredentialKind
from tests.handlers.proxy.conftest import PROXY, House, Stage
from tests.handlers.proxy.wire import json_answer

OWN = b"x-api-key: key\r\n"


def asked(line: str, *headers: bytes, body: bytes = b"") -> bytes:
    return line.encode() + b"\r\n" + b"".join((b"Host: x\r\n", OWN, *headers)) + b"\r\n" + body


@pytest.mark.parametrize(
    "request_bytes",
    [
        pytest.param(asked(f"GET {PROXY}/../../../etc HTTP/1.1"), id="dots"),
        pytest.param(asked(f"GET {PROXY}/%2e%2e/%2e%2e/etc HTTP/1.1"), id="escaped dots"),
        pytest.param(asked(f"GET {PROXY}//elsewhere/x HTTP/1.1"), id="two slashes"),
        pytest.param(asked(f"GET {PROXY}/a%2f..%2fb HTTP/1.1"), id="escaped slashes"),
        pytest.param(asked(f"GET {PROXY}/a%00 HTTP/1.1"), id="NUL"),
        pytest.param(asked(f"GET {PROXY}/a\\..\\b HTTP/1.1"), id="backslashes"),
        pytest.param(asked(f"GET http://elsewhere{PROXY}/x HTTP/1.1"), id="a whole address"),
        pytest.param(
            asked(
                f"POST {PROXY}/x HTTP/1.1", b"Content-Length: 4\r\nTransfer-Encoding: chunked\r\n", body=b"0\r\n\r\n"
            ),
            id="a length and chunks",
        ),
        pytest.param(
            asked(f"POST {PROXY}/x HTTP/1.1", b"Content-Length: 1\r\nContent-Length: 2\r\n", body=b"ab"),
            id="two lengths",
        ),
        pytest.param(
            asked(f"POST {PROXY}/x HTTP/1.1", b"Transfer-Encoding: gzip, chunked\r\n", body=b"0\r\n\r\n"),
            id="another coding",
        ),
        pytest.param(
            asked(f"POST {PROXY}/x HTTP/1.1", b"Transfer-Encoding : chunked\r\n", body=b"0\r\n\r\n"),
            id="a blank before the colon",
        ),
        pytest.param(asked(f"GET {PROXY}/x HTTP/1.1", b"X-A: a\r\n folded: b\r\n"), id="a folded line"),
        pytest.param(asked(f"GET {PROXY}/x HTTP/1.1", b"X-A: a\0b\r\n"), id="NUL in a header"),
        pytest.param(asked(f"GET {PROXY}/x HTTP/1.1", b"X-A: a\rX-B: b\r\n"), id="a lone return"),
        pytest.param(
            asked(f"POST {PROXY}/x HTTP/1.1", b"Upgrade: websocket\r\nConnection: upgrade\r\nContent-Length: 0\r\n"),
            id="a websocket that begins with POST",
        ),
    ],
)
async def test_what_two_servers_may_read_differently_never_reaches_immich(stage: Stage, request_bytes: bytes) -> None:
    stage.immich.answers(json_answer("{}"))
    exchange = await stage.raw(request_bytes)
    assert exchange.status in {400, 404}
    assert exchange.received.count(b"HTTP/1.") == 1
    assert stage.immich.asked == []


@pytest.mark.parametrize(
    "headers",
    [
        pytest.param({}, id="nothing"),
        pytest.param({"x-immich-share-key": "1"}, id="a shared link's key"),
        pytest.param({"x-immich-share-slug": "1"}, id="a shared link's name"),
        pytest.param({"x-immich-user-token": "1"}, id="a header for a session"),
        pytest.param({"x-immich-session-token": "1"}, id="another"),
        pytest.param({"Authorization": "Basic YTpi"}, id="a password"),
        pytest.param({"x-api-key": "a b"}, id="no key"),
    ],
)
@pytest.mark.parametrize("query", ["", "?key=1", "?slug=1", "?apiKey=1", "?sessionKey=1"])
async def test_who_shows_nothing_of_their_own_is_not_served(house: House, headers: dict[str, str], query: str) -> None:
    async with house.ask("GET", f"assets/1{query}", headers=headers) as answer:
        assert (answer.status, (await answer.json())["code"]) == (401, "not_signed_in")
    assert not [call for call in house.immich.calls if call.path == "/assets/1"]


async def test_what_counts_more_at_immich_does_not_count_here(house: House) -> None:
    theirs = house.signed_in | {"x-immich-user-token": house.bob_token, "x-immich-share-key": "1", "Cookie": "a=b"}
    shown = await house.json("GET", f"users/me?sessionKey={house.bob_token}&apiKey=1&key=2", headers=theirs)
    assert shown["id"] == house.ann.id


async def test_immich_itself_refuses_a_session_that_has_ended(house: House) -> None:
    house.immich.state.sessions.pop(house.ann_token)
    async with house.ask("GET", "users/me") as answer:
        assert (answer.status, (await answer.json())["message"]) == (401, "Invalid user token")


@pytest.mark.parametrize(
    ("headers", "is_refused"),
    [
        pytest.param({"Sec-Fetch-Site": "same-origin"}, False, id="our own pages"),
        pytest.param({"Sec-Fetch-Site": "cross-site"}, True, id="another site"),
        pytest.param({"Origin": "http://elsewhere"}, True, id="another origin"),
        pytest.param({}, True, id="nobody says"),
    ],
)
async def test_another_site_changes_nothing_by_a_cookie(
    house: House, headers: dict[str, str], *, is_refused: bool
) -> None:
    row = house.immich.upload(house.ann, "a.jpg", b"a")
    shown = headers | {"Cookie": f"immich_access_token={house.ann_token}"}
    async with house.ask("PUT", f"assets/{row.id}", headers=shown, json={"isFavorite": True}) as answer:
        assert (answer.status == 403) is is_refused
    assert row.is_favorite is not is_refused


@pytest.mark.parametrize("method", ["TRACE", "CONNECT"])
async def test_methods_that_reflect_or_tunnel_are_refused(stage: Stage, method: str) -> None:
    assert (await stage.raw(asked(f"{method} {PROXY}/x HTTP/1.1"))).status in {400, 404, 405}
    assert stage.immich.asked == []


async def test_signing_in_and_out_goes_through(house: House) -> None:
    words = {"email": "Ann@example.com", "password": "password"}
    async with house.ask("POST", "auth/login", headers={"Cookie": "immich_access_token=old"}, json=words) as answer:
        assert answer.status == 201
        token = (await answer.json())["accessToken"]
        cookies = answer.headers.getall("Set-Cookie")
    assert any(cookie.startswith(f"immich_access_token={token}") and "Path=/" in cookie for cookie in cookies)
    credential = Credential(CredentialKind.SESSION, token)
    shown = {"Authorization": f"Bearer {token}"}
    await house.services.visitors.of(credential)
    async with house.ask("POST", "Auth/Logout/", headers=shown) as answer:
        assert answer.status == 404  # Immich's own router would take it; the emulated one does not
    assert credential not in house.services.visitors._known
    async with house.ask("POST", "auth/logout", headers=shown) as answer:
        assert answer.status == 200
        assert len(answer.headers.getall("Set-Cookie")) == 3
    async with house.ask("GET", "users/me", headers=shown) as answer:
        assert answer.status == 401


@pytest.mark.parametrize(
    "headers",
    [
        pytest.param({"Sec-Fetch-Site": "cross-site"}, id="a browser of today"),
        pytest.param({"Origin": "https://elsewhere"}, id="an older one"),
        pytest.param({"Origin": "null"}, id="a page without an origin"),
        pytest.param({"Origin": "http://[bad"}, id="no origin at all"),
    ],
)
async def test_another_site_signs_nobody_in(house: House, headers: dict[str, str]) -> None:
    words = {"email": "Ann@example.com", "password": "password"}
    async with house.ask("POST", "auth/login", headers=headers, json=words) as answer:
        assert answer.status == 403
    assert not [call for call in house.immich.calls if call.path == "/auth/login"]


async def test_our_own_pages_may_sign_in(house: House) -> None:
    own = {"Origin": f"http://{house.server.host}:{house.server.port}"}
    words = {"email": "Ann@example.com", "password": "password"}
    async with house.ask("POST", "auth/login", headers=own, json=words) as answer:
        assert answer.status == 201


@pytest.mark.parametrize("name", ["ping", "version", "features", "config", "media-types"])
async def test_what_immich_tells_everybody_is_told(house: House, name: str) -> None:
    async with house.ask("GET", f"server/{name}", headers={}) as answer:
        assert answer.status == 200
    async with house.ask("GET", f"server/{name}") as answer:
        assert answer.status == 200


async def test_no_secret_is_logged(house: House, caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.DEBUG)
    secrets: dict[str, Any] = {"x-api-key": "hidden-key", "Authorization": "Bearer hidden-token"}
    for path in ("users/me?apiKey=hidden-query", "%00hidden-path", "assets/hidden-path"):
        async with house.ask("POST", path, headers=secrets, data=b"hidden-body"):
            pass
    assert "hidden" not in caplog.text
