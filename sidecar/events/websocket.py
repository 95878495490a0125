"""Immich's websocket: what its events are about, and listening to it for as long as the process runs."""

from __future__ import annotations

import asyncio
import logging
import random
import time
from collections.abc import Awaitable, Callable, Iterable, Mapping, Sequence
from datetime import UTC, datetime, timedelta
from types import MappingProxyType
from typing import Annotated, Protocol, TypeVar
from uuid import UUID

import msgspec

from sidecar.accounts.connected import Account
from sidecar.errors import ImmichRefused, ImmichUnavailable, TryLater
from sidecar.events.webhook import Malformed, OfSomebodyElse
from sidecar.immich_client.socket import CONNECT, SocketEvent
from sidecar.model import AssetId, OwnerId
from sidecar.storage.changes import Change, Source

log = logging.getLogger(__name__)

ReadT = TypeVar("ReadT")

FIRST_PAUSE_S = 1.0
LONGEST_PAUSE_S = 300.0
STABLE_AFTER_S = 60.0
"""A connection that lasted for so long counts as a new beginning: the next pause is the first again."""

REFUSED_PAUSE_S = 900.0
STORAGE_PAUSE_S = 5.0

CHANGES_AT_ONCE = 1_000
"""An event may name any number of assets; what the intake takes at once is bounded."""

_MOST_DOUBLINGS = 9
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_MILLISECOND = timedelta(milliseconds=1)


class Inbox(Protocol):
    """Where the changes go; the intake is one."""

    async def put(self, told: Sequence[Change]) -> None:
        """Nothing, as soon as the changes are on record.

        Errors: TryLater if they are not, and never will be.
        """

    def count(self, source: Source, outcome: str, owner_id: OwnerId | None = None) -> None:
        """One more event of this outcome."""


class _Whole(msgspec.Struct, rename="camel"):
    """AssetResponseDto."""

    id: UUID
    owner_id: UUID
    updated_at: Annotated[datetime, msgspec.Meta(tz=True)]


class _Synced(msgspec.Struct, rename="camel"):
    """SyncAssetV1 and SyncAssetV2, which tell no time of change."""

    id: UUID
    owner_id: UUID


class _Ready(msgspec.Struct):
    asset: _Synced


def _of_whole(owner_id: OwnerId, args: tuple[object, ...]) -> Iterable[Change]:
    told = _read(args, _Whole)
    _check_owner(owner_id, told.owner_id)
    yield _change(owner_id, told.id, (told.updated_at - _EPOCH) // _MILLISECOND)


def _of_synced(owner_id: OwnerId, args: tuple[object, ...]) -> Iterable[Change]:
    told = _read(args, _Ready)
    _check_owner(owner_id, told.asset.owner_id)
    yield _change(owner_id, told.asset.id)


def _of_id(owner_id: OwnerId, args: tuple[object, ...]) -> Iterable[Change]:
    asset_id = _read(args, UUID)
    yield _change(owner_id, asset_id)


def _of_ids(owner_id: OwnerId, args: tuple[object, ...]) -> Iterable[Change]:
    asset_ids = _read(args, list[UUID])
    return (_change(owner_id, asset_id) for asset_id in asset_ids)


def _of_stacks(owner_id: OwnerId, args: tuple[object, ...]) -> Iterable[Change]:
    del args
    yield Change(owner_id, Source.WEBSOCKET, None)


_READERS: Mapping[str, Callable[[OwnerId, tuple[object, ...]], Iterable[Change]]] = MappingProxyType(
    {
        "on_upload_success": _of_whole,
        "on_asset_update": _of_whole,
        "AssetUploadReadyV1": _of_synced,
        "AssetUploadReadyV2": _of_synced,
        "AssetEditReadyV1": _of_synced,
        "AssetEditReadyV2": _of_synced,
        "on_asset_delete": _of_id,
        "on_asset_hidden": _of_id,
        "on_asset_trash": _of_ids,
        "on_asset_restore": _of_ids,
        "on_asset_stack_update": _of_stacks,
    }
)


def changes_of(owner_id: OwnerId, event: SocketEvent) -> tuple[Change, ...]:
    """What is to be looked at again after this event; nothing for events that do not concern us.

    Errors: Malformed if the event does not bring what Immich's brings, OfSomebodyElse if it is about another user's
            asset. Neither repeats what it brought.
    Source: websocket.repository.ts, Immich 2.5.6 to 3.1.0; recordings websocket of 2.7.5 and 3.1.0.
    """
    reader = _READERS.get(event.name)
    return () if reader is None else tuple(reader(owner_id, event.args))


def pause_s(attempt: int, *, jitter: float) -> float:
    """How long to wait before connecting anew, after so many connections in a row that did not last.

    Shape:  attempt counts from 1. Pauses double up to the longest; jitter, from 0 to 1, is how much of one is waited,
            so that not all come back at once to a server that restarts.
    """
    return jitter * min(FIRST_PAUSE_S * 2.0 ** min(attempt - 1, _MOST_DOUBLINGS), LONGEST_PAUSE_S)


async def _nothing() -> None:
    pass


async def listen(
    account: Account,
    intake: Inbox,
    *,
    on_connect: Callable[[], Awaitable[None]],
    on_lost: Callable[[], Awaitable[None]] = _nothing,
    jitter: Callable[[], float] = random.random,
    sleep: Callable[[float], Awaitable[object]] = asyncio.sleep,
    clock_s: Callable[[], float] = time.monotonic,
) -> None:
    """Listens until it is cancelled: what the user's websocket tells goes to the intake.

    Shape:  on_connect is called whenever something may have been missed: after each connection, and after changes that
            could not be written down; again and again while it raises TryLater. on_lost is called after each
            connection.
    """
    owner_id = account.user.id
    attempt = 0
    was_refused = False
    while True:
        ear = _Ear(account, intake, on_connect, sleep)
        why = await ear.listen(clock_s)
        if ear.connected_at_s is not None:
            intake.count(Source.WEBSOCKET, "lost", owner_id)
            await on_lost()
            was_refused = False
            attempt = 0 if clock_s() - ear.connected_at_s >= STABLE_AFTER_S else attempt
        if isinstance(why, ImmichRefused):
            intake.count(Source.WEBSOCKET, "refused", owner_id)
            if not was_refused:
                log.warning("a websocket is refused, so that polling does its work: %s", why)
            was_refused = True
            await sleep(REFUSED_PAUSE_S)
        else:
            attempt += 1
            wait_s = pause_s(attempt, jitter=jitter())
            log.info("not listening to a websocket for %.1f s: %s", wait_s, why)
            await sleep(wait_s)


class _Ear:
    """One connection, from its beginning to its end."""

    def __init__(
        self,
        account: Account,
        intake: Inbox,
        on_connect: Callable[[], Awaitable[None]],
        sleep: Callable[[float], Awaitable[object]],
    ) -> None:
        self.connected_at_s: float | None = None
        self._account = account
        self._intake = intake
        self._on_connect = on_connect
        self._sleep = sleep
        self._is_behind = asyncio.Event()

    async def listen(self, clock_s: Callable[[], float]) -> ImmichUnavailable | ImmichRefused:
        """Why the connection ended, or could not be made."""
        async with asyncio.TaskGroup() as tasks:
            catching_up = tasks.create_task(self._catch_up())
            why = await self._follow(clock_s)
            catching_up.cancel()
        return why

    async def _follow(self, clock_s: Callable[[], float]) -> ImmichUnavailable | ImmichRefused:
        try:
            async with self._account.immich.socket_events() as events:
                while True:
                    told = await anext(events)
                    if told[0].name == CONNECT:
                        self.connected_at_s = clock_s()
                        self._intake.count(Source.WEBSOCKET, "connected", self._account.user.id)
                        self._is_behind.set()
                    else:
                        await self._hear(told)
        except (ImmichUnavailable, ImmichRefused) as error:
            return error

    async def _hear(self, told: Iterable[SocketEvent]) -> None:
        changes = [change for event in told for change in self._changes_of(event)]
        try:
            for first in range(0, len(changes), CHANGES_AT_ONCE):
                await self._intake.put(changes[first : first + CHANGES_AT_ONCE])
        except TryLater as error:
            log.warning("what a websocket tells cannot be written down now; polling finds it: %s", error)
            self._is_behind.set()

    def _changes_of(self, event: SocketEvent) -> tuple[Change, ...]:
        try:
            return changes_of(self._account.user.id, event)
        except (Malformed, OfSomebodyElse) as error:
            self._intake.count(Source.WEBSOCKET, error.code, self._account.user.id)
            return ()

    async def _catch_up(self) -> None:
        """Calls on_connect as soon as that is possible, each time something may have been missed."""
        while True:
            await self._is_behind.wait()
            self._is_behind.clear()
            try:
                await self._on_connect()
            except TryLater:
                self._is_behind.set()
                await self._sleep(STORAGE_PAUSE_S)


def _read(args: tuple[object, ...], kind: type[ReadT]) -> ReadT:
    """The first argument; a newer Immich may give more."""
    try:
        return msgspec.convert(args[0], kind)
    except (IndexError, msgspec.ValidationError) as error:
        raise Malformed("the event does not bring what Immich's brings") from error


def _check_owner(owner_id: OwnerId, told: UUID) -> None:
    if str(told) != owner_id:
        raise OfSomebodyElse("the event is about another user's asset")


def _change(owner_id: OwnerId, asset_id: UUID, updated_at_ms: int | None = None) -> Change:
    return Change(owner_id, Source.WEBSOCKET, AssetId(str(asset_id)), updated_at_ms)
