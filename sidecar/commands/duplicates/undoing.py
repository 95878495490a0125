"""The half of `sidecar undo` that is about duplicates: which decisions there are, and taking them back."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import TextIO

from sidecar.accounts.connected import Account
from sidecar.commands.duplicates.files import File, files_of_decisions, line_of
from sidecar.commands.duplicates.resolved import carried_out, tell
from sidecar.commands.exit_codes import ExitCode
from sidecar.commands.report import plural, printable
from sidecar.errors import SettingsError
from sidecar.jobs.duplicates.restore import CAN_BE_UNDONE, UndoPreview, preview_undo, undo
from sidecar.model import AssetId
from sidecar.storage import resolutions
from sidecar.storage.resolutions import Resolution, ResolutionState
from sidecar.wiring import Services

_BEING_UNDONE = frozenset({ResolutionState.UNDOING, ResolutionState.UNDONE})


@dataclass(frozen=True, slots=True)
class Restoring:
    """What taking back would do for one user: for each decision that can be, and for each that cannot."""

    account: Account
    title: str
    previews: Sequence[UndoPreview]
    files: Mapping[AssetId, File]

    @property
    def wanted(self) -> list[UndoPreview]:
        """Those that can be taken back."""
        return [each for each in self.previews if each.why_not is None]

    @property
    def refused(self) -> list[UndoPreview]:
        """Those that cannot."""
        return [each for each in self.previews if each.why_not is not None]

    def lines(self, most: int | None) -> Iterator[str]:
        """What a person should know before."""
        if self.wanted:
            yield f"{self.title}: would take back {plural(len(self.wanted), 'decision')} about duplicates"
            for each in self.wanted[:most]:
                yield f"  {self._meaning(each)}"
            yield from _rest(len(self.wanted[most:]) if most is not None else 0)
            yield (
                "  What the kept copies were given is taken away from them, except a place, and what was changed since."
            )
        if self.refused:
            yield f"{self.title}: {plural(len(self.refused), 'decision')} about duplicates cannot be taken back"
            for each in self.refused[:most]:
                found = each.resolution
                yield f"  {line_of(found.trash_ids, self.files, among=found.keep_ids)}  ({each.why_not})"
            yield from _rest(len(self.refused[most:]) if most is not None else 0)

    def _meaning(self, each: UndoPreview) -> str:
        found, parts = each.resolution, []
        together = (*found.keep_ids, *found.trash_ids)
        if each.restored:
            parts.append(f"back from the trash: {line_of(each.restored, self.files, among=together)}")
        if each.gone:
            parts.append(
                f"deleted for good meanwhile, and does not come back: {line_of(each.gone, self.files, among=together)}"
            )
        kept = f"beside {line_of(found.keep_ids, self.files, among=together)}"
        return f"{'; '.join(parts) or 'nothing is in the trash any more'}  ({kept})"


def _rest(count: int) -> Iterator[str]:
    if count > 0:
        yield f"  … and {count} more (--full lists them)"


async def decided(services: Services, account: Account) -> list[Resolution]:
    """All decisions of this user about duplicates, the oldest first."""
    async with services.database.read() as connection:
        return await resolutions.since(connection, account.user.id, since_ms=0)


def standing(found: Sequence[Resolution]) -> list[Resolution]:
    """Those that were carried out, or begun, and not taken back since."""
    return [each for each in found if each.state in CAN_BE_UNDONE]


def check_named(word: str, found: Resolution) -> None:
    """Nothing, if the decision was carried out.

    Errors: SettingsError that says why there is nothing to take back.
    """
    if not found.state.is_over and found.state not in _BEING_UNDONE:
        raise SettingsError(f"--action {word!r}: that decision is still being carried out; wait for its end")
    if found.state is ResolutionState.WITHDRAWN:
        why = printable(found.error or found.state.value)
        raise SettingsError(f"--action {word!r}: that decision was never carried out, so nothing is to be done ({why})")


async def restoring(services: Services, account: Account, title: str, ids: Collection[str]) -> Restoring:
    """What taking these decisions back would do, looked up in Immich.

    Errors: those of the client.
    """
    previews = await preview_undo(services.jobs, account.user.id, sorted(ids))
    latest_first = sorted(
        previews, key=lambda each: (each.resolution.ended_at_ms or 0, each.resolution.id), reverse=True
    )
    files = await files_of_decisions(services, [each.resolution for each in previews])
    return Restoring(account, title, latest_first, files)


async def restore(services: Services, plans: Sequence[Restoring], *, out: TextIO, err: TextIO) -> ExitCode:
    """DONE if all that could be taken back was, after it was told."""
    begun: list[Resolution] = []
    for plan in plans:
        wanted = {each.resolution.id: each.resolution for each in plan.wanted}
        begun += [wanted[each] for each in await undo(services.jobs, plan.account.user.id, list(wanted))]
    return await tell(services, await carried_out(services, begun, err), out) if begun else ExitCode.DONE
