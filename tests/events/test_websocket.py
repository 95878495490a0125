"""What events of the websocket are about, and listening to them through everything that can go wrong."""

from __future__ import annotations

import asyncio
import json
import logging
import os
from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import asynccontextmanager
from dataclasses import replace
from pathlib import Path
from uuid import UUID

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sidecar.accounts.connected import Account
from sidecar.demo.immich import EmulatedImmich
from sidecar.demo.immich.rows import AssetRow
from sidecar.errors import StorageUnavailable, TryLater
from sidecar.events import websocket
from sidecar.events.intake import TooManyEvents
from sidecar.events.webhook import Malformed, OfSomebodyElse
from sidecar.events.websocket import (
    LONGEST_PAUSE_S,
    REFUSED_PAUSE_S,
    STORAGE_PAUSE_S,
    changes_of,
    listen,
    pause_s,
)
from sidecar.immich_client._generated.facts import PINS
from sidecar.immich_client.client import Immich, open_immich
from sidecar.immich_client.socket import SocketEvent
from sidecar.model import AssetId, OwnerId, User
from sidecar.storage.changes import Change, Source
from tests.immich_client.scene import NOON

SHARED = Path(os.environ.get("SIDECAR_SHARED", Path(__file__).parents[3] / "shared"))
ANN = OwnerId("47007dea-6b4f-4780-9493-74f09a89455c")
BOB = "5d543f63-6c95-45d4-955d-68aad853e26b"
ASSET = "3d92d0a3-fc61-4599-9758-79b8b6d1bb0a"
OTHER = "de481eed-ccf7-4d79-9f48-c6c588ba07ec"
WHOLE = {"id": ASSET, "ownerId": ANN, "updatedAt": "2026-11-22T13:42:40.913Z", "originalFileName": "A.JPG"}
SYNCED = {"asset": {"id": ASSET, "ownerId": ANN, "originalFileName": "A.JPG"}, "exif": {"assetId": ASSET}}


def change(asset_id: str | None = ASSET, updated_at_ms: int | None = None) -> Change:
    return Change(ANN, Source.WEBSOCKET, None if asset_id is None else AssetId(asset_id), updated_at_ms)


@pytest.mark.parametrize(
    ("name", "args", "told"),
    [
        pytest.param("on_upload_success", (WHOLE,), [change(updated_at_ms=1_795_354_960_913)], id="uploaded"),
        pytest.param("on_asset_update", (WHOLE,), [change(updated_at_ms=1_795_354_960_913)], id="changed"),
        *(
            pytest.param(f"Asset{what}Ready{version}", (SYNCED,), [change()], id=f"{what} {version}")
            for what in ("Upload", "Edit")
            for version in ("V1", "V2")
        ),
        pytest.param("on_asset_trash", ([ASSET, OTHER],), [change(), change(OTHER)], id="trashed"),
        pytest.param("on_asset_restore", ([ASSET],), [change()], id="restored"),
        pytest.param("on_asset_trash", ([],), [], id="nothing trashed"),
        pytest.param("on_asset_delete", (ASSET,), [change()], id="deleted"),
        pytest.param("on_asset_hidden", (ASSET,), [change()], id="hidden"),
        pytest.param("on_asset_hidden", (ASSET.upper(), "more"), [change()], id="in capitals, and more than today"),
        pytest.param("on_asset_stack_update", (), [change(None)], id="stacks"),
        pytest.param("on_asset_stack_update", ([ASSET],), [change(None)], id="stacks, told more of"),
        pytest.param("on_server_version", ({"major": 3},), [], id="the version"),
        pytest.param("on_album_update", (ASSET,), [], id="an album"),
        pytest.param("on_person_thumbnail", (5,), [], id="a person"),
        pytest.param("AssetUploadReadyV3", (SYNCED,), [], id="what does not exist yet"),
    ],
)
def test_an_event_says_which_asset_is_to_be_looked_at(name: str, args: tuple[object, ...], told: list[Change]) -> None:
    assert changes_of(ANN, SocketEvent(name, args)) == tuple(told)


BAD_MOMENTS: list[object] = [None, "", "yesterday", "2026-11-22T13:42:40.913", {}]
BAD_IDS: list[object] = [None, 5, "", "none", "../../etc", ASSET + "0", {"id": ASSET}, True]


@pytest.mark.parametrize(
    ("name", "args"),
    [
        *(
            pytest.param(name, (), id=f"{name} without anything")
            for name in sorted(websocket._READERS)
            if "stack" not in name
        ),
        *(pytest.param("on_asset_delete", (bad,), id=f"deleted {bad}") for bad in BAD_IDS),
        *(pytest.param("on_asset_trash", ([ASSET, bad],), id=f"trashed {bad}") for bad in BAD_IDS),
        *(pytest.param("on_upload_success", ({**WHOLE, "id": bad},), id=f"uploaded {bad}") for bad in BAD_IDS),
        *(pytest.param("on_upload_success", ({**WHOLE, "ownerId": bad},), id=f"uploaded by {bad}") for bad in BAD_IDS),
        *(
            pytest.param("on_asset_update", ({**WHOLE, "updatedAt": bad},), id=f"changed at {bad}")
            for bad in BAD_MOMENTS
        ),
        pytest.param("on_asset_trash", (ASSET,), id="trashed no list"),
        pytest.param("on_asset_trash", ([[ASSET]],), id="trashed lists"),
        pytest.param("AssetUploadReadyV2", (WHOLE,), id="ready without its asset"),
        pytest.param("AssetUploadReadyV2", ({"asset": None},), id="ready with none"),
        pytest.param("AssetUploadReadyV2", ([SYNCED],), id="ready as a list"),
    ],
)
def test_what_is_malformed_is_told_in_a_sentence_that_repeats_nothing(name: str, args: tuple[object, ...]) -> None:
    with pytest.raises(Malformed) as caught:
        changes_of(ANN, SocketEvent(name, args))
    assert str(caught.value) == "the event does not bring what Immich's brings"


@pytest.mark.parametrize(
    ("name", "told"),
    [
        pytest.param("on_upload_success", {**WHOLE, "ownerId": BOB}, id="uploaded"),
        pytest.param("AssetEditReadyV2", {"asset": {**SYNCED["asset"], "ownerId": BOB}}, id="edited"),
    ],
)
def test_an_event_about_another_users_asset_is_not_believed(name: str, told: object) -> None:
    with pytest.raises(OfSomebodyElse):
        changes_of(ANN, SocketEvent(name, (told,)))


@pytest.mark.parametrize("version", ["2.7.5", "3.1.0"])
def test_every_recorded_event_of_a_real_immich_is_read(version: str) -> None:
    recording = SHARED / "recordings" / f"immich-{version}.json"
    if not recording.is_file():
        pytest.skip("the recorded exchanges with a real Immich are not beside the project")
    events = [each for each in json.loads(recording.read_bytes())["websocket"] if "event" in each]
    owner_id = next(OwnerId(each["args"][0]["ownerId"]) for each in events if each["event"] == "on_upload_success")
    told = {each["event"]: changes_of(owner_id, SocketEvent(each["event"], tuple(each["args"]))) for each in events}
    known = {name: len(changes) for name, changes in told.items() if changes}
    assert known == dict.fromkeys(
        [
            "on_upload_success",
            "AssetUploadReadyV1" if version == "2.7.5" else "AssetUploadReadyV2",
            "on_asset_stack_update",
            "on_asset_trash",
            "on_asset_restore",
            "on_asset_update",
            "on_asset_delete",
        ],
        1,
    )


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=40) | st.uuids().map(str),
    lambda inner: (
        st.lists(inner, max_size=3)
        | st.dictionaries(
            st.sampled_from(["id", "ownerId", "updatedAt", "asset"]) | st.text(max_size=3), inner, max_size=4
        )
    ),
    max_leaves=8,
)


@given(st.sampled_from(sorted(websocket._READERS)), st.lists(JSON, max_size=3).map(tuple))
def test_whatever_comes_is_read_or_refused_and_names_only_assets_by_their_ids(
    name: str, args: tuple[object, ...]
) -> None:
    try:
        told = changes_of(ANN, SocketEvent(name, args))
    except (Malformed, OfSomebodyElse):
        return
    assert all(each.owner_id == ANN and each.source is Source.WEBSOCKET for each in told)
    assert all(each.asset_id is None or str(UUID(each.asset_id)) == each.asset_id for each in told)


@given(st.integers(1, 10_000), st.floats(0, 1))
def test_pauses_grow_up_to_the_longest_and_jitter_only_shortens_them(attempt: int, jitter: float) -> None:
    assert 0 <= pause_s(attempt, jitter=jitter) <= pause_s(attempt, jitter=1.0) <= LONGEST_PAUSE_S
    assert pause_s(attempt, jitter=1.0) <= pause_s(attempt + 1, jitter=1.0)


def test_the_first_pauses_double() -> None:
    assert [pause_s(attempt, jitter=1.0) for attempt in (1, 2, 3, 9, 10)] == [1, 2, 4, 256, 300]


class Inbox:
    """Keeps what it is given, unless it cannot."""

    def __init__(self) -> None:
        self.changes: list[Change] = []
        self.puts: list[int] = []
        self.counts: list[str] = []
        self.fault: TryLater | None = None

    async def put(self, told: Sequence[Change]) -> None:
        if self.fault is not None:
            raise self.fault
        self.puts.append(len(told))
        self.changes += told

    def count(self, source: Source, outcome: str, owner_id: OwnerId | None = None) -> None:
        assert source is Source.WEBSOCKET
        assert owner_id is not None
        self.counts.append(outcome)


class Listening:
    """An emulated Immich, somebody who listens to it, and everything that they do."""

    def __init__(self, server: EmulatedImmich, immich: Immich, owner_id: str) -> None:
        self.server = server
        self.inbox = Inbox()
        self.calls: list[str] = []
        self.slept_s: list[float] = []
        self.now_s = 0.0
        self.may_sleep = asyncio.Semaphore(0)
        self.account = Account(User(OwnerId(owner_id), "Ann"), immich)
        self.fault: Exception | None = None

    async def on_connect(self) -> None:
        if self.fault is not None:
            raise self.fault
        self.calls.append("connected")

    async def on_lost(self) -> None:
        self.calls.append("lost")

    async def sleep(self, pause_s: float) -> None:
        self.slept_s.append(pause_s)
        await self.may_sleep.acquire()

    async def run(self) -> None:
        await listen(
            self.account,
            self.inbox,
            on_connect=self.on_connect,
            on_lost=self.on_lost,
            jitter=lambda: 1.0,
            sleep=self.sleep,
            clock_s=lambda: self.now_s,
        )

    async def until(self, is_so: Callable[[], object]) -> None:
        async with asyncio.timeout(5):
            while not is_so():
                await asyncio.sleep(0.005)

    async def slept(self, times: int) -> None:
        await self.until(lambda: len(self.slept_s) == times)

    async def called(self, times: int) -> None:
        await self.until(lambda: len(self.calls) == times)


@asynccontextmanager
async def listening(
    version: str = PINS[-1], permissions: Sequence[str] = ("all",), *, starts: bool = True
) -> AsyncIterator[tuple[Listening, asyncio.Task[None]]]:
    async with EmulatedImmich(version, job_delay_s=None, ping_interval_s=0.1, ping_timeout_s=0.1) as server:
        ann = server.add_user("Ann")
        async with open_immich(server.url, server.add_key(ann, permissions)) as immich:
            made = Listening(server, immich, ann.id)
            task = asyncio.create_task(made.run())
            try:
                if starts:
                    await made.until(lambda: made.calls == ["connected"])
                yield made, task
            finally:
                task.cancel()
                await asyncio.gather(task, return_exceptions=True)


def assets(server: EmulatedImmich, count: int) -> list[AssetRow]:
    (ann,) = server.state.users.values()
    return [server.add_asset(ann, f"{number}.JPG", taken_at=NOON) for number in range(count)]


@pytest.mark.parametrize("version", PINS)
async def test_what_the_socket_tells_is_taken_in(version: str) -> None:
    async with listening(version) as (made, _):
        first, second = (AssetId(row.id) for row in assets(made.server, 2))
        owner_id = made.account.user.id
        await made.account.immich.create_stack([first, second])
        await made.account.immich.trash([second])
        await made.until(lambda: len(made.inbox.changes) == 2)
    assert made.inbox.changes == [
        Change(owner_id, Source.WEBSOCKET, None),
        Change(owner_id, Source.WEBSOCKET, second),
    ]
    assert made.inbox.counts == ["connected"]
    assert made.slept_s == []


async def test_a_lost_connection_is_made_anew_with_a_poll_and_growing_pauses() -> None:
    async with listening() as (made, _):
        for attempt in range(1, 4):
            await made.server.sockets.drop()
            await made.slept(attempt)
            assert made.calls == ["connected", "lost"] * attempt
            made.may_sleep.release()
            await made.called(2 * attempt + 1)
        assert made.slept_s == [1, 2, 4]
        made.now_s += 59
        await made.server.sockets.drop()
        await made.until(lambda: made.slept_s == [1, 2, 4, 8])
    assert made.inbox.counts == ["connected", "lost"] * 4


async def test_after_a_minute_of_listening_the_pauses_begin_anew() -> None:
    async with listening() as (made, _):
        await made.server.sockets.drop()
        await made.until(lambda: made.slept_s == [1])
        made.may_sleep.release()
        await made.until(lambda: made.calls == ["connected", "lost", "connected"])
        made.now_s += 60
        await made.server.sockets.drop()
        await made.slept(2)
    assert made.slept_s == [1, 1]


async def test_where_nothing_answers_the_pauses_grow_and_nothing_counts_as_lost(unused_tcp_port: int) -> None:
    async with open_immich(f"http://127.0.0.1:{unused_tcp_port}", "key") as immich, EmulatedImmich() as server:
        made = Listening(server, immich, ANN)
        for _ in range(3):
            made.may_sleep.release()
        task = asyncio.create_task(made.run())
        await made.slept(4)
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)
    assert made.slept_s == [1, 2, 4, 8]
    assert (made.calls, made.inbox.counts) == ([], [])


async def test_a_refused_key_is_told_of_once_and_tried_again_later(caplog: pytest.LogCaptureFixture) -> None:
    async with listening(permissions=["asset.read"], starts=False) as (made, _):
        for attempt in range(1, 4):
            await made.slept(attempt)
            made.may_sleep.release()
        await made.slept(4)
    assert made.slept_s == [REFUSED_PAUSE_S] * 4
    assert made.inbox.counts == ["refused"] * 4
    assert made.calls == []
    warnings = [record.message for record in caplog.records if record.levelno >= logging.WARNING]
    assert len(warnings) == 1
    assert "refused" in warnings[0]


async def test_a_key_that_is_refused_after_it_was_let_in_is_told_of_again(caplog: pytest.LogCaptureFixture) -> None:
    async with listening(permissions=["asset.read"], starts=False) as (made, _):
        keys = made.server.state.api_keys
        ((secret, narrow),) = keys.items()
        await made.slept(1)
        keys[secret] = replace(narrow, permissions=("all",))
        made.may_sleep.release()
        await made.until(lambda: made.calls == ["connected"])
        keys[secret] = narrow
        await made.server.sockets.drop()
        await made.slept(2)
        made.may_sleep.release()
        await made.slept(3)
    assert made.slept_s == [REFUSED_PAUSE_S, 1, REFUSED_PAUSE_S]
    assert made.inbox.counts == ["refused", "connected", "lost", "refused"]
    assert sum(record.levelno >= logging.WARNING for record in caplog.records) == 2


@pytest.mark.parametrize("fault", [StorageUnavailable("locked"), TooManyEvents("too many")], ids=["storage", "flood"])
async def test_what_cannot_be_written_down_is_dropped_and_polled_for(fault: TryLater) -> None:
    async with listening() as (made, _):
        first, second = (AssetId(row.id) for row in assets(made.server, 2))
        made.inbox.fault = fault
        made.fault = StorageUnavailable("locked")
        await made.account.immich.trash([first])
        await made.until(lambda: made.slept_s == [STORAGE_PAUSE_S])
        made.may_sleep.release()
        await made.until(lambda: made.slept_s == [STORAGE_PAUSE_S] * 2)
        made.inbox.fault = made.fault = None
        await made.account.immich.trash([second])
        await made.until(lambda: made.inbox.changes)
        assert made.calls == ["connected"]
        made.may_sleep.release()
        await made.until(lambda: made.calls == ["connected"] * 2)
    assert [each.asset_id for each in made.inbox.changes] == [second]
    assert made.inbox.counts == ["connected"]


async def test_a_database_that_is_away_when_the_connection_is_made_is_waited_for() -> None:
    async with listening(permissions=["all"], starts=False) as (made, _):
        made.fault = StorageUnavailable("locked")
        await made.until(lambda: made.slept_s == [STORAGE_PAUSE_S])
        made.fault = None
        made.may_sleep.release()
        await made.until(lambda: made.calls == ["connected"])


async def test_whoever_waits_for_the_database_still_notices_that_the_connection_is_lost() -> None:
    async with listening(starts=False) as (made, _):
        made.fault = StorageUnavailable("locked")
        await made.until(lambda: made.slept_s == [STORAGE_PAUSE_S])
        await made.server.sockets.drop()
        await made.until(lambda: made.calls == ["lost"])
        assert made.slept_s == [STORAGE_PAUSE_S, 1]


async def test_a_mistake_of_ours_is_not_hidden() -> None:
    async with listening(starts=False) as (made, task):
        made.fault = RuntimeError("ours")
        with pytest.RaisesGroup(RuntimeError):
            await task
        assert made.server.sockets.count == 0


async def test_malformed_and_foreign_events_are_counted_and_cost_no_other() -> None:
    async with listening() as (made, _):
        (row,) = assets(made.server, 1)
        for event in (
            ["on_asset_delete", "5"],
            ["on_asset_update", {**WHOLE, "ownerId": BOB}],
            ["on_album_update", "5"],
            ["on_asset_delete", row.id],
        ):
            for connection in made.server.sockets._open:
                connection._outbox.put_nowait("42" + json.dumps(event))
        await made.until(lambda: made.inbox.changes)
    assert [each.asset_id for each in made.inbox.changes] == [row.id]
    assert made.inbox.counts == ["connected", "malformed", "wrong_owner"]


async def test_an_event_about_very_many_assets_is_taken_in_parts(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(websocket, "CHANGES_AT_ONCE", 2)
    async with listening() as (made, _):
        ids = [AssetId(row.id) for row in assets(made.server, 5)]
        await made.account.immich.trash(ids)
        await made.until(lambda: len(made.inbox.changes) == 5)
    assert made.inbox.puts == [2, 2, 1]
    assert [each.asset_id for each in made.inbox.changes] == ids


async def test_whoever_is_cancelled_leaves_no_connection(caplog: pytest.LogCaptureFixture) -> None:
    async with listening() as (made, task):
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task
        await made.until(lambda: made.server.sockets.count == 0)
    assert made.calls == ["connected"]
    assert caplog.text == ""


async def test_listening_needs_nobody_who_hears_of_losses() -> None:
    async with listening() as (made, task):
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)
        again = asyncio.create_task(listen(made.account, made.inbox, on_connect=made.on_connect, sleep=made.sleep))
        await made.until(lambda: made.calls == ["connected"] * 2)
        await made.server.sockets.drop()
        await made.slept(1)
        assert 0 <= made.slept_s[0] <= 1
        again.cancel()
        await asyncio.gather(again, return_exceptions=True)
