"""Keeping copies and dismissing sets, after a person has seen what that means."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import TextIO

from sidecar.accounts.connected import Account
from sidecar.commands.asking import consent
from sidecar.commands.duplicates.resolved import carried_out, tell
from sidecar.commands.duplicates.sets import NamedSet, dismissal_called, set_called
from sidecar.commands.exit_codes import ExitCode
from sidecar.commands.naming import file_called, title_of
from sidecar.commands.report import files_of, plural, printable, size_of
from sidecar.commands.waiting import at_work
from sidecar.duplicates.merging import Gain, PartKind
from sidecar.duplicates.verdict import SENTENCES, Agreement, Objection, Refusal
from sidecar.errors import StaleDecision
from sidecar.jobs.duplicates.decide import (
    BulkPreview,
    KeepRefused,
    Preview,
    keep,
    keep_identical,
    preview,
    preview_identical,
)
from sidecar.jobs.duplicates.dismissals import dismiss, undismiss
from sidecar.model import AssetId
from sidecar.storage import assets
from sidecar.storage.duplicate_sets import StoredSet
from sidecar.storage.resolutions import Resolution
from sidecar.wiring import Services

_ALLOWED_BY = {
    Refusal.EXTERNAL: "--external-ok",
    Refusal.SAYS_LITTLE: "--featureless-ok",
}


@dataclass(frozen=True, slots=True)
class Decide:
    """The words behind `keep`: whether all copies of the same bytes are meant, and what needs no question."""

    identical: bool = False
    yes: bool = False
    external_ok: bool = False
    featureless_ok: bool = False
    albums_ok: bool = False

    @property
    def agreement(self) -> Agreement:
        """What was agreed to before anything was shown."""
        return Agreement(external=self.external_ok, little_to_see=self.featureless_ok, lost_albums=self.albums_ok)


@dataclass(frozen=True, slots=True)
class _Asked:
    """A set that a person decides about: whose it is, what its files are called, and what is to be kept."""

    account: Account
    found: StoredSet
    names: Mapping[AssetId, str]
    keep_ids: tuple[AssetId, ...]


async def keep_copies(
    services: Services,
    accounts: Sequence[Account],
    words: Sequence[str],
    options: Decide,
    *,
    out: TextIO,
    err: TextIO,
    answers: TextIO | None,
) -> ExitCode:
    """DONE if the copies were kept, and the others are in the trash.

    Shape:  the first word names the set, the others the files to keep; without them, the suggested one.
    Errors: SettingsError for a word that means nothing. Those of the client.
    """
    asked = await _asked(services, accounts, words)
    owner_id = asked.account.user.id
    try:
        seen = await preview(services.jobs, owner_id, asked.found.id, asked.keep_ids, agreement=options.agreement)
        for line in _preview_lines(await _with_names(services, asked, seen), seen):
            print(line, file=out)
        if seen.objections:
            return ExitCode.PARTLY_FAILED
        refused = (
            ExitCode.DONE if options.yes else await consent("Keep and trash so?", answers=answers, out=out, err=err)
        )
        if refused:
            return refused
        decided = await keep(services.jobs, owner_id, asked.found.id, asked.keep_ids, agreement=options.agreement)
    except (StaleDecision, KeepRefused) as error:
        files = files_of([member.asset_id for member in asked.found.members], asked.names)
        print(f"  not decided: {files}  ({error})", file=out)
        return ExitCode.PARTLY_FAILED
    return await tell(services, await carried_out(services, [decided], err), out)


async def _asked(services: Services, accounts: Sequence[Account], words: Sequence[str]) -> _Asked:
    word, *files = words
    account, found = await set_called(services, accounts, word)
    ids = [member.asset_id for member in found.members]
    async with services.database.read() as connection:
        names = await assets.names(connection, account.user.id, ids)
    kept = [file_called(each, ids, names, whole="set") for each in files] or [found.best_id]
    return _Asked(account, found, names, tuple(dict.fromkeys(kept)))


async def _with_names(services: Services, asked: _Asked, seen: Preview) -> _Asked:
    """The same with the names of everybody concerned: who goes with a stack is no member of the set."""
    ids = set(seen.verdict.trash)
    ids.update(asset_id for objection in seen.objections for asset_id in objection.asset_ids)
    ids.update(asset_id for caution in seen.cautions for asset_id in caution.asset_ids)
    async with services.database.read() as connection:
        names = await assets.names(connection, asked.account.user.id, sorted(ids - asked.names.keys()))
    return replace(asked, names={**asked.names, **names})


def _preview_lines(asked: _Asked, seen: Preview) -> Iterator[str]:
    """Everything that would happen, or why it would not."""
    verdict, names = seen.verdict, asked.names
    yield f"{asked.found.id}  {asked.found.kind}"
    if verdict.keep:
        yield f"  keeps: {files_of(verdict.keep, names)}"
    if verdict.trash:
        goes = files_of(verdict.trash, names)
        yield f"  to the trash: {goes}  (frees {size_of(verdict.freed_bytes)} when Immich empties it)"
    gained = list(_gained(seen.gain, seen.albums))
    if gained:
        yield f"  {files_of(verdict.keep[:1], names)} gets {', '.join(gained)}"
    for caution in seen.cautions:
        about = ", ".join(repr(printable(name)) for name in caution.names) or files_of(caution.asset_ids, names)
        yield f"  Note: {caution.sentence}" + (f"  ({about})" if about else "")
    for objection in seen.objections:
        yield f"  not possible: {_objection(objection, names)}"


def _objection(objection: Objection, names: Mapping[AssetId, str]) -> str:
    about = f"  ({files_of(objection.asset_ids, names)})" if objection.asset_ids else ""
    flag = _ALLOWED_BY.get(objection.refusal)
    return objection.sentence + (f" {flag} says so." if flag else "") + about


def _gained(gain: Gain, albums: Mapping[str, str]) -> Iterator[str]:
    """What the kept copy gets from those that go, in words."""
    counts = Counter(part.kind for part in gain.parts)
    if PartKind.FAVORITE in counts:
        yield "the heart of a favourite"
    if gain.rating is not None:
        yield f"the rating {gain.rating}"
    if gain.description is not None:
        yield "their description"
    if gain.place is not None:
        yield "their place"
    if PartKind.TAG in counts:
        yield plural(counts[PartKind.TAG], "tag")
    in_albums = [repr(printable(albums.get(each, each))) for each in gain.ids(PartKind.ALBUM)]
    if in_albums:
        yield f"into the {'album' if len(in_albums) == 1 else 'albums'} {', '.join(in_albums)}"
    if PartKind.LINK in counts:
        yield f"into {plural(counts[PartKind.LINK], 'public link')}"


async def keep_identical_copies(
    services: Services,
    accounts: Sequence[Account],
    options: Decide,
    *,
    out: TextIO,
    err: TextIO,
    answers: TextIO | None,
) -> ExitCode:
    """DONE if of all files of the same bytes one was kept, and the others are in the trash.

    Errors: those of the client.
    """
    shown: list[tuple[Account, BulkPreview]] = []
    is_refused = False
    for account in accounts:
        seen = await preview_identical(services.jobs, account.user.id, agreement=options.agreement)
        for line in _bulk_lines(title_of(account, services.accounts), seen):
            print(line, file=out)
        if Refusal.TRASH_IS_OFF in seen.left_alone:
            is_refused = True
        elif seen.groups:
            shown.append((account, seen))
    if not shown:
        print("Nothing is to be done.", file=out)
        return ExitCode.PARTLY_FAILED if is_refused else ExitCode.DONE
    refused = ExitCode.DONE if options.yes else await consent("Keep and trash so?", answers=answers, out=out, err=err)
    if refused:
        return refused
    decided: list[Resolution] = []
    code = ExitCode.PARTLY_FAILED if is_refused else ExitCode.DONE
    for account, seen in shown:
        try:
            decided += await keep_identical(
                services.jobs, account.user.id, confirm=seen.token, agreement=options.agreement
            )
        except (StaleDecision, KeepRefused) as error:
            print(f"  not decided: {title_of(account, services.accounts)}  ({error})", file=out)
            code = ExitCode.PARTLY_FAILED
    return await tell(services, await carried_out(services, decided, err), out) or code


def _bulk_lines(title: str, seen: BulkPreview) -> Iterator[str]:
    files = plural(seen.files, "file")
    yield (
        f"{title}: would keep one of each in {plural(seen.groups, 'group')} of identical files in "
        f"{plural(seen.sets, 'set')}; {files} would go to the trash, which frees {size_of(seen.freed_bytes)}"
    )
    if seen.external:
        yield (
            f"  Note: {seen.external} of them of external libraries; Immich deletes these from their disk when it "
            "empties the trash"
        )
    for refusal, count in sorted(seen.left_alone.items()):
        flag = _ALLOWED_BY.get(refusal)
        yield f"  left alone: {plural(count, 'group')}  ({SENTENCES[refusal]}{f' {flag} says so.' if flag else ''})"


async def dismiss_sets(
    services: Services, accounts: Sequence[Account], words: Sequence[str], *, out: TextIO
) -> ExitCode:
    """DONE if all of these sets were dismissed; one that went stale is told and stops no other.

    Errors: SettingsError for a word that means nothing; then nothing was dismissed.
    """
    named = [await set_called(services, accounts, word) for word in words]
    code = ExitCode.DONE
    async with at_work(services, {account.user.id for account, _ in named}):
        for each in {found.id: NamedSet(account, found) for account, found in named}.values():
            files = await _files_of(services, each)
            try:
                await dismiss(services.jobs, each.account.user.id, each.found.id)
            except StaleDecision as error:
                print(f"  not decided: {files}  ({error})", file=out)
                code = ExitCode.PARTLY_FAILED
            else:
                print(f"  no duplicates, and not listed again: {files}", file=out)
    return code


async def undismiss_sets(
    services: Services, accounts: Sequence[Account], words: Sequence[str], *, out: TextIO
) -> ExitCode:
    """DONE if all of these dismissals were taken back.

    Errors: SettingsError for a word that means nothing; then nothing was taken back.
    """
    named = [await dismissal_called(services, accounts, word) for word in words]
    async with at_work(services, {each.account.user.id for each in named}):
        for each in named:
            await undismiss(services.jobs, each.account.user.id, [each.decision_id])
            async with services.database.read() as connection:
                ids = sorted(each.decision.asset_ids)
                names = await assets.names(connection, each.account.user.id, ids)
            print(f"  the next search may list them again: {files_of(ids, names)}", file=out)
    return ExitCode.DONE


async def _files_of(services: Services, named: NamedSet) -> str:
    ids = [member.asset_id for member in named.found.members]
    async with services.database.read() as connection:
        return files_of(ids, await assets.names(connection, named.account.user.id, ids))
