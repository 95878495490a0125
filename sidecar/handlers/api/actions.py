"""What the sidecar did and is about to do for the caller, and taking single ones of these back."""

from __future__ import annotations

import re
from http import HTTPStatus
from typing import Any, Literal

import msgspec

from sidecar.errors import StaleDecision
from sidecar.handlers.api.operation import Asked, Nothing, Operation
from sidecar.handlers.api.paging import Cursor, Limit, decode_cursor, encode_cursor
from sidecar.handlers.middleware import Refused
from sidecar.jobs.history import Deed, Progress, Role, TroubleKind, Wanted, What, deed, history, undo
from sidecar.storage.journal import Origin

_ID = re.compile(r"[0-9A-Za-z-]{1,36}")


class ActionsQuery(msgspec.Struct, frozen=True):
    """Which actions are listed; without a filter all of them are."""

    limit: Limit = 100
    cursor: Cursor | None = None
    state: Progress | None = None
    what: What | None = None
    origin: Origin | None = None


class ActionMember(msgspec.Struct, frozen=True):
    """One picture of an action; name is null where it is not known any more, as of what lies in the trash."""

    asset_id: str
    name: str | None
    role: Role


class ActionError(msgspec.Struct, frozen=True):
    """Why an action is not as it was wanted: a code for programs, and a sentence for people.

    Codes: `retrying`: it is tried again. `withdrawn`: the present did not fit any more, and nothing was changed.
    `failed`: it was given up. `incomplete`: it is done but for what the sentence tells of.
    """

    code: TroubleKind
    sentence: str


class Action(msgspec.Struct, frozen=True):
    """One change of stacks, or one decision about duplicates.

    States: `waiting`: on record, not yet in Immich. `running`: copies are on their way to the trash. `done`.
    `failed`: given up. `withdrawn`: the present did not fit any more. `undoing`: being taken back. `undone`.

    `members` are the first 20 of `member_count` pictures. `undone_by` is the action that takes it back, or has: of a
    decision about duplicates it is the decision itself. `can_undo` says that nothing known speaks against taking it
    back; whoever asks for that learns what Immich says.
    """

    id: str
    what: What
    state: Progress
    origin: Origin
    members: list[ActionMember]
    member_count: int
    at_ms: int
    ended_at_ms: int | None
    error: ActionError | None
    can_undo: bool
    undone_by: str | None


class ActionPage(msgspec.Struct, frozen=True):
    """Actions, the latest first; next_cursor is null on the last page."""

    items: list[Action]
    next_cursor: str | None


class UndoBody(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """An empty object."""


class UndoBegun(msgspec.Struct, frozen=True):
    """Under which id the actions tell what becomes of the taking back."""

    action_id: str


async def listed(asked: Asked[ActionsQuery, Nothing]) -> ActionPage:
    """What was done for the caller and what is about to be, the latest first."""
    query = asked.query
    before = None
    # A cursor belongs to the filters of its list.
    filters = tuple(each.value if each is not None else None for each in (query.state, query.what, query.origin))
    if query.cursor is not None:
        at_ms, last_id, *_ = decode_cursor(query.cursor, int, str, *(Literal[each] for each in filters))
        before = (at_ms, last_id)
    wanted = Wanted(query.state, query.what, query.origin)
    deeds, last = await history(asked.jobs, asked.owner_id, wanted, limit=query.limit, before=before)
    return ActionPage(list(map(_told, deeds)), encode_cursor(*last, *filters) if last is not None else None)


async def one(asked: Asked[Nothing, Nothing]) -> Action:
    """One of these."""
    found = await deed(asked.jobs, asked.owner_id, _id(asked))
    if found is None:
        raise _not_found()
    return _told(found)


async def take_back(asked: Asked[Nothing, UndoBody]) -> UndoBegun:
    """The action is taken back; what becomes of it is told by the action of the answer's id."""
    try:
        begun = await undo(asked.jobs, asked.owner_id, _id(asked))
    except StaleDecision as error:
        title = "This cannot be taken back as it is now."
        raise Refused(HTTPStatus.CONFLICT, title, code=error.code, detail=str(error)) from error
    if begun is None:
        raise _not_found()
    return UndoBegun(begun)


def _id(asked: Asked[Any, Any]) -> str:
    given = asked.path["id"]
    if _ID.fullmatch(given) is None:
        raise _not_found()
    return given


def _not_found() -> Refused:
    return Refused(HTTPStatus.NOT_FOUND, "There is no such action, or it is not yours.", code="not_found")


def _told(found: Deed) -> Action:
    error = ActionError(found.trouble.kind, found.trouble.sentence) if found.trouble is not None else None
    return Action(
        id=found.id,
        what=found.what,
        state=found.state,
        origin=found.origin,
        members=[ActionMember(each.asset_id, each.name, each.role) for each in found.members],
        member_count=found.member_count,
        at_ms=found.at_ms,
        ended_at_ms=found.ended_at_ms,
        error=error,
        can_undo=found.can_undo,
        undone_by=found.undone_by,
    )


_NOT_FOUND = ((HTTPStatus.NOT_FOUND, "There is no such action, or it is not the caller's."),)

OPERATIONS: tuple[Operation[Any, Any], ...] = (
    Operation(
        id="listActions",
        method="GET",
        path="/actions",
        summary="What was done for the caller and what is about to be, the latest first",
        handler=listed,
        answer=ActionPage,
        query=ActionsQuery,
        tag="actions",
    ),
    Operation(
        id="getAction",
        method="GET",
        path="/actions/{id}",
        summary="How far one action has come",
        handler=one,
        answer=Action,
        problems=_NOT_FOUND,
        tag="actions",
    ),
    Operation(
        id="undoAction",
        method="POST",
        path="/actions/{id}/undo",
        summary="Take one action back",
        handler=take_back,
        answer=UndoBegun,
        body=UndoBody,
        problems=_NOT_FOUND,
        status=HTTPStatus.ACCEPTED,
        tag="actions",
    ),
)
