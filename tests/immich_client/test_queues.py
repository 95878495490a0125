"""What Immich's queues tell, talking to an emulated Immich of every generation."""

from __future__ import annotations

from typing import Any

import pytest
import respx

from sidecar.demo.immich import JobKind
from sidecar.errors import ImmichUnavailable
from sidecar.immich_client.client import open_immich
from sidecar.immich_client.permissions import Feature, feature_permissions
from tests.immich_client.scene import QUICK, Scene

IDLE = dict.fromkeys(("active", "completed", "failed", "delayed", "waiting", "paused"), 0)


async def test_queues_with_jobs_are_busy_and_idle_again_when_these_are_done(scene: Scene) -> None:
    admin = scene.server.add_user("Root", is_admin=True)
    key = scene.server.add_key(admin, feature_permissions(Feature.QUEUES))
    async with open_immich(scene.server.url, key, retries=QUICK) as immich:
        assert await immich.busy_queues() == frozenset()
        scene.server.jobs.add(JobKind.EXTRACT, scene.ids[0])
        scene.server.jobs.add(JobKind.THUMBNAIL, scene.ids[1])
        scene.server.jobs.pause(JobKind.THUMBNAIL)
        assert await immich.busy_queues() == frozenset({"metadataExtraction", "thumbnailGeneration"})
        scene.server.jobs.resume()
        await scene.server.run_jobs()
        assert await immich.busy_queues() == frozenset()


@pytest.mark.parametrize(
    ("is_admin", "permissions"),
    [
        pytest.param(False, {"all"}, id="no administrator"),
        pytest.param(True, {"job.read"}, id="without the permission"),
    ],
)
async def test_who_may_not_look_is_told_nothing(scene: Scene, *, is_admin: bool, permissions: set[str]) -> None:
    key = scene.server.add_key(scene.server.add_user("Eve", is_admin=is_admin), permissions)
    async with open_immich(scene.server.url, key, retries=QUICK) as immich:
        assert await immich.busy_queues() is None


@pytest.mark.parametrize(
    ("statistics", "is_busy"),
    [
        *(pytest.param({state: 1}, True, id=state) for state in ("active", "delayed", "waiting", "paused")),
        *(pytest.param({state: 9}, False, id=state) for state in ("completed", "failed")),
    ],
)
async def test_what_is_over_keeps_no_queue_busy(
    statistics: dict[str, Any], *, is_busy: bool, respx_mock: respx.MockRouter
) -> None:
    queue = {"name": "ocr", "isPaused": not is_busy, "statistics": {**IDLE, **statistics}}
    respx_mock.get("http://immich/api/queues").respond(json=[queue, {**queue, "name": "b", "statistics": IDLE}])
    async with open_immich("http://immich", "geheim") as immich:
        assert await immich.busy_queues() == frozenset({"ocr"} if is_busy else ())


async def test_a_server_that_does_not_answer_is_not_taken_for_a_refusal(scene: Scene) -> None:
    scene.server.fail("GET", "/queues", status=503, times=9)
    with pytest.raises(ImmichUnavailable):
        await scene.immich.busy_queues()
