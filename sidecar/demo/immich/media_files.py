"""The bytes of an asset: original with ranges, thumbnail and preview with ETags."""

from __future__ import annotations

import re
from dataclasses import dataclass
from email.utils import formatdate
from http import HTTPStatus
from pathlib import PurePosixPath
from urllib.parse import quote

from aiohttp import web

from sidecar.demo.immich.credentials import visible_asset
from sidecar.demo.immich.media_types import content_type_of, is_web_image
from sidecar.demo.immich.refusals import Refusal, bad_request, error_body
from sidecar.demo.immich.routing import Ask, Operation
from sidecar.demo.immich.wire import encode

_CACHE_CONTROL = "private, max-age=86400, no-transform, stale-while-revalidate=2592000, stale-if-error=2592000"
_US_PER_S = 1_000_000
_US_PER_MS = 1000
_SIZES = ("original", "fullsize", "preview", "thumbnail")
_RANGE = re.compile(r"bytes=(\d*)-(\d*)")


@dataclass(frozen=True, slots=True)
class _File:
    """One file as it is sent. modified_us is in microseconds since 1970."""

    name: str
    content_type: str
    data: bytes
    modified_us: int

    @property
    def etag(self) -> str:
        return f'W/"{len(self.data):x}-{self.modified_us // _US_PER_MS:x}"'

    @property
    def headers(self) -> dict[str, str]:
        """Source: recordings thumbnail-thumbnail, original."""
        return {
            "cache-control": _CACHE_CONTROL,
            "content-disposition": f"inline; filename*=UTF-8''{quote(self.name, safe='')}",
            "accept-ranges": "bytes",
            "last-modified": formatdate(self.modified_us / _US_PER_S, usegmt=True),
            "etag": self.etag,
        }


async def _thumbnail(ask: Ask) -> web.StreamResponse:
    """A generated file, or a redirect for fullsize.

    Source: recordings thumbnail-*; live 3.1.0 for a bad size and size=original; asset-media.service.ts 3.1.0.
    """
    asset_id = ask.path_id()
    fields = ask.query
    size = fields.option("size", _SIZES) or "thumbnail"
    fields.done()
    row = visible_asset(ask.caller, asset_id, ask.state, "asset.view")
    if size == "original":
        raise bad_request("May not request original file")
    if size == "fullsize":
        return _redirect("original?" if is_web_image(row.name) else "thumbnail?size=preview")
    files = ask.state.files.get(row.id)
    data = files and (files.thumbnail if size == "thumbnail" else files.preview)
    if not data:
        raise Refusal(HTTPStatus.NOT_FOUND, "Asset media not found")
    suffix, content_type = ("webp", "image/webp") if size == "thumbnail" else ("jpeg", "image/jpeg")
    stem = PurePosixPath(row.name).stem
    return _send(ask, _File(f"{stem}_{size}.{suffix}", content_type, data, row.created_us))


async def _original(ask: Ask) -> web.StreamResponse:
    """The original file; 3.x knows only 404 for an asset and for a file that it cannot give.

    Source: recordings original, original-range, original-narrow-key; file.ts, live 3.1.0 and 2.7.5: unknown and foreign
            assets, a file that is gone.
    """
    asset_id = ask.path_id()
    try:
        row = visible_asset(ask.caller, asset_id, ask.state, "asset.download")
    except Refusal:
        if ask.state.behaviour.does("files_not_found"):
            raise Refusal(HTTPStatus.NOT_FOUND, "Not Found") from None
        raise
    files = ask.state.files.get(row.id)
    data = None if files is None else files.original
    file = _File(row.name, content_type_of(row.name), data or b"", row.file_modified_us)
    return _unsent(ask, file) if data is None else _send(ask, file)


def _redirect(location: str) -> web.Response:
    text = f"Found. Redirecting to {location}"
    return web.Response(status=HTTPStatus.FOUND, headers={"location": location}, text=text)


def _send(ask: Ask, file: _File) -> web.Response:
    """The whole file, one range of it, or 304.

    Source: recordings thumbnail-etag, original-range; live 3.1.0: several or unreadable ranges send the whole file;
            live 3.1.0 and 2.7.5: a range without a byte of the file, as is any of an empty one, is an error.
    """
    if ask.request.headers.get("if-none-match") == file.etag:
        return web.Response(status=HTTPStatus.NOT_MODIFIED, headers=file.headers)
    size = len(file.data)
    span = _span(ask.request.headers.get("range", ""), size)
    if span is None:
        return web.Response(body=file.data, headers=file.headers, content_type=file.content_type)
    first, last = span
    if not 0 <= first <= last:
        return _unsent(ask, file, content_range=f"bytes */{size}")
    headers = {**file.headers, "content-range": f"bytes {first}-{last}/{size}"}
    body = file.data[first : last + 1]
    return web.Response(status=HTTPStatus.PARTIAL_CONTENT, body=body, headers=headers, content_type=file.content_type)


def _unsent(ask: Ask, file: _File, *, content_range: str | None = None) -> web.Response:
    """The error for a file that cannot be read, or not in this range: JSON, mostly in the file's own content type.

    Source: file.ts 2.7.5 and 3.1.0, live both: 2.x fails, and what it had set of the file's headers goes out with that.
    """
    behaviour = ask.state.behaviour
    headers = {**file.headers, "content-range": content_range} if content_range else {}
    if behaviour.does("files_not_found"):
        status, message = HTTPStatus.NOT_FOUND, "Not Found"
    else:
        status, message = HTTPStatus.INTERNAL_SERVER_ERROR, "Internal server error"
        headers |= {"content-disposition": file.headers["content-disposition"], "cache-control": "none"}
    body = error_body(status, message, behaviour)
    body.pop("error", None)
    content_type = file.content_type if headers else "application/json"
    return web.Response(body=encode(body), status=status, headers=headers, content_type=content_type, charset="utf-8")


def _span(wanted: str, size: int) -> tuple[int, int] | None:
    """First and last byte, both inclusive; None for no range and for one that is not understood.

    Source: range-parser, which Immich's server sends files with: more from the end than there is does not exist.
    """
    found = _RANGE.fullmatch(wanted)
    if not found or found[1] == found[2] == "":
        return None
    if found[1] == "":
        return size - int(found[2]), size - 1
    first = int(found[1])
    last = min(int(found[2]), size - 1) if found[2] else size - 1
    return first, last


OPERATIONS = (
    Operation("GET", "/assets/{id}/thumbnail", _thumbnail, "asset.view"),
    Operation("GET", "/assets/{id}/original", _original, "asset.download"),
)
