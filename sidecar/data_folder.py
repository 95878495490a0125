"""The data folder: what lies where in it, and the lock that gives it one owner at a time."""

from __future__ import annotations

import fcntl
import os
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from secrets import token_bytes

from sidecar.errors import DataFolderBusy, SettingsError

KEY_BYTES = 32


@dataclass(frozen=True, slots=True)
class DataFolder:
    """Where everything lies below SIDECAR_DATA_DIR."""

    path: Path

    @property
    def database_url(self) -> str:
        """The embedded database."""
        return f"sqlite+aiosqlite:///{self.path / 'sidecar.db'}"

    @property
    def queue(self) -> Path:
        """The embedded Valkey's own folder."""
        return self.path / "valkey"

    @property
    def key(self) -> Path:
        """The file from which the sidecar's own secrets are made."""
        return self.path / "sidecar.key"

    @property
    def former_key(self) -> Path:
        """The key before the last one, until nothing is sealed under it any more."""
        return self.path / "sidecar.key.former"

    @property
    def lock(self) -> Path:
        """The file whose lock says that a sidecar owns the folder."""
        return self.path / "sidecar.lock"


def open_data_folder(path: Path) -> DataFolder:
    """The folder, made if it is missing, readable by its owner only.

    Errors: SettingsError if it cannot be made or written.
    """
    try:
        path.mkdir(mode=0o700, parents=True, exist_ok=True)
        resolved = path.resolve()
        if not os.access(resolved, os.W_OK | os.X_OK):
            raise PermissionError  # one place says what is wrong with the folder
    except OSError as error:
        raise SettingsError(
            f"SIDECAR_DATA_DIR: the folder {path} cannot be made or written ({error.strerror or 'permission denied'})"
        ) from error
    return DataFolder(resolved)


@contextmanager
def own(folder: DataFolder) -> Iterator[None]:
    """The folder is ours until the block ends; the kernel ends it too when the process dies, however it dies.

    Errors: DataFolderBusy, with the other process's number, if another sidecar owns it.
    """
    # The descriptor is closed in children (PEP 446), so a Valkey that outlives us does not hold the lock.
    try:
        descriptor = os.open(folder.lock, os.O_RDWR | os.O_CREAT, 0o600)
    except OSError as error:
        raise SettingsError(f"SIDECAR_DATA_DIR: {folder.lock} cannot be opened ({error.strerror})") from error
    try:
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError as error:
            holder = os.read(descriptor, 32).decode(errors="replace").strip()
            raise DataFolderBusy(f"another sidecar (process {holder or '?'}) already uses {folder.path}") from error
        os.ftruncate(descriptor, 0)
        os.pwrite(descriptor, f"{os.getpid()}\n".encode(), 0)
        yield
    finally:
        os.close(descriptor)


def read_key(folder: DataFolder) -> bytes:
    """The folder's key, 32 random bytes, made when it is first asked for; only the owner of the process can read it.

    Errors: SettingsError if the file cannot be read or made, or holds something else.
    """
    try:
        if not folder.key.exists():
            _write_key(folder.key, token_bytes(KEY_BYTES))
        return _key_in(folder.key)
    except OSError as error:
        raise SettingsError(f"{folder.key} cannot be read or made ({error.strerror})") from error


def stored_keys(folder: DataFolder) -> list[bytes]:
    """The keys that are there, the present one first; none is made.

    Errors: SettingsError if a file cannot be read, or holds something else.
    """
    try:
        return [_key_in(path) for path in (folder.key, folder.former_key) if path.exists()]
    except OSError as error:
        raise SettingsError(f"{folder.key} cannot be read ({error.strerror})") from error


def change_key(folder: DataFolder) -> None:
    """The folder has a new key; the former one stays until forget_former_key. Only for the folder's owner.

    Errors: SettingsError if the present key cannot be read or replaced, or if an earlier change is not over.
    """
    if folder.former_key.exists():
        raise SettingsError("an earlier change of the key is not over: start the sidecar once, and it will be")
    former = read_key(folder)
    try:
        _write_key(folder.former_key, former)
        _write_key(folder.key, token_bytes(KEY_BYTES))
    except OSError as error:
        raise SettingsError(f"{folder.key} cannot be replaced ({error.strerror})") from error


def adopt_key(folder: DataFolder, key: bytes) -> None:
    """What was sealed under this key can be opened here from now on. Only for the folder's owner.

    Shape:  where there is a key already that one stays, and the adopted one counts as a former one.
    Errors: SettingsError if it is no key, if the files cannot be read or written, or if an earlier change of the key is
            not over.
    """
    if len(key) != KEY_BYTES:
        raise SettingsError("the key to adopt is damaged")
    present = stored_keys(folder)
    if key in present:
        return
    if folder.former_key.exists():
        raise SettingsError("an earlier change of the key is not over: start the sidecar once, and it will be")
    try:
        _write_key(folder.former_key if present else folder.key, key)
    except OSError as error:
        raise SettingsError(f"{folder.key} cannot be written ({error.strerror})") from error


def forget_former_key(folder: DataFolder) -> None:
    """Nothing; everything is sealed under the present key."""
    folder.former_key.unlink(missing_ok=True)


def _key_in(path: Path) -> bytes:
    key = path.read_bytes()
    if len(key) != KEY_BYTES:
        raise SettingsError(f"{path} is damaged: take it away, and a new one is made")
    return key


def _write_key(path: Path, key: bytes) -> None:
    """The key's file is there, whole whatever interrupts us. Whoever makes one owns the folder, so nobody else does."""
    unfinished = path.parent / f"{path.name}.new"
    descriptor = os.open(unfinished, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
    with os.fdopen(descriptor, "wb") as file:
        file.write(key)
        file.flush()
        os.fsync(file.fileno())
    unfinished.replace(path)
