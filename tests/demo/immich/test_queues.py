from __future__ import annotations

import asyncio
from typing import Any

import pytest

from sidecar.demo.immich import EmulatedImmich, JobKind, Trigger
from tests.demo.immich.receiver import Receiver
from tests.demo.immich.scene import Client, Picture, Scene

UNKNOWN = "ffffffff-0000-4000-8000-00000000000f"


@pytest.fixture
def admin(scene: Scene) -> Client:
    return scene.client_of(scene.immich.add_user("Admin", is_admin=True))


async def busy(admin: Client) -> dict[str, dict[str, int]]:
    """Queue -> its states that are not 0; both answers say the same."""
    queues = (await admin("GET", "/queues")).json()
    legacy = (await admin("GET", "/jobs")).json()
    assert {each["name"]: each["statistics"] for each in queues} == {
        name: each["jobCounts"] for name, each in legacy.items()
    }
    assert {each["name"]: each["isPaused"] for each in queues} == {
        name: each["queueStatus"]["isPaused"] for name, each in legacy.items()
    }
    for each in legacy.values():
        assert each["queueStatus"]["isActive"] is (each["jobCounts"]["active"] > 0)
    counts = {each["name"]: {state: n for state, n in each["statistics"].items() if n} for each in queues}
    return {name: each for name, each in counts.items() if each}


async def test_waiting_jobs_are_counted_until_they_are_done(scene: Scene, admin: Client, picture: Picture) -> None:
    assert await busy(admin) == {}
    row = scene.immich.upload(scene.ann, "a.jpg", picture())
    scene.immich.upload(scene.ann, "b.cr2", b"broken")
    assert await busy(admin) == {"metadataExtraction": {"waiting": 2}}
    await scene.immich.run_jobs(JobKind.EXTRACT)
    assert await busy(admin) == {"thumbnailGeneration": {"waiting": 2}}
    await scene.api("PUT", f"/assets/{row.id}", {"description": "sea"})
    scene.immich.delete_for_good(row)
    assert await busy(admin) == {
        "thumbnailGeneration": {"waiting": 2},
        "sidecar": {"waiting": 1},
        "backgroundTask": {"waiting": 1},
    }
    await scene.immich.run_jobs()
    assert await busy(admin) == {}


async def test_the_job_that_is_being_done_is_active(scene: Scene, admin: Client, picture: Picture) -> None:
    seen = []
    scene.immich.upload(scene.ann, "a.jpg", picture())
    scene.immich.state.listeners.append(lambda _: seen.append([job.kind for job in scene.immich.jobs.active]))
    running = asyncio.create_task(scene.immich.run_jobs(JobKind.EXTRACT))
    await asyncio.sleep(0)
    assert [job.kind for job in scene.immich.jobs.active] == [JobKind.EXTRACT]
    await running
    assert seen == [[JobKind.EXTRACT]]
    assert await busy(admin) == {"thumbnailGeneration": {"waiting": 1}}


async def test_a_job_that_waits_for_its_time_is_delayed() -> None:
    async with EmulatedImmich(job_delay_s=60) as immich:
        ann = immich.add_user(is_admin=True)
        admin = Client(immich, {"x-api-key": immich.add_key(ann)})
        for number in range(3):
            immich.upload(ann, f"{number}.jpg", bytes([number]))
        assert await busy(admin) == {"metadataExtraction": {"delayed": 1, "waiting": 2}}
        await admin.close()


async def test_paused_jobs_wait(picture: Picture) -> None:
    async with EmulatedImmich() as immich:
        ann = immich.add_user(is_admin=True)
        admin = Client(immich, {"x-api-key": immich.add_key(ann)})
        immich.jobs.pause(JobKind.THUMBNAIL)
        row = immich.upload(ann, "a.jpg", picture())
        await immich.settle()
        assert await busy(admin) == {"thumbnailGeneration": {"paused": 1}}
        assert await immich.run_jobs() == 0
        [queue] = [each for each in (await admin("GET", "/queues")).json() if each["isPaused"]]
        assert queue["name"] == "thumbnailGeneration"
        immich.jobs.resume()
        await immich.settle()
        assert row.thumbhash is not None
        assert await busy(admin) == {}
        await admin.close()


async def test_workflows_on_their_way_are_counted(scene: Scene, admin: Client) -> None:
    async with Receiver() as receiver:
        receiver.gate.clear()
        scene.immich.workflow(scene.ann, receiver.url, trigger=Trigger.CREATED)
        for number in range(7):
            scene.immich.upload(scene.ann, f"{number}.jpg", bytes([number]))
        await scene.immich.run_jobs()
        while len(receiver.received) < 5:
            await asyncio.sleep(0.01)
        assert await busy(admin) == {"workflow": {"active": 5, "waiting": 2}}
        receiver.gate.set()
        await scene.immich.settle()
        assert await busy(admin) == {}


@pytest.mark.parametrize(
    ("version", "count", "has_integrity"), [("2.5.6", 18, False), ("2.7.5", 18, False), ("3.0.3", 19, True)]
)
async def test_each_version_has_its_queues(admin: Client, count: int, *, has_integrity: bool) -> None:
    names = [each["name"] for each in (await admin("GET", "/queues")).json()]
    assert len(names) == len(set(names)) == count
    assert ("integrityCheck" in names) is has_integrity


@pytest.mark.parametrize(("path", "permission"), [("/queues", "queue.read"), ("/jobs", "job.read")])
async def test_queues_are_shown_to_admins_alone(scene: Scene, path: str, permission: str) -> None:
    answer = await scene.api("GET", path)
    assert (answer.status_code, answer.json()) == (403, {"message": "Forbidden"})
    boss = scene.immich.add_user("Admin", is_admin=True)
    answer = await scene.client_of(boss, "asset.read")("GET", path)
    assert (answer.status_code, answer.json()["message"]) == (403, f"Missing required permission: {permission}")
    assert (await scene.client_of(boss, permission)("GET", path)).status_code == 200


async def ask_for(client: Client, name: str, *asset_ids: str) -> Any:
    return await client("POST", "/assets/jobs", {"assetIds": list(asset_ids), "name": name})


@pytest.mark.parametrize(
    ("name", "kind"),
    [
        pytest.param("refresh-metadata", JobKind.EXTRACT, id="metadata"),
        pytest.param("regenerate-thumbnail", JobKind.THUMBNAIL, id="thumbnail"),
        pytest.param("refresh-faces", JobKind.FACES, id="faces"),
        pytest.param("transcode-video", JobKind.TRANSCODE, id="video"),
    ],
)
async def test_jobs_may_be_asked_for(scene: Scene, name: str, kind: JobKind) -> None:
    rows = scene.assets(2)
    answer = await ask_for(scene.api, name, *(row.id for row in rows))
    assert (answer.status_code, answer.content) == (204, b"")
    assert [(job.kind, job.asset_id) for job in scene.immich.jobs.waiting] == [(kind, row.id) for row in rows]
    assert await scene.immich.run_jobs() == 2


@pytest.mark.parametrize(
    ("body", "message"),
    [
        pytest.param({"assetIds": [], "name": "nope"}, "Validation failed", id="no such job"),
        pytest.param({"assetIds": []}, "Validation failed", id="no job"),
        pytest.param({"assetIds": ["nope"], "name": "refresh-faces"}, "Validation failed", id="no id"),
        pytest.param({"name": "refresh-faces"}, "Validation failed", id="no ids"),
        pytest.param(
            {"assetIds": [UNKNOWN], "name": "refresh-faces"}, "Not found or no asset.update access", id="unknown id"
        ),
    ],
)
async def test_bad_wishes_are_refused(scene: Scene, body: dict[str, Any], message: str) -> None:
    answer = await scene.api("POST", "/assets/jobs", body)
    assert (answer.status_code, answer.json()["message"]) == (400, message)


async def test_one_foreign_asset_refuses_all(scene: Scene) -> None:
    own = scene.asset()
    foreign = scene.asset(owner=scene.immich.add_user("Bob"))
    assert (await ask_for(scene.api, "refresh-metadata", own.id, foreign.id)).status_code == 400
    assert list(scene.immich.jobs.waiting) == []


async def test_asking_needs_its_permission(scene: Scene) -> None:
    row = scene.asset()
    answer = await ask_for(scene.client_of(scene.ann, "asset.update"), "refresh-metadata", row.id)
    assert (answer.status_code, answer.json()["message"]) == (403, "Missing required permission: job.create")
    assert (await ask_for(scene.client_of(scene.ann, "job.create"), "refresh-metadata", row.id)).status_code == 204
