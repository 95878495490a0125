from __future__ import annotations

from collections.abc import AsyncIterator
from dataclasses import replace
from pathlib import Path

import pytest
from pydantic import SecretStr

from sidecar.data_folder import DataFolder
from sidecar.demo.immich import EmulatedImmich
from sidecar.errors import DataFolderBusy, SettingsError
from sidecar.events.hooks import Hook
from sidecar.grouping.registry import RULES
from sidecar.jobs.valkey import embedded_valkey
from sidecar.model import OwnerId
from sidecar.preferences import Matching
from sidecar.settings import Settings
from sidecar.storage import accounts, event_counts
from sidecar.storage.changes import Source
from sidecar.wiring import Services, open_services, vault_of
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
            assert one.hooks is other.hooks is None
        called = shared.model_copy(update={"webhook_url": "http://sidecar:8080"})
        with pytest.raises(SettingsError, match="SIDECAR_SECRET is not set"):
            async with open_services(called):
                raise AssertionError("must not open")
        secret = called.model_copy(update={"secret": SecretStr("a secret that both know")})
        async with open_services(secret) as one, open_services(secret) as other:
            assert hook(one) == hook(other) is not None
        assert not (settings.data_dir / "sidecar.key").exists()


def hook(services: Services) -> Hook:
    assert services.hooks is not None
    (owner_id,) = services.accounts.connected
    return services.hooks.of(owner_id)


async def test_hooks_are_the_same_after_a_restart_and_a_guest_has_none(settings: Settings) -> None:
    called = settings.model_copy(update={"webhook_url": "http://sidecar:8080"})
    async with open_services(called) as services:
        first = hook(services)
        assert first.url == f"http://sidecar:8080/sidecar{first.marker}"
        async with open_services(called, may_be_guest=True) as guest:
            assert guest.hooks is None
    async with open_services(called) as services:
        assert hook(services) == first
    async with open_services(settings) as services:
        assert hook(services) == replace(first, url=None)


async def test_what_was_counted_is_written_when_services_close(settings: Settings) -> None:
    async with open_services(settings) as services:
        services.intake.count(Source.WEBHOOK, "forged")
    async with open_services(settings) as services, services.database.read() as connection:
        (total,) = (await event_counts.totals(connection, [None])).values()
        assert total.count == 1


async def test_how_long_things_rest_is_set_in_one_place(settings: Settings) -> None:
    chosen = settings.model_copy(update={"debounce_ms": 7, "poll_interval_s": 30})
    async with open_services(chosen) as services:
        assert (services.jobs.debounce_ms, services.jobs.poll_interval_ms) == (7, 30_000)


async def test_what_was_sealed_opens_after_every_change_of_the_secret(settings: Settings) -> None:
    """From the folder's key to a secret, to another one, and back to the folder's."""
    first, second = SecretStr("the first of two secrets"), SecretStr("the second of two secrets")
    steps = [
        {},
        {"secret": first},
        {"secret": second, "former_secret": first},
        {"former_secret": second},
        {},
    ]
    owner_id = OwnerId("00000000-0000-4000-8000-00000000000b")
    for step in steps:
        async with open_services(settings.model_copy(update=step)) as services:
            assert services.vault is not None
            if step is steps[0]:
                sealed = services.vault.seal("key-of-bob", owner_id)
                async with services.database.write() as connection:
                    await accounts.attempt(connection, owner_id, "Bob", "attempt", before=None, now_ms=1)
                    await accounts.connect(
                        connection, owner_id, key_name="attempt", sealed_key=sealed, key_id="1", now_ms=1
                    )
            async with services.database.read() as connection:
                stored = await accounts.get(connection, owner_id)
            assert stored is not None
            assert stored.sealed_key is not None
            assert services.vault.open(stored.sealed_key, owner_id) == "key-of-bob"
            if step is not steps[0]:
                assert services.vault.is_current(stored.sealed_key)
                assert owner_id in services.accounts.connected


async def test_a_guest_opens_what_the_owner_of_the_folder_sealed(settings: Settings) -> None:
    async with open_services(settings) as services, open_services(settings, may_be_guest=True) as guest:
        assert services.vault is not None
        assert guest.vault is not None
        assert guest.vault.open(services.vault.seal("a key", "of Ann"), "of Ann") == "a key"


def test_who_only_reads_makes_no_key(settings: Settings, tmp_path: Path) -> None:
    assert vault_of(settings, DataFolder(tmp_path)) is None
    assert list(tmp_path.glob("sidecar.key*")) == []
    assert vault_of(settings.model_copy(update={"secret": SecretStr("a secret of ours")}), DataFolder(tmp_path))
