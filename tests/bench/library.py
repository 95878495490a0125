"""A large library in our own database, as it is after scanning, pairing and searching: what pages are measured on."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

from sqlalchemy import insert

from sidecar.duplicates.classes import DuplicateClass
from sidecar.model import Asset, AssetKind, Original, OwnerId, Stack, StackId
from sidecar.storage import assets, duplicate_sets, originals, stacks
from sidecar.storage.database import Database
from sidecar.storage.duplicate_sets import SetMember, StoredSet
from sidecar.storage.groups import GroupState
from sidecar.storage.tables import group_members, groups
from tests.builders import make_asset

_MINUTES_APART = 7
_STRANGERS_EVERY = 100
_BURSTS_EVERY = 400
_SETS_EVERY = 30
_RARE_SETS_EVERY = 600

Pair = tuple[Asset, Asset]


def _library(count: int, owner_id: OwnerId) -> tuple[list[Asset], list[Pair]]:
    """So many assets, newest first, and those of them that are pairs of a JPEG and a RAW file.

    Shape:  of eight shots two are pairs, one is a RAW file alone, one a clip, and four are single pictures; the oldest
            fifth is of another camera, whose files have other names.
    """
    made: list[Asset] = []
    pairs: list[Pair] = []
    shot = 0
    while len(made) < count:
        stem, raw = ("DSC", "NEF") if len(made) >= count * 4 // 5 else ("IMG", "CR3")
        stem = f"{stem}_{shot % 10_000:04}"
        facts: dict[str, Any] = {"owner_id": owner_id, "at_s": -shot * 60 * _MINUTES_APART}
        match shot % 8:
            case 0 | 4:
                pairs.append((make_asset(f"{stem}.JPG", **facts), make_asset(f"{stem}.{raw}", **facts)))
                made += pairs[-1]
            case 2:
                made.append(make_asset(f"{stem}.{raw}", **facts))
            case 6:
                made.append(make_asset(f"{stem}.MP4", kind=AssetKind.VIDEO, duration_ms=12_000, **facts))
            case _:
                made.append(make_asset(f"{stem}.JPG", **facts))
        shot += 1
    return made, pairs


async def fill(database: Database, owner_id: OwnerId, count: int, *, sets_every: int = _SETS_EVERY) -> list[Pair]:
    """So many assets of one owner are known, most pairs stacked by the sidecar, some by hand; the pairs that there are.

    Shape:  of the single pictures, one in sets_every begins a set of two duplicates.
    """
    made, pairs = _library(count, owner_id)
    kept = [pair for number, pair in enumerate(pairs) if number % _STRANGERS_EVERY]
    kind_of = {jpeg.id: "burst" if number % _BURSTS_EVERY == 1 else "raw_jpeg" for number, (jpeg, _) in enumerate(kept)}
    singles = [asset for asset in made if asset.name.endswith(".JPG") and asset.id not in kind_of]
    async with database.write() as connection:
        for start in range(0, len(made), 1000):
            part = {asset.id: (asset.name[:8].lower(), asset) for asset in made[start : start + 1000]}
            await assets.record(connection, owner_id, part, scan_id=1)
            await originals.record(connection, owner_id, map(_with_original, made[start : start + 1000]))
        present = [Stack(StackId(jpeg.id), jpeg.id, (jpeg.id, raw.id)) for jpeg, raw in pairs]
        await stacks.put(connection, owner_id, present, now_ms=1)
        of_owner = {"owner_id": owner_id}
        await connection.execute(
            insert(groups),
            [
                {
                    **of_owner,
                    "group_id": jpeg.id,
                    "kind": kind_of[jpeg.id],
                    "state": GroupState.ACTIVE.value,
                    "primary_id": jpeg.id,
                    "reasons": "[]",
                    "created_at_ms": 1,
                }
                for jpeg, _ in kept
            ],
        )
        members = [{**of_owner, "group_id": jpeg.id, "asset_id": each.id} for jpeg, raw in kept for each in (jpeg, raw)]
        await connection.execute(insert(group_members), members)
        await duplicate_sets.replace(
            connection,
            owner_id,
            [
                _set(number, singles[number : number + 2], rare=number % _RARE_SETS_EVERY == 0)
                for number in range(0, len(singles) - 1, sets_every)
            ],
            now_ms=1,
        )
    return pairs


def _with_original(asset: Asset) -> Asset:
    path = f"/data/library/ann/{asset.id}/{asset.name}"
    return replace(
        asset,
        original=Original(path, None, f"{asset.id:>28}", asset.taken_at_ms, None, is_favorite=False, duplicate_id=None),
    )


def _set(number: int, copies: list[Asset], *, rare: bool) -> StoredSet:
    kind = DuplicateClass.EDITED if rare else DuplicateClass.RE_ENCODED
    members = [
        SetMember(copy.id, copy.id, kind, None, "", is_suggested=not place, content=None, seen_as="")
        for place, copy in enumerate(copies)
    ]
    return StoredSet(f"{number:012x}", kind, copies[0].id, 1, 0.98, tuple(members))
