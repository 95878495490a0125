"""Adds what the sidecar knows to an answer that was read whole; where it cannot, the answer stays as it was."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from enum import StrEnum
from hashlib import blake2b

import msgspec

from sidecar.accounts.visitors import Visitor
from sidecar.errors import NotSignedIn, SidecarError
from sidecar.handlers.proxy.lookups import look_up
from sidecar.handlers.proxy.places import Answer, Place
from sidecar.immich_client.credential import Credential
from sidecar.jobs.shown_cache import ShownCache
from sidecar.model import OwnerId
from sidecar.wiring import Services

log = logging.getLogger(__name__)

LARGEST_BYTES = 32 * 1024 * 1024
LARGEST_TOGETHER_BYTES = 128 * 1024 * 1024
WITHIN_S = 0.5


class Degraded(StrEnum):
    """Why an answer is not enriched that should be: the value of X-Sidecar-Degraded."""

    STORAGE = "storage"
    TOO_LARGE = "too-large"
    BUSY = "busy"
    UNREADABLE = "unreadable"
    ENCODED = "encoded"


@dataclass(frozen=True, slots=True)
class Enriched:
    """The answer's body, and why it is what Immich sent; None where it was enriched."""

    body: bytes
    degraded: Degraded | None = None


@dataclass(frozen=True, slots=True)
class Wanted:
    """What is to be enriched: the assets that stand in this place, for this owner."""

    place: Place
    owner_id: OwnerId


class Held:
    """What has been read of an answer."""

    def __init__(self, enrichment: Enrichment) -> None:
        self._enrichment = enrichment
        self.body = bytearray()

    def refuses(self, more_bytes: int) -> Degraded | None:
        """Why so much more is not read, None if it may be."""
        if len(self.body) + more_bytes > LARGEST_BYTES:
            return Degraded.TOO_LARGE
        if self._enrichment.held_bytes + more_bytes > LARGEST_TOGETHER_BYTES:
            return Degraded.BUSY
        return None

    def take(self, piece: bytes) -> Degraded | None:
        """Why nothing more is read after this piece, None if it goes on; the piece is part of the body either way."""
        reason = self.refuses(len(piece))
        self.body += piece
        self._enrichment.held_bytes += len(piece)
        return reason


class Enrichment:
    """What adds fields, for those who have connected the sidecar."""

    def __init__(self, services: Services, cache: ShownCache) -> None:
        self._services = services
        self._cache = cache
        self.held_bytes = 0

    @contextmanager
    def holding(self) -> Iterator[Held]:
        """Room for one answer, for as long as the block lasts."""
        held = Held(self)
        try:
            yield held
        finally:
            self.held_bytes -= len(held.body)

    async def wanted(self, place: Place | None, credential: Credential | None) -> Wanted | None:
        """What is enriched of an answer with assets in this place; None if who shows this has not connected."""
        if place is None or credential is None:
            return None
        try:
            visitor: Visitor = await self._services.visitors.of(credential)
        except NotSignedIn:
            return None  # a key that may not tell whose it is, or none at all: Immich says so itself
        except SidecarError:
            log.info("it could not be asked who the visitor is; Immich's answer is passed on as it is")
            return None
        is_connected = visitor.user.id in self._services.accounts.connected
        return Wanted(place, visitor.user.id) if is_connected else None

    async def add(self, body: bytes, wanted: Wanted) -> Enriched:
        """The answer in which the owner's assets have their fields."""
        try:
            answer = Answer(body, wanted.place)
        except (msgspec.MsgspecError, UnicodeDecodeError, KeyError, ValueError):
            return Enriched(body, Degraded.UNREADABLE)
        if not answer.assets:
            return Enriched(body)
        try:
            async with asyncio.timeout(WITHIN_S):
                ids = answer.own(wanted.owner_id)
                known = await look_up(self._services.database, self._cache, wanted.owner_id, ids) if ids else {}
        except (SidecarError, TimeoutError) as error:
            log.warning("an answer is passed on as Immich gave it: %s", error)
            return Enriched(body, Degraded.STORAGE)
        except Exception:
            log.exception("an answer is passed on as Immich gave it")
            return Enriched(body, Degraded.STORAGE)
        return Enriched(answer.with_fields(wanted.owner_id, known))


def etag_of(body: bytes) -> str:
    """A name for this body that none of Immich's has."""
    return f'W/"sidecar-{blake2b(body, digest_size=12).hexdigest()}"'
