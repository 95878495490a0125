"""A connected user on an emulated Immich with the real jobs and a real database: what the job tests start from."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

from sidecar.accounts.connected import Account
from sidecar.demo.immich import EmulatedImmich
from sidecar.demo.immich.rows import AssetRow, StackRow, UserRow
from sidecar.immich_client.client import open_immich
from sidecar.immich_client.transport import Retries
from sidecar.jobs.apply import apply
from sidecar.jobs.context import JobContext
from sidecar.jobs.pair import pair
from sidecar.jobs.remember import remember
from sidecar.jobs.sync import sync
from sidecar.model import OwnerId
from sidecar.storage import journal, scans
from sidecar.storage.database import open_database
from sidecar.storage.journal import ActionState
from sidecar.storage.scans import Scan

NOON = datetime(2024, 5, 1, 12, tzinfo=UTC)


class Clock:
    """A clock that goes only when told to, from the real now: lease and retry times need no waiting."""

    def __init__(self) -> None:
        self.now_ms = int(datetime.now(UTC).timestamp() * 1000)

    def __call__(self) -> int:
        self.now_ms += 1
        return self.now_ms

    def advance(self, *, seconds: float) -> None:
        self.now_ms += round(seconds * 1000)


@dataclass
class Library:
    """One user's library and the sidecar's jobs for it."""

    immich: EmulatedImmich
    user: UserRow
    context: JobContext
    clock: Clock

    @property
    def owner_id(self) -> OwnerId:
        return OwnerId(self.user.id)

    def shoot(self, *names: str, at_s: float = 0, **facts: Any) -> list[AssetRow]:
        """Files of one moment, as if Immich had read them."""
        taken_at = NOON + timedelta(seconds=at_s)
        return [self.immich.add_asset(self.user, name, taken_at=taken_at, **facts) for name in names]

    async def request(self) -> Scan:
        async with self.context.database.write() as connection:
            return await scans.request(connection, self.owner_id, now_ms=self.clock())

    async def sync(self) -> Scan:
        scan = await self.request()
        await sync(self.context, self.owner_id)
        async with self.context.database.read() as connection:
            return await scans.get(connection, self.owner_id, scan.id)

    async def pair(self) -> None:
        await pair(self.context, self.owner_id)

    async def apply(self) -> None:
        await apply(self.context, self.owner_id)

    async def scan(self) -> Scan:
        """Everything that one scan does, until nothing is due."""
        scan = await self.sync()
        for _ in range(3):
            await self.pair()
            await self.apply()
            await remember(self.context, self.owner_id)
            self.clock.advance(seconds=2)
        return scan

    def stacks(self) -> list[list[str]]:
        """What Immich shows: the names in each stack, the primary first."""
        assets = self.immich.state.assets
        shown = []
        for stack in self.immich.stacks_of(self.user):
            members = sorted(row.name for row in assets.values() if row.stack_id == stack.id)
            primary = assets[stack.primary_id].name
            shown.append([primary, *(name for name in members if name != primary)])
        return sorted(shown)

    def only_stack(self) -> StackRow:
        (stack,) = self.immich.stacks_of(self.user)
        return stack

    def writes(self) -> list[str]:
        """Every request that changed something."""
        return [
            f"{call.method} {call.path}"
            for call in self.immich.calls
            if call.method != "GET" and not call.path.startswith("/search/")
        ]

    async def journal(self) -> list[tuple[ActionState, str | None]]:
        async with self.context.database.read() as connection:
            entries = await journal.since(connection, self.owner_id, since_ms=0)
            return [(entry.state, entry.error) for entry in entries]


@asynccontextmanager
async def open_library(
    folder: Path, *, version: str = "3.1.0", seed: int = 0, attempts: int = 1, **context: Any
) -> AsyncIterator[Library]:
    """An empty library of the user Ann."""
    clock = Clock()
    async with (
        EmulatedImmich(version, seed=seed) as immich,
        open_database(f"sqlite+aiosqlite:///{folder / 'sidecar.db'}") as database,
    ):
        user = immich.add_user("Ann")
        retries = Retries(attempts=attempts, first_pause_s=0)
        async with open_immich(immich.url, immich.add_key(user), retries=retries) as client:
            account = Account(await client.me(), client)
            jobs = JobContext(database=database, accounts={account.user.id: account}, now_ms=clock)
            yield Library(immich, user, replace(jobs, **context), clock)
