"""What was given up and needs a person or a change: one list of it, whatever it is about, and trying it again.

Trying again never repeats what was decided on an earlier present: names are compared anew, files read anew. What a
person decided is theirs to decide again.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Collection, Iterable, Sequence
from dataclasses import dataclass
from enum import StrEnum
from hashlib import sha256

from sqlalchemy.ext.asyncio import AsyncConnection

from sidecar.jobs.context import JobContext
from sidecar.jobs.duplicates.ledger import step_of
from sidecar.jobs.queue import JobName
from sidecar.model import AssetId, OwnerId
from sidecar.storage import (
    assets,
    changes,
    contents,
    detections,
    duplicate_sets,
    fingerprints,
    journal,
    resolutions,
    scans,
    work,
)
from sidecar.storage.contents import NEVER
from sidecar.storage.detections import DetectionState
from sidecar.storage.journal import Origin
from sidecar.storage.resolutions import Resolution
from sidecar.storage.scans import ScanState

MOST_READ = 1_000_000
MOST_NAMED = 12
"""A burst may have hundreds of files; a line that names them all is read by nobody."""

_ID_LENGTH = 10


class FailureKind(StrEnum):
    """What was given up."""

    SCAN = "scan"
    CHANGE = "change"
    """Something that an event told of could not be looked at."""
    NAME = "name"
    """Files of one name could not be compared."""
    WRITE = "write"
    """A stack that the rules wanted was not written."""
    WISH = "wish"
    """A stack that a person agreed to, or a write that they took back, was not written."""
    SEARCH = "search"
    FILE = "file"
    """A file could not be read."""
    PICTURE = "picture"
    """A picture could not be looked at."""
    DECISION = "decision"
    """A decision about duplicates was not carried out; everything is as before."""
    REMAINDER = "remainder"
    """A decision about duplicates was not carried out, and not all of it could be put back."""

    @property
    def can_be_retried(self) -> bool:
        """Whether trying again is safe without asking anybody; otherwise a person decides again, or takes back."""
        return self in _AGAIN


@dataclass(frozen=True, slots=True)
class Failure:
    """One thing that was given up.

    Shape:  id is short, and the same as long as it is about the same; what are names of files, or what else it is
            about, for the user's own eyes. since_ms is None where nobody wrote down when it was given up.
    """

    id: str
    owner_id: OwnerId
    kind: FailureKind
    what: str
    reason: str
    since_ms: int | None = None


@dataclass(frozen=True, slots=True)
class _Found:
    """A failure as storage knows it: key is what names it there, name what it goes by as long as it is the same."""

    kind: FailureKind
    key: str
    reason: str
    since_ms: int | None = None
    name: str = ""
    about: str = ""
    asset_ids: tuple[AssetId, ...] = ()

    def id(self, owner_id: OwnerId) -> str:
        """A short name."""
        told = f"{self.kind} {owner_id} {self.name or self.key}"
        return sha256(told.encode(errors="surrogatepass")).hexdigest()[:_ID_LENGTH]


async def failures(context: JobContext, owner_id: OwnerId) -> list[Failure]:
    """Everything of this user's that was given up, kind by kind; what is still tried is not in it."""
    async with context.database.read() as connection:
        return await _told(connection, owner_id, await _find(connection, owner_id))


async def retry(context: JobContext, owner_id: OwnerId, ids: Collection[str] | None = None) -> list[Failure]:
    """Those of these failures, or of all, that are tried again from now on; the jobs are woken for them.

    Shape:  what cannot be retried without a person's decision is left out, and so is what is tried anyway.
    """
    async with context.database.write() as connection:
        found = await _find(connection, owner_id)
        chosen = [each for each in found if each.kind.can_be_retried and (ids is None or each.id(owner_id) in ids)]
        wanted = {kind: [each.key for each in chosen if each.kind is kind] for kind in _AGAIN}
        for kind, keys in wanted.items():
            if keys:
                await _AGAIN[kind](context, connection, owner_id, keys)
        told = await _told(connection, owner_id, chosen)
    for job in dict.fromkeys(_WAKES[each.kind] for each in chosen):
        await context.wake(job, owner_id)
    return told


async def still_tried(context: JobContext, owner_id: OwnerId, tried: Collection[str]) -> set[str]:
    """Which of these failures are changes that still wait to be looked at; there are others that wait at any time."""
    async with context.database.read() as connection:
        heard = await changes.due(connection, owner_id, now_ms=NEVER, limit=MOST_READ)
    waiting = (_Found(FailureKind.CHANGE, each.change.asset_id or "", "") for each in heard)
    return {each.id(owner_id) for each in waiting}.intersection(tried)


async def failed_decisions(connection: AsyncConnection, owner_id: OwnerId) -> list[Resolution]:
    """The user's decisions about duplicates that were given up and are to be decided again, or taken back.

    Shape:  one whose files are in no common set any more needs nobody: it was decided, or there is nothing to decide.
    """
    found = await resolutions.failed(connection, owner_id)
    return [
        each for each in found if step_of(each).has_left_something or await _is_undecided(connection, owner_id, each)
    ]


async def _is_undecided(connection: AsyncConnection, owner_id: OwnerId, resolution: Resolution) -> bool:
    kept = set(resolution.keep_ids)
    sets = await duplicate_sets.touching(connection, owner_id, resolution.trash_ids)
    return any(not kept.isdisjoint(member.asset_id for member in each.members) for each in sets)


async def _find(connection: AsyncConnection, owner_id: OwnerId) -> list[_Found]:
    return [found for look in _LOOKS for found in await look(connection, owner_id)]


async def _scan(connection: AsyncConnection, owner_id: OwnerId) -> list[_Found]:
    newest = await scans.newest(connection, owner_id)
    if newest is None or newest.state is not ScanState.FAILED:
        return []
    return [_Found(FailureKind.SCAN, "", newest.error or "", newest.ended_at_ms, about="the latest scan")]


async def _changes(connection: AsyncConnection, owner_id: OwnerId) -> list[_Found]:
    return [
        _Found(
            FailureKind.CHANGE,
            each.asset_id or "",
            each.error,
            each.heard_at_ms,
            about="" if each.asset_id else "the list of all stacks",
            asset_ids=(each.asset_id,) if each.asset_id else (),
        )
        for each in await changes.given_up(connection, owner_id)
    ]


async def _names(connection: AsyncConnection, owner_id: OwnerId) -> list[_Found]:
    files = await work.names_of_failures(connection, owner_id)
    return [
        _Found(FailureKind.NAME, stem, error, about=_joined(files.get(stem, [stem])))
        for stem, error in await work.failures(connection, owner_id)
    ]


async def _writes(connection: AsyncConnection, owner_id: OwnerId) -> list[_Found]:
    return [
        _Found(
            FailureKind.WISH if entry.action.origin is Origin.USER else FailureKind.WRITE,
            entry.action.id,
            entry.error or "",
            entry.ended_at_ms,
            # Another write of the same files that fails is the same failure for whoever reads it.
            name=" ".join((entry.action.kind, *sorted(entry.action.member_ids))),
            asset_ids=entry.action.member_ids,
        )
        for entry in await journal.failed(connection, owner_id)
    ]


async def _search(connection: AsyncConnection, owner_id: OwnerId) -> list[_Found]:
    newest = await detections.newest(connection, owner_id)
    if newest is None or newest.state is not DetectionState.FAILED:
        return []
    about = "the latest search for duplicates"
    return [_Found(FailureKind.SEARCH, "", newest.error or "", newest.ended_at_ms, about=about)]


async def _files(connection: AsyncConnection, owner_id: OwnerId) -> list[_Found]:
    return [
        _Found(FailureKind.FILE, each.asset_id, each.flaw or "", asset_ids=(each.asset_id,))
        for each in await contents.failures(connection, owner_id, limit=MOST_READ)
        if each.attempts
    ]


async def _pictures(connection: AsyncConnection, owner_id: OwnerId) -> list[_Found]:
    return [
        _Found(FailureKind.PICTURE, each.asset_id, each.detail, asset_ids=(each.asset_id,))
        for each in await fingerprints.failures(connection, owner_id, limit=MOST_READ)
        if each.attempts
    ]


async def _decisions(connection: AsyncConnection, owner_id: OwnerId) -> list[_Found]:
    return [
        _Found(
            FailureKind.REMAINDER if step_of(each).has_left_something else FailureKind.DECISION,
            each.id,
            each.error or "",
            each.ended_at_ms,
            asset_ids=(*each.keep_ids, *each.trash_ids),
        )
        for each in await failed_decisions(connection, owner_id)
    ]


_LOOKS = (_scan, _changes, _names, _writes, _search, _files, _pictures, _decisions)


async def _told(connection: AsyncConnection, owner_id: OwnerId, found: Sequence[_Found]) -> list[Failure]:
    shown = [asset_id for each in found for asset_id in each.asset_ids]
    names = await assets.names(connection, owner_id, list(dict.fromkeys(shown)))
    return [
        Failure(
            each.id(owner_id),
            owner_id,
            each.kind,
            each.about or _joined([names.get(asset_id, asset_id) for asset_id in each.asset_ids]),
            each.reason,
            each.since_ms,
        )
        for each in found
    ]


def _joined(names: Sequence[str]) -> str:
    shown = names if len(names) <= MOST_NAMED else names[: MOST_NAMED - 1]
    files = " + ".join(shown)
    return files if len(shown) == len(names) else f"{files} and {len(names) - len(shown)} more"


async def _scan_again(
    context: JobContext, connection: AsyncConnection, owner_id: OwnerId, _keys: Sequence[str]
) -> None:
    await scans.request(connection, owner_id, now_ms=context.now_ms())


async def _look_again(_: JobContext, connection: AsyncConnection, owner_id: OwnerId, keys: Sequence[str]) -> None:
    await changes.retry(connection, owner_id, [AssetId(key) if key else None for key in keys])


async def _compare_again(_: JobContext, connection: AsyncConnection, owner_id: OwnerId, keys: Sequence[str]) -> None:
    await work.retry(connection, owner_id, keys)


async def _decide_again(_: JobContext, connection: AsyncConnection, owner_id: OwnerId, keys: Sequence[str]) -> None:
    # Not the same write once more: it was planned on a present that may be gone.
    await work.mark(connection, owner_id, await journal.withdraw_failed(connection, owner_id, keys))


async def _search_again(
    context: JobContext, connection: AsyncConnection, owner_id: OwnerId, _keys: Sequence[str]
) -> None:
    await detections.request(connection, owner_id, now_ms=context.now_ms())


async def _read_again(context: JobContext, connection: AsyncConnection, owner_id: OwnerId, keys: Sequence[str]) -> None:
    await contents.retry(connection, owner_id, _ids(keys))
    await _search_again(context, connection, owner_id, keys)


async def _see_again(context: JobContext, connection: AsyncConnection, owner_id: OwnerId, keys: Sequence[str]) -> None:
    await fingerprints.retry(connection, owner_id, _ids(keys))
    await _search_again(context, connection, owner_id, keys)


def _ids(keys: Iterable[str]) -> list[AssetId]:
    return [AssetId(key) for key in keys]


_AGAIN: dict[FailureKind, Callable[[JobContext, AsyncConnection, OwnerId, Sequence[str]], Awaitable[None]]] = {
    FailureKind.SCAN: _scan_again,
    FailureKind.CHANGE: _look_again,
    FailureKind.NAME: _compare_again,
    FailureKind.WRITE: _decide_again,
    FailureKind.WISH: _decide_again,
    FailureKind.SEARCH: _search_again,
    FailureKind.FILE: _read_again,
    FailureKind.PICTURE: _see_again,
}

_WAKES = {
    FailureKind.SCAN: JobName.SYNC,
    FailureKind.CHANGE: JobName.REFRESH,
    FailureKind.NAME: JobName.PAIR,
    FailureKind.WRITE: JobName.PAIR,
    FailureKind.WISH: JobName.PAIR,
    FailureKind.SEARCH: JobName.DETECT,
    FailureKind.FILE: JobName.DETECT,
    FailureKind.PICTURE: JobName.DETECT,
}
