"""The command line: words in, one command, one line for an error, a number for scripts. README.md lists the numbers."""

from __future__ import annotations

import argparse
import asyncio
import sys
from collections.abc import Awaitable, Callable, Sequence

from sidecar import __version__
from sidecar.commands.demo import demo
from sidecar.commands.exit_codes import ExitCode, exit_code_of
from sidecar.commands.run import Parts, run
from sidecar.commands.scan import ScanOptions, scan
from sidecar.errors import SidecarError
from sidecar.log import set_up_logging
from sidecar.settings import Settings, read_settings

Command = Callable[[Settings, argparse.Namespace], Awaitable[ExitCode]]


def main(arguments: Sequence[str] | None = None) -> int:
    """The exit code; see commands/exit_codes.py."""
    options = _parser().parse_args(arguments)
    try:
        settings = read_settings()
        set_up_logging("debug" if options.verbose else options.quiet_level or settings.log_level)
        command: Command = options.command
        return asyncio.run(_run(command, settings, options))
    except SidecarError as error:
        print(f"sidecar: {error}", file=sys.stderr)
        return exit_code_of(error)
    except KeyboardInterrupt:
        print("sidecar: stopped; the next start goes on where this one was", file=sys.stderr)
        return ExitCode.INTERRUPTED
    except BrokenPipeError:
        # The reader of our output has gone (`sidecar scan | head`); Python would complain once more at exit.
        sys.stdout = None
        return ExitCode.DONE


async def _run(command: Command, settings: Settings, options: argparse.Namespace) -> ExitCode:
    return await command(settings, options)


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="sidecar",
        description="Native stacks beside an unmodified Immich. Settings come from the environment: see README.",
    )
    parser.add_argument("--version", action="version", version=f"sidecar {__version__}")
    parser.add_argument("--verbose", action="store_true", help="log every step")
    parser.set_defaults(quiet_level=None)
    commands = parser.add_subparsers(title="commands", required=True, metavar="COMMAND")

    running = commands.add_parser("run", help="web pages and background work in one process")
    running.set_defaults(command=_running(Parts(web=True, worker=True)))
    serving = commands.add_parser(
        "serve", help="only the web pages; needs SIDECAR_REDIS_URL and SIDECAR_DATABASE_URL to share"
    )
    serving.set_defaults(command=_running(Parts(web=True, worker=False)))
    working = commands.add_parser(
        "worker", help="only the background work; as many as you like on one Redis and PostgreSQL"
    )
    working.set_defaults(command=_running(Parts(web=False, worker=True)))

    scanning = commands.add_parser(
        "scan", help="look at the whole library now, stack what belongs together, and report"
    )
    scanning.add_argument("--dry-run", action="store_true", help="show what would be done; write nothing anywhere")
    scanning.add_argument("--user", metavar="NAME", help="only this user, by Immich name or id")
    scanning.add_argument(
        "--all", action="store_true", help="list everything in the report, not the first 20 of each part"
    )
    scanning.set_defaults(command=_scan, quiet_level="warning")

    demonstrating = commands.add_parser("demo", help="show it on an emulated Immich with generated photos")
    demonstrating.add_argument("--once", action="store_true", help="end after the scan instead of serving the pages")
    demonstrating.set_defaults(command=_demo, quiet_level="warning")
    return parser


def _running(parts: Parts) -> Command:
    async def command(settings: Settings, _options: argparse.Namespace) -> ExitCode:
        return await run(settings, parts)

    return command


async def _scan(settings: Settings, options: argparse.Namespace) -> ExitCode:
    chosen = ScanOptions(user=options.user, dry_run=options.dry_run, most=None if options.all else 20)
    return await scan(settings, chosen)


async def _demo(settings: Settings, options: argparse.Namespace) -> ExitCode:
    return await demo(settings, once=options.once)
