"""docs/monitoring.md, the dashboard and the alerts name metrics that are there, and all of them."""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import Any

import pytest
import yaml
from prometheus_client.parser import text_string_to_metric_families

from tests.handlers.conftest import BASE, Household

ROOT = Path(__file__).parents[2]
GUIDE = (ROOT / "docs" / "monitoring.md").read_text()
DASHBOARD: dict[str, Any] = json.loads((ROOT / "deploy" / "grafana.json").read_text())
ALERTS: dict[str, Any] = yaml.safe_load((ROOT / "deploy" / "alerts.yml").read_text())
SCRAPED: dict[str, Any] = yaml.safe_load((ROOT / "deploy" / "prometheus.yml").read_text())

_METRIC = re.compile(r"\b(?:sidecar|process)_[a-z_]+\b")


@pytest.fixture
async def exposed(household: Household) -> dict[str, set[str]]:
    """The labels of every sample by its name; what has none yet has none."""
    text = await (await household.client.get(f"{BASE}/metrics")).text()
    found: dict[str, set[str]] = {}
    for family in text_string_to_metric_families(text):
        found.setdefault(family.name, set())
        for suffix in ("_bucket", "_count", "_sum") if family.type == "histogram" else ():
            found.setdefault(f"{family.name}{suffix}", set())
        if family.type == "counter":
            found.setdefault(f"{family.name}_total", set())
        for sample in family.samples:
            found.setdefault(sample.name, set()).update(sample.labels)
    return found


def queries() -> list[str]:
    asked = [target["expr"] for panel in DASHBOARD["panels"] for target in panel["targets"]]
    return asked + [rule["expr"] for group in ALERTS["groups"] for rule in group["rules"]]


async def test_every_query_asks_for_what_is_there(exposed: dict[str, set[str]]) -> None:
    for query in queries():
        named = _METRIC.findall(query)
        assert named, query
        assert set(named) <= exposed.keys(), query


async def test_every_metric_is_in_the_guide_and_back(exposed: dict[str, set[str]]) -> None:
    rows = re.findall(r"^\| `(sidecar_\w+)` \| (.*?) \|", GUIDE, re.MULTILINE)
    told = {name: set(re.findall(r"`(\w+)`", labels)) for name, labels in rows}
    ends = ("_bucket", "_count", "_sum", "_created")
    ours = {name for name in exposed if name.startswith("sidecar_") and not name.endswith(ends)} - {"sidecar_info"}
    ours -= {name for name in ours if f"{name}_total" in ours or f"{name}_info" in ours} | {"sidecar"}
    assert told.keys() == ours
    for name, labels in told.items():
        assert exposed[name] - {"le"} <= labels


def test_what_is_scraped_is_what_compose_starts() -> None:
    services = yaml.safe_load((ROOT / "compose.override.yml").read_text())["services"]
    (job,) = SCRAPED["scrape_configs"]
    (found,) = job["dns_sd_configs"]
    assert set(found["names"]) <= services.keys()
    assert job["metrics_path"] == "/sidecar/metrics"
    assert all(str(services[name]["environment"]["SIDECAR_PORT"]) == str(found["port"]) for name in found["names"])


def test_the_panels_fill_rows_and_cover_nothing() -> None:
    taken: set[tuple[int, int]] = set()
    for panel in DASHBOARD["panels"]:
        place = panel["gridPos"]
        cells = {
            (x, y)
            for x in range(place["x"], place["x"] + place["w"])
            for y in range(place["y"], place["y"] + place["h"])
        }
        assert not cells & taken, panel["title"]
        assert max(x for x, _ in cells) < 24
        taken |= cells
    assert len({panel["id"] for panel in DASHBOARD["panels"]}) == len(DASHBOARD["panels"])
