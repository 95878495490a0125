"""The caller's sets of duplicates: what looks alike, how much, what keeping one would free, and what was dismissed."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from http import HTTPStatus
from typing import Annotated, Any, Literal

import msgspec

from sidecar.duplicates.classes import DuplicateClass
from sidecar.duplicates.keeper import KeeperRule
from sidecar.duplicates.sets import set_id_of
from sidecar.formats import Format, format_of
from sidecar.grouping.memory import DecisionKind, DecisionSource
from sidecar.handlers.api.operation import Asked, Nothing, Operation
from sidecar.handlers.api.paging import Cursor, Limit, decode_cursor, encode_cursor
from sidecar.handlers.middleware import Refused
from sidecar.jobs.duplicates.showing import ShownCopy, ShownSet, shown_set, shown_sets
from sidecar.model import AssetId, AssetKind, OwnerId
from sidecar.storage import decisions, duplicate_history, duplicate_sets, originals
from sidecar.storage.duplicate_history import Dismissal
from sidecar.storage.duplicate_sets import After, SetOrder, StoredSet
from sidecar.storage.originals import Present

MOST_LISTED = 20
"""So many members of each set are listed; the set itself has all of them."""

_SET_ID = re.compile(r"[0-9a-f]{12}", re.ASCII)
_EACH_ONCE = len(DuplicateClass)
NoteCode = Literal["featureless", "edited", "changed", "external", "albums_unknown", "partner"]

_NOTES: dict[NoteCode, str] = {
    "featureless": "These pictures have hardly any content; that they are alike says little.",
    "edited": "These are nearly the same picture, not the same; look at them before you decide.",
    "changed": "A file of the set changed or went since; the next search for duplicates finds out.",
    "external": (
        "A file of an external library that goes to the trash is deleted from its disk when Immich empties the trash."
    ),
    "albums_unknown": "Immich was not asked which albums the copies are in, or did not answer.",
    "partner": "A partner has the same file as one of these.",
}


class DuplicatesQuery(msgspec.Struct, frozen=True):
    """Which sets are listed, and what comes first; without a class all of them are."""

    limit: Limit = 100
    cursor: Cursor | None = None
    sort: SetOrder = SetOrder.NEWEST
    classes: Annotated[tuple[DuplicateClass, ...], msgspec.Meta(max_length=_EACH_ONCE)] = msgspec.field(
        name="class", default=()
    )


class DismissedQuery(msgspec.Struct, frozen=True):
    """Which page of a list."""

    limit: Limit = 100
    cursor: Cursor | None = None


class AlbumOfCopy(msgspec.Struct, frozen=True):
    """An album in which a copy is; is_shared says that others see what is in it."""

    name: str
    is_shared: bool


class DuplicateFile(msgspec.Struct, frozen=True):
    """What tells a copy from the others.

    folder is that of a file of an external library, null of an upload. stack_id is the stack that it is in now, of
    stack_size pictures. immich_duplicate_id is the group in which Immich has it, which is of the sidecar's making if
    is_recorded_by_sidecar. albums are null in lists, and where Immich did not tell.
    """

    name: str
    folder: str | None
    is_external: bool
    library_id: str | None
    kind: AssetKind
    format: Format
    size_bytes: int | None
    width: int | None
    height: int | None
    duration_ms: int | None
    taken_at_ms: int
    taken_local_ms: int
    make: str | None
    model: str | None
    is_favorite: bool
    stack_id: str | None
    stack_size: int
    albums: list[AlbumOfCopy] | None
    immich_duplicate_id: str | None
    is_recorded_by_sidecar: bool


class DuplicateMember(msgspec.Struct, frozen=True):
    """One copy of a set.

    `class`, `similarity` and `reason` say what it is to the suggested copy; similarity is null of that one itself, and
    where nothing was measured. unit_id is the stack in which it was when the set was found, which stays or goes as a
    whole, or its own id. sha256 is of its bytes, where it was read. file is null once people do not see it any more.
    partner_count is how many partners have the same file.
    """

    asset_id: str
    kind_of_match: DuplicateClass = msgspec.field(name="class")
    similarity: float | None
    reason: str
    is_suggested: bool
    unit_id: str
    sha256: str | None
    partner_count: int
    file: DuplicateFile | None


class SuggestedBecause(msgspec.Struct, frozen=True):
    """The rule by which the suggested copy is better than the next; null where nothing tells the two apart."""

    rule: KeeperRule | None
    sentence: str


class DuplicateNote(msgspec.Struct, frozen=True):
    """Something to know about a set: a code for programs, and a sentence for people."""

    code: NoteCode
    sentence: str


class DuplicateSet(msgspec.Struct, frozen=True):
    """Copies of one picture, the one that is suggested to be kept first.

    The id is made of the members: a set that changes has another one, so that whoever decides says on what. `class` is
    the least sure of the members', similarity the lowest. savings_bytes is what keeping the suggested copy alone frees.
    In lists, members are the first 20 of member_count. suggested_because is null where the rule depends on albums and
    these are not known, as in lists, or where the copy is not the best any more. partner_count is how many partners
    have one of these files.
    """

    id: str
    kind_of_match: DuplicateClass = msgspec.field(name="class")
    similarity: float
    savings_bytes: int
    found_at_ms: int
    suggested_id: str
    suggested_because: SuggestedBecause | None
    member_count: int
    members: list[DuplicateMember]
    partner_count: int
    notes: list[DuplicateNote]


class DuplicatePage(msgspec.Struct, frozen=True):
    """Sets in the order that was asked for; next_cursor is null on the last page."""

    items: list[DuplicateSet]
    next_cursor: str | None


class ClassTally(msgspec.Struct, frozen=True):
    """How many sets of one class there are, of how many pictures, and what keeping one of each would free."""

    kind_of_match: DuplicateClass = msgspec.field(name="class")
    sets: int
    assets: int
    savings_bytes: int


class DuplicatesSummary(msgspec.Struct, frozen=True):
    """All sets, and those of every class, the surest first; dismissed counts what was said to be no duplicates."""

    sets: int
    assets: int
    savings_bytes: int
    classes: list[ClassTally]
    dismissed: int


class DismissedMember(msgspec.Struct, frozen=True):
    """A picture that is no duplicate of the others; name is null where people do not see it any more."""

    asset_id: str
    name: str | None


class DismissedSet(msgspec.Struct, frozen=True):
    """Pictures of which no two are duplicates of each other.

    source says how that became known: `dismissed` by a person, here or on Immich's page; `kept`: several of a set were
    kept; `recalled`: read back from Immich. members are the first 20 of member_count. Either id takes it back.
    """

    id: str
    set_id: str
    source: DecisionSource
    decided_at_ms: int
    member_count: int
    members: list[DismissedMember]


class DismissedPage(msgspec.Struct, frozen=True):
    """Dismissals, the latest first; next_cursor is null on the last page."""

    items: list[DismissedSet]
    next_cursor: str | None


async def listed(asked: Asked[DuplicatesQuery, Nothing]) -> DuplicatePage:
    """The caller's sets in the order that they want."""
    query = asked.query
    classes = sorted(set(query.classes))
    # A cursor belongs to the order and the classes of its list.
    filters = (query.sort.value, ",".join(classes))
    after = None
    if query.cursor is not None:
        number: Any = float if query.sort is SetOrder.SIMILARITY else int
        value, last_id, *_ = decode_cursor(query.cursor, number, str, *(Literal[each] for each in filters))
        after = After(value, last_id)
    async with asked.jobs.database.read() as connection:
        page = await duplicate_sets.page(
            connection,
            asked.owner_id,
            order=query.sort,
            kinds=classes,
            after=after,
            limit=query.limit,
            members_at_most=MOST_LISTED,
        )
        shown = await shown_sets(asked.jobs, connection, asked.owner_id, page.sets)
    cursor = encode_cursor(page.after.value, page.after.set_id, *filters) if page.after is not None else None
    return DuplicatePage([_told(each, is_listed=True) for each in shown], cursor)


def cursor_behind(found: StoredSet, sort: SetOrder, kind: DuplicateClass) -> str:
    """The cursor with which a list of one class goes on behind a set, whether that is still listed or not."""
    value = {
        SetOrder.NEWEST: found.found_at_ms,
        SetOrder.SAVINGS: found.savings_bytes,
        SetOrder.SIMILARITY: found.similarity,
    }[sort]
    return encode_cursor(value, found.id, sort.value, kind.value)


async def summary(asked: Asked[Nothing, Nothing]) -> DuplicatesSummary:
    """How many sets of each class the caller has."""
    async with asked.jobs.database.read() as connection:
        tallies = await duplicate_sets.counts(connection, asked.owner_id)
        decided = await decisions.counts(connection, asked.owner_id)
    nothing = duplicate_sets.Tally(0, 0, 0)
    classes = [
        ClassTally(kind, tally.sets, tally.assets, tally.savings_bytes)
        for kind in DuplicateClass
        for tally in (tallies.get(kind, nothing),)
    ]
    return DuplicatesSummary(
        sum(each.sets for each in classes),
        sum(each.assets for each in classes),
        sum(each.savings_bytes for each in classes),
        classes,
        decided.get(DecisionKind.DISTINCT, 0),
    )


async def one(asked: Asked[Nothing, Nothing]) -> DuplicateSet:
    """One set, with the albums of its copies."""
    stored = await set_of(asked)
    if stored is None:
        raise not_found()
    return _told(await shown_set(asked.jobs, asked.owner_id, stored), is_listed=False)


async def dismissed(asked: Asked[DismissedQuery, Nothing]) -> DismissedPage:
    """What was said to be no duplicates, the latest first."""
    limit, before = asked.query.limit, None
    if asked.query.cursor is not None:
        at_ms, last_id = decode_cursor(asked.query.cursor, int, str)
        before = (at_ms, last_id)
    async with asked.jobs.database.read() as connection:
        found = await duplicate_history.dismissals(connection, asked.owner_id, limit=limit + 1, before=before)
        shown = sorted({asset_id for each in found[:limit] for asset_id in each.asset_ids[:MOST_LISTED]})
        present = await originals.copies(connection, asked.owner_id, shown)
    names = {asset_id: each.asset.name for asset_id, each in present.items()}
    last = found[limit - 1] if len(found) > limit else None
    return DismissedPage(
        [_dismissal(each, names) for each in found[:limit]],
        encode_cursor(last.decided_at_ms, last.id) if last is not None else None,
    )


async def set_of(asked: Asked[Any, Any]) -> StoredSet | None:
    """The caller's set that the path names; None if there is none."""
    set_id = asked.path["id"]
    if _SET_ID.fullmatch(set_id) is None:
        return None
    async with asked.jobs.database.read() as connection:
        return await duplicate_sets.get(connection, asked.owner_id, set_id)


def not_found() -> Refused:
    """What is answered about a set that is not the caller's, or not there: both alike."""
    return Refused(HTTPStatus.NOT_FOUND, "There is no such set of duplicates, or it is not yours.", code="not_found")


def _told(shown: ShownSet, *, is_listed: bool) -> DuplicateSet:
    stored = shown.stored
    members = [_member(each) for each in shown.copies]
    partners: frozenset[OwnerId] = frozenset().union(*(each.partner_ids for each in shown.copies))
    return DuplicateSet(
        id=stored.id,
        kind_of_match=stored.kind,
        similarity=stored.similarity,
        savings_bytes=stored.savings_bytes,
        found_at_ms=stored.found_at_ms,
        suggested_id=stored.best_id,
        suggested_because=SuggestedBecause(shown.why.rule, shown.why.words) if shown.why is not None else None,
        member_count=stored.member_count,
        members=members,
        partner_count=len(partners),
        notes=[DuplicateNote(code, _NOTES[code]) for code in _codes(stored, members, is_listed=is_listed)],
    )


def _codes(stored: StoredSet, members: list[DuplicateMember], *, is_listed: bool) -> Iterator[NoteCode]:
    if stored.kind is DuplicateClass.FEATURELESS:
        yield "featureless"
    if stored.kind is DuplicateClass.EDITED:
        yield "edited"
    files = [each.file for each in members if each.file is not None]
    if len(files) < len(members):
        yield "changed"
    if any(each.is_external for each in files):
        yield "external"
    if not is_listed and any(each.albums is None for each in files):
        yield "albums_unknown"
    if any(each.partner_count for each in members):
        yield "partner"


def _member(copy: ShownCopy) -> DuplicateMember:
    member = copy.member
    return DuplicateMember(
        asset_id=member.asset_id,
        kind_of_match=member.kind,
        similarity=member.similarity,
        reason=member.reason,
        is_suggested=member.is_suggested,
        unit_id=member.unit_id,
        sha256=member.content,
        partner_count=len(copy.partner_ids),
        file=_file(copy, copy.present) if copy.present is not None else None,
    )


def _file(copy: ShownCopy, present: Present) -> DuplicateFile:
    asset, original = present.asset, present.asset.original
    assert original is not None  # noqa: S101  # whoever is present has one
    return DuplicateFile(
        name=asset.name,
        folder=asset.folder,
        is_external=original.library_id is not None,
        library_id=original.library_id,
        kind=asset.kind,
        # Of a file whose first bytes say nothing, the name is all there is.
        format=format_of(asset.name) if asset.content in {None, Format.UNKNOWN} else asset.content,
        size_bytes=asset.size_bytes,
        width=asset.width,
        height=asset.height,
        duration_ms=asset.duration_ms,
        taken_at_ms=asset.taken_at_ms,
        taken_local_ms=asset.taken_local_ms,
        make=asset.make,
        model=asset.model,
        is_favorite=original.is_favorite,
        stack_id=present.stack_id,
        stack_size=present.stack_size,
        albums=[AlbumOfCopy(each.name, each.is_shared) for each in copy.albums] if copy.albums is not None else None,
        immich_duplicate_id=original.duplicate_id,
        is_recorded_by_sidecar=copy.is_recorded,
    )


def _dismissal(found: Dismissal, names: Mapping[AssetId, str]) -> DismissedSet:
    return DismissedSet(
        found.id,
        set_id_of(found.asset_ids),
        found.source,
        found.decided_at_ms,
        len(found.asset_ids),
        [DismissedMember(each, names.get(each)) for each in found.asset_ids[:MOST_LISTED]],
    )


_NOT_FOUND = ((HTTPStatus.NOT_FOUND, "There is no such set, or it is not the caller's."),)

OPERATIONS: tuple[Operation[Any, Any], ...] = (
    Operation(
        id="listDuplicates",
        method="GET",
        path="/duplicates",
        summary="The caller's sets of duplicates, in pages",
        handler=listed,
        answer=DuplicatePage,
        query=DuplicatesQuery,
        tag="duplicates",
    ),
    Operation(
        id="summarizeDuplicates",
        method="GET",
        path="/duplicates/summary",
        summary="How many sets of each class there are, and what deciding them would free",
        handler=summary,
        answer=DuplicatesSummary,
        tag="duplicates",
    ),
    Operation(
        id="listDismissedDuplicates",
        method="GET",
        path="/duplicates/dismissed",
        summary="What was said to be no duplicates, the latest first",
        handler=dismissed,
        answer=DismissedPage,
        query=DismissedQuery,
        tag="duplicates",
    ),
    Operation(
        id="getDuplicate",
        method="GET",
        path="/duplicates/{id}",
        summary="One set with everything that tells its copies apart",
        handler=one,
        answer=DuplicateSet,
        problems=_NOT_FOUND,
        tag="duplicates",
    ),
)
