"""Where a request through the proxy goes: below Immich's `/api/`, spelled in one way only, and nowhere else. Pure."""

from __future__ import annotations

import re
from dataclasses import dataclass
from http import HTTPStatus
from urllib.parse import unquote, unquote_plus

from sidecar.handlers.middleware import Refused

_PLAIN = re.compile(r"[!-~]*")
_BROKEN_ESCAPE = re.compile(r"%(?![0-9A-Fa-f]{2})")
_NOT_IN_A_NAME = re.compile(r"[\x00-\x1f\x7f/\\]")
_DOTS = frozenset({".", ".."})
_CREDENTIALS = frozenset({"key", "slug", "apikey", "sessionkey"})
_DEEPEST = 4


@dataclass(frozen=True, slots=True)
class Target:
    """What is asked of Immich.

    Shape:  path is below `/api/`, query without its question mark, both as they were sent; the query has lost what
            Immich would take for a credential. operation is the path in the one spelling that tables know: Immich's
            own router reads any case, escapes and a slash at the end.
    """

    path: str
    query: str

    @property
    def relative_url(self) -> str:
        """Path and query in one."""
        return f"{self.path}?{self.query}" if self.query else self.path

    @property
    def operation(self) -> str:
        """Path without escapes, in small letters, without a slash at its end."""
        return unquote(self.path).lower().removesuffix("/")


def target_of(raw: str, prefix: str) -> Target:
    """Where a request goes whose target is spelled so, if prefix is what stands before Immich's paths.

    Errors: Refused (400) for what one server may read as another path than the next: dots, doubled or escaped slashes,
            backslashes, control characters, escapes of escapes that lead to these, or a whole address.
    Source: RFC 3986 section 3.3 and 6.2; RFC 9112 section 3.2.
    """
    path, _, query = raw.partition("?")
    if not path.startswith(prefix) or "#" in raw or not _PLAIN.fullmatch(raw) or "\\" in raw:
        raise _refused()
    tail = path[len(prefix) :]
    *names, last = tail.split("/")
    if not all(_is_plain_name(name) for name in names) or not (last == "" or _is_plain_name(last)):
        raise _refused()
    return Target(tail, _without_credentials(query))


def _is_plain_name(name: str) -> bool:
    if not name or _BROKEN_ESCAPE.search(name):
        return False
    # What comes after us may take escapes off more often than we think it does.
    for _ in range(_DEEPEST):
        if _NOT_IN_A_NAME.search(name) or name.partition(";")[0] in _DOTS:
            return False
        try:
            bare = unquote(name, errors="strict")
        except UnicodeDecodeError:
            return False
        if bare == name:
            return True
        name = bare
    return False


def _without_credentials(query: str) -> str:
    return "&".join(pair for pair in query.split("&") if not _is_credential(pair))


def _is_credential(pair: str) -> bool:
    name = unquote_plus(pair.partition("=")[0])
    # `key[]=…` and `key[0]=…` are a `key`, too, to servers that read lists from queries.
    return name.partition("[")[0].strip().lower() in _CREDENTIALS


def _refused() -> Refused:
    return Refused(HTTPStatus.BAD_REQUEST, "This is no address of Immich's API.", code="bad_path")
