"""Keeping copies and dismissing sets, after a person has seen what that means."""

from __future__ import annotations

from collections import Counter
from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import TextIO

from sidecar.accounts.connected import Account
from sidecar.commands.asking import consent
from sidecar.commands.duplicates.files import File, files_in, line_of, told_apart
from sidecar.commands.duplicates.resolved import carried_out, tell
from sidecar.commands.duplicates.sets import NamedSet, dismissal_called, set_called
from sidecar.commands.exit_codes import ExitCode
from sidecar.commands.naming import file_called, title_of
from sidecar.commands.report import listed, plural, printable, size_of
from sidecar.commands.waiting import at_work
from sidecar.duplicates.merging import Gain, PartKind
from sidecar.duplicates.verdict import CONCERNS, SENTENCES, Agreement, Concern, Objection, Refusal
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
from sidecar.storage.duplicate_sets import StoredSet
from sidecar.storage.resolutions import Resolution
from sidecar.wiring import Services

_ALLOWED_BY = {
    Refusal.EXTERNAL: "--external-ok",
    Refusal.SAYS_LITTLE: "--featureless-ok",
}


_NOT_WITHOUT_ASKING = {Concern.ALBUM_REFUSES: "--albums-ok"}
"""Cautions that the resolve job does not go past unless they were agreed to: a yes alone would end in a failure."""

MOST_GROUPS = 20


@dataclass(frozen=True, slots=True)
class Decide:
    """The words behind `keep`: whether all copies of the same bytes are meant, and what needs no question.

    Shape:  most is how many groups of identical files of a user are shown before the rest is only counted; None shows
            all of them.
    """

    identical: bool = False
    yes: bool = False
    external_ok: bool = False
    featureless_ok: bool = False
    albums_ok: bool = False
    most: int | None = MOST_GROUPS

    @property
    def agreement(self) -> Agreement:
        """What was agreed to before anything was shown."""
        return Agreement(external=self.external_ok, little_to_see=self.featureless_ok, lost_albums=self.albums_ok)


@dataclass(frozen=True, slots=True)
class _Asked:
    """A set that a person decides about: whose it is, what its files are called, and what is to be kept."""

    account: Account
    found: StoredSet
    files: Mapping[AssetId, File]
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
        unwanted = set() if options.albums_ok else _NOT_WITHOUT_ASKING.keys() & {each.concern for each in seen.cautions}
        for line in _preview_lines(await _with_everybody(services, asked, seen), seen, unwanted):
            print(line, file=out)
        if seen.objections or unwanted:
            return ExitCode.PARTLY_FAILED
        refused = (
            ExitCode.DONE if options.yes else await consent("Keep and trash so?", answers=answers, out=out, err=err)
        )
        if refused:
            return refused
        decided = await keep(services.jobs, owner_id, asked.found.id, asked.keep_ids, agreement=options.agreement)
    except (StaleDecision, KeepRefused) as error:
        copies = line_of([member.asset_id for member in asked.found.members], asked.files)
        print(f"  not decided: {copies}  ({error})", file=out)
        return ExitCode.PARTLY_FAILED
    return await tell(services, await carried_out(services, [decided], err), out)


async def _asked(services: Services, accounts: Sequence[Account], words: Sequence[str]) -> _Asked:
    word, *wanted = words
    account, found = await set_called(services, accounts, word)
    ids = [member.asset_id for member in found.members]
    async with services.database.read() as connection:
        files = await files_in(connection, account.user.id, ids)
    names = {asset_id: file.name for asset_id, file in files.items()}
    kept = [file_called(each, ids, names, whole="set") for each in wanted] or [found.best_id]
    return _Asked(account, found, files, tuple(dict.fromkeys(kept)))


async def _with_everybody(services: Services, asked: _Asked, seen: Preview) -> _Asked:
    """The same with the files of everybody concerned: who goes with a stack is no member of the set."""
    ids = {*seen.verdict.trash, *_blamed(seen)}
    async with services.database.read() as connection:
        files = await files_in(connection, asked.account.user.id, sorted(ids - asked.files.keys()))
    return replace(asked, files={**asked.files, **files})


def _preview_lines(asked: _Asked, seen: Preview, unwanted: Collection[Concern]) -> Iterator[str]:
    """Everything that would happen, or why it would not; unwanted are concerns that nobody agreed to."""
    verdict = seen.verdict
    called = told_apart((*asked.files, *verdict.keep, *verdict.trash, *_blamed(seen)), asked.files)

    def line(ids: Sequence[AssetId]) -> str:
        return listed([called[asset_id] for asset_id in ids])

    yield f"{asked.found.id}  {asked.found.kind}"
    yield f"  keeps: {line(verdict.keep)}"
    if verdict.trash:
        yield f"  to the trash: {line(verdict.trash)}  (frees {size_of(verdict.freed_bytes)} when Immich empties it)"
    gained = list(_gained(seen.gain, seen.albums))
    if gained:
        yield f"  {line(verdict.keep[:1])} gets {', '.join(gained)}"
    for caution in seen.cautions:
        about = ", ".join(repr(printable(name)) for name in caution.names) or line(caution.asset_ids)
        if caution.concern in unwanted:
            yield f"  not possible: {caution.sentence} {_NOT_WITHOUT_ASKING[caution.concern]} says so.  ({about})"
        else:
            yield f"  Note: {caution.sentence}" + (f"  ({about})" if about else "")
    for objection in seen.objections:
        yield f"  not possible: {_objection(objection, line(objection.asset_ids))}"


def _objection(objection: Objection, files: str) -> str:
    about = f"  ({files})" if files else ""
    return f"{_refusal(objection.refusal)}{about}"


def _refusal(refusal: Refusal) -> str:
    flag = _ALLOWED_BY.get(refusal)
    return f"{SENTENCES[refusal]} {flag} says so." if flag else SENTENCES[refusal]


def _blamed(seen: Preview) -> set[AssetId]:
    """Whom the objections and cautions are about."""
    blamed = [*(each.asset_ids for each in seen.objections), *(each.asset_ids for each in seen.cautions)]
    return {asset_id for ids in blamed for asset_id in ids}


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
        shown_ids = {each for keeper, gone in seen.decisions[: options.most] for each in (keeper, *gone)}
        async with services.database.read() as connection:
            files = await files_in(connection, account.user.id, sorted(shown_ids))
        for line in _bulk_lines(title_of(account, services.accounts), seen, files, options.most):
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


def _bulk_lines(title: str, seen: BulkPreview, files: Mapping[AssetId, File], most: int | None) -> Iterator[str]:
    yield (
        f"{title}: would keep one of each in {plural(seen.groups, 'group')} of identical files in "
        f"{plural(seen.sets, 'set')}; {plural(seen.files, 'file')} would go to the trash, "
        f"which frees {size_of(seen.freed_bytes)}"
    )
    for keeper, gone in seen.decisions[:most]:
        together = (keeper, *gone)
        keeps, goes = line_of([keeper], files, among=together), line_of(gone, files, among=together)
        yield f"  keeps: {keeps}; to the trash: {goes}"
    if most is not None and len(seen.decisions) > most:
        yield f"  … and {plural(len(seen.decisions) - most, 'more group')} (--all lists them)"
    if seen.external:
        yield (
            f"  Note: {seen.external} of them of external libraries; Immich deletes these from their disk when it "
            "empties the trash"
        )
    for concern, count in sorted(seen.cautions.items()):
        # Of files of external libraries the line before tells more.
        if concern is not Concern.EXTERNAL:
            yield f"  Note: of {plural(count, 'group')}: {CONCERNS[concern]}"
    for refusal, count in sorted(seen.left_alone.items()):
        yield f"  left alone: {plural(count, 'group')}  ({_refusal(refusal)})"


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
            files = await _copies_in(services, each)
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
                files = await files_in(connection, each.account.user.id, ids)
            print(f"  the next search may list them again: {line_of(ids, files)}", file=out)
        return ExitCode.DONE


async def _copies_in(services: Services, named: NamedSet) -> str:
    ids = [member.asset_id for member in named.found.members]
    async with services.database.read() as connection:
        return line_of(ids, await files_in(connection, named.account.user.id, ids))
