"""Reading files to learn which are the same bytes: their ends, then the whole of those that are alike in these."""

from __future__ import annotations

import asyncio
import logging
import os
import time
from base64 import b64encode
from collections.abc import Awaitable, Callable, Iterator, Sequence
from contextlib import suppress
from dataclasses import dataclass, replace
from hashlib import sha1, sha256
from typing import BinaryIO

from sidecar.duplicates.files import END_BYTES, SMALL_BYTES, Known, to_read
from sidecar.errors import ContractBroken, ImmichMissing, ImmichUnavailable
from sidecar.jobs.context import JobContext
from sidecar.jobs.duplicates.reading import require_answers, retry_at_ms
from sidecar.jobs.several import several
from sidecar.measures import HASHED_BYTES
from sidecar.model import AssetId, OwnerId
from sidecar.redaction import OwnWords, without_names
from sidecar.storage import contents, detections, originals
from sidecar.storage.contents import Content
from sidecar.storage.detections import Detection
from sidecar.storage.originals import File

log = logging.getLogger(__name__)

_FILES_AT_ONCE = 5_000
"""As many rows are planned with together, unless more share one size."""

_READ_AT_ONCE = 64
_BYTES_AT_ONCE = 512 * 1024 * 1024
"""After so much of either it is put on record what was read, for whoever goes on after a kill."""

_PIECE_BYTES = 1024 * 1024

_SLOWEST_BYTES_PER_S = 64 * 1024
_LONGEST_PAUSE_S = 120.0
"""A file that comes more slowly than this, over all and with one such pause, is left."""

_SAME_MOMENT_MS = 2_000
"""File systems of memory cards and some networks keep times to two seconds."""

_JUST_NOW_NS = 2_000_000_000
_PAUSE_S = 0.02
"""Longer than a tick of the kernel's clock: two changes within one tick leave the file with the same times."""


@dataclass(frozen=True, slots=True)
class Compared:
    """How many files were read, how many bytes of them, and how many could not be."""

    files: int
    size_bytes: int
    failed: int


async def compare_files(context: JobContext, owner_id: OwnerId, *, detection: Detection | None = None) -> Compared:
    """What was read; afterwards it is on record which of the owner's files are the same bytes.

    Shape:  nothing is read twice, however often this is interrupted: it ends between two files when the process is to
            end. What could not be read is on record with its reason, and waits. detection is where it is counted.
    Errors: ImmichUnavailable if Immich does not answer at all, ImmichRefused; what was read until then is on record.
    """
    comparing = _Comparing(context, owner_id, detection)
    async with context.database.read() as connection:
        sizes = await originals.shared_sizes(connection, owner_id)
    for some in _batches(sizes):
        await comparing.read(some)
    return comparing.done


class _Unfit(Exception):
    """The file is not what Immich says, in words."""


class _Stopped(Exception):
    """The process is to end, and a file was left in the middle."""


class _Comparing:
    def __init__(self, context: JobContext, owner_id: OwnerId, detection: Detection | None) -> None:
        self._context = context
        self._owner_id = owner_id
        self._detection = detection
        self._immich = context.immich(owner_id)
        self._read: set[AssetId] = set()
        self._size_bytes = 0
        self._failed = 0

    @property
    def done(self) -> Compared:
        """So far."""
        return Compared(len(self._read), self._size_bytes, self._failed)

    async def read(self, sizes: Sequence[int]) -> None:
        """Nothing; of the files of these sizes all is known that can be, unless the process is to end."""
        while not self._context.stopping.is_set():
            async with self._context.database.read() as connection:
                files = {file.id: file for file in await originals.files_of_sizes(connection, self._owner_id, sizes)}
            now_ms = self._context.now_ms()
            asked = to_read(_known(file, now_ms=now_ms) for file in files.values())
            if asked.is_nothing:
                return
            await self._read_all([files[each_id] for each_id in asked.ends], self._ends)
            await self._read_all([files[each_id] for each_id in asked.whole], self._whole)

    async def _read_all(self, files: Sequence[File], read: Callable[[File], Awaitable[Content]]) -> None:
        for part in _parts(files):
            found: list[Content] = []
            before = self.done

            async def one(file: File, *, found: list[Content] = found) -> None:
                if not self._context.stopping.is_set():
                    with suppress(_Stopped):
                        found.append(await self._read_or_blame(file, read))

            try:
                await several(part, one, at_once=self._context.concurrent_reads)
            finally:
                await self._keep(found, before)

    async def _keep(self, found: Sequence[Content], before: Compared) -> None:
        async with self._context.database.write() as connection:
            await contents.put(connection, self._owner_id, found)
            files, size_bytes = self.done.files - before.files, self.done.size_bytes - before.size_bytes
            HASHED_BYTES.inc(size_bytes)
            if self._detection is not None:
                await detections.add_read(connection, self._detection, files=files, size_bytes=size_bytes)

    async def _read_or_blame(self, file: File, read: Callable[[File], Awaitable[Content]]) -> Content:
        """What was read of the file, or why it could not be and when to try again."""
        try:
            async with asyncio.timeout(_LONGEST_PAUSE_S + file.size_bytes / _SLOWEST_BYTES_PER_S):
                content = await read(file)
        except _Unfit as error:
            flaw = str(error)
        except TimeoutError:
            flaw = "the file comes too slowly"
        except ImmichMissing:
            flaw = "Immich does not give the file"
        except ContractBroken as error:
            flaw = f"Immich does not give the file as it should: {error}"
        except ImmichUnavailable:
            await require_answers(self._immich)
            flaw = "Immich answers, but does not send all of the file"
        except OSError as error:
            flaw = f"the file cannot be read: {error.strerror}"
        else:
            self._read.add(file.id)
            return content
        self._failed += 1
        attempts = (0 if file.content is None else file.content.attempts) + 1
        log.debug("a file could not be read: %s", OwnWords(without_names(flaw)))
        return Content(
            # Without its ends: they may be those of another file by now.
            file.id,
            file.size_bytes,
            file.modified_at_ms,
            flaw=flaw,
            attempts=attempts,
            not_before_ms=retry_at_ms(self._context, attempts),
        )

    async def _ends(self, file: File) -> Content:
        with self._context.media_paths.open(file.path) as opened:
            if opened is not None and _is_as_told(opened, file):
                head, tail = await asyncio.to_thread(_ends_of, opened, file.size_bytes)
            else:
                head = await self._immich.range_of(file.id, 0, END_BYTES)
                # One byte more than there should be: a longer file has it.
                tail = await self._immich.range_of(file.id, file.size_bytes - END_BYTES, END_BYTES + 1)
        self._size_bytes += len(head) + len(tail)
        if len(head) != END_BYTES or len(tail) != END_BYTES:
            raise _Unfit("the file is not as long as Immich says")
        return replace(_content(file), ends=sha256(head + tail).hexdigest())

    async def _whole(self, file: File) -> Content:
        digest = _Digest()
        try:
            with self._context.media_paths.open(file.path) as opened:
                before = None if opened is None else _moment(opened)
                if opened is not None and _is_as_told(opened, file):
                    await asyncio.sleep(_PAUSE_S if _changed_just_now(opened, now_ns=time.time_ns()) else 0)
                    await asyncio.to_thread(_read_whole, opened, digest, self._stop_if_asked)
                    has_changed = before != _moment(opened)
                else:
                    await self._download(file, digest)
                    has_changed = file.library_id is not None and await self._has_changed(file)
        finally:
            self._size_bytes += digest.size_bytes
        if digest.size_bytes != file.size_bytes:
            raise _Unfit("the file is not as long as Immich says")
        found = replace(_content(file), ends=digest.ends, sha1=digest.sha1, sha256=digest.sha256)
        if has_changed or _content(file).ends not in {None, found.ends}:
            raise _Unfit("the file changed while it was read")
        if file.library_id is None and found.sha1 != file.checksum:
            raise _Unfit("the file is not what was uploaded")
        return found

    async def _download(self, file: File, digest: _Digest) -> None:
        if file.size_bytes <= SMALL_BYTES:
            digest.update(await self._immich.range_of(file.id, 0, file.size_bytes + 1))
            return
        gathered = bytearray()
        async with self._immich.original(file.id, limit_bytes=file.size_bytes) as pieces:
            async for piece in pieces:
                gathered += piece
                if len(gathered) >= _PIECE_BYTES:
                    self._stop_if_asked()
                    await asyncio.to_thread(digest.update, bytes(gathered))
                    gathered.clear()
        await asyncio.to_thread(digest.update, bytes(gathered))

    async def _has_changed(self, file: File) -> bool:
        """Whether Immich by now knows of another file in this one's place."""
        now = await self._immich.asset(file.id)
        told = now.original
        return now.size_bytes != file.size_bytes or told is None or told.modified_at_ms != file.modified_at_ms

    def _stop_if_asked(self) -> None:
        if self._context.stopping.is_set():
            raise _Stopped


class _Digest:
    """Everything that is kept of a file's bytes, in one pass."""

    def __init__(self) -> None:
        self._sha1 = sha1(usedforsecurity=False)
        self._sha256 = sha256()
        self._first = b""
        self._last = b""
        self.size_bytes = 0

    def update(self, piece: bytes) -> None:
        """Goes on with these bytes."""
        self._sha1.update(piece)
        self._sha256.update(piece)
        self._first += piece[: END_BYTES - len(self._first)]
        self._last = (self._last + piece[-END_BYTES:])[-END_BYTES:]
        self.size_bytes += len(piece)

    @property
    def sha1(self) -> str:
        """In base64, as Immich writes it."""
        return b64encode(self._sha1.digest()).decode()

    @property
    def sha256(self) -> str:
        """In hex."""
        return self._sha256.hexdigest()

    @property
    def ends(self) -> str:
        """As they are read by themselves; of a file without a middle it is all of it."""
        beyond = min(END_BYTES, max(0, self.size_bytes - END_BYTES))
        return sha256(self._first + self._last[END_BYTES - beyond :]).hexdigest()


def _known(file: File, *, now_ms: int) -> Known:
    read = _content(file)
    return Known(
        file.id,
        file.size_bytes,
        is_upload=file.library_id is None,
        ends=read.ends,
        sha1=file.content_sha1,
        sha256=read.sha256,
        is_readable=file.content is None or file.content.not_before_ms <= now_ms,
    )


def _content(file: File) -> Content:
    """What is on record of the file without its failures."""
    read = file.content or Content(file.id, file.size_bytes, file.modified_at_ms)
    return replace(read, flaw=None, attempts=0, not_before_ms=0)


def _batches(sizes: Sequence[tuple[int, int]]) -> Iterator[list[int]]:
    """The sizes in runs of which there are not too many files."""
    some: list[int] = []
    files = 0
    for size_bytes, count in sizes:
        if some and files + count > _FILES_AT_ONCE:
            yield some
            some, files = [], 0
        some.append(size_bytes)
        files += count
    if some:
        yield some


def _parts(files: Sequence[File]) -> Iterator[Sequence[File]]:
    """The files in runs that are read before it is put on record."""
    first = size_bytes = 0
    for position, file in enumerate(files):
        if position > first and (position - first == _READ_AT_ONCE or size_bytes + file.size_bytes > _BYTES_AT_ONCE):
            yield files[first:position]
            first, size_bytes = position, 0
        size_bytes += file.size_bytes
    if files:
        yield files[first:]


def _is_as_told(opened: BinaryIO, file: File) -> bool:
    """Whether the file on disk is, by size and time, the one that Immich means."""
    found = os.fstat(opened.fileno())
    late_ms = abs(found.st_mtime_ns // 1_000_000 - file.modified_at_ms)
    return found.st_size == file.size_bytes and late_ms <= _SAME_MOMENT_MS


def _moment(opened: BinaryIO) -> tuple[int, int, int]:
    """What is different after the file was written to."""
    found = os.fstat(opened.fileno())
    return found.st_size, found.st_mtime_ns, found.st_ctime_ns


def _changed_just_now(opened: BinaryIO, *, now_ns: int) -> bool:
    """Whether another change could leave the file with the times that it has; also where its clock goes ahead."""
    return now_ns - os.fstat(opened.fileno()).st_ctime_ns < _JUST_NOW_NS


def _ends_of(opened: BinaryIO, size_bytes: int) -> tuple[bytes, bytes]:
    number = opened.fileno()
    return os.pread(number, END_BYTES, 0), os.pread(number, END_BYTES, size_bytes - END_BYTES)


def _read_whole(opened: BinaryIO, digest: _Digest, check: Callable[[], None]) -> None:
    while piece := opened.read(_PIECE_BYTES):
        check()
        digest.update(piece)
