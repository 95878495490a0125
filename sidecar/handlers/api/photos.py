"""The caller's timeline with grouped cards, and how many cards each day has."""

from __future__ import annotations

from calendar import monthrange
from datetime import UTC, datetime, timedelta
from enum import StrEnum
from hashlib import sha256
from typing import Annotated, Any, Literal

import msgspec

from sidecar.duplicates.classes import DuplicateClass
from sidecar.formats import Format
from sidecar.handlers.api.groups import GroupType
from sidecar.handlers.api.operation import Asked, Nothing, Operation
from sidecar.handlers.api.paging import Cursor, Limit, decode_cursor, encode_cursor
from sidecar.model import AssetId, AssetKind, Visibility
from sidecar.storage import timeline
from sidecar.storage.shown_groups import ShownGroup
from sidecar.storage.timeline import After, Card, Filters

LONGEST_TEXT = 200

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)


class ShownKind(StrEnum):
    """What the timeline shows."""

    IMAGE = AssetKind.IMAGE.value
    VIDEO = AssetKind.VIDEO.value


class Span(StrEnum):
    """How much of the timeline one count is about."""

    DAY = "day"
    MONTH = "month"


_GroupTypes = Annotated[tuple[GroupType, ...], msgspec.Meta(max_length=len(GroupType))]
_Classes = Annotated[tuple[DuplicateClass, ...], msgspec.Meta(max_length=len(DuplicateClass))]
_Text = Annotated[str, msgspec.Meta(min_length=1, max_length=LONGEST_TEXT)]


class Wanted(msgspec.Struct, frozen=True):
    """Which cards are meant; without a filter all of them are.

    group_type and duplicates may be given several times; one of the types, or classes, has to fit. q is part of a name
    of one of a card's versions, in any case. Times are the photo's wall clock; taken_until_ms itself does not fit any
    more. archived adds what is archived; partners=false leaves out what partners share.
    """

    group_type: _GroupTypes = ()
    duplicates: _Classes = ()
    ungrouped_raw: bool = False
    kind: ShownKind | None = None
    taken_from_ms: int | None = None
    taken_until_ms: int | None = None
    q: _Text | None = None
    archived: bool = False
    partners: bool = True

    def filters(self) -> Filters:
        """The same in the words of the storage."""
        return Filters(
            group_types=frozenset(each.value for each in self.group_type),
            duplicates=frozenset(self.duplicates),
            ungrouped_raw=self.ungrouped_raw,
            kind=None if self.kind is None else AssetKind(self.kind.value),
            taken_from_ms=self.taken_from_ms,
            taken_until_ms=self.taken_until_ms,
            text=self.q,
            archived=self.archived,
            partners=self.partners,
        )


class PhotosQuery(Wanted, frozen=True):
    """Which cards, and which page of them."""

    limit: Limit = 100
    cursor: Cursor | None = None


class DatesQuery(Wanted, frozen=True):
    """Which cards are counted, and over what."""

    by: Span = Span.DAY


class PhotoVersion(msgspec.Struct, frozen=True):
    """One member of a card's group; who is trashed or not on the timeline says so."""

    asset_id: str
    name: str
    kind: AssetKind
    format: Format
    width: int | None
    height: int | None
    size_bytes: int | None
    is_primary: bool
    visibility: Visibility
    is_trashed: bool


class PhotoGroup(msgspec.Struct, frozen=True):
    """The stack that a card stands for, as `/groups/{id}` tells of it; versions is how many members it has."""

    id: str
    type: GroupType
    revision: str
    versions: int
    members: list[PhotoVersion]


class PhotoDuplicates(msgspec.Struct, frozen=True):
    """The set of duplicates in which a version of a card is; `class` is the set's."""

    set_id: str
    kind_of_match: DuplicateClass = msgspec.field(name="class")


class Photo(msgspec.Struct, frozen=True):
    """A card of the timeline: a stack, or a single picture or video.

    A stack is shown by its primary. Where that is in the trash, hidden, archived or offline, another version stands in
    for it, and is_stand_in says so. owner_name is there for partners' assets only, and null if Immich does not tell it.
    path opens the asset in Immich, below Immich's own address. Sizes are null until Immich has read the file.
    """

    asset_id: str
    name: str
    kind: ShownKind
    format: Format
    width: int | None
    height: int | None
    size_bytes: int | None
    duration_ms: int | None
    taken_local_ms: int
    taken_at_ms: int
    owner_id: str
    owner_name: str | None
    is_partners: bool
    is_stand_in: bool
    group: PhotoGroup | None
    duplicates: PhotoDuplicates | None
    path: str


class PhotoPage(msgspec.Struct, frozen=True):
    """Cards, the newest first; next_cursor is null on the last page."""

    items: list[Photo]
    next_cursor: str | None


class DateCount(msgspec.Struct, frozen=True):
    """How many cards a day or a month has; date is its first day. until_ms is where the next one begins, so that a page
    with it as taken_until_ms begins with this one.
    """

    date: str
    count: int
    from_ms: int
    until_ms: int


class DateCounts(msgspec.Struct, frozen=True):
    """Days or months that have cards, the newest first, all of them; total is the sum."""

    items: list[DateCount]
    total: int


async def listed(asked: Asked[PhotosQuery, Nothing]) -> PhotoPage:
    """A page of the timeline."""
    query = asked.query
    filters = query.filters()
    after = None if query.cursor is None else read_cursor(query.cursor, filters)
    async with asked.jobs.database.read() as connection:
        page = await timeline.page(connection, asked.owner_id, filters, after=after, limit=query.limit)
    items = [_photo(card, is_partners=card.owner_id != asked.owner_id) for card in page.cards]
    return PhotoPage(items, None if page.after is None else write_cursor(page.after, filters))


async def dates(asked: Asked[DatesQuery, Nothing]) -> DateCounts:
    """How many cards each day or month has."""
    async with asked.jobs.database.read() as connection:
        days = await timeline.days(connection, asked.owner_id, asked.query.filters())
    counted: dict[datetime, int] = {}
    for day_ms, count in days:
        day = _EPOCH + timedelta(milliseconds=day_ms)
        first = day if asked.query.by is Span.DAY else day.replace(day=1)
        counted[first] = counted.get(first, 0) + count
    items = [
        DateCount(first.date().isoformat(), count, _ms(first), _ms(first) + _length_ms(first, asked.query.by))
        for first, count in counted.items()
    ]
    return DateCounts(items, sum(counted.values()))


def read_cursor(cursor: str, filters: Filters) -> After:
    """Where the former page ended.

    Errors: Refused (400, bad_cursor) if it is none of this list, with these filters.
    """
    taken_local_ms, asset_id, _ = decode_cursor(cursor, int, str, Literal[_name_of(filters)])
    return After(taken_local_ms, AssetId(asset_id))


def write_cursor(after: After, filters: Filters) -> str:
    """The word by which the next page is asked for; it holds for the same filters only."""
    return encode_cursor(after.taken_local_ms, after.asset_id, _name_of(filters))


def _name_of(filters: Filters) -> str:
    return sha256(msgspec.json.encode(filters, order="deterministic")).hexdigest()[:12]


def _length_ms(first: datetime, span: Span) -> int:
    return timeline.DAY_MS * (1 if span is Span.DAY else monthrange(first.year, first.month)[1])


def _ms(moment: datetime) -> int:
    return (moment - _EPOCH) // timedelta(milliseconds=1)


def _photo(card: Card, *, is_partners: bool) -> Photo:
    return Photo(
        asset_id=card.asset_id,
        name=card.name,
        kind=ShownKind(card.kind.value),
        format=card.format,
        width=card.width,
        height=card.height,
        size_bytes=card.size_bytes,
        duration_ms=card.duration_ms,
        taken_local_ms=card.taken_local_ms,
        taken_at_ms=card.taken_at_ms,
        owner_id=card.owner_id,
        owner_name=card.partner_name,
        is_partners=is_partners,
        is_stand_in=card.is_stand_in,
        group=None if card.group is None else _group(card.group),
        duplicates=None if card.duplicates is None else PhotoDuplicates(card.duplicates.set_id, card.duplicates.kind),
        path=f"/photos/{card.asset_id}",
    )


def _group(group: ShownGroup) -> PhotoGroup:
    members = [
        PhotoVersion(
            asset_id=member.asset_id,
            name=member.name,
            kind=member.kind,
            format=member.format,
            width=member.width,
            height=member.height,
            size_bytes=member.size_bytes,
            is_primary=member.is_primary,
            visibility=member.visibility,
            is_trashed=member.is_trashed,
        )
        for member in group.members
    ]
    return PhotoGroup(group.id, GroupType(group.type), group.revision, len(members), members)


OPERATIONS: tuple[Operation[Any, Any], ...] = (
    Operation(
        id="listPhotos",
        method="GET",
        path="/photos",
        summary="The timeline with grouped cards, the newest local time first.",
        handler=listed,
        query=PhotosQuery,
        answer=PhotoPage,
        tag="photos",
    ),
    Operation(
        id="countPhotosByDate",
        method="GET",
        path="/photos/dates",
        summary="How many cards of the timeline each day or month has.",
        handler=dates,
        query=DatesQuery,
        answer=DateCounts,
        tag="photos",
    ),
)
