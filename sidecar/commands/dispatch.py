"""From the words of the command line to the command that they name; errors become one line and a number."""

from __future__ import annotations

import argparse
import asyncio
import sys

from sidecar.commands.demo import demo
from sidecar.commands.exit_codes import ExitCode, exit_code_of
from sidecar.commands.groups import MOST_LISTED as MOST_OPEN
from sidecar.commands.groups import GroupsOptions, Listed, Verdict, show_or_decide
from sidecar.commands.preferences import Change, show_or_change
from sidecar.commands.run import Parts, run
from sidecar.commands.scan import MOST_LISTED, ScanOptions, scan
from sidecar.commands.undo import MOST_LISTED as MOST_WRITES
from sidecar.commands.undo import UndoOptions, undo
from sidecar.errors import SidecarError
from sidecar.log import set_up_logging
from sidecar.settings import Settings, read_settings

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
        set_up_logging("debug" if options.verbose else level)
        return asyncio.run(_command(settings, options))
    except SidecarError as error:
        for line in str(error).splitlines():
            print(f"sidecar: {line}", file=sys.stderr)
        return exit_code_of(error)


async def _command(settings: Settings, options: argparse.Namespace) -> ExitCode:
    if options.command == "scan":
        most = None if options.all else MOST_LISTED
        return await scan(settings, ScanOptions(user=options.user, dry_run=options.dry_run, most=most))
    if options.command == "groups":
        return await show_or_decide(settings, _groups_of(options))
    if options.command == "undo":
        return await undo(settings, _undo_of(options))
    if options.command == "settings":
        return await show_or_change(settings, _change_of(options), user=options.user)
    if options.command == "demo":
        return await demo(settings, once=options.once)
    return await run(settings, _PARTS[options.command])


def _groups_of(options: argparse.Namespace) -> GroupsOptions:
    is_accepting = options.verdict == Verdict.ACCEPT
    return GroupsOptions(
        user=options.user,
        listed=None if options.list is None else Listed(options.list),
        most=None if options.all else MOST_OPEN,
        as_json=options.json,
        verdict=None if options.verdict is None else Verdict(options.verdict),
        ids=() if options.verdict is None else tuple(options.ids),
        only=tuple(options.only) if is_accepting else (),
        cover=options.cover if is_accepting else None,
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


def _change_of(options: argparse.Namespace) -> Change | None:
    if options.change is None:
        return None
    # Who forgot the quotes of `[edited, jpg, raw]` gave several words and meant one value.
    return Change(options.key, " ".join(options.value) if options.change == "set" else None)
