"""Which headers pass, in both directions: what belongs to one connection stays there, and one credential goes. Pure."""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from http import HTTPStatus

from multidict import CIMultiDict
from yarl import URL

from sidecar.handlers.middleware import Refused
from sidecar.immich_client.credential import Credential

RawHeaders = Sequence[tuple[bytes, bytes]]

HOP_BY_HOP = frozenset(
    {
        "connection",
        "http2-settings",
        "keep-alive",
        "proxy-authenticate",
        "proxy-authorization",
        "proxy-connection",
        "te",
        "trailer",
        "transfer-encoding",
        "upgrade",
    }
)
"""What is said to the next one only, whether or not Connection names it (RFC 9110, section 7.6.1)."""

CREDENTIALS = frozenset(
    {
        "authorization",
        "cookie",
        "x-api-key",
        "x-immich-session-token",
        "x-immich-share-key",
        "x-immich-share-slug",
        "x-immich-user-token",
    }
)
"""All by which Immich knows callers; some of it counts more there than what we have read (auth.service.ts 3.1.0)."""

_ABOUT_THE_SENDER = frozenset(
    {
        "forwarded",
        "x-forwarded-for",
        "x-forwarded-host",
        "x-forwarded-port",
        "x-forwarded-prefix",
        "x-forwarded-proto",
        "x-forwarded-server",
        "x-real-ip",
    }
)
# We answer to Expect, speak of our own Host, and frame the body anew.
_OURS_TO_SAY = frozenset({"content-length", "expect", "host"})
_NOT_TO_IMMICH = HOP_BY_HOP | CREDENTIALS | _ABOUT_THE_SENDER | _OURS_TO_SAY
_COOKIES = frozenset({"set-cookie", "set-cookie2"})
_LOCATIONS = frozenset({"location", "content-location"})
_LENGTH = re.compile(r"[0-9]{1,18}")

SAFETY = {
    "Content-Security-Policy": (
        "default-src 'none'; img-src 'self' data:; media-src 'self'; style-src 'unsafe-inline'; sandbox"
    ),
    "Referrer-Policy": "same-origin",
    "X-Content-Type-Options": "nosniff",
}
"""Where Immich says nothing itself: a picture that holds a script is not to run it on this origin."""


def require_plain_framing(raw: RawHeaders) -> None:
    """Nothing, if it is plain where the request ends.

    Errors: Refused (400) for two lengths, a length and a transfer coding, any coding but chunked, and values with line
            breaks: of these, two servers make two different requests.
    Source: RFC 9112 sections 5.2, 6.1 and 6.3.
    """
    lengths = [value for name, value in _decoded(raw) if name.lower() == "content-length"]
    codings = [value.strip().lower() for name, value in _decoded(raw) if name.lower() == "transfer-encoding"]
    is_plain = (
        len(lengths) + len(codings) <= 1
        and all(_LENGTH.fullmatch(length) for length in lengths)
        and codings in ([], ["chunked"])
        and not any(mark in part for pair in raw for part in pair for mark in (b"\r", b"\n", b"\0"))
    )
    if not is_plain:
        raise Refused(HTTPStatus.BAD_REQUEST, "It is not plain where this request ends.", code="bad_framing")


def for_immich(raw: RawHeaders, credential: Credential | None, told: Iterable[tuple[str, str]]) -> CIMultiDict[str]:
    """What of a visitor's headers Immich is shown: all but what concerns our connection, who they are and where from;
    then the credential, and what is told of them.
    """
    passed = _passed(raw, _NOT_TO_IMMICH)
    for name, value in told:
        passed[name] = value
    if credential is not None:
        name, value = credential.header
        passed[name] = value
    return passed


def for_visitor(raw: RawHeaders, *, keeps_cookies: bool, root: URL, prefix: str) -> CIMultiDict[str]:
    """What of Immich's headers the visitor is shown.

    Shape:  root is the address of Immich's API, prefix the path that stands for it here; what points there points here
            afterwards. keeps_cookies says that cookies may be set.
    """
    passed = _passed(raw, HOP_BY_HOP if keeps_cookies else HOP_BY_HOP | _COOKIES)
    for name in _LOCATIONS & {name.lower() for name in passed}:
        passed[name] = location_here(passed[name], root=root, prefix=prefix)
    for name, value in SAFETY.items():
        passed.setdefault(name, value)
    return passed


def location_here(location: str, *, root: URL, prefix: str) -> str:
    """Where the visitor finds what Immich says is there.

    Shape:  Immich's API is at prefix, the rest of Immich at the root of the visitor's own origin; what is elsewhere, or
            relative, stays as it is.
    """
    try:
        url = URL(location, encoded=True)
        is_immichs = url.host is not None and (url.host, url.port or root.port) == (root.host, root.port)
    except ValueError:
        return location
    if url.host is not None and not is_immichs:
        return location
    rest = location if url.host is None else location.partition("//")[2].partition("/")[2]
    if url.host is not None:
        rest = f"/{rest}"
    return f"{prefix}{rest[len(root.raw_path) :]}" if rest.startswith(root.raw_path) else rest


def _passed(raw: RawHeaders, kept_back: frozenset[str]) -> CIMultiDict[str]:
    named = {
        option.strip().lower()
        for name, value in _decoded(raw)
        if name.lower() == "connection"
        for option in value.split(",")
    }
    return CIMultiDict(
        (name, value)
        for name, value in _decoded(raw)
        # Some servers read `x_api_key` as `x-api-key`.
        if (bare := name.lower().replace("_", "-")) not in kept_back and bare not in named
    )


def _decoded(raw: RawHeaders) -> Iterable[tuple[str, str]]:
    """All but what could not be repeated byte by byte: header values of today are ASCII."""
    for name, value in raw:
        if name.isascii() and value.isascii():
            yield name.decode(), value.decode()
