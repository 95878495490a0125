"""The front page: what the sidecar does for whoever looks at it, and the buttons with which they connect it."""

from __future__ import annotations

from http import HTTPStatus

from aiohttp import web

from sidecar import __version__
from sidecar.accounts.visitors import Visitor
from sidecar.errors import NotAllowed, NotSignedIn, StaleDecision, TryLater
from sidecar.handlers.connecting import can_connect, join, part, wanted_permissions
from sidecar.handlers.middleware import Refused
from sidecar.handlers.visiting import visitor_of
from sidecar.jobs.status import pairing, scanning
from sidecar.keys import SERVICES
from sidecar.model import OwnerId
from sidecar.storage import assets, duplicate_sets, findings, stacks
from sidecar.storage.findings import FOR_A_PERSON
from sidecar.ui.contexts import HomePage, Numbers
from sidecar.ui.render import render
from sidecar.wiring import Services

_REFUSED = "Immich does not let this sign-in make the API key that the sidecar needs."
_CHANGED = "You are connecting in another window at the same time. Look at this page again."


async def home(request: web.Request) -> web.Response:
    """The page as HTML; it tells each visitor of their own library only."""
    return await _page(request)


async def connect(request: web.Request) -> web.Response:
    """Back to the page, connected; or the page again, with what was refused."""
    visitor = await visitor_of(request)
    try:
        await join(request.app[SERVICES], visitor, everything=await _is_ticked(request, "everything"))
    except Refused as error:
        return await _page(request, problem=error.reason)
    except NotAllowed:
        return await _page(request, problem=_REFUSED)
    except StaleDecision:
        return await _page(request, problem=_CHANGED)
    raise _back(request)


async def disconnect(request: web.Request) -> web.Response:
    """Back to the page, not connected any more; or the page again, with what was refused."""
    visitor = await visitor_of(request)
    try:
        await part(request.app[SERVICES], visitor, forget=await _is_ticked(request, "forget"))
    except Refused as error:
        return await _page(request, problem=error.reason)
    raise _back(request)


async def _page(request: web.Request, *, problem: str | None = None) -> web.Response:
    services = request.app[SERVICES]
    page = HomePage(__version__, services.settings.base_path, problem=problem)
    try:
        visitor = await visitor_of(request)
        page = await _page_of(services, visitor, problem)
    except NotSignedIn:
        status = HTTPStatus.OK
    except TryLater:
        page = HomePage(__version__, services.settings.base_path, is_immich_away=True)
        status = HTTPStatus.SERVICE_UNAVAILABLE
    else:
        status = HTTPStatus.OK if problem is None else HTTPStatus.CONFLICT
    return web.Response(
        text=render(page), status=status, content_type="text/html", headers={"Cache-Control": "private, no-store"}
    )


async def _page_of(services: Services, visitor: Visitor, problem: str | None) -> HomePage:
    user = visitor.user
    return HomePage(
        __version__,
        services.settings.base_path,
        name=user.name,
        numbers=await _numbers(services, user.id) if user.id in services.accounts.connected else None,
        can_connect=can_connect(services, user.id),
        permissions=tuple(sorted(wanted_permissions(services, user))),
        problem=problem,
    )


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


async def _is_ticked(request: web.Request, name: str) -> bool:
    return (await request.post()).get(name) == "on"


def _back(request: web.Request) -> web.HTTPSeeOther:
    return web.HTTPSeeOther(f"{request.app[SERVICES].settings.base_path}/")
