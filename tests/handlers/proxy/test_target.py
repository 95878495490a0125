"""No spelling of a path leads anywhere but below Immich's API."""

from __future__ import annotations

from urllib.parse import unquote

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sidecar.handlers.middleware import Refused
from sidecar.handlers.proxy.target import Target, target_of

PREFIX = "/side/api/immich/"


@pytest.mark.parametrize(
    ("tail", "path", "query"),
    [
        pytest.param("assets/1", "assets/1", "", id="a plain path"),
        pytest.param("", "", "", id="nothing at all"),
        pytest.param("socket.io/?EIO=4", "socket.io/", "EIO=4", id="a slash at the end"),
        pytest.param("assets/1?size=preview&x=%20y", "assets/1", "size=preview&x=%20y", id="a query as it was"),
        pytest.param("a/caf%C3%A9", "a/caf%C3%A9", "", id="an escape as it was"),
        pytest.param("a/..b/c...", "a/..b/c...", "", id="dots within names"),
        pytest.param("a?x=../..//%2e%2e%00", "a", "x=../..//%2e%2e%00", id="a query may hold anything"),
        pytest.param("a?key=1&b=2", "a", "b=2", id="a share key"),
        pytest.param("a?slug=1", "a", "", id="a share slug alone"),
        pytest.param("a?b=2&apiKey=1&sessionKey=3&c", "a", "b=2&c", id="keys of users and sessions"),
        pytest.param("a?%6bey=1&k%65y=2&b=%6b", "a", "b=%6b", id="a key with escapes in its name"),
        pytest.param("a?key[]=1&slug%5B0%5D=2&b", "a", "b", id="lists of keys"),
        pytest.param("a?KEY=1&+key+=2", "a", "", id="other cases and blanks"),
        pytest.param("a?keys=1&monkey=2", "a", "keys=1&monkey=2", id="other names"),
    ],
)
def test_what_is_plain_passes_without_what_counts_as_a_credential(tail: str, path: str, query: str) -> None:
    assert target_of(PREFIX + tail, PREFIX) == Target(path, query)


@pytest.mark.parametrize(
    "raw",
    [
        pytest.param(PREFIX + "../admin", id="dots"),
        pytest.param(PREFIX + "a/../../b", id="dots further in"),
        pytest.param(PREFIX + "a/..", id="dots at the end"),
        pytest.param(PREFIX + "./a", id="one dot"),
        pytest.param(PREFIX + "%2e%2e/admin", id="escaped dots"),
        pytest.param(PREFIX + ".%2E/admin", id="half escaped dots"),
        pytest.param(PREFIX + "%252e%252e/admin", id="twice escaped dots"),
        pytest.param(PREFIX + "%25252525252e%252e/admin", id="escaped too often to look"),
        pytest.param(PREFIX + "..;/admin", id="dots with a parameter"),
        pytest.param(PREFIX + "a//b", id="two slashes"),
        pytest.param(PREFIX + "/a", id="two slashes at the beginning"),
        pytest.param(PREFIX + "a//", id="two slashes at the end"),
        pytest.param(PREFIX + "a%2fb", id="an escaped slash"),
        pytest.param(PREFIX + "a%252Fb", id="a twice escaped slash"),
        pytest.param(PREFIX + "a%5cb", id="an escaped backslash"),
        pytest.param(PREFIX + "a\\b", id="a backslash"),
        pytest.param(PREFIX + "a?b\\c", id="a backslash in the query"),
        pytest.param(PREFIX + "a%00", id="NUL"),
        pytest.param(PREFIX + "a%0d%0ab", id="a line break"),
        pytest.param(PREFIX + "a%7f", id="DEL"),
        pytest.param(PREFIX + "a%zz", id="a broken escape"),
        pytest.param(PREFIX + "a%", id="an escape cut short"),
        pytest.param(PREFIX + "a%c0%ae%c0%ae/b", id="dots in overlong UTF-8"),
        pytest.param(PREFIX + "a#b", id="a fragment"),
        pytest.param(PREFIX + "é", id="no ASCII"),
        pytest.param(PREFIX + "a b", id="a blank"),
        pytest.param("http://elsewhere" + PREFIX + "a", id="a whole address"),
        pytest.param("//elsewhere" + PREFIX + "a", id="another host"),
        pytest.param("/%73ide/api/immich/a", id="our own path, escaped"),
        pytest.param("*", id="no path"),
        pytest.param("elsewhere:80", id="an authority"),
    ],
)
def test_what_two_servers_may_read_differently_is_refused(raw: str) -> None:
    with pytest.raises(Refused) as refused:
        target_of(raw, PREFIX)
    assert (refused.value.status, refused.value.code) == (400, "bad_path")


@pytest.mark.parametrize(
    ("path", "operation"),
    [
        pytest.param("auth/logout", "auth/logout", id="as it is"),
        pytest.param("Auth/LogOut/", "auth/logout", id="another case, a slash at the end"),
        pytest.param("auth/%6cogout", "auth/logout", id="an escape"),
    ],
)
def test_an_operation_has_one_spelling(path: str, operation: str) -> None:
    assert Target(path, "").operation == operation


@given(st.text(st.sampled_from("./%2eE5cfF0;aA\\?#&=k y[]"), max_size=30))
def test_whatever_is_sent_stays_below_the_api(tail: str) -> None:
    try:
        target = target_of(PREFIX + tail, PREFIX)
    except Refused:
        return
    seen = target.path
    for _ in range(5):
        assert not {".", ".."} & set(seen.split("/"))
        assert "//" not in f"/{seen}"
        assert "\\" not in seen
        seen = unquote(seen)
    assert target.relative_url == target.path + ("?" + target.query if target.query else "")
