"""The one connection to Immich: key, timeouts, limits and retries. Nothing else in the product sees HTTP or the key."""

from __future__ import annotations

import asyncio
import logging
import random
from collections.abc import Awaitable, Callable, Generator
from dataclasses import dataclass
from email.utils import parsedate_to_datetime
from types import TracebackType
from typing import Self

import httpx
import msgspec

from sidecar.errors import ContractBroken
from sidecar.immich_client.address import api_root, usable_key
from sidecar.immich_client.call import AnswerT, Call
from sidecar.immich_client.failures import (
    HTTPX_ERRORS,
    Failure,
    failure_of_answer,
    failure_of_content,
    failure_of_exception,
)

_log = logging.getLogger(__name__)

# Immich closes a connection after 5 s without a request; ours is given up before, so that none breaks while being used.
_KEEPALIVE_S = 3.0

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


class _KeyHeader(httpx.Auth):
    """Puts the key into each request as it leaves, so that no client or header listing shows it."""

    def __init__(self, key: str) -> None:
        self._key = key

    def auth_flow(self, request: httpx.Request) -> Generator[httpx.Request, httpx.Response, None]:
        request.headers["x-api-key"] = self._key
        yield request


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
        self._client = httpx.AsyncClient(
            base_url=root,
            auth=_KeyHeader(usable_key(api_key)),
            # Immich stands beside us: packing its answers would cost both sides more than the wire does.
            headers={"accept": "application/json", "accept-encoding": "identity"},
            timeout=httpx.Timeout(connect=limits.connect_s, read=limits.read_s, write=limits.write_s, pool=None),
            limits=httpx.Limits(
                max_connections=connections, max_keepalive_connections=connections, keepalive_expiry=_KEEPALIVE_S
            ),
            follow_redirects=False,
            # The environment's proxies and ~/.netrc are not meant for Immich. Certificates are read only for https.
            trust_env=False,
            verify=httpx.create_ssl_context() if root.scheme == "https" else False,
        )

    def __repr__(self) -> str:
        return f"Transport({self.address!r})"

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self._client.aclose()

    async def send(
        self, call: Call[AnswerT], *, attempts: int | None = None, answer_limit_bytes: int = ANSWER_LIMIT_BYTES
    ) -> AnswerT:
        """What Immich answers, decoded.

        Shape:  a repeatable call is sent again after a passing failure, any other only if it never left.
        Errors: every SidecarError that failures.py knows; nothing of httpx or msgspec gets out.
        """
        last = attempts or self._retries.attempts
        attempt = 1
        while isinstance(outcome := await self._attempt(call, answer_limit_bytes), Failure):
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
        headers = {"content-type": "application/json"} if call.body is not None else None
        try:
            async with self._client.stream(
                call.method, call.path, params=call.query or None, content=call.body, headers=headers
            ) as reply:
                self.server_time_ms = _server_time_ms(reply) or self.server_time_ms
                body = await _read(reply, answer_limit_bytes)
        except HTTPX_ERRORS as error:
            return failure_of_exception(error, **about)
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


def _may_repeat(call: Call[AnswerT], failure: Failure) -> bool:
    return failure.is_passing and (call.is_repeatable or not failure.was_sent)


def _server_time_ms(reply: httpx.Response) -> int | None:
    """The answer's Date (RFC 9110, section 6.6.1), None where it has none that can be read."""
    try:
        return int(parsedate_to_datetime(reply.headers["date"]).timestamp()) * 1000
    except (KeyError, ValueError, OverflowError):
        return None


async def _read(reply: httpx.Response, limit_bytes: int) -> bytearray | None:
    """The whole body, None if it is larger than the limit."""
    body = bytearray()
    async for chunk in reply.aiter_bytes():
        body += chunk
        if len(body) > limit_bytes:
            return None
    return body
