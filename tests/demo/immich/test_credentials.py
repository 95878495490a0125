from __future__ import annotations

import pytest

from sidecar.model import Visibility
from tests.demo.immich.scene import Scene


@pytest.mark.parametrize(
    ("credentials", "expected"),
    [
        pytest.param("key=x header:x-api-key=ann", "Invalid share key", id="a share key beats all"),
        pytest.param("header:x-immich-share-slug=x header:x-api-key=ann", "Invalid share key", id="so does a slug"),
        pytest.param("header:x-immich-user-token=bob header:authorization=ann", "Bob", id="user token beats Bearer"),
        pytest.param("sessionKey=bob header:authorization=ann", "Bob", id="session query beats Bearer"),
        pytest.param("header:authorization=ann header:cookie=bob", "Ann", id="Bearer beats cookie"),
        pytest.param("header:cookie=bob header:x-api-key=ann", "Bob", id="a cookie beats a key"),
        pytest.param("header:cookie=wrong header:x-api-key=ann", "Invalid user token", id="even a wrong cookie"),
        pytest.param("header:x-api-key=ann apiKey=bob", "Ann", id="key header beats key query"),
        pytest.param("apiKey=bob", "Bob", id="key query"),
        pytest.param("header:basic=x header:x-api-key=ann", "Ann", id="other schemes are ignored"),
        pytest.param("", "Authentication required", id="nobody"),
    ],
)
async def test_the_strongest_credential_decides(scene: Scene, credentials: str, expected: str) -> None:
    users = {"ann": scene.ann, "bob": scene.immich.add_user("Bob")}
    headers, query = {}, {}
    for each in credentials.split():
        place, _, who = each.rpartition("=")
        user = users.get(who)
        is_key = place.lower().endswith("apikey") or place.endswith("x-api-key")
        value = who if user is None else scene.immich.add_key(user) if is_key else scene.immich.add_session(user)
        match place:
            case "header:authorization":
                headers["authorization"] = f"Bearer {value}"
            case "header:basic":
                headers["authorization"] = f"Basic {value}"
            case "header:cookie":
                headers["cookie"] = f"immich_access_token={value}"
            case _ if place.startswith("header:"):
                headers[place.removeprefix("header:")] = value
            case _:
                query[place] = value
    answer = (await scene.client()("GET", "/users/me", headers=headers, params=query)).json()
    assert expected in {answer.get("name"), answer.get("message")}


async def test_partners_look_but_do_not_touch(scene: Scene) -> None:
    bob = scene.immich.add_user("Bob")
    shown, archived, trashed = (scene.asset(f"{name}.jpg", owner=bob) for name in ("shown", "archived", "trashed"))
    path = f"/assets/{shown.id}"
    assert (await scene.api("GET", path)).status_code == 400
    scene.immich.share_timeline(bob, scene.ann, in_timeline=False)
    assert (await scene.api("GET", path)).status_code == 200
    assert (await scene.api("PUT", path, {"isFavorite": True})).status_code == 400
    scene.immich.set_visibility(archived, Visibility.ARCHIVE)
    scene.immich.trash(trashed)
    for row in (archived, trashed):
        assert (await scene.api("GET", f"/assets/{row.id}")).status_code == 400
