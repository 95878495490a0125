"""Which set, or which dismissal, a person means by a word, whole or cut short."""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import NamedTuple

from sidecar.accounts.connected import Account
from sidecar.commands.naming import begun_with
from sidecar.errors import SettingsError
from sidecar.grouping.memory import Decision
from sidecar.jobs.duplicates.dismissals import dismissed
from sidecar.storage import duplicate_sets
from sidecar.storage.duplicate_sets import StoredSet
from sidecar.wiring import Services

SHORTEST_PREFIX = 4
_ID = re.compile(r"[0-9a-f]{1,12}", re.ASCII)


class NamedSet(NamedTuple):
    """A set and whose it is."""

    account: Account
    found: StoredSet


async def set_called(services: Services, accounts: Sequence[Account], word: str) -> NamedSet:
    """The one set of these users whose id the word is, or begins.

    Errors: SettingsError that says what is wrong with the word: no id, too short, of several sets, of none any more.
    """
    prefix = word.strip().lower()
    if _ID.fullmatch(prefix) is None:
        raise SettingsError(f"{word!r} is no name of a set; `sidecar duplicates` lists them, such as 3f9a01c2b4d5")
    if len(prefix) < SHORTEST_PREFIX:
        raise SettingsError(f"{word!r}: give at least {SHORTEST_PREFIX} characters of what `sidecar duplicates` lists")
    found: list[NamedSet] = []
    async with services.database.read() as connection:
        for account in accounts:
            owner_id = account.user.id
            ids = await duplicate_sets.begun_with(connection, owner_id, prefix)
            found += [
                NamedSet(account, each) for each in (await duplicate_sets.by_ids(connection, owner_id, ids)).values()
            ]
    if not found:
        raise SettingsError(
            f"no set of duplicates is called {word!r}: it was decided, or its files have changed since; "
            "`sidecar duplicates` lists those that there are"
        )
    if len(found) > 1:
        raise SettingsError(f"{word!r}: several sets begin with that; give more of it")
    return found[0]


class NamedDismissal(NamedTuple):
    """A decision that assets are no duplicates of each other, and whose it is."""

    account: Account
    decision_id: str
    decision: Decision


async def dismissal_called(services: Services, accounts: Sequence[Account], word: str) -> NamedDismissal:
    """The one dismissal of these users whose id the word is, or begins.

    Errors: SettingsError that says what is wrong with the word.
    """
    if len(word) < SHORTEST_PREFIX:
        raise SettingsError(f"{word!r}: give at least {SHORTEST_PREFIX} characters of what --dismissed lists")
    known: dict[str, NamedDismissal] = {}
    async with services.database.read() as connection:
        for account in accounts:
            for decision_id, decision in await dismissed(connection, account.user.id):
                known[decision_id] = NamedDismissal(account, decision_id, decision)
    found = begun_with(word, known)
    if not found:
        raise SettingsError(f"nothing was dismissed as {word!r}; `sidecar duplicates --dismissed` lists what was")
    if len(found) > 1:
        raise SettingsError(f"{word!r}: {len(found)} dismissals begin with that; give more of it")
    return known[found[0]]
