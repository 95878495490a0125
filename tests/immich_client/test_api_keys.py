from __future__ import annotations

import pytest

from sidecar.demo.immich import EmulatedImmich
from sidecar.errors import ContractBroken, ImmichMissing, ImmichRefused, SettingsError
from sidecar.immich_client.client import open_connections, open_immich
from sidecar.immich_client.credential import Credential, CredentialKind


async def test_one_set_of_connections_serves_many_credentials_each_with_its_own() -> None:
    async with EmulatedImmich() as immich:
        users = [immich.add_user(name) for name in ("Ann", "Bob")]
        connections = open_connections(immich.url, limit=4)
        for user in users:
            for shown in (
                Credential(CredentialKind.SESSION, immich.add_session(user)),
                Credential(CredentialKind.KEY, immich.add_key(user)),
            ):
                async with open_immich(immich.url, shown, connections=connections) as opened:
                    assert (await opened.me()).id == user.id
        async with open_immich(immich.url, None, connections=connections) as nobody:
            assert (await nobody.server_version()).major == 3
            with pytest.raises(ImmichRefused):
                await nobody.me()
        await connections.close()


async def test_a_session_makes_a_key_finds_it_and_deletes_it() -> None:
    async with EmulatedImmich() as immich:
        session = Credential(CredentialKind.SESSION, immich.add_session(immich.add_user("Ann")))
        async with open_immich(immich.url, session) as opened:
            made = await opened.create_api_key("ours", ["user.read", "asset.read"])
            assert made.secret not in repr(made)
            assert await opened.api_keys_called("ours") == (made.id,)
            assert await opened.api_keys_called("our") == ()
            async with open_immich(immich.url, made.secret) as by_key:
                assert await by_key.permissions() == {"user.read", "asset.read"}
                with pytest.raises(ImmichRefused):
                    await by_key.create_api_key("more", ["user.read"])
            await opened.delete_api_key(made.id)
            assert await opened.api_keys_called("ours") == ()
            with pytest.raises((ImmichMissing, ContractBroken)):
                await opened.delete_api_key(made.id)


@pytest.mark.parametrize("secret", ["", "two words", "line\nbreak", "größer"])
def test_what_no_header_can_carry_is_no_credential_and_is_not_repeated(secret: str) -> None:
    with pytest.raises(SettingsError) as caught:
        Credential(CredentialKind.SESSION, secret)
    assert secret == "" or secret not in str(caught.value)


def test_a_credential_does_not_show_what_it_holds() -> None:
    assert "s3cret" not in repr(Credential(CredentialKind.KEY, "s3cret"))
    assert Credential(CredentialKind.KEY, "s3cret").header == ("x-api-key", "s3cret")
    assert Credential(CredentialKind.SESSION, "s3cret").header == ("authorization", "Bearer s3cret")
