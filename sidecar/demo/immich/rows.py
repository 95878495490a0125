"""The emulated tables: one mutable row per record, changed through State only so that everyone hears of it."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

from sidecar.model import AssetKind, Visibility


@dataclass(slots=True)
class UserRow:
    """An account. Passwords are play money here and stay as they were given."""

    id: str
    email: str
    name: str
    password: str
    is_admin: bool
    created_us: int


@dataclass(frozen=True, slots=True)
class NotificationRow:
    """What a user is told at the bell."""

    id: str
    user_id: str
    title: str
    description: str | None
    type: str
    level: str
    created_us: int


@dataclass(frozen=True, slots=True)
class ApiKeyRow:
    """An API key with its secret."""

    id: str
    secret: str
    name: str
    user_id: str
    permissions: tuple[str, ...]
    created_us: int


@dataclass(slots=True)
class ExifRow:
    """What Immich read from the file; modify_us is None until it has.

    Units:  size in bytes, times in microseconds since 1970.
    Source: recordings asset and asset-just-uploaded; live 3.1.0: an upload has the row with its size alone.
    """

    size_bytes: int | None = None
    make: str | None = None
    model: str | None = None
    width: int | None = None
    height: int | None = None
    orientation: str | None = None
    taken_us: int | None = None
    modify_us: int | None = None
    time_zone: str | None = None
    lens: str | None = None
    f_number: float | None = None
    focal_length: float | None = None
    iso: int | None = None
    exposure_time: str | None = None
    latitude: float | None = None
    longitude: float | None = None
    description: str = ""
    rating: int | None = None


@dataclass(slots=True)
class AssetRow:
    """One asset.

    Shape:  checksum is base64; status is active, trashed or deleted (waiting for its job), deleted_us is set for the
            last two and for offline files; exif is None for a library file not read yet; has_sidecar says that Immich
            wrote a file beside it; auto_stack_id is the burst
            that the file names, told once the file was read; json and exif_json are the cache of wire.py.
    Units:  times in microseconds since 1970, duration in ms.
    """

    id: str
    owner_id: str
    name: str
    path: str
    kind: AssetKind
    checksum: str
    file_created_us: int
    file_modified_us: int
    local_us: int
    created_us: int
    updated_us: int
    exif: ExifRow | None
    visibility: Visibility = Visibility.TIMELINE
    status: str = "active"
    deleted_us: int | None = None
    is_favorite: bool = False
    is_offline: bool = False
    duration_ms: int | None = None
    library_id: str | None = None
    live_photo_video_id: str | None = None
    stack_id: str | None = None
    duplicate_id: str | None = None
    is_duplicate_checked: bool = False
    thumbhash: str | None = None
    width: int | None = None
    height: int | None = None
    device_asset_id: str = ""
    device_id: str = ""
    auto_stack_id: str | None = None
    has_sidecar: bool = False
    json: bytes | None = field(default=None, repr=False, compare=False)
    exif_json: bytes | None = field(default=None, repr=False, compare=False)


@dataclass(frozen=True, slots=True)
class MetadataRow:
    """What a client keeps with an asset under one key: a JSON object, and when it was written in µs since 1970."""

    value: dict[str, Any]
    updated_us: int


@dataclass(slots=True)
class StackRow:
    """One stack; members are all assets that point to it, also trashed and hidden ones, in the order they joined."""

    id: str
    owner_id: str
    primary_id: str
    members: dict[str, None] = field(default_factory=dict)


@dataclass(slots=True)
class AlbumRow:
    """One album; users maps everyone in it, its owner too, to their role, assets are in the order they were added.

    Units:  times in microseconds since 1970.
    """

    id: str
    name: str
    description: str
    created_us: int
    updated_us: int
    users: dict[str, str] = field(default_factory=dict)
    assets: dict[str, None] = field(default_factory=dict)
    thumbnail_id: str | None = None

    @property
    def owner_id(self) -> str:
        """Who made it."""
        return next(user_id for user_id, role in self.users.items() if role == "owner")


@dataclass(slots=True)
class TagRow:
    """One tag of a user; value is its whole path. Units: times in microseconds since 1970."""

    id: str
    user_id: str
    value: str
    parent_id: str | None
    created_us: int
    assets: dict[str, None] = field(default_factory=dict)


@dataclass(slots=True)
class LinkRow:
    """One public link, to an album or to single assets. Units: times in microseconds since 1970."""

    id: str
    user_id: str
    key: str
    created_us: int
    album_id: str | None = None
    assets: dict[str, None] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class StepRow:
    """One step of a workflow: a plugin's method ("immich-plugin-core#webhook") and what it is told."""

    method: str
    config: dict[str, Any] | None
    is_enabled: bool


@dataclass(slots=True)
class WorkflowRow:
    """One workflow of a user; its steps run in their order. Units: times in microseconds since 1970."""

    id: str
    owner_id: str
    name: str | None
    description: str | None
    trigger: str
    is_enabled: bool
    steps: tuple[StepRow, ...]
    created_us: int
    updated_us: int


@dataclass(slots=True)
class AssetFiles:
    """The files of one asset; the derived ones exist once their job ran, original is None where the disk lost it."""

    original: bytes | None
    thumbnail: bytes | None = None
    preview: bytes | None = None
