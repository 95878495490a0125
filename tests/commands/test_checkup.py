from __future__ import annotations

import shutil
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
from pydantic import SecretStr

from sidecar.accounts.connected import Account
from sidecar.commands import checkup
from sidecar.commands.checkup import Finding, Level, check
from sidecar.demo.immich import EmulatedImmich
from sidecar.demo.immich.rows import UserRow
from sidecar.immich_client.client import open_immich
from sidecar.immich_client.permissions import required_permissions
from sidecar.model import OwnerId
from sidecar.settings import Settings
from sidecar.storage import event_counts
from sidecar.storage.changes import Source
from sidecar.storage.event_counts import Told
from sidecar.wiring import open_services

FINE, BETTER, WRONG = Level.FINE, Level.BETTER, Level.WRONG


async def found(settings: Settings) -> dict[str, Finding]:
    return {finding.about: finding async for finding in check(settings)}


def changed(settings: Settings, **values: Any) -> Settings:
    return settings.model_copy(update=values)


@pytest.fixture
def settings(settings: Settings) -> Settings:
    """With a queue of its own, as on most machines."""
    return changed(settings, redis_url=None)


async def test_on_a_sound_machine_there_are_only_hints(settings: Settings) -> None:
    findings = await found(settings)
    assert {name: each.level for name, each in findings.items()} == {
        "data folder": FINE, "disk": FINE, "decoders": FINE, "media paths": BETTER, "database": FINE, "trash": FINE,
        "clocks": FINE, "account of Ann": FINE, "webhooks": BETTER,
    }  # fmt: skip
    assert all(bool(each.remedy) is (each.level is not FINE) for each in findings.values())
    assert not settings.data_dir.exists(), "nothing is written"


async def test_the_data_folder(settings: Settings, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    assert (await found(settings))["data folder"].told.endswith("is not there yet")
    async with open_services(settings):
        pass
    findings = await found(settings)
    assert findings["data folder"] == Finding(FINE, "data folder", str(settings.data_dir))
    assert "schema" in findings["database"].told
    (tmp_path / "file").write_text("")
    for path in (tmp_path / "file", tmp_path / "file" / "below"):
        assert (await found(changed(settings, data_dir=path)))["data folder"].level is WRONG
    monkeypatch.setattr(shutil, "disk_usage", lambda _: SimpleNamespace(free=1 << 29))
    disk = (await found(settings))["disk"]
    assert (disk.level, disk.told) == (WRONG, "0.5 GiB are free")


async def test_a_decoder_that_cannot_be_loaded_is_named(monkeypatch: pytest.MonkeyPatch, settings: Settings) -> None:
    def load(name: str) -> None:
        if name == "rawpy":
            raise ImportError(name)

    monkeypatch.setattr(checkup, "import_module", load)
    decoders = (await found(settings))["decoders"]
    assert (decoders.level, decoders.told) == (WRONG, "missing: rawpy (RAW files)")


async def test_the_media_mount(settings: Settings, tmp_path: Path) -> None:
    async def told(value: str) -> Finding:
        return (await found(changed(settings, media_paths=value)))["media paths"]

    assert (await told(f"/data={tmp_path}")).level is FINE
    missing = await told(f"/data={tmp_path},/b={tmp_path}/nowhere")
    assert (missing.level, missing.told) == (WRONG, f"not there: {tmp_path}/nowhere")
    assert "must look like" in (await told("nonsense")).told


async def test_database_and_queue_elsewhere(settings: Settings, tmp_path: Path) -> None:
    away = changed(
        settings,
        redis_url=SecretStr(f"unix://{tmp_path}/nowhere.sock"),
        database_url=SecretStr(f"sqlite+aiosqlite:///{tmp_path}/nowhere/s.db"),
    )
    findings = await found(away)
    assert (findings["database"].level, findings["queue"].level) == (WRONG, WRONG)
    async with open_services(settings):
        here = changed(settings, redis_url=SecretStr(f"unix://{settings.data_dir.resolve()}/valkey/valkey.sock"))
        assert (await found(here))["queue"] == Finding(FINE, "queue", "it answers")


async def test_without_immich_all_else_is_looked_at(
    settings: Settings, immich: EmulatedImmich, unused_tcp_port: int
) -> None:
    for url, told in (("", "IMMICH_URL is not set"), (f"http://127.0.0.1:{unused_tcp_port}", "cannot be reached")):
        findings = await found(changed(settings, immich_url=url))
        assert findings["Immich"].level is WRONG
        assert told in findings["Immich"].told
        assert findings["disk"].level is FINE
    immich.state.has_trash = False
    assert (await found(settings))["trash"].level is WRONG


@pytest.mark.parametrize(
    ("server_ms", "level"),
    [(None, BETTER), (1_000_000, FINE), (1_059_000, FINE), (941_000, FINE), (1_060_000, WRONG), (900_000, WRONG)],
)
def test_clocks_that_are_apart(server_ms: int | None, level: Level) -> None:
    assert checkup._clocks(server_ms, now_ms=1_000_000).level is level


async def test_keys_that_may_too_little_or_nothing(settings: Settings, immich: EmulatedImmich) -> None:
    bob = immich.add_user("Bob")
    some = immich.add_key(bob, sorted(required_permissions()))
    none = changed(settings, api_keys=(SecretStr("nonsense"),))
    assert (await found(none))["API key"].level is WRONG
    assert "accounts" not in await found(none)
    both = changed(settings, api_keys=(SecretStr("nonsense"), SecretStr(some)), webhook_url="http://sidecar:8080")
    findings = await found(both)
    assert findings["API key"].told.startswith("API key 1 of 2")
    assert findings["account of Bob"].level is BETTER
    assert "workflow" in findings["account of Bob"].told
    assert (await found(changed(settings, api_keys=())))["accounts"].level is BETTER


async def test_keys_that_lost_what_they_could_after_they_were_connected(
    settings: Settings, immich: EmulatedImmich, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(checkup, "missing_permissions", lambda _held: frozenset({"stack.create"}))
    assert (await found(settings))["account of Ann"].told == "its key lacks stack.create"
    async with open_immich(immich.url, settings.api_keys[0].get_secret_value()) as client:
        account = Account(await client.me(), client)
        immich.fail("GET", "/api-keys/me", status=401)
        assert (await checkup._account(account, settings)).level is WRONG


async def test_webhooks_that_come_and_that_do_not(settings: Settings, ann: UserRow) -> None:
    with_webhooks = changed(settings, webhook_url="http://sidecar:8080")
    assert (await found(with_webhooks))["webhooks"].told.endswith("http://sidecar:8080/sidecar yet")
    async with open_services(settings) as services:
        async with services.database.write() as connection:
            told = {Told(OwnerId(ann.id), Source.WEBHOOK, "heard"): 3, Told(OwnerId(ann.id), Source.POLL, "heard"): 4}
            await event_counts.add(connection, told, now_ms=1)
        assert (await found(with_webhooks))["webhooks"] == Finding(FINE, "webhooks", "Immich has told of 3 changes")
