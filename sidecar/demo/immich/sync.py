"""The feed of changes by which Immich's mobile app keeps up: own assets and stacks, each with what it acknowledges."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator
from dataclasses import dataclass
from http import HTTPStatus
from typing import Any
from uuid import UUID

from aiohttp import web

from sidecar.demo.immich.refusals import Refusal, bad_request
from sidecar.demo.immich.routing import Ask, Operation, no_content, reply
from sidecar.demo.immich.rows import AssetRow
from sidecar.demo.immich.state import Change, ChangeKind, State
from sidecar.demo.immich.times import iso_ms
from sidecar.demo.immich.versions import Behaviour
from sidecar.demo.immich.wire import clock_duration, encode

_MEDIA_TYPE = "application/jsonlines+json"
_ASSETS_V1, _ASSETS_V2, _STACKS = "AssetsV1", "AssetsV2", "StacksV1"
_COMPLETE = "SyncCompleteV1"
# In the order in which they are sent. Source: the SyncRequestType enum of the published descriptions.
_OLDEST_TYPES = (
    "AlbumsV1 AlbumUsersV1 AlbumToAssetsV1 AlbumAssetsV1 AlbumAssetExifsV1 AssetsV1 AssetExifsV1 AssetMetadataV1 "
    "AuthUsersV1 MemoriesV1 MemoryToAssetsV1 PartnersV1 PartnerAssetsV1 PartnerAssetExifsV1 PartnerStacksV1 StacksV1 "
    "UsersV1 PeopleV1 AssetFacesV1 UserMetadataV1"
)
# Type -> the one behind which it stands, of those that came later.
_WITH_EDITS = {"AssetEditsV1": "AssetExifsV1", "AssetFacesV2": "AssetFacesV1"}
_SECOND = {
    "AlbumsV2": "AlbumsV1",
    "AlbumAssetsV2": "AlbumAssetsV1",
    "AssetsV2": "AssetsV1",
    "AssetOcrV1": "AssetMetadataV1",
    "PartnerAssetsV2": "PartnerAssetsV1",
}


@dataclass(frozen=True, slots=True)
class _Gone:
    """A row of an audit table."""

    type: str
    owner_id: str
    data: dict[str, str]
    at_us: int


@dataclass(slots=True)
class _StackTimes:
    created_us: int
    updated_us: int


class Feed:
    """What the state forgets and clients of the feed have to be told."""

    def __init__(self, state: State) -> None:
        self._state = state
        self._gone: list[_Gone] = []
        self._stacks: dict[str, _StackTimes] = {}
        self._seen: dict[str, dict[str, str]] = defaultdict(dict)
        state.listeners.append(self._hear)

    def _hear(self, change: Change) -> None:
        match change.kind:
            case ChangeKind.STACK_CREATED:
                at_us = self._state.now_us()
                self._stacks[change.record_id] = _StackTimes(at_us, at_us)
            case ChangeKind.STACK_CHANGED:
                self._stacks[change.record_id].updated_us = self._state.now_us()
            case ChangeKind.STACK_REMOVED:
                del self._stacks[change.record_id]
                self._note("StackDeleteV1", change, "stackId")
            case ChangeKind.ASSET_REMOVED:
                self._note("AssetDeleteV1", change, "assetId")
            case _:
                pass

    def _note(self, kind: str, change: Change, name: str) -> None:
        self._gone.append(_Gone(kind, change.owner_id, {name: change.record_id}, self._state.now_us()))

    def acknowledge(self, token: str, acks: list[str]) -> None:
        """Nothing; what is acknowledged by this session is not sent to it again.

        Source: sync.service.ts setAcks, 3.1.0: the last one of each type counts.
        """
        self._seen[token] |= {ack.partition("|")[0]: ack.partition("|")[2] for ack in acks}

    def forget(self, token: str) -> None:
        """Nothing; this session is sent everything again."""
        self._seen.pop(token, None)

    def lines(self, owner_id: str, token: str, types: list[str]) -> Iterator[dict[str, Any]]:
        """What this session has not acknowledged of these types, one line each.

        Source: sync.service.ts and sync.repository.ts, 3.1.0; recording sync-stream.
        """
        now_id = _update_id(self._state.now_us())
        for wanted, of in ((_ASSETS_V1, "AssetV1"), (_ASSETS_V2, "AssetV2")):
            if wanted in types:
                yield from self._since(token, self._deletes("AssetDeleteV1", owner_id))
                yield from self._since(token, self._assets(of, owner_id))
        if _STACKS in types:
            yield from self._since(token, self._deletes("StackDeleteV1", owner_id))
            yield from self._since(token, self._stack_lines(owner_id))
        yield _line(_COMPLETE, {}, now_id)

    def _since(self, token: str, lines: Iterator[dict[str, Any]]) -> Iterator[dict[str, Any]]:
        for line in lines:
            kind, _, update_id = line["ack"].partition("|")
            if update_id > self._seen[token].get(kind, ""):
                yield line

    def _deletes(self, kind: str, owner_id: str) -> Iterator[dict[str, Any]]:
        for gone in self._gone:
            if (gone.type, gone.owner_id) == (kind, owner_id):
                yield _line(kind, gone.data, _update_id(gone.at_us))

    def _assets(self, kind: str, owner_id: str) -> Iterator[dict[str, Any]]:
        for row in sorted(self._state.assets_of(owner_id), key=lambda row: row.updated_us):
            yield _line(kind, _asset_fields(row, self._state.behaviour), _update_id(row.updated_us))

    def _stack_lines(self, owner_id: str) -> Iterator[dict[str, Any]]:
        for stack_id, times in sorted(self._stacks.items(), key=lambda entry: entry[1].updated_us):
            stack = self._state.stacks[stack_id]
            if stack.owner_id == owner_id:
                data = {
                    "id": stack.id,
                    "createdAt": iso_ms(times.created_us),
                    "updatedAt": iso_ms(times.updated_us),
                    "primaryAssetId": stack.primary_id,
                    "ownerId": stack.owner_id,
                }
                yield _line("StackV1", data, _update_id(times.updated_us))


def operations(feed: Feed) -> tuple[Operation, ...]:
    """The feed's own operations."""

    async def stream(ask: Ask) -> web.StreamResponse:
        """Source: recordings sync-with-key, sync-stream; live 3.1.0."""
        try:
            return await send(ask)
        except Refusal as refusal:
            behaviour = ask.state.behaviour
            response = reply(refusal.body(behaviour), refusal.status)
            if not behaviour.does("json_sync_errors"):
                response.content_type = _MEDIA_TYPE
            return response

    async def send(ask: Ask) -> web.StreamResponse:
        fields = await ask.body()
        types = fields.options("types", _types(ask.state.behaviour))
        is_reset = fields.boolean("reset")
        fields.done()
        token = _session_of(ask)
        if _ASSETS_V1 in types and ask.state.behaviour.does("second_sync"):
            raise bad_request("SyncRequestType.AssetsV1 is deprecated, use SyncRequestType.AssetsV2 instead")
        if is_reset:
            feed.forget(token)
        lines = feed.lines(ask.caller.user.id, token, types)
        return web.Response(body=b"".join(encode(line) + b"\n" for line in lines), content_type=_MEDIA_TYPE)

    async def acknowledge(ask: Ask) -> web.StreamResponse:
        fields = await ask.body()
        acks = fields.texts("acks")
        fields.done()
        feed.acknowledge(_session_of(ask), acks)
        return no_content()

    return (
        Operation("POST", "/sync/stream", stream, "sync.stream"),
        Operation("POST", "/sync/ack", acknowledge, "syncCheckpoint.update"),
    )


def _session_of(ask: Ask) -> str:
    if ask.caller.token is None:
        raise Refusal(HTTPStatus.FORBIDDEN, "Sync endpoints cannot be used with API keys")
    return ask.caller.token


def _types(behaviour: Behaviour) -> list[str]:
    types = _OLDEST_TYPES.split()
    later = _WITH_EDITS if behaviour.does("edits_in_sync") else {}
    if behaviour.does("second_sync"):
        later = later | _SECOND
    for each, before in later.items():
        types.insert(types.index(before) + 1, each)
    return types


def _line(kind: str, data: dict[str, Any], update_id: str) -> dict[str, Any]:
    return {"type": kind, "data": data, "ack": f"{kind}|{update_id}"}


def _update_id(at_us: int) -> str:
    """A UUID v7 of this instant: they sort as what they stand for happened."""
    ms, us = divmod(at_us, 1000)
    return str(UUID(int=ms << 80 | 7 << 76 | us << 64 | 2 << 62))


def _asset_fields(row: AssetRow, behaviour: Behaviour) -> dict[str, Any]:
    is_second = behaviour.does("second_sync")
    fields: dict[str, Any] = {
        "id": row.id,
        "ownerId": row.owner_id,
        "originalFileName": row.name,
        "fileCreatedAt": iso_ms(row.file_created_us),
        "fileModifiedAt": iso_ms(row.file_modified_us),
        "localDateTime": iso_ms(row.local_us),
        "type": row.kind,
        "deletedAt": None if row.deleted_us is None else iso_ms(row.deleted_us),
        "isFavorite": row.is_favorite,
        "visibility": row.visibility,
        "duration": row.duration_ms if is_second else clock_duration(row.duration_ms),
        "livePhotoVideoId": row.live_photo_video_id,
        "stackId": row.stack_id,
        "libraryId": row.library_id,
        "width": row.width,
        "height": row.height,
        "isEdited": False,
        "checksum": row.checksum,
        "thumbhash": row.thumbhash,
    }
    return {**fields, "createdAt": iso_ms(row.created_us)} if is_second else fields
