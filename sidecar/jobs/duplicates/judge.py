"""Searching what was looked at: new fingerprints against all, and what comes of a second look."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Iterator, Mapping
from dataclasses import dataclass, replace
from hashlib import sha256
from typing import TypeVar

import numpy as np

from sidecar.duplicates.detector import Detector, Specimen, matches_of
from sidecar.duplicates.fingerprint import FINGERPRINT_VERSION, Hashes, looks_of
from sidecar.duplicates.match import Match
from sidecar.duplicates.search import (
    SEARCH_VERSION,
    Pairs,
    Search,
    candidates,
    crowded,
    flat_candidates,
    flat_of,
)
from sidecar.duplicates.search import matches as matches_among
from sidecar.duplicates.turned import turned_hashes
from sidecar.jobs.context import JobContext
from sidecar.model import AssetId, OwnerId
from sidecar.preferences import DetectionRules
from sidecar.storage import assets, fingerprints, matches, originals

READ_AT_ONCE = 10_000

Item = TypeVar("Item")


def search_of(rules: DetectionRules) -> Search:
    """How the owner wants to be searched for."""
    return Search(threshold=rules.threshold, with_turned=rules.finds_turned)


def basis_of(context: JobContext, rules: DetectionRules) -> str:
    """A short name for everything that stored matches depend on beside the fingerprints."""
    told = f"{FINGERPRINT_VERSION} {SEARCH_VERSION} {search_of(rules)!r} {context.detectors_name}"
    return sha256(told.encode()).hexdigest()[:16]


async def judge(context: JobContext, owner_id: OwnerId, rules: DetectionRules) -> bool:
    """Whether everything that was looked at has been searched for among all, and what was found is recorded.

    Shape:  False if the process is to end first: what was found so far stays, the search begins anew the next time.
    """
    async with context.database.write() as connection:
        await matches.begin(connection, owner_id, basis=basis_of(context, rules))
        await matches.forget_stale(connection, owner_id, version=FINGERPRINT_VERSION)
    async with context.database.read() as connection:
        loaded = await fingerprints.load(connection, owner_id, version=FINGERPRINT_VERSION)
    everybody = Hashes(loaded.ids, loaded.phash, loaded.margin, loaded.aspect, loaded.duration_ms)
    new = everybody.at(np.flatnonzero(~loaded.is_searched))
    if not new.ids:
        return True
    judging = _Judging(context, owner_id, search_of(rules))
    return await judging.by_look(new, everybody) and await judging.by_detectors(new, everybody)


@dataclass(frozen=True, slots=True)
class _Judging:
    context: JobContext
    owner_id: OwnerId
    search: Search

    async def by_look(self, new: Hashes, everybody: Hashes) -> bool:
        """Asks for copies by what pictures look like; False if the process is to end first."""
        if crowd := crowded(everybody, self.search):
            # Thousands of equal pictures, such as screenshots: knowing who looks equal keeps that linear.
            looks = await self._looks(crowd)
            new, everybody = _with_looks(new, looks), _with_looks(everybody, looks)
        if self.search.with_turned:
            new = replace(new, turned=await self._turned(new))
        async for pairs in _in_thread(candidates(new, everybody, self.search)):
            await self._judge(pairs)
            if self.context.stopping.is_set():
                return False
        flat, flat_new = flat_of(everybody, self.search), flat_of(new, self.search)
        if not flat_new.ids:
            return True
        async with self.context.database.read() as connection:
            seen = await fingerprints.pixels_of(connection, self.owner_id, flat.ids)
        pairs_of_flat = flat_candidates(flat_new, flat, self.search, ids=seen.ids, colours=seen.colours)
        async for pairs in _in_thread(pairs_of_flat):
            await self._judge(pairs)
            if self.context.stopping.is_set():
                return False
        return True

    async def by_detectors(self, new: Hashes, everybody: Hashes) -> bool:
        """Asks the detectors of other packages, if there are any, and then marks what is new as searched for."""
        if self.context.detectors:
            mine = set(new.ids)
            fresh = await self._specimens(new.ids)
            known = await self._specimens([each for each in everybody.ids if each not in mine])
            for detector in self.context.detectors:
                found = await asyncio.to_thread(_all_of, detector, fresh, known)
                await self._record(found)
        async with self.context.database.write() as connection:
            await fingerprints.mark_searched(connection, self.owner_id, new.ids)
        return True

    async def _judge(self, pairs: Pairs) -> None:
        async with self.context.database.read() as connection:
            seen = await fingerprints.pixels_of(connection, self.owner_id, pairs.ids())
        found = await asyncio.to_thread(
            matches_among, pairs, self.search, ids=seen.ids, luma=seen.luma, colours=seen.colours
        )
        await self._record(found)

    async def _record(self, found: list[Match]) -> None:
        if found:
            async with self.context.database.write() as connection:
                await matches.add(connection, self.owner_id, found)

    async def _turned(self, new: Hashes) -> np.ndarray[tuple[int, ...], np.dtype[np.uint64]]:
        turned = np.zeros((len(new.ids), 7), dtype=np.uint64)
        row_of = {asset_id: row for row, asset_id in enumerate(new.ids)}
        for start in range(0, len(new.ids), READ_AT_ONCE):
            async with self.context.database.read() as connection:
                seen = await fingerprints.pixels_of(connection, self.owner_id, new.ids[start : start + READ_AT_ONCE])
            hashes = await asyncio.to_thread(turned_hashes, seen.luma)
            turned[[row_of[asset_id] for asset_id in seen.ids]] = hashes
        return turned

    async def _looks(self, ids: list[AssetId]) -> dict[AssetId, int]:
        looks: dict[AssetId, int] = {}
        for start in range(0, len(ids), READ_AT_ONCE):
            async with self.context.database.read() as connection:
                seen = await fingerprints.pixels_of(connection, self.owner_id, ids[start : start + READ_AT_ONCE])
            looks.update(zip(seen.ids, looks_of(seen.luma, seen.colours).tolist(), strict=True))
        return looks

    async def _specimens(self, ids: list[AssetId]) -> list[Specimen]:
        async with self.context.database.read() as connection:
            known = await assets.by_ids(connection, self.owner_id, ids)
            files = await originals.of(connection, self.owner_id, ids)
            looks = await fingerprints.of(connection, self.owner_id, ids)
        return [
            Specimen(replace(known[asset_id], original=files[asset_id]), looks[asset_id])
            for asset_id in ids
            if asset_id in known and asset_id in files and asset_id in looks
        ]


def _with_looks(hashes: Hashes, looks: Mapping[AssetId, int]) -> Hashes:
    return replace(hashes, look=np.array([looks.get(asset_id, 0) for asset_id in hashes.ids], dtype=np.uint64))


def _all_of(detector: Detector, new: list[Specimen], known: list[Specimen]) -> list[Match]:
    return list(matches_of(detector, new, known))


async def _in_thread(items: Iterator[Item]) -> AsyncIterator[Item]:
    """The items, each made in a thread: hashes of a large library take seconds to compare."""
    while (item := await asyncio.to_thread(next, items, None)) is not None:
        yield item
