"""Forming the sets of one owner, from all that was found so far."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

from sidecar.duplicates.fingerprint import FINGERPRINT_VERSION
from sidecar.duplicates.keeper import KeeperRule, Preference
from sidecar.duplicates.sets import DuplicateSet, form_sets
from sidecar.duplicates.units import Copy
from sidecar.duplicates.versions import among_copies
from sidecar.errors import ImmichMissing
from sidecar.grouping.names import reader_of
from sidecar.jobs.asking import recall
from sidecar.jobs.context import JobContext
from sidecar.jobs.duplicates.copies import copies_around
from sidecar.jobs.duplicates.decide import being_decided
from sidecar.jobs.duplicates.dismissals import apart_of
from sidecar.jobs.queue import JobName
from sidecar.jobs.rules import rules_of
from sidecar.jobs.several import several
from sidecar.model import AssetId, OwnerId
from sidecar.preferences import DetectionRules
from sidecar.storage import contents, duplicate_sets, matches, resolutions
from sidecar.storage.duplicate_sets import Replaced, SetMember, StoredSet

log = logging.getLogger(__name__)

ASKED_AT_ONCE = 1000


async def group(context: JobContext, owner_id: OwnerId, rules: DetectionRules) -> Replaced:
    """What changed among the owner's sets, now that they are formed anew from contents, matches and decisions.

    Shape:  Immich is asked once a process for earlier decisions about whoever is in a set: a database may be new.
    Errors: those of the client, before anything has changed.
    """
    album_counts = await _album_counts(context, owner_id) if KeeperRule.ALBUMS in rules.keep_order else {}
    while True:
        forming = await _form(context, owner_id, rules, album_counts)
        if await _recall(context, owner_id, forming.sets):
            continue
        async with context.database.write() as connection:
            await resolutions.lock(connection, owner_id)
            # Forming takes seconds in a large library; what people decided meanwhile holds.
            if await apart_of(connection, owner_id, forming.copies) != forming.apart:
                continue
            # And what was found about a file that was replaced says nothing about the one that is there now.
            if await matches.forget_stale(connection, owner_id, version=FINGERPRINT_VERSION):
                continue
            busy = await being_decided(connection, owner_id)
            replaced = await duplicate_sets.replace(
                connection,
                owner_id,
                [_stored(each) for each in forming.sets if busy.isdisjoint(member.asset_id for member in each.members)],
                now_ms=context.now_ms(),
            )
        await context.wake(JobName.RECORD, owner_id)
        return replaced


@dataclass(frozen=True, slots=True)
class _Forming:
    """The sets, and what they were formed from."""

    sets: list[DuplicateSet]
    copies: list[Copy]
    apart: list[frozenset[AssetId]]


async def _form(
    context: JobContext, owner_id: OwnerId, rules: DetectionRules, album_counts: Mapping[AssetId, int]
) -> _Forming:
    async with context.database.read() as connection:
        found = await matches.everything(connection, owner_id) if rules.finds_alike else []
        same = await contents.identical(connection, owner_id) if rules.finds_exact else []
        involved = {each for match in found for each in (match.a, match.b)}
        involved.update(asset_id for _, ids in same for asset_id in ids)
        copies = await copies_around(connection, owner_id, sorted(involved), album_counts=album_counts)
        if not rules.finds_exact:
            copies = [replace(each, sha1=None, sha256=None) for each in copies]
        apart = await apart_of(connection, owner_id, copies)
        names = reader_of(await rules_of(context, connection, owner_id))
    found = list(among_copies(found, {copy.id: copy.asset for copy in copies}, names.stem_of))
    preference = Preference(rules.keep_order, rules.prefer_paths)
    formed = await asyncio.to_thread(form_sets, copies, found, apart=apart, preference=preference)
    return _Forming(formed, copies, apart)


async def _recall(context: JobContext, owner_id: OwnerId, formed: Sequence[DuplicateSet]) -> bool:
    """Whether Immich told decisions about the members that we did not know."""
    unasked = sorted({member.asset_id for each in formed for member in each.members} - context.recalled)
    is_news = False
    for start in range(0, len(unasked), ASKED_AT_ONCE):
        recalled = await recall(context, owner_id, unasked[start : start + ASKED_AT_ONCE])
        is_news = is_news or recalled.is_news
    return is_news


def _stored(formed: DuplicateSet) -> StoredSet:
    return StoredSet(
        formed.id,
        formed.kind,
        formed.best_id,
        formed.savings_bytes,
        min((each.similarity for each in formed.members if each.similarity is not None), default=1.0),
        tuple(
            SetMember(
                each.asset_id,
                each.unit_id,
                each.kind,
                each.similarity,
                each.reason,
                each.is_suggested,
                each.content,
                each.seen_as,
            )
            for each in formed.members
        ),
    )


async def _album_counts(context: JobContext, owner_id: OwnerId) -> dict[AssetId, int]:
    """In how many albums each asset is."""
    immich = context.immich(owner_id)

    async def ids_in(album_id: str) -> Sequence[AssetId]:
        try:
            return tuple(await immich.album_asset_ids(album_id))
        except ImmichMissing:
            return ()  # deleted since it was listed

    counts: dict[AssetId, int] = {}
    filled = [album.id for album in await immich.albums() if album.asset_count]
    for ids in await several(filled, ids_in, at_once=context.concurrent_reads):
        for asset_id in ids:
            counts[asset_id] = counts.get(asset_id, 0) + 1
    return counts
