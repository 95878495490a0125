"""From the words of the command line to the command that they name; errors become one line and a number."""

from __future__ import annotations

import argparse
import asyncio
import sys

from sidecar.commands.demo import demo
from sidecar.commands.exit_codes import ExitCode, exit_code_of
from sidecar.commands.run import Parts, run
from sidecar.commands.scan import MOST_LISTED, ScanOptions, scan
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
        print(f"sidecar: {error}", file=sys.stderr)
        return exit_code_of(error)


async def _command(settings: Settings, options: argparse.Namespace) -> ExitCode:
    if options.command == "scan":
        most = None if options.all else MOST_LISTED
        return await scan(settings, ScanOptions(user=options.user, dry_run=options.dry_run, most=most))
    if options.command == "demo":
        return await demo(settings, once=options.once)
    return await run(settings, _PARTS[options.command])
