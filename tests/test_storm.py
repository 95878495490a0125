"""Many uploads while the queue, the database and Immich stop, one after the other: nothing is lost, nothing twice."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.postgres import PostgresCluster, find_postgres, running_cluster
from tests.storm import storm

pytestmark = [pytest.mark.slow, pytest.mark.postgres, pytest.mark.timeout(180)]

PAIRS = 150


@pytest.fixture
def cluster() -> Iterator[PostgresCluster]:
    """One of its own, as it is stopped."""
    programs = find_postgres()
    if programs is None:
        pytest.skip("PostgreSQL's server is not installed: what a stopped database costs is not tested")
    with running_cluster(programs) as running:
        yield running


async def test_each_pair_becomes_one_stack_whatever_stops_meanwhile(tmp_path: Path, cluster: PostgresCluster) -> None:
    async with storm(tmp_path, cluster, outage_s=2, poll_interval_s=5) as blowing:
        await blowing.blow(pairs=PAIRS, within_s=15)
        await blowing.calm_down(within_s=90)
        expected = [[f"IMG_{number:05}.CR3", f"IMG_{number:05}.JPG"] for number in range(PAIRS)]
        assert blowing.members() == expected
        assert blowing.made() == PAIRS
