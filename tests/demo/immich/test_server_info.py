from __future__ import annotations

import pytest

from tests.demo.immich.scene import Scene


@pytest.mark.parametrize(
    ("version", "number", "feature_count", "has_faces"),
    [
        pytest.param("3.1.0", {"major": 3, "minor": 1, "patch": 0, "prerelease": None}, 16, True, id="3.1.0"),
        pytest.param("2.7.5", {"major": 2, "minor": 7, "patch": 5}, 15, False, id="2.7.5"),
    ],
)
async def test_a_server_tells_anyone_what_it_is(
    scene: Scene, number: dict[str, int | None], feature_count: int, *, has_faces: bool
) -> None:
    stranger = scene.client()
    assert (await stranger("GET", "/server/ping")).json() == {"res": "pong"}
    assert (await stranger("GET", "/server/version")).json() == number
    assert len((await stranger("GET", "/server/features")).json()) == feature_count
    assert ("minFaces" in (await stranger("GET", "/server/config")).json()) is has_faces
    assert ".dng" in (await stranger("GET", "/server/media-types")).json()["image"]


async def test_only_users_hear_about_its_parts(scene: Scene) -> None:
    assert (await scene.client()("GET", "/server/about")).status_code == 401
    assert (await scene.api("GET", "/server/about")).json()["version"] == "v3.1.0"
