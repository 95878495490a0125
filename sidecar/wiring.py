"""Opening everything a process needs and closing it again: data folder, database, queue, accounts."""

from __future__ import annotations

from collections.abc import AsyncIterator, Sequence
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass, replace
from hashlib import sha256
from secrets import token_bytes

from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.kdf.hkdf import HKDF
from pydantic import SecretStr

from sidecar.accounts.connected import Accounts, following, open_accounts
from sidecar.accounts.vault import Vault
from sidecar.accounts.visitors import Visitors, open_visitors
from sidecar.data_folder import DataFolder, forget_former_key, open_data_folder, own, read_key, stored_keys
from sidecar.errors import DataFolderBusy, SettingsError
from sidecar.events.hooks import Hooks
from sidecar.events.intake import Intake
from sidecar.immich_client.contract.watch import ContractWatch, open_contract_watch
from sidecar.jobs.context import JobContext
from sidecar.jobs.queue import Queue, open_queue
from sidecar.jobs.sweep import forget_wrong_times, release_leases
from sidecar.jobs.valkey import embedded_valkey, socket_url
from sidecar.media.paths import MediaPaths
from sidecar.media.pool import DecodingPool, open_decoding_pool
from sidecar.plugins import load_detectors, load_pair_rules
from sidecar.settings import Settings
from sidecar.storage.database import Database, open_database

_CSRF_KEY_BYTES = 32


@dataclass(frozen=True, slots=True)
class Services:
    """What web, worker and commands share.

    Shape:  is_guest says that another sidecar owns the data folder: we may read, ask and watch, it does the work.
            hooks and vault are None where we have no secret of our own to make them from. Forms carry what is made
            from csrf_key: where there is no secret it is another one in each process, and at each start.
    """

    settings: Settings
    database: Database
    queue: Queue
    accounts: Accounts
    jobs: JobContext
    intake: Intake
    hooks: Hooks | None
    visitors: Visitors
    contract: ContractWatch
    vault: Vault | None
    csrf_key: bytes
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
        settings.require_immich()
        contract = await stack.enter_async_context(open_contract_watch(settings.immich_url))
        accounts = await stack.enter_async_context(open_accounts(settings, gate=contract))
        await contract.standing()
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
        if not is_guest:
            await forget_wrong_times(jobs)
        keys = _keys(settings, folder, is_guest=is_guest, is_shared=is_shared)
        vault = Vault(keys) if keys else None
        await stack.enter_async_context(following(accounts, database, vault))
        if not is_shared and not is_guest:
            forget_former_key(folder)
        intake = Intake(jobs)
        stack.push_async_callback(intake.close)
        hooks = Hooks(keys[0], settings.hook_base_url, accounts.connected) if keys and not is_guest else None
        visitors = await stack.enter_async_context(open_visitors(settings.immich_url, gate=contract))
        yield Services(
            settings=settings,
            database=database,
            queue=queue,
            accounts=accounts,
            jobs=jobs,
            intake=intake,
            hooks=hooks,
            visitors=visitors,
            contract=contract,
            vault=vault,
            csrf_key=_csrf_key(keys),
            is_guest=is_guest,
        )


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
        debounce_ms=settings.debounce_ms,
        poll_interval_ms=settings.poll_interval_s * 1000,
    )


def _keys(settings: Settings, folder: DataFolder, *, is_guest: bool, is_shared: bool) -> list[bytes]:
    """From which the sidecar's secrets are made, then those from which they were made before; none where it would be
    another one than that of the other processes.

    Errors: SettingsError if Immich is to call several processes that have no secret in common.
    """
    former = [] if settings.former_secret is None else [_made_of(settings.former_secret)]
    if settings.secret is not None:
        # Whoever sets a secret for the first time has stored keys under the folder's.
        return [_made_of(settings.secret), *former, *([] if is_shared else stored_keys(folder))]
    if is_guest:
        return [*stored_keys(folder), *former]
    if not is_shared:
        return [read_key(folder), *stored_keys(folder)[1:], *former]
    if settings.hook_base_url is not None:
        raise SettingsError(
            "SIDECAR_SECRET is not set: processes that share a database need the same one for SIDECAR_WEBHOOK_URL"
        )
    return []


def _csrf_key(keys: Sequence[bytes]) -> bytes:
    return HKDF(SHA256(), _CSRF_KEY_BYTES, None, b"immich sidecar forms").derive(keys[0] if keys else token_bytes())


def vault_of(settings: Settings, folder: DataFolder) -> Vault | None:
    """What opens the stored keys, for who only reads; None if there is no secret."""
    keys = _keys(settings, folder, is_guest=True, is_shared=False)
    return Vault(keys) if keys else None


def _made_of(secret: SecretStr) -> bytes:
    return sha256(secret.get_secret_value().encode()).digest()


def database_url(settings: Settings, folder: DataFolder) -> str:
    """The configured database, or the data folder's own."""
    return settings.database_url.get_secret_value() if settings.database_url else folder.database_url


async def _queue_url(stack: AsyncExitStack, settings: Settings, folder: DataFolder, *, is_guest: bool) -> str:
    if settings.redis_url is not None:
        return settings.redis_url.get_secret_value()
    if is_guest:
        return socket_url(folder.queue)
    return await stack.enter_async_context(embedded_valkey(folder.queue))
