"""Years with Immich in short: a person's app, and a sidecar that scans, stops, loses its database and starts again."""

from __future__ import annotations

import shutil
import sqlite3
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager, closing
from dataclasses import dataclass, field
from pathlib import Path

from sidecar.accounts.connected import Account
from sidecar.demo.immich import EmulatedImmich
from sidecar.demo.immich.rows import UserRow
from sidecar.immich_client.client import open_immich
from sidecar.immich_client.transport import Retries
from sidecar.jobs.context import JobContext
from sidecar.jobs.sweep import forget_wrong_times, release_leases
from sidecar.storage import work
from sidecar.storage.database import open_database
from tests.jobs.household import Clock, Library
from tests.scenarios.app import App, open_app


@dataclass
class Life:
    """One user's Immich with the sidecar beside it, from `start` to `stop`. The app acts, the sidecar scans."""

    immich: EmulatedImmich
    user: UserRow
    app: App
    folder: Path
    clock: Clock = field(default_factory=Clock)
    _running: tuple[Library, AsyncExitStack] | None = None

    @property
    def library(self) -> Library:
        """The running sidecar."""
        assert self._running is not None
        return self._running[0]

    async def start(self) -> None:
        """Starts the sidecar on the database as it is; without one, on a new one."""
        async with AsyncExitStack() as stack:
            database = await stack.enter_async_context(open_database(f"sqlite+aiosqlite:///{self._file}"))
            key = self.immich.add_key(self.user)
            client = await stack.enter_async_context(
                open_immich(self.immich.url, key, retries=Retries(attempts=1, first_pause_s=0))
            )
            account = Account(await client.me(), client)
            context = JobContext(database=database, accounts={account.user.id: account}, now_ms=self.clock)
            await release_leases(context)
            await forget_wrong_times(context)
            self._running = Library(self.immich, self.user, context, self.clock), stack.pop_all()

    async def stop(self) -> None:
        """Stops the sidecar."""
        if self._running is not None:
            await self._running[1].aclose()
            self._running = None

    def back_up(self) -> Path:
        """A copy of the running sidecar's database at this moment."""
        copy = self.folder / "backup.db"
        with closing(sqlite3.connect(self._file)) as connection:
            connection.execute("VACUUM INTO ?", (str(copy),))
        return copy

    async def put_back(self, copy: Path | None) -> None:
        """Starts the sidecar anew on the copy or, without one, with nothing at all."""
        await self.stop()
        for left in self.folder.glob(f"{self._file.name}*"):
            left.unlink()
        if copy is not None:
            shutil.copy(copy, self._file)
        await self.start()

    async def go_on(self, scans: int = 2) -> list[str]:
        """What the sidecar did to stacks in so many scans. One more finds nothing left to write, of any kind."""
        written = await self._written(scans)
        assert await self._written(1) == []
        return [write for write in written if "/stacks" in write]

    async def mark_everything(self) -> None:
        """Lets every name be looked at anew, as a change of rules does."""
        async with self.library.context.database.write() as connection:
            await work.mark_all(connection, self.library.owner_id)

    async def memory(self) -> dict[str, int]:
        """How many groups, decisions and writes are on record."""
        async with self.library.context.database.read() as connection:
            counted = {
                table: await connection.exec_driver_sql(f"SELECT count(*) FROM {table}")
                for table in ("groups", "decisions", "actions")
            }
            return {table: rows.scalar_one() for table, rows in counted.items()}

    @property
    def _file(self) -> Path:
        return self.folder / "sidecar.db"

    async def _written(self, scans: int) -> list[str]:
        before = len(self.library.writes())
        for _ in range(scans):
            await self.library.scan()
        return self.library.writes()[before:]


@asynccontextmanager
async def open_life(folder: Path, *, version: str) -> AsyncIterator[Life]:
    """Ann, her app, and a sidecar that has just started."""
    async with EmulatedImmich(version) as immich:
        user = immich.add_user("Ann", password="a secret of Ann")
        async with open_app(immich.api_url, email=user.email, password="a secret of Ann") as app:
            life = Life(immich, user, app, folder)
            await life.start()
            try:
                yield life
            finally:
                await life.stop()
