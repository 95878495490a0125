from __future__ import annotations

from collections.abc import AsyncIterator
from pathlib import Path

import pytest
from pydantic import SecretStr

from sidecar.demo.immich import EmulatedImmich
from sidecar.errors import DataFolderBusy
from sidecar.grouping.registry import RULES
from sidecar.jobs.valkey import embedded_valkey
from sidecar.preferences import Matching
from sidecar.settings import Settings
from sidecar.wiring import open_services
from tests.postgres import PostgresCluster

pytestmark = pytest.mark.timeout(30)


@pytest.fixture
async def settings(tmp_path: Path) -> AsyncIterator[Settings]:
    async with EmulatedImmich() as immich:
        key = SecretStr(immich.add_key(immich.add_user("Ann")))
        yield Settings(
            immich_url=immich.url,
            api_keys=(key,),
            data_dir=tmp_path / "data",
            matching=Matching(timestamp_tolerance_seconds=1.5),
        )


async def test_the_embedded_default_needs_nothing_but_its_folder(settings: Settings) -> None:
    async with open_services(settings) as services:
        assert not services.is_guest
        assert services.jobs.matching.rules().tolerance_ms == 1500
        assert [rule.name for rule in services.jobs.pipeline] == [rule.name for rule in RULES]
        assert services.jobs.pipeline_name
        assert await services.queue.pool.ping()
        with pytest.raises(DataFolderBusy):
            async with open_services(settings):
                raise AssertionError("must not open")
        async with open_services(settings, may_be_guest=True) as guest:
            assert guest.is_guest
            assert await guest.queue.pool.ping()


async def test_a_queue_elsewhere_is_used_and_the_folder_still_has_one_owner(settings: Settings, tmp_path: Path) -> None:
    async with embedded_valkey(tmp_path / "elsewhere") as url:
        elsewhere = settings.model_copy(update={"redis_url": SecretStr(url)})
        async with open_services(elsewhere):
            assert not (settings.data_dir / "valkey").exists()
            with pytest.raises(DataFolderBusy):
                async with open_services(elsewhere):
                    raise AssertionError("must not open")


@pytest.mark.postgres
async def test_with_both_elsewhere_any_number_of_processes_share_the_work(
    settings: Settings, tmp_path: Path, postgres_cluster: PostgresCluster
) -> None:
    async with embedded_valkey(tmp_path / "elsewhere") as url:
        shared = settings.model_copy(
            update={
                "redis_url": SecretStr(url),
                "database_url": SecretStr(postgres_cluster.new_database("shared")),
            }
        )
        async with open_services(shared) as one, open_services(shared) as other:
            assert not one.is_guest
            assert not other.is_guest
