"""What monitoring reads: numbers of the whole process in Prometheus' text format, and nothing about anybody."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping

from aiohttp import web
from prometheus_client import CollectorRegistry, generate_latest
from prometheus_client.exposition import CONTENT_TYPE_LATEST
from prometheus_client.metrics_core import GaugeMetricFamily, InfoMetricFamily, Metric
from prometheus_client.registry import Collector

from sidecar import __version__
from sidecar.errors import NotAllowed, SidecarError
from sidecar.handlers.forwarded import is_passed_on
from sidecar.handlers.visiting import visitor_of
from sidecar.immich_client.contract.capabilities import RESTS
from sidecar.immich_client.contract.comparison import Change
from sidecar.immich_client.contract.standing import Standing
from sidecar.jobs.status import Activity
from sidecar.jobs.totals import Backlog, Counting, Totals
from sidecar.keys import SERVICES
from sidecar.measures import REGISTRY
from sidecar.storage.ages import Waits

COUNTING = web.AppKey("counting", Counting)


async def metrics(request: web.Request) -> web.Response:
    """Everything that is measured, as it is now; through a proxy, only for administrators.

    Source: Prometheus exposition format, text 0.0.4.
    """
    if is_passed_on(request.headers) and not (await visitor_of(request)).user.is_admin:
        raise NotAllowed("Only administrators may see what is measured.")
    try:
        standing = await request.app[SERVICES].contract.standing()
    except SidecarError:
        standing = None
    registry = CollectorRegistry()
    registry.register(_Gathered([*_of_contract(standing), *_of_totals(await request.app[COUNTING].totals())]))
    body = generate_latest(REGISTRY) + generate_latest(registry)
    return web.Response(body=body, headers={"Content-Type": CONTENT_TYPE_LATEST, "Cache-Control": "no-store"})


class _Gathered(Collector):
    def __init__(self, families: list[Metric]) -> None:
        self._families = families

    def collect(self) -> Iterable[Metric]:
        """What was gathered before."""
        return self._families


def _of_contract(standing: Standing | None) -> Iterator[Metric]:
    """How the connected Immich stands to what the sidecar relies on; without an answer of Immich, only that."""
    yield InfoMetricFamily("sidecar", "The sidecar itself.", value={"version": __version__})
    yield GaugeMetricFamily("sidecar_immich_up", "Whether Immich answers.", value=standing is not None)
    if standing is None:
        return
    known = {"version": standing.version, "tested": str(standing.is_pinned).lower()}
    yield InfoMetricFamily("sidecar_immich", "The connected Immich.", value=known)
    sound = "Whether nothing that the connected Immich changed matters to the sidecar."
    yield GaugeMetricFamily("sidecar_immich_contract_sound", sound, value=standing.is_sound)
    yield _labelled(
        "sidecar_immich_operations",
        "Immich's operations in use, by what became of them.",
        "change",
        {change.value: sum(each.change is change for each in standing.verdicts) for change in Change},
    )
    held = {each.capability for each in standing.held_back}
    yield _labelled(
        "sidecar_immich_left_alone",
        "What is not done on this Immich until the sidecar is updated.",
        "what",
        {capability.value: capability in held for capability, rests in RESTS.items() if rests.writes},
    )


def _of_totals(totals: Totals) -> Iterator[Metric]:
    up = {"database": totals.backlog is not None, "queue": totals.queue is not None}
    yield _labelled("sidecar_up", "Whether what the sidecar needs beside Immich answers.", "what", up)
    if totals.queue is not None:
        yield GaugeMetricFamily("sidecar_queue_jobs", "Jobs that are queued.", value=totals.queue.jobs)
        oldest = "For how long the first of the queued jobs has been due."
        yield GaugeMetricFamily("sidecar_queue_oldest_seconds", oldest, value=totals.queue.oldest_ms / 1000)
    if totals.disk is not None:
        size = "Size of the disk of the data folder."
        yield GaugeMetricFamily("sidecar_disk_size_bytes", size, value=totals.disk.total_bytes)
        free = "What is free on the disk of the data folder."
        yield GaugeMetricFamily("sidecar_disk_free_bytes", free, value=totals.disk.free_bytes)
    if totals.backlog is not None:
        yield from _of_backlog(totals.backlog)


def _of_backlog(backlog: Backlog) -> Iterator[Metric]:
    told = backlog.status
    yield GaugeMetricFamily("sidecar_database_bytes", "Size of the database.", value=backlog.size_bytes)
    yield GaugeMetricFamily("sidecar_accounts", "Users who are connected.", value=backlog.accounts)
    yield GaugeMetricFamily("sidecar_assets", "Assets of the latest scans.", value=told.scan.found)
    yield GaugeMetricFamily(
        "sidecar_pictures_to_look_at", "Pictures of the latest searches.", value=told.duplicates.total
    )
    yield GaugeMetricFamily("sidecar_pictures_looked_at", "Those that were looked at.", value=told.duplicates.looked)
    yield GaugeMetricFamily("sidecar_duplicate_sets", "Sets of duplicates.", value=told.duplicates.sets)
    yield GaugeMetricFamily("sidecar_stacks_written", "Writes of stacks so far.", value=told.stacks.done)
    yield _labelled(
        "sidecar_waiting",
        "What is still to be done.",
        "what",
        {
            Waits.NAMES: told.pairing.waiting,
            Waits.EVENTS: told.events.waiting,
            Waits.WRITES: told.stacks.waiting,
            Waits.DECISIONS: told.decisions.waiting,
            "scans": told.scan.state.is_under_way,
            "searches": told.duplicates.state.is_under_way,
        },
    )
    yield _labelled(
        "sidecar_oldest_waiting_seconds",
        "For how long the oldest of it has been waiting.",
        "what",
        {kind: backlog.oldest_ms.get(kind, 0) / 1000 for kind in Waits},
    )
    yield _labelled(
        "sidecar_given_up",
        "What was given up and waits for somebody, or for a change.",
        "what",
        {
            Waits.NAMES: told.pairing.failed,
            Waits.EVENTS: told.events.failed,
            Waits.WRITES: told.stacks.failed,
            Waits.DECISIONS: told.decisions.failed,
            "scans": told.scan.state is Activity.FAILED,
            "searches": told.duplicates.state is Activity.FAILED,
            "unreadable assets": told.scan.failed,
        },
    )
    yield _labelled("sidecar_flawed_pictures", "Pictures that cannot be looked at, by why.", "flaw", backlog.flaws)


def _labelled(name: str, documentation: str, label: str, values: Mapping[str, float]) -> GaugeMetricFamily:
    family = GaugeMetricFamily(name, documentation, labels=[label])
    for key, value in values.items():
        family.add_metric([str(key)], value)
    return family
