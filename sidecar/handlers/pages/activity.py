"""Activity: all that the sidecar did and is about to do, and taking it back."""

from __future__ import annotations

from urllib.parse import quote

from aiohttp import web

from sidecar.handlers.api import actions
from sidecar.handlers.api.actions import Action, ActionsQuery, UndoBody
from sidecar.handlers.pages.notices import N_, Done
from sidecar.handlers.pages.page import Route
from sidecar.handlers.pages.visit import Visit
from sidecar.jobs.history import Progress, Role, TroubleKind, What
from sidecar.storage.journal import Origin
from sidecar.ui.contexts.activity import ActivityPage, Deed, Taken

HERE = "/activity"
DEEDS_A_PAGE = 50
MOST_PICTURES = 8

WHAT = {
    What.STACK: N_("Stacked"),
    What.COVER: N_("New cover"),
    What.UNSTACK: N_("Stack taken apart"),
    What.DUPLICATES: N_("Duplicates sorted out"),
    What.UNDO: N_("Taken back"),
}
STATES = {
    Progress.WAITING: N_("waiting"),
    Progress.RUNNING: N_("under way"),
    Progress.DONE: N_("done"),
    Progress.FAILED: N_("failed"),
    Progress.WITHDRAWN: N_("not done"),
    Progress.UNDOING: N_("being taken back"),
    Progress.UNDONE: N_("taken back"),
}
BY_WHOM = {Origin.RULES: N_("by the rules"), Origin.USER: N_("by your decision")}
TROUBLES = {
    TroubleKind.RETRYING: N_("It did not succeed yet, and is tried again."),
    TroubleKind.WITHDRAWN: N_("The photos had changed meanwhile; nothing was done."),
    TroubleKind.FAILED: N_("It was given up; Status says why."),
    TroubleKind.INCOMPLETE: N_("It is done, but not whole: some of it could not be carried out."),
}


async def show(visit: Visit) -> web.StreamResponse:
    """A page of what was done for the visitor."""
    query = visit.query(ActionsQuery)
    page = await actions.listed(visit.asked(query=ActionsQuery(limit=DEEDS_A_PAGE, cursor=query.cursor)))
    base = visit.services.settings.base_path
    older = None if page.next_cursor is None else f"{base}{HERE}?cursor={quote(page.next_cursor, safe='')}"
    return visit.show(ActivityPage(await visit.frame(HERE), tuple(_deed(visit, each) for each in page.items), older))


async def undo(visit: Visit) -> web.StreamResponse:
    """Back to the history, with what is being taken back."""
    await actions.take_back(visit.asked(body=UndoBody(), path=visit.request.match_info))
    return visit.go_to(HERE, Done.UNDONE)


def _deed(visit: Visit, action: Action) -> Deed:
    text = visit.language.text
    shown = action.members[:MOST_PICTURES]
    return Deed(
        action.id,
        text(WHAT[action.what]),
        text(BY_WHOM[action.origin]),
        text(STATES[action.state]),
        is_done=action.state is Progress.DONE,
        is_trouble=action.state is Progress.FAILED,
        problem=None if action.error is None else text(TROUBLES[action.error.code]),
        at_ms=action.at_ms,
        pictures=tuple(Taken(each.asset_id, each.name or "", each.role is Role.TRASHED) for each in shown),
        more=action.member_count - len(shown),
        can_undo=action.can_undo,
    )


ROUTES = (
    Route("GET", HERE, show),
    Route("POST", "/activity/{id}/undo", undo),
)
