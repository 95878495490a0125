"""Who has connected the sidecar, with which key; keys lie here sealed, and this module cannot open them."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

from sqlalchemy import ColumnElement, Connection, Row, and_, delete, inspect, select, update
from sqlalchemy.ext.asyncio import AsyncConnection

from sidecar.model import OwnerId
from sidecar.storage.database import insert_for
from sidecar.storage.tables import accounts, metadata


@dataclass(frozen=True, slots=True)
class StoredAccount:
    """One user who connects or has connected the sidecar.

    Shape:  sealed_key and key_id are those of the key that is in use, None before there is one. attempt are the names
            of keys, a line each, that Immich was, or is about to be, asked for, and that are not in use; None if none.
            is_leaving says that what is remembered of the user is being forgotten. revision changes with the key.
    """

    owner_id: OwnerId
    name: str
    sealed_key: str | None = field(repr=False)
    key_id: str | None
    attempt: str | None
    is_leaving: bool
    connected_at_ms: int
    changed_at_ms: int


async def are_kept(connection: AsyncConnection) -> bool:
    """Whether this database has accounts; one that an older sidecar made has none."""

    def has_table(plain: Connection) -> bool:
        return inspect(plain).has_table(accounts.name)

    return await connection.run_sync(has_table)


async def everybody(connection: AsyncConnection) -> list[StoredAccount]:
    """All accounts, by owner."""
    rows = await connection.execute(select(accounts).order_by(accounts.c.owner_id))
    return [_account(row) for row in rows]


async def get(connection: AsyncConnection, owner_id: OwnerId) -> StoredAccount | None:
    """This owner's account."""
    row = (await connection.execute(select(accounts).where(accounts.c.owner_id == owner_id))).one_or_none()
    return None if row is None else _account(row)


async def attempt(
    connection: AsyncConnection,
    owner_id: OwnerId,
    name: str,
    key_name: str,
    *,
    before: StoredAccount | None,
    now_ms: int,
) -> bool:
    """Whether Immich may be asked for a key of this name now; not if the account is not as it was before any more.

    Shape:  what is in use stays so until there is another.
    """
    was = (None, None) if before is None else (before.attempt, before.key_id)
    statement = insert_for(connection, accounts).values(
        owner_id=owner_id,
        name=name,
        attempt=key_name,
        is_leaving=False,
        connected_at_ms=0,
        changed_at_ms=now_ms,
    )
    done = await connection.execute(
        statement.on_conflict_do_update(
            index_elements=["owner_id"],
            set_={"attempt": key_name, "name": name, "changed_at_ms": now_ms},
            where=_is_as_it_was(*was),
        )
    )
    return bool(done.rowcount)


async def give_up(connection: AsyncConnection, owner_id: OwnerId, key_name: str, *, former: str | None) -> None:
    """Immich made no key of this name, and an account that was only begun is gone; a former attempt stands again."""
    this = accounts.c.owner_id == owner_id
    await connection.execute(update(accounts).where(this, accounts.c.attempt == key_name).values(attempt=former))
    is_idle = (accounts.c.attempt.is_(None), accounts.c.sealed_key.is_(None), accounts.c.is_leaving.is_(False))
    await connection.execute(delete(accounts).where(this, *is_idle))


async def connect(
    connection: AsyncConnection, owner_id: OwnerId, *, key_name: str, sealed_key: str, key_id: str, now_ms: int
) -> bool:
    """Whether the key that this attempt got is in use now; not if another attempt has begun meanwhile."""
    done = await connection.execute(
        update(accounts)
        .where(accounts.c.owner_id == owner_id, accounts.c.attempt == key_name)
        .values(
            sealed_key=sealed_key,
            key_id=key_id,
            attempt=None,
            is_leaving=False,
            connected_at_ms=now_ms,
            changed_at_ms=now_ms,
        )
    )
    return bool(done.rowcount)


async def reseal(connection: AsyncConnection, owner_id: OwnerId, *, former: str, sealed_key: str) -> None:
    """The same key under another seal; nothing if it was replaced meanwhile."""
    await connection.execute(
        update(accounts)
        .where(accounts.c.owner_id == owner_id, accounts.c.sealed_key == former)
        .values(sealed_key=sealed_key)
    )


async def disconnect(
    connection: AsyncConnection,
    owner_id: OwnerId,
    name: str,
    *,
    before: StoredAccount | None,
    is_forgotten: bool,
    now_ms: int,
) -> bool:
    """Whether the key is not in use any more; not if the account is not as it was before.

    Shape:  is_forgotten says that all that is remembered of the user is to go, too, also of one who has left before.
    """
    was = (None, None) if before is None else (before.attempt, before.key_id)
    if not is_forgotten:
        gone = delete(accounts).where(accounts.c.owner_id == owner_id, _is_as_it_was(*was), ~accounts.c.is_leaving)
        done = await connection.execute(gone)
        return bool(done.rowcount) or before is None or before.is_leaving
    nobody = {"sealed_key": None, "key_id": None, "attempt": None, "is_leaving": True, "changed_at_ms": now_ms}
    statement = insert_for(connection, accounts).values(owner_id=owner_id, name=name, connected_at_ms=0, **nobody)
    done = await connection.execute(
        statement.on_conflict_do_update(index_elements=["owner_id"], set_=nobody, where=_is_as_it_was(*was))
    )
    return bool(done.rowcount)


async def forget(connection: AsyncConnection, owner_id: OwnerId, *, is_over: bool) -> None:
    """Every row about this owner is gone; is_over says that nobody writes any more, so that the account goes as well.

    Shape:  what Immich holds stays: stacks, memos beside its assets. Who has connected again meanwhile keeps all.
    """
    leaving = select(accounts.c.owner_id).where(accounts.c.owner_id == owner_id, accounts.c.is_leaving)
    if await connection.scalar(leaving.with_for_update()) is None:
        return
    for table in reversed(metadata.sorted_tables):
        if table is not accounts and "owner_id" in table.c:
            await connection.execute(delete(table).where(table.c.owner_id == owner_id))
    if is_over:
        await connection.execute(delete(accounts).where(accounts.c.owner_id == owner_id, accounts.c.is_leaving))


def _is_as_it_was(key_name: str | None, key_id: str | None) -> ColumnElement[bool]:
    return and_(accounts.c.attempt.is_not_distinct_from(key_name), accounts.c.key_id.is_not_distinct_from(key_id))


def _account(row: Row[Any]) -> StoredAccount:
    return StoredAccount(
        OwnerId(row.owner_id),
        row.name,
        row.sealed_key,
        row.key_id,
        row.attempt,
        row.is_leaving,
        row.connected_at_ms,
        row.changed_at_ms,
    )
