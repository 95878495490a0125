"""Assets and stacks as JSON, in the shapes of the emulated version."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import msgspec

from sidecar.demo.immich.media_types import content_type_of
from sidecar.demo.immich.rows import AssetRow, ExifRow, StackRow, TagRow, UserRow
from sidecar.demo.immich.state import State, is_listed
from sidecar.demo.immich.times import iso_ms, postgres_json
from sidecar.demo.immich.versions import Behaviour
from sidecar.model import Visibility

encode = msgspec.json.Encoder().encode
_MS_PER_S = 1000
_S_PER_MIN = 60
_MIN_PER_H = 60


def exif_fields(exif: ExifRow) -> dict[str, Any]:
    """ExifResponseDto.

    Source: recordings asset, asset-raw; numbers and offset zone: live 3.1.0.
    """
    return {
        "make": exif.make,
        "model": exif.model,
        "exifImageWidth": exif.width,
        "exifImageHeight": exif.height,
        "fileSizeInByte": exif.size_bytes,
        "orientation": exif.orientation,
        "dateTimeOriginal": None if exif.taken_us is None else postgres_json(exif.taken_us),
        "modifyDate": None if exif.modify_us is None else postgres_json(exif.modify_us),
        "timeZone": exif.time_zone,
        "lensModel": exif.lens,
        "fNumber": whole_if_possible(exif.f_number),
        "focalLength": whole_if_possible(exif.focal_length),
        "iso": exif.iso,
        "exposureTime": exif.exposure_time,
        "latitude": exif.latitude,
        "longitude": exif.longitude,
        "city": None,
        "state": None,
        "country": None,
        "description": exif.description,
        "projectionType": None,
        "rating": exif.rating,
    }


def asset_json(row: AssetRow, behaviour: Behaviour, *, with_exif: bool, when: Callable[[int], str] = iso_ms) -> bytes:
    """AssetResponseDto as search lists it, as JSON; all but its dates is kept in the row until that changes.

    Source: recordings search-all, search-unstacked; `when` is postgres_json inside stacks and duplicates (recording
            stack-create).
    """
    if row.json is None:
        row.json = encode(_undated_fields(row, behaviour))[:-1]
    if with_exif and row.exif is not None and row.exif_json is None:
        row.exif_json = b',"exifInfo":' + encode(exif_fields(row.exif))
    dates = (
        f',"createdAt":"{when(row.created_us)}","updatedAt":"{when(row.updated_us)}"'
        f',"fileCreatedAt":"{when(row.file_created_us)}","fileModifiedAt":"{when(row.file_modified_us)}"'
        f',"localDateTime":"{when(row.local_us)}"}}'
    )
    return row.json + ((row.exif_json or b"") if with_exif else b"") + dates.encode()


def asset_with(row: AssetRow, behaviour: Behaviour, more: dict[str, Any], *, is_nested: bool = False) -> msgspec.Raw:
    """The asset with exifInfo and some more fields."""
    asset = asset_json(row, behaviour, with_exif=True, when=postgres_json if is_nested else iso_ms)
    return msgspec.Raw(b"%s,%s" % (asset[:-1], encode(more)[1:]) if more else asset)


def _undated_fields(row: AssetRow, behaviour: Behaviour) -> dict[str, Any]:
    fields: dict[str, Any] = {
        "id": row.id,
        "ownerId": row.owner_id,
        "libraryId": row.library_id,
        "type": row.kind,
        "originalPath": row.path,
        "originalFileName": row.name,
        "originalMimeType": content_type_of(row.name),
        "thumbhash": row.thumbhash,
        "isFavorite": row.is_favorite,
        "isArchived": row.visibility is Visibility.ARCHIVE,
        "isTrashed": row.deleted_us is not None,
        "visibility": row.visibility,
        "duration": row.duration_ms if behaviour.does("integer_duration") else clock_duration(row.duration_ms),
        "livePhotoVideoId": row.live_photo_video_id,
        "people": [],
        "checksum": row.checksum,
        "isOffline": row.is_offline,
        "hasMetadata": True,
        "duplicateId": row.duplicate_id,
        "resized": True,
        "width": row.width,
        "height": row.height,
        "isEdited": False,
    }
    if not behaviour.does("hidden_devices"):
        fields["deviceAssetId"] = row.device_asset_id
        fields["deviceId"] = row.device_id
    return fields


def clock_duration(duration_ms: int | None) -> str:
    """2.x's duration: "00:00:03.250", and for pictures the odd "0:00:00.00000".

    Source: recording asset, 2.7.5.
    """
    if duration_ms is None:
        return "0:00:00.00000"
    seconds, ms = divmod(duration_ms, _MS_PER_S)
    minutes, seconds = divmod(seconds, _S_PER_MIN)
    hours, minutes = divmod(minutes, _MIN_PER_H)
    return f"{hours:02}:{minutes:02}:{seconds:02}.{ms:03}"


def updated_asset(row: AssetRow, behaviour: Behaviour) -> msgspec.Raw:
    """The answer to PUT /assets/{id}.

    Source: recording asset-update-favorite of both versions.
    """
    return asset_with(row, behaviour, {} if behaviour.does("hidden_devices") else {"unassignedFaces": []})


def asset_detail(row: AssetRow, state: State) -> msgspec.Raw:
    """The answer to GET /assets/{id}.

    Source: recordings asset, asset-in-stack of both versions.
    """
    owner = owner_fields(state.users[row.owner_id])
    more: dict[str, Any] = {"owner": owner, "tags": tags_of(row, state), "stack": stack_summary(row, state)}
    if not state.behaviour.does("hidden_devices"):
        more["unassignedFaces"] = []
    return asset_with(row, state.behaviour, more)


def tags_of(row: AssetRow, state: State) -> list[dict[str, Any]]:
    """The asset's tags, inside an asset.

    Source: recording kept-after-resolve.
    """
    return [tag_fields(tag, when=postgres_json) for tag in state.tags_of(row)]


def tag_fields(tag: TagRow, *, when: Callable[[int], str] = iso_ms) -> dict[str, Any]:
    """TagResponseDto.

    Source: recording tag-upsert; mapTag, tag.dto.ts 3.1.0: no parentId without a parent, no color without one.
    """
    parent = {"parentId": tag.parent_id} if tag.parent_id else {}
    return {
        "id": tag.id,
        **parent,
        "name": tag.value.rpartition("/")[2],
        "value": tag.value,
        "createdAt": when(tag.created_us),
        "updatedAt": when(tag.created_us),
    }


def owner_fields(user: UserRow) -> dict[str, Any]:
    """UserResponseDto inside an asset.

    Source: recording asset.
    """
    return {
        "id": user.id,
        "email": user.email,
        "name": user.name,
        "profileImagePath": "",
        "avatarColor": "primary",
        "profileChangedAt": postgres_json(user.created_us),
    }


def whole_if_possible(value: float | None) -> float | None:
    """JavaScript's one kind of number: 50.0 is written 50."""
    return int(value) if value is not None and value.is_integer() else value


def stack_summary(row: AssetRow, state: State) -> dict[str, Any] | None:
    """GET /assets/{id}.stack: one more than the visible children, null without any.

    Source: recording asset-in-stack; live 3.1.0 with trashed, hidden and archived primaries and children.
    """
    if row.stack_id is None:
        return None
    stack = state.stacks[row.stack_id]
    children = [
        member
        for member in state.rows(stack.members)
        if member.id != stack.primary_id and member.deleted_us is None and member.visibility is Visibility.TIMELINE
    ]
    if not children:
        return None
    return {"id": stack.id, "primaryAssetId": stack.primary_id, "assetCount": len(children) + 1}


def stack_members(stack: StackRow, state: State) -> list[AssetRow]:
    """The members a stack shows, primary first: listed assets with an exif row.

    Source: stack.repository.ts:17-46 in 3.1.0; recording stack-primary-trashed; live 3.1.0 for archived, hidden and
            locked members.
    """
    shown = [row for row in state.rows(stack.members) if is_listed(row) and row.exif is not None]
    return sorted(shown, key=lambda row: row.id != stack.primary_id)


def stack_fields(stack: StackRow, state: State, *, with_tags: bool) -> dict[str, Any]:
    """StackResponseDto.

    Source: recordings stack-create (no tags), stack-get (tags).
    """
    members = stack_members(stack, state)
    return {
        "id": stack.id,
        "primaryAssetId": stack.primary_id,
        "assets": [
            asset_with(row, state.behaviour, {"tags": tags_of(row, state)} if with_tags else {}, is_nested=True)
            for row in members
        ],
    }
