from __future__ import annotations

import logging
from collections.abc import AsyncIterator

import pytest

from sidecar.demo.immich import EmulatedImmich
from sidecar.demo.immich.versions import behaviour_of
from sidecar.errors import ImmichChanged, ImmichUnavailable
from sidecar.immich_client import server
from sidecar.immich_client.client import open_immich
from sidecar.immich_client.contract import watch as contract_watch
from sidecar.immich_client.contract.standing import Trouble
from sidecar.immich_client.contract.watch import FETCH_AGAIN_AFTER_S, LOOK_EVERY_S, ContractWatch, open_contract_watch
from sidecar.model import AssetId
from tests.immich_client.contract.changed import described, needs_a_kind


class Clock:
    def __init__(self) -> None:
        self.now_s = 100.0

    def __call__(self) -> float:
        return self.now_s


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
async def immich() -> AsyncIterator[EmulatedImmich]:
    async with EmulatedImmich() as running:
        yield running


@pytest.fixture
async def watch(immich: EmulatedImmich, clock: Clock) -> AsyncIterator[ContractWatch]:
    opened = ContractWatch(immich.url, clock_s=clock)
    yield opened
    await opened.close()


def asked(immich: EmulatedImmich) -> list[str]:
    return [call.path.removeprefix("/api") for call in immich.calls]


def upgrade(immich: EmulatedImmich, version: str, description: bytes | None) -> None:
    """The server was stopped, and is another one now."""
    immich.state.behaviour = behaviour_of(version)
    immich.state.description = description


async def test_a_server_is_looked_at_now_and_then_and_its_description_read_once(
    immich: EmulatedImmich, watch: ContractWatch, clock: Clock
) -> None:
    assert (await watch.standing()).is_sound
    await watch.standing()
    assert asked(immich) == ["/server/version", "/spec.json"]
    clock.now_s += LOOK_EVERY_S
    await watch.standing()
    assert asked(immich)[2:] == ["/server/version"]


async def test_reading_asks_for_no_leave(immich: EmulatedImmich, watch: ContractWatch) -> None:
    await watch.permit("searchAssets")
    assert asked(immich) == []


async def test_an_upgrade_is_noticed_before_the_next_change(
    immich: EmulatedImmich, watch: ContractWatch, clock: Clock, caplog: pytest.LogCaptureFixture
) -> None:
    await watch.permit("createStack")
    upgrade(immich, "3.2.0", described(needs_a_kind, version="3.2.0"))
    clock.now_s += LOOK_EVERY_S
    with caplog.at_level(logging.WARNING), pytest.raises(ImmichChanged, match="it changed createStack"):
        await watch.permit("deleteStack")
    await watch.permit("deleteAssets")
    told = [record.getMessage() for record in caplog.records if record.name.endswith("watch")]
    assert told == [
        "Immich is newer than this sidecar knows. version=3.2.0",
        "until the sidecar is updated: left alone=stacks may be misread=-",
    ]
    upgrade(immich, "3.2.1", described(version="3.2.1"))
    clock.now_s += LOOK_EVERY_S
    await watch.permit("deleteStack")


async def test_a_description_that_could_not_be_had_is_asked_for_again(
    immich: EmulatedImmich, watch: ContractWatch, clock: Clock, caplog: pytest.LogCaptureFixture
) -> None:
    upgrade(immich, "3.2.0", None)
    with caplog.at_level(logging.WARNING):
        assert (await watch.standing()).trouble is Trouble.MISSING
    assert "left alone=connecting,stacks,memory,marking,resolving,webhook,redo,bell may be misread=-" in caplog.text
    told = len(caplog.records)
    clock.now_s += FETCH_AGAIN_AFTER_S
    assert (await watch.standing()).trouble is Trouble.MISSING
    assert [record.name for record in caplog.records[told:] if record.name.endswith("contract.watch")] == []
    immich.state.description = described(version="3.2.0")
    clock.now_s += LOOK_EVERY_S
    assert (await watch.standing()).trouble is Trouble.MISSING
    clock.now_s += FETCH_AGAIN_AFTER_S
    assert (await watch.standing()).is_sound


async def test_of_a_description_without_end_only_the_beginning_is_read(
    watch: ContractWatch, monkeypatch: pytest.MonkeyPatch
) -> None:
    for module in (server, contract_watch):
        monkeypatch.setattr(module, "DESCRIPTION_LIMIT_BYTES", 1000)
    assert (await watch.standing()).trouble is Trouble.TOO_LARGE


async def test_a_server_that_does_not_answer_is_sent_nothing(unused_tcp_port: int) -> None:
    async with open_contract_watch(f"http://127.0.0.1:{unused_tcp_port}") as watch:
        with pytest.raises(ImmichUnavailable):
            await watch.permit("createStack")


async def test_a_call_that_is_not_allowed_never_leaves(immich: EmulatedImmich, watch: ContractWatch) -> None:
    ann = immich.add_user("Ann")
    first, second = (immich.upload(ann, name, name.encode()) for name in ("a.jpg", "b.jpg"))
    upgrade(immich, "3.2.0", described(needs_a_kind, version="3.2.0"))
    async with open_immich(immich.url, immich.add_key(ann), gate=watch) as client:
        with pytest.raises(ImmichChanged):
            await client.create_stack([AssetId(first.id), AssetId(second.id)])
        assert await client.stacks() == ()
    assert "POST" not in {call.method for call in immich.calls}
