"""Opening everything a process needs and closing it again: data folder, database, queue, accounts."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass, replace

from sidecar.accounts.connected import Accounts, open_accounts
from sidecar.data_folder import DataFolder, open_data_folder, own
from sidecar.errors import DataFolderBusy
from sidecar.jobs.context import JobContext
from sidecar.jobs.queue import Queue, open_queue
from sidecar.jobs.sweep import release_leases
from sidecar.jobs.valkey import embedded_valkey, socket_url
from sidecar.media.paths import MediaPaths
from sidecar.media.pool import DecodingPool, open_decoding_pool
from sidecar.plugins import load_detectors, load_pair_rules
from sidecar.settings import Settings
from sidecar.storage.database import Database, open_database


@dataclass(frozen=True, slots=True)
class Services:
    """What web, worker and commands share.

    Shape:  is_guest says that another sidecar owns the data folder: we may read, ask and watch, it does the work.
    """

    settings: Settings
    database: Database
    queue: Queue
    accounts: Accounts
    jobs: JobContext
    is_guest: bool

    def with_settings(self, settings: Settings) -> Services:
        """The same services under other settings of the web part."""
        return replace(self, settings=settings)


@asynccontextmanager
async def open_services(
    settings: Settings, *, may_be_guest: bool = False, detects: bool = False
) -> AsyncIterator[Services]:
    """Everything open, in the order of need, and closed in reverse.

    Shape:  detects says that a scan is followed by a search for duplicates. With database and queue both elsewhere
            (PostgreSQL, Redis) the data folder is nobody's, and any number of processes may open services at once.
    Errors: DataFolderBusy if another sidecar owns the data folder and may_be_guest is false; SettingsError, NotImmich,
            ImmichRefused, ImmichUnavailable, StorageUnavailable or QueueUnavailable, each one sentence.
    """
    async with AsyncExitStack() as stack:
        accounts = await stack.enter_async_context(open_accounts(settings))
        folder = open_data_folder(settings.data_dir)
        is_shared = settings.database_url is not None and settings.redis_url is not None
        is_guest = False
        if not is_shared:
            try:
                stack.enter_context(own(folder))
            except DataFolderBusy:
                if not may_be_guest:
                    raise
                is_guest = True
        database = await stack.enter_async_context(open_database(database_url(settings, folder)))
        queue = await stack.enter_async_context(
            open_queue(await _queue_url(stack, settings, folder, is_guest=is_guest))
        )
        pool = await stack.enter_async_context(open_decoding_pool(workers=settings.decode_workers))
        jobs = replace(job_context(settings, database, accounts, queue, pool), detects=detects)
        if not is_shared and not is_guest:
            await release_leases(jobs)
        yield Services(settings, database, queue, accounts, jobs, is_guest)


def job_context(
    settings: Settings,
    database: Database,
    accounts: Accounts,
    queue: Queue | None = None,
    pool: DecodingPool | None = None,
) -> JobContext:
    """What job bodies are given under these settings; without a pool, no pictures are looked at.

    Errors: SettingsError if an installed package brings rules or detectors that cannot be used, or a path makes no
            sense.
    """
    pipeline = load_pair_rules()
    detectors = load_detectors()
    return JobContext(
        database=database,
        accounts=accounts.connected,
        queue=queue,
        matching=settings.matching,
        pipeline=pipeline.rules,
        pipeline_name=pipeline.fingerprint,
        detection=settings.detection,
        detectors=detectors.brought,
        detectors_name=detectors.fingerprint,
        pool=pool,
        media_paths=MediaPaths.parse(settings.media_paths),
        concurrent_reads=settings.concurrent_reads,
        concurrent_writes=settings.concurrent_writes,
    )


def database_url(settings: Settings, folder: DataFolder) -> str:
    """The configured database, or the data folder's own."""
    return settings.database_url.get_secret_value() if settings.database_url else folder.database_url


async def _queue_url(stack: AsyncExitStack, settings: Settings, folder: DataFolder, *, is_guest: bool) -> str:
    if settings.redis_url is not None:
        return settings.redis_url.get_secret_value()
    if is_guest:
        return socket_url(folder.queue)
    return await stack.enter_async_context(embedded_valkey(folder.queue))
