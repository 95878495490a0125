"""What other choices would change in a library as it is: looked at by the code that pairs, and nothing is written."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from enum import StrEnum
from itertools import islice

from sqlalchemy.ext.asyncio import AsyncConnection

from sidecar.duplicates.classes import DuplicateClass
from sidecar.grouping.memory import OurGroup
from sidecar.grouping.names import NameReader, reader_of
from sidecar.grouping.planning import AlreadyStacked, Create, Extend, Review, Step
from sidecar.grouping.proposal import GroupKind
from sidecar.grouping.settings import PairingRules
from sidecar.jobs.choosing import weigh
from sidecar.jobs.context import JobContext
from sidecar.jobs.deciding import Known, decide, load_around, members_of
from sidecar.jobs.rules import fingerprint
from sidecar.model import AssetId, OwnerId
from sidecar.preferences import DetectionRules
from sidecar.storage import assets, duplicate_sets, scans
from sidecar.storage import preview as stored
from sidecar.storage.preview import Named

AT_ONCE = 500
"""How many names are compared between two looks at the clock."""

BUDGET_S = 2.0
MOST_EXAMPLES = 12
MOST_OF_A_KIND = 4


class ChangeKind(StrEnum):
    """What other choices would do to one group of pictures."""

    STACKED = "stacked"
    """It would be stacked, or join its stack."""
    SUGGESTED = "suggested"
    """It would be shown as a suggestion."""
    DROPPED = "dropped"
    """It would not be suggested any more."""
    COVER = "cover"
    """It is stacked and stays so; made anew, the stack would have another cover."""
    KEPT = "kept"
    """The sidecar stacked it and would not do so any more; it stays stacked."""


@dataclass(frozen=True, slots=True)
class Member:
    """One picture of an example."""

    asset_id: AssetId
    name: str


@dataclass(frozen=True, slots=True)
class Example:
    """One group that would change; members with the cover first, as it would be."""

    kind: ChangeKind
    members: tuple[Member, ...]


@dataclass(frozen=True, slots=True)
class DuplicateChange:
    """What would become of the sets of duplicates: so many lose members or go, and whether more may be found.

    Shape:  needs_search says that only a search can tell what would come.
    """

    fewer: int
    needs_search: bool


@dataclass(frozen=True, slots=True)
class Preview:
    """What a part of the library says.

    Shape:  looked is how many of the owner's `total` photos are done with, those of the parts before included.
            next_start is where the next part begins, None after the last. counts are of this part alone.
    """

    looked: int
    total: int
    next_start: int | None
    counts: Mapping[ChangeKind, int]
    examples: tuple[Example, ...]
    duplicates: DuplicateChange


async def preview(
    context: JobContext,
    owner_id: OwnerId,
    wanted: Mapping[str, object],
    *,
    start: int = 0,
    budget_s: float = BUDGET_S,
    clock: Callable[[], float] = time.monotonic,
) -> Preview:
    """What would change if the owner chose this, in the part of the library that begins at start.

    Shape:  wanted as for `choosing.choose`. Both sets of rules are asked about the pictures as they are now; bytes that
            the sidecar would look at first are taken for what their names say. A part ends with the first AT_ONCE
            groups of names after budget_s. What the library gains or loses between two parts may be missed.
    Errors: NotUnderstood if a value makes no sense.
    """
    end_s = clock() + budget_s
    now, then = await weigh(context, owner_id, wanted)
    rules, other = now.choices.matching.rules(), then.choices.matching.rules()
    async with context.database.read() as connection:
        total = await assets.count(connection, owner_id)
        duplicates = await _duplicates(
            connection, owner_id, now.choices.detection.rules(), then.choices.detection.rules()
        )
        named = [] if rules == other else await _named(context, connection, owner_id, rules, other)
    units = await asyncio.to_thread(_units, named, rules, other)
    seen = _Seen()
    while start < len(units):
        part = units[start : start + AT_ONCE]
        start += len(part)
        async with context.database.read() as connection:
            ids = [asset_id for unit in part for asset_id in unit]
            present = await assets.by_ids(connection, owner_id, ids)
            known = await load_around(connection, owner_id, list(present.values()), rules)
        await asyncio.to_thread(seen.compare, context, known, other)
        if clock() >= end_s:
            break
    left = sum(map(len, units[start:]))
    return Preview(total - left, total, start if left else None, seen.counts, tuple(seen.chosen()), duplicates)


async def _duplicates(
    connection: AsyncConnection, owner_id: OwnerId, now: DetectionRules, then: DetectionRules
) -> DuplicateChange:
    tallies = await duplicate_sets.counts(connection, owner_id)
    alike = sum(tally.sets for kind, tally in tallies.items() if kind is not DuplicateClass.IDENTICAL)
    fewer = 0
    if now.finds_exact and not then.finds_exact and DuplicateClass.IDENTICAL in tallies:
        fewer += tallies[DuplicateClass.IDENTICAL].sets
    if now.finds_alike and not then.finds_alike:
        fewer += alike
    elif then.threshold > now.threshold:
        fewer += await stored.sets_less_alike(connection, owner_id, than=then.threshold)
    more = (
        (then.finds_exact and not now.finds_exact)
        or (then.finds_alike and not now.finds_alike)
        or (then.finds_alike and (then.threshold < now.threshold or then.finds_turned != now.finds_turned))
    )
    return DuplicateChange(fewer, more)


async def _named(
    context: JobContext, connection: AsyncConnection, owner_id: OwnerId, rules: PairingRules, other: PairingRules
) -> list[Named]:
    """Whoever may belong to somebody, under either rules; by stem."""
    mark = await scans.watermark(connection, owner_id)
    is_current = mark is not None and mark.rules == fingerprint(context, rules)
    if is_current and reader_of(rules) is reader_of(other):
        return await stored.of_shared_stems(connection, owner_id)
    # The stems that are kept say nothing about names that are read otherwise.
    return await stored.everything(connection, owner_id)


def _units(named: Sequence[Named], rules: PairingRules, other: PairingRules) -> list[list[AssetId]]:
    """Assets that have to be looked at together, under both rules, and are not alone; in the order of their stems."""
    together = _Together()
    readers: list[NameReader] = list(dict.fromkeys((reader_of(rules), reader_of(other))))
    has_bursts = GroupKind.BURST in {*rules.kinds, *other.kinds}
    stems: list[str] = []
    bursts: dict[str, str] = {}
    for each in named:
        stem, *others = [reader.stem_of(each.name) for reader in readers]
        stems.append(stem)
        for another in others:
            together.join(stem, another)
        if has_bursts and each.burst is not None:
            together.join(stem, bursts.setdefault(each.burst, stem))
    units: dict[str, list[AssetId]] = {}
    for each, stem in zip(named, stems, strict=True):
        units.setdefault(together.root_of(stem), []).append(each.asset_id)
    return [units[stem] for stem in sorted(units) if len(units[stem]) > 1]


class _Together:
    """Which stems belong together; nearly all stand alone and cost nothing."""

    def __init__(self) -> None:
        self._above: dict[str, str] = {}

    def join(self, one: str, other: str) -> None:
        one, other = sorted((self.root_of(one), self.root_of(other)))
        if one != other:
            self._above[other] = one

    def root_of(self, stem: str) -> str:
        path = []
        while (above := self._above.get(stem)) is not None:
            path.append(stem)
            stem = above
        for each in path:
            self._above[each] = stem
        return stem


class _Seen:
    """What was seen so far."""

    def __init__(self) -> None:
        self.counts: dict[ChangeKind, int] = dict.fromkeys(ChangeKind, 0)
        self._examples: dict[ChangeKind, list[Example]] = {kind: [] for kind in ChangeKind}

    def compare(self, context: JobContext, known: Known, other: PairingRules) -> None:
        """Adds what the other rules would change about what is known."""
        now = decide(known, (), context.pipeline).plan.steps
        then = decide(replace(known, rules=other), (), context.pipeline).plan.steps
        for kind, ids in _changes(now, then, known.groups):
            self.counts[kind] += 1
            if len(self._examples[kind]) < MOST_OF_A_KIND:
                members = (Member(each, known.assets[each].name) for each in ids if each in known.assets)
                self._examples[kind].append(Example(kind, tuple(members)))

    def chosen(self) -> Iterator[Example]:
        """Some of each kind."""
        return islice((example for found in self._examples.values() for example in found), MOST_EXAMPLES)


def _changes(
    now: Sequence[Step], then: Sequence[Step], groups: Sequence[OurGroup]
) -> Iterator[tuple[ChangeKind, tuple[AssetId, ...]]]:
    """What the steps of then do that those of now do not, and the members that it is about."""
    before, after = _by_members(now), _by_members(then)
    for members, step in after.items():
        kind = _what_comes(before.get(members), step)
        if kind is not None:
            yield kind, members_of(step)
    ours = [frozenset(group.member_ids) for group in groups if group.is_ours]
    stacked = {step.stack.id for step in then if isinstance(step, AlreadyStacked | Extend)}
    for members, step in before.items():
        if isinstance(step, Review) and not isinstance(after.get(members), Review):
            yield ChangeKind.DROPPED, members_of(step)
        is_in_use = not isinstance(step, AlreadyStacked) or step.stack.id in stacked
        if not is_in_use and any(members <= group for group in ours):
            yield ChangeKind.KEPT, members_of(step)


def _what_comes(former: Step | None, step: Step) -> ChangeKind | None:
    """What a step does that the former one about the same members does not."""
    match step:
        case Create() | Extend() if not isinstance(former, Create | Extend):
            return ChangeKind.STACKED
        case Review() if not isinstance(former, Review):
            return ChangeKind.SUGGESTED
        case AlreadyStacked() if (
            isinstance(former, AlreadyStacked) and former.proposal.primary_id != step.proposal.primary_id
        ):
            return ChangeKind.COVER
        case _:
            return None


def _by_members(steps: Sequence[Step]) -> dict[frozenset[AssetId], Step]:
    return {frozenset(members_of(step)): step for step in steps}
