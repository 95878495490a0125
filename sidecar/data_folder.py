"""The data folder: what lies where in it, and the lock that gives it one owner at a time."""

from __future__ import annotations

import fcntl
import os
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from sidecar.errors import DataFolderBusy, SettingsError


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
