"""What clients are told over their websocket, in the shapes of the emulated version."""

from __future__ import annotations

from typing import Any

import msgspec

from sidecar.demo.immich.occasions import Occasion, OccasionKind
from sidecar.demo.immich.rows import AssetRow, ExifRow
from sidecar.demo.immich.state import DEFAULT_VISIBILITIES, State
from sidecar.demo.immich.times import iso_ms
from sidecar.demo.immich.versions import Behaviour
from sidecar.demo.immich.wire import asset_with, clock_duration, exif_fields, tags_of

Event = tuple[str, *tuple[Any, ...]]
"""(its name, its arguments …)"""

UNAUTHORIZED: Event = ("error", "unauthorized")


def server_version(behaviour: Behaviour) -> Event:
    """What everyone is told who connects.

    Source: recorded websockets of both versions.
    """
    major, minor, patch = behaviour.version.numbers
    if behaviour.does("plain_version_event"):
        return ("on_server_version", {"major": major, "minor": minor, "patch": patch, "prerelease": None})
    version = str(behaviour.version)
    told = {"options": {}, "loose": False, "includePrerelease": False, "raw": version}
    numbers = {"major": major, "minor": minor, "patch": patch, "prerelease": [], "build": [], "version": version}
    return ("on_server_version", told | numbers)


def events_of(occasion: Occasion, state: State) -> list[Event]:
    """What the owner's clients are told of the occasion, the assets as they are now.

    Source: recorded websockets; notification.service.ts and job.service.ts:171-196, 3.1.0.
    """
    events: list[Event] = []
    match occasion.kind:
        case OccasionKind.READY:
            for row in state.rows(occasion.asset_ids):
                events += _upload_events(row, state) if row.visibility in DEFAULT_VISIBILITIES else []
        case OccasionKind.WRITTEN:
            events += [("on_asset_update", _asset(row, state)) for row in state.rows(occasion.asset_ids)]
        case OccasionKind.TRASHED:
            events.append(("on_asset_trash", occasion.asset_ids))
        case OccasionKind.RESTORED:
            events.append(("on_asset_restore", occasion.asset_ids))
        case OccasionKind.DELETED:
            events += [("on_asset_delete", asset_id) for asset_id in occasion.asset_ids]
        case OccasionKind.HIDDEN:
            events += [("on_asset_hidden", asset_id) for asset_id in occasion.asset_ids]
        case OccasionKind.STACKED:
            events.append(("on_asset_stack_update",))
        case _:
            pass  # of what came and what was read, workflows alone hear
    return events


def _upload_events(row: AssetRow, state: State) -> list[Event]:
    events: list[Event] = [("on_upload_success", _asset(row, state))]
    if row.exif is not None:
        name = "AssetUploadReadyV2" if state.behaviour.does("ready_v2") else "AssetUploadReadyV1"
        ready = {"asset": _sync_asset(row, state.behaviour), "exif": _sync_exif(row, row.exif)}
        events.append((name, ready))
    return events


def _asset(row: AssetRow, state: State) -> msgspec.Raw:
    """AssetResponseDto, its tags included."""
    more: dict[str, Any] = {"tags": tags_of(row, state)}
    if not state.behaviour.does("hidden_devices"):
        more["unassignedFaces"] = []
    return asset_with(row, state.behaviour, more)


def _sync_asset(row: AssetRow, behaviour: Behaviour) -> dict[str, Any]:
    """SyncAssetV1 or SyncAssetV2."""
    has_number = row.duration_ms is None or behaviour.does("integer_duration")
    fields = {
        "id": row.id,
        "ownerId": row.owner_id,
        "originalFileName": row.name,
        "thumbhash": row.thumbhash,
        "checksum": row.checksum,
        "fileCreatedAt": iso_ms(row.file_created_us),
        "fileModifiedAt": iso_ms(row.file_modified_us),
        "localDateTime": iso_ms(row.local_us),
        "duration": row.duration_ms if has_number else clock_duration(row.duration_ms),
        "type": row.kind,
        "deletedAt": None if row.deleted_us is None else iso_ms(row.deleted_us),
        "isFavorite": row.is_favorite,
        "visibility": row.visibility,
        "livePhotoVideoId": row.live_photo_video_id,
        "stackId": row.stack_id,
        "libraryId": row.library_id,
        "width": row.width,
        "height": row.height,
        "isEdited": False,
    }
    if behaviour.does("ready_v2"):
        fields["createdAt"] = iso_ms(row.created_us)
    return fields


def _sync_exif(row: AssetRow, exif: ExifRow) -> dict[str, Any]:
    """SyncAssetExifV1."""
    return exif_fields(exif) | {
        "assetId": row.id,
        "dateTimeOriginal": None if exif.taken_us is None else iso_ms(exif.taken_us),
        "modifyDate": None if exif.modify_us is None else iso_ms(exif.modify_us),
        "profileDescription": None,
        "fps": None,
    }
