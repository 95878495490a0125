"""The connected users, with one Immich client each: by the keys of the settings, and those who connected themselves."""

from __future__ import annotations

import asyncio
import logging
import time
from collections.abc import AsyncIterator, Iterator, Mapping
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass

from sidecar.accounts.vault import Vault
from sidecar.errors import ImmichRefused, SettingsError, SidecarError, StorageUnavailable
from sidecar.immich_client.client import Immich, check_version, open_immich
from sidecar.immich_client.transport import Gate
from sidecar.model import OwnerId, User
from sidecar.settings import Settings
from sidecar.storage import accounts as stored_accounts
from sidecar.storage.accounts import StoredAccount
from sidecar.storage.database import Database

log = logging.getLogger(__name__)

FOLLOW_EVERY_S = 5.0
"""How soon a process learns of who has connected or disconnected by way of another one."""

FORGOTTEN_AFTER_MS = 600_000
"""As long as a job that was running may still write of somebody who has left."""


@dataclass(frozen=True, slots=True)
class Account:
    """One user and the client that acts as them."""

    user: User
    immich: Immich


class Connected(Mapping[OwnerId, Account]):
    """Who is connected now; who goes through it sees those of the moment when it began."""

    def __init__(self) -> None:
        self._of: dict[OwnerId, Account] = {}

    def __getitem__(self, owner_id: OwnerId) -> Account:
        return self._of[owner_id]

    def __iter__(self) -> Iterator[OwnerId]:
        return iter(tuple(self._of))

    def __len__(self) -> int:
        return len(self._of)

    def put(self, account: Account) -> None:
        """Nothing; the user is connected, with this client."""
        self._of[account.user.id] = account

    def drop(self, owner_id: OwnerId) -> Account | None:
        """The account of the user, who is not connected any more."""
        return self._of.pop(owner_id, None)


class Accounts:
    """All users whose key works, by id, and for each key of the settings that does not, what is wrong with it.

    Shape:  headless are those of the settings; the others come and go. gate is asked before any of their calls.
    """

    def __init__(self, url: str, *, gate: Gate | None = None) -> None:
        self.connected = Connected()
        self.headless: frozenset[OwnerId] = frozenset()
        self.refused: tuple[SidecarError, ...] = ()
        self._url = url
        self._gate = gate
        self._sealed: dict[OwnerId, str] = {}
        self._following = asyncio.Lock()

    def chosen(self, user: str | None) -> list[Account]:
        """The one user who is called that, or everybody.

        Errors: SettingsError if no connected user is called that, or nobody is connected at all.
        """
        if not self.connected:
            raise SettingsError(
                "nobody is connected: press Connect on the sidecar's page, signed in to Immich, or set SIDECAR_API_KEYS"
            )
        return [self.named(user)] if user is not None else list(self.connected.values())

    def named(self, user: str) -> Account:
        """The account of this user, by Immich's id or name.

        Errors: SettingsError if no connected user is called that, or several are.
        """
        everybody = list(self.connected.values())
        found = [each for each in everybody if each.user.id == user or each.user.name.casefold() == user.casefold()]
        if len(found) != 1:
            known = ", ".join(sorted(account.user.name for account in everybody)) or "nobody"
            problem = "several users are" if found else "no connected user is"
            raise SettingsError(f"{problem} called {user!r}; connected: {known}")
        return found[0]

    async def follow(self, database: Database, vault: Vault | None, *, now_ms: int) -> None:
        """Nothing; whoever connected or left by now, in whichever process, is known here.

        Errors: StorageUnavailable.
        """
        async with self._following:
            async with database.read() as connection:
                rows = await stored_accounts.everybody(connection)
            keys = {row.owner_id: row.sealed_key for row in rows if row.sealed_key is not None}
            for owner_id in self._sealed.keys() - keys.keys():
                await self._leave(owner_id)
            for row in rows:
                if self._sealed.get(row.owner_id) not in {None, row.sealed_key}:
                    await self._leave(row.owner_id)
                if (resealed := self._join(row, vault)) is not None:
                    async with database.write() as connection:
                        await stored_accounts.reseal(
                            connection, row.owner_id, former=keys[row.owner_id], sealed_key=resealed
                        )
            for row in rows:
                if row.is_leaving:
                    async with database.write() as connection:
                        is_over = now_ms - row.changed_at_ms > FORGOTTEN_AFTER_MS
                        await stored_accounts.forget(connection, row.owner_id, is_over=is_over)

    async def look(self, database: Database, vault: Vault | None) -> None:
        """Nothing; whoever is connected by now is known here, and nothing is written.

        Shape:  a database that an older sidecar made knows of nobody.
        Errors: StorageUnavailable.
        """
        async with database.read() as connection:
            rows = await stored_accounts.everybody(connection) if await stored_accounts.are_kept(connection) else []
        for row in rows:
            self._join(row, vault)

    async def close(self) -> None:
        """Nothing; no client is left."""
        for account in self.connected.values():
            await account.immich.close()

    async def open_headless(self, settings: Settings) -> None:
        """Nothing; the users of the keys in the settings are connected. One user's bad key never keeps the others out.

        Errors: the first key's error if there are keys and none of them works.
        """
        refused: list[SidecarError] = []
        keys = settings.all_api_keys()
        for number, key in enumerate(keys, start=1):
            immich = open_immich(settings.immich_url, key.get_secret_value(), gate=self._gate)
            try:
                await immich.check_permissions()
                user = await immich.me()
            except ImmichRefused as error:
                await immich.close()
                refused.append(ImmichRefused(f"API key {number} of {len(keys)}: {error}", permission=error.permission))
                continue
            except BaseException:
                await immich.close()
                raise
            if user.id in self.connected:
                await immich.close()
                log.warning("two API keys belong to one user; the first is used")
                continue
            self.connected.put(Account(user, immich))
        if keys and not self.connected:
            raise refused[0]
        self.headless = frozenset(self.connected)
        self.refused = tuple(refused)

    def _join(self, row: StoredAccount, vault: Vault | None) -> str | None:
        """The user is connected; the key sealed anew, if it was sealed under a former secret."""
        sealed = row.sealed_key
        if sealed is None or self._sealed.get(row.owner_id) == sealed:
            return None
        self._sealed[row.owner_id] = sealed
        try:
            if vault is None:
                log.error("an account cannot be used: SIDECAR_SECRET is not set, by which its key is sealed")
                return None
            key = vault.open(sealed, row.owner_id)
            if row.owner_id not in self.headless:
                immich = open_immich(self._url, key, gate=self._gate)
                self.connected.put(Account(User(row.owner_id, row.name), immich))
        except SettingsError as error:
            log.error("an account cannot be used: %s", error)  # noqa: TRY400  # there is no defect to trace
            return None
        if vault.is_current(sealed):
            return None
        self._sealed[row.owner_id] = vault.seal(key, row.owner_id)
        return self._sealed[row.owner_id]

    async def _leave(self, owner_id: OwnerId) -> None:
        self._sealed.pop(owner_id, None)
        account = None if owner_id in self.headless else self.connected.drop(owner_id)
        if account is not None:
            await account.immich.close()


@asynccontextmanager
async def open_accounts(settings: Settings, *, gate: Gate | None = None) -> AsyncIterator[Accounts]:
    """The accounts behind the keys of the settings; those who connected themselves come with `follow`.

    Shape:  gate is asked before any of their calls.
    Errors: SettingsError if Immich's address is not set; what keeps Immich from answering; the first key's error if
            there are keys and none of them works.
    """
    settings.require_immich()
    async with AsyncExitStack() as stack:
        async with open_immich(settings.immich_url, None) as nobody:
            check_version(await nobody.server_version())
        accounts = Accounts(settings.immich_url, gate=gate)
        stack.push_async_callback(accounts.close)
        await accounts.open_headless(settings)
        yield accounts


@asynccontextmanager
async def following(accounts: Accounts, database: Database, vault: Vault | None) -> AsyncIterator[None]:
    """Who connects and leaves is known from the beginning of the block to its end."""
    await accounts.follow(database, vault, now_ms=_now_ms())
    task = asyncio.create_task(_follow_on(accounts, database, vault), name="accounts")
    try:
        yield
    finally:
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)


def _now_ms() -> int:
    return time.time_ns() // 1_000_000


async def _follow_on(accounts: Accounts, database: Database, vault: Vault | None) -> None:
    while True:
        await asyncio.sleep(FOLLOW_EVERY_S)
        try:
            await accounts.follow(database, vault, now_ms=_now_ms())
        except StorageUnavailable as error:
            log.warning("who is connected cannot be looked up now: %s", error)
