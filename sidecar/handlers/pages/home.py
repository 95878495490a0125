"""The front page: what the sidecar does for whoever looks at it, and the buttons with which they connect it."""

from __future__ import annotations

from http import HTTPStatus
from urllib.parse import quote

from aiohttp import web

from sidecar.errors import NotAllowed, StaleDecision
from sidecar.handlers.connecting import can_connect, join, part, wanted_permissions
from sidecar.handlers.middleware import Refused
from sidecar.handlers.pages.notices import N_, Done
from sidecar.handlers.pages.page import SIGN_IN_PATH, Guest, Route
from sidecar.handlers.pages.visit import Visit
from sidecar.jobs.several import together
from sidecar.jobs.status import pairing, scanning
from sidecar.model import OwnerId
from sidecar.storage import assets, duplicate_sets, findings, stacks
from sidecar.storage.findings import FOR_A_PERSON
from sidecar.ui.contexts.frame import Frame
from sidecar.ui.contexts.home import HomePage, Numbers
from sidecar.wiring import Services

_REFUSED = N_("Immich does not let this sign-in make the API key that the sidecar needs.")
_CHANGED = N_("You are connecting in another window at the same time. Look at this page again.")
_NOT_NOW = {
    "headless": N_("The owner of this server has connected you; only they can change that."),
    "no_secret": N_("The owner of this server has to set SIDECAR_SECRET before anybody can connect."),
}


async def home(visit: Visit) -> web.StreamResponse:
    """The page; it tells each visitor of their own library only."""
    return visit.show(await _page(visit))


async def connect(visit: Visit) -> web.StreamResponse:
    """Back to the page, connected; or the page again, with what was refused."""
    try:
        await join(visit.services, visit.signed_in, everything=visit.text("everything") == "on")
    except Refused as error:
        return await _refused(visit, _NOT_NOW[error.code])
    except NotAllowed:
        return await _refused(visit, _REFUSED)
    except StaleDecision:
        return await _refused(visit, _CHANGED)
    return visit.go_to("/", Done.CONNECTED)


async def disconnect(visit: Visit) -> web.StreamResponse:
    """Back to the page, not connected any more; or the page again, with what was refused."""
    try:
        await part(visit.services, visit.signed_in, forget=visit.text("forget") == "on")
    except Refused as error:
        return await _refused(visit, _NOT_NOW[error.code])
    return visit.go_to("/", Done.DISCONNECTED)


async def _refused(visit: Visit, problem: str) -> web.StreamResponse:
    return visit.show(await _page(visit, visit.language.text(problem)), HTTPStatus.CONFLICT)


async def _page(visit: Visit, problem: str | None = None) -> HomePage:
    visitor, services = visit.visitor, visit.services
    if visitor is None:
        frame = await visit.frame("/")
        return HomePage(frame, _sign_in(frame))
    owner_id = visitor.user.id
    # Each reads by itself, and none changes anything.
    frame, numbers = await together(visit.frame("/"), _numbers(services, owner_id))
    return HomePage(
        frame,
        _sign_in(frame),
        numbers=None if visit.account is None else numbers,
        can_connect=can_connect(services, owner_id),
        permissions=tuple(sorted(wanted_permissions(services, visitor.user))),
        problem=problem,
    )


def _sign_in(frame: Frame) -> str:
    return f"{frame.immich_url}{SIGN_IN_PATH}?continue={quote(frame.base_path, safe='')}/"


async def _numbers(services: Services, owner_id: OwnerId) -> Numbers:
    async with services.database.read() as connection:
        found = await findings.counts(connection, owner_id)
        kinds = await duplicate_sets.counts(connection, owner_id)
        now_ms = services.jobs.now_ms()
        return Numbers(
            assets=await assets.count(connection, owner_id),
            stacks=await stacks.count(connection, owner_id),
            duplicate_sets=sum(tally.sets for tally in kinds.values()),
            pending=(await pairing(connection, [owner_id], now_ms=now_ms)).waiting,
            review=sum(found.get(kind, 0) for kind in FOR_A_PERSON),
            is_scanning=(await scanning(connection, [owner_id], now_ms=now_ms)).state.is_under_way,
        )


ROUTES = (
    Route("GET", "/", home, Guest.ANYBODY),
    Route("POST", "/connect", connect, Guest.SIGNED_IN),
    Route("POST", "/disconnect", disconnect, Guest.SIGNED_IN),
)
