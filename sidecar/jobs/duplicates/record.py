"""The record job: what Immich's own Duplicates page shows is kept in step with our sets."""

from __future__ import annotations

import logging
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from sidecar.duplicates.native import RECORDED, NativePlan, Present, Written, plan_native
from sidecar.errors import ImmichMissing, SidecarError, TryLater
from sidecar.jobs.changes import read_changes
from sidecar.jobs.context import JobContext
from sidecar.jobs.duplicates.dismissals import remember_distinct
from sidecar.jobs.duplicates.group import group
from sidecar.jobs.rules import detection_rules_of
from sidecar.model import AssetId, OwnerId
from sidecar.storage import duplicate_sets, native_records, originals
from sidecar.storage.duplicate_sets import StoredSet
from sidecar.storage.native_records import NativeRecord, NativeState

log = logging.getLogger(__name__)

WRITTEN_AT_ONCE = 500
"""Assets in one call; Immich queues a job for each of them."""


async def record(context: JobContext, owner_id: OwnerId) -> None:
    """Every set that should be on Immich's page is there, those that should not are not, and dismissals are known.

    Errors: TryLater if Immich does not answer; what was intended is due again then. Other ids than ours are never
            changed, and a write that Immich refuses costs no other.
    """
    await read_changes(context, owner_id)
    plan = await _plan(context, owner_id)
    if plan.dismissed:
        log.info("groups were dismissed on Immich's page", extra={"groups": len(plan.dismissed)})
        async with context.database.read() as connection:
            rules = await detection_rules_of(context, connection, owner_id)
        await group(context, owner_id, rules)
    await _write(context, owner_id)


async def _plan(context: JobContext, owner_id: OwnerId) -> NativePlan:
    """What is to be done, intended in the database; dismissals have become decisions."""
    now_ms = context.now_ms()
    async with context.database.write() as connection:
        rules = await detection_rules_of(context, connection, owner_id)
        kinds = RECORDED.intersection(rules.recorded)
        sets = [each for each in await duplicate_sets.everything(connection, owner_id) if each.kind in kinds]
        records = await native_records.everything(connection, owner_id)
        concerned = {member.asset_id for each in sets for member in each.members} | records.keys()
        copies = await originals.copies(connection, owner_id, sorted(concerned))
        present = {asset_id: _present(each) for asset_id, each in copies.items()}
        intended = {asset_id: each for asset_id, each in records.items() if each.state is NativeState.INTENDED}
        begun = {each.set_id: each.duplicate_id for each in intended.values()}
        plan = plan_native(
            {
                each.id: [present[member.asset_id] for member in each.members if member.asset_id in present]
                for each in sets
            },
            {asset_id: _written(each) for asset_id, each in records.items()},
            present,
            new_id=lambda set_id: begun.get(set_id) or context.new_id(),
        )
        await remember_distinct(context, connection, owner_id, plan.dismissed)
        # Formed anew without them in a moment; were we killed before that, they would be written again.
        await duplicate_sets.remove(connection, owner_id, [each.id for each in sets if _is_dismissed(each, plan)])
        for write in plan.writes:
            await native_records.intend(
                connection,
                owner_id,
                [
                    (asset_id, write.set_id, write.duplicate_id, write.taken_away)
                    for asset_id in write.asset_ids
                    # One that waits for its next attempt goes on waiting.
                    if asset_id not in intended or intended[asset_id].duplicate_id != write.duplicate_id
                ],
                now_ms=now_ms,
            )
        await native_records.clear(connection, owner_id, plan.clear, now_ms=now_ms)
        await native_records.forget(connection, owner_id, plan.forgotten)
    return plan


def _is_dismissed(formed: StoredSet, plan: NativePlan) -> bool:
    members = {member.asset_id for member in formed.members}
    return any(len(dismissed & members) > 1 for dismissed in plan.dismissed)


def _present(copy: originals.Present) -> Present:
    original = copy.asset.original
    duplicate_id = original.duplicate_id if original is not None else None
    return Present(copy.asset.id, duplicate_id, copy.stack_id is None, copy.asset.updated_at_ms)


def _written(record: NativeRecord) -> Written:
    return Written(
        record.asset_id, record.set_id, record.duplicate_id, record.state is NativeState.RECORDED, record.taken_away
    )


async def _write(context: JobContext, owner_id: OwnerId) -> None:
    while not context.stopping.is_set():
        async with context.database.read() as connection:
            due = await native_records.due(connection, owner_id, now_ms=context.now_ms(), limit=WRITTEN_AT_ONCE)
            ids = [each.asset_id for each in due]
            now = {
                asset_id: each.duplicate_id
                for asset_id, each in (await originals.of(connection, owner_id, ids)).items()
            }
        if not due:
            return
        batch = _Batch(context, owner_id)
        for duplicate_id, records in _calls(due, now).items():
            await batch.send(duplicate_id, records)
        await batch.settle(due)


def _calls(due: Sequence[NativeRecord], now: Mapping[AssetId, str | None]) -> dict[str | None, list[NativeRecord]]:
    """What to write -> to which assets: only where Immich showed no id, or ours, a moment ago."""
    calls: dict[str | None, list[NativeRecord]] = {}
    for each in due:
        there = now.get(each.asset_id)
        if each.state is NativeState.CLEARING:
            if there == each.duplicate_id:
                calls.setdefault(None, []).append(each)
        elif there is None and each.asset_id in now:
            calls.setdefault(each.duplicate_id, []).append(each)
    return calls


@dataclass
class _Batch:
    """Some calls, and then one look at what became of them."""

    context: JobContext
    owner_id: OwnerId
    problem: SidecarError | None = None

    async def send(self, duplicate_id: str | None, records: Sequence[NativeRecord]) -> None:
        if self.problem is not None:
            return
        try:
            ids = [each.asset_id for each in records]
            await self.context.immich(self.owner_id).record_duplicates(ids, duplicate_id)
        except ImmichMissing:
            # One is gone and Immich refuses all; the next scan finds out, and the set is formed anew.
            log.info("a set waits for the next scan", extra={"assets": len(records)})
        except SidecarError as error:
            self.problem = error

    async def settle(self, due: Sequence[NativeRecord]) -> None:
        """What Immich now shows is recorded or forgotten; the rest is due again later.

        Errors: whatever kept a call from being answered.
        """
        if not isinstance(self.problem, TryLater):
            await read_changes(self.context, self.owner_id)
        now_ms = self.context.now_ms()
        async with self.context.database.write() as connection:
            shown = await originals.of(connection, self.owner_id, [each.asset_id for each in due])
            there = {asset_id: original.duplicate_id for asset_id, original in shown.items()}
            recorded = [each.asset_id for each in due if _is_recorded(each, there)]
            over = [each.asset_id for each in due if _is_over(each, there)]
            await native_records.recorded(connection, self.owner_id, recorded, now_ms=now_ms)
            await native_records.forget(connection, self.owner_id, over)
            for each in due:
                if each.asset_id not in {*recorded, *over}:
                    again_at_ms = self.context.retry_at_ms(each.attempts)
                    await native_records.postpone(connection, self.owner_id, [each.asset_id], not_before_ms=again_at_ms)
        if self.problem is not None:
            raise self.problem


def _is_recorded(record: NativeRecord, there: Mapping[AssetId, str | None]) -> bool:
    return record.state is NativeState.INTENDED and there.get(record.asset_id) == record.duplicate_id


def _is_over(record: NativeRecord, there: Mapping[AssetId, str | None]) -> bool:
    """Whether nothing of ours is left there: cleared, gone, or Immich's own meanwhile."""
    now = there.get(record.asset_id)
    if record.state is NativeState.CLEARING:
        return now != record.duplicate_id
    return record.asset_id not in there or now not in {None, record.duplicate_id}
