"""What a person can mend: whether everything around the sidecar is as it has to be, each with what to do about it."""

from __future__ import annotations

import os
import shutil
import time
from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import AsyncExitStack
from enum import StrEnum
from importlib import import_module
from pathlib import Path
from typing import NamedTuple

from sidecar.accounts.connected import Account, Accounts
from sidecar.data_folder import DataFolder
from sidecar.errors import SettingsError, SidecarError
from sidecar.immich_client.client import open_immich
from sidecar.immich_client.permissions import Feature, missing_for, missing_permissions
from sidecar.jobs.queue import open_queue
from sidecar.media.paths import MediaPaths
from sidecar.settings import Settings
from sidecar.storage import event_counts
from sidecar.storage.changes import Source
from sidecar.storage.database import Database, open_database
from sidecar.wiring import database_url, vault_of

LEAST_FREE_BYTES = 1 << 30
"""The queue's log, the database's and what is looked at without a thumbnail need room at the same time."""

CLOCKS_APART_S = 60
_DECODERS = {"rawpy": "RAW files", "pi_heif": "HEIC files", "magic": "telling formats apart", "PIL.Image": "pictures"}


class Level(StrEnum):
    """How much a finding matters."""

    FINE = "fine"
    BETTER = "better"
    """It works, and could work better."""
    WRONG = "wrong"


class Finding(NamedTuple):
    """One thing that was looked at: how it is, and what to do about it, if anything."""

    level: Level
    about: str
    told: str
    remedy: str = ""


async def check(settings: Settings) -> AsyncIterator[Finding]:
    """Every finding, one after the other; nothing is written, neither here nor to Immich."""
    for finding in _of_this_machine(settings):
        yield finding
    async with AsyncExitStack() as stack:
        database, finding = await _database(stack, settings)
        yield finding
        if settings.redis_url is not None:
            yield await _queue(settings)
        if not settings.immich_url:
            yield Finding(Level.WRONG, "Immich", "IMMICH_URL is not set", "set it, as http://immich-server:2283")
            return
        try:
            async for finding in _of_immich(stack, settings, database):
                yield finding
        except SidecarError as error:
            yield Finding(Level.WRONG, "Immich", str(error), "see whether Immich runs and IMMICH_URL is right")


def _of_this_machine(settings: Settings) -> list[Finding]:
    return [_folder(settings.data_dir), _disk(settings.data_dir), _decoders(import_module), *_media(settings)]


def _folder(path: Path) -> Finding:
    there = next(each for each in (path.absolute(), *path.absolute().parents) if each.exists())
    if there != path.absolute():
        is_fine, told = os.access(there, os.W_OK | os.X_OK), f"{path} is not there yet"
    else:
        is_fine, told = path.is_dir() and os.access(path, os.R_OK | os.W_OK | os.X_OK), f"{path}"
    if is_fine:
        return Finding(Level.FINE, "data folder", told)
    remedy = f"let user {os.getuid()} write there, or set SIDECAR_DATA_DIR to another folder"
    return Finding(Level.WRONG, "data folder", f"{path} cannot be written", remedy)


def _disk(path: Path) -> Finding:
    there = next(each for each in (path.absolute(), *path.absolute().parents) if each.exists())
    free_bytes = shutil.disk_usage(there).free
    told = f"{free_bytes / (1 << 30):.1f} GiB are free"
    if free_bytes >= LEAST_FREE_BYTES:
        return Finding(Level.FINE, "disk", told)
    return Finding(Level.WRONG, "disk", told, "make room: the sidecar stops writing when the disk is full")


def _decoders(load: Callable[[str], object]) -> Finding:
    missing: list[str] = []
    for module, meant_for in _DECODERS.items():
        try:
            load(module)
        except ImportError:
            missing.append(f"{module} ({meant_for})")
    if not missing:
        return Finding(Level.FINE, "decoders", f"{', '.join(_DECODERS)} can be loaded")
    return Finding(
        Level.WRONG, "decoders", f"missing: {', '.join(missing)}", "install the sidecar anew, with all of it"
    )


def _media(settings: Settings) -> list[Finding]:
    if not settings.media_paths:
        told = "no folder of Immich's is mounted here: files are compared by downloading them"
        return [Finding(Level.BETTER, "media paths", told, "mount them read-only and set SIDECAR_MEDIA_PATHS")]
    try:
        paths = MediaPaths.parse(settings.media_paths)
    except SettingsError as error:
        return [Finding(Level.WRONG, "media paths", str(error), "write SIDECAR_MEDIA_PATHS as it is told")]
    if absent := paths.absent():
        told = f"not there: {', '.join(map(str, absent))}"
        return [Finding(Level.WRONG, "media paths", told, "mount them, or take them out of SIDECAR_MEDIA_PATHS")]
    return [Finding(Level.FINE, "media paths", f"{len(paths.folders)} mounted")]


async def _database(stack: AsyncExitStack, settings: Settings) -> tuple[Database | None, Finding]:
    folder = DataFolder(settings.data_dir.absolute())
    if settings.database_url is None and not (folder.path / "sidecar.db").exists():
        return None, Finding(Level.FINE, "database", "there is none yet; the first start makes it")
    try:
        database = await stack.enter_async_context(open_database(database_url(settings, folder), migrate=False))
    except SidecarError as error:
        return None, Finding(Level.WRONG, "database", str(error), "see SIDECAR_DATABASE_URL, or what the sentence says")
    return database, Finding(Level.FINE, "database", "it answers, and its schema is this version's")


async def _queue(settings: Settings) -> Finding:
    assert settings.redis_url is not None  # noqa: S101  # asked for only then
    try:
        async with open_queue(settings.redis_url.get_secret_value()):
            return Finding(Level.FINE, "queue", "it answers")
    except SidecarError as error:
        return Finding(Level.WRONG, "queue", str(error), "see whether Redis runs and SIDECAR_REDIS_URL is right")


async def _of_immich(stack: AsyncExitStack, settings: Settings, database: Database | None) -> AsyncIterator[Finding]:
    server = await stack.enter_async_context(open_immich(settings.immich_url, None))
    has_trash = await server.trash_is_on()
    yield (
        Finding(Level.FINE, "trash", "Immich has one")
        if has_trash
        else Finding(
            Level.WRONG, "trash", "Immich's trash is switched off: no duplicate is trashed", "switch it on in Immich"
        )
    )
    yield _clocks(server.server_time_ms(), now_ms=int(time.time() * 1000))
    accounts = Accounts(settings.immich_url)
    stack.push_async_callback(accounts.close)
    refused: tuple[SidecarError, ...] = ()
    try:
        await accounts.open_headless(settings)
        refused = accounts.refused
    except SidecarError as error:
        refused = (error,)
    for problem in refused:
        yield Finding(Level.WRONG, "API key", str(problem), "make a new key in Immich, with the permissions named here")
    if database is not None:
        await accounts.look(database, vault_of(settings, DataFolder(settings.data_dir.absolute())))
    if not accounts.connected and not refused:
        told = "nobody is connected"
        yield Finding(Level.BETTER, "accounts", told, "press Connect on the sidecar's page, or set SIDECAR_API_KEYS")
    for account in accounts.connected.values():
        yield await _account(account, settings)
    if accounts.connected:
        yield await _webhook(settings, database, list(accounts.connected.values()))


def _clocks(server_ms: int | None, *, now_ms: int) -> Finding:
    if server_ms is None:
        return Finding(Level.BETTER, "clocks", "Immich's answers tell no time", "let the proxy before it pass on Date")
    apart_s = abs(now_ms - server_ms) // 1000
    if apart_s < CLOCKS_APART_S:
        return Finding(Level.FINE, "clocks", "Immich's and ours agree")
    return Finding(Level.WRONG, "clocks", f"Immich's and ours are {apart_s} s apart", "set both by the network (NTP)")


async def _account(account: Account, settings: Settings) -> Finding:
    name = f"account of {account.user.name}"
    try:
        held = await account.immich.permissions()
    except SidecarError as error:
        return Finding(Level.WRONG, name, str(error), "disconnect on the sidecar's page, and connect again")
    if missing := missing_permissions(held):
        told = f"its key lacks {', '.join(sorted(missing))}"
        return Finding(Level.WRONG, name, told, "connect again on the sidecar's page, or give the key all of them")
    wanted = [Feature.REDO, *([Feature.WEBHOOK] if settings.webhook_url else [])]
    if lacking := sorted(frozenset[str]().union(*(missing_for(each, held) for each in wanted))):
        told = f"its key lacks {', '.join(lacking)}, without which webhooks or repairs are not made"
        return Finding(Level.BETTER, name, told, "connect again on the sidecar's page, or give the key all of them")
    return Finding(Level.FINE, name, "its key works, and may do all that is needed")


async def _webhook(settings: Settings, database: Database | None, accounts: Sequence[Account]) -> Finding:
    if not settings.webhook_url:
        told = f"new photos are seen within {settings.poll_interval_s} s"
        remedy = "set SIDECAR_WEBHOOK_URL, and Immich 3.0 or newer tells of them at once"
        return Finding(Level.BETTER, "webhooks", told, remedy)
    heard = 0
    if database is not None:
        async with database.read() as connection:
            totals = await event_counts.totals(connection, [account.user.id for account in accounts])
        heard = sum(total.count for told, total in totals.items() if told.source is Source.WEBHOOK)
    if heard:
        return Finding(Level.FINE, "webhooks", f"Immich has told of {heard} changes")
    told_so_far = f"Immich has not called {settings.hook_base_url} yet"
    remedy = "upload a photo; if this stays so, see whether Immich's server reaches that address (Immich 3.0 or newer)"
    return Finding(Level.BETTER, "webhooks", told_so_far, remedy)
