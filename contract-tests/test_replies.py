"""What the emulated Immich answers is what every pinned description promises, so that it cannot drift into fiction."""

from __future__ import annotations

import io
from datetime import UTC, datetime
from typing import Any

import httpx
import pytest
from PIL import Image

from openapi.validation import answer_faults, operation_at, pin_of, pins, request_faults
from sidecar.demo.immich import EmulatedImmich

NOON = datetime(2024, 5, 1, 12, tzinfo=UTC)


class Watched:
    """A client of one user that holds each request and each answer against the pin of the server's version."""

    def __init__(self, client: httpx.AsyncClient, version: str) -> None:
        self._client = client
        self._pin = pin_of(version)
        self.seen: set[str] = set()
        self.faults: list[str] = []

    def pins(self, operation: str) -> bool:
        """Whether the version's pin has the operation."""
        return operation in self._pin.operations

    async def __call__(self, method: str, path: str, **request: Any) -> Any:
        self._client.cookies.clear()
        answer = await self._client.request(method, f"/api{path}", **request)
        assert answer.is_success, f"{method} {path}: {answer.text}"
        operation = operation_at(self._pin, method, path)
        assert operation is not None, f"{method} {path} is not pinned"
        is_json = answer.headers.get("content-type", "").partition(";")[0] == "application/json"
        body = answer.json() if is_json else None
        self.seen.add(operation)
        self.faults += [
            f"{operation}: {fault}" for fault in answer_faults(self._pin, operation, answer.status_code, body)
        ]
        if "files" not in request:
            place = {
                part[1:-1]: value
                for part, value in zip(self._pin.operations[operation].path.split("/"), path.split("/"), strict=True)
                if part.startswith("{")
            }
            self.faults += [
                f"{operation} request: {fault}"
                for fault in request_faults(
                    self._pin, operation, path=place, query=request.get("params"), body=request.get("json")
                )
            ]
        return body


def picture(colour: str) -> bytes:
    buffer = io.BytesIO()
    Image.new("RGB", (640, 480), colour).save(buffer, "JPEG")
    return buffer.getvalue()


@pytest.mark.parametrize("version", [pin.immich for pin in pins()])
async def test_a_day_with_the_emulated_immich_is_as_described(version: str) -> None:
    async with EmulatedImmich(version) as immich, httpx.AsyncClient(base_url=immich.url) as client:
        admin = immich.add_user("Admin", is_admin=True)
        client.headers["x-api-key"] = immich.add_key(admin)
        ask = Watched(client, version)
        ids = await upload(ask, immich)
        await look_around(ask, ids)
        await stack(ask, ids)
        await note(ask, ids)
        await gather(ask, immich, ids)
        await decide(ask, ids)
        await automate(ask, ids)
        await people(ask)
    assert ask.faults == []
    # Nothing that is pinned for the emulator or called by us stays unseen.
    assert ask.seen == set(pin_of(version).operations)


async def upload(ask: Watched, immich: EmulatedImmich) -> list[str]:
    ids = []
    moment = NOON.isoformat().replace("+00:00", "Z")
    for name in ("red", "green", "blue", "white"):
        form = {"deviceAssetId": name, "deviceId": "test", "fileCreatedAt": moment, "fileModifiedAt": moment}
        files = {"assetData": (f"{name}.jpg", picture(name))}
        ids.append((await ask("POST", "/assets", data=form, files=files))["id"])
    await immich.settle()
    return ids


async def look_around(ask: Watched, ids: list[str]) -> None:
    own = ("/users/me", "/users/me/preferences", "/api-keys/me", "/notifications")
    for path in ("/server/version", "/server/ping", "/server/features", *own):
        await ask("GET", path)
    await ask("GET", "/assets/statistics")
    await ask("GET", f"/assets/{ids[0]}")
    await ask("GET", f"/assets/{ids[0]}/thumbnail", params={"size": "thumbnail"})
    await ask("GET", f"/assets/{ids[0]}/original")
    await ask("POST", "/search/metadata", json={"visibility": "timeline", "withExif": True, "page": 1, "size": 2})
    await ask("POST", "/search/metadata", json={"visibility": "timeline", "updatedAfter": "2020-01-01T00:00:00.000Z"})
    await ask("POST", "/search/statistics", json={"visibility": "timeline"})


async def stack(ask: Watched, ids: list[str]) -> None:
    made = await ask("POST", "/stacks", json={"assetIds": ids[:3]})
    stack_id = made["id"]
    await ask("GET", "/stacks")
    await ask("GET", "/stacks", params={"primaryAssetId": ids[0]})
    await ask("GET", f"/stacks/{stack_id}")
    await ask("GET", f"/assets/{ids[1]}")
    buckets = await ask("GET", "/timeline/buckets", params={"withStacked": "true", "visibility": "timeline"})
    bucket = {"timeBucket": buckets[0]["timeBucket"], "withStacked": "true", "visibility": "timeline"}
    await ask("GET", "/timeline/bucket", params=bucket)
    await ask("PUT", f"/stacks/{stack_id}", json={"primaryAssetId": ids[1]})
    await ask("DELETE", f"/stacks/{stack_id}/assets/{ids[2]}")
    await ask("DELETE", f"/stacks/{stack_id}")
    again = await ask("POST", "/stacks", json={"assetIds": ids[:2]})
    await ask("DELETE", "/stacks", json={"ids": [again["id"]]})


async def note(ask: Watched, ids: list[str]) -> None:
    value = {"group": "g1", "members": [1, {"deep": None}]}
    await ask("GET", f"/assets/{ids[0]}/metadata")
    await ask("PUT", f"/assets/{ids[0]}/metadata", json={"items": [{"key": "ä/b", "value": value}]})
    await ask("GET", f"/assets/{ids[0]}/metadata/%C3%A4%2Fb")
    items = [{"assetId": asset_id, "key": "immich-sidecar", "value": value} for asset_id in ids]
    await ask("PUT", "/assets/metadata", json={"items": items})
    await ask("GET", f"/assets/{ids[0]}/metadata")
    await ask("DELETE", f"/assets/{ids[0]}/metadata/immich-sidecar")
    items = [{"assetId": asset_id, "key": "immich-sidecar"} for asset_id in ids]
    await ask("DELETE", "/assets/metadata", json={"items": items})


async def gather(ask: Watched, immich: EmulatedImmich, ids: list[str]) -> None:
    """Albums, tags and links, one's own and those of somebody else."""
    bob = immich.add_user("Bob")
    admin = next(user for user in immich.state.users.values() if user.name == "Admin")
    immich.album(bob, "Bob's", viewers=[admin])
    immich.share_timeline(bob, admin)
    users = [{"userId": bob.id, "role": "editor"}]
    album = await ask("POST", "/albums", json={"albumName": "Trip", "assetIds": ids[:1], "albumUsers": users})
    await ask("POST", "/albums", json={"albumName": "Empty"})
    await ask("PUT", f"/albums/{album['id']}/assets", json={"ids": [ids[0], ids[1], bob.id]})
    await ask("GET", "/albums")
    await ask("GET", "/albums", params={"assetId": ids[1]})
    found = {"albumIds": [album["id"]], "visibility": "timeline"}
    assert len((await ask("POST", "/search/metadata", json=found))["assets"]["items"]) == 2
    for link in ({"type": "INDIVIDUAL", "assetIds": ids[:2]}, {"type": "ALBUM", "albumId": album["id"]}):
        link_id = (await ask("POST", "/shared-links", json=link))["id"]
        await ask("GET", f"/shared-links/{link_id}")
    [_, individual] = await ask("GET", "/shared-links")
    await ask("PUT", f"/shared-links/{individual['id']}/assets", json={"assetIds": ids[1:3]})
    await ask("DELETE", f"/shared-links/{individual['id']}/assets", json={"assetIds": ids[2:]})
    await ask("GET", "/albums")
    await ask("DELETE", f"/albums/{album['id']}/assets", json={"ids": ids[1:3]})
    [tag] = await ask("PUT", "/tags", json={"tags": ["holiday/sea"]})
    await ask("PUT", f"/tags/{tag['id']}/assets", json={"ids": [ids[0], ids[0]]})
    await ask("GET", "/tags")
    await ask("GET", f"/assets/{ids[0]}")
    await ask("DELETE", f"/tags/{tag['id']}/assets", json={"ids": ids[:2]})
    await ask("PUT", "/assets/copy", json={"sourceId": ids[0], "targetId": ids[3], "stack": False})
    for direction in ("shared-with", "shared-by"):
        await ask("GET", "/partners", params={"direction": direction})


async def decide(ask: Watched, ids: list[str]) -> None:
    duplicate_id = "5d2c7a63-4a1a-4df3-9a27-20a8f0a3c7cd"
    await ask("PUT", "/assets", json={"ids": ids[:2], "duplicateId": duplicate_id})
    await ask("GET", "/duplicates")
    if ask.pins("resolveDuplicates"):
        group = {"duplicateId": duplicate_id, "keepAssetIds": ids[:2], "trashAssetIds": []}
        await ask("POST", "/duplicates/resolve", json={"groups": [group | {"keepAssetIds": []}]})
        await ask("POST", "/duplicates/resolve", json={"groups": [group]})
    await ask("PUT", f"/assets/{ids[0]}", json={"isFavorite": True})
    await ask("PUT", f"/assets/{ids[0]}", json={"rating": 4, "description": "a", "latitude": 1.5, "longitude": -7})
    await ask("DELETE", "/assets", json={"ids": [ids[3]]})
    await ask("GET", f"/assets/{ids[3]}")
    await ask("POST", "/trash/restore/assets", json={"ids": [ids[3]]})


async def automate(ask: Watched, ids: list[str]) -> None:
    """Jobs on every version, workflows from that on which has their steps."""
    for name in ("refresh-metadata", "regenerate-thumbnail", "refresh-faces", "transcode-video"):
        await ask("POST", "/assets/jobs", json={"assetIds": ids[:2], "name": name})
    await ask("GET", "/queues")
    await ask("GET", "/jobs")
    if not ask.pins("createWorkflow"):
        return
    await ask("GET", "/workflows/triggers")
    await ask("GET", "/plugins/methods", params={"name": "webhook"})
    step = {"method": "immich-plugin-core#webhook", "enabled": True, "config": {"url": "http://127.0.0.1:9/hook"}}
    body = {"name": "Sidecar", "trigger": "AssetMetadataExtraction", "enabled": True, "steps": [step]}
    workflow = await ask("POST", "/workflows", json=body)
    await ask("POST", "/workflows", json={"trigger": "AssetCreate"})
    await ask("GET", f"/workflows/{workflow['id']}")
    await ask("PUT", f"/workflows/{workflow['id']}", json={"enabled": False, "steps": [step, step | {"config": None}]})
    await ask("PUT", f"/workflows/{workflow['id']}", json={"name": None, "trigger": "AssetCreate"})
    await ask("GET", "/workflows")
    await ask("DELETE", f"/workflows/{workflow['id']}")


async def people(ask: Watched) -> None:
    login = await ask("POST", "/auth/login", json={"email": "Admin@example.com", "password": "password"})
    assert login["accessToken"]
    session = {"headers": {"authorization": f"Bearer {login['accessToken']}"}}
    await ask("POST", "/sessions", json={"deviceType": "test"}, **session)
    await ask("POST", "/sync/stream", json={"types": ["StacksV1"]}, **session)
    await ask("POST", "/sync/ack", json={"acks": ["StackV1|01a2037e-c063-7e7c-ae4c-8c4b3b0642cc"]}, **session)
    ann = await ask("POST", "/admin/users", json={"email": "ann@example.com", "password": "password", "name": "Ann"})
    told = {"userId": ann["id"], "title": "Hello", "description": "There is something.", "level": "info"}
    await ask("POST", "/admin/notifications", json=told)
    await ask("POST", "/admin/notifications", json={"userId": ann["id"], "title": "Hello", "type": "SystemMessage"})
    made = await ask("POST", "/api-keys", json={"name": "sidecar", "permissions": ["asset.read"]})
    await ask("GET", "/api-keys")
    await ask("DELETE", f"/api-keys/{made['apiKey']['id']}")
