"""What a process counts while it lives, for whoever monitors it; handlers/metrics.py shows it.

Every label has few values, none of which comes from a library, a person or a request.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from time import perf_counter

from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram, PlatformCollector, ProcessCollector

REGISTRY = CollectorRegistry(auto_describe=True)
ProcessCollector(registry=REGISTRY)
PlatformCollector(registry=REGISTRY)

_QUICK_S = (0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30)
_LONG_S = (0.01, 0.1, 1, 10, 60, 600, 3600)
_LAG_S = (0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30, 60, 300, 3600)

REQUESTS = Histogram(
    "sidecar_http_request_duration_seconds",
    "How long requests to the sidecar took until they were answered.",
    ["method", "route", "status"],
    buckets=_QUICK_S,
    registry=REGISTRY,
)
IMMICH_REQUESTS = Histogram(
    "sidecar_immich_request_duration_seconds",
    "How long Immich took to answer the sidecar's requests, by what became of them: ok, or the code of an error.",
    ["operation", "outcome"],
    buckets=_QUICK_S,
    registry=REGISTRY,
)
JOBS = Histogram(
    "sidecar_job_duration_seconds",
    "How long jobs ran, by how they ended: done, try_later, ask_person or broken.",
    ["job", "outcome"],
    buckets=_LONG_S,
    registry=REGISTRY,
)
JOBS_RUNNING = Gauge("sidecar_jobs_running", "Jobs that run now.", ["job"], registry=REGISTRY)
EVENT_LAG = Histogram(
    "sidecar_event_lag_seconds",
    "How long after Immich changed an asset the sidecar knew of it, by how it came to know.",
    ["source"],
    buckets=_LAG_S,
    registry=REGISTRY,
)
FINGERPRINTS = Counter(
    "sidecar_fingerprints",
    "Pictures that were looked at, by what became of it: made, or failed.",
    ["outcome"],
    registry=REGISTRY,
)
HASHED_BYTES = Counter("sidecar_hashed_bytes", "Bytes of files that were read to compare them.", registry=REGISTRY)
WRITES = Counter(
    "sidecar_writes", "Writes of stacks that ended, by how: done, withdrawn or failed.", ["outcome"], registry=REGISTRY
)


@contextmanager
def running(job: str) -> Iterator[list[str]]:
    """Counts the block as a run of this job; its outcome is what the block leaves in the list, broken if nothing."""
    outcome: list[str] = []
    began_s = perf_counter()
    JOBS_RUNNING.labels(job).inc()
    try:
        yield outcome
    finally:
        JOBS_RUNNING.labels(job).dec()
        JOBS.labels(job, outcome[-1] if outcome else "broken").observe(perf_counter() - began_s)
