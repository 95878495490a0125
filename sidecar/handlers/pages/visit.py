"""One visitor's request for a page, or for something to be done from one."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from http import HTTPStatus
from typing import TypeVar
from urllib.parse import urlencode

import msgspec
from aiohttp import web
from multidict import MultiDict, MultiDictProxy

from sidecar import __version__
from sidecar.accounts.connected import Account
from sidecar.accounts.visitors import Visitor
from sidecar.duplicates.classes import DuplicateClass
from sidecar.handlers.api.operation import Asked, Nothing, read_query
from sidecar.handlers.middleware import Refused
from sidecar.handlers.pages.csrf import token_for
from sidecar.handlers.pages.notices import ACTION, DONE, Done, notice_of
from sidecar.keys import SERVICES
from sidecar.storage import duplicate_sets, findings
from sidecar.storage.findings import FOR_A_PERSON
from sidecar.ui.contexts.frame import Frame, Page
from sidecar.ui.render import render
from sidecar.ui.translations import Language, language_for
from sidecar.wiring import Services

QueryT = TypeVar("QueryT", bound=msgspec.Struct)
BodyT = TypeVar("BodyT", bound=msgspec.Struct)

Form = MultiDictProxy[str | bytes | bytearray | web.FileField]
"""What a form sends."""

FRAGMENT = "fragment"
"""The parameter with which our scripts ask for the part of a page that changes."""

_OF_THE_PAGE = frozenset({FRAGMENT, DONE, ACTION})
_FRESH = {"Cache-Control": "private, no-store", "Vary": "Cookie, Authorization, x-api-key, Accept-Language"}


@dataclass(frozen=True, slots=True)
class Visit:
    """Who asks for which page, and in which language.

    Shape:  visitor is None for whoever is not signed in, account for whoever is not connected. form is what was sent
            with a POST, empty for all else.
    """

    request: web.Request
    visitor: Visitor | None
    form: Form

    @property
    def services(self) -> Services:
        """What web, worker and commands share."""
        return self.request.app[SERVICES]

    @property
    def language(self) -> Language:
        """The one that the browser asks for, of those that there are."""
        return language_of(self.request)

    @property
    def signed_in(self) -> Visitor:
        """Who asks, on a page that is for the signed in only."""
        assert self.visitor is not None  # noqa: S101  # the route says who may come
        return self.visitor

    @property
    def account(self) -> Account | None:
        """The connected account of who asks."""
        return None if self.visitor is None else self.services.accounts.connected.get(self.visitor.user.id)

    @property
    def is_fragment(self) -> bool:
        """Whether a script of ours asks for the part of the page that changes."""
        return FRAGMENT in self.request.query

    def asked(
        self, *, query: QueryT | None = None, body: BodyT | None = None, path: Mapping[str, str] | None = None
    ) -> Asked[QueryT, BodyT]:
        """The same as a request to the JSON API, of whoever is connected: what its operations are called with.

        Shape:  what an operation does not take is left out.
        """
        return Asked(
            self.request,
            self.services,
            dict(path or {}),
            Nothing() if query is None else query,  # type: ignore[arg-type]  # as the operation says
            Nothing() if body is None else body,  # type: ignore[arg-type]
            self.visitor,
            self.account,
        )

    def query(self, wanted: type[QueryT], *own: str) -> QueryT:
        """The page's query as an operation's own type; own are names that the page reads itself.

        Errors: Refused (400) for what does not fit it.
        """
        sent = MultiDict(
            (name, value) for name, value in self.request.query.items() if name not in {*_OF_THE_PAGE, *own}
        )
        # A form sends the fields that nobody filled in, too.
        return read_query(MultiDict((name, value) for name, value in sent.items() if value), wanted)

    def text(self, name: str) -> str:
        """A field of the form, empty if it was not sent or is a file."""
        value = self.form.get(name, "")
        return value if isinstance(value, str) else ""

    def texts(self, name: str) -> tuple[str, ...]:
        """All that was sent under one name, in order: ticked boxes."""
        return tuple(value for value in self.form.getall(name, ()) if isinstance(value, str))

    async def frame(self, here: str = "") -> Frame:
        """What stands around a page of this visit; here is the path of the page's entry in the navigation."""
        frame = frame_of(self.request, here)
        if self.visitor is None:
            return frame
        duplicates = suggestions = 0
        if self.account is not None:
            owner_id = self.visitor.user.id
            async with self.services.database.read() as connection:
                kinds = await duplicate_sets.counts(connection, owner_id)
                found = await findings.counts(connection, owner_id)
            # Featureless pictures are alike without being copies: nobody has to decide about them.
            duplicates = sum(tally.sets for kind, tally in kinds.items() if kind is not DuplicateClass.FEATURELESS)
            suggestions = sum(found.get(kind, 0) for kind in FOR_A_PERSON)
        return Frame(
            frame.version,
            frame.base_path,
            frame.immich_url,
            here,
            name=self.visitor.user.name,
            is_connected=self.account is not None,
            csrf=token_for(self.visitor, self.services.csrf_key),
            duplicates=duplicates,
            suggestions=suggestions,
            notice=notice_of(self.request.query.get(DONE), self.request.query.get(ACTION), self.language),
        )

    def show(self, page: Page, status: HTTPStatus = HTTPStatus.OK) -> web.Response:
        """The page as an answer, or its changing part for a script."""
        return answer_with(page, self.language, status, is_fragment=self.is_fragment and bool(page.fragment))

    def go_to(
        self, path: str, done: Done | None = None, *, action_id: str | None = None, **query: str | None
    ) -> web.Response:
        """What leads the browser to one of our pages, so that to load it again does nothing twice.

        Shape:  path is below the base path; done is what the page says then, action_id what it offers to take back.
        """
        named = {**query, DONE: None if done is None else done.value, ACTION: action_id}
        told = urlencode({name: value for name, value in named.items() if value is not None})
        location = f"{self.services.settings.base_path}{path}{'?' if told else ''}{told}"
        return web.Response(status=HTTPStatus.SEE_OTHER, headers={**_FRESH, "Location": location})

    def missing(self) -> Refused:
        """What is raised where there is nothing under an address, or nothing of this visitor's."""
        return Refused(HTTPStatus.NOT_FOUND, "There is no such thing, or it is not yours.", code="not_found")


def language_of(request: web.Request) -> Language:
    """The best of our languages for whoever asks."""
    return language_for(request.headers.get("Accept-Language"))


def frame_of(request: web.Request, here: str = "") -> Frame:
    """What stands around a page for somebody of whom nothing is known."""
    settings = request.app[SERVICES].settings
    return Frame(__version__, settings.base_path, settings.public_immich_url, here)


def answer_with(page: Page, language: Language, status: HTTPStatus, *, is_fragment: bool = False) -> web.Response:
    """The page as an answer that nobody keeps."""
    return web.Response(
        text=render(page, language, is_fragment=is_fragment),
        status=status,
        content_type="text/html",
        headers={**_FRESH, "Content-Language": language.tag},
    )
