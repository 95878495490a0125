"""What is told about the client is true, or comes from a proxy that is trusted."""

from __future__ import annotations

from ipaddress import ip_network

import pytest
from hypothesis import given
from hypothesis import strategies as st
from multidict import CIMultiDict

from sidecar.handlers.forwarded import Forwarded, forwarded

TRUSTED = (ip_network("10.0.0.0/8"), ip_network("fd00::/8"))
LIES = CIMultiDict(
    {"X-Forwarded-For": "1.2.3.4", "X-Forwarded-Proto": "https", "X-Forwarded-Host": "elsewhere.example"}
)


@pytest.mark.parametrize(
    ("peer", "told"),
    [
        pytest.param("203.0.113.7", "203.0.113.7", id="an address"),
        pytest.param("::ffff:203.0.113.7", "203.0.113.7", id="an IPv4 address on an IPv6 socket"),
        pytest.param("fe80::1%eth0", "fe80::1", id="an address with a zone"),
        pytest.param(None, "unknown", id="no address"),
        pytest.param("/run/sidecar.sock", "unknown", id="a path"),
    ],
)
def test_who_is_not_trusted_is_not_believed(peer: str | None, told: str) -> None:
    found = forwarded(LIES, peer=peer, scheme="http", host="photos:8080", trusted=TRUSTED)
    assert found == Forwarded((told,), told, "http", "photos:8080")


@pytest.mark.parametrize(
    ("headers", "chain", "client", "proto", "host"),
    [
        pytest.param({}, "10.0.0.1", "10.0.0.1", "http", "inner:80", id="a proxy that says nothing"),
        pytest.param(
            dict(LIES), "1.2.3.4, 10.0.0.1", "1.2.3.4", "https", "elsewhere.example", id="one that says everything"
        ),
        pytest.param(
            {"X-Forwarded-For": "1.2.3.4, 5.6.7.8, 10.9.9.9"},
            "1.2.3.4, 5.6.7.8, 10.9.9.9, 10.0.0.1",
            "5.6.7.8",
            "http",
            "inner:80",
            id="the nearest stranger is the client",
        ),
        pytest.param(
            {"X-Forwarded-For": "10.1.1.1"}, "10.1.1.1, 10.0.0.1", "10.1.1.1", "http", "inner:80", id="all trusted"
        ),
        pytest.param(
            {"X-Forwarded-For": "nobody, 1.2.3.4:99, [2001:db8::7]:4711, "},
            "1.2.3.4, 2001:db8::7, 10.0.0.1",
            "2001:db8::7",
            "http",
            "inner:80",
            id="ports and what is no address",
        ),
        pytest.param(
            {"X-Forwarded-Proto": "gopher, HTTPS", "X-Forwarded-Host": "a b, [::1]:2283"},
            "10.0.0.1",
            "10.0.0.1",
            "https",
            "[::1]:2283",
            id="the first that makes sense",
        ),
    ],
)
def test_a_trusted_proxy_is_believed(headers: dict[str, str], chain: str, client: str, proto: str, host: str) -> None:
    found = forwarded(CIMultiDict(headers), peer="10.0.0.1", scheme="http", host="inner:80", trusted=TRUSTED)
    assert found.headers == {
        "X-Forwarded-For": chain,
        "X-Real-IP": client,
        "X-Forwarded-Proto": proto,
        "X-Forwarded-Host": host,
    }


def test_a_host_that_is_none_is_not_told() -> None:
    found = forwarded(CIMultiDict(), peer="1.1.1.1", scheme="http", host="a/b", trusted=())
    assert "X-Forwarded-Host" not in found.headers


@given(st.text(max_size=60), st.sampled_from(["10.0.0.1", "8.8.8.8", "fd00::1"]))
def test_nothing_told_breaks_a_header(text: str, peer: str) -> None:
    headers = CIMultiDict({"X-Forwarded-For": text, "X-Forwarded-Proto": text, "X-Forwarded-Host": text})
    for value in forwarded(headers, peer=peer, scheme="http", host=text, trusted=TRUSTED).headers.values():
        assert value.isascii()
        assert value.isprintable()
