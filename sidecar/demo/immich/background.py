"""The server's background jobs: reading metadata, making thumbnails, deleting for good."""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Collection
from dataclasses import dataclass
from enum import StrEnum

from sidecar.demo.immich.extraction import extract
from sidecar.demo.immich.pictures import Decode, Derived, derive
from sidecar.demo.immich.rows import AssetRow, ExifRow
from sidecar.demo.immich.stack_end import leave_for_good
from sidecar.demo.immich.state import State
from sidecar.media.errors import UndecodableMedia
from sidecar.model import Visibility


class JobKind(StrEnum):
    """Immich's job names (enum.ts:827 in 3.1.0)."""

    EXTRACT = "AssetExtractMetadata"
    THUMBNAIL = "AssetGenerateThumbnails"
    DELETE = "AssetDelete"
    SIDECAR = "SidecarWrite"


@dataclass(frozen=True, slots=True)
class Job:
    """One job of one asset."""

    kind: JobKind
    asset_id: str


class Jobs:
    """A queue with one worker.

    Units:  delay_s is waited before every job; None holds the queue until `run`.
    """

    def __init__(self, state: State, *, decode: Decode, delay_s: float | None = 0.0) -> None:
        self.delay_s = delay_s
        self.decode = decode
        self._state = state
        self._waiting: deque[Job] = deque()
        self._worker: asyncio.Task[None] | None = None

    def add(self, kind: JobKind, asset_id: str) -> None:
        """Queue the job; needs a running event loop unless the queue is held."""
        self._waiting.append(Job(kind, asset_id))
        if self.delay_s is not None and self._worker is None:
            self._worker = asyncio.get_running_loop().create_task(self._work(self.delay_s))

    async def run(self, kinds: Collection[JobKind] = tuple(JobKind)) -> int:
        """Do every waiting job of these kinds, and those that follow from them, now; how many were done."""
        done = 0
        while job := next((job for job in self._waiting if job.kind in kinds), None):
            self._waiting.remove(job)
            await self._do(job)
            done += 1
        return done

    async def settle(self) -> None:
        """Wait until the worker has nothing left to do; a held queue has no worker."""
        while self._worker is not None:
            await asyncio.shield(self._worker)

    async def close(self) -> None:
        """Stop the worker; waiting jobs are forgotten."""
        self._waiting.clear()
        if self._worker is not None:
            self._worker.cancel()
            await asyncio.gather(self._worker, return_exceptions=True)

    async def _work(self, delay_s: float) -> None:
        try:
            while self._waiting:
                await asyncio.sleep(delay_s)
                await self._do(self._waiting.popleft())
        finally:
            self._worker = None

    async def _do(self, job: Job) -> None:
        row = self._state.assets.get(job.asset_id)
        if row is None:
            return
        if job.kind is JobKind.EXTRACT:
            await self._extract(row)
        elif job.kind is JobKind.THUMBNAIL:
            await self._make_thumbnail(row)
        elif job.kind is JobKind.SIDECAR:
            self._read_again(row)
        else:
            leave_for_good(self._state, row)
            self._state.remove_asset(row)

    def _read_again(self, row: AssetRow) -> None:
        """The asset's row is written once more, with what it says already.

        Source: job.service.ts 3.1.0 and 2.7.5: whether or not there was something to write into a sidecar file, the
                asset is read again, by which updatedAt moves. UNVERIFIED sidecar-echo.
        """
        self._state.write(row)

    async def _extract(self, row: AssetRow) -> None:
        """Fill the exif row and the dates, then ask for thumbnails.

        Source: recordings asset-just-uploaded, asset, asset-raw; live 3.1.0 for files without date.
        """
        original = self._state.files[row.id].original or b""
        found = await asyncio.to_thread(extract, original)
        if row.id not in self._state.assets:
            return
        fallback_us = min(row.file_created_us, row.file_modified_us)
        taken_us = fallback_us if found.taken_us is None else found.taken_us
        exif = row.exif or ExifRow()
        read = ExifRow(
            size_bytes=len(original),
            make=found.make,
            model=found.model,
            width=found.width,
            height=found.height,
            orientation=found.orientation,
            taken_us=taken_us,
            modify_us=row.file_modified_us,
            time_zone=found.time_zone,
            lens=found.lens,
            f_number=found.f_number,
            focal_length=found.focal_length,
            iso=found.iso,
            exposure_time=found.exposure_time,
            latitude=exif.latitude,
            longitude=exif.longitude,
            description=exif.description,
            rating=exif.rating,
        )
        self._state.replace_exif(row, read)
        width, height = found.shown_size
        self._state.write(
            row,
            file_created_us=taken_us,
            local_us=fallback_us if found.local_us is None else found.local_us,
            width=width,
            height=height,
        )
        if row.visibility is not Visibility.HIDDEN:
            self.add(JobKind.THUMBNAIL, row.id)

    async def _make_thumbnail(self, row: AssetRow) -> None:
        """Keep thumbnail, preview and thumbhash; a file that cannot be decoded never gets them.

        Source: recordings thumbnail-not-ready, thumbnail-failed-raw.
        """
        files = self._state.files[row.id]
        derived = await asyncio.to_thread(_derived_or_none, self.decode, files.original or b"", row.name)
        if derived is not None and row.id in self._state.assets:
            files.thumbnail, files.preview = derived.thumbnail, derived.preview
            self._state.write(row, thumbhash=derived.thumbhash)


def _derived_or_none(decode: Decode, data: bytes, name: str) -> Derived | None:
    try:
        return derive(decode(data, name))
    except UndecodableMedia:
        return None
