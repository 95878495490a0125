"""The command line: words in, one command, one line for an error, a number for scripts. README.md lists the numbers."""

from __future__ import annotations

import argparse
import io
import os
import sys
from collections.abc import Sequence
from pathlib import Path

from sidecar import __version__

BROKEN, INTERRUPTED = 7, 130
"""As in commands/exit_codes.py, which is not loaded yet when these are needed."""


def main(arguments: Sequence[str] | None = None) -> int:
    """The exit code; see commands/exit_codes.py."""
    make_stdout_patient()
    options = _parser().parse_args(arguments)
    try:
        # Loading everything takes a second or two, in which a person may change their mind.
        from sidecar.commands.dispatch import run_command  # noqa: PLC0415

        code = run_command(options)
        sys.stdout.flush()
    except KeyboardInterrupt:
        print("sidecar: stopped; nothing is lost, the next scan goes on with what was begun", file=sys.stderr)
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


def make_stdout_patient() -> None:
    """Standard output takes every character: a file name may hold one that the terminal's encoding lacks."""
    if isinstance(sys.stdout, io.TextIOWrapper):
        sys.stdout.reconfigure(errors="replace")
    elif sys.stdout is None:
        # The caller closed it (`>&-`), and Python has none then.
        sys.stdout = Path(os.devnull).open("w", encoding="utf-8")  # noqa: SIM115  # as long as the process lives


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
        "--duplicates", action="store_true", help="then search for duplicates, to the end, and report those too"
    )
    scanning.add_argument(
        "--all", action="store_true", help="list everything in the report, not the first 20 of each part"
    )
    _add_settings(
        commands.add_parser(
            "settings", help="show what stacking and duplicate search go by for each user, or change it"
        )
    )
    _add_groups(commands.add_parser("groups", help="list what waits for you to decide, and decide it"))
    _add_duplicates(commands.add_parser("duplicates", help="list duplicates, and decide which copies stay"))
    _add_undo(commands.add_parser("undo", help="list what was written to Immich, and take it back"))
    _add_failures(commands.add_parser("failures", help="list what was given up, and why"))
    _add_retry(commands.add_parser("retry", help="try again what was given up"))
    commands.add_parser("rotate-key", help="seal all stored API keys under a new key of the data folder")
    examining = commands.add_parser(
        "doctor", help="say what has to be mended, and whether this Immich changed what the sidecar relies on"
    )
    examining.add_argument("--all", action="store_true", help="list what has not changed, too")
    examining.add_argument("--json", action="store_true", help="say everything, as JSON")
    saving = commands.add_parser("backup", help="write all that the sidecar remembers into one file, while it runs")
    saving.add_argument(
        "file",
        metavar="FILE",
        nargs="?",
        help="a new file, or - for standard output; without it, one named by the time, here",
    )
    restoring = commands.add_parser("restore", help="bring back what `sidecar backup` wrote; no sidecar may run")
    restoring.add_argument("file", metavar="FILE", help="or - for standard input")
    restoring.add_argument("--replace", action="store_true", help="set the present database aside, beside the new one")
    moving = commands.add_parser("migrate", help="copy all that the sidecar remembers into another database")
    moving.add_argument(
        "--to",
        metavar="URL",
        required=True,
        help="an empty one: postgresql://user@host/name; the password may stand in ~/.pgpass or PGPASSWORD",
    )
    demonstrating = commands.add_parser("demo", help="show it on an emulated Immich with generated photos")
    demonstrating.add_argument("--once", action="store_true", help="end after the scan instead of serving the pages")
    return parser


def _add_groups(listing: argparse.ArgumentParser) -> None:
    listing.description = (
        "Lists what the sidecar found doubtful, with the reasons, and changes nothing. `accept ID` does what is "
        "proposed; `reject ID` keeps it from being proposed again."
    )
    listing.add_argument("--user", metavar="NAME", help="only this user, by Immich name or id")
    listing.add_argument(
        "--list",
        choices=("open", "made", "decided", "alone", "raws"),
        help="open: what waits for you (this is listed without --list); made: stacks; decided: what you decided; "
        "alone: look-alikes left alone; raws: RAW files in no stack",
    )
    listing.add_argument("--all", action="store_true", help="list everything, not the first 50 of each user")
    listing.add_argument("--json", action="store_true", help="list everything, as JSON")
    verdicts = listing.add_subparsers(dest="verdict", title="decisions", metavar="DECISION")
    accepting = verdicts.add_parser("accept", help="do what is proposed")
    accepting.add_argument("ids", metavar="ID", nargs="+", help="the name that `sidecar groups` shows")
    accepting.add_argument(
        "--only",
        metavar="FILE",
        action="append",
        default=[],
        help="of its files only this one and those of other --only, by name or id; the rest is kept apart "
        "from them, unless it is stacked with them already",
    )
    accepting.add_argument("--cover", metavar="FILE", help="the file to be seen first, by name or id")
    rejecting = verdicts.add_parser("reject", help="do not propose it again")
    rejecting.add_argument("ids", metavar="ID", nargs="+", help="the name that `sidecar groups` shows")
    for deciding in (accepting, rejecting):
        deciding.add_argument("--user", metavar="NAME", default=argparse.SUPPRESS, help="whose, by Immich name or id")


def _add_duplicates(listing: argparse.ArgumentParser) -> None:
    listing.description = (
        "Lists sets of duplicates, the suggested copy first, and changes nothing. `show ID` tells everything about the "
        "copies. `keep ID` keeps the suggested copy, or those that are named, and puts the others into Immich's trash "
        "after what they know was given to the kept one. `dismiss ID` says that they are no duplicates. What was "
        "trashed comes back with `sidecar undo`."
    )
    listing.add_argument("--user", metavar="NAME", help="only this user, by Immich name or id")
    listing.add_argument(
        "--class",
        dest="classes",
        action="append",
        default=[],
        choices=("identical", "re-encoded", "edited", "featureless"),
        help="only sets of this class; may be repeated",
    )
    listing.add_argument(
        "--sort", choices=("newest", "savings", "similarity"), default="newest", help="what comes first (newest)"
    )
    listing.add_argument("--immich", action="store_true", help="also the groups that Immich itself found")
    listing.add_argument(
        "--unread", action="store_true", help="instead, files that could not be read or looked at, and why"
    )
    listing.add_argument("--dismissed", action="store_true", help="instead, what you said are no duplicates")
    listing.add_argument("--all", action="store_true", help="list everything, not the first 50 of each user")
    listing.add_argument("--json", action="store_true", help="list everything, as JSON")
    verbs = listing.add_subparsers(dest="verb", title="verbs", metavar="VERB")
    showing = verbs.add_parser("show", help="everything about the copies of these sets")
    showing.add_argument(
        "ids", metavar="ID", nargs="+", help="the name that `sidecar duplicates` shows, or its beginning"
    )
    showing.add_argument("--json", action="store_true", default=argparse.SUPPRESS, help="as JSON")
    keeping = verbs.add_parser("keep", help="keep one copy, or several, and put the others into Immich's trash")
    keeping.add_argument(
        "ids",
        metavar="ID_OR_FILE",
        nargs="*",
        help="the name that `sidecar duplicates` shows, and the files to keep, by name or id; without them, the "
        "suggested one",
    )
    keeping.add_argument("--identical", action="store_true", help="all copies of the same bytes, in all sets at once")
    keeping.add_argument(
        "--all",
        "--full",
        dest="every_group",
        action="store_true",
        help="with --identical, show every group before the question, not the first 20 of each user",
    )
    keeping.add_argument("--yes", action="store_true", help="do not ask")
    keeping.add_argument(
        "--external-ok",
        action="store_true",
        help="also trash files of external libraries, which Immich deletes from their disk when it empties the trash",
    )
    keeping.add_argument(
        "--featureless-ok", action="store_true", help="also decide about pictures that have hardly any content"
    )
    keeping.add_argument(
        "--albums-ok",
        action="store_true",
        help="also where a picture goes from an album of somebody else into which you may put nothing",
    )
    dismissing = verbs.add_parser("dismiss", help="these are no duplicates of each other: do not list them again")
    dismissing.add_argument("ids", metavar="ID", nargs="+", help="the name that `sidecar duplicates` shows")
    undismissing = verbs.add_parser("undismiss", help="they may be duplicates after all: list them again")
    undismissing.add_argument("ids", metavar="ID", nargs="+", help="the name that --dismissed lists")
    for verb in (showing, keeping, dismissing, undismissing):
        verb.add_argument("--user", metavar="NAME", default=argparse.SUPPRESS, help="whose, by Immich name or id")


def _add_undo(undoing: argparse.ArgumentParser) -> None:
    undoing.description = (
        "Without --action, --since or --all, lists what can be taken back. With one of them, shows what that means, "
        "asks, and takes it back. What is taken back is kept apart until you take the taking-back back, with --action."
    )
    undoing.add_argument(
        "--action", metavar="ID", action="append", default=[], help="take this write back; may be repeated"
    )
    undoing.add_argument("--since", metavar="WHEN", help="all since then: 30m, 2h, 3d, 2026-05-01 or 2026-05-01T18:30")
    undoing.add_argument("--all", action="store_true", help="everything that was written and still stands")
    undoing.add_argument("--yes", action="store_true", help="do not ask")
    undoing.add_argument("--user", metavar="NAME", help="only this user, by Immich name or id")
    undoing.add_argument("--full", action="store_true", help="show every line, not the first 20 of each user")


def _add_failures(listing: argparse.ArgumentParser) -> None:
    listing.description = (
        "Lists what was given up and needs you, or a change: names that could not be compared, stacks that were not "
        "written, changes, scans and searches that failed, decisions that were not carried out, files that could not "
        "be read. It changes nothing, and ends with 1 if there is anything."
    )
    listing.add_argument("--user", metavar="NAME", help="only this user, by Immich name or id")
    listing.add_argument("--all", action="store_true", help="list everything, not the first 50 of each user")
    listing.add_argument("--json", action="store_true", help="list everything, as JSON")


def _add_retry(retrying: argparse.ArgumentParser) -> None:
    retrying.description = (
        "Tries again what `sidecar failures` lists, waits for it, and says how it went. Stacks are decided anew on "
        "what Immich shows now. What you decided is not decided for you: you are told where to do it again."
    )
    retrying.add_argument("ids", metavar="ID", nargs="*", help="the name that `sidecar failures` shows")
    retrying.add_argument("--all", action="store_true", help="everything that can be tried again")
    retrying.add_argument("--user", metavar="NAME", help="only this user, by Immich name or id")


def _add_settings(showing: argparse.ArgumentParser) -> None:
    showing.add_argument("--user", metavar="NAME", help="only this user, by Immich name or id")
    changes = showing.add_subparsers(dest="change", title="changes", metavar="CHANGE")
    setting = changes.add_parser("set", help="choose a value for one user; it wins over config.yml")
    setting.add_argument("key", metavar="KEY", help="such as stack.burst; `sidecar settings` lists them all")
    setting.add_argument("value", metavar="VALUE", nargs="+", help="in YAML: 2.5, true, '[edited, jpg, rest, raw]'")
    unsetting = changes.add_parser("unset", help="take one user's choice back")
    unsetting.add_argument("key", metavar="KEY")
    for changing in (setting, unsetting):
        # Without its own default, so that a --user that stands before the word is not forgotten.
        changing.add_argument("--user", metavar="NAME", default=argparse.SUPPRESS, help="whose, by Immich name or id")
