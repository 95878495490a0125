"""Who asks, by what the request shows; and whether it was they who asked, and not another site in their name."""

from __future__ import annotations

from contextlib import suppress
from http.cookies import CookieError, SimpleCookie

from aiohttp import web

from sidecar.accounts.visitors import Visitor
from sidecar.errors import NotAllowed, NotSignedIn, SettingsError
from sidecar.handlers.forwarded import Forwarded, forwarded, origin_of
from sidecar.immich_client.credential import Credential, CredentialKind
from sidecar.keys import SERVICES
from sidecar.log import note

SESSION_COOKIE = "immich_access_token"
SAFE_METHODS = frozenset({"GET", "HEAD", "OPTIONS"})
_BEARER = "bearer"
_OWN_SITE = frozenset({"same-origin", "none"})


async def visitor_of(request: web.Request) -> Visitor:
    """Who asks; asked of Immich anew for everything that may change something.

    Errors: NotSignedIn, NotAllowed if another site may have made the request; those of Immich that may pass.
    """
    credential = credential_of(request)
    is_safe = request.method in SAFE_METHODS
    if not is_safe:
        require_own_site(request)
    visitor = await request.app[SERVICES].visitors.of(credential, is_fresh=not is_safe)
    note(user_id=visitor.user.id)
    return visitor


def credential_of(request: web.Request) -> Credential:
    """What the request shows, in the order in which Immich looks: a Bearer token, the cookie of its pages, an API key.

    Errors: NotSignedIn if it shows nothing that could be one.
    Source: auth.service.ts of Immich 2.5.6 to 3.1.0; share keys and what stands in a URL are nobody's to us.
    """
    scheme, _, token = request.headers.get("Authorization", "").partition(" ")
    shown = (
        (CredentialKind.SESSION, token.strip() if scheme.lower() == _BEARER else None),
        (CredentialKind.SESSION, _cookie(request)),
        (CredentialKind.KEY, request.headers.get("x-api-key")),
    )
    for kind, secret in shown:
        if secret:
            try:
                return Credential(kind, secret)
            except SettingsError as error:
                raise NotSignedIn("What was shown is no credential of Immich's.") from error
    raise NotSignedIn("Sign in to Immich first.")


def shows_cookie_only(request: web.Request) -> bool:
    """Whether who asks is known by the cookie alone, which a browser sends along for any site that asks."""
    scheme, _, token = request.headers.get("Authorization", "").partition(" ")
    return not (scheme.lower() == _BEARER and token.strip()) and bool(_cookie(request))


def require_own_site(request: web.Request) -> None:
    """Nothing, if our own pages made the request, or something that shows more than a cookie.

    Errors: NotAllowed.
    Source: Fetch Metadata (W3C), which every browser since 2023 sends over HTTPS; older ones, and all over plain HTTP,
            send Origin with what is not a GET.
    """
    if not shows_cookie_only(request):
        return
    if not is_of_own_site(request):
        raise NotAllowed("This has to be asked by the sidecar's own pages.")


def is_of_own_site(request: web.Request, *, unsaid: bool = False) -> bool:
    """Whether a browser says that our own pages made the request; unsaid is the answer where nothing says so."""
    site = request.headers.get("Sec-Fetch-Site")
    origin = request.headers.get("Origin")
    if site is not None:
        return site in _OWN_SITE
    if origin is None:
        return unsaid
    return origin_of(origin) == forwarded_of(request).origin is not None


def forwarded_of(request: web.Request) -> Forwarded:
    """Who made the request, and under which address, by what trusted proxies tell of it."""
    peer = request.transport.get_extra_info("peername") if request.transport is not None else None
    return forwarded(
        request.headers,
        peer=peer[0] if isinstance(peer, tuple) else None,
        scheme=request.scheme,
        host=request.host,
        trusted=request.app[SERVICES].settings.trusted_proxies,
    )


def _cookie(request: web.Request) -> str | None:
    # Of several by one name the first counts, as it does for Immich: it is the one of the narrowest path.
    for header in request.headers.getall("Cookie", ()):
        for pair in header.split(";"):
            name, _, value = pair.strip().partition("=")
            if name == SESSION_COOKIE:
                return _unquoted(value)
    return None


def _unquoted(value: str) -> str | None:
    morsel = None
    with suppress(CookieError):  # newer Pythons refuse control characters so
        morsel = SimpleCookie(f"{SESSION_COOKIE}={value}").get(SESSION_COOKIE)
    return morsel.value if morsel is not None else None
