"""What machines ask of a process, with pages or without: whether it lives and can work, and what it measures."""

from __future__ import annotations

from aiohttp import web

from sidecar.handlers import health, metrics
from sidecar.jobs.totals import Counting
from sidecar.keys import SERVICES


def add_probes(app: web.Application, base_path: str) -> None:
    """Adds health, ready and metrics below the base path; the application has its services already."""
    services = app[SERVICES]
    app[metrics.COUNTING] = Counting(services.jobs, services.settings.data_dir)
    app.router.add_get(f"{base_path}/health", health.health)
    app.router.add_get(f"{base_path}/ready", health.ready)
    app.router.add_get(f"{base_path}/metrics", metrics.metrics)
