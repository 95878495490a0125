"""Asking for a scan or a search, and how far scanning, pairing, writing and searching have come."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from dataclasses import dataclass, field
from enum import StrEnum
from http import HTTPStatus
from typing import Any
from weakref import WeakKeyDictionary

import msgspec

from sidecar.handlers.api.operation import Asked, For, Nothing, Operation
from sidecar.jobs.queue import JobName
from sidecar.jobs.status import Paces, Pairing, Scanning, Searching, Status, Waiting, Writing, status
from sidecar.model import OwnerId
from sidecar.storage import detections, scans
from sidecar.storage.database import Database
from sidecar.storage.detections import DetectionState
from sidecar.storage.scans import ScanState
from sidecar.wiring import Services

GOOD_FOR_MS = 1_000
"""Nobody has to sign in to ask for the sums: however many do, the database is asked once in this time."""


class ScanKind(StrEnum):
    """What is looked through: the library, for what is in it, or its pictures, for duplicates."""

    LIBRARY = "library"
    DUPLICATES = "duplicates"


class ScanRequest(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """What is to be looked through."""

    kind: ScanKind


class ScanRequested(msgspec.Struct, frozen=True):
    """The scan or search that waits or is under way; scan_id counts those of its kind."""

    kind: ScanKind
    scan_id: int
    state: ScanState


class ScanStatus(msgspec.Struct, frozen=True):
    """How far everything has come, in sums over all users, which tell nobody about anyone.

    `rate_per_s` and `remaining_s` are null where they cannot be told; `remaining_s` is 0 where nothing is left.
    `stacks` are writes, `decisions` those about duplicates, `events` changes that were told of. `errors` is how many
    reasons there are for something to wait; what they are is for those whom it is about.
    """

    first_scan_done: bool
    scan: Scanning
    pairing: Pairing
    stacks: Writing
    duplicates: Searching
    decisions: Waiting
    events: Waiting
    errors: int


class OwnStatus(msgspec.Struct, frozen=True):
    """The same of the caller alone; `errors` are sentences that say why something waits."""

    first_scan_done: bool
    scan: Scanning
    pairing: Pairing
    stacks: Writing
    duplicates: Searching
    decisions: Waiting
    events: Waiting
    errors: tuple[str, ...]


@dataclass(slots=True)
class _Looks:
    """What looks at one database have seen: the next ones measure rates by it."""

    paces: Paces = field(default_factory=Paces)
    own_paces: Paces = field(default_factory=Paces)
    looking: asyncio.Lock = field(default_factory=asyncio.Lock)
    last: tuple[int, Status] | None = None


_LOOKS: WeakKeyDictionary[Database, _Looks] = WeakKeyDictionary()


async def request(asked: Asked[Nothing, ScanRequest]) -> ScanRequested:
    """A scan or search of the caller's library, which is woken; one that waits or is under way stands for a new one."""
    jobs, owner_id, kind = asked.jobs, asked.owner_id, asked.body.kind
    async with jobs.database.write() as connection:
        if kind is ScanKind.LIBRARY:
            scan = await scans.request(connection, owner_id, now_ms=jobs.now_ms())
            found = ScanRequested(kind, scan.id, scan.state)
        else:
            search = await detections.current(connection, owner_id)
            if search is None or search.state is not DetectionState.RUNNING:
                search = await detections.request(connection, owner_id, now_ms=jobs.now_ms())
            found = ScanRequested(kind, search.id, ScanState(search.state.value))
    await jobs.wake(JobName.SYNC if kind is ScanKind.LIBRARY else JobName.DETECT, owner_id)
    return found


async def sums(asked: Asked[Nothing, Nothing]) -> ScanStatus:
    """How far everything has come for all users together; of those who ask within a second, one looks for all."""
    services = asked.services
    looks = _LOOKS.setdefault(services.database, _Looks())
    async with looks.looking:
        now_ms = services.jobs.now_ms()
        # A clock that was set back makes no answer last.
        if looks.last is None or not 0 <= now_ms - looks.last[0] < GOOD_FOR_MS:
            found = await _look(services, list(services.accounts.connected), looks.paces, now_ms=now_ms)
            looks.last = (now_ms, found)
        found = looks.last[1]
    return ScanStatus(
        found.first_scan_done,
        found.scan,
        found.pairing,
        found.stacks,
        found.duplicates,
        found.decisions,
        found.events,
        len(found.errors),
    )


async def mine(asked: Asked[Nothing, Nothing]) -> OwnStatus:
    """How far everything has come for the caller, and why something waits."""
    services = asked.services
    looks = _LOOKS.setdefault(services.database, _Looks())
    async with looks.looking:
        found = await _look(services, [asked.owner_id], looks.own_paces, now_ms=services.jobs.now_ms())
    return OwnStatus(
        found.first_scan_done,
        found.scan,
        found.pairing,
        found.stacks,
        found.duplicates,
        found.decisions,
        found.events,
        found.errors,
    )


async def _look(services: Services, owner_ids: Sequence[OwnerId], paces: Paces, *, now_ms: int) -> Status:
    async with services.database.read() as connection:
        return await status(connection, owner_ids, now_ms=now_ms, paces=paces)


OPERATIONS: tuple[Operation[Any, Any], ...] = (
    Operation(
        id="requestScan",
        method="POST",
        path="/scan",
        summary="Look through the library, or search it for duplicates",
        handler=request,
        answer=ScanRequested,
        body=ScanRequest,
        status=HTTPStatus.ACCEPTED,
        tag="scan",
    ),
    Operation(
        id="getScanStatus",
        method="GET",
        path="/scan/status",
        summary="How far everything has come for all users together, in numbers",
        handler=sums,
        answer=ScanStatus,
        needs=For.ANYBODY,
        problems=((HTTPStatus.SERVICE_UNAVAILABLE, "The database does not answer; try again."),),
        tag="scan",
    ),
    Operation(
        id="getOwnScanStatus",
        method="GET",
        path="/scan/mine",
        summary="How far everything has come for the caller",
        handler=mine,
        answer=OwnStatus,
        tag="scan",
    ),
)
