"""Each user's rules of pairing, and what happens to what was paired under others."""

from __future__ import annotations

from dataclasses import replace
from hashlib import sha256

from sqlalchemy.ext.asyncio import AsyncConnection

from sidecar.grouping.engine import PairingRules
from sidecar.grouping.names import STEM_VERSION, reader_of
from sidecar.jobs.context import JobContext
from sidecar.model import AssetId, OwnerId
from sidecar.preferences import DetectionRules, read_chosen, read_detection
from sidecar.storage import assets, findings, groups, journal, preferences, scans, work
from sidecar.storage.groups import GroupState

NAMES_AT_ONCE = 1000


async def rules_of(context: JobContext, connection: AsyncConnection, owner_id: OwnerId) -> PairingRules:
    """What this user's assets are paired by now: their own choice over the server's over what is built in."""
    chosen = await preferences.get(connection, owner_id)
    return read_chosen(chosen).over(context.matching).rules()


async def detection_rules_of(context: JobContext, connection: AsyncConnection, owner_id: OwnerId) -> DetectionRules:
    """What this user's duplicates are looked for by now, layered as the rules of pairing are."""
    chosen = await preferences.get(connection, owner_id)
    return read_detection(chosen).over(context.detection).rules()


def fingerprint(context: JobContext, rules: PairingRules) -> str:
    """A short name for everything that stems and proposals depend on beside the assets."""
    return sha256(f"{STEM_VERSION} {context.pipeline_name} {rules!r}".encode()).hexdigest()[:16]


async def renew_if_changed(context: JobContext, owner_id: OwnerId) -> None:
    """Nothing if the owner's library was paired by the rules of now; else every stem is made anew and marked.

    Shape:  stopped half-way, it begins anew the next time: the owner's watermark names the new rules at the very end.
    """
    async with context.database.read() as connection:
        rules = await rules_of(context, connection, owner_id)
        mark = await scans.watermark(connection, owner_id)
    name = fingerprint(context, rules)
    if mark is None or mark.rules == name:
        return
    names = reader_of(rules)
    last: AssetId | None = None
    while not context.stopping.is_set():
        async with context.database.write() as connection:
            found = await assets.names_after(connection, owner_id, last, limit=NAMES_AT_ONCE)
            stems = {asset_id: names.stem_of(file_name) for asset_id, file_name in found.items()}
            await assets.restem(connection, owner_id, stems)
            if not found:
                # Of stems that no asset has any more nobody would ever ask again.
                await findings.clear(connection, owner_id)
                # What was only planned was planned by other rules, perhaps under another name.
                unsent = await journal.withdraw_unsent(
                    connection, owner_id, error="the rules have changed", now_ms=context.now_ms()
                )
                await groups.set_state(connection, owner_id, unsent, GroupState.WITHDRAWN)
                await work.mark_all(connection, owner_id)
                mark = await scans.watermark(connection, owner_id) or mark
                await scans.set_watermark(connection, owner_id, replace(mark, rules=name))
                return
        last = max(found)
