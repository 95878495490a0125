"""What a workflow's webhook tells of an asset: far more than the API does, the camera's burst among it."""

from __future__ import annotations

import base64
from typing import Any

from sidecar.demo.immich.rows import AssetRow, ExifRow
from sidecar.demo.immich.state import State
from sidecar.demo.immich.times import iso_ms, postgres_json
from sidecar.demo.immich.wire import exif_fields

ASSET_TYPE = "AssetV1"
_BITS_OF_A_SAMPLE = 8


def webhook_body(row: AssetRow, state: State, trigger: str) -> dict[str, Any]:
    """The event as JSON, the asset as it is now.

    Source: recorded webhooks of 3.1.0; workflow.repository.ts getForAssetV1, 3.1.0.
    """
    return {"type": ASSET_TYPE, "trigger": trigger, "data": {"asset": _asset_fields(row, state)}}


def _asset_fields(row: AssetRow, state: State) -> dict[str, Any]:
    return {
        "id": row.id,
        "ownerId": row.owner_id,
        "stackId": row.stack_id,
        "livePhotoVideoId": row.live_photo_video_id,
        "libraryId": row.library_id,
        "duplicateId": row.duplicate_id,
        "createdAt": iso_ms(row.created_us),
        "updatedAt": iso_ms(row.updated_us),
        "deletedAt": None if row.deleted_us is None else iso_ms(row.deleted_us),
        "fileCreatedAt": iso_ms(row.file_created_us),
        "fileModifiedAt": iso_ms(row.file_modified_us),
        "localDateTime": iso_ms(row.local_us),
        "type": row.kind,
        "status": row.status,
        "visibility": row.visibility,
        "duration": row.duration_ms,
        "checksum": {"type": "Buffer", "data": list(base64.b64decode(row.checksum))},
        "originalPath": row.path,
        "originalFileName": row.name,
        "isOffline": row.is_offline,
        "isFavorite": row.is_favorite,
        "isExternal": row.library_id is not None,
        "isEdited": False,
        "exifInfo": None if row.exif is None else _exif_fields(row, row.exif, state),
    }


def _exif_fields(row: AssetRow, exif: ExifRow, state: State) -> dict[str, Any]:
    """The exif row; when it was written itself is not kept here, the asset's time stands for it."""
    is_read = exif.modify_us is not None
    return exif_fields(exif) | {
        "fps": None,
        "livePhotoCID": None,
        "profileDescription": None,
        "colorspace": None,
        "bitsPerSample": None if exif.width is None else _BITS_OF_A_SAMPLE,
        "autoStackId": row.auto_stack_id if is_read else None,
        "tags": [tag.value for tag in state.tags_of(row)] or None,
        "updatedAt": postgres_json(row.updated_us),
    }
