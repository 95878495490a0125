"""Sets of duplicates with all that people want to know before they decide, and how one is suggested to be kept."""

from __future__ import annotations

import logging
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass

from sqlalchemy.ext.asyncio import AsyncConnection

from sidecar.duplicates.keeper import KeeperRule, Preference, choose_keeper
from sidecar.duplicates.units import units_of
from sidecar.errors import SidecarError
from sidecar.immich_client.details import Album
from sidecar.jobs.context import JobContext
from sidecar.jobs.duplicates.copies import copy_of
from sidecar.jobs.duplicates.looking import ask_each
from sidecar.jobs.rules import detection_rules_of
from sidecar.model import AssetId, OwnerId
from sidecar.storage import native_records, originals, partner_copies, stacks
from sidecar.storage.duplicate_sets import SetMember, StoredSet
from sidecar.storage.originals import Present

log = logging.getLogger(__name__)

MOST_ASKED = 50
"""Of larger sets albums are not asked for: that is a question for each copy."""


@dataclass(frozen=True, slots=True)
class Why:
    """By what the suggested copy is better than the next one; rule is None where nothing tells the two apart."""

    rule: KeeperRule | None
    words: str


@dataclass(frozen=True, slots=True)
class ShownCopy:
    """One member of a set.

    Shape:  present is None if people do not see it any more. partner_ids are those of the owner's partners who have
            the same bytes. is_recorded says that the group in which Immich has it is of our making. albums are
            None where Immich was not asked, or did not answer.
    """

    member: SetMember
    present: Present | None
    partner_ids: frozenset[OwnerId]
    is_recorded: bool
    albums: tuple[Album, ...] | None = None


@dataclass(frozen=True, slots=True)
class ShownSet:
    """A set and its copies, the best first; why is None where it is not known why the first is suggested."""

    stored: StoredSet
    copies: tuple[ShownCopy, ...]
    why: Why | None


@dataclass(frozen=True, slots=True)
class _Known:
    """What the mirror knows of copies and of whoever is in a stack with one of them."""

    present: Mapping[AssetId, Present]
    by_unit: Mapping[str, Sequence[Present]]
    partners: Mapping[AssetId, frozenset[OwnerId]]
    recorded: Mapping[AssetId, str]
    preference: Preference


async def shown_sets(
    context: JobContext, connection: AsyncConnection, owner_id: OwnerId, found: Sequence[StoredSet]
) -> list[ShownSet]:
    """These sets, in their order, as far as our own database knows; Immich is not asked."""
    known = await _known(context, connection, owner_id, found)
    return [_shown(stored, known, None) for stored in found]


async def shown_set(context: JobContext, owner_id: OwnerId, stored: StoredSet) -> ShownSet:
    """The set with the albums of its copies; without them while Immich does not answer."""
    async with context.database.read() as connection:
        known = await _known(context, connection, owner_id, [stored])
    albums: Mapping[AssetId, tuple[Album, ...]] | None = None
    if len(known.present) <= MOST_ASKED:
        try:
            albums = await ask_each(context, sorted(known.present), context.immich(owner_id).albums_of)
        except SidecarError as error:
            log.info("a set is shown without its albums: %s", error)
    return _shown(stored, known, albums)


async def _known(
    context: JobContext, connection: AsyncConnection, owner_id: OwnerId, found: Sequence[StoredSet]
) -> _Known:
    ids = sorted({member.asset_id for stored in found for member in stored.members})
    around = await stacks.touching(connection, owner_id, ids)
    everybody = sorted({*ids, *(each for stack in around for each in (stack.primary_id, *stack.member_ids))})
    partners: dict[AssetId, frozenset[OwnerId]] = {}
    for found_copy in await partner_copies.of(connection, owner_id, ids):
        known_of = partners.get(found_copy.asset_id, frozenset())
        partners[found_copy.asset_id] = known_of | {found_copy.partner_id}
    records = await native_records.of(connection, owner_id, ids)
    rules = await detection_rules_of(context, connection, owner_id)
    present = await originals.copies(connection, owner_id, everybody)
    by_unit: dict[str, list[Present]] = {}
    for each in present.values():
        by_unit.setdefault(each.stack_id or each.asset.id, []).append(each)
    return _Known(
        present,
        by_unit,
        partners,
        {asset_id: record.duplicate_id for asset_id, record in records.items()},
        rules.preference,
    )


def _shown(stored: StoredSet, known: _Known, albums: Mapping[AssetId, tuple[Album, ...]] | None) -> ShownSet:
    return ShownSet(
        stored,
        tuple(_copy(member, known, albums) for member in stored.members),
        _why(stored, known, albums),
    )


def _copy(member: SetMember, known: _Known, albums: Mapping[AssetId, tuple[Album, ...]] | None) -> ShownCopy:
    present = known.present.get(member.asset_id)
    original = present.asset.original if present is not None else None
    duplicate_id = original.duplicate_id if original is not None else None
    return ShownCopy(
        member,
        present,
        known.partners.get(member.asset_id, frozenset()),
        duplicate_id is not None and duplicate_id == known.recorded.get(member.asset_id),
        albums.get(member.asset_id, ()) if albums is not None and present is not None else None,
    )


def _why(stored: StoredSet, known: _Known, albums: Mapping[AssetId, Collection[Album]] | None) -> Why | None:
    """By what the suggested copy is the best, if it still is and all that counts before it is known."""
    unit_ids = {member.unit_id for member in stored.members}
    units = units_of(
        copy_of(present, album_count=len(albums.get(present.asset.id, ())) if albums is not None else 0)
        for unit_id in unit_ids
        for present in known.by_unit.get(unit_id, ())
    )
    if stored.member_count > len(stored.members) or len(units) < len(unit_ids):
        return None
    choice = choose_keeper(units.values(), known.preference)
    if all(copy.id != stored.best_id for copy in choice.best.copies):
        return None
    order = known.preference.order
    if albums is None and KeeperRule.ALBUMS in order:
        counted_before = order[: order.index(KeeperRule.ALBUMS)]
        if choice.rule not in counted_before:
            return None
    return Why(choice.rule, choice.words)
