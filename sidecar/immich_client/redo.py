"""Asking Immich to do again, in the background, what it does with every new asset."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from enum import StrEnum

from sidecar.errors import ImmichMissing
from sidecar.immich_client._generated import calls
from sidecar.immich_client.batch import ASSETS_AT_ONCE, each_once
from sidecar.immich_client.conversation import Conversation
from sidecar.model import AssetId


class RedoJob(StrEnum):
    """What can be done again, in Immich's words (AssetJobName, 2.5.6 to 3.1.0)."""

    METADATA = "refresh-metadata"
    THUMBNAIL = "regenerate-thumbnail"


class Redo(Conversation):
    """Immich's background jobs, for the user's assets."""

    async def redo(self, asset_ids: Collection[AssetId], job: RedoJob) -> frozenset[AssetId]:
        """The assets of which Immich knows nothing for this user; the job waits in its queue for all others.

        Shape:  any number of assets. Nothing tells whether a job succeeds but what it leaves on the asset.
        Source: asset.service.ts run, Immich 2.5.6 to 3.1.0: access to all first, and one that is gone or another
                user's costs the whole call; recordings asset-jobs.
        """
        ids = each_once(asset_ids)
        left: set[AssetId] = set()
        for first in range(0, len(ids), ASSETS_AT_ONCE):
            left |= await self._redo_those_there(ids[first : first + ASSETS_AT_ONCE], job)
        return frozenset(left)

    async def _redo_those_there(self, asset_ids: Sequence[AssetId], job: RedoJob) -> set[AssetId]:
        """As redo, of so many as one call takes: one that fails for some of them is halved until these are alone."""
        try:
            await self._transport.send(calls.run_asset_jobs(asset_ids=asset_ids, name=job.value))
        except ImmichMissing:
            if len(asset_ids) == 1:
                return {*asset_ids}
            middle = len(asset_ids) // 2
            left = await self._redo_those_there(asset_ids[:middle], job)
            return left | await self._redo_those_there(asset_ids[middle:], job)
        return set()
