"""One emulated server with one user: what most tests of its API start from."""

from __future__ import annotations

import ssl
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import Any

import httpx

from sidecar.demo.immich import EmulatedImmich
from sidecar.demo.immich.rows import AssetRow, UserRow

_TLS = ssl.create_default_context()  # reading the certificates anew for every client would take most of the time

NOON = datetime(2024, 5, 1, 12, tzinfo=UTC)

Picture = Callable[..., bytes]


class Client:
    """Requests below /api with one credential."""

    def __init__(self, immich: EmulatedImmich, headers: dict[str, str]) -> None:
        self.immich = immich
        self._http = httpx.AsyncClient(base_url=immich.api_url, headers=headers, trust_env=False, verify=_TLS)

    async def __call__(self, method: str, path: str, json: Any = None, **more: Any) -> httpx.Response:
        response = await self._http.request(method, path, json=json, **more)
        self._http.cookies.clear()
        return response

    async def names_found(self, **body: Any) -> list[str]:
        response = await self("POST", "/search/metadata", body)
        return [asset["originalFileName"] for asset in response.json()["assets"]["items"]]

    async def close(self) -> None:
        await self._http.aclose()


class Scene:
    """A server, Ann, her client, and assets by name."""

    def __init__(self, immich: EmulatedImmich) -> None:
        self.immich = immich
        self.ann: UserRow = immich.add_user("Ann")
        self._clients: list[Client] = []
        self.api = self.client(headers={"x-api-key": immich.add_key(self.ann)})

    def client(self, *, headers: dict[str, str] | None = None) -> Client:
        self._clients.append(Client(self.immich, headers or {}))
        return self._clients[-1]

    def client_of(self, user: UserRow, *permissions: str) -> Client:
        return self.client(headers={"x-api-key": self.immich.add_key(user, permissions or ("all",))})

    def asset(
        self, name: str = "IMG_0001.JPG", *, at_s: float = 0, owner: UserRow | None = None, **facts: Any
    ) -> AssetRow:
        taken_at = NOON + timedelta(seconds=at_s)
        return self.immich.add_asset(owner or self.ann, name, taken_at=taken_at, **facts)

    def assets(self, count: int) -> list[AssetRow]:
        return [self.asset(f"IMG_{number:04}.JPG", at_s=number) for number in range(count)]

    async def close(self) -> None:
        for client in self._clients:
            await client.close()
