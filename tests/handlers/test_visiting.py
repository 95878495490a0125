from __future__ import annotations

from collections.abc import AsyncIterator, Sequence
from ipaddress import ip_network
from pathlib import Path
from types import SimpleNamespace
from typing import Any, cast

import pytest
from aiohttp import web
from aiohttp.test_utils import make_mocked_request
from hypothesis import given
from hypothesis import strategies as st
from multidict import CIMultiDict
from pydantic import SecretStr

from sidecar.demo.immich import EmulatedImmich
from sidecar.errors import NotAllowed, NotSignedIn
from sidecar.handlers.forwarded import forwarded, origin_of
from sidecar.handlers.visiting import credential_of, require_own_site, shows_cookie_only, visitor_of
from sidecar.immich_client.credential import Credential, CredentialKind
from sidecar.keys import SERVICES
from sidecar.settings import IPNetwork, Settings
from sidecar.wiring import Services, open_services

HERE = "photos.example:8443"
PROXY = "10.0.0.2"
SESSION, KEY = CredentialKind.SESSION, CredentialKind.KEY


def asking(
    headers: Sequence[tuple[str, str]],
    *,
    method: str = "POST",
    path: str = "/",
    peer: Any = ("192.0.2.1", 4711),
    scheme: str = "http",
    services: Any = None,
) -> web.Request:
    app = web.Application()
    app[SERVICES] = services or cast(
        "Services", SimpleNamespace(settings=SimpleNamespace(trusted_proxies=(ip_network("10.0.0.0/24"),)))
    )
    request = make_mocked_request(method, path, CIMultiDict([("Host", HERE), *headers]), app=app)
    connection = cast("Any", request.transport)
    connection.get_extra_info = {"peername": peer}.get
    return request.clone(scheme=scheme)


COOKIE = ("Cookie", "immich_access_token=c00kie")
BEARER = ("Authorization", "Bearer t0ken")
API_KEY = ("x-api-key", "k3y")


@pytest.mark.parametrize(
    ("headers", "path", "shown"),
    [
        pytest.param([BEARER], "/", (SESSION, "t0ken"), id="a Bearer token"),
        pytest.param([("Authorization", "bEARER  t0ken ")], "/", (SESSION, "t0ken"), id="in other letters"),
        pytest.param([COOKIE], "/", (SESSION, "c00kie"), id="the cookie"),
        pytest.param([API_KEY], "/", (KEY, "k3y"), id="an API key"),
        pytest.param([API_KEY, COOKIE, BEARER], "/", (SESSION, "t0ken"), id="all: the token"),
        pytest.param([API_KEY, COOKIE], "/", (SESSION, "c00kie"), id="cookie and key: the cookie"),
        pytest.param([("Authorization", "Basic YTpi"), COOKIE], "/", (SESSION, "c00kie"), id="another scheme"),
        pytest.param([("Authorization", "Bearer "), API_KEY], "/", (KEY, "k3y"), id="an empty token"),
        pytest.param(
            [("Cookie", "a=1; immich_access_token=x; immich_access_token=y")],
            "/",
            (SESSION, "x"),
            id="the first of two",
        ),
        pytest.param(
            [("Cookie", "a=1"), COOKIE, ("Cookie", "immich_access_token=y")],
            "/",
            (SESSION, "c00kie"),
            id="in several headers",
        ),
        pytest.param([("Cookie", 'immich_access_token="q+/="')], "/", (SESSION, "q+/="), id="quoted"),
        pytest.param([("Cookie", r'immich_access_token="q\053x"')], "/", (SESSION, "q+x"), id="quoted with escapes"),
        pytest.param(
            [("Cookie", "ximmich_access_token=z;immich_access_token=c")], "/", (SESSION, "c"), id="a namesake"
        ),
        pytest.param([("Cookie", "immich_access_token="), API_KEY], "/", (KEY, "k3y"), id="an empty cookie"),
        pytest.param([("Cookie", "immich_access_token=a b"), API_KEY], "/", (KEY, "k3y"), id="a cookie that is none"),
    ],
)
def test_what_is_shown_is_looked_at_in_the_order_of_immich(
    headers: list[tuple[str, str]], path: str, shown: tuple[CredentialKind, str]
) -> None:
    assert credential_of(asking(headers, path=path)) == Credential(*shown)


@pytest.mark.parametrize(
    ("headers", "path"),
    [
        pytest.param([], "/", id="nothing"),
        pytest.param([], "/?key=s3cret", id="a shared link"),
        pytest.param([], "/?slug=s3cret", id="a shared link with a name"),
        pytest.param([("x-immich-share-key", "s3cret")], "/", id="a shared link in a header"),
        pytest.param([("x-immich-share-slug", "s3cret")], "/", id="a name of one in a header"),
        pytest.param([], "/?apiKey=s3cret&sessionKey=s3cret&immich_access_token=s3cret", id="in the address"),
        pytest.param([("x-immich-user-token", "s3cret")], "/", id="the header of former apps"),
        pytest.param([("x-immich-session-token", "s3cret")], "/", id="the header of sessions"),
        pytest.param([("Authorization", "s3cret")], "/", id="a token without its scheme"),
        pytest.param([("Authorization", "Basic czNjcmV0")], "/", id="a password"),
        pytest.param([("Authorization", "Bearer s3cret again")], "/", id="two words"),
        pytest.param([("x-api-key", "s3crét")], "/", id="a letter that no key has"),
        pytest.param([("Cookie", 'immich_access_token="s3cret\\012"')], "/", id="a line's end in a cookie"),
        pytest.param([("Cookie", "immich_access_token")], "/", id="a cookie without a value"),
    ],
)
def test_who_shows_nothing_of_immichs_is_nobody(headers: list[tuple[str, str]], path: str) -> None:
    with pytest.raises(NotSignedIn) as refused:
        credential_of(asking(headers, path=path))
    assert "s3cr" not in str(refused.value)


@pytest.mark.parametrize(
    ("headers", "expected"),
    [
        pytest.param([COOKIE], True, id="the cookie"),
        pytest.param([COOKIE, API_KEY], True, id="the cookie, which counts before a key"),
        pytest.param([COOKIE, BEARER], False, id="a token, which counts before the cookie"),
        pytest.param([COOKIE, ("Authorization", "Bearer ")], True, id="an empty token"),
        pytest.param([API_KEY], False, id="a key"),
        pytest.param([], False, id="nothing"),
    ],
)
def test_a_cookie_counts_where_nothing_stronger_is_shown(headers: list[tuple[str, str]], *, expected: bool) -> None:
    assert shows_cookie_only(asking(headers)) is expected


def site(value: str) -> tuple[str, str]:
    return ("Sec-Fetch-Site", value)


def origin(value: str) -> tuple[str, str]:
    return ("Origin", value)


OWN = origin(f"http://{HERE}")
BEHIND = {"peer": (PROXY, 4711)}
FORWARDED = [
    COOKIE,
    origin("https://pub.example"),
    ("X-Forwarded-Host", "pub.example"),
    ("X-Forwarded-Proto", "https"),
]


@pytest.mark.parametrize(
    ("headers", "how"),
    [
        pytest.param([COOKIE, site("same-origin")], {}, id="our page"),
        pytest.param([COOKIE, site("none")], {}, id="the address bar"),
        pytest.param([COOKIE, site("same-origin"), origin("https://elsewhere.example")], {}, id="vouched for"),
        pytest.param([COOKIE, OWN], {}, id="our page in an older browser"),
        pytest.param([COOKIE, origin("http://PHOTOS.example:8443")], {}, id="in other letters"),
        pytest.param([COOKIE, origin(f"https://{HERE}")], {"scheme": "https"}, id="over HTTPS"),
        pytest.param([COOKIE, ("Host", "photos.example"), origin("http://photos.example:80")], {}, id="a default port"),
        pytest.param([BEARER], {}, id="a token and no page"),
        pytest.param([API_KEY, site("cross-site")], {}, id="a key, which no browser adds"),
        pytest.param([BEARER, COOKIE, site("cross-site")], {}, id="a token with a cookie"),
        pytest.param([site("cross-site")], {}, id="nothing that anybody knows"),
        pytest.param(
            FORWARDED,
            BEHIND,
            id="behind our proxy",
        ),
        pytest.param(
            [
                COOKIE,
                origin("https://pub.example"),
                ("X-Forwarded-Host", "pub.example:443, inner"),
                ("X-Forwarded-Proto", "HTTPS,http"),
            ],
            BEHIND,
            id="behind two proxies",
        ),
        pytest.param(
            [COOKIE, origin("https://photos.example:8443"), ("X-Forwarded-Proto", "https")],
            BEHIND,
            id="behind a proxy that keeps the host",
        ),
        pytest.param(
            FORWARDED,
            {"peer": ("::ffff:10.0.0.2", 4711, 0, 0)},
            id="a proxy whose address is written as IPv6",
        ),
    ],
)  # fmt: skip
def test_our_own_pages_may_ask(headers: list[tuple[str, str]], how: dict[str, Any]) -> None:
    require_own_site(own_host(headers, how))


@pytest.mark.parametrize(
    ("headers", "how"),
    [
        pytest.param([COOKIE], {}, id="nobody says who"),
        pytest.param([COOKIE, API_KEY], {}, id="a key beside the cookie changes nothing"),
        pytest.param([COOKIE, site("cross-site")], {}, id="another site"),
        pytest.param([COOKIE, site("same-site")], {}, id="a neighbour"),
        pytest.param([COOKIE, site("")], {}, id="an empty word"),
        pytest.param([COOKIE, site("cross-site"), OWN], {}, id="another site that names us"),
        pytest.param([COOKIE, origin("http://elsewhere.example")], {}, id="another host"),
        pytest.param([COOKIE, origin("http://photos.example")], {}, id="another port"),
        pytest.param([COOKIE, origin(f"https://{HERE}")], {}, id="another scheme"),
        pytest.param([COOKIE, OWN], {"scheme": "https"}, id="a page that was not protected"),
        pytest.param([COOKIE, origin(f"http://{HERE}.elsewhere.example")], {}, id="a longer host"),
        pytest.param([COOKIE, origin(f"http://elsewhere@{HERE}")], {}, id="a name before the host"),
        pytest.param([COOKIE, origin("null")], {}, id="a page that hides where it is from"),
        pytest.param([COOKIE, origin("")], {}, id="an empty origin"),
        pytest.param([COOKIE, origin(f"ftp://{HERE}")], {}, id="no page"),
        pytest.param([COOKIE, ("Host", ""), origin("http://")], {}, id="no host on either side"),
        pytest.param([COOKIE, ("Host", "a b"), origin("null")], {}, id="a host that is none"),
        pytest.param([COOKIE, ("Referer", f"http://{HERE}/")], {}, id="a referrer is not asked"),
        pytest.param(
            [COOKIE, origin("http://pub.example"), ("X-Forwarded-Host", "pub.example")], {}, id="a stranger's headers"
        ),
        pytest.param(
            [COOKIE, origin("http://pub.example"), ("X-Forwarded-Host", "pub.example")],
            {"peer": None},
            id="a connection of nobody",
        ),
        pytest.param([COOKIE, OWN, ("X-Forwarded-Host", "pub.example")], BEHIND, id="the inner name behind a proxy"),
        pytest.param(
            [COOKIE, origin("https://photos.example:8443"), ("X-Forwarded-Proto", "gopher")],
            BEHIND,
            id="a scheme that is none",
        ),
    ],
)
def test_another_site_may_not_ask_in_somebodys_name(headers: list[tuple[str, str]], how: dict[str, Any]) -> None:
    with pytest.raises(NotAllowed):
        require_own_site(own_host(headers, how))


def own_host(headers: list[tuple[str, str]], how: dict[str, Any]) -> web.Request:
    """The request; a host among the headers stands for the usual one."""
    request = asking([each for each in headers if each[0] != "Host"], **how)
    for name, value in headers:
        if name == "Host":
            request = request.clone(host=value)
    return request


def test_who_is_gone_already_comes_from_nowhere() -> None:
    request = asking([COOKIE, OWN])
    request._transport_sslcontext = None
    request._protocol.transport = None
    require_own_site(request)


@pytest.mark.parametrize(
    ("address", "expected"),
    [
        pytest.param("http://a.example", "http://a.example", id="plain"),
        pytest.param("HTTPS://A.example:443/x?y#z", "https://a.example", id="with everything"),
        pytest.param("http://a.example:81", "http://a.example:81", id="with a port"),
        pytest.param("http://[::1]:80", "http://[::1]", id="an address"),
        pytest.param("http://a:x", None, id="no port"),
        pytest.param("http://", None, id="no host"),
        pytest.param("a.example", None, id="no scheme"),
        pytest.param("http://me@a.example", None, id="a name"),
    ],
)
def test_an_origin_is_scheme_host_and_port(address: str, expected: str | None) -> None:
    assert origin_of(address) == expected


NETWORKS: tuple[IPNetwork, ...] = (ip_network("10.0.0.0/24"), ip_network("fd00::/8"))


@pytest.mark.parametrize(
    ("peer", "expected"),
    [
        pytest.param("10.0.0.2", True, id="IPv4"),
        pytest.param("::ffff:10.0.0.2", True, id="IPv4 as IPv6"),
        pytest.param("fd00::1%eth0", True, id="IPv6 with its zone"),
        pytest.param("10.0.1.2", False, id="a neighbour"),
        pytest.param("localhost", False, id="a name"),
        pytest.param(None, False, id="nobody"),
    ],
)
def test_only_listed_proxies_are_trusted(peer: str | None, *, expected: bool) -> None:
    told = CIMultiDict({"X-Forwarded-Proto": "https"})
    believed = forwarded(told, peer=peer, scheme="http", host="a.example", trusted=NETWORKS).proto == "https"
    assert believed is expected


@given(
    told=st.dictionaries(st.sampled_from(["X-Forwarded-Host", "X-Forwarded-Proto", "Forwarded"]), st.text()),
    host=st.text(),
)
def test_whatever_strangers_forward_changes_nothing(told: dict[str, str], host: str) -> None:
    def seen(headers: dict[str, str]) -> str | None:
        shown = CIMultiDict(headers)
        return forwarded(shown, peer="192.0.2.1", scheme="http", host=host, trusted=NETWORKS).origin

    assert seen(told) == seen({})


@given(host=st.text(), proto=st.text(), address=st.text())
def test_whatever_is_sent_as_an_origin_is_one_or_none(host: str, proto: str, address: str) -> None:
    told = CIMultiDict({"X-Forwarded-Host": host, "X-Forwarded-Proto": proto})
    for found in (
        origin_of(address),
        forwarded(told, peer="10.0.0.2", scheme="https", host="a.example", trusted=NETWORKS).origin,
    ):
        assert found is None or origin_of(found) == found


@pytest.fixture
async def immich() -> AsyncIterator[EmulatedImmich]:
    async with EmulatedImmich() as running:
        yield running


@pytest.fixture
async def services(immich: EmulatedImmich, tmp_path: Path, valkey_url: str) -> AsyncIterator[Services]:
    settings = Settings(immich_url=immich.url, data_dir=tmp_path, redis_url=SecretStr(valkey_url), port=0)
    async with open_services(settings) as opened:
        yield opened


async def test_immich_says_whose_it_is(services: Services, immich: EmulatedImmich) -> None:
    ann = immich.add_user("Ann")
    shown = [("Authorization", f"Bearer {immich.add_session(ann)}")]
    for _ in range(3):
        assert (await visitor_of(asking(shown, method="GET", services=services))).user.name == "Ann"
    assert len(immich.traffic.calls_of("GET", "/users/me")) == 1
    assert (await visitor_of(asking(shown, services=services))).user.id == ann.id
    assert len(immich.traffic.calls_of("GET", "/users/me")) == 2
    immich.state.sessions.clear()
    assert (await visitor_of(asking(shown, method="HEAD", services=services))).user.id == ann.id
    with pytest.raises(NotSignedIn):
        await visitor_of(asking(shown, services=services))


async def test_before_immich_is_asked_another_site_is_refused(services: Services, immich: EmulatedImmich) -> None:
    shown = [("Cookie", f"immich_access_token={immich.add_session(immich.add_user('Ann'))}")]
    immich.calls.clear()
    with pytest.raises(NotAllowed):
        await visitor_of(asking(shown, services=services))
    assert immich.calls == []
    assert (await visitor_of(asking(shown, method="GET", services=services))).user.name == "Ann"
