"""Stacks: which there are, and every change of them."""

from __future__ import annotations

from collections.abc import Sequence

from sidecar.immich_client._generated import calls
from sidecar.immich_client.conversation import Conversation
from sidecar.immich_client.mapping import to_primary_ids, to_stack
from sidecar.model import AssetId, Stack, StackId, Visibility

_STACKED_VISIBILITIES = (Visibility.TIMELINE, Visibility.ARCHIVE)


class Stacks(Conversation):
    """The user's stacks."""

    async def stacks(self) -> tuple[Stack, ...]:
        """All stacks of the user.

        Errors: ImmichUnavailable or ContractBroken on servers with too many to answer at once, near 145,000.
        """
        answer = await self._whole_list(calls.search_stacks())
        return tuple(map(to_stack, answer))

    async def stack_of_primary(self, asset_id: AssetId) -> Stack | None:
        """The stack whose primary this asset is, None if there is none."""
        answer = await self._transport.send(calls.search_stacks(primary_asset_id=asset_id))
        return to_stack(answer[0]) if answer else None

    async def stack_of(self, asset_id: AssetId) -> Stack | None:
        """The stack that this asset is in, as primary or not; None if it is in none.

        Shape:  Immich names no stack while every other member is hidden or trashed.
        Errors: ImmichMissing when the asset is gone or another user's.
        Source: getAssetInfo's `stack`, which search results never carry (asset-response.dto.ts, Immich 3.1.0).
        """
        reference = (await self._transport.send(calls.get_asset_info(id=asset_id))).stack
        return None if reference is None else await self.stack(StackId(reference.id))

    async def stack(self, stack_id: StackId) -> Stack:
        """The stack as it is now.

        Errors: ImmichMissing when it is gone or another user's.
        """
        return to_stack(await self._transport.send(calls.get_stack(id=stack_id)))

    async def stacked_primary_ids(self) -> tuple[AssetId, ...]:
        """The primaries of all the user's stacks that a timeline or the archive shows, newest first, none twice.

        Shape:  a stack whose primary is trashed or hidden is not among them.
        Source: the `stack` column of getTimeBucket with withStacked=true; both the timeline and the archive are asked.
        """
        found: dict[AssetId, None] = {}
        for visibility in _STACKED_VISIBILITIES:
            shown = visibility.value
            for bucket in await self._transport.send(calls.get_time_buckets(visibility=shown, with_stacked=True)):
                column = calls.get_time_bucket(time_bucket=bucket.time_bucket, visibility=shown, with_stacked=True)
                found |= dict.fromkeys(to_primary_ids(await self._transport.send(column)))
        return tuple(found)

    async def create_stack(self, asset_ids: Sequence[AssetId]) -> Stack:
        """The new stack; the first asset is its primary.

        Shape:  the answer lists only the members that Immich shows. A listed primary of another stack brings that
                stack's members along, a listed child leaves its stack silently.
        Errors: ImmichMissing if any of the assets is gone or another user's, and nothing is changed. ImmichUnavailable
                does not tell whether the stack was made.
        Source: stack.service.ts and stack.repository.ts, Immich 3.1.0 and 2.7.5.
        """
        return to_stack(await self._transport.send(calls.create_stack(asset_ids=asset_ids)))

    async def delete_stack(self, stack_id: StackId) -> None:
        """Nothing; the stack is gone and its assets stand alone, each with a new updatedAt.

        Errors: ImmichMissing if it is gone already or another user's. ImmichUnavailable does not tell whether it went.
        Source: stack.service.ts, the same in Immich 2.5.6 to 3.1.0.
        """
        await self._transport.send(calls.delete_stack(id=stack_id))

    async def set_cover(self, stack_id: StackId, asset_id: AssetId) -> Stack:
        """The stack with this member as its primary; no asset's updatedAt changes.

        Errors: ImmichMissing if the stack is gone or another user's. StaleDecision if the asset is no member that
                Immich shows: gone, in no or another stack, trashed or hidden. ImmichUnavailable does not tell whether
                it changed.
        Source: stack.service.ts, the same in Immich 2.5.6 to 3.1.0.
        """
        return to_stack(await self._transport.send(calls.update_stack(id=stack_id, primary_asset_id=asset_id)))

    async def remove_from_stack(self, stack_id: StackId, asset_id: AssetId) -> None:
        """Nothing; the asset stands alone, trashed or not, and only its own updatedAt changes.

        Shape:  the stack stays, even of one, which Immich lists and its timeline shows as no stack.
        Errors: ImmichMissing if the stack is gone or another user's. StaleDecision if the asset is not in it, or is its
                primary. ImmichUnavailable does not tell whether it left.
        Source: stack.service.ts, the same in Immich 2.5.6 to 3.1.0.
        """
        await self._transport.send(calls.remove_asset_from_stack(id=stack_id, asset_id=asset_id))
