"""Photos: the timeline with one card a stack, filters, search, and page after page."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from datetime import UTC, datetime
from itertools import groupby
from urllib.parse import urlencode

from aiohttp import web

from sidecar.handlers.api import photos
from sidecar.handlers.api.groups import GroupType
from sidecar.handlers.api.photos import Photo, PhotosQuery, ShownKind
from sidecar.handlers.pages.notices import N_
from sidecar.handlers.pages.page import Route
from sidecar.handlers.pages.visit import Visit
from sidecar.handlers.pages.wording import DUPLICATE_CLASSES, GROUP_TYPES, duplicate_class, group_type
from sidecar.storage.timeline import DAY_MS
from sidecar.ui.contexts.photos import Card, Day, Filter, PhotosPage

HERE = "/photos"
PHOTOS_A_PAGE = 100
MONTH = "month"
_DECEMBER = 12

_Sent = list[tuple[str, str]]


async def show(visit: Visit) -> web.StreamResponse:
    """A page of the visitor's timeline."""
    base = visit.services.settings.base_path
    month = visit.request.query.get(MONTH, "")
    query = visit.query(PhotosQuery, MONTH)
    until_ms = _end_of(month)
    if until_ms is not None:
        query = PhotosQuery(
            **{**{name: getattr(query, name) for name in query.__struct_fields__}, "taken_until_ms": until_ms}
        )
    page = await photos.listed(visit.asked(query=_a_page_of(query)))
    sent = [(name, value) for name, value in visit.request.query.items() if value and name in _KEPT]
    return visit.show(
        PhotosPage(
            await visit.frame(HERE),
            days=tuple(_days(visit, page.items)),
            filters=tuple(_filters(visit, query)),
            text=query.q or "",
            month=month if until_ms is not None else "",
            older=None if page.next_cursor is None else _path(base, [*sent, ("cursor", page.next_cursor)]),
            newest=None if query.cursor is None and until_ms is None else _path(base, _without_month(sent)),
            is_filtered=bool(query.group_type or query.duplicates or query.ungrouped_raw or query.kind or query.q),
        )
    )


_KEPT = frozenset({"group_type", "duplicates", "ungrouped_raw", "kind", "q", MONTH})


def _a_page_of(query: PhotosQuery) -> PhotosQuery:
    return PhotosQuery(**{**{name: getattr(query, name) for name in query.__struct_fields__}, "limit": PHOTOS_A_PAGE})


def _path(base: str, sent: _Sent) -> str:
    return f"{base}{HERE}{'?' if sent else ''}{urlencode(sent)}"


def _without_month(sent: _Sent) -> _Sent:
    return [(name, value) for name, value in sent if name != MONTH]


def _end_of(month: str) -> int | None:
    """The first moment after a month, written as browsers write it; None for what is no month."""
    try:
        first = datetime.strptime(month, "%Y-%m").replace(tzinfo=UTC)
        following = first.replace(year=first.year + first.month // _DECEMBER, month=first.month % _DECEMBER + 1)
    except ValueError:
        return None
    return int(following.timestamp() * 1000)


def _days(visit: Visit, items: Iterable[Photo]) -> Iterator[Day]:
    for day, taken in groupby(items, key=_day_of):
        yield Day(day * DAY_MS, tuple(_card(visit, photo) for photo in taken))


def _day_of(photo: Photo) -> int:
    return photo.taken_local_ms // DAY_MS


def _card(visit: Visit, photo: Photo) -> Card:
    base, language = visit.services.settings.base_path, visit.language
    group, alike = photo.group, photo.duplicates
    return Card(
        photo.asset_id,
        photo.name,
        versions=1 if group is None else group.versions,
        group=None if group is None else f"{base}/groups/{group.id}",
        kind=None if group is None else group_type(group.type, language),
        duplicates=None if alike is None else f"{base}/duplicates/{alike.set_id}",
        duplicates_kind=None if alike is None else duplicate_class(alike.kind_of_match, language),
        duration_ms=photo.duration_ms,
        is_video=photo.kind is ShownKind.VIDEO,
        owner_name=(photo.owner_name or "") if photo.is_partners else None,
    )


def _filters(visit: Visit, query: PhotosQuery) -> Iterator[tuple[str, tuple[Filter, ...]]]:
    text = visit.language.text
    # The sidecar lists no sets of Immich's own making here, and whoever stacked by hand knows what they stacked.
    yield (
        text(N_("Stacks")),
        tuple(
            Filter("group_type", kind.value, text(label), kind in query.group_type)
            for kind, label in GROUP_TYPES.items()
            if kind is not GroupType.STACK
        ),
    )
    yield (
        text(N_("Duplicates")),
        tuple(
            Filter("duplicates", kind.value, text(label), kind in query.duplicates)
            for kind, label in DUPLICATE_CLASSES.items()
        ),
    )
    yield (
        text(N_("Others")),
        (
            Filter("ungrouped_raw", "true", text(N_("RAW alone")), query.ungrouped_raw),
            Filter("kind", ShownKind.VIDEO.value, text(N_("Videos")), query.kind is ShownKind.VIDEO),
        ),
    )


ROUTES = (Route("GET", HERE, show),)
