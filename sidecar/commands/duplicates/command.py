"""From the words of `sidecar duplicates` to what they ask for."""

from __future__ import annotations

import json
import sys
from collections.abc import Sequence
from dataclasses import dataclass, field
from enum import StrEnum
from typing import TextIO

from sidecar.accounts.connected import Account
from sidecar.commands.duplicates.deciding import (
    Decide,
    dismiss_sets,
    keep_copies,
    keep_identical_copies,
    undismiss_sets,
)
from sidecar.commands.duplicates.details import details_of
from sidecar.commands.duplicates.listing import ListOptions, listing_of
from sidecar.commands.duplicates.sets import set_called
from sidecar.commands.exit_codes import ExitCode
from sidecar.commands.naming import chosen_accounts, code_with_refused
from sidecar.errors import SettingsError
from sidecar.settings import Settings
from sidecar.wiring import Services, open_services


class Verb(StrEnum):
    """What can be done beside listing."""

    SHOW = "show"
    KEEP = "keep"
    DISMISS = "dismiss"
    UNDISMISS = "undismiss"


@dataclass(frozen=True, slots=True)
class DuplicatesOptions:
    """The words behind `sidecar duplicates`.

    Shape:  ids are names of sets, whole or cut short; of keep the first is one, and the others are files of it.
    """

    user: str | None = None
    verb: Verb | None = None
    ids: tuple[str, ...] = ()
    listing: ListOptions = field(default_factory=ListOptions)
    decide: Decide = field(default_factory=Decide)


async def show_or_decide(
    settings: Settings,
    options: DuplicatesOptions,
    *,
    out: TextIO = sys.stdout,
    err: TextIO = sys.stderr,
    answers: TextIO | None = None,
) -> ExitCode:
    """How it went, after what was asked for was printed or decided.

    Shape:  answers is where a person says yes, by default standard input.
    Errors: SettingsError for words that contradict each other or name nothing; whatever keeps services from opening.
    """
    _refuse_contradictions(options)
    async with open_services(settings, may_be_guest=True) as services:
        accounts = chosen_accounts(services.accounts, options.user, err)
        if options.verb is None:
            await _list(services, accounts, options.listing, out)
            code = ExitCode.DONE
        elif options.verb is Verb.SHOW:
            await _show(services, accounts, options, out)
            code = ExitCode.DONE
        elif options.verb is Verb.DISMISS:
            code = await dismiss_sets(services, accounts, _once(options.ids), out=out)
        elif options.verb is Verb.UNDISMISS:
            code = await undismiss_sets(services, accounts, _once(options.ids), out=out)
        elif options.decide.identical:
            code = await keep_identical_copies(services, accounts, options.decide, out=out, err=err, answers=answers)
        else:
            code = await keep_copies(services, accounts, options.ids, options.decide, out=out, err=err, answers=answers)
        return code_with_refused(code, services.accounts, options.user)


def _refuse_contradictions(options: DuplicatesOptions) -> None:
    listing = options.listing
    if options.verb is None:
        is_about_sets = bool(listing.kinds or listing.with_immichs_own)
        if is_about_sets + listing.unread + listing.dismissed > 1:
            raise SettingsError(
                "--class and --immich are about sets, --unread and --dismissed list other things: give one of them"
            )
        return
    if listing != ListOptions(as_json=listing.as_json):
        raise SettingsError(f"--class, --sort, --immich, --unread, --dismissed and --all list; {options.verb} does not")
    if options.verb is Verb.SHOW:
        return
    if listing.as_json:
        raise SettingsError(f"--json lists; {options.verb} decides: give one of them")
    if options.verb is not Verb.KEEP:
        return
    if not options.decide.identical and options.decide.most is None:
        raise SettingsError("--all shows every group of --identical, and keeps nothing itself: give both, or neither")
    if options.decide.identical and options.ids:
        raise SettingsError("--identical means all sets of the same bytes: name no set with it")
    if not options.decide.identical and not options.ids:
        raise SettingsError("keep which? Give the name of a set, or --identical for all copies of the same bytes")


def _once(words: Sequence[str]) -> list[str]:
    return list({word.lower(): word for word in words}.values())


async def _list(services: Services, accounts: Sequence[Account], options: ListOptions, out: TextIO) -> None:
    listings = [await listing_of(services, account, options) for account in accounts]
    if options.as_json:
        print(json.dumps([each for one in listings for each in one.objects()], indent=2), file=out)
        return
    for listing in listings:
        for text in listing.texts():
            print(text, file=out)
    example = next((found.id for listing in listings for found in listing.sets), None)
    if example is not None:
        print(
            f"Look closer with: sidecar duplicates show {example}; "
            f"decide with: sidecar duplicates keep {example}, or: sidecar duplicates dismiss {example}",
            file=out,
        )


async def _show(services: Services, accounts: Sequence[Account], options: DuplicatesOptions, out: TextIO) -> None:
    named = [await set_called(services, accounts, word) for word in _once(options.ids)]
    details = [await details_of(services, account, found) for account, found in named]
    if options.listing.as_json:
        print(json.dumps([each.object() for each in details], indent=2), file=out)
        return
    for each in details:
        for text in each.texts():
            print(text, file=out)
