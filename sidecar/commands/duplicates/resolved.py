"""Waiting for decisions about duplicates to be carried out, and saying how they ended."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import TextIO

from sidecar.commands.duplicates.files import File, decision_line, files_of_decisions, line_of
from sidecar.commands.exit_codes import ExitCode
from sidecar.commands.report import plural, printable
from sidecar.commands.waiting import Wait, at_work
from sidecar.model import AssetId, OwnerId
from sidecar.storage import resolutions
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


async def tell(services: Services, ended: Sequence[Resolution], out: TextIO) -> ExitCode:
    """DONE if all of them are done, after they were told: each that is not, and the first of those that are."""
    done = [each for each in ended if each.state in _DONE]
    others = [each for each in ended if each.state not in _DONE]
    files = await files_of_decisions(services, [*done[:MOST_TOLD], *others])
    for line in _told(done, others, files):
        print(line, file=out)
    return ExitCode.PARTLY_FAILED if others else ExitCode.DONE


def _told(done: Sequence[Resolution], others: Sequence[Resolution], files: Mapping[AssetId, File]) -> Iterator[str]:
    for each in done[:MOST_TOLD]:
        if each.state is ResolutionState.UNDONE:
            yield f"  back from the trash: {line_of(each.trash_ids, files, among=each.keep_ids)}{_note(each)}"
        else:
            yield f"  {decision_line(each, files)}{_note(each)}"
    if len(done) > MOST_TOLD:
        yield f"  … and {plural(len(done) - MOST_TOLD, 'more decision')} carried out"
    for each in others:
        verdict = "not done" if each.state.is_over else "not yet, the sidecar goes on with it"
        yield f"  {verdict}: {decision_line(each, files)}  ({printable(each.error or 'no answer yet')})"


def _note(found: Resolution) -> str:
    return f"  ({printable(found.error)})" if found.error else ""
