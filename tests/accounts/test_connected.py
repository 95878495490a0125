from __future__ import annotations

import logging

import pytest
from pydantic import SecretStr

from sidecar.accounts import connected
from sidecar.accounts.connected import open_accounts
from sidecar.demo.immich import EmulatedImmich
from sidecar.errors import ImmichRefused, ImmichUnavailable, NotImmich, SettingsError, UnsupportedImmich
from sidecar.immich_client.client import Immich, open_immich, required_permissions
from sidecar.immich_client.transport import Gate
from sidecar.settings import Settings


def settings(url: str, *keys: str) -> Settings:
    return Settings(immich_url=url, api_keys=tuple(map(SecretStr, keys)))


async def test_each_key_connects_its_user() -> None:
    async with EmulatedImmich() as immich:
        ann, bob = immich.add_user("Ann"), immich.add_user("Bob")
        keys = [immich.add_key(user, sorted(required_permissions())) for user in (ann, bob)]
        async with open_accounts(settings(immich.url, *keys)) as accounts:
            assert set(accounts.connected) == {ann.id, bob.id}
            assert accounts.refused == ()
            assert accounts.named("ann").user.id == ann.id
            assert accounts.named(bob.id).user.name == "Bob"
            with pytest.raises(SettingsError, match="no connected user is called 'eve'; connected: Ann, Bob"):
                accounts.named("eve")


async def test_two_users_of_one_name_are_told_apart_by_id_only() -> None:
    async with EmulatedImmich() as immich:
        first, second = immich.add_user("Ann"), immich.add_user("Ann2")
        second.name = "Ann"
        keys = [immich.add_key(user) for user in (first, second)]
        async with open_accounts(settings(immich.url, *keys)) as accounts:
            with pytest.raises(SettingsError, match="several users are called 'Ann'"):
                accounts.named("Ann")
            assert accounts.named(second.id).user.id == second.id


async def test_a_bad_key_is_named_by_its_number_and_keeps_nobody_out(caplog: pytest.LogCaptureFixture) -> None:
    async with EmulatedImmich() as immich:
        ann = immich.add_user("Ann")
        good, narrow = immich.add_key(ann), immich.add_key(immich.add_user("Bob"), ["asset.read"])
        with caplog.at_level(logging.DEBUG):
            async with open_accounts(settings(immich.url, "no-such-key", narrow, good)) as accounts:
                assert set(accounts.connected) == {ann.id}
                first, second = accounts.refused
    assert str(first).startswith("API key 1 of 3:")
    assert "stack.create" in str(second)
    for secret in (good, narrow, "no-such-key"):
        assert secret not in caplog.text
        assert secret not in f"{first} {second}"


async def test_two_keys_of_one_user_are_one_account() -> None:
    async with EmulatedImmich() as immich:
        ann = immich.add_user("Ann")
        keys = [immich.add_key(ann), immich.add_key(ann)]
        async with open_accounts(settings(immich.url, *keys)) as accounts:
            assert list(accounts.connected) == [ann.id]


async def test_without_a_working_key_there_is_nothing_to_open() -> None:
    async with EmulatedImmich() as immich:
        with pytest.raises(ImmichRefused, match="API key 1 of 1"):
            async with open_accounts(settings(immich.url, "wrong")):
                raise AssertionError("must not open")


async def test_what_is_no_usable_immich_is_said() -> None:
    with pytest.raises(SettingsError, match="IMMICH_URL"):
        async with open_accounts(settings("", "key")):
            raise AssertionError("must not open")
    async with EmulatedImmich() as immich:
        immich.fail("GET", "/server/version", status=200, body="<html>", content_type="text/html")
        with pytest.raises(NotImmich):
            async with open_accounts(settings(immich.url, "key")):
                raise AssertionError("must not open")
        immich.fail("GET", "/server/version", status=200, body='{"major": 1, "minor": 144, "patch": 1}')
        with pytest.raises(UnsupportedImmich, match=r"1\.144\.1"):
            async with open_accounts(settings(immich.url, "key")):
                raise AssertionError("must not open")


async def test_who_cannot_be_asked_leaves_nobodys_client_open(monkeypatch: pytest.MonkeyPatch) -> None:
    opened: list[Immich] = []
    closed: list[Immich] = []
    close = Immich.close

    def remembered(url: str, key: str | None, *, gate: Gate | None = None) -> Immich:
        opened.append(open_immich(url, key, gate=gate))
        return opened[-1]

    async def closing(immich: Immich) -> None:
        closed.append(immich)
        await close(immich)

    monkeypatch.setattr(connected, "open_immich", remembered)
    monkeypatch.setattr(Immich, "close", closing)
    async with EmulatedImmich() as immich:
        keys = [immich.add_key(immich.add_user(name)) for name in ("Ann", "Bob")]
        immich.fail("GET", "/users/me", delay_s=0)  # Ann is told who she is; Bob is not
        immich.fail("GET", "/users/me", status=200, body="<html>", content_type="text/html")
        with pytest.raises(NotImmich):
            async with open_accounts(settings(immich.url, *keys)):
                raise AssertionError("must not open")
    assert len(opened) == 3  # the one that asks for the version, Ann's and Bob's
    assert set(map(id, closed)) == set(map(id, opened))


@pytest.mark.timeout(30)
async def test_an_immich_that_is_away_is_unavailable(unused_tcp_port: int) -> None:
    with pytest.raises(ImmichUnavailable):
        async with open_accounts(settings(f"http://127.0.0.1:{unused_tcp_port}", "key")):
            raise AssertionError("must not open")
