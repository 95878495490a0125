"""What was given up for the caller and why, and trying it again."""

from __future__ import annotations

from http import HTTPStatus
from typing import Any, Literal

import msgspec

from sidecar.handlers.api.operation import Asked, Nothing, Operation
from sidecar.handlers.api.paging import Cursor, Limit, decode_cursor, encode_cursor
from sidecar.handlers.middleware import Refused
from sidecar.jobs.failures import Failure, FailureKind, failures, retry
from sidecar.redaction import without_names


class FailuresQuery(msgspec.Struct, frozen=True):
    """Which failures are listed; without a filter all of them are."""

    limit: Limit = 100
    cursor: Cursor | None = None
    kind: FailureKind | None = None


class FailureItem(msgspec.Struct, frozen=True):
    """One thing that was given up.

    `what` names the files or what else it is about. `since_ms` is null where nobody wrote down when it was given up.
    What cannot be retried is the caller's own decision about duplicates, to be decided again (`decision`) or taken back
    (`remainder`).
    """

    id: str
    kind: FailureKind
    what: str
    reason: str
    since_ms: int | None
    can_be_retried: bool


class FailurePage(msgspec.Struct, frozen=True):
    """Failures, the latest first, those of an unknown time last; next_cursor is null on the last page."""

    items: list[FailureItem]
    next_cursor: str | None


class RetryBody(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """An empty object."""


class Retried(msgspec.Struct, frozen=True):
    """How many failures are tried again from now on."""

    count: int


async def listed(asked: Asked[FailuresQuery, Nothing]) -> FailurePage:
    """What was given up for the caller, the latest first."""
    query = asked.query
    kind = query.kind.value if query.kind is not None else None
    after: tuple[int, str] | None = None
    if query.cursor is not None:
        since_ms, last_id, _ = decode_cursor(query.cursor, int, str, Literal[kind])
        after = (-since_ms, last_id)
    every = await failures(asked.jobs, asked.owner_id)
    found = sorted((each for each in every if query.kind in {None, each.kind}), key=_place)
    left = [each for each in found if after is None or _place(each) > after]
    shown = left[: query.limit]
    is_more = len(left) > len(shown)
    next_cursor = encode_cursor(shown[-1].since_ms or 0, shown[-1].id, kind) if is_more else None
    return FailurePage([_told(each) for each in shown], next_cursor)


async def retry_one(asked: Asked[Nothing, RetryBody]) -> Retried:
    """The failure is tried again."""
    failure_id = asked.path["id"]
    found = {each.id: each for each in await failures(asked.jobs, asked.owner_id)}.get(failure_id)
    if found is None:
        raise Refused(HTTPStatus.NOT_FOUND, "There is no such failure, or it is not yours.", code="not_found")
    if not found.kind.can_be_retried:
        raise Refused(
            HTTPStatus.CONFLICT,
            "This was your decision: trying it again would be deciding for you.",
            code="yours_to_decide",
            detail=_YOURS[found.kind],
        )
    # Whoever was quicker has had it tried again; then there is nothing left to do.
    return Retried(len(await retry(asked.jobs, asked.owner_id, [failure_id])))


async def retry_all(asked: Asked[Nothing, RetryBody]) -> Retried:
    """Everything that can be is tried again."""
    return Retried(len(await retry(asked.jobs, asked.owner_id)))


_YOURS = {
    FailureKind.DECISION: "Nothing of it is left. Decide again about its duplicates.",
    FailureKind.REMAINDER: "A part of it is left. Take the action back.",
}


def _place(failure: Failure) -> tuple[int, str]:
    return (-(failure.since_ms or 0), failure.id)


def _told(failure: Failure) -> FailureItem:
    return FailureItem(
        failure.id,
        failure.kind,
        failure.what,
        without_names(failure.reason),
        failure.since_ms,
        failure.kind.can_be_retried,
    )


OPERATIONS: tuple[Operation[Any, Any], ...] = (
    Operation(
        id="listFailures",
        method="GET",
        path="/failures",
        summary="What was given up for the caller, and why",
        handler=listed,
        answer=FailurePage,
        query=FailuresQuery,
        tag="failures",
    ),
    Operation(
        id="retryFailures",
        method="POST",
        path="/failures/retry",
        summary="Try again everything that was given up and needs no decision of the caller",
        handler=retry_all,
        answer=Retried,
        body=RetryBody,
        status=HTTPStatus.ACCEPTED,
        tag="failures",
    ),
    Operation(
        id="retryFailure",
        method="POST",
        path="/failures/{id}/retry",
        summary="Try again one thing that was given up",
        handler=retry_one,
        answer=Retried,
        body=RetryBody,
        problems=((HTTPStatus.NOT_FOUND, "There is no such failure, or it is not the caller's."),),
        status=HTTPStatus.ACCEPTED,
        tag="failures",
    ),
)
