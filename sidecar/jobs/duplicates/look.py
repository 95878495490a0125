"""Looking at pictures: Immich's thumbnails, or the files themselves where it has none, become fingerprints."""

from __future__ import annotations

import asyncio
import logging
import tempfile
from collections import Counter
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path

from sidecar.duplicates.fingerprint import FINGERPRINT_VERSION, Fingerprint, Samples, fingerprint_of
from sidecar.errors import ContractBroken, ImmichMissing, ImmichUnavailable
from sidecar.immich_client.client import Immich
from sidecar.jobs.context import JobContext
from sidecar.jobs.duplicates.reading import require_answers, retry_at_ms
from sidecar.jobs.several import several
from sidecar.measures import FINGERPRINTS
from sidecar.media.errors import Flaw, UndecodableMedia
from sidecar.media.pool import DecodingPool, open_decoding_pool
from sidecar.model import AssetId, AssetKind, OwnerId
from sidecar.storage import fingerprints
from sidecar.storage.fingerprints import NEVER, Failure
from sidecar.storage.originals import Picture

log = logging.getLogger(__name__)

ORIGINAL_LIMIT_BYTES = 200_000_000
"""Of files of which Immich has no thumbnail; larger ones are not fetched."""

NO_PICTURE = "no picture"
NOT_GIVEN = "not given"

_PASSING = frozenset({Flaw.TOO_SLOW, Flaw.CRASHED})
"""These depend on the machine as well as on the file: a busy one, one that slept, one that was out of memory."""

_FETCHED_AT_ONCE = 64
"""These are decoded while as many others are fetched: no more thumbnails than twice this are held."""

_ORIGINALS_AT_ONCE = 2

_LONGEST_FETCH_S = 900.0


@dataclass(frozen=True, slots=True)
class Looked:
    """How many pictures have a fingerprint now, and how many could not be seen."""

    looked: int
    failed: int


@dataclass(frozen=True, slots=True)
class _Unseen:
    """Why a picture could not be seen; what is_passing may be better another time without any change."""

    flaw: str
    detail: str
    is_passing: bool


_Fetched = bytes | Samples | _Unseen


async def look(context: JobContext, owner_id: OwnerId, pictures: Sequence[Picture]) -> Looked:
    """What came of looking at these; each has its fingerprint or its failure on record.

    Shape:  when the process is to end, the rest stays as it was. A failure is on record until the picture changes, or
            for a while if it may pass.
    Errors: ImmichUnavailable if Immich does not answer at all, ImmichRefused, DecoderUnavailable; what was seen until
            then is on record.
    """
    async with _pool_of(context) as pool:
        looking = _Looking(context, owner_id, context.immich(owner_id), pool)
        keeping: asyncio.Task[None] | None = None
        try:
            for start in range(0, len(pictures), _FETCHED_AT_ONCE):
                if context.stopping.is_set():
                    break
                part = pictures[start : start + _FETCHED_AT_ONCE]
                fetched = await looking.fetch(part)
                if keeping is not None:
                    await keeping
                keeping = asyncio.create_task(looking.keep(part, fetched))
        finally:
            if keeping is not None:
                await keeping
    log.debug("pictures were looked at", extra=dict(looking.done))
    return Looked(looked=looking.done["looked"], failed=looking.done["failed"])


@asynccontextmanager
async def _pool_of(context: JobContext) -> AsyncIterator[DecodingPool]:
    if context.pool is not None:
        yield context.pool
    else:
        async with open_decoding_pool() as pool:
            yield pool


class _Looking:
    def __init__(self, context: JobContext, owner_id: OwnerId, immich: Immich, pool: DecodingPool) -> None:
        self._context = context
        self._owner_id = owner_id
        self._immich = immich
        self._pool = pool
        self._originals = asyncio.Semaphore(_ORIGINALS_AT_ONCE)
        self.done: Counter[str] = Counter()

    async def fetch(self, pictures: Sequence[Picture]) -> list[_Fetched]:
        """Each one's thumbnail; what is seen of its original where there is none; or why nothing can be seen."""
        return await several(pictures, self._fetch, at_once=self._context.concurrent_reads)

    async def keep(self, pictures: Sequence[Picture], fetched: Sequence[_Fetched]) -> None:
        """Nothing; what was fetched is decoded and on record."""
        thumbnails = [
            (data, picture.name) for picture, data in zip(pictures, fetched, strict=True) if isinstance(data, bytes)
        ]
        decoded = iter(await self._pool.samples(thumbnails))
        seen: list[tuple[Picture, Samples]] = []
        failed: list[Failure] = []
        for picture, what in zip(pictures, fetched, strict=True):
            found = next(decoded) if isinstance(what, bytes) else what
            if isinstance(found, Samples):
                seen.append((picture, found))
            else:
                failed.append(self._failure(picture, found))
        made = await asyncio.to_thread(_fingerprints, seen)
        async with self._context.database.write() as connection:
            await fingerprints.put(connection, self._owner_id, made, version=FINGERPRINT_VERSION)
            await fingerprints.fail(connection, self._owner_id, failed, version=FINGERPRINT_VERSION)
        self.done.update(looked=len(made), failed=len(failed))
        FINGERPRINTS.labels("made").inc(len(made))
        FINGERPRINTS.labels("failed").inc(len(failed))

    def _failure(self, picture: Picture, found: _Unseen | UndecodableMedia) -> Failure:
        if isinstance(found, UndecodableMedia):
            found = _Unseen(found.flaw.value, found.detail, is_passing=found.flaw in _PASSING)
        again_at_ms = retry_at_ms(self._context, picture.attempts + 1) if found.is_passing else NEVER
        return Failure(picture.id, picture.basis, found.flaw, found.detail, again_at_ms)

    async def _fetch(self, picture: Picture) -> _Fetched:
        try:
            async with asyncio.timeout(_LONGEST_FETCH_S):
                try:
                    return await self._immich.thumbnail(picture.id)
                except ImmichMissing:
                    return await self._see_original(picture)
        except TimeoutError:
            return _Unseen(NOT_GIVEN, "Immich sends this one too slowly", is_passing=True)
        except ImmichMissing:
            return _Unseen(NOT_GIVEN, "Immich has neither a thumbnail nor the file", is_passing=True)
        except ContractBroken as error:
            return _Unseen(NOT_GIVEN, str(error), is_passing=True)
        except ImmichUnavailable:
            await require_answers(self._immich)
            return _Unseen(NOT_GIVEN, "Immich answers, but does not send this one", is_passing=True)

    async def _see_original(self, picture: Picture) -> Samples | _Unseen:
        if picture.kind is not AssetKind.IMAGE:
            return _Unseen(NO_PICTURE, "Immich has no picture of this video", is_passing=True)
        if picture.size_bytes is not None and picture.size_bytes > ORIGINAL_LIMIT_BYTES:
            return _Unseen(
                Flaw.TOO_LARGE.value,
                f"Immich has no thumbnail, and the file has more than {ORIGINAL_LIMIT_BYTES} bytes",
                is_passing=False,
            )
        async with self._originals:
            with tempfile.NamedTemporaryFile(prefix="immich-sidecar-") as file:
                async with self._immich.original(picture.id, limit_bytes=ORIGINAL_LIMIT_BYTES) as pieces:
                    async for piece in pieces:
                        file.write(piece)
                file.flush()
                [found] = await self._pool.samples([(Path(file.name), picture.name)])
        if isinstance(found, UndecodableMedia):
            return _Unseen(found.flaw.value, found.detail, is_passing=found.flaw in _PASSING)
        return found


def _fingerprints(seen: Sequence[tuple[Picture, Samples]]) -> list[tuple[AssetId, str, Fingerprint]]:
    return [(picture.id, picture.basis, fingerprint_of(samples)) for picture, samples in seen]
