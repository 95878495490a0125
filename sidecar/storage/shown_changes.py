"""Whose stacks, groups or sets a transaction changed: told when it is committed, so that nobody shows what was."""

from __future__ import annotations

from weakref import WeakKeyDictionary

from sqlalchemy.ext.asyncio import AsyncConnection

from sidecar.model import OwnerId

# Beside the connections and not in them: one that broke off in the middle of something answers nothing any more.
_noted: WeakKeyDictionary[AsyncConnection, set[OwnerId]] = WeakKeyDictionary()


def note(connection: AsyncConnection, owner_id: OwnerId) -> None:
    """Nothing; with the commit, all who keep what they showed of this owner hear that it is old."""
    _noted.setdefault(connection, set()).add(owner_id)


def take(connection: AsyncConnection) -> frozenset[OwnerId]:
    """The owners noted since the last time."""
    return frozenset(_noted.pop(connection, ()))
