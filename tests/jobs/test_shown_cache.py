"""What is kept to be shown is never older than the last change, and nobody waits for it."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from sidecar.jobs import shown_cache
from sidecar.jobs.queue import Queue, open_queue
from sidecar.jobs.shown_cache import Kept, ShownCache
from sidecar.jobs.valkey import embedded_valkey
from sidecar.model import AssetId, OwnerId
from sidecar.storage import groups, shown_changes
from sidecar.storage.database import Database
from sidecar.storage.groups import GroupState

ANN, BOB = OwnerId("ann"), OwnerId("bob")
A, B = AssetId("a"), AssetId("b")


@pytest.fixture
async def queue(tmp_path: Path) -> AsyncIterator[Queue]:
    async with embedded_valkey(tmp_path) as url, open_queue(url) as opened:
        yield opened


async def begun(cache: ShownCache, owner_id: OwnerId = ANN) -> bytes:
    epoch = (await cache.read(owner_id, [A])).epoch
    assert epoch is not None
    return epoch


async def test_what_was_kept_is_found_by_its_owner_for_a_minute(queue: Queue) -> None:
    cache = ShownCache(queue.pool)
    await cache.keep(ANN, await begun(cache), {A: b"1"})
    kept = await cache.read(ANN, [A, B])
    assert kept.found == {A: b"1"}
    assert (await cache.read(BOB, [A])).found == {}
    assert 0 < await queue.pool.ttl("sidecar:shown:ann") <= shown_cache.KEPT_FOR_S == 60


async def test_a_change_forgets_the_owners_and_nobody_elses(queue: Queue) -> None:
    cache = ShownCache(queue.pool)
    for owner_id in (ANN, BOB):
        await cache.keep(owner_id, await begun(cache, owner_id), {A: b"1"})
    await cache.changed({ANN})
    assert (await cache.read(ANN, [A])).found == {}
    assert (await cache.read(BOB, [A])).found == {A: b"1"}


async def test_what_was_looked_up_before_a_change_is_not_kept_after_it(queue: Queue) -> None:
    cache = ShownCache(queue.pool)
    epoch = await begun(cache)
    await cache.changed({ANN})
    await cache.keep(ANN, epoch, {A: b"old"})
    assert (await cache.read(ANN, [A])).found == {}
    await begun(cache)
    await cache.keep(ANN, epoch, {A: b"old"})
    assert (await cache.read(ANN, [A])).found == {}


async def test_of_two_who_begin_at_once_one_keeps(queue: Queue) -> None:
    cache = ShownCache(queue.pool)
    kept = await asyncio.gather(*(cache.read(ANN, [A]) for _ in range(10)))
    assert len({each.epoch for each in kept if each.epoch is not None}) == 1


async def test_who_does_not_answer_is_left_alone_for_a_while(queue: Queue, monkeypatch: pytest.MonkeyPatch) -> None:
    cache = ShownCache(queue.pool)
    epoch = await begun(cache)
    await cache.keep(ANN, epoch, {A: b"1"})
    with monkeypatch.context() as patched:
        patched.setattr(shown_cache, "ANSWERS_WITHIN_S", -1)
        assert await cache.read(ANN, [A]) == Kept()
        await cache.changed({ANN})
        other = ShownCache(queue.pool)
        await other.keep(ANN, epoch, {A: b"1"})
        assert await other.read(ANN, [A]) == Kept()
    assert await cache.read(ANN, [A]) == Kept()
    monkeypatch.setattr(shown_cache, "monotonic", lambda: 1e12)
    assert (await cache.read(ANN, [A])).found == {A: b"1"}


async def test_a_commit_is_told_of_and_what_was_taken_back_is_not(database: Database) -> None:
    heard: list[set[OwnerId]] = []

    async def listen(owner_ids: object) -> None:
        assert isinstance(owner_ids, frozenset)
        heard.append(set(owner_ids))

    async def change(owner_id: OwnerId) -> None:
        async with database.write() as connection:
            await groups.set_state(connection, owner_id, [], GroupState.UNDONE)
            if owner_id == BOB:
                raise ValueError("taken back")

    await change(ANN)
    database.tell_of_shown_changes(listen)
    await change(ANN)
    with pytest.raises(ValueError, match="taken back"):
        await change(BOB)
    async with database.write() as connection:
        assert shown_changes.take(connection) == frozenset()
    assert heard == [{ANN}]
