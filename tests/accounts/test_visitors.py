from __future__ import annotations

import asyncio
import logging
from collections.abc import AsyncIterator

import pytest

from sidecar.accounts import visitors as module
from sidecar.accounts.visitors import KNOWN_FOR_S, REFUSED_FOR_S, Visitors, open_visitors
from sidecar.demo.immich import EmulatedImmich
from sidecar.errors import ImmichUnavailable, NotSignedIn, SettingsError
from sidecar.immich_client.credential import Credential, CredentialKind


class Clock:
    now_s = 100.0

    def __call__(self) -> float:
        return self.now_s


@pytest.fixture
async def immich() -> AsyncIterator[EmulatedImmich]:
    async with EmulatedImmich() as running:
        yield running


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
async def visitors(immich: EmulatedImmich, clock: Clock) -> AsyncIterator[Visitors]:
    opened = Visitors(immich.url, clock_s=clock)
    yield opened
    await opened.close()


def session(token: str) -> Credential:
    return Credential(CredentialKind.SESSION, token)


def asked(immich: EmulatedImmich) -> int:
    return sum(call.path.endswith("/users/me") for call in immich.calls)


async def test_session_and_key_are_whose_immich_says(immich: EmulatedImmich, visitors: Visitors) -> None:
    ann, bob = immich.add_user("Ann", is_admin=True), immich.add_user("Bob")
    by_session = await visitors.of(session(immich.add_session(ann)))
    by_key = await visitors.of(Credential(CredentialKind.KEY, immich.add_key(bob)))
    assert (by_session.user.id, by_session.user.is_admin) == (ann.id, True)
    assert (by_key.user.id, by_key.user.is_admin) == (bob.id, False)
    assert (await visitors.immich(by_session).me()).id == ann.id
    assert (await visitors.server_version()).major >= 2


async def test_immich_is_asked_again_after_a_while_and_before_a_change(
    immich: EmulatedImmich, visitors: Visitors, clock: Clock
) -> None:
    ann = session(immich.add_session(immich.add_user("Ann")))
    await visitors.of(ann)
    clock.now_s += KNOWN_FOR_S - 0.1
    await visitors.of(ann)
    assert asked(immich) == 1
    await visitors.of(ann, is_fresh=True)
    assert asked(immich) == 2
    clock.now_s += KNOWN_FOR_S
    await visitors.of(ann)
    assert asked(immich) == 3


async def test_however_many_ask_at_once_immich_is_asked_once(immich: EmulatedImmich, visitors: Visitors) -> None:
    ann = session(immich.add_session(immich.add_user("Ann")))
    found = await asyncio.gather(*(visitors.of(ann) for _ in range(20)))
    assert len({visitor.user.id for visitor in found}) == 1
    assert asked(immich) == 1


async def test_who_signed_out_is_forgotten(immich: EmulatedImmich, visitors: Visitors) -> None:
    ann = session(immich.add_session(immich.add_user("Ann")))
    await visitors.of(ann)
    visitors.forget(ann)
    visitors.forget(ann)
    await visitors.of(ann)
    assert asked(immich) == 2


async def test_a_refusal_is_believed_for_a_moment(immich: EmulatedImmich, visitors: Visitors, clock: Clock) -> None:
    for _ in range(2):
        with pytest.raises(NotSignedIn):
            await visitors.of(session("nobodys"))
    assert asked(immich) == 1
    clock.now_s += REFUSED_FOR_S
    with pytest.raises(NotSignedIn):
        await visitors.of(session("nobodys"))
    assert asked(immich) == 2


async def test_a_revoked_key_is_refused_before_a_change(immich: EmulatedImmich, visitors: Visitors) -> None:
    secret = immich.add_key(immich.add_user("Ann"))
    key = Credential(CredentialKind.KEY, secret)
    await visitors.of(key)
    immich.revoke_key(secret)
    await visitors.of(key)
    for is_fresh in (True, False):
        with pytest.raises(NotSignedIn):
            await visitors.of(key, is_fresh=is_fresh)


async def test_only_so_many_are_known(
    immich: EmulatedImmich, visitors: Visitors, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(module, "MOST_KNOWN", 2)
    ann, bob, eve = (session(immich.add_session(immich.add_user(name))) for name in ("Ann", "Bob", "Eve"))
    for each in (ann, bob, ann, eve, ann):
        await visitors.of(each)
    assert asked(immich) == 3
    await visitors.of(bob)
    assert asked(immich) == 4


async def test_an_immich_that_is_away_says_nothing_about_anybody(unused_tcp_port: int) -> None:
    async with open_visitors(f"http://127.0.0.1:{unused_tcp_port}") as visitors:
        with pytest.raises(ImmichUnavailable):
            await visitors.of(session("anns"))


@pytest.mark.parametrize("kind", list(CredentialKind))
async def test_nothing_prints_a_credential(
    immich: EmulatedImmich, visitors: Visitors, caplog: pytest.LogCaptureFixture, kind: CredentialKind
) -> None:
    ann = immich.add_user("Ann")
    secret = immich.add_session(ann) if kind is CredentialKind.SESSION else immich.add_key(ann)
    with caplog.at_level(logging.DEBUG):
        visitor = await visitors.of(Credential(kind, secret))
        with pytest.raises(NotSignedIn) as caught:
            await visitors.of(Credential(kind, secret + "x"))
    assert secret not in f"{visitor!r} {visitors.immich(visitor)!r} {caught.value!r} {caplog.text}"


@pytest.mark.parametrize("secret", ["", "two words", "line\nbreak", "ünicode", "nul\0"])
def test_what_no_header_carries_is_no_credential(secret: str) -> None:
    with pytest.raises(SettingsError) as caught:
        Credential(CredentialKind.KEY, secret)
    assert not secret or secret not in str(caught.value)


def test_each_kind_has_one_header() -> None:
    assert Credential(CredentialKind.KEY, "k").header == ("x-api-key", "k")
    assert Credential(CredentialKind.SESSION, "t").header == ("authorization", "Bearer t")
