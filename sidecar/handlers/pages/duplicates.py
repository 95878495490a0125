"""Duplicates: the sets of one class, in the order that the visitor wants."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from urllib.parse import urlencode

from aiohttp import web

from sidecar.duplicates.classes import DuplicateClass
from sidecar.handlers.api import duplicates
from sidecar.handlers.api.duplicates import DuplicateSet, DuplicatesQuery
from sidecar.handlers.pages.notices import N_
from sidecar.handlers.pages.page import Route
from sidecar.handlers.pages.visit import Visit
from sidecar.handlers.pages.wording import duplicate_class
from sidecar.storage.duplicate_sets import SetOrder, StoredSet
from sidecar.ui.contexts.duplicates import DuplicatesPage, ListedSet, Sort, Tab, Thumb

HERE = "/duplicates"
DISMISSED = "/duplicates/dismissed"
SETS_A_PAGE = 30
MOST_THUMBS = 6
CLASS = "class"
SORT = "sort"

EXPLANATIONS = {
    DuplicateClass.IDENTICAL: N_("The same file, byte by byte."),
    DuplicateClass.RE_ENCODED: N_("The same picture, compressed, resized, converted or turned anew."),
    DuplicateClass.EDITED: N_(
        "Nearly the same picture: toned, cropped, marked, or taken a moment later. Look closely."
    ),
    DuplicateClass.FEATURELESS: N_("Pictures with hardly any content. That they are alike says little."),
    DuplicateClass.SIMILAR: N_("What Immich's own search put together."),
}
_SORTS = {
    SetOrder.NEWEST: N_("Newest"),
    SetOrder.SAVINGS: N_("Size saved"),
    SetOrder.SIMILARITY: N_("Similarity"),
}


@dataclass(frozen=True, slots=True)
class View:
    """Which list somebody works through: one class, in one order."""

    kind: DuplicateClass
    order: SetOrder

    @property
    def query(self) -> dict[str, str]:
        """As it stands in an address, or in a form."""
        return {CLASS: self.kind.value, SORT: self.order.value}


def view_of(sent: Mapping[str, str], kind: DuplicateClass) -> View:
    """What was asked for; kind is meant where nothing is asked for."""
    wanted, order = sent.get(CLASS, ""), sent.get(SORT, "")
    return View(
        DuplicateClass(wanted) if wanted in set(DuplicateClass) else kind,
        SetOrder(order) if order in set(SetOrder) else SetOrder.NEWEST,
    )


async def show(visit: Visit) -> web.StreamResponse:
    """A page of the visitor's sets."""
    summary = await duplicates.summary(visit.asked())
    sent = visit.query(DuplicatesQuery)
    first = next((tally.kind_of_match for tally in summary.classes if tally.sets), DuplicateClass.IDENTICAL)
    view = view_of(visit.request.query, first)
    page = await duplicates.listed(
        visit.asked(query=DuplicatesQuery(limit=SETS_A_PAGE, cursor=sent.cursor, sort=view.order, classes=(view.kind,)))
    )
    base, text = visit.services.settings.base_path, visit.language.text

    def path(kind: DuplicateClass, order: SetOrder, **more: str) -> str:
        return f"{base}{HERE}?{urlencode({**View(kind, order).query, **more})}"

    counted = {tally.kind_of_match: tally for tally in summary.classes}
    return visit.show(
        DuplicatesPage(
            await visit.frame(HERE),
            tabs=tuple(
                Tab(
                    path(kind, view.order),
                    duplicate_class(kind, visit.language),
                    kind is view.kind,
                    tally.sets,
                    tally.savings_bytes,
                )
                for kind, tally in counted.items()
                if tally.sets or kind is view.kind
            ),
            sorts=tuple(
                Sort(path(view.kind, order), text(label), order is view.order) for order, label in _SORTS.items()
            ),
            sets=tuple(_listed(visit, each, view) for each in page.items),
            older=None if page.next_cursor is None else path(view.kind, view.order, cursor=page.next_cursor),
            identical=f"{base}{HERE}/identical"
            if view.kind is DuplicateClass.IDENTICAL and counted[view.kind].sets
            else None,
            explanation=text(EXPLANATIONS[view.kind]),
            dismissed=f"{base}{DISMISSED}" if summary.dismissed else None,
        )
    )


async def behind(visit: Visit, view: View, present: StoredSet | None) -> str:
    """The path of the set to look at behind this one, of the first if it is none, or of the list if it was the last."""
    cursor = None if present is None else duplicates.cursor_behind(present, view.order, view.kind)
    query = DuplicatesQuery(limit=1, cursor=cursor, sort=view.order, classes=(view.kind,))
    page = await duplicates.listed(visit.asked(query=query))
    return f"{HERE}/{page.items[0].id}" if page.items else HERE


def _listed(visit: Visit, found: DuplicateSet, view: View) -> ListedSet:
    shown = found.members[:MOST_THUMBS]
    return ListedSet(
        f"{visit.services.settings.base_path}{HERE}/{found.id}?{urlencode(view.query)}",
        duplicate_class(found.kind_of_match, visit.language),
        found.similarity,
        found.savings_bytes,
        tuple(
            Thumb(member.asset_id, member.file.name if member.file is not None else "", member.is_suggested)
            for member in shown
        ),
        found.member_count - len(shown),
    )


ROUTES = (Route("GET", HERE, show),)
