"""`sidecar undo`: shows what was written, and takes it back after showing what that means."""

from __future__ import annotations

import re
import sys
from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import NamedTuple, TextIO

from sidecar.accounts.connected import Account
from sidecar.commands.asking import consent
from sidecar.commands.duplicates import undoing
from sidecar.commands.duplicates.files import File, decision_line, files_of_decisions
from sidecar.commands.duplicates.undoing import restore, restoring
from sidecar.commands.exit_codes import ExitCode
from sidecar.commands.naming import begun_with, chosen_accounts, code_with_refused, telling_length, title_of
from sidecar.commands.report import files_of, plural, printable
from sidecar.commands.writes import DEEDS, carried_out, names_of, tell
from sidecar.errors import SettingsError
from sidecar.jobs.context import wall_clock_ms
from sidecar.jobs.undo import TakingBack, UndoPlan, intend_undo, plan_undo, standing
from sidecar.model import AssetId
from sidecar.settings import Settings
from sidecar.storage import journal
from sidecar.storage.journal import ActionKind, ActionState, Entry
from sidecar.storage.resolutions import Resolution
from sidecar.wiring import Services, open_services

MOST_LISTED = 20
SHORTEST_PREFIX = 6

_UNITS_MS = {"s": 1_000, "m": 60_000, "h": 3_600_000, "d": 86_400_000, "w": 604_800_000}
_SPAN = re.compile(r"(\d{1,6})\s*([smhdw])", re.IGNORECASE | re.ASCII)


@dataclass(frozen=True, slots=True)
class UndoOptions:
    """The words behind `sidecar undo`; without any wish, what could be taken back is only listed.

    Shape:  most is how many lines of a user are listed before the rest is only counted; None lists everything.
    """

    user: str | None = None
    actions: tuple[str, ...] = ()
    since: str | None = None
    everything: bool = False
    yes: bool = False
    most: int | None = MOST_LISTED

    @property
    def wishes(self) -> int:
        """In how many ways it says what is to be taken back."""
        return sum((bool(self.actions), self.since is not None, self.everything))


@dataclass(frozen=True, slots=True)
class _History:
    """One user's journal of writes and of decisions about duplicates; title is what the user is called."""

    account: Account
    title: str
    entries: Sequence[Entry]
    decisions: Sequence[Resolution]

    def ids(self) -> Iterator[str]:
        """By what everything in it is called."""
        yield from (entry.action.id for entry in self.entries)
        yield from (each.id for each in self.decisions)


async def undo(
    settings: Settings,
    options: UndoOptions,
    *,
    out: TextIO = sys.stdout,
    err: TextIO = sys.stderr,
    answers: TextIO | None = None,
) -> ExitCode:
    """How it went, after everything was printed; nothing is taken back that was not shown or counted before.

    Shape:  answers is where a person says yes, by default standard input; without `yes` and without a person nothing
            happens.
    Errors: SettingsError for a wish that means nothing; whatever keeps services from opening.
    """
    if options.wishes > 1:
        raise SettingsError("--action, --since and --all each say what to take back: give one of them")
    if options.yes and not options.wishes:
        raise SettingsError("--yes to what? Say what to take back with --action, --since or --all")
    since_ms = 0 if options.since is None else moment_ms(options.since, now_ms=wall_clock_ms())
    async with open_services(settings, may_be_guest=True) as services:
        chosen = chosen_accounts(services.accounts, options.user, err)
        histories = [await _history(services, account) for account in chosen]
        if options.wishes:
            code = await _take_back(services, histories, options, since_ms, out=out, err=err, answers=answers)
        else:
            await _list(services, histories, options.most, out)
            code = ExitCode.DONE
        return code_with_refused(code, services.accounts, options.user)


async def _take_back(
    services: Services,
    histories: Sequence[_History],
    options: UndoOptions,
    since_ms: int,
    *,
    out: TextIO,
    err: TextIO,
    answers: TextIO | None,
) -> ExitCode:
    named = _named_ids(histories, options.actions)
    restorings = [
        await restoring(services, each.account, each.title, _wanted_decisions(each, options, named, since_ms))
        for each in histories
    ]
    plans = [(each, _plan(each, options, named, since_ms)) for each in histories]
    for (history, plan), back in zip(plans, restorings, strict=True):
        await _show(services, history, plan, options.most, out)
        for line in back.lines(options.most):
            print(line, file=out)
    some_stay = any(plan.refused for _, plan in plans) or any(back.refused for back in restorings)
    if not any(plan.ways for _, plan in plans) and not any(back.wanted for back in restorings):
        print("Nothing is taken back.", file=out)
        return ExitCode.PARTLY_FAILED if some_stay else ExitCode.DONE
    refused = ExitCode.DONE if options.yes else await consent("Take this back?", answers=answers, out=out, err=err)
    if refused:
        return refused
    # Whoever is in the trash is in no stack: first everybody is back, then stacks can be as they were.
    code = await restore(services, restorings, out=out, err=err)
    intended = [
        action
        for history, plan in plans
        if plan.ways
        for action in await intend_undo(services.jobs, history.account.user.id, plan)
    ]
    if intended:
        code = await tell(services, await carried_out(services, intended, err), out) or code
    return ExitCode.PARTLY_FAILED if some_stay else code


def moment_ms(text: str, *, now_ms: int) -> int:
    """The moment that these words mean, in ms since 1970: a span before now ("2h", "3d"), or a date and perhaps a time.

    Errors: SettingsError that says what may stand there.
    """
    span = _SPAN.fullmatch(text.strip())
    if span is not None:
        return now_ms - int(span[1]) * _UNITS_MS[span[2].lower()]
    try:
        moment = round(datetime.fromisoformat(text.strip()).timestamp() * 1000)
    except (ValueError, OverflowError) as error:
        raise SettingsError(
            f"--since {text!r}: give a span such as 30m, 2h or 3d, or a time such as 2026-05-01 or 2026-05-01T18:30"
        ) from error
    if moment > now_ms:
        raise SettingsError(f"--since {text!r}: is still to come")
    return moment


async def _history(services: Services, account: Account) -> _History:
    title = title_of(account, services.accounts)
    async with services.database.read() as connection:
        entries = await journal.since(connection, account.user.id, since_ms=0)
    return _History(account, title, entries, await undoing.decided(services, account))


def _plan(history: _History, options: UndoOptions, named: Collection[str], since_ms: int) -> UndoPlan:
    known = {entry.action.id for entry in history.entries}
    return plan_undo(history.entries, known & set(named) if options.actions else _since(history.entries, since_ms))


def _wanted_decisions(
    history: _History, options: UndoOptions, named: Collection[str], since_ms: int
) -> Collection[str]:
    if options.actions:
        return {each.id for each in history.decisions} & set(named)
    return {each.id for each in undoing.standing(history.decisions) if (each.ended_at_ms or 0) >= since_ms}


def _since(entries: Sequence[Entry], since_ms: int) -> Collection[str]:
    """What stands and has ended since then; to take a taking-back back, it must be named."""
    return {
        entry.action.id
        for entry in standing(entries)
        if entry.action.kind is not ActionKind.UNDO and (entry.ended_at_ms or 0) >= since_ms
    }


def _named_ids(histories: Sequence[_History], words: Sequence[str]) -> set[str]:
    entries = {entry.action.id: entry for history in histories for entry in history.entries}
    decisions = {each.id: each for history in histories for each in history.decisions}
    return {_named(word, entries, decisions) for word in words}


def _named(word: str, entries: Mapping[str, Entry], decisions: Mapping[str, Resolution]) -> str:
    if len(word) < SHORTEST_PREFIX:
        raise SettingsError(
            f"--action {word!r}: give at least {SHORTEST_PREFIX} characters of what `sidecar undo` lists"
        )
    found = begun_with(word, {*entries, *decisions})
    if not found:
        raise SettingsError(f"--action {word!r}: no write is called that; `sidecar undo` lists them")
    if len(found) > 1:
        raise SettingsError(f"--action {word!r}: {len(found)} writes begin with that; give more of it")
    (name,) = found
    if name in decisions:
        undoing.check_named(word, decisions[name])
    else:
        _check_named(word, entries[name])
    return name


def _check_named(word: str, found: Entry) -> None:
    if found.state is ActionState.INTENDED:
        raise SettingsError(f"--action {word!r}: that write still waits, so there is nothing to take back yet")
    if found.state is not ActionState.DONE:
        why = printable(found.error or found.state.value)
        raise SettingsError(f"--action {word!r}: that write was never done, so there is nothing to take back ({why})")


class _Line(NamedTuple):
    """One thing that can be taken back: when it ended, its id, whether only by its name, and itself."""

    ended_at_ms: int
    id: str
    by_name_only: bool
    deed: Entry | Resolution


async def _list(services: Services, histories: Sequence[_History], most: int | None, out: TextIO) -> None:
    length = telling_length(each for history in histories for each in history.ids())
    found = [_standing(history) for history in histories]
    for history, lines in zip(histories, found, strict=True):
        shown = lines[:most]
        order = ", the latest first" if len(lines) > 1 else ""
        print(f"{history.title}: {plural(len(lines), 'write')} can be taken back{order}", file=out)
        names = await names_of(services, [line.deed.action for line in shown if isinstance(line.deed, Entry)])
        files = await files_of_decisions(services, [line.deed for line in shown if isinstance(line.deed, Resolution)])
        for line in shown:
            at = datetime.fromtimestamp(line.ended_at_ms / 1000).astimezone()
            print(f"  {line.id[:length]}  {at:%Y-%m-%d %H:%M}  {_deed(line.deed, names, files)}", file=out)
        _count_the_rest(len(lines) - len(shown), out)
    example = next((lines[0].id[:length] for lines in found if lines), None)
    if example is not None:
        # A taking-back is taken back by its name only.
        is_more = any(not line.by_name_only for lines in found for line in lines)
        others = ", or --since 2h, or --all" if is_more else ""
        print(f"Take back with: sidecar undo --action {example}{others}", file=out)


def _standing(history: _History) -> list[_Line]:
    """What can be taken back, the latest first."""
    writes = [
        _Line(entry.ended_at_ms or 0, entry.action.id, entry.action.kind is ActionKind.UNDO, entry)
        for entry in reversed(standing(history.entries))
    ]
    decisions = [
        _Line(each.ended_at_ms or 0, each.id, by_name_only=False, deed=each)
        for each in reversed(undoing.standing(history.decisions))
    ]
    return sorted([*writes, *decisions], key=lambda line: line.ended_at_ms, reverse=True)


def _deed(deed: Entry | Resolution, names: Mapping[AssetId, str], files: Mapping[AssetId, File]) -> str:
    if isinstance(deed, Entry):
        return f"{DEEDS[deed.action.kind]}: {files_of(deed.action.member_ids, names)}"
    failed = f"  (not all of it was done: {printable(deed.error)})" if deed.error else ""
    return f"{decision_line(deed, files)}{failed}"


def _count_the_rest(count: int, out: TextIO) -> None:
    if count > 0:
        print(f"  … and {count} more (--full lists them)", file=out)


async def _show(services: Services, history: _History, plan: UndoPlan, most: int | None, out: TextIO) -> None:
    shown, refused = plan.ways[:most], plan.refused[:most]
    names = await names_of(services, [*(each for way in shown for each in way.undoes), *(each for each, _ in refused)])
    if plan.ways:
        count = sum(len(way.undoes) for way in plan.ways)
        print(f"{history.title}: would take back {plural(count, 'write')}", file=out)
        for way in shown:
            print(f"  {_way(way, names)}", file=out)
        _count_the_rest(len(plan.ways) - len(shown), out)
    if plan.refused:
        print(f"{history.title}: {plural(len(plan.refused), 'write')} cannot be taken back", file=out)
        for action, why in refused:
            print(f"  {files_of(action.member_ids, names)}  ({why})", file=out)
        _count_the_rest(len(plan.refused) - len(refused), out)


def _way(way: TakingBack, names: Mapping[AssetId, str]) -> str:
    return f"{files_of(way.member_ids, names)}  ({_meaning(way)})"


def _meaning(way: TakingBack) -> str:
    if not way.former:
        return "will be single again, and stay so"
    if not way.present:
        return "will be stacked again"
    if {shape.member_ids for shape in way.present} == {shape.member_ids for shape in way.former}:
        return "the former cover comes back"
    return "will be stacked as before, and whoever joined will be single again, and stay so"
