"""The one connection to Immich: key, timeouts, limits and retries. Nothing else in the product sees HTTP or the key."""

from __future__ import annotations

import asyncio
import logging
import random
from collections import deque
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass
from email.utils import parsedate_to_datetime
from functools import lru_cache
from types import TracebackType
from typing import Any, Self, TypeVar
from urllib.parse import urlencode

import httpcore
import httpx
import msgspec

from sidecar.errors import ContractBroken, ParameterError
from sidecar.immich_client.address import api_root, usable_key
from sidecar.immich_client.call import AnswerT, Call
from sidecar.immich_client.failures import (
    HTTP_ERRORS,
    Failure,
    failure_of_answer,
    failure_of_content,
    failure_of_exception,
    failure_of_file,
)

_log = logging.getLogger(__name__)

# Immich closes a connection after 5 s without a request; ours is given up before, so that none breaks while being used.
_KEEPALIVE_S = 3.0

# What a server says of a range that holds no byte of the file (RFC 9110, section 14.4).
_NO_RANGE = "bytes */"

OutcomeT = TypeVar("OutcomeT")

ANSWER_LIMIT_BYTES = 64 * 1024 * 1024
"""More than any answer but the list of all stacks: 1,000 assets with EXIF are 1.4 MB."""


@dataclass(frozen=True, slots=True)
class Timeouts:
    """How long each step of a call may take; waiting for a free connection has no limit, being only a queue."""

    connect_s: float = 5.0
    read_s: float = 60.0
    write_s: float = 30.0


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


class _Connections:
    """The connections to one server: each carries one call at a time, and the one that rested longest goes first.

    Shape:  the connections are those of httpx, its client and its pool are not: they merge addresses, headers and
            cookies for every call, ask the socket of every connection twice, and cost more than the call itself.
    """

    def __init__(self, root: httpx.URL, *, limit: int) -> None:
        self._origin = httpcore.URL(scheme=root.raw_scheme, host=root.raw_host, port=root.port, target=b"/").origin
        # Certificates are read only for https.
        self._ssl_context = httpx.create_ssl_context() if root.scheme == "https" else None
        self._turns = asyncio.Semaphore(limit)
        self._resting: deque[httpcore.AsyncHTTPConnection] = deque()
        self._is_closed = False

    @asynccontextmanager
    async def ask(self, request: httpcore.Request) -> AsyncIterator[httpx.Response]:
        """The answer, its body still to be read; what the block leaves unread costs the connection."""
        async with self._turns:
            connection = await self._rested() or httpcore.AsyncHTTPConnection(
                self._origin, ssl_context=self._ssl_context, keepalive_expiry=_KEEPALIVE_S
            )
            try:
                reply = await connection.handle_async_request(request)
                try:
                    yield httpx.Response(reply.status, headers=reply.headers, stream=_Body(reply))
                finally:
                    await reply.aclose()
            finally:
                if connection.is_available() and not self._is_closed:
                    self._resting.append(connection)
                else:
                    await connection.aclose()

    async def close(self) -> None:
        """Nothing; connections that rest are closed, others as soon as their call ends."""
        self._is_closed = True
        while self._resting:
            await self._resting.popleft().aclose()

    async def _rested(self) -> httpcore.AsyncHTTPConnection | None:
        """The connection that rested longest among those that still stand, None if there is none."""
        while self._resting:
            connection = self._resting.popleft()
            if not connection.has_expired():
                return connection
            await connection.aclose()
        return None


class _Body(httpx.AsyncByteStream):
    """A body as it comes from the wire, for httpx to unpack."""

    def __init__(self, reply: httpcore.Response) -> None:
        self._reply = reply

    def __aiter__(self) -> AsyncIterator[bytes]:
        return self._reply.aiter_stream()


class Transport:
    """Sends calls to one Immich with one key; use it as an async context manager.

    Units:  connections is how many calls run at once, more wait their turn.
    Errors: SettingsError if the address or the key cannot be used.
    """

    def __init__(
        self,
        url: str,
        api_key: str,
        *,
        timeouts: Timeouts | None = None,
        retries: Retries | None = None,
        connections: int = 10,
        sleep: Callable[[float], Awaitable[object]] = asyncio.sleep,
        spread: Callable[[], float] = random.random,
    ) -> None:
        root = api_root(url)
        limits = timeouts or Timeouts()
        self.address = str(root).removesuffix("/api/")
        self.server_time_ms: int | None = None
        self._retries = retries or Retries()
        self._sleep = sleep
        self._spread = spread
        self._root = root
        self._headers = [
            (b"host", root.netloc),
            (b"user-agent", f"python-httpx/{httpx.__version__}".encode()),
            (b"accept", b"application/json"),
            # Immich stands beside us: packing its answers would cost both sides more than the wire does.
            (b"accept-encoding", b"identity"),
            (b"x-api-key", usable_key(api_key).encode()),
        ]
        self._timeouts = {"connect": limits.connect_s, "read": limits.read_s, "write": limits.write_s}
        # Follows no redirect, keeps no cookie, and asks neither the environment for proxies nor ~/.netrc for passwords.
        self._connections = _Connections(root, limit=connections)

    def __repr__(self) -> str:
        return f"Transport({self.address!r})"

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self._connections.close()

    async def send(
        self, call: Call[AnswerT], *, attempts: int | None = None, answer_limit_bytes: int = ANSWER_LIMIT_BYTES
    ) -> AnswerT:
        """What Immich answers, decoded.

        Shape:  a repeatable call is sent again after a passing failure, any other only if it never left.
        Errors: every SidecarError that failures.py knows; nothing of httpx or msgspec gets out.
        """
        return await self._repeated(call, lambda: self._attempt(call, answer_limit_bytes), attempts)

    async def head(self, call: Call[None], size_bytes: int) -> bytes:
        """The first bytes of the file that Immich answers with, fewer if it has no more.

        Shape:  a server that sends the whole file all the same is left as soon as enough has come.
        Errors: as send; ImmichMissing where Immich cannot give the file, ParameterError if size_bytes is not positive.
        """
        if size_bytes < 1:
            raise ParameterError(f"{size_bytes} bytes are no part of a file.")
        return await self._repeated(call, lambda: self._attempt_head(call, size_bytes))

    async def _repeated(
        self,
        call: Call[Any],
        attempt_once: Callable[[], Awaitable[OutcomeT | Failure]],
        attempts: int | None = None,
    ) -> OutcomeT:
        """What the first attempt gets that does not fail, or that fails for good."""
        last = attempts or self._retries.attempts
        attempt = 1
        while isinstance(outcome := await attempt_once(), Failure):
            if attempt >= last or not _may_repeat(call, outcome):
                raise outcome.error from outcome.cause
            pause_s = self._retries.pause_s(attempt, outcome, spread=self._spread())
            _log.warning(
                "Immich did not answer as it should; asking again. operation=%s attempt=%d pause_s=%.1f",
                call.operation,
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
        _log.debug("Immich answered. operation=%s status=%d", call.operation, reply.status_code)
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

    async def _attempt_head(self, call: Call[None], size_bytes: int) -> bytes | Failure:
        about = {"operation": call.operation, "address": self.address}
        span = (b"range", f"bytes=0-{size_bytes - 1}".encode())
        try:
            async with self._connections.ask(self._request(call, span)) as reply:
                self.server_time_ms = _time_ms(reply.headers.get("date", "")) or self.server_time_ms
                body = await _read_head(reply, size_bytes if reply.is_success else ANSWER_LIMIT_BYTES)
        except HTTP_ERRORS as error:
            return failure_of_exception(error, **about)
        _log.debug("Immich answered. operation=%s status=%d", call.operation, reply.status_code)
        if reply.headers.get("content-range", "").startswith(_NO_RANGE):
            return b""  # only of an empty file there is no first byte
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


async def _read_head(reply: httpx.Response, size_bytes: int) -> bytes:
    """The body's first bytes; what comes after them is left to the server.

    Shape:  a body of just this size is read to its end, so that its connection can be used again.
    """
    body = bytearray()
    async for chunk in reply.aiter_bytes():
        body += chunk
        if len(body) > size_bytes:
            break
    return bytes(body[:size_bytes])
