"""`sidecar backup` and `sidecar restore`: all that the sidecar remembers in one file, taken while it runs, and back.

The file is a tar archive: manifest.json, sidecar.db (SQLite, whichever database is in use), and, where they are there,
sidecar.key and config.yml. Photos are Immich's and not in it.
"""

from __future__ import annotations

import hashlib
import lzma
import os
import shutil
import sys
import tarfile
import tempfile
import zlib
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from datetime import UTC, datetime
from io import BytesIO
from pathlib import Path
from typing import IO, TextIO

import msgspec

from sidecar import __version__
from sidecar.commands.exit_codes import ExitCode
from sidecar.data_folder import DataFolder, adopt_key, open_data_folder, own
from sidecar.errors import SettingsError
from sidecar.settings import CONFIG_FILE, Settings
from sidecar.storage.copying import copy_rows, count_rows
from sidecar.storage.database import gather, open_database
from sidecar.wiring import database_url

STANDARD = "-"
_FORMAT = 1
_DATABASE, _KEY, _MANIFEST = "sidecar.db", "sidecar.key", "manifest.json"
_ARCHIVE = "archive"
_MEMBERS = {_MANIFEST, _DATABASE, _KEY, CONFIG_FILE}
_SMALL_BYTES = 1 << 20
"""What all but the database is smaller than."""


class Manifest(msgspec.Struct, frozen=True):
    """What a backup says of itself: sha256 is that of the database in it."""

    format: int
    version: str
    made_at: str
    sha256: str
    rows: dict[str, int]


async def backup(settings: Settings, name: str | None, *, out: TextIO | None = None) -> ExitCode:
    """DONE when the file is there, whole, and readable by its owner only.

    Shape:  without a name, one with the time in the present folder; "-" writes to standard output, and what is told to
            standard error. A sidecar may run meanwhile: the file shows one moment.
    Errors: SettingsError if the file is there already or cannot be written, or if there is nothing to save;
            StorageUnavailable.
    """
    now = datetime.now(UTC)
    folder = DataFolder(settings.data_dir.absolute())
    to_stdout = name == STANDARD
    out = out or (sys.stderr if to_stdout else sys.stdout)
    path = Path(name or f"immich-sidecar-{now:%Y%m%d-%H%M%S}.tar.gz")
    _check(settings, folder, path, to_stdout=to_stdout)
    with _beside(folder.path / _DATABASE if to_stdout else path) as work:
        rows = await _packed(settings, folder, work, now)
        size_bytes = _handed_over(work / _ARCHIVE, None if to_stdout else path)
    print(f"{'Saved' if to_stdout else path}: {rows} rows, {size_bytes} bytes.", file=out)
    print("Whoever has this file may use the keys in it: keep it as you keep passwords.", file=out)
    if settings.secret is not None:
        print("SIDECAR_SECRET is not in it: without it, people have to connect again.", file=out)
    return ExitCode.DONE


def _check(settings: Settings, folder: DataFolder, path: Path, *, to_stdout: bool) -> None:
    if to_stdout and sys.stdout.isatty():
        raise SettingsError("say where it is to go: sidecar backup - > FILE")
    if not to_stdout and path.exists():
        raise SettingsError(f"{path} is there already: it is not written over")
    if settings.database_url is None and not (folder.path / _DATABASE).exists():
        raise SettingsError(f"there is no database in {folder.path}: nothing to save")


def _handed_over(archive: Path, path: Path | None) -> int:
    """How many bytes there are at the path now, or went to standard output."""
    if path is None:
        with archive.open("rb") as file:
            shutil.copyfileobj(file, sys.stdout.buffer)
    else:
        try:
            os.link(archive, path)  # unlike a rename, it writes over nothing
        except OSError as error:
            raise SettingsError(f"{path} cannot be written ({error.strerror})") from error
    return archive.stat().st_size


async def _packed(settings: Settings, folder: DataFolder, work: Path, now: datetime) -> int:
    """How many rows are in the archive that lies in the folder now."""
    async with (
        open_database(database_url(settings, folder), migrate=False) as source,
        open_database(f"sqlite+aiosqlite:///{work / _DATABASE}") as copy,
        source.read() as reading,
        copy.write() as writing,
    ):
        rows = await copy_rows(reading, writing)
    manifest = Manifest(_FORMAT, __version__, now.isoformat(timespec="seconds"), _sha256(work / _DATABASE), rows)
    with _written(work / _ARCHIVE) as archive:
        _add(archive, _MANIFEST, BytesIO(msgspec.json.format(msgspec.json.encode(manifest))))
        for name, file in ((_KEY, folder.key), (CONFIG_FILE, settings.config_file), (_DATABASE, work / _DATABASE)):
            if file is not None and file.is_file():
                with file.open("rb") as opened:
                    _add(archive, name, opened)
    return sum(rows.values())


async def restore(settings: Settings, name: str, *, replace: bool = False, out: TextIO = sys.stdout) -> ExitCode:
    """DONE when the database holds what the file holds; what was there before lies beside it.

    Shape:  the name "-" reads standard input. A file of an older sidecar is brought up to date. Into PostgreSQL, only
            where the tables are empty. Stopped anywhere, either all of it is back or nothing has changed but a key
            that opens what the file has.
    Errors: SettingsError if the file is none of ours, damaged or of a newer sidecar, or if there is a database already
            and replace is false; DataFolderBusy while a sidecar runs; StorageUnavailable.
    """
    folder = open_data_folder(settings.data_dir)
    with own(folder), _beside(folder.path / _DATABASE) as work:
        path = Path(name)
        if name == STANDARD:
            path = work / _ARCHIVE
            with _private(path) as file:
                shutil.copyfileobj(sys.stdin.buffer, file)
        manifest = _unpacked(path, work)
        async with open_database(f"sqlite+aiosqlite:///{work / _DATABASE}") as saved:
            if settings.database_url is not None:
                async with (
                    open_database(settings.database_url.get_secret_value()) as target,
                    saved.read() as reading,
                    target.write() as writing,
                ):
                    if any((await count_rows(writing)).values()):
                        raise SettingsError("the database of SIDECAR_DATABASE_URL is not empty: give an empty one")
                    await copy_rows(reading, writing)
        if (work / _KEY).exists() and settings.secret is None:
            adopt_key(folder, (work / _KEY).read_bytes())
        if settings.database_url is None:
            _put_in_place(folder, work / _DATABASE, replace=replace, out=out)
        if (work / CONFIG_FILE).exists():
            _put_config(settings.config_file or folder.path / CONFIG_FILE, work / CONFIG_FILE, out)
    print(f"Restored {sum(manifest.rows.values())} rows of {manifest.made_at}.", file=out)
    print("Start the sidecar: its next scan finds what has changed in Immich since.", file=out)
    return ExitCode.DONE


def _put_in_place(folder: DataFolder, restored: Path, *, replace: bool, out: TextIO) -> None:
    present = folder.path / _DATABASE
    if present.exists():
        if not replace:
            raise SettingsError(f"there is a database in {folder.path} already: --replace sets it aside")
        aside = folder.path / f"{_DATABASE}.before-{datetime.now(UTC):%Y%m%d-%H%M%S-%f}"
        if gather(present):
            os.link(present, aside)  # it has both names until the restored one takes its place
        else:
            for suffix in ("-wal", "-shm", ""):
                with suppress(FileNotFoundError):
                    (folder.path / f"{_DATABASE}{suffix}").rename(f"{aside}{suffix}")
        print(f"What was there is {aside} now.", file=out)
    restored.replace(present)


def _put_config(present: Path, restored: Path, out: TextIO) -> None:
    if not present.exists():
        shutil.copyfile(restored, present)
    elif present.read_bytes() != restored.read_bytes():
        print(f"{present} differs from the one in the file, and stays as it is.", file=out)


def _unpacked(path: Path, work: Path) -> Manifest:
    """What the archive says of itself; its files lie in the folder. Only names that are ours are read."""
    try:
        with tarfile.open(path, "r:*") as archive:
            members = {member.name: member for member in archive if member.isreg() and member.name in _MEMBERS}
            if not {_MANIFEST, _DATABASE} <= members.keys():
                raise SettingsError(f"{path} is no backup of the sidecar")
            if members[_DATABASE].size * 2 > shutil.disk_usage(work).free:
                raise SettingsError(f"{path} needs more room than there is beside {work.parent}")
            if any(members[name].size > _SMALL_BYTES for name in members.keys() - {_DATABASE}):
                raise SettingsError(f"{path} is no backup of the sidecar")
            for name, member in members.items():
                unpacked = archive.extractfile(member)
                assert unpacked is not None  # noqa: S101  # a regular file
                with unpacked, _private(work / name) as file:
                    shutil.copyfileobj(unpacked, file)
        manifest = msgspec.json.decode((work / _MANIFEST).read_bytes(), type=Manifest)
    except FileNotFoundError as error:
        raise SettingsError(f"there is no file {path}") from error
    except (OSError, EOFError, tarfile.TarError, msgspec.DecodeError, zlib.error, lzma.LZMAError) as error:
        raise SettingsError(f"{path} cannot be read, or is damaged ({type(error).__name__})") from error
    if manifest.format != _FORMAT:
        raise SettingsError(f"{path} was written by a newer sidecar ({manifest.version}): install that version")
    if manifest.sha256 != _sha256(work / _DATABASE):
        raise SettingsError(f"{path} is damaged: its database is not the one that was saved")
    return manifest


@contextmanager
def _beside(path: Path) -> Iterator[Path]:
    """A folder on the disk of this file, for us alone, that is gone afterwards."""
    try:
        work = tempfile.TemporaryDirectory(prefix=".immich-sidecar-", dir=path.absolute().parent)
    except OSError as error:
        raise SettingsError(f"{path.absolute().parent} cannot be written ({error.strerror})") from error
    with work as name:
        yield Path(name)


@contextmanager
def _written(path: Path) -> Iterator[tarfile.TarFile]:
    """An archive that is on disk, whole, when the block ends."""
    with _private(path) as file:
        with tarfile.open(fileobj=file, mode="w:gz", compresslevel=1) as archive:
            yield archive
        file.flush()
        os.fsync(file.fileno())


def _sha256(path: Path) -> str:
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def _private(path: Path) -> IO[bytes]:
    return os.fdopen(os.open(path, os.O_RDWR | os.O_CREAT | os.O_EXCL, 0o600), "w+b")


def _add(archive: tarfile.TarFile, name: str, file: IO[bytes]) -> None:
    member = tarfile.TarInfo(name)
    member.size, member.mode = file.seek(0, os.SEEK_END), 0o600
    file.seek(0)
    archive.addfile(member, file)
