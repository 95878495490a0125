"""Immich's JSON as the tests of this room need it: an asset as GET /assets/{id} answers it, changed by name."""

from __future__ import annotations

from typing import Any

Json = dict[str, Any]

ASSET_ID = "3d92d0a3-fc61-4599-9758-79b8b6d1bb0a"
OTHER_ID = "de481eed-ccf7-4d79-9f48-c6c588ba07ec"
OWNER_ID = "47007dea-6b4f-4780-9493-74f09a89455c"
STACK_ID = "27131b6b-516a-445c-a3b6-9b74e9bb78be"


def wire_asset(*, exif: Json | None = None, **changes: object) -> Json:
    """An uploaded and extracted photograph, worded as Immich 3.1.0 does; exif changes single fields of exifInfo."""
    return {
        "id": ASSET_ID,
        "ownerId": OWNER_ID,
        "libraryId": None,
        "type": "IMAGE",
        "originalPath": f"/data/upload/{OWNER_ID}/c8/61/c861f9c8.JPG",
        "originalFileName": "IMG_0001.JPG",
        "thumbhash": "4BcCFYSGrKSDqaWNelZwlq4iAJX1",
        "fileCreatedAt": "2024-05-01T08:00:00.120Z",
        "fileModifiedAt": "2024-05-01T08:00:00.000Z",
        "localDateTime": "2024-05-01T10:00:00.120Z",
        "updatedAt": "2026-11-22T13:42:40.913Z",
        "isFavorite": False,
        "isTrashed": False,
        "visibility": "timeline",
        "duration": None,
        "exifInfo": {
            "make": "Canon",
            "model": "EOS R5",
            "exifImageWidth": 900,
            "exifImageHeight": 600,
            "fileSizeInByte": 39410,
            "modifyDate": "2024-05-01T10:00:00+00:00",
            **(exif or {}),
        },
        "livePhotoVideoId": None,
        "tags": [],
        "people": [],
        "checksum": "2ADTX4AY2txiVw0o54FMTp0E3iU=",
        "isOffline": False,
        "duplicateId": None,
        "width": 900,
        "height": 600,
        **changes,
    }


def wire_page(*items: object, next_page: str | None = None) -> Json:
    return {"albums": {"total": 0}, "assets": {"total": len(items), "items": list(items), "nextPage": next_page}}


def wire_stack(*member_ids: str) -> Json:
    members = [wire_asset(id=member) for member in member_ids]
    return {"id": STACK_ID, "primaryAssetId": ASSET_ID, "assets": members}
