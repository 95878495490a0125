"""`sidecar groups`: what waits for a person, what was made, decided and left alone."""

from __future__ import annotations

import json
import sys
from collections.abc import Awaitable, Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from enum import StrEnum
from typing import TextIO

from sqlalchemy.ext.asyncio import AsyncConnection

from sidecar.accounts.connected import Account
from sidecar.commands.exit_codes import ExitCode
from sidecar.commands.naming import chosen_accounts, code_with_refused, title_of
from sidecar.commands.report import files_of, plural, printable
from sidecar.commands.verdicts import Verdict, Wish, decide
from sidecar.errors import SettingsError
from sidecar.formats import Format, format_of
from sidecar.grouping.memory import Decision, DecisionKind, DecisionSource
from sidecar.grouping.proposal import GroupKind
from sidecar.grouping.repair import RepairKind
from sidecar.model import AssetId, OwnerId
from sidecar.settings import Settings
from sidecar.storage import assets, decisions, findings, groups, scans
from sidecar.storage.findings import FOR_A_PERSON, FindingKind
from sidecar.wiring import Services, open_services

MOST_LISTED = 50
MOST_READ = 1_000_000


class Listed(StrEnum):
    """What can be listed."""

    OPEN = "open"
    MADE = "made"
    DECIDED = "decided"
    ALONE = "alone"
    RAWS = "raws"


@dataclass(frozen=True, slots=True)
class GroupsOptions:
    """The words behind `sidecar groups`; the wish says more about a verdict.

    Shape:  listed is None where no word says what to list: that is what waits for a person. most is how many things of
            a user are listed before the rest is only counted; None lists everything.
    """

    user: str | None = None
    listed: Listed | None = None
    most: int | None = MOST_LISTED
    as_json: bool = False
    verdict: Verdict | None = None
    wish: Wish = field(default_factory=Wish)


@dataclass(frozen=True, slots=True)
class Line:
    """One thing listed: its name, if it can be decided about, what it is, its assets, and why.

    Shape:  subject and source are words for programs; about says the same to people. Where the first asset means
            nothing (has_first), names in their order read best.
    """

    id: str
    subject: str
    about: str
    asset_ids: tuple[AssetId, ...]
    reasons: tuple[str, ...] = ()
    source: str | None = None
    has_first: bool = True


async def show_or_decide(
    settings: Settings, options: GroupsOptions, *, out: TextIO = sys.stdout, err: TextIO = sys.stderr
) -> ExitCode:
    """How it went, after what was asked for was printed or decided.

    Errors: SettingsError for words that contradict each other or name nothing; whatever keeps services from opening.
    """
    _refuse_contradictions(options)
    async with open_services(settings, may_be_guest=True) as services:
        accounts = services.accounts
        chosen = chosen_accounts(accounts, options.user, err)
        if options.verdict is not None:
            return await decide(services, chosen, options.verdict, options.wish, out=out, err=err)
        listings = [await _listing(services, account, options.listed or Listed.OPEN) for account in chosen]
    if options.as_json:
        print(json.dumps([each for one in listings for each in one.objects()], indent=2), file=out)
    else:
        for listing in listings:
            for text in listing.texts(options.most):
                print(text, file=out)
        for text in _advice(listings):
            print(text, file=out)
    return code_with_refused(ExitCode.DONE, accounts, options.user)


def _refuse_contradictions(options: GroupsOptions) -> None:
    if options.verdict is None:
        return
    if options.listed is not None or options.as_json or options.most is None:
        raise SettingsError(f"--list, --all and --json list; {options.verdict} decides: give one of them")
    if len(options.wish.each) > 1 and options.wish.names_files:
        raise SettingsError("--only and --cover name files of one proposal: accept one at a time with them")


@dataclass(frozen=True, slots=True)
class _Listing:
    """What is listed of one user; title is what the user is called among the others, names maps ids to file names."""

    account: Account
    title: str
    listed: Listed
    lines: Sequence[Line]
    names: Mapping[AssetId, str]
    is_scanned: bool

    def objects(self) -> Iterator[dict[str, object]]:
        """The same for programs."""
        for line in self.lines:
            yield {
                "user": self.account.user.name,
                "user_id": self.account.user.id,
                "id": line.id or None,
                "subject": line.subject,
                "source": line.source,
                "assets": [{"id": asset_id, "name": self.names.get(asset_id)} for asset_id in line.asset_ids],
                "reasons": list(line.reasons),
            }

    def texts(self, most: int | None) -> Iterator[str]:
        """The same for people."""
        noun, which = _TITLES[self.listed]
        yield f"{self.title}: {plural(len(self.lines), noun)} {which}"
        if not self.is_scanned:
            yield "  this library was not scanned to its end yet: `sidecar scan` does that"
        shown = self.lines[:most]
        for line in shown:
            head = f"  {line.id}  " if line.id else "  "
            about = f"  ({line.about})" if line.about else ""
            yield f"{head}{files_of(line.asset_ids, self.names)}{about}"
            yield from (f"{'':{len(head)}}  {printable(reason)}" for reason in line.reasons)
        if len(shown) < len(self.lines):
            yield f"  … and {len(self.lines) - len(shown)} more (--all lists them)"


_TITLES = {
    Listed.OPEN: ("proposal", "for you to decide"),
    Listed.MADE: ("stack", "that the sidecar made, or found as it would make them"),
    Listed.DECIDED: ("decision", "of yours"),
    Listed.ALONE: ("look-alike", "left alone"),
    Listed.RAWS: ("RAW file", "in no stack"),
}


def _advice(listings: Sequence[_Listing]) -> Iterator[str]:
    example = next((line.id for listing in listings for line in listing.lines if line.id), None)
    if example is not None:
        yield f"Decide with: sidecar groups accept {example}, or: sidecar groups reject {example}"


async def _listing(services: Services, account: Account, listed: Listed) -> _Listing:
    owner_id = account.user.id
    title = title_of(account, services.accounts)
    async with services.database.read() as connection:
        lines = await _LISTS[listed](connection, owner_id)
        shown = list(dict.fromkeys(asset_id for line in lines for asset_id in line.asset_ids))
        names = await assets.names(connection, owner_id, shown)
        is_scanned = await scans.watermark(connection, owner_id) is not None
    by_name = {asset_id: (names.get(asset_id, ""), asset_id) for asset_id in shown}
    lines = [
        line if line.has_first else replace(line, asset_ids=tuple(sorted(line.asset_ids, key=by_name.__getitem__)))
        for line in lines
    ]
    if listed is Listed.MADE:
        lines.sort(key=lambda line: [by_name[each] for each in line.asset_ids])
    return _Listing(account, title, listed, lines, names, is_scanned)


async def _open(connection: AsyncConnection, owner_id: OwnerId) -> list[Line]:
    return await _findings(connection, owner_id, FOR_A_PERSON)


async def _left_alone(connection: AsyncConnection, owner_id: OwnerId) -> list[Line]:
    return await _findings(connection, owner_id, (FindingKind.LEFT_ALONE,))


async def _findings(connection: AsyncConnection, owner_id: OwnerId, kinds: Sequence[FindingKind]) -> list[Line]:
    return [
        Line(
            finding.id if finding.kind in FOR_A_PERSON else "",
            finding.subject,
            _SUBJECTS.get(finding.subject, ""),
            finding.asset_ids,
            tuple(str(reason) for reason in finding.reasons),
            has_first=finding.kind in FOR_A_PERSON,
        )
        for finding in await findings.of_kinds(connection, owner_id, kinds, limit=MOST_READ)
    ]


_SUBJECTS: dict[str, str] = {
    GroupKind.RAW_JPEG: "RAW and picture: to be stacked",
    GroupKind.EDITED: "a picture and its edits: to be stacked",
    GroupKind.FORMATS: "one picture in several formats: to be stacked",
    GroupKind.VERSIONS: "versions of one shot: to be stacked",
    GroupKind.VIDEO: "one video several times: to be stacked",
    GroupKind.BURST: "a burst: to be stacked",
    RepairKind.LONELY_STACK: "its stack is to be taken apart",
    RepairKind.HIDDEN_COVER: "the first is to be the cover of its stack",
}


async def _made(connection: AsyncConnection, owner_id: OwnerId) -> list[Line]:
    return [
        Line(
            "",
            "stack",
            "made by the sidecar" if group.is_ours else "made by you",
            tuple(dict.fromkeys((group.primary_id, *group.member_ids))),
            source="sidecar" if group.is_ours else "user",
        )
        for group in await groups.living(connection, owner_id)
    ]


async def _decided(connection: AsyncConnection, owner_id: OwnerId) -> list[Line]:
    return [
        Line(
            "",
            decision.kind.value,
            f"{_DECISIONS[decision.kind]}: {_SOURCES[decision.source]}",
            _chosen_first(decision),
            source=decision.source.value,
            has_first=decision.chosen is not None,
        )
        for _, decision in await decisions.everything(connection, owner_id)
    ]


_DECISIONS = {
    DecisionKind.KEEP_APART: "kept apart",
    DecisionKind.COVER: "the first is the cover",
    DecisionKind.LEAVE_LONELY: "may stay alone in its stack",
    DecisionKind.LEAVE_COVER: "may stay the hidden cover of its stack",
    DecisionKind.DISTINCT: "no duplicates of each other",
}

_SOURCES = {
    DecisionSource.UNSTACKED: "you took their stack apart in Immich",
    DecisionSource.REMOVED: "you took one out of their stack in Immich",
    DecisionSource.COVERED: "you chose it in Immich",
    DecisionSource.REJECTED: "you rejected it here",
    DecisionSource.ACCEPTED: "you chose it here",
    DecisionSource.UNDONE: "you took a write back",
    DecisionSource.DISMISSED: "you dismissed them as duplicates",
    DecisionSource.KEPT: "you kept them all",
    DecisionSource.RECALLED: "an earlier sidecar wrote it down in Immich",
}


def _chosen_first(decision: Decision) -> tuple[AssetId, ...]:
    first = () if decision.chosen is None else (decision.chosen,)
    return tuple(dict.fromkeys((*first, *sorted(decision.asset_ids))))


async def _single_raws(connection: AsyncConnection, owner_id: OwnerId) -> list[Line]:
    names = await assets.unstacked(connection, owner_id)
    return [
        Line("", "raw", "", (asset_id,))
        for asset_id, name in sorted(names.items(), key=lambda each: (each[1], each[0]))
        if format_of(name) is Format.RAW
    ]


_LISTS: dict[Listed, Callable[[AsyncConnection, OwnerId], Awaitable[list[Line]]]] = {
    Listed.OPEN: _open,
    Listed.MADE: _made,
    Listed.DECIDED: _decided,
    Listed.ALONE: _left_alone,
    Listed.RAWS: _single_raws,
}
