"""The command line: words in, one command, one line for an error, a number for scripts. README.md lists the numbers."""

from __future__ import annotations

import argparse
import os
import sys
from collections.abc import Sequence

from sidecar import __version__

BROKEN, INTERRUPTED = 7, 130
"""As in commands/exit_codes.py, which is not loaded yet when these are needed."""


def main(arguments: Sequence[str] | None = None) -> int:
    """The exit code; see commands/exit_codes.py."""
    options = _parser().parse_args(arguments)
    try:
        # Loading everything takes a second or two, in which a person may change their mind.
        from sidecar.commands.dispatch import run_command  # noqa: PLC0415

        code = run_command(options)
        sys.stdout.flush()
    except KeyboardInterrupt:
        print("sidecar: stopped; nothing is lost, the next scan goes on where this one was", file=sys.stderr)
        return INTERRUPTED
    except BrokenPipeError:
        # The reader of our output has gone (`sidecar scan | head`); Python would complain once more at exit.
        silence_stdout()
        return 0
    except OSError as error:
        print(f"sidecar: {error.strerror or type(error).__name__}", file=sys.stderr)
        silence_stdout()
        return BROKEN
    return code


def silence_stdout() -> None:
    """Whatever still waits to be printed goes nowhere."""
    os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="sidecar",
        description="Native stacks beside an unmodified Immich. Settings come from the environment: see README.",
    )
    parser.add_argument("--version", action="version", version=f"sidecar {__version__}")
    parser.add_argument("--verbose", action="store_true", help="log every step")
    commands = parser.add_subparsers(dest="command", title="commands", required=True, metavar="COMMAND")
    commands.add_parser("run", help="web pages and background work in one process")
    commands.add_parser(
        "serve", help="only the web pages; share SIDECAR_REDIS_URL and SIDECAR_DATABASE_URL with workers"
    )
    commands.add_parser("worker", help="only the background work; as many as you like on one Redis and PostgreSQL")
    scanning = commands.add_parser(
        "scan", help="look at the whole library now, stack what belongs together, and report"
    )
    scanning.add_argument("--dry-run", action="store_true", help="show what would be done; write nothing anywhere")
    scanning.add_argument("--user", metavar="NAME", help="only this user, by Immich name or id")
    scanning.add_argument(
        "--all", action="store_true", help="list everything in the report, not the first 20 of each part"
    )
    demonstrating = commands.add_parser("demo", help="show it on an emulated Immich with generated photos")
    demonstrating.add_argument("--once", action="store_true", help="end after the scan instead of serving the pages")
    return parser
