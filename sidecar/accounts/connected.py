"""The connected users: one Immich client for each, opened from the configured API keys and checked before any work."""

from __future__ import annotations

import logging
from collections.abc import AsyncIterator, Mapping
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass

from sidecar.errors import ImmichRefused, SettingsError, SidecarError
from sidecar.immich_client.client import Immich, check_version, open_immich
from sidecar.model import OwnerId, User
from sidecar.settings import Settings

log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class Account:
    """One user and the client that acts as them."""

    user: User
    immich: Immich


@dataclass(frozen=True, slots=True)
class Accounts:
    """All users whose key works, by id, and for each key that does not, what is wrong with it (never the key)."""

    connected: Mapping[OwnerId, Account]
    refused: tuple[SidecarError, ...] = ()

    def named(self, user: str) -> Account:
        """The account of this user, by Immich's id or name.

        Errors: SettingsError if no connected user is called that, or several are.
        """
        found = [
            account
            for account in self.connected.values()
            if account.user.id == user or account.user.name.casefold() == user.casefold()
        ]
        if len(found) != 1:
            known = ", ".join(sorted(account.user.name for account in self.connected.values())) or "nobody"
            problem = "several users are" if found else "no connected user is"
            raise SettingsError(f"{problem} called {user!r}; connected: {known}")
        return found[0]


@asynccontextmanager
async def open_accounts(settings: Settings) -> AsyncIterator[Accounts]:
    """The accounts behind the configured keys; one user's bad key never keeps the others out.

    Errors: the first key's error if no key works at all; SettingsError if nothing is configured.
    """
    settings.require_immich()
    async with AsyncExitStack() as stack:
        connected: dict[OwnerId, Account] = {}
        refused: list[SidecarError] = []
        for number, key in enumerate(settings.api_keys, start=1):
            immich = await stack.enter_async_context(open_immich(settings.immich_url, key.get_secret_value()))
            try:
                check_version(await immich.server_version())
                await immich.check_permissions()
                user = await immich.me()
            except ImmichRefused as error:
                refused.append(
                    ImmichRefused(f"API key {number} of {len(settings.api_keys)}: {error}", permission=error.permission)
                )
                continue
            if user.id in connected:
                log.warning("two API keys belong to one user; the first is used")
                continue
            connected[user.id] = Account(user, immich)
        if not connected:
            raise refused[0]
        yield Accounts(connected, tuple(refused))
