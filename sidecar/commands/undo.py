"""`sidecar undo`: shows what was written, and takes it back after showing what that means."""

from __future__ import annotations

import asyncio
import re
import sys
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from itertools import pairwise
from typing import TextIO

from sidecar.accounts.connected import Account
from sidecar.commands.exit_codes import ExitCode, exit_code_of
from sidecar.commands.report import called, files_of, plural, printable
from sidecar.commands.writes import DEEDS, carried_out, names_of, tell
from sidecar.errors import SettingsError
from sidecar.jobs.context import wall_clock_ms
from sidecar.jobs.undo import TakingBack, UndoPlan, intend_undo, plan_undo, standing
from sidecar.model import AssetId
from sidecar.settings import Settings
from sidecar.storage import journal
from sidecar.storage.journal import ActionKind, ActionState, Entry
from sidecar.wiring import Services, open_services

MOST_LISTED = 20
SHORTEST_PREFIX = 6
SHORTEST_SHOWN = 8

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
    """One user's journal; title is what the user is called among the others."""

    account: Account
    title: str
    entries: Sequence[Entry]


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
        accounts = services.accounts
        for refused in accounts.refused:
            print(f"sidecar: {refused}", file=err)
        chosen = [accounts.named(options.user)] if options.user is not None else list(accounts.connected.values())
        histories = [await _history(services, account) for account in chosen]
        if options.wishes:
            code = await _take_back(services, histories, options, since_ms, out=out, err=err, answers=answers)
        else:
            await _list(services, histories, options.most, out)
            code = ExitCode.DONE
        return code or (exit_code_of(accounts.refused[0]) if accounts.refused and options.user is None else code)


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
    plans = _plans(histories, options, since_ms)
    for history, plan in plans:
        await _show(services, history, plan, options.most, out)
    some_stay = any(plan.refused for _, plan in plans)
    if not any(plan.ways for _, plan in plans):
        print("Nothing is taken back.", file=out)
        return ExitCode.PARTLY_FAILED if some_stay else ExitCode.DONE
    if not options.yes:
        # Python has no standard input where the caller closed it.
        person: TextIO | None = sys.stdin if answers is None else answers
        if person is None or not person.isatty():
            print("sidecar: nobody is here to say yes; look at the list above and add --yes", file=err)
            return ExitCode.BAD_USE
        # What was shown must be on the screen before the question.
        out.flush()
        if not await _agrees(person, err):
            print("Nothing was changed.", file=out)
            return ExitCode.PARTLY_FAILED
    intended = [
        action
        for history, plan in plans
        if plan.ways
        for action in await intend_undo(services.jobs, history.account.user.id, plan)
    ]
    code = await tell(services, await carried_out(services, intended, err), out)
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
    title = called(account.user, (each.user for each in services.accounts.connected.values()))
    async with services.database.read() as connection:
        return _History(account, title, await journal.since(connection, account.user.id, since_ms=0))


def _plans(histories: Sequence[_History], options: UndoOptions, since_ms: int) -> list[tuple[_History, UndoPlan]]:
    if not options.actions:
        return [(history, plan_undo(history.entries, _since(history.entries, since_ms))) for history in histories]
    every = [entry for history in histories for entry in history.entries]
    named = {_named(word, every) for word in options.actions}
    return [
        (history, plan_undo(history.entries, named & {entry.action.id for entry in history.entries}))
        for history in histories
    ]


def _since(entries: Sequence[Entry], since_ms: int) -> Collection[str]:
    """What stands and has ended since then; to take a taking-back back, it must be named."""
    return {
        entry.action.id
        for entry in standing(entries)
        if entry.action.kind is not ActionKind.UNDO and (entry.ended_at_ms or 0) >= since_ms
    }


def _named(word: str, entries: Sequence[Entry]) -> str:
    if len(word) < SHORTEST_PREFIX:
        raise SettingsError(
            f"--action {word!r}: give at least {SHORTEST_PREFIX} characters of what `sidecar undo` lists"
        )
    found = [entry for entry in entries if entry.action.id.startswith(word.lower())]
    if not found:
        raise SettingsError(f"--action {word!r}: no write is called that; `sidecar undo` lists them")
    if len(found) > 1:
        raise SettingsError(f"--action {word!r}: {len(found)} writes begin with that; give more of it")
    if found[0].state is ActionState.INTENDED:
        raise SettingsError(f"--action {word!r}: that write still waits, so there is nothing to take back yet")
    if found[0].state is not ActionState.DONE:
        why = printable(found[0].error or found[0].state.value)
        raise SettingsError(f"--action {word!r}: that write was never done, so there is nothing to take back ({why})")
    return found[0].action.id


async def _list(services: Services, histories: Sequence[_History], most: int | None, out: TextIO) -> None:
    length = _telling_length(entry.action.id for history in histories for entry in history.entries)
    found = [list(reversed(standing(history.entries))) for history in histories]
    for history, entries in zip(histories, found, strict=True):
        shown = entries[:most]
        order = ", the latest first" if len(entries) > 1 else ""
        print(f"{history.title}: {plural(len(entries), 'write')} can be taken back{order}", file=out)
        names = await names_of(services, [entry.action for entry in shown])
        for entry in shown:
            at = datetime.fromtimestamp((entry.ended_at_ms or 0) / 1000).astimezone()
            deed = f"{DEEDS[entry.action.kind]}: {files_of(entry.action.member_ids, names)}"
            print(f"  {entry.action.id[:length]}  {at:%Y-%m-%d %H:%M}  {deed}", file=out)
        _count_the_rest(len(entries) - len(shown), out)
    example = next((entries[0].action.id[:length] for entries in found if entries), None)
    if example is not None:
        # A taking-back is taken back by its name only.
        is_more = any(each.action.kind is not ActionKind.UNDO for entries in found for each in entries)
        others = ", or --since 2h, or --all" if is_more else ""
        print(f"Take back with: sidecar undo --action {example}{others}", file=out)


def _telling_length(ids: Iterable[str]) -> int:
    """How much of an id tells it from all others."""
    ordered = sorted(ids)
    length = SHORTEST_SHOWN
    for one, other in pairwise(ordered):
        while one[:length] == other[:length]:
            length += 1
    return length


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


async def _agrees(answers: TextIO, err: TextIO) -> bool:
    print("Take this back? [y/N] ", end="", file=err, flush=True)
    try:
        answer = await _line_from(answers)
    except asyncio.CancelledError:
        print("\nNothing was changed.", file=err)
        raise
    if not answer.endswith("\n"):
        print(file=err)
    return answer.strip().lower() in {"y", "yes"}


async def _line_from(terminal: TextIO) -> str:
    """What a person types, without keeping the loop from hearing Ctrl-C meanwhile, as a plain read would."""
    typed = asyncio.Event()
    loop = asyncio.get_running_loop()
    loop.add_reader(terminal.fileno(), typed.set)
    try:
        await typed.wait()
    finally:
        loop.remove_reader(terminal.fileno())
    return terminal.readline()
