"""The vocabulary every room shares: Immich's nouns as frozen values. Knows no I/O, no clock and no framework."""

from __future__ import annotations

from dataclasses import dataclass, field
from enum import StrEnum
from hashlib import sha256
from typing import NewType

from sidecar.formats import Format

AssetId = NewType("AssetId", str)
OwnerId = NewType("OwnerId", str)
StackId = NewType("StackId", str)
GroupId = NewType("GroupId", str)


class AssetKind(StrEnum):
    """Immich's AssetTypeEnum (3.1.0), in its own spelling."""

    IMAGE = "IMAGE"
    VIDEO = "VIDEO"
    AUDIO = "AUDIO"
    OTHER = "OTHER"


class Visibility(StrEnum):
    """Immich's AssetVisibility (3.1.0), in its own spelling."""

    TIMELINE = "timeline"
    ARCHIVE = "archive"
    HIDDEN = "hidden"
    LOCKED = "locked"


@dataclass(frozen=True, slots=True)
class ServerVersion:
    """What an Immich server says it is; versions compare as their numbers do."""

    major: int
    minor: int
    patch: int

    @property
    def numbers(self) -> tuple[int, int, int]:
        """(major, minor, patch)."""
        return (self.major, self.minor, self.patch)

    def __str__(self) -> str:
        return f"{self.major}.{self.minor}.{self.patch}"


@dataclass(frozen=True, slots=True)
class User:
    """An Immich user as far as the sidecar needs to know them."""

    id: OwnerId
    name: str
    is_admin: bool = False


@dataclass(frozen=True, slots=True)
class Original:
    """An asset's file and what Immich made of it: what finding its copies needs, and pairing does not.

    Shape:  path is where Immich has the file; checksum is Immich's own, in base64: of the content for uploads, of the
            path for library files. thumbhash is base64 too, None until Immich has a thumbnail.
    Units:  modified_at_ms is the file's own time of change in ms since 1970.
    Source: AssetResponseDto of Immich 2.5.6 to 3.1.0 (originalPath, libraryId, checksum, fileModifiedAt, thumbhash,
            isFavorite, duplicateId); library.service.ts for the checksum of a path.
    """

    path: str
    library_id: str | None
    checksum: str
    modified_at_ms: int
    thumbhash: str | None
    is_favorite: bool
    duplicate_id: str | None

    @property
    def content_sha1(self) -> str | None:
        """The SHA-1 of the content in base64, where Immich knows it: of uploads."""
        return self.checksum if self.library_id is None else None


@dataclass(frozen=True, slots=True)
class Asset:
    """One asset of one owner: exactly what matching needs, nothing more of Immich's metadata.

    Shape:  folder is the directory of a library file and None for an upload, whose path Immich invents.
    Units:  taken_at_ms is the UTC instant and taken_local_ms the photo's wall clock read as if it were UTC, both in ms
            since 1970; updated_at_ms is the server's own clock; duration_ms is None for pictures; size_bytes, width and
            height are None until Immich has read the file.
    Source: AssetResponseDto, Immich 3.1.0 (fileCreatedAt, localDateTime, exifInfo); is_extracted is
            `exifInfo.modifyDate != null`, before which names are true but times are only the uploader's word.
            auto_stack_id is the camera's own burst id, which only webhooks carry. content is the format of the first
            bytes where somebody looked, UNKNOWN if they are no media; None where nobody did. original is there on
            what Immich told and not on what the mirror holds, where it has a table of its own.
    """

    id: AssetId
    owner_id: OwnerId
    name: str
    folder: str | None
    kind: AssetKind
    visibility: Visibility
    taken_at_ms: int
    taken_local_ms: int
    make: str | None
    model: str | None
    duration_ms: int | None
    width: int | None
    height: int | None
    size_bytes: int | None
    live_photo_video_id: AssetId | None
    is_trashed: bool
    is_offline: bool
    is_extracted: bool
    updated_at_ms: int
    auto_stack_id: str | None = None
    content: Format | None = None
    original: Original | None = field(default=None, compare=False)


def identity_of(asset: Asset) -> str:
    """What the asset is, whatever its id: the same file, uploaded or imported anew, has the same.

    Shape:  32 hex digits of name, wall clock time and size. Immich's checksum would say the same of uploads only: of
            library files it is a hash of their path (library.service.ts, Immich 3.1.0).
    """
    told = f"{asset.name.casefold()} {asset.taken_local_ms} {asset.size_bytes}"
    return sha256(told.encode(errors="surrogatepass")).hexdigest()[:32]


@dataclass(frozen=True, slots=True)
class Stack:
    """One Immich stack: its primary and the members Immich shows (timeline and archive, not trashed).

    Shape:  member_ids holds the primary too unless Immich hides it (trashed or archived apart); sorted, no repeats.
    """

    id: StackId
    primary_id: AssetId
    member_ids: tuple[AssetId, ...]
