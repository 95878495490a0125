from __future__ import annotations

import io
from pathlib import Path

import pytest
from pydantic import SecretStr

from sidecar.accounts import connecting
from sidecar.commands.exit_codes import ExitCode
from sidecar.commands.rotate_key import rotate_key
from sidecar.commands.scan import ScanOptions, scan
from sidecar.data_folder import change_key, open_data_folder
from sidecar.demo.immich import EmulatedImmich
from sidecar.errors import SettingsError
from sidecar.immich_client.credential import Credential, CredentialKind
from sidecar.settings import Settings
from sidecar.wiring import open_services

pytestmark = pytest.mark.timeout(60)


async def connect(settings: Settings, token: str) -> None:
    async with open_services(settings) as services:
        assert services.vault is not None
        visitor = await services.visitors.of(Credential(CredentialKind.SESSION, token))
        wanted = connecting.wanted_permissions(hears_webhooks=False, is_admin=False, everything=False)
        immich = services.visitors.immich(visitor)
        now_ms = services.jobs.now_ms
        await connecting.connect(services.database, services.vault, visitor, immich, wanted, now_ms=now_ms)


async def connected(settings: Settings) -> list[str]:
    async with open_services(settings) as services:
        return [(await account.immich.me()).name for account in services.accounts.connected.values()]


async def test_keys_open_through_every_change_of_the_secret(tmp_path: Path) -> None:
    async with EmulatedImmich() as immich:
        settings = Settings(immich_url=immich.url, data_dir=tmp_path / "data", port=0)
        await connect(settings, immich.add_session(immich.add_user("Ann")))
        folder = open_data_folder(settings.data_dir)
        former = folder.key.read_bytes()
        assert await rotate_key(settings, out=io.StringIO()) is ExitCode.DONE
        assert folder.key.read_bytes() != former
        assert not folder.former_key.exists()
        assert await connected(settings) == ["Ann"]
        # Stopped after the key was changed, and before anything was sealed anew.
        change_key(folder)
        assert folder.former_key.stat().st_mode & 0o777 == 0o600
        with pytest.raises(SettingsError, match="not over"):
            change_key(folder)
        assert await connected(settings) == ["Ann"]
        assert not folder.former_key.exists()
        # Stopped in the middle of the change.
        folder.former_key.write_bytes(folder.key.read_bytes())
        assert await connected(settings) == ["Ann"]
        first, second = SecretStr("the first of secrets"), SecretStr("the second of secrets")
        for changed in ({"secret": first}, {"secret": second, "former_secret": first}, {"former_secret": second}, {}):
            assert await connected(settings.model_copy(update=changed)) == ["Ann"], changed
        out = io.StringIO()
        assert await scan(settings, ScanOptions(dry_run=True), out=out, err=out) is ExitCode.DONE


async def test_a_secret_that_is_set_is_not_ours_to_change(tmp_path: Path) -> None:
    settings = Settings(immich_url="http://x", data_dir=tmp_path, secret=SecretStr("a secret of somebody's"))
    with pytest.raises(SettingsError, match="SIDECAR_FORMER_SECRET"):
        await rotate_key(settings)
    shared = settings.model_copy(
        update={"secret": None, "database_url": SecretStr("postgresql://x/y"), "redis_url": SecretStr("redis://x")}
    )
    with pytest.raises(SettingsError, match="share SIDECAR_SECRET"):
        await rotate_key(shared)
    assert list(tmp_path.iterdir()) == []
