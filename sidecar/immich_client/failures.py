"""Translates what can go wrong with a call, exceptions of HTTP and Immich's refusals, into our errors. Pure."""

from __future__ import annotations

import re
import ssl
from collections.abc import Mapping
from dataclasses import dataclass
from email.utils import parsedate_to_datetime
from http import HTTPStatus

import httpcore
import httpx
import msgspec

from sidecar.errors import (
    ContractBroken,
    ImmichMissing,
    ImmichRefused,
    ImmichUnavailable,
    NotImmich,
    SettingsError,
    SidecarError,
    StaleDecision,
)

_MESSAGE_LIMIT = 300
_MISSING_PERMISSION = re.compile(r"Missing required permission: ([\w.]+)")
_MISSING_RESOURCE = re.compile(r"Not found or no \S+ access|(?:Album|Shared link) not found")
_OVERTAKEN = re.compile(r"Asset not in stack|Cannot remove stack's primary asset|Primary asset must be in the stack")
_NO_FILE = {"Not Found", "Asset media not found"}

HTTP_ERRORS = (
    httpx.HTTPError,
    httpx.InvalidURL,
    httpx.StreamError,
    httpx.CookieConflict,
    httpcore.TimeoutException,
    httpcore.NetworkError,
    httpcore.ProtocolError,
    httpcore.ProxyError,
    httpcore.UnsupportedProtocol,
    httpcore.ConnectionNotAvailable,
)
"""The roots of everything that httpx and the connections below it raise."""

# The first row that fits decides, so that subclasses stand before their parents. Exceptions of one name mean one thing.
_OURS: tuple[tuple[tuple[type[Exception], ...], type[SidecarError], str], ...] = (
    ((httpx.TimeoutException, httpcore.TimeoutException), ImmichUnavailable, "does not answer in time"),
    (
        (httpx.ConnectError, httpcore.ConnectError, httpcore.ConnectionNotAvailable),
        ImmichUnavailable,
        "cannot be reached",
    ),
    ((httpx.NetworkError, httpcore.NetworkError), ImmichUnavailable, "broke off the connection"),
    ((httpx.RemoteProtocolError, httpcore.RemoteProtocolError), ImmichUnavailable, "broke off its answer"),
    ((httpx.ProxyError, httpcore.ProxyError), ImmichUnavailable, "cannot be reached through the proxy"),
    ((httpx.DecodingError,), ImmichUnavailable, "sent a damaged answer"),
    (
        (httpx.UnsupportedProtocol, httpcore.UnsupportedProtocol),
        SettingsError,
        "has an address that is neither http nor https",
    ),
    ((httpx.InvalidURL,), SettingsError, "has an unreadable address"),
    ((httpx.TooManyRedirects,), NotImmich, "redirects without end"),
    ((httpx.HTTPError, httpcore.ProtocolError), ContractBroken, "was asked in a way that HTTP forbids"),
    ((httpx.StreamError,), ContractBroken, "was read in a way that HTTP forbids"),
    ((httpx.CookieConflict,), ContractBroken, "sent cookies that contradict each other"),
)

_PASSING = {HTTPStatus.TOO_MANY_REQUESTS, HTTPStatus.REQUEST_TIMEOUT}
_NEVER_SENT = (
    httpx.ConnectError,
    httpx.ConnectTimeout,
    httpx.PoolTimeout,
    httpcore.ConnectError,
    httpcore.ConnectTimeout,
    httpcore.PoolTimeout,
    httpcore.ConnectionNotAvailable,
)


@dataclass(frozen=True, slots=True)
class Failure:
    """Why a call failed.

    Shape:  is_passing says that the same call may succeed later; was_sent that Immich may have acted on it.
    Units:  retry_after_s is what the server asks for, None if it does not.
    """

    error: SidecarError
    is_passing: bool
    was_sent: bool = True
    retry_after_s: float | None = None
    cause: Exception | None = None


class _Detail(msgspec.Struct):
    message: str = ""
    path: list[str | int] = []


class _Refusal(msgspec.Struct):
    """An error body: 2.x puts details in a list of messages, 3.x beside one message in `errors`."""

    message: str | list[str]
    errors: list[_Detail] = []


_refusal = msgspec.json.Decoder(_Refusal)


def failure_of_exception(error: Exception, *, operation: str, address: str) -> Failure:
    """The failure behind one of the HTTP_ERRORS."""
    if _is_distrusted(error):
        ours: SidecarError = SettingsError(f"The certificate of {address} is not trusted: {_short(str(error))}")
        return Failure(ours, is_passing=False, was_sent=False, cause=error)
    kind, sentence = next((kind, sentence) for foreign, kind, sentence in _OURS if isinstance(error, foreign))
    reason = f" ({_short(str(error))})" if str(error) else ""
    return Failure(
        kind(f"Immich at {address} {sentence}{reason}, asked for {operation}."),
        is_passing=kind is ImmichUnavailable,
        was_sent=not isinstance(error, _NEVER_SENT),
        cause=error,
    )


def failure_of_answer(
    status: int,
    headers: Mapping[str, str],
    body: bytes | bytearray,
    *,
    operation: str,
    address: str,
    answers_json: bool = True,
) -> Failure | None:
    """The failure that an answer tells of, None if it is a success: in JSON, or empty where JSON is not expected.

    Source: error bodies of Immich 2.7.5 (message may be a list) and 3.1.0 (details beside the message).
    """
    if _is_success(status) and (_is_json(headers) or not (answers_json or body)):
        return None
    if status >= HTTPStatus.INTERNAL_SERVER_ERROR or status in _PASSING:
        message = _message(body) if _is_json(headers) else None
        error = ImmichUnavailable(f"Immich at {address} answers {status} to {operation}{_after_colon(message)}.")
        return Failure(error, is_passing=True, retry_after_s=_retry_after_s(headers))
    return Failure(_lasting(status, headers, body, operation, address), is_passing=False)


def failure_of_file(
    status: int, headers: Mapping[str, str], body: bytes | bytearray, *, operation: str, address: str
) -> Failure | None:
    """The failure that an answer tells of which should be a file, None if it is one.

    Shape:  ImmichMissing says that the asset is gone or another user's, or that Immich cannot read its file: one such
            file is no reason to think that Immich is down.
    Source: file.ts and live 2.7.5 and 3.1.0: from 3.0 all of these are 404 "Not Found"; before, an unreadable file is
            500 with the file's own headers.
    """
    if _is_success(status) and not _is_page(headers):
        return None
    is_unreadable = "content-disposition" in headers or (status == HTTPStatus.NOT_FOUND and _message(body) in _NO_FILE)
    if is_unreadable and not _is_success(status):
        missing = f"Immich does not show this file to this user, or cannot read it, asked for {operation}."
        return Failure(ImmichMissing(missing), is_passing=False)
    return failure_of_answer(status, headers, body, operation=operation, address=address)


def failure_of_content(error: Exception, *, operation: str, address: str) -> Failure:
    """The failure behind an answer that is no JSON at all or lacks what the contract promises.

    Shape:  the message names the field, never its value: msgspec's errors hold no values.
    """
    if isinstance(error, msgspec.ValidationError):
        ours: SidecarError = ContractBroken(f"Immich's answer to {operation} breaks the contract: {error}.")
    else:
        ours = _not_immich(address, f"the answer to {operation} is not JSON, though it says so")
    return Failure(ours, is_passing=False, cause=error)


def _lasting(
    status: int, headers: Mapping[str, str], body: bytes | bytearray, operation: str, address: str
) -> SidecarError:
    if HTTPStatus.MULTIPLE_CHOICES <= status < HTTPStatus.BAD_REQUEST:
        return _redirected(headers, address)
    if not _is_json(headers):
        kind = headers.get("content-type", "").partition(";")[0] or "nothing"
        return _not_immich(address, f"{operation} is answered {status} with {_short(kind)} instead of JSON")
    message = _message(body)
    if status == HTTPStatus.NOT_ACCEPTABLE:
        # Immich's web app answers so below any path but /api.
        return _not_immich(address, f"{operation} is answered as a page, not as data")
    if message is None:
        return _not_immich(address, f"its error {status} is not worded as Immich's are")
    return _refused(status, message, operation)


def _refused(status: int, message: str, operation: str) -> SidecarError:
    if status == HTTPStatus.UNAUTHORIZED:
        return ImmichRefused(f"Immich refuses the API key: {message}.")
    if status == HTTPStatus.FORBIDDEN:
        if missing := _MISSING_PERMISSION.search(message):
            permission = missing[1]
            return ImmichRefused(
                f"The API key lacks the permission {permission} for {operation}.", permission=permission
            )
        return ImmichRefused(f"Immich forbids {operation}: {message}.")
    if status == HTTPStatus.BAD_REQUEST and _MISSING_RESOURCE.search(message):
        return ImmichMissing(f"Immich does not show it to this user, or it is gone, asked for {operation}: {message}.")
    if status == HTTPStatus.BAD_REQUEST and _OVERTAKEN.search(message):
        return StaleDecision(f"The stack is not what it was when this was decided, asked for {operation}: {message}.")
    return ContractBroken(f"Immich rejects {operation} with {status}: {message}.")


def _redirected(headers: Mapping[str, str], address: str) -> NotImmich:
    # Only scheme and host are repeated: the rest of a login page's address may hold a token.
    target = re.match(r"https?://[^/?#@\s]+(?=[/?#]|$)", headers.get("location", ""))
    where = f"to {target[0]}" if target else "to another page"
    return _not_immich(address, f"it redirects {where}, perhaps to log in")


def _not_immich(address: str, reason: str) -> NotImmich:
    return NotImmich(f"{address} does not answer as Immich's API does: {reason}. Check IMMICH_URL.")


def _is_success(status: int) -> bool:
    return HTTPStatus.OK <= status < HTTPStatus.MULTIPLE_CHOICES


def _is_json(headers: Mapping[str, str]) -> bool:
    return "json" in headers.get("content-type", "")


def _is_page(headers: Mapping[str, str]) -> bool:
    """True of what Immich never gives out as a file, but whatever stands before it may, to log people in."""
    return "html" in headers.get("content-type", "")


def _message(body: bytes | bytearray) -> str | None:
    """Immich's own words about an error, None if the body is not one of its error bodies."""
    try:
        refusal = _refusal.decode(body)
    except (msgspec.DecodeError, UnicodeDecodeError):
        return None
    messages = [refusal.message] if isinstance(refusal.message, str) else refusal.message
    details = [f"{'.'.join(map(str, detail.path))}: {detail.message}" for detail in refusal.errors]
    return _short("; ".join([*messages, *details]))


def _short(text: str) -> str:
    plain = " ".join(text.split()).rstrip(".")
    return plain if len(plain) <= _MESSAGE_LIMIT else plain[: _MESSAGE_LIMIT - 1] + "…"


def _after_colon(message: str | None) -> str:
    return f": {message}" if message else ""


def _is_distrusted(error: BaseException | None) -> bool:
    """True if a refused certificate is somewhere behind the error; no waiting mends that."""
    while error is not None:
        if isinstance(error, ssl.SSLCertVerificationError):
            return True
        error = error.__cause__ or error.__context__
    return False


def _retry_after_s(headers: Mapping[str, str]) -> float | None:
    """The pause a server asks for; a date is measured against the server's own clock.

    Source: RFC 9110, section 10.2.3.
    """
    asked = headers.get("retry-after", "").strip()
    if asked.isascii() and asked.isdigit():
        return float(asked[:9])
    try:
        pause = parsedate_to_datetime(asked) - parsedate_to_datetime(headers.get("date", ""))
    except (ValueError, TypeError):
        return None
    return max(0.0, pause.total_seconds())
