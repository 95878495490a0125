"""Immich in our words: the questions and changes that the product needs, for one credential."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping, Sequence
from types import TracebackType
from typing import Self

from msgspec import UNSET

from sidecar.errors import ContractBroken, ImmichRefused, ParameterError, UnsupportedImmich
from sidecar.immich_client._generated import calls, facts
from sidecar.immich_client.mapping import (
    AssetPage,
    as_json,
    moment_of,
    to_asset,
    to_memo,
    to_memos,
    to_page,
    to_primary_ids,
    to_stack,
    to_user,
    to_version,
)
from sidecar.immich_client.transport import Retries, Timeouts, Transport
from sidecar.model import Asset, AssetId, ServerVersion, Stack, StackId, User, Visibility

MEMO_KEY = "immich-sidecar"
"""The key under which our memos stand in an asset's metadata."""

MEMOS_AT_ONCE = 1_000
"""How many memos one call may write or delete; Immich's own end is near 21,800."""

_EVERYTHING = "all"

# 41,800 stacks answer with 130 MB, because every member comes whole. Where the list grows past Immich's own strength it
# fails for good, and the caller's other way should not wait for many attempts.
_STACKS_LIMIT_BYTES = 512 * 1024 * 1024
_STACKS_ATTEMPTS = 2

_STACKED_VISIBILITIES = (Visibility.TIMELINE, Visibility.ARCHIVE)


class Immich:
    """One user's Immich, as seen through one API key; use it as an async context manager.

    Errors: every method raises ImmichUnavailable, ImmichRefused, NotImmich or ContractBroken where they apply; others
            are named with the method.
    """

    def __init__(self, transport: Transport) -> None:
        self._transport = transport

    def __repr__(self) -> str:
        return f"Immich({self._transport.address!r})"

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self._transport.__aexit__(kind, error, trace)

    def server_time_ms(self) -> int | None:
        """The server's clock, in ms since 1970, as its last answer told it to the second; None before the first."""
        return self._transport.server_time_ms

    async def server_version(self) -> ServerVersion:
        """The server's version; asks for no permission."""
        return to_version(await self._transport.send(calls.get_server_version()))

    async def me(self) -> User:
        """The user to whom the key belongs."""
        return to_user(await self._transport.send(calls.get_my_user()))

    async def permissions(self) -> frozenset[str]:
        """What the key may do, in Immich's names; "all" stands for everything."""
        key = await self._transport.send(calls.get_my_api_key())
        return frozenset(key.permissions)

    async def check_permissions(self) -> None:
        """Nothing, if the key holds all that the sidecar needs.

        Errors: ImmichRefused naming every permission that is missing.
        """
        missing = sorted(missing_permissions(await self.permissions()))
        if missing:
            raise ImmichRefused(f"The API key lacks: {', '.join(missing)}.", permission=missing[0])

    async def count_assets(self, *, visibility: Visibility) -> int:
        """How many assets a search of this visibility finds, partners' among them."""
        return (await self._transport.send(calls.search_asset_statistics(visibility=visibility.value))).total

    async def asset_page(
        self,
        *,
        visibility: Visibility,
        page: int,
        size: int = 1000,
        newest_first: bool = True,
        updated_after_ms: int | None = None,
        with_trashed: bool = False,
    ) -> AssetPage:
        """One page of all assets of this visibility, ordered by capture time; pages count from 1.

        Shape:  a partner's assets are among them where Immich shows them in the timeline; ties may repeat or be skipped
                between pages; assets that Immich has not looked at yet are absent. updated_after_ms is inclusive.
        Source: search.service.ts and utils/database.ts, Immich 3.1.0; the meaning of an absent visibility changed in
                3.0, so it is always sent.
        """
        answer = await self._transport.send(
            calls.search_assets(
                visibility=visibility.value,
                page=page,
                size=size,
                order="desc" if newest_first else "asc",
                with_exif=True,
                with_deleted=True if with_trashed else UNSET,
                updated_after=UNSET if updated_after_ms is None else moment_of(updated_after_ms),
            )
        )
        return to_page(answer)

    async def asset(self, asset_id: AssetId) -> Asset:
        """The asset as it is now, trashed or not.

        Errors: ImmichMissing when it is gone or another user's.
        """
        return to_asset(await self._transport.send(calls.get_asset_info(id=asset_id)))

    async def stacks(self) -> tuple[Stack, ...]:
        """All stacks of the user.

        Errors: ImmichUnavailable or ContractBroken on servers with too many to answer at once, near 145,000.
        """
        answer = await self._transport.send(
            calls.search_stacks(), attempts=_STACKS_ATTEMPTS, answer_limit_bytes=_STACKS_LIMIT_BYTES
        )
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

    async def memo(self, asset_id: AssetId) -> dict[str, object] | None:
        """What we noted with the asset, trashed or not; None if nothing.

        Shape:  a partner's asset may be asked for too, and shows what the partner's sidecar noted.
        Errors: ImmichMissing when the asset is gone or another user's.
        Source: asset.service.ts, Immich 2.5.6 to 3.1.0: asked for by its key, a missing memo is refused with 400 as a
                missing asset is; the list of all keys tells one from the other.
        """
        return to_memo(await self._transport.send(calls.get_asset_metadata(id=asset_id)), MEMO_KEY)

    async def write_memos(self, memos: Mapping[AssetId, Mapping[str, object]]) -> None:
        """Nothing; each asset, trashed or not, carries its memo instead of an older one, and its updatedAt stays.

        Shape:  values are JSON as JavaScript and PostgreSQL hold it: whole numbers up to 2**53, no NUL in a text. All
                are written or none; writing again is harmless.
        Errors: ImmichMissing if any of the assets is gone, locked or another user's, and nothing is written.
                ContractBroken if Immich answers with other memos than these, ParameterError beyond MEMOS_AT_ONCE.
        Source: asset.service.ts and asset.repository.ts, Immich 2.5.6 to 3.1.0: access first, then one statement.
        """
        _check_count(memos)
        if not memos:
            return  # Immich fails over an empty list
        items: list[dict[str, object]] = [
            {"assetId": asset_id, "key": MEMO_KEY, "value": memo} for asset_id, memo in memos.items()
        ]
        answer = await self._transport.send(calls.update_bulk_asset_metadata(items=items))
        kept = to_memos(answer, MEMO_KEY)
        if changed := sum(kept.get(asset_id) != as_json(memo) for asset_id, memo in memos.items()):
            raise ContractBroken(f"Immich kept {changed} of {len(memos)} memos otherwise than they were written.")

    async def delete_memos(self, asset_ids: Collection[AssetId]) -> None:
        """Nothing; none of the assets carries a memo, whether it did or not, and their updatedAt stays.

        Errors: ImmichMissing if any of the assets is gone, locked or another user's, and nothing is deleted.
                ParameterError beyond MEMOS_AT_ONCE.
        Source: asset.service.ts and asset.repository.ts, Immich 2.5.6 to 3.1.0: access first, then one transaction.
        """
        _check_count(asset_ids)
        if asset_ids:
            items: list[dict[str, object]] = [{"assetId": asset_id, "key": MEMO_KEY} for asset_id in asset_ids]
            await self._transport.send(calls.delete_bulk_asset_metadata(items=items))

    async def head_of(self, asset_id: AssetId, size_bytes: int) -> bytes:
        """The first bytes of the asset's original, trashed or not; fewer if the file is smaller.

        Shape:  an edit made in Immich is not seen: the file is as it was uploaded or lies in its library.
        Errors: ImmichMissing when the asset is gone or another user's, and where Immich cannot read its file, which it
                does not always tell apart. ParameterError if size_bytes is not positive.
        Source: downloadAsset with a Range header; live 2.7.5 and 3.1.0.
        """
        return await self._transport.head(calls.download_asset(id=asset_id), size_bytes)


def _check_count(memos: Collection[object]) -> None:
    if len(memos) > MEMOS_AT_ONCE:
        raise ParameterError(f"{len(memos)} memos are more than the {MEMOS_AT_ONCE} that fit into one call.")


def open_immich(
    url: str,
    api_key: str,
    *,
    timeouts: Timeouts | None = None,
    retries: Retries | None = None,
    connections: int = 10,
) -> Immich:
    """The Immich at this address for this key; nothing is sent yet.

    Units:  connections is how many calls run at once.
    Errors: SettingsError if the address or the key cannot be used.
    """
    return Immich(Transport(url, api_key, timeouts=timeouts, retries=retries, connections=connections))


def check_version(version: ServerVersion) -> None:
    """Nothing, if the server is as old as the oldest pinned version or newer.

    Errors: UnsupportedImmich naming both versions.
    """
    oldest = facts.PINS[0]
    if version.numbers < tuple(map(int, oldest.split("."))):
        raise UnsupportedImmich(f"Immich {version} is too old; the sidecar needs {oldest} or newer.")


def required_permissions() -> frozenset[str]:
    """What an API key must hold for everything above."""
    return frozenset[str]().union(*facts.PERMISSIONS.values())


def missing_permissions(held: Iterable[str]) -> frozenset[str]:
    """The required permissions that are not among those held; none if "all" is."""
    held = frozenset(held)
    return frozenset() if _EVERYTHING in held else required_permissions() - held
