"""Assets that no search showed: gone for good, or only out of sight. Immich is asked for each by its id."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Sequence
from enum import Enum, auto

from sidecar.errors import ContractBroken, ImmichMissing, ImmichUnavailable
from sidecar.jobs.context import JobContext
from sidecar.jobs.recording import record
from sidecar.jobs.several import ASKED_BETWEEN, ask_several, nothing_between
from sidecar.model import Asset, AssetId, OwnerId
from sidecar.storage import assets, work
from sidecar.storage.work import AT_ONCE, Debounce


class Absence(Enum):
    """Why there is no asset to show."""

    GONE = auto()
    UNREADABLE = auto()
    """There, but not in words that we know, or not to be had now: what we knew of it stands."""


async def ask_for(
    context: JobContext,
    owner_id: OwnerId,
    ids: Sequence[AssetId],
    *,
    scan_id: int,
    is_scan: bool = False,
    debounce: Debounce = AT_ONCE,
    between: Callable[[], Awaitable[None]] = nothing_between,
) -> dict[AssetId, Absence]:
    """Which of these assets are gone or cannot be read, by id; the mirror knows what became of all, and who is gone
    has left it. Stems that it concerns are marked.

    Shape:  a scan waits until Immich answers about everyone; else one about whom it gives no answer stops no other.
    Errors: ImmichUnavailable, of a scan only; ImmichRefused.
    """
    immich = context.immich(owner_id)

    async def if_there(asset_id: AssetId) -> Asset | Absence:
        try:
            return await immich.asset(asset_id)
        except ImmichMissing:
            return Absence.GONE
        except ContractBroken:
            return Absence.UNREADABLE
        except ImmichUnavailable:
            if is_scan:
                raise
            return Absence.UNREADABLE

    absent: dict[AssetId, Absence] = {}
    for start in range(0, len(ids), ASKED_BETWEEN):
        part = ids[start : start + ASKED_BETWEEN]
        found = await ask_several(part, if_there, at_once=context.concurrent_reads, between=between)
        answers = dict(zip(part, found, strict=True))
        there = [each for each in answers.values() if isinstance(each, Asset)]
        absent |= {asset_id: each for asset_id, each in answers.items() if isinstance(each, Absence)}
        lost = [asset_id for asset_id, each in answers.items() if each is Absence.GONE]
        async with context.database.write() as connection:
            recorded = await record(context, connection, owner_id, there, scan_id=scan_id, is_scan=is_scan)
            emptied = await assets.remove(connection, owner_id, lost)
            await work.mark(connection, owner_id, recorded.dirty | emptied, debounce=debounce)
    return absent
