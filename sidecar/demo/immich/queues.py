"""The job queues as an admin sees them, and jobs that a user asks for. The jobs themselves are background.py's."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable
from typing import Any

from aiohttp import web

from sidecar.demo.immich.background import Job, JobKind, Jobs
from sidecar.demo.immich.credentials import own_assets
from sidecar.demo.immich.routing import Ask, Operation, no_content, reply
from sidecar.demo.immich.versions import Behaviour
from sidecar.demo.immich.webhooks import Webhooks

_WORKFLOW = "workflow"
_INTEGRITY_CHECK = "integrityCheck"
_QUEUES = (
    "thumbnailGeneration",
    "metadataExtraction",
    "videoConversion",
    "faceDetection",
    "facialRecognition",
    "smartSearch",
    "duplicateDetection",
    "backgroundTask",
    "storageTemplateMigration",
    "migration",
    "search",
    "sidecar",
    "library",
    "notifications",
    "backupDatabase",
    "ocr",
    _WORKFLOW,
    _INTEGRITY_CHECK,
    "editor",
)
_QUEUE_OF = {
    JobKind.EXTRACT: "metadataExtraction",
    JobKind.THUMBNAIL: "thumbnailGeneration",
    JobKind.DELETE: "backgroundTask",
    JobKind.SIDECAR: "sidecar",
    JobKind.FACES: "faceDetection",
    JobKind.TRANSCODE: "videoConversion",
}
_ASSET_JOBS = {
    "refresh-faces": JobKind.FACES,
    "refresh-metadata": JobKind.EXTRACT,
    "regenerate-thumbnail": JobKind.THUMBNAIL,
    "transcode-video": JobKind.TRANSCODE,
}
# The states that a job can be in; done and failed ones are forgotten.
_STATES = ("active", "completed", "failed", "delayed", "waiting", "paused")


def operations(webhooks: Webhooks) -> tuple[Operation, ...]:
    """The operations; running workflows are webhooks."""
    return (
        Operation("GET", "/queues", _queues(webhooks), "queue.read", admin_only=True),
        Operation("GET", "/jobs", _legacy_queues(webhooks), "job.read", admin_only=True),
        Operation("POST", "/assets/jobs", _run_asset_jobs, "job.create"),
    )


def _names(behaviour: Behaviour) -> list[str]:
    return [name for name in _QUEUES if name != _INTEGRITY_CHECK or behaviour.does("integrity_queue")]


def _count(jobs: Jobs, webhooks: Webhooks) -> Counter[tuple[str, str]]:
    """How many jobs there are, by queue and state.

    Source: recordings queues, jobs-legacy: what is over, well or badly, is not counted.
    """
    counts: Counter[tuple[str, str]] = Counter(
        {(_WORKFLOW, "active"): webhooks.active, (_WORKFLOW, "waiting"): webhooks.waiting}
    )
    counts.update((_QUEUE_OF[job.kind], "active") for job in jobs.active)
    counts.update((_QUEUE_OF[job.kind], _state(job, jobs)) for job in jobs.waiting)
    if jobs.delayed is not None:
        queue = _QUEUE_OF[jobs.delayed.kind]
        counts[queue, "delayed"] += 1
        counts[queue, "waiting"] -= 1
    return counts


def _state(job: Job, jobs: Jobs) -> str:
    return "paused" if job.kind in jobs.paused else "waiting"


def _is_paused(queue: str, jobs: Jobs) -> bool:
    return any(_QUEUE_OF[kind] == queue for kind in jobs.paused)


def _queues(webhooks: Webhooks) -> Callable[[Ask], Any]:
    async def answer(ask: Ask) -> web.StreamResponse:
        """Source: recordings queues, queues-not-admin."""
        counts = _count(ask.jobs, webhooks)
        return reply(
            [
                {
                    "name": name,
                    "isPaused": _is_paused(name, ask.jobs),
                    "statistics": {state: counts[name, state] for state in _STATES},
                }
                for name in _names(ask.state.behaviour)
            ]
        )

    return answer


def _legacy_queues(webhooks: Webhooks) -> Callable[[Ask], Any]:
    async def answer(ask: Ask) -> web.StreamResponse:
        """Source: recording jobs-legacy."""
        counts = _count(ask.jobs, webhooks)
        return reply(
            {
                name: {
                    "queueStatus": {"isPaused": _is_paused(name, ask.jobs), "isActive": counts[name, "active"] > 0},
                    "jobCounts": {state: counts[name, state] for state in _STATES},
                }
                for name in _names(ask.state.behaviour)
            }
        )

    return answer


async def _run_asset_jobs(ask: Ask) -> web.StreamResponse:
    """One bad id refuses all.

    Source: recordings asset-jobs, asset-jobs-bad-name; asset.service.ts run, 2.7.5 and 3.1.0.
    """
    fields = await ask.body()
    asset_ids = fields.uuids("assetIds")
    name = fields.option("name", list(_ASSET_JOBS), required=True)
    fields.done()
    for row in own_assets(ask.caller, asset_ids, ask.state, "asset.update"):
        ask.jobs.add(_ASSET_JOBS[name or ""], row.id)
    return no_content()
