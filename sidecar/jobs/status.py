"""How far everything has come, in numbers that are sums over users: for the API, for pages, for commands.

Nothing in them is about a picture: no names, no stems, no ids. A rate is told only where something was measured.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Hashable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from enum import StrEnum
from math import ceil
from typing import NamedTuple

from sqlalchemy.ext.asyncio import AsyncConnection

from sidecar.jobs.failures import failed_decisions
from sidecar.model import OwnerId
from sidecar.redaction import without_names
from sidecar.storage import changes, detections, duplicate_sets, journal, polls, resolutions, scans, work
from sidecar.storage.detections import Detection, DetectionPhase, DetectionState
from sidecar.storage.journal import ActionState
from sidecar.storage.scans import Scan, ScanState
from sidecar.storage.work import Backlog

MEASURED_WITHIN_MS = 60_000
"""Over so long a rate is measured: libraries have stretches that go faster and slower."""

LOOKS_APART_MS = 1_000
"""Looks that are closer together tell nothing more about a rate."""


class Activity(StrEnum):
    """What several users' runs of one kind amount to: the first of these that is true of one of them."""

    RUNNING = "running"
    REQUESTED = "requested"
    FAILED = "failed"
    DONE = "done"
    NONE = "none"
    """Nobody has asked for one yet."""

    @property
    def is_under_way(self) -> bool:
        """Something of it is still to happen."""
        return self in (Activity.RUNNING, Activity.REQUESTED)


@dataclass(frozen=True, slots=True)
class Scanning:
    """The latest scans.

    Shape:  expected is how many assets there are to find as far as anybody knows: without what the last complete scan
            did not find either, partners' assets above all. failed could not be read.
    Units:  remaining_s is None where it cannot be told, 0 where nothing is left; rate_per_s is None where nothing is
            under way or was measured yet. Both mean the same everywhere below.
    """

    state: Activity
    found: int
    expected: int
    failed: int
    rate_per_s: float | None
    remaining_s: int | None


@dataclass(frozen=True, slots=True)
class Pairing:
    """File names that are to be compared; failed were given up."""

    waiting: int
    failed: int
    rate_per_s: float | None
    remaining_s: int | None


@dataclass(frozen=True, slots=True)
class Writing:
    """Writes of stacks: still to be made, made so far, and given up; the rate is that of the last minute."""

    waiting: int
    done: int
    failed: int
    rate_per_s: float | None
    remaining_s: int | None


@dataclass(frozen=True, slots=True)
class Searching:
    """The latest searches for duplicates.

    Shape:  phase is what the search that is furthest from its end is at, None where none is running. looked counts
            pictures, of total that want a look; sets are those that there are now. remaining_s is until all were
            looked at.
    """

    state: Activity
    phase: DetectionPhase | None
    looked: int
    total: int
    sets: int
    rate_per_s: float | None
    remaining_s: int | None


@dataclass(frozen=True, slots=True)
class Waiting:
    """What is still to be done, and what was given up."""

    waiting: int
    failed: int


@dataclass(frozen=True, slots=True)
class Status:
    """Everything, as sums over some users.

    Shape:  first_scan_done says that each of them was scanned to the end once. stacks are writes; decisions are those
            about duplicates; events are changes that were told of. errors are sentences that say why something waits.
    """

    first_scan_done: bool
    scan: Scanning
    pairing: Pairing
    stacks: Writing
    duplicates: Searching
    decisions: Waiting
    events: Waiting
    errors: tuple[str, ...]


@dataclass(slots=True)
class Paces:
    """How fast things are counted up, from what earlier looks saw: the database has counts of now and no former ones.

    Shape:  whoever looks several times keeps one; looks of others are not in it.
    """

    _seen: dict[Hashable, deque[tuple[int, int]]] = field(default_factory=dict)

    def per_s(self, subject: Hashable, count: int, *, now_ms: int) -> float | None:
        """How many a second by now; None as long as nobody can tell. A count that falls begins anew."""
        seen = self._seen.setdefault(subject, deque())
        if seen and count < seen[-1][1]:
            seen.clear()
        while len(seen) > 1 and now_ms - seen[1][0] >= MEASURED_WITHIN_MS:
            seen.popleft()
        if not seen or now_ms - seen[-1][0] >= LOOKS_APART_MS:
            seen.append((now_ms, count))
        first_ms, first = seen[0]
        return (count - first) * 1000 / (now_ms - first_ms) if now_ms > first_ms and count > first else None

    def forget(self, subject: Hashable) -> None:
        """Nothing of this is under way."""
        self._seen.pop(subject, None)


class _Left(NamedTuple):
    """What one user still has before them, None where nobody knows, and how fast it goes."""

    amount: int | None
    per_s: float | None = None


_NOTHING_LEFT = _Left(0)
_UNKNOWN = _Left(None)


async def status(
    connection: AsyncConnection, owner_ids: Sequence[OwnerId], *, now_ms: int, paces: Paces | None = None
) -> Status:
    """How far everything of these users has come.

    Shape:  paces are what the same caller has seen before: without them there is no rate of what only a second look
            can tell, names compared and pictures looked at.
    """
    paces = paces if paces is not None else Paces()
    marks = [await scans.watermark(connection, owner_id) for owner_id in owner_ids]
    looks = [await _scans_of(connection, owner_id) for owner_id in owner_ids]
    backlogs = {owner_id: await work.backlog(connection, owner_id) for owner_id in owner_ids}
    searches = [await detections.current(connection, owner_id) for owner_id in owner_ids]
    return Status(
        first_scan_done=bool(marks) and None not in marks,
        scan=_scanning(looks, now_ms=now_ms, paces=paces),
        pairing=_pairing(backlogs, now_ms=now_ms, paces=paces),
        stacks=await _writing(connection, owner_ids, now_ms=now_ms),
        duplicates=await _searching(connection, owner_ids, searches, now_ms=now_ms, paces=paces),
        decisions=await _deciding(connection, owner_ids),
        events=await _hearing(connection, owner_ids),
        errors=_sentences(
            [
                *(latest.error for latest, _ in looks if latest is not None),
                *(backlog.error for backlog in backlogs.values()),
                *(search.error for search in searches if search is not None),
                *[error for owner_id in owner_ids for error in await _other_errors(connection, owner_id)],
            ]
        ),
    )


async def scanning(connection: AsyncConnection, owner_ids: Sequence[OwnerId], *, now_ms: int) -> Scanning:
    """The latest scans of these users alone."""
    looks = [await _scans_of(connection, owner_id) for owner_id in owner_ids]
    return _scanning(looks, now_ms=now_ms, paces=Paces())


async def pairing(connection: AsyncConnection, owner_ids: Sequence[OwnerId], *, now_ms: int) -> Pairing:
    """The names of these users alone that are to be compared."""
    backlogs = {owner_id: await work.backlog(connection, owner_id) for owner_id in owner_ids}
    return _pairing(backlogs, now_ms=now_ms, paces=Paces())


async def _scans_of(connection: AsyncConnection, owner_id: OwnerId) -> tuple[Scan | None, Scan | None]:
    """The latest scan, and the latest complete one."""
    return await scans.newest(connection, owner_id), await scans.newest_done(connection, owner_id)


def _scanning(looks: Sequence[tuple[Scan | None, Scan | None]], *, now_ms: int, paces: Paces) -> Scanning:
    there = [(latest, _there(latest, complete)) for latest, complete in looks if latest is not None]
    left = [_left_of_scan(latest, total, now_ms=now_ms, paces=paces) for latest, total in there]
    return Scanning(
        _activity(latest.state if latest is not None else None for latest, _ in looks),
        sum(latest.found for latest, _ in there),
        sum(total for _, total in there),
        sum(latest.broken for latest, _ in there),
        *_together([*left, *[_UNKNOWN] * (len(looks) - len(there))]),
    )


def _pairing(backlogs: Mapping[OwnerId, Backlog], *, now_ms: int, paces: Paces) -> Pairing:
    left: list[_Left] = []
    for owner_id, backlog in backlogs.items():
        subject = ("names", owner_id)
        if backlog.pending:
            # What was compared is deleted: that there is less and less of it is all that tells.
            left.append(_Left(backlog.pending, paces.per_s(subject, -backlog.pending, now_ms=now_ms)))
        else:
            paces.forget(subject)
    every = backlogs.values()
    return Pairing(sum(each.pending for each in every), sum(each.failed for each in every), *_together(left))


async def _writing(connection: AsyncConnection, owner_ids: Sequence[OwnerId], *, now_ms: int) -> Writing:
    waiting = done = failed = 0
    left: list[_Left] = []
    for owner_id in owner_ids:
        counts = await journal.counts(connection, owner_id)
        intended = counts.get(ActionState.INTENDED, 0)
        waiting, done = waiting + intended, done + counts.get(ActionState.DONE, 0)
        if ActionState.FAILED in counts:
            failed += len(await journal.failed(connection, owner_id))
        if intended:
            recent = await journal.ended_since(connection, owner_id, since_ms=now_ms - MEASURED_WITHIN_MS)
            left.append(_Left(intended, _rate_of(recent, now_ms=now_ms)))
    return Writing(waiting, done, failed, *_together(left))


async def _searching(
    connection: AsyncConnection,
    owner_ids: Sequence[OwnerId],
    searches: Sequence[Detection | None],
    *,
    now_ms: int,
    paces: Paces,
) -> Searching:
    there = [each for each in searches if each is not None]
    running = [each.phase for each in there if each.state is DetectionState.RUNNING]
    tallies = [await duplicate_sets.counts(connection, owner_id) for owner_id in owner_ids]
    return Searching(
        _activity(each.state if each is not None else None for each in searches),
        min(running, key=list(DetectionPhase).index, default=None),
        sum(each.looked for each in there),
        sum(max(each.looked, each.total) for each in there),
        sum(tally.sets for by_kind in tallies for tally in by_kind.values()),
        *_together([_left_of_search(each, now_ms=now_ms, paces=paces) for each in there]),
    )


async def _deciding(connection: AsyncConnection, owner_ids: Sequence[OwnerId]) -> Waiting:
    waiting = failed = 0
    for owner_id in owner_ids:
        counts = await resolutions.counts(connection, owner_id)
        waiting += sum(count for state, count in counts.items() if not state.is_over)
        failed += len(await failed_decisions(connection, owner_id))
    return Waiting(waiting, failed)


async def _hearing(connection: AsyncConnection, owner_ids: Sequence[OwnerId]) -> Waiting:
    counts = [await changes.counts(connection, owner_id) for owner_id in owner_ids]
    return Waiting(sum(waiting for waiting, _ in counts), sum(failed for _, failed in counts))


async def _other_errors(connection: AsyncConnection, owner_id: OwnerId) -> list[str | None]:
    return [
        (await polls.get(connection, owner_id)).error,
        (await journal.outstanding(connection, owner_id)).error,
        *(each.error for each in await resolutions.outstanding(connection, owner_id)),
    ]


def _sentences(told: Iterable[str | None]) -> tuple[str, ...]:
    return tuple(sorted({without_names(each) for each in told if each}))


def _activity(states: Iterable[StrEnum | None]) -> Activity:
    found = {Activity(state.value) if state is not None else Activity.NONE for state in states}
    return next((each for each in Activity if each in found), Activity.NONE)


def _together(parts: Iterable[_Left]) -> tuple[float | None, int | None]:
    """How fast all goes, and when the last is done: users do not wait for each other."""
    open_parts = [part for part in parts if part.amount != 0]
    rates = [part.per_s for part in open_parts if part.per_s is not None]
    times_s = [
        ceil(part.amount / part.per_s) for part in open_parts if part.amount is not None and part.per_s is not None
    ]
    rate_per_s = float(f"{sum(rates):.3g}") if rates else None
    return rate_per_s, (max(times_s, default=0) if len(times_s) == len(open_parts) else None)


def _there(newest: Scan, complete: Scan | None) -> int:
    """How many of the owner's assets there are to find, as far as anybody knows."""
    not_theirs = max(0, complete.expected - complete.found) if complete is not None else 0
    return max(newest.found, newest.expected - not_theirs)


def _left_of_scan(scan: Scan, there: int, *, now_ms: int, paces: Paces) -> _Left:
    subject = ("assets", scan.owner_id)
    if scan.state is not ScanState.RUNNING:
        paces.forget(subject)
        return _NOTHING_LEFT if scan.state.is_over else _UNKNOWN
    per_s = paces.per_s(subject, scan.found, now_ms=now_ms)
    # Of one that was begun again, the number may still be that of the last time.
    if per_s is None and scan.attempts == 1 and scan.found and scan.began_at_ms is not None:
        per_s = scan.found * 1000 / max(LOOKS_APART_MS, now_ms - scan.began_at_ms)
    # When all are found, it is asked for those that were not seen: how many they are is on record nowhere.
    return _Left(there - scan.found or None, per_s)


def _left_of_search(search: Detection, *, now_ms: int, paces: Paces) -> _Left:
    subject = ("pictures", search.owner_id)
    if search.state is not DetectionState.RUNNING:
        paces.forget(subject)
        return _NOTHING_LEFT if search.state.is_over else _UNKNOWN
    per_s = paces.per_s(subject, search.looked, now_ms=now_ms)
    # Before, nothing is counted; and while matches are judged, nobody looks at pictures.
    return _Left(max(0, search.total - search.looked) or None, per_s) if search.phase in _LOOKING else _UNKNOWN


_LOOKING = frozenset({DetectionPhase.LOOK, DetectionPhase.REST})


def _rate_of(recent: Sequence[tuple[int, int]], *, now_ms: int) -> float | None:
    """How many a second; the first moment is where counting begins, as nobody knows what came before it."""
    if len(recent) < 2:  # noqa: PLR2004  # a first and a last
        return None
    (first_ms, _), *later = recent
    return sum(count for _, count in later) * 1000 / (max(now_ms, later[-1][0]) - first_ms)
