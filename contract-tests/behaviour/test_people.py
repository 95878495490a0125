"""Signing in, keys, and two people who have nothing to do with each other."""

from __future__ import annotations

from typing import Any

import msgspec
import pytest

from behaviour.differences import of
from behaviour.samples import CALLS, FOR_ADMINISTRATORS
from behaviour.server import PASSWORD, Person, Server
from sidecar.immich_client._generated import facts

NOBODYS = "6834964f-3d21-4f9f-8c21-bc6ad75c6fb6"
# Operations whose permission was another one in older versions: operation -> the difference.
OTHERWISE = {
    "addSharedLinkAssets": "a key may add to a link",
    "removeSharedLinkAssets": "a key may take from a link",
}


async def test_signing_in_gives_a_session_that_ends_with_signing_out(server: Server, ann: Person) -> None:
    """A session is shown as Bearer or as cookie, and ends with signing out"""
    assert (await ann.ask("GET", "/users/me"))["email"] == ann.email
    cookie = {"cookie": f"immich_access_token={ann.token}"}
    assert (await server.send("GET", "/users/me", headers=cookie)).json()["id"] == ann.id
    await ann.ask("POST", "/auth/logout")
    assert (await ann.refused("GET", "/users/me")).status_code == 401


async def test_a_wrong_password_is_refused(server: Server, ann: Person) -> None:
    """A wrong password is refused, in the words of the version"""
    answer = await server.send("POST", "/auth/login", json={"email": ann.email, "password": f"{PASSWORD}!"})
    assert answer.status_code == 401
    assert answer.json().keys() == of(server, "the keys of a refusal")
    assert answer.json()["message"] == "Incorrect email or password"


async def test_nobody_is_nobody(server: Server) -> None:
    """Without a credential, or with an unknown one, nothing is told"""
    for shown in ({}, {"x-api-key": "unknown"}, {"authorization": "Bearer unknown"}):
        assert (await server.send("GET", "/users/me", headers=shown)).status_code == 401
        assert (await server.send("GET", "/stacks", headers=shown)).status_code == 401


async def test_a_key_is_made_told_and_taken_back(ann: Person) -> None:
    """A key tells what it may do, shows itself once, and ends when it is deleted"""
    wanted = ["asset.read", "stack.read"]
    made = await ann.ask("POST", "/api-keys", status=201, json={"name": "Sidecar", "permissions": wanted})
    told = await ann.ask("GET", "/api-keys/me", key=made["secret"])
    assert (told["id"], told["name"], sorted(told["permissions"])) == (made["apiKey"]["id"], "Sidecar", wanted)
    assert [each["id"] for each in await ann.ask("GET", "/api-keys")] == [told["id"]]
    await ann.ask("DELETE", f"/api-keys/{told['id']}", status=204)
    await ann.ask("GET", "/api-keys/me", status=401, key=made["secret"])


@pytest.mark.timeout(180)
async def test_every_operation_needs_its_permission_and_no_other(server: Server, ann: Person) -> None:
    """Each operation fails without its permission and works with it"""
    every = set().union(*facts.PERMISSIONS.values())
    asked = 0
    for name, (call, *_) in CALLS.items():
        permissions = facts.PERMISSIONS[name]
        if name in OTHERWISE and of(server, OTHERWISE[name]) == "all":
            permissions = frozenset({"all"})
        known = server.version >= tuple(map(int, facts.SINCE[name].split(".")))
        if not permissions or not known or name in FOR_ADMINISTRATORS:
            continue
        sent: dict[str, Any] = {"params": dict(call.query)}
        if call.body is not None:
            sent["json"] = msgspec.json.decode(call.body)
        others = {each for each in every - permissions if not each.startswith("workflow") or server.version >= (3,)}
        without, exactly = await ann.key(*others), await ann.key(*permissions)
        refused = await server.send(call.method, call.path, headers={"x-api-key": without}, **sent)
        assert refused.status_code == 403, name
        assert refused.json()["message"] == f"Missing required permission: {min(permissions)}"
        allowed = await server.send(call.method, call.path, headers={"x-api-key": exactly}, **sent)
        # What it is about does not exist: that it is looked for is all that is wanted here.
        assert allowed.status_code not in {401, 403}, f"{name}: {allowed.text}"
        assert allowed.status_code < 500 or name == "updateAssets", f"{name}: {allowed.text}"
        asked += 1
    assert asked > 35


async def test_only_administrators_see_queues_and_ring_bells(server: Server, ann: Person) -> None:
    """Queues and the bell of others are for administrators"""
    told = {"userId": ann.id, "title": "There is something", "description": "Look.", "level": "info", "type": "Custom"}
    assert (await ann.refused("GET", "/queues")).status_code == 403
    assert (await ann.refused("POST", "/admin/notifications", json=told)).status_code == 403
    assert any(queue["name"] == "metadataExtraction" for queue in await server.admin.ask("GET", "/queues"))
    await server.admin.ask("POST", "/admin/notifications", status=201, json=told)
    assert [each["title"] for each in await ann.ask("GET", "/notifications")] == ["There is something"]


async def test_nobody_reaches_somebody_elses_photos(ann: Person, bob: Person) -> None:
    """Another user's assets and stacks are answered like those that do not exist"""
    hers = await ann.upload_all("a.jpg", "b.jpg")
    stack_id = await ann.stack(*hers)
    attempts: list[tuple[str, str, Any]] = [
        ("GET", f"/assets/{hers[0]}", None),
        ("GET", f"/stacks/{stack_id}", None),
        ("PUT", f"/stacks/{stack_id}", {"primaryAssetId": hers[1]}),
        ("DELETE", f"/stacks/{stack_id}", None),
        ("DELETE", f"/stacks/{stack_id}/assets/{hers[1]}", None),
        ("POST", "/stacks", {"assetIds": hers}),
        ("PUT", "/assets", {"ids": hers, "duplicateId": NOBODYS}),
        ("PUT", f"/assets/{hers[0]}", {"isFavorite": True}),
        ("DELETE", "/assets", {"ids": hers}),
        ("POST", "/trash/restore/assets", {"ids": hers}),
        ("PUT", "/assets/metadata", {"items": [{"assetId": hers[0], "key": "suite", "value": {}}]}),
    ]
    for method, path, body in attempts:
        answer = await bob.refused(method, path, **({} if body is None else {"json": body}))
        assert answer.status_code == 400, (method, path)
        assert "Not found or no" in str(answer.json()["message"]), (method, path)
    assert await ann.members(stack_id) == (hers[0], set(hers))
    assert (await ann.asset(hers[0]))["isFavorite"] is False
