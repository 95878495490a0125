"""Searching for duplicates to the end: asking for it, following it with rates, and saying what was found."""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import TextIO

from sidecar.accounts.connected import Account
from sidecar.commands.exit_codes import ExitCode
from sidecar.commands.progress import Display, Stage, display_on
from sidecar.commands.report import plural, printable, size_of
from sidecar.duplicates.classes import DuplicateClass
from sidecar.duplicates.fingerprint import FINGERPRINT_VERSION
from sidecar.errors import ImmichUnavailable
from sidecar.jobs.context import JobContext
from sidecar.jobs.duplicates.detect import detect
from sidecar.jobs.queue import JobName
from sidecar.jobs.rules import detection_rules_of
from sidecar.model import OwnerId, User
from sidecar.storage import contents, detections, duplicate_sets, fingerprints
from sidecar.storage.database import Database
from sidecar.storage.detections import Detection, DetectionPhase, DetectionState
from sidecar.storage.duplicate_sets import Tally
from sidecar.wiring import Services

FIRST_LOOK_S, LAST_LOOK_S = 0.05, 1.0
PLAIN_EVERY_S = 5.0
"""A search of a large library takes hours; a log of it should not."""

PACE_WITHIN_S = 30.0
"""Over so long a rate is measured: a library has stretches that go faster and slower."""

GIVE_UP_AFTER_ATTEMPTS = 4
"""A search that failed so often is left to the running sidecar, or to the next one."""

GUEST_PATIENCE_S = 30.0
MOST_COUNTED = 1_000_000


@dataclass(slots=True)
class Pace:
    """How fast something is counted up, over the last half minute."""

    _seen: deque[tuple[float, int]] = field(default_factory=deque)

    def per_s(self, count: int, *, now_s: float) -> float | None:
        """How many a second by now; None as long as nobody can tell."""
        if self._seen and count < self._seen[-1][1]:
            self._seen.clear()
        self._seen.append((now_s, count))
        while len(self._seen) > 2 and now_s - self._seen[1][0] > PACE_WITHIN_S:  # noqa: PLR2004  # a first and a last
            self._seen.popleft()
        (begun_s, first) = self._seen[0]
        return (count - first) / (now_s - begun_s) if now_s > begun_s and count > first else None


@dataclass(frozen=True, slots=True)
class Search:
    """Where one user's search for duplicates stands: the search itself, and how many pictures it looks at a second."""

    detection: Detection
    per_s: float | None = None

    @property
    def is_over(self) -> bool:
        """Nothing of the search is left to do."""
        return self.detection.state.is_over

    @property
    def sentence(self) -> str:
        """What is going on, for people."""
        found = self.detection
        if found.error is not None:
            waits = "the search for duplicates failed" if found.state.is_over else "waiting to try again"
            return f"{waits}: {found.error}"
        if found.state is DetectionState.REQUESTED:
            return "waiting to look for duplicates"
        read = f"{plural(found.files_read, 'file')} compared, {size_of(found.bytes_read)} read"
        sets = plural(found.sets, "set")
        if found.state is DetectionState.DONE:
            return f"done: {sets} of duplicates; {read}"
        if found.phase in _LOOKING:
            return f"{_LOOKING[found.phase]}: {found.looked} of {max(found.looked, found.total)}{self._rate()}; {sets}"
        if found.phase is DetectionPhase.FILES:
            return f"comparing files: {read}"
        return f"{_AT_WORK[found.phase]}: {plural(found.candidates, 'candidate')}, {sets}; {read}"

    @property
    def stage(self) -> Stage:
        """The same for a bar."""
        found = self.detection
        if found.phase not in _LOOKING or self.is_over or found.error is not None:
            return Stage(self.sentence)
        total = max(found.looked, found.total)
        return Stage(f"{_LOOKING[found.phase]}{self._rate()}", total - found.looked, total)

    def _rate(self) -> str:
        if self.per_s is None:
            return ""
        left_s = max(0, self.detection.total - self.detection.looked) / self.per_s
        return f", {self.per_s:.3g} a second, {duration(left_s)} left"


_LOOKING = {
    DetectionPhase.LOOK: "looking at candidates",
    DetectionPhase.REST: "looking at all others",
}
_AT_WORK = {
    DetectionPhase.QUICK: "looking for candidates",
    DetectionPhase.JUDGE: "comparing pictures",
}


def duration(seconds: float) -> str:
    """A span of time as people say it, in its two largest units."""
    whole = round(seconds)
    if whole < 60:  # noqa: PLR2004
        return f"{whole} s"
    minutes, rest_s = divmod(whole, 60)
    hours, rest_min = divmod(minutes, 60)
    return f"{hours} h {rest_min} min" if hours else f"{minutes} min {rest_s} s"


async def search_of(database: Database, owner_id: OwnerId, detection_id: int, pace: Pace, *, now_s: float) -> Search:
    """Where this search stands now."""
    async with database.read() as connection:
        detection = await detections.get(connection, owner_id, detection_id)
    return Search(detection, pace.per_s(detection.looked, now_s=now_s))


async def search_for_duplicates(services: Services, accounts: Sequence[Account], err: TextIO) -> list[Search]:
    """How the searches of these users stand when they are over, or when it makes no sense to wait longer.

    Shape:  somebody runs the jobs meanwhile: a worker of this process, or another sidecar.
    Errors: ImmichUnavailable if the running sidecar does not take a search up.
    """
    asked: list[Detection] = []
    for account in accounts:
        async with services.database.write() as connection:
            asked.append(await detections.request(connection, account.user.id, now_ms=services.jobs.now_ms()))
        await services.jobs.wake(JobName.DETECT, account.user.id)
    with display_on(err, every_s=PLAIN_EVERY_S) as display:
        return [
            await _follow(services, account, requested.id, display)
            for account, requested in zip(accounts, asked, strict=True)
        ]


async def _follow(services: Services, account: Account, detection_id: int, display: Display) -> Search:
    loop = asyncio.get_running_loop()
    begun_s = loop.time()
    pace = Pace()
    while True:
        search = await search_of(services.database, account.user.id, detection_id, pace, now_s=loop.time())
        display.show(account.user.name, search)
        fails = search.detection.error is not None and search.detection.attempts >= GIVE_UP_AFTER_ATTEMPTS
        if search.is_over or fails:
            return search
        waits = services.is_guest and search.detection.state is DetectionState.REQUESTED and not search.detection.error
        if waits and loop.time() - begun_s > GUEST_PATIENCE_S and not await _is_busy(services, account, detection_id):
            raise ImmichUnavailable(
                f"the running sidecar does not take up the search for {account.user.name}: "
                "is this user's API key among its settings?"
            )
        await asyncio.sleep(min(LAST_LOOK_S, FIRST_LOOK_S + (loop.time() - begun_s) / 20))


async def _is_busy(services: Services, account: Account, detection_id: int) -> bool:
    """Whether an earlier search of this user is still under way, for whose end this one waits."""
    async with services.database.read() as connection:
        before = await detections.get(connection, account.user.id, detection_id - 1) if detection_id > 1 else None
    return before is not None and not before.state.is_over


async def search_once(context: JobContext, user: User, err: TextIO) -> Search:
    """How the search of this user ended that this process itself makes, without a queue."""
    loop = asyncio.get_running_loop()
    pace = Pace()
    async with context.database.write() as connection:
        requested = await detections.request(connection, user.id, now_ms=context.now_ms())

    async def look() -> Search:
        return await search_of(context.database, user.id, requested.id, pace, now_s=loop.time())

    searching = asyncio.create_task(detect(context, user.id))
    try:
        with display_on(err, every_s=PLAIN_EVERY_S) as display:
            while not searching.done():
                display.show(user.name, await look())
                await asyncio.wait([searching], timeout=LAST_LOOK_S)
        await searching
    finally:
        searching.cancel()
    return await look()


@dataclass(frozen=True, slots=True)
class Findings:
    """What there is of duplicates for one user, by class, and how the search that found it went.

    Shape:  unread counts files and pictures that could not be read or looked at.
    """

    user: User
    detection: Detection
    tallies: Mapping[DuplicateClass, Tally]
    unread: int
    is_on: bool


async def findings_of(context: JobContext, user: User, search: Search) -> Findings:
    """What the search found."""
    async with context.database.read() as connection:
        rules = await detection_rules_of(context, connection, user.id)
        looked = await fingerprints.counts(connection, user.id, version=FINGERPRINT_VERSION)
        read = await contents.failures(connection, user.id, limit=MOST_COUNTED)
        tallies = await duplicate_sets.counts(connection, user.id)
    return Findings(user, search.detection, tallies, looked.failed + len(read), rules.is_on)


def lines(findings: Findings) -> Iterator[str]:
    """The findings as text, a line a class."""
    name, found = printable(findings.user.name), findings.detection
    if found.error is not None:
        yield f"{name}: the search for duplicates did not finish: {printable(found.error)}"
    if not findings.is_on:
        yield f"{name}: duplicate search is off; `sidecar settings` shows which layer says so"
        return
    yield f"{name}: {plural(sum(each.sets for each in findings.tallies.values()), 'set')} of duplicates"
    for kind in DuplicateClass:
        if kind in findings.tallies:
            tally = findings.tallies[kind]
            yield (
                f"  {kind}: {plural(tally.sets, 'set')} of {plural(tally.assets, 'file')}; "
                f"keeping one of each frees {size_of(tally.savings_bytes)}"
            )
    if findings.unread:
        yield f"  {plural(findings.unread, 'file')} could not be read or looked at (sidecar duplicates --unread)"
    spent = f"{plural(found.files_read, 'file')} compared, {size_of(found.bytes_read)} read"
    yield f"  {plural(found.looked, 'picture')} looked at, {spent}{_time_of(found)}"


def _time_of(found: Detection) -> str:
    told = ""
    if found.first_results_at_ms is not None:
        told = f"; first results after {duration((found.first_results_at_ms - found.requested_at_ms) / 1000)}"
    if found.ended_at_ms is not None:
        told += f", all after {duration((found.ended_at_ms - found.requested_at_ms) / 1000)}"
    return told


def code_of(found: Sequence[Search]) -> ExitCode:
    """The number for searches that ended so."""
    if any(not search.is_over for search in found):
        return ExitCode.TRY_LATER
    if any(search.detection.state is DetectionState.FAILED for search in found):
        return ExitCode.PARTLY_FAILED
    return ExitCode.DONE
