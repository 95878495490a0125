"""A person with Immich's apps: signed in with a password, and acting and looking by the requests that the apps send."""

from __future__ import annotations

import asyncio
import io
import ssl
from collections.abc import AsyncIterator, Iterable, Iterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from itertools import count
from typing import Any

import httpx
from PIL import Image

from sidecar.model import Visibility

NOON = datetime(2024, 5, 1, 12, tzinfo=UTC)
LISTED = (Visibility.TIMELINE, Visibility.ARCHIVE)

_TLS = ssl.create_default_context()  # reading the certificates anew for every client would take most of the time


def picture(name: str, number: int) -> bytes:
    """A small picture of the format in its name, where nearly every RAW is a TIFF; each number gives other bytes."""
    out = io.BytesIO()
    file_format = {"jpg": "JPEG", "png": "PNG"}.get(name.rpartition(".")[2].lower(), "TIFF")
    Image.new("RGB", (64, 48), (99, 99, 99)).save(out, file_format)
    return out.getvalue() + str(number).encode()  # readers stop at the picture's end


@dataclass
class App:
    """What one user does and sees. Pictures go by their names, which are unique in a scenario."""

    http: httpx.AsyncClient
    uploads: Iterator[int] = field(default_factory=count)

    async def upload(self, *names: str, at_s: float = 0) -> None:
        """Files of one moment, until Immich has read them. No two have the same bytes, whatever their names."""
        taken_at = (NOON + timedelta(seconds=at_s)).isoformat(timespec="milliseconds")
        for name in names:
            number = next(self.uploads)
            words = {
                "deviceAssetId": f"{name}-{number}",
                "deviceId": "phone",
                "fileCreatedAt": taken_at,
                "fileModifiedAt": taken_at,
            }
            files = {"assetData": (name, picture(name, number))}
            made = await self._ask("POST", "/assets", data=words, files=files)
            while (await self._ask("GET", f"/assets/{made['id']}"))["exifInfo"]["modifyDate"] is None:
                await asyncio.sleep(0.002)

    async def stack(self, *names: str) -> None:
        """Puts pictures into one stack; the first is its cover."""
        await self._ask("POST", "/stacks", json={"assetIds": await self._ids(names)})

    async def unstack(self, name: str) -> None:
        """Takes the whole stack of this picture apart."""
        await self._ask("DELETE", f"/stacks/{await self._stack_of(name)}")

    async def unstack_selected(self, *names: str) -> None:
        """Takes the stacks of all selected pictures apart."""
        stack_ids = [await self._stack_of(name) for name in names]
        await self._ask("DELETE", "/stacks", json={"ids": stack_ids})

    async def set_cover(self, name: str) -> None:
        """Makes the picture the cover of its stack."""
        [asset_id] = await self._ids([name])
        await self._ask("PUT", f"/stacks/{await self._stack_of(name)}", json={"primaryAssetId": asset_id})

    async def remove_from_stack(self, name: str) -> None:
        """Takes one picture out of its stack, whose cover it is not."""
        [asset_id] = await self._ids([name])
        await self._ask("DELETE", f"/stacks/{await self._stack_of(name)}/assets/{asset_id}")

    async def trash(self, *names: str) -> None:
        """Moves pictures to the trash."""
        await self._ask("DELETE", "/assets", json={"ids": await self._ids(names)})

    async def restore(self, *names: str) -> None:
        """Takes pictures back out of the trash."""
        await self._ask("POST", "/trash/restore/assets", json={"ids": await self._ids(names)})

    async def delete_for_good(self, *names: str) -> None:
        """Deletes pictures past the trash, until they are gone."""
        asset_ids = await self._ids(names)
        await self._ask("DELETE", "/assets", json={"ids": asset_ids, "force": True})
        while not set(asset_ids).isdisjoint((await self._assets()).values()):
            await asyncio.sleep(0.002)

    async def archive(self, *names: str) -> None:
        """Moves pictures from the timeline to the archive."""
        await self._change(names, visibility=Visibility.ARCHIVE)

    async def unarchive(self, *names: str) -> None:
        """Moves pictures from the archive to the timeline."""
        await self._change(names, visibility=Visibility.TIMELINE)

    async def favourite(self, *names: str) -> None:
        """Gives pictures a heart."""
        await self._change(names, isFavorite=True)

    async def stacks(self) -> list[list[str]]:
        """What Immich shows: the names in each stack, the cover first if it is shown, the others sorted."""
        shown = []
        for stack in await self._ask("GET", "/stacks"):
            others = {asset["id"]: asset["originalFileName"] for asset in stack["assets"]}
            cover = [others.pop(stack["primaryAssetId"])] if stack["primaryAssetId"] in others else []
            shown.append([*cover, *sorted(others.values())])
        return sorted(shown)

    async def _change(self, names: Iterable[str], **changes: Any) -> None:
        await self._ask("PUT", "/assets", json={"ids": await self._ids(names), **changes})

    async def _ids(self, names: Iterable[str]) -> list[str]:
        known = await self._assets()
        return [known[name] for name in names]

    async def _stack_of(self, name: str) -> str:
        [asset_id] = await self._ids([name])
        shown = {asset["id"]: stack["id"] for stack in await self._ask("GET", "/stacks") for asset in stack["assets"]}
        return str(shown[asset_id])

    async def _assets(self) -> dict[str, str]:
        """The id of every picture, trashed ones too, by name."""
        found: dict[str, str] = {}
        for visibility in LISTED:
            number: str | None = "1"
            while number is not None:
                body = {"visibility": visibility, "withDeleted": True, "size": 1000, "page": int(number)}
                page = (await self._ask("POST", "/search/metadata", json=body))["assets"]
                found |= {asset["originalFileName"]: asset["id"] for asset in page["items"]}
                number = page["nextPage"]
        return found

    async def _ask(self, method: str, path: str, **request: Any) -> Any:
        response = await self.http.request(method, path, **request)
        response.raise_for_status()
        return response.json() if response.content else None


@asynccontextmanager
async def open_app(api_url: str, *, email: str, password: str) -> AsyncIterator[App]:
    """The app of this user, signed in by the cookie that Immich gives."""
    async with httpx.AsyncClient(base_url=api_url, trust_env=False, verify=_TLS) as http:
        response = await http.post("/auth/login", json={"email": email, "password": password})
        response.raise_for_status()
        yield App(http)
