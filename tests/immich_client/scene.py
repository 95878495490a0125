"""An emulated Immich with three of Ann's assets and one of Bob's, and a client that may do just what it has to."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

from sidecar.demo.immich import Call, EmulatedImmich
from sidecar.demo.immich.rows import AssetRow, StackRow, UserRow
from sidecar.immich_client.client import Immich, open_immich, required_permissions
from sidecar.immich_client.transport import Retries
from sidecar.model import AssetId, StackId

NOON = datetime(2024, 5, 1, 12, tzinfo=UTC)
UNKNOWN = AssetId("ffffffff-0000-4000-8000-00000000000f")
GROUP = "aaaaaaaa-0000-4000-8000-00000000000a"
QUICK = Retries(attempts=3, first_pause_s=0.0)


@dataclass(frozen=True)
class Scene:
    """Ann's Immich, her client with just the permissions that it needs, three assets, and Bob with one."""

    server: EmulatedImmich
    immich: Immich
    ann: UserRow
    bob: UserRow
    rows: list[AssetRow]
    bobs: AssetRow

    @property
    def ids(self) -> list[AssetId]:
        return [AssetId(row.id) for row in self.rows]

    @property
    def bobs_id(self) -> AssetId:
        return AssetId(self.bobs.id)

    def stack(self, *rows: AssetRow) -> tuple[StackId, StackRow]:
        made = self.server.stack(self.ann, *rows)
        return StackId(made.id), made

    def asked(self, method: str, path: str = "*") -> list[Call]:
        return self.server.traffic.calls_of(method, path)

    def does(self, rule: str) -> bool:
        return self.server.state.behaviour.does(rule)


@asynccontextmanager
async def open_scene(version: str) -> AsyncIterator[Scene]:
    async with EmulatedImmich(version, job_delay_s=None) as server:
        ann, bob = server.add_user("Ann"), server.add_user("Bob")
        key = server.add_key(ann, required_permissions())
        rows = [
            server.add_asset(ann, f"IMG_{number}.JPG", taken_at=NOON + timedelta(seconds=number)) for number in range(3)
        ]
        bobs = server.add_asset(bob, "B.JPG", taken_at=NOON)
        async with open_immich(server.url, key, retries=QUICK) as immich:
            yield Scene(server, immich, ann, bob, rows, bobs)
