"""Waiting for decisions about duplicates to be carried out, and saying how they ended."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import TextIO

from sidecar.commands.exit_codes import ExitCode
from sidecar.commands.report import files_of, plural, printable
from sidecar.commands.waiting import Wait, at_work
from sidecar.model import AssetId, OwnerId
from sidecar.storage import assets, resolutions
from sidecar.storage.resolutions import Resolution, ResolutionState
from sidecar.wiring import Services

MOST_TOLD = 50
_DONE = frozenset({ResolutionState.DONE, ResolutionState.UNDONE})


async def carried_out(services: Services, decided: Sequence[Resolution], err: TextIO) -> list[Resolution]:
    """How these stand, in their order, when they have ended or when it makes no sense to wait longer."""
    owner_of = {each.id: each.owner_id for each in decided}

    async def look(ids: Sequence[str]) -> dict[str, Resolution]:
        by_owner: dict[OwnerId, list[str]] = {}
        for each in ids:
            by_owner.setdefault(owner_of[each], []).append(each)
        async with services.database.read() as connection:
            return {
                found.id: found
                for owner_id, wanted in by_owner.items()
                for found in await resolutions.entries(connection, owner_id, wanted)
            }

    wait = Wait(look, lambda found: found.state.is_over, lambda found: found.attempts, "carried out")
    async with at_work(services, set(owner_of.values())):
        return await wait.for_all(list(owner_of), err)


async def names_in(services: Services, found: Sequence[Resolution]) -> dict[AssetId, str]:
    """The file names of everybody in these decisions."""
    by_owner: dict[OwnerId, dict[AssetId, None]] = {}
    for each in found:
        by_owner.setdefault(each.owner_id, {}).update(dict.fromkeys((*each.keep_ids, *each.trash_ids)))
    names: dict[AssetId, str] = {}
    async with services.database.read() as connection:
        for owner_id, ids in by_owner.items():
            names |= await assets.names(connection, owner_id, list(ids))
    return names


async def tell(services: Services, ended: Sequence[Resolution], out: TextIO) -> ExitCode:
    """DONE if all of them are done, after they were told: each that is not, and the first of those that are."""
    done = [each for each in ended if each.state in _DONE]
    others = [each for each in ended if each.state not in _DONE]
    names = await names_in(services, [*done[:MOST_TOLD], *others])
    for line in _told(done, others, names):
        print(line, file=out)
    return ExitCode.PARTLY_FAILED if others else ExitCode.DONE


def deed_of(found: Resolution, names: Mapping[AssetId, str]) -> str:
    """A decision as people read it."""
    return f"kept: {files_of(found.keep_ids, names)}; to the trash: {files_of(found.trash_ids, names)}"


def _told(done: Sequence[Resolution], others: Sequence[Resolution], names: Mapping[AssetId, str]) -> Iterator[str]:
    for each in done[:MOST_TOLD]:
        if each.state is ResolutionState.UNDONE:
            yield f"  back from the trash: {files_of(each.trash_ids, names)}{_note(each)}"
        else:
            yield f"  {deed_of(each, names)}{_note(each)}"
    if len(done) > MOST_TOLD:
        yield f"  … and {plural(len(done) - MOST_TOLD, 'more decision')} carried out"
    for each in others:
        verdict = "not done" if each.state.is_over else "not yet, the sidecar goes on with it"
        yield f"  {verdict}: {deed_of(each, names)}  ({printable(each.error or 'no answer yet')})"


def _note(found: Resolution) -> str:
    return f"  ({printable(found.error)})" if found.error else ""
