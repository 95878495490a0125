"""The timeline's months: what the web app shows, with children hidden behind their primaries."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from http import HTTPStatus
from typing import Any

from aiohttp import web

from sidecar.demo.immich.fields import Fields
from sidecar.demo.immich.refusals import Refusal, bad_request, no_access
from sidecar.demo.immich.routing import Ask, Operation, reply
from sidecar.demo.immich.rows import AssetRow
from sidecar.demo.immich.search_filters import ORDERS, VISIBILITIES
from sidecar.demo.immich.state import DEFAULT_VISIBILITIES, State
from sidecar.demo.immich.times import datetime_of, parse_instant, postgres_bare
from sidecar.demo.immich.wire import clock_duration, whole_if_possible
from sidecar.model import AssetKind, Visibility

_US_PER_H = 3_600_000_000
_RATIO_DIGITS = 3
_NOT_EMULATED = ("albumId", "bbox", "personId", "tagId", "withCoordinates", "orderBy")


@dataclass(frozen=True, slots=True)
class _View:
    """What part of the timeline was asked for."""

    owner_ids: tuple[str, ...]
    visibility: str | None
    is_trashed: bool
    is_favorite: bool | None
    with_stacked: bool
    is_newest_first: bool

    def rows(self, state: State) -> list[AssetRow]:
        """The assets of the view in its order.

        Source: getTimeBucket, asset.repository.ts:801-950 in 3.1.0; recordings timeline-bucket,
                timeline-bucket-with-stack; live 3.1.0 for trash, archive, favourites and a trashed primary.
        """
        rows = [row for owner_id in self.owner_ids for row in state.ordered(owner_id) if self._shows(row, state)]
        rows.sort(key=lambda row: (row.local_us // (24 * _US_PER_H), row.file_created_us), reverse=self.is_newest_first)
        return rows

    def _shows(self, row: AssetRow, state: State) -> bool:
        if self.visibility is None:
            is_visible = row.visibility in DEFAULT_VISIBILITIES
        else:
            is_visible = row.visibility == self.visibility
        if not is_visible or (row.deleted_us is not None) is not self.is_trashed or row.status == "deleted":
            return False
        if self.is_favorite is not None and row.is_favorite is not self.is_favorite:
            return False
        is_child = row.stack_id is not None and state.stacks[row.stack_id].primary_id != row.id
        return not (self.with_stacked and is_child)


def _view(ask: Ask, fields: Fields) -> _View:
    """The view of the query.

    Errors: Refusal: 501 for filters that are not emulated, 401 for locked assets, 400 for other users' timelines and
            for partners where Immich refuses them.
    Source: timeline.service.ts 3.1.0.
    """
    for name in _NOT_EMULATED:
        if name in fields:
            raise Refusal(HTTPStatus.NOT_IMPLEMENTED, f"The emulated Immich's timeline does not know {name}")
    visibility = fields.option("visibility", VISIBILITIES)
    user_id = fields.uuid("userId") or ask.caller.user.id
    with_partners = fields.boolean("withPartners")
    is_trashed = bool(fields.boolean("isTrashed"))
    is_favorite = fields.boolean("isFavorite")
    with_stacked = bool(fields.boolean("withStacked"))
    order = fields.option("order", ORDERS)
    fields.done()
    if visibility == Visibility.LOCKED:
        raise Refusal(HTTPStatus.UNAUTHORIZED, "Elevated permission is required")
    if user_id != ask.caller.user.id and (user_id, ask.caller.user.id) not in ask.state.partners:
        raise no_access("timeline.read")
    owner_ids = [user_id]
    if with_partners:
        if visibility != Visibility.TIMELINE or is_trashed or is_favorite is not None:
            raise bad_request(
                "withPartners is only supported for non-archived, non-trashed, non-favorited, non-locked assets"
            )
        owner_ids += ask.state.partners_of(ask.caller.user.id)
    return _View(
        owner_ids=tuple(owner_ids),
        visibility=visibility,
        is_trashed=is_trashed,
        is_favorite=is_favorite,
        with_stacked=with_stacked,
        is_newest_first=order != "asc",
    )


def _month_of(row: AssetRow) -> str:
    return datetime_of(row.local_us).strftime("%Y-%m-01")


class _Months:
    """The months of the last view, so that reading a timeline month by month costs one pass over the library."""

    def __init__(self, state: State) -> None:
        self._state = state
        self._kept: tuple[int, _View] | None = None
        self._months: dict[str, list[AssetRow]] = {}

    def of(self, view: _View) -> dict[str, list[AssetRow]]:
        """Month -> its assets, both in the view's order; not to be changed."""
        wanted = (self._state.revision, view)
        if self._kept != wanted:
            self._kept = wanted
            self._months = {}
            for row in view.rows(self._state):
                self._months.setdefault(_month_of(row), []).append(row)
        return self._months


async def _buckets(ask: Ask, months: _Months) -> web.StreamResponse:
    """The months that have assets, with their counts.

    Source: recording timeline-buckets; live 3.1.0 for archive and trash.
    """
    found = months.of(_view(ask, ask.query))
    return reply([{"timeBucket": month, "count": len(rows)} for month, rows in found.items()])


async def _bucket(ask: Ask, months: _Months) -> web.StreamResponse:
    """One month, column by column.

    Source: recordings timeline-bucket, timeline-bucket-with-stack; live 3.1.0: no stack column without withStacked, a
            missing timeBucket is refused, an unreadable one breaks the server, a full instant is taken too.
    """
    fields = ask.query
    asked = fields.text("timeBucket", required=True)
    view = _view(ask, fields)
    day, _, _ = (asked or "").removeprefix("+").partition("T")
    if parse_instant(f"{day}T00:00:00Z") is None:
        raise Refusal(HTTPStatus.INTERNAL_SERVER_ERROR, "Failed to get time bucket")
    rows = months.of(view).get(day, [])
    columns = {name: [value(row) for row in rows] for name, value in _columns(ask).items()}
    if view.with_stacked:
        columns["stack"] = [_stack_cell(row, ask.state) for row in rows]
    return reply(columns)


def _columns(ask: Ask) -> dict[str, Callable[[AssetRow], Any]]:
    user_id = ask.caller.user.id
    is_ms = ask.state.behaviour.does("integer_duration")
    columns: dict[str, Callable[[AssetRow], Any]] = {
        "duration": lambda row: (
            row.duration_ms if is_ms or row.duration_ms is None else clock_duration(row.duration_ms)
        ),
        "id": lambda row: row.id,
        "visibility": lambda row: row.visibility,
        "isFavorite": lambda row: row.is_favorite and row.owner_id == user_id,
        "isImage": lambda row: row.kind is AssetKind.IMAGE,
        "isTrashed": lambda row: row.deleted_us is not None,
        "livePhotoVideoId": lambda row: row.live_photo_video_id,
        "fileCreatedAt": lambda row: postgres_bare(row.file_created_us),
        "localOffsetHours": lambda row: whole_if_possible((row.local_us - row.file_created_us) / _US_PER_H),
        "ownerId": lambda row: row.owner_id,
        "projectionType": lambda _: None,
        "ratio": lambda row: round(row.width / row.height, _RATIO_DIGITS) if row.width and row.height else 1,
        "status": lambda row: row.status,
        "thumbhash": lambda row: row.thumbhash,
        "city": lambda _: None,
        "country": lambda _: None,
    }
    if ask.state.behaviour.does("timeline_created"):
        columns["createdAt"] = lambda row: postgres_bare(row.created_us)
    return columns


def _stack_cell(row: AssetRow, state: State) -> list[str] | None:
    """The stack's id and how many of its members are on the timeline, both as text.

    Source: recording timeline-bucket-with-stack.
    """
    if row.stack_id is None:
        return None
    members = state.rows(state.stacks[row.stack_id].members)
    shown = [each for each in members if each.deleted_us is None and each.visibility is Visibility.TIMELINE]
    return [row.stack_id, str(len(shown))] if shown else None


def operations(state: State) -> tuple[Operation, ...]:
    """The two timeline reads."""
    months = _Months(state)
    return (
        Operation("GET", "/timeline/buckets", lambda ask: _buckets(ask, months), "asset.read"),
        Operation("GET", "/timeline/bucket", lambda ask: _bucket(ask, months), "asset.read"),
    )
