"""The remember job: what was decided about an asset is written beside it in Immich, where it outlives our database."""

from __future__ import annotations

import logging
from collections.abc import Mapping, Sequence

from sidecar.errors import ContractBroken, ImmichMissing, ImmichUnavailable, SidecarError
from sidecar.grouping.memo import memo_of
from sidecar.immich_client.client import Immich
from sidecar.jobs.asking import recall
from sidecar.jobs.context import LEASE_MS, JobContext
from sidecar.model import AssetId, OwnerId
from sidecar.storage import decisions
from sidecar.storage.decisions import MemoMark

log = logging.getLogger(__name__)

MEMOS_AT_ONCE = 500


async def remember(context: JobContext, owner_id: OwnerId) -> None:
    """Writes the owner's due memos, whole each time, so that writing one twice does no harm.

    Shape:  a memo that this process has not read is read first: ours may be a backup that knows less than it does.
    Errors: none of Immich's: what cannot be written now is due again later, and says why.
    """
    while not context.stopping.is_set():
        async with context.database.write() as connection:
            due = await decisions.claim_memos(
                connection, owner_id, now_ms=context.now_ms(), lease_ms=LEASE_MS, limit=MEMOS_AT_ONCE
            )
        if not due:
            return
        unread = await _read_back(context, owner_id, due)
        await _tell(context, owner_id, [mark for mark in due if mark.asset_id not in unread])


async def _read_back(context: JobContext, owner_id: OwnerId, due: Sequence[MemoMark]) -> set[AssetId]:
    """Those of the assets whose present memos cannot be read; they are postponed."""
    unasked = {mark.asset_id for mark in due} - context.recalled
    problem: SidecarError = ImmichUnavailable("Immich does not tell what it holds about an asset")
    try:
        unread = (await recall(context, owner_id, sorted(unasked))).unanswered
    except SidecarError as error:
        unread, problem = unasked, error
    await _postpone(context, owner_id, [mark for mark in due if mark.asset_id in unread], problem)
    return unread


async def _tell(context: JobContext, owner_id: OwnerId, due: Sequence[MemoMark]) -> None:
    async with context.database.read() as connection:
        ids = [mark.asset_id for mark in due]
        decided = [decision for _, decision in await decisions.touching(connection, owner_id, ids)]
        identities = await decisions.identities(connection, owner_id, ids)
    memos = {mark: memo_of(mark.asset_id, decided, identities) for mark in due}
    problem: SidecarError = ContractBroken("Immich refuses what was decided about an asset, though it knows it")
    try:
        written = await _write(context.immich(owner_id), memos)
    except SidecarError as error:
        written, problem = [], error
    async with context.database.write() as connection:
        await decisions.finish_memos(connection, owner_id, written)
    await _postpone(context, owner_id, [mark for mark in due if mark not in set(written)], problem)


async def _postpone(context: JobContext, owner_id: OwnerId, left: Sequence[MemoMark], problem: SidecarError) -> None:
    if left:
        log.warning("Immich could not be told of some decisions: %s", problem)
        again_at_ms = context.retry_at_ms(max(mark.attempts for mark in left))
        async with context.database.write() as connection:
            await decisions.postpone_memos(connection, owner_id, left, error=str(problem), not_before_ms=again_at_ms)


async def _write(immich: Immich, memos: Mapping[MemoMark, dict[str, object] | None]) -> list[MemoMark]:
    """The marks that are done. One asset that is gone refuses the whole call: halves of it are tried, and theirs."""
    try:
        await _write_all(immich, {mark.asset_id: memo for mark, memo in memos.items()})
    except (ImmichMissing, ContractBroken):
        if len(memos) == 1:
            # Nothing is to be told about an asset that exists no more.
            return [mark for mark in memos if not await _is_there(immich, mark.asset_id)]
        marks, middle = list(memos), len(memos) // 2
        return [
            mark
            for half in (marks[:middle], marks[middle:])
            for mark in await _write(immich, {mark: memos[mark] for mark in half})
        ]
    return list(memos)


async def _write_all(immich: Immich, memos: Mapping[AssetId, dict[str, object] | None]) -> None:
    wanted = {asset_id: memo for asset_id, memo in memos.items() if memo is not None}
    if wanted:
        await immich.write_memos(wanted)
    unwanted = [asset_id for asset_id, memo in memos.items() if memo is None]
    if unwanted:
        await immich.delete_memos(unwanted)


async def _is_there(immich: Immich, asset_id: AssetId) -> bool:
    try:
        await immich.asset(asset_id)
    except ImmichMissing:
        return False
    return True
