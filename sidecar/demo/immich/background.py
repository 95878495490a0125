"""The server's background jobs: reading metadata, making thumbnails, deleting for good."""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Collection
from dataclasses import dataclass, replace
from enum import StrEnum
from fnmatch import fnmatchcase

from sidecar.demo.immich.extraction import extract
from sidecar.demo.immich.occasions import OccasionKind
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
    FACES = "AssetDetectFaces"
    TRANSCODE = "AssetEncodeVideo"


_EVERY_KIND = frozenset(JobKind)


@dataclass(frozen=True, slots=True)
class Job:
    """One job of one asset; is_upload says that it belongs to the asset's coming into being.

    Source: the jobs' `source`, job.service.ts 3.1.0: only those of an upload go on by themselves.
    """

    kind: JobKind
    asset_id: str
    is_upload: bool = False


@dataclass(slots=True)
class JobFailure:
    """A job that is going to fail; times says how often still, None for always."""

    kind: JobKind
    asset_id: str | None
    name: str
    times: int | None

    def concerns(self, kind: JobKind, row: AssetRow) -> bool:
        """Whether the asset's job of this kind is meant."""
        is_meant = row.id == self.asset_id if self.asset_id else fnmatchcase(row.name, self.name)
        return kind is self.kind and is_meant and self.times != 0


class Jobs:
    """A queue with one worker.

    Units:  delay_s is waited before every job; None holds the queue until `run`.
    """

    def __init__(self, state: State, *, decode: Decode, delay_s: float | None = 0.0) -> None:
        self.delay_s = delay_s
        self.decode = decode
        self.paused: set[JobKind] = set()
        self._state = state
        self._waiting: deque[Job] = deque()
        self._delayed: Job | None = None
        self._active: list[Job] = []
        self._failures: list[JobFailure] = []
        self._worker: asyncio.Task[None] | None = None

    @property
    def waiting(self) -> Collection[Job]:
        """The jobs that are neither done nor being done, in their order."""
        return self._waiting

    @property
    def delayed(self) -> Job | None:
        """The waiting job whose delay is running."""
        return self._delayed

    @property
    def active(self) -> Collection[Job]:
        """The jobs that are being done."""
        return self._active

    def add(self, kind: JobKind, asset_id: str, *, is_upload: bool = False) -> None:
        """Queue the job; needs a running event loop unless the queue is held."""
        self._waiting.append(Job(kind, asset_id, is_upload))
        self._start()

    def fail(self, what: AssetRow | str, kind: JobKind, *, times: int | None = 1) -> JobFailure:
        """Let the asset's next jobs of this kind fail, all of them for None: they leave everything as it was.

        Shape:  instead of an asset a shell pattern for file names, also of assets still to come.
        """
        if isinstance(what, str):
            failure = JobFailure(kind, asset_id=None, name=what, times=times)
        else:
            failure = JobFailure(kind, asset_id=what.id, name="", times=times)
        self._failures.append(failure)
        return failure

    def pause(self, *kinds: JobKind) -> None:
        """Let jobs of these kinds wait, by default all."""
        self.paused |= set(kinds or JobKind)

    def resume(self, *kinds: JobKind) -> None:
        """Go on with jobs of these kinds, by default all."""
        self.paused -= set(kinds or JobKind)
        self._start()

    async def run(self, kinds: Collection[JobKind] = _EVERY_KIND) -> int:
        """Do every waiting job of these kinds, and those that follow from them, now; how many were done."""
        done = 0
        while job := self._next(kinds):
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

    def _start(self) -> None:
        if self.delay_s is not None and self._worker is None and self._waiting:
            self._worker = asyncio.get_running_loop().create_task(self._work(self.delay_s))

    def _next(self, kinds: Collection[JobKind]) -> Job | None:
        return next((job for job in self._waiting if job.kind in kinds and job.kind not in self.paused), None)

    async def _work(self, delay_s: float) -> None:
        try:
            while job := self._next(_EVERY_KIND):
                self._delayed = job if delay_s else None
                await asyncio.sleep(delay_s)
                # Meanwhile the job may have been done by `run`, or paused.
                if job := self._next(_EVERY_KIND):
                    self._waiting.remove(job)
                    self._delayed = None
                    await self._do(job)
        finally:
            self._delayed = None
            self._worker = None

    async def _do(self, job: Job) -> None:
        row = self._state.assets.get(job.asset_id)
        if row is None or self._is_to_fail(job.kind, row):
            return
        self._active.append(job)
        try:
            await self._carry_out(job, row)
        finally:
            self._active.remove(job)

    def _is_to_fail(self, kind: JobKind, row: AssetRow) -> bool:
        """Source: job.service.ts 3.1.0: a job that fails is not tried again, and nothing follows from it."""
        failure = next((failure for failure in self._failures if failure.concerns(kind, row)), None)
        if failure is not None and failure.times is not None:
            failure.times -= 1
        return failure is not None

    async def _carry_out(self, job: Job, row: AssetRow) -> None:
        match job.kind:
            case JobKind.EXTRACT:
                if await self._extract(row):
                    self._state.announce(OccasionKind.EXTRACTED, row.owner_id, row.id)
                    # Source: job.service.ts 3.1.0: only an upload's extraction is followed by thumbnails.
                    if job.is_upload and row.visibility is not Visibility.HIDDEN:
                        self.add(JobKind.THUMBNAIL, row.id, is_upload=True)
            case JobKind.THUMBNAIL:
                if await self._make_thumbnail(row) and job.is_upload:
                    self._state.announce(OccasionKind.READY, row.owner_id, row.id)
            case JobKind.SIDECAR:
                # What is told by tags, descriptions and ratings is written into a file of its own.
                row.has_sidecar |= bool(self._state.tags_of(row)) or _is_told_of(row.exif)
                self._read_again(row)
                self._state.announce(OccasionKind.WRITTEN, row.owner_id, row.id)
            case JobKind.DELETE:
                leave_for_good(self._state, row)
                self._state.remove_asset(row)
                self._state.announce(OccasionKind.DELETED, row.owner_id, row.id)
            case _:
                pass  # what faces are found in, and what is transcoded, is not emulated

    def _read_again(self, row: AssetRow) -> None:
        """The asset's row is written once more, with what it says already.

        Source: job.service.ts 3.1.0 and 2.7.5: whether or not there was something to write into a sidecar file, the
                asset is read again, by which updatedAt moves. UNVERIFIED sidecar-echo.
        """
        self._state.write(row)

    async def _extract(self, row: AssetRow) -> bool:
        """Fill the exif row and the dates; whether that could be done. A file that the disk lost cannot be read.

        Source: recordings asset-just-uploaded, asset, asset-raw; live 3.1.0 for files without date.
        """
        files = self._state.files.get(row.id)
        if files is None:
            self._extract_made(row)
            return True
        if files.original is None:
            return False
        original = files.original
        found = await asyncio.to_thread(extract, original)
        if row.id not in self._state.assets:
            return False
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
        return True

    def _extract_made(self, row: AssetRow) -> None:
        """An asset that was made without a file stays what it is, and counts as read."""
        exif = row.exif or ExifRow()
        read = replace(exif, taken_us=row.file_created_us, modify_us=row.file_modified_us)
        self._state.replace_exif(row, read)
        self._state.write(row)

    async def _make_thumbnail(self, row: AssetRow) -> bool:
        """Keep thumbnail, preview and thumbhash; whether there are any: some files cannot be decoded.

        Source: recordings thumbnail-not-ready, thumbnail-failed-raw.
        """
        files = self._state.files.get(row.id)
        if files is None or files.original is None or row.visibility is Visibility.HIDDEN:
            return False
        derived = await asyncio.to_thread(_derived_or_none, self.decode, files.original, row.name)
        if derived is None or row.id not in self._state.assets:
            return False
        files.thumbnail, files.preview = derived.thumbnail, derived.preview
        self._state.write(row, thumbhash=derived.thumbhash)
        return True


def _is_told_of(exif: ExifRow | None) -> bool:
    return exif is not None and bool(exif.description or exif.rating or exif.latitude is not None)


def _derived_or_none(decode: Decode, data: bytes, name: str) -> Derived | None:
    try:
        return derive(decode(data, name))
    except UndecodableMedia:
        return None
