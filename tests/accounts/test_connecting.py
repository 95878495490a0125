from __future__ import annotations

import asyncio
import logging
from collections.abc import AsyncIterator
from dataclasses import dataclass

import pytest
from pydantic import SecretStr
from sqlalchemy import select

from sidecar.accounts import connecting
from sidecar.accounts.connected import FORGOTTEN_AFTER_MS, Accounts, open_accounts
from sidecar.accounts.connecting import KEY_NAME, lacking, wanted_permissions
from sidecar.accounts.vault import Vault
from sidecar.accounts.visitors import Visitor, Visitors
from sidecar.demo.immich import EmulatedImmich
from sidecar.demo.immich.rows import UserRow
from sidecar.errors import ImmichUnavailable, NotAllowed, SettingsError, SidecarError, StaleDecision
from sidecar.immich_client.credential import Credential, CredentialKind
from sidecar.immich_client.permissions import required_permissions
from sidecar.model import OwnerId
from sidecar.settings import Settings
from sidecar.storage import accounts as stored
from sidecar.storage import polls
from sidecar.storage.database import Database
from sidecar.storage.tables import metadata
from sidecar.storage.tables import polls as polls_table

WANTED = wanted_permissions(hears_webhooks=True, is_admin=False, everything=False)
pytestmark = pytest.mark.timeout(30)


@dataclass
class House:
    """Ann, signed in at an emulated Immich, and a database of the sidecar's."""

    immich: EmulatedImmich
    database: Database
    visitors: Visitors
    vault: Vault
    row: UserRow
    ann: Visitor
    now_ms: int = 1_000

    @property
    def id(self) -> OwnerId:
        return self.ann.user.id

    async def connect(self, visitor: Visitor | None = None) -> None:
        visitor = visitor or self.ann
        immich = self.visitors.immich(visitor)
        await connecting.connect(self.database, self.vault, visitor, immich, WANTED, now_ms=lambda: self.now_ms)

    async def disconnect(self, *, is_forgotten: bool = False) -> None:
        await connecting.disconnect(
            self.database,
            self.ann,
            self.visitors.immich(self.ann),
            is_forgotten=is_forgotten,
            now_ms=lambda: self.now_ms,
        )

    def made_keys(self) -> list[tuple[str, frozenset[str]]]:
        """(id, permissions) of the sidecar's keys in Immich."""
        found = self.immich.state.api_keys.values()
        return [(key.id, frozenset(key.permissions)) for key in found if key.name.startswith(KEY_NAME)]

    async def account(self) -> stored.StoredAccount | None:
        async with self.database.read() as connection:
            return await stored.get(connection, self.id)

    async def follow(self, accounts: Accounts) -> None:
        await accounts.follow(self.database, self.vault, now_ms=self.now_ms)


@pytest.fixture
async def house(database: Database) -> AsyncIterator[House]:
    async with EmulatedImmich() as immich:
        row = immich.add_user("Ann")
        visitors = Visitors(immich.url)
        ann = await visitors.of(Credential(CredentialKind.SESSION, immich.add_session(row)))
        yield House(immich, database, visitors, Vault([b"k" * 32]), row, ann)
        await visitors.close()


def test_a_key_holds_what_is_called_and_nothing_more() -> None:
    least = wanted_permissions(hears_webhooks=False, is_admin=False, everything=False)
    assert required_permissions() < least < WANTED
    assert least < wanted_permissions(hears_webhooks=False, is_admin=True, everything=False)
    assert wanted_permissions(hears_webhooks=False, is_admin=False, everything=True) == {"all"}
    assert not {"all", "apiKey.create", "apiKey.delete"} & WANTED
    assert lacking(WANTED, frozenset({"all"})) == frozenset()
    assert lacking(WANTED, WANTED - {"asset.read"}) == {"asset.read"}


async def test_connecting_makes_one_key_with_exactly_these_permissions(
    house: House, caplog: pytest.LogCaptureFixture
) -> None:
    accounts = Accounts(house.immich.url)
    with caplog.at_level(logging.DEBUG):
        await house.connect()
        await house.follow(accounts)
    ((key_id, permissions),) = house.made_keys()
    assert permissions == WANTED
    account = await house.account()
    assert account is not None
    assert (account.key_id, account.attempt, account.connected_at_ms) == (key_id, None, 1_000)
    secret = next(key.secret for key in house.immich.state.api_keys.values() if key.id == key_id)
    assert secret not in f"{account!r} {account.sealed_key} {accounts.connected[house.id]!r} {caplog.text}"
    assert (await accounts.connected[house.id].immich.me()).id == house.id
    await accounts.close()


async def test_connecting_again_replaces_the_key_everywhere(house: House) -> None:
    accounts = Accounts(house.immich.url)
    await house.connect()
    await house.follow(accounts)
    before = accounts.connected[house.id]
    (first,) = house.made_keys()
    await house.connect()
    await house.follow(accounts)
    (second,) = house.made_keys()
    assert first != second
    assert accounts.connected[house.id] is not before
    assert (await accounts.connected[house.id].immich.me()).id == house.id
    await accounts.close()


async def test_a_key_that_was_made_and_not_stored_is_deleted_the_next_time(house: House) -> None:
    house.immich.fail("POST", "/api-keys", cut=True, after_effect=True)
    with pytest.raises(ImmichUnavailable):
        await house.connect()
    ((left_behind, _),) = house.made_keys()
    await house.connect()
    ((key_id, _),) = house.made_keys()
    assert key_id != left_behind


async def test_leaving_deletes_what_a_broken_attempt_left_too(house: House) -> None:
    await house.connect()
    house.immich.fail("POST", "/api-keys", cut=True, after_effect=True)
    with pytest.raises(ImmichUnavailable):
        await house.connect()
    assert len(house.made_keys()) == 2
    await house.disconnect()
    assert house.made_keys() == []
    assert await house.account() is None


@pytest.mark.parametrize("delays", [(0.0, 0.0), (0.3, 0.0), (0.0, 0.3)])
async def test_of_attempts_at_once_one_key_stays(house: House, delays: tuple[float, float]) -> None:
    for delay_s in delays:
        house.immich.fail("POST", "/api-keys", delay_s=delay_s)
    ended = await asyncio.gather(house.connect(), house.connect(), return_exceptions=True)
    assert all(each is None or isinstance(each, StaleDecision) for each in ended)
    account = await house.account()
    assert account is not None
    assert [key_id for key_id, _ in house.made_keys()] == [account.key_id]


async def test_an_attempt_that_saw_an_older_account_makes_no_key(house: House) -> None:
    await house.connect()
    before = await house.account()
    await house.connect()
    async with house.database.write() as connection:
        assert not await stored.attempt(connection, house.id, "Ann", "late", before=None, now_ms=2)
        assert not await stored.attempt(connection, house.id, "Ann", "late", before=before, now_ms=2)
        for is_forgotten in (True, False):
            assert not await stored.disconnect(
                connection, house.id, "Ann", before=before, is_forgotten=is_forgotten, now_ms=2
            )
    assert len(house.made_keys()) == 1


@pytest.mark.parametrize("is_connected", [True, False])
async def test_a_credential_that_may_make_no_keys_changes_nothing(house: House, *, is_connected: bool) -> None:
    if is_connected:
        await house.connect()
    before, keys = await house.account(), house.made_keys()
    for permissions in (["user.read"], ["user.read", "apiKey.create"]):
        narrow = Credential(CredentialKind.KEY, house.immich.add_key(house.row, permissions))
        with pytest.raises(NotAllowed):
            await house.connect(await house.visitors.of(narrow))
    after = await house.account()
    assert house.made_keys() == keys
    assert (after and after.sealed_key, after and after.attempt) == (before and before.sealed_key, None)


async def test_who_left_is_gone_in_every_process(house: House) -> None:
    here, there = Accounts(house.immich.url), Accounts(house.immich.url)
    await house.connect()
    for each in (here, there):
        await house.follow(each)
        assert house.id in each.connected
    await house.disconnect()
    for each in (here, there):
        await house.follow(each)
        assert house.id not in each.connected
        with pytest.raises(SettingsError, match="nobody is connected"):
            each.chosen(None)
    assert house.made_keys() == []
    await house.disconnect()


async def test_leaving_deletes_the_key_of_an_attempt_that_never_ended(house: House) -> None:
    house.immich.fail("POST", "/api-keys", cut=True, after_effect=True)
    with pytest.raises(ImmichUnavailable):
        await house.connect()
    account = await house.account()
    assert account is not None
    assert (account.key_id, len(house.made_keys())) == (None, 1)
    await house.disconnect()
    assert (house.made_keys(), await house.account()) == ([], None)


async def test_who_connects_while_they_leave_stays_connected(house: House) -> None:
    await house.connect()
    has_connected = asyncio.Event()
    deleting = house.immich.fail("DELETE", "/api-keys/*", until=has_connected)
    leaving = asyncio.create_task(house.disconnect())
    while deleting.times:
        await asyncio.sleep(0.01)
    await house.connect()
    has_connected.set()
    with pytest.raises(StaleDecision):
        await leaving
    account = await house.account()
    assert account is not None
    assert account.sealed_key is not None
    assert [key_id for key_id, _ in house.made_keys()] == [account.key_id]


async def test_who_the_settings_connect_keeps_that_key_whatever_they_connect_beside_it(house: House) -> None:
    key = house.immich.add_key(house.row)
    async with open_accounts(Settings(immich_url=house.immich.url, api_keys=(SecretStr(key),))) as accounts:
        by_settings = accounts.connected[house.id]
        await house.connect()
        await house.follow(accounts)
        assert accounts.connected[house.id] is by_settings
        await house.disconnect()
        await house.follow(accounts)
        assert accounts.connected[house.id] is by_settings
        assert (await by_settings.immich.me()).id == house.id


async def test_an_immich_that_is_away_keeps_who_leaves_connected(house: House) -> None:
    await house.connect()
    house.immich.fail("DELETE", "/api-keys/*", times=20, cut=True)
    with pytest.raises(SidecarError):
        await house.disconnect()
    account = await house.account()
    assert account is not None
    assert account.sealed_key is not None


@pytest.mark.parametrize("left_before", [True, False])
async def test_what_is_forgotten_is_gone_also_when_a_job_writes_late(house: House, *, left_before: bool) -> None:
    accounts = Accounts(house.immich.url)
    await house.connect()
    if left_before:
        await house.disconnect()
    await house.disconnect(is_forgotten=True)
    for _ in range(2):
        async with house.database.write() as connection:
            await polls.change(connection, house.id, due_at_ms=1)
        await house.follow(accounts)
        async with house.database.read() as connection:
            for table in metadata.sorted_tables:
                if "owner_id" in table.c and table.name != "accounts":
                    rows = await connection.execute(select(table).where(table.c.owner_id == house.id))
                    assert rows.all() == [], table.name
    house.now_ms += FORGOTTEN_AFTER_MS + 1
    await house.follow(accounts)
    assert await house.account() is None


async def test_who_connected_again_meanwhile_keeps_what_is_remembered(house: House) -> None:
    await house.disconnect(is_forgotten=True)
    await house.connect()
    async with house.database.write() as connection:
        await polls.change(connection, house.id, due_at_ms=1)
        await stored.forget(connection, house.id, is_over=True)
        kept = await connection.execute(select(polls_table).where(polls_table.c.owner_id == house.id))
        assert len(kept.all()) == 1
    assert await house.account() is not None


async def test_a_key_under_a_former_secret_is_sealed_anew(house: House, caplog: pytest.LogCaptureFixture) -> None:
    await house.connect()
    new = Vault([b"n" * 32, b"k" * 32])
    accounts = Accounts(house.immich.url)
    await accounts.follow(house.database, new, now_ms=1)
    account = await house.account()
    assert account is not None
    assert new.is_current(account.sealed_key or "")
    before = accounts.connected[house.id]
    await accounts.follow(house.database, new, now_ms=1)
    assert accounts.connected[house.id] is before
    await accounts.close()
    for vault, says in ((house.vault, "sealed under another secret"), (None, "SIDECAR_SECRET is not set")):
        other = Accounts(house.immich.url)
        await other.follow(house.database, vault, now_ms=1)
        assert house.id not in other.connected
        assert says in caplog.text


async def test_looking_writes_nothing_and_knows_databases_without_accounts(house: House) -> None:
    await house.connect()
    accounts = Accounts(house.immich.url)
    before = await house.account()
    await accounts.look(house.database, Vault([b"n" * 32, b"k" * 32]))
    assert house.id in accounts.connected
    assert await house.account() == before
    await accounts.close()
    async with house.database.write() as connection:
        await connection.exec_driver_sql("DROP TABLE accounts")
    older = Accounts(house.immich.url)
    await older.look(house.database, house.vault)
    assert not older.connected
