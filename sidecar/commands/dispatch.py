"""From the words of the command line to the command that they name; errors become one line and a number."""

from __future__ import annotations

import argparse
import asyncio
import sys
from collections.abc import Awaitable, Callable

from sidecar.commands import groups
from sidecar.commands.backup import backup, restore
from sidecar.commands.demo import demo
from sidecar.commands.doctor import doctor
from sidecar.commands.duplicates import command as duplicates
from sidecar.commands.duplicates.command import DuplicatesOptions, Verb
from sidecar.commands.duplicates.deciding import MOST_GROUPS, Decide
from sidecar.commands.duplicates.listing import MOST_LISTED as MOST_SETS
from sidecar.commands.duplicates.listing import ListOptions
from sidecar.commands.exit_codes import ExitCode, exit_code_of
from sidecar.commands.failures import MOST_LISTED as MOST_FAILURES
from sidecar.commands.failures import FailuresOptions, RetryOptions, show_failures, try_again
from sidecar.commands.groups import MOST_LISTED as MOST_OPEN
from sidecar.commands.groups import GroupsOptions, Listed
from sidecar.commands.migrate import migrate
from sidecar.commands.preferences import Change, show_or_change
from sidecar.commands.rotate_key import rotate_key
from sidecar.commands.run import Parts, run
from sidecar.commands.scan import MOST_LISTED, ScanOptions, scan
from sidecar.commands.undo import MOST_LISTED as MOST_WRITES
from sidecar.commands.undo import UndoOptions, undo
from sidecar.commands.verdicts import Verdict, Wish
from sidecar.duplicates.classes import DuplicateClass
from sidecar.errors import SidecarError
from sidecar.log import set_up_logging
from sidecar.settings import Settings, read_settings
from sidecar.storage.duplicate_sets import SetOrder

_PARTS = {
    "run": Parts(web=True, worker=True),
    "serve": Parts(web=True, worker=False),
    "worker": Parts(web=False, worker=True),
}


def run_command(options: argparse.Namespace) -> ExitCode:
    """How the command ended.

    Errors: KeyboardInterrupt if a person ended it, OSError if what it prints cannot be written.
    """
    try:
        settings = read_settings()
        # What `scan` and `demo` have to say they print themselves.
        level = settings.log_level if options.command in _PARTS else "error"
        set_up_logging("debug" if options.verbose else level, settings.log_format)
        return asyncio.run(_command(settings, options))
    except SidecarError as error:
        for line in str(error).splitlines():
            print(f"sidecar: {line}", file=sys.stderr)
        return exit_code_of(error)


async def _command(settings: Settings, options: argparse.Namespace) -> ExitCode:
    asked = _COMMANDS.get(options.command)
    return await (run(settings, _PARTS[options.command]) if asked is None else asked(settings, options))


def _scan_of(options: argparse.Namespace) -> ScanOptions:
    return ScanOptions(
        user=options.user,
        dry_run=options.dry_run,
        duplicates=options.duplicates,
        most=None if options.all else MOST_LISTED,
    )


def _duplicates_of(options: argparse.Namespace) -> DuplicatesOptions:
    is_keeping = options.verb == Verb.KEEP
    return DuplicatesOptions(
        user=options.user,
        verb=None if options.verb is None else Verb(options.verb),
        ids=() if options.verb is None else tuple(options.ids),
        listing=ListOptions(
            kinds=tuple(dict.fromkeys(map(DuplicateClass, options.classes))),
            order=SetOrder(options.sort),
            most=None if options.all else MOST_SETS,
            as_json=options.json,
            with_immichs_own=options.immich,
            unread=options.unread,
            dismissed=options.dismissed,
        ),
        decide=Decide(
            identical=options.identical,
            yes=options.yes,
            external_ok=options.external_ok,
            featureless_ok=options.featureless_ok,
            albums_ok=options.albums_ok,
            most=None if options.every_group else MOST_GROUPS,
        )
        if is_keeping
        else Decide(),
    )


def _groups_of(options: argparse.Namespace) -> GroupsOptions:
    is_accepting = options.verdict == Verdict.ACCEPT
    return GroupsOptions(
        user=options.user,
        listed=None if options.list is None else Listed(options.list),
        most=None if options.all else MOST_OPEN,
        as_json=options.json,
        verdict=None if options.verdict is None else Verdict(options.verdict),
        wish=Wish(
            ids=() if options.verdict is None else tuple(options.ids),
            only=tuple(options.only) if is_accepting else (),
            cover=options.cover if is_accepting else None,
        ),
    )


def _undo_of(options: argparse.Namespace) -> UndoOptions:
    return UndoOptions(
        user=options.user,
        actions=tuple(options.action),
        since=options.since,
        everything=options.all,
        yes=options.yes,
        most=None if options.full else MOST_WRITES,
    )


def _failures_of(options: argparse.Namespace) -> FailuresOptions:
    return FailuresOptions(options.user, None if options.all else MOST_FAILURES, options.json)


def _retry_of(options: argparse.Namespace) -> RetryOptions:
    return RetryOptions(tuple(options.ids), options.all, options.user)


def _change_of(options: argparse.Namespace) -> Change | None:
    if options.change is None:
        return None
    # Who forgot the quotes of `[edited, jpg, raw]` gave several words and meant one value.
    return Change(options.key, " ".join(options.value) if options.change == "set" else None)


_COMMANDS: dict[str, Callable[[Settings, argparse.Namespace], Awaitable[ExitCode]]] = {
    "scan": lambda settings, options: scan(settings, _scan_of(options)),
    "groups": lambda settings, options: groups.show_or_decide(settings, _groups_of(options)),
    "duplicates": lambda settings, options: duplicates.show_or_decide(settings, _duplicates_of(options)),
    "undo": lambda settings, options: undo(settings, _undo_of(options)),
    "failures": lambda settings, options: show_failures(settings, _failures_of(options)),
    "retry": lambda settings, options: try_again(settings, _retry_of(options)),
    "settings": lambda settings, options: show_or_change(settings, _change_of(options), user=options.user),
    "rotate-key": lambda settings, _options: rotate_key(settings),
    "doctor": lambda settings, options: doctor(settings, every=options.all, as_json=options.json),
    "backup": lambda settings, options: backup(settings, options.file),
    "restore": lambda settings, options: restore(settings, options.file, replace=options.replace),
    "migrate": lambda settings, options: migrate(settings, options.to),
    "demo": lambda settings, options: demo(settings, once=options.once),
}
