"""Waiting for writes that a person asked for, and saying how they ended."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import TextIO

from sidecar.commands.exit_codes import ExitCode
from sidecar.commands.report import files_of, plural, printable
from sidecar.commands.waiting import Wait, at_work
from sidecar.model import AssetId, OwnerId
from sidecar.storage import assets, journal
from sidecar.storage.journal import Action, ActionKind, ActionState, Entry
from sidecar.wiring import Services

MOST_TOLD = 50

DEEDS: dict[ActionKind, str] = {
    ActionKind.CREATE_STACK: "stacked",
    ActionKind.EXTEND_STACK: "put into one stack",
    ActionKind.SET_COVER: "cover changed",
    ActionKind.DISSOLVE_STACK: "taken apart",
    ActionKind.UNDO: "taken back",
}


async def carried_out(services: Services, intended: Sequence[Action], err: TextIO) -> list[Entry]:
    """How these writes stand, in their order, when they have ended or when it makes no sense to wait longer."""
    by_id = {action.id: action for action in intended}

    async def look(ids: Sequence[str]) -> dict[str, Entry]:
        return {entry.action.id: entry for entry in await _entries(services, [by_id[each] for each in ids])}

    wait = Wait(
        look, lambda entry: entry.state is not ActionState.INTENDED, lambda entry: entry.action.attempts, "written"
    )
    async with at_work(services, {action.owner_id for action in intended}):
        return await wait.for_all(list(by_id), err)


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
