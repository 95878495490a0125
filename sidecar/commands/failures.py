"""`sidecar failures` and `sidecar retry`: what was given up and why, and trying it again."""

from __future__ import annotations

import asyncio
import json
import sys
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from contextlib import AsyncExitStack
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import TextIO

from sidecar.accounts.connected import Account
from sidecar.commands import waiting
from sidecar.commands.exit_codes import ExitCode
from sidecar.commands.naming import chosen_accounts, code_with_refused, title_of
from sidecar.commands.progress import Display, Stage, display_on
from sidecar.commands.report import plural, printable, shortened
from sidecar.errors import SettingsError
from sidecar.jobs.failures import Failure, FailureKind, failures, retry, still_tried
from sidecar.jobs.status import Status, status
from sidecar.model import OwnerId
from sidecar.settings import Settings
from sidecar.wiring import Services, open_services
from sidecar.worker import running_worker

MOST_LISTED = 50
_LONGEST_REASON = 200
_LONGEST_WHAT = 200


@dataclass(frozen=True, slots=True)
class FailuresOptions:
    """The words behind `sidecar failures`; most is how many of a user are listed, None lists everything."""

    user: str | None = None
    most: int | None = MOST_LISTED
    as_json: bool = False


@dataclass(frozen=True, slots=True)
class RetryOptions:
    """The words behind `sidecar retry`."""

    ids: tuple[str, ...] = ()
    everything: bool = False
    user: str | None = None


# What of it has failed, of one and of several.
_NOUNS: Mapping[FailureKind, tuple[str, str]] = {
    FailureKind.SCAN: ("scan that ended early", "scans that ended early"),
    FailureKind.CHANGE: ("change that could not be looked at", "changes that could not be looked at"),
    FailureKind.NAME: ("file name that could not be compared", "file names that could not be compared"),
    FailureKind.WRITE: ("stack that was not written", "stacks that were not written"),
    FailureKind.WISH: (
        "wish of yours about a stack that was not carried out",
        "wishes of yours about stacks that were not carried out",
    ),
    FailureKind.SEARCH: ("search for duplicates that ended early", "searches for duplicates that ended early"),
    FailureKind.FILE: ("file that could not be read", "files that could not be read"),
    FailureKind.PICTURE: ("picture that could not be looked at", "pictures that could not be looked at"),
    FailureKind.DECISION: (
        "decision about duplicates that was not carried out",
        "decisions about duplicates that were not carried out",
    ),
    FailureKind.REMAINDER: (
        "decision about duplicates of which a part is left",
        "decisions about duplicates of which a part is left",
    ),
}

_BY_YOU: Mapping[FailureKind, str] = {
    FailureKind.DECISION: "decide again: `sidecar duplicates` lists the set",
    FailureKind.REMAINDER: "take back what is left of it: `sidecar undo` lists it",
}
"""What a person has to do where trying again would be deciding for them."""

_NOT_REPEATED = "looked at anew; if you still want it, say so again: `sidecar groups` or `sidecar undo` lists it"


@dataclass(frozen=True, slots=True)
class _Listing:
    """What of one user was given up; title is what the user is called among the others."""

    account: Account
    title: str
    failures: Sequence[Failure]

    def objects(self) -> Iterator[dict[str, object]]:
        """The same for programs."""
        for each in self.failures:
            yield {
                "user": self.account.user.name,
                "user_id": self.account.user.id,
                "id": each.id,
                "kind": each.kind.value,
                "what": each.what,
                "reason": each.reason,
                "since": None
                if each.since_ms is None
                else datetime.fromtimestamp(each.since_ms / 1000, UTC).isoformat(),
                "can_be_retried": each.kind.can_be_retried,
            }

    def texts(self, most: int | None) -> Iterator[str]:
        """The same for people."""
        if not self.failures:
            yield f"{self.title}: nothing failed"
            return
        yield f"{self.title}: {plural(len(self.failures), 'failure')}"
        shown = self.failures[:most]
        for kind, count in Counter(each.kind for each in self.failures).items():
            yield f"  {count} {_NOUNS[kind][count > 1]}"
            yield from (f"    {each.id}  {_line(each)}" for each in shown if each.kind is kind)
            if kind in _BY_YOU:
                yield f"    {_BY_YOU[kind]}"
        if len(shown) < len(self.failures):
            yield f"  … and {len(self.failures) - len(shown)} more (--all lists them)"


async def show_failures(
    settings: Settings, options: FailuresOptions, *, out: TextIO = sys.stdout, err: TextIO = sys.stderr
) -> ExitCode:
    """PARTLY_FAILED if anything was given up, after it was listed.

    Errors: SettingsError if no user is called that; whatever keeps services from opening.
    """
    async with open_services(settings, may_be_guest=True) as services:
        listings = await _listings(services, chosen_accounts(services.accounts, options.user, err))
        if options.as_json:
            print(json.dumps([each for one in listings for each in one.objects()], indent=2), file=out)
        else:
            for listing in listings:
                for text in listing.texts(options.most):
                    print(text, file=out)
            for text in _advice(listings):
                print(text, file=out)
        code = ExitCode.PARTLY_FAILED if any(listing.failures for listing in listings) else ExitCode.DONE
        return code_with_refused(code, services.accounts, options.user)


async def try_again(
    settings: Settings, options: RetryOptions, *, out: TextIO = sys.stdout, err: TextIO = sys.stderr
) -> ExitCode:
    """DONE if all that was tried again has gone well, after each was told.

    Shape:  every word is understood before anything is tried.
    Errors: SettingsError for a word that means nothing; whatever keeps services from opening.
    """
    if options.everything == bool(options.ids):
        raise SettingsError("say what to try again: either names that `sidecar failures` lists, or --all")
    async with open_services(settings, may_be_guest=True) as services:
        listings = await _listings(services, chosen_accounts(services.accounts, options.user, err))
        wanted = _named(listings, options)
        refused = [each for each in wanted if not each.kind.can_be_retried]
        for each in refused:
            print(f"  not tried again: {_files(each)}  ({_BY_YOU[each.kind]})", file=out)
        code = ExitCode.PARTLY_FAILED if refused else ExitCode.DONE
        if len(refused) < len(wanted):
            code = await _carry_out(services, listings, wanted, out=out, err=err) or code
        elif not wanted:
            print("Nothing failed.", file=out)
        return code_with_refused(code, services.accounts, options.user)


async def _listings(services: Services, chosen: Sequence[Account]) -> list[_Listing]:
    return [
        _Listing(each, title_of(each, services.accounts), await failures(services.jobs, each.user.id))
        for each in chosen
    ]


def _advice(listings: Sequence[_Listing]) -> Iterator[str]:
    ids = (each.id for one in listings for each in one.failures if each.kind.can_be_retried)
    if (example := next(ids, None)) is not None:
        yield f"Try again with: sidecar retry {example}, or: sidecar retry --all"


def _named(listings: Sequence[_Listing], options: RetryOptions) -> list[Failure]:
    every = {each.id: each for one in listings for each in one.failures}
    if options.everything:
        return list(every.values())
    for word in options.ids:
        if word.lower() not in every:
            raise SettingsError(f"no failure is called {word!r}; `sidecar failures` lists those that there are")
    return [every[word] for word in dict.fromkeys(word.lower() for word in options.ids)]


@dataclass(frozen=True, slots=True)
class _Going:
    """How far it has come with one user's failures of these kinds; changes are those that still wait for a look."""

    status: Status
    kinds: frozenset[FailureKind]
    changes: frozenset[str] = frozenset()

    @property
    def stages(self) -> list[Stage]:
        """What is still under way of it, in the order in which it is done."""
        now = self.status
        every = (
            (_HEARD, Stage("looking at changes", len(self.changes)), bool(self.changes)),
            (
                _SCANNED,
                Stage("reading assets", max(0, now.scan.expected - now.scan.found), now.scan.expected),
                now.scan.state.is_under_way,
            ),
            (_PAIRED, Stage("comparing names", now.pairing.waiting), now.pairing.waiting > 0),
            (_PAIRED, Stage("writing stacks", now.stacks.waiting), now.stacks.waiting > 0),
            (
                _SEARCHED,
                Stage(
                    "looking for duplicates", max(0, now.duplicates.total - now.duplicates.looked), now.duplicates.total
                ),
                now.duplicates.state.is_under_way,
            ),
        )
        return [stage for kinds, stage, is_open in every if is_open and self.kinds & kinds]

    @property
    def is_over(self) -> bool:
        """Nothing of it is left to do."""
        return not self.stages

    @property
    def stage(self) -> Stage:
        """What is going on."""
        return self.stages[0] if self.stages else Stage("done")

    @property
    def sentence(self) -> str:
        """The same for people."""
        stage = self.stage
        return f"{stage.name}: {stage.left} left" if stage.left else stage.name


_HEARD = frozenset({FailureKind.CHANGE})
_SCANNED = frozenset({FailureKind.SCAN})
_SEARCHED = frozenset({FailureKind.SEARCH, FailureKind.FILE, FailureKind.PICTURE})
_PAIRED = frozenset({*_HEARD, *_SCANNED, FailureKind.NAME, FailureKind.WRITE, FailureKind.WISH})


async def _carry_out(
    services: Services, listings: Sequence[_Listing], wanted: Sequence[Failure], *, out: TextIO, err: TextIO
) -> ExitCode:
    retried: list[tuple[_Listing, list[Failure]]] = []
    for listing in listings:
        ids = {each.id for each in wanted if each.owner_id == listing.account.user.id}
        if ids:
            retried.append((listing, await retry(services.jobs, listing.account.user.id, ids)))
    async with AsyncExitStack() as stack:
        if services.is_guest:
            print("another sidecar works on this data folder; it does this", file=err)
        else:
            await stack.enter_async_context(running_worker(services.jobs))
        display = stack.enter_context(display_on(err))
        going = [await _follow(services, listing, tried, display) for listing, tried in retried]
    outcomes: list[tuple[ExitCode, str]] = []
    for (listing, tried), how in zip(retried, going, strict=True):
        failed = {each.id: each for each in await failures(services.jobs, listing.account.user.id)}
        outcomes += [_outcome(each, failed, how) for each in tried]
    for code in (ExitCode.DONE, ExitCode.TRY_LATER, ExitCode.PARTLY_FAILED):
        texts = [text for ended, text in outcomes if ended is code]
        for text in texts[:MOST_LISTED]:
            print(f"  {text}", file=out)
        if len(texts) > MOST_LISTED:
            print(f"  … and {len(texts) - MOST_LISTED} more", file=out)
    return min((code for code, _ in outcomes if code), default=ExitCode.DONE)


def _outcome(tried: Failure, failed: Mapping[str, Failure], going: _Going) -> tuple[ExitCode, str]:
    if tried.id in failed:
        return ExitCode.PARTLY_FAILED, f"failed again: {_line(failed[tried.id])}"
    if not _Going(going.status, frozenset({tried.kind}), going.changes & {tried.id}).is_over:
        return ExitCode.TRY_LATER, f"not yet, the sidecar goes on with it: {_files(tried)}"
    if tried.kind is FailureKind.WISH:
        return ExitCode.DONE, f"{_files(tried)}  ({_NOT_REPEATED})"
    return ExitCode.DONE, f"done: {_files(tried)}"


async def _follow(services: Services, listing: _Listing, tried: Sequence[Failure], display: Display) -> _Going:
    """How far it has come when it is over, or when nothing has happened for so long that waiting makes no sense."""
    loop = asyncio.get_running_loop()
    begun_s = news_s = loop.time()
    owner_id = listing.account.user.id
    kinds = frozenset(each.kind for each in tried)
    before: Sequence[Stage] = ()
    while True:
        left = await still_tried(services.jobs, owner_id, [each.id for each in tried])
        going = _Going(await _status(services, owner_id), kinds, frozenset(left))
        looked_s = loop.time()
        if going.stages != before:
            before, news_s = going.stages, looked_s
        display.show(listing.title, going)
        if going.is_over or looked_s - news_s > waiting.PATIENCE_S:
            return going
        await asyncio.sleep(min(waiting.LAST_LOOK_S, waiting.FIRST_LOOK_S + (looked_s - begun_s) / 20))


async def _status(services: Services, owner_id: OwnerId) -> Status:
    async with services.database.read() as connection:
        return await status(connection, [owner_id], now_ms=services.jobs.now_ms())


def _files(failure: Failure) -> str:
    return shortened(printable(failure.what), _LONGEST_WHAT)


def _line(failure: Failure) -> str:
    reason = shortened(printable(failure.reason), _LONGEST_REASON) or "no reason given"
    if failure.since_ms is None:
        return f"{_files(failure)}  ({reason})"
    since = datetime.fromtimestamp(failure.since_ms / 1000).astimezone()
    return f"{_files(failure)}  ({reason}; {since:%Y-%m-%d %H:%M})"
