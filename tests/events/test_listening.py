from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import replace
from pathlib import Path

import pytest

from sidecar.accounts.connected import Account
from sidecar.events import listening as listening_module
from sidecar.events.hooks import Hooks
from sidecar.events.intake import HEARD, Intake
from sidecar.events.listening import LIVE_WITHIN_MS, ask_soon, listening
from sidecar.events.workflows import HookState, keep_workflow
from sidecar.immich_client.client import open_immich, required_permissions
from sidecar.immich_client.permissions import Feature, feature_permissions
from sidecar.immich_client.transport import Retries
from sidecar.model import OwnerId, User
from sidecar.storage import changes, event_counts, polls
from sidecar.storage.changes import Source
from sidecar.storage.event_counts import Told
from tests.jobs.household import Library, open_library

WEBHOOK = required_permissions() | feature_permissions(Feature.WEBHOOK)


@pytest.fixture(autouse=True)
def _quick(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(listening_module, "KEEP_EVERY_S", 0.02)
    monkeypatch.setattr(listening_module, "AGAIN_AFTER_S", 0.02)


@pytest.fixture
async def library(tmp_path: Path) -> AsyncIterator[Library]:
    async with open_library(tmp_path) as opened:
        yield opened


@asynccontextmanager
async def heard_by(
    library: Library, permissions: frozenset[str], *, url: str | None = "http://127.0.0.1:1", hooks: bool = True
) -> AsyncIterator[list[str]]:
    """All that is told while a sidecar with a key of these permissions listens."""
    told: list[str] = []
    key = library.immich.add_key(library.user, sorted(permissions))
    async with open_immich(library.immich.url, key, retries=Retries(attempts=1)) as immich:
        account = Account(library.context.accounts[library.owner_id].user, immich)
        library.context = replace(library.context, accounts={library.owner_id: account})
        intake = Intake(library.context)
        of_all = Hooks(b"key", url, library.context.accounts) if hooks else None
        async with listening(library.context, intake, of_all, tell=told.append):
            yield told
        await intake.close()


async def until(is_so: Callable[[], object]) -> None:
    async with asyncio.timeout(10):
        while not is_so():
            await asyncio.sleep(0.01)


def sources(library: Library) -> set[Source]:
    return library.context.live_sources.get(library.owner_id, set())


async def test_a_workflow_is_made_and_mended_and_its_user_is_told(library: Library) -> None:
    workflows = library.immich.state.workflows
    async with heard_by(library, WEBHOOK) as told:
        await until(lambda: told)
        (workflow,) = workflows.values()
        assert sources(library) == set()  # that Immich is to call does not say that it can
        async with library.context.database.write() as connection:
            heard = {Told(library.owner_id, Source.WEBHOOK, HEARD): 1}
            await event_counts.add(connection, heard, now_ms=library.clock())
        await until(lambda: Source.WEBHOOK in sources(library))
        library.clock.advance(seconds=LIVE_WITHIN_MS / 1000 + 60)
        await until(lambda: Source.WEBHOOK not in sources(library))
        library.clock.advance(seconds=-LIVE_WITHIN_MS / 1000)
        await until(lambda: Source.WEBHOOK in sources(library))
        assert told == [f"Ann: {HookState.ACTIVE.sentence}"]
        workflows.clear()
        await until(lambda: workflows)
        (workflow,) = workflows.values()
        workflow.is_enabled = False
        await until(lambda: Source.WEBHOOK not in sources(library))
        assert told == [f"Ann: {HookState.ACTIVE.sentence}", f"Ann: {HookState.SWITCHED_OFF.sentence}"]
        assert not workflow.is_enabled


async def test_where_immich_is_not_to_call_the_workflow_goes(library: Library) -> None:
    async with heard_by(library, WEBHOOK):
        await until(lambda: library.immich.state.workflows)
    async with heard_by(library, WEBHOOK, url=None) as told:
        # Told once Immich's answer has come; in Immich the workflow is gone a moment earlier.
        await until(lambda: told)
    assert library.immich.state.workflows == {}
    assert told == [f"Ann: {HookState.NOT_WANTED.sentence}"]
    assert sources(library) == set()


async def test_what_immich_does_not_answer_is_asked_again(library: Library) -> None:
    failure = library.immich.fail(status=503, times=3)
    async with heard_by(library, WEBHOOK):
        await until(lambda: failure.times == 0)
        await until(lambda: library.immich.state.workflows)


async def test_with_a_key_that_may_do_everything_the_websocket_is_heard(library: Library) -> None:
    await library.sync()
    async with library.context.database.write() as connection:
        await polls.change(connection, library.owner_id, due_at_ms=10**15, not_before_ms=10**15, failures=2)
    async with heard_by(library, frozenset({"all"}), hooks=False) as told:
        await until(lambda: Source.WEBSOCKET in sources(library))
        assert told == ["Ann: listening to Immich's websocket"]
        await until(lambda: library.immich.sockets.count)
        row = library.immich.upload(library.user, "IMG_1.JPG", b"picture")
        async with asyncio.timeout(10):
            while row.id not in await waiting(library):
                await asyncio.sleep(0.01)
                library.immich.trash(row)
        async with library.context.database.read() as connection:
            clock = await polls.get(connection, library.owner_id)
        assert clock.due_at_ms <= library.clock.now_ms
        assert clock.not_before_ms == 0
        await library.immich.sockets.drop()
        await until(lambda: Source.WEBSOCKET not in sources(library) or library.immich.sockets.count)


async def waiting(library: Library) -> set[str | None]:
    async with library.context.database.read() as connection:
        due = await changes.due(connection, library.owner_id, now_ms=10**15, limit=99)
    return {each.change.asset_id for each in due}


async def test_with_a_narrower_key_there_is_nothing_to_listen_to(library: Library) -> None:
    async with heard_by(library, required_permissions(), hooks=False) as told:
        await asyncio.sleep(0.2)
        assert library.immich.sockets.count == 0
    assert told == []
    assert sources(library) == set()


async def test_a_defect_makes_nobody_deaf(
    library: Library, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    async def broken(*_arguments: object, **_named: object) -> None:
        monkeypatch.setattr(listening_module, "keep_workflow", keep_workflow)
        raise ZeroDivisionError

    monkeypatch.setattr(listening_module, "keep_workflow", broken)
    async with heard_by(library, WEBHOOK):
        await until(lambda: library.immich.state.workflows)
    assert "listening broke" in caplog.text


async def test_who_asks_soon_asks_at_once(library: Library) -> None:
    await ask_soon(library.context, library.owner_id)
    async with library.context.database.read() as connection:
        assert 0 < (await polls.get(connection, library.owner_id)).due_at_ms <= library.clock.now_ms


async def test_who_connects_is_heard_without_a_restart_and_who_leaves_is_not_any_more(
    library: Library, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(listening_module, "LOOK_EVERY_S", 0.02)
    monkeypatch.setattr(listening_module, "KEEP_EVERY_S", 60.0)
    await library.sync()
    accounts: dict[OwnerId, Account] = {}
    library.context = replace(library.context, accounts=accounts)
    intake, told = Intake(library.context), list[str]()
    user = User(library.owner_id, "Ann")
    hooks = Hooks(b"key", "http://127.0.0.1:1", accounts)
    async with listening(library.context, intake, hooks, tell=told.append):
        for number in (1, 2):
            key = library.immich.add_key(library.user)
            async with open_immich(library.immich.url, key, retries=Retries(attempts=1)) as immich:
                accounts[library.owner_id] = Account(user, immich)
                await until(lambda: library.immich.sockets.count == 1)
                await until(lambda: told.count(f"Ann: {HookState.ACTIVE.sentence}") == number)  # noqa: B023
                await until(lambda: Source.WEBSOCKET in sources(library))
                del accounts[library.owner_id]
                await until(lambda: library.immich.sockets.count == 0)
                await until(lambda: not sources(library))
    await intake.close()


async def test_who_connects_anew_is_told_anew_however_soon(library: Library, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(listening_module, "LOOK_EVERY_S", 0.02)
    monkeypatch.setattr(listening_module, "KEEP_EVERY_S", 60.0)
    async with heard_by(library, WEBHOOK) as told:
        await until(lambda: told)
        key = library.immich.add_key(library.user, sorted(WEBHOOK))
        async with open_immich(library.immich.url, key, retries=Retries(attempts=1)) as immich:
            accounts = library.context.accounts
            assert isinstance(accounts, dict)
            accounts[library.owner_id] = Account(accounts[library.owner_id].user, immich)
            await until(lambda: len(told) == 2)
    assert told == [f"Ann: {HookState.ACTIVE.sentence}"] * 2
