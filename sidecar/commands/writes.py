"""Waiting for writes that a person asked for, and saying how they ended."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Collection, Iterator, Mapping, Sequence
from contextlib import asynccontextmanager
from typing import TextIO

from sidecar.commands.exit_codes import ExitCode
from sidecar.commands.report import files_of, plural, printable
from sidecar.model import AssetId, OwnerId
from sidecar.storage import assets, decisions, journal, work
from sidecar.storage.journal import Action, ActionKind, ActionState, Entry
from sidecar.wiring import Services
from sidecar.worker import running_worker

FIRST_LOOK_S, LAST_LOOK_S = 0.05, 1.0
"""One write ends at once; looking at thousands should not slow them down."""

GIVE_UP_AFTER_ATTEMPTS = 4
PATIENCE_S = 30.0
"""So long without any news, and whoever waits may go: Immich refuses for now, or the running sidecar is busy."""

SETTLE_WITHIN_S = 10.0
MOST_TOLD = 50

DEEDS: dict[ActionKind, str] = {
    ActionKind.CREATE_STACK: "stacked",
    ActionKind.EXTEND_STACK: "put into one stack",
    ActionKind.SET_COVER: "cover changed",
    ActionKind.DISSOLVE_STACK: "taken apart",
    ActionKind.UNDO: "taken back",
}


@asynccontextmanager
async def at_work(services: Services, owner_ids: Collection[OwnerId]) -> AsyncIterator[None]:
    """Somebody does the work of the block: a worker of its own, unless another process has one.

    Shape:  the block ends when what it changed shows in the lists and Immich was told of it, or after some seconds; the
            rest is done by the running sidecar or the next scan.
    """
    if services.is_guest:
        yield
        await _settled(services, owner_ids)
        return
    async with running_worker(services.jobs):
        yield
        await _settled(services, owner_ids)


async def _settled(services: Services, owner_ids: Collection[OwnerId]) -> None:
    loop = asyncio.get_running_loop()
    until_s = loop.time() + SETTLE_WITHIN_S
    # Only the database knows, and other processes write it too: nobody would set an event.
    while loop.time() < until_s and await _is_unsettled(services, owner_ids):  # noqa: ASYNC110
        await asyncio.sleep(FIRST_LOOK_S)


async def _is_unsettled(services: Services, owner_ids: Collection[OwnerId]) -> bool:
    now_ms = services.jobs.now_ms()
    async with services.database.read() as connection:
        for owner_id in owner_ids:
            if (await work.backlog(connection, owner_id)).pending:
                return True
            if await decisions.due_memos(connection, owner_id, now_ms=now_ms, limit=1):
                return True
    return False


async def carried_out(services: Services, intended: Sequence[Action], err: TextIO) -> list[Entry]:
    """How these writes stand, in their order, when they have ended or when it makes no sense to wait longer."""
    async with at_work(services, {action.owner_id for action in intended}):
        return await _ended(services, intended, err)


async def _ended(services: Services, intended: Sequence[Action], err: TextIO) -> list[Entry]:
    loop = asyncio.get_running_loop()
    begun_s = news_s = loop.time()
    waiting: Sequence[Action] = intended
    found: dict[str, Entry] = {}
    while True:
        looked_s = loop.time()
        present = {entry.action.id: entry for entry in await _entries(services, waiting)}
        left = [entry for entry in present.values() if entry.state is ActionState.INTENDED]
        if any(found.get(each) != entry for each, entry in present.items()):
            news_s = looked_s
        found |= present
        _count(err, len(intended) - len(left), len(intended))
        is_hopeless = all(entry.action.attempts >= GIVE_UP_AFTER_ATTEMPTS for entry in left)
        if is_hopeless or looked_s - news_s > PATIENCE_S:
            _count(err, len(intended) - len(left), len(intended), end="\n")
            return [found[action.id] for action in intended]
        waiting = [entry.action for entry in left]
        pause_s = min(LAST_LOOK_S, FIRST_LOOK_S + (looked_s - begun_s) / 20)
        await asyncio.sleep(max(pause_s, 4 * (loop.time() - looked_s)))


def _count(err: TextIO, ended: int, of: int, *, end: str = "") -> None:
    if of > 1 and err.isatty():
        print(f"\r{ended} of {of} written", end=end, file=err, flush=True)


async def _entries(services: Services, intended: Sequence[Action]) -> list[Entry]:
    by_owner: dict[OwnerId, list[str]] = {}
    for action in intended:
        by_owner.setdefault(action.owner_id, []).append(action.id)
    async with services.database.read() as connection:
        return [
            entry for owner_id, ids in by_owner.items() for entry in await journal.entries(connection, owner_id, ids)
        ]


async def names_of(services: Services, actions: Sequence[Action]) -> dict[AssetId, str]:
    """The file names of everybody in these writes."""
    by_owner: dict[OwnerId, dict[AssetId, None]] = {}
    for action in actions:
        by_owner.setdefault(action.owner_id, {}).update(dict.fromkeys(action.member_ids))
    names: dict[AssetId, str] = {}
    async with services.database.read() as connection:
        for owner_id, ids in by_owner.items():
            names |= await assets.names(connection, owner_id, list(ids))
    return names


async def tell(services: Services, entries: Sequence[Entry], out: TextIO) -> ExitCode:
    """DONE if all of them are done, after they were told: each that is not, and the first of those that are."""
    done = [entry for entry in entries if entry.state is ActionState.DONE]
    others = [entry for entry in entries if entry.state is not ActionState.DONE]
    names = await names_of(services, [entry.action for entry in (*done[:MOST_TOLD], *others)])
    for line in _told(done, others, names):
        print(line, file=out)
    return ExitCode.PARTLY_FAILED if others else ExitCode.DONE


def _told(done: Sequence[Entry], others: Sequence[Entry], names: Mapping[AssetId, str]) -> Iterator[str]:
    for entry in done[:MOST_TOLD]:
        yield f"  {DEEDS[entry.action.kind]}: {files_of(entry.action.member_ids, names)}"
    if len(done) > MOST_TOLD:
        yield f"  … and {plural(len(done) - MOST_TOLD, 'more write')} done"
    for entry in others:
        is_waiting = entry.state is ActionState.INTENDED
        verdict = "not yet, the sidecar tries it again" if is_waiting else "not done"
        why = printable(entry.error or "no answer yet")
        yield f"  {verdict}: {files_of(entry.action.member_ids, names)}  ({why})"
