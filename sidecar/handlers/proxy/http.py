"""One exchange with Immich: the request streamed there, the answer streamed back, or read and enriched."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Sequence
from http import HTTPStatus

from aiohttp import ClientError, ClientResponse, ClientSession, HttpVersion11, web
from multidict import CIMultiDict

from sidecar.handlers.middleware import Refused
from sidecar.handlers.proxy.asked import Asked
from sidecar.handlers.proxy.disconnection import break_off, cancelled_without_visitor
from sidecar.handlers.proxy.enrichment import Degraded, Enriched, Enrichment, Wanted, etag_of
from sidecar.handlers.proxy.places import place_of

DEGRADED = "X-Sidecar-Degraded"
VISITOR_IDLE_AT_MOST_S = 600.0
AHEAD_AT_MOST_BYTES = 512 * 1024
"""How much of an answer waits for a slow visitor; with less, Immich and we would wait for each other in turn."""

# A part, or "as before", of Immich's answer says nothing about ours.
_ABOUT_WHAT_THEY_HAVE = ("If-Match", "If-Modified-Since", "If-None-Match", "If-Range", "If-Unmodified-Since", "Range")
_ABOUT_THE_BYTES = (
    "Accept-Ranges",
    "Content-Digest",
    "Content-Length",
    "Content-MD5",
    "Digest",
    "ETag",
    "Last-Modified",
    "Repr-Digest",
)
_BY_WHOM = ("Cookie", "Authorization", "x-api-key")


async def pass_on(session: ClientSession, asked: Asked, enrichment: Enrichment) -> web.StreamResponse:
    """Immich's answer, sent to the visitor already.

    Errors: Refused: 502 where Immich gives no answer, 504 where it takes too long for one, 400 for a body that is not
            coded as it says. An answer that breaks off is broken off here, too.
    """
    place = place_of(asked.request.method, asked.target.operation)
    wanted = await enrichment.wanted(place, asked.credential)
    headers = asked.headers_to_immich()
    if wanted is not None:
        headers["Accept-Encoding"] = "identity"
        for name in _ABOUT_WHAT_THEY_HAVE:
            headers.popall(name, None)
    upload = await _upload(asked.request, headers)
    with cancelled_without_visitor(asked.request):
        upstream = await _answer(session, asked, headers, upload)
        async with upstream:
            if upstream.status == HTTPStatus.SWITCHING_PROTOCOLS:
                upstream.close()
                raise _no_answer()
            passed = asked.headers_to_visitor(upstream.raw_headers)
            if wanted is None or not _is_json(upstream):
                return await _stream(asked.request, upstream, passed)
            if asked.request.method == "HEAD":
                for name in _ABOUT_THE_BYTES:
                    passed.popall(name, None)
                return await _stream(asked.request, upstream, passed)
            return await _enriched(asked.request, upstream, passed, enrichment, wanted)


class _Upload:
    """The visitor's body, to be read once: aiohttp sends some requests again when a connection was stale."""

    def __init__(self, request: web.Request) -> None:
        self._request = request
        self._is_begun = False
        self.failure: Exception | None = None

    def __aiter__(self) -> AsyncIterator[bytes]:
        if self._is_begun:
            raise ConnectionResetError("The body was sent already.")
        self._is_begun = True
        return self._pieces()

    async def _pieces(self) -> AsyncIterator[bytes]:
        try:
            while True:
                async with asyncio.timeout(VISITOR_IDLE_AT_MOST_S):
                    piece = await self._request.content.readany()
                if not piece:
                    return
                yield piece
        except Exception as error:
            self.failure = error
            raise


async def _upload(request: web.Request, headers: CIMultiDict[str]) -> _Upload | None:
    if request.content_length is not None:
        headers["Content-Length"] = str(request.content_length)
    if not request.can_read_body:
        return None
    if "Expect" in request.headers and request.version == HttpVersion11:
        await request.writer.write(b"HTTP/1.1 100 Continue\r\n\r\n")
        request.writer.output_size = 0
    return _Upload(request)


async def _answer(
    session: ClientSession, asked: Asked, headers: CIMultiDict[str], upload: _Upload | None
) -> ClientResponse:
    try:
        return await session.request(
            asked.request.method, asked.url, headers=headers, data=upload, allow_redirects=False
        )
    except TimeoutError as error:
        raise _too_slow() from error
    except (ClientError, OSError) as error:
        if upload is not None and upload.failure is not None:
            raise Refused(HTTPStatus.BAD_REQUEST, "The body is not coded as it says.", code="bad_body") from error
        raise _no_answer() from error


async def _stream(
    request: web.Request,
    upstream: ClientResponse,
    headers: CIMultiDict[str],
    *,
    beginning: bytes = b"",
) -> web.StreamResponse:
    response = web.StreamResponse(status=upstream.status, reason=upstream.reason, headers=headers)
    if request.transport is None:
        return response  # the visitor has gone meanwhile
    request.transport.set_write_buffer_limits(AHEAD_AT_MOST_BYTES)
    try:
        await response.prepare(request)
        if beginning:
            await _write(response, beginning)
        while piece := await upstream.content.readany():
            await _write(response, piece)
        await response.write_eof()
    except (ClientError, OSError, TimeoutError):
        break_off(request)
    return response


async def _write(response: web.StreamResponse, piece: bytes) -> None:
    async with asyncio.timeout(VISITOR_IDLE_AT_MOST_S):
        await response.write(piece)


def _is_json(upstream: ClientResponse) -> bool:
    return upstream.status == HTTPStatus.OK and upstream.content_type == "application/json"


async def _enriched(
    request: web.Request,
    upstream: ClientResponse,
    headers: CIMultiDict[str],
    enrichment: Enrichment,
    wanted: Wanted,
) -> web.StreamResponse:
    if headers.get("Content-Encoding", "identity").lower() != "identity":
        headers[DEGRADED] = Degraded.ENCODED
        return await _stream(request, upstream, headers)
    with enrichment.holding() as held:
        reason = held.refuses(upstream.content_length or 0)
        try:
            while reason is None and (piece := await upstream.content.readany()):
                reason = held.take(piece)
        except TimeoutError as error:
            raise _too_slow() from error
        except (ClientError, OSError) as error:
            raise _no_answer() from error
        if reason is not None:
            headers[DEGRADED] = reason
            return await _stream(request, upstream, headers, beginning=bytes(held.body))
        enriched = await enrichment.add(bytes(held.body), wanted)
        return await _send(request, upstream, headers, enriched)


async def _send(
    request: web.Request, upstream: ClientResponse, headers: CIMultiDict[str], enriched: Enriched
) -> web.StreamResponse:
    body, status, reason = enriched.body, upstream.status, upstream.reason
    if enriched.degraded is not None:
        headers[DEGRADED] = enriched.degraded
    else:
        has_etag = "ETag" in headers
        for name in _ABOUT_THE_BYTES:
            headers.popall(name, None)
        headers["Vary"] = ", ".join(dict.fromkeys((*headers.popall("Vary", ()), *_BY_WHOM)))
        if has_etag:
            headers["ETag"] = etag = etag_of(body)
            if etag in _listed(request.headers.getall("If-None-Match", ())):
                body, status, reason = b"", HTTPStatus.NOT_MODIFIED, HTTPStatus.NOT_MODIFIED.phrase
    if status != HTTPStatus.NOT_MODIFIED:
        headers["Content-Length"] = str(len(body))
    response = web.StreamResponse(status=status, reason=reason, headers=headers)
    try:
        await response.prepare(request)
        await _write(response, body)
        await response.write_eof()
    except (OSError, TimeoutError):
        break_off(request)
    return response


def _listed(values: Sequence[str]) -> set[str]:
    return {each.strip() for value in values for each in value.split(",")}


def _too_slow() -> Refused:
    return Refused(HTTPStatus.GATEWAY_TIMEOUT, "Immich takes too long.", code="immich_unavailable")


def _no_answer() -> Refused:
    return Refused(HTTPStatus.BAD_GATEWAY, "Immich does not answer.", code="immich_unavailable")
