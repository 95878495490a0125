"""All that listens in a process: for each user a websocket where the key allows it, and the webhook that is kept up."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from functools import partial

from sidecar.accounts.connected import Account
from sidecar.errors import SidecarError
from sidecar.events.hooks import Hooks
from sidecar.events.intake import HEARD, Intake
from sidecar.events.websocket import listen
from sidecar.events.workflows import HookState, keep_workflow
from sidecar.immich_client.permissions import EVERYTHING
from sidecar.jobs.context import JobContext
from sidecar.jobs.queue import JobName
from sidecar.model import OwnerId
from sidecar.storage import event_counts, polls
from sidecar.storage.changes import Source
from sidecar.storage.event_counts import Told

log = logging.getLogger(__name__)

AGAIN_AFTER_S = 30.0
LOOK_EVERY_S = 1.0
"""How soon somebody who connects is listened to."""

LIVE_WITHIN_MS = 7 * 24 * 3_600_000
KEEP_EVERY_S = 600.0
"""Somebody may edit the workflow at any time; until it is mended, polling tells what it would have told."""


@asynccontextmanager
async def listening(
    context: JobContext, intake: Intake, hooks: Hooks | None, *, tell: Callable[[str], None]
) -> AsyncIterator[None]:
    """Listens for everybody who is connected at any time until the block ends.

    Shape:  tell is given a sentence when something is other than it was.
    """
    listeners = [asyncio.create_task(_for_ever(partial(_listen_for_all, context, intake, tell)), name="websockets")]
    if hooks is not None:
        listeners.append(asyncio.create_task(_for_ever(partial(_keep_hooks, context, hooks, tell)), name="webhooks"))
    try:
        yield
    finally:
        for listener in listeners:
            listener.cancel()
        await asyncio.gather(*listeners, return_exceptions=True)


async def _for_ever(listen: Callable[[], Awaitable[None]]) -> None:
    """Nothing, when there is nothing to listen to; a defect of ours is no reason to be deaf from then on."""
    while True:
        try:
            return await listen()
        except Exception:
            log.exception("listening broke")
            await asyncio.sleep(AGAIN_AFTER_S)


async def _listen_for_all(context: JobContext, intake: Intake, tell: Callable[[str], None]) -> None:
    """Has one listener for each account, for as long as it is connected and its key is the same."""
    listeners: dict[OwnerId, tuple[Account, asyncio.Task[None]]] = {}
    try:
        while True:
            present = dict(context.accounts.items())
            for owner_id, (account, listener) in tuple(listeners.items()):
                if present.get(owner_id) is not account:
                    listener.cancel()
                    await asyncio.gather(listener, return_exceptions=True)
                    del listeners[owner_id]
                    context.live_sources.pop(owner_id, None)
            for owner_id in present.keys() - listeners.keys():
                body = _for_ever(partial(_listen, context, present[owner_id], intake, tell))
                listeners[owner_id] = (present[owner_id], asyncio.create_task(body, name="websocket"))
            await asyncio.sleep(LOOK_EVERY_S)
    finally:
        for _, listener in listeners.values():
            listener.cancel()
        await asyncio.gather(*(listener for _, listener in listeners.values()), return_exceptions=True)


async def _listen(context: JobContext, account: Account, intake: Intake, tell: Callable[[str], None]) -> None:
    owner_id = account.user.id
    sources = context.live_sources.setdefault(owner_id, set())

    async def on_connect() -> None:
        sources.add(Source.WEBSOCKET)
        # A socket tells nothing of what happened before.
        await ask_soon(context, owner_id)

    async def on_lost() -> None:
        sources.discard(Source.WEBSOCKET)

    if await _may_listen(account):
        tell(f"{account.user.name}: listening to Immich's websocket")
        await listen(account, intake, on_connect=on_connect, on_lost=on_lost)


async def _may_listen(account: Account) -> bool:
    """Whether the key opens the websocket; asked until Immich says."""
    while True:
        try:
            return EVERYTHING in await account.immich.permissions()
        except SidecarError as error:
            log.warning("whether a websocket is possible cannot be found out now: %s", error)
            await asyncio.sleep(AGAIN_AFTER_S)


async def ask_soon(context: JobContext, owner_id: OwnerId) -> None:
    """Nothing; the owner's library is asked for changes at once.

    Errors: StorageUnavailable.
    """
    async with context.database.write() as connection:
        # Whoever answers has come back, whatever was waited for. By its very time, a poll that is under way sees that
        # another one is wanted.
        await polls.change(connection, owner_id, due_at_ms=context.now_ms(), not_before_ms=0)
    await context.wake(JobName.REFRESH, owner_id)


async def _was_heard(context: JobContext, owner_id: OwnerId) -> bool:
    """Whether the webhook has told something lately: that Immich is to call does not say that it can."""
    async with context.database.read() as connection:
        totals = await event_counts.totals(connection, [owner_id])
    heard = totals.get(Told(owner_id, Source.WEBHOOK, HEARD))
    return heard is not None and context.now_ms() - heard.last_at_ms <= LIVE_WITHIN_MS


async def _keep_hooks(context: JobContext, hooks: Hooks, tell: Callable[[str], None]) -> None:
    """Keeps every user's workflow as it is to be, for ever."""
    known: dict[Account, HookState] = {}
    while True:
        again_after_s = KEEP_EVERY_S
        for account in known.keys() - set(context.accounts.values()):
            del known[account]
        for owner_id, account in context.accounts.items():
            try:
                state = await keep_workflow(account.immich, hooks.of(owner_id))
            except SidecarError as error:
                log.warning("a webhook cannot be looked at now: %s", error)
                again_after_s = AGAIN_AFTER_S
                continue
            is_live = state is HookState.ACTIVE and await _was_heard(context, owner_id)
            sources = context.live_sources.setdefault(owner_id, set())
            (sources.add if is_live else sources.discard)(Source.WEBHOOK)
            if known.get(account) is not state:
                known[account] = state
                tell(f"{account.user.name}: {state.sentence}")
        await _rest(context, again_after_s)


async def _rest(context: JobContext, for_s: float) -> None:
    """Nothing, after this time, or as soon as somebody has connected or left."""
    clock = asyncio.get_running_loop().time
    until_s, present = clock() + for_s, set(context.accounts.values())
    while clock() < until_s and set(context.accounts.values()) == present:  # noqa: ASYNC110
        await asyncio.sleep(min(LOOK_EVERY_S, for_s))
