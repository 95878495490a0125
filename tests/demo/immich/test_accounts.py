from __future__ import annotations

from typing import Any

import pytest

from tests.demo.immich.scene import Scene


async def test_login_gives_token_and_cookies_whatever_the_case_of_the_address(scene: Scene) -> None:
    stranger = scene.client()
    response = await stranger("POST", "/auth/login", {"email": "ANN@example.com", "password": "password"})
    assert response.status_code == 201
    cookies = response.headers.get_list("set-cookie")
    assert [cookie.partition("=")[0] for cookie in cookies] == [
        "immich_access_token",
        "immich_auth_type",
        "immich_is_authenticated",
    ]
    assert ["HttpOnly" in cookie for cookie in cookies] == [True, True, False]
    bearer = {"authorization": f"Bearer {response.json()['accessToken']}"}
    assert (await stranger("GET", "/users/me", headers=bearer)).json()["name"] == "Ann"


@pytest.mark.parametrize(
    ("body", "status"),
    [
        pytest.param({"email": "ann@example.com", "password": "wrong"}, 401, id="wrong password"),
        pytest.param({"email": "nobody@example.com", "password": "password"}, 401, id="unknown address"),
        pytest.param({"email": "ann", "password": "password"}, 400, id="no address"),
        pytest.param({"email": "ann@example.com"}, 400, id="no password"),
    ],
)
async def test_bad_logins_are_refused(scene: Scene, body: dict[str, Any], status: int) -> None:
    assert (await scene.client()("POST", "/auth/login", body)).status_code == status


async def test_logout_ends_the_session_and_no_key(scene: Scene) -> None:
    session = scene.client(headers={"authorization": f"Bearer {scene.immich.add_session(scene.ann)}"})
    for client in (session, scene.api):
        assert (await client("POST", "/auth/validateToken")).json() == {"authStatus": True}
        assert (await client("POST", "/auth/logout")).json()["successful"] is True
    assert (await session("GET", "/users/me")).json() == {"message": "Invalid user token"}
    assert (await scene.api("GET", "/users/me")).status_code == 200


async def test_only_the_first_sign_up_makes_an_admin(scene: Scene) -> None:
    body = {"email": "root@example.com", "password": "password", "name": "Root"}
    assert (await scene.client()("GET", "/server/config")).json()["isInitialized"] is False
    first = await scene.client()("POST", "/auth/admin-sign-up", body)
    assert (first.status_code, first.json()["isAdmin"]) == (201, True)
    again = await scene.client()("POST", "/auth/admin-sign-up", {**body, "email": "other@example.com"})
    assert again.json() == {"message": "The server already has an admin"}


async def test_admins_make_users_and_others_do_not(scene: Scene) -> None:
    admin = scene.client_of(scene.immich.add_user("Admin", is_admin=True))
    body = {"email": "bob@example.com", "password": "password", "name": "Bob", "isAdmin": False}
    assert (await scene.api("POST", "/admin/users", body)).json() == {"message": "Forbidden"}
    assert (await admin("POST", "/admin/users", body)).json()["name"] == "Bob"
    assert (await admin("POST", "/admin/users", body)).json() == {"message": "Email is not available"}
    narrow = scene.client_of(scene.immich.add_user("Other", is_admin=True), "user.read")
    refused = await narrow("POST", "/admin/users", body)
    assert refused.json() == {"message": "Missing required permission: adminUser.create"}


async def test_keys_hand_on_only_what_they_hold(scene: Scene) -> None:
    narrow = scene.client_of(scene.ann, "apiKey.create", "asset.read")
    refused = await narrow("POST", "/api-keys", {"permissions": ["stack.create"]})
    assert refused.json() == {"message": "Cannot grant permissions you do not have"}
    made = (await narrow("POST", "/api-keys", {"permissions": ["asset.read"]})).json()
    assert (made["apiKey"]["name"], made["apiKey"]["permissions"]) == ("API Key", ["asset.read"])
    fresh = scene.client(headers={"x-api-key": made["secret"]})
    assert (await fresh("GET", "/api-keys/me")).json() == made["apiKey"]
    session = scene.client(headers={"authorization": f"Bearer {scene.immich.add_session(scene.ann)}"})
    assert (await session("GET", "/api-keys/me")).json() == {"message": "Not authenticated with an API Key"}
    assert (await fresh("GET", "/stacks")).json() == {"message": "Missing required permission: stack.read"}


async def test_keys_are_listed_newest_first_and_deleted_by_their_owner_only(scene: Scene) -> None:
    made = (await scene.api("POST", "/api-keys", {"name": "new", "permissions": ["asset.read"]})).json()
    assert [key["name"] for key in (await scene.api("GET", "/api-keys")).json()] == ["new", "key"]
    path = f"/api-keys/{made['apiKey']['id']}"
    bob = scene.client_of(scene.immich.add_user("Bob"))
    assert (await bob("DELETE", path)).json() == {"message": "API Key not found"}
    assert (await scene.api("DELETE", path)).status_code == 204
    assert (await scene.client(headers={"x-api-key": made["secret"]})("GET", "/users/me")).status_code == 401


async def test_a_revoked_key_is_refused(scene: Scene) -> None:
    secret = scene.immich.add_key(scene.ann)
    scene.immich.revoke_key(secret)
    response = await scene.client(headers={"x-api-key": secret})("GET", "/users/me")
    assert response.json() == {"message": "Invalid API key"}


async def test_partners_are_told_by_direction(scene: Scene) -> None:
    bob, eve = scene.immich.add_user("Bob"), scene.immich.add_user("Eve")
    scene.immich.share_timeline(bob, scene.ann, in_timeline=False)
    scene.immich.share_timeline(scene.ann, eve)
    found = {}
    for direction in ("shared-with", "shared-by"):
        answer = (await scene.api("GET", "/partners", params={"direction": direction})).json()
        found[direction] = [(partner["id"], partner["inTimeline"]) for partner in answer]
    assert found == {"shared-with": [(bob.id, False)], "shared-by": [(eve.id, True)]}
    assert (await scene.api("GET", "/partners")).status_code == 400
