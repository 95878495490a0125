from __future__ import annotations

from typing import Any

import pytest

from tests.demo.immich.scene import Client, Scene

UNKNOWN = "ffffffff-0000-4000-8000-00000000000f"
PATH = "/admin/notifications"


@pytest.fixture
def admin(scene: Scene) -> Client:
    return scene.client_of(scene.immich.add_user("Admin", is_admin=True))


async def test_what_an_administrator_tells_is_at_the_users_bell(scene: Scene, admin: Client) -> None:
    body = {"userId": scene.ann.id, "title": "Hello", "description": "New", "type": "SystemMessage", "level": "success"}
    answer = await admin("POST", PATH, body)
    assert answer.status_code == 201
    told = answer.json()
    assert {name: told[name] for name in ("title", "description", "type", "level")} == {
        "title": "Hello", "description": "New", "type": "SystemMessage", "level": "success",
    }  # fmt: skip
    [row] = scene.immich.told(scene.ann)
    assert told["id"] == row.id


async def test_what_is_left_out_has_a_default_or_is_left_out_of_the_answer(scene: Scene, admin: Client) -> None:
    told = (await admin("POST", PATH, {"userId": scene.ann.id, "title": "Hello"})).json()
    assert (told["type"], told["level"]) == ("Custom", "info")
    assert "description" not in told


@pytest.mark.parametrize(
    ("change", "status"),
    [
        pytest.param({"userId": UNKNOWN}, 500, id="nobody"),
        pytest.param({"userId": "ann"}, 400, id="no id"),
        pytest.param({"title": None}, 400, id="no title"),
        pytest.param({"type": "Gossip"}, 400, id="unknown type"),
        pytest.param({"level": "loud"}, 400, id="unknown level"),
    ],
)
async def test_what_makes_no_sense_is_refused(scene: Scene, admin: Client, change: dict[str, Any], status: int) -> None:
    answer = await admin("POST", PATH, {"userId": scene.ann.id, "title": "Hello"} | change)
    assert answer.status_code == status
    assert scene.immich.told(scene.ann) == []


async def test_only_administrators_whose_key_holds_everything_may(scene: Scene) -> None:
    body = {"userId": scene.ann.id, "title": "Hello"}
    admin = scene.immich.add_user("Admin", is_admin=True)
    for client in (scene.api, scene.client_of(admin, "notification.create")):
        assert (await client("POST", PATH, body)).status_code == 403
