"""Which headers pass: nothing of one connection, no credential but the one, no other origin's address."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st
from yarl import URL

from sidecar.handlers.middleware import Refused
from sidecar.handlers.proxy.headers import (
    CREDENTIALS,
    HOP_BY_HOP,
    for_immich,
    for_visitor,
    location_here,
    require_plain_framing,
)
from sidecar.immich_client.credential import Credential, CredentialKind

ROOT = URL("http://immich-server:2283/api/")
PREFIX = "/side/api/immich/"
KEY = Credential(CredentialKind.KEY, "own")
TOKEN = Credential(CredentialKind.SESSION, "own")


def raw(**headers: str) -> list[tuple[bytes, bytes]]:
    return [(name.replace("_", "-").encode(), value.encode()) for name, value in headers.items()]


@pytest.mark.parametrize("name", [pytest.param(name, id=name) for name in sorted(HOP_BY_HOP | CREDENTIALS)])
@pytest.mark.parametrize("spelled", [str.lower, str.title, lambda name: name.replace("-", "_")])
def test_nothing_of_theirs_counts_as_a_credential_or_belongs_to_the_connection(name: str, spelled: object) -> None:
    assert callable(spelled)
    sent = for_immich([(spelled(name).encode(), b"theirs")], None, ())
    assert not sent


def test_exactly_one_credential_is_shown() -> None:
    theirs = raw(authorization="Bearer theirs", x_api_key="theirs", cookie="immich_access_token=theirs")
    assert for_immich(theirs, KEY, ()) == {"x-api-key": "own"}
    assert for_immich(theirs, TOKEN, ()) == {"authorization": "Bearer own"}


def test_what_connection_names_stays_and_the_rest_passes() -> None:
    headers = for_immich(
        [(b"Connection", b"close, X-One"), (b"connection", b"x-two"), *raw(X_One="1", X_Two="2", X_Three="3")], None, ()
    )
    assert headers == {"X-Three": "3"}


def test_what_is_told_of_the_sender_is_told_anew() -> None:
    theirs = raw(forwarded="for=1", x_forwarded_for="1", x_real_ip="1", x_forwarded_port="1", X_Forwarded_Prefix="/")
    assert for_immich(theirs, None, [("X-Forwarded-For", "2")]) == {"X-Forwarded-For": "2"}


def test_host_length_and_expectation_are_ours_to_say() -> None:
    assert not for_immich(raw(host="elsewhere", content_length="3", expect="100-continue"), None, ())


def test_what_cannot_be_repeated_byte_by_byte_is_left_out() -> None:
    assert for_immich([(b"X-A", "é".encode("latin-1")), (b"X-B", b"b")], None, ()) == {"X-B": "b"}


@given(st.lists(st.tuples(st.sampled_from(["Connection", "X-A", "x-api-key", "Cookie", "TE", "x_api_key"]), st.text())))
def test_no_credential_and_no_hop_by_hop_header_passes(headers: list[tuple[str, str]]) -> None:
    sent = for_immich([(name.encode(), value.encode(errors="replace")) for name, value in headers], None, ())
    assert {name.lower() for name in sent} <= {"x-a"}


@pytest.mark.parametrize(
    "headers",
    [
        pytest.param([(b"Content-Length", b"3"), (b"Content-Length", b"3")], id="two lengths"),
        pytest.param([(b"Content-Length", b"3"), (b"Transfer-Encoding", b"chunked")], id="a length and a coding"),
        pytest.param([(b"Transfer-Encoding", b"gzip, chunked")], id="another coding"),
        pytest.param([(b"Transfer-Encoding", b"chunked"), (b"transfer-encoding", b"chunked")], id="two codings"),
        pytest.param([(b"Content-Length", b"+3")], id="a length with a sign"),
        pytest.param([(b"Content-Length", b"3, 3")], id="a list of lengths"),
        pytest.param([(b"X-A", b"a\r\n b")], id="a folded line"),
        pytest.param([(b"X-A", b"a\nX-B: c")], id="a line break"),
        pytest.param([(b"X-A", b"a\0")], id="NUL"),
        pytest.param([(b"X\n-A", b"a")], id="a line break in a name"),
    ],
)
def test_what_leaves_it_open_where_a_request_ends_is_refused(headers: list[tuple[bytes, bytes]]) -> None:
    with pytest.raises(Refused) as refused:
        require_plain_framing(headers)
    assert (refused.value.status, refused.value.code) == (400, "bad_framing")


@pytest.mark.parametrize(
    "headers",
    [
        pytest.param([(b"X-A", b"a")], id="no body"),
        pytest.param([(b"Content-Length", b"3")], id="a length"),
        pytest.param([(b"Transfer-Encoding", b"Chunked")], id="chunked"),
    ],
)
def test_plain_framing_passes(headers: list[tuple[bytes, bytes]]) -> None:
    require_plain_framing(headers)


def test_of_an_answer_only_sign_in_sets_cookies() -> None:
    answer = raw(set_cookie="immich_access_token=1; Path=/; HttpOnly", content_type="x/y", keep_alive="5")
    kept = for_visitor(answer, keeps_cookies=True, root=ROOT, prefix=PREFIX)
    assert kept["Set-Cookie"] == "immich_access_token=1; Path=/; HttpOnly"
    assert "Keep-Alive" not in kept
    assert "Set-Cookie" not in for_visitor(answer, keeps_cookies=False, root=ROOT, prefix=PREFIX)


def test_an_answer_says_what_browsers_may_do_with_it_unless_immich_does() -> None:
    own = for_visitor(raw(content_security_policy="its own"), keeps_cookies=False, root=ROOT, prefix=PREFIX)
    assert own["Content-Security-Policy"] == "its own"
    assert own["X-Content-Type-Options"] == "nosniff"
    assert "sandbox" in for_visitor([], keeps_cookies=False, root=ROOT, prefix=PREFIX)["Content-Security-Policy"]


@pytest.mark.parametrize(
    ("location", "here"),
    [
        pytest.param("original?", "original?", id="relative"),
        pytest.param("/api/assets/1?a=/b", "/side/api/immich/assets/1?a=/b", id="in the API"),
        pytest.param("/auth/login", "/auth/login", id="on Immich's pages"),
        pytest.param("http://immich-server:2283/api/assets/1", "/side/api/immich/assets/1", id="its own address"),
        pytest.param("//immich-server:2283/api/a", "/side/api/immich/a", id="without a scheme"),
        pytest.param("http://immich-server:2283/photos", "/photos", id="its own address, not the API"),
        pytest.param("http://immich-server:2283", "/", id="its own address, no path"),
        pytest.param("https://sso.example/api/x", "https://sso.example/api/x", id="somewhere else"),
        pytest.param("http://immich-server:99/api/x", "http://immich-server:99/api/x", id="another port"),
        pytest.param("http://immich-server:x/api/", "http://immich-server:x/api/", id="no address"),
    ],
)
def test_what_points_to_immich_points_here(location: str, here: str) -> None:
    assert location_here(location, root=ROOT, prefix=PREFIX) == here
    passed = for_visitor(raw(location=location), keeps_cookies=False, root=ROOT, prefix=PREFIX)
    assert passed.getall("Location") == [here]
