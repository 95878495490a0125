"""The proxy's one route, and what it keeps open while the application runs."""

from __future__ import annotations

from collections.abc import AsyncIterator
from http import HTTPStatus

from aiohttp import ClientSession, ClientTimeout, DummyCookieJar, TCPConnector, web
from yarl import URL

from sidecar.errors import NotAllowed, NotSignedIn
from sidecar.handlers.middleware import Refused
from sidecar.handlers.proxy.asked import Asked
from sidecar.handlers.proxy.enrichment import Enrichment
from sidecar.handlers.proxy.headers import require_plain_framing
from sidecar.handlers.proxy.http import pass_on
from sidecar.handlers.proxy.target import target_of
from sidecar.handlers.proxy.websocket import is_websocket, join
from sidecar.handlers.visiting import SAFE_METHODS, credential_of, forwarded_of, is_of_own_site, require_own_site
from sidecar.immich_client.address import api_root
from sidecar.immich_client.credential import Credential
from sidecar.jobs.shown_cache import ShownCache
from sidecar.keys import SERVICES
from sidecar.wiring import Services

CONNECT_WITHIN_S = 10.0
IDLE_AT_MOST_S = 600.0
"""Between two pieces of an answer, as in Immich's own example for nginx; in all it may take as long as it likes."""

KEPT_OPEN_FOR_S = 4.0
"""Immich closes connections that were idle for five seconds (Node's default)."""

_READ_BYTES = 512 * 1024
_LONGEST_HEADER_BYTES = 32 * 1024
_REFLECTING = frozenset({"CONNECT", "TRACE"})
LOGIN = ("POST", "auth/login")
LOGOUT = ("POST", "auth/logout")
# What Immich tells everybody, and its apps ask for before they sign in.
_PUBLIC = frozenset(
    {
        LOGIN,
        *(("GET", f"server/{name}") for name in ("config", "features", "media-types", "ping", "theme", "version")),
    }
)


def add_proxy(app: web.Application, base: str) -> None:
    """The application answers below `{base}/api/immich/` what Immich answers below `/api/`."""
    prefix = URL.build(path=f"{base}/api/immich/").raw_path
    proxy = _Proxy(app[SERVICES], prefix)
    app.cleanup_ctx.append(proxy.running)
    app.router.add_route("*", f"{base}/api/immich/{{tail:.*}}", proxy.answer, expect_handler=_expect_nothing_yet)


async def _expect_nothing_yet(request: web.Request) -> None:
    """Who waits for leave to send gets it when it is known who they are."""
    if request.headers.get("Expect", "").lower() != "100-continue":
        raise web.HTTPExpectationFailed


class _Proxy:
    def __init__(self, services: Services, prefix: str) -> None:
        self._services = services
        self._prefix = prefix
        self._root = URL(str(api_root(services.settings.immich_url)), encoded=True)
        cache = ShownCache(services.queue.pool)
        services.database.tell_of_shown_changes(cache.changed)
        self._enrichment = Enrichment(services, cache)
        self._session: ClientSession

    async def running(self, _app: web.Application) -> AsyncIterator[None]:
        # However many visitors there are, each has one connection to us, and we have one more for it.
        connector = TCPConnector(limit=0, keepalive_timeout=KEPT_OPEN_FOR_S)
        async with ClientSession(
            connector=connector,
            cookie_jar=DummyCookieJar(),
            auto_decompress=False,
            trust_env=False,
            raise_for_status=False,
            requote_redirect_url=False,
            skip_auto_headers=("Accept", "Accept-Encoding", "Content-Type", "User-Agent"),
            timeout=ClientTimeout(total=None, sock_connect=CONNECT_WITHIN_S, sock_read=IDLE_AT_MOST_S),
            read_bufsize=_READ_BYTES,
            max_line_size=_LONGEST_HEADER_BYTES,
            max_field_size=_LONGEST_HEADER_BYTES,
        ) as self._session:
            yield

    async def answer(self, request: web.Request) -> web.StreamResponse:
        """What Immich answers, to the visitor's own credential.

        Errors: Refused (400 for what is no plain request, 502 and 504 where Immich gives no answer), NotSignedIn,
                NotAllowed.
        """
        if request.method in _REFLECTING:
            raise web.HTTPMethodNotAllowed(request.method, ("GET", "POST", "PUT", "DELETE", "PATCH", "HEAD"))
        require_plain_framing(request.raw_headers)
        target = target_of(request.raw_path, self._prefix)
        operation = (request.method, target.operation)
        credential = _credential(request, operation)
        if is_websocket(request):
            if request.method != "GET":
                raise Refused(HTTPStatus.BAD_REQUEST, "A websocket begins with GET.", code="bad_upgrade")
            require_own_site(request)
        elif request.method not in SAFE_METHODS and operation != LOGIN:
            require_own_site(request)
        asked = Asked(
            request,
            target,
            credential,
            forwarded_of(request),
            root=self._root,
            prefix=self._prefix,
            keeps_cookies=operation in {LOGIN, LOGOUT},
        )
        if is_websocket(request):
            return await join(self._session, asked)
        try:
            return await pass_on(self._session, asked, self._enrichment)
        finally:
            if operation == LOGOUT and credential is not None:
                self._services.visitors.forget(credential)


def _credential(request: web.Request, operation: tuple[str, str]) -> Credential | None:
    """What the visitor shows; None where nobody has to show anything and nothing is shown, and to whoever signs in.

    Errors: NotSignedIn, NotAllowed.
    """
    if operation == LOGIN:
        # Another site could sign somebody in as somebody else, whose library they would then fill.
        if not is_of_own_site(request, unsaid=True):
            raise NotAllowed("Another site asks to sign in.")
        return None
    try:
        return credential_of(request)
    except NotSignedIn:
        if operation in _PUBLIC:
            return None
        raise
