"""What a scan did, in words: stacks made, matches for a person's eye, look-alikes left alone, and why."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass

from sidecar.model import AssetId, OwnerId, User
from sidecar.storage import assets, findings, journal, scans
from sidecar.storage.database import Database
from sidecar.storage.findings import FOR_A_PERSON, Finding, FindingKind
from sidecar.storage.journal import ActionKind, ActionState, Entry
from sidecar.storage.scans import Scan

MOST_LISTED = 100_000
MOST_FILES = 12
"""A burst may have hundreds; a line that names them all is read by nobody."""

_FULL = 999.95
"""From here on one digit behind the point would round up into the next unit."""


@dataclass(frozen=True, slots=True)
class Report:
    """All that one user's scan found and did; names maps the ids in it to file names."""

    user: User
    scan: Scan
    actions: Sequence[Entry]
    stacked: Sequence[Finding]
    review: Sequence[Finding]
    respected: Sequence[Finding]
    left_alone: Sequence[Finding]
    names: Mapping[AssetId, str]

    def count(self, state: ActionState, kind: ActionKind | None = None) -> int:
        """How many of the writes ended, or stand, in this state."""
        return sum(1 for each in self.actions if each.state is state and kind in {None, each.action.kind})


async def report_on(database: Database, user: User, scan_id: int) -> Report:
    """What the scan of this number did for its user."""
    owner_id: OwnerId = user.id
    async with database.read() as connection:
        scan = await scans.get(connection, owner_id, scan_id)
        actions = await journal.since(connection, owner_id, since_ms=scan.requested_at_ms)
        found = {kind: await findings.of_kinds(connection, owner_id, [kind], limit=MOST_LISTED) for kind in FindingKind}
        shown = [asset_id for each in found.values() for finding in each for asset_id in finding.asset_ids]
        shown += [asset_id for each in actions for asset_id in each.action.member_ids]
        names = await assets.names(connection, owner_id, list(dict.fromkeys(shown)))
    return Report(
        user=user,
        scan=scan,
        actions=actions,
        stacked=found[FindingKind.STACK],
        review=[finding for kind in FOR_A_PERSON for finding in found[kind]],
        respected=found[FindingKind.RESPECTED],
        left_alone=found[FindingKind.LEFT_ALONE],
        names=names,
    )


def lines(report: Report, *, most: int | None = 20, is_dry_run: bool = False) -> Iterator[str]:
    """The report as text: first what was done and why, then what waits for a person, what was left alone, and the sum.

    Shape:  most is how many lines each part may have before the rest is only counted; None lists everything.
    """
    yield f"{printable(report.user.name)}: {plural(report.scan.found, 'asset')} looked at"
    reasons = {finding.asset_ids[0]: finding.reasons for finding in report.stacked}
    written = ActionState.INTENDED if is_dry_run else ActionState.DONE
    for kind, done, planned in (
        (ActionKind.CREATE_STACK, "Stacked", "Would stack"),
        (ActionKind.EXTEND_STACK, "Added to a stack", "Would add to a stack"),
    ):
        made = [each.action for each in report.actions if each.state is written and each.action.kind is kind]
        yield from _part(
            planned if is_dry_run else done,
            sorted(_line(report, action.member_ids, reasons.get(action.member_ids[0], ())) for action in made),
            most,
        )
    named = [
        f"{finding.id}  {text}" for finding, text in zip(report.review, _findings(report, report.review), strict=True)
    ]
    yield from _part("For you to decide (sidecar groups)", named, most)
    yield from _part("Left as you decided", _findings(report, report.respected), most)
    yield from _part("Left alone", _left_alone(report), most)
    failed = [
        _line(report, each.action.member_ids, (each.error or "no reason given",))
        for each in report.actions
        if each.state is ActionState.FAILED or (each.state is ActionState.INTENDED and not is_dry_run)
    ]
    yield from _part("Not written", failed, most)
    yield summary(report, is_dry_run=is_dry_run)


def summary(report: Report, *, is_dry_run: bool = False) -> str:
    """The report in one line."""
    state = ActionState.INTENDED if is_dry_run else ActionState.DONE
    made = report.count(state, ActionKind.CREATE_STACK)
    extended = report.count(state, ActionKind.EXTEND_STACK)
    already = len(report.stacked) - report.count(ActionState.INTENDED) - (0 if is_dry_run else made + extended)
    parts = [
        f"{plural(made, 'stack')} {'would be made' if is_dry_run else 'made'}",
        f"{extended} {'would be extended' if is_dry_run else 'extended'}",
        f"{max(0, already)} already right",
        f"{len(report.review)} for you to decide",
        f"{len(report.left_alone)} left alone",
    ]
    if report.respected:
        parts.append(f"{len(report.respected)} left as you decided")
    if report.scan.broken:
        parts.append(f"{report.scan.broken} unreadable")
    if report.scan.gone:
        parts.append(f"{report.scan.gone} gone from Immich")
    failed = report.count(ActionState.FAILED)
    if failed:
        parts.append(f"{failed} not written")
    return f"{printable(report.user.name)}: " + ", ".join(parts)


def _findings(report: Report, found: Iterable[Finding]) -> list[str]:
    return [_line(report, finding.asset_ids, finding.reasons) for finding in found]


def _left_alone(report: Report) -> list[str]:
    # Nobody is anybody's primary here, so names in their order read best.
    by_name = [
        (sorted(finding.asset_ids, key=lambda asset_id: report.names.get(asset_id, asset_id)), finding.reasons)
        for finding in report.left_alone
    ]
    return sorted(_line(report, ids, reasons) for ids, reasons in by_name)


def files_of(ids: Iterable[AssetId], names: Mapping[AssetId, str]) -> str:
    """The files as people read them: their names, joined; the id of one that is known no more; many only counted."""
    return listed([shortened(printable(names.get(asset_id, asset_id))) for asset_id in ids])


def listed(called: Sequence[str]) -> str:
    """Files by what they are called, joined; many only counted."""
    shown = called if len(called) <= MOST_FILES else called[: MOST_FILES - 1]
    files = " + ".join(shown)
    return files if len(shown) == len(called) else f"{files} and {len(called) - len(shown)} more"


def called(user: User, among: Iterable[User]) -> str:
    """The user's name as people read it, with the id where another one of them is called the same."""
    names = [each.name.casefold() for each in among]
    return printable(user.name) + (f" ({user.id})" if names.count(user.name.casefold()) > 1 else "")


def _line(report: Report, ids: Sequence[AssetId], reasons: Sequence[object]) -> str:
    files = files_of(ids, report.names)
    return f"{files}  ({'; '.join(shortened(printable(str(reason)), 120) for reason in reasons)})" if reasons else files


def printable(text: str) -> str:
    """The text without anything that could move a terminal's cursor or forge a line; a file name may hold it."""
    return "".join(character if character.isprintable() else "�" for character in text)


def shortened(text: str, most: int = 60) -> str:
    """The text without its middle where it is long."""
    # The end of a file name says more than its middle.
    return text if len(text) <= most else f"{text[: most - 21]}…{text[-20:]}"


def _part(title: str, entries: Sequence[str], most: int | None) -> Iterator[str]:
    if not entries:
        return
    yield f"  {title}: {len(entries)}"
    shown = entries if most is None else entries[:most]
    yield from (f"    {entry}" for entry in shown)
    if len(shown) < len(entries):
        yield f"    … and {len(entries) - len(shown)} more (--all lists them)"


def plural(count: int, noun: str) -> str:
    """The count with the noun in its form."""
    return f"{count} {noun}" if count == 1 else f"{count} {noun}s"


def size_of(size_bytes: int) -> str:
    """A size as people read it, in the unit that leaves three digits before the point at most."""
    size = float(size_bytes)
    for unit in ("bytes", "kB", "MB", "GB"):
        if size < _FULL:
            return f"{size:.0f} {unit}" if unit == "bytes" else f"{size:.1f} {unit}"
        size /= 1000
    return f"{size:.1f} TB"
