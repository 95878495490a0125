"""What monitoring reads: numbers of the whole process in Prometheus' text format, and nothing about anybody."""

from __future__ import annotations

from collections.abc import Iterator

from aiohttp import web
from prometheus_client import CollectorRegistry, generate_latest
from prometheus_client.exposition import CONTENT_TYPE_LATEST
from prometheus_client.metrics_core import GaugeMetricFamily, InfoMetricFamily, Metric
from prometheus_client.registry import Collector

from sidecar import __version__
from sidecar.errors import SidecarError
from sidecar.immich_client.contract.capabilities import RESTS
from sidecar.immich_client.contract.comparison import Change
from sidecar.immich_client.contract.standing import Standing
from sidecar.keys import SERVICES


async def metrics(request: web.Request) -> web.Response:
    """Everything that is measured, as it is now.

    Source: Prometheus exposition format, text 0.0.4.
    """
    try:
        standing = await request.app[SERVICES].contract.standing()
    except SidecarError:
        standing = None
    registry = CollectorRegistry()
    registry.register(_Contract(standing))
    return web.Response(body=generate_latest(registry), headers={"Content-Type": CONTENT_TYPE_LATEST})


class _Contract(Collector):
    """How the connected Immich stands to what the sidecar relies on; without an answer of Immich, only that."""

    def __init__(self, standing: Standing | None) -> None:
        self._standing = standing

    def collect(self) -> Iterator[Metric]:
        """One family after the other."""
        yield InfoMetricFamily("sidecar", "The sidecar itself.", value={"version": __version__})
        yield GaugeMetricFamily("sidecar_immich_up", "Whether Immich answers.", value=self._standing is not None)
        if self._standing is None:
            return
        standing = self._standing
        known = {"version": standing.version, "tested": str(standing.is_pinned).lower()}
        yield InfoMetricFamily("sidecar_immich", "The connected Immich.", value=known)
        sound = "Whether nothing that the connected Immich changed matters to the sidecar."
        yield GaugeMetricFamily("sidecar_immich_contract_sound", sound, value=standing.is_sound)
        operations = GaugeMetricFamily(
            "sidecar_immich_operations", "Immich's operations in use, by what became of them.", labels=["change"]
        )
        for change in Change:
            operations.add_metric([change.value], sum(each.change is change for each in standing.verdicts))
        yield operations
        left_alone = GaugeMetricFamily(
            "sidecar_immich_left_alone",
            "What is not done on this Immich until the sidecar is updated.",
            labels=["what"],
        )
        held = {each.capability for each in standing.held_back}
        for capability in (each for each, rests in RESTS.items() if rests.writes):
            left_alone.add_metric([capability.value], capability in held)
        yield left_alone
