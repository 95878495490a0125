"""What an administrator of Immich may know of everybody: numbers and health, and no picture of anybody else's."""

from __future__ import annotations

from http import HTTPStatus
from typing import Any

import msgspec

from sidecar import __version__
from sidecar.errors import NotAllowed
from sidecar.handlers.api.operation import Asked, For, Nothing, Operation
from sidecar.storage import accounts, assets, duplicate_sets, findings, polls, stacks, work
from sidecar.storage.findings import FOR_A_PERSON


class UserOverview(msgspec.Struct, frozen=True):
    """One connected user in numbers.

    Shape:  review is how much waits for their decision, failed how much was given up; is_failing says that Immich was
            not to be asked for them the last time.
    """

    user_id: str
    name: str
    is_headless: bool
    connected_at_ms: int | None
    assets: int
    stacks: int
    duplicate_sets: int
    review: int
    waiting: int
    failed: int
    polled_at_ms: int
    is_failing: bool


class Overview(msgspec.Struct, frozen=True):
    """The whole server; refused_keys counts keys of the settings that do not work."""

    version: str
    users: list[UserOverview]
    refused_keys: int


async def get(asked: Asked[Nothing, Nothing]) -> Overview:
    """Everybody in numbers; for administrators of Immich only."""
    if not asked.visitor.user.is_admin:
        raise NotAllowed("Only administrators of Immich see the overview.")
    services = asked.services
    users = []
    async with services.database.read() as connection:
        stored = {account.owner_id: account for account in await accounts.everybody(connection)}
        for owner_id, account in services.accounts.connected.items():
            found = await findings.counts(connection, owner_id)
            backlog = await work.backlog(connection, owner_id)
            poll = await polls.get(connection, owner_id)
            kinds = await duplicate_sets.counts(connection, owner_id)
            row = stored.get(owner_id)
            users.append(
                UserOverview(
                    user_id=owner_id,
                    name=account.user.name,
                    is_headless=owner_id in services.accounts.headless,
                    connected_at_ms=row.connected_at_ms if row is not None else None,
                    assets=await assets.count(connection, owner_id),
                    stacks=await stacks.count(connection, owner_id),
                    duplicate_sets=sum(tally.sets for tally in kinds.values()),
                    review=sum(found.get(kind, 0) for kind in FOR_A_PERSON),
                    waiting=backlog.pending,
                    failed=backlog.failed,
                    polled_at_ms=poll.polled_at_ms,
                    is_failing=poll.failures > 0,
                )
            )
    return Overview(
        __version__, sorted(users, key=lambda each: (each.name, each.user_id)), len(services.accounts.refused)
    )


OPERATIONS: tuple[Operation[Any, Any], ...] = (
    Operation(
        id="getOverview",
        method="GET",
        path="/overview",
        summary="Numbers and health of everybody, for administrators",
        handler=get,
        answer=Overview,
        needs=For.SIGNED_IN,
        problems=((HTTPStatus.FORBIDDEN, "The caller is no administrator of Immich."),),
        tag="connection",
    ),
)
