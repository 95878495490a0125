"""The one connection to Immich: key, timeouts, limits and retries. Nothing else in the product sees HTTP or the key."""

from __future__ import annotations

import asyncio
import logging
import random
import re
import ssl
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass, field
from email.utils import parsedate_to_datetime
from functools import lru_cache
from http import HTTPStatus
from time import perf_counter
from types import TracebackType
from typing import Any, Protocol, Self, TypeVar
from urllib.parse import urlencode

import httpcore
import httpx
import msgspec

from sidecar.errors import ContractBroken, ImmichUnavailable, ParameterError, SidecarError
from sidecar.immich_client.address import api_root, usable_key
from sidecar.immich_client.call import AnswerT, Call
from sidecar.immich_client.connections import Connections
from sidecar.immich_client.credential import Credential, CredentialKind
from sidecar.immich_client.failures import (
    HTTP_ERRORS,
    Failure,
    failure_of_answer,
    failure_of_content,
    failure_of_exception,
    failure_of_file,
)
from sidecar.measures import IMMICH_REQUESTS
from sidecar.redaction import OwnWords

_log = logging.getLogger(__name__)

# What a server says of a range that holds no byte of the file (RFC 9110, section 14.4).
_NO_RANGE = "bytes */"
_CONTENT_RANGE = re.compile(r"bytes ([0-9]{1,18})-")

OutcomeT = TypeVar("OutcomeT")

ANSWER_LIMIT_BYTES = 64 * 1024 * 1024
"""More than any answer but the list of all stacks: 1,000 assets with EXIF are 1.4 MB."""


@dataclass(frozen=True, slots=True)
class Timeouts:
    """How long each step of a call may take; waiting for a free connection has no limit, being only a queue.

    Units:  read_s is waited for each piece of an answer; whole_s is what a small file or a part of a file may take in
            all, so that a server that drips is not read for ever.
    """

    connect_s: float = 5.0
    read_s: float = 60.0
    write_s: float = 30.0
    whole_s: float = 120.0


@dataclass(frozen=True, slots=True)
class Retries:
    """How often and after which pauses a call is repeated; pauses double and are spread by up to a half."""

    attempts: int = 4
    first_pause_s: float = 0.5
    longest_pause_s: float = 8.0
    longest_retry_after_s: float = 60.0

    def pause_s(self, attempt: int, failure: Failure, *, spread: float) -> float:
        """The pause after the attempt of this number, counted from 1; spread is between 0 and 1.

        Shape:  a server's own wish is fulfilled up to longest_retry_after_s, and never undercut by spreading.
        """
        if failure.retry_after_s is not None:
            return min(failure.retry_after_s, self.longest_retry_after_s) + spread * self.first_pause_s
        full_s = min(self.first_pause_s * 2.0 ** (attempt - 1), self.longest_pause_s)
        return full_s * (1 + spread) / 2


class Gate(Protocol):
    """What decides which operations a server is asked for."""

    async def permit(self, operation: str) -> None:
        """Nothing, or an error of ours that says why not."""


@dataclass(frozen=True, slots=True)
class Entrance:
    """Where a conversation other than by calls begins, and what shows there who we are; the key is not shown.

    Shape:  origin is scheme, host and port; path is that of the API's root, with a slash at both ends. ssl_context is
            None for http.
    """

    origin: str
    path: str
    headers: Mapping[str, str] = field(repr=False)
    ssl_context: ssl.SSLContext | None


@dataclass(frozen=True, slots=True)
class _Span:
    """A part of a file: so many bytes from this one on."""

    first: int
    size_bytes: int

    @property
    def header(self) -> bytes:
        return f"bytes={self.first}-{self.first + self.size_bytes - 1}".encode()

    def within(self, reply: httpx.Response) -> _Span:
        """Where the part lies in the reply's body: at its start, or deeper in a file that is sent whole."""
        return _Span(0, self.size_bytes) if reply.status_code == HTTPStatus.PARTIAL_CONTENT else self

    def fault_of(self, reply: httpx.Response) -> str | None:
        """Why the reply cannot give this part, None if it may."""
        if reply.status_code == HTTPStatus.PARTIAL_CONTENT:
            sent = _CONTENT_RANGE.match(reply.headers.get("content-range", ""))
            if sent is None or int(sent[1]) != self.first:
                return "Immich sends another part of the file than was wanted"
        elif reply.is_success and self.first > ANSWER_LIMIT_BYTES:
            return f"Immich sends the whole file instead of a part that begins behind {ANSWER_LIMIT_BYTES} bytes"
        return None


class Transport:
    """Sends calls to one Immich with one credential; use it as an async context manager.

    Shape:  credential is an API key, or what a visitor showed, or None for what anybody may ask; connections
            are those of another owner, who closes them. gate is asked before each call.
    Units:  connections is how many calls run at once, more wait their turn.
    Errors: SettingsError if the address or the credential cannot be used.
    """

    def __init__(
        self,
        url: str,
        credential: str | Credential | None,
        *,
        timeouts: Timeouts | None = None,
        retries: Retries | None = None,
        connections: int | Connections = 10,
        gate: Gate | None = None,
        sleep: Callable[[float], Awaitable[object]] = asyncio.sleep,
        spread: Callable[[], float] = random.random,
    ) -> None:
        root = api_root(url)
        limits = timeouts or Timeouts()
        self.address = str(root).removesuffix("/api/")
        self.server_time_ms: int | None = None
        self._gate = gate
        self._retries = retries or Retries()
        self._sleep = sleep
        self._spread = spread
        self._root = root
        if isinstance(credential, str):
            credential = Credential(CredentialKind.KEY, usable_key(credential))
        self._shown = dict([credential.header]) if credential is not None else {}
        self._headers = [
            (b"host", root.netloc),
            (b"user-agent", f"python-httpx/{httpx.__version__}".encode()),
            (b"accept", b"application/json"),
            # Immich stands beside us: packing its answers would cost both sides more than the wire does.
            (b"accept-encoding", b"identity"),
            *((name.encode(), value.encode()) for name, value in self._shown.items()),
        ]
        self._whole_s = limits.whole_s
        self._timeouts = {"connect": limits.connect_s, "read": limits.read_s, "write": limits.write_s}
        # Follows no redirect, keeps no cookie, and asks neither the environment for proxies nor ~/.netrc for passwords.
        self._owns_connections = isinstance(connections, int)
        self._connections = Connections(root, limit=connections) if isinstance(connections, int) else connections

    def __repr__(self) -> str:
        return f"Transport({self.address!r})"

    @property
    def entrance(self) -> Entrance:
        """Where a websocket goes."""
        return Entrance(
            origin=f"{self._root.scheme}://{self._root.netloc.decode()}",
            path=self._root.path,
            headers=self._shown,
            ssl_context=self._connections.ssl_context,
        )

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self.close()

    async def close(self) -> None:
        """Nothing; connections of its own end with the calls that they carry."""
        if self._owns_connections:
            await self._connections.close()

    async def send(
        self, call: Call[AnswerT], *, attempts: int | None = None, answer_limit_bytes: int = ANSWER_LIMIT_BYTES
    ) -> AnswerT:
        """What Immich answers, decoded.

        Shape:  a repeatable call is sent again after a passing failure, any other only if it never left.
        Errors: every SidecarError that failures.py knows, and those of the gate; nothing of httpx or msgspec gets out.
        """
        if self._gate is not None:
            await self._gate.permit(call.operation)
        return await self._repeated(call, lambda: self._attempt(call, answer_limit_bytes), attempts)

    async def file(self, call: Call[None], *, limit_bytes: int) -> bytes:
        """The whole of a small file that Immich answers with.

        Errors: as send; ImmichMissing where Immich cannot give the file, ContractBroken if it is larger than the limit.
        """
        whole = await self._repeated(call, lambda: self._attempt_file(call, _Span(0, limit_bytes + 1), as_range=False))
        if len(whole) > limit_bytes:
            raise ContractBroken(f"Immich's answer to {call.operation} is larger than {limit_bytes} bytes.")
        return whole

    async def part(self, call: Call[None], first: int, size_bytes: int) -> bytes:
        """So many bytes of the file that Immich answers with, from this one on; fewer if it has no more.

        Shape:  bytes count from 0. A server that sends the whole file all the same is left as soon as enough has come.
        Errors: as send; ImmichMissing where Immich cannot give the file, ParameterError if size_bytes is not positive
                or first negative. ContractBroken for another part than asked for, and for a whole file in which the
                part begins too far behind.
        """
        if size_bytes < 1 or first < 0:
            raise ParameterError(f"{size_bytes} bytes from {first} on are no part of a file.")
        return await self._repeated(call, lambda: self._attempt_file(call, _Span(first, size_bytes), as_range=True))

    @asynccontextmanager
    async def stream(self, call: Call[None], *, limit_bytes: int) -> AsyncIterator[AsyncIterator[bytes]]:
        """The file that Immich answers with, piece by piece; only inside the block, and nothing is asked for again.

        Shape:  an answer that ends before its announced length fails; what the block leaves unread is not fetched.
        Errors: as send, on entering and with each piece; ImmichMissing where Immich cannot give the file,
                ContractBroken as soon as it proves larger than the limit.
        """
        about = {"operation": call.operation, "address": self.address}
        began_s = perf_counter()
        async with AsyncExitStack() as opened:
            try:
                reply = await opened.enter_async_context(self._connections.ask(self._request(call)))
                self.server_time_ms = _time_ms(reply.headers.get("date", "")) or self.server_time_ms
                refusal = b"" if reply.is_success else await _read_part(reply, _Span(0, ANSWER_LIMIT_BYTES))
            except HTTP_ERRORS as error:
                broken = failure_of_exception(error, **about).error
                _measure(call, broken, began_s)
                raise broken from error
            _log.debug(
                "Immich answers with a file. operation=%s status=%d", OwnWords(call.operation), reply.status_code
            )
            failure = failure_of_file(reply.status_code, reply.headers, refusal, **about)
            _measure(call, failure.error if failure is not None else None, began_s)
            if failure is not None:
                raise failure.error
            yield _pieces(reply, limit_bytes, about)

    async def _repeated(
        self,
        call: Call[Any],
        attempt_once: Callable[[], Awaitable[OutcomeT | Failure]],
        attempts: int | None = None,
    ) -> OutcomeT:
        """What the first attempt gets that does not fail, or that fails for good."""
        last = attempts or self._retries.attempts
        attempt = 1
        while isinstance(outcome := await _measured(call, attempt_once), Failure):
            if attempt >= last or not _may_repeat(call, outcome):
                raise outcome.error from outcome.cause
            pause_s = self._retries.pause_s(attempt, outcome, spread=self._spread())
            _log.warning(
                "Immich did not answer as it should; asking again. operation=%s attempt=%d pause_s=%.1f",
                OwnWords(call.operation),
                attempt,
                pause_s,
            )
            await self._sleep(pause_s)
            attempt += 1
        return outcome

    async def _attempt(self, call: Call[AnswerT], answer_limit_bytes: int) -> AnswerT | Failure:
        about = {"operation": call.operation, "address": self.address}
        try:
            async with self._connections.ask(self._request(call)) as reply:
                self.server_time_ms = _time_ms(reply.headers.get("date", "")) or self.server_time_ms
                body = await _read(reply, answer_limit_bytes)
        except HTTP_ERRORS as error:
            return failure_of_exception(error, **about)
        _log.debug("Immich answered. operation=%s status=%d", OwnWords(call.operation), reply.status_code)
        if body is None:
            too_large = ContractBroken(
                f"Immich's answer to {call.operation} is larger than {answer_limit_bytes} bytes."
            )
            return Failure(too_large, is_passing=False)
        if failure := failure_of_answer(
            reply.status_code, reply.headers, body, answers_json=call.answers_json, **about
        ):
            return failure
        try:
            return call.decode(body)
        except (msgspec.DecodeError, UnicodeDecodeError) as error:
            return failure_of_content(error, **about)

    async def _attempt_file(self, call: Call[None], span: _Span, *, as_range: bool) -> bytes | Failure:
        about = {"operation": call.operation, "address": self.address}
        more_headers = [(b"range", span.header)] if as_range else []
        try:
            async with (
                self._connections.ask(self._request(call, *more_headers)) as reply,
                asyncio.timeout(self._whole_s),
            ):
                self.server_time_ms = _time_ms(reply.headers.get("date", "")) or self.server_time_ms
                if misplaced := span.fault_of(reply):
                    return Failure(ContractBroken(f"{misplaced}, asked for {call.operation}."), is_passing=False)
                wanted = span.within(reply) if reply.is_success else _Span(0, ANSWER_LIMIT_BYTES)
                body = await _read_part(reply, wanted)
        except TimeoutError as error:
            late = f"Immich at {self.address} takes more than {self._whole_s:g} s for {call.operation}."
            return Failure(ImmichUnavailable(late), is_passing=True, cause=error)
        except HTTP_ERRORS as error:
            return failure_of_exception(error, **about)
        _log.debug("Immich answered. operation=%s status=%d", OwnWords(call.operation), reply.status_code)
        if reply.headers.get("content-range", "").startswith(_NO_RANGE):
            return b""  # the file has no byte there
        return failure_of_file(reply.status_code, reply.headers, body, **about) or body

    def _request(self, call: Call[Any], *more_headers: tuple[bytes, bytes]) -> httpcore.Request:
        """The call as it leaves; the key is put into it here, so that nothing that is shown or logged holds it."""
        root, target = self._root, self._root.raw_path + call.path.removeprefix("/").encode()
        if call.query:
            target += b"?" + urlencode(call.query).encode()
        headers = [*self._headers, *more_headers]
        if call.body is not None:
            length = str(len(call.body)).encode()
            headers += [(b"content-type", b"application/json"), (b"content-length", length)]
        return httpcore.Request(
            call.method,
            httpcore.URL(scheme=root.raw_scheme, host=root.raw_host, port=root.port, target=target),
            headers=headers,
            content=call.body,
            extensions={"timeout": self._timeouts},
        )


async def _measured(call: Call[Any], attempt_once: Callable[[], Awaitable[OutcomeT | Failure]]) -> OutcomeT | Failure:
    began_s = perf_counter()
    outcome = await attempt_once()
    _measure(call, outcome.error if isinstance(outcome, Failure) else None, began_s)
    return outcome


def _measure(call: Call[Any], error: SidecarError | None, began_s: float) -> None:
    became = "ok" if error is None else error.code
    IMMICH_REQUESTS.labels(call.operation, became).observe(perf_counter() - began_s)


def _may_repeat(call: Call[AnswerT], failure: Failure) -> bool:
    return failure.is_passing and (call.is_repeatable or not failure.was_sent)


@lru_cache(maxsize=1)  # hundreds of answers tell the same second
def _time_ms(date: str) -> int | None:
    """What a Date header says (RFC 9110, section 6.6.1), None where it cannot be read."""
    try:
        return int(parsedate_to_datetime(date).timestamp()) * 1000
    except (ValueError, OverflowError):
        return None


async def _read(reply: httpx.Response, limit_bytes: int) -> bytearray | None:
    """The whole body, None if it is larger than the limit."""
    body = bytearray()
    async for chunk in reply.aiter_bytes():
        body += chunk
        if len(body) > limit_bytes:
            return None
    return body


async def _read_part(reply: httpx.Response, span: _Span) -> bytes:
    """The part of the body; what comes after it is left to the server.

    Shape:  a body that ends with the part is read to its end, so that its connection can be used again.
    """
    skipped = 0
    body = bytearray()
    async for chunk in reply.aiter_bytes():
        body += chunk
        if skipped < span.first:
            gone = min(span.first - skipped, len(body))
            del body[:gone]
            skipped += gone
        if len(body) > span.size_bytes:
            break
    return bytes(body[: span.size_bytes])


async def _pieces(reply: httpx.Response, limit_bytes: int, about: dict[str, str]) -> AsyncIterator[bytes]:
    told = reply.headers.get("content-length", "")
    seen = int(told) if told.isascii() and told.isdigit() else 0
    too_large = ContractBroken(f"Immich's answer to {about['operation']} is larger than {limit_bytes} bytes.")
    if seen > limit_bytes:
        raise too_large
    seen = 0
    try:
        async for piece in reply.aiter_bytes():
            seen += len(piece)
            if seen > limit_bytes:
                raise too_large
            yield piece
    except HTTP_ERRORS as error:
        raise failure_of_exception(error, **about).error from error
