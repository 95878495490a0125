"""What people decide about sets of duplicates: what stays, what goes to the trash, and what are no duplicates at all.

Nothing is sent to Immich from here: a decision is written down, and the resolve job carries it out.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from hashlib import sha256

from sqlalchemy.ext.asyncio import AsyncConnection

from sidecar.duplicates.classes import DuplicateClass
from sidecar.duplicates.merging import Gain, PartKind, plan_merge
from sidecar.duplicates.sets import seen_as
from sidecar.duplicates.units import Copy, Unit, units_of
from sidecar.duplicates.verdict import (
    SENTENCES,
    Agreement,
    Caution,
    Concern,
    Objection,
    Refusal,
    Seen,
    Verdict,
    judge_decision,
)
from sidecar.errors import AskPerson, StaleDecision
from sidecar.immich_client.details import Album
from sidecar.jobs.changes import read_changes
from sidecar.jobs.context import JobContext
from sidecar.jobs.duplicates.copies import copies_around, set_to_decide
from sidecar.jobs.duplicates.ledger import Agreed, written
from sidecar.jobs.duplicates.looking import Now, links_to_assets, look_at
from sidecar.jobs.queue import JobName
from sidecar.model import Asset, AssetId, OwnerId
from sidecar.storage import duplicate_sets, resolutions
from sidecar.storage.duplicate_sets import SetMember, StoredSet
from sidecar.storage.resolutions import Resolution

LOOKED_AT = 200
"""So many members are looked at in Immich before a decision is written down; all of them before it is carried out."""

BULK = "bulk"
"""The origin of decisions about identical files that were taken many at once."""

_STALE = frozenset({Refusal.CHANGED, Refusal.REPLACED})


class KeepRefused(AskPerson):
    """A decision is not carried out; the objections say why, each with whom it is about."""

    code = "keep_refused"

    def __init__(self, objections: Sequence[Objection]) -> None:
        super().__init__(" ".join(dict.fromkeys(each.sentence for each in objections)))
        self.objections = tuple(objections)


@dataclass(frozen=True, slots=True)
class Preview:
    """What would happen.

    Shape:  gain is what the first of verdict.keep gets from those that go; albums names the albums among that. seen is
            what each of the files is. With objections nothing would happen. Of sets of more than LOOKED_AT members the
            gain tells of the first ones only.
    """

    set: StoredSet
    verdict: Verdict
    gain: Gain
    albums: Mapping[str, str]
    cautions: tuple[Caution, ...]
    seen: Mapping[AssetId, str]

    @property
    def objections(self) -> tuple[Objection, ...]:
        """Why it is not carried out; empty if it can be."""
        return self.verdict.objections


@dataclass(frozen=True, slots=True)
class BulkPreview:
    """What keeping one of each identical file would do: in how many sets, how many files go, how much they take.

    Shape:  token stands for exactly this: whoever agrees hands it back. left_alone counts the groups of identical files
            about which there is an objection, by that. external are how many of the files are of external libraries.
            decisions are (who stays, who go), cautions what to know before, by how many of them it is about.
    """

    sets: int
    groups: int
    files: int
    freed_bytes: int
    external: int
    left_alone: Mapping[Refusal, int]
    cautions: Mapping[Concern, int]
    decisions: tuple[tuple[AssetId, tuple[AssetId, ...]], ...]
    token: str


async def preview(
    context: JobContext,
    owner_id: OwnerId,
    set_id: str,
    keep_ids: Collection[AssetId],
    *,
    agreement: Agreement | None = None,
) -> Preview:
    """What keeping these members of the set, and trashing the rest, would do; looked up in Immich.

    Errors: StaleDecision if there is no such set any more. Those of the client.
    """
    await read_changes(context, owner_id)
    async with context.database.read() as connection:
        stored = await set_to_decide(connection, owner_id, set_id)
        units = await _units(connection, owner_id, [member.asset_id for member in stored.members])
    immich = context.immich(owner_id)
    members = sorted(stored.members, key=lambda member: member.asset_id not in keep_ids)
    first = [copy.id for each in members if each.unit_id in units for copy in units[each.unit_id].copies][:LOOKED_AT]
    now = await look_at(context, owner_id, first, await links_to_assets(immich))
    units = _refreshed(units, now, asked=frozenset(first))
    verdict = judge_decision(
        stored.kind,
        [Seen(member.asset_id, member.unit_id, member.seen_as) for member in stored.members],
        units,
        keep_ids,
        owner_id=owner_id,
        agreement=agreement or Agreement(),
        trash_is_on=await immich.trash_is_on(),
    )
    going = [now[asset_id] for asset_id in verdict.trash if asset_id in now]
    keeper = now.get(verdict.keep[0]) if verdict.keep else None
    gain = plan_merge(keeper.knowledge, [each.knowledge for each in going]) if keeper is not None else Gain()
    albums = {album.id: album for each in going for album in each.albums}
    gained = [albums[album_id] for album_id in gain.ids(PartKind.ALBUM)]
    cautions = (*verdict.cautions, *_cautions(owner_id, verdict.keep[:1], gain, gained))
    names = {album.id: album.name for album in gained}
    return Preview(stored, verdict, gain, names, cautions, _what_they_are(units, verdict))


def _cautions(
    owner_id: OwnerId, keeper: tuple[AssetId, ...], gain: Gain, gained: Collection[Album]
) -> Iterator[Caution]:
    if shared := tuple(album.name for album in gained if album.is_shared):
        yield Caution(Concern.SHARED_ALBUM, keeper, shared)
    if gain.ids(PartKind.LINK):
        yield Caution(Concern.SHARED_LINK, keeper)
    if closed := tuple(album.name for album in gained if owner_id not in album.writer_ids):
        yield Caution(Concern.ALBUM_REFUSES, keeper, closed)
    if gain.place is not None:
        yield Caution(Concern.PLACE_STAYS, keeper)


async def keep(
    context: JobContext,
    owner_id: OwnerId,
    set_id: str,
    keep_ids: Collection[AssetId],
    *,
    agreement: Agreement | None = None,
) -> Resolution:
    """The decision as it is written down: these stay, the rest goes to the trash. The resolve job carries it out.

    Errors: StaleDecision if the set has changed, KeepRefused if something else speaks against it. Those of the client.
    """
    agreement = agreement or Agreement()
    shown = await preview(context, owner_id, set_id, keep_ids, agreement=agreement)
    stale = [each for each in shown.objections if each.refusal in _STALE]
    if stale:
        raise StaleDecision(" ".join(dict.fromkeys(each.sentence for each in stale)))
    if shown.objections:
        raise KeepRefused(shown.objections)
    resolution = _resolution(context, owner_id, set_id, shown.verdict, seen=shown.seen, agreement=agreement)
    async with context.database.write() as connection:
        await resolutions.lock(connection, owner_id)
        if await set_to_decide(connection, owner_id, set_id) != shown.set:
            raise StaleDecision(SENTENCES[Refusal.CHANGED])
        await _intend(context, connection, owner_id, [resolution])
    await context.wake(JobName.RESOLVE, owner_id)
    return resolution


async def preview_identical(
    context: JobContext, owner_id: OwnerId, *, agreement: Agreement | None = None
) -> BulkPreview:
    """What keeping one of each identical file would do, as far as our own database knows.

    Errors: those of the client.
    """
    return (await _identical(context, owner_id, agreement or Agreement()))[0]


async def keep_identical(
    context: JobContext, owner_id: OwnerId, *, confirm: str, agreement: Agreement | None = None
) -> list[Resolution]:
    """The decisions that are written down: of every group of identical files the best stays, and the others go.

    Shape:  files count as identical only by a SHA-256 that was read of each. Sets lose nothing but those files: what
            only looks alike is not touched, and neither is a stack of which anything would be lost.
    Errors: StaleDecision if confirm is not the token of what there is to do now, KeepRefused if the trash is off.
            Those of the client.
    """
    shown, found = await _identical(context, owner_id, agreement or Agreement())
    if shown.left_alone.get(Refusal.TRASH_IS_OFF):
        raise KeepRefused([Objection(Refusal.TRASH_IS_OFF)])
    if confirm != shown.token:
        raise StaleDecision("The identical files have changed since they were shown: look at them again.")
    async with context.database.write() as connection:
        await resolutions.lock(connection, owner_id)
        # Somebody may have dismissed one of them since it was looked at.
        set_ids = {each.set_id for each in found}
        if (await duplicate_sets.by_ids(connection, owner_id, sorted(set_ids))).keys() != set_ids:
            raise StaleDecision("The identical files have changed since they were shown: look at them again.")
        await _intend(context, connection, owner_id, found)
    await context.wake(JobName.RESOLVE, owner_id)
    return found


async def _identical(
    context: JobContext, owner_id: OwnerId, agreement: Agreement
) -> tuple[BulkPreview, list[Resolution]]:
    await read_changes(context, owner_id)
    trash_is_on = await context.immich(owner_id).trash_is_on()
    async with context.database.read() as connection:
        set_ids = await duplicate_sets.with_identical(connection, owner_id)
        sets = await duplicate_sets.by_ids(connection, owner_id, set_ids)
        ids = [member.asset_id for stored in sets.values() for member in stored.members]
        units = await _units(connection, owner_id, ids)
        busy = await being_decided(connection, owner_id)
    found: list[Resolution] = []
    left_alone: Counter[Refusal] = Counter()
    cautions: Counter[Concern] = Counter()
    freed_bytes = external = 0
    for set_id in sorted(sets):
        for best, same in _same_bytes(sets[set_id].members, units):
            going = [each for each in same if agreement.external or not _is_external(units[each.unit_id])]
            left_alone[Refusal.EXTERNAL] += len(going) < len(same)
            if not going:
                continue
            verdict = judge_decision(
                DuplicateClass.IDENTICAL,
                [Seen(each.asset_id, each.unit_id, each.seen_as) for each in (best, *going)],
                units,
                {best.asset_id},
                owner_id=owner_id,
                agreement=agreement,
                trash_is_on=trash_is_on,
                is_identical_only=True,
            )
            refused = {each.refusal for each in verdict.objections}
            if not busy.isdisjoint((*verdict.keep, *verdict.trash)):
                refused.add(Refusal.BEING_DECIDED)
            left_alone.update(refused)
            if not refused:
                seen = _what_they_are(units, verdict)
                found.append(
                    _resolution(context, owner_id, set_id, verdict, seen=seen, agreement=agreement, origin=BULK)
                )
                cautions.update({each.concern for each in verdict.cautions})
                freed_bytes += verdict.freed_bytes
                external += sum(_is_external(units[each.unit_id]) for each in going)
    told = [(each.keep_ids, each.trash_ids, sorted(cautions.items())) for each in found]
    shown = BulkPreview(
        sets=len({each.set_id for each in found}),
        groups=len(found),
        files=sum(len(each.trash_ids) for each in found),
        freed_bytes=freed_bytes,
        external=external,
        left_alone={refusal: count for refusal, count in left_alone.items() if count},
        cautions=dict(cautions),
        decisions=tuple((each.keep_ids[0], each.trash_ids) for each in found),
        token=sha256(repr(told).encode()).hexdigest()[:16],
    )
    return shown, found


def _same_bytes(members: Sequence[SetMember], units: Mapping[str, Unit]) -> Iterator[tuple[SetMember, list[SetMember]]]:
    """A member that stays, and those of which every file is one of its files by SHA-256; the best first."""
    left = [each for each in members if each.unit_id in units]
    while left:
        best, *others = left
        kept = {copy.sha256 for copy in units[best.unit_id].copies if copy.size_bytes} - {None}
        same = [each for each in others if all(copy.sha256 in kept for copy in units[each.unit_id].copies)]
        if same:
            yield best, same
        gone = {each.unit_id for each in same}
        left = [each for each in others if each.unit_id not in gone]


def _is_external(unit: Unit) -> bool:
    return any(copy.original.library_id is not None for copy in unit.copies)


async def _units(connection: AsyncConnection, owner_id: OwnerId, ids: Sequence[AssetId]) -> dict[str, Unit]:
    """The units of these assets, with everybody in them whom Immich shows."""
    return units_of(await copies_around(connection, owner_id, ids))


def _refreshed(units: Mapping[str, Unit], now: Mapping[AssetId, Now], *, asked: Collection[AssetId]) -> dict[str, Unit]:
    """The units as Immich has them now; whoever was asked for and is missing is in none."""
    return units_of(
        _renewed(copy, now[copy.id].asset) if copy.id in now else copy
        for unit in units.values()
        for copy in unit.copies
        if copy.id in now or copy.id not in asked
    )


def _renewed(copy: Copy, asset: Asset) -> Copy:
    """The copy with what Immich says now; what was read of its bytes counts only as long as the file is the same."""
    original = asset.original or copy.original
    is_same = seen_as(asset, original) == seen_as(copy.asset, copy.original)
    read = copy if is_same else replace(copy, sha1=None, sha256=None)
    return replace(read, asset=asset, original=original)


def _what_they_are(units: Mapping[str, Unit], verdict: Verdict) -> dict[AssetId, str]:
    concerned = {*verdict.keep, *verdict.trash, *verdict.covers.values()}
    return {
        copy.id: seen_as(copy.asset, copy.original)
        for unit in units.values()
        for copy in unit.copies
        if copy.id in concerned
    }


def _resolution(
    context: JobContext,
    owner_id: OwnerId,
    set_id: str,
    verdict: Verdict,
    *,
    seen: Mapping[AssetId, str],
    agreement: Agreement,
    origin: str = "user",
) -> Resolution:
    agreed = Agreed(dict(sorted(seen.items())), dict(verdict.covers), agreement)
    return Resolution(
        context.new_id(),
        owner_id,
        set_id,
        verdict.keep,
        verdict.trash,
        origin,
        written(agreed),
    )


async def _intend(
    context: JobContext, connection: AsyncConnection, owner_id: OwnerId, new: Sequence[Resolution]
) -> None:
    """The decisions are on record and their sets are gone from the list.

    Errors: KeepRefused if another decision about one of the assets is being carried out.
    """
    ids = {asset_id for each in new for asset_id in (*each.keep_ids, *each.trash_ids)}
    if busy := sorted(ids & await being_decided(connection, owner_id)):
        raise KeepRefused([Objection(Refusal.BEING_DECIDED, tuple(busy))])
    await resolutions.intend(connection, new, now_ms=context.now_ms())
    await duplicate_sets.remove(connection, owner_id, sorted({each.set_id for each in new}))


async def being_decided(connection: AsyncConnection, owner_id: OwnerId) -> set[AssetId]:
    """Everybody about whom a decision is being carried out, or taken back."""
    return {
        asset_id
        for each in await resolutions.outstanding(connection, owner_id)
        for asset_id in (*each.keep_ids, *each.trash_ids)
    }
