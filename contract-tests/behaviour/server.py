"""A server under test, emulated or live, and the people who use it by nothing but its public API."""

from __future__ import annotations

import asyncio
import io
import os
import random
import time
from collections.abc import AsyncIterator, Iterable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import Any
from uuid import uuid4

import httpx
from PIL import ExifTags, Image

from openapi.pin import published_text
from openapi.validation import pin_of, pins
from sidecar.demo.immich import EmulatedImmich
from sidecar.immich_client.contract.description import version_numbers

LIVE = "live"
PASSWORD = "password"
_LATEST_S = 60.0
"""How long a live server may take for its background jobs."""
_LOOK_EVERY_S = 0.1
_QUIET_S = 2.0
"""What has not changed for so long has been done with."""
_SIDE_PX = 256


@dataclass(frozen=True)
class LiveServer:
    """A throw-away server, as the environment names it."""

    url: str
    email: str
    password: str


def live_server() -> LiveServer | None:
    """The server that IMMICH_CONTRACT_URL, _EMAIL and _PASSWORD name, None if they name none."""
    url = os.environ.get("IMMICH_CONTRACT_URL", "")
    email = os.environ.get("IMMICH_CONTRACT_EMAIL", "admin@example.com")
    return LiveServer(url.rstrip("/"), email, os.environ.get("IMMICH_CONTRACT_PASSWORD", PASSWORD)) if url else None


def servers() -> list[str]:
    """What the suite runs on: the emulated server in every pinned version, and the live one if there is one."""
    return [*(pin.immich for pin in pins()), *([LIVE] if live_server() else [])]


@dataclass
class Person:
    """Somebody signed in; `ask` acts as them by their session, or by a key of theirs."""

    server: Server
    id: str
    email: str
    token: str

    @property
    def session(self) -> dict[str, str]:
        """What the session shows."""
        return {"authorization": f"Bearer {self.token}"}

    async def ask(self, method: str, path: str, *, status: int = 200, key: str | None = None, **sent: Any) -> Any:
        """The answer's JSON, None without a body; the answer has to be of this status."""
        shown = self.session if key is None else {"x-api-key": key}
        answer = await self.server.send(method, path, headers={**shown, **sent.pop("headers", {})}, **sent)
        assert answer.status_code == status, f"{method} {path}: {answer.status_code} {answer.text[:500]}"
        return answer.json() if answer.content and "json" in answer.headers.get("content-type", "") else None

    async def refused(self, method: str, path: str, **sent: Any) -> httpx.Response:
        """The answer, which has to be a refusal."""
        answer = await self.server.send(method, path, headers=self.session, **sent)
        assert httpx.codes.is_client_error(answer.status_code), f"{method} {path}: {answer.status_code}"
        return answer

    async def key(self, *permissions: str) -> str:
        """The secret of a new key with these permissions."""
        made = await self.ask("POST", "/api-keys", status=201, json={"name": "suite", "permissions": [*permissions]})
        secret: str = made["secret"]
        return secret

    async def upload(self, name: str, *, taken: str = "2024-05-01T10:00:00.000Z", data: bytes | None = None) -> str:
        """The id of a new picture, as soon as the server has looked at it."""
        [asset_id] = await self.upload_all(name, taken=taken, data=data)
        return asset_id

    async def upload_all(
        self, *names: str, taken: str = "2024-05-01T10:00:00.000Z", data: bytes | None = None
    ) -> list[str]:
        """The ids of new pictures, as soon as the server has looked at all of them."""
        ids = []
        for name in names:
            form = {"deviceAssetId": name, "deviceId": "suite", "fileCreatedAt": taken, "fileModifiedAt": taken}
            files = {"assetData": (name, data or picture(taken=taken))}
            ids.append((await self.ask("POST", "/assets", status=201, data=form, files=files))["id"])
        for asset_id in ids:
            await self.until(lambda asset: asset["thumbhash"] and asset["exifInfo"]["make"], asset_id)
        return ids

    async def asset(self, asset_id: str) -> Any:
        """The asset as it is now."""
        return await self.ask("GET", f"/assets/{asset_id}")

    async def until(self, holds: Any, asset_id: str) -> Any:
        """The asset, as soon as the condition holds of it."""
        until_s = time.monotonic() + _LATEST_S
        while not holds(asset := await self.asset(asset_id)):
            assert time.monotonic() < until_s, f"it never came: {asset}"
            await asyncio.sleep(_LOOK_EVERY_S)
        return asset

    async def settled(self, *asset_ids: str) -> None:
        """Returns when the server's background jobs have nothing more to do with these assets."""
        if self.server.emulated is not None:
            await self.server.emulated.settle()
            return
        before: list[str] = []
        while before != (before := [(await self.asset(each))["updatedAt"] for each in asset_ids]):  # noqa: ASYNC110  # elsewhere
            await asyncio.sleep(_QUIET_S)

    async def stack(self, *asset_ids: str) -> str:
        """The id of a new stack of these."""
        made = await self.ask("POST", "/stacks", status=201, json={"assetIds": [*asset_ids]})
        stack_id: str = made["id"]
        return stack_id

    async def members(self, stack_id: str) -> tuple[str, set[str]]:
        """Who is the primary of a stack, and who is in it."""
        stack = await self.ask("GET", f"/stacks/{stack_id}")
        return stack["primaryAssetId"], {asset["id"] for asset in stack["assets"]}


@dataclass
class Server:
    """One server; `admin` may make people."""

    url: str
    version: tuple[int, ...]
    http: httpx.AsyncClient
    emulated: EmulatedImmich | None
    admin: Person = field(init=False)

    @property
    def is_live(self) -> bool:
        """Whether it is a real one."""
        return self.emulated is None

    async def send(self, method: str, path: str, **sent: Any) -> httpx.Response:
        """The answer, whatever it is; nothing is shown but what `sent` shows."""
        self.http.cookies.clear()
        return await self.http.request(method, f"/api{path}", **sent)

    async def person(self, name: str = "Ann") -> Person:
        """A new account, signed in."""
        email = f"{name.lower()}-{uuid4().hex[:12]}@example.com"
        account = {"email": email, "password": PASSWORD, "name": name}
        made = await self.admin.ask("POST", "/admin/users", status=201, json=account)
        return await self.sign_in(email, PASSWORD, made["id"])

    async def sign_in(self, email: str, password: str, user_id: str = "") -> Person:
        """Whoever has this account, with a session."""
        answer = await self.send("POST", "/auth/login", json={"email": email, "password": password})
        assert answer.status_code == httpx.codes.CREATED, answer.text
        return Person(self, user_id or answer.json()["userId"], email, answer.json()["accessToken"])


@asynccontextmanager
async def serving(name: str) -> AsyncIterator[Server]:
    """The server of this name: a pinned version, or the live one."""
    live = live_server() if name == LIVE else None
    if live is not None:
        async with httpx.AsyncClient(base_url=live.url, timeout=60.0) as http:
            told = (await http.get("/api/server/version")).json()
            server = Server(live.url, (told["major"], told["minor"], told["patch"]), http, None)
            server.admin = await server.sign_in(live.email, live.password)
            yield server
        return
    async with EmulatedImmich(name) as immich, httpx.AsyncClient(base_url=immich.url) as http:
        immich.state.description = published(name)
        immich.add_user("Admin", is_admin=True)
        server = Server(immich.url, version_numbers(name), http, immich)
        server.admin = await server.sign_in("admin@example.com", PASSWORD)
        yield server


def published(version: str) -> bytes:
    """What a server of this pinned version says of its own API."""
    return published_text(pin_of(version)).encode()


def picture(*, taken: str = "2024-05-01T10:00:00.000Z") -> bytes:
    """A JPEG unlike any other, with the time and a camera in it."""
    exif = Image.Exif()
    exif[ExifTags.Base.Make], exif[ExifTags.Base.Model] = "Canon", "EOS R5"
    moment = f"{taken[:10].replace('-', ':')} {taken[11:19]}"
    exif.get_ifd(ExifTags.IFD.Exif)[ExifTags.Base.DateTimeOriginal] = moment
    noise = random.Random(uuid4().int).randbytes(16 * 16 * 3)  # noqa: S311  # a picture, no secret
    image = Image.frombytes("RGB", (16, 16), noise).resize((_SIDE_PX, _SIDE_PX))
    out = io.BytesIO()
    image.save(out, "JPEG", exif=exif)
    return out.getvalue()


def ids_of(assets: Iterable[dict[str, Any]]) -> list[str]:
    """The ids of assets, in their order."""
    return [asset["id"] for asset in assets]
