"""How assets come into being: uploads, library files, and rows without any file for large libraries."""

from __future__ import annotations

import base64
import hashlib
import sys
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime, timedelta
from http import HTTPStatus
from pathlib import PurePosixPath

from aiohttp import BodyPartReader, web

from sidecar.demo.immich.background import JobKind, Jobs
from sidecar.demo.immich.fields import Fields
from sidecar.demo.immich.media_types import kind_of, suffix_of
from sidecar.demo.immich.occasions import OccasionKind
from sidecar.demo.immich.refusals import bad_request
from sidecar.demo.immich.routing import Ask, Operation, reply
from sidecar.demo.immich.rows import AssetFiles, AssetRow, ExifRow
from sidecar.demo.immich.search_filters import VISIBILITIES
from sidecar.demo.immich.state import State
from sidecar.demo.immich.times import microseconds
from sidecar.model import AssetKind, Visibility

_FILE_FIELD = "assetData"
_DEFAULT_SIZE_BYTES = 8_000_000


@dataclass(frozen=True, slots=True)
class Uploaded:
    """One file with what its uploader says about it.

    Units:  times in microseconds since 1970, duration in ms.
    """

    name: str
    data: bytes
    file_created_us: int
    file_modified_us: int
    visibility: Visibility = Visibility.TIMELINE
    is_favorite: bool = False
    live_photo_video_id: str | None = None
    duration_ms: int | None = None
    device_asset_id: str = ""
    device_id: str = ""


@dataclass(frozen=True, slots=True)
class Made:
    """An asset without a file, as if Immich had read one.

    Shape:  folder makes it a library file. offset is that of the camera's clock; without one the wall clock was UTC.
            checksum is base64, by default as of a library file; modified_at is taken_at unless it is given.
    Units:  duration in ms, size in bytes.
    """

    name: str
    taken_at: datetime
    offset: timedelta = timedelta(0)
    make: str | None = "Canon"
    model: str | None = "EOS R5"
    folder: str | None = None
    kind: AssetKind = AssetKind.IMAGE
    visibility: Visibility = Visibility.TIMELINE
    width: int | None = 6000
    height: int | None = 4000
    size_bytes: int = _DEFAULT_SIZE_BYTES
    duration_ms: int | None = None
    live_photo_video_id: str | None = None
    is_extracted: bool = True
    thumbhash: str | None = None
    checksum: str | None = None
    modified_at: datetime | None = None
    is_favorite: bool = False
    rating: int | None = None
    description: str = ""
    latitude: float | None = None
    longitude: float | None = None


def store_upload(state: State, jobs: Jobs, owner_id: str, file: Uploaded) -> tuple[AssetRow, bool]:
    """The owner's asset with these bytes and whether it is new; a new one waits for its metadata job.

    Errors: Refusal 400 for a file name that Immich does not take.
    Source: recordings upload, upload-same-bytes, asset-just-uploaded; live 3.1.0: bad names, the bare exif row; trashed
            copies block too (unique index in asset.table.ts:32-42, 3.1.0).
    """
    kind = kind_of(file.name, state.behaviour)
    if kind is None:
        raise bad_request(f"Unsupported file type {file.name}")
    checksum = _base64_sha1(file.data)
    if known := state.uploads.get((owner_id, checksum)):
        return state.assets[known], False
    if file.live_photo_video_id:
        _hide_motion(state, owner_id, file.live_photo_video_id)
    stored = state.new_id()
    path = f"/data/upload/{owner_id}/{stored[:2]}/{stored[2:4]}/{stored}{PurePosixPath(file.name).suffix}"
    row = _bare_row(state, owner_id, file, path=path, kind=kind, checksum=checksum)
    row.exif = ExifRow(size_bytes=len(file.data))
    _take_in(state, jobs, row, file.data)
    return row, True


def import_file(state: State, jobs: Jobs, owner_id: str, file: Uploaded, *, path: str, library_id: str) -> AssetRow:
    """The library's asset at this path; a new one waits for its metadata job.

    Source: library.service.ts:421 in 3.1.0: the checksum is of the path; UNVERIFIED library-import.
    """
    checksum = _path_checksum(path)
    for row in state.assets_of(owner_id):
        if row.library_id == library_id and row.checksum == checksum:
            return row
    kind = kind_of(path, state.behaviour) or AssetKind.OTHER
    row = _bare_row(state, owner_id, file, path=path, kind=kind, checksum=checksum)
    row.library_id = library_id
    _take_in(state, jobs, row, file.data)
    return row


def _take_in(state: State, jobs: Jobs, row: AssetRow, data: bytes) -> None:
    """Source: recorded webhooks: AssetCreate comes before anything of the file is read; UNVERIFIED import-webhook."""
    state.insert_asset(row, AssetFiles(original=data))
    state.announce(OccasionKind.CREATED, row.owner_id, row.id)
    jobs.add(JobKind.EXTRACT, row.id, is_upload=True)


def make_assets(state: State, owner_id: str, many: Iterable[Made], *, library_id: str | None = None) -> list[AssetRow]:
    """One row per description, in order, all jobs done but without files; for libraries of any size.

    Shape:  library_id goes to those with a folder; by default each owner has one library for them.
    """
    return [_made_row(state, owner_id, made, library_id or owner_id) for made in many]


def _made_row(state: State, owner_id: str, made: Made, library_id: str) -> AssetRow:
    asset_id = state.new_id()
    taken_us = microseconds(made.taken_at)
    now_us = state.now_us()
    in_library = made.folder is not None
    path = f"{made.folder or f'/data/upload/{owner_id}/{asset_id[:2]}'}/{made.name if in_library else asset_id}"
    row = AssetRow(
        id=asset_id,
        owner_id=owner_id,
        name=made.name,
        path=path if in_library else path + suffix_of(made.name),
        kind=made.kind,
        checksum=made.checksum or _path_checksum(path),
        file_created_us=taken_us,
        file_modified_us=taken_us if made.modified_at is None else microseconds(made.modified_at),
        local_us=taken_us + made.offset // timedelta(microseconds=1),
        created_us=now_us,
        updated_us=now_us,
        exif=ExifRow(size_bytes=made.size_bytes),
        visibility=made.visibility,
        is_favorite=made.is_favorite,
        duration_ms=made.duration_ms,
        library_id=library_id if in_library else None,
        live_photo_video_id=made.live_photo_video_id,
        thumbhash=made.thumbhash,
    )
    if made.is_extracted:
        row.exif = ExifRow(
            size_bytes=made.size_bytes,
            make=made.make,
            model=made.model,
            width=made.width,
            height=made.height,
            taken_us=taken_us,
            modify_us=taken_us,
            latitude=made.latitude,
            longitude=made.longitude,
            description=made.description,
            rating=made.rating,
        )
        row.width, row.height = made.width, made.height
    state.insert_asset(row)
    return row


def _bare_row(state: State, owner_id: str, file: Uploaded, *, path: str, kind: AssetKind, checksum: str) -> AssetRow:
    now_us = state.now_us()
    return AssetRow(
        id=state.new_id(),
        owner_id=owner_id,
        name=file.name,
        path=path,
        kind=kind,
        checksum=checksum,
        file_created_us=file.file_created_us,
        file_modified_us=file.file_modified_us,
        local_us=file.file_created_us,
        created_us=now_us,
        updated_us=now_us,
        exif=None,
        visibility=file.visibility,
        is_favorite=file.is_favorite,
        duration_ms=file.duration_ms,
        live_photo_video_id=file.live_photo_video_id,
        device_asset_id=file.device_asset_id,
        device_id=file.device_id,
    )


def _hide_motion(state: State, owner_id: str, video_id: str) -> None:
    """Check and hide the video half of a live photo.

    Source: onBeforeLink, asset.util.ts 3.1.0; live 3.1.0.
    """
    video = state.assets.get(video_id)
    if video is None:
        raise bad_request("Live photo video not found")
    if video.kind is not AssetKind.VIDEO:
        raise bad_request("Live photo video must be a video")
    if video.owner_id != owner_id:
        raise bad_request("Live photo video does not belong to the user")
    if video.visibility is Visibility.TIMELINE:
        state.write(video, visibility=Visibility.HIDDEN)
        state.announce(OccasionKind.HIDDEN, owner_id, video.id)


def _base64_sha1(data: bytes) -> str:
    return base64.b64encode(hashlib.sha1(data, usedforsecurity=False).digest()).decode()


def _path_checksum(path: str) -> str:
    return _base64_sha1(f"path:{path}".encode())


async def _upload(ask: Ask) -> web.StreamResponse:
    words, name, data = await _read_form(ask.request)
    if data is None:
        raise bad_request("File is required")
    fields = Fields(words, from_query=True)
    needs_device = not ask.state.behaviour.does("optional_devices")
    device_asset_id = fields.text("deviceAssetId", required=needs_device)
    device_id = fields.text("deviceId", required=needs_device)
    created_us = fields.instant("fileCreatedAt", required=True)
    modified_us = fields.instant("fileModifiedAt", required=True)
    is_favorite = fields.boolean("isFavorite")
    visibility = fields.option("visibility", VISIBILITIES)
    live_photo_video_id = fields.uuid("livePhotoVideoId")
    fields.done()
    row, is_new = store_upload(
        ask.state,
        ask.jobs,
        ask.caller.user.id,
        Uploaded(
            name=words.get("filename") or name,
            data=data,
            file_created_us=created_us or 0,
            file_modified_us=modified_us or 0,
            visibility=Visibility(visibility or Visibility.TIMELINE),
            is_favorite=bool(is_favorite),
            live_photo_video_id=live_photo_video_id,
            device_asset_id=device_asset_id or "",
            device_id=device_id or "",
        ),
    )
    if is_new:
        return reply({"id": row.id, "status": "created"}, HTTPStatus.CREATED)
    return reply({"status": "duplicate", "id": row.id})


async def _read_form(request: web.Request) -> tuple[dict[str, str], str, bytes | None]:
    """The form's words, the file's name and its bytes, None without a file."""
    words: dict[str, str] = {}
    name, data = "", None
    if not request.content_type.startswith("multipart/"):
        return words, name, data
    # Of JSON Immich takes ten megabytes, of files whatever there is.
    async for part in await request.clone(client_max_size=sys.maxsize).multipart():
        if not isinstance(part, BodyPartReader):
            continue
        if part.name == _FILE_FIELD:
            name, data = part.filename or "", bytes(await part.read())
        elif part.name:
            words[part.name] = await part.text()
    return words, name, data


OPERATIONS = (Operation("POST", "/assets", _upload, "asset.upload"),)
