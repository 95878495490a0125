"""Looking at single assets in Immich, before and after something is done with them: state, stack, what is known."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Collection, Sequence
from dataclasses import dataclass
from typing import TypeVar

from sidecar.duplicates.merging import Knowledge
from sidecar.duplicates.sets import seen_as
from sidecar.errors import ImmichMissing
from sidecar.immich_client.client import Immich
from sidecar.immich_client.details import Album, Details, SharedLink
from sidecar.jobs.context import JobContext
from sidecar.jobs.several import several
from sidecar.model import Asset, AssetId, OwnerId, Stack, Visibility

Answer = TypeVar("Answer")


@dataclass(frozen=True, slots=True)
class Now:
    """One asset as Immich has it now; albums are those that hold it, stack the one that it is in."""

    asset: Asset
    knowledge: Knowledge
    albums: tuple[Album, ...]
    stack: Stack | None


def is_shown(asset: Asset) -> bool:
    """Whether people can see the asset, as far as that does not depend on the trash."""
    return asset.visibility in {Visibility.TIMELINE, Visibility.ARCHIVE} and not asset.is_offline


def state_of(asset: Asset) -> str:
    """What the file of an asset that Immich told about is; see `sets.seen_as`."""
    return seen_as(asset, asset.original) if asset.original is not None else ""


async def links_to_assets(immich: Immich) -> tuple[SharedLink, ...]:
    """The user's public links to single assets."""
    return tuple(link for link in await immich.shared_links() if link.album_id is None)


async def look_at(
    context: JobContext, owner_id: OwnerId, ids: Sequence[AssetId], links: Sequence[SharedLink]
) -> dict[AssetId, Now]:
    """Those of the assets that there are, trashed or not, as they are now.

    Errors: ImmichUnavailable, ImmichRefused, ContractBroken.
    """
    immich = context.immich(owner_id)

    async def ask(asset_id: AssetId) -> Now:
        details = await immich.details(asset_id)
        albums = await immich.albums_of(asset_id)
        stack = await immich.stack_of(asset_id)
        return Now(details.asset, knowledge_of(details, albums, links), albums, stack)

    return await ask_each(context, ids, ask)


async def details_of(context: JobContext, owner_id: OwnerId, ids: Sequence[AssetId]) -> dict[AssetId, Asset]:
    """Those of the assets that there are, trashed or not; one question each.

    Errors: ImmichUnavailable, ImmichRefused, ContractBroken.
    """
    return await ask_each(context, ids, context.immich(owner_id).asset)


async def ask_each(
    context: JobContext, ids: Collection[AssetId], ask: Callable[[AssetId], Awaitable[Answer]]
) -> dict[AssetId, Answer]:
    """Asset -> answer; an asset that is missing is left out.

    Errors: whatever else an answer raises.
    """

    async def one(asset_id: AssetId) -> tuple[AssetId, Answer] | None:
        try:
            return asset_id, await ask(asset_id)
        except ImmichMissing:
            return None

    answers = await several([*ids], one, at_once=context.concurrent_reads)
    return dict(answer for answer in answers if answer is not None)


def knowledge_of(details: Details, albums: Collection[Album], links: Collection[SharedLink]) -> Knowledge:
    """What is known of the asset, in the words of merging."""
    latitude, longitude = details.latitude, details.longitude
    return Knowledge(
        details.asset.id,
        is_favorite=details.is_favorite,
        rating=details.rating or None,
        description=details.description,
        place=None if latitude is None or longitude is None else (latitude, longitude),
        albums=tuple(sorted(album.id for album in albums)),
        tags=tuple(sorted(details.tag_ids)),
        links=tuple(sorted(link.id for link in links if details.asset.id in link.asset_ids)),
    )
