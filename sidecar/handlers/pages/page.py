"""From a request to a page: who asks is found out, a form's origin checked, and what goes wrong is said on a page."""

from __future__ import annotations

import logging
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from enum import Enum, auto
from http import HTTPStatus
from urllib.parse import quote, urlsplit

from aiohttp import web
from aiohttp.typedefs import Handler
from multidict import MultiDict, MultiDictProxy

from sidecar.accounts.visitors import Visitor
from sidecar.errors import (
    ImmichChanged,
    ImmichMissing,
    ImmichRefused,
    NotAllowed,
    NotImmich,
    NotSignedIn,
    SidecarError,
    StaleDecision,
    TryLater,
)
from sidecar.handlers.middleware import RETRY_AFTER_S, Refused
from sidecar.handlers.pages.csrf import FIELD, is_token_of
from sidecar.handlers.pages.notices import N_
from sidecar.handlers.pages.visit import Form, Visit, answer_with, frame_of, language_of
from sidecar.handlers.visiting import visitor_of
from sidecar.keys import SERVICES
from sidecar.ui.contexts.error import ErrorPage

log = logging.getLogger(__name__)

SIGN_IN_PATH = "/auth/login"
"""Immich's own page, which leads back to the path that it is told.

Source: web/src/routes/auth/login/+page.ts of Immich 2.5.6 to 3.1.0, `continue`.
"""

_NOTHING_SENT: Form = MultiDictProxy(MultiDict())

Show = Callable[[Visit], Awaitable[web.StreamResponse]]


class Guest(Enum):
    """Who may come to a page: anybody, whoever is signed in at Immich, or whoever has connected the sidecar."""

    ANYBODY = auto()
    SIGNED_IN = auto()
    CONNECTED = auto()


@dataclass(frozen=True, slots=True)
class Route:
    """One address of the pages; path is below the base path, with names in braces."""

    method: str
    path: str
    show: Show
    guest: Guest = Guest.CONNECTED


def handler_of(route: Route) -> Handler:
    """What the router calls."""

    async def handle(request: web.Request) -> web.StreamResponse:
        try:
            return await _visited(request, route)
        except Exception as error:  # noqa: BLE001  # the border: whatever it is, a page says it
            return _told(request, error)

    return handle


async def _visited(request: web.Request, route: Route) -> web.StreamResponse:
    services = request.app[SERVICES]
    visitor = await _visitor(request, route)
    form = _NOTHING_SENT
    if request.method == "POST" and visitor is not None:
        form = await request.post()
        if not is_token_of(visitor, form.get(FIELD), services.csrf_key):
            raise _OldForm
    visit = Visit(request, visitor, form)
    if route.guest is Guest.CONNECTED and visit.account is None:
        return visit.go_to("/")
    return await route.show(visit)


async def _visitor(request: web.Request, route: Route) -> Visitor | None:
    try:
        return await visitor_of(request)
    except NotSignedIn:
        if route.guest is not Guest.ANYBODY:
            raise
        return None


class _OldForm(NotAllowed):
    """A form that was not made for whoever sends it now."""

    code = "old_form"


@dataclass(frozen=True, slots=True)
class _Sentence:
    status: HTTPStatus
    title: str
    sentence: str
    way_on: str


_AGAIN = N_("Try again")
_BACK = N_("Back to the overview")
_TO_SIGN_IN = N_("Sign in to Immich")

_SIGNED_OUT = _Sentence(
    HTTPStatus.UNAUTHORIZED,
    N_("Sign in to Immich first"),
    N_("The sidecar knows you by your sign-in at Immich, and takes no password. Nothing was changed."),
    _TO_SIGN_IN,
)
_CHANGED = _Sentence(
    HTTPStatus.CONFLICT,
    N_("This has changed meanwhile"),
    N_("What you decided on is not what it was when you saw it. Nothing was done; look at it again."),
    _AGAIN,
)
_BAD = _Sentence(
    HTTPStatus.BAD_REQUEST, N_("This address makes no sense"), N_("A part of it is not known here."), _BACK
)
_BROKEN = _Sentence(
    HTTPStatus.INTERNAL_SERVER_ERROR,
    N_("Something broke in the sidecar"),
    N_("Its log says what. Your photos are as they were."),
    _BACK,
)
_LATER = _Sentence(
    HTTPStatus.SERVICE_UNAVAILABLE,
    N_("This does not work right now"),
    N_("Immich or the sidecar is busy, or starting. Try again in a moment."),
    _AGAIN,
)
_MISSING = _Sentence(
    HTTPStatus.NOT_FOUND,
    N_("Nothing is here any more"),
    N_("It was decided already, has changed, or is not yours."),
    _BACK,
)
_FORBIDDEN = _Sentence(HTTPStatus.FORBIDDEN, N_("This is not for you"), N_("Nothing was changed."), _BACK)
_NO_KEY = _Sentence(
    HTTPStatus.CONFLICT,
    N_("Immich refuses the sidecar's key"),
    N_("Disconnect the sidecar on its overview, and connect it again."),
    _BACK,
)

_TOO_NEW = _Sentence(
    HTTPStatus.CONFLICT,
    N_("This Immich is newer than the sidecar knows"),
    N_("Nothing was changed. Status says what waits until the sidecar is updated."),
    _BACK,
)

_BY_KIND: tuple[tuple[type[Exception], _Sentence], ...] = (
    (NotSignedIn, _SIGNED_OUT),
    (
        _OldForm,
        _Sentence(
            HTTPStatus.FORBIDDEN,
            N_("This page was open for too long"),
            N_("Nothing was changed. Open it anew, and decide again."),
            _AGAIN,
        ),
    ),
    (NotAllowed, _FORBIDDEN),
    (StaleDecision, _CHANGED),
    (ImmichMissing, _MISSING),
    (ImmichChanged, _TOO_NEW),
    (ImmichRefused, _NO_KEY),
    (TryLater, _LATER),
    (NotImmich, _LATER),
)
_BY_STATUS = {
    sentence.status: sentence for sentence in (_SIGNED_OUT, _FORBIDDEN, _MISSING, _CHANGED, _LATER, _BAD, _BROKEN)
}


def _told(request: web.Request, error: Exception) -> web.Response:
    sentence = _sentence_for(error)
    language, frame = language_of(request), frame_of(request)
    back = _page_before(request)
    way_on = {
        _TO_SIGN_IN: f"{frame.immich_url}{SIGN_IN_PATH}?continue={quote(back, safe='')}",
        _AGAIN: back,
        _BACK: f"{frame.base_path}/",
    }[sentence.way_on]
    page = ErrorPage(
        frame,
        title=language.text(sentence.title),
        sentence=language.text(sentence.sentence),
        way_on=way_on,
        way_on_text=language.text(sentence.way_on),
    )
    answer = answer_with(page, language, sentence.status, is_fragment="fragment" in request.query)
    if sentence.status is HTTPStatus.SERVICE_UNAVAILABLE:
        answer.headers["Retry-After"] = RETRY_AFTER_S
    return answer


def _sentence_for(error: Exception) -> _Sentence:
    if isinstance(error, Refused):
        return _BY_STATUS.get(HTTPStatus(error.status), _BAD)
    if isinstance(error, web.HTTPException):
        return _BY_STATUS.get(HTTPStatus(error.status), _BAD)
    for kind, sentence in _BY_KIND:
        if isinstance(error, kind):
            if sentence is _LATER:
                log.warning("a page cannot be shown now: %s", error)
            return sentence
    if isinstance(error, SidecarError):
        log.error("a page failed", exc_info=error)
    else:
        log.error("a page broke", exc_info=error)
    return _BROKEN


def _page_before(request: web.Request) -> str:
    """The page to come back to: this one, or, of something that was to be done, the one from which it was sent."""
    base = f"{request.app[SERVICES].settings.base_path}/"
    if request.method == "GET":
        path = request.rel_url.without_query_params("fragment", "done", "action").raw_path_qs
    else:
        try:
            sent_from = urlsplit(request.headers.get("Referer", ""))
        except ValueError:
            return base
        path = f"{sent_from.path}?{sent_from.query}" if sent_from.query else sent_from.path
    is_below = path.startswith(base) and "\\" not in path and ".." not in path.partition("?")[0].split("/")
    return path if is_below else base
