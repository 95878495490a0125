"""What is asked of Immich before a match is acted on: earlier decisions that it keeps for us, and first bytes."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Iterable, Sequence
from typing import NamedTuple

from sidecar.errors import ContractBroken, ImmichMissing, ImmichUnavailable
from sidecar.formats import Format
from sidecar.grouping.memo import decisions_in, identities_in
from sidecar.grouping.memory import Decided, Decision, DecisionKind
from sidecar.jobs.context import JobContext
from sidecar.jobs.several import ask_several
from sidecar.media.sniff import sniff
from sidecar.model import Asset, AssetId, OwnerId
from sidecar.storage import assets, decisions

log = logging.getLogger(__name__)

LOOK_BYTES = 16 * 1024
"""Enough for every format that we know; the rest of the file is not read."""


class Recalled(NamedTuple):
    """Whether Immich told a decision that we did not know, and about which assets it gave no answer."""

    is_news: bool
    unanswered: set[AssetId]


async def recall(context: JobContext, owner_id: OwnerId, ids: Sequence[AssetId]) -> Recalled:
    """What came of asking; whatever Immich keeps about these assets is a decision now.

    Our own database knows them already unless it is new or was put back from a backup.
    Errors: ImmichUnavailable if nobody can be asked about, ImmichRefused.
    """
    immich = context.immich(owner_id)
    problems: dict[AssetId, ImmichUnavailable] = {}

    async def ask(asset_id: AssetId) -> dict[str, object]:
        try:
            return await immich.memo(asset_id) or {}
        except ImmichMissing:
            return {}  # whoever acts on it finds out
        except ImmichUnavailable as error:
            problems[asset_id] = error
        except ContractBroken as error:
            problems[asset_id] = ImmichUnavailable(str(error))
        return {}

    memos = dict(zip(ids, await ask_several(ids, ask, at_once=context.concurrent_writes), strict=True))
    if ids and len(problems) == len(ids):
        raise next(iter(problems.values()))
    async with context.database.write() as connection:
        known = _Known(await decisions.touching(connection, owner_id, ids))
        news: list[tuple[str, Decision]] = []
        for decision in (each for asset_id, memo in memos.items() for each in decisions_in(memo, asset_id)):
            if not known.holds(decision):
                known.add(decision)
                # What many memos tell each a part of has one name everywhere.
                news.append((decision.name or context.new_id(), decision))
        identities = {other: identity for memo in memos.values() for other, identity in identities_in(memo).items()}
        await decisions.add(connection, owner_id, news, now_ms=context.now_ms(), identities=identities, is_told=True)
    context.recalled.update(memos.keys() - problems.keys())
    if news:
        log.info("earlier decisions were read back from Immich", extra={"decisions": len(news)})
    return Recalled(bool(news), set(problems))


class _Known:
    """What was decided about some assets, as far as our own database knows."""

    def __init__(self, found: Iterable[tuple[str, Decision]]) -> None:
        self._decided = Decided(())
        self._named: dict[str, set[AssetId]] = {}
        for _, decision in found:
            self.add(decision)

    def add(self, decision: Decision) -> None:
        self._decided.add(decision)
        if decision.name is not None:
            self._named.setdefault(decision.name, set()).update(decision.asset_ids)

    def holds(self, decision: Decision) -> bool:
        match decision.kind:
            case DecisionKind.KEEP_APART:
                return self._decided.holds(decision.asset_ids)
            case DecisionKind.DISTINCT:
                return decision.asset_ids <= self._named.get(decision.name or "", set())
            case DecisionKind.COVER:
                return self._decided.cover_among(sorted(decision.asset_ids)) is not None
            case _:
                return any(self._decided.is_left(decision.kind, asset_id) for asset_id in decision.asset_ids)


async def look_at(context: JobContext, owner_id: OwnerId, doubtful: Sequence[Asset]) -> set[AssetId]:
    """Those of the assets whose first bytes cannot be had; of the others it is on record what they are.

    Errors: ImmichUnavailable, ImmichRefused.
    """
    immich = context.immich(owner_id)

    async def ask(asset: Asset) -> Format | None:
        try:
            head = await immich.head_of(asset.id, LOOK_BYTES)
        except (ImmichMissing, ContractBroken) as error:
            log.warning("a file cannot be looked at: %s", error)
            return None
        return (await asyncio.to_thread(sniff, head, asset.name)).format

    answers = dict(
        zip(
            [asset.id for asset in doubtful],
            await ask_several(doubtful, ask, at_once=context.concurrent_writes),
            strict=True,
        )
    )
    found = {asset_id: content for asset_id, content in answers.items() if content is not None}
    if found:
        async with context.database.write() as connection:
            await assets.set_content(connection, owner_id, found)
    return answers.keys() - found.keys()
