"""What was said to be no duplicates, and listing it again."""

from __future__ import annotations

from urllib.parse import quote

from aiohttp import web

from sidecar.grouping.memory import DecisionSource
from sidecar.handlers.api import duplicate_decisions as decisions
from sidecar.handlers.api import duplicates
from sidecar.handlers.api.duplicate_decisions import UndismissBody
from sidecar.handlers.api.duplicates import DismissedQuery, DismissedSet
from sidecar.handlers.pages.duplicates import DISMISSED
from sidecar.handlers.pages.duplicates import HERE as DUPLICATES
from sidecar.handlers.pages.notices import N_, Done
from sidecar.handlers.pages.page import Route
from sidecar.handlers.pages.visit import Visit
from sidecar.ui.contexts.duplicates import Dismissed, DismissedPage, File
from sidecar.ui.translations import Language

SETS_A_PAGE = 50
MOST_PICTURES = 8

SOURCES = {
    DecisionSource.DISMISSED: N_("by you"),
    DecisionSource.KEPT: N_("you kept all of these"),
    DecisionSource.RECALLED: N_("earlier, as Immich remembers"),
}


async def show(visit: Visit) -> web.StreamResponse:
    """A page of them, the latest first."""
    cursor = visit.query(DismissedQuery).cursor
    page = await duplicates.dismissed(visit.asked(query=DismissedQuery(limit=SETS_A_PAGE, cursor=cursor)))
    here = f"{visit.services.settings.base_path}{DISMISSED}"
    return visit.show(
        DismissedPage(
            await visit.frame(DUPLICATES),
            tuple(_told(each, visit.language) for each in page.items),
            None if page.next_cursor is None else f"{here}?cursor={quote(page.next_cursor, safe='')}",
        )
    )


async def list_again(visit: Visit) -> web.StreamResponse:
    """Back to the page; these may be duplicates after all."""
    await decisions.undismissed(visit.asked(body=UndismissBody(), path=visit.request.match_info))
    return visit.go_to(DISMISSED, Done.LISTED_AGAIN)


def _told(found: DismissedSet, language: Language) -> Dismissed:
    shown = found.members[:MOST_PICTURES]
    return Dismissed(
        found.id,
        language.text(SOURCES[found.source]),
        found.decided_at_ms,
        tuple(File(each.asset_id, each.name or "", None) for each in shown),
        found.member_count - len(shown),
    )


ROUTES = (
    Route("GET", DISMISSED, show),
    Route("POST", "/duplicates/{id}/undismiss", list_again),
)
