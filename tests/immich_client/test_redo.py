"""Immich is asked to do jobs again, talking to an emulated Immich of every generation."""

from __future__ import annotations

from datetime import timedelta

import pytest

from sidecar.demo.immich import JobKind
from sidecar.errors import ImmichRefused, ImmichUnavailable
from sidecar.immich_client import redo
from sidecar.immich_client.client import open_immich
from sidecar.immich_client.permissions import Feature, feature_permissions
from sidecar.immich_client.redo import RedoJob
from sidecar.model import AssetId
from tests.immich_client.scene import NOON, QUICK, UNKNOWN, Scene


def waiting(scene: Scene, kind: JobKind) -> list[str]:
    return [job.asset_id for job in scene.server.jobs.waiting if job.kind is kind]


async def ask(scene: Scene, asset_ids: list[AssetId], job: RedoJob = RedoJob.METADATA) -> frozenset[AssetId]:
    key = scene.server.add_key(scene.ann, feature_permissions(Feature.REDO))
    async with open_immich(scene.server.url, key, retries=QUICK) as immich:
        return await immich.redo(asset_ids, job)


@pytest.mark.parametrize(
    ("job", "kind"),
    [
        pytest.param(RedoJob.METADATA, JobKind.EXTRACT, id="metadata"),
        pytest.param(RedoJob.THUMBNAIL, JobKind.THUMBNAIL, id="thumbnail"),
    ],
)
async def test_the_job_waits_for_each_asset_once(scene: Scene, job: RedoJob, kind: JobKind) -> None:
    assert await ask(scene, [*scene.ids, scene.ids[0]], job) == frozenset()
    assert waiting(scene, kind) == scene.ids


async def test_nothing_is_asked_for_no_assets(scene: Scene) -> None:
    assert await ask(scene, []) == frozenset()
    assert scene.asked("POST", "/assets/jobs") == []


@pytest.mark.parametrize(
    "places",
    [
        pytest.param([0], id="the first"),
        pytest.param([2], id="in the middle"),
        pytest.param([4], id="the last"),
        pytest.param([1, 2, 4], id="several"),
    ],
)
async def test_what_is_gone_or_foreign_costs_no_other_asset(scene: Scene, places: list[int]) -> None:
    strangers = [UNKNOWN, scene.bobs_id, AssetId("ffffffff-0000-4000-8000-00000000000e")][: len(places)]
    ids = list(scene.ids)
    for place, stranger in zip(places, strangers, strict=True):
        ids.insert(place, stranger)
    assert await ask(scene, ids) == set(strangers)
    assert sorted(waiting(scene, JobKind.EXTRACT)) == sorted(scene.ids)


async def test_nothing_but_strangers_is_answered_too(scene: Scene) -> None:
    assert await ask(scene, [UNKNOWN, scene.bobs_id]) == {UNKNOWN, scene.bobs_id}
    assert waiting(scene, JobKind.EXTRACT) == []


async def test_many_assets_are_asked_for_in_parts(scene: Scene, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(redo, "ASSETS_AT_ONCE", 2)
    later = [scene.server.add_asset(scene.ann, f"L{n}.JPG", taken_at=NOON + timedelta(hours=n)) for n in range(2)]
    ids = [*scene.ids, *(AssetId(row.id) for row in later)]
    assert await ask(scene, ids) == frozenset()
    assert len(scene.asked("POST", "/assets/jobs")) == 3
    assert waiting(scene, JobKind.EXTRACT) == ids


async def test_without_the_permission_it_is_refused(scene: Scene) -> None:
    with pytest.raises(ImmichRefused) as caught:
        await scene.immich.redo(scene.ids, RedoJob.METADATA)
    assert caught.value.permission == "job.create"
    assert len(scene.asked("POST", "/assets/jobs")) == 1


async def test_a_server_that_does_not_answer_is_no_sign_of_strangers(scene: Scene) -> None:
    scene.server.fail("POST", "/assets/jobs", status=503, times=9)
    with pytest.raises(ImmichUnavailable):
        await ask(scene, scene.ids)
