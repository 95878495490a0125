from __future__ import annotations

from dataclasses import replace
from typing import Any

from aiohttp.test_utils import TestClient, TestServer

from sidecar.accounts.connecting import KEY_NAME
from sidecar.app import build_app
from sidecar.immich_client.permissions import required_permissions
from sidecar.storage.tables import scans
from tests.builders import count_rows
from tests.handlers.conftest import BASE, Household, Person


def stranger(household: Household, *, is_admin: bool = False) -> Person:
    user = household.immich.add_user("Eve", is_admin=is_admin)
    return Person(user, household.immich.add_session(user), household)


async def test_somebody_connects_and_leaves_again(household: Household) -> None:
    eve = stranger(household)
    assert (await eve.get("/connection"))["key"] == "none"
    answer = await eve.ask("POST", "/connection", json={})
    assert answer.status == 200, await answer.text()
    told = await answer.json()
    assert (told["is_connected"], told["key"], told["missing"]) == (True, "works", [])
    (key,) = (each for each in household.immich.state.api_keys.values() if each.name.startswith(KEY_NAME))
    assert required_permissions() <= set(key.permissions) == set(told["wanted"])
    assert key.secret not in await answer.text()
    household.immich.revoke_key(key.secret)
    assert (await eve.get("/connection"))["key"] == "refused"
    assert (await eve.ask("DELETE", "/connection?forget=true")).status == 204
    assert eve.owner_id not in household.services.accounts.connected
    assert (await eve.get("/connection"))["connected_at_ms"] is None


async def test_who_is_not_connected_any_more_may_still_be_forgotten(household: Household) -> None:
    eve = stranger(household)
    assert (await eve.ask("POST", "/connection", json={})).status == 200
    assert (await eve.ask("DELETE", "/connection")).status == 204
    # What was asked for in time is remembered until they say otherwise.
    database = household.services.database
    async with database.read() as connection:
        assert await count_rows(connection, scans, eve.owner_id) == 1
    household.immich.calls.clear()
    assert (await eve.ask("DELETE", "/connection?forget=true")).status == 204
    assert not household.immich.traffic.calls_of("*", "/workflows*")
    async with database.read() as connection:
        assert await count_rows(connection, scans, eve.owner_id) == 0


async def test_everything_is_asked_for_only_when_said(household: Household) -> None:
    eve = stranger(household)
    assert (await eve.ask("POST", "/connection", json={"everything": True})).status == 200
    (key,) = (each for each in household.immich.state.api_keys.values() if each.name.startswith(KEY_NAME))
    assert set(key.permissions) == {"all"}


async def test_who_was_connected_by_the_servers_owner_changes_nothing(ann: Person) -> None:
    assert await ann.refused("POST", "/connection", json={}) == (409, "headless")
    assert await ann.refused("DELETE", "/connection") == (409, "headless")
    told = await ann.get("/connection")
    assert (told["is_headless"], told["is_connected"], told["can_connect"]) == (True, True, False)


async def test_a_key_that_may_make_no_keys_connects_nobody(household: Household) -> None:
    eve = stranger(household)
    narrow = household.immich.add_key(eve.user, ["user.read"])
    url = "/side/api/connection"
    answer = await household.client.post(url, json={}, headers={"x-api-key": narrow})
    assert answer.status == 403
    assert eve.owner_id not in household.services.accounts.connected


async def test_only_administrators_see_everybody_in_numbers(household: Household, ann: Person) -> None:
    ann.shoot("SECRET_NAME.CR2", "SECRET_NAME.JPG")
    await ann.scan()
    assert (await ann.refused("GET", "/overview"))[0] == 403
    admin = stranger(household, is_admin=True)
    told = await admin.get("/overview")
    assert [(each["name"], each["assets"], each["stacks"]) for each in told["users"]] == [("Ann", 2, 1), ("Bob", 0, 0)]
    assert "SECRET_NAME" not in str(told)


async def test_without_a_secret_nobody_connects(household: Household) -> None:
    carol = household.immich.add_user("Carol")
    services = replace(household.services, vault=None)
    headers = {"Authorization": f"Bearer {household.immich.add_session(carol)}"}
    async with TestClient(TestServer(build_app(services))) as client:
        for method in ("POST", "DELETE"):
            body: dict[str, Any] = {"json": {}} if method == "POST" else {}
            answer = await client.request(method, f"{BASE}/api/connection", headers=headers, **body)
            assert (answer.status, (await answer.json())["code"]) == (409, "no_secret")
        told = await (await client.get(f"{BASE}/api/connection", headers=headers)).json()
        assert not told["can_connect"]
