"""What pages load beside themselves: styles, scripts, the symbol."""

from __future__ import annotations

from aiohttp import web

from sidecar.ui.render import STATIC, static_digest

_FOR_GOOD = "public, max-age=31536000, immutable"
_ASK_EVERY_TIME = "no-cache"
_FILES = frozenset(path.name for path in STATIC.iterdir())
# What a machine's own table says of them is not for us to rely on: browsers run a script under its right name only.
_TYPES = {".css": "text/css", ".js": "text/javascript", ".svg": "image/svg+xml"}


async def static_file(request: web.Request) -> web.StreamResponse:
    """The file; for good under the address that pages give it, asked for again under any other.

    Source: RFC 9111, 5.2.2; RFC 8246 (immutable).
    """
    name = request.match_info["name"]
    if name not in _FILES:
        raise web.HTTPNotFound
    is_this_one = request.query.get("v") == static_digest(name)
    path = STATIC / name
    return web.FileResponse(
        path,
        headers={
            "Content-Type": _TYPES[path.suffix],
            "Cache-Control": _FOR_GOOD if is_this_one else _ASK_EVERY_TIME,
        },
    )
