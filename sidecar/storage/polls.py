"""When each owner's library is asked for changes next, and what became of it last."""

from __future__ import annotations

from dataclasses import asdict, dataclass

from sqlalchemy import select, update
from sqlalchemy.ext.asyncio import AsyncConnection

from sidecar.model import OwnerId
from sidecar.storage.database import insert_for
from sidecar.storage.tables import polls

# In the order of Poll's own fields, so that a row becomes a Poll by position.
_FIELDS = (
    polls.c.due_at_ms,
    polls.c.not_before_ms,
    polls.c.failures,
    polls.c.polled_at_ms,
    polls.c.news_at_ms,
    polls.c.stacks_read_at_ms,
    polls.c.redo_due_at_ms,
    polls.c.looked_ms,
    polls.c.error,
)


@dataclass(frozen=True, slots=True)
class Poll:
    """One owner's clock, by ours.

    Shape:  due_at_ms is when Immich is asked next even if no event says anything; not_before_ms holds even events back,
            after a failure. failures counts those in a row. news_at_ms is when something had changed last,
            stacks_read_at_ms when all stacks were read, redo_due_at_ms when Immich's missing work is looked for.
            looked_ms is by the server's clock: until when looks between two polls have seen what changed.
    """

    owner_id: OwnerId
    due_at_ms: int = 0
    not_before_ms: int = 0
    failures: int = 0
    polled_at_ms: int = 0
    news_at_ms: int = 0
    stacks_read_at_ms: int = 0
    redo_due_at_ms: int = 0
    looked_ms: int = 0
    error: str | None = None


async def get(connection: AsyncConnection, owner_id: OwnerId) -> Poll:
    """The owner's clock; a new one is due at once."""
    row = (await connection.execute(select(*_FIELDS).where(polls.c.owner_id == owner_id))).one_or_none()
    return Poll(owner_id, *row) if row is not None else Poll(owner_id)


async def change(connection: AsyncConnection, owner_id: OwnerId, **changes: int | str | None) -> None:
    """These of the clock's values are others now; whoever changes some takes nobody else's back."""
    news = insert_for(connection, polls).values(asdict(Poll(owner_id)) | changes)
    await connection.execute(news.on_conflict_do_update(index_elements=["owner_id"], set_=changes))


async def put_off(connection: AsyncConnection, owner_id: OwnerId, *, seen_ms: int, due_at_ms: int) -> None:
    """Immich is asked next at due_at_ms, unless somebody has asked for another time since the clock showed seen_ms."""
    await connection.execute(
        update(polls).where(polls.c.owner_id == owner_id, polls.c.due_at_ms == seen_ms).values(due_at_ms=due_at_ms)
    )
