"""Who is asking: whatever a request shows is shown to Immich, which says whose it is. No password ever comes here."""

from __future__ import annotations

import asyncio
from collections import OrderedDict
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from time import monotonic

from sidecar.errors import ImmichRefused, NotSignedIn
from sidecar.immich_client.client import Immich, open_connections, open_immich
from sidecar.immich_client.credential import Credential
from sidecar.immich_client.transport import Gate, Retries, Timeouts
from sidecar.model import ServerVersion, User

KNOWN_FOR_S = 30.0
"""For so long somebody who signed out elsewhere may still read; before a change Immich is always asked."""

REFUSED_FOR_S = 5.0
MOST_KNOWN = 10_000
CONNECTIONS = 32


@dataclass(frozen=True, slots=True)
class Visitor:
    """Somebody whom Immich knows by what they show."""

    user: User
    credential: Credential


@dataclass(slots=True)
class _Known:
    until_s: float = 0.0
    user: User | None = None
    asking: asyncio.Lock = field(default_factory=asyncio.Lock)


class Visitors:
    """All who asked lately; open_visitors makes it."""

    def __init__(self, url: str, *, gate: Gate | None = None, clock_s: Callable[[], float] = monotonic) -> None:
        self._url = url
        self._gate = gate
        self._connections = open_connections(url, limit=CONNECTIONS)
        self._clock_s = clock_s
        self._known: OrderedDict[Credential, _Known] = OrderedDict()

    async def of(self, credential: Credential, *, is_fresh: bool = False) -> Visitor:
        """Whose credential it is, by what Immich said within KNOWN_FOR_S; is_fresh asks it in any case.

        Errors: NotSignedIn if Immich does not know it, or it may not tell whose it is; ImmichUnavailable, NotImmich,
                ContractBroken.
        """
        known = self._known.setdefault(credential, _Known())
        self._known.move_to_end(credential)
        while len(self._known) > MOST_KNOWN:
            self._known.popitem(last=False)
        # However many requests a page makes at once, Immich is asked once.
        async with known.asking:
            if is_fresh or self._clock_s() >= known.until_s:
                known.user = await self._ask(credential)
                known.until_s = self._clock_s() + (REFUSED_FOR_S if known.user is None else KNOWN_FOR_S)
            user = known.user
        if user is None:
            raise NotSignedIn("Immich does not know what was shown, or it may not tell whose it is.")
        return Visitor(user, credential)

    def forget(self, credential: Credential) -> None:
        """Nothing; Immich is asked the next time: whoever showed this has signed out."""
        self._known.pop(credential, None)

    def immich(self, visitor: Visitor) -> Immich:
        """Immich as this visitor sees it, with what they showed and nothing of ours."""
        return open_immich(self._url, visitor.credential, connections=self._connections, gate=self._gate)

    async def server_version(self) -> ServerVersion:
        """The version of the server, which anybody may ask for.

        Errors: those of the client.
        """
        return await open_immich(self._url, None, connections=self._connections).server_version()

    async def close(self) -> None:
        """Nothing; no connection is left."""
        await self._connections.close()

    async def _ask(self, credential: Credential) -> User | None:
        immich = open_immich(
            self._url,
            credential,
            timeouts=Timeouts(read_s=10.0),
            retries=Retries(attempts=2, first_pause_s=0.2),
            connections=self._connections,
        )
        try:
            return await immich.me()
        except ImmichRefused:
            return None


@asynccontextmanager
async def open_visitors(url: str, *, gate: Gate | None = None) -> AsyncIterator[Visitors]:
    """Visitors of the Immich at this address, until the block ends; gate is asked before any of their calls.

    Errors: SettingsError if the address cannot be used.
    """
    visitors = Visitors(url, gate=gate)
    try:
        yield visitors
    finally:
        await visitors.close()
