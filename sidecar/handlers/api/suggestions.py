"""What the caller could still group: RAW files that are in no stack, and what is known about why."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, Literal

import msgspec

from sidecar.formats import Format
from sidecar.grouping.reasons import ReasonCode
from sidecar.handlers.api.operation import Asked, Nothing, Operation
from sidecar.handlers.api.paging import Cursor, Limit
from sidecar.handlers.api.photos import read_cursor, write_cursor
from sidecar.model import Asset, AssetId, AssetKind
from sidecar.storage import assets, explained, timeline
from sidecar.storage.findings import Finding, FindingKind
from sidecar.storage.shown_groups import ShownMember, members_of
from sidecar.storage.timeline import Card, Filters

Because = Literal["review", "respected", "left_alone"]

_BECAUSE: dict[FindingKind, Because] = {
    FindingKind.REVIEW: "review",
    FindingKind.RESPECTED: "respected",
    FindingKind.LEFT_ALONE: "left_alone",
}

_RAWS = Filters(ungrouped_raw=True, partners=False)


class SuggestionsQuery(msgspec.Struct, frozen=True):
    """Which page of a list."""

    limit: Limit = 100
    cursor: Cursor | None = None


class SuggestionReason(msgspec.Struct, frozen=True):
    """One reason: a code for programs, what it is about, and both as a sentence for people."""

    code: ReasonCode
    detail: str
    sentence: str


class Candidate(msgspec.Struct, frozen=True):
    """A picture that it may belong to."""

    asset_id: str
    name: str
    kind: AssetKind
    format: Format
    taken_local_ms: int


class Explanation(msgspec.Struct, frozen=True):
    """Why it is in no stack: it waits for a decision (`review`), somebody decided otherwise (`respected`), or what
    looked like a match is none (`left_alone`). group_id is the proposal's, at `/groups/{id}`, where there is one.
    """

    because: Because
    group_id: str | None
    reasons: list[SuggestionReason]
    candidates: list[Candidate]


class UngroupedRaw(msgspec.Struct, frozen=True):
    """A RAW file on the timeline that is in no stack; without explanations, no picture comes near it."""

    asset_id: str
    name: str
    width: int | None
    height: int | None
    size_bytes: int | None
    taken_local_ms: int
    taken_at_ms: int
    path: str
    explanations: list[Explanation]


class UngroupedRawPage(msgspec.Struct, frozen=True):
    """RAW files, the newest first; next_cursor is null on the last page."""

    items: list[UngroupedRaw]
    next_cursor: str | None


async def ungrouped_raws(asked: Asked[SuggestionsQuery, Nothing]) -> UngroupedRawPage:
    """RAW files of the timeline that are in no stack."""
    query = asked.query
    after = None if query.cursor is None else read_cursor(query.cursor, _RAWS)
    async with asked.jobs.database.read() as connection:
        page = await timeline.page(connection, asked.owner_id, _RAWS, after=after, limit=query.limit)
        ids = [card.asset_id for card in page.cards]
        told = await explained.of_assets(connection, asked.owner_id, ids)
        near = {each for found in told.values() for finding in found for each in finding.asset_ids}
        known = await assets.by_ids(connection, asked.owner_id, sorted(near))
    items = [_item(card, told.get(card.asset_id, ()), known) for card in page.cards]
    return UngroupedRawPage(items, None if page.after is None else write_cursor(page.after, _RAWS))


def _item(card: Card, told: Sequence[Finding], known: Mapping[AssetId, Asset]) -> UngroupedRaw:
    return UngroupedRaw(
        card.asset_id,
        card.name,
        card.width,
        card.height,
        card.size_bytes,
        card.taken_local_ms,
        card.taken_at_ms,
        f"/photos/{card.asset_id}",
        [_explanation(finding, card.asset_id, known) for finding in told],
    )


def _explanation(finding: Finding, asset_id: AssetId, known: Mapping[AssetId, Asset]) -> Explanation:
    others = [each for each in finding.asset_ids if each != asset_id]
    near = [member for member in members_of(others, known, primary_id=asset_id) if not member.is_trashed]
    return Explanation(
        _BECAUSE[finding.kind],
        finding.id if finding.kind is FindingKind.REVIEW else None,
        [SuggestionReason(reason.code, reason.detail, str(reason)) for reason in finding.reasons],
        [_candidate(member) for member in near],
    )


def _candidate(member: ShownMember) -> Candidate:
    return Candidate(member.asset_id, member.name, member.kind, member.format, member.taken_local_ms)


OPERATIONS: tuple[Operation[Any, Any], ...] = (
    Operation(
        id="listUngroupedRaws",
        method="GET",
        path="/suggestions/ungrouped-raws",
        summary="RAW files of the timeline that are in no stack, and what is known about why.",
        handler=ungrouped_raws,
        query=SuggestionsQuery,
        answer=UngroupedRawPage,
        tag="suggestions",
    ),
)
