"""Immich's wire format -> our model. Pure; sees thousands of assets a second, so it is written to be quick."""

from __future__ import annotations

import re
from collections.abc import Collection
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from sys import intern

import msgspec

from sidecar.errors import ContractBroken
from sidecar.immich_client._generated import models
from sidecar.immich_client.details import Album, Details, SharedLink, Tag
from sidecar.model import (
    Asset,
    AssetId,
    AssetKind,
    Original,
    OwnerId,
    ServerVersion,
    Stack,
    StackId,
    User,
    Visibility,
)

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_MILLISECOND = timedelta(milliseconds=1)
_OWNER, _EDITOR = "owner", "editor"
_DURATION = re.compile(r"([0-9]{1,6}):([0-9]{2}):([0-9]{2})(?:\.([0-9]{1,9}))?")

# The contract's enums are open: a newer Immich's kind is none that we pair, an unknown visibility none that we touch.
_KINDS = {kind.value: kind for kind in AssetKind}
_VISIBILITIES = {visibility.value: visibility for visibility in Visibility}


class _OnlyId(msgspec.Struct):
    id: str


_asset = msgspec.json.Decoder(models.Asset)
_only_id = msgspec.json.Decoder(_OnlyId)


@dataclass(frozen=True, slots=True)
class BrokenAsset:
    """An asset of a page that could not be read; id is None if not even that could."""

    id: AssetId | None
    reason: str


@dataclass(frozen=True, slots=True)
class AssetPage:
    """One page of a search, in Immich's order; next_page is None on the last."""

    assets: tuple[Asset, ...]
    broken: tuple[BrokenAsset, ...]
    next_page: int | None


def to_page(answer: models.SearchAnswer) -> AssetPage:
    """The page's assets; one that cannot be read is reported and costs no other.

    Errors: ContractBroken if the next page is no number.
    """
    assets: list[Asset] = []
    broken: list[BrokenAsset] = []
    for item in answer.assets.items:
        try:
            assets.append(to_asset(_asset.decode(item)))
        except (msgspec.DecodeError, UnicodeDecodeError, ContractBroken) as error:
            broken.append(BrokenAsset(_id_of(item), str(error)))
    return AssetPage(tuple(assets), tuple(broken), _next_page(answer.assets.next_page))


def to_asset(wire: models.Asset) -> Asset:
    """The asset as matching needs it.

    Errors: ContractBroken if its visibility or duration is of no known kind.
    Source: AssetResponseDto of Immich 2.5.6 to 3.1.0; uploads get invented paths, so only a library's folder means
            something; extraction is done once exifInfo.modifyDate is set.
    """
    exif = wire.exif_info
    return Asset(
        id=AssetId(wire.id),
        owner_id=OwnerId(intern(wire.owner_id)),
        name=wire.original_file_name,
        folder=None if wire.library_id is None else _folder(wire.original_path),
        kind=_KINDS.get(wire.type, AssetKind.OTHER),
        visibility=_visibility(wire.visibility),
        taken_at_ms=(wire.file_created_at - _EPOCH) // _MILLISECOND,
        taken_local_ms=(wire.local_date_time - _EPOCH) // _MILLISECOND,
        make=None if exif is None else _trimmed(exif.make),
        model=None if exif is None else _trimmed(exif.model),
        duration_ms=duration_ms(wire.duration),
        width=_pixels(wire.width, None if exif is None else exif.exif_image_width),
        height=_pixels(wire.height, None if exif is None else exif.exif_image_height),
        size_bytes=None if exif is None else exif.file_size_in_byte,
        live_photo_video_id=None if wire.live_photo_video_id is None else AssetId(wire.live_photo_video_id),
        is_trashed=wire.is_trashed,
        is_offline=wire.is_offline,
        is_extracted=exif is not None and exif.modify_date is not None,
        updated_at_ms=(wire.updated_at - _EPOCH) // _MILLISECOND,
        original=_original(wire),
    )


def to_ids(answer: models.SearchAnswer) -> tuple[frozenset[AssetId], int | None]:
    """The ids of the page's assets, of unreadable ones too, and the next page's number if there is one.

    Errors: ContractBroken if one has no id, or if the next page is no number.
    """
    ids = frozenset(map(_id_of, answer.assets.items))
    if None in ids:
        raise ContractBroken("Immich lists an asset without an id.")
    return frozenset(filter(None, ids)), _next_page(answer.assets.next_page)


def to_details(wire: models.Asset) -> Details:
    """The asset with what its user said about it.

    Errors: ContractBroken as to_asset.
    """
    exif = wire.exif_info or models.Exif()
    is_placed = exif.latitude is not None and exif.longitude is not None
    return Details(
        asset=to_asset(wire),
        is_favorite=wire.is_favorite,
        rating=int(exif.rating or 0) or None,
        description=exif.description or "",
        latitude=exif.latitude if is_placed else None,
        longitude=exif.longitude if is_placed else None,
        tags=tuple(Tag(tag.id, tag.value) for tag in wire.tags or ()),
    )


def to_album(wire: models.Album, *, linked_ids: Collection[str] = ()) -> Album:
    """The album; linked_ids are albums known to have a link, whatever the answer says.

    Errors: ContractBroken if nobody owns it.
    Source: album.dto.ts 2.7.5 and 3.1.0: getAllAlbums with assetId does not tell of links.
    """
    owner_id = wire.owner_id or next((each.user.id for each in wire.album_users if each.role == _OWNER), None)
    if owner_id is None:
        raise ContractBroken("Immich's album has no owner.")
    writer_ids = {each.user.id for each in wire.album_users if each.role == _EDITOR} | {owner_id}
    has_link = wire.has_shared_link or wire.id in linked_ids
    return Album(
        id=wire.id,
        name=wire.album_name,
        owner_id=OwnerId(owner_id),
        is_shared=wire.shared or has_link,
        has_link=has_link,
        asset_count=wire.asset_count,
        writer_ids=frozenset(map(OwnerId, writer_ids)),
    )


def to_shared_link(wire: models.SharedLink) -> SharedLink:
    """The link."""
    album_id = None if wire.album is None else wire.album.id
    asset_ids = () if album_id else (AssetId(asset.id) for asset in wire.assets)
    return SharedLink(id=wire.id, asset_ids=frozenset(asset_ids), album_id=album_id)


def duration_ms(wire: int | str | None) -> int | None:
    """The duration in milliseconds, None for none: null, nothing, or zero.

    Errors: ContractBroken if a text is not hours:minutes:seconds.
    Source: "0:00:12.340000" up to Immich 2.7.5, where a picture has "0:00:00.00000"; integer milliseconds from 3.0.
    """
    if not isinstance(wire, str):
        return wire or None
    if not wire:
        return None
    if (parts := _DURATION.fullmatch(wire)) is None:
        raise ContractBroken("duration is not hours:minutes:seconds")
    hours, minutes, seconds, fraction = parts.groups(default="0")
    whole_s = (int(hours) * 60 + int(minutes)) * 60 + int(seconds)
    return whole_s * 1000 + int(f"{fraction:0<3}"[:3]) or None


def to_stack(wire: models.Stack) -> Stack:
    """The stack with its members sorted, none of them twice."""
    return Stack(
        id=StackId(wire.id),
        primary_id=AssetId(wire.primary_asset_id),
        member_ids=tuple(sorted({AssetId(member.id) for member in wire.assets})),
    )


def to_primary_ids(bucket: models.TimeBucketAssets) -> tuple[AssetId, ...]:
    """The assets of a timeline bucket that stand for a stack.

    Errors: ContractBroken if the columns differ in length.
    Source: TimeBucketAssetResponseDto; with withStacked=true only primaries appear and `stack` is [stack id, count].
    """
    if bucket.stack is None:
        return ()
    if len(bucket.stack) != len(bucket.id):
        raise ContractBroken("Immich's timeline bucket has columns of different lengths.")
    return tuple(AssetId(wire_id) for wire_id, stack in zip(bucket.id, bucket.stack, strict=True) if stack)


def to_memo(wire: list[models.Metadata], key: str) -> dict[str, object] | None:
    """What stands under the key, None if nothing."""
    return next((entry.value for entry in wire if entry.key == key), None)


def to_memos(wire: list[models.MetadataOfAsset], key: str) -> dict[AssetId, dict[str, object]]:
    """Asset -> what stands there under the key."""
    return {AssetId(entry.asset_id): entry.value for entry in wire if entry.key == key}


def as_json(value: object) -> object:
    """The value as it comes back from its JSON: a tuple as a list.

    Errors: TypeError if there is no JSON for it.
    """
    return msgspec.json.decode(msgspec.json.encode(value))


def to_user(wire: models.User) -> User:
    """The user behind a credential."""
    return User(id=OwnerId(wire.id), name=wire.name, is_admin=wire.is_admin)


def to_version(wire: models.ServerVersion) -> ServerVersion:
    """The server's version."""
    return ServerVersion(major=wire.major, minor=wire.minor, patch=wire.patch)


def moment_of(instant_ms: int) -> datetime:
    """The instant as requests carry it: UTC, to the millisecond."""
    return _EPOCH + instant_ms * _MILLISECOND


def _original(wire: models.Asset) -> Original:
    return Original(
        path=wire.original_path,
        library_id=None if wire.library_id is None else intern(wire.library_id),
        checksum=wire.checksum,
        modified_at_ms=(wire.file_modified_at - _EPOCH) // _MILLISECOND,
        thumbhash=wire.thumbhash,
        is_favorite=wire.is_favorite,
        duplicate_id=wire.duplicate_id,
    )


def _folder(path: str) -> str:
    return intern(path.rpartition("/")[0] or "/")


def _visibility(wire: str) -> Visibility:
    known = _VISIBILITIES.get(wire)
    if known is None:
        raise ContractBroken("visibility is of a kind that this version does not know")
    return known


def _trimmed(text: str | None) -> str | None:
    """The text without blanks around it, one object for all its occurrences: a library holds few cameras."""
    return None if text is None else intern(text.strip()) or None


def _pixels(edge: float | None, exif_edge: float | None) -> int | None:
    # Extraction fills both; the top level is missing for assets that no Immich since 2.5 has read again.
    return int(edge or exif_edge or 0) or None


def _id_of(item: msgspec.Raw) -> AssetId | None:
    try:
        return AssetId(_only_id.decode(item).id)
    except (msgspec.DecodeError, UnicodeDecodeError):
        return None


def _next_page(wire: str | None) -> int | None:
    if wire is None:
        return None
    if not (wire.isascii() and wire.isdigit()):
        raise ContractBroken("Immich's next page is not a number.")
    return int(wire)
