"""That assets are no duplicates of each other: said by people, here or on Immich's page, and kept for ever."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Sequence

from sqlalchemy.ext.asyncio import AsyncConnection

from sidecar.duplicates.units import Copy
from sidecar.grouping.memory import Decided, Decision, DecisionKind, DecisionSource
from sidecar.jobs.context import JobContext
from sidecar.jobs.duplicates.copies import set_to_decide
from sidecar.jobs.queue import JobName
from sidecar.model import AssetId, OwnerId
from sidecar.storage import contents, decisions, duplicate_sets, originals, resolutions


async def dismiss(context: JobContext, owner_id: OwnerId, set_id: str) -> None:
    """Nothing; the members of the set are no duplicates of each other, for ever, whatever their ids will be.

    Errors: StaleDecision if there is no such set any more.
    """
    async with context.database.write() as connection:
        await resolutions.lock(connection, owner_id)
        stored = await set_to_decide(connection, owner_id, set_id)
        await remember_distinct(
            context, connection, owner_id, [frozenset(member.asset_id for member in stored.members)]
        )
        await duplicate_sets.remove(connection, owner_id, [set_id])
    await context.wake(JobName.REMEMBER, owner_id)
    await context.wake(JobName.RECORD, owner_id)


async def undismiss(context: JobContext, owner_id: OwnerId, decision_ids: Collection[str]) -> list[str]:
    """Those of these decisions that assets are no duplicates which there were; they are forgotten.

    Shape:  the next search shows what was dismissed by them.
    """
    async with context.database.write() as connection:
        gone = await _forget(connection, owner_id, decision_ids)
    await context.wake(JobName.REMEMBER, owner_id)
    return gone


async def dismissed(connection: AsyncConnection, owner_id: OwnerId) -> list[tuple[str, Decision]]:
    """All decisions of the owner that assets are no duplicates of each other, as (id, decision); the latest last."""
    found = await decisions.everything(connection, owner_id)
    return [each for each in found if each[1].kind is DecisionKind.DISTINCT]


async def remember_distinct(
    context: JobContext,
    connection: AsyncConnection,
    owner_id: OwnerId,
    groups: Iterable[frozenset[AssetId]],
    *,
    source: DecisionSource = DecisionSource.DISMISSED,
) -> None:
    """Of each of these groups no two are duplicates of each other; what is known already is not said twice."""
    groups = list(groups)
    ids = sorted({asset_id for group in groups for asset_id in group})
    known = Decided(decision for _, decision in await decisions.touching(connection, owner_id, ids))
    new = [
        (context.new_id(), Decision(group, DecisionKind.DISTINCT, source=source))
        for group in groups
        if not known.holds_distinct(group)
    ]
    await decisions.add(
        connection, owner_id, new, now_ms=context.now_ms(), sha1s=await _sha1s(connection, owner_id, ids)
    )


async def forget_kept(connection: AsyncConnection, owner_id: OwnerId, kept: Collection[AssetId]) -> None:
    """That these were kept together says no longer that they are no duplicates."""
    of_these = [
        decision_id
        for decision_id, decision in await decisions.touching(connection, owner_id, sorted(kept))
        if decision.source is DecisionSource.KEPT and decision.asset_ids == frozenset(kept)
    ]
    await _forget(connection, owner_id, of_these)


async def apart_of(
    connection: AsyncConnection, owner_id: OwnerId, copies: Collection[Copy]
) -> list[frozenset[AssetId]]:
    """Sets of ids of which no two are duplicates of each other, as `form_sets` wants them.

    Shape:  whoever was dismissed under another id, or as another file of the same bytes, stands there as a copy.
    """
    known = {copy.id: copy.asset for copy in copies}
    sha1s = {copy.id: copy.known_sha1 for copy in copies if copy.known_sha1 is not None}
    found = await decisions.distinct(connection, owner_id, known, sha1s)
    return [decision.asset_ids for _, decision in found]


async def _forget(connection: AsyncConnection, owner_id: OwnerId, decision_ids: Collection[str]) -> list[str]:
    there = {decision_id for decision_id, _ in await dismissed(connection, owner_id)}
    gone = sorted(there.intersection(decision_ids))
    await decisions.revoke(connection, owner_id, gone)
    return gone


async def _sha1s(connection: AsyncConnection, owner_id: OwnerId, ids: Sequence[AssetId]) -> dict[AssetId, str]:
    """The SHA-1s of the contents, of those of whom one is known."""
    found = {
        asset_id: content.sha1
        for asset_id, content in (await contents.of(connection, owner_id, ids)).items()
        if content.sha1 is not None
    }
    own = {
        asset_id: original.content_sha1
        for asset_id, original in (await originals.of(connection, owner_id, ids)).items()
        if original.content_sha1 is not None
    }
    return found | own
