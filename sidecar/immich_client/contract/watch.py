"""Keeps looking how the server stands to the contract, and lets through only what it may be sent."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from time import monotonic

from sidecar.errors import ImmichChanged, SidecarError
from sidecar.immich_client.contract.capabilities import WRITES
from sidecar.immich_client.contract.standing import Standing, Trouble, standing_of
from sidecar.immich_client.contract.terms import Contract, load_contract
from sidecar.immich_client.server import DESCRIPTION_LIMIT_BYTES, Server
from sidecar.immich_client.transport import Retries, Timeouts, Transport
from sidecar.model import ServerVersion
from sidecar.redaction import OwnWords

log = logging.getLogger(__name__)

_TIMEOUTS = Timeouts(read_s=10.0, whole_s=30.0)
_RETRIES = Retries(attempts=2, first_pause_s=0.2)

LOOK_EVERY_S = 5.0
"""How old the server's version may be when something is changed: less than any upgrade takes."""

FETCH_AGAIN_AFTER_S = 60.0
"""How soon a description that could not be had is asked for again."""


class ContractWatch:
    """What is known of one server; open_contract_watch makes it.

    Shape:  asks with no credential, and only while something is to be changed or somebody looks.
    """

    def __init__(self, url: str, *, contract: Contract | None = None, clock_s: Callable[[], float] = monotonic) -> None:
        self._transport = Transport(url, None, connections=2, timeouts=_TIMEOUTS, retries=_RETRIES)
        self._server = Server(self._transport)
        self._contract = contract or load_contract()
        self._clock_s = clock_s
        self._looking = asyncio.Lock()
        self._standing: Standing | None = None
        self._looked_at_s = 0.0
        self._fetched_at_s = 0.0

    async def standing(self) -> Standing:
        """How the server stands, by a look at its version within the last LOOK_EVERY_S.

        Errors: those of the client, if the server does not even tell its version.
        """
        async with self._looking:
            now_s = self._clock_s()
            if self._standing is not None and now_s - self._looked_at_s < LOOK_EVERY_S:
                return self._standing
            version = await self._server.server_version()
            standing = self._known_of(version, now_s) or await self._fetched(version, now_s)
            self._standing, self._looked_at_s = standing, now_s
            return standing

    def _known_of(self, version: ServerVersion, now_s: float) -> Standing | None:
        """What is known of a server that is still of this version, None if there is more to be found out."""
        known = self._standing
        if known is None or known.version != str(version):
            return None
        is_due = known.trouble is not None and now_s - self._fetched_at_s >= FETCH_AGAIN_AFTER_S
        return None if is_due else known

    async def _fetched(self, version: ServerVersion, now_s: float) -> Standing:
        standing = standing_of(self._contract, version, await self._published())
        self._fetched_at_s = now_s
        if standing != self._standing:
            _tell(standing)
        return standing

    async def permit(self, operation: str) -> None:
        """Nothing, if the operation may be called: it only reads, or nothing that matters has changed about it.

        Errors: ImmichChanged if it may not; those of the client, if that cannot be known now.
        """
        if operation in WRITES and (reason := (await self.standing()).why_not(operation)):
            raise ImmichChanged(reason)

    async def close(self) -> None:
        """Nothing; no connection is left."""
        await self._transport.close()

    async def _published(self) -> bytes | Trouble:
        try:
            published = await self._server.description()
        except SidecarError:
            return Trouble.MISSING
        return published if len(published) <= DESCRIPTION_LIMIT_BYTES else Trouble.TOO_LARGE


def _tell(standing: Standing) -> None:
    if standing.is_newer:
        log.warning("Immich is newer than this sidecar knows. version=%s", OwnWords(standing.version))
    if standing.trouble is not None:
        log.warning("what Immich says of its own API cannot be used. why=%s", standing.trouble)
    if not standing.is_sound:
        log.warning(
            "until the sidecar is updated: left alone=%s may be misread=%s",
            OwnWords(",".join(each.capability for each in standing.held_back) or "-"),
            OwnWords(",".join(standing.unreadable) or "-"),
        )


@asynccontextmanager
async def open_contract_watch(url: str) -> AsyncIterator[ContractWatch]:
    """A watch over the Immich at this address, until the block ends.

    Errors: SettingsError if the address cannot be used.
    """
    watch = ContractWatch(url)
    try:
        yield watch
    finally:
        await watch.close()
