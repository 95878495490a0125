"""Which of our sets Immich's own Duplicates page should show, and what to write so that it does.

Immich keeps one `duplicateId` an asset. Its page lists what two or more unstacked, visible assets share; its detection
clears and merges ids asset by asset; a user's dismissal takes all of a group at once (duplicate.service.ts and
duplicate.repository.ts, 2.5.6 to 3.1.0). Ids that are not ours are never overwritten.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass

from sidecar.duplicates.classes import DuplicateClass
from sidecar.model import AssetId

RECORDED = frozenset({DuplicateClass.IDENTICAL, DuplicateClass.RE_ENCODED, DuplicateClass.EDITED})
"""Classes that are worth a place on Immich's page; featureless ones never are."""

DISMISSED_TOGETHER_MS = 5
"""Immich clears a dismissed group in one statement, within a millisecond; its detection takes longer for each asset.

Only what is that clear is remembered as the user's word; but whoever took a whole group off the page, it stays off."""

MOST_RETURNS = 1
"""So often an id is written again that Immich took away from a part of a group; then Immich has decided."""

_SHOWN = 2
"""Immich's page shows no fewer."""


@dataclass(frozen=True, slots=True)
class Present:
    """One member as Immich has it now; is_listed if it is unstacked, visible and not trashed."""

    asset_id: AssetId
    duplicate_id: str | None
    is_listed: bool
    updated_at_ms: int


@dataclass(frozen=True, slots=True)
class Written:
    """The duplicateId that we once wrote to an asset, for which set, and how often it was taken away before.

    Shape:  is_confirmed once Immich has shown the id; before, nobody can have taken it away.
    """

    asset_id: AssetId
    set_id: str
    duplicate_id: str
    is_confirmed: bool = True
    taken_away: int = 0


@dataclass(frozen=True, slots=True)
class NativeWrite:
    """One id to be written to these assets; taken_away is how often Immich took the one before away."""

    set_id: str
    duplicate_id: str
    asset_ids: tuple[AssetId, ...]
    taken_away: int


@dataclass(frozen=True, slots=True)
class NativePlan:
    """What to do so that Immich's page agrees with our sets.

    Shape:  clear are assets that still carry an id of ours and should carry none. dismissed are groups that the user
            dismissed on Immich's page, as far as that can be told. forgotten are assets about which nothing of ours is
            left to remember.
    """

    writes: tuple[NativeWrite, ...]
    clear: tuple[AssetId, ...]
    dismissed: tuple[frozenset[AssetId], ...]
    forgotten: tuple[AssetId, ...]


def plan_native(
    wanted: Mapping[str, Sequence[Present]],
    written: Mapping[AssetId, Written],
    present: Mapping[AssetId, Present],
    *,
    new_id: Callable[[str], str],
) -> NativePlan:
    """The plan for one owner.

    Shape:  wanted are the members, by set id, of the sets that should be shown; written is all that we have written and
            not forgotten, present the assets of both as they are now: one that is missing is out of sight, and may come
            back. new_id makes an id for a set. Planned again after it was carried out, nothing is left to do.
    """
    lost = list(_lost(written, present))
    dismissed = tuple(group for group, within_ms in lost if within_ms <= DISMISSED_TOGETHER_MS)
    # Who took a group off the page wants none of its two there again; why it was taken off is another question.
    kept = {asset_id for group, _ in lost if group not in dismissed for asset_id in group}
    writes: list[NativeWrite] = []
    used: set[str] = set()
    for set_id in sorted(wanted):
        listed = [each for each in wanted[set_id] if each.is_listed and _is_free(each, written)]
        members = {each.asset_id for each in listed}
        if len(listed) < _SHOWN or any(len(group & members) >= _SHOWN for group, _ in lost):
            continue
        write = _write(set_id, listed, written, used, new_id)
        used.add(write.duplicate_id)
        # Of an id that was taken away too often the memory stays, or it would be written as for the first time.
        kept.update(each.asset_id for each in listed)
        if write.asset_ids and write.taken_away <= MOST_RETURNS:
            writes.append(write)
    clear: list[AssetId] = []
    forgotten: list[AssetId] = []
    # Whoever is in the trash keeps our id there, and comes back with it.
    for asset_id in sorted(written.keys() & present.keys() - kept):
        is_still_there = present[asset_id].duplicate_id == written[asset_id].duplicate_id
        (clear if is_still_there else forgotten).append(asset_id)
    return NativePlan(tuple(writes), tuple(clear), dismissed, tuple(forgotten))


def _is_free(each: Present, written: Mapping[AssetId, Written]) -> bool:
    ours = written.get(each.asset_id)
    return each.duplicate_id is None or (ours is not None and each.duplicate_id == ours.duplicate_id)


def _write(
    set_id: str,
    listed: Sequence[Present],
    written: Mapping[AssetId, Written],
    used: Collection[str],
    new_id: Callable[[str], str],
) -> NativeWrite:
    """The id for the set and who lacks it; one that another set has already is not shared."""
    held = Counter(each.duplicate_id for each in listed if each.duplicate_id is not None)
    free = [duplicate_id for duplicate_id in held if duplicate_id not in used]
    # The most common one, of several the smallest: the order in which members come says nothing.
    duplicate_id = min(free, key=lambda each: (-held[each], each)) if free else new_id(set_id)
    lacking = sorted(each.asset_id for each in listed if each.duplicate_id != duplicate_id)
    empty = {each.asset_id for each in listed if each.duplicate_id is None}
    lost = [
        ours.taken_away
        for ours in (written[each] for each in lacking if each in written and each in empty)
        if ours.is_confirmed and ours.set_id == set_id
    ]
    return NativeWrite(set_id, duplicate_id, tuple(lacking), max(lost) + 1 if lost else 0)


def _lost(
    written: Mapping[AssetId, Written], present: Mapping[AssetId, Present]
) -> Iterator[tuple[frozenset[AssetId], int]]:
    """Groups that lost their id while Immich still would show them, and within how many ms they last changed."""
    groups: dict[str, list[AssetId]] = {}
    for ours in written.values():
        if ours.is_confirmed:
            groups.setdefault(ours.duplicate_id, []).append(ours.asset_id)
    for ids in groups.values():
        there = [present[asset_id] for asset_id in ids if asset_id in present and present[asset_id].is_listed]
        if len(there) >= _SHOWN and all(each.duplicate_id is None for each in there):
            times = [each.updated_at_ms for each in there]
            yield frozenset(each.asset_id for each in there), max(times) - min(times)
