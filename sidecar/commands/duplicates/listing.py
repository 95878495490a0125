"""What `sidecar duplicates` lists: sets of ours, Immich's own groups beside them, and what could not be read."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import TypeVar

from sqlalchemy.ext.asyncio import AsyncConnection

from sidecar.accounts.connected import Account
from sidecar.commands.duplicates.files import File, files_in, line_of, told_apart
from sidecar.commands.naming import telling_length, title_of
from sidecar.commands.report import MOST_FILES, plural, printable, size_of
from sidecar.duplicates.classes import DuplicateClass
from sidecar.grouping.memory import Decision, DecisionSource
from sidecar.jobs.duplicates.dismissals import dismissed
from sidecar.model import AssetId, OwnerId
from sidecar.storage import contents, detections, duplicate_sets, fingerprints, native_records, originals
from sidecar.storage.detections import Detection
from sidecar.storage.duplicate_sets import After, SetOrder, StoredSet
from sidecar.wiring import Services

_T = TypeVar("_T")

MOST_LISTED = 50
MOST_READ = 1_000_000
_A_PAGE = 500


@dataclass(frozen=True, slots=True)
class ListOptions:
    """What is listed, in which order, and how.

    Shape:  kinds is empty where all are meant. most is how many sets of a user are listed before the rest is only
            counted; None lists everything. With unread, what could not be read is listed instead of sets; with
            dismissed, what was dismissed.
    """

    kinds: tuple[DuplicateClass, ...] = ()
    order: SetOrder = SetOrder.NEWEST
    most: int | None = MOST_LISTED
    as_json: bool = False
    with_immichs_own: bool = False
    unread: bool = False
    dismissed: bool = False

    @property
    def lists_sets(self) -> bool:
        """Whether it is sets that are listed."""
        return not self.unread and not self.dismissed


@dataclass(frozen=True, slots=True)
class _Native:
    """One group that Immich itself found."""

    duplicate_id: str
    asset_ids: tuple[AssetId, ...]


@dataclass(frozen=True, slots=True)
class _Unread:
    """A file that could not be read, or whose picture could not be looked at."""

    asset_id: AssetId
    reason: str
    attempts: int
    is_final: bool


@dataclass(frozen=True, slots=True)
class Listing:
    """What is listed of one user; files are everybody's in it, newest is the latest search for duplicates."""

    account: Account
    title: str
    options: ListOptions
    sets: Sequence[StoredSet]
    count: int
    savings_bytes: int
    natives: Sequence[_Native]
    unread: Sequence[_Unread]
    dismissed: Sequence[tuple[str, Decision]]
    files: Mapping[AssetId, File]
    newest: Detection | None

    def objects(self) -> Iterator[dict[str, object]]:
        """The same for programs."""
        user = {"user": self.account.user.name, "user_id": self.account.user.id}
        for each in self.unread:
            yield {
                **user,
                "asset": {"id": each.asset_id, "name": _name(self.files, each.asset_id)},
                "reason": each.reason,
                "attempts": each.attempts,
                "is_final": each.is_final,
            }
        for decision_id, decision in self.dismissed:
            yield {
                **user,
                "id": decision_id,
                "source": decision.source.value,
                "assets": [
                    {"id": asset_id, "name": _name(self.files, asset_id)} for asset_id in sorted(decision.asset_ids)
                ],
            }
        for each_set in self.sets:
            yield {**user, **set_object(each_set, self.files)}
        for native in self.natives:
            yield {
                **user,
                "id": None,
                "source": "immich",
                "class": DuplicateClass.SIMILAR.value,
                "duplicate_id": native.duplicate_id,
                "assets": [{"id": asset_id, "name": _name(self.files, asset_id)} for asset_id in native.asset_ids],
            }

    def texts(self) -> Iterator[str]:
        """The same for people."""
        if self.options.unread:
            yield f"{self.title}: {plural(len(self.unread), 'file')} that could not be read or looked at"
            called = told_apart([each.asset_id for each in self.unread], self.files)
            yield from self._shown(self.unread, lambda each: _unread_line(each, called[each.asset_id]))
            return
        if self.options.dismissed:
            yield f"{self.title}: {plural(len(self.dismissed), 'decision')} that files are no duplicates"
            yield from self._shown(self.dismissed, self._dismissed_line)
            return
        kinds = f" ({', '.join(self.options.kinds)})" if self.options.kinds else ""
        order = f", {_ORDERS[self.options.order]}" if self.count > 1 else ""
        frees = f"; keeping one copy of each frees {size_of(self.savings_bytes)}" if self.count else ""
        yield f"{self.title}: {plural(self.count, 'set')} of duplicates{kinds}{order}{frees}"
        yield from self._about_the_search()
        for each in self.sets:
            yield set_line(each, self.files)
        yield from _rest(self.count - len(self.sets))
        if self.options.with_immichs_own:
            yield f"{self.title}: {plural(len(self.natives), 'group')} that Immich itself found"
            yield from self._shown(self.natives, lambda native: f"  {line_of(native.asset_ids, self.files)}")

    def _shown(self, every: Sequence[_T], line_of: Callable[[_T], str]) -> Iterator[str]:
        shown = every[: self.options.most]
        yield from map(line_of, shown)
        yield from _rest(len(every) - len(shown))

    def _dismissed_line(self, each: tuple[str, Decision]) -> str:
        decision_id, decision = each
        length = telling_length(other for other, _ in self.dismissed)
        ids = sorted(decision.asset_ids, key=lambda asset_id: (_name(self.files, asset_id) or "", asset_id))
        return f"  {decision_id[:length]}  {line_of(ids, self.files)}  ({_SOURCES[decision.source]})"

    def _about_the_search(self) -> Iterator[str]:
        if self.newest is None:
            yield "  this library was not searched for duplicates yet: `sidecar scan --duplicates` does that"
        elif not self.newest.state.is_over:
            yield "  a search for duplicates is under way; there may be more"


_ORDERS = {
    SetOrder.NEWEST: "the newest first",
    SetOrder.SAVINGS: "what frees most first",
    SetOrder.SIMILARITY: "the most alike first",
}


_SOURCES = defaultdict(
    lambda: "you decided it",
    {
        DecisionSource.DISMISSED: "you dismissed them",
        DecisionSource.KEPT: "you kept them all",
        DecisionSource.RECALLED: "an earlier sidecar wrote it down in Immich",
    },
)


def _rest(count: int) -> Iterator[str]:
    if count > 0:
        yield f"  … and {count} more (--all lists them)"


def _unread_line(each: _Unread, called: str) -> str:
    tried = "not tried again until it changes" if each.is_final else f"tried {plural(each.attempts, 'time')}"
    return f"  {called}  ({printable(each.reason)}; {tried})"


def _name(files: Mapping[AssetId, File], asset_id: AssetId) -> str | None:
    return files[asset_id].name if asset_id in files else None


def set_line(found: StoredSet, files: Mapping[AssetId, File]) -> str:
    """A set as one line: its id, its files with the suggested one first, and what they are to each other."""
    ids = [member.asset_id for member in found.members]
    if found.member_count > MOST_FILES:
        shown = f"{line_of(ids[: MOST_FILES - 1], files)} and {found.member_count - MOST_FILES + 1} more"
    else:
        shown = line_of(ids, files)
    return f"  {found.id}  {shown}  ({_what(found)}; keeping one frees {size_of(found.savings_bytes)})"


def _what(found: StoredSet) -> str:
    is_measured = found.kind is not DuplicateClass.IDENTICAL
    return f"{found.kind}, alike by {found.similarity:.3g}" if is_measured else found.kind.value


def set_object(found: StoredSet, files: Mapping[AssetId, File]) -> dict[str, object]:
    """A set for programs."""
    return {
        "id": found.id,
        "source": "sidecar",
        "class": found.kind.value,
        "similarity": found.similarity,
        "savings_bytes": found.savings_bytes,
        "found_at": datetime.fromtimestamp(found.found_at_ms / 1000, UTC).isoformat(),
        "asset_count": found.member_count,
        "assets": [
            {
                "id": member.asset_id,
                "name": _name(files, member.asset_id),
                "class": member.kind.value,
                "similarity": member.similarity,
                "reason": member.reason,
                "is_suggested": member.is_suggested,
            }
            for member in found.members
        ],
    }


async def listing_of(services: Services, account: Account, options: ListOptions) -> Listing:
    """What is to be listed of this user."""
    owner_id = account.user.id
    async with services.database.read() as connection:
        unread = await _unread(connection, owner_id) if options.unread else []
        decided = await dismissed(connection, owner_id) if options.dismissed else []
        sets = await _sets(connection, owner_id, options) if options.lists_sets else []
        natives = await _natives(connection, owner_id) if options.with_immichs_own else []
        tallies = await duplicate_sets.counts(connection, owner_id)
        shown = [each.asset_id for each in unread]
        shown += [asset_id for _, decision in decided for asset_id in decision.asset_ids]
        shown += [member.asset_id for each in sets for member in each.members]
        shown += [asset_id for native in natives for asset_id in native.asset_ids]
        files = await files_in(connection, owner_id, shown)
        newest = await detections.newest(connection, owner_id)
    wanted = [tally for kind, tally in tallies.items() if not options.kinds or kind in options.kinds]
    return Listing(
        account,
        title_of(account, services.accounts),
        options,
        sets,
        sum(tally.sets for tally in wanted),
        sum(tally.savings_bytes for tally in wanted),
        natives,
        sorted(unread, key=lambda each: (_name(files, each.asset_id) or "", each.asset_id)),
        decided[::-1],
        files,
        newest,
    )


async def lines_of_sets(connection: AsyncConnection, owner_id: OwnerId, *, most: int | None) -> list[str]:
    """The owner's newest sets as lines, and how many more there are."""
    options = ListOptions(most=most)
    sets = await _sets(connection, owner_id, options)
    files = await files_in(connection, owner_id, (member.asset_id for each in sets for member in each.members))
    count = sum(tally.sets for tally in (await duplicate_sets.counts(connection, owner_id)).values())
    return [*(set_line(each, files) for each in sets), *_rest(count - len(sets))]


async def _sets(connection: AsyncConnection, owner_id: OwnerId, options: ListOptions) -> list[StoredSet]:
    left = MOST_READ if options.most is None or options.as_json else options.most
    found: list[StoredSet] = []
    after: After | None = None
    while left > 0:
        page = await duplicate_sets.page(
            connection,
            owner_id,
            order=options.order,
            kinds=options.kinds,
            after=after,
            limit=min(left, _A_PAGE),
            members_at_most=None if options.as_json else MOST_FILES,
        )
        found += page.sets
        left -= len(page.sets)
        after = page.after
        if after is None:
            break
    return found


async def _natives(connection: AsyncConnection, owner_id: OwnerId) -> list[_Native]:
    """Immich's own groups: what carries an id that we did not write."""
    ours = {record.duplicate_id for record in (await native_records.everything(connection, owner_id)).values()}
    return [
        _Native(duplicate_id, ids)
        for duplicate_id, ids in await originals.native_groups(connection, owner_id)
        if duplicate_id not in ours
    ]


async def _unread(connection: AsyncConnection, owner_id: OwnerId) -> list[_Unread]:
    files = await contents.failures(connection, owner_id, limit=MOST_READ)
    pictures = await fingerprints.failures(connection, owner_id, limit=MOST_READ)
    return [
        *(
            _Unread(each.asset_id, f"the file: {each.flaw}", each.attempts, each.not_before_ms >= contents.NEVER)
            for each in files
        ),
        *(
            _Unread(
                each.asset_id, f"the picture: {each.detail}", each.attempts, each.not_before_ms >= fingerprints.NEVER
            )
            for each in pictures
        ),
    ]
