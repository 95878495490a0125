"""A PostgreSQL cluster of the tests' own, where the server is installed: on a unix socket, in a temporary folder."""

from __future__ import annotations

import asyncio
import os
import pwd
import shutil
import subprocess
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from threading import Thread

from sidecar.storage.database import open_database

_MIGRATED = "migrated"


@dataclass(frozen=True, slots=True)
class PostgresCluster:
    """A running server; databases are made from its template."""

    programs: Path
    socket_folder: Path
    data: Path
    options: str

    def start(self) -> None:
        """It runs."""
        log = self.socket_folder / "log"
        _run([self.programs / "pg_ctl", "-D", self.data, "-w", "-l", log, "-o", self.options, "start"])

    def stop(self) -> None:
        """It does not run any more, as after a power cut."""
        _run([self.programs / "pg_ctl", "-D", self.data, "-w", "-m", "immediate", "stop"])

    def new_database(self, name: str) -> str:
        """The address of a new, empty database, in which nobody has made tables."""
        return self._new(name, "template1")

    def migrated_database(self, name: str) -> str:
        """The address of a new database with empty tables of the newest schema."""
        return self._new(name, _MIGRATED)

    def make_template(self) -> None:
        """Makes what migrated_database copies; several hundred tests need it, and migrating takes a while."""
        url = self.new_database(_MIGRATED)

        async def migrate() -> None:
            async with open_database(url):
                pass

        # A fixture that asks for us may stand in a running loop.
        thread = Thread(target=lambda: asyncio.run(migrate()))
        thread.start()
        thread.join()

    def _new(self, name: str, template: str) -> str:
        _run([self.programs / "createdb", "-h", self.socket_folder, "-U", "postgres", "-T", template, name])
        return f"postgresql+asyncpg://postgres@/{name}?host={self.socket_folder}"


def find_postgres() -> Path | None:
    """The folder of initdb and its kin, None where the server is not installed."""
    on_path = shutil.which("initdb")
    found = [*sorted(Path("/usr/lib/postgresql").glob("*/bin"), reverse=True)]
    found += [Path(on_path).resolve().parent] if on_path else []
    return next((folder for folder in found if (folder / "initdb").exists() and (folder / "createdb").exists()), None)


@contextmanager
def running_cluster(programs: Path) -> Iterator[PostgresCluster]:
    """A cluster that runs until the block ends."""
    # pytest's own folders are closed to other users, and PostgreSQL refuses to run as root.
    home = Path(tempfile.mkdtemp(prefix="pg-"))
    if os.getuid() == 0:
        shutil.chown(home, "postgres")
    data = home / "data"
    _run([programs / "initdb", "-D", data, "-A", "trust", "-U", "postgres", "--no-sync", "-E", "UTF8"])
    options = f"-k {home} -c listen_addresses='' -c fsync=off -c full_page_writes=off -c max_connections=200"
    cluster = PostgresCluster(programs, home, data, options)
    cluster.start()
    cluster.make_template()
    try:
        yield cluster
    finally:
        cluster.stop()
        shutil.rmtree(home, ignore_errors=True)


def _run(command: list[Path | str]) -> None:
    user = "postgres" if os.getuid() == 0 else pwd.getpwuid(os.getuid()).pw_name
    subprocess.run([str(word) for word in command], check=True, capture_output=True, user=user, cwd="/", timeout=60)
