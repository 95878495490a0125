"""The emulated database: rows, their indexes, and the one way to change them."""

from __future__ import annotations

import random
import time
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass
from enum import StrEnum
from typing import Any
from uuid import UUID

from sidecar.demo.immich.occasions import Occasion, OccasionKind
from sidecar.demo.immich.rows import (
    AlbumRow,
    ApiKeyRow,
    AssetFiles,
    AssetRow,
    ExifRow,
    LinkRow,
    MetadataRow,
    NotificationRow,
    StackRow,
    TagRow,
    UserRow,
    WorkflowRow,
)
from sidecar.demo.immich.versions import Behaviour
from sidecar.model import Visibility

_UUID_BITS = 128
_MICROSECOND_NS = 1000
DEFAULT_VISIBILITIES = frozenset({Visibility.TIMELINE, Visibility.ARCHIVE})
"""What Immich shows where no visibility is asked for."""


class ChangeKind(StrEnum):
    """What happened to an asset or stack."""

    ASSET_CREATED = "asset_created"
    ASSET_CHANGED = "asset_changed"
    ASSET_REMOVED = "asset_removed"
    STACK_CREATED = "stack_created"
    STACK_CHANGED = "stack_changed"
    STACK_REMOVED = "stack_removed"


@dataclass(frozen=True, slots=True)
class Change:
    """One change of one record, told to every listener after it happened."""

    kind: ChangeKind
    owner_id: str
    record_id: str


class State:
    """Everything the emulated server remembers.

    Shape:  the dictionaries are open to read; every write goes through a method, which keeps the indexes, bumps
            `revision` and tells `listeners`. What Immich itself tells others of is announced to the `audience`.
            `now_us` never returns the same instant twice.
    """

    def __init__(
        self,
        behaviour: Behaviour,
        *,
        seed: int = 0,
        clock: Callable[[], int] = lambda: time.time_ns() // _MICROSECOND_NS,
    ) -> None:
        self.behaviour = behaviour
        self.seed = seed
        self.users: dict[str, UserRow] = {}
        self.sessions: dict[str, str] = {}
        self.api_keys: dict[str, ApiKeyRow] = {}
        self.partners: dict[tuple[str, str], bool] = {}
        self.assets: dict[str, AssetRow] = {}
        self.files: dict[str, AssetFiles] = {}
        self.metadata: dict[str, dict[str, MetadataRow]] = {}
        self.stacks: dict[str, StackRow] = {}
        self.stack_of_primary: dict[str, str] = {}
        self.uploads: dict[tuple[str, str], str] = {}
        self.albums: dict[str, AlbumRow] = {}
        self.tags: dict[str, TagRow] = {}
        self.links: dict[str, LinkRow] = {}
        self.workflows: dict[str, WorkflowRow] = {}
        self.notifications: list[NotificationRow] = []
        self.has_trash = True
        self.description: bytes | None = None
        self.audience: list[Callable[[Occasion], None]] = []
        self.listeners: list[Callable[[Change], None]] = []
        self.revision = 0
        self._clock = clock
        self._last_us = 0
        self._random = random.Random(seed)  # noqa: S311  # ids of an emulation, wanted repeatable
        self._ordered: dict[str, list[AssetRow]] = {}

    def now_us(self) -> int:
        """The server's clock in microseconds since 1970, strictly increasing."""
        self._last_us = max(self._clock(), self._last_us + 1)
        return self._last_us

    def new_id(self) -> str:
        """A UUID v4; the same seed gives the same ids in the same order."""
        return str(UUID(int=self._random.getrandbits(_UUID_BITS), version=4))

    def new_secret(self) -> str:
        """A token or key, as hard to guess as the seed."""
        return f"{self._random.getrandbits(_UUID_BITS * 2):064x}"

    def insert_asset(self, row: AssetRow, files: AssetFiles | None = None) -> None:
        """Add the asset."""
        self.assets[row.id] = row
        if files:
            self.files[row.id] = files
        if row.library_id is None:
            self.uploads[row.owner_id, row.checksum] = row.id
        self._ordered.pop(row.owner_id, None)
        self._tell(ChangeKind.ASSET_CREATED, row.owner_id, row.id)

    def write(self, row: AssetRow, **changes: Any) -> None:
        """Set the columns and bump updatedAt, as any write to Immich's asset row does.

        Errors: AttributeError for a column that AssetRow lacks.
        Source: live 3.1.0: stack create, delete and remove bump it, a change of the primary does not.
        """
        if "stack_id" in changes:
            self._move(row, changes["stack_id"])
        for column, value in changes.items():
            setattr(row, column, value)
        row.updated_us = self.now_us()
        if changes.keys() != {"stack_id"}:  # the stack is not part of a listed asset
            row.json = None
        if "file_created_us" in changes:
            self._ordered.pop(row.owner_id, None)
        self._tell(ChangeKind.ASSET_CHANGED, row.owner_id, row.id)

    def write_exif(self, row: AssetRow, **changes: Any) -> None:
        """Set columns of the asset's exif row, which is made if need be; updatedAt stays.

        Errors: AttributeError for a column that ExifRow lacks.
        Source: recording asset-update-description of both versions.
        """
        exif = row.exif or ExifRow()
        for column, value in changes.items():
            setattr(exif, column, value)
        self.replace_exif(row, exif)
        self._tell(ChangeKind.ASSET_CHANGED, row.owner_id, row.id)

    def replace_exif(self, row: AssetRow, exif: ExifRow) -> None:
        """Give the asset another exif row; updatedAt stays."""
        row.exif = exif
        row.exif_json = None

    def metadata_of(self, row: AssetRow) -> Mapping[str, MetadataRow]:
        """What clients keep with the asset, by key, what was written last at the end."""
        return self.metadata.get(row.id, {})

    def write_metadata(self, row: AssetRow, key: str, value: dict[str, Any]) -> MetadataRow:
        """Keep the object with the asset; the asset itself does not change, and nobody is told.

        Source: asset.service.ts 3.1.0, which emits nothing here; live 3.1.0 and 2.7.5: updatedAt stays.
        """
        kept = self.metadata.setdefault(row.id, {})
        kept.pop(key, None)
        kept[key] = MetadataRow(value, self.now_us())
        return kept[key]

    def remove_metadata(self, row: AssetRow, key: str) -> None:
        """Forget what is kept under the key, if anything; the asset itself does not change."""
        self.metadata.get(row.id, {}).pop(key, None)

    def remove_asset(self, row: AssetRow) -> None:
        """Forget the asset, its files and its metadata for good; a stack it is primary of must be gone already."""
        self._move(row, None)
        del self.assets[row.id]
        self.files.pop(row.id, None)
        self.metadata.pop(row.id, None)
        for holders in (self.albums, self.tags, self.links):
            for holder in holders.values():
                self.take_out(holder, [row.id])
        if self.uploads.get((row.owner_id, row.checksum)) == row.id:
            del self.uploads[row.owner_id, row.checksum]
        self._ordered.pop(row.owner_id, None)
        self._tell(ChangeKind.ASSET_REMOVED, row.owner_id, row.id)

    def put_in(self, holder: AlbumRow | TagRow | LinkRow, asset_ids: Iterable[str]) -> None:
        """Add the assets to an album, a tag or a link; no asset row changes.

        Source: live 3.1.0: updatedAt stays.
        """
        holder.assets |= dict.fromkeys(asset_ids)
        self.revision += 1

    def take_out(self, holder: AlbumRow | TagRow | LinkRow, asset_ids: Iterable[str]) -> None:
        """Remove the assets from an album, a tag or a link; no asset row changes."""
        for asset_id in asset_ids:
            holder.assets.pop(asset_id, None)
        self.revision += 1

    def tags_of(self, row: AssetRow) -> list[TagRow]:
        """The asset's tags, in the order they were made."""
        return [tag for tag in self.tags.values() if row.id in tag.assets]

    def insert_stack(self, owner_id: str, primary_id: str) -> StackRow:
        """A new stack without members."""
        stack = StackRow(id=self.new_id(), owner_id=owner_id, primary_id=primary_id)
        self.stacks[stack.id] = stack
        self.stack_of_primary[primary_id] = stack.id
        self._tell(ChangeKind.STACK_CREATED, owner_id, stack.id)
        return stack

    def write_primary(self, stack: StackRow, primary_id: str) -> None:
        """Make another member the primary; no asset row changes.

        Source: recording stack-update, whose members keep their updatedAt; live 3.1.0.
        """
        del self.stack_of_primary[stack.primary_id]
        stack.primary_id = primary_id
        self.stack_of_primary[primary_id] = stack.id
        self._tell(ChangeKind.STACK_CHANGED, stack.owner_id, stack.id)

    def remove_stack(self, stack: StackRow) -> None:
        """Unlink every member and forget the stack.

        Source: recording stack-delete; live 3.1.0: all members get a new updatedAt.
        """
        for asset_id in list(stack.members):
            self.write(self.assets[asset_id], stack_id=None)
        del self.stacks[stack.id]
        del self.stack_of_primary[stack.primary_id]
        self._tell(ChangeKind.STACK_REMOVED, stack.owner_id, stack.id)

    def assets_of(self, owner_id: str) -> Iterator[AssetRow]:
        """The owner's assets in the order of `ordered`."""
        return iter(self.ordered(owner_id))

    def ordered(self, owner_id: str) -> list[AssetRow]:
        """All the owner's assets by (fileCreatedAt, id), oldest first; not to be changed."""
        kept = self._ordered.get(owner_id)
        if kept is None:
            kept = [row for row in self.assets.values() if row.owner_id == owner_id]
            kept.sort(key=lambda row: (row.file_created_us, row.id))
            self._ordered[owner_id] = kept
        return kept

    def rows(self, asset_ids: Iterable[str]) -> list[AssetRow]:
        """The rows of these ids; KeyError for an unknown one."""
        return [self.assets[asset_id] for asset_id in asset_ids]

    def partners_of(self, user_id: str) -> list[str]:
        """Who shares their timeline with this user and is shown in it."""
        return [by for (by, receiver), in_timeline in self.partners.items() if receiver == user_id and in_timeline]

    def announce(self, kind: OccasionKind, owner_id: str, *asset_ids: str) -> None:
        """Tell the audience of something that happened."""
        occasion = Occasion(kind, owner_id, asset_ids)
        for hear in self.audience:
            hear(occasion)

    def _move(self, row: AssetRow, stack_id: str | None) -> None:
        if row.stack_id in self.stacks:
            self.stacks[row.stack_id].members.pop(row.id, None)
        if stack_id is not None:
            self.stacks[stack_id].members[row.id] = None
        row.stack_id = stack_id

    def _tell(self, kind: ChangeKind, owner_id: str, record_id: str) -> None:
        self.revision += 1
        change = Change(kind=kind, owner_id=owner_id, record_id=record_id)
        for listener in self.listeners:
            listener(change)


def is_listed(row: AssetRow) -> bool:
    """Whether the asset shows where nothing else is asked for: neither deleted nor hidden nor locked.

    Source: withDefaultVisibility, utils/database.ts 3.1.0; live 3.1.0 for stack members.
    """
    return row.deleted_us is None and row.visibility in DEFAULT_VISIBILITIES
