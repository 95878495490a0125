"""What is grouped or proposed to be, and what the caller decides about it."""

from __future__ import annotations

from collections.abc import Sequence
from enum import StrEnum
from http import HTTPStatus
from typing import Annotated, Any, Literal

import msgspec
from sqlalchemy.ext.asyncio import AsyncConnection

from sidecar.errors import ParameterError, SidecarError
from sidecar.formats import Format
from sidecar.grouping.proposal import GroupKind
from sidecar.grouping.reasons import ReasonCode
from sidecar.handlers.api.operation import Asked, Nothing, Operation
from sidecar.handlers.api.paging import Cursor, Limit, decode_cursor, encode_cursor
from sidecar.handlers.middleware import Refused
from sidecar.jobs import regroup
from sidecar.jobs.regroup import NotShown
from sidecar.jobs.review import Answer
from sidecar.model import AssetId, AssetKind, OwnerId, Visibility
from sidecar.storage import listed_groups, shown_groups
from sidecar.storage.listed_groups import After, ListedGroup, Standing
from sidecar.storage.shown_groups import LONGEST_ID, SOMEBODYS

MOST_IN_BULK = 500
MOST_MEMBERS = 10_000

Id = Annotated[str, msgspec.Meta(min_length=1, max_length=LONGEST_ID)]
Revision = Annotated[str, msgspec.Meta(min_length=1, max_length=64)]


class GroupType(StrEnum):
    """What the members are to each other; `stack` is a stack that somebody made for reasons of their own."""

    RAW_JPEG = GroupKind.RAW_JPEG.value
    EDITED = GroupKind.EDITED.value
    FORMATS = GroupKind.FORMATS.value
    VERSIONS = GroupKind.VERSIONS.value
    VIDEO = GroupKind.VIDEO.value
    BURST = GroupKind.BURST.value
    STACK = SOMEBODYS


class Verdict(StrEnum):
    """What is said to proposals."""

    ACCEPT = "accept"
    REJECT = "reject"


class Outcome(StrEnum):
    """What became of one of several decisions."""

    ACCEPTED = "accepted"
    REJECTED = "rejected"
    REFUSED = "refused"


class GroupsQuery(msgspec.Struct, frozen=True):
    """Which groups are listed; without a filter all of them are."""

    kind: Annotated[tuple[GroupType, ...], msgspec.Meta(max_length=len(GroupType))] = ()
    state: Annotated[tuple[Standing, ...], msgspec.Meta(max_length=len(Standing))] = ()
    limit: Limit = 100
    cursor: Cursor | None = None


class GroupMember(msgspec.Struct, frozen=True):
    """One asset of a group. `taken_local_ms` is the photo's wall clock; sizes are null until Immich has read the file.

    Of what is only proposed, `is_primary` marks the cover to be.
    """

    asset_id: str
    name: str
    format: Format
    kind: AssetKind
    size_bytes: int | None
    width: int | None
    height: int | None
    duration_ms: int | None
    taken_local_ms: int
    is_primary: bool
    visibility: Visibility
    is_trashed: bool


class GroupReason(msgspec.Struct, frozen=True):
    """One reason: a code for programs, what it is about (a name, a span of time), and both as a sentence for people."""

    code: ReasonCode
    detail: str
    sentence: str


class GroupItem(msgspec.Struct, frozen=True):
    """A native stack (`stacked`), pictures that could become one (`proposed`), or a stack to be mended (`repair`).

    Whoever decides about it hands its `revision` back. `is_ours` says that the sidecar made the stack, or the proposal.
    `primary_id` is the cover, or the cover to be; who is locked in Immich is not among the `members`. While
    `is_pending` a write about one of them is on its way, and nothing else can be decided.
    """

    id: str
    state: Standing
    type: GroupType
    revision: str
    primary_id: str
    members: list[GroupMember]
    reasons: list[GroupReason]
    is_ours: bool
    is_pending: bool


class GroupPage(msgspec.Struct, frozen=True):
    """Groups, those with the newest primary first; next_cursor is null on the last page."""

    items: list[GroupItem]
    next_cursor: str | None


class PrimaryBody(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Which member is to be the cover."""

    asset_id: Id
    revision: Revision


class RevisionBody(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """What the decision is made on."""

    revision: Revision


class AcceptBody(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """What is accepted: all of the proposal, or those of its members that belong together; and which is the cover."""

    revision: Revision
    member_ids: Annotated[tuple[Id, ...], msgspec.Meta(min_length=2, max_length=MOST_MEMBERS)] | None = None
    cover: Id | None = None


class Intended(msgspec.Struct, frozen=True):
    """Under which id the actions tell what becomes of it."""

    action_id: str


class BulkItem(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """One proposal, as it was when it was shown."""

    id: Id
    revision: Revision


class BulkBody(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """The same word to several proposals."""

    verdict: Verdict
    items: Annotated[tuple[BulkItem, ...], msgspec.Meta(min_length=1, max_length=MOST_IN_BULK)]


class BulkOutcome(msgspec.Struct, frozen=True):
    """What became of one of them: `action_id` of what is accepted, `code` of what is refused."""

    id: str
    outcome: Outcome
    action_id: str | None = None
    code: str | None = None


class BulkOutcomes(msgspec.Struct, frozen=True):
    """One outcome for each, in their order."""

    items: list[BulkOutcome]


async def listed(asked: Asked[GroupsQuery, Nothing]) -> GroupPage:
    """What is grouped or proposed, the newest first."""
    query = asked.query
    # A cursor holds for the list that it came from.
    of_list = " ".join((*sorted(set(query.kind)), "in", *sorted(set(query.state))))
    after = None
    if query.cursor is not None:
        after = After(*decode_cursor(query.cursor, int, bool, str, Literal[of_list])[:-1])
    async with asked.jobs.database.read() as connection:
        page = await listed_groups.page(
            connection, asked.owner_id, types=query.kind, standings=query.state, after=after, limit=query.limit
        )
        pending = await _pending(connection, asked.owner_id, page.groups)
    last = page.after
    next_cursor = None if last is None else encode_cursor(last.taken_local_ms, last.is_proposal, last.key, of_list)
    return GroupPage([_item(group, pending) for group in page.groups], next_cursor)


async def one(asked: Asked[Nothing, Nothing]) -> GroupItem:
    """One of them."""
    group = await _named(asked, asked.path["id"])
    async with asked.jobs.database.read() as connection:
        pending = await _pending(connection, asked.owner_id, [group])
    return _item(group, pending)


async def set_primary(asked: Asked[Nothing, PrimaryBody]) -> Intended:
    """A native stack gets another cover."""
    group_id = _stack(await _named(asked, asked.path["id"]))
    asset_id = AssetId(asked.body.asset_id)
    try:
        action = await regroup.set_primary(asked.jobs, asked.owner_id, group_id, asset_id, revision=asked.body.revision)
    except ParameterError as error:
        raise _bad_choice("The cover has to be one of the group.") from error
    except NotShown as error:
        raise Refused(
            HTTPStatus.CONFLICT,
            "Immich would hide the whole stack with this cover.",
            code=NotShown.code,
            detail="It is in the trash, offline, hidden, or archived while others are on the timeline.",
        ) from error
    return Intended(action.id)


async def unstack(asked: Asked[Nothing, RevisionBody]) -> Intended:
    """A native stack is taken apart, and stays so."""
    group_id = _stack(await _named(asked, asked.path["id"]))
    return Intended((await regroup.unstack(asked.jobs, asked.owner_id, group_id, revision=asked.body.revision)).id)


async def accept(asked: Asked[Nothing, AcceptBody]) -> Intended:
    """A proposal is accepted, whole or in part."""
    body = asked.body
    proposal = _proposal(await _named(asked, asked.path["id"]))
    if proposal.standing is Standing.REPAIR and (body.member_ids is not None or body.cover is not None):
        raise _bad_choice("A repair is accepted as it is proposed.")
    members = None if body.member_ids is None else frozenset(map(AssetId, body.member_ids))
    answer = Answer(members, None if body.cover is None else AssetId(body.cover))
    try:
        action = await regroup.accept(asked.jobs, asked.owner_id, proposal.id, answer, revision=body.revision)
    except ParameterError as error:
        raise _bad_choice("Two members or more of what was proposed belong together, the cover among them.") from error
    return Intended(action.id)


async def reject(asked: Asked[Nothing, RevisionBody]) -> None:
    """A proposal is rejected, and not made again."""
    proposal = _proposal(await _named(asked, asked.path["id"]))
    await regroup.reject(asked.jobs, asked.owner_id, proposal.id, revision=asked.body.revision)


async def bulk(asked: Asked[Nothing, BulkBody]) -> BulkOutcomes:
    """The same word to several proposals; one that is refused stops no other."""
    return BulkOutcomes([await _outcome(asked, item) for item in asked.body.items])


async def _outcome(asked: Asked[Nothing, BulkBody], item: BulkItem) -> BulkOutcome:
    try:
        proposal = _proposal(await _named(asked, item.id))
        if asked.body.verdict is Verdict.REJECT:
            await regroup.reject(asked.jobs, asked.owner_id, proposal.id, revision=item.revision)
            return BulkOutcome(item.id, Outcome.REJECTED)
        action = await regroup.accept(asked.jobs, asked.owner_id, proposal.id, revision=item.revision)
        return BulkOutcome(item.id, Outcome.ACCEPTED, action_id=action.id)
    except (Refused, SidecarError) as error:
        return BulkOutcome(item.id, Outcome.REFUSED, code=error.code)


async def _named(asked: Asked[Any, Any], group_id: str) -> ListedGroup:
    async with asked.jobs.database.read() as connection:
        found = await listed_groups.get(connection, asked.owner_id, group_id)
    if found is None:
        raise Refused(HTTPStatus.NOT_FOUND, "There is no such group, or it is not yours.", code="not_found")
    return found


def _stack(group: ListedGroup) -> str:
    if group.standing is not Standing.STACKED:
        raise Refused(HTTPStatus.CONFLICT, "This is only proposed, and no stack yet.", code="not_stacked")
    return group.id


def _proposal(group: ListedGroup) -> ListedGroup:
    if group.standing is Standing.STACKED:
        raise Refused(HTTPStatus.CONFLICT, "This is a stack already; nothing is proposed.", code="not_proposed")
    return group


def _bad_choice(sentence: str) -> Refused:
    return Refused(HTTPStatus.BAD_REQUEST, sentence, code="bad_choice")


async def _pending(connection: AsyncConnection, owner_id: OwnerId, listed: Sequence[ListedGroup]) -> frozenset[AssetId]:
    members = {member.asset_id for group in listed for member in group.members}
    return await shown_groups.being_changed(connection, owner_id, members)


def _item(group: ListedGroup, pending: frozenset[AssetId]) -> GroupItem:
    return GroupItem(
        group.id,
        group.standing,
        GroupType(group.type),
        group.revision,
        group.primary_id,
        [
            GroupMember(
                asset_id=member.asset_id,
                name=member.name,
                format=member.format,
                kind=member.kind,
                size_bytes=member.size_bytes,
                width=member.width,
                height=member.height,
                duration_ms=member.duration_ms,
                taken_local_ms=member.taken_local_ms,
                is_primary=member.is_primary,
                visibility=member.visibility,
                is_trashed=member.is_trashed,
            )
            for member in group.members
        ],
        [GroupReason(reason.code, reason.detail, str(reason)) for reason in group.reasons],
        group.is_ours,
        not pending.isdisjoint(member.asset_id for member in group.members),
    )


_NOT_FOUND = ((HTTPStatus.NOT_FOUND, "There is no such group, or it is not the caller's."),)

OPERATIONS: tuple[Operation[Any, Any], ...] = (
    Operation(
        id="listGroups",
        method="GET",
        path="/groups",
        summary="What is grouped or proposed, those with the newest primary first.",
        handler=listed,
        query=GroupsQuery,
        answer=GroupPage,
        tag="groups",
    ),
    Operation(
        id="getGroup",
        method="GET",
        path="/groups/{id}",
        summary="One group or proposal. Immich's own id of a stack names it, too.",
        handler=one,
        answer=GroupItem,
        problems=_NOT_FOUND,
        tag="groups",
    ),
    Operation(
        id="decideGroups",
        method="POST",
        path="/groups/bulk",
        summary="Accept or reject several proposals. One that is refused stops no other.",
        handler=bulk,
        body=BulkBody,
        answer=BulkOutcomes,
        status=HTTPStatus.ACCEPTED,
        tag="groups",
    ),
    Operation(
        id="setGroupPrimary",
        method="POST",
        path="/groups/{id}/primary",
        summary="Give a stack another cover, which no rule changes again.",
        handler=set_primary,
        body=PrimaryBody,
        answer=Intended,
        status=HTTPStatus.ACCEPTED,
        problems=_NOT_FOUND,
        tag="groups",
    ),
    Operation(
        id="unstackGroup",
        method="POST",
        path="/groups/{id}/unstack",
        summary="Take a stack apart, for good.",
        handler=unstack,
        body=RevisionBody,
        answer=Intended,
        status=HTTPStatus.ACCEPTED,
        problems=_NOT_FOUND,
        tag="groups",
    ),
    Operation(
        id="acceptGroup",
        method="POST",
        path="/groups/{id}/accept",
        summary="Accept a proposal, whole or in part.",
        handler=accept,
        body=AcceptBody,
        answer=Intended,
        status=HTTPStatus.ACCEPTED,
        problems=_NOT_FOUND,
        tag="groups",
    ),
    Operation(
        id="rejectGroup",
        method="POST",
        path="/groups/{id}/reject",
        summary="Reject a proposal; it is not made again.",
        handler=reject,
        body=RevisionBody,
        problems=_NOT_FOUND,
        tag="groups",
    ),
)
