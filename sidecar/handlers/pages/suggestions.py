"""Suggestions: what the rules are not sure of, stacks that hide something, and RAW files that stand alone."""

from __future__ import annotations

from enum import StrEnum
from urllib.parse import quote

from aiohttp import web

from sidecar.errors import StaleDecision
from sidecar.handlers.api import groups, suggestions
from sidecar.handlers.api.groups import (
    AcceptBody,
    BulkBody,
    BulkItem,
    GroupItem,
    GroupsQuery,
    Outcome,
    RevisionBody,
    Verdict,
)
from sidecar.handlers.api.operation import bad_request
from sidecar.handlers.api.suggestions import SuggestionsQuery, UngroupedRaw
from sidecar.handlers.pages.notices import N_, Done
from sidecar.handlers.pages.page import Route
from sidecar.handlers.pages.visit import Visit
from sidecar.handlers.pages.wording import file_format, group_type, reasons
from sidecar.storage.listed_groups import Standing
from sidecar.ui.contexts.suggestions import Candidate, LoneRaw, Proposal, SuggestionsPage, Tab

HERE = "/suggestions"
SUGGESTIONS_A_PAGE = 30
KIND = "kind"
REFUSED = "refused"
_LEAST_TOGETHER = 2


class Kind(StrEnum):
    """Which suggestions are shown."""

    PROPOSED = "proposed"
    REPAIR = "repair"
    RAWS = "raws"


_TABS = {
    Kind.PROPOSED: N_("Uncertain stacks"),
    Kind.REPAIR: N_("Stacks to mend"),
    Kind.RAWS: N_("RAW files alone"),
}
_STANDINGS = {Kind.PROPOSED: Standing.PROPOSED, Kind.REPAIR: Standing.REPAIR}


async def show(visit: Visit) -> web.StreamResponse:
    """A page of suggestions of one kind."""
    sent = visit.request.query
    kind = Kind(sent[KIND]) if sent.get(KIND) in Kind.__members__.values() else Kind.PROPOSED
    cursor = visit.query(SuggestionsQuery, KIND, REFUSED).cursor
    proposals: tuple[Proposal, ...] = ()
    raws: tuple[LoneRaw, ...] = ()
    if kind is Kind.RAWS:
        alone = await suggestions.ungrouped_raws(
            visit.asked(query=SuggestionsQuery(limit=SUGGESTIONS_A_PAGE, cursor=cursor))
        )
        raws, next_cursor = tuple(_raw(visit, each) for each in alone.items), alone.next_cursor
    else:
        query = GroupsQuery(state=(_STANDINGS[kind],), limit=SUGGESTIONS_A_PAGE, cursor=cursor)
        page = await groups.listed(visit.asked(query=query))
        proposals, next_cursor = tuple(_proposal(visit, each) for each in page.items), page.next_cursor
    here = f"{visit.services.settings.base_path}{HERE}?{KIND}={kind.value}"
    refused = sent.get(REFUSED, "")
    return visit.show(
        SuggestionsPage(
            await visit.frame(HERE),
            tuple(_tab(visit, each, kind) for each in Kind),
            proposals,
            raws,
            None if next_cursor is None else f"{here}&cursor={quote(next_cursor, safe='')}",
            kind.value,
            int(refused) if refused.isdecimal() and refused.isascii() and len(refused) <= len("500") else 0,
        )
    )


async def accept(visit: Visit) -> web.StreamResponse:
    """Back to the suggestions; those of the members that are ticked become a stack."""
    chosen = visit.texts("member")
    if visit.text("choosing") and len(chosen) < _LEAST_TOGETHER:
        raise bad_request("Two photos or more belong together.")
    body = AcceptBody(revision=visit.text("revision"), member_ids=chosen or None, cover=visit.text("cover") or None)
    intended = await groups.accept(visit.asked(body=body, path=visit.request.match_info))
    return visit.go_to(HERE, Done.ACCEPTED, action_id=intended.action_id, kind=_kind_sent(visit))


async def reject(visit: Visit) -> web.StreamResponse:
    """Back to the suggestions; this one is not made again."""
    await groups.reject(visit.asked(body=RevisionBody(visit.text("revision")), path=visit.request.match_info))
    return visit.go_to(HERE, Done.REJECTED, kind=_kind_sent(visit))


async def several(visit: Visit) -> web.StreamResponse:
    """Back to the suggestions; all that were ticked were given one word, and those that had changed are counted."""
    verdict = visit.text("verdict")
    ticked = [each.partition(" ") for each in visit.texts("item")]
    if verdict not in Verdict.__members__.values() or not ticked or len(ticked) > groups.MOST_IN_BULK:
        raise bad_request("Tick what is meant first.")
    body = BulkBody(Verdict(verdict), tuple(BulkItem(group_id, revision) for group_id, _, revision in ticked))
    outcomes = await groups.bulk(visit.asked(body=body))
    refused = sum(each.outcome is Outcome.REFUSED for each in outcomes.items)
    if refused == len(ticked):
        raise StaleDecision("all of them have changed")
    return visit.go_to(HERE, Done.SEVERAL, kind=_kind_sent(visit), refused=str(refused) if refused else None)


def _kind_sent(visit: Visit) -> str | None:
    kind = visit.text(KIND)
    return kind if kind in Kind.__members__.values() else None


def _tab(visit: Visit, kind: Kind, here: Kind) -> Tab:
    return Tab(
        f"{visit.services.settings.base_path}{HERE}?{KIND}={kind.value}",
        visit.language.text(_TABS[kind]),
        is_here=kind is here,
    )


def _proposal(visit: Visit, group: GroupItem) -> Proposal:
    return Proposal(
        group.id,
        group.revision,
        group_type(group.type, visit.language),
        is_repair=group.state is Standing.REPAIR,
        is_pending=group.is_pending,
        members=tuple(
            Candidate(
                member.asset_id,
                member.name,
                file_format(member.format, visit.language),
                member.size_bytes,
                is_cover=member.is_primary,
            )
            for member in group.members
        ),
        reasons=reasons(group.reasons, visit.language),
    )


def _raw(visit: Visit, raw: UngroupedRaw) -> LoneRaw:
    base = visit.services.settings.base_path
    proposed = next((each.group_id for each in raw.explanations if each.group_id is not None), None)
    return LoneRaw(
        raw.asset_id,
        raw.name,
        raw.size_bytes,
        tuple(
            dict.fromkeys(sentence for each in raw.explanations for sentence in reasons(each.reasons, visit.language))
        ),
        None if proposed is None else f"{base}/groups/{quote(proposed, safe='')}",
    )


ROUTES = (
    Route("GET", HERE, show),
    Route("POST", "/suggestions/several", several),
    Route("POST", "/suggestions/{id}/accept", accept),
    Route("POST", "/suggestions/{id}/reject", reject),
)
